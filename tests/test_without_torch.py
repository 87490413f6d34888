"""The tool where torch is not installed: every line that a help ends with, and what is asked of torch."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple

import pytest
from checkpoint_files import GRU, safetensors
from ended import Run
from worlds import SMALL, Git

from rnninspect import cli
from rnninspect.runtime import here

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


class Ran(NamedTuple):
    """How a command line ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def examples(folder: Path, timed: Callable[[Path], None]) -> Iterator[str]:
    """The lines that the help of each command ends with; between them what some need is put into the folder."""
    lines = {name: import_module(f"rnninspect.commands.{name}").EXAMPLES for name in cli.COMMANDS}
    last = (*lines.pop("compare"), *lines.pop("merge"))
    yield from lines.pop("init")  # which writes what the others read
    Git(folder).commit("the documents")
    for name in ("model.pt", "old.pt", "new.onnx"):
        safetensors(folder / name, GRU)  # which are told by what is in them
    for each in lines.values():
        yield from each
    timed(folder)
    yield from last


def judged(line: str, ran: Ran) -> str | None:
    """What is wrong with how a line ended where torch is not installed."""
    _, command, *options = shlex.split(line)
    asked = command in TORCHS or (not set(ASKS).isdisjoint(options) and "--plan" not in options)
    if asked:
        # An error that is told first is of another library that is not there either.
        fine = ran.code == 3 and ran.stdout == "" and "pip install 'rnninspect[" in ran.stderr
    else:
        noted = command in LOOK and {"--plan", "--as"}.isdisjoint(options)
        written = "--output" in options or command == "init"
        fine = ran.code == 0 and (ran.stdout != "" or written) and ran.stderr.count(NOTE) == noted
    return None if fine else f"{line}: {ran}"


# What every Python runs first that finds it: those that one starts find no torch either.
NO_TORCH = 'import sys\nsys.modules["torch"] = None\n'
# Command lines in one process: a line each from stdin.
HIDDEN = """
import sys
from rnninspect.cli import app
if __name__ == "__main__":
    import shlex
    for line in iter(input, ""):
        try:
            app(shlex.split(line)[1:])
        except SystemExit as ended:
            for stream in (sys.stdout, sys.stderr):
                print(f"<{ended.code}>", file=stream, flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command lines of `hidden` run."""
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def hidden(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, environment: Callable[..., dict[str, str]]
) -> Iterator[Callable[[str], Ran]]:
    """`hidden(line)`: how a command line ends where no torch is found; one process for all tests."""
    program = folder.with_suffix(".py")
    program.write_text(HIDDEN)
    (folder / "m.yaml").write_text(SMALL)
    first = tmp_path_factory.mktemp("first")
    (first / "sitecustomize.py").write_text(NO_TORCH)
    command, env = [sys.executable, program], environment({"PYTHONPATH": str(first)})
    with subprocess.Popen(command, cwd=folder, env=env, stdin=-1, stdout=-1, stderr=-1, text=True) as process:

        def start(line: str) -> Ran:
            assert process.stdin is not None
            print(line, file=process.stdin, flush=True)
            (stdout, code), (stderr, _) = map(said, (process.stdout, process.stderr))
            return Ran(int(code), stdout, stderr)

        yield start
        process.communicate("\n", timeout=HANG)


def said(stream: IO[str] | None) -> tuple[str, str]:
    """What a `HIDDEN` process printed of a line, and its exit code."""
    text = ""
    while not (ended := re.search(r"<(\d+)>\n\Z", text)):
        text += next(stream or iter(()))
    return text[: ended.start()], ended[1]


@pytest.fixture
def timed(here: Run, timing_nothing: None, tmp_path: Path) -> Callable[[Path], None]:
    """`timed(folder)` puts two results of `bench` there, which `compare` reads, and a share, which `merge` does."""
    (tmp_path / "timed.yaml").write_text(SMALL)

    def write(folder: Path) -> None:
        for name in ("before.jsonl", "after.jsonl"):
            assert here("bench", tmp_path / "timed.yaml", "--output", folder / name).returncode == 0
        share = ("--shard", "1/1", "--output", f"{folder / 'results'}/")
        assert here("bench", tmp_path / "timed.yaml", *share).returncode == 0

    return write


