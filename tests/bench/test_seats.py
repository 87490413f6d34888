"""Several devices: what is asked for, what there is, and what each worker has of it; without any, and without torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import TIMED

from rnninspect.bench import seats
from rnninspect.bench.jobs import Job
from rnninspect.bench.points import load_points
from rnninspect.bench.records import Doing, TimingRequest
from rnninspect.bench.schedule import jobs_of
from rnninspect.bench.seats import Devices, Seat, cpus_by_core, deal, deal_near, seated, seats_of, several_devices
from rnninspect.bench.supervise import Ended
from rnninspect.errors import CannotHere, NoSuchDevice, OptionError


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (None, None),
        ("cuda:1", None),
        ("cuda:all", Devices("cuda", ())),
        ("cuda:1, cuda:0", Devices("cuda", ("cuda:1", "cuda:0"))),
        ("cpu,cpu", Devices("cpu", ("cpu", "cpu"))),
    ],
)
def test_what_is_several(given: str | None, means: Devices | None) -> None:
    assert several_devices(given) == means


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cuda,cuda", "expected GPUs by number such as cuda:0,cuda:1, or cuda:all, got 'cuda'"),
        ("cuda:0,", "got ''"),
        ("cuda:0,cuda:all", "got 'cuda:all'"),
        ("cpu,cuda:0", "bench each kind by itself"),
        ("cuda:0,cuda:1,cuda:0", "cuda:0 stands twice"),
    ],
)
def test_what_is_refused(given: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        several_devices(given)


def sees(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    monkeypatch.setattr(seats, "run_jobs", lambda *given, **how: iter([answer]))
    monkeypatch.setattr(seats, "cpus_by_core", lambda: [0, 1, 2, 3])


def nothing(job: Job, progress: Callable[[Doing], None]) -> Job:
    return job


def test_all_are_those_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    sees(monkeypatch, dict.fromkeys(("cpu", "meta", "cuda", "cuda:0", "cuda:1")))
    assert seats_of(Devices("cuda", ()), nothing) == (Seat("cuda:0", (0, 1)), Seat("cuda:1", (2, 3)))
    assert seats_of(Devices("cuda", ("cuda:1",)), nothing) == (Seat("cuda:1", (0, 1, 2, 3)),)
    with pytest.raises(NoSuchDevice, match="cuda:2: torch sees cpu, meta, cuda, cuda:0, cuda:1 here"):
        seats_of(Devices("cuda", ("cuda:0", "cuda:2")), nothing)
    sees(monkeypatch, dict.fromkeys(("cpu", "meta")))
    with pytest.raises(NoSuchDevice, match="cuda:all: torch sees cpu, meta here"):
        seats_of(Devices("cuda", ()), nothing)
    sees(monkeypatch, Ended("crashed", "killed by SIGSEGV"))
    with pytest.raises(CannotHere, match="killed by SIGSEGV"):
        seats_of(Devices("cuda", ()), nothing)


@pytest.mark.parametrize("workers", range(1, 8))
def test_cpus_are_dealt_out_without_one_twice(workers: int) -> None:
    parts = deal(range(7), workers)
    assert [cpu for part in parts for cpu in part] == list(range(7))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert deal((), workers) == [()] * workers
    with pytest.raises(CannotHere, match="this process may use 7 CPUs"):
        deal(range(7), 8)


def test_the_two_halves_of_a_core_go_to_one_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two packages of two cores of two threads, numbered as Linux does: all first halves, then all second ones."""
    for cpu in range(8):
        for name, number in (("physical_package_id", cpu // 2 % 2), ("core_id", cpu % 2)):
            (tmp_path / f"{cpu}-{name}").write_text(f"{number}\n")
    monkeypatch.setattr(seats, "allowed_cpus", lambda: set(range(8)))
    assert deal(cpus_by_core(str(tmp_path / "{}-{}")), 4) == [(0, 4), (1, 5), (2, 6), (3, 7)]
    assert cpus_by_core(str(tmp_path / "none-{}-{}")) == list(range(8))


def test_a_worker_has_cpus_that_are_near_its_device(tmp_path: Path) -> None:
    (tmp_path / "0000:3b:00.0").write_text("0-2,6\n")
    (tmp_path / "0000:d8:00.0").write_text("3-5,7\n")
    buses = ("00000000:3B:00.0", "00000000:D8:00.0", "00000000:FF:00.0", None)
    first, second, *unknown = (seats._near(bus, str(tmp_path / "{}")) for bus in buses)
    assert (first, second, unknown) == ({0, 1, 2, 6}, {3, 4, 5, 7}, [set(), set()])
    # Neighbours in the list are halves of a core.
    cpus = (0, 6, 1, 2, 3, 7, 4, 5)
    assert deal_near(cpus, [second, first]) == [(3, 7, 4, 5), (0, 6, 1, 2)]
    assert deal_near(cpus, [second, first, second]) == [(3, 7), (0, 6, 1, 2), (4, 5)]
    # A worker that may not run there, one of which nobody knows, or too many for a side: all are dealt out as ever.
    assert deal_near((0, 6, 1, 2), [first, second]) == deal((0, 6, 1, 2), 2)
    assert deal_near(cpus, [first, frozenset()]) == deal(cpus, 2)
    assert deal_near(cpus, [first] * 5) == deal(cpus, 5)
    assert deal_near(cpus, [first, first | second]) == deal(cpus, 2)
    assert deal_near((), [first]) == [()]


def test_a_worker_has_its_device_and_its_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.yaml").write_text(TIMED)
    points = load_points(str(tmp_path / "m.yaml"), device="cuda")
    (job,) = jobs_of(points, TimingRequest(), processes=1, interleave=False)
    pinned: list[tuple[int, object]] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda *given: pinned.append(given), raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "16")
    first, second = seated(nothing, [Seat("cuda:0", (0, 1)), Seat("cuda:1")])
    done = second(job, print)
    assert ({run.spec.device for run in done.runs}, pinned, os.environ["OMP_NUM_THREADS"]) == ({"cuda:1"}, [], "16")
    assert {run.spec.device for run in first(job, print).runs} == {"cuda:0"}
    assert (pinned, os.environ["OMP_NUM_THREADS"]) == ([(0, (0, 1))], "2")
