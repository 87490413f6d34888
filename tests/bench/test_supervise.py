from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rnninspect.bench import supervise
from rnninspect.bench.dealing import Done
from rnninspect.bench.records import Doing
from rnninspect.bench.supervise import Ended, run_beside, run_jobs

sys.path.insert(0, str(Path(__file__).parent))
from faults import broken, misbehave

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spawned child finds `faults` where this process does."""
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{HERE.parent.parent}")


def results(jobs: Sequence[str], limit: float = 60) -> list[object]:
    return list(run_jobs(misbehave, jobs, limit=lambda job: limit, progress=lambda number, share: None))


def test_jobs_share_one_process_and_their_progress_is_told() -> None:
    reports: list[tuple[int, Doing]] = []
    texts = list(
        run_jobs(
            misbehave, ["a", "b"], limit=lambda job: 60, progress=lambda number, doing: reports.append((number, doing))
        )
    )
    assert [text.split(" in ")[0] for text in texts] == ["a", "b"]
    assert len({text.split(" in ")[1] for text in texts}) == 1
    assert reports == [(0, Doing(0.5)), (1, Doing(0.5))]


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("raise", "failed", "RuntimeError: this went wrong"),
        (
            *("no memory", "memory"),
            "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate ...",
        ),
        ("kill", "crashed", "killed by SIGKILL"),
        ("segfault", "crashed", "killed by SIGSEGV"),
        ("exit", "crashed", "ended with exit code 3"),
    ],
)
def test_a_fault_costs_only_its_own_job(fault: str, status: str, reason: str) -> None:
    before, ended, after = results(["a", fault, "b"])
    assert str(before).startswith("a in ")
    assert ended == Ended(status, reason)
    assert str(after).startswith("b in ")
    # In a new process: what a fault leaves behind, a CUDA of no more use for one, is gone with the old.
    assert str(before).split()[-1] != str(after).split()[-1]


def test_a_result_that_is_the_last_of_its_process_is_kept() -> None:
    last, after = results(["last", "a"])
    assert str(last).startswith("last in ")
    assert str(after).startswith("a in ")
    assert str(last).split()[-1] != str(after).split()[-1]


def test_a_job_that_does_not_end_is_given_up() -> None:
    ended, after = results(["sleep", "a"], limit=1)
    assert ended == Ended("timeout", "no end after 1 s")
    assert str(after).startswith("a in ") or isinstance(after, Ended)


def test_what_a_child_takes_to_start_is_none_of_a_jobs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child takes more than a millisecond to import its work: it is heard all the same, and only then given up."""
    told: list[Doing] = []
    jobs = run_jobs(misbehave, ["sleep"], limit=lambda job: 0.001, progress=lambda number, doing: told.append(doing))
    assert (list(jobs), told) == ([Ended("timeout", "no end after 0 s")], [Doing(0.5)])
    monkeypatch.setattr(supervise, "_START", 0.001)
    assert results(["a"]) == [Ended("timeout", "no end after 0 s")]


def test_a_job_that_takes_all_memory_is_ended_before_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "available_bytes", lambda: 300 * 2**20)
    ended, after = results(["allocate", "a"])
    assert isinstance(ended, Ended)
    assert ended.status == "memory"
    assert str(after).startswith("a in ")


def beside(*jobs: str, workers: int = 2, limit: float = 60) -> list[Done]:
    found = run_beside([misbehave] * workers, jobs, limit=lambda job: limit, progress=lambda number, doing: None)
    return sorted(found)


def test_workers_share_out_the_jobs_and_a_crash_costs_one() -> None:
    jobs = ["a", "b", "kill", "c", "segfault", "d", "last", "e", "f"]
    found = beside(*jobs)
    assert [done.number for done in found] == list(range(len(jobs)))
    texts = {jobs[done.number]: str(done.result).split()[0] for done in found if not isinstance(done.result, Ended)}
    assert texts == {name: name for name in jobs if name not in ("kill", "segfault")}
    ended = {jobs[done.number]: done.result for done in found if isinstance(done.result, Ended)}
    assert ended == {"kill": Ended("crashed", "killed by SIGKILL"), "segfault": Ended("crashed", "killed by SIGSEGV")}
    # why the first two alone: whoever takes the last may be the only one that still works
    assert [done.beside for done in found[:2]] == [1, 1]
    assert {done.beside for done in found} <= {0, 1}
    assert [done.beside for done in beside("a", "b", workers=1)] == [0, 0]


