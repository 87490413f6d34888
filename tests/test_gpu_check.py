"""The command for a GPU's first run: what becomes of steps that fail, hang or lack a device; all of it on a CPU."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from tools import gpu_check

ROOT = Path(__file__).parent.parent


def python(source: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", source)


def test_it_goes_on_past_failures_and_says_how_each_step_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asleep = "import os, time; print(os.getpid(), os.fork(), flush=True); time.sleep(60)"
    steps = [
        gpu_check.Step(
            "good", python("import os; print(os.environ['ONE'], *'abcd', sep='\\n')"), 30, 2, (("ONE", "1"),)
        ),
        gpu_check.Step("bad", python("raise SystemExit(5)"), 30),
        gpu_check.Step("gone", (str(tmp_path / "nothing"),), 30),
        gpu_check.Step("endless", python(asleep), 1.5),
        gpu_check.Step("last", python("print('still here')"), 30),
    ]
    assert gpu_check.check(steps, tmp_path, dict(os.environ)) == 1
    printed, log = capsys.readouterr().out, (tmp_path / "log.txt").read_text()
    table = [line.split() for line in printed.splitlines()[-6:]]
    assert [row[:2] for row in table[:5]] == [
        ["good", "0"],
        ["bad", "5"],
        ["gone", "127"],
        ["endless", "limit"],
        ["last", "0"],
    ]
    assert printed.splitlines()[-1].startswith("2 of 5 ended well, in ")
    # Shown is the end of what a step printed; the file has all of it, and the table.
    assert "c\nd\n## good: rc 0" in printed
    assert "\nb\n" not in printed
    assert "good: ONE=1 " in log
    assert "\n1\na\nb\nc\nd\n" in log
    assert log.endswith("\n".join(printed.splitlines()[-7:]) + "\n")
    # Nothing of a step is left when it is over, not what it started either.
    pairs = [line.split() for line in log.splitlines() if re.fullmatch(r"\d+ \d+", line)]
    pids = {int(pid) for pair in pairs for pid in pair} - {0}
    assert len(pids) == 2
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        time.sleep(0.05)
    return True


def test_all_good_is_0_and_a_step_that_was_not_run_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fine = gpu_check.Step("fine", python(""), 30)
    assert gpu_check.check([fine], tmp_path, dict(os.environ)) == 0
    none = gpu_check.Step("versions", python(f"raise SystemExit({gpu_check.NO_DEVICE})"), 30)
    assert gpu_check.check([none, fine], tmp_path, dict(os.environ)) == gpu_check.NO_DEVICE
    assert "fine                      -  not run\n0 of 2 ended well" in capsys.readouterr().out


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_the_steps_keep_to_eight_minutes_and_eight_files(tmp_path: Path, device: str) -> None:
    steps = gpu_check.steps(tmp_path, device, "1ms", tmp_path)
    assert len({step.name for step in steps}) == len(steps)
    assert sum(step.limit for step in steps) <= 8 * 60
    files = {step.command[step.command.index("--output") + 1] for step in steps if "--output" in step.command}
    assert len(files | {"log.txt"}) <= 8
    assert {Path(file).parent for file in files} == {tmp_path}
    asked = [word for step in steps for word in step.command if word.startswith("configs/")]
    assert all((ROOT / name).is_file() for name in asked)
    assert ("configs/deepbench-gru.yaml" in asked) == (device == "cuda")


def test_wheels_are_unpacked_where_they_fit_this_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for name in ("one-1-py3-none-any", f"two-1-{ours}-{ours}-linux_x86_64", "three-1-cp34-cp34m-linux_x86_64"):
        with zipfile.ZipFile(tmp_path / f"{name}.whl", "w") as archive:
            archive.writestr(f"{name.partition('-')[0]}.py", "")
    site = tmp_path / "site"
    gpu_check.unpack(tmp_path, site)
    assert sorted(path.name for path in site.iterdir()) == ["one.py", "two.py"]
    assert "three-1-cp34-cp34m-linux_x86_64.whl is for another Python" in capsys.readouterr().out
    found = gpu_check.environment_of(site, tmp_path)["PYTHONPATH"].split(os.pathsep)
    assert found[:2] == [str(site), str(ROOT)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{}"], "it is not empty (name another folder)"),
        (["{}/new", "--only", "verify"], "--only verify: expected one of versions, tests, "),
        (["{}/new", "--wheels", "{}/none"], "there is no wheel"),
        ([], "a folder for the results is needed"),
    ],
)
def test_what_cannot_be_used_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as ended:
        gpu_check.main([argument.format(tmp_path) for argument in arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_make_installs_nothing_for_it() -> None:
    for bin_, used in (("nowhere", "python9"), (".venv/bin", ".venv/bin/python")):
        if bin_ == "nowhere" or (ROOT / bin_ / "python").exists():
            dry = ["make", "-n", "gpu-check", "OUT=results", f"BIN={bin_}", "PYTHON=python9"]
            # why not what it would inherit: under `make test` this make says that it is one within another.
            alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
            done = subprocess.run(dry, cwd=ROOT, env=alone, capture_output=True, text=True, check=True)
            assert done.stdout == f"{used} tests/tools/gpu_check.py results\n"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, str(ROOT / "tests" / "tools" / "gpu_check.py"), str(folder), *options]
    return subprocess.run(whole, cwd=folder.parent, capture_output=True, text=True, check=False)


@pytest.mark.torch
def test_without_a_device_nothing_is_called_checked(tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    done = run(tmp_path / "new", "--only", "versions", "--only", "compare")
    assert done.returncode == 3, done.stdout
    assert "there is no CUDA device here: nothing was checked" in done.stdout
    assert f"torch {torch.__version__}" in (tmp_path / "new" / "log.txt").read_text()


def test_a_scheduler_that_ends_it_is_shown_how_far_it_came(tmp_path: Path) -> None:
    whole = [sys.executable, str(ROOT / "tests" / "tools" / "gpu_check.py"), str(tmp_path / "new"), "--device", "cpu"]
    steps = ["--only", "versions", "--only", "compare"]
    with subprocess.Popen([*whole, *steps], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith(" versions\n")
        process.terminate()
        printed = process.stdout.read()
    assert process.returncode == 143
    assert printed.endswith("0 of 2 ended well, in 0 s\n")


@pytest.mark.more
def test_all_of_it_runs_on_a_cpu(tmp_path: Path) -> None:
    """Control flow and files; nothing is said of times."""
    done = run(tmp_path / "new", "--device", "cpu", "--budget", "10ms", "--patience", "10")
    assert done.returncode == 0, done.stdout
    assert "20 of 20 ended well" in done.stdout
    results = {f"{name}.jsonl" for name in ("configs", "rnn", "lstm", "gru", "dtype", "ieee", "tf32")}
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"log.txt", *results}
