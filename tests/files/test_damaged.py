"""Damaged and hostile files: one line that says what is wrong, or honest layers; at once, and nothing of them runs."""

from __future__ import annotations

import contextlib
import json
import pickle
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ended import Run

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("safetensors")

from damaged import CALLS, MARKER, PROTO, Damaged, damaged
from small_checkpoints import small_checkpoints

# The seconds of this process that one file may cost, and the megabytes that it may ask for. why three: alone none takes
# more than one, and beside others the processor is slower.
SECONDS = 3.0
MEGABYTES = 160
# How many of all the files `make test` tries; those that differ from day to day where the seed does.
SAMPLE = 40


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Little memory, and an end to what hangs."""

    def hangs(number: int, frame: object) -> None:
        raise TimeoutError("it hangs")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, hangs)
    signal.alarm(30)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEGABYTES * 2**20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """What is wrong with how a file was answered; "" where nothing is."""
    said = done.stdout + done.stderr
    lines = done.stderr.splitlines()
    if done.returncode not in (0, 1, 2):
        return f"exit code {done.returncode}: {said[-300:]}"
    if "Traceback" in said:
        return said[-300:]
    if not all(line.isprintable() for line in said.replace("\n", "\0").split("\0")):
        return f"what no terminal should get: {said[-300:]!a}"
    if any(line.startswith(("::", "##[")) for line in said.splitlines()):
        return f"a command of a CI: {said[-300:]}"
    if done.returncode == 2 and (done.stdout or len(lines) != 1 or not lines[0].startswith("error: ")):
        return f"not one line: {said[-300:]}"
    if done.returncode != 2 and not done.stdout:
        return f"no result: {said[-300:]}"
    if len(max(lines, key=len, default="")) > 2_000:
        return f"a line of {len(max(lines, key=len)):,} characters"
    return ""


def layers_of(shown: str) -> list[dict[str, Any]]:
    (file,) = json.loads(shown)["files"]
    layers: list[dict[str, Any]] = file["layers"]
    return layers


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small checkpoints as they were."""
    folder = tmp_path_factory.mktemp("whole")
    for name, content in small_checkpoints().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def honest(here: Run, whole: Path, tmp_path: Path) -> Callable[[Damaged, str], str]:
    """`honest(each, "json")`: what is wrong with how a file is answered."""
    known: dict[str, list[dict[str, Any]]] = {}
    count = iter(range(10_000))

    def judge(each: Damaged, format: str) -> str:
        path = each.write(tmp_path / str(next(count)))
        start = time.process_time()
        with bounded():
            done = here("identify", path, "--format", format, cwd=path.parent)
        seconds = time.process_time() - start
        if wrong := complaint(done):
            return wrong
        if seconds > SECONDS:
            return f"{seconds:.2f} s"
        if (path.parent / MARKER).exists():
            return "it was executed"
        if each.family == "cut" and done.stdout and format == "json":
            if each.of not in known:
                known[each.of] = layers_of(here("identify", whole / each.of, "--format", "json").stdout)
            added = [layer for layer in layers_of(done.stdout) if layer not in known[each.of]]
            return f"layers that the whole file has not: {added}" if added else ""
        return ""

    return judge


def sample(files: list[Damaged], count: int) -> list[Damaged]:
    """So many of them, from one end to the other."""
    return [files[k * len(files) // count] for k in range(count)]


def test_some_files(honest: Callable[[Damaged, str], str]) -> None:
    chosen = sample(damaged(), SAMPLE)
    assert {"cut", "flip", "length", "evil", "name", "other"} <= {each.family for each in chosen}
    assert {f"{each.family}, {each.what}": wrong for each in chosen if (wrong := honest(each, "json"))} == {}


@pytest.mark.more
@pytest.mark.parametrize("format", ["json", "table", "csv", "markdown"])
def test_all_files(honest: Callable[[Damaged, str], str], format: str) -> None:
    assert {f"{each.family}, {each.what}": wrong for each in damaged() if (wrong := honest(each, format))} == {}


@pytest.mark.more
@pytest.mark.parametrize("seed", range(1, 6))
def test_other_accidents(honest: Callable[[Damaged, str], str], seed: int) -> None:
    files = [each for each in damaged(seed) if each.family in ("cut", "flip")]
    assert {f"{each.family}, {each.what}": wrong for each in files if (wrong := honest(each, "json"))} == {}


@pytest.mark.more
def test_all_files_in_processes_with_little_memory(environment: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    """So that a bound on memory is held from the start on, and a signal that ends a process is seen."""
    wrong = {}
    for number, each in enumerate(damaged()):
        path = each.write(tmp_path / str(number))
        script = 'ulimit -v 600000 && exec "$@"'
        done = subprocess.run(
            ["bash", "-c", script, "bash", sys.executable, "-m", "rnninspect", "identify", path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=30,
            env=environment({"OPENBLAS_NUM_THREADS": "1"}),
            cwd=path.parent,
        )
        if found := complaint(done) or ("it was executed" if (path.parent / MARKER).exists() else ""):
            wrong[f"{each.family}, {each.what}"] = found
    assert wrong == {}


def test_whole_files_have_their_layers(here: Run, whole: Path) -> None:
    """So that none of the above is damaged from the beginning."""
    for path in sorted(whole.iterdir()):
        done = here("identify", path, "--format", "json")
        # An index has its weights in a file beside it, which this one has not.
        code = int(path.suffix == ".index")
        assert (done.returncode, len(layers_of(done.stdout))) == (code, 1), (path.name, done.stdout + done.stderr)


LIVE = (
    "os.system",
    "subprocess",
    "eval",
    "eval by getattr",
    "mkdir",
    "by INST",
    "by OBJ",
    "by STACK_GLOBAL",
    "by BUILD",
)


def test_an_evil_pickle_is_alive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who loads one as Python does makes the file that no test may find."""
    for what in LIVE:
        (tmp_path / what).mkdir()
        monkeypatch.chdir(tmp_path / what)
        pickle.loads(PROTO + CALLS[what] + b".")
        assert Path(MARKER).exists(), what


def test_a_complaint_is_made() -> None:
    def ended(code: int, stdout: str, stderr: str) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess((), code, stdout, stderr)

    fine = (
        ended(2, "", "error: a.pt: what it is\n"),
        ended(0, "a page\n", ""),
        ended(1, "{}\n", "error: a\nerror: b\n"),
    )
    assert [complaint(done) for done in fine] == ["", "", ""]
    bad = (
        ended(70, "", "error: a fault of ours\n"),
        ended(2, "a page\n", "error: a\n"),
        ended(2, "", "error: a\nerror: b\n"),
        ended(2, "", ""),
        ended(0, "", ""),
        ended(0, "a\x1b[31m\n", ""),
        ended(0, "a\n::error::b\n", ""),
        ended(2, "", f"error: {'a' * 3_000}\n"),
    )
    assert [bool(complaint(done)) for done in bad] == [True] * len(bad)
    assert re.search("exit code 70", complaint(bad[0]))
