"""What is timed in which order, on a made-up way to run jobs: no process, no torch, and nothing printed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
from worlds import TIMED

from rnninspect.bench import schedule
from rnninspect.bench.jobs import Job, VariantRun, not_measured
from rnninspect.bench.option_values import parse_varies
from rnninspect.bench.points import load_points
from rnninspect.bench.records import Doing, Outcome, Status, TimingRequest
from rnninspect.bench.schedule import Expected, digest, expected, jobs_of, number_of_outcomes, remaining, run_all
from rnninspect.bench.seats import Seat
from rnninspect.bench.supervise import Ended


@pytest.fixture
def jobs(tmp_path: Path) -> Callable[..., list[Job]]:
    """`jobs("4,5", processes=2)`: those of a sweep over hidden sizes, each in two dtypes."""
    (tmp_path / "m.yaml").write_text(TIMED)

    def make(sizes: str, *, processes: int = 1, interleave: bool = False) -> list[Job]:
        varies, _ = parse_varies(["dtype=float32,float64"])
        points = load_points(str(tmp_path / "m.yaml"), (), [f"encoder.hidden_size={sizes}"], varies)
        return jobs_of(points, TimingRequest(budget=1.0), processes=processes, interleave=interleave)

    return make


def size(run: VariantRun) -> int:
    return int(str(run.settings["encoder.hidden_size"]))


def sizes(jobs: Sequence[Job]) -> list[tuple[int, list[int]]]:
    return [(job.process, [size(run) for run in job.runs]) for job in jobs]


def fine(job: Job, run: VariantRun) -> Outcome:
    return not_measured(job, run, "ok", "")


class FakeProcesses:
    """In place of `run_jobs`: runs of a hidden size in `faults` take their job down.

    calls: the jobs of each call; limits: those of every job; closed: how many calls have ended.
    """

    def __init__(self, *faults: int) -> None:
        self.faults = faults
        self.calls: list[list[tuple[int, list[int]]]] = []
        self.limits: list[float] = []
        self.closed = 0

    def __call__(
        self, work: object, jobs: Sequence[Job], *, limit: Callable[[Job], float], progress: schedule.Progress
    ) -> Generator[Any, None, None]:
        self.calls.append(sizes(jobs))
        try:
            for number, job in enumerate(jobs):
                self.limits.append(limit(job))
                progress(number, Doing(0.5))
                broken = any(size(run) in self.faults for run in job.runs)
                yield Ended("crashed", "\x1b[1mgone") if broken else [fine(job, run) for run in job.runs]
        finally:
            self.closed += 1


class Reports:
    """What `run_all` says meanwhile."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.progress: list[tuple[int, float]] = []

    def all_of(self, jobs: Sequence[Job]) -> list[tuple[int, int, str, str]]:
        outcomes = run_all(
            lambda job, progress: None,
            jobs,
            progress=lambda number, doing: self.progress.append((number, doing.share)),
            note=self.notes.append,
        )
        return [
            (one.process, int(str(one.settings["encoder.hidden_size"])), one.status, one.reason) for one in outcomes
        ]


def test_a_job_holds_the_variants_of_a_point_and_of_all_points_where_they_are_interleaved(
    jobs: Callable[..., list[Job]],
) -> None:
    assert sizes(jobs("4,5", processes=2)) == [(0, [4, 4]), (0, [5, 5]), (1, [4, 4]), (1, [5, 5])]
    assert sizes(jobs("4,5", processes=2, interleave=True)) == [(0, [4, 4, 5, 5]), (1, [4, 4, 5, 5])]


def test_what_went_well_is_not_left_and_what_failed_is(jobs: Callable[..., list[Job]]) -> None:
    first, second = jobs("4,5")
    outcomes = [fine(first, run) for run in first.runs]
    assert remaining([first, second], outcomes) == [second]
    failed = not_measured(first, first.runs[1], "failed", "made up")
    assert remaining([first, second], [outcomes[0], failed]) == [first._replace(runs=first.runs[1:]), second]
    assert number_of_outcomes([first, second], [failed]) == 4
    assert number_of_outcomes([second], outcomes) == 4


