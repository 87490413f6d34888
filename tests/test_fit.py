"""A size from a budget: it keeps within, and the next does not. torch's own modules are the oracle of the counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import examples
from torch import nn
from worlds import DOCUMENTS, spec_of, text_of

from rnninspect.document.rewrite import rewritten
from rnninspect.document.sizes import size_paths
from rnninspect.document.tree import Tree, read_tree
from rnninspect.errors import DocumentError, OptionError
from rnninspect.guard import fit as fitting
from rnninspect.guard.check import LIMITS
from rnninspect.guard.fit import LARGEST_SIZE, Asked, Fitted, bracket, fit
from rnninspect.plan import plan
from rnninspect.results.fit import none_fits

CONFIGS = [path.read_text() for path in DOCUMENTS]

HEAD = "input: {batch_size: 3, seq_len: 5}"
LSTM = "name: encoder, type: LSTM, input_size: 7, hidden_size: 5"


def tree_of(*layers: str, head: str = HEAD) -> Tree:
    return read_tree(text_of(*layers, head=head), "doc.yaml")


def fitted(path: str, *layers: str, head: str = HEAD, step: int = 1, nearest: bool = False, **budget: int) -> Fitted:
    return fit("doc.yaml", tree_of(*layers, head=head), Asked(path, budget, step, nearest))


def complaint(path: str, *layers: str, head: str = HEAD, **budget: int) -> str:
    with pytest.raises(DocumentError) as raised:
        fitted(path, *layers, head=head, **budget)
    return str(raised.value)


def value(found: Fitted) -> int | None:
    return found.best and found.best.value


def following(found: Fitted) -> int | None:
    return found.next and found.next.value


# --- held against torch ------------------------------------------------------------------------------------

Build = Callable[[int], Sequence[nn.Module]]


def recurrent(kind: str, **options: int) -> tuple[str, tuple[str, ...], Build]:
    words = "".join(f", {key}: {str(value).lower()}" for key, value in options.items())
    layers = (f"name: encoder, type: {kind}, input_size: 7, hidden_size: 5{words}",)
    return "encoder.hidden_size", layers, lambda size: [getattr(nn, kind)(7, size, **options)]


TAGGER = (
    "name: embed, type: Embedding, num_embeddings: 11, embedding_dim: 6",
    "name: encoder, type: LSTM, hidden_size: 5, num_layers: 2, bidirectional: true",
    "name: head, type: Linear, out_features: 4",
)


def tagger(rows: int = 11, width: int = 6, hidden: int = 5, depth: int = 2, classes: int = 4) -> list[nn.Module]:
    encoder = nn.LSTM(width, hidden, depth, bidirectional=True)
    # why with a table: to draw one without memory takes torch seconds of imports
    return [nn.Embedding(rows, width, _weight=torch.empty(rows, width)), encoder, nn.Linear(2 * hidden, classes)]


PROJECTED = "name: encoder, type: LSTM, input_size: 7, num_layers: 2"
CASES: dict[str, tuple[str, tuple[str, ...], Build]] = {
    **{kind: recurrent(kind) for kind in ("LSTM", "GRU", "RNN")},
    **{f"{kind}, stacked": recurrent(kind, num_layers=3, bidirectional=True) for kind in ("LSTM", "GRU", "RNN")},
    **{f"{kind}, no bias": recurrent(kind, bias=False) for kind in ("LSTM", "GRU")},
    "above proj_size": (
        "encoder.hidden_size",
        (f"{PROJECTED}, hidden_size: 13, proj_size: 11",),
        lambda size: [nn.LSTM(7, size, 2, proj_size=11)],
    ),
    "proj_size": (
        "encoder.proj_size",
        (f"{PROJECTED}, hidden_size: 60",),
        lambda size: [nn.LSTM(7, 60, 2, proj_size=size)],
    ),
    "num_layers": ("encoder.num_layers", (LSTM,), lambda size: [nn.LSTM(7, 5, size)]),
    "input_size": ("encoder.input_size", (LSTM,), lambda size: [nn.LSTM(size, 5)]),
    "rows": ("embed.num_embeddings", TAGGER, lambda size: tagger(rows=size)),
    "width": ("embed.embedding_dim", TAGGER, lambda size: tagger(width=size)),
    "hidden": ("encoder.hidden_size", TAGGER, lambda size: tagger(hidden=size)),
    "depth": ("encoder.num_layers", TAGGER, lambda size: tagger(depth=size)),
    "classes": ("head.out_features", TAGGER, lambda size: tagger(classes=size)),
    "two as one": ("encoder.hidden_size=embed.embedding_dim", TAGGER, lambda size: tagger(width=size, hidden=size)),
}


def in_torch(build: Build, size: int) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for module in build(size) for weight in module.parameters())


@pytest.mark.parametrize("name", CASES)
def test_the_size_keeps_within_and_the_next_does_not(name: str) -> None:
    path, layers, build = CASES[name]
    for expected in (12, 15):
        count, more = in_torch(build, expected), in_torch(build, expected + 1)
        for budget in (count, (count + more) // 2, more - 1):
            found = fitted(path, *layers, max_params=budget)
            assert found.best is not None
            assert found.next is not None
            assert (found.best.value, found.best.model.parameters) == (expected, count)
            assert (found.next.value, found.next.model.parameters) == (expected + 1, more)


@given(st.data())
@examples(8)
def test_any_document_and_budget(data: st.DataObject) -> None:
    """All sizes in order, by torch, are what the search has to agree with."""
    kind = data.draw(st.sampled_from(["LSTM", "GRU", "RNN"]))
    options = {"num_layers": data.draw(st.integers(1, 3)), "bidirectional": data.draw(st.booleans())}
    written, step = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 9))
    words = f"num_layers: {options['num_layers']}, bidirectional: {str(options['bidirectional']).lower()}"
    layer = f"name: it, type: {kind}, input_size: 3, hidden_size: {written}, {words}"
    build: Build = lambda size: [getattr(nn, kind)(3, size, **options)]  # noqa: E731 (typed)
    counts = {size: in_torch(build, size) for size in range(step, 21 * step, step)}
    budget = data.draw(st.integers(0, counts[step * 20] - 1))
    within = [size for size, count in counts.items() if count <= budget]
    found = fitted("it.hidden_size", layer, step=step, max_params=budget)
    assert (value(found), following(found)) == (max(within, default=None), max(within, default=0) + step)
    close = fitted("it.hidden_size", layer, step=step, nearest=True, max_params=budget)
    assert value(close) == min(counts, key=lambda size: (abs(counts[size] - budget), size))


@given(st.data())
@examples(8)
def test_every_size_of_every_document_of_ours_and_what_is_written(data: st.DataObject) -> None:
    """The document with the number in it, read anew, keeps within; with one more it does not, or is refused."""
    text = data.draw(st.sampled_from(CONFIGS))
    tree = read_tree(text, "doc.yaml")
    assert isinstance(tree.data, dict)
    sizes = size_paths(tree.data)
    path = data.draw(st.sampled_from(sorted(sizes)))
    limit = data.draw(st.sampled_from(sorted(LIMITS)))
    budget = {limit: data.draw(st.integers(0, 20)) ** data.draw(st.integers(1, 6))}
    try:
        found = fit("doc.yaml", tree, Asked(path, budget))
        after = found.best and rewritten(tree, [sizes[path]], found.best.value)
    except DocumentError:  # a size without effect, one that only follows from others, a number that is not there
        return
    if found.best is not None and after is not None:
        assert (LIMITS[limit](plan(spec_of(after))) or 0) <= budget[limit]
        assert sum(a != b for a, b in zip(text.splitlines(), after.splitlines(), strict=True)) <= 1
    for size in (1, 2, 3) if found.best is None else (found.best.value + 1, found.best.value + 2, found.best.value * 2):
        with suppress(DocumentError):
            assert (LIMITS[limit](plan(spec_of(text, f"{path}={size}"))) or 0) > budget[limit]


# --- the search by itself ----------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=200)
def test_the_bracket_is_where_all_sizes_in_order_say(data: st.DataObject) -> None:
    last = data.draw(st.integers(1, 100))
    least = data.draw(st.integers(1, last))
    most = data.draw(st.integers(least, last))
    start, limit = data.draw(st.integers(least, most)), data.draw(st.integers(0, last + 1))
    looked_at: list[int] = []

    def accepts(size: int) -> bool:
        looked_at.append(size)
        assert 1 <= size <= last
        return least <= size <= most

    found = bracket(accepts, lambda size: size <= limit, start, last)
    sizes = range(least, most + 1)
    assert found.below == max((size for size in sizes if size <= limit), default=None)
    assert found.above == min((size for size in sizes if size > limit), default=None)
    assert len(set(looked_at)) <= 2 * last.bit_length() + 2


def test_few_models_are_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[int] = []
    monkeypatch.setattr(fitting, "plan", lambda spec: planned.append(1) or plan(spec))
    assert value(fitted("encoder.hidden_size", LSTM, max_params=10**6)) == 495
    assert len(planned) <= 20


# --- refusals on both sides --------------------------------------------------------------------------------


def test_a_projection_is_less_than_the_hidden_size() -> None:
    found = fitted("encoder.proj_size", f"{LSTM}, proj_size: 2", max_params=10**9)
    assert (value(found), found.next) == (4, None)
    assert found.refusal.startswith("layers[0].proj_size: layer 'encoder': expected less than hidden_size 5, got 5")


def test_a_projection_that_is_off_is_no_size_of_it() -> None:
    """Without one there are more parameters than with one of 1."""
    off, *_, most = [in_torch(lambda size: [nn.LSTM(7, 50, proj_size=size)], size) for size in range(4)]
    assert off > most
    found = fitted("encoder.proj_size", "name: encoder, type: LSTM, input_size: 7, hidden_size: 50", max_params=most)
    assert value(found) == 3


@pytest.mark.parametrize(("proj", "written"), [(300, "301"), (300, "200"), (37, "1"), (300, "null")])
def test_no_hidden_size_is_within_where_the_projection_is_wider(proj: int, written: str) -> None:
    layer = f"name: encoder, type: LSTM, input_size: 7, hidden_size: {written}, proj_size: {proj}"
    found = fitted("encoder.hidden_size", layer, max_params=100)
    assert (found.best, following(found)) == (None, proj + 1)
    (limit,) = found.limits
    assert limit.actual == in_torch(lambda size: [nn.LSTM(7, size, proj_size=proj)], proj + 1)


@pytest.mark.parametrize("written", [25, 24, 7])
def test_the_only_size_that_the_next_layer_takes(written: int) -> None:
    """Sound as it is written or not: two directions put out twice the size, and the next layer says 50."""
    layers = (
        f"name: encoder, type: GRU, input_size: 7, hidden_size: {written}, bidirectional: true",
        "name: head, type: Linear, in_features: 50, out_features: 3",
    )
    found = fitted("encoder.hidden_size", *layers, max_params=10**6)
    assert (value(found), found.next) == (25, None)
    assert "expected 52, the width that layer 'encoder' puts out, got 50" in found.refusal
    assert fitted("encoder.hidden_size", *layers, max_params=10).best is None


def test_where_no_size_is_below_it_says_why() -> None:
    """A residual takes one size only, and both keys together any."""
    layers = (
        "name: first, type: Linear, in_features: 3, out_features: 8",
        "name: rnn, type: LSTM, hidden_size: 8, add: input",
    )
    found = fitted("rnn.hidden_size", *layers, max_params=100)
    assert (found.best, following(found)) == (None, 8)
    assert found.refusal.startswith("layers[1].add: layer 'rnn': expected the shape that layer 'rnn' hands on, ")
    assert "; no size below it: layers[1].add: " in none_fits(found)
    assert none_fits(found).endswith("; A.key=B.key gives two keys the size")
    both = fitted("first.out_features=rnn.hidden_size", *layers, max_params=100)
    assert (value(both), both.refusal) == (2, "")
    least = fitted("first.out_features=rnn.hidden_size", *layers, max_params=1)
    assert (least.best, least.refusal) == (None, "")


def test_multiples_are_held_to_refusals_too() -> None:
    layer = "name: encoder, type: LSTM, input_size: 7, hidden_size: 300, proj_size: 2"
    assert value(fitted("encoder.proj_size", layer, step=64, max_params=10**9)) == 256
    above = "name: encoder, type: LSTM, input_size: 7, hidden_size: 300, proj_size: 65"
    assert following(fitted("encoder.hidden_size", above, step=64, max_params=1)) == 128


def test_a_batch_that_has_lengths() -> None:
    """Its sequences are as many as there are, and what none of them reaches costs nothing."""
    head = "input: {lengths: [4, 6], seq_len: 6, batch_size: 2}"
    assert "it has no effect: max_macs 2,400 at any size" in complaint("input.seq_len", LSTM, head=head, max_macs=1)
    found = fitted("input.batch_size", LSTM, head=head, max_macs=10**6)
    assert (value(found), found.next) == (2, None)
    assert "expected one length for each sequence, batch_size 3, got 2" in found.refusal


def test_rows_that_hold_the_padding() -> None:
    layer = "name: embed, type: Embedding, num_embeddings: 9, embedding_dim: 2, padding_idx: 5"
    assert following(fitted("embed.num_embeddings", layer, max_params=3)) == 6
    assert value(fitted("embed.num_embeddings", layer, max_params=41)) == 20


# --- limits ------------------------------------------------------------------------------------------------


def test_an_input_of_several_and_a_layer_that_is_repeated() -> None:
    head = "input: {batch_size: 2}\ninputs: {a: {seq_len: 3}, b: {seq_len: 4}}"
    one = "name: one, type: GRU, from: a, input_size: 3, hidden_size: 4, feeds: last"
    layers = (
        one,
        "type: Linear, from: b, in_features: 2, out_features: 4",
        "repeat: 3, layers: [{name: rnn, type: GRU, hidden_size: 4}]",
        "type: Linear, from: [rnn_2, one], out_features: 2",
    )
    at_one = plan(spec_of(text_of(*layers, head=head), "inputs.a.seq_len=1")).macs
    assert at_one is not None
    # 3 x 4 x (3 + 4) = 84 MACs a step of `one`, for 2 sequences
    assert value(fitted("inputs.a.seq_len", *layers, head=head, max_macs=at_one + 5 * 168)) == 6
    assert "did you mean inputs.b.seq_len?" in complaint("inputs.b.seqlen", *layers, head=head, max_macs=9)
    widest = value(fitted("rnn.hidden_size", *layers, head=head, max_params=2000))
    text = text_of(*layers, head=head)
    counts = [plan(spec_of(text, f"rnn.hidden_size={size}")).parameters for size in (widest or 0, (widest or 0) + 1)]
    assert counts[0] <= 2000 < counts[1]


def test_all_limits_hold_and_the_one_that_holds_is_named() -> None:
    alone = fitted("encoder.hidden_size", LSTM, max_params=10**6)
    assert alone.best is not None
    macs = alone.best.model.macs
    both = fitted("encoder.hidden_size", LSTM, max_params=10**6, max_macs=macs - 1)
    assert (value(both), both.held_by.name) == (alone.best.value - 1, "max_macs")
    assert fitted("encoder.hidden_size", LSTM, max_params=10**6, max_macs=macs).held_by.name == "max_macs"


@pytest.mark.parametrize("limit", ["max_param_bytes", "max_output_bytes", "max_training_bytes", "max_macs"])
def test_every_limit_of_a_document_holds_it(limit: str) -> None:
    head = f"{HEAD}\nbudget: {{{limit}: 1000000}}"
    found = fitted("encoder.hidden_size", LSTM, head=head)
    assert [each.name for each in found.limits] == [limit]
    assert found.best is not None
    assert found.next is not None
    assert found.held_by.ok
    over = fitted("encoder.hidden_size", LSTM.replace("hidden_size: 5", f"hidden_size: {found.next.value}"), head=head)
    assert value(over) == value(found)


def test_half_the_bytes_hold_more() -> None:
    sizes = [
        value(fitted("encoder.hidden_size", LSTM, head=f"{HEAD}\ndtype: {dtype}", max_param_bytes=10**6))
        for dtype in ("float64", "float32", "float16")
    ]
    assert sizes == sorted({*sizes}, key=lambda size: size or 0)
    assert sizes[1] == value(fitted("encoder.hidden_size", LSTM, max_params=250_000))


def test_what_is_asked_for_wins_over_the_budget() -> None:
    head = f"{HEAD}\nbudget: {{max_params: 2000, max_macs: 1}}"
    assert value(fitted("encoder.hidden_size", LSTM, head=head, max_params=10**6)) == 495
    assert fitted("encoder.hidden_size", LSTM, head=head).best is None


def test_no_budget_and_too_many_to_be_near_to() -> None:
    with pytest.raises(OptionError, match=r"doc\.yaml: there is no budget"):
        fitted("encoder.hidden_size", LSTM)
    with pytest.raises(OptionError, match=r"--nearest: expected one limit to be near to, doc\.yaml has max_params and"):
        fitted("encoder.hidden_size", LSTM, nearest=True, max_params=1, max_macs=1)


def test_the_nearest_may_be_the_least_or_the_largest() -> None:
    assert value(fitted("encoder.hidden_size", LSTM, nearest=True, max_params=0)) == 1
    assert value(fitted("encoder.proj_size", LSTM, nearest=True, max_params=10**9)) == 4


def test_of_two_that_are_as_near_it_is_the_one_within() -> None:
    below, above = (in_torch(lambda size: [nn.LSTM(7, size)], size) for size in (20, 21))
    middle, odd = divmod(below + above, 2)
    assert not odd
    near = [value(fitted("encoder.hidden_size", LSTM, nearest=True, max_params=middle + more)) for more in (-1, 0, 1)]
    assert near == [20, 20, 21]


# --- what has no answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 10**6])
def test_a_size_without_effect(budget: int) -> None:
    assert "input.seq_len: it has no effect: max_params 280 at any size" in complaint(
        "input.seq_len", LSTM, head="input: {batch_size: 3, seq_len: 1}", max_params=budget
    )
    assert fitted("input.seq_len", LSTM, max_macs=10**6).best is not None


def test_a_budget_that_no_size_uses_up() -> None:
    text = complaint("encoder.hidden_size", LSTM, max_params=10**40)
    assert f"even {LARGEST_SIZE:,} keeps within max_params {10**40:,}" in text


def test_a_count_that_shrinks_where_the_size_grows_is_no_ground_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def shrinking(spec: object) -> object:
        model = plan(spec)  # type: ignore[arg-type]
        return model if model.parameters < 10_000 else small

    small = plan(fitting.spec_of(tree_of(LSTM), "doc.yaml"))
    monkeypatch.setattr(fitting, "plan", shrinking)
    assert "encoder.hidden_size: max_params does not only grow with it: " in complaint(
        "encoder.hidden_size", LSTM, max_params=20_000
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("encoder.dropout", "'dropout' is no size (the sizes of encoder are input_size, hidden_size, num_layers, proj"),
        ("encoder.bidirectional", "'bidirectional' is no size"),
        ("encoder.type", "'type' is no size"),
        ("encoder.units", "'units' is no size (did you mean encoder.hidden_size?)"),
        ("encoder.hiden_size", "(did you mean encoder.hidden_size?)"),
        ("encoder.init.forget_bias", "'init.forget_bias' is no size"),
        ("input.lengths", "'lengths' is no size"),
        ("input.state", "'state' is no size"),
        ("budget.max_params", "budget has none"),
        ("dtype", "'dtype' is no size"),
        ("decoder.hidden_size", "no layer is called 'decoder' (did you mean 'encoder'?)"),
        ("encoder.hidden_size=encoder.bias", "'bias' is no size"),
    ],
)
def test_what_is_no_size(path: str, says: str) -> None:
    head = f"{HEAD}\nbudget: {{max_params: 5}}"
    assert says in complaint(path, LSTM, head=head, max_params=10**6)


def test_faults_of_the_document_are_told_whatever_the_size() -> None:
    with pytest.raises(DocumentError) as raised:
        fitted("encoder.hidden_size", f"{LSTM}, bogus: 1", "type: Linear, out_features: 0", max_params=10**6)
    first, second = raised.value.faults
    assert "unknown key 'bogus'" in first.message
    assert second.path == "layers[1].out_features"
    assert first.excerpt is not None


def test_faults_that_other_sizes_have_not_are_not_told_with_them() -> None:
    """No size fits the first Linear as it is written, and the second is wrong whatever the size."""
    layers = ("type: Linear, in_features: 50, out_features: 3", "type: Linear, in_features: 9, out_features: 1")
    with pytest.raises(DocumentError) as raised:
        fitted("encoder.hidden_size", LSTM, *layers, max_params=10**6)
    (fault,) = raised.value.faults
    assert "expected 3, the width that layer 'linear' puts out, got 9" in fault.message


def test_a_size_that_is_written_wrongly_or_not_at_all_is_found() -> None:
    for written in ("0", "-3", "'50'", "5.5", "null", "true", "[1]", str(10**30)):
        layer = f"name: encoder, type: LSTM, input_size: 7, hidden_size: {written}"
        assert value(fitted("encoder.hidden_size", layer, max_params=10**6)) == 495
    assert value(fitted("encoder.hidden_size", "name: encoder, type: LSTM, input_size: 7", max_params=10**6)) == 495
