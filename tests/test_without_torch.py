"""The tool where torch is not installed: every line that a help ends with, and what is asked of torch."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from worlds import SMALL

from rnninspect import cli

ROOT = Path(__file__).parent.parent
HANG = 600

NOTE = "note: torch is not installed: the plan alone, not proven; pip install 'rnninspect[torch]'\n"
MISSING = (
    "error: torch is not installed here (pip install 'rnninspect[torch]'; --plan, explain, diff and check need none)"
)
# Commands that prove a plan, and are content with it; commands that are nothing without torch.
LOOK = ("inspect", "shapes", "weights", "params")
TORCHS = ("trace", "gradflow", "verify", "bench")
# Options by which something is asked of torch, and one of a library that a bare installation lacks as well.
ASKS = ("--device", "--build", "--stats")

Run = Callable[..., subprocess.CompletedProcess[str]]


class Ran(NamedTuple):
    """How a command line ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def examples() -> tuple[list[str], list[str]]:
    """The lines that the help of each command ends with, and those that need results of `bench`.

    `init` is first, since it writes what the others read.
    """
    lines = {name: import_module(f"rnninspect.commands.{name}").EXAMPLES for name in cli.COMMANDS}
    first, last = lines.pop("init"), lines.pop("compare")
    return [*first, *(line for each in lines.values() for line in each)], [*last]


def judged(line: str, ran: Ran) -> str | None:
    """What is wrong with how a line ended where torch is not installed."""
    _, command, *options = shlex.split(line)
    asked = command in TORCHS or (not set(ASKS).isdisjoint(options) and "--plan" not in options)
    if asked:
        # An error that is told first is of another library that is not there either.
        fine = ran.code == 3 and ran.stdout == "" and "pip install 'rnninspect[" in ran.stderr
    else:
        noted = command in LOOK and "--plan" not in options
        written = "--output" in options or command == "init"
        fine = ran.code == 0 and (ran.stdout != "" or written) and ran.stderr.count(NOTE) == noted
    return None if fine else f"{line}: {ran}"


# Command lines in one process that finds no torch, and neither do those that it starts.
HIDDEN = """
import sys
sys.modules["torch"] = None
from rnninspect.cli import app
if __name__ == "__main__":
    import shlex
    for line in sys.argv[1:]:
        try:
            app(shlex.split(line)[1:])
        except SystemExit as ended:
            for stream in (sys.stdout, sys.stderr):
                print(f"<{ended.code}>", file=stream, flush=True)
"""


