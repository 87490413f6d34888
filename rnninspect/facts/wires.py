"""What a layer is connected to besides the layer before it."""

from __future__ import annotations

from typing import NamedTuple


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
