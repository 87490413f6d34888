"""The two directions of a layer, told by the parts of names that mean them, whatever their order in the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What stands for the direction that reads the sequence from its beginning, and for the other.
PAIRS: Mapping[str, str] = {"fw": "bw", "forward_rnn": "backward_rnn", "forward": "backward"}
BACKWARD = frozenset(PAIRS.values())


def around(parts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The parts before the one that means forward, and all of them with backward there; None where none does."""
    for at, part in enumerate(parts):
        if part in PAIRS:
            return tuple(parts[:at]), (*parts[:at], PAIRS[part], *parts[at + 1 :])
    return None


def is_backward(parts: Sequence[str]) -> bool:
    """Whether a part means the direction that reads from the end."""
    return not BACKWARD.isdisjoint(parts)
