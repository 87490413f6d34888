"""Pictures of models: nothing overlaps, no wire crosses a box, and what they say is what the plan has."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from drawn_geometry import faults
from drawn_models import WIRED
from flowcharts import CLASS, NODE
from hypothesis import example, given
from hypothesis import strategies as st
from samples import examples
from worlds import CONFIGS, spec_of, text_of

from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.pictures.cell import TooLarge
from rnninspect.pictures.downwards import downwards
from rnninspect.pictures.folding import folds
from rnninspect.pictures.model import model_mermaid, model_svg
from rnninspect.pictures.model_graph import model_graph
from rnninspect.plan import plan

SVG = "{http://www.w3.org/2000/svg}"


def folded(times: int, block: str, *, head: str = "", before: str = "", after: str = "") -> Spec:
    text = (
        f"{head}input: {{batch_size: 3, seq_len: 5}}\nlayers:\n{before}  - repeat: {times}\n    layers:\n{block}{after}"
    )
    return spec_of(text)


@pytest.mark.parametrize("name", [*WIRED, *(path.name for path in sorted(CONFIGS.glob("*.yaml")))])
def test_nothing_overlaps_and_no_wire_crosses_a_box(name: str) -> None:
    spec = WIRED[name] if name in WIRED else load_spec(str(CONFIGS / name))
    picture = downwards(model_graph(spec), ["L: steps."])
    assert list(faults(picture, down=True)) == []
    assert picture.width <= 600


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Layers of one width, each reading, adding and starting from any of those before."""
    names, vectors, recurrent, layers = ["input"], list[str](), list[str](), list[str]()
    for k in range(draw(st.integers(2, 9))):
        name = f"a{k}"
        reads = draw(st.lists(st.sampled_from(names + vectors), min_size=1, max_size=3, unique=True))
        reads = reads if set(reads) & set(names) else [names[-1], *reads]
        kind = draw(st.sampled_from(["GRU", "Linear", "Tanh"]))
        wires = f"name: {name}, type: {kind}, from: [{', '.join(reads)}]"
        first = k == 0 and kind != "Tanh"
        size = {"GRU": ", hidden_size: 4", "Linear": ", out_features: 4", "Tanh": ""}[kind]
        size += {"GRU": ", input_size: 4", "Linear": ", in_features: 4", "Tanh": ""}[kind] * first
        if kind == "Tanh" and (k == 0 or len(reads) > 1):
            wires, size = f"name: {name}, type: GRU, from: [{', '.join(reads)}]", ", hidden_size: 4"
            size += ", input_size: 4" * (k == 0)
            kind = "GRU"
        last = kind == "GRU" and draw(st.booleans()) and k > 0
        if not last and k and draw(st.booleans()):
            wires += f", add: {draw(st.sampled_from(names[1:] or ['input']))}" if len(names) > 1 else ""
        if kind == "GRU" and recurrent and draw(st.booleans()):
            wires += f", state_from: {draw(st.sampled_from(recurrent))}"
        layers.append(f"{wires}{size}{', feeds: last' * last}")
        (vectors if last else names).append(name)
        recurrent += [name] * (kind == "GRU")
    return text_of(*layers, head=f"outputs: [{', '.join(names[1:] + vectors)}]\ninput: {{batch_size: 3, seq_len: 7}}")


# The names that are returned are wider than the boxes they stand below.
RETURNED = """\
outputs: [a0, a1, a2, a5, a3, a4]
input: {batch_size: 3, seq_len: 7}
layers:
  - {name: a0, type: Linear, from: input, out_features: 4, in_features: 4}
  - {name: a1, type: GRU, from: input, hidden_size: 4}
  - {name: a2, type: GRU, from: input, state_from: a1, hidden_size: 4}
  - {name: a3, type: GRU, from: input, hidden_size: 4, feeds: last}
  - {name: a4, type: GRU, from: [input, a0], hidden_size: 4, feeds: last}
  - {name: a5, type: GRU, from: input, add: a0, hidden_size: 4}
"""


@examples(15)
@example(RETURNED)
@given(documents())
def test_so_it_is_whatever_the_wires(document: str) -> None:
    picture = downwards(model_graph(spec_of(document)), ["L: steps."])
    assert list(faults(picture, down=True)) == []


@pytest.mark.parametrize("name", WIRED)
def test_it_says_what_the_plan_says(name: str) -> None:
    spec = WIRED[name]
    root = ElementTree.fromstring(model_svg(spec, prefix="p1"))
    texts = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    for link, facts in zip(spec.links, plan(spec).layers, strict=True):
        assert {link.layer.name, link.layer.type} <= texts
        assert f"{facts.counts.parameters:,}" in texts | {"0"}
        assert link.emitted.tensor("x", "H", "float32").shape_text in texts
    title, described = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "doc: the model"
    assert described is not None
    said = re.findall(r"(\w+), \w+[^.]*\. Reads", str(described.text))
    assert said == [link.layer.name for link in spec.links]
    assert {element.attrib["id"] for element in root.iter() if "id" in element.attrib} == {"p1-title", "p1-desc"}
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "path", "circle", "g", "text", "tspan"}


