"""Changes told by their cause: one sentence for what a person has changed, none for what follows from it."""

from __future__ import annotations

import re

import pytest
from test_changes import TEXT, model_of, without_settings
from worlds import CONFIGS, spec_of

from rnninspect.errors import Place
from rnninspect.guard.against import Against
from rnninspect.guard.causes import Cause, causes, grown_by
from rnninspect.guard.changes import changes
from rnninspect.guard.check import Verdict
from rnninspect.guard.findings import findings
from rnninspect.guard.locked import LockedModel
from rnninspect.layers.registry import TYPES
from rnninspect.plan import plan

# Two LSTMs, so that one grows and the other reads more: 280 + 320 = 600 and, after them, 18 parameters.
DEEP = TEXT.replace("  - {name: head", "  - {name: decoder, type: LSTM, hidden_size: 5}\n  - {name: head")


def told(*settings: str, text: str = TEXT, before: str | LockedModel = TEXT) -> list[str]:
    """What is said of the model of `text` with `settings`, where the lock has it as it was before."""
    locked = model_of(before) if isinstance(before, str) else before
    listed = causes(spec_of(text, *settings), changes(model_of(text, *settings), locked))
    return [cause.sentence(1000) for cause in listed]


@pytest.mark.parametrize(
    ("settings", "sentences"),
    [
        ((), []),
        # one layer alone: nothing is left to say of the model
        (("head.out_features=4",), ["head: out_features 3 → 4: parameters 18 → 24 (+33.3 %)"]),
        (
            ("encoder.hidden_size=6",),
            [
                "encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)",
                "the model: parameters 238 → 309 (+29.8 %), MACs 1,170 → 1,548 (+32.3 %)",
            ],
        ),
        (
            ("encoder.hidden_size=10", "encoder.bidirectional=true", "head.bias=false"),
            [
                "encoder: hidden_size 5 → 10, bidirectional false → true: parameters 220 → 1,280 (+482 %)",
                "head: bias true → false: parameters 18 → 60 (+233 %)",
                "the model: parameters 238 → 1,340 (+463 %), MACs 1,170 → 7,080 (+505 %)",
            ],
        ),
        # no parameter more, but operations; and neither
        (("head.out_features=3", "encoder.trainable=false"), ["encoder: trainable true → false"]),
        (("encoder.feeds=last",), ["encoder: feeds output → last", "the model: MACs 1,170 → 1,110 (-5.13 %)"]),
        (("encoder.init.weight_hh=orthogonal",), ["encoder: init.weight_hh null → orthogonal"]),
        (("input.seq_len=6",), ["the model: input.seq_len 3 → 6: MACs 1,170 → 2,340 (+100 %)"]),
        (
            ("dtype=float64", "input.lengths=[3, 3]"),
            ["the model: dtype float32 → float64, input.lengths null → [3, 3]"],
        ),
        (
            ("input.seq_len=6", "encoder.hidden_size=6"),
            [
                "the model: input.seq_len 3 → 6: parameters 238 → 309 (+29.8 %), MACs 1,170 → 3,096 (+165 %)",
                "encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)",
            ],
        ),
    ],
)
def test_what_is_told(settings: tuple[str, ...], sentences: list[str]) -> None:
    assert told(*settings) == sentences


def test_a_count_and_its_share_are_those_of_the_example_in_the_manual() -> None:
    text = "input: {batch_size: 2, seq_len: 3}\nlayers:\n  - {name: encoder, type: LSTM, input_size: 100, "
    text += "hidden_size: 128, num_layers: 2, bidirectional: true}\n"
    assert told("encoder.hidden_size=256", text=text, before=text) == [
        "encoder: hidden_size 128 → 256: parameters 630,784 → 2,310,144 (+266 %)"
    ]


def test_of_what_a_count_has_grown_by_the_most_comes_first_and_what_has_not_grown_is_left_out() -> None:
    def grown(field: str, *settings: str) -> list[str]:
        moved = changes(model_of(TEXT, *settings), model_of(TEXT))
        return [cause.alone for cause in grown_by(spec_of(TEXT, *settings), moved, field)]

    both = ("head.out_features=4", "encoder.hidden_size=6")
    sentences = ["encoder: hidden_size 5 → 6", "head: out_features 3 → 4"]
    assert grown("parameters", *both) == grown("macs", *both) == sentences
    assert grown("parameters", "encoder.hidden_size=6", "head.out_features=1") == sentences[:1]
    longer = ("input.seq_len=6", "dtype=float64")
    assert grown("parameters", *longer, *both) == sentences
    assert grown("macs", *longer)[0].startswith("the model: dtype float32 → float64, input.seq_len 3 → 6")
    assert grown("macs", "dtype=float64", *both) == sentences


