"""SIGTERM and SIGHUP answered with the care that Ctrl-C gets, and an exit code that says which one it was."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_ANSWERED = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP has come. number: the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code(stop: KeyboardInterrupt) -> int:
    """130 of Ctrl-C, 143 of SIGTERM, 129 of SIGHUP: what a shell says of a process that such a signal has ended."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


def words(stop: KeyboardInterrupt) -> str:
    """What has happened, in words."""
    return f"ended by {signal.Signals(stop.number).name}" if isinstance(stop, Stopped) else "interrupted"


@contextmanager
def answered() -> Iterator[None]:
    """A block in which the first SIGTERM or SIGHUP raises Stopped; one that is ignored, as under nohup, stays so."""
    caught = [number for number in _ANSWERED if signal.getsignal(number) is signal.SIG_DFL]

    def stop(number: int, frame: object) -> None:
        # why: a scheduler sends it to the group and to the process, and the second must not cost what the first keeps.
        for each in caught:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in caught:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, signal.SIG_DFL)
