"""A cell as Mermaid, which Markdown on GitHub draws: the same graph, with the places left to whoever draws it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.pictures.graph import Graph, Node, Vector, is_sum
from rnninspect.pictures.style import LIGHT
from rnninspect.pictures.terms import MINUS, OVER, PLUS
from rnninspect.pictures.texts import Text, plain

_ESCAPES = str.maketrans({"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;"})
# why the colour of texts too: else they turn light on a light ground where a page is dark.
_CLASSES = {
    "sigmoid": (LIGHT["sigmoid"], LIGHT["wire"]),
    "tanh": (LIGHT["tanh"], LIGHT["wire"]),
    "other": (LIGHT["other"], LIGHT["wire"]),
    "plain": (LIGHT["box"], LIGHT["wire"]),
    "old": (LIGHT["box"], LIGHT["old"]),
    "x": (LIGHT["box"], LIGHT["x"]),
}


def mermaid(graph: Graph) -> tuple[str, ...]:
    """The lines of a flowchart from left to right. Names stand in labels alone, between quotation marks."""
    return flowchart("LR", [*_nodes(graph), *_edges(graph)])


def flowchart(way: str, lines: Sequence[str]) -> tuple[str, ...]:
    """Nodes and edges as a whole flowchart, with the colours of the classes that they have. way: LR or TD."""
    used = {name: colours for name, colours in _CLASSES.items() if any(line.endswith(f":::{name}") for line in lines)}
    colours = [
        f"classDef {name} fill:{fill},stroke:{stroke},color:{LIGHT['ink']}" for name, (fill, stroke) in used.items()
    ]
    return (f"flowchart {way}", *(f"  {line}" for line in (*lines, *colours)))


def _nodes(graph: Graph) -> Iterator[str]:
    for source, vector in enumerate(graph.inputs):
        yield f'n{source}(["{_sized(vector)}"]):::{"x" if source == graph.x else "old"}'
    names: dict[int, list[Vector]] = {}
    for label in graph.labels:
        names.setdefault(label.source, []).append(label)
    for source, node in enumerate(graph.nodes, start=len(graph.inputs)):
        yield f"n{source}{_node(node, names.get(source, []))}"
    for number, end in enumerate(graph.ends):
        put_out = ", the output too" if end.source == graph.output.source else ""
        yield f'e{number}(["{_sized(end)}{put_out}"]):::plain'
    if not graph.output_is_state:
        yield f'y(["{_sized(graph.output)}, the output"]):::plain'


def _edges(graph: Graph) -> Iterator[str]:
    for source, node in enumerate(graph.nodes, start=len(graph.inputs)):
        for pin in node.pins:
            sign = f'|"{pin.sign}"|' if pin.sign in (MINUS, OVER) else ""
            yield f"n{pin.source} -->{sign} n{source}"
    for number, end in enumerate(graph.ends):
        yield f"n{end.source} --> e{number}"
    if not graph.output_is_state:
        yield f"n{graph.output.source} --> y"


def _node(node: Node, names: list[Vector]) -> str:
    """What stands behind a node's id: its shape, its text and its class."""
    target = " = ".join(escaped(name.text) for name in names)
    if node.kind == "block":
        head = " = ".join(filter(None, [target, escaped(node.cap)]))
        lines = [" ".join(filter(None, [escaped(line.text), escaped(line.size)])) for line in node.lines]
        return f'["{"<br/>".join([f"<b>{head}</b>"] * bool(head) + lines)}"]:::{_class(node)}'
    text = escaped(node.text)
    if node.kind in ("circle", "column"):
        text = f"{PLUS if is_sum(node) else '⊙'} {text if node.kind == 'column' else ''}"
    label = "<br/>".join(filter(None, [target and f"<b>{target}</b>", text.strip()]))
    # why round only without a name: one hardly fits into a circle.
    is_round = node.kind == "circle" and not target
    left, right = ("((", "))") if is_round else ("[", "]") if node.kind == "function" else ("(", ")")
    return f'{left}"{label}"{right}:::{_class(node)}'


def _class(node: Node) -> str:
    if not node.function:
        return "plain"
    return node.function if node.function in _CLASSES else "other"


def _sized(vector: Vector) -> str:
    return f"{escaped(vector.text)} {vector.width}"


def escaped(text: Text) -> str:
    """A text as it may stand in a label, between quotation marks."""
    return plain(text).translate(_ESCAPES)
