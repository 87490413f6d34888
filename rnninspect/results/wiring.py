"""How a layer of a model with wires is connected, in the words of its equations: a line for each layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.errors import listed
from rnninspect.layers.feeding import words
from rnninspect.layers.joining import what_is_added
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.results.table import MOST_NAMED

# What others do with what a layer hands on, with its last states and with its weights.
_WAYS = ("Read by", "Added by", "Its last states are the first ones of", "Its weights are also those of")
# How a first state is made of the last ones of two directions; {0} is h, {1} the layer.
_MADE = {
    "": "{0}_0 = {1}'s {0}_n",
    "concat": "{0}_0[k] = [{1}'s {0}_n[2k]; {0}_n[2k+1]], its two directions side by side",
    "sum": "{0}_0[k] = {1}'s {0}_n[2k] + {0}_n[2k+1], its two directions added",
}


def wiring(spec: Spec) -> dict[str, str]:
    """By layer what it reads, what is added, where its states and weights are from, and who reads it."""
    signals = {each.name: each.signal for each in spec.inputs}
    named = _named_by(spec)
    lines = {}
    for link in spec.links:
        signals[link.layer.name] = link.emitted
        sentences = (*_from(link, signals, spec.dtype), *_to(link.layer.name, named, spec.returns))
        lines[link.layer.name] = " ".join(sentences)
    return lines


def _from(link: Link, signals: Mapping[str, Signal], dtype: str) -> Iterator[str]:
    layer, wires = link.layer, link.wires
    texts = [f"{name} {signals[name].tensor('', 'H', dtype).shape_text}" for name in wires.reads]
    yield f"It reads {listed(texts)}{_side_by_side(link, signals)}."
    if wires.add:
        own = words(layer) if isinstance(layer, Recurrent) else "output"
        added = "its input" if wires.add == INPUT else what_is_added(wires.add, signals[wires.add])
        yield f"It hands on its {own}, plus {added}."
    if wires.state_from and isinstance(layer, Recurrent):
        made = [_MADE[wires.directions].format(state, wires.state_from) for state in layer.given_states]
        yield f"{'; '.join(made)}."
    if wires.same_as:
        yield f"Its weights are those of {wires.same_as}."


def _side_by_side(link: Link, signals: Mapping[str, Signal]) -> str:
    """`: x_t = [embed_t; encoder], (768,), encoder the same at every step`."""
    reads = link.wires.reads
    if len(reads) == 1:
        return ""
    sequences = [name for name in reads if signals[name].is_sequence]
    vectors = [name for name in reads if name not in sequences] if sequences else []
    parts = "; ".join(f"{name}_t" if name in sequences else name for name in reads)
    same = f", {listed(vectors)} the same at every step" if vectors else ""
    return f", side by side: {'x_t' if sequences else 'x'} = [{parts}], ({link.signal.features},){same}"


def _named_by(spec: Spec) -> dict[tuple[str, str], list[str]]:
    """By a layer and what others do with it, which those are."""
    named: dict[tuple[str, str], list[str]] = {}
    for link in spec.links:
        wires = link.wires
        whom = (wires.reads, (wires.add,), (wires.state_from,), (wires.same_as,))
        for way, names in zip(_WAYS, whom, strict=True):
            for name in names:
                named.setdefault((name, way), []).append(link.layer.name)
    return named


def _to(name: str, named: Mapping[tuple[str, str], Sequence[str]], returns: Sequence[str]) -> Iterator[str]:
    """Who reads it, adds it, starts from its states and has its weights; and whether the model returns it."""
    for way in _WAYS:
        if names := named.get((name, way)):
            yield f"{way} {listed(names, MOST_NAMED)}."
    if name in returns:
        yield "The model returns it."
