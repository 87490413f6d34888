"""Jobs run in a process of their own, so that one that crashes, hangs or fills the memory costs only itself.

The parent imports no torch. Its child is a fresh process (spawned: CUDA allows nothing else, and a child forked after
a parallel operator hangs), which stays for all jobs until one takes it down.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from rnninspect.bench.records import Doing, Status
from rnninspect.errors import NoTorch, first_line
from rnninspect.runtime.memory import available_bytes, ran_out, resident_bytes
from rnninspect.stop import ENDING

# What ends a run goes to its whole group; it is the parent that answers, and then ends its child.
_ALL_ENDING = {signal.SIGINT, *ENDING}
# Seconds that the parent has for that.
_PATIENCE = 10.0
# Seconds that a new child has until it says that it works: what it imports takes a while, on a busy machine a long one.
_START = 120.0
# How often the parent looks after its child: an interrupt is answered, and memory watched, within this.
_POLL = 0.05
_SPAWN = multiprocessing.get_context("spawn")


class Ended(NamedTuple):
    """A job that gave no result. reason: one line."""

    status: Status
    reason: str


class Last(NamedTuple):
    """The result of a job after which its process is of no more use."""

    result: Any


# What runs in the child: takes a job and somewhere to report its progress to, and gives the result. It first reports
# when all is imported that the job needs.
Work = Callable[[Any, Callable[[Doing], None]], Any]


def run_jobs(
    work: Work, jobs: Sequence[Any], *, limit: Callable[[Any], float], progress: Callable[[int, Doing], None]
) -> Generator[Any, None, None]:
    """Each job's result, or why there is none (`Ended`), in order and as soon as it is known. Raises NoTorch.

    work: a function of a module, so that the child can import it. limit: seconds a job may take, from when its process
    first reports progress; a new process has two minutes until then.
    progress: told the job's number and what it does.
    When the generator is closed, or an interrupt comes, the child is killed at once, whatever it is doing.
    """
    child: _Child | None = None
    try:
        for number, job in enumerate(jobs):
            if child is None:
                # why in here: an interrupt must find the child in its place, to end it.
                with _starting() as folder:
                    child = _Child(work, folder)
            result = child.run(job, limit(job), partial(progress, number))
            if not child.alive:
                child.kill()
                child = None
            yield result
    finally:
        if child is not None:
            child.kill()


class _Child:
    """The process that does the work, and the pipe to it."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process: SpawnProcess = _SPAWN.Process(target=_serve, args=(work, theirs, folder), daemon=True)
        self._process.start()
        theirs.close()
        self._room = available_bytes()
        self._began = False
        self.alive = True

    def run(self, job: Any, limit: float, progress: Callable[[Doing], None]) -> Any:
        """The job's result; where there is none, why, and `alive` is false if the process is no longer of use."""
        allowed = limit if self._began else _START
        deadline = time.monotonic() + allowed
        try:
            self._pipe.send(job)
            while True:
                if self._pipe.poll(_POLL):
                    kind, value = self._pipe.recv()
                    if kind in ("result", "last"):
                        # why no longer of use: after a fault of CUDA every later job in the process fails too.
                        self.alive = kind == "result" and not isinstance(value, Ended)
                        return value
                    if kind == "error":
                        raise value
                    if not self._began:
                        self._began, allowed = True, limit
                        deadline = time.monotonic() + allowed
                    progress(value)
                if time.monotonic() > deadline:
                    return self._given_up(Status.TIMEOUT, f"no end after {allowed:,.0f} s")
                taken = resident_bytes(self._process.pid)
                if taken is not None and self._room is not None and taken > self._room:
                    return self._given_up(Status.MEMORY, f"took {taken:,} bytes, {self._room:,} were free")
        except (EOFError, ConnectionError):
            self._process.join(5)
            return self._given_up(Status.CRASHED, _how(self._process.exitcode))

    def _given_up(self, status: Status, reason: str) -> Ended:
        self.alive = False
        return Ended(status, reason)

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.join(5)
        self._pipe.close()


@contextlib.contextmanager
def _starting() -> Generator[Path, None, None]:
    """A block to start processes in: they run no file of the current folder, and hear of no interrupt meanwhile.

    It is given that folder.
    """
    # why: they begin as `python -c`, which looks for modules in the current folder first, so that a `signal.py` there
    # would be run. Where else to look they are told: multiprocessing hands sys.path on. It holds for what they start.
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        with _without_main(), _elsewhere() as folder, _without_interrupts():
            yield folder
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextlib.contextmanager
def _without_main() -> Generator[None, None, None]:
    """A block in which this process has no main module that a process which starts would run again.

    why: whoever calls this from Python may have a script that guards nothing.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _deaf() -> bool:
    """Whether this process and what it starts hear of no PYTHONSAFEPATH, and need it: `python -E` hands -E on."""
    return bool(sys.flags.ignore_environment) and not sys.flags.safe_path


@contextlib.contextmanager
def _elsewhere() -> Generator[Path, None, None]:
    """A block in the folder of Python's own modules, where what starts would not hear of PYTHONSAFEPATH.

    It is given the folder that was the current one.
    """
    before = Path.cwd()
    if not _deaf():
        yield before
        return
    os.chdir(Path(os.__file__).parent)
    try:
        yield before
    finally:
        os.chdir(before)


@contextlib.contextmanager
def _without_interrupts() -> Generator[None, None, None]:
    """A block that Ctrl-C and the like wait for; what starts in it hears of none, as the parent answers for both."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # why first: the tracker's own start would let signals through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL_ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """End this process when its parent is gone, killed perhaps, whatever it is doing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _end_later() -> None:
    """Leave what ends a run to the parent; where it does not, for it may have come here alone, end after a while."""

    def later(number: int, frame: object) -> None:
        timer = threading.Timer(_PATIENCE, os._exit, [128 + number])
        timer.daemon = True
        timer.start()

    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, later)
    if hasattr(signal, "pthread_sigmask"):
        # why: what this process starts, torch.compile's compilers for one, would have them blocked for good.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _serve(work: Work, pipe: Connection, folder: Path) -> None:
    """The child: one job after the other, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_later()
    if _deaf():
        os.chdir(folder)
    # why: where memory runs out, it is this process that the kernel should take.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            job = pipe.recv()
            try:
                result = work(job, lambda doing: pipe.send(("progress", doing)))
            except NoTorch as error:
                # why the parent's affair: no job can be done.
                pipe.send(("error", error))
                continue
            except Exception as error:  # why so broad: whatever a job raises is its own affair, and the next may do
                status = Status.MEMORY if ran_out(error) else Status.FAILED
                result = Ended(status, first_line(error, named=True))
            pipe.send(("last", result.result) if isinstance(result, Last) else ("result", result))
