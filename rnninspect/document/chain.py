"""The layers in order, each fitted to what the one before puts out: the model a document describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rnninspect.document.blocks import Document, Input
from rnninspect.document.complaints import fault_at
from rnninspect.document.faults import Faults, add_excerpts
from rnninspect.document.paths import Path, dotted
from rnninspect.document.tree import Tree
from rnninspect.document.validate import Validated
from rnninspect.errors import CannotHere, DocumentError, Place
from rnninspect.facts.from_file import FromFile
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.signal import Batch, Signal
from rnninspect.letters import shape_of

# What max_output_bytes was called.
_OLD_NAME: Path = ("budget", "max_activation_bytes")


@dataclass(frozen=True)
class Link:
    """A layer, its sizes filled in, and the signal it is fed with."""

    layer: Layer
    signal: Signal


@dataclass(frozen=True)
class Spec:
    """A sound document: what the plan is made from, and what torch builds.

    device: the one that the document or an option names, None where neither does.
    notes: a line for each key that has no effect here, or goes by an old name; it begins with the key's place.
    budget: the limits of the document's `budget` block that are set.
    checkpoint: what the file is where it is no document (`safetensors`), "" where it is one: a layer that was found in
    a file is a model of its own, which nothing is fed with, so that its batch may be open. from_file: what else is to
    be known of it. printed: what the printed module is called that it is of, "" where it is of none; its batch may be
    open too. not_described: the name and kind of each part of that module that no layer is, at the first of its layers.
    tree: where everything was written.
    """

    name: str
    source: str
    batch: Batch
    device: str | None
    dtype: str
    links: tuple[Link, ...]
    tree: Tree = field(repr=False, compare=False)
    notes: tuple[str, ...] = ()
    budget: Mapping[str, int] = field(default_factory=dict)
    checkpoint: str = ""
    printed: str = ""
    not_described: tuple[tuple[str, str], ...] = ()
    from_file: FromFile | None = None

    @property
    def input_axes(self) -> tuple[str, ...]:
        """The axes of what the model is fed with, before it is packed; token indices have no feature axis."""
        first = self.links[0].signal
        lead = first.axes if self.batch.lengths is None else ("L", "N")
        return lead if first.width is None else (*lead, "H_in")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The sizes of `input_axes`."""
        first = self.links[0].signal
        return shape_of(self.input_axes, self.batch.letters | {"H_in": first.width or 0})

    def path_of(self, layer: str) -> Path:
        """Where the document has the layer of that name."""
        return next(("layers", i) for i, link in enumerate(self.links) if link.layer.name == layer)

    def refused(self, kind: type[CannotHere], message: str, path: Path = ()) -> CannotHere:
        """The error that this model cannot be had here, told with where its document has what stands at `path`.

        Where an option put it there, the document and the option are named.
        """
        place = self.tree.place(path)
        if place.source != self.source:
            return kind(f"{place}: {message}", Place(self.source))
        error = kind(message, place if path else Place(self.source))
        add_excerpts(error, self.tree.text, self.source)
        return error

    def cut(self, steps: int, sequences: int | None = None) -> Spec:
        """The same model on a smaller batch: at most so many time steps and sequences.

        An axis whose size a layer is built for (see `Layer.spans`) keeps it.
        """
        spanned = {axis for link in self.links for axis in link.layer.spans(link.signal)}
        batch = self.batch
        if not spanned & {"L", "T"}:
            lengths = batch.lengths and tuple(min(length, steps) for length in batch.lengths)
            seq_len = batch.seq_len if isinstance(batch.seq_len, str) else min(batch.seq_len, steps)
            batch = replace(batch, seq_len=seq_len, lengths=lengths)
        if sequences is not None and isinstance(batch.size, int) and not spanned & {"N", "T"}:
            size = min(batch.size, sequences)
            batch = replace(batch, size=size, lengths=batch.lengths and batch.lengths[:size])
        return self.with_batch(batch)

    def with_batch(self, batch: Batch) -> Spec:
        """The same model on another batch with the same axes."""
        signal, links = replace(self.links[0].signal, batch=batch), []
        for link in self.links:
            # why its own batch: behind a convolution it has other steps than the input.
            links.append(replace(link, signal=replace(link.signal, batch=signal.batch)))
            signal = link.layer.emits(links[-1].signal)
        return replace(self, batch=batch, links=tuple(links))


