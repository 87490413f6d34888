"""What has changed in a model since it was locked, and between two documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from worlds import CONFIGS, spec_of

from rnninspect.document.load import load_spec
from rnninspect.facts import ModelFacts
from rnninspect.guard.changes import Change, changes, differences, grows
from rnninspect.guard.lock import locked_layers
from rnninspect.plan import plan

# 4 * 5 * (4 + 5 + 2) = 220 parameters and 3 * 5 + 3 = 18; 6 tokens, 6 * 180 and 6 * 15 MACs.
TEXT = """\
name: small
input: {batch_size: 2, seq_len: 3}
layers:
  - name: encoder
    type: LSTM
    input_size: 4
    hidden_size: 5
  - {name: head, type: Linear, out_features: 3}
"""


def model_of(text: str = TEXT, *settings: str) -> ModelFacts:
    return plan(spec_of(text, *settings))


def facts(listed: Sequence[Change]) -> list[tuple[object, ...]]:
    return [tuple(change) for change in listed]


# --- since it was locked -------------------------------------------------------------------------------------


def test_the_same_model_has_not_changed() -> None:
    assert changes(model_of(), locked_layers(model_of())) == ()
    # What the lock does not hold does not count: the batch changes activations, the dtype bytes, the name nothing.
    assert changes(model_of(TEXT, "name=other", "dtype=float64"), locked_layers(model_of())) == ()


def test_a_new_model() -> None:
    assert changes(model_of(), None) == (Change("", "model", None, "new"),)


def test_a_grown_layer() -> None:
    changed = changes(model_of(TEXT, "encoder.hidden_size=6"), locked_layers(model_of()))
    assert facts(changed) == [
        ("", "parameters", 238, 4 * 6 * (4 + 6 + 2) + 3 * 6 + 3),
        ("", "macs", 1170, 6 * (240 + 18)),
        ("encoder", "parameters", 220, 288),
        ("encoder", "macs", 1080, 1440),
        ("encoder", "weight_ih_l0", (20, 4), (24, 4)),
        ("encoder", "weight_hh_l0", (20, 5), (24, 6)),
        ("encoder", "bias_ih_l0", (20,), (24,)),
        ("encoder", "bias_hh_l0", (20,), (24,)),
        ("head", "parameters", 18, 21),
        ("head", "macs", 90, 108),
        ("head", "weight", (3, 5), (3, 6)),
    ]


def test_a_weight_that_is_gone_and_one_that_is_new() -> None:
    without = TEXT.replace("out_features: 3", "out_features: 3, bias: false")
    assert facts(changes(model_of(without), locked_layers(model_of()))) == [
        ("", "parameters", 238, 235),
        ("head", "parameters", 18, 15),
        ("head", "bias", (3,), None),
    ]
    assert facts(changes(model_of(), locked_layers(model_of(without))))[-1] == ("head", "bias", None, (3,))


def test_more_operations_alone_are_a_change() -> None:
    changed = changes(model_of(TEXT, "input.seq_len=4"), locked_layers(model_of()))
    assert [(change.layer, change.field) for change in changed] == [("", "macs"), ("encoder", "macs"), ("head", "macs")]


def test_a_removed_layer_and_an_added_one() -> None:
    short = TEXT[: TEXT.index("  - {name: head")]
    gone = changes(model_of(short), locked_layers(model_of()))
    assert facts(gone) == [
        ("", "parameters", 238, 220),
        ("", "macs", 1170, 1080),
        ("head", "layer", "Linear", None),
        ("head", "weight", (3, 5), None),
        ("head", "bias", (3,), None),
    ]
    assert facts(changes(model_of(), locked_layers(model_of(short)))) == [
        (layer, field, now, locked) for layer, field, locked, now in facts(gone)
    ]


def test_a_renamed_layer_is_one_gone_and_one_new() -> None:
    changed = changes(model_of(TEXT.replace("head", "tail")), locked_layers(model_of()))
    assert facts(changed) == [
        ("head", "layer", "Linear", None),
        ("head", "weight", (3, 5), None),
        ("head", "bias", (3,), None),
        ("tail", "layer", None, "Linear"),
        ("tail", "weight", None, (3, 5)),
        ("tail", "bias", None, (3,)),
    ]


def test_a_changed_type() -> None:
    changed = changes(model_of(TEXT.replace("LSTM", "GRU")), locked_layers(model_of()))
    assert facts(changed)[:4] == [
        ("", "parameters", 238, 183),
        ("", "macs", 1170, 900),
        ("encoder", "type", "LSTM", "GRU"),
        ("encoder", "parameters", 220, 165),
    ]


def test_a_type_of_the_same_shapes_is_a_change_too() -> None:
    """torch's RNN and one layer of RNNCell have other names; LSTM with its type altered in the lock alone does not."""
    locked = locked_layers(model_of())
    altered = {**locked, "encoder": locked["encoder"]._replace(type="GRU")}
    assert changes(model_of(), altered) == (Change("encoder", "type", "GRU", "LSTM"),)


