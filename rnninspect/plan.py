"""The plan ledger: from a document to facts by arithmetic, without torch and without memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.document.paths import Path
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.layer import Wants
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import ModelInput

Weights = tuple[WeightFact, ...]

# By the axis of a batch, the value of the document that is its size.
_BATCH: dict[str | int, Path] = {"L": ("input", "seq_len"), "N": ("input", "batch_size"), "T": ("input", "lengths")}


def plan(spec: Spec, *, input_grad: bool = False) -> ModelFacts:
    """Everything the equations say of the model.

    input_grad: the backward pass works out the gradients of the input, where it has any, and of every h_0 and c_0 too.
    """
    weights = owned_weights(spec.links, spec.dtype)
    if spec.from_file is not None:
        held_as = spec.from_file.held_as
        weights = tuple(tuple(replace(weight, dtype=held_as[weight.is_bias]) for weight in own) for own in weights)
    layers = plan_layers(spec.links, weights, spec.dtype, input_grad=input_grad, inputs=spec.inputs)
    inputs: tuple[TensorFact, ...] = ()
    outputs: tuple[TensorFact, ...] = ()
    if spec.wired:
        from rnninspect.wired_plan import ends, with_wires  # why here, and below: few documents have wires

        layers, (inputs, outputs) = with_wires(spec, layers), ends(spec)
    if spec.from_file is not None:
        layers = tuple(replace(layer, from_file=spec.from_file) for layer in layers)
    return ModelFacts(
        name=spec.name,
        source=spec.source,
        dtype=spec.dtype,
        layers=layers,
        checkpoint=spec.checkpoint,
        printed=spec.printed,
        inputs=inputs,
        outputs=outputs,
    )


def plan_layers(
    links: Sequence[Link],
    weights: Sequence[Weights],
    dtype: str,
    *,
    input_grad: bool,
    inputs: Sequence[ModelInput] = (),
) -> tuple[LayerFacts, ...]:
    """The facts of layers that are run in order, `weights` as `owned_weights` has them; a loss reads what comes out.

    inputs: those of the model, where it has wires.
    """
    facts = []
    # By input or layer, whether what it hands on is kept for the backward pass already.
    held: dict[str, bool] = {}
    # By a layer that shares the weights of another, whose they are.
    owners: dict[str, str] = {}
    all_wants, graded = _gradients(links, weights, input_grad)
    for link, own, wants in zip(links, weights, all_wants, strict=True):
        layer, signal, reads = link.layer, link.signal, link.wires.reads
        of_layer = _forward_facts(link, own, dtype, _buffers(link, dtype, owners))
        # why not backward: what the steps at both ends leave out makes it no multiple of the tokens.
        if not of_layer.per_token:
            kept = layer.kept(signal, dtype, own, wants)
            # why not twice: what a layer reads is what another has put out, unless it is several, side by side.
            name = reads[0] if len(reads) == 1 else layer.name + "'s input"
            read = of_layer.inputs[0].known_nbytes if kept.input and not held.get(name) else 0
            backward = layer.backward_ops(signal, own, wants)
            of_layer = replace(of_layer, backward=backward, kept_for_backward_bytes=kept.nbytes + read)
            held[name] = held.get(name, False) or kept.input
            held[layer.name] = kept.output and not link.wires.add
        facts.append(of_layer)
    if not any(len(link.wires.reads) > 1 or link.wires.add for link in links) and _read_once(links):
        return tuple(facts)
    from rnninspect.wired_plan import with_operations  # why here, as above: few documents have wires

    return with_operations(links, facts, graded, input_grad, inputs)


def _forward_facts(link: Link, weights: Weights, dtype: str, buffers: Weights) -> LayerFacts:
    """What is known of a layer before it is known what its backward pass works out."""
    layer, signal = link.layer, link.signal
    is_open = signal.batch.is_open
    return LayerFacts(
        name=layer.name,
        type=layer.type,
        inputs=layer.inputs(signal, dtype),
        outputs=layer.outputs(signal, dtype),
        weights=weights,
        forward=layer.forward_ops(signal.one_token if is_open else signal),
        backward=None,
        kept_for_backward_bytes=None,
        per_token=is_open,
        handed_on=layer.hands_on(signal, dtype),
        buffers=buffers,
    )


def _buffers(link: Link, dtype: str, owners: dict[str, str]) -> Weights:
    """The buffers of a layer; of one that shares another's they are that one's too, and it is put into `owners`."""
    buffers, same_as = link.layer.buffers(dtype), link.wires.same_as
    if not same_as:
        return buffers
    owner = owners[link.layer.name] = owners.get(same_as, same_as)
    return tuple(replace(buffer, shared_with=f"{owner}.{buffer.name}") for buffer in buffers)


def _read_once(links: Sequence[Link]) -> bool:
    """Whether no two layers read the same."""
    read = [name for link in links for name in link.wires.reads]
    return len(read) == len(set(read))


def wants_of(links: Sequence[Link], weights: Sequence[Weights], input_grad: bool) -> list[Wants]:
    """Which gradients of what comes in each layer's backward pass works out."""
    return _gradients(links, weights, input_grad)[0]


