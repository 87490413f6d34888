"""What has changed in a model since it was locked, and between two documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from worlds import CONFIGS, spec_of

from rnninspect.document.load import load_spec
from rnninspect.guard.changes import Change, changes, differences, grows
from rnninspect.guard.locked import LockedModel, locked_model
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


def model_of(text: str = TEXT, *settings: str) -> LockedModel:
    spec = spec_of(text, *settings)
    return locked_model(spec, plan(spec))


def facts(listed: Sequence[Change]) -> list[tuple[object, ...]]:
    return [tuple(change) for change in listed]


# --- since it was locked -------------------------------------------------------------------------------------


def test_the_same_model_has_not_changed() -> None:
    assert changes(model_of(), model_of()) == ()
    # What the lock does not hold does not count: what the model is called, what it may cost, where it runs.
    assert changes(model_of(TEXT, "name=other", "budget.max_params=1", "device=cpu"), model_of()) == ()


def test_of_equations_the_lines_that_differ_stand_side_by_side() -> None:
    cell = 'layers: [{name: cell, type: Cell, input_size: 4, hidden_size: 5, equations: "%s"}]'
    texts = (r"f = W_f @ x\nn = W_n @ h\nh = f + n", r"f = W_f @ x\nn = W_n @ (f * h)\nm = n * f\nh = m + n")
    old, new = (model_of(f"input: {{batch_size: 2, seq_len: 3}}\n{cell % text}") for text in texts)
    told = [change[2:] for change in changes(new, old) if change.field == "cell.equations"]
    assert told == [("n = W_n @ h", "n = W_n @ (f * h)"), ("h = f + n", "m = n * f"), (None, "h = m + n")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("out_features: 3", "in_features: 5, out_features: 3, bias: true"),
        ("hidden_size: 5", "hidden_size: 5\n    init: {weight_hh: null}"),
        ("{batch_size: 2, seq_len: 3}", "{batch_size: 2, seq_len: 3, state: zeros, lengths: null}"),
    ],
)
def test_two_ways_to_write_a_model_are_one_model(old: str, new: str) -> None:
    assert new in TEXT.replace(old, new)
    assert model_of(TEXT.replace(old, new)) == model_of()


def test_a_key_at_its_default_is_not_kept() -> None:
    model = model_of(TEXT, "encoder.bias=true", "input.state=zeros")
    assert model.settings == {"input.batch_size": 2, "input.seq_len": 3}
    assert {name: layer.settings for name, layer in model.layers.items()} == {
        "encoder": {"input_size": 4, "hidden_size": 5},
        "head": {"in_features": 5, "out_features": 3},
    }


def test_a_shape_of_one_axis_may_be_written_as_a_list() -> None:
    norm = TEXT + "  - {name: norm, type: LayerNorm}\n"
    for written in ("normalized_shape: 3", "normalized_shape: [3]"):
        assert model_of(norm.replace("LayerNorm", f"LayerNorm, {written}")) == model_of(norm)


def test_a_new_model() -> None:
    assert changes(model_of(), None) == (Change("", "model", None, "new"),)


def test_a_grown_layer() -> None:
    changed = changes(model_of(TEXT, "encoder.hidden_size=6"), model_of())
    assert facts(changed) == [
        ("", "parameters", 238, 4 * 6 * (4 + 6 + 2) + 3 * 6 + 3),
        ("", "macs", 1170, 6 * (240 + 18)),
        ("encoder", "encoder.hidden_size", 5, 6),
        ("encoder", "parameters", 220, 288),
        ("encoder", "macs", 1080, 1440),
        ("encoder", "weight_ih_l0", (20, 4), (24, 4)),
        ("encoder", "weight_hh_l0", (20, 5), (24, 6)),
        ("encoder", "bias_ih_l0", (20,), (24,)),
        ("encoder", "bias_hh_l0", (20,), (24,)),
        ("head", "head.in_features", 5, 6),
        ("head", "parameters", 18, 21),
        ("head", "macs", 90, 108),
        ("head", "weight", (3, 5), (3, 6)),
    ]


def test_a_weight_that_is_gone_and_one_that_is_new() -> None:
    without = TEXT.replace("out_features: 3", "out_features: 3, bias: false")
    assert facts(changes(model_of(without), model_of())) == [
        ("", "parameters", 238, 235),
        ("head", "head.bias", True, False),
        ("head", "parameters", 18, 15),
        ("head", "bias", (3,), None),
    ]
    assert facts(changes(model_of(), model_of(without)))[-1] == ("head", "bias", None, (3,))


def test_a_longer_sequence_is_a_change_of_the_model_and_of_every_layers_macs() -> None:
    changed = changes(model_of(TEXT, "input.seq_len=4"), model_of())
    assert [(change.layer, change.field) for change in changed] == [
        *(("", "input.seq_len"), ("", "macs"), ("encoder", "macs"), ("head", "macs"))
    ]


def test_a_removed_layer_and_an_added_one() -> None:
    short = TEXT[: TEXT.index("  - {name: head")]
    gone = changes(model_of(short), model_of())
    assert facts(gone) == [
        ("", "parameters", 238, 220),
        ("", "macs", 1170, 1080),
        ("head", "layer", "Linear", None),
        ("head", "parameters", 18, None),
        ("head", "macs", 90, None),
        ("head", "weight", (3, 5), None),
        ("head", "bias", (3,), None),
    ]
    assert facts(changes(model_of(), model_of(short))) == [
        (layer, field, now, locked) for layer, field, locked, now in facts(gone)
    ]


def test_a_renamed_layer_is_one_change() -> None:
    renamed = TEXT.replace("head", "tail")
    assert facts(changes(model_of(renamed), model_of())) == [("tail", "tail.name", "head", "tail")]
    longer = changes(model_of(renamed, "input.seq_len=4"), model_of())
    assert [change[:2] for change in longer if change.layer == "tail"] == [("tail", "tail.name"), ("tail", "macs")]


def test_a_layer_in_the_place_of_another_that_it_is_not_like_is_no_other_name_for_it() -> None:
    other = TEXT.replace("name: head, type: Linear", "name: tail, trainable: false, type: Linear")
    fields = [change[:2] for change in changes(model_of(other), model_of()) if change.field in ("layer", "tail.name")]
    assert fields == [("head", "layer"), ("tail", "layer")]


def test_layers_alike_under_other_names_are_told_in_their_order() -> None:
    drops = "".join(f"  - {{name: {name}, type: Dropout}}\n" for name in "ab")
    others = drops.replace("name: a", "name: c").replace("name: b", "name: d")
    assert facts(changes(model_of(TEXT + others), model_of(TEXT + drops))) == [
        ("c", "c.name", "a", "c"),
        ("d", "d.name", "b", "d"),
    ]


def test_a_changed_type() -> None:
    changed = changes(model_of(TEXT.replace("LSTM", "GRU")), model_of())
    assert facts(changed)[:4] == [
        ("", "parameters", 238, 183),
        ("", "macs", 1170, 900),
        ("encoder", "type", "LSTM", "GRU"),
        ("encoder", "parameters", 220, 165),
    ]


def with_layer(model: LockedModel, name: str, **fields: Any) -> LockedModel:
    return model._replace(layers={**model.layers, name: model.layers[name]._replace(**fields)})


def test_a_type_of_the_same_shapes_is_a_change_too() -> None:
    """torch's RNN and one layer of RNNCell have other names; LSTM with its type altered in the lock alone does not."""
    altered = with_layer(model_of(), "encoder", type="GRU")
    assert changes(model_of(), altered) == (Change("encoder", "type", "GRU", "LSTM"),)


