"""The opcodes of a pickle, of protocols 0 to 5, run so that nothing happens: they build inert records alone.

What a pickle would import, look up or call becomes a Global, a Call or a Persistent (`records`); dicts, lists,
tuples, sets, texts and numbers are what they are. Work and memory are bounded: `MOST_STEPS`, `bytes`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.pickles.bytes import PickleBytes
from rnninspect.files.pickles.operations import OPERATIONS, STEPS, STOP
from rnninspect.files.pickles.records import Global, Persistent
from rnninspect.files.pickles.state import State
from rnninspect.files.source import Source

# So many opcodes are run; one that makes an object counts as several, by the time and the memory that it takes.
MOST_STEPS = 3_000_000


class Pickled(NamedTuple):
    """What one pickle says. globals: all that it names. called: what it would call. end: the place behind it.

    outside: the objects that stand outside of it. lookups: what it would only look up a name of a class by.
    loaded: what it would read as pickles of their own (`inside`).
    """

    value: object
    globals: tuple[Global, ...]
    called: frozenset[Global]
    end: int
    outside: tuple[Persistent, ...] = ()
    lookups: frozenset[Global] = frozenset()
    loaded: tuple[object, ...] = ()


class TooMuchWork(Unreadable):
    """A pickle of more operations than are run. so_far: what it had named and called until then."""

    def __init__(self, most: int, so_far: Pickled) -> None:
        super().__init__(f"a pickle that takes more than {most:,} steps to read, of which no more are done")
        self.so_far = so_far


def read_pickle(source: Source, start: int = 0, most_steps: int = MOST_STEPS) -> Pickled:
    """Run the pickle that begins at `start`. Raises Unreadable for what is none, is cut off, or is too much work."""
    state = State(PickleBytes(source, start))
    try:
        whole = _run(state, most_steps)
        value = state.stack[-1] if whole else None
    except IndexError as error:
        raise Damaged(f"{_damaged(state)} has too few operands") from error
    except (ValueError, struct.error) as error:
        raise Damaged(f"{_damaged(state)} has no text or number that can be read") from error
    done = Pickled(
        value=value,
        globals=tuple(state.globals.values()),
        called=frozenset(state.called),
        end=state.bytes.place,
        outside=tuple(state.outside),
        lookups=frozenset(state.lookups),
        loaded=tuple(state.loaded),
    )
    if not whole:
        raise TooMuchWork(most_steps, done)
    return done


def _damaged(state: State) -> str:
    return f"the pickle is damaged: the operation before byte {state.bytes.place:,}"


def _run(state: State, left: int) -> bool:
    """Run opcodes until the pickle stops; False where it has more than may be run."""
    source = state.bytes
    while True:
        if source.at >= len(source.buffer):
            source.more()
        code = source.buffer[source.at]
        source.at += 1
        left -= STEPS[code]
        if left < 0:
            return False
        if code == STOP:
            return True
        operation = OPERATIONS[code]
        if operation is None:
            raise Damaged(f"no pickle, or a damaged one: {code:#04x} at byte {source.place - 1:,} is no operation")
        operation(state)
