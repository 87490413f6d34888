"""A GraphDef of TensorFlow: its constants and variables, and the operators that are recurrent layers in themselves.

https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/framework: graph.proto, function.proto
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnninspect.files.held import HeldLayer, HeldTensor, Said, Unreadable
from rnninspect.files.readers.own_names import joined
from rnninspect.files.readers.protobuf import FIXED32, VARINT, Field, Message, floating, signed
from rnninspect.files.readers.tf_tensors import WEIGHTS, dtype_of, shape_of

_LSTM = {"w": -5, "wci": -4, "wcf": -3, "wco": -2, "b": -1}
_GRU = {"w_ru": 2, "w_c": 3, "b_ru": 4, "b_c": 5}
_CUDNN = {"params": 3}
# The operators that are a layer or a cell, and which of their inputs are weights.
FUSED: Mapping[str, Mapping[str, int]] = {
    "LSTMBlockCell": _LSTM,
    "BlockLSTM": _LSTM,
    "BlockLSTMV2": _LSTM,
    "GRUBlockCell": _GRU,
    "CudnnRNN": _CUDNN,
    "CudnnRNNV2": _CUDNN,
    "CudnnRNNV3": _CUDNN,
}
# Those that give their first input back, and those that are a variable.
_SAME = {"Identity", "ReadVariableOp", "Enter", "RefEnter", "Cast", "StopGradient", "Snapshot"}
_RESOURCE = "Placeholder of a variable"
_VARIABLES = {"VarHandleOp", "VariableV2", "Variable"}
# So many are read of one file. why: each is kept, and a file of nothing else has no end.
_MOST_NODES, _MOST_LAYERS = 200_000, 10_000
# How far a value is followed back, and how far all of a file's are.
_MOST_STEPS = 50
_MOST_IN_ALL = 200_000


class _Node(NamedTuple):
    """A node. tensor: what a constant or a variable is. inputs: of a recurrent one, and of those that give one back."""

    op: str
    inputs: tuple[str, ...] = ()
    tensor: HeldTensor | None = None
    said: Mapping[str, Said] = {}


@dataclass
class Graph:
    """What a graph holds. constants: the tensors in it. variables: those that it has only the shapes of.

    unfollowed: how many recurrent operators stand in functions and take their weights as inputs. resources: how many
    inputs are variables.
    """

    constants: dict[str, HeldTensor] = field(default_factory=dict)
    variables: dict[str, HeldTensor] = field(default_factory=dict)
    layers: list[HeldLayer] = field(default_factory=list)
    unfollowed: int = 0
    resources: int = 0


def add_graph(message: Message, place: Field | None, graph: Graph) -> None:
    """Read a GraphDef, the one that the whole file is where it has no place. Raises Unreadable."""
    steps = _Steps()
    functions: list[Field] = []
    nodes: dict[str, _Node] = {}
    for part in message.inside(place):
        if part.number == 1:
            _put(nodes, *_node(message, part))
        elif part.number == 2:
            functions.extend(message.inside(part, 1))
    graph.resources += sum(node.op == _RESOURCE for node in nodes.values())
    _add(nodes, graph, "", steps)
    for function in functions:
        name, inner = _function(message, function)
        _add(inner, graph, name, steps)


def _function(message: Message, place: Field) -> tuple[str, dict[str, _Node]]:
    """The name of a FunctionDef, and its nodes."""
    title = ""
    nodes: dict[str, _Node] = {}
    for part in message.inside(place):
        if part.number == 1:
            title = next(map(message.text, message.inside(part, 1)), "")
        elif part.number == 3:
            _put(nodes, *_node(message, part))
    return title, nodes


def _put(nodes: dict[str, _Node], name: str, node: _Node) -> None:
    """Keep a node. Raises Unreadable where there are more than are read."""
    nodes[name] = node
    if len(nodes) > _MOST_NODES:
        raise Unreadable(f"a graph of more than the {_MOST_NODES:,} nodes that are read of one")


def _node(message: Message, place: Field) -> tuple[str, _Node]:
    name, op = "", ""
    inputs, attributes = [], []
    for part in message.inside(place):
        if part.number == 1:
            name = message.text(part)
        elif part.number == 2:
            op = message.text(part)
        elif part.number == 3:
            inputs.append(part)
        elif part.number == 5:
            attributes.append(part)
    if op == "Placeholder":
        return name, _Node(_RESOURCE if _is_resource(message, attributes) else op)
    if op == "Const" or op in _VARIABLES:
        return name, _Node(op, (), _tensor(message, name, attributes))
    if op in FUSED or op in _SAME:
        # why: what begins with ^ says what must be done before, and hands on nothing.
        texts = (message.text(part) for part in inputs)
        said = dict(_options(message, attributes)) if op in FUSED else {}
        return name, _Node(
            op=op, inputs=tuple(text for text in texts if not text.startswith("^")), tensor=None, said=said
        )
    return name, _Node(op)


def _options(message: Message, parts: list[Field]) -> Iterator[tuple[str, Said]]:
    """The attributes that are a text or a number."""
    for name, value in message.pairs(parts):
        for item in message.inside(value):
            if name.startswith("_"):
                continue
            if item.number == 2:
                yield name, message.text(item)
            elif item.number == 3 and item.wire == VARINT:
                yield name, signed(item.value)
            elif item.number == 4 and item.wire == FIXED32:
                yield name, floating(item.value)
            elif item.number == 5:
                yield name, bool(item.value)


def _is_resource(message: Message, parts: list[Field]) -> bool:
    """Whether an input is a variable."""
    values = (value for name, value in message.pairs(parts) if name == "dtype")
    return any(dtype_of(item.value) == "resource" for value in values for item in message.inside(value))


def _tensor(message: Message, name: str, parts: list[Field]) -> HeldTensor | None:
    """The tensor that a constant or a variable is; None where the file does not say its shape."""
    dtype = ""
    shape: tuple[int, ...] | None = None
    for key, value in message.pairs(parts):
        for item in message.inside(value):
            if key == "value" and item.number == 8:
                shape = ()
                for inner in message.inside(item):
                    if inner.number == 1:
                        dtype = dtype_of(inner.value)
                    elif inner.number == 2:
                        shape = shape_of(message, inner)
            elif key == "shape" and item.number == 7:
                shape = shape_of(message, item)
            elif key == "dtype" and item.number == 6:
                dtype = dtype_of(item.value)
            elif key == "shared_name" and item.number == 2:
                name = message.text(item) or name
    return None if shape is None else HeldTensor(name, shape, dtype)


def _add(nodes: dict[str, _Node], graph: Graph, function: str, steps: _Steps) -> None:
    """Put what the nodes of a graph, or of a function, are into what the file holds."""
    own: dict[str, str] = {}
    for name, node in nodes.items():
        tensor = node.tensor
        if tensor is None or (node.op == "Const" and (not tensor.shape or tensor.dtype not in WEIGHTS)):
            continue
        held = graph.constants if node.op == "Const" else graph.variables
        own[name] = joined(function, tensor.name) if node.op == "Const" else tensor.name
        held[own[name]] = tensor._replace(name=own[name])
    for name, node in nodes.items():
        if node.op in FUSED:
            layer = _layer(nodes, name, own, steps)
            if len(graph.layers) >= _MOST_LAYERS:
                raise Unreadable(f"a graph of more than the {_MOST_LAYERS:,} recurrent operators that are read")
            if function and not layer.tensors:
                graph.unfollowed += 1
            else:
                graph.layers.append(layer._replace(name=joined(function, name)))


@dataclass
class _Steps:
    """How many are left. why: a file of a million names for one tensor has an end too."""

    left: int = _MOST_IN_ALL


def _layer(nodes: dict[str, _Node], name: str, own: Mapping[str, str], steps: _Steps) -> HeldLayer:
    """A recurrent operator."""
    node = nodes[name]
    said: dict[str, Said] = dict(node.said)
    tensors = {}
    for role, place in FUSED[node.op].items():
        if not -len(node.inputs) <= place < len(node.inputs):
            said[role] = "not given"
            continue
        target, stop = _target(nodes, node.inputs[place], steps)
        if target in own:
            tensors[role] = own[target]
        else:
            said[role] = stop
    return HeldLayer(name=name, kind=node.op, said=said, tensors=tensors)


def _target(nodes: Mapping[str, _Node], name: str, steps: _Steps) -> tuple[str, str]:
    """The node that a value is followed back to, and what is said where that is no tensor."""
    for _ in range(_MOST_STEPS):
        steps.left -= 1
        # `node:0`, within functions `node:output:0`: its output.
        name = name.partition(":")[0]
        node = nodes.get(name)
        if node is None:
            return "", "given as an input"
        if node.op not in _SAME or not node.inputs or steps.left < 0:
            return name, f"computed by {node.op}"
        name = node.inputs[0]
    return "", "computed"
