"""`make torture`: every system call of what writes, made to fail in turn, by strace's fault injection.

Each run must end with a documented exit code, say nothing of a traceback, leave its file as it was or whole and new,
and be green only where all is done. What does not hold is printed, and the exit code is 1. Where there is no strace, or
it may not trace, that is said, and the exit code is 0. `python tests/tools/torture.py journal` runs the tasks of that
name.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ERRORS = ("EIO", "ENOSPC", "EACCES", "EINTR")
# why `?`: not every machine has every one of them.
CALLS = (
    *("open", "openat", "close", "read", "pread64", "write", "pwrite64", "lseek", "ftruncate", "fsync", "fdatasync"),
    *("stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "getdents64", "getcwd", "chdir"),
    *("flock", "fcntl", "ioctl", "fchmod", "fchown", "dup", "dup2", "dup3", "getrandom", "poll", "pselect6"),
)
TRACE = "trace=" + ",".join(f"?{call}" for call in CALLS)
BEGIN = "/the torture begins here"
# The command line, run once in a folder of its own, so that all is imported and read that only a first run needs, and
# then in the folder that counts. What is timed does not matter here: bench's work is made up, in this process; nor do
# files of an installed torch.
DRIVER = f"""
import contextlib, functools, io, os, sys
import fake_work
from importlib import metadata
from rnninspect.cli import main
from rnninspect.bench import schedule

metadata.version = functools.cache(metadata.version)
schedule.run_jobs = lambda work, jobs, **_: (fake_work.work(job, lambda share: None) for job in jobs)

def once():
    try:
        main()
    except SystemExit as ended:
        return ended.code

work = os.getcwd()
os.chdir(sys.argv.pop(1))
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    once()
os.chdir(work)
with contextlib.suppress(OSError):
    os.stat({BEGIN!r})
sys.exit(once())
"""
DOCUMENT = """\
name: {name}
device: cpu
input: {{batch_size: 2, seq_len: 3}}
layers:
  - {{name: encoder, type: LSTM, input_size: 4, hidden_size: {size}}}
