"""A batch whose L or N nobody says: letters stand for sizes, work is counted by the token, the rest is not known."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from worlds import RECURRENT, least_keys, spec_of

from rnninspect.document.chain import Link, Spec
from rnninspect.facts.models import ModelFacts
from rnninspect.layers.signal import Batch, ModelInput, Signal
from rnninspect.plan import plan
from rnninspect.results.model import counts_of
from rnninspect.results.params import params_tables
from rnninspect.results.summary import summary_table
from rnninspect.results.unrolled import draw
from rnninspect.study.explain import explain_layers

STACK = """\
input: {batch_size: 3, seq_len: 5}
layers:
  - {type: LSTM, input_size: 7, hidden_size: 4, num_layers: 2, bidirectional: true, proj_size: 2, batch_first: FIRST}
"""
OPEN = Batch("N", "L")


def stack(*, batch_first: bool = False) -> Spec:
    return spec_of(STACK.replace("FIRST", str(batch_first).lower()))


def opened(spec: Spec, batch: Batch) -> Spec:
    """The same layer, fed with another batch."""
    (link,) = spec.links
    batch = replace(batch, batch_first=spec.batch.batch_first)
    axes = ("L",) if batch.size is None else batch.padded_axes
    signal = Signal(batch, axes, link.signal.width)
    return replace(spec, inputs=(ModelInput("input", signal),), links=(Link(link.layer, signal),))


def shapes(model: ModelFacts) -> list[tuple[object, ...]]:
    return [tensor.shape for layer in model.layers for tensor in (*layer.inputs, *layer.outputs)]


@pytest.mark.parametrize(
    ("batch", "first", "expected"),
    [
        (OPEN, False, [("L", "N", 7), (4, "N", 2), (4, "N", 4), ("L", "N", 4), (4, "N", 2), (4, "N", 4)]),
        (OPEN, True, [("N", "L", 7), (4, "N", 2), (4, "N", 4), ("N", "L", 4), (4, "N", 2), (4, "N", 4)]),
        (Batch("N", 5), False, [(5, "N", 7), (4, "N", 2), (4, "N", 4), (5, "N", 4), (4, "N", 2), (4, "N", 4)]),
        (Batch(3, "L"), False, [("L", 3, 7), (4, 3, 2), (4, 3, 4), ("L", 3, 4), (4, 3, 2), (4, 3, 4)]),
        (Batch(None, "L"), False, [("L", 7), (4, 2), (4, 4), ("L", 4), (4, 2), (4, 4)]),
    ],
)
def test_a_letter_stands_where_a_size_is_not_known(batch: Batch, first: bool, expected: object) -> None:
    model = plan(opened(stack(batch_first=first), batch))
    assert shapes(model) == expected
    assert model.per_token
    assert model.layers[0].inputs[0].nbytes is None
    with pytest.raises(ValueError, match=r"nobody says how large the batch is: \("):
        _ = model.layers[0].inputs[0].known_nbytes


@pytest.mark.parametrize("name", RECURRENT)
def test_a_batch_takes_what_a_token_takes_for_each(name: str) -> None:
    keys = {**least_keys(name), "type": name, "input_size": 7}
    spec = spec_of(f"{{input: {{batch_size: 3, seq_len: 5}}, layers: [{keys}]}}")
    whole, each = counts_of(plan(spec)), counts_of(plan(opened(spec, OPEN)))
    for key in ("macs", "elementwise_ops", "flops"):
        assert (each[key], 15 * (each[f"{key}_per_token"] or 0)) == (None, whole[key])
    unknown = {"macs", "elementwise_ops", "flops", "backward_macs", "backward_elementwise_ops", "backward_flops"}
    unknown |= {"output_bytes", "kept_for_backward_bytes", "training_bytes"}
    assert {key for key, value in each.items() if value is None and whole[key] is not None} == unknown
    assert not [key for key in whole if key.endswith("_per_token")]


def test_a_batch_whose_sizes_are_all_said_is_as_a_documents() -> None:
    spec = stack()
    assert plan(opened(spec, Batch(3, 5))) == plan(spec)
    assert not plan(spec).per_token


def test_no_operations_of_a_token_are_added_to_those_of_a_batch() -> None:
    batch, open = plan(stack()), plan(opened(stack(), OPEN))
    assert open.macs is None
    macs, each = batch.macs, open.forward.macs
    for models, keys, total in (
        ([batch], ["macs"], [macs]),
        ([open], ["macs_per_token"], [each]),
        ([batch, open, open], ["macs", "macs_per_token"], [macs, 2 * each]),
    ):
        table = summary_table(models)
        assert [column.key for column in table.columns if column.key.startswith("macs")] == keys
        assert list((table.total or ())[-len(keys) :]) == total
    assert [row[-2:] for row in summary_table([batch, open]).rows] == [(macs, None), (None, each)]


@pytest.mark.parametrize(("names", "titles"), [("b", 4), ("o", 3), ("bo", 11)])
def test_a_table_has_what_its_models_have(names: Literal["b", "o", "bo"], titles: int) -> None:
    models = [{"b": plan(stack()), "o": plan(opened(stack(), OPEN))}[name] for name in names]
    tables = params_tables(models, proven=False)
    assert len(tables) == titles
    for table in tables:
        shown = table.for_people()
        numbers = [k for k, column in enumerate(shown.columns) if column.kind.value in ("count", "bytes")]
        assert numbers
        of_models = table.title.endswith("of models")
        assert all(of_models or row[k] is not None for row in shown.rows for k in numbers)


@pytest.mark.parametrize(
    ("size", "length", "last"), [("N", "L", "L-1"), (3, "L", "L-1"), ("N", 5, "4"), (None, "L", "L-1")]
)
def test_a_picture_ends_with_the_last_step(
    size: int | Literal["N"] | None, length: int | Literal["L"], last: str
) -> None:
    (explained,) = explain_layers(opened(stack(), Batch(size, length)))
    assert explained.recurrence is not None
    top, *_, bottom = draw(explained.recurrence.unrolled)
    assert top.split() == ["output[0]", "output[1]", f"output[{last}]"]
    assert bottom.split() == ["x_0", "x_1", "x_{L-1}" if length == "L" else f"x_{last}"]
