"""`explain` of a model with wires: its picture, read back line by line, and a line on how each layer is connected."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ended import Run
from worlds import CONFIGS, spec_of, written

from rnninspect.document.chain import INPUT, Spec
from rnninspect.document.load import load_spec
from rnninspect.plan import plan
from rnninspect.results.explain import explain_blocks
from rnninspect.results.graph import graph_block
from rnninspect.results.wiring import wiring
from rnninspect.study.code import sketch
from rnninspect.study.explain import explain_layers

SEQ2SEQ = """\
input: {batch_size: 3}
inputs: {src: {seq_len: 5}, tgt: {seq_len: 4}}
layers:
  - {name: src_embed, type: Embedding, from: src, num_embeddings: 11, embedding_dim: 2}
  - {name: encoder, type: LSTM, hidden_size: 4, bidirectional: true, feeds: last}
  - {name: embed, type: Embedding, from: tgt, num_embeddings: 9, embedding_dim: 3}
  - {name: decoder, type: GRU, from: [embed, encoder], hidden_size: 8, state_from: {layer: encoder, directions: concat}}
  - {name: head, type: Linear, from: [embed, decoder, encoder], out_features: 9}
"""
STATES = """\
input: {batch_size: 3, seq_len: 4}
outputs: [second, cell]
layers:
  - {name: first, type: LSTM, input_size: 4, hidden_size: 4, bidirectional: true, merge: sum, add: input}
  - {name: second, type: LSTM, hidden_size: 4, state_from: {layer: first, directions: sum}, num_layers: 1}
  - {name: third, same_as: second, from: first, add: second}
  - {name: cell, type: LSTMCell, from: third, hidden_size: 4, state_from: second, feeds: max}
