"""The picture of a whole model: as SVG, or as Mermaid, which Markdown on GitHub draws."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.document.chain import Spec
from rnninspect.markup import Markup
from rnninspect.pictures.cell import MOST_GATES, TooLarge
from rnninspect.pictures.downwards import downwards
from rnninspect.pictures.mermaid import escaped, flowchart
from rnninspect.pictures.model_graph import ModelGraph, model_graph
from rnninspect.pictures.style import style_sheet
from rnninspect.pictures.svg import svg
from rnninspect.pictures.texts import Piece, Text

# Of a flowchart that places nodes by itself; servers take no more than some thousands of characters.
_MOST_NODES = 40
_AXES = {"L": "steps", "N": "sequences", "T": "tokens of a packed batch", "H": "features"}


def model_svg(spec: Spec, *, prefix: str = "model", alone: bool = True) -> Markup:
    """The layers of a model and their wires as an SVG; see `cell.svg_of`. Raises TooLarge."""
    model = model_graph(spec)
    if len(model.graph.nodes) > MOST_GATES:
        raise TooLarge(len(model.graph.nodes), operations=False)
    return svg(
        downwards(model, tuple(_notes(model))),
        title=f"{spec.name}: the model",
        description=" ".join(_described(spec, model)),
        style=style_sheet() if alone else "",
        prefix=prefix,
    )


def model_mermaid(spec: Spec) -> tuple[str, ...]:
    """The same as the lines of a Mermaid flowchart; none of a model too large for one."""
    model = model_graph(spec)
    return flowchart("TD", [*_boxes(model), *_wires(model)]) if len(model.graph.nodes) <= _MOST_NODES else ()


def _boxes(model: ModelGraph) -> Iterator[str]:
    graph = model.graph
    for source, given in enumerate(graph.inputs):
        yield f'n{source}(["{_lines(given.text, *model.labels[source])}"]):::x'
    for source, node in enumerate(graph.nodes, start=len(graph.inputs)):
        if node.kind == "circle":
            yield f'n{source}(("{escaped(node.text)}")):::plain'
            continue
        name, *others = node.lines
        lines = [(*line.text, Piece(" "), *line.size) for line in others]
        head = f"<b>{escaped(name.text)}</b> {escaped(node.cap)}"
        kind = "sigmoid" if node.function == "sigmoid" else "other"
        yield f'n{source}["{"<br/>".join([head, *map(_text, lines)])}"]:::{kind}'
    for number, end in enumerate(graph.ends):
        yield f'e{number}(["{_text(end.text)}"]):::plain'


def _wires(model: ModelGraph) -> Iterator[str]:
    """An edge for each reader of a source; the first has its shape."""
    graph, told = model.graph, set(range(len(model.graph.inputs)))
    readers = [
        (pin.source, f"n{source}")
        for source, node in enumerate(graph.nodes, start=len(graph.inputs))
        for pin in node.pins
    ]
    readers += [(end.source, f"e{number}") for number, end in enumerate(graph.ends)]
    for source, reader in readers:
        texts = () if source in told else model.labels.get(source, ())[-1:]
        if source in model.givers and source not in told:
            texts = model.labels[source]
        told.add(source)
        label = f'|"{_lines(*texts)}"|' if texts else ""
        arrow = "-.->" if source in model.givers else "-->"
        yield f"n{model.givers.get(source, source)} {arrow}{label} {reader}"


def _lines(*texts: Text) -> str:
    return "<br/>".join(map(_text, texts))


def _text(text: Text) -> str:
    return escaped(text).strip()


def _notes(model: ModelGraph) -> Iterator[str]:
    yield ", ".join(f"{letter}: {meaning}" for letter, meaning in _AXES.items() if letter in model.letters) + "."
    if any(node.kind == "layer" and len(node.pins) > 1 for node in model.graph.nodes):
        yield "What a layer reads of several stands side by side, from left to right."
    if model.givers:
        yield "A wire from the side of a box hands its last states over."


def _described(spec: Spec, model: ModelGraph) -> Iterator[str]:
    for each in spec.inputs:
        yield f"{each.name} {each.signal.tensor('x', 'H', 'float32').shape_text} comes in."
    yield from model.sentences
    yield f"The model returns {' and '.join(spec.returns)}."
