"""What the wires of a model add to its plan: where each layer's input comes from, and what joining and adding take.

An addition is one operation for each number. Backward, the gradients of what is read more than once are added, and so
are those of a vector that was given to every step; of the parts of what stands side by side nothing is worked out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.facts.amounts import Ops
from rnninspect.facts.models import LayerFacts
from rnninspect.facts.tensors import HandedOn, TensorFact
from rnninspect.layers import feeding, joining
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import ModelInput


def with_wires(spec: Spec, layers: Sequence[LayerFacts]) -> tuple[LayerFacts, ...]:
    """The facts with the wires of every layer, what each of several sources hands it, and what it hands on."""
    signals = {each.name: each.signal for each in spec.inputs}
    facts = []
    for link, layer in zip(spec.links, layers, strict=True):
        sources = tuple(signals[name].tensor(name, "H_in", spec.dtype) for name in link.wires.reads)
        handed_on = layer.handed_on
        if link.wires.add:
            own = feeding.words(link.layer) if isinstance(link.layer, Recurrent) else "output"
            add = link.wires.add
            added = "its input" if add == INPUT else joining.what_is_added(add, signals[add])
            handed_on = HandedOn(f"{own} plus {added}", link.emitted.tensor("x", "H_in", spec.dtype))
        facts.append(replace(layer, wires=link.wires, sources=sources if len(sources) > 1 else (), handed_on=handed_on))
        signals[layer.name] = link.emitted
    return tuple(facts)


def ends(spec: Spec) -> tuple[tuple[TensorFact, ...], tuple[TensorFact, ...]]:
    """What the model is fed with, by the names of its inputs, and what it returns, by those of its layers."""
    emitted = {link.layer.name: link.emitted for link in spec.links if link.layer.name in spec.returns}
    inputs = tuple(each.signal.tensor(each.name, "H_in", spec.dtype) for each in spec.inputs)
    return inputs, tuple(emitted[name].tensor(name, "H_out", spec.dtype) for name in spec.returns)


def with_operations(
    links: Sequence[Link],
    layers: Sequence[LayerFacts],
    graded: Mapping[str, bool],
    input_grad: bool,
    inputs: Sequence[ModelInput],
) -> tuple[LayerFacts, ...]:
    """The facts with the operations of joining and adding among those of the layer that does it.

    graded: by layer, whether what it hands on has a gradient; input_grad: whether inputs have.
    """
    signals = {each.name: each.signal for each in inputs}
    read: set[str] = set()
    facts = []
    for link, layer in zip(links, layers, strict=True):
        wires, emitted = link.wires, link.emitted
        backward = 0
        for name in (*wires.reads, *([wires.add] if wires.add not in ("", INPUT) else [])):
            signal = signals.get(name, link.signal)
            if signal.width is not None and graded.get(name, input_grad):
                backward += signal.elements * (name in read)
                backward += joining.given_to_steps(signal, link.signal) * (name in wires.reads)
            read.add(name)
        if wires.add == INPUT and any(graded.get(name, input_grad) for name in wires.reads):
            backward += link.signal.elements
        forward = layer.forward + Ops(0, emitted.elements if wires.add else 0)
        own = None if layer.backward is None else layer.backward + Ops(0, backward)
        facts.append(replace(layer, forward=forward, backward=own))
        signals[layer.name] = emitted
    return tuple(facts)


def waiting(spec: Spec) -> list[int]:
    """For each layer the bytes that are held besides what goes in and comes out.

    That is what others have handed on that a later one reads, what was laid side by side for this one, and its sum with
    what it adds.
    """
    last: dict[str, int] = dict.fromkeys(spec.returns, len(spec.links))
    for k, link in enumerate(spec.links):
        for name in (*link.wires.reads, link.wires.add):
            last[name] = max(last.get(name, 0), k)
    made = {each.name: each.signal for each in spec.inputs}
    held = []
    for k, link in enumerate(spec.links):
        made = {name: signal for name, signal in made.items() if last.get(name, 0) >= k}
        # why not one alone: that is what goes in.
        others = [signal for name, signal in made.items() if (name,) != link.wires.reads]
        others += [link.emitted] * bool(link.wires.add)
        held.append(sum(signal.tensor("x", "H_in", spec.dtype).nbytes or 0 for signal in others))
        made[link.layer.name] = link.emitted
    return held
