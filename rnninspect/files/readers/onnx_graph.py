"""A graph of ONNX as far as recurrent layers need it: nodes, where values come from, and graphs within graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnninspect.files.held import Said, Unreadable
from rnninspect.files.readers.onnx_tensors import Stored, stored
from rnninspect.files.readers.own_names import joined
from rnninspect.files.readers.protobuf import BYTES, Field, Message, floating, signed
from rnninspect.files.readers.tensors import MOST_AXES, shape_of

# Operators that are recurrent layers, whatever the domain.
RECURRENT = {"LSTM", "GRU", "RNN", "DynamicQuantizeLSTM", "AttnLSTM"}
# Those that give their first input back: as it is, or as other numbers of the same shape.
SAME = {"Identity", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"}
# The same elements in the same order, in another shape.
VIEWS = {"Unsqueeze", "Squeeze", "Reshape", "Flatten"}
# Some of the elements, or in another order; of Concat every input, of others the first is what is taken from.
PARTS = {"Transpose", "Slice", "Split", "Gather", "Concat", "Expand", "Tile", "Pad"}
_FOLLOWED = SAME | VIEWS | PARTS
# Products, of which the second input is a matrix of weights.
_PRODUCTS = {"MatMul", "Gemm"}
# The dtypes of constants that are arguments of operators, not weights.
_ARGUMENTS = {"int64", "int32", "bool", "string"}
# So many of each are read of one graph. why: each is kept, and a file of nothing else has no end.
_MOST_VALUES, _MOST_TENSORS, _MOST_LAYERS = 300_000, 100_000, 10_000
# How many graphs may lie within each other, and how many there may be, a function counted at each call.
_MOST_DEEP = 64
_MOST_GRAPHS = 20_000

# What a function is called by: its domain, its name and its overload.
FunctionKey = tuple[str, str, str]


class Node(NamedTuple):
    """One node. inputs: left empty where nobody asks for them. said: its attributes, of recurrent nodes and calls.

    refers: attributes that take the value of an attribute of the function's call, by name.
    """

    op: str
    domain: str
    name: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    said: Mapping[str, Said] = {}
    refers: Mapping[str, str] = {}

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or next(filter(None, self.outputs), "")


@dataclass
class Graph:
    """One graph, or the body of a function. tensors, made: of every value, the tensor that it is or the node it is of.

    given: its inputs in their order. defaults: of a function, what its attributes are where a call does not say.
    products: of how many nodes each value is the matrix that they multiply by.
    """

    tensors: dict[str, Stored] = field(default_factory=dict)
    made: dict[str, Node] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    recurrent: list[Node] = field(default_factory=list)
    calls: list[tuple[FunctionKey, Node]] = field(default_factory=list)
    bodies: list[tuple[str, Field]] = field(default_factory=list)
    defaults: dict[str, Said] = field(default_factory=dict)
    products: Counter[str] = field(default_factory=Counter)
    sparse: int = 0


@dataclass(frozen=True, eq=False)
class Scope:
    """A graph where it is used. outer: the one that it may read. caller: the one that calls it, if it is a function.

    prefix: the nodes around it. given: of a function, what each input is in its caller. said: its attributes.
    """

    graph: Graph
    prefix: str
    outer: Scope | None
    caller: Scope | None
    given: Mapping[str, str]
    said: Mapping[str, Said]


def scopes_of(message: Message, graph: Field, functions: Mapping[FunctionKey, Field]) -> Iterator[Scope]:
    """The graph of a model, and every graph within it: bodies of loops and branches, and functions at each call."""
    starts = {place.value for place in functions.values()}
    graphs: dict[int, Graph] = {}
    waiting = [_Use(graph)]
    count = 0
    while waiting:
        use = waiting.pop()
        count += 1
        if use.depth > _MOST_DEEP or count > _MOST_GRAPHS:
            raise Unreadable(f"it has more than {_MOST_DEEP} graphs within each other, or {_MOST_GRAPHS:,} in all")
        start = use.place.value
        if start not in graphs:
            graphs[start] = graph_of(message, use.place, functions, function=start in starts)
        found = graphs[start]
        given = dict(zip(found.given, use.inputs, strict=False)) if use.caller else {}
        scope = Scope(
            graph=found,
            prefix=use.prefix,
            outer=use.outer,
            caller=use.caller,
            given=given,
            said={**found.defaults, **use.said},
        )
        yield scope
        waiting.extend(reversed(list(_within(scope, use.depth + 1, functions))))


class _Use(NamedTuple):
    """A graph that is to be read, and what it is used with."""

    place: Field
    depth: int = 0
    prefix: str = ""
    outer: Scope | None = None
    caller: Scope | None = None
    inputs: tuple[str, ...] = ()
    said: Mapping[str, Said] = {}


def _within(scope: Scope, depth: int, functions: Mapping[FunctionKey, Field]) -> Iterator[_Use]:
    """The graphs that a graph uses."""
    for title, body in scope.graph.bodies:
        yield _Use(body, depth, joined(scope.prefix, title), outer=scope, said=scope.said)
    for key, node in scope.graph.calls:
        prefix = joined(scope.prefix, node.title)
        yield _Use(functions[key], depth, prefix, caller=scope, inputs=node.inputs, said=said(node, scope))


def said(node: Node, scope: Scope) -> dict[str, Said]:
    """The attributes of a node, those that are the call's with its values."""
    theirs = {name: scope.said[other] for name, other in node.refers.items() if other in scope.said}
    return {**node.said, **theirs}