def test_every_command_does_what_it_can(
    hidden: Callable[[str], Ran], timed: Callable[[Path], None], folder: Path
) -> None:
    lines = {line: hidden(line) for line in examples(folder, timed)}
    assert {line.split()[1] for line in lines} == {*cli.COMMANDS}
    assert list(filter(None, map(judged, lines, lines.values()))) == []


@pytest.mark.parametrize("command", LOOK)
def test_what_is_printed_is_what_plan_prints_but_for_its_last_line(hidden: Callable[[str], Ran], command: str) -> None:
    line = f"rnninspect {command} m.yaml"
    endings = ("", " --plan", " --format json", " --plan --format json")
    page, plan, object_, plans_object = (hidden(line + ending) for ending in endings)
    *shown, last = page.stdout.splitlines()
    assert (shown, last) == (
        plan.stdout.splitlines()[:-1],
        "plan: from the equations alone, torch is not installed · float32",
    )
    assert json.loads(object_.stdout)["ledger"] == "plan"
    assert object_.stdout == plans_object.stdout
    assert (page.stderr, object_.stderr, plan.stderr) == (NOTE, NOTE, "")


def test_what_is_asked_of_torch_is_not_answered_by_the_plan(hidden: Callable[[str], Ran]) -> None:
    asked = [
        *(f"rnninspect {command} m.yaml --device cpu" for command in LOOK),
        "rnninspect weights m.yaml --stats",
        "rnninspect check m.yaml --build",
    ]
    asked.append("rnninspect bench m.yaml --fit-batch")
    assert [hidden(line) for line in asked] == [Ran(3, "", f"{MISSING}\n")] * len(asked)
    told = hidden("rnninspect weights m.yaml --stats --device cpu --plan")
    assert (told.code, told.stderr) == (0, "")


def test_a_document_is_found_unsound_first(hidden: Callable[[str], Ran]) -> None:
    told = hidden("rnninspect shapes m.yaml --set encoder.hidden_size=big")
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
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "ci", ROOT)
    run(sys.executable, "-m", "venv", "bare")
    python = tmp_path / "bare" / "bin" / "python"
    empty, began = size_of(tmp_path / "bare"), time.monotonic()
    run(python, "-m", "pip", "install", "--quiet", *(tmp_path / "ci").glob("rnninspect-*.whl"))
    seconds, megabytes = time.monotonic() - began, (size_of(tmp_path / "bare") - empty) / 1e6
    with capsys.disabled():
        print(f"\nwithout torch: installed in {seconds:.1f} s, {megabytes:.0f} MB")
    assert megabytes < 60
    assert run(python, "-c", "import importlib.util as u; print(u.find_spec('torch'))") == "None\n"

    folder = tmp_path / "folder"
    folder.mkdir()
    for line in examples(folder, timed):
        tool, *words = shlex.split(line)
        done = subprocess.run(
            [python.parent / tool, *words], env=bare, cwd=folder, check=False, capture_output=True, timeout=HANG
        )
        assert judged(line, Ran(done.returncode, done.stdout.decode(), done.stderr.decode())) is None

    # What the note says to type finds the package that is installed, wherever it came from.
    planned = run(python, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-", "rnninspect[torch]")
    assert "torch" in {each["metadata"]["name"] for each in json.loads(planned)["install"]}


def plainly(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which nothing of this process's Python is left, but what pip is told of its network."""
    return {name: value for name, value in environment.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def test_torch_is_there_where_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    for found in (None, object()):
        monkeypatch.setattr(here, "find_spec", {"torch": found}.get)
        assert here.torch_is_installed() == (found is not None)