def test_what_is_done_alone_is_done_by_one_at_a_time_and_its_waiting_is_no_time() -> None:
    """Three of 0.3 s, of which the last waits for the others; none is given up."""
    found = beside(*["alone"] * 3, workers=3, limit=0.8)
    spans = sorted(tuple(map(float, str(done.result).split())) for done in found)
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_one_that_is_gone_keeps_nobody_from_being_alone() -> None:
    first, second = beside("dies alone", "alone")
    assert first.result == Ended("crashed", "ended with exit code 3")
    assert len(str(second.result).split()) == 2


def test_all_workers_end_with_whoever_goes_on_no_longer() -> None:
    results = run_beside([misbehave] * 2, ["a", "sleep"], limit=lambda job: 60, progress=lambda number, doing: None)
    with contextlib.closing(results):
        next(results)
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


@contextlib.contextmanager
def interrupted(script: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this script in a group of its own, which is killed whole at the end.

    why whole: a child that outlived its parent would hold the pipes open, and reading them would never end.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


SLEEPS = (
    "import multiprocessing, sys\n"
    "from faults import misbehave\n"
    "from rnninspect.bench.supervise import run_jobs\n"
    "def told(number, share):\n"
    "    print(multiprocessing.active_children()[0].pid, flush=True)\n"
    "if __name__ == '__main__':\n"
    "    list(run_jobs(misbehave, ['sleep'], limit=lambda job: 600, progress=told))\n"
)


def gone(pid: int) -> bool:
    """Whether a process has ended, within half a minute; one that nobody has waited for counts."""
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc whether a process is there")
def test_a_child_whose_parent_was_killed_ends_in_the_middle_of_its_job() -> None:
    with interrupted(SLEEPS) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        assert gone(child)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_child_hears_of_no_interrupt_even_while_it_starts(name: str) -> None:
    """Ctrl-C goes to the whole group: a child that is still importing would print a traceback of its own."""
    script = (
        "import multiprocessing, os, signal\n"
        "from faults import misbehave\n"
        "from rnninspect.bench.starting import starting\n"
        "from rnninspect.bench.supervise import _Child\n"
        "if __name__ == '__main__':\n"
        "    with starting() as folder:\n"
        "        child = _Child(misbehave, folder)\n"
        f"    os.kill(multiprocessing.active_children()[0].pid, signal.{name})\n"
        "    child.begin(0, 'return', lambda job: 60)\n"
        "    while not child.look(lambda number, doing: None):\n"
        "        child.pipe.poll(0.1)\n"
        "    print(child.result.partition(' in ')[0])\n"
        "    print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))\n"
        "    child.kill()\n"  # why: else it is told to end when Python does, and takes its patience
    )
    with interrupted(script) as process:
        out, err = process.communicate(timeout=60)
        assert (out, err) == ("return\nset()\n", "")


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_child_that_nobody_ends_after_a_signal_ends_by_itself(name: str, code: int) -> None:
    script = (
        "import os, signal, time\n"
        "from rnninspect.bench import starting, supervise\n"
        "supervise._PATIENCE = 0.2\n"
        "with starting.without_interrupts():\n"  # as a child begins
        "    supervise._end_later()\n"
        f"    os.kill(os.getpid(), signal.{name})\n"
        "    print(*signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with interrupted(script) as process:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (code, "2\n", "")


def test_a_worker_that_fails_at_every_job_gets_no_more(tmp_path: Path) -> None:
    """The other waits until that has happened, and then does all of its jobs."""
    gone, there = list[tuple[int, Ended]](), tmp_path / "there"

    def given_up(place: int, last: Ended) -> None:
        gone.append((place, last))
        there.touch()

    jobs = ["a", str(there), "b", "c"]
    found = run_beside(
        [broken, misbehave], jobs, limit=lambda job: 60, progress=lambda number, doing: None, given_up=given_up
    )
    results = {done.number: str(done.result).split()[0] for done in found}
    assert results == dict(enumerate(jobs))
    assert gone == [(0, Ended("failed", "RuntimeError: CUDA error: uncorrectable ECC error encountered"))]