def function_key(message: Message, field: Field) -> FunctionKey:
    """What a FunctionProto is called by."""
    texts = {part.number: message.text(part) for part in message.inside(field, 1, 10, 13)}
    return domain_of(texts.get(10, "")), texts.get(1, ""), texts.get(13, "")


def domain_of(name: str) -> str:
    """A domain; ONNX' own has two names."""
    return "" if name == "ai.onnx" else name


def graph_of(message: Message, place: Field, functions: Mapping[FunctionKey, Field], *, function: bool) -> Graph:
    """What a GraphProto or a FunctionProto holds; the graphs within it are left where they are."""
    graph = Graph()
    others: dict[tuple[str, str], Node] = {}
    for part in message.inside(place):
        if part.number == (7 if function else 1):
            _add_node(message, part, functions, graph, others)
        elif function and part.number == 4:
            graph.given.append(message.text(part))
        elif function and part.number == 11:
            attribute = _attribute(message, part, valued=True)
            graph.defaults[attribute.name] = attribute.value
        elif not function and part.number == 5:
            tensor = stored(message, part)
            graph.tensors[tensor.held.name] = tensor
        elif not function and part.number == 15:
            tensor = _sparse(message, part)
            graph.tensors[tensor.held.name] = tensor
            graph.sparse += 1
        elif not function and part.number == 11:
            graph.given.extend(map(message.text, message.inside(part, 1)))
        _bound(graph)
    return graph


def _bound(graph: Graph) -> None:
    """Raise Unreadable where a graph has more than is read."""
    if len(graph.made) > _MOST_VALUES or len(graph.tensors) > _MOST_TENSORS or len(graph.recurrent) > _MOST_LAYERS:
        most = f"{_MOST_VALUES:,} values, {_MOST_TENSORS:,} tensors and {_MOST_LAYERS:,} recurrent nodes"
        raise Unreadable(f"a graph of more than the {most} that are read of one")


def _sparse(message: Message, place: Field) -> Stored:
    """A SparseTensorProto as the dense tensor that it stands for."""
    dims: list[int] = []
    values = None
    for part in message.inside(place):
        if part.number == 3:
            dims.extend(map(signed, message.numbers(part, MOST_AXES)))
        elif part.number == 1:
            values = stored(message, part)
    if values is None:
        raise Unreadable(f"the sparse tensor at byte {place.value:,} has no values")
    return Stored(
        held=values.held._replace(shape=shape_of(dims)), elements=None, elsewhere=values.elsewhere, fault=values.fault
    )


class _Attribute(NamedTuple):
    """An attribute of a node. value: None where nobody asks for it, or it has one that no table shows."""

    name: str
    value: Said
    refers: str
    tensor: Field | None
    graphs: tuple[Field, ...]


