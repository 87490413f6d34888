"""ONNX: a node says what it is; W, R, B and P are its tensors, and where they are made of torch's, those are the layer.

https://onnx.ai/onnx/operators/onnx__LSTM.html, GRU and RNN; ONNX Runtime's DynamicQuantizeLSTM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnninspect.conventions.packing import FUNCTIONS, ORDER, Kind
from rnninspect.errors import printable
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import UNROLLED, HeldLayer, HeldTensor, Said
from rnninspect.files.rules.left import Left, Read, Undecided, split
from rnninspect.files.rules.torch import is_stacked

_KINDS: Mapping[str, Kind] = {"RNN": "RNN", "LSTM": "LSTM", "GRU": "GRU", "DynamicQuantizeLSTM": "LSTM"}
_ROLES = ("W", "R", "B", "P")


def read(left: Left) -> Read:
    """Every recurrent node; one whose weights are put together of torch's tells what it knows of those."""
    if left.held.format != "ONNX":
        return
    found: list[FoundLayer] = []
    told: list[str] = []
    for node in left.held.layers:
        if node.kind == UNROLLED or _of_torch(left, node):
            continue
        layer = _layer(left, node)
        if isinstance(layer, FoundLayer):
            layer = layer._replace(remarks=(*layer.remarks, *_as_stack(found, layer)))
            found.append(layer)
            left.take_named(name for role in _ROLES for name in _torchs(node, role))
        elif "initial_c columns" in node.said:
            told += node.tensors.values()
        yield layer
    for layer in found:
        left.take_named(part.tensor.name for part in layer.parts)
    left.take_named(told)


def _of_torch(left: Left, node: HeldLayer) -> bool:
    """Whether its weights are torch's, by name, and only put together here; the function of an RNN is told on."""
    has_bias = "B" in node.tensors or "B" in node.said
    names = [_torchs(node, role) for role in ("W", "R", "B")[: 2 + has_bias]]
    # why all of them: of one that is computed at the export the name is gone, and torch's others would be half a layer.
    if not all(names):
        return False
    if node.kind == "RNN":
        chosen = _functions(node, "RNN")
        if chosen and len(set(chosen)) == 1:
            left.tell(split(names[0][0])[0], {"nonlinearity": chosen[0]})
    return True


def _torchs(node: HeldLayer, role: str) -> tuple[str, ...]:
    """The tensors that one of the node's is put together of, where all have names of torch's."""
    parts = node.said.get(f"{role} made of")
    names = list(parts) if isinstance(parts, tuple) else []
    names += [node.tensors[role]] if f"{role} seen through" in node.said else []
    return tuple(names) if all(is_stacked(split(name)[1]) for name in names) else ()


