"""How a framework packs weights: which of the equations' matrices and vectors stand where in a stored tensor.

A convention knows no sizes: the shape follows from those that the plan gives the symbols.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, Protocol

Kind = Literal["RNN", "LSTM", "GRU"]
Biases = Literal["two", "one", "none"]
Grid = tuple[tuple[str, ...], ...]
# The gates of torch's packed weights, from the first row to the last.
ORDER: Mapping[Kind, str] = {"RNN": "h", "LSTM": "ifgo", "GRU": "rzn"}
# The functions of each kind in the order in which formats list them: those of the gates, then the others.
FUNCTIONS: Mapping[Kind, tuple[str, ...]] = {
    "RNN": ("tanh",),
    "GRU": ("sigmoid", "tanh"),
    "LSTM": ("sigmoid", "tanh", "tanh"),
}
# Which GRU a framework has: the reset gate multiplies after the product with W_hn, before it, or as it is told.
Reset = Literal["after", "before", "either", "none"]


class Packed(Protocol):
    """What a convention asks of a layer: which of the tensors it has."""

    @property
    def type(self) -> Kind:
        """RNN, LSTM or GRU."""

    @property
    def biases(self) -> Biases:
        """How many bias vectors a gate has."""

    @property
    def proj_size(self) -> int:
        """The width that the state is projected to, 0 where it is not."""

    @property
    def peepholes(self) -> bool:
        """Whether gates read the cell state."""


class Stored(NamedTuple):
    """One tensor of a layer, or of each stacked layer and direction.

    role: what the framework calls it. grid: symbols of the equations in torch's orientation, rows of matrices below one
    another, each row what multiplies x and h side by side; of vectors each row is an axis' element, and one row alone
    is a flat vector. transposed: it is held with rows and columns changed. over_directions: one tensor holds all
    directions, along a first axis. axes: where gates have an axis of their own, the letters that oneDNN has for all
    axes of one stacked layer: `ldigo`.
    """

    role: str
    grid: Grid
    transposed: bool = False
    over_directions: bool = False
    axes: str = ""

    @property
    def is_matrix(self) -> bool:
        """Whether it is made of matrices."""
        return self.grid[0][0].startswith("W")

    @property
    def symbols(self) -> Iterator[str]:
        """Every symbol in it."""
        return (symbol for row in self.grid for symbol in row)

    def shape(self, sizes: Mapping[str, tuple[int, ...]], directions: int) -> tuple[int, ...] | None:
        """Its shape, from that of every symbol by the plan; None where the plan lacks one."""
        if any(symbol not in sizes for symbol in self.symbols):
            return None
        if self.is_matrix:
            shape: tuple[int, ...] = (
                sum(sizes[row[0]][0] for row in self.grid),
                sum(sizes[symbol][1] for symbol in self.grid[0]),
            )
        else:
            lengths = tuple(sum(sizes[symbol][0] for symbol in row) for row in self.grid)
            shape = lengths if len(lengths) == 1 else (len(lengths), lengths[0])
        if self.axes:
            return self._along_axes(shape, directions)
        if self.transposed:
            shape = shape[::-1]
        return (directions, *shape) if self.over_directions else shape

    def _along_axes(self, shape: tuple[int, ...], directions: int) -> tuple[int, ...]:
        gates = len(self.grid) if self.is_matrix else len(self.grid[0])
        of = {"l": 1, "d": directions, "g": gates, "o": shape[0] // gates, "i": shape[-1]}
        if "g" not in self.axes:
            of |= {"o": shape[0], "i": shape[-1]}
        return tuple(of[letter] for letter in self.axes)


class Convention(NamedTuple):
    """A framework's packing. matrices: by kind; vectors: by kind and number of bias vectors.

    reset: which GRU. added: what is added to a bias when the layer runs, unless it is told otherwise, and stands in no
    file. functions: those that its RNN can have. has_biases: it has no layer without.
    """

    name: str
    matrices: Mapping[Kind, tuple[Stored, ...]]
    vectors: Mapping[tuple[Kind, Biases], tuple[Stored, ...]] = {}
    projection: Stored | None = None
    peepholes: tuple[Stored, ...] = ()
    reset: Reset = "none"
    added: Mapping[str, float] = {}
    functions: tuple[str, ...] = ("tanh", "relu")
    has_biases: bool = False

    def stored(self, layer: Packed) -> tuple[Stored, ...]:
        """The tensors that a layer has, of each stacked layer and direction."""
        return (
            *self.matrices.get(layer.type, ()),
            *self.vectors.get((layer.type, layer.biases), ()),
            *((self.projection,) if self.projection and layer.proj_size else ()),
            *(self.peepholes if layer.peepholes else ()),
        )

    def bias_vectors(self, kind: Kind) -> tuple[Biases, ...]:
        """How many bias vectors a gate of a kind may have, where it has any."""
        return tuple(biases for of, biases in self.vectors if of == kind)


def rows(start: str, gates: str) -> Grid:
    """Gates below one another: `rows("W_i", "ifgo")`."""
    return tuple((start + gate,) for gate in gates)


def beside(gates: str) -> Grid:
    """Of each gate what multiplies x, and right of it what multiplies h."""
    return tuple((f"W_i{gate}", f"W_h{gate}") for gate in gates)


def flat(gates: str, *starts: str) -> Grid:
    """Vectors one after another: all gates of the first start, then those of the next."""
    return (tuple(start + gate for start in starts for gate in gates),)
