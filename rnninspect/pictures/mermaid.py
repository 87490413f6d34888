"""A cell as Mermaid, which Markdown on GitHub draws: the same graph, with the places left to whoever draws it."""

from __future__ import annotations

from collections.abc import Iterator

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
    lines = [*_nodes(graph), *_edges(graph)]
    for name, (fill, stroke) in _CLASSES.items():
        if any(line.endswith(f":::{name}") for line in lines):
            lines.append(f"classDef {name} fill:{fill},stroke:{stroke},color:{LIGHT['ink']}")
    return ("flowchart LR", *(f"  {line}" for line in lines))


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
    target = " = ".join(_escaped(name.text) for name in names)
    if node.kind == "block":
        head = " = ".join(filter(None, [target, _escaped(node.cap)]))
        lines = [" ".join(filter(None, [_escaped(line.text), _escaped(line.size)])) for line in node.lines]
        return f'["{"<br/>".join([f"<b>{head}</b>"] * bool(head) + lines)}"]:::{_class(node)}'
    text = _escaped(node.text)
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
    return f"{_escaped(vector.text)} {vector.width}"


def _escaped(text: Text) -> str:
    return plain(text).translate(_ESCAPES)