def _gradients(
    links: Sequence[Link], weights: Sequence[Weights], input_grad: bool
) -> tuple[list[Wants], dict[str, bool]]:
    """What each layer's backward pass works out, and by layer whether what it hands on has a gradient.

    Autograd goes back to what trains and no further: of a layer's input only where something before it trains.
    """
    every: list[Wants] = []
    # By layer, whether what it hands on has a gradient; whoever is not among the links counts as an input.
    graded: dict[str, bool] = {}
    taken = _taken(links)
    for link, own in zip(links, weights, strict=True):
        wires = link.wires
        # Token indices have no gradient.
        before = any(graded.get(name, input_grad) for name in wires.reads) and link.signal.width is not None
        states = graded.get(wires.state_from, input_grad) if wires.state_from else input_grad
        wants = Wants(input=before, states=states, taken=taken.get(link.layer.name, frozenset()))
        every.append(wants)
        has_states = len(link.layer.inputs(link.signal, "float32")) > 1
        added = wires.add not in ("", INPUT) and graded.get(wires.add, input_grad)
        trains = any(weight.trainable for weight in own)
        graded[link.layer.name] = wants.input or (wants.states and has_states) or trains or added
    return every, graded


def _taken(links: Sequence[Link]) -> dict[str, frozenset[str]]:
    """By layer, those of its last states that another starts from."""
    taken: dict[str, frozenset[str]] = {}
    for link in links:
        if link.wires.state_from and isinstance(link.layer, Recurrent):
            taken[link.wires.state_from] = taken.get(link.wires.state_from, frozenset()).union(link.layer.given_states)
    return taken


def owned_weights(links: Sequence[Link], dtype: str) -> tuple[Weights, ...]:
    """The weights of every layer; a shared one has its owner's first values, and is frozen where that is."""
    # By the layer and the name of a weight: of a shared one its owner's.
    owners: dict[str, WeightFact] = {}
    weights = []
    for link in links:
        name, same_as = link.layer.name, link.wires.same_as
        own = []
        for weight in link.layer.weights(dtype):
            shared_with = weight.shared_with or (f"{same_as}.{weight.name}" if same_as else None)
            owner = None if shared_with is None else owners[shared_with]
            if owner is not None:
                first = owner.shared_with or shared_with
                weight = replace(weight, shared_with=first, init=owner.init, trainable=owner.trainable)
            owners[f"{name}.{weight.name}"] = weight
            own.append(weight)
        weights.append(tuple(own))
    return tuple(weights)


def bytes_needed(spec: Spec, facts: ModelFacts) -> int:
    """What building the model and one forward pass hold at once, at the least: all tensors and the largest layer."""
    return (
        facts.parameter_bytes
        + facts.buffer_bytes
        + max(
            link.layer.work_bytes(link.signal, spec.dtype) + waiting
            for link, waiting in zip(spec.links, _waiting(spec), strict=True)
        )
    )


def _waiting(spec: Spec) -> Sequence[int]:
    """For each layer the bytes of what others have handed on that it does not read and a later one does."""
    if not spec.wired:
        return [0] * len(spec.links)
    from rnninspect.wired_plan import waiting

    return waiting(spec)


def largest_size(spec: Spec, layers: Sequence[LayerFacts]) -> tuple[str, Path]:
    """The name of the layer that holds most memory, and where the document has the size that makes it so.

    That is the largest of its own sizes where its weights take more than what goes in and comes out; else the largest
    axis of those, which is a size of the batch or one of its own. layers: as planned.
    """
    index, weights, work = _largest(spec, layers)
    layer, path, most = spec.links[index].layer, spec.links[index].path, None
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
    field = "".join(f".{part}" for part in path[len(spec.path_of(layer)) :])
    return f"try a smaller {layer}{field}"


def _largest(spec: Spec, facts: Sequence[LayerFacts]) -> tuple[int, int, int]:
    """Which layer holds most memory, the bytes of its weights, and of what goes in and comes out."""

    def held(index: int) -> tuple[int, int]:
        link = spec.links[index]
        return facts[index].counts.nbytes, link.layer.work_bytes(link.signal, spec.dtype)

    index = max(range(len(facts)), key=lambda index: sum(held(index)))
    return index, *held(index)