"""


Part = Callable[[str | None, str, str | None], bool]


class Task(NamedTuple):
    """A command and what is there before it. part: whether what a failure left of the target is sound."""

    name: str
    args: tuple[str, ...]
    target: str
    before: Mapping[str, str]
    part: Part
    env: Mapping[str, str] = {}


class Result(NamedTuple):
    """How a run ended. files: what it left; calls: the name and the number of each, once it had begun; hit: failed."""

    code: int
    stdout: str
    stderr: str
    files: dict[str, str]
    calls: list[tuple[str, int]]
    hit: bool


def untouched_or_whole(old: str | None, new: str, found: str | None) -> bool:
    return found in (old, new)


def whole_lines(old: str | None, new: str, found: str | None) -> bool:
    return found == old or (found is not None and new.startswith(found) and found.endswith("\n"))


def a_part_was_added(old: str | None, new: str, found: str | None) -> bool:
    """Nothing, a part of the page, or that a document could not be read."""
    added = (found or "").removeprefix(old or "")
    return found == old or ((found or "").startswith(old or "") and (new.startswith(found or "") or "error" in added))


def run(task: Task, inject: str | None = None) -> Result:
    """A task in a folder of its own, under strace."""
    with tempfile.TemporaryDirectory(prefix="torture-") as name:
        top = Path(name)
        for folder in ("warm", "work"):
            (top / folder).mkdir()
            for file, text in task.before.items():
                (top / folder / file).write_text(text)
        command = ["strace", "-qq", "-o", str(top / "log"), "-e", TRACE]
        command += [] if inject is None else ["-e", f"inject={inject}"]
        command += [sys.executable, "-c", DRIVER, str(top / "warm"), *task.args]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        ours = {
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "bench"))),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",  # the same calls every time
            "LC_ALL": "C.UTF-8",
            "XDG_CACHE_HOME": name,
        }
        done = subprocess.run(
            command,
            cwd=top / "work",
            env={**kept, **ours, **task.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        files = {path.name: path.read_text() for path in (top / "work").iterdir()}
        return Result(done.returncode, done.stdout, done.stderr, files, *calls_of(top / "log"))


def calls_of(log: Path) -> tuple[list[tuple[str, int]], bool]:
    """Every call after the beginning, with its number among those of its name; and whether one there was injected."""
    counts: Counter[str] = Counter()
    found: list[tuple[str, int]] = []
    begun = hit = False
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\w+)\(", line)
        if match is None:
            continue
        counts[match[1]] += 1
        if begun:
            found.append((match[1], counts[match[1]]))
            hit = hit or line.endswith("(INJECTED)")
        begun = begun or BEGIN in line
    return found, hit


def wrong(task: Task, right: Result, got: Result, call: str) -> str:
    """What does not hold of a run in which a call failed, or nothing."""
    old, new, found = task.before.get(task.target), right.files[task.target], got.files.get(task.target)
    if not got.hit:
        return "the call never came"
    if got.code not in {2, 3, right.code}:
        return f"exit code {got.code}"
    if "Traceback" in got.stderr or "has a fault" in got.stderr:
        return "a fault"
    # why not of a job's summary: the findings stand in its log, and a warning says what the summary lacks.
    warned = "warning: the job has no summary" in got.stderr and task.part(old, new, found)
    if got.code == right.code and (found, got.stdout) != (new, right.stdout) and not warned:
        return f"exit code {got.code}, and not all is done"
    if got.code != right.code and not task.part(old, new, found):
        return f"{task.target} is neither as it was nor whole"
    if got.code in (2, 3) and "error: " not in got.stderr.lower() and call != "write":
        return "no word of why"
    if left := got.files.keys() - right.files.keys() - task.before.keys():
        return f"it left {', '.join(left)}"
    return ""


def tasks() -> Iterator[Task]:
    """What is tried."""
    small, grown = (DOCUMENT.format(name="a", size=size) for size in (5, 6))
    documents = {"a.yaml": small, "other.yaml": small}
    update = ("check", "a.yaml", "other.yaml", "--update", "--format", "json")
    lock = run(Task("", update, "", documents, untouched_or_whole)).files["rnninspect.lock"]
    journal = ("bench", "a.yaml", "--sweep", "encoder.hidden_size=4,8", "--format", "json", "--output", "r.jsonl")
    head, first, _ = run(Task("", journal, "", documents, whole_lines)).files["r.jsonl"].splitlines(keepends=True)
    locked = {**documents, "a.yaml": grown, "rnninspect.lock": lock}
    plan = ("params", "a.yaml", "--plan", "--format", "json", "--output", "out.json")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md"}
    yield Task("check", ("check", "a.yaml", "--format", "json"), "rnninspect.lock", locked, untouched_or_whole)
    yield Task("update", ("check", "a.yaml", "--update"), "rnninspect.lock", locked, untouched_or_whole)
    yield Task("update of none", update, "rnninspect.lock", documents, untouched_or_whole)
    yield Task("output", plan, "out.json", {**documents, "out.json": "old"}, untouched_or_whole)
    yield Task("output of none", plan, "out.json", documents, untouched_or_whole)
    yield Task("init", ("init", "m.yaml"), "m.yaml", {}, untouched_or_whole)
    yield Task(
        "summary",
        ("check", "a.yaml", "--format", "github"),
        "summary.md",
        {**documents, "summary.md": "earlier\n"},
        a_part_was_added,
        github,
    )
    yield Task("journal", journal, "r.jsonl", documents, whole_lines)
    half = {**documents, "r.jsonl": head + first + first[:100]}
    yield Task("journal resumed", (*journal, "--resume"), "r.jsonl", half, whole_lines)


def torture(task: Task, pool: ThreadPoolExecutor) -> tuple[int, list[str]]:
    """How many calls were made to fail, and what did not hold."""
    right = run(task)
    if right.code not in (0, 1) or "Traceback" in right.stderr or right.calls != run(task).calls:
        raise SystemExit(f"{task.name}: no steady ground to start from: {right}")
    tried = [(call, number, error) for call, number in dict.fromkeys(right.calls) for error in ERRORS]

    def one(call: str, number: int, error: str) -> str:
        got = run(task, f"{call}:error={error}:when={number}")
        said = wrong(task, right, got, call)
        return said and f"{task.name}: {call} {number} {error}: {said}: exit code {got.code}: {got.stderr.strip()}"

    found = list(pool.map(lambda each: one(*each), tried))
    return len(tried), [said for said in found if said]


def main(part: str = "") -> int:
    """Torture every task whose name holds `part`."""
    probe = ["strace", "-qq", "-o", os.devnull, "-e", "inject=?rmdir:error=EIO:when=1", "true"]
    if shutil.which("strace") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        print("there is no strace here that may trace, so nothing was tortured")
        return 0
    start, total, faults = time.monotonic(), 0, 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for task in tasks():
            if part not in task.name:
                continue
            tried, found = torture(task, pool)
            total, faults = total + tried, faults + len(found)
            print(f"{task.name}: {tried - len(found)} of {tried} held", *found, sep="\n  ", flush=True)
    print(f"{total - faults} of {total} failures of system calls held, in {time.monotonic() - start:.0f} s")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
