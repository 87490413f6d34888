"""What several devices do, in which order, and how it is numbered; on a made-up way to run jobs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from worlds import TIMED

from rnninspect.bench import side_by_side
from rnninspect.bench.jobs import Job, not_measured
from rnninspect.bench.points import load_points
from rnninspect.bench.records import Doing, Interval, Outcome, TimingRequest
from rnninspect.bench.schedule import Progress, jobs_of
from rnninspect.bench.seats import Seat
from rnninspect.bench.side_by_side import all_jobs, beside_alone, measured

sys.path.insert(0, str(Path(__file__).parent))
import fake_work

SEATS = (Seat("cuda:0"), Seat("cuda:1"))


def jobs(folder: Path, sizes: str) -> list[Job]:
    (folder / "m.yaml").write_text(TIMED)
    points = load_points(str(folder / "m.yaml"), sweeps=[f"encoder.hidden_size={sizes}"])
    return jobs_of(points, TimingRequest(), processes=1, interleave=False)


@pytest.mark.parametrize(
    ("seats", "sizes", "done"),
    [
        # The control on each by itself, the first point alone, then all of them.
        (SEATS, "4,5,6", [("cuda:0", [9]), ("cuda:1", [9]), ("cuda:0", [4]), ("cuda:0 cuda:1", [4, 5, 6])]),
        # One point, or one device, has nobody beside it.
        (SEATS, "4", [("cuda:0", [9]), ("cuda:1", [9]), ("cuda:0 cuda:1", [4])]),
        (SEATS[:1], "4,5", [("cuda:0", [9]), ("cuda:0", [4, 5])]),
        ((), "4,5", [("", [9]), ("", [4, 5])]),
    ],
)
def test_who_does_what(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seats: Sequence[Seat],
    sizes: str,
    done: list[tuple[str, list[int]]],
) -> None:
    ran: list[tuple[str, list[int]]] = []
    told: list[int] = []

    def run_all(
        work: object, jobs: Sequence[Job], *, progress: Progress, seats: Sequence[Seat], **how: object
    ) -> Iterator[Outcome]:
        settings = [int(str(job.runs[0].settings["encoder.hidden_size"])) for job in jobs]
        ran.append((" ".join(seat.device for seat in seats), settings))
        for number, job in enumerate(jobs):
            progress(number, Doing(1.0))
            yield not_measured(job, job.runs[0], "ok", "")

    monkeypatch.setattr(side_by_side, "run_all", run_all)
    controls, swept = jobs(tmp_path, "9"), jobs(tmp_path, sizes)
    found = measured(
        lambda job, progress: None,
        controls,
        swept,
        progress=lambda number, doing: told.append(number),
        note=print,
        seats=seats,
    )
    kept = [outcome.settings["encoder.hidden_size"] for is_control, outcome in found if not is_control]
    assert (ran, kept) == (done, done[-1][1])
    every = [job.runs[0].settings["encoder.hidden_size"] for job in all_jobs(controls, swept, seats)]
    assert every == [size for _, settings in done for size in settings]
    assert told == list(range(len(every)))


def test_what_it_takes_beside_others_is_a_multiple_of_its_time_alone(tmp_path: Path) -> None:
    (job, _) = jobs(tmp_path, "8,9")
    (alone,) = fake_work.work(job, lambda doing: None)
    assert alone.environment is not None
    figures = [each._replace(median=2 * each.median) for each in alone.figures if each.phase == "step"]
    slower = [each._replace(interval=Interval(0.98 * each.median, 1.02 * each.median)) for each in figures]
    beside = alone._replace(figures=tuple(slower), environment=alone.environment._replace(beside=3))
    (sentence,) = beside_alone(alone, beside)
    # 1 % of the one and 2 % of the other are 3 % of twice the time.
    assert sentence.endswith("took beside 3 other devices, as a multiple of its time alone: step 2 ± 0.06")
