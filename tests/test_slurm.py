"""Sweeps on a real Slurm of two nodes on loopback, with made-up figures: whatever ends a task, nothing is lost.

`make test-more` runs them where slurmctld, slurmd and slurm-client are installed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ended import Run
from loopback_slurm import Slurm, lacking, running, until
from test_cli_bench import FAKED, PATHS
from worlds import TIMED

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.more,
    pytest.mark.skipif(
        bool(lacking()), reason=f"{lacking()} is not installed (slurmctld, slurmd and slurm-client are)"
    ),
]
SIZES = range(1, 41)
SWEEP = ("--sweep", f"encoder.hidden_size=range({SIZES.start},{SIZES.stop},1)", "--phase", "forward", "--quick")
# So long a task has something to be disturbed in, and so long everything takes at the most, on a busy machine.
_POINT_SECONDS, _PATIENCE = "2", 240


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with running(tmp_path_factory.mktemp("slurm")) as started:
        tools = started.folder / "bin"
        tools.mkdir()
        (tools / "faked.py").write_text(FAKED)
        tool = tools / "rnninspect"
        tool.write_text(f'#!/bin/sh\nexec {sys.executable} {tools}/faked.py "$@"\n')
        tool.chmod(0o755)
        path = os.pathsep.join([str(tools), started.environment["PATH"]])
        ours = {"PATH": path, "PYTHONPATH": PATHS, "FAKE_SECONDS": _POINT_SECONDS, "XDG_CACHE_HOME": str(tools)}
        started.environment.update(ours)
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(TIMED)
    return tmp_path


@pytest.fixture
def tool(slurm: Slurm, folder: Path) -> Run:
    """`tool("merge", "results")` in the folder, where no scheduler started it."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["rnninspect", *words]
        return subprocess.run(
            command, env=slurm.environment, cwd=folder, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )

    return run


def measured(folder: Path) -> Counter[int]:
    """How often each point went well, by the lines of the journals as they are: nothing of the tool reads them."""
    counts: Counter[int] = Counter()
    for path in (folder / "results").glob("*.jsonl"):
        for line in path.read_bytes().split(b"\n")[1:]:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            counts[found["settings"]["encoder.hidden_size"]] += found["status"] == "ok"
    return counts


def has_measured(folder: Path, share: int, of: int, points: int) -> Callable[[], bool | None]:
    """Whether a share has so many points, None for not yet."""

    def asked() -> bool | None:
        lines = [path.read_bytes().count(b"\n") for path in (folder / "results").glob(f"*-{share}-of-{of}.jsonl")]
        return True if sum(lines) > points else None

    return asked