def without_settings(model: LockedModel) -> LockedModel:
    """The model as a lock of version 1 has it: its layers by name, and nothing but their counts and weights."""
    layers = {name: model.layers[name]._replace(settings=None) for name in sorted(model.layers)}
    return LockedModel(None, layers)


def test_settings_that_a_lock_does_not_know_are_no_change() -> None:
    assert (
        changes(model_of(TEXT.replace("encoder", "z")), without_settings(model_of(TEXT.replace("encoder", "z")))) == ()
    )
    changed = changes(model_of(TEXT, "encoder.hidden_size=6", "encoder.bias=false"), without_settings(model_of()))
    assert not [change.field for change in changed if "." in change.field]
    renamed = changes(model_of(TEXT.replace("head", "tail")), without_settings(model_of()))
    assert facts(renamed) == [("tail", "tail.name", "head", "tail")]


def test_a_key_that_documents_have_no_more_is_a_change_and_so_is_a_kind() -> None:
    unknown = with_layer(model_of(), "head", settings={**(model_of().layers["head"].settings or {}), "peephole": True})
    assert facts(changes(model_of(), unknown)) == [("head", "head.peephole", True, None)]
    assert facts(changes(model_of(), with_layer(model_of(), "head", type="Conv9d"))) == [
        ("head", "type", "Conv9d", "Linear")
    ]


def test_a_tied_matrix_is_counted_once_and_its_shape_kept() -> None:
    tied = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: embed, type: Embedding, num_embeddings: 7, embedding_dim: 5}
  - {name: encoder, type: LSTM, hidden_size: 5}
  - {name: head, type: Linear, tied_to: embed, bias: false}
"""
    locked = model_of(tied).layers
    assert (locked["head"].parameters, dict(locked["head"].weights)) == (0, {"weight": (7, 5)})
    assert sum(layer.parameters for layer in locked.values()) == plan(spec_of(tied)).parameters


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
    return facts(differences(locked_model(old, plan(old)), locked_model(new, plan(new))))


@pytest.mark.parametrize(
    ("setting", "layer", "old", "new"),
    [
        ("encoder.trainable=false", "encoder", True, False),
        ("encoder.dropout=0.5", "encoder", 0.0, 0.5),
        ("encoder.batch_first=true", "encoder", False, True),
        ("encoder.init.weight_hh=orthogonal", "encoder", None, "orthogonal"),
        ("dtype=float64", "", "float32", "float64"),
        ("input.state=random", "", "zeros", "random"),
        ("input.lengths=[3, 3]", "", None, (3, 3)),
    ],
)
def test_what_a_document_says_differs_though_no_count_does(setting: str, layer: str, old: object, new: object) -> None:
    change = (layer, setting.partition("=")[0], old, new)
    assert differing(setting) == facts(changes(model_of(TEXT, setting), model_of())) == [change]


def test_what_the_input_says_stands_before_what_it_changes() -> None:
    changed = differing("input.lengths=[3, 1]", "input.seq_len=4")
    assert changed[:2] == [("", "input.seq_len", 3, 4), ("", "input.lengths", None, (3, 1))]
    assert [layer for layer, *_ in changed[2:]] == ["encoder", "head"]
    assert differing("input.batch_size=null")[0] == ("", "input.batch_size", 2, None)


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
    models = [locked_model(spec, plan(spec)) for spec in (load_spec(str(path)), load_spec(str(path)))]
    assert differences(*models) == ()