def need_batch(spec: Spec) -> None:
    """Raise DocumentError where nobody says how large the batch is, for what runs a model or counts all of its work."""
    if spec.batch.is_open:
        hint = "--set input.seq_len=20 --set input.batch_size=32 says it"
        raise DocumentError(Place(spec.source), "nobody says how large the batch is", hint=hint)


def connect(validated: Validated, tree: Tree, name: str) -> Spec:
    """Fit the layers to one another. Raises DocumentError naming both layers and both numbers of each mismatch."""
    document = validated.document
    batch = _batch(document.input, validated.layers)
    faults = Faults([*wrong_lengths(document.input, tree), *_old_name_too(document, tree)])
    links = _links(validated.layers, batch, tree, faults)
    faults.tell()
    notes = [
        f"{tree.place(('layers', i, field))}: {dotted(('layers', i, field))}: {text}"
        for i, link in enumerate(links)
        for field, text in link.layer.notes()
    ]
    if document.budget is not None and document.budget.max_activation_bytes is not None:
        rename = "still holds, but its name is max_output_bytes now (outputs and final states); rename it"
        notes.append(f"{tree.place(_OLD_NAME)}: {dotted(_OLD_NAME)} {rename}")
    return Spec(
        name=document.name or name,
        source=tree.source,
        batch=batch,
        device=document.device,
        dtype=document.dtype,
        links=links,
        notes=tuple(notes),
        tree=tree,
        budget=document.budget.model_dump(exclude_none=True) if document.budget else {},
    )


def _first_width(layers: Sequence[Layer]) -> int | None:
    """How wide the input is where the first layers take any width: as the first of the others says it."""
    if not layers[0].takes_any_width:
        return None
    return next((layer.asked_width for layer in layers if not layer.takes_any_width), None)


def _links(layers: Sequence[Layer], batch: Batch, tree: Tree, faults: Faults) -> tuple[Link, ...]:
    """The layers fitted to one another; faults: gets each misfit."""
    signal = Signal(batch, input_axes(batch), width=_first_width(layers))
    links: list[Link] = []
    earlier: dict[str, Layer] = {}
    for i, unfitted in enumerate(layers):
        try:
            layer = unfitted.fit(signal, earlier)
        except Misfit as misfit:
            message = f"layer {unfitted.name!r}: {misfit.message}"
            faults.add(fault_at(("layers", i, *misfit.field.split(".")), tree, message, misfit.hint))
            after = None if misfit.field in ("type", "proj_size") else _without_fit(unfitted, signal)
            if after is None:
                break  # what the layers after it are fed with is not known
            signal = after
            continue
        if signal.producer is None and signal.width is None:
            signal = replace(signal, width=layer.width_in)
        links.append(Link(layer, signal))
        earlier[layer.name] = layer
        signal = layer.emits(signal)
    return tuple(links)


def _without_fit(layer: Layer, signal: Signal) -> Signal | None:
    """What a layer that does not fit would put out; None where its own sizes do not say."""
    try:
        return layer.emits(signal)
    except ValueError:
        return None


def wrong_lengths(given: Input, tree: Tree) -> Iterator[DocumentError]:
    """What of the `input` block's lengths does not go with its sizes."""
    where: Path = ("input", "lengths")
    lengths = given.lengths or ()
    if given.lengths is not None and len(lengths) != given.batch_size:
        size = "null (unbatched)" if given.batch_size is None else given.batch_size
        message = f"expected one length for each sequence, batch_size {size}, got {len(lengths)}"
        yield fault_at(where, tree, message, "make batch_size the number of lengths")
    for i, length in enumerate(lengths):
        if length > given.seq_len:
            message = f"expected at most seq_len {given.seq_len}, got {length}"
            yield fault_at((*where, i), tree, message, "seq_len is the longest sequence the batch can hold")


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


def input_axes(batch: Batch) -> tuple[str, ...]:
    """The axes of the model's input before its feature axis."""
    if batch.lengths is not None:
        return ("T",)
    return ("L",) if batch.size is None else batch.padded_axes
