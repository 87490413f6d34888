"""The plan ledger: from a document to facts by arithmetic, without torch and without memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rnninspect.document.chain import Link, Spec
from rnninspect.document.paths import Path
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.layer import NOTHING_KEPT, Wants

Weights = tuple[WeightFact, ...]

# By the axis of a batch, the value of the document that is its size.
_BATCH: dict[str | int, Path] = {"L": ("input", "seq_len"), "N": ("input", "batch_size"), "T": ("input", "lengths")}


def plan(spec: Spec, *, input_grad: bool = False) -> ModelFacts:
    """Everything the equations say of the model.

    input_grad: the backward pass works out the gradients of the input, where it has any, and of every h_0 and c_0 too.
    """
    weights = owned_weights(spec.links, spec.dtype)
    if spec.from_file is not None:
        weights = _as_held(weights, spec.from_file.held_as)
    layers = plan_layers(spec.links, weights, spec.dtype, input_grad=input_grad)
    if spec.from_file is not None:
        layers = tuple(replace(layer, from_file=spec.from_file) for layer in layers)
    return ModelFacts(
        name=spec.name,
        source=spec.source,
        dtype=spec.dtype,
        layers=layers,
        checkpoint=spec.checkpoint,
        printed=spec.printed,
    )


def plan_layers(
    links: Sequence[Link], weights: Sequence[Weights], dtype: str, *, input_grad: bool
) -> tuple[LayerFacts, ...]:
    """The facts of layers that are run in order, `weights` as `owned_weights` has them; a loss follows the last."""
    facts = []
    below = NOTHING_KEPT
    for link, own, wants in zip(links, weights, wants_of(links, weights, input_grad), strict=True):
        layer, signal = link.layer, link.signal
        is_open = signal.batch.is_open
        of_layer = LayerFacts(
            name=layer.name,
            type=layer.type,
            inputs=layer.inputs(signal, dtype),
            outputs=layer.outputs(signal, dtype),
            weights=own,
            forward=layer.forward_ops(signal.one_token if is_open else signal),
            backward=None,
            kept_for_backward_bytes=None,
            per_token=is_open,
            handed_on=layer.hands_on(signal, dtype),
            buffers=layer.buffers(dtype),
        )
        # why not backward: what the steps at both ends leave out makes it no multiple of the tokens.
        if not is_open:
            kept = layer.kept(signal, dtype, own, wants)
            # why not twice: what a layer reads is what the one before it has put out.
            read = of_layer.inputs[0].known_nbytes if kept.input and not below.output else 0
            backward = layer.backward_ops(signal, own, wants)
            of_layer = replace(of_layer, backward=backward, kept_for_backward_bytes=kept.nbytes + read)
            below = kept
        facts.append(of_layer)
    return tuple(facts)


def wants_of(links: Sequence[Link], weights: Sequence[Weights], input_grad: bool) -> Iterator[Wants]:
    """Which gradients of what comes in each layer's backward pass works out.

    Autograd goes back to what trains and no further: of a layer's input only where something before it trains.
    """
    before = input_grad
    for link, own in zip(links, weights, strict=True):
        # Token indices have no gradient.
        wants = Wants(input=before and link.signal.width is not None, states=input_grad)
        yield wants
        has_states = len(link.layer.inputs(link.signal, "float32")) > 1
        before = wants.input or (wants.states and has_states) or any(weight.trainable for weight in own)


def owned_weights(links: Sequence[Link], dtype: str) -> tuple[Weights, ...]:
    """The weights of every layer; a shared one has its owner's first values, and is frozen where that is."""
    owners: dict[str, WeightFact] = {}
    weights = []
    for link in links:
        own = tuple(_as_owned(weight, owners) for weight in link.layer.weights(dtype))
        owners |= {f"{link.layer.name}.{weight.name}": weight for weight in own if weight.shared_with is None}
        weights.append(own)
    return tuple(weights)


def bytes_needed(spec: Spec, facts: ModelFacts) -> int:
    """What building the model and one forward pass hold at once, at the least: all tensors and the largest layer."""
    largest = max(link.layer.work_bytes(link.signal, spec.dtype) for link in spec.links)
    return facts.parameter_bytes + facts.buffer_bytes + largest


def largest_size(spec: Spec, layers: Sequence[LayerFacts]) -> tuple[str, Path]:
    """The name of the layer that holds most memory, and where the document has the size that makes it so.

    That is the largest of its own sizes where its weights take more than what goes in and comes out; else the largest
    axis of those, which is a size of the batch or one of its own. layers: as planned.
    """
    index, weights, work = _largest(spec, layers)
    layer, path, most = spec.links[index].layer, ("layers", index), None
    if work > weights:
        tensor = max((*layers[index].inputs, *layers[index].outputs), key=lambda tensor: tensor.known_nbytes)
        axis, most = max(zip(tensor.axes, tensor.known_shape, strict=True), key=lambda axis: axis[1])
        if axis in _BATCH:
            return layer.name, _BATCH[axis]
    # why those alone that are written there: a width that was inferred has no place.
    sizes = {
        (*path, field): value
        for field, value in layer
        if type(value) is int and (*path, field) in spec.tree.values and (most is None or value <= most)
    }
    return layer.name, max(sizes, key=lambda size: sizes[size], default=path)


def smaller(spec: Spec, layers: Sequence[LayerFacts]) -> str:
    """What to try where memory is short: a smaller batch, or a smaller layer where its weights are what it holds."""
    _, weights, work = _largest(spec, layers)
    if weights < work:
        return "try a smaller input.batch_size or input.seq_len"
    layer, path = largest_size(spec, layers)
    field = "".join(f".{part}" for part in path[2:])
    return f"try a smaller {layer}{field}"


def _largest(spec: Spec, facts: Sequence[LayerFacts]) -> tuple[int, int, int]:
    """Which layer holds most memory, the bytes of its weights, and of what goes in and comes out."""

    def held(index: int) -> tuple[int, int]:
        link = spec.links[index]
        return facts[index].counts.nbytes, link.layer.work_bytes(link.signal, spec.dtype)

    index = max(range(len(facts)), key=lambda index: sum(held(index)))
    return index, *held(index)


def _as_held(weights: Sequence[Weights], dtypes: Mapping[bool, str]) -> tuple[Weights, ...]:
    """The weights in the dtypes that a file holds its biases (True) and matrices (False) in."""
    return tuple(tuple(replace(weight, dtype=dtypes[weight.is_bias]) for weight in own) for own in weights)


def _as_owned(weight: WeightFact, owners: dict[str, WeightFact]) -> WeightFact:
    if weight.shared_with is None:
        return weight
    owner = owners[weight.shared_with]
    return replace(weight, init=owner.init, trainable=owner.trainable)