def test_what_follows_from_a_cause_has_no_sentence_whatever_layer_it_reaches() -> None:
    assert told("encoder.hidden_size=6", text=DEEP, before=DEEP) == [
        "encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)",
        "the model: parameters 478 → 566 (+18.4 %), MACs 2,370 → 2,850 (+20.3 %)",
    ]
    # the same whether the document says the size or leaves it to be inferred
    written = DEEP.replace("decoder, type: LSTM", "decoder, type: LSTM, input_size: 6").replace(
        "hidden_size: 5\n", "hidden_size: 6\n"
    )
    assert told(text=written, before=DEEP) == told("encoder.hidden_size=6", text=DEEP, before=DEEP)
    # of the first layer it follows from nothing
    assert told("encoder.input_size=8") == ["encoder: input_size 4 → 8: parameters 220 → 300 (+36.4 %)"]


def test_a_tied_layer_follows_its_embedding() -> None:
    tied = (CONFIGS / "language-model.yaml").read_text()
    (embedding, *_), *_ = re.findall(r"name: (\w+)\n +type: Embedding", tied), None
    (first, *rest) = told(f"{embedding}.num_embeddings=20k".replace("20k", "20000"), text=tied, before=tied)
    assert first.startswith(f"{embedding}: num_embeddings 10,000 → 20,000: parameters ")
    assert [sentence.partition(":")[0] for sentence in rest] == ["the model"]


@pytest.mark.parametrize("type_name", TYPES)
def test_the_fields_that_follow_are_those_that_fitting_fills_in(type_name: str) -> None:
    """Every kind after an Embedding: what it did not say and yet has is what it is fed with."""
    sizes = {"hidden_size": 4, "output_size": 5, "out_features": 6, "num_embeddings": 7, "embedding_dim": 4, "dim": -1}
    sizes |= {"out_channels": 5, "kernel_size": 2}
    from rnninspect.layers.registry import kind_of

    fields = kind_of(type_name).model_fields
    given = ", ".join(f"{key}: {size}" for key, size in sizes.items() if key in fields)
    first = "  - {name: first, type: Embedding, num_embeddings: 9, embedding_dim: 3}\n"
    if type_name == "Embedding":
        first = ""
    text = f"input: {{batch_size: 2, seq_len: 3}}\nlayers:\n{first}  - {{name: x, type: {type_name}, {given}}}\n"
    layer = spec_of(text).links[-1].layer
    unset = {key for key, field in fields.items() if key not in ("name", "type") and not field.is_required()}
    filled = {key for key in unset - set(sizes) if getattr(layer, key) != fields[key].default}
    assert filled == layer.filled_in


def test_layers_that_come_and_go() -> None:
    short = TEXT[: TEXT.index("  - {name: head")]
    assert told(text=short) == ["layer 'head' (Linear, 18 parameters) is gone"]
    assert told(before=short) == ["layer 'head' (Linear, 18 parameters) is new"]
    dropped = TEXT + "  - {name: drop, type: Dropout}\n"
    assert told(text=dropped) == ["layer 'drop' (Dropout, no parameters) is new"]
    assert told(text=TEXT.replace("head", "tail")) == ["layer 'head' is named 'tail' now"]
    # removed before others: what they read is not their own change
    assert told(text=TEXT, before=DEEP.replace("hidden_size: 5}", "hidden_size: 7}")) == [
        "layer 'decoder' (LSTM, 392 parameters) is gone",
        "the model: parameters 636 → 238 (-62.6 %), MACs 3,222 → 1,170 (-63.7 %)",
    ]


def test_a_kind_is_the_first_cause_but_for_its_sizes() -> None:
    assert told(text=TEXT.replace("LSTM", "GRU")) == ["encoder: type LSTM → GRU: parameters 220 → 165 (-25 %)"]


def test_layers_in_another_order() -> None:
    first, second = "  - {name: a, type: Dropout}\n", "  - {name: b, type: LayerNorm}\n"
    assert told(text=TEXT + second + first, before=TEXT + first + second) == [
        "the model: layers [encoder, head, a, b] → [encoder, head, b, a]"
    ]
    many = [f"  - {{name: layer{number}, type: Dropout}}\n" for number in range(9)]
    turned = [*many[:-2], many[-1], many[-2]]
    assert told(text=TEXT + "".join(turned), before=TEXT + "".join(many)) == ["the model: other layers"]


def test_a_lock_without_settings_is_told_by_its_counts_and_shapes() -> None:
    old = without_settings(model_of())
    assert told(before=old) == []
    assert told("encoder.hidden_size=6", before=old) == [
        "encoder: parameters 220 → 288 (+30.9 %)",
        "head: parameters 18 → 21 (+16.7 %)",
        "the model: parameters 238 → 309 (+29.8 %), MACs 1,170 → 1,548 (+32.3 %)",
    ]
    assert told("input.seq_len=4", before=old) == ["the model: MACs 1,170 → 1,560 (+33.3 %)"]
    turned = old.layers["head"]._replace(weights={"weight": (5, 3), "bias": (3,)})
    assert told(before=old._replace(layers={**old.layers, "head": turned})) == ["head: weight [5, 3] → [3, 5]"]