def test_the_digest_is_of_models_and_variants_and_not_of_processes(jobs: Callable[..., list[Job]]) -> None:
    assert digest(jobs("4,5")) == digest(jobs("4,5", processes=3)) == digest(jobs("4,5", interleave=True))
    assert digest(jobs("4,5")) != digest(jobs("4,6"))


def test_each_process_has_its_jobs_in_a_fresh_one(
    jobs: Callable[..., list[Job]], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes, reports = FakeProcesses(5), Reports()
    monkeypatch.setattr(schedule, "run_jobs", processes)
    lost = ("crashed", "\x1b[1mgone")
    assert reports.all_of(jobs("4,5", processes=2)) == [
        *[(0, 4, "ok", ""), (0, 4, "ok", ""), (0, 5, *lost), (0, 5, *lost)],
        *[(1, 4, "ok", ""), (1, 4, "ok", ""), (1, 5, *lost), (1, 5, *lost)],
    ]
    assert processes.calls == [[(0, [4, 4]), (0, [5, 5])], [(1, [4, 4]), (1, [5, 5])]]
    assert reports.progress == [(0, 0.5), (1, 0.5), (2, 0.5), (3, 0.5)]
    # Four phases of two variants, of a second each.
    assert processes.limits == [120 + 10 * 8] * 4
    assert reports.notes == []
    (limited,) = jobs("4")
    reports.all_of([limited._replace(request=limited.request._replace(time_limit=7.0))])
    assert processes.limits[4:] == [7.0]


def test_points_that_come_to_no_end_together_are_timed_by_themselves(
    jobs: Callable[..., list[Job]], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes, reports = FakeProcesses(5), Reports()
    monkeypatch.setattr(schedule, "run_jobs", processes)
    outcomes = reports.all_of(jobs("4,5,6", interleave=True))
    assert [status for *_, status, _ in outcomes] == ["ok", "ok", "crashed", "crashed", "ok", "ok"]
    assert processes.calls[1:] == [[(0, [4, 4]), (0, [5, 5]), (0, [6, 6])]]
    assert reports.notes == ["interleaved: crashed: \\x1b[1mgone; each of the 3 points is timed by itself now"]
    assert reports.progress == [(0, 0.5), (0, 0.5 / 3), (0, 1.5 / 3), (0, 2.5 / 3)]


def test_whoever_goes_on_no_longer_ends_the_process(
    jobs: Callable[..., list[Job]], monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = FakeProcesses()
    monkeypatch.setattr(schedule, "run_jobs", processes)
    outcomes = run_all(lambda job, progress: None, jobs("4,5"), progress=lambda number, doing: None, note=print)
    with contextlib.closing(outcomes):
        next(outcomes)
        assert processes.closed == 0
    assert processes.closed == 1


def test_what_jobs_will_take_is_known_before(jobs: Callable[..., list[Job]]) -> None:
    """A process imports torch once; four phases of two variants, of a second each."""
    first, second, other, _ = expected(jobs("4,5", processes=2))
    assert first == other == Expected(3.0 + 2 * 2.5, 8 * 1.4)
    assert second == Expected(2 * 2.5, 8 * 1.4)
    # Of what is busy the budget is no longer for that.
    assert expected(jobs("4"), 2.0) == [Expected(16.0, 8 * 1.8)]


def test_it_is_said_which_device_is_given_up_and_why(
    jobs: Callable[..., list[Job]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def beside(works: object, jobs: object, *, given_up: Callable[[int, Ended], None], **how: Any) -> Generator[Any]:
        given_up(1, Ended(Status.FAILED, "RuntimeError: CUDA error: \x1b[31muncorrectable"))
        yield from ()

    monkeypatch.setattr(schedule, "run_beside", beside)
    notes: list[str] = []
    seats = [Seat("cuda:0"), Seat("cuda:3")]
    found = run_all(
        lambda job, progress: None,
        jobs("4"),
        progress=lambda number, doing: None,
        note=notes.append,
        seats=seats,
    )
    assert list(found) == []
    assert notes == [
        "cuda:3 is given up, and others time its points: 3 points in a row failed there, the last: "
        "RuntimeError: CUDA error: \\x1b[31muncorrectable"
    ]
