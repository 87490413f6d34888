"""The picture of a layer's cell: as SVG, or as Mermaid, which Markdown on GitHub draws."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.cells.notation import Shapes
from rnninspect.cells.tree import Cell, Value
from rnninspect.cells.write import name, shapes, write
from rnninspect.errors import counted, listed
from rnninspect.layers.recurrent import Recurrent
from rnninspect.markup import Markup
from rnninspect.pictures.gates import graph_of
from rnninspect.pictures.graph import Graph
from rnninspect.pictures.layout import layout
from rnninspect.pictures.mermaid import mermaid
from rnninspect.pictures.style import style_sheet
from rnninspect.pictures.svg import svg

# Pictures of more nodes than these are not read: of operations, of gates, and where nodes are placed by whoever draws
# a flowchart.
MOST_OPERATIONS = 30
MOST_GATES = 100
_MOST_NODES = 40
# Of a long loop the others are said to be there.
_MOST_EQUATIONS = 30


class TooLarge(Exception):
    """A cell has more nodes than a picture can show."""

    def __init__(self, nodes: int, *, operations: bool) -> None:
        said = f"{nodes:,} operations, and a picture of each" if operations else f"{nodes:,} boxes, and a picture"
        super().__init__(f"{said} shows at most {MOST_OPERATIONS if operations else MOST_GATES}")


def svg_of(
    layer: Recurrent,
    *,
    stacked: int = 0,
    reverse: bool = False,
    operations: bool = False,
    prefix: str = "cell",
    alone: bool = True,
) -> Markup:
    """One step of a fitted layer (`link.layer`) as an SVG.

    stacked: of which stacked layer the sizes are, from 0; reverse: of the direction that reads from the end.
    operations: a node for each operation, else one for each gate. prefix: what the ids in it begin with; each picture
    of a page needs its own. alone: it is a file of its own, with its style inside; else the page has
    `style.style_sheet()` once. Raises TooLarge.
    """
    cell, shape = layer.cell, shapes(layer.cell, layer.declared(stacked), layer.sizes())
    picture = layout(_graph(layer, stacked, reverse, operations), tuple(_notes(layer, stacked, reverse)))
    return svg(
        picture,
        title=title_of(layer),
        description=description(cell, shape, reverse=reverse),
        style=style_sheet() if alone else "",
        prefix=prefix,
    )


def title_of(layer: Recurrent) -> str:
    """What a picture of a layer's cell is called."""
    return f"{layer.name} ({layer.type}): one step"


def mermaid_of(layer: Recurrent) -> tuple[str, ...]:
    """One step of a fitted layer as the lines of a Mermaid flowchart, a node a gate; none of a cell too large."""
    graph = graph_of(layer.cell, shapes(layer.cell, layer.declared(0), layer.sizes()))
    return mermaid(graph) if len(graph.nodes) <= _MOST_NODES else ()


def _graph(layer: Recurrent, stacked: int, reverse: bool, operations: bool) -> Graph:
    shape = shapes(layer.cell, layer.declared(stacked), layer.sizes())
    graph = graph_of(layer.cell, shape, operations=operations, reverse=reverse)
    if len(graph.nodes) > (MOST_OPERATIONS if operations else MOST_GATES):
        raise TooLarge(len(graph.nodes), operations=operations)
    return graph


def _notes(layer: Recurrent, stacked: int, reverse: bool) -> Iterator[str]:
    """Which of a stack is drawn, and how the others differ."""
    if layer.depth * layer.directions == 1:
        return
    drawn = [f"layer {stacked} of {layer.depth}"] * (layer.depth > 1)
    drawn += ["reverse direction" if reverse else "forward direction"] * (layer.directions > 1)
    yield f"Drawn: {', '.join(drawn)}."
    if layer.directions > 1 and not reverse:
        yield "The reverse direction is alike, with t+1 for t−1 and weights of its own."
    if layer.depth > 1 and stacked == 0:
        yield f"{_above(layer)} with weights of {'its' if layer.depth == 2 else 'their'} own{_wider(layer)}."


def _above(layer: Recurrent) -> str:
    return "Layer 1 is alike," if layer.depth == 2 else f"Layers 1 to {layer.depth - 1} are alike,"


def _wider(layer: Recurrent) -> str:
    """What is of another size in the layers above the first."""
    if layer.width_in == layer.width_out:
        return ""
    first, above = (shapes(layer.cell, layer.declared(stacked), layer.sizes()) for stacked in (0, 1))
    other = [weight for weight in layer.cell.weights if first(weight) != above(weight)]
    sizes = {above(weight) for weight in other}
    names = listed([weight.name for weight in other], most=6)
    whose = f", so that {names} is {_shape(*sizes)}" if len(other) == 1 else f", so that {names} are {_shape(*sizes)}"
    return f"; x_t is {layer.width_out} wide" + (whose if len(sizes) == 1 else "")


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def description(cell: Cell, shape: Shapes, *, reverse: bool = False) -> str:
    """A picture in words, for who does not see it: what comes in, the equations, what goes out."""

    def vector(value: Value) -> str:
        (width,) = shape(value)
        return f"{name(cell, value, reverse=reverse)} with {counted(width, 'number')}"

    given = [Value("x", 0)] * (Value("x", 0) in cell.nodes)
    before = [vector(Value(state, 0)) for state in cell.states]
    after = [vector(cell.last(state)) for state in cell.states]
    written = [equation.text for equation in write(cell, shape, reverse=reverse)]
    left_out = f"; and {len(written) - _MOST_EQUATIONS:,} more" * (len(written) > _MOST_EQUATIONS)
    sentences = [f"{vector(value)} comes in." for value in given]
    if before:
        sentences.append(f"From the step before: {listed(before)}.")
    sentences.append(f"{'; '.join(written[:_MOST_EQUATIONS])}{left_out}.")
    sentences.append(f"{vector(cell.result)} is put out.")
    if after:
        sentences.append(f"To the next step: {listed(after)}.")
    return " ".join(sentences)
