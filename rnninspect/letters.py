"""The dimension letters, torch's own: the sizes of axes named by them, and what stands where along such an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

# torch's own letters (docs of torch.nn.RNN, LSTM, GRU, Linear), in the order a legend lists them.
LETTERS: dict[str, str] = {
    "L": "sequence length",
    "N": "batch size",
    "T": "tokens of a packed batch, the sum of its lengths",
    "D": "directions, 1 or 2",
    "num_layers": "stacked layers",
    "G": "gates stacked as rows of one weight",
    "num_embeddings": "rows of the embedding table",
    "kernel_size": "steps that a convolution reads at once",
    "H_in": "input size",
    "H_in/groups": "input size of one of the groups of a convolution",
    "H_cell": "hidden size",
    "H_out": "output size",
}

# The names in equations that are Greek letters.
_GREEK = (
    *("alpha α", "beta β", "gamma γ", "delta δ", "epsilon ε", "zeta ζ", "eta η", "theta θ", "iota ι", "kappa κ"),
    *("lambda λ", "mu μ", "nu ν", "xi ξ", "pi π", "rho ρ", "sigma σ", "tau τ", "upsilon υ", "phi φ", "chi χ", "psi ψ"),
    *("omega ω", "Gamma Γ", "Delta Δ", "Theta Θ", "Lambda Λ", "Xi Ξ", "Pi Π", "Sigma Σ", "Upsilon Υ", "Phi Φ"),
    *("Psi Ψ", "Omega Ω"),
)
GREEK: Mapping[str, str] = dict(letter.split() for letter in _GREEK)
# The same within an index. why no name of two letters: w_xi leads from x to i, and W_mu from m to u.
GREEK_BELOW: Mapping[str, str] = {name: letter for name, letter in GREEK.items() if len(name) > 2}

# The size of each axis.
Shape = tuple[int, ...]
# The same, the letter of an axis where nobody says its size.
OpenShape = tuple[int | str, ...]

# The directions of a layer, in the order torch puts them.
DIRECTIONS = ("forward", "reverse")


def letters_of(axis: str) -> tuple[str, ...]:
    """The letters of one axis: `D*H_out` -> (`D`, `H_out`)."""
    return tuple(axis.split("*"))


def shape_of(axes: Iterable[str], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The sizes of `axes`, each a letter, a product of letters, or a number."""
    return tuple(
        math.prod(int(letter) if letter.isdecimal() else sizes[letter] for letter in letters_of(axis)) for axis in axes
    )


def open_shape_of(axes: Iterable[str], sizes: Mapping[str, int]) -> OpenShape:
    """The sizes of `axes` as far as they are known: an axis with a letter that has no size stands as it is written."""
    return tuple(
        shape_of([axis], sizes)[0] if all(part.isdecimal() or part in sizes for part in letters_of(axis)) else axis
        for axis in axes
    )


def tuple_text(parts: Sequence[str | int]) -> str:
    """Sizes or axes as Python writes a tuple, letters without quotes: `(L, N)`, `(5,)`."""
    return f"({', '.join(map(str, parts))}{',' * (len(parts) == 1)})"


# For each axis what stands where along it, in order; None where the axis is nobody's in particular.
Layout = tuple[tuple[str, ...] | None, ...]


def layout_of(axes: Iterable[str], shape: Iterable[int | str], directions: int) -> Layout:
    """What of each axis is whose: of `num_layers*D` ("layer 0 forward", "layer 0 reverse", "layer 1 forward", ...)."""
    return tuple(_along(letters_of(axis), size, directions) for axis, size in zip(axes, shape, strict=True))


def _along(letters: tuple[str, ...], size: int | str, directions: int) -> tuple[str, ...] | None:
    if isinstance(size, str):
        return None
    # why layers outside: torch stacks the directions of one layer before the next layer, h_n.view(num_layers, D, N, H).
    if letters == ("num_layers", "D"):
        return tuple(f"layer {k // directions} {DIRECTIONS[k % directions]}" for k in range(size))
    if "D" not in letters or directions == 1:
        return None
    width = size // directions
    spans = (f"features {k * width}-{(k + 1) * width - 1}" if width > 1 else f"feature {k}" for k in range(directions))
    return tuple(f"{span} {direction}" for span, direction in zip(spans, DIRECTIONS, strict=True))
