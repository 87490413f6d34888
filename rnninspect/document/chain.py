"""The model that a document describes: its inputs, and its layers in order, each with what it is fed with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from rnninspect.document.complaints import fault_at
from rnninspect.document.faults import add_excerpts
from rnninspect.document.paths import Path
from rnninspect.document.tree import Tree
from rnninspect.errors import CannotHere, DocumentError, Place
from rnninspect.facts.models import FromFile
from rnninspect.facts.tensors import Wires
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.signal import Batch, ModelInput, Signal

# What the only input is called.
INPUT = "input"
_ALONE = Wires((INPUT,))


class Placed(NamedTuple):
    """A layer before it is fitted to what it reads: where the document has it, and what it says of its wires.

    wires: as they are written; None where the document writes none. keys: all that is written of it, those of the layer
    among them whose weights it has too.
    """

    layer: Layer
    path: Path
    wires: Wires | None = None
    keys: Mapping[str, Any] = MappingProxyType({})

    def fault(self, misfit: Misfit, tree: Tree) -> DocumentError:
        """That it does not fit what it is fed with, told with its place."""
        message = f"layer {self.layer.name!r}: {misfit.message}"
        return fault_at((*self.path, *misfit.field.split(".")), tree, message, misfit.hint)

    def without_fit(self, misfit: Misfit, signal: Signal) -> Signal | None:
        """What it would hand on although it does not fit; None where its own sizes do not say."""
        if misfit.field in ("type", "proj_size"):
            return None
        try:
            return self.layer.emits(signal)
        except ValueError:
            return None


@dataclass(frozen=True)
class Link:
    """A layer, its sizes filled in, the signal it is fed with, where that comes from, and where the document has it."""

    layer: Layer
    signal: Signal
    wires: Wires = _ALONE
    path: Path = ("layers", 0)

    @property
    def emitted(self) -> Signal:
        """What it hands on."""
        return self.layer.emits(self.signal)

    @property
    def ways_on(self) -> dict[str, str]:
        """What becomes of the layer's output before it is handed on, by the key that says so."""
        return self.layer.ways_on | ({"add": self.wires.add} if self.wires.add else {})

    def read(self, signals: Mapping[str, Signal]) -> Signal:
        """What it is fed with, where those are the signals by name."""
        if len(self.wires.reads) == 1:
            return signals[self.wires.reads[0]]
        from rnninspect.layers.joining import side_by_side  # why here: few layers read several

        return side_by_side({name: signals[name] for name in self.wires.reads})


@dataclass(frozen=True)
class Spec:
    """A sound document: what the plan is made from, and what torch builds.

    inputs: what the model is fed with. outputs: the layers whose output it returns, as the document names them; none is
    the last. wired: whether the document says any wires, inputs or outputs.
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
    inputs: tuple[ModelInput, ...]
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
    outputs: tuple[str, ...] = ()
    wired: bool = False

    @property
    def batch(self) -> Batch:
        """The batch of the first input: all have its N."""
        return self.inputs[0].signal.batch

    @property
    def returns(self) -> tuple[str, ...]:
        """The layers whose output the model returns."""
        return self.outputs or (self.links[-1].layer.name,)

    def path_of(self, layer: str) -> Path:
        """Where the document has the layer of that name."""
        return next(link.path for link in self.links if link.layer.name == layer)

    def refused(self, kind: type[CannotHere], message: str, path: Path = ()) -> CannotHere:
        """The error that this model cannot be had here, told with where its document has what stands at `path`.

        Where an option put it there, the document and the option are named.
        """
        place = self.tree.place(path)
        if self.is_replaced(path):
            return kind(f"{place}: {message}", Place(self.source))
        error = kind(message, place if path else Place(self.source))
        add_excerpts(error, self.tree.text, self.source)
        return error

    def is_replaced(self, path: Path) -> bool:
        """Whether what stands at `path` is an option's, `--device` or `--set`, and not the document's own."""
        return self.tree.place(path).source != self.source

    def cut(self, steps: int, sequences: int | None = None) -> Spec:
        """The same model on a smaller batch: at most so many time steps and sequences.

        An axis whose size a layer is built for (see `Layer.spans`) keeps it.
        """
        spanned = frozenset(axis for link in self.links for axis in link.layer.spans(link.signal))
        return self.with_batches([_cut(each.signal.batch, spanned, steps, sequences) for each in self.inputs])

    def with_batch(self, batch: Batch) -> Spec:
        """The same model, which has one input, on another batch with the same axes."""
        return self.with_batches([batch])

    def with_batches(self, batches: Sequence[Batch]) -> Spec:
        """The same model on other batches with the same axes, one for each input."""
        inputs = tuple(
            replace(each, signal=replace(each.signal, batch=batch))
            for each, batch in zip(self.inputs, batches, strict=True)
        )
        signals = {each.name: each.signal for each in inputs}
        links = []
        for link in self.links:
            links.append(replace(link, signal=link.read(signals)))
            signals[link.layer.name] = links[-1].emitted
        return replace(self, inputs=inputs, links=tuple(links))


def _cut(batch: Batch, spanned: frozenset[str], steps: int, sequences: int | None) -> Batch:
    if not spanned & {"L", "T"}:
        lengths = batch.lengths and tuple(min(length, steps) for length in batch.lengths)
        seq_len = batch.seq_len if isinstance(batch.seq_len, str) else min(batch.seq_len, steps)
        batch = replace(batch, seq_len=seq_len, lengths=lengths)
    if sequences is not None and isinstance(batch.size, int) and not spanned & {"N", "T"}:
        size = min(batch.size, sequences)
        batch = replace(batch, size=size, lengths=batch.lengths and batch.lengths[:size])
    return batch


def need_batch(spec: Spec) -> None:
    """Raise DocumentError where nobody says how large the batch is, for what runs a model or counts all of its work."""
    if spec.batch.is_open:
        hint = "--set input.seq_len=20 --set input.batch_size=32 says it"
        raise DocumentError(Place(spec.source), "nobody says how large the batch is", hint=hint)
