"""The layers in order, each fitted to what it is fed with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rnninspect.document.blocks import Document, Input
from rnninspect.document.chain import INPUT, Link, Placed, Spec
from rnninspect.document.complaints import fault_at, wrong_lengths
from rnninspect.document.faults import Faults
from rnninspect.document.paths import Path, dotted
from rnninspect.document.tree import Tree
from rnninspect.document.validate import Validated
from rnninspect.errors import DocumentError
from rnninspect.facts.tensors import Wires
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.signal import Batch, ModelInput, Signal

# What max_output_bytes was called.
_OLD_NAME: Path = ("budget", "max_activation_bytes")


def connect(validated: Validated, tree: Tree, name: str) -> Spec:
    """Fit the layers to one another. Raises DocumentError naming both layers and both numbers of each mismatch."""
    document = validated.document
    given = document.input
    batch = _batch(given, (placed.layer for placed in validated.layers))
    wrong = wrong_lengths(given.lengths, given.batch_size, given.seq_len, ("input",), tree)
    faults = Faults([*wrong, *_old_name_too(document, tree)])
    wired = document.inputs is not None or document.outputs is not None
    wired = wired or any(placed.wires is not None for placed in validated.layers)
    if wired:
        from rnninspect.document.wiring import connected  # why here: few documents have wires

        inputs, links = connected(validated, batch, tree, faults)
    else:
        inputs, links = _chain(validated.layers, batch, tree, faults)
    faults.tell()
    notes = [
        f"{tree.place((*link.path, field))}: {dotted((*link.path, field))}: {text}"
        for link in links
        for field, text in link.layer.notes()
    ]
    if document.budget is not None and document.budget.max_activation_bytes is not None:
        rename = "still holds, but its name is max_output_bytes now (outputs and final states); rename it"
        notes.append(f"{tree.place(_OLD_NAME)}: {dotted(_OLD_NAME)} {rename}")
    return Spec(
        name=document.name or name,
        source=tree.source,
        inputs=inputs,
        device=document.device,
        dtype=document.dtype,
        links=links,
        # why once: the copies of a repeated layer stand at one place.
        notes=tuple(dict.fromkeys(notes)),
        tree=tree,
        budget=document.budget.model_dump(exclude_none=True) if document.budget else {},
        outputs=tuple(document.outputs or ()),
        wired=wired,
    )


def _first_width(layers: Sequence[Placed]) -> int | None:
    """How wide the input is where the first layers take any width: as the first of the others says it."""
    if not layers[0].layer.takes_any_width:
        return None
    return next((each.layer.asked_width for each in layers if not each.layer.takes_any_width), None)


def _chain(
    layers: Sequence[Placed], batch: Batch, tree: Tree, faults: Faults
) -> tuple[tuple[ModelInput, ...], tuple[Link, ...]]:
    """The input, and the layers, each fed with what the one before hands on; faults: gets each misfit."""
    signal = given = Signal(batch, batch.input_axes, width=_first_width(layers))
    links: list[Link] = []
    earlier: dict[str, Layer] = {}
    before = INPUT
    for placed in layers:
        try:
            layer = placed.layer.fit(signal, earlier)
        except Misfit as misfit:
            faults.add_once(placed.fault(misfit, tree))
            after = placed.without_fit(misfit, signal)
            if after is None:
                break  # what the layers after it are fed with is not known
            signal = after
            continue
        if signal.producer is None and signal.width is None:
            signal = given = replace(signal, width=layer.width_in)
        links.append(Link(layer, signal, wires=Wires((before,)), path=placed.path))
        earlier[layer.name] = layer
        before, signal = layer.name, layer.emits(signal)
    return (ModelInput(INPUT, given),), tuple(links)


def _old_name_too(document: Document, tree: Tree) -> Iterator[DocumentError]:
    limits = document.budget
    if limits is not None and None not in (limits.max_activation_bytes, limits.max_output_bytes):
        message = "this is the old name of max_output_bytes, which is there too"
        yield fault_at(_OLD_NAME, tree, message, "keep max_output_bytes")


def _batch(given: Input, layers: Iterable[Layer]) -> Batch:
    """The batch; the first layer that has a batch_first decides about its axes."""
    lengths = None if given.lengths is None else tuple(given.lengths)
    batch_first = next((layer.batch_first for layer in layers if isinstance(layer, SequenceLayer)), False)
    return Batch(
        size=given.batch_size, seq_len=given.seq_len, lengths=lengths, state=given.state, batch_first=batch_first
    )