def process_of(job: str, task: int, slurm: Slurm) -> int:
    """The process of a task, by what Slurm has put into its environment."""
    names = {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_CONF": slurm.environment["SLURM_CONF"]}
    wanted = {f"{name}={value}".encode() for name, value in names.items()}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environ = {*(process / "environ").read_bytes().split(b"\0")}
            if wanted <= environ and b"faked.py" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    (alone,) = found
    return alone


def missing(tool: Run) -> tuple[int, set[int]]:
    """The exit code of merge, and the points that it misses."""
    done = tool("merge", "results", "--format", "json")
    found = json.loads(done.stdout)
    return done.returncode, {point["settings"]["encoder.hidden_size"] for point in found["missing"]}


def test_whatever_ends_a_task_nothing_is_lost(slurm: Slurm, folder: Path, tool: Run) -> None:
    script = tool("bench", "m.yaml", *SWEEP, "--shard", "8", "--script", "slurm", "--output", "results").stdout
    job = slurm.submit(script, "--cpus-per-task=2", cwd=folder)
    for share in range(1, 9):
        until(has_measured(folder, share, 8, 1), _PATIENCE)
    nodes = dict(line.split() for line in slurm("squeue", "-h", "-r", "-j", job, "-o", "%K %N").splitlines())
    on_second = [task for task, node in nodes.items() if node == "n2"]
    killed, cancelled, over, told_of_it = [task for task, node in nodes.items() if node == "n1"]
    # why first: it must not have done all before its time is over, however slow the rest is.
    slurm("scontrol", "update", f"JobId={job}_{over}", "EndTime=now+3")
    os.kill(process_of(job, int(killed), slurm), 9)
    slurm("scancel", "-s", "KILL", f"{job}_{cancelled}")
    # What --signal=B:TERM@60 sends a minute before the end.
    slurm("scancel", "-s", "TERM", "--batch", f"{job}_{told_of_it}")
    # What runs there is put back into the queue, to begin again in two minutes.
    slurm("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
    slurm("scancel", *(f"{job}_{task}" for task in on_second[1:]))
    slurm("scontrol", "update", f"JobId={job}_{on_second[0]}", "StartTime=now")
    states = slurm.wait(job, seconds=_PATIENCE)
    slurm("scontrol", "update", "NodeName=n2", "State=RESUME")
    assert [states[task] for task in (on_second[0], killed, cancelled, over)] == [
        *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT")
    ]
    said = (folder / f"rnninspect-{job}_{told_of_it}.log").read_text()
    assert re.search(r"ended by SIGTERM: [1-5] of 5 were measured, and are printed", said)
    # A share that was put back goes on where it was, in a journal of its own.
    (again,) = (folder / "results").glob(f"*-{on_second[0]}-of-8.1.jsonl")
    assert json.loads(again.read_bytes().split(b"\n")[0])["asked"]["share"]["attempt"] == 1
    there = measured(folder)
    lost = {size for size in SIZES if not there[size]}
    assert missing(tool) == (1, lost)
    assert len(lost) > 0
    told = tool("merge", "results").stdout
    assert f"{40 - len(lost)} of 40 points; " in told
    # And the command that merge prints completes it, as an array too.
    command = next(line for line in told.splitlines() if "--only-missing" in line).partition("anew with: ")[2]
    again_script = f"#!/bin/bash\nexec {command.replace('I/N', 'slurm')}\n"
    states = slurm.wait(slurm.submit(again_script, "--array=1-3", cwd=folder), seconds=_PATIENCE)
    assert set(states.values()) == {"COMPLETED"}
    assert missing(tool) == (0, set())
    assert set(+measured(folder)) == {*SIZES}
    places = [
        json.loads(line)["environment"]
        for path in (folder / "results").glob("*.jsonl")
        for line in path.read_bytes().splitlines()[1:]
        if line.endswith(b"}")
    ]
    assert {place["host"] for place in places} == {"n1", "n2"}
    assert {place["job"] for place in places} > {job}


def test_a_part_of_an_array_does_not_say_what_the_whole_is(slurm: Slurm, folder: Path) -> None:
    slurm.environment["FAKE_SECONDS"] = "0"
    words = ("rnninspect", "bench", "m.yaml", *SWEEP, "--shard", "slurm", "--output", "results")
    script = f"#!/bin/bash\nexec {' '.join(words[:4])} '{words[4]}' {' '.join(words[5:])}\n"
    for array in ("3,7", "5"):
        states = slurm.wait(slurm.submit(script, f"--array={array}", "--output=%a.log", cwd=folder))
        assert set(states.values()) == {"FAILED"}
        for task in array.split(","):
            assert "write --shard $SLURM_ARRAY_TASK_ID/N" in (folder / f"{task}.log").read_text()
    assert list((folder / "results").iterdir()) == []
    states = slurm.wait(slurm.submit(script, "--array=1-4", cwd=folder))
    assert set(states.values()) == {"COMPLETED"}
    assert measured(folder) == Counter(dict.fromkeys(SIZES, 1))
    states = slurm.wait(slurm.submit(script, "--array=1-2", "--output=%a.log", cwd=folder))
    assert set(states.values()) == {"FAILED"}
    assert "this array has 2 tasks, and results was begun with 4 shares" in (folder / "1.log").read_text()


def test_a_share_that_runs_twice_at_once_loses_nothing(slurm: Slurm, folder: Path, tool: Run) -> None:
    slurm.environment["FAKE_SECONDS"] = "0.2"
    script = tool("bench", "m.yaml", *SWEEP, "--shard", "4", "--script", "slurm").stdout
    jobs = [slurm.submit(script, f"--array={tasks}", cwd=folder) for tasks in ("1-4", "2,2", "1")]
    for job in jobs:
        assert set(slurm.wait(job, seconds=_PATIENCE).values()) == {"COMPLETED"}
    assert missing(tool) == (0, set())
    assert set(measured(folder)) == set(SIZES)
    done = tool("merge", "results", "--output", "all.jsonl")
    assert (done.returncode, len((folder / "all.jsonl").read_bytes().splitlines())) == (0, 41)
