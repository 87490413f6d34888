"""Every kind of failure is reached, and ends as documented; and whatever fails while writing, a file is whole."""

from __future__ import annotations

import errno
import gc
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest
import typer
from ended import Run
from worlds import SMALL

from rnninspect import cli, errors
from rnninspect.ending import blame
from rnninspect.errors import DocumentError, OutputFailed, RnnInspectError, first_line
from rnninspect.guard.lock import read_lock, update_lock
from rnninspect.guard.lock_lines import render_lock
from rnninspect.guard.locked import LockedLayer, LockedModel
from rnninspect.output import append_text, write_bytes, write_text

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


# --- every class of error ----------------------------------------------------------------------------------


def wrong_equation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the plan's LSTM another one than torch's."""
    from rnninspect.layers.lstm import LSTM

    right = LSTM.equations
    monkeypatch.setattr(LSTM, "equations", lambda self: right(self).replace(" + b_ii", ""))


def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes matplotlib away, and has a command ask for a picture, as `--plot` does."""
    from rnninspect.formats.plot import plot

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("rnninspect.commands.shared.look_page.print_page", lambda *page: plot((), Path("small.svg")))


def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes torch away."""
    monkeypatch.setitem(sys.modules, "torch", None)


def raising(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a module there that raises as it is imported."""
    above = Path.cwd().parent
    (above / "raises.py").write_text("raise RuntimeError('as it is imported')\n")
    (above / "raises.yaml").write_text("arguments: {}\n")
    monkeypatch.syspath_prepend(above)


def no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes git away."""
    monkeypatch.setenv("PATH", os.devnull)


def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the current folder away, as far as anybody can tell."""
    monkeypatch.setattr(os, "getcwd", fail_with(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))))


class Case(NamedTuple):
    """How an error is provoked: a command line, its exit code, and what must be made wrong before, if anything."""

    args: tuple[str, ...]
    code: int
    before: Callable[[pytest.MonkeyPatch], None] = lambda monkeypatch: None


CASES: dict[str, Case] = {
    "CheckFailed": Case(("params", "small.yaml", "--device", "cpu", "--format", "csv"), 1, wrong_equation),
    "DocumentError": Case(("params", "missing.yaml", "--plan"), 2),
    "OptionError": Case(("check", "small.yaml", "--max-params", "20m"), 2),
    "NoSuchDevice": Case(("shapes", "small.yaml", "--device", "cuda:99"), 3),
    "NotEnoughMemory": Case(("params", "small.yaml", "--device", "cpu", "--set", "encoder.hidden_size=10000000"), 3),
    "TorchRefused": Case(("shapes", "small.yaml", "--device", "meta", "--set", "encoder.hidden_size=4000000000"), 3),
    "CodeRaised": Case(("verify", "small.yaml", "--against", "raises:Class", "--map", "../raises.yaml"), 3, raising),
    "NoTorch": Case(("verify", "small.yaml"), 3, no_torch),
    "FolderGone": Case(("check", "small.yaml"), 3, no_folder),
    "NoGit": Case(("diff", "main:small.yaml", "small.yaml"), 3, no_git),
    "NotInstalled": Case(("params", "small.yaml", "--plan"), 3, no_matplotlib),
    "OutputFailed": Case(("params", "small.yaml", "--plan", "--output", "nowhere/out.json"), 3),
}


def classes() -> dict[str, type[RnnInspectError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, RnnInspectError)
    }


def missing(kinds: dict[str, type[RnnInspectError]], cases: dict[str, Case]) -> set[str]:
    """The classes that no case reaches; one that only gathers others need not be."""
    return {name for name, kind in kinds.items() if name not in cases and not kind.__subclasses__()}


def test_every_class_has_a_case() -> None:
    assert missing(classes(), CASES) == set()
    assert set(CASES) <= set(classes())


def test_a_new_class_without_a_case_would_be_found() -> None:
    new = {"DiskOnFire": type("DiskOnFire", (Exception,), {})}
    assert missing({**classes(), **new}, CASES) == {"DiskOnFire"}  # type: ignore[dict-item]
    assert missing(classes(), {name: case for name, case in CASES.items() if name != "TorchRefused"}) == {
        "TorchRefused"
    }


def test_every_error_of_the_package_stands_in_errors_with_its_exit_code() -> None:
    def below(kind: type[RnnInspectError]) -> Iterator[type[RnnInspectError]]:
        for under in kind.__subclasses__():
            yield under
            yield from below(under)

    assert {kind.__module__ for kind in below(RnnInspectError)} == {"rnninspect.errors"}
    gathering = {"RnnInspectError": 70, "AskedWrongly": 2, "CannotHere": 3}
    codes = {name: kind.exit_code for name, kind in classes().items()}
    assert codes == {name: case.code for name, case in CASES.items()} | gathering


