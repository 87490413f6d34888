"""What goes into every layer and what comes out, of a model with wires: who reads it, and where states come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rnninspect.document.chain import INPUT
from rnninspect.errors import listed
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.facts.tensors import TensorFact, Wires
from rnninspect.results.shape_rows import Row
from rnninspect.results.table import MOST_NAMED
from rnninspect.results.wires import ends

# So many characters have room in a row, of what reads a layer.
_ROOM = 10
_RETURNED = ", which the model returns"
_DIRECTIONS = {"concat": ", its two directions side by side", "sum": ", its two directions added", "": ""}


def wired_rows(model: ModelFacts) -> Iterator[Row]:
    """The rows of every layer; what a layer reads of the one above it people see there."""
    readers = _readers(model)
    before, returned = "", [tensor.name for tensor in model.outputs]
    for layer in model.layers:
        wires = _wires(layer)
        given, *states = layer.inputs
        for source in layer.sources:
            # why no letter: H_in is the width of all of them side by side.
            axes = (*source.axes[:-1], str(source.shape[-1]))
            yield Row(layer=layer, tensor=replace(source, axes=axes), way="source", goes=f"→ {given.name}")
        (name, *others) = wires.reads
        from_one = "in" if others or name == INPUT else f"← {name}"
        shown = bool(others) or name != before or layer.name not in readers[before]
        yield Row(layer=layer, tensor=given, way="in", goes=from_one, shown=shown)
        from_states = f"← {wires.state_from}" if wires.state_from else "in"
        yield from (Row(layer=layer, tensor=state, way="in", goes=from_states) for state in states)
        output, *states = layer.outputs
        yield Row(layer=layer, tensor=output, way="out", goes=_goes(layer.name, readers[layer.name], returned))
        for state in states:
            yield Row(layer=layer, tensor=state, way="out", goes=_goes(state.name, _takers(state, layer, model), ()))
        before = layer.name


def _takers(state: TensorFact, layer: LayerFacts, model: ModelFacts) -> list[str]:
    """The layers that start from this last state of a layer: a GRU takes h_n of an LSTM, and not its c_n."""
    first = state.name.replace("_n", "_0")
    takers = [each for each in model.layers if _wires(each).state_from == layer.name]
    return [each.name for each in takers if first in [tensor.name for tensor in each.inputs]]


def _wires(layer: LayerFacts) -> Wires:
    return layer.wires or Wires((INPUT,))


def _readers(model: ModelFacts) -> dict[str, list[str]]:
    """By layer those that read its output as it is."""
    readers: dict[str, list[str]] = {}
    by_name = {layer.name: layer for layer in model.layers}
    for layer in model.layers:
        readers[layer.name] = []
        for name, tensor in _read(layer).items():
            if name in by_name and _is_whole(by_name[name], tensor):
                readers[name].append(layer.name)
        added = _wires(layer).add
        if added in by_name and _is_whole(by_name[added], _handed_on(layer)) and layer.name not in readers[added]:
            readers[added].append(layer.name)
    return readers


def _read(layer: LayerFacts) -> Mapping[str, TensorFact]:
    """What a layer reads, by name."""
    if layer.sources:
        return {source.name: source for source in layer.sources}
    return {_wires(layer).reads[0]: layer.inputs[0]}


def _is_whole(layer: LayerFacts, read: TensorFact) -> bool:
    """Whether what is read of a layer is its output, and not its last state, or what it makes of it."""
    return layer.handed_on is None and read.shape == layer.outputs[0].shape


def _goes(name: str, readers: Sequence[str], returns: Sequence[str]) -> str:
    """Where an output goes."""
    if not readers:
        return "returned" if name in returns else "out"
    to = ", ".join([*readers, *["returned"] * (name in returns)])
    # why not all: the row has axes and shapes beside it; a sentence has them.
    return f"→ {to}" if _fits(readers, returned=name in returns) else f"→ {readers[0]}, ..."


def _fits(readers: Sequence[str], *, returned: bool) -> bool:
    """Whether a row has room for all who read an output."""
    return len(readers) + returned == 1 or len(", ".join([*readers, *["returned"] * returned])) <= _ROOM


def wired_notes(model: ModelFacts) -> Iterator[str]:
    """What a layer hands on that is not its output, what several sources become, and states that are handed over."""
    readers: dict[str, dict[str, TensorFact]] = {layer.name: {} for layer in model.layers}
    by_name = {layer.name: layer for layer in model.layers}
    for layer in model.layers:
        for name, tensor in _read(layer).items():
            if name in readers:
                readers[name][layer.name] = tensor
        wires = _wires(layer)
        if wires.add in readers:
            readers[wires.add].setdefault(layer.name, _handed_on(layer))
    returned = {tensor.name: tensor for tensor in model.outputs}
    for layer in model.layers:
        yield from _about_what_it_hands_on(layer, readers[layer.name], returned.get(layer.name))
    for layer in model.layers:
        yield from _about_sources(layer)
        yield from _about_states(layer, by_name)
    yield from ends(model)


def _handed_on(layer: LayerFacts) -> TensorFact:
    """What a layer hands on that does not hand on its last state."""
    return layer.outputs[0] if layer.handed_on is None else layer.handed_on.tensor


def _about_what_it_hands_on(
    layer: LayerFacts, readers: Mapping[str, TensorFact], returned: TensorFact | None
) -> Iterator[str]:
    read = next(iter(readers.values()), returned)
    if layer.handed_on is not None:
        words, tensor = layer.handed_on
    elif read is not None and not _is_whole(layer, read):
        words, tensor = "last state only", read
    else:
        if not _fits(list(readers), returned=returned is not None):
            yield f"{layer.name} feeds {listed(list(readers), MOST_NAMED)}{_RETURNED * (returned is not None)}"
        return
    to = f"feeds {listed(list(readers), MOST_NAMED)} its" if readers else "hands on its"
    yield f"{layer.name} {to} {words}, {tensor.shape_text}{_RETURNED * (returned is not None)}"


def _about_sources(layer: LayerFacts) -> Iterator[str]:
    """What stands beside what, and which vector is the same at every step."""
    if not layer.sources:
        return
    steps = [source for source in layer.sources if len(source.axes) == len(layer.inputs[0].axes)]
    vectors = [source.name for source in layer.sources if source not in steps]
    widths = " + ".join(str(source.shape[-1]) for source in layer.sources)
    repeated = f", {listed(vectors)} the same at every step" if steps and vectors else ""
    names = listed([source.name for source in layer.sources], MOST_NAMED)
    yield f"{layer.name} reads {names} side by side: H_in = {widths} = {layer.inputs[0].shape[-1]}{repeated}"


def _about_states(layer: LayerFacts, by_name: Mapping[str, LayerFacts]) -> Iterator[str]:
    wires = _wires(layer)
    if not wires.state_from:
        return
    last = {tensor.name: tensor for tensor in by_name[wires.state_from].outputs[1:]}
    states = [tensor.name.removesuffix("_0") for tensor in layer.inputs[1:]]
    names = listed([f"{state}_n {last[f'{state}_n'].shape_text}" for state in states])
    yield f"{layer.name} starts from {wires.state_from}'s {names}{_DIRECTIONS[wires.directions]}"
