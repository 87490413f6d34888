"""`bench --device cpu,cpu`: several workers at once, with the figures of `bench/fake_work.py`; never for figures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ended import Run
from worlds import TIMED

from rnninspect.bench import cpus

HERE = Path(__file__).parent / "bench"
SWEEP = ("--phase", "forward", "--quick", "--device", "cpu,cpu", "--sweep", "encoder.hidden_size=4,902,5,6")

pytestmark = pytest.mark.skipif(len(cpus.allowed_cpus() or (0, 1)) < 2, reason="two workers need two CPUs")


@pytest.fixture
def beside(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`bench m.yaml` in processes of its own, which have made-up figures: 902 is killed."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parent), str(HERE.parent.parent)]))
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setenv("FAKE_SECONDS", "0.1")
    from fake_work import work

    from rnninspect.bench import entry
    from rnninspect.runtime import here as found

    monkeypatch.setattr(entry, "work", work)
    monkeypatch.setattr(found, "torch_is_installed", lambda: True)
    (tmp_path / "m.yaml").write_text(TIMED)
    return lambda *words: here("bench", "m.yaml", *SWEEP, *words, cwd=tmp_path)


def outcomes(file: Path) -> dict[int, dict[str, object]]:
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    return {line["settings"]["encoder.hidden_size"]: line for line in lines}


def test_points_are_shared_out_and_a_crash_costs_one(beside: Run, tmp_path: Path) -> None:
    done = beside("--output", "r.jsonl", "--format", "json")
    assert done.returncode == 3
    assert "small encoder.hidden_size=902: crashed: killed by SIGKILL" in done.stderr
    alone = "small encoder.hidden_size=4 took beside 1 other device, as a multiple of its time alone: forward 1 ± 0.02"
    assert f"note: {alone}\n" in done.stderr
    found = outcomes(tmp_path / "r.jsonl")
    assert {size: line["status"] for size, line in found.items()} == {4: "ok", 902: "crashed", 5: "ok", 6: "ok"}
    assert {line["environment"]["beside"] for line in found.values() if line["environment"]} == {1}
    rows = json.loads(done.stdout)["results"]
    assert [(row["devices"], row["beside"]) for row in rows] == [("cpu", 1)] * 3
    assert [row["settings"]["encoder.hidden_size"] for row in rows] == [4, 5, 6]


@pytest.mark.more
def test_shares_and_several_devices_go_together(beside: Run, tmp_path: Path, here: Run) -> None:
    done = beside("--set", "encoder.input_size=5", "--output", "r", "--shard", "1/1", "--control", "1")
    assert done.returncode == 3
    journals = sorted((tmp_path / "r").glob("*.jsonl"))
    controls, all_ = (len(path.read_text().splitlines()) - 1 for path in journals)
    assert (controls, all_) == (2, 4)  # each device measures the control
    merged = here("merge", "r", "--format", "json", cwd=tmp_path)
    (share,) = json.loads(merged.stdout)["shares"]
    assert (merged.returncode, share["is_whole"]) == (1, False)
    script = beside("--shard", "4", "--script", "slurm")
    assert (script.returncode, "--device cpu,cpu" in script.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--interleave",), 2, "points are timed in turns on one device"),
        (("--device", ",".join(["cpu"] * 10_000)), 3, "each needs one of its own (name fewer devices)"),
    ],
)
def test_what_does_not_go(beside: Run, words: tuple[str, ...], code: int, said: str) -> None:
    done = beside(*words)
    assert (done.returncode, said in done.stderr) == (code, True)


def test_a_script_asks_for_as_many_gpus_as_a_task_uses(beside: Run) -> None:
    asked = {"cuda:all": "##SBATCH --gres=gpu:8", "cuda:0,cuda:1": "#SBATCH --gres=gpu:2"}
    for device, line in asked.items():
        printed = beside("--device", device, "--shard", "4", "--script", "slurm").stdout
        assert line in printed.splitlines()
        assert f"--device {device}" in printed