def test_states_handed_over_have_a_wire_of_their_own() -> None:
    model = model_graph(WIRED["states"])
    texts = [["".join(piece.text for piece in line) for line in model.labels[source]] for source in model.givers]
    assert texts == [["h_n, c_n", "(2, 3, 3)"], ["h_n", "(1, 3, 3)"]]
    giver, taker = "type: LSTM, input_size: 4, hidden_size: 4", "type: GRU, hidden_size: 4, state_from: lstm"
    only = model_graph(spec_of(text_of(giver, taker)))
    assert [label[0][0].text for source, label in only.labels.items() if source in only.givers] == ["h_n"]
    picture = downwards(model, [])
    assert {wire.kind for wire in picture.wires if wire.source in model.givers} == {"old"}
    assert "directions side by side" in model.sentences[1]


def test_layers_alike_are_shown_once() -> None:
    rnn = "      - {name: rnn, type: LSTM, input_size: 4, hidden_size: 4}\n"
    block = f"{rnn}      - {{name: norm, type: LayerNorm, add: input}}\n"
    spec = folded(50, rnn, after="  - {type: Linear, out_features: 3}\n")
    assert [(fold.size, fold.times) for fold in folds(spec)] == [(1, 50), (1, 1)]
    said = model_graph(spec).sentences[0]
    assert said.startswith("rnn_0 … rnn_49, 50 × LSTM: hidden_size 4, parameters of each 160, of all 8,000.")
    assert [(fold.size, fold.times) for fold in folds(folded(5, block))] == [(2, 5)]
    said = model_graph(folded(5, block)).sentences[0]
    assert said.startswith(
        "2 layers, 5 ×: rnn_0 … rnn_4 LSTM, hidden_size 4, norm_0 … norm_4 LayerNorm, plus its input,"
    )
    assert len(folds(folded(3, block))) == 6
    assert [fold.times for fold in folds(folded(9, rnn, before="  - {type: Tanh}\n"))] == [1, 9]


@pytest.mark.parametrize(
    "after",
    [
        "  - {type: Linear, from: [rnn_2, rnn_5], out_features: 3}\n",
        "  - {type: GRU, from: rnn_5, hidden_size: 4, state_from: rnn_2}\n",
        "  - {from: rnn_5, same_as: rnn_2, name: b}\n",
        "  - {type: Tanh, add: rnn_2}\n",
    ],
)
def test_layers_that_others_name_are_shown(after: str) -> None:
    kind = "GRU" if "GRU" in after else "LSTM"
    spec = folded(6, f"      - {{name: rnn, type: {kind}, input_size: 4, hidden_size: 4}}\n", after=after)
    assert [fold.times for fold in folds(spec)] == [1] * 7


def test_one_that_is_returned_is_shown() -> None:
    rnn = "      - {name: rnn, type: LSTM, input_size: 4, hidden_size: 4}\n"
    assert len(folds(folded(6, rnn, head="outputs: [rnn_2, rnn_5]\n"))) == 6


def test_a_model_of_too_many_boxes_is_not_drawn() -> None:
    spec = spec_of(text_of(*(f"name: a{k}, type: RNN, input_size: {k + 1}, hidden_size: {k + 2}" for k in range(101))))
    with pytest.raises(TooLarge, match="101 boxes, and a picture shows at most 100"):
        model_svg(spec)
    assert model_mermaid(spec) == ()


def test_the_flowchart_has_a_node_for_each_layer_and_an_edge_for_each_wire() -> None:
    for spec in WIRED.values():
        lines = model_mermaid(spec)
        nodes = [line for line in lines if re.match(r"  n\d+[\[(]", line)]
        edges = [line for line in lines if re.fullmatch(r'  n\d+ (-->|-\.->)(\|"[^"|]+"\|)? [ne]\d+', line)]
        others = [line.strip() for line in lines[1:] if line not in edges]
        assert [line for line in others if not NODE.fullmatch(line) and not CLASS.fullmatch(line)] == []
        added = [link for link in spec.links if link.wires.add]
        assert lines[0] == "flowchart TD"
        assert len(nodes) == len(spec.inputs) + len(spec.links) + len(added)
        reads = sum(len(link.wires.reads) + bool(link.wires.state_from) for link in spec.links)
        assert len(edges) == reads + 2 * len(added) + len(spec.returns)
        assert sum("-.->" in line for line in edges) == sum(bool(link.wires.state_from) for link in spec.links)
        assert sum(map(len, lines)) < 5000
