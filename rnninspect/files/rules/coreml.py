"""CoreML: a layer says what it is, and has each gate's weights apart."""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.conventions.packing import FUNCTIONS, Kind
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldLayer, Said
from rnninspect.files.rules.left import Left, Read, Undecided

_KINDS: Mapping[str, Kind] = {
    "simpleRecurrent": "RNN",
    "gru": "GRU",
    "uniDirectionalLSTM": "LSTM",
    "biDirectionalLSTM": "LSTM",
}
_WAYS = ("forward/", "backward/")


def read(left: Left) -> Read:
    """Every recurrent layer of a CoreML network."""
    if left.held.format != "CoreML":
        return
    for layer in left.held.layers:
        kind = _KINDS.get(layer.kind)
        parts = tuple(_part(left, role, name) for role, name in layer.tensors.items())
        left.take_named(part.tensor.name for part in parts)
        if kind is None:
            yield Undecided(layer.name, len(parts), f"it is a layer {layer.kind}, which no rule reads")
        elif layer.said.get("coupledInputAndForgetGate"):
            yield Undecided(layer.name, len(parts), "its input and forget gates are one, which no rule reads")
        else:
            yield _layer(layer, kind, parts)


def _part(left: Left, role: str, name: str) -> Part:
    way = next((way for way in _WAYS if role.startswith(way)), "")
    return Part(tensor=left.tensor(name), role=role.removeprefix(way), direction=int(way == "backward/"))


def _layer(layer: HeldLayer, kind: Kind, parts: tuple[Part, ...]) -> FoundLayer:
    said, both = layer.said, layer.kind == "biDirectionalLSTM"
    known, unknown, remarks = _functions(said, kind)
    if said.get("forgetBias") is True:
        known["forgetBias"] = True
        remarks.append("CoreML adds 1 to b_f when the layer runs; the file holds it without.")
    return FoundLayer(
        name=layer.name,
        type=kind,
        input_size=_size(said.get("inputVectorSize")),
        hidden_size=_size(said.get("outputVectorSize")),
        bidirectional=both,
        reverse=not both and said.get("reverseInput") is True,
        biases="one" if any(part.role.lower().endswith("biasvector") for part in parts) else "none",
        reset_after=False if kind == "GRU" else None,
        peepholes=any(part.role.endswith("PeepholeVector") for part in parts),
        convention="CoreML",
        parts=parts,
        known_from=f"a layer {layer.kind}",
        known={"batch_first": False, **known},
        unknown=unknown,
        remarks=tuple(remarks),
    )


def _size(said: Said) -> int:
    return said if isinstance(said, int) else 0


def _functions(said: Mapping[str, Said], kind: Kind) -> tuple[dict[str, Said], dict[str, str], list[str]]:
    """What is known and unknown of its functions, and what is to be told of them."""
    usual, chosen = FUNCTIONS[kind], said.get("activations")
    if not isinstance(chosen, tuple) or not chosen:
        name = "nonlinearity" if kind == "RNN" else "activation"
        return {}, {name: "not in the file"}, []
    functions = tuple(function.lower() for function in chosen)
    known: dict[str, Said] = {}
    if kind == "RNN" and functions[0] in ("tanh", "relu"):
        known["nonlinearity"] = functions[0]
    elif len(functions) > 1 and len(set(functions[1:])) == 1:
        known |= {"recurrent_activation": functions[0], "activation": functions[1]}
    others = {"Its": functions} if functions != usual and "nonlinearity" not in known else {}
    backward = said.get("activationsBackwardLSTM")
    if isinstance(backward, tuple) and backward != chosen:
        others["Its second direction's"] = tuple(function.lower() for function in backward)
    remarks = [
        f"{whose} functions are {', '.join(them)}; torch's are {', '.join(usual)}." for whose, them in others.items()
    ]
    unknown = {"nonlinearity": "none that torch has"} if kind == "RNN" and "nonlinearity" not in known else {}
    return known, unknown, remarks
