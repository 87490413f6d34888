"""An ONNX model: its initializers and constants, and the nodes that are recurrent layers.

Weights are not read, but the bias of a layer: ONNX keeps two vectors of each gate, and the second of a layer that had
one is all zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rnninspect.files.held import UNROLLED, Held, HeldLayer, HeldTensor, Said, Unreadable
from rnninspect.files.readers import beside
from rnninspect.files.readers.onnx_graph import FunctionKey, Node, Scope, function_key, said, scopes_of
from rnninspect.files.readers.onnx_origins import At, Origins, is_given
from rnninspect.files.readers.onnx_tensors import needed_beside, values_of
from rnninspect.files.readers.own_names import joined, own_name
from rnninspect.files.readers.protobuf import Field, Message
from rnninspect.files.source import Source

# The fields of a ModelProto.
_GRAPH, _FUNCTION = 7, 25
# The weights among the inputs of a recurrent node, by their place.
_ROLES = {1: "W", 2: "R", 3: "B"}
_PEEPHOLES = {7: "P"}
_CELL_STATE = 6
# So many products with one matrix are told of. why: two may be those of a layer with two inputs.
_LEAST_STEPS = 3
_WITH_PEEPHOLES = {"LSTM", "DynamicQuantizeLSTM"}
# Of how many tensors it is said that a value is made of them.
_MOST_NAMED = 16
# So many elements are read of one file.
_MOST_VALUES = 2**20

# What each tensor is called in the file, by the graph that holds it (its id) and its name there.
Names = dict[tuple[int, str], str]


def read(source: Source, path: str) -> Held:
    """What an ONNX model holds. Raises Unreadable."""
    message = Message(source)
    graph, functions = _top(message)
    scopes = list(scopes_of(message, graph, functions))
    graphs = list({id(scope.graph): scope for scope in scopes}.values())
    names = _names(graphs)
    tensors = {
        names[id(scope.graph), name]: tensor.held._replace(name=names[id(scope.graph), name])
        for scope in graphs
        for name, tensor in scope.graph.tensors.items()
    }
    origins = Origins()
    layers, biases = _layers(scopes, names, origins)
    _read_values(message, tensors, biases)
    everything = [tensor for scope in graphs for tensor in scope.graph.tensors.values()]
    faults = [tensor.fault for tensor in everything if tensor.fault] + beside.faults(path, needed_beside(everything))
    sparse = sum(scope.graph.sparse for scope in graphs)
    return Held(
        file=path,
        format="ONNX",
        tensors=tensors,
        layers=(*layers, *_unrolled(graphs, names)),
        notes=(f"{sparse:,} of its tensors are sparse: the shapes are the dense ones",) if sparse else (),
        damage=beside.told(faults),
        aliases=dict(_aliases(scopes, names, origins)),
    )


def _top(message: Message) -> tuple[Field, dict[FunctionKey, Field]]:
    """Where the graph of a model is, and its functions."""
    graph, functions = None, []
    for field in message.inside(None, _GRAPH, _FUNCTION):
        if field.number == _GRAPH:
            graph = field
        else:
            functions.append(field)
    if graph is None:
        raise Unreadable("an ONNX model without a graph")
    return graph, {function_key(message, field): field for field in functions}


def _names(graphs: Iterable[Scope]) -> Names:
    """What the tensor of a graph is called in the file: its name, with that of the node around it where it is taken."""
    taken: dict[str, int] = {}
    return {
        (id(scope.graph), name): own_name(name, scope.prefix, taken) for scope in graphs for name in scope.graph.tensors
    }


def _layers(scopes: Iterable[Scope], names: Names, origins: Origins) -> tuple[tuple[HeldLayer, ...], dict[str, At]]:
    """The recurrent nodes, each with a name that no other has; and their biases by name."""
    layers, taken = [], dict[str, int]()
    biases: dict[str, At] = {}
    for scope in scopes:
        for node in scope.graph.recurrent:
            layer, bias = _layer(node, scope, names, origins)
            layers.append(layer._replace(name=own_name(layer.name, "" if scope.caller else scope.prefix, taken)))
            if bias is not None:
                biases[names[id(bias.graph), bias.name]] = bias
    return tuple(layers), biases


def _unrolled(scopes: Iterable[Scope], names: Names) -> Iterator[HeldLayer]:
    """Each matrix of a recurrent layer's shapes that several products have, as where an exporter unrolled the steps."""
    for scope in scopes:
        for value, times in scope.graph.products.items():
            tensor = scope.graph.tensors.get(value)
            if times < _LEAST_STEPS or tensor is None or len(tensor.held.shape) != 2:
                continue
            least, most = sorted(tensor.held.shape)
            if least > 1 and most in (least, 3 * least, 4 * least):
                name = names[id(scope.graph), value]
                yield HeldLayer(name, kind=UNROLLED, said={"times": times}, tensors={"matrix": name})


