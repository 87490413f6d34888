"""Where things stand in pictures, of every cell that there is: nothing on anything else, few wires crossing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from any_cell import AnyCell, equations
from drawn_cells import GOLDEN, NAMES, digest, drawn, figures, graph, picture, shape_of
from drawn_geometry import box, bridges, crossings, faults
from hypothesis import assume, given
from hypothesis import strategies as st
from samples import examples

from rnninspect.cells.tree import CellError
from rnninspect.pictures.columns import columns_of
from rnninspect.pictures.gates import graph_of
from rnninspect.pictures.graph import Graph, Vector
from rnninspect.pictures.layout import layout
from rnninspect.pictures.scene import Label, Picture
from rnninspect.pictures.texts import Piece, plain


@pytest.mark.parametrize("operations", [False, True], ids=["gates", "operations"])
def test_nothing_stands_on_anything_else(operations: bool) -> None:
    found = {name: list(faults(picture(name, operations))) for name in drawn(operations)}
    assert {name: told for name, told in found.items() if told} == {}
    assert len(found) > 75


@pytest.mark.parametrize("operations", [False, True], ids=["gates", "operations"])
def test_every_crossing_has_its_bridge(operations: bool) -> None:
    counted = {name: crossings(picture(name, operations)) for name in drawn(operations)}
    assert counted == {name: bridges(picture(name, operations)) for name in drawn(operations)}


def test_crossings_and_sizes_are_those_agreed_on() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {detail: {name: [*n] for name, n in by_name.items()} for detail, by_name in figures().items()} == golden


def test_few_wires_cross_and_pictures_have_a_size_to_be_read() -> None:
    gates = figures()["gates"]
    few = {name: gates[name][0] for name in ("LSTM", "GRU", "RNN", "JordanRNN", "MGU", "coRNN")}
    assert few == {"LSTM": 4, "GRU": 1, "RNN": 0, "JordanRNN": 0, "MGU": 2, "coRNN": 3}
    assert sum(crossed for crossed, _, _ in gates.values()) < 2.7 * len(gates)
    assert sum(crossed for crossed, _, _ in figures()["operations"].values()) < 2.8 * len(gates)
    assert gates["LSTM"][1] <= 680
    assert sum(width <= 900 for _, width, _ in gates.values()) >= 66
    assert sum(width <= 1200 for _, width, _ in gates.values()) >= 78
    assert {name for name, (_, _, height) in gates.items() if height > 600} <= {"NAS"}  # eight gates


@pytest.mark.parametrize("operations", [False, True], ids=["gates", "operations"])
def test_states_that_are_carried_run_straight(operations: bool) -> None:
    straight = 0
    for name in drawn(operations):
        shown, drawing = graph(name, operations), picture(name, operations)
        old = starts(shown, drawing)
        for rail in columns_of(shown).rails:
            straight += 1
            state = letter(shown.inputs[rail[0]])
            assert abs(old[state] - ends(shown, drawing)[state]) < 0.5, name
    assert straight > 60


def letter(vector: Vector) -> str:
    """The name without its step."""
    return plain(vector.text).partition("_")[0]


def starts(shown: Graph, drawing: Picture) -> dict[str, float]:
    """Where each state before enters, by its name."""
    first = {wire.source: wire.points[0][1] for wire in drawing.wires if wire.points[0][0] < drawing.frame[0]}
    return {letter(vector): first[vector.source] for vector in shown.inputs if vector.source in first}


def ends(shown: Graph, drawing: Picture) -> dict[str, float]:
    """Where each state leaves, by its name."""
    x = drawing.frame[0] + drawing.frame[2] + 5.0
    named = {plain(label.text): label.y + 6.0 for label in drawing.labels if label.x == x}
    return {letter(end): named[plain(end.text)] for end in shown.ends}


@pytest.mark.parametrize(("name", "state"), [("LSTM", "c"), ("GRU", "h"), ("PeepholeLSTM", "c"), ("MGU", "h")])
def test_what_is_remembered_is_at_the_top(name: str, state: str) -> None:
    drawing = picture(name)
    assert ends(graph(name), drawing)[state] == min(placed.middle for placed in drawing.nodes)


@given(equations(), st.booleans())
@examples(8)
def test_nothing_stands_on_anything_else_in_cells_that_nobody_has_seen(text: str, operations: bool) -> None:
    layer = AnyCell(name="a", input_size=7, hidden_size=5, text=text)
    try:
        found = graph_of(layer.cell, shape_of(layer), operations=operations)
    except CellError:
        assume(False)
    assume(len(found.nodes) < 40)
    drawing = layout(found)
    assert list(faults(drawing)) == []
    assert crossings(drawing) == bridges(drawing)


@pytest.mark.parametrize(
    "text", ["h = x + h", "c = h\nh = x", "h = tanh(h)", "h = h", "h = tanh(b_h) * h", "h = h * h"]
)
def test_the_smallest_cells_are_drawn(text: str) -> None:
    layer = AnyCell(name="a", input_size=5, hidden_size=5, text=text)
    drawing = layout(graph_of(layer.cell, shape_of(layer)))
    assert list(faults(drawing)) == []
    assert drawing.labels


def test_a_name_stands_where_it_says_something_and_once() -> None:
    """At what is read; at a port of its own what goes there alone; and at what nobody reads."""
    layer = AnyCell(name="a", input_size=5, hidden_size=5, text="c = tanh(W_c @ x)\ns = c * x\nh = c * h")
    drawing = layout(graph_of(layer.cell, shape_of(layer)))
    said = [plain(label.text) for label in drawing.labels]
    assert {name: said.count(name) for name in ("c_t", "s_t", "h_t", "h_t 5")} == {
        "c_t": 1,
        "s_t": 1,
        "h_t": 1,
        "h_t 5": 1,
    }
    assert list(faults(drawing)) == []


def test_a_picture_takes_no_time() -> None:
    def seconds(name: str) -> float:
        start = time.process_time()
        layout(graph(name))
        return time.process_time() - start

    # why the least of some: a machine that is busy takes longer, and never less.
    assert min(seconds("LSTM") for _ in range(5)) < 0.03
    assert min(seconds("sLSTM") for _ in range(3)) < 0.2


SAME = """
import sys
sys.path.insert(0, sys.argv[1])
from drawn_cells import digest
print(digest())
"""


def test_the_same_picture_is_the_same_bytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAME, str(GOLDEN.parent.parent)],
        env={"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest() == digest()


def test_the_check_can_fail() -> None:
    drawing = picture("LSTM")
    first, second, *others = drawing.nodes
    moved = first._replace(x=second.x, y=second.y + 3.0)
    assert any("overlap" in told for told in faults(replace(drawing, nodes=(moved, second, *others))))
    wire = next(wire for wire in drawing.wires if wire.source == graph("LSTM").x)
    shifted = wire._replace(source=0, points=tuple((x + 1.0, y) for x, y in wire.points))
    assert any("on one line" in told for told in faults(replace(drawing, wires=(*drawing.wires, shifted))))
    through = wire._replace(points=((0.0, first.y + 8.0), (drawing.width, first.y + 8.0)))
    assert any("through" in told for told in faults(replace(drawing, wires=(*drawing.wires, through))))
    at = box(first)
    label = Label((Piece("f"),), x=at.left + 2.0, y=at.top + 12.0, anchor="start")
    assert any("a node on" in told for told in faults(replace(drawing, labels=(*drawing.labels, label))))
    assert len(NAMES) > 80
