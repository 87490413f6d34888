"""What a recurrent layer hands on, merged and pooled, against torch modules by hand, each sequence by itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import pytest
import torch
from test_code import compare
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.document.chain import Spec
from rnninspect.facts.amounts import Ops
from rnninspect.plan import plan
from rnninspect.results.conventions import conventions
from rnninspect.results.shapes import shapes_table
from rnninspect.runtime.modules import build, make_feed, reachable, run
from rnninspect.runtime.real import measure
from rnninspect.runtime.recurrence import data_of, with_data
from rnninspect.study.code import sketch
from rnninspect.study.explain import explain_layers

CPU, META = torch.device("cpu"), torch.device("meta")
FEEDS, MERGES = ("output", "last", "step", "max", "mean"), ("concat", "sum", "mean", "mul")
EVERY = [(feeds, merge) for feeds in FEEDS for merge in (None, *MERGES)]
PLACES: dict[str, tuple[Mapping[str, object], bool]] = {
    "batched": ({"batch_size": 3, "seq_len": 5}, False),
    "batch first": ({"batch_size": 3, "seq_len": 5}, True),
    "unbatched": ({"batch_size": None, "seq_len": 5}, False),
    "packed": ({"batch_size": 4, "seq_len": 6, "lengths": [2, 6, 1, 6]}, False),
    "packed, batch first": ({"batch_size": 3, "seq_len": 6, "lengths": [3, 1, 5]}, True),
    "one step": ({"batch_size": 2, "seq_len": 1}, False),
}
ELMAN = "h = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)"
# Layers of a document, each with the class of torch that is it.
STACKED: tuple[tuple[dict[str, object], Callable[..., nn.Module]], ...] = (
    ({"type": "RNN", "num_layers": 2}, nn.RNN),
    ({"type": "LSTM", "proj_size": 3, "num_layers": 2}, nn.LSTM),
    ({"type": "GRU"}, nn.GRU),
    ({"type": "Cell", "equations": ELMAN, "num_layers": 2}, nn.RNN),
)
SINGLE: tuple[tuple[dict[str, object], Callable[..., nn.Module]], ...] = (
    ({"type": "LSTMCell"}, nn.LSTM),
    ({"type": "GRUCell"}, nn.GRU),
)

# --- by hand ----------------------------------------------------------------------------------------------------


def merged(merge: str | None, forward: Tensor, reverse: Tensor) -> Tensor:
    match merge:
        case "sum":
            return forward + reverse
        case "mean":
            return torch.stack([forward, reverse]).mean(0)
        case "mul":
            return forward * reverse
    return torch.cat([forward, reverse], -1)


def by_hand(feeds: str, merge: str | None, output: Tensor, last: Tensor) -> Tensor:
    """What one sequence hands on: of its output (L, D*H), and the last states (D, H) of the last stacked layer."""
    if merge is not None:
        half = output.shape[-1] // 2
        output, last = merged(merge, output[:, :half], output[:, half:]), merged(merge, last[0], last[1])
    else:
        last = last[0]
    match feeds:
        case "last":
            return last
        case "step":
            return output[len(output) - 1]
        case "max":
            return torch.stack([feature.max() for feature in output.unbind(1)])
        case "mean":
            return torch.stack([feature.sum() / len(feature) for feature in output.unbind(1)])
    return output


def sequences(flow: Tensor | PackedSequence, first: bool) -> list[Tensor]:
    """Every sequence of a batch by itself, (L, H)."""
    if isinstance(flow, PackedSequence):
        padded, lengths = pad_packed_sequence(flow)
        return [padded[:length, k] for k, length in enumerate(lengths.tolist())]
    if flow.dim() == 2:
        return [flow]
    return list(flow.unbind(0 if first else 1))


def hold(
    layer: Mapping[str, object], torchs: Callable[..., nn.Module], place: str, feeds: str, merge: str | None
) -> None:
    """Output and gradients of a layer and a Linear against the same by hand, and the plan against both devices."""
    batch, first = PLACES[place]
    ways = {"feeds": feeds} | ({} if merge is None else {"merge": merge, "bidirectional": True})
    order = {} if str(layer["type"]).endswith("Cell") and layer["type"] != "Cell" else {"batch_first": first}
    layers = [{**layer, "input_size": 7, "hidden_size": 4, **order, **ways}, {"type": "Linear", "out_features": 2}]
    if not order and first:
        return
    spec = spec_of({"dtype": "float64", "input": batch, "layers": layers})
    model = build(spec, "cpu", seed=3)
    options = {key: layer[key] for key in ("num_layers", "proj_size") if key in layer}
    twin = torchs(7, 4, bidirectional=merge is not None, dtype=torch.float64, **options)
    suffix = "" if order else "_l0"
    twin.load_state_dict({name + suffix: value for name, value in model.layers[0].state_dict().items()})
    head = model.layers[1]
    flow = make_feed(spec, CPU).input
    x = data_of(flow).requires_grad_()
    given = with_data(flow, x)
    ours = data_of(model(given))
    answers = []
    for sequence in sequences(given, first):
        output, after = twin(sequence)
        states = after[0] if isinstance(after, tuple) else after
        answers.append(head(by_hand(feeds, merge, output, states[-2:] if merge is not None else states[-1:])))
    if feeds == "output":
        theirs = torch.cat(answers)
        mine = torch.cat(sequences(with_data(flow, ours), first))
    else:
        theirs, mine = torch.stack(answers), ours if ours.dim() == 2 else ours[None]
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-12)
    upstream = torch.randn_like(theirs)
    found = torch.autograd.grad(mine, [x, *model.layers[0].parameters()], upstream)
    expected = torch.autograd.grad(theirs, [x, *twin.parameters()], upstream)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("place", PLACES)
def test_what_is_handed_on_is_what_torch_gives_sequence_by_sequence(place: str) -> None:
    turn = list(PLACES).index(place)
    # why half of them: each way is met in three places, and each layer in every place.
    for number, (feeds, merge) in list(enumerate(EVERY))[turn % 2 :: 2]:
        layer, torchs = STACKED[(number // 2 + turn) % len(STACKED)]
        hold(layer, torchs, place, feeds, merge)


@pytest.mark.parametrize("layer", range(2))
def test_cells_that_are_looped_hand_on_the_same_way(layer: int) -> None:
    for number, (place, feeds) in enumerate(itertools.product(PLACES, FEEDS)):
        if number % 2 != layer:
            continue
        hold(*SINGLE[layer], place, feeds, None)


@pytest.mark.parametrize("device", [CPU, META], ids=str)
def test_the_plan_is_what_torch_hands_on(device: torch.device) -> None:
    """Every kind and way in turn: what goes into the head."""
    places = itertools.cycle(PLACES.values())
    for number, (feeds, merge) in enumerate(EVERY):
        ways = {"feeds": feeds} | ({} if merge is None else {"merge": merge, "bidirectional": True})
        batch, first = next(places)
        layer, _ = STACKED[number % len(STACKED)]
        spec = reachable(spec_with({**layer, "batch_first": first, **ways}, batch), device)
        assert differences(plan(spec), measure(spec, plan(spec), device)) == ()


# --- printed as Python -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_the_printed_code_hands_on_the_same(place: str) -> None:
    batch, first = PLACES[place]
    # why a part: with the places after it each way is printed packed and padded, with L first and N first.
    for feeds, merge in EVERY[list(PLACES).index(place) % 2 :: 2]:
        ways = {"feeds": feeds} | ({} if merge is None else {"merge": merge, "bidirectional": True})
        compare(spec_with({"type": "GRU", "batch_first": first, **ways}, batch))
    for kind, feeds in itertools.product(("GRUCell", "JordanRNN"), FEEDS):
        own = {"output_size": 3, "batch_first": first} if kind == "JordanRNN" else {}
        if own or not first:
            compare(spec_with({"type": kind, "feeds": feeds, **own}, batch))


def spec_with(layer: Mapping[str, object], batch: Mapping[str, object], head: bool = True) -> Spec:
    layers = [{"name": "a", "input_size": 7, "hidden_size": 4, **layer}]
    layers += [{"type": "Linear", "name": "head", "out_features": 2}] * head
    return spec_of({"input": batch, "layers": layers})


def test_code_on_meta_unpacks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from rnninspect.study.code import code

    batch, _ = PLACES["packed"]
    # Every way of handing on, with the merges in turn.
    for feeds, merge in EVERY[::3]:
        ways = {"feeds": feeds} | ({} if merge is None else {"merge": merge, "bidirectional": True})
        layers = [{"type": "GRU", "input_size": 7, "hidden_size": 4, **ways}]
        spec = spec_of({"device": "meta", "input": batch, "layers": layers})
        exec(compile_(code(spec)), {"__name__": "__main__"})
        width = 4 if merge in (None, "sum", "mean", "mul") else 8
        rows = 15 if feeds == "output" else 4
        assert capsys.readouterr().out.splitlines()[0] == f"output ({rows}, {width})"


def compile_(text: str) -> object:
    return compile(text, "printed", "exec")


def test_a_line_says_what_becomes_of_the_output() -> None:
    spec = spec_with({"type": "GRU", "bidirectional": True, "merge": "sum", "feeds": "max"}, PLACES["batched"][0])
    shown = sketch(spec)
    assert shown.chain == "x (5, 3, 7) → a 4×2 (sum, max) → head 2"
    assert "x = x[..., :4] + x[..., 4:]" in shown.code
    assert "x = x.max(dim=0).values  # (3, 4)" in shown.code


# --- what it takes -----------------------------------------------------------------------------------------------


def costs(**ways: object) -> Iterator[tuple[Ops, Ops, int]]:
    """Of a packed batch of 15 tokens: forward, backward, and bytes kept, each with what goes beyond the plain layer."""
    both = []
    for more in ({}, ways):
        layer = {"type": "GRU", "bidirectional": True, **more}
        (facts,) = plan(spec_with(layer, PLACES["packed"][0], head=False)).layers
        assert facts.backward is not None
        assert facts.kept_for_backward_bytes is not None
        both.append((facts.forward, facts.backward, facts.kept_for_backward_bytes))
    (forward, backward, kept), (more_forward, more_backward, more_kept) = both
    assert (forward.macs, backward.macs) == (more_forward.macs, more_backward.macs)
    yield forward, backward, kept
    yield more_forward, more_backward, more_kept


@pytest.mark.parametrize(
    ("ways", "forward", "backward", "kept"),
    [
        # 15 tokens of 4 + 4 features; 4 sequences.
        ({"merge": "sum"}, 15 * 4, 0, 0),
        ({"merge": "mean"}, 2 * 15 * 4, 15 * 4, 0),
        # A GRU's h is kept already, as its steps need it.
        ({"merge": "mul"}, 15 * 4, 2 * 15 * 4, 0),
        ({"feeds": "step"}, 0, 0, 0),
        ({"feeds": "step", "merge": "sum"}, 4 * 4, 0, 0),
        ({"feeds": "last", "merge": "mul"}, 4 * 4, 2 * 4 * 4, 0),
        ({"feeds": "max"}, 11 * 8, 0, 8 * 4 * 8),
        ({"feeds": "mean"}, 15 * 8, 4 * 8, 0),
        ({"feeds": "max", "merge": "sum"}, 15 * 4 + 11 * 4, 0, 8 * 4 * 4),
    ],
)
def test_costs_by_hand(ways: dict[str, object], forward: int, backward: int, kept: int) -> None:
    plain, more = costs(**ways)
    assert [(more[k].elementwise or 0) - (plain[k].elementwise or 0) for k in (0, 1)] == [forward, backward]
    assert more[2] - plain[2] == kept


# --- what is said of it -------------------------------------------------------------------------------------------


def test_a_note_says_where_step_is_not_last() -> None:
    both, one = ({"type": "LSTM", "bidirectional": two, "feeds": "step"} for two in (True, False))
    (note,) = spec_with(both, PLACES["batched"][0]).notes
    assert note.startswith("doc.yaml:")
    assert (
        "layers[0].feeds: step is the output at the last step, where the reverse direction has read one token" in note
    )
    assert spec_with(one, PLACES["batched"][0]).notes == ()


def test_a_merge_of_one_direction_does_nothing_and_a_note_says_so() -> None:
    spec = spec_with({"type": "LSTM", "merge": "sum"}, PLACES["batched"][0])
    (note,) = spec.notes
    assert note.endswith("layers[0].merge: merge is of two directions: with bidirectional false it does nothing")
    assert plan(spec).layers[0].handed_on is None


@pytest.mark.parametrize(
    ("ways", "said"),
    [
        ({"feeds": "last"}, "a feeds head its last state only, (3, 8)"),
        ({"feeds": "mean"}, "a feeds head its mean over the steps, (3, 8)"),
        ({"merge": "sum"}, "a feeds head its output, the two directions added, (5, 3, 4)"),
        ({"merge": "mul", "feeds": "last"}, "a feeds head its last state, the two directions multiplied, (3, 4)"),
    ],
)
def test_the_table_of_shapes_says_what_goes_on(ways: dict[str, object], said: str) -> None:
    spec = spec_with({"type": "LSTM", "bidirectional": True, **ways}, PLACES["batched"][0])
    table = shapes_table(plan(spec))
    assert said in table.notes
    assert len(table.shown or ()) == 8  # a's six tensors, and what goes into the head and comes out


def test_the_page_of_a_layer_says_what_goes_on() -> None:
    layer = {"type": "LSTM", "bidirectional": True, "merge": "mean", "feeds": "max", "num_layers": 2}
    (page, _) = explain_layers(spec_with(layer, PLACES["batched"][0]))
    assert list(conventions(page))[-1] == (
        "It hands on its maximum over the steps, the mean of the two directions, (3, 4), and not all of output, "
        "(5, 3, 8), between stacked layers they stand side by side."
    )


def test_run_hands_on_what_was_put_out_where_nothing_is_said() -> None:
    spec = spec_with({"type": "GRU"}, PLACES["batched"][0])
    model, feed = build(spec, "cpu"), make_feed(spec, CPU)
    ran = run(spec.links[0].layer, spec.links[0], model.layers[0], feed.input, feed.states[0])
    assert ran.handed_on is ran.output