@pytest.fixture
def hidden(tmp_path: Path, environment: Callable[..., dict[str, str]]) -> Callable[..., list[Ran]]:
    """`hidden(line, ...)`: how command lines end where no torch is found, in a folder of their own."""
    (tmp_path / "every.py").write_text(HIDDEN)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "m.yaml").write_text(SMALL)

    def start(*lines: str) -> list[Ran]:
        done = subprocess.run(
            [sys.executable, "../every.py", *lines],
            cwd=tmp_path / "folder",
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr
        return [
            Ran(int(code), out, err)
            for (out, code), (err, _) in zip(parts(done.stdout), parts(done.stderr), strict=True)
        ]

    return start


def parts(text: str) -> list[tuple[str, str]]:
    """What each line of a `HIDDEN` process printed, and its exit code."""
    *said, rest = text.split(">\n")
    assert rest == ""
    return [(part.rpartition("<")[0], part.rpartition("<")[2]) for part in said]


@pytest.fixture
def timed(here: Run, timing_nothing: None, tmp_path: Path) -> Callable[[Path], None]:
    """`timed(folder)` puts two results of `bench` there, which `compare` reads."""
    (tmp_path / "timed.yaml").write_text(SMALL)

    def write(folder: Path) -> None:
        for name in ("before.jsonl", "after.jsonl"):
            assert here("bench", tmp_path / "timed.yaml", "--output", folder / name).returncode == 0

    return write


def test_every_command_does_what_it_can(
    hidden: Callable[..., list[Ran]], timed: Callable[[Path], None], tmp_path: Path
) -> None:
    first, last = examples()
    ended = hidden(*first)
    timed(tmp_path / "folder")
    ended += hidden(*last)
    assert {line.split()[1] for line in (*first, *last)} == {*cli.COMMANDS}
    assert list(filter(None, map(judged, (*first, *last), ended))) == []


@pytest.mark.parametrize("command", LOOK)
def test_what_is_printed_is_what_plan_prints_but_for_its_last_line(
    hidden: Callable[..., list[Ran]], command: str
) -> None:
    line = f"rnninspect {command} m.yaml"
    page, plan, object_, plans_object = hidden(
        line, f"{line} --plan", f"{line} --format json", f"{line} --plan --format json"
    )
    *shown, last = page.stdout.splitlines()
    assert (shown, last) == (
        plan.stdout.splitlines()[:-1],
        "plan: from the equations alone, torch is not installed · float32",
    )
    assert json.loads(object_.stdout)["ledger"] == "plan"
    assert object_.stdout == plans_object.stdout
    assert (page.stderr, object_.stderr, plan.stderr) == (NOTE, NOTE, "")


def test_what_is_asked_of_torch_is_not_answered_by_the_plan(hidden: Callable[..., list[Ran]]) -> None:
    asked = [
        *(f"rnninspect {command} m.yaml --device cpu" for command in LOOK),
        "rnninspect weights m.yaml --stats",
        "rnninspect check m.yaml --build",
    ]
    assert hidden(*asked) == [Ran(3, "", f"{MISSING}\n")] * len(asked)
    (told,) = hidden("rnninspect weights m.yaml --stats --device cpu --plan")
    assert (told.code, told.stderr) == (0, "")


def test_a_document_is_found_unsound_first(hidden: Callable[..., list[Ran]]) -> None:
    (told,) = hidden("rnninspect shapes m.yaml --set encoder.hidden_size=big")
    assert (told.code, told.stdout) == (2, "")
    assert "torch" not in told.stderr


def test_python_says_what_brings_torch(program: Run, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(SMALL)
    source = (
        "import sys; sys.modules['torch'] = None\n"
        "import rnninspect\n"
        f"model = rnninspect.load({str(tmp_path / 'm.yaml')!r})\n"
        "print(model.plan().parameters, 'torch was not asked' in str(model))\n"
        "try:\n"
        "    model.build()\n"
        "except rnninspect.RnnInspectError as error:\n"
        "    print(type(error).__name__, error.exit_code, f'error: {error}')\n"
    )
    done = program(source)
    assert (done.stdout, done.stderr) == (f"220 True\nNoTorch 3 {MISSING}\n", "")


# --- from the wheel, in an environment that has nothing else -------------------------------------------------


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.more
def test_the_wheel_alone_is_small_and_runs_every_command(
    timed: Callable[[Path], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*command: str | Path) -> str:
        return subprocess.run(command, env=bare, cwd=tmp_path, check=True, stdout=-1, text=True, timeout=HANG).stdout

    bare = plainly(os.environ)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "wheels", ROOT)
    run(sys.executable, "-m", "venv", "bare")
    python = tmp_path / "bare" / "bin" / "python"
    empty, began = size_of(tmp_path / "bare"), time.monotonic()
    run(python, "-m", "pip", "install", "--quiet", *(tmp_path / "wheels").iterdir())
    seconds, megabytes = time.monotonic() - began, (size_of(tmp_path / "bare") - empty) / 1e6
    with capsys.disabled():
        print(f"\nwithout torch: installed in {seconds:.1f} s, {megabytes:.0f} MB")
    assert megabytes < 60
    assert run(python, "-c", "import importlib.util as u; print(u.find_spec('torch'))") == "None\n"

    first, last = examples()
    for line in (*first, *last):
        if line == last[0]:
            timed(tmp_path)
        tool, *words = shlex.split(line)
        done = subprocess.run(
            [python.parent / tool, *words], env=bare, cwd=tmp_path, check=False, capture_output=True, timeout=HANG
        )
        ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert judged(line, ran) is None

    # What the note says to type finds the package that is installed, wherever it came from.
    planned = run(python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-", "rnninspect[torch]")
    assert "torch" in {each["metadata"]["name"] for each in json.loads(planned)["install"]}


def plainly(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which nothing of this process's Python is left, but what pip is told of its network."""
    return {name: value for name, value in environment.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
