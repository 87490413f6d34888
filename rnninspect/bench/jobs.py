"""What goes to the process that does the work; it needs no torch on this side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from rnninspect.bench.plain import canonical
from rnninspect.bench.records import Outcome, RunOptions, Status, TimingRequest, point_text
from rnninspect.document.chain import Spec


class VariantRun(NamedTuple):
    """One variant of one point. settings: what was swept; variant: what was varied; setting: what that means.

    case: what the document calls the point, where it does.
    """

    spec: Spec
    settings: Mapping[str, object]
    variant: Mapping[str, object]
    setting: RunOptions
    case: str = ""

    @property
    def of_point(self) -> tuple[str, str, str, str, Mapping[str, object], Mapping[str, object]]:
        """What `POINT_FIELDS` names."""
        point = point_text(self.case, self.settings)
        return (self.spec.name, self.spec.source, self.case, point, self.settings, self.variant)


class Job(NamedTuple):
    """Runs that are timed interleaved. process: which of several that measure the same."""

    runs: tuple[VariantRun, ...]
    request: TimingRequest
    process: int = 0

    @property
    def cases(self) -> int:
        """How many times are measured at the most: the phases of every subject of every run."""
        subjects = sum(1 + (self.request.each_layer and len(run.spec.links)) for run in self.runs)
        return subjects * len(self.request.phases)

    @property
    def points(self) -> tuple[Job, ...]:
        """A job for each point by itself."""
        groups = groupby(self.runs, key=lambda run: (run.spec.source, run.spec.name, canonical(run.settings)))
        return tuple(self._replace(runs=tuple(group)) for _, group in groups)


def not_measured(job: Job, run: VariantRun, status: Status, reason: str) -> Outcome:
    """The outcome of a run that has no figures."""
    return outcome_of(job, run)._replace(status=status, reason=reason)


def outcome_of(job: Job, run: VariantRun) -> Outcome:
    """The outcome of a run, with nothing yet of what was measured."""
    return Outcome(
        model=run.spec.name,
        file=run.spec.source,
        settings=run.settings,
        variant=run.variant,
        process=job.process,
        dtype=run.spec.dtype,
        status=Status.OK,
        reason="",
        environment=None,
        figures=(),
        case=run.case,
    )
