"""What a picture says is what the cell computes: it is read back, node by node and wire by wire, and worked out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from any_cell import AnyCell, equations
from drawn_cells import NAMES, drawn, graph, layer_of, shape_of
from drawn_numbers import computed, read_back
from hypothesis import assume, example, given
from hypothesis import strategies as st
from samples import examples

from rnninspect.cells.tree import Cell, CellError
from rnninspect.cells.write import name as written
from rnninspect.pictures.gates import graph_of
from rnninspect.pictures.graph import Graph
from rnninspect.pictures.texts import plain, symbols


def differs(cell: Cell, drawing: Graph) -> dict[str, tuple[float, float]]:
    """The vectors of a cell that are another number in its picture; of each assigned several times the last."""
    expected, found = computed(cell), read_back(cell, drawing)
    named = {plain(vector.text): found[vector.source] for vector in (*drawing.labels, *drawing.ends, drawing.output)}
    last = {equation.target.name: cell.last(equation.target.name) for equation in cell.equations}
    vectors = {vector: plain(symbols(written(cell, value))) for vector, value in last.items()}
    return {
        vector: (named[text], expected[vector])
        for vector, text in vectors.items()
        if not math.isclose(named[text], expected[vector], rel_tol=1e-9)
    }


@pytest.mark.parametrize("operations", [False, True], ids=["gates", "operations"])
def test_every_picture_computes_what_its_cell_does(operations: bool) -> None:
    found = {name: differs(layer_of(name).cell, graph(name, operations)) for name in NAMES}
    assert {name: vectors for name, vectors in found.items() if vectors} == {}


@given(equations(), st.booleans())
@example("h = sigmoid(W_e @ (-(h)))", False)
@example("h = sigmoid(-(-((0.1 + abs(W_h @ h + h)) ** 2)))", False)
@examples(20)
def test_any_picture_computes_what_its_cell_does(text: str, operations: bool) -> None:
    layer = AnyCell(name="a", input_size=7, hidden_size=5, text=text)
    try:
        drawing = graph_of(layer.cell, shape_of(layer), operations=operations)
        expected = computed(layer.cell)
    except (CellError, ArithmeticError, ValueError, TypeError):
        assume(False)
    assume(all(isinstance(value, float) and math.isfinite(value) for value in expected.values()))
    assert differs(layer.cell, drawing) == {}


def test_the_check_can_fail() -> None:
    cell, drawing = layer_of("LSTM").cell, graph("LSTM")
    forget, *others = (node for node in drawing.nodes if node.kind == "circle")
    pins = tuple(pin._replace(source=3) if pin.source == 4 else pin for pin in forget.pins)
    swapped = replace(
        drawing, nodes=tuple(node._replace(pins=pins) if node is forget else node for node in drawing.nodes)
    )
    assert {*differs(cell, swapped)} == {"c", "h"}
    cap = replace(
        drawing, nodes=tuple(n._replace(function="tanh") if n.function == "sigmoid" else n for n in drawing.nodes)
    )
    assert "f" in differs(cell, cap)
    assert len(others) == 3


@pytest.mark.parametrize(("name", "blocks"), [("LSTM", 4), ("PeepholeLSTM", 4), ("MGU", 2), ("LayerNormLSTM", 5)])
def test_a_gate_is_one_node(name: str, blocks: int) -> None:
    gates = [node for node in graph(name).nodes if node.kind == "block"]
    assert len(gates) == blocks
    assert all(node.cap and not node.is_pointwise for node in gates)


def test_no_picture_is_asked_for_operations_of_a_cell_that_has_too_many() -> None:
    many = {*NAMES} - {*drawn(True)}
    assert {"LTC", "NAS"} <= many
    assert not {"LSTM", "GRU", "RNN", "JordanRNN", "MGU"} & many
