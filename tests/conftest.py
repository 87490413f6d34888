"""What the tests of whole processes share. It imports neither the package nor torch: most tests need neither."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path

import pytest
from ended import Run
from hypothesis import settings

ROOT = Path(__file__).parent.parent

# why: one thread runs small modules about 1.6 times cheaper, and torch reads this when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"
# why: a thread of torch's that waits for work spins meanwhile, on a CPU that the other process of the tests needs.
os.environ["OMP_WAIT_POLICY"] = "passive"
# why: `bench` keeps there how fast the machine has been; what is left there belongs to its user.
_CACHE = tempfile.TemporaryDirectory()
os.environ["XDG_CACHE_HOME"] = _CACHE.name

# why: a build must depend on the code alone; elsewhere every run tries new examples. No deadline: a busy machine may
# take its time.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")
# `make test-more` asks for this one: ten times the examples that hypothesis has by itself.
settings.register_profile("many", max_examples=1000)
# why: what a command says of a CI is for the test that sets it, and a test must say the same on both.
for _name in ("CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI"):
    os.environ.pop(_name, None)

# why: `make test &` and nohup ignore these signals, and so would every process that a test starts and ends by one. What
# is handled begins anew in a process that is started, and what is ignored does not.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)

# --- where torch is not installed: `make test-plain` ----------------------------------------------------------

_HAS_TORCH = find_spec("torch") is not None
_NO_TORCH = "needs torch, which is not installed"


class _LeftOut(pytest.Item):
    """What stands for the tests of a file in which torch is imported."""

    def runtest(self) -> None:
        pytest.skip(_NO_TORCH)


# What comes with torch for development: what writes the checkpoints that are read.
_OF_DEVELOPMENT = {"torch", "onnx", "google", "safetensors"}


class _TestFile(pytest.Module):
    """A file of tests. Where importing it fails for want of torch, or what comes with it, a skip stands for it."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except self.CollectError as error:
            missing = getattr(error.__cause__, "name", None) or ""
            if _HAS_TORCH or missing.partition(".")[0] not in _OF_DEVELOPMENT:
                raise
            return [_LeftOut.from_parent(self, name="all")]


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module:
    return _TestFile.from_parent(parent, path=module_path)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The name of a case of bytes, not what is in them: an archive has its time, which two processes see differ."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search for no cycles while tests are collected: all of them stay, and every search would look through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave what was collected out of every later search for cycles: it stays until the end, and is most of all."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not _HAS_TORCH and item.get_closest_marker("torch"):
        pytest.skip(_NO_TORCH)


# A guard against hanging, nothing that is asserted: a busy machine may take its time.
HANG = 120


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which nothing of the caller's (colours, columns, a CI's own variables) is left."""
    # why a list of what stays: rich and typer look at a dozen variables, GITHUB_ACTIONS for one.
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")
        if name in os.environ
    }
    ours = {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return {**kept, **ours, **(extra or {})}


@pytest.fixture(scope="session")
def environment() -> Callable[..., dict[str, str]]:
    """`environment({"NO_COLOR": "1"})`: a clean environment and what is named."""
    return clean_environment


def process(
    command: Sequence[str], env: Mapping[str, str] | None, cwd: Path | None, stdin: bytes = b""
) -> subprocess.CompletedProcess[str]:
    """A process that has ended, of a clean environment and what `env` names."""
    done = subprocess.run(
        command, input=stdin, env=clean_environment(env), cwd=cwd, capture_output=True, check=False, timeout=HANG
    )
    # why not text=True: it would turn every carriage return into a newline, and hide it.
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="session")
def run() -> Run:
    """`run("params", "--plan", path)`: the command line in a process of its own; stdin is empty unless given."""

    def start(
        *args: str | Path, stdin: str | bytes = b"", env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        return process([sys.executable, "-m", "rnninspect", *map(str, args)], env, cwd, data)

    return start


@pytest.fixture(scope="session")
def shell() -> Run:
    """`shell('rnninspect params "$1" | head -1', path)`: a bash script in which `rnninspect` is the command line.

    The exit code is the last one of a pipe that is not 0.
    """

    def start(
        script: str, *args: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        body = f'rnninspect() {{ "$0" -m rnninspect "$@"; }}; {script}'
        return process(["bash", "-o", "pipefail", "-c", body, sys.executable, *map(str, args)], env, cwd)

    return start


@pytest.fixture(scope="session")
def program() -> Run:
    """`program("import rnninspect", "-W", "error")`: a Python program in a process of its own, and its options."""

    def start(
        source: str, *options: str, args: tuple[str, ...] = (), env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return process([sys.executable, *options, "-c", source, *args], env, None)

    return start


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Run:
    """`here("trace", path)`: the command line in this process, where nothing hangs on its being one of its own."""
    # why in here: most tests of whole processes need neither the package nor torch.
    from rnninspect import cli

    def start(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        with contextlib.chdir(cwd or Path.cwd()), pytest.raises(SystemExit) as ended:
            cli.app(list(map(str, args)))
        return subprocess.CompletedProcess(args, ended.value.code or 0, *capsys.readouterr())  # type: ignore[arg-type]

    return start


@pytest.fixture
def timing_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process `bench` has the made-up figures of `bench/fake_work.py`, which need no torch."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "bench")
    from fake_work import trial, work

    from rnninspect.bench import largest, schedule
    from rnninspect.runtime import here

    # why not what asks it: whoever imported that meanwhile would keep it.
    monkeypatch.setattr(here, "find_spec", lambda name: ModuleSpec(name, None))
    monkeypatch.setattr(largest, "run_jobs", lambda _, jobs, **how: (trial(job, lambda share: None) for job in jobs))
    monkeypatch.setattr(schedule, "run_jobs", lambda _, jobs, **how: (work(job, lambda share: None) for job in jobs))
