"""What a call takes in energy, from a counter of the whole GPU that its driver moves on some ten times a second."""

from __future__ import annotations

from collections.abc import Callable

# Seconds after which a counter that does not move is given up.
_MOST_WAIT = 1.0


def joules_of(
    sample: Callable[[], int], counter: Callable[[], float | None], seconds: float, now: Callable[[], float]
) -> float | None:
    """Joules of a call, while it is called for `seconds` or longer; None where nothing counts them.

    sample: makes some calls, comes back when they are done, and says how many. counter: joules so far.
    why from one moment at which it moved to another: what it says is as old as its last move.
    """
    if counter() is None:
        return None
    begin = _moved(sample, counter, 0.0, now)
    end = None if begin is None else _moved(sample, counter, seconds, now)
    if begin is None or end is None or not end[1] or end[0] <= begin[0]:
        return None
    return (end[0] - begin[0]) / end[1]


def _moved(
    sample: Callable[[], int], counter: Callable[[], float | None], seconds: float, now: Callable[[], float]
) -> tuple[float, int] | None:
    """The counter when it first moves after `seconds`, and the calls until then; None where it does not move."""
    start, calls, before = now(), 0, counter()
    while True:
        calls += sample()
        counted, spent = counter(), now() - start
        if counted is None or before is None or spent > seconds + _MOST_WAIT:
            return None
        if counted != before and spent >= seconds:
            return counted, calls
        before = counted