def test_the_tree_in_the_documentation_is_the_tree() -> None:
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    named = {line.split("── ")[1].split()[0] for line in drawn}
    assert named == set(classes()) - {"RnnInspectError"}


def in_process(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    """The exit code of a command line."""
    # why: at the end of a process this saves time; here it would keep every test's objects for good.
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(sys, "argv", ["rnninspect", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_an_error_is_one_line_and_its_exit_code(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    case.before(monkeypatch)
    raised: list[str] = []

    def record(self: Exception, *args: object) -> None:
        raised.append(type(self).__name__)
        Exception.__init__(self, *args)

    monkeypatch.setattr(RnnInspectError, "__init__", record)
    assert in_process(monkeypatch, *case.args) == case.code
    assert raised == [name]
    shown, stderr = capsys.readouterr()
    assert stderr.startswith("error: ")
    assert stderr.endswith("\n")
    assert stderr[:-1].isprintable()
    # A failed check has a table that says where; whatever else ends badly has no result.
    assert bool(shown) is (case.code == 1)
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


@pytest.mark.parametrize(
    ("error", "message", "named"),
    [
        (OSError("one\ntwo"), "one", "OSError: one"),
        (ValueError("\n  \x1b[31mred\u2028two"), r"\x1b[31mred", r"ValueError: \x1b[31mred"),
        (MemoryError(), "MemoryError", "MemoryError"),
    ],
)
def test_the_first_line_of_what_an_exception_says(error: Exception, message: str, named: str) -> None:
    assert (first_line(error), first_line(error, named=True)) == (message, named)


def test_a_fault_of_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)

    def fault(*args: object, **named: object) -> None:
        raise ZeroDivisionError("a \x1b[31mfault\nof ours")

    monkeypatch.setattr("rnninspect.commands.shared.files.load_all", fault)
    monkeypatch.delenv("RNNINSPECT_TRACEBACK", raising=False)
    assert in_process(monkeypatch, "check", str(tmp_path / "small.yaml")) == 70
    shown, stderr = capsys.readouterr()
    assert (shown, stderr.count("\n")) == ("", 1)
    assert r"has a fault: ZeroDivisionError: a \x1b[31mfault\nof ours (" in stderr
    assert "report it" in stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OSError(errno.EIO, "Input/output error"), 3, "error: the system refused to go on: Input/output error ("),
        (PermissionError(errno.EACCES, "no", "a\x1b"), 3, r"error: the system refused to go on: no: a\x1b ("),
        (FileNotFoundError(errno.ENOENT, "No such file"), 70, "has a fault: FileNotFoundError: "),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_ours(
    error: OSError, code: int, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RNNINSPECT_TRACEBACK", raising=False)
    assert blame(error) == code
    assert line in capsys.readouterr().err


def test_what_runs_out_of_memory_while_it_ends_has_said_what_was_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    error = MemoryError()
    error.__context__ = typer.Exit(3)
    assert (blame(error), capsys.readouterr().err) == (3, "")


# --- writers -----------------------------------------------------------------------------------------------

OLD = {"old.yaml": LockedModel({}, {"x": LockedLayer("LSTM", 1, 2, {"w": (3, 4)}, {})})}
NEW = {"new.yaml": LockedModel({}, {f"layer{k}": LockedLayer("LSTM", k, k, {"w": (k,)}, {}) for k in range(1, 200)})}
OLD_TEXT, NEW_TEXT = render_lock(OLD), render_lock(NEW)

# Each writer, and what a file that held OLD_TEXT holds when it is done.
WRITERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "write_text": (lambda path: write_text(NEW_TEXT, path), NEW_TEXT),
    "write_bytes": (lambda path: write_bytes(NEW_TEXT.encode(), path), NEW_TEXT),
    "append_text": (lambda path: append_text(NEW_TEXT, path), OLD_TEXT + NEW_TEXT),
    "update_lock": (lambda path: update_lock(path, lambda before: {**before, **NEW}), render_lock({**OLD, **NEW})),
}
each_writer = pytest.mark.parametrize("writer", WRITERS)
existing_or_not = pytest.mark.parametrize("existing", [True, False], ids=["existing", "new"])


class Breaking:
    """A file that fails in the middle of what is written to it."""

    def __init__(self, file: IO[Any], failure: BaseException) -> None:
        self.file, self.failure = file, failure

    def __enter__(self) -> Breaking:
        return self

    def __exit__(self, *caught: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: Any) -> int:
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        raise self.failure

    def writelines(self, chunks: Iterable[Any]) -> None:
        for chunk in chunks:
            self.write(chunk)


def break_write(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    def breaking(right: Callable[..., IO[Any]]) -> Callable[..., Any]:
        def open_(path: Path | int, mode: str = "r", *args: Any, **options: Any) -> Any:
            file = right(path, mode, *args, **options)
            return file if mode.startswith("r") else Breaking(file, failure)

        return open_

    monkeypatch.setattr(Path, "open", breaking(Path.open))
    monkeypatch.setattr(os, "fdopen", breaking(os.fdopen))


def fail_with(failure: BaseException) -> Callable[..., None]:
    def fail(*args: object, **options: object) -> None:
        raise failure

    return fail


def break_fsync(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    monkeypatch.setattr(os, "fsync", fail_with(failure))


def break_replace(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    monkeypatch.setattr(Path, "replace", fail_with(failure))


BREAKS = {"write": break_write, "fsync": break_fsync, "replace": break_replace}
# Appending is one write: there is no file of its own to bring to the disk, and none to put in place.
GRID = [(w, b) for w in WRITERS for b in BREAKS if w != "append_text" or b == "write"]


def target_in(folder: Path, existing: bool) -> Path:
    path = folder / "rnninspect.lock"
    if existing:
        path.write_text(OLD_TEXT)
    return path


@each_writer
def test_what_a_writer_writes(writer: str, tmp_path: Path) -> None:
    """The grid's ground: without a fault each writes what is expected, through the very calls that are broken."""
    write, whole = WRITERS[writer]
    write(target_in(tmp_path, existing=True))
    assert (tmp_path / "rnninspect.lock").read_text() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["rnninspect.lock"]


@pytest.mark.parametrize(("writer", "broken"), GRID)
@existing_or_not
@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), OutputFailed),
        (OSError(errno.EIO, os.strerror(errno.EIO)), OutputFailed),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), OutputFailed),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
    ],
    ids=lambda value: value.strerror if isinstance(value, OSError) else None,
)
def test_a_fault_in_the_middle(
    writer: str,
    broken: str,
    existing: bool,
    failure: BaseException,
    raised: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = target_in(tmp_path, existing)
    write, _ = WRITERS[writer]
    with monkeypatch.context() as patched:
        BREAKS[broken](patched, failure)
        with pytest.raises(raised) as caught:
            write(path)
    if isinstance(failure, OSError):
        assert str(caught.value) == f"cannot write {path}: {failure.strerror}"
    if writer == "append_text":
        # What stood there is never touched; of what is added there may be a part, as in any log.
        content = path.read_text()
        assert content.startswith(OLD_TEXT if existing else "")
        assert (OLD_TEXT * existing + NEW_TEXT).startswith(content)
        assert list(tmp_path.iterdir()) == [path]
    else:
        assert [(file, file.read_text()) for file in tmp_path.iterdir()] == ([(path, OLD_TEXT)] if existing else [])
        # Nothing is held that would keep the next one off.
        write(path)
        assert read_lock(path).keys() >= NEW.keys()


@each_writer
def test_a_missing_folder(writer: str, tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match=r"^cannot write \S+rnninspect\.lock: (there is no folder |No such file)"):
        WRITERS[writer][0](tmp_path / "nowhere" / "rnninspect.lock")
    assert list(tmp_path.iterdir()) == []


@each_writer
def test_a_folder_that_is_a_file(writer: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OutputFailed, match=r"^cannot write \S+rnninspect\.lock: "):
        WRITERS[writer][0](tmp_path / "file" / "rnninspect.lock")
    assert (tmp_path / "file").read_text() == "kept"


@each_writer
def test_a_directory(writer: str, tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    kind = DocumentError if writer == "update_lock" else OutputFailed
    with pytest.raises(kind, match=r"Is a directory"):
        WRITERS[writer][0](target)
    assert (list(tmp_path.iterdir()), list(target.iterdir())) == ([target], [])


@needs_dev_full
@pytest.mark.parametrize("writer", ["write_text", "write_bytes", "append_text"])
def test_a_full_device(writer: str) -> None:
    with pytest.raises(OutputFailed, match=r"^cannot write /dev/full: No space left on device$"):
        WRITERS[writer][0](Path("/dev/full"))


@needs_dev_full
def test_an_endless_device_is_no_lock() -> None:
    with pytest.raises(DocumentError, match=r"^/dev/full: cannot read the lock: is a device$"):
        WRITERS["update_lock"][0](Path("/dev/full"))


# Writes with each writer to a path of its own below the folder that is named, after what `before` does; prints what
# is raised.
LIMITED = """
import fcntl, os, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from rnninspect.errors import RnnInspectError
from rnninspect.guard.lock import update_lock
from rnninspect.guard.locked import LockedLayer, LockedModel
from rnninspect.output import append_text, write_bytes, write_text

long = "x" * 100_000
many = {f"{k}.yaml": LockedModel({}, {"x": LockedLayer("LSTM", k, k, {"w": (k,)}, {})}) for k in range(1000)}
writers = {
    "write_text": lambda path: write_text(long, path),
    "write_bytes": lambda path: write_bytes(long.encode(), path),
    "append_text": lambda path: append_text(long, path),
    "update_lock": lambda path: update_lock(path, lambda before: {**before, **many}),
}
BEFORE
for name, writer in writers.items():
    for path in sorted(Path(sys.argv[1]).glob(f"{name}-*")):
        try:
            writer(path / "rnninspect.lock")
        except RnnInspectError as error:
            print(path.name, type(error).__name__, str(error).rpartition(": ")[2], sep="|")
        else:
            print(path.name, "", "", sep="|")
"""


def limited(program: Run, folder: Path, before: str) -> dict[str, tuple[str, str]]:
    root = Path(cli.__file__).parent.parent
    done = program(LIMITED.replace("BEFORE", before), args=(str(folder), str(root)))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines()]
    return {name: (kind, message) for name, kind, message in rows}


def test_a_disk_that_really_fills_midway(program: Run, tmp_path: Path) -> None:
    """A limit on the size of files is the full disk that every test can have."""
    for writer in WRITERS:
        for existing in (True, False):
            folder = tmp_path / f"{writer}-{'existing' if existing else 'new'}"
            folder.mkdir()
            target_in(folder, existing)
    outcomes = limited(program, tmp_path, "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))")
    assert set(outcomes.values()) == {("OutputFailed", "File too large")}
    assert len(outcomes) == 8
    for name in outcomes:
        target = tmp_path / name / "rnninspect.lock"
        earlier = OLD_TEXT if name.endswith("existing") else ""
        if name.startswith("append_text"):
            assert target.read_text().rstrip("x") == earlier
            assert list(target.parent.iterdir()) == [target]
        else:
            assert [path.read_text() for path in target.parent.iterdir()] == ([earlier] if earlier else [])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach: pytest's own are closed to all but the one who runs it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_without_permission(program: Run, open_folder: Path) -> None:
    """As another user, where the tests run as root: root may do everything."""
    folder = open_folder
    modes = {"folder": (0o555, 0o666), "file": (0o777, 0o444), "unreadable": (0o777, 0o000), "closed": (0o000, 0o666)}
    for writer in WRITERS:
        for name, (folder_mode, file_mode) in modes.items():
            inside = folder / f"{writer}-{name}"
            inside.mkdir()
            target_in(inside, existing=True).chmod(file_mode)
            inside.chmod(folder_mode)
    before = "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)"
    try:
        outcomes = limited(program, folder, before)
    finally:
        for inside in folder.iterdir():
            inside.chmod(0o755)
            (inside / "rnninspect.lock").chmod(0o644)
    denied = ("OutputFailed", "Permission denied")
    assert outcomes == {
        "write_text-folder": denied,
        "write_text-file": ("OutputFailed", "it is write-protected"),
        "write_text-unreadable": ("OutputFailed", "it is write-protected"),
        "write_text-closed": denied,
        "write_bytes-folder": denied,
        "write_bytes-file": ("OutputFailed", "it is write-protected"),
        "write_bytes-unreadable": ("OutputFailed", "it is write-protected"),
        "write_bytes-closed": denied,
        # To add to a file takes leave of the file alone.
        "append_text-folder": ("", ""),
        "append_text-file": denied,
        "append_text-unreadable": denied,
        "append_text-closed": denied,
        "update_lock-folder": denied,
        "update_lock-file": ("OutputFailed", "it is write-protected"),
        "update_lock-unreadable": ("DocumentError", "Permission denied"),
        "update_lock-closed": denied,
    }
    for name in outcomes:
        assert [path.name for path in (folder / name).iterdir()] == ["rnninspect.lock"]
        if name != "append_text-folder":
            assert (folder / name / "rnninspect.lock").read_text() == OLD_TEXT
