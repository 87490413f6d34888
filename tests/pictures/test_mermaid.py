"""The flowchart of a cell in Markdown: every line as Mermaid reads it, no name where it could be a word of its own."""

from __future__ import annotations

import re

import pytest
from drawn_cells import NAMES, graph, layer_of
from flowcharts import CLASS, NODE

from rnninspect.pictures.cell import mermaid_of
from rnninspect.pictures.graph import Graph, Node, Vector
from rnninspect.pictures.mermaid import mermaid
from rnninspect.pictures.texts import Piece

EDGE = re.compile(r'(\w+) -->(?:\|"[−÷]"\|)? (\w+)')


def parts(lines: tuple[str, ...]) -> tuple[dict[str, str], list[tuple[str, str]], set[str]]:
    """The nodes by id with their class, the edges, and the classes that are defined. Fails for any other line."""
    nodes: dict[str, str] = {}
    edges, classes = [], set()
    assert lines[0] == "flowchart LR"
    for line in (line.strip() for line in lines[1:]):
        if found := CLASS.fullmatch(line):
            classes.add(found[1])
        elif found := EDGE.fullmatch(line):
            edges.append((found[1], found[2]))
        else:
            assert NODE.fullmatch(line), line
            nodes[re.split(r"\W", line)[0]] = line.rpartition(":::")[2]
    return nodes, edges, classes


def test_every_cell_is_a_flowchart() -> None:
    for name in NAMES:
        if lines := mermaid_of(layer_of(name)):
            nodes, edges, classes = parts(lines)
            assert {node for edge in edges for node in edge} <= nodes.keys(), name
            assert {*nodes.values()} == classes, name
            drawing = graph(name)
            assert len(edges) == sum(len(node.pins) for node in drawing.nodes) + len(drawing.ends) + (
                not drawing.output_is_state
            )
            assert not {id for id in nodes if not re.fullmatch(r"[ney]\d*", id)}
            assert len("\n".join(lines)) < 5000, name


def test_it_says_gates_and_sizes() -> None:
    lines = "\n".join(mermaid_of(layer_of("LSTM")))
    assert '["<b>f_t = σ</b><br/>W_hf h_{t−1} 50×50<br/>W_if x_t 50×300<br/>b_if + b_hf 50"]:::sigmoid' in lines
    assert '(["x_t 300"]):::x' in lines
    assert '(["h_t 50, the output too"]):::plain' in lines
    assert '(["y_t 50, the output"]):::plain' in "\n".join(mermaid_of(layer_of("GNMTLSTM")))


def test_a_large_one_is_not_drawn() -> None:
    assert mermaid_of(layer_of("LTC")) == ()


@pytest.mark.parametrize("name", ['"]:::x', "<script>", "a#b", "end", "a|b"])
def test_no_text_ends_its_label(name: str) -> None:
    text = (Piece(name),)
    drawing = Graph(
        inputs=(Vector(text, 1, 0),),
        x=None,
        nodes=(Node("pill", (), text=text), Node("function", (), text=text, function="exp")),
        labels=(Vector(text, 1, 1),),
        ends=(Vector(text, 1, 1),),
        output=Vector(text, 1, 1),
    )
    nodes, _, _ = parts(mermaid(drawing))
    assert {*nodes} == {"n0", "n1", "n2", "e0"}
    assert "<script" not in "\n".join(mermaid(drawing))
