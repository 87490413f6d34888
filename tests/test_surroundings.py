"""Real processes in surroundings that are hostile or broken: what is run, what is said, and the exit code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Environment = Callable[..., dict[str, str]]

ROOT = Path(__file__).parent.parent
HANG = 120
DOCUMENT = """
name: small
input: {batch_size: 2, seq_len: 4}
device: cpu
layers: [{name: encoder, type: LSTM, input_size: 3, hidden_size: 8}]
"""
# What the installed command is: a file in a folder of its own, which is first on the path.
SCRIPT = "from rnninspect.cli import main\n\nif __name__ == '__main__':\n    main()\n"
BENCH = ("bench", "m.yaml", "--phase", "forward", "--budget", "50ms")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder to stand in; beside it is the command."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rnninspect").write_text(SCRIPT)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "m.yaml").write_text(DOCUMENT)
    return folder


def ended(*command: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, command)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=env,
        timeout=HANG,
    )


# --- files of the current folder ---------------------------------------------------------------------------

OTHERS = {"torch", "numpy", "yaml", "pydantic", "typer", "rich", "matplotlib", "sympy", "typing_extensions"}
# What `python -m` itself looks for in the current folder, before any line of ours is run.
BY_PYTHON = "import runpy, sys; print(*sys.modules)"


def lay_traps(folder: Path, names: set[str]) -> None:
    for name in names:
        (folder / f"{name}.py").write_text("open(__name__ + '.was-run', 'w').close()\n")


def sprung(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.was-run"))


@pytest.mark.slow
def test_no_file_of_the_current_folder_is_run(folder: Path, environment: Environment) -> None:
    lay_traps(folder, {*sys.stdlib_module_names, *OTHERS, "rnninspect", "sitecustomize", "usercustomize", "m"})
    for command in (BENCH, ("shapes", "m.yaml"), ("check", "m.yaml"), ("explain", "m.yaml")):
        done = ended("../bin/rnninspect", *command, cwd=folder, env=environment())
        assert (done.returncode, sprung(folder)) == (0, []), done.stderr


@pytest.mark.slow
def test_python_m_runs_none_but_what_python_itself_does(folder: Path, environment: Environment) -> None:
    by_python = ended("-c", BY_PYTHON, cwd=folder, env=environment()).stdout.split()
    lay_traps(folder, OTHERS | ({"random", "json", "socket", "selectors", "struct", "csv"} - set(by_python)))
    for command in (BENCH, ("check", "m.yaml")):
        done = ended("-m", "rnninspect", *command, cwd=folder, env=environment())
        assert (done.returncode, sprung(folder)) == (0, []), done.stderr


def test_a_trap_would_be_seen(folder: Path, environment: Environment) -> None:
    lay_traps(folder, {"signal"})
    ended("-c", "import signal", cwd=folder, env=environment())
    assert sprung(folder) == ["signal.was-run"]


def test_python_m_in_a_checkout_finds_its_package_in_the_child_too(folder: Path, environment: Environment) -> None:
    shutil.copytree(ROOT / "rnninspect", folder / "rnninspect", ignore=shutil.ignore_patterns("__pycache__"))
    where = "def work(job, progress):\n    raise RuntimeError(f'this is {__file__}')\n"
    (folder / "rnninspect" / "bench" / "entry.py").write_text(where)
    done = ended("-m", "rnninspect", *BENCH, cwd=folder, env=environment({"PYTHONPATH": ""}))
    assert done.returncode == 3
    assert f"this is {folder / 'rnninspect' / 'bench' / 'entry.py'}" in done.stderr


@pytest.mark.parametrize("given", ["", "1", None])
def test_what_the_user_set_is_left_as_it_was(given: str | None, environment: Environment, folder: Path) -> None:
    source = (
        "import os\n"
        "from faults import misbehave\n"
        "from rnninspect.bench.supervise import run_jobs\n"
        "if __name__ == '__main__':\n"
        "    list(run_jobs(misbehave, ['return'], limit=lambda job: 60, progress=lambda number, share: None))\n"
        "    print(repr(os.environ.get('PYTHONSAFEPATH')))\n"
    )
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "bench")))
    env = environment({"PYTHONPATH": paths, **({} if given is None else {"PYTHONSAFEPATH": given})})
    assert ended("-c", source, cwd=folder, env=env).stdout == f"{given!r}\n"