def test_equations_that_count_otherwise_are_told_by_the_counts_though_no_setting_changed() -> None:
    model = model_of()
    fewer = model.layers["encoder"]._replace(parameters=200, weights={"weight_ih_l0": (20, 4)})
    assert told(before=model._replace(layers={**model.layers, "encoder": fewer})) == [
        "encoder: parameters 200 → 220 (+10 %)"
    ]


def test_a_lock_that_contradicts_itself_is_told_all_the_same() -> None:
    """A merge that somebody made by hand: a width that follows from nothing, and MACs that cancel."""
    model = model_of()
    head = model.layers["head"]
    narrow = head._replace(settings={**(head.settings or {}), "in_features": 4})
    assert told(before=model._replace(layers={**model.layers, "head": narrow})) == ["head: in_features 4 → 5"]
    shifted = {
        name: layer._replace(macs=layer.macs + (7 if name == "head" else -7)) for name, layer in model.layers.items()
    }
    assert told(before=model._replace(layers=shifted)) == [
        "encoder: MACs 1,073 → 1,080 (+0.652 %)",
        "head: MACs 97 → 90 (-7.22 %)",
    ]


# --- their length ------------------------------------------------------------------------------------------


def test_a_sentence_that_is_too_long_tells_fewer_settings_and_always_the_first_and_the_counts() -> None:
    cause = Cause("x", (), "x", tuple(f"key{number} 1 → 2" for number in range(9)), "parameters 1 → 2 (+100 %)")
    assert cause.sentence(1000).count("→") == 10
    short = cause.sentence(80)
    assert short == "x: key0 1 → 2, key1 1 → 2, key2 1 → 2 and 6 more: parameters 1 → 2 (+100 %)"
    assert cause.sentence(0) == "x: key0 1 → 2 and 8 more: parameters 1 → 2 (+100 %)"
    assert all(len(cause.sentence(room)) <= room for room in range(55, 250))


@pytest.mark.parametrize("folder", ["", "a" * 60 + "/", "folder/" * 15])
def test_a_line_in_a_pipe_has_at_most_240_characters(folder: str) -> None:
    text = TEXT.replace("  - name: encoder\n    type: LSTM\n", "  - name: encoder\n    type: LSTM\n    num_layers: 1\n")
    source = f"{folder}doc.yaml"
    grown = [
        *("encoder.hidden_size=6", "encoder.num_layers=2", "encoder.bidirectional=true", "encoder.dropout=0.25"),
        *("encoder.bias=false", "encoder.trainable=false", "encoder.init.weight_hh=orthogonal", "encoder.feeds=last"),
        *("encoder.init.weight_ih=xavier_uniform", "encoder.batch_first=true", "encoder.proj_size=3"),
    ]
    spec = spec_of(text, *grown)
    verdict = Verdict(plan(spec), (), changes(model_of(text, *grown), model_of(TEXT)))
    spec.tree.values.clear()  # every place is the document's start, whatever option said it
    spec.tree.values[()] = Place(source, 1, 1)
    lines = [
        f"error: {finding.place}: {finding.what}" for finding in findings(spec, verdict, Against("rnninspect.lock"))
    ]
    assert len(lines) == 2
    assert max(map(len, lines)) <= 240
    assert "encoder: hidden_size 5 → 6" in lines[0]
    assert re.search(r" and \d+ more: parameters 220 → ", lines[0])


def test_what_a_lock_has_like_a_model_is_left_out_where_it_makes_a_line_too_long() -> None:
    spec = spec_of(TEXT)
    new = Verdict(plan(spec), (), changes(model_of(TEXT), None))
    for file, there in (("folder/a.yaml", True), (f"{'folder/' * 40}a.yaml", False)):
        likes = (new._replace(likeness=f"it has {file}, which is the same model"), new._replace(former=file))
        for finding in (found for verdict in likes for found in findings(spec, verdict, Against("rnninspect.lock"))):
            assert (file in finding.what) is there
            assert len(f"error: {finding.place}: {finding.what}") <= 240


def test_values_that_are_too_long_are_cut_and_never_read_as_the_same() -> None:
    lengths = [3] * 40
    spec = f"input.lengths={lengths}"
    changed = f"input.lengths={[*lengths[:-1], 1]}"
    many = TEXT.replace("batch_size: 2", "batch_size: 40")
    locked = model_of(many, spec)
    (sentence,) = told(changed, text=many, before=locked)
    assert sentence.startswith("the model: other input.lengths: MACs ")
    (sentence,) = told(spec, text=many, before=many)
    assert sentence == "the model: input.lengths null → [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, ..."
