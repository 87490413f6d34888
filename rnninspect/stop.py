"""SIGTERM and SIGHUP answered with the care that Ctrl-C gets, and an exit code that says which one it was."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# What ends a run besides Ctrl-C; Windows has no SIGHUP.
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(BaseException):
    """SIGTERM or SIGHUP has come. number: the signal's.

    why no KeyboardInterrupt: Typer makes an exit code of its own of that.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


# All that ends a run from outside.
Interrupt = KeyboardInterrupt | Stopped
INTERRUPTS = (KeyboardInterrupt, Stopped)


def exit_code(stop: Interrupt) -> int:
    """130 of Ctrl-C, 143 of SIGTERM, 129 of SIGHUP: what a shell says of a process that such a signal has ended."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


def words(stop: Interrupt) -> str:
    """What has happened, in words."""
    return f"ended by {signal.Signals(stop.number).name}" if isinstance(stop, Stopped) else "interrupted"


@contextmanager
def answered() -> Iterator[None]:
    """A block in which the first SIGTERM or SIGHUP raises Stopped; one that is ignored, as under nohup, stays so."""
    caught = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]

    def stop(number: int, frame: object) -> None:
        # why: a scheduler sends it to the group and to the process, and the second must not cost what the first keeps.
        for each in caught:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before = sys.unraisablehook

    def raise_again(dropped: sys.UnraisableHookArgs) -> None:
        # why: where Python calls something between two lines, a lock of its imports for one, it drops what that raises.
        if isinstance(dropped.exc_value, Stopped) and hasattr(signal, "setitimer"):
            number = dropped.exc_value.number
            signal.signal(signal.SIGALRM, lambda *_: stop(number, None))
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        else:
            before(dropped)

    for number in caught:
        signal.signal(number, stop)
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = before
        for number in caught:
            signal.signal(number, signal.SIG_DFL)
