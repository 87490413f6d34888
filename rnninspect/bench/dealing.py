"""Which of several workers does which job, and which worker is given up: one that fails at one job after the other.

A device that fails at once would otherwise take most of the jobs, as it is ready for the next before any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# A worker that fails at so many jobs in a row is given up.
MOST_FAILED = 3


class Done(NamedTuple):
    """What came of a job. number: which one it was; beside: how many others were at work meanwhile, at the most."""

    number: int
    result: Any
    beside: int


class Deal:
    """The jobs that are left, for so many workers, which are told by their places.

    failed: whether a result is none, and may be the worker's fault. given_up: is told the place of a worker that gets
    no more jobs, and the last result. Its jobs go to the others, and what it has said of them is dropped.
    """

    def __init__(
        self, jobs: Iterable[Any], workers: int, failed: Callable[[Any], bool], given_up: Callable[[int, Any], None]
    ) -> None:
        self._left, self._again = enumerate(jobs), deque[tuple[int, Any]]()
        self._failed, self._given_up = failed, given_up
        # By the place of each that is not given up, what it has failed at since something went well.
        self._held: dict[int, list[tuple[Any, Done]]] = {place: [] for place in range(workers)}

    def take(self, place: int) -> tuple[int, Any] | None:
        """The next job of a worker, and its number; None where there is none for it."""
        if place not in self._held:
            return None
        return self._again.popleft() if self._again else next(self._left, None)

    def put(self, place: int, job: Any, done: Done) -> list[Done]:
        """What is to be told now that a worker has ended a job."""
        held = self._held[place]
        held.append((job, done))
        if self._failed(done.result) and len(self._held) > 1:
            if len(held) < MOST_FAILED:
                return []
            self._again.extend((failed.number, its) for its, failed in self._held.pop(place))
            self._given_up(place, done.result)
            return []
        return self._told(place)

    def rest(self) -> list[Done]:
        """What is to be told where no more jobs are left: what nobody was given up for."""
        return [done for place in self._held for done in self._told(place)]

    def _told(self, place: int) -> list[Done]:
        told = [done for _, done in self._held[place]]
        self._held[place].clear()
        return told