def _together(left: Left, node: HeldLayer, role: str) -> HeldTensor | None:
    """What the node reads where it is put together of torch's tensors; None where these are not as many as it takes."""
    tensors = [left.tensor(name) for name in _torchs(node, role)]
    directions = 2 if node.said.get("direction") == "bidirectional" else 1
    if not tensors:
        return None
    name, (_, shape, dtype, _) = " and ".join(tensor.name for tensor in tensors), tensors[0]
    if role == "B":
        elements = sum(tensor.elements for tensor in tensors)
        return HeldTensor(name, (directions, elements // directions), dtype) if elements % directions == 0 else None
    if len(tensors) != directions or len({tensor.shape for tensor in tensors}) > 1 or len(shape) != 2:
        return None
    return HeldTensor(name, (directions, *shape), dtype)


def _layer(left: Left, node: HeldLayer) -> FoundLayer | Undecided:
    kind = _KINDS.get(node.kind)
    tensors = {role: left.tensor(node.tensors[role]) for role in _ROLES if role in node.tensors}
    if kind is None:
        return _undecided(node, f"it is a node {node.kind}, which no rule reads")
    together = {role: made for role in _ROLES if role not in tensors and (made := _together(left, node, role))}
    tensors |= together
    for role in ("W", "R"):
        if role not in tensors:
            return _undecided(node, f"the {role} of the node {node.kind} is {node.said.get(role, 'not there')}")
    for role, tensor in tensors.items():
        views = node.said.get(f"{role} seen through")
        if views == ("Unsqueeze",) and len(tensor.shape) < (2 if role in "BP" else 3):
            tensors[role] = tensor._replace(shape=(1, *tensor.shape))
        elif isinstance(views, tuple):
            return _undecided(node, f"the {role} of the node {node.kind} is seen through {', '.join(views)}")
    if "initial_c columns" in node.said:
        columns, units = node.said["initial_c columns"], node.said.get("hidden_size")
        # why: so torch's exporter writes a layer that projects, which ONNX has no operator for.
        return _undecided(
            node, f"its first cell state has {columns} columns and its h {units}, which no LSTM of ONNX has"
        )
    if node.said.get("input_forget"):
        return _undecided(node, "the input gate of the node is one with its forget gate, which no rule reads")
    if "B" in node.said and "B" not in together:
        return _undecided(node, f"the B of the node {node.kind} is {node.said['B']}")
    layer = _read(node, kind, tensors)
    if isinstance(layer, FoundLayer):
        told = (f"The graph puts its {role} together of {printable(made.name)}." for role, made in together.items())
        layer = layer._replace(remarks=(*layer.remarks, *told))
    return layer


def _undecided(node: HeldLayer, why: str) -> Undecided:
    return Undecided(node.name, len(node.tensors), why)


def _read(node: HeldLayer, kind: Kind, tensors: dict[str, HeldTensor]) -> FoundLayer | Undecided:
    weights, recurrent = tensors["W"].shape, tensors["R"].shape
    if len(weights) != 3 or len(recurrent) != 3:
        return _undecided(node, f"its W and R have {len(weights)} and {len(recurrent)} axes, where 3 are expected")
    quantized = node.kind == "DynamicQuantizeLSTM"
    size = node.said.get("hidden_size")
    is_size = isinstance(size, int) and not isinstance(size, bool)
    hidden = size if is_size and isinstance(size, int) else recurrent[1 if quantized else 2]
    known, remarks = _options(node, kind)
    return FoundLayer(
        name=node.name,
        type=kind,
        input_size=weights[1 if quantized else 2],
        hidden_size=hidden,
        bidirectional=node.said.get("direction") == "bidirectional",
        reverse=node.said.get("direction") == "reverse",
        biases="two" if "B" in tensors else "none",
        reset_after=node.said.get("linear_before_reset", 0) == 1 if kind == "GRU" else None,
        peepholes="P" in tensors,
        convention="ONNX quantized" if quantized else "ONNX",
        parts=tuple(Part(tensor, role) for role, tensor in tensors.items()),
        known_from=f"a node {node.kind}",
        known=known,
        unknown={} if kind != "RNN" or "nonlinearity" in known else {"nonlinearity": "none that torch has"},
        remarks=(*remarks, *_zeros(tensors.get("B"), len(ORDER[kind]) * hidden)),
    )


def _functions(node: HeldLayer, kind: Kind) -> tuple[str, ...]:
    """The functions of every direction, one after another; the specification's where the node has none."""
    said = node.said.get("activations")
    if isinstance(said, tuple) and said:
        return tuple(str(function).lower() for function in said)
    return FUNCTIONS[kind] * (2 if node.said.get("direction") == "bidirectional" else 1)


def _options(node: HeldLayer, kind: Kind) -> tuple[dict[str, Said], list[str]]:
    known: dict[str, Said] = {"batch_first": node.said.get("layout") == 1}
    remarks = []
    chosen, usual = _functions(node, kind), FUNCTIONS[kind]
    first = chosen[: len(usual)]
    alike = chosen == first * (len(chosen) // len(usual))
    if kind == "RNN" and alike and first[0] in ("tanh", "relu"):
        known["nonlinearity"] = first[0]
    elif first != usual or not alike:
        remarks.append(f"Its functions are {', '.join(chosen)}; torch's are {', '.join(usual)}.")
        if kind != "RNN" and alike and len(set(first[1:])) == 1:
            known |= {"recurrent_activation": first[0], "activation": first[1]}
    if clip := node.said.get("clip"):
        remarks.append(f"What its gates are functions of is clipped to {clip}.")
    return known, remarks


def _zeros(bias: HeldTensor | None, half: int) -> Iterator[str]:
    """Of biases that were read: whether a layer with one vector, as Keras', may stand behind the two."""
    if bias is None or not bias.values or half < 1 or len(bias.values) % (2 * half):
        return
    starts = range(0, len(bias.values), 2 * half)
    if any(any(bias.values[start + half : start + 2 * half]) for start in starts):
        return
    if any(bias.values):
        yield "Its second bias vector is all zeros, as from Keras, whose layers have one."
    else:
        yield "Its biases are all zeros."


def _as_stack(before: list[FoundLayer], layer: FoundLayer) -> Iterator[str]:
    """What torch could have had as one layer: told, and not merged, as a file does not say who feeds whom."""
    if not before:
        return
    other = before[-1]
    alike = ("type", "hidden_size", "bidirectional", "reverse", "biases", "reset_after", "peepholes", "known")
    if all(getattr(layer, field) == getattr(other, field) for field in alike):
        width = layer.hidden_size * (2 if layer.bidirectional else 1)
        if layer.input_size == width:
            yield (
                f"With {other.name or 'the one'} before it, it has the weights of one torch.nn.{layer.type} with one "
                "more of num_layers."
            )
