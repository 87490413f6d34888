"""What one call of a recurrent layer was given and put out: frozen records, which hold no tensor."""

from __future__ import annotations

from typing import NamedTuple


class SeenTensor(NamedTuple):
    """A tensor as it passed by; of a packed sequence its data."""

    shape: tuple[int, ...]
    dtype: str


class SeenCall(NamedTuple):
    """One call.

    input: None where the first argument is no tensor. lengths: those of a packed input, in the order of the user's
    batch. states: those that were given, in order; empty where none were. outputs: output and states that came out;
    None where anything else did. autocast: dtypes were torch's choice.
    """

    input: SeenTensor | None
    lengths: tuple[int, ...] | None
    states: tuple[SeenTensor, ...]
    outputs: tuple[SeenTensor, ...] | None
    device: str
    autocast: bool


class Seen(NamedTuple):
    """All calls of one module in a forward pass.

    first: None where it never ran. with_states: how many calls were given states. tokens: how many vectors all calls
    read. other_inputs: the shapes that later calls read where they differ from the first's, and `more_inputs` of them
    that were not kept.
    """

    first: SeenCall | None = None
    calls: int = 0
    with_states: int = 0
    tokens: int = 0
    other_inputs: tuple[tuple[int, ...], ...] = ()
    more_inputs: bool = False


NEVER = Seen()
