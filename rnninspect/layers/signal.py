"""What flows from one layer to the next: which axes it has, how large they are, how wide each element is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Literal

from rnninspect.facts.tensors import TensorFact
from rnninspect.letters import OpenShape, open_shape_of, shape_of


@dataclass(frozen=True)
class Batch:
    """The batch of a document's `input` block, or one of which L or N is not known: an open one.

    size: N, or None for unbatched input. lengths: N lengths of a packed batch. state: "zeros" (torch's default)
    or "random", how h_0 and c_0 are filled. batch_first: whether N stands before L, where there are both.
    size, seq_len: the letter, where nobody says the size: a file has layers, and no batch.
    """

    size: int | Literal["N"] | None
    seq_len: int | Literal["L"]
    lengths: tuple[int, ...] | None = None
    state: str = "zeros"
    batch_first: bool = False

    @cached_property
    def letters(self) -> dict[str, int]:
        """The sizes of L, N and T, of those that are known."""
        if self.lengths:
            return {"L": max(self.lengths), "N": len(self.lengths), "T": sum(self.lengths)}
        known = {"L": self.seq_len, "N": self.size or 1}
        sizes = {letter: size for letter, size in known.items() if not isinstance(size, str)}
        return sizes if len(sizes) < len(known) else sizes | {"T": prod(sizes.values())}

    @property
    def is_open(self) -> bool:
        """Whether nobody says how many tokens there are."""
        return "T" not in self.letters

    def running(self, step: int) -> int:
        """How many sequences have a time step `step`, the first being 0."""
        if self.lengths is not None:
            return sum(length > step for length in self.lengths)
        return self.letters["N"] if step < self.letters["L"] else 0

    @property
    def padded_axes(self) -> tuple[str, str]:
        """The axes before the feature axis, unless the batch is packed or there is none."""
        return ("N", "L") if self.batch_first else ("L", "N")

    @property
    def input_axes(self) -> tuple[str, ...]:
        """The axes of a sequence that goes in, before its features."""
        if self.lengths is not None:
            return ("T",)
        return ("L",) if self.size is None else self.padded_axes

    @property
    def states_axes(self) -> tuple[str, ...]:
        """The batch axis of a state: (N,), or nothing when unbatched."""
        return () if self.size is None else ("N",)


@dataclass(frozen=True)
class Signal:
    """The tensor between two layers.

    axes: the letters before the feature axis: (L, N), (N, L), (L,) unbatched, (T,) packed; (N,) or () once a
        layer has handed on one vector of each sequence, such as its last state.
    width: the feature axis, or None for token indices, which have none.
    producer: the layer it comes from, None for the document's input; of several, side by side, `a + b`.
    joined: it is several, side by side.
    pooled_by: the layer that made one vector of each sequence, None where it is a sequence or came in so.
    """

    batch: Batch
    axes: tuple[str, ...]
    width: int | None
    producer: str | None = None
    pooled_by: str | None = field(default=None, compare=False)
    joined: bool = field(default=False, compare=False)

    @property
    def features(self) -> int:
        """The width, where there is one; raises ValueError for token indices."""
        if self.width is None:
            raise ValueError("token indices have no features")
        return self.width

    @property
    def is_sequence(self) -> bool:
        """Whether there are time steps."""
        return "L" in self.axes or "T" in self.axes

    @property
    def tokens(self) -> int:
        """How many elements carry features: L x N, the real tokens of a packed batch, or N of one vector each.

        Raises KeyError where nobody says how large the batch is.
        """
        return prod(shape_of(self.axes, self.batch.letters))

    @property
    def elements(self) -> int:
        """How many numbers it has: tokens x features; raises what those do."""
        return self.tokens * self.features

    @property
    def one_token(self) -> Signal:
        """The same of a batch of one token."""
        return replace(self, batch=replace(self.batch, size=1, seq_len=1, lengths=None))

    def tensor(self, name: str, letter: str, dtype: str, directions: int = 1) -> TensorFact:
        """This signal as a layer's input or output, its width called `letter`, which so many directions share."""
        letters, widths, dtype = ((), (), "int64") if self.width is None else ((letter,), (self.width,), dtype)

        def whole(lead: tuple[str, ...]) -> tuple[tuple[str, ...], OpenShape]:
            return (*lead, *letters), (*open_shape_of(lead, self.batch.letters), *widths)

        axes, shape = whole(self.axes)
        unpacked_axes, unpacked_shape = whole(self.batch.padded_axes) if "T" in self.axes else (None, None)
        return TensorFact(
            name=name,
            axes=axes,
            shape=shape,
            dtype=dtype,
            directions=directions,
            unpacked_axes=unpacked_axes,
            unpacked_shape=unpacked_shape,
        )

    def to(self, width: int, producer: str) -> Signal:
        """The signal a layer puts out for every element it took in."""
        return replace(self, width=width, producer=producer, joined=False)

    def one(self, width: int, producer: str) -> Signal:
        """The signal of a layer that hands on one vector of each sequence, such as its last state."""
        return Signal(batch=self.batch, axes=self.batch.states_axes, width=width, producer=producer, pooled_by=producer)


@dataclass(frozen=True)
class ModelInput:
    """What a model is fed with. name: "input" where it is the only one, and the document gives it none.

    signal: as the layers read it, so that a packed one has the axis T.
    """

    name: str
    signal: Signal

    @property
    def axes(self) -> tuple[str, ...]:
        """Its axes before it is packed; token indices have no feature axis."""
        lead = self.signal.axes if "T" not in self.signal.axes else ("L", "N")
        return lead if self.signal.width is None else (*lead, "H_in")

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of `axes`."""
        return shape_of(self.axes, self.signal.batch.letters | {"H_in": self.signal.width or 0})
