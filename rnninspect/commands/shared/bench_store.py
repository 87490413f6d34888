"""Where what `bench` measures is kept, and so what is left to be measured: nowhere, or in a journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rnninspect.bench.jobs import Job
from rnninspect.bench.journal import Head
from rnninspect.bench.journal_writer import Journal, resume, start
from rnninspect.bench.records import Outcome
from rnninspect.bench.schedule import remaining
from rnninspect.commands.shared.messages import say
from rnninspect.errors import printable


class Opened(NamedTuple):
    """What was measured before, and what is left. controls: jobs that every device does first, and are no results."""

    earlier: Sequence[Outcome]
    jobs: Sequence[Job]
    controls: Sequence[Job] = ()


class Store:
    """Nowhere. jobs: all that is asked for; notes: what to say of them. It is used once, as a context."""

    notes: tuple[str, ...] = ()

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs

    def __enter__(self) -> Opened:
        return Opened((), self.jobs)

    def __exit__(self, *exception: object) -> None:
        pass

    def placed(self, outcome: Outcome) -> Outcome:
        """The outcome with what is known here of where it was measured. Raises CannotHere for a wrong place."""
        return outcome

    def append(self, outcome: Outcome, *, is_control: bool) -> None:
        """Keep an outcome. Raises OutputFailed."""


class OneJournal(Store):
    """A journal in one file, which is begun or with `resume` gone on with."""

    def __init__(self, jobs: Sequence[Job], path: Path, head: Head, *, resume: bool) -> None:
        super().__init__(jobs)
        self._path, self._head, self._resume = path, head, resume
        self._journal: Journal | None = None

    def __enter__(self) -> Opened:
        if not self._resume:
            self._journal = start(self._path, self._head)
            return Opened((), self.jobs)
        self._journal, read = resume(self._path, self._head)
        if read.half is not None:
            say(f"note: {printable(str(self._path))}: line {read.half} is only half there, and was left out")
        return Opened(read.outcomes, remaining(self.jobs, read.outcomes))

    def __exit__(self, *exception: object) -> None:
        if self._journal is not None:
            self._journal.close()

    def append(self, outcome: Outcome, *, is_control: bool) -> None:
        """Keep an outcome. Raises OutputFailed."""
        assert self._journal is not None
        self._journal.append(outcome)
