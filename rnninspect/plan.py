"""The plan ledger: from a document to facts by arithmetic, without torch and without memory."""

from __future__ import annotations

from dataclasses import replace

from rnninspect.facts import LayerFacts, ModelFacts, WeightFact
from rnninspect.spec.chain import Link, Spec
from rnninspect.spec.tree import Path

# By the axis of a batch, the value of the document that is its size.
_BATCH: dict[str | int, Path] = {"L": ("input", "seq_len"), "N": ("input", "batch_size"), "T": ("input", "lengths")}


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


def largest_size(spec: Spec) -> tuple[str, Path]:
    """The name of the layer that holds most memory, and where the document has the size that makes it so.

    That is the largest of its own sizes where its weights take more than what goes in and comes out; else the largest
    axis of those, which is a size of the batch or one of its own.
    """

    def held(index: int) -> tuple[int, int]:
        link = spec.links[index]
        return facts[index].counts.nbytes, link.layer.work_bytes(link.signal, spec.dtype)

    facts = plan(spec).layers
    index = max(range(len(facts)), key=lambda index: sum(held(index)))
    weights, work = held(index)
    layer, path, most = spec.links[index].layer, ("layers", index), None
    if work > weights:
        tensor = max((*facts[index].inputs, *facts[index].outputs), key=lambda tensor: tensor.nbytes)
        axis, most = max(zip(tensor.axes, tensor.shape, strict=True), key=lambda axis: axis[1])
        if axis in _BATCH:
            return layer.name, _BATCH[axis]
    # why those alone that are written there: a width that was inferred has no place.
    sizes = {
        (*path, field): value
        for field, value in layer
        if type(value) is int and (*path, field) in spec.tree.values and (most is None or value <= most)
    }
    return layer.name, max(sizes, key=lambda size: sizes[size], default=path)


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