def test_a_tied_matrix_is_counted_once_and_its_shape_kept() -> None:
    tied = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: embed, type: Embedding, num_embeddings: 7, embedding_dim: 5}
  - {name: encoder, type: LSTM, hidden_size: 5}
  - {name: head, type: Linear, tied_to: embed, bias: false}
"""
    locked = locked_layers(model_of(tied))
    assert (locked["head"].parameters, dict(locked["head"].weights)) == (0, {"weight": (7, 5)})
    assert sum(layer.parameters for layer in locked.values()) == model_of(tied).parameters


@pytest.mark.parametrize(
    ("locked", "now", "difference", "per_cent", "growth"),
    [
        (100, 105, 5, 5.0, 0.05),
        (100, 95, -5, -5.0, 0.0),
        (100, 100, 0, None, 0.0),
        (0, 7, 7, None, float("inf")),
        (7, 0, -7, -100.0, 0.0),
        (0, 0, 0, None, 0.0),
        (None, 7, None, None, 0.0),
        ((3, 5), (3, 6), None, None, 0.0),
        ("LSTM", "GRU", None, None, 0.0),
        # more than a float can hold
        (10**400, 3 * 10**400, 2 * 10**400, 200.0, 2.0),
    ],
)
def test_a_change_in_numbers(
    locked: int | None, now: int, difference: int | None, per_cent: float | None, growth: float
) -> None:
    change = Change("", "parameters", locked, now)
    assert (change.difference, change.percent, grows(change)) == (difference, per_cent, growth)


# --- what two documents say --------------------------------------------------------------------------------


def differing(*settings: str, text: str = TEXT, other: str | None = None) -> list[tuple[object, ...]]:
    """What differs between the model of `text` and that of `other`, or the same, with `settings`."""
    old, new = spec_of(text), spec_of(other or text, *settings)
    return facts(differences(old, new, plan(old), plan(new)))


@pytest.mark.parametrize(
    ("setting", "layer", "old", "new"),
    [
        ("encoder.trainable=false", "encoder", True, False),
        ("encoder.dropout=0.5", "encoder", 0.0, 0.5),
        ("encoder.batch_first=true", "encoder", False, True),
        ("encoder.init.weight_hh=orthogonal", "encoder", None, "orthogonal"),
        ("dtype=float64", "", "float32", "float64"),
        ("input.state=random", "", "zeros", "random"),
    ],
)
def test_what_a_document_says_differs_though_no_count_does(setting: str, layer: str, old: object, new: object) -> None:
    assert differing(setting) == [(layer, setting.partition("=")[0], old, new)]


def test_what_the_input_says_stands_before_what_it_changes() -> None:
    changed = differing("input.lengths=[3, 1]", "input.seq_len=4")
    assert changed[:2] == [("", "input.seq_len", 3, 4), ("", "input.lengths", None, (3, 1))]
    assert [layer for layer, *_ in changed[2:]] == ["encoder", "head"]
    assert differing("input.batch_size=null")[0] == ("", "input.batch_size", 2, None)


def test_a_key_stands_before_what_it_changes_and_sizes_are_those_that_were_inferred() -> None:
    changed = differing("encoder.hidden_size=6")
    assert changed[0] == ("encoder", "encoder.hidden_size", 5, 6)
    assert ("head", "head.in_features", 5, 6) in changed
    assert [field for layer, field, *_ in changed if layer == "head"] == [
        *("head.in_features", "parameters", "macs", "weight")
    ]
    assert differing("encoder.feeds=last")[0] == ("encoder", "encoder.feeds", "output", "last")


def test_of_another_kind_only_the_keys_that_both_have_are_compared() -> None:
    other = TEXT.replace("type: LSTM", "type: GRU").replace("hidden_size: 5", "hidden_size: 6")
    changed = differing(other=other)
    assert changed[:2] == [("encoder", "encoder.hidden_size", 5, 6), ("encoder", "type", "LSTM", "GRU")]
    assert not [field for _, field, *_ in changed if "proj_size" in str(field)]


def test_layers_in_another_order_differ() -> None:
    first, second = ("  - {name: a, type: Dropout, p: 0.1}\n", "  - {name: b, type: Dropout, p: 0.2}\n")
    assert differing(text=TEXT + first + second, other=TEXT + second + first) == [
        ("", "layers", ("encoder", "head", "a", "b"), ("encoder", "head", "b", "a"))
    ]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_document_does_not_differ_from_itself(path: Path) -> None:
    spec = load_spec(str(path))
    assert differences(spec, load_spec(str(path)), plan(spec), plan(spec)) == ()