def _wrong_state(node: Node, scope: Scope, origins: Origins, hidden: Said) -> int | None:
    """How many columns its first cell state has, where those are not as many as it has units."""
    if node.op != "LSTM" or len(node.inputs) <= _CELL_STATE or not is_given(node.inputs[_CELL_STATE], scope):
        return None
    at = origins.of(node.inputs[_CELL_STATE], scope).at
    shape = at.graph.tensors[at.name].held.shape if at is not None else ()
    return shape[-1] if len(shape) == 3 and isinstance(hidden, int) and shape[-1] != hidden else None


def _layer(node: Node, scope: Scope, names: Names, origins: Origins) -> tuple[HeldLayer, At | None]:
    """A recurrent node, and the tensor that is its bias."""
    options: dict[str, Said] = said(node, scope)
    tensors, bias = {}, None
    roles = _ROLES | _PEEPHOLES if node.op in _WITH_PEEPHOLES else _ROLES
    for place, role in roles.items():
        if place >= len(node.inputs) or not is_given(node.inputs[place], scope):
            continue
        origin = origins.of(node.inputs[place], scope)
        if origin.at is None:
            options[role] = origin.stop
            if origin.made_of:
                made_of = [names[id(at.graph), at.name] for at in origin.made_of]
                options[f"{role} made of"] = tuple(made_of[:_MOST_NAMED])
            continue
        tensors[role] = names[id(origin.at.graph), origin.at.name]
        if origin.views:
            options[f"{role} seen through"] = origin.views
        bias = origin.at if role == "B" else bias
    if (columns := _wrong_state(node, scope, origins, options.get("hidden_size"))) is not None:
        options["initial_c columns"] = columns
    # why: one that is called LSTM in somebody's own domain may be anything.
    known = not node.domain or (node.domain == "com.microsoft" and node.op == "DynamicQuantizeLSTM")
    kind = node.op if known else f"{node.domain or 'ai.onnx'}.{node.op}"
    name = joined(scope.prefix, node.title) if scope.caller else node.title
    return HeldLayer(name=name, kind=kind, said=options, tensors=tensors), bias


def _read_values(message: Message, tensors: dict[str, HeldTensor], biases: dict[str, At]) -> None:
    """Put the elements of the biases into their tensors."""
    left = _MOST_VALUES
    for name, at in biases.items():
        if (left := left - tensors[name].elements) < 0:
            break
        tensors[name] = tensors[name]._replace(values=values_of(message, at.graph.tensors[at.name]))


def _aliases(scopes: Iterable[Scope], names: Names, origins: Origins) -> Iterator[tuple[str, str]]:
    """The names that are a tensor's second, by an Identity of it."""
    for scope in scopes:
        for output, node in scope.graph.made.items():
            if node.op != "Identity" or node.domain:
                continue
            origin = origins.of(output, scope)
            if origin.at is not None and not origin.views:
                yield output, names[id(origin.at.graph), origin.at.name]