def _add_node(
    message: Message,
    place: Field,
    functions: Mapping[FunctionKey, Field],
    graph: Graph,
    others: dict[tuple[str, str], Node],
) -> None:
    """Read a node into a graph. others: one record for all nodes of an operator that nobody asks more of."""
    (name, op, domain, overload), inputs, outputs, places = _node_parts(message, place)
    key = (domain_of(domain), op, overload)
    valued = op in RECURRENT or key in functions
    attributes = [_attribute(message, part, valued=valued) for part in places]
    node = others.setdefault((key[0], op), Node(op, key[0]))
    if valued or op in _FOLLOWED:
        node = Node(
            op=op,
            domain=key[0],
            name=name,
            inputs=tuple(map(message.text, inputs)),
            outputs=tuple(outputs),
            said={item.name: item.value for item in attributes if valued and not item.refers},
            refers={item.name: item.refers for item in attributes if item.refers},
        )
    title = name or next(filter(None, outputs), "")
    graph.bodies.extend((title, body) for item in attributes for body in item.graphs)
    graph.made.update((output, node) for output in outputs if output)
    if op in _PRODUCTS and len(inputs) > 1:
        graph.products[message.text(inputs[1])] += 1
    if key in functions:
        graph.calls.append((key, node))
    elif op in RECURRENT:
        graph.recurrent.append(node)
    elif op == "Constant" and not key[0] and outputs:
        for item in attributes:
            _add_constant(message, item, graph, outputs[0])


def _node_parts(message: Message, place: Field) -> tuple[list[str], list[Field], list[str], list[Field]]:
    """Of a NodeProto its name, operator, domain and overload, where its inputs stand, its outputs, its attributes."""
    texts = {3: "", 4: "", 7: "", 8: ""}
    inputs, outputs, attributes = [], [], []
    for part in message.inside(place):
        if part.number == 1:
            inputs.append(part)
        elif part.number == 2:
            outputs.append(message.text(part))
        elif part.number in texts:
            texts[part.number] = message.text(part)
        elif part.number == 5:
            attributes.append(part)
    return list(texts.values()), inputs, outputs, attributes


def _add_constant(message: Message, attribute: _Attribute, graph: Graph, name: str) -> None:
    """Keep what may be a weight. why not all: an exported graph has a hundred shapes, indices and single numbers."""
    if attribute.tensor is None:
        return
    tensor = stored(message, attribute.tensor)
    if tensor.held.shape and tensor.held.dtype not in _ARGUMENTS:
        graph.tensors[name] = tensor._replace(held=tensor.held._replace(name=name))


def _attribute(message: Message, place: Field, *, valued: bool) -> _Attribute:
    """An AttributeProto. valued: whether its value is wanted."""
    name, refers, kind, tensor, graphs = "", "", 0, None, []
    parts = []
    for part in message.inside(place):
        if part.number == 1:
            name = message.text(part)
        elif part.number == 21:
            refers = message.text(part)
        elif part.number == 20:
            kind = part.value
        elif part.number == 5:
            tensor = part
        elif part.number in (6, 11):
            graphs.append(part)
        elif valued and part.number in (2, 3, 4, 7, 8, 9):
            parts.append(part)
    return _Attribute(
        name=name,
        value=_value(message, kind, parts) if valued else None,
        refers=refers,
        tensor=tensor,
        graphs=tuple(graphs),
    )


def _value(message: Message, kind: int, parts: list[Field]) -> Said:
    """The value of an attribute. kind: AttributeProto.AttributeType; a value that is zero or empty may be left out."""
    single, several = {1: 2, 2: 3, 3: 4}, {6: 7, 7: 8, 8: 9}
    kinds = {number: kind for kind, number in (single | several).items()}
    kind = kind or (kinds[parts[0].number] if parts else 0)
    if kind not in single | several:
        return None
    found: list[int | float | str] = []
    for part in parts:
        if part.number in (4, 9):
            found.append(message.text(part))
        elif part.number in (3, 8):
            found.extend(signed(number) for number in message.numbers(part))
        elif part.wire == BYTES:
            found.extend(_packed_floats(message, part))
        else:
            found.append(floating(part.value))
    if kind in single:
        empty: dict[int, float | int | str] = {1: 0.0, 2: 0, 3: ""}
        return found[-1] if found else empty[kind]
    return tuple(str(value) for value in found)


def _packed_floats(message: Message, part: Field) -> list[float]:
    content = message.content(part)
    return [floating(int.from_bytes(content[at : at + 4], "little")) for at in range(0, len(content) - 3, 4)]
