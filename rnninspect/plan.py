"""The plan ledger: from a document to facts by arithmetic, without torch and without memory."""

from __future__ import annotations

from dataclasses import replace

from rnninspect.facts import LayerFacts, ModelFacts, WeightFact
from rnninspect.spec.chain import Link, Spec


def plan(spec: Spec) -> ModelFacts:
    """Everything the equations say of the model."""
    layers: list[LayerFacts] = []
    tables: dict[str, WeightFact] = {}
    for link in spec.links:
        facts = _layer(link, spec.dtype, tables)
        tables |= {f"{facts.name}.{weight.name}": weight for weight in facts.weights if weight.shared_with is None}
        layers.append(facts)
    return ModelFacts(spec.name, spec.source, spec.dtype, tuple(layers))


def bytes_needed(spec: Spec, facts: ModelFacts) -> int:
    """What building the model and one forward pass hold at once, at the least: parameters and the largest layer."""
    return facts.parameter_bytes + max(link.layer.work_bytes(link.signal, spec.dtype) for link in spec.links)


def _layer(link: Link, dtype: str, tables: dict[str, WeightFact]) -> LayerFacts:
    layer, signal = link.layer, link.signal
    weights = tuple(_as_owned(weight, tables) for weight in layer.weights(dtype))
    return LayerFacts(
        name=layer.name,
        type=layer.type,
        inputs=layer.inputs(signal, dtype),
        outputs=layer.outputs(signal, dtype),
        weights=weights,
        forward=layer.forward_ops(signal),
        backward=layer.backward_ops(signal, weights),
    )


def _as_owned(weight: WeightFact, tables: dict[str, WeightFact]) -> WeightFact:
    """A shared weight is its owner's tensor, and so has its owner's first values and is frozen when it is."""
    if weight.shared_with is None:
        return weight
    owner = tables[weight.shared_with]
    return replace(weight, init=owner.init, trainable=owner.trainable)
