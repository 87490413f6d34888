"""`make mutate`: one-line faults planted in copies of the package, each of which must break a test.

tests/faults/ lists them, a file for each folder of the package. A line names a file of the package and the tests that
should see its faults; below it stands each fault, `what is there  =>  what is put there`, in which ⏎ is a line break.

A fault that no test sees is printed, and so is a test that fails without any fault: both are exit 1.
`python tests/tools/mutate.py bench/` plants those of some files.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# Seconds after which a fault is one that hangs, which is seen too.
LONGEST = 900
# What most tests import: it is imported once, and each run is a fork of this process.
SHARED = ("numpy", "torch", "yaml", "rich.table", "typer", "pytest", "hypothesis.strategies")
# why: what `make test` runs must see each; and pytest warns of what was imported before it began.
OPTIONS = ("-m", "not more", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")


class Fault(NamedTuple):
    """One fault: in which file of the package, what is there, what is put there, and the tests that should see it."""

    file: str
    right: str
    wrong: str
    tests: str

    def __str__(self) -> str:
        return f"{self.file}: {self.right!r} -> {self.wrong!r}"


def listed() -> Iterator[Fault]:
    """All faults of tests/faults/."""
    file = tests = ""
    for page in sorted((ROOT / "tests" / "faults").glob("*.txt")):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith("    "):
                right, _, wrong = line[4:].replace("⏎", "\n").partition("  =>")
                yield Fault(file, right, wrong.removeprefix("  "), tests)
            else:
                file, tests = line.split()


class Watch:
    """A plugin of pytest: which tests failed, or could not be collected."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport


class Copy:
    """A copy of the package and its tests, in which one run at a time goes on, in a fork of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("rnninspect", "tests", "configs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy2(ROOT / name, folder / name)

    def plant(self, fault: Fault, number: int) -> None:
        """Put the fault there. `number` differs for each fault."""
        self._file = self.folder / "rnninspect" / fault.file
        self._text = self._file.read_text(encoding="utf-8")
        self._file.write_text(self._text.replace(fault.right, fault.wrong), encoding="utf-8")
        # why: Python compiles a file anew whose time differs, and two faults may be planted within one second.
        os.utime(self._file, (number, number))

    def mend(self) -> None:
        """Take the last fault out again."""
        self._file.write_text(self._text, encoding="utf-8")

    def start(self, *arguments: str, seconds: int) -> int:
        """Run pytest with these arguments, for `seconds` at most where that is not 0; the number of its process."""
        process = os.fork()
        if not process:
            try:
                signal.alarm(seconds)
                self._run(arguments)
            except BaseException:
                traceback.print_exc()
            os._exit(70)
        return process

    def _run(self, arguments: tuple[str, ...]) -> None:
        os.chdir(self.folder)
        sys.path.insert(0, str(self.folder))
        temporary = self.folder / "temporary"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        # why CI: what random tests try depends on the code alone.
        os.environ |= {"PYTHONPATH": str(self.folder), "TMPDIR": str(temporary), "CI": "1"}
        with (self.folder / "output").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        watch = Watch()
        code = import_module("pytest").main([*OPTIONS, *arguments], plugins=[watch])
        (self.folder / "failed").write_text("\n".join(watch.failed), encoding="utf-8")
        sys.stdout.flush()
        os._exit(code)

    def failed(self, status: int) -> list[str]:
        """The tests that failed in the run that ended with `status`; SystemExit where pytest could not run them."""
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            return [f"signal {-code}"]
        failed = (self.folder / "failed").read_text(encoding="utf-8").split("\n")
        if code not in (0, 1, 2) or (code > 0) != (failed != [""]):
            raise SystemExit(f"pytest ended with {code}: {(self.folder / 'output').read_text()}")
        return failed if code else []


def seen(faults: list[Fault], copies: list[Copy]) -> Iterator[tuple[Fault, str]]:
    """Each fault, and the test that saw it, or "" where none did: in the order in which the runs end."""
    free, going = list(copies), {}
    waiting = list(enumerate(faults, 1))
    while waiting or going:
        while waiting and free:
            number, fault = waiting.pop(0)
            copy = free.pop()
            copy.plant(fault, number)
            going[copy.start("-x", f"tests/{fault.tests}", seconds=LONGEST)] = fault, copy
        process, status = os.wait()
        fault, copy = going.pop(process)
        copy.mend()
        free.append(copy)
        yield fault, next(iter(copy.failed(status)), "")


def failing(tests: list[str], copies: list[Copy]) -> Iterator[str]:
    """Those of the tests that fail in a copy without any fault: such a test would see every one."""
    going = {copy.start(*tests[k :: len(copies)], seconds=0): copy for k, copy in enumerate(copies) if tests[k:]}
    for _ in range(len(going)):
        process, status = os.wait()
        yield from going[process].failed(status)


def main(part: str = "") -> int:
    """Plant every fault in files whose path holds `part`, as many at once as there are CPUs."""
    planted = [fault for fault in listed() if part in fault.file]
    if not planted:
        raise SystemExit(f"no fault is planted in a file with {part!r} in its path")
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in SHARED:
        import_module(name)
    gc.collect()
    gc.freeze()  # what is there stays, and no run looks through it
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # some tests read the copy as another user
        copies = [Copy(Path(folder, str(number))) for number in range(len(os.sched_getaffinity(0)))]
        unseen, by = 0, set()
        for fault, test in seen(planted, copies):
            unseen += not test
            by.add(test)
            print(f"{'seen    ' if test else 'NOT SEEN'}  {fault}  {test}".rstrip(), flush=True)
        always = list(failing(sorted(test for test in by if "::" in test), copies))
    for test in always:
        print(f"FAILS WITHOUT A FAULT  {test}")
    print(f"{len(planted) - unseen} of {len(planted)} faults seen")
    return int(unseen > 0 or always != [])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
