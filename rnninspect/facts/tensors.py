"""What goes into a layer and comes out, and where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.letters import Layout, OpenShape, layout_of, tuple_text


@dataclass(frozen=True)
class TensorFact:
    """A tensor that goes into or comes out of a layer: `output` (L, N, D*H_out) = (20, 32, 100).

    shape: the letter stands in place of a size that nobody says, as of a layer that was found in a file: (L, N, 50).
    directions: D, where the tensor holds something of each direction.
    unpacked_axes, unpacked_shape: of a packed batch, what pad_packed_sequence makes of it. lengths: those of its
    sequences, where a layer has made others of them.
    """

    name: str
    axes: tuple[str, ...]
    shape: OpenShape
    dtype: str
    directions: int = 1
    unpacked_axes: tuple[str, ...] | None = None
    unpacked_shape: OpenShape | None = None
    lengths: tuple[int, ...] | None = field(default=None, compare=False)

    @property
    def layout(self) -> Layout:
        """What of each axis is whose; None for an axis that is nobody's in particular."""
        return layout_of(self.axes, self.shape, self.directions)

    @property
    def shape_text(self) -> str:
        """The shape as Python writes it, a letter without quotes."""
        return tuple_text(self.shape)

    @property
    def known_shape(self) -> tuple[int, ...]:
        """The shape, all of whose sizes are known; raises ValueError for one that has a letter."""
        if any(isinstance(size, str) for size in self.shape):
            raise ValueError(f"nobody says how large the batch is: {self.shape_text}")
        return tuple(int(size) for size in self.shape)

    @property
    def nbytes(self) -> int | None:
        """Size in bytes; None where a size is not known."""
        if any(isinstance(size, str) for size in self.shape):
            return None
        return self.known_nbytes

    @property
    def known_nbytes(self) -> int:
        """Size in bytes; raises ValueError where a size is not known."""
        return math.prod(self.known_shape) * ITEM_BYTES[self.dtype]


class HandedOn(NamedTuple):
    """What a layer hands on where that is worked out from its output: in words, and with the shape that it has."""

    words: str
    tensor: TensorFact


class Wires(NamedTuple):
    """Where a layer's input, its first states and its weights come from, by the names of inputs and earlier layers.

    reads: what it is fed with; of several the features stand side by side, and a vector of each sequence beside a
    sequence is given to every step. add: what is added to what it hands on; "input" is its own input. same_as: the
    layer whose weights it has too. state_from: the layer whose last states are its first ones. directions: how that
    layer's two directions become one, "concat" or "sum". "" is none.
    """

    reads: tuple[str, ...]
    add: str = ""
    same_as: str = ""
    state_from: str = ""
    directions: str = ""