"""


def read_back(lines: Sequence[str]) -> dict[str, set[str]]:
    """By node those that the picture joins it with: from above in its own column, and sideways."""
    above: dict[int, str] = {}
    joined: dict[str, set[str]] = {}
    # Names begin after the columns, all at one place.
    margin = len(lines[0]) - len(lines[0][1:].lstrip())
    for line in lines:
        drawing, name = line[:margin], line[margin:].split()[0]
        place = drawing.index("o")
        joined[name] = {above[place]} if place in above else set()
        for step in (-1, 1):
            at = place
            while 0 <= at + step < len(drawing) and drawing[at + step] in "─├┼┤└┴┘│":
                at += step
                if drawing[at] in "├┼┤└┴┘":
                    joined[name].add(above[at])
                if drawing[at] in "├└┤┘" or (drawing[at] == "│" and drawing[at - step] != "─"):
                    break
        above = {at: above[at] for at, sign in enumerate(drawing) if sign in "├┼┤│"} | {place: name}
        above = {at: who for at, who in above.items() if at % 2 == 0}
    return joined


def expected(spec: Spec) -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {each.name: set() for each in spec.inputs}
    for link in spec.links:
        edges[link.layer.name] = {*link.wires.reads, link.wires.add, link.wires.state_from} - {""}
        if link.wires.add == INPUT:
            edges[link.layer.name] -= {INPUT} - {*link.wires.reads}
    return edges


def random_graph(seed: int) -> Spec:
    """A document whose layers read any earlier ones; what nobody reads is an output."""
    draw = random.Random(seed)
    names = ["input"]
    layers: list[dict[str, Any]] = []
    for k in range(draw.randint(1, 14)):
        reads = draw.sample(names, min(len(names), draw.choice([1, 1, 1, 2, 3, 5]))) if k else ["input"]
        layers.append({"name": f"n{k}", "type": "Linear", "from": reads, "in_features": 2 * len(reads)})
        layers[-1] |= {"out_features": 2} | ({"add": draw.choice(names)} if draw.random() < 0.3 else {})
        names.append(f"n{k}")
    for layer in layers:
        if layer.get("add") == "input":
            del layer["add"]
    read = {name for layer in layers for name in (*layer["from"], layer.get("add"))}
    outputs = [layer["name"] for layer in layers if layer["name"] not in read]
    return spec_of({"input": {"batch_size": 2, "seq_len": 3}, "outputs": outputs, "layers": layers})


def test_a_picture_shows_who_reads_whom_and_no_more() -> None:
    for spec in [spec_of(SEQ2SEQ), spec_of(STATES), *map(random_graph, range(40))]:
        lines = graph_block(spec).lines
        assert read_back(lines) == expected(spec), "\n".join(lines)


def test_a_picture_reads_from_above_down() -> None:
    assert graph_block(spec_of(SEQ2SEQ)).lines == (
        "o      src        (5, 3)",
        "o      src_embed  (5, 3, 2)",
        "o      encoder    (3, 8)     last state",
        "│ o    tgt        (4, 3)",
        "│ o    embed      (4, 3, 3)",
        "├─┼─o  decoder    (4, 3, 8)  starts from encoder",
        "o─┴─┘  head       (4, 3, 9)  returned",
    )


def test_each_layer_has_a_line_of_its_wires() -> None:
    lines = wiring(spec_of(SEQ2SEQ))
    assert lines["decoder"] == (
        "It reads embed (4, 3, 3) and encoder (3, 8), side by side: x_t = [embed_t; encoder], (11,), "
        "encoder the same at every step. h_0[k] = [encoder's h_n[2k]; h_n[2k+1]], its two directions side by side. "
        "Read by head."
    )
    assert lines["encoder"].endswith("Read by decoder and head. Its last states are the first ones of decoder.")
    assert lines["src_embed"] == "It reads src (5, 3). Read by encoder."
    lines = wiring(spec_of(STATES))
    assert lines["first"].startswith(
        "It reads input (4, 3, 4). It hands on its output, the two directions added, plus its input. "
    )
    assert "h_0[k] = first's h_n[2k] + h_n[2k+1], its two directions added; c_0[k] = first's c_n" in lines["second"]
    assert "It hands on its output, plus what second hands on. Its weights are those of second." in lines["third"]
    assert "Its weights are also those of third. The model returns it." in lines["second"]
    assert "h_0 = second's h_n; c_0 = second's c_n." in lines["cell"]


def test_an_input_may_be_added() -> None:
    head = "input: {batch_size: 3}\ninputs: {src: {seq_len: 4, input_size: 2}, more: {seq_len: 4, input_size: 2}}\n"
    layers = "layers:\n  - {name: rnn, type: GRU, from: src, hidden_size: 2, add: more}\n"
    spec = spec_of(head + layers)
    assert graph_block(spec).lines == (
        "o    src   (4, 3, 2)",
        "│ o  more  (4, 3, 2)",
        "o─┘  rnn   (4, 3, 2)  + more; returned",
    )
    words = "its output, plus the input more"
    assert wiring(spec)["rnn"] == f"It reads src (4, 3, 2). It hands on {words}. The model returns it."
    (layer,) = plan(spec).layers
    assert layer.handed_on is not None
    assert layer.handed_on.words == "output plus the input more"


def test_what_is_said_of_states_and_of_what_goes_on_is_of_this_model() -> None:
    spec = spec_of(STATES)
    blocks = explain_blocks(explain_layers(spec), wiring=wiring(spec))
    notes = {block.title: block.notes for block in blocks if "besides" in block.title or "options" in block.title}
    second, third = notes["second (LSTM): besides the equations"], notes["third (LSTM): besides the equations"]
    assert second[0] == "h_0 and c_0 are given: first's h_n and c_n."
    assert third[0] == "h_0 and c_0 are zeros when not given, as in this document."
    assert third[-1] == "It hands on its output plus what second hands on, (4, 3, 4)."
    # What another value of an option would make of a layer that reads others.
    assert any("num_layers: 1" in note and "(2, 3, 4)" in note for note in notes["second (LSTM): options"])
    assert sketch(spec).chain == ""


@pytest.mark.parametrize("format", ["table", "markdown", "latex", "html"])
def test_the_page_has_the_picture_in_every_format(here: Run, tmp_path: Path, format: str) -> None:
    path = written(tmp_path, SEQ2SEQ)
    done = here("explain", path, "--format", format)
    assert (done.returncode, done.stderr) == (0, "")
    assert "encoder" in done.stdout
    drawn = {"table": "├─┼─o  decoder", "markdown": "flowchart TD", "html": ">doc: the model<", "latex": ""}
    assert drawn[format] in done.stdout
    alone = here("explain", path, "--layer", "decoder", "--format", format)
    assert alone.returncode == 0
    assert "├─┼─o" not in alone.stdout


def test_a_chain_has_its_line_and_no_picture(here: Run) -> None:
    done = here("explain", str(CONFIGS / "tagger.yaml"))
    assert "x (20, 32) → embed 300 → encoder" in done.stdout
    assert "wiring" not in done.stdout
    assert sketch(load_spec(str(CONFIGS / "tagger.yaml"))).chain
