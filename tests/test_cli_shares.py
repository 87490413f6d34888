"""`bench --shard`, `merge` and `compare` of folders as command lines, with the figures of `bench/fake_work.py`."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from ended import Run, refused
from worlds import TIMED

from rnninspect.bench import schedule
from rnninspect.bench.journal import read_journal

SWEEP = ("--sweep", "encoder.hidden_size=range(1,11,1)", "--phase", "forward", "--quick")
ARRAY = ("ID", "MIN", "MAX", "STEP", "COUNT")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [*(f"SLURM_ARRAY_TASK_{name}" for name in ARRAY), "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "m.yaml").write_text(TIMED)
    return tmp_path


@pytest.fixture
def tool(here: Run, timing_nothing: None, folder: Path) -> Run:
    """`tool("merge", "results")` in the folder of m.yaml, `bench` timing nothing."""
    return lambda *words: here(*words, cwd=folder)


@pytest.fixture
def shard(tool: Run) -> Run:
    """`shard("1/3")`: a share of ten points into results/."""

    def run(share: str, *options: str, output: str = "results") -> subprocess.CompletedProcess[str]:
        return tool("bench", "m.yaml", *SWEEP, "--shard", share, "--output", output, *options)

    return run


def sizes(text: str) -> list[int]:
    return [int(row["encoder.hidden_size"]) for row in csv.DictReader(io.StringIO(text))]


def test_shares_add_up_to_all_of_it(shard: Run, tool: Run, folder: Path) -> None:
    measured: list[int] = []
    for share in ("1/3", "2/3", "3/3"):
        done = shard(share, "--format", "csv")
        assert (done.returncode, done.stderr) == (0, f"note: share {share} has {len(sizes(done.stdout))} points\n")
        assert sizes(done.stdout) == sorted(sizes(done.stdout))  # the smallest first
        measured += sizes(done.stdout)
        told = tool("merge", "results")
        assert told.returncode == int(share != "3/3")
        assert f"{len(measured)} of 10 points" in told.stdout
    assert sorted(measured) == list(range(1, 11))
    done = tool("merge", "results", "--output", "all.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    # What is merged is what one process measures.
    tool("bench", "m.yaml", *SWEEP, "--output", "one.jsonl")
    one, merged = (read_journal(folder / name) for name in ("one.jsonl", "all.jsonl"))
    assert [each.settings for each in one.outcomes] == [each.settings for each in merged.outcomes]
    for table in ("results", "times", "kernels"):
        shown = [
            tool("merge", source, "--table", table, "--format", "csv").stdout for source in ("results", "one.jsonl")
        ]
        assert shown[0] == shown[1] != ""
    assert tool("compare", "results", "all.jsonl").stderr == ""
    assert (folder / "results" / "missing.json").exists()  # of when something was


def test_a_share_leaves_out_what_others_have_done(shard: Run, folder: Path) -> None:
    first = shard("1/2", "--format", "csv")
    again = shard("1/2", "--format", "csv")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr == "note: share 1/2 has 5 points, of which none is left\n"
    other = shard("1/1", "--format", "csv")
    assert other.stderr == "note: share 1/1 has 10 points, of which 5 are left\n"
    assert sorted(sizes(first.stdout) + sizes(other.stdout)) == list(range(1, 11))
    assert len(list((folder / "results").iterdir())) == 2


def test_the_same_document_by_another_path_is_the_same(shard: Run, tool: Run, folder: Path) -> None:
    shard("1/2")
    (folder / "elsewhere").mkdir()
    (folder / "m.yaml").rename(folder / "elsewhere" / "m.yaml")
    words = ("elsewhere/m.yaml", *SWEEP, "--shard", "2/2", "--output", "results")
    assert tool("bench", *words).returncode == 0
    done = tool("merge", "results", "--table", "results", "--format", "csv")
    assert (done.returncode, sizes(done.stdout)) == (0, list(range(1, 11)))
    assert len({row["file"] for row in csv.DictReader(io.StringIO(done.stdout))}) == 1


def test_what_is_missing_is_shared_out_anew_by_what_merge_prints(shard: Run, tool: Run, folder: Path) -> None:
    shard("2/3")
    done = tool("merge", "results")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "--only-missing" in line]
    _, *words = shlex.split(line[line.index("rnninspect bench") :])
    assert words[-4:] == ["--only-missing", "results", "--shard", "I/N"]
    for number in (1, 2):
        done = tool(*words[:-1], f"{number}/2", "--format", "csv")
        assert done.returncode == 0
        assert done.stderr.startswith(f"note: share {number}/2 has ")
    done = tool("merge", "results")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "10 of 10 points")
    shares = json.loads(tool("merge", "results", "--format", "json").stdout)["shares"]
    assert [(share["number"], share["of"], share["missing_list"] is None) for share in shares] == [
        *((number, 3, True) for number in (1, 2, 3)),
        *((number, 2, False) for number in (1, 2)),
    ]
    assert all(share["is_whole"] for share in shares)
    other = tool("bench", "m.yaml", *SWEEP[:-1], "--only-missing", "results", "--shard", "1/2")
    assert (other.returncode, "its list is of another measurement" in other.stderr) == (2, True)


def test_what_failed_is_missing_until_it_went_well(shard: Run, tool: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from fake_work import work

    from rnninspect.bench.jobs import not_measured

    def broken(_: object, jobs: object, **how: object) -> object:
        for job in jobs:  # type: ignore[attr-defined]
            four = job.runs[0].settings["encoder.hidden_size"] == 4
            yield [not_measured(job, job.runs[0], "memory", "no room")] if four else work(job, lambda share: None)

    with monkeypatch.context() as patch:
        patch.setattr(schedule, "run_jobs", broken)
        assert shard("1/1").returncode == 3
    done = tool("merge", "results")
    assert done.returncode == 1
    assert re.search(r"encoder.hidden_size=4 +memory: no room", done.stdout)
    assert "9 of 10 points; share 1/1 has 9 of 10; share it out anew with: rnninspect bench" in done.stdout
    assert shard("1/1").returncode == 0
    assert tool("merge", "results").returncode == 0


def test_controls_are_measured_by_every_share_and_are_no_results(shard: Run, tool: Run, folder: Path) -> None:
    for share in ("1/2", "2/2"):
        done = shard(share, "--control", "2", "--format", "csv")
        assert len(sizes(done.stdout)) == 5
    assert len(list((folder / "results").glob("*.control.jsonl"))) == 2
    done = tool("merge", "results")
    assert done.returncode == 0
    assert "controls: 1 device, none is off by more than 5 %" in done.stdout
    found = json.loads(tool("merge", "results", "--format", "json").stdout)
    assert {control["point"] for control in found["controls"]} == {f"encoder.hidden_size={size}" for size in (3, 8)}
    assert len(sizes(tool("merge", "results", "--table", "results", "--format", "csv").stdout)) == 10


def test_what_the_scheduler_says_is_in_the_results(shard: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(ARRAY, (3, 1, 4, 1, 4), strict=True):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "77")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    assert shard("slurm").stderr.startswith("note: share 3/4 has ")
    (path,) = (folder / "results").iterdir()
    places = [outcome.environment for outcome in read_journal(path).outcomes]
    assert {(place.host, place.job, place.task, place.attempt) for place in places if place} == {("n1", "77", "3", 0)}
    assert "-3-of-4." in path.name
    monkeypatch.setenv("SLURM_ARRAY_TASK_MAX", "7")
    assert shard("slurm").returncode == 2
    # Without --shard nobody looks.
    done = shard("1/1", "--help")
    assert done.returncode == 0


def test_a_task_of_another_torch_is_told_what_merging_will_say(shard: Run, tool: Run, folder: Path) -> None:
    shard("1/2")
    (path,) = (folder / "results").iterdir()
    path.write_text(re.sub('"torch": "[^"]*"', '"torch": "9.9"', path.read_text(), count=1))
    assert "note: others have measured with torch 9.9 and rnninspect" in shard("2/2").stderr
    assert (tool("merge", "results").returncode, tool("merge", "results", "--mixed").returncode) == (2, 0)


def test_no_more_threads_than_slurm_gives(shard: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnninspect.bench.cpus import Cpus
    from rnninspect.commands.shared import bench_share

    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(bench_share, "usable_cpus", lambda: Cpus(8, None))
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert "note: 2 threads: Slurm gives this task 2 of 8 CPUs\n" in shard("1/2").stderr
    assert bench_share.os.environ["OMP_NUM_THREADS"] == "2"


def test_a_cpu_where_others_have_a_gpu_is_refused(shard: Run, tool: Run, folder: Path) -> None:
    (folder / "m.yaml").write_text(TIMED.replace("device: cpu\n", ""))
    shard("1/2")
    (path,) = (folder / "results").iterdir()
    path.write_text(path.read_text().replace('"environment": {"device": "cpu"', '"environment": {"device": "cuda:0"'))
    done = shard("2/2")
    assert done.returncode == 3
    assert re.search(
        r"error: \S+: this was measured on the CPU, and results has results of cuda: it is left", done.stderr
    )
    assert tool("merge", "results").stdout.count("share 2/2 has none, but has begun") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shard", "1/2"), "so it needs --output FOLDER"),
        (("--shard", "0/2", "--output", "r"), "shares are counted from 1"),
        (("--shard", "1/2", "--output", "m.yaml"), "is one of the files to read"),
        (("--shard", "1/2", "--output", "file"), "this is a file (name another)"),
        (("--shard", "1/2", "--output", "gone/r"), "cannot write gone/r: "),
        (("--shard", "1/2", "--output", "r", "--interleave"), "--interleave: points of one share alone"),
        (("--shard", "1/2", "--output", "r", "--resume"), "--resume: a share goes on by itself"),
        (("--shard", "1/2", "--only-missing", "r", "--output", "r"), "leave one of the two out"),
        (("--shard", "1/2", "--only-missing", "r"), "rnninspect merge FOLDER writes it"),
        (("--shard", "slurm", "--output", "r"), "SLURM_ARRAY_TASK_ID is not set"),
        (("--control", "2"), "--control is of shares: it needs --shard I/N"),
        (("--only-missing", "r"), "--only-missing is of shares"),
        (("--script", "slurm"), "--script is of shares: it needs --shard N"),
        (("-", "--script", "slurm", "--shard", "2"), "--script: a task has nothing on its standard input"),
        (("--script", "slurm", "--shard", "1/2"), "expected 1 to 10,000 shares"),
    ],
)
def test_what_does_not_go_together(tool: Run, folder: Path, words: tuple[str, ...], said: str) -> None:
    (folder / "file").write_text("mine")
    done = tool("bench", "m.yaml", *words)
    assert (done.returncode in (2, 3), done.stdout) == (True, "")
    assert said in done.stderr
    assert (folder / "file").read_text() == "mine"


def test_two_models_of_one_name_cannot_be_told_apart_elsewhere(tool: Run, folder: Path) -> None:
    (folder / "n.yaml").write_text(TIMED.replace("hidden_size: 8", "hidden_size: 9"))
    line = refused(tool("bench", "m.yaml", "n.yaml", "--shard", "1/2", "--output", "r"))
    assert "m.yaml and n.yaml have one name, small" in line


# --- merge -----------------------------------------------------------------------------------------------------


def test_merge_writes_over_nothing_that_it_did_not_make(shard: Run, tool: Run, folder: Path) -> None:
    shard("1/1")
    (folder / "mine.txt").write_text("mine")
    (path,) = (folder / "results").iterdir()
    for name in ("mine.txt", str(path.relative_to(folder))):
        done = tool("merge", "results", "--output", name)
        assert (done.returncode, "it is there already" in done.stderr) == (2, True)
    assert (folder / "mine.txt").read_text() == "mine"
    for _ in range(2):
        assert tool("merge", "results", "--output", "results/all.jsonl").returncode == 0
    assert len((folder / "results" / "all.jsonl").read_text().splitlines()) == 11


def test_merge_of_nothing_is_refused(tool: Run, folder: Path) -> None:
    (folder / "results").mkdir()
    for words in (("merge", "results"), ("compare", "results", "results")):
        line = refused(tool(*words))
        assert "results: there is no journal of a benchmark here (rnninspect bench --shard I/N" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("results", "--table", "times", "--format", "json"), "--table times: --format json says how far it is"),
        (("results", "gone"), "gone: no such file or directory"),
        (("results", "m.yaml"), "m.yaml:1: these are no results of rnninspect bench"),
        (("pipe",), "pipe: these are no results of rnninspect bench: it is a named pipe"),
        (("results", "--plot", "x.svg", "--output", "x.svg"), "this is --output's file"),
    ],
)
def test_what_merge_refuses(shard: Run, tool: Run, folder: Path, words: tuple[str, ...], said: str) -> None:
    shard("1/1")
    os.mkfifo(folder / "pipe")
    assert said in refused(tool("merge", *words))


def test_compare_says_what_a_folder_lacks(shard: Run, tool: Run) -> None:
    shard("1/2")
    done = tool("compare", "results", "results")
    assert done.returncode == 0
    assert done.stderr == 2 * "note: results: 5 of 10 points are missing (rnninspect merge says which)\n"


@pytest.mark.more  # why: matplotlib takes seconds to load
def test_merge_draws(shard: Run, tool: Run, folder: Path) -> None:
    shard("1/1")
    assert tool("merge", "results", "--plot", "time.svg").returncode == 0
    assert "<svg" in (folder / "time.svg").read_text()


def test_the_answer_leads_in_markdown(shard: Run, tool: Run) -> None:
    shard("1/2")
    assert tool("merge", "results", "--format", "markdown").stdout.startswith("## 5 of 10 points; share 2/2 has none\n")


# --- a batch script --------------------------------------------------------------------------------------------


def test_a_script_is_what_sbatch_takes(tool: Run, folder: Path) -> None:
    done = tool("bench", "m.yaml", *SWEEP, "--shard", "4", "--control", "1", "--script", "slurm", "--output", "r")
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True).returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "#!/bin/bash"
    for line in ("--array=1-4", "--signal=B:TERM@60", "--requeue", "--time=00:03:00"):
        assert f"#SBATCH {line}" in lines
    assert (
        "# The largest share: 3 points, 1 phase, 1 s for each; with torch's start, and twice as much as that." in lines
    )
    _, *words = shlex.split(lines[-1])
    assert words[:3] == ["rnninspect", "bench", "m.yaml"]
    assert words[-2:] == ["--shard", "$SLURM_ARRAY_TASK_ID/4"]
    assert [line for line in lines if line.startswith("exec ")] == lines[-1:]
    assert not (folder / "r").exists()
    # The command is what was asked for: it takes a share of the same points.
    done = tool(*words[1:-1], "2/4", "--format", "csv")
    assert (done.returncode, len(sizes(done.stdout))) == (0, 3)


def test_a_script_asks_for_a_gpu_where_one_is_named(tool: Run) -> None:
    for device, line in (("cuda", "#SBATCH --gres=gpu:1"), ("cpu", "##SBATCH --exclusive")):
        done = tool("bench", "m.yaml", *SWEEP, "--device", device, "--shard", "2", "--script", "slurm")
        assert line in done.stdout.splitlines()
