"""The library of published cells: each file says what the language needs, and is run in both ways alike."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from text_layer import TextLayer, cell_of, layer_of
from torch import Tensor

import rnninspect
from rnninspect.cells.evaluate import step
from rnninspect.cells.packs import packs
from rnninspect.cells.scan import Reads, scannable
from rnninspect.cells.tree import Cell, NeedsBiasError, Product
from rnninspect.cells.widths import widths
from rnninspect.layers.layer import Misfit, Wants
from rnninspect.layers.registry import TYPES
from rnninspect.layers.signal import Batch, Signal
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.runtime.functions import COLUMNS, OF_TWO
from rnninspect.runtime.plain import PlainRNN

FILES = sorted((Path(rnninspect.__file__).parent / "cells" / "library").glob("*.yaml"))
LIBRARY: dict[str, dict[str, Any]] = {path.stem: yaml.safe_load(path.read_text()) for path in FILES}
ORACLES = {name: entry for name, entry in LIBRARY.items() if "oracle" in entry}
REQUIRED = ["source", "year", "equations", "meanings"]
OPTIONAL = ["output", "sizes", "constants", "widths", "init", "initial", "fixed", "oracle"]
# Those whose equations add the input to what is hidden.
AS_WIDE = {"IntersectionRNN", "RGLRU", "ResidualLSTM", "HighwayLSTM", "MUT2"}
SCANNABLE = {"minGRU", "PositiveMinGRU", "minLSTM", "TRNN", "TGRU", "QRNN", "RGLRU"}
# Those in which a bias is more than a term of a sum.
NEEDS_BIAS = {"MGU3", "GRU3"}
STEPS, SEQUENCES, HIDDEN = 6, 4, 5

every_cell = pytest.mark.parametrize("name", LIBRARY)


def fitted(name: str, **options: Any) -> tuple[TextLayer, Signal]:
    """A layer of a cell, and what it is fed with."""
    signal = Signal(Batch(SEQUENCES, STEPS), ("L", "N"), HIDDEN if name in AS_WIDE else 3)
    layer = layer_of(LIBRARY[name], hidden_size=HIDDEN, input_size=signal.features, **options)
    return layer.fit(signal, {}), signal


def test_there_are_more_than_sixty_and_none_has_the_name_of_a_kind() -> None:
    assert len(LIBRARY) > 60
    assert LIBRARY.keys() & set(TYPES) == set()
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9]*", name) for name in LIBRARY)
    assert len({name.lower() for name in LIBRARY}) == len(LIBRARY)


@every_cell
def test_a_file_says_all_that_is_asked(name: str) -> None:
    entry = LIBRARY[name]
    assert [key for key in entry if key in REQUIRED] == REQUIRED
    assert entry.keys() <= {*REQUIRED, *OPTIONAL}
    assert str(entry["year"]) in entry["source"]
    assert entry["equations"].endswith("\n")


@every_cell
def test_every_vector_has_a_meaning_and_nothing_else_has(name: str) -> None:
    cell = cell_of(LIBRARY[name])
    assert set(LIBRARY[name]["meanings"]) == {equation.target.name for equation in cell.equations}


@every_cell
def test_every_option_is_about_what_the_cell_has(name: str) -> None:
    entry, cell = LIBRARY[name], cell_of(LIBRARY[name])
    assert entry.get("initial", {}).keys() <= set(cell.states)
    assert {node.name for node in cell.nodes if hasattr(node, "value") and hasattr(node, "name")} <= {
        *entry.get("constants", {}),
        *entry.get("sizes", {}),
    }
    weights = " ".join(weight.name for weight in cell.weights)
    for pattern in entry.get("init", {}):
        assert re.search(rf"\b{pattern.replace('*', '.*')}\b", weights), pattern


@every_cell
def test_every_weight_has_a_place_and_the_names_are_apart_even_unstacked(name: str) -> None:
    layer, _ = fitted(name)
    for cell in (layer.cell, Cell(layer.cell.equations, layer.cell.output, stacked=False, lines=layer.cell.lines)):
        found = packs(cell, layer.declared(0))
        assert sorted(block for pack in found for block in pack.blocks) == sorted(w.name for w in cell.weights)


@every_cell
def test_what_must_be_as_wide_as_what(name: str) -> None:
    layer, _ = fitted(name)
    conditions = widths(layer.cell, layer.declared(0)).conditions
    assert conditions == ((("H_in", "H_cell", "H_out"),) if name in AS_WIDE else ())
    if name in AS_WIDE:
        signal = Signal(Batch(SEQUENCES, STEPS), ("L", "N"), 3)
        with pytest.raises(Misfit, match=r"the equations need input_size = hidden_size = .*, got 3, 5, 5"):
            layer_of(LIBRARY[name], hidden_size=HIDDEN, input_size=3).fit(signal, {})


@every_cell
def test_the_macs_are_the_elements_of_the_matrices_once_for_each_product(name: str) -> None:
    layer, signal = fitted(name)
    products = [node for node in layer.cell.nodes if isinstance(node, Product)]
    shapes = {gate.name: gate.shape for weight in layer.weights("float32") for gate in weight.gates}
    shapes |= {weight.symbol: weight.shape for weight in layer.weights("float32") if not weight.gates}
    elements = [(math.prod(shapes[product.matrix.name]), product.matrix.name) for product in products]
    macs = sum(count for count, _ in elements)
    trained = sum(count for count, matrix in elements if matrix not in layer.cell.fixed)
    assert layer.forward_ops(signal).macs == STEPS * SEQUENCES * macs
    backward = layer.backward_ops(signal, layer.weights("float32"), Wants(input=True, states=True))
    assert backward.macs == STEPS * SEQUENCES * (macs + trained)


@every_cell
def test_those_that_are_known_for_it_can_be_scanned(name: str) -> None:
    assert (scannable(cell_of(LIBRARY[name])) is not Reads.BOUND) is (name in SCANNABLE)


@every_cell
def test_without_biases_what_can_be_is_left(name: str) -> None:
    if name in NEEDS_BIAS:
        with pytest.raises(NeedsBiasError):
            cell_of(LIBRARY[name], bias=False)
    else:
        cell = cell_of(LIBRARY[name], bias=False)
        assert all(weight.kind != "bias" for weight in cell.weights)


@every_cell
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one layer", "stacked"])
def test_run_ahead_it_is_what_the_plain_loop_gives(name: str, options: dict[str, Any]) -> None:
    if options and name in AS_WIDE:
        options = {"num_layers": 2}
    if options and name == "TGRU":
        with pytest.raises(Misfit, match="its state p is as wide as what it reads, 3 in the first layer and 10 above"):
            fitted(name, **options)
        options = {"bidirectional": True}
    layer, signal = fitted(name, **options)
    torch.manual_seed(0)
    plain, ahead = PlainRNN(layer, dtype=torch.float64), EquationRNN(layer, dtype=torch.float64)
    ahead.load_state_dict(plain.state_dict())
    x = torch.randn(STEPS, SEQUENCES, layer.width_in, dtype=torch.float64)
    # why above 0: sLSTM divides by what is never below.
    states = tuple(torch.rand(t.shape, dtype=torch.float64) + 0.5 for t in layer.states("0", signal, "float64"))
    ran = [ran_of(module, x, states) for module in (plain, ahead)]
    for expected, found in zip(*ran, strict=True):
        if expected is None or found is None:
            assert expected is found
        else:
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
            assert bool(found.isfinite().all())


def ran_of(module: PlainRNN | EquationRNN, x: Tensor, states: tuple[Tensor, ...]) -> list[Tensor | None]:
    """The output and states of a run, and the gradients of all parameters."""
    output, after = module(x, states if len(states) > 1 else states[0])
    tensors = [output, *(after if isinstance(after, tuple) else (after,))]
    upstream = [torch.linspace(-1, 1, tensor.numel(), dtype=torch.float64).view(tensor.shape) for tensor in tensors]
    # why not all: a state may be no more than x.
    made = [k for k, tensor in enumerate(tensors) if tensor.requires_grad]
    losses, given = [tensors[k] for k in made], [upstream[k] for k in made]
    return [*tensors, *torch.autograd.grad(losses, list(module.parameters()), given, allow_unused=True)]


@pytest.mark.more
@pytest.mark.parametrize("name", ORACLES)
def test_an_independent_implementation_gives_the_same(name: str) -> None:
    """One step of torchrecurrent's class, with its weights by our names."""
    import torchrecurrent

    entry, oracle, cell = LIBRARY[name], ORACLES[name]["oracle"], cell_of(LIBRARY[name])
    torch.manual_seed(0)
    width = HIDDEN if name in AS_WIDE else 3
    before = torch.get_default_dtype()
    # why: some keep their constants as parameters, which are made in the default dtype.
    torch.set_default_dtype(torch.float64)
    try:
        module = getattr(torchrecurrent, f"{oracle['class']}Cell")(width, HIDDEN, **oracle["arguments"])
    finally:
        torch.set_default_dtype(before)
    parameters = dict(module.named_parameters())
    given: dict[str, Tensor] = {}
    for packed, rows in oracle["rows"].items():
        values = parameters.pop(packed).detach().uniform_(-0.6, 0.6)
        given |= {row: v if v.dim() == 2 else v[:, None] for row, v in zip(rows, values.chunk(len(rows)), strict=True)}
    assert given.keys() == {weight.name for weight in cell.weights}
    assert parameters.keys() <= entry.get("constants", {}).keys()
    solved, sizes = fitted(name)[0], fitted(name)[0].sizes()
    x = torch.randn(SEQUENCES, width, dtype=torch.float64)
    lengths = {state: sizes[widths(cell, solved.declared(0)).length(cell.last(state))] for state in cell.states}
    states = {state: torch.randn(SEQUENCES, lengths[state], dtype=torch.float64) for state in cell.states}
    order = sorted(states, key=lambda state: state != cell.output)
    started = tuple(states[state] for state in order)
    found = step(cell, given | {"x": x.T} | {name: value.T for name, value in states.items()}, {**COLUMNS, **OF_TWO})
    after = module(x, started if len(started) > 1 else started[0])
    after = after if isinstance(after, tuple) else (after,)
    torch.testing.assert_close(found[cell.output].T, after[0], rtol=1e-9, atol=1e-9)
