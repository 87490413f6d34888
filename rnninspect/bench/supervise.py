"""Jobs run in processes of their own, so that one that crashes, hangs or fills the memory costs only itself.

The parent imports no torch. A child is a fresh process (spawned: CUDA allows nothing else, and a child forked after
a parallel operator hangs), which stays for all jobs until one takes it down. Several share out the jobs; what one of
them must do alone, a calibration for instance, the others wait with, and go on with what they do.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, NamedTuple

from rnninspect.bench.dealing import Deal, Done
from rnninspect.bench.records import Doing, Status
from rnninspect.bench.starting import ignores_safe_path, starting
from rnninspect.errors import NoSuchDevice, NoTorch, first_line
from rnninspect.runtime.memory import available_bytes, ran_out, resident_bytes
from rnninspect.stop import ENDING

# What ends a run goes to its whole group: seconds that the parent has to answer, and to end its child.
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
    work: Work, jobs: Iterable[Any], *, limit: Callable[[Any], float], progress: Callable[[int, Doing], None]
) -> Generator[Any, None, None]:
    """Each job's result, or why there is none (`Ended`), in order and as soon as it is known.

    jobs: the next is asked for when the result of the one before has been taken. The rest is as `run_beside` has it.
    Raises NoTorch, NoSuchDevice.
    """
    with contextlib.closing(run_beside([work], jobs, limit=limit, progress=progress)) as results:
        for done in results:
            yield done.result


def run_beside(
    works: Sequence[Work],
    jobs: Iterable[Any],
    *,
    limit: Callable[[Any], float],
    progress: Callable[[int, Doing], None],
    given_up: Callable[[int, Ended], None] = lambda place, last: None,
) -> Generator[Done, None, None]:
    """What came of each job, as soon as it is known: as many processes as `works` share them out.

    works: functions of a module, so that a child can import them; each is done in a process of its own, which takes
    the first job that is left as soon as it has nothing to do. limit: seconds a job may take, from when its process
    first reports progress, and less what it waits to be alone; a new process has two minutes until then.
    progress: told the job's number and what it does. given_up: told which of the works gets no more jobs, see `Deal`.
    When the generator is closed, or an interrupt comes, all children are killed at once, whatever they are doing.
    Raises NoTorch, NoSuchDevice.
    """
    children: list[_Child | None] = [None] * len(works)
    deal = Deal(jobs, len(works), _may_be_the_workers, given_up)
    try:
        while True:
            _hand_out(deal, children, works, limit)
            busy = [child for child in children if child is not None and child.busy]
            if not busy:
                yield from deal.rest()
                return
            for one in busy:
                one.beside = max(one.beside, len(busy) - 1)
            wait([child.pipe for child in busy], _POLL)
            for place, child in enumerate(children):
                if child is not None and child.busy and child.look(progress):
                    if not child.alive:
                        child.kill()
                        children[place] = None
                    yield from deal.put(place, child.job, Done(child.number, child.result, child.beside))
            _let_one_alone(children)
    finally:
        for child in children:
            if child is not None:
                child.kill()


def _hand_out(deal: Deal, children: list[_Child | None], works: Sequence[Work], limit: Callable[[Any], float]) -> None:
    """Have each child that has nothing to do begin a job, and start those that there are none of yet."""
    for place, child in enumerate(children):
        following = deal.take(place) if child is None or not child.busy else None
        if following is None:
            continue
        if child is None:
            # why in here: an interrupt must find the child in its place, to end it.
            with starting() as folder:
                children[place] = child = _Child(works[place], folder, len(works))
        child.begin(*following, limit)


def _may_be_the_workers(result: Any) -> bool:
    """Whether a job failed for what may be no fault of its own: a device that is broken."""
    return isinstance(result, Ended) and result.status in (Status.FAILED, Status.CRASHED)


def _let_one_alone(children: Sequence[_Child | None]) -> None:
    """Let the first child go on that waits to be alone, unless another is."""
    there = [child for child in children if child is not None]
    waiting = [child for child in there if child.waits]
    if waiting and not any(child.is_alone for child in there):
        waiting[0].let_alone()


class _Child:
    """A process that does the work, one of `among`, and the pipe to it.

    job, number, result, beside: of its job, as `Done` has them. waits: its job waits to be alone; is_alone: it is.
    """

    def __init__(self, work: Work, folder: Path, among: int = 1) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self._process: SpawnProcess = _SPAWN.Process(target=_serve, args=(work, theirs, folder), daemon=True)
        self._process.start()
        theirs.close()
        free = available_bytes()
        self._room = None if free is None else free // among
        self._began = False
        self.alive, self.busy, self.waits, self.is_alone = True, False, False, False
        self.job, self.number, self.result, self.beside = None, 0, None, 0

    def begin(self, number: int, job: Any, limit: Callable[[Any], float]) -> None:
        """Have the child begin a job."""
        self.job, self.number, self.result, self.beside, self.busy = job, number, None, 0, True
        self._limit = limit(job)
        self._allowed = self._limit if self._began else _START
        self._deadline = time.monotonic() + self._allowed
        try:
            self.pipe.send(job)
        except ConnectionError:
            self._crashed()

    def look(self, progress: Callable[[int, Doing], None]) -> bool:
        """Whether the job has ended; `alive` is then false if the process is no longer of use.

        Raises NoTorch, NoSuchDevice.
        """
        try:
            while self.busy and self.pipe.poll():
                kind, value = self.pipe.recv()
                self._hear(kind, value, progress)
        except (EOFError, ConnectionError):
            self._crashed()
        if self.busy and not self.waits and time.monotonic() > self._deadline:
            self._give_up(Status.TIMEOUT, f"no end after {self._allowed:,.0f} s")
        taken = resident_bytes(self._process.pid) if self.busy else None
        if taken is not None and self._room is not None and taken > self._room:
            self._give_up(Status.MEMORY, f"took {taken:,} bytes, {self._room:,} were free")
        return not self.busy

    def _hear(self, kind: str, value: Any, progress: Callable[[int, Doing], None]) -> None:
        if kind in ("result", "last"):
            # why no longer of use: after a fault of CUDA every later job in the process fails too.
            self.alive = kind == "result" and not isinstance(value, Ended)
            self._end(value)
            return
        if kind == "error":
            raise value
        if not self._began:
            self._began, self._allowed = True, self._limit
            self._deadline = time.monotonic() + self._allowed
        self.waits, self.is_alone = value.alone, False
        self._asked = time.monotonic()
        progress(self.number, value)

    def let_alone(self) -> None:
        """Let the child go on that waits to be alone; it has as much time left as when it asked."""
        self.waits, self.is_alone = False, True
        self._deadline += time.monotonic() - self._asked
        with contextlib.suppress(ConnectionError):  # it is gone, which `look` sees
            self.pipe.send(None)

    def _crashed(self) -> None:
        self._process.join(5)
        self._give_up(Status.CRASHED, _how(self._process.exitcode))

    def _give_up(self, status: Status, reason: str) -> None:
        self.alive = False
        self._end(Ended(status, reason))

    def _end(self, result: Any) -> None:
        self.result, self.busy, self.waits, self.is_alone = result, False, False, False

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.join(5)
        self.pipe.close()


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


def _tell(pipe: Connection, doing: Doing) -> None:
    """Tell the parent what the job does; where that is to be done alone, come back once it is so."""
    pipe.send(("progress", doing))
    if doing.alone:
        pipe.recv()


def _serve(work: Work, pipe: Connection, folder: Path) -> None:
    """The child: one job after the other, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_later()
    if ignores_safe_path():
        os.chdir(folder)
    # why: where memory runs out, it is this process that the kernel should take.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            job = pipe.recv()
            try:
                result = work(job, partial(_tell, pipe))
            except (NoTorch, NoSuchDevice) as error:
                # why the parent's affair: no job can be done.
                pipe.send(("error", error))
                continue
            except Exception as error:  # why so broad: whatever a job raises is its own affair, and the next may do
                status = Status.MEMORY if ran_out(error) else Status.FAILED
                result = Ended(status, first_line(error, named=True))
            pipe.send(("last", result.result) if isinstance(result, Last) else ("result", result))
