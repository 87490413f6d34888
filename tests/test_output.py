from __future__ import annotations

import contextlib
import io
import os
import pty
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rnninspect import output
from rnninspect.errors import OutputFailed

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

PROGRAM = """
import sys
from pathlib import Path
from rnninspect.errors import RnnInspectError
from rnninspect.output import write_text
try:
    write_text("── line\\n" * int(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
except RnnInspectError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def shell(script: str, *args: str, encoding: str = "utf-8", unbuffered: bool = False) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a bash script in which `write LINES [PATH]` is PROGRAM."""
    environment = {
        **os.environ,
        "PROGRAM": PROGRAM,
        "PYTHONPATH": str(Path(output.__file__).parent.parent),
        "PYTHONIOENCODING": encoding,
        "PYTHONUNBUFFERED": "1" if unbuffered else "",
    }
    body = 'write() { "$0" -c "$PROGRAM" "$@"; }; ' + script
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", body, sys.executable, *args],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


# --- stdout, in a process of its own ----------------------------------------------------------------------


def test_a_result_goes_to_stdout() -> None:
    assert shell("write 2") == (0, "── line\n── line\n", "")


@needs_dev_full
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_full_disk_is_one_line_and_exit_3(lines: int, unbuffered: bool) -> None:
    expected = (3, "", "cannot write stdout: No space left on device\n")
    assert shell(f"write {lines} >/dev/full", unbuffered=unbuffered) == expected


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_disk_that_fills_midway_is_no_success(tmp_path: Path, unbuffered: bool) -> None:
    script = 'ulimit -f 1; write 100000 >"$1"'
    expected = (3, "", "cannot write stdout: File too large\n")
    assert shell(script, str(tmp_path / "out"), unbuffered=unbuffered) == expected


def test_a_closed_stdout_is_one_line_and_exit_3() -> None:
    assert shell("write 1 >&-") == (3, "", "cannot write stdout: it is closed\n")


def test_a_file_is_written_where_stdout_is_closed(tmp_path: Path) -> None:
    assert shell('write 1 "$1" >&-', str(tmp_path / "out")) == (0, "", "")
    assert (tmp_path / "out").read_text(encoding="utf-8") == "── line\n"


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_reader_that_has_enough_is_no_error(unbuffered: bool) -> None:
    assert shell("write 100000 | head -1", unbuffered=unbuffered) == (0, "── line\n", "")
    assert shell("write 1 | true", unbuffered=unbuffered) == (0, "", "")


def test_a_stream_without_the_characters_gets_escapes() -> None:
    assert shell("write 1", encoding="ascii") == (0, "\\u2500\\u2500 line\n", "")


# --- paths that are no regular file -----------------------------------------------------------------------


@needs_dev_full
def test_a_device_is_written_to_directly() -> None:
    assert shell("write 1 /dev/full") == (3, "", "cannot write /dev/full: No space left on device\n")
    assert shell("write 1 /dev/null") == (0, "", "")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_dev_stdout_is_stdout(tmp_path: Path) -> None:
    assert shell("write 1 /dev/stdout | cat") == (0, "── line\n", "")
    (tmp_path / "log").write_text("earlier\n", encoding="utf-8")
    assert shell('write 1 /dev/stdout >> "$1"', str(tmp_path / "log")) == (0, "", "")
    assert (tmp_path / "log").read_text(encoding="utf-8") == "earlier\n── line\n"


def test_a_fifo_is_written_to_directly(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text(encoding="utf-8")))
    reader.start()
    output.write_text("×\n", fifo)
    reader.join()
    assert read == ["×\n"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_fifo_whose_reader_has_enough_is_no_error() -> None:
    code, _, errors = shell("write 100000 >(head -1 >/dev/null)")
    assert (code, errors) == (0, "")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match=r"^cannot write .*: Is a directory$"):
        output.write_text("x", tmp_path)


# --- files ------------------------------------------------------------------------------------------------


def test_a_new_file_gets_the_mode_that_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        output.write_text("×\n", tmp_path / "new")
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == "×\n".encode()
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


def test_an_existing_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text("a longer text than the new one", encoding="utf-8")
    path.chmod(0o604)
    output.write_text("new", path)
    assert path.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_text_or_the_new_one_never_a_part(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text("old", encoding="utf-8")
    with path.open(encoding="utf-8") as reader:
        output.write_text("new", path)
        assert reader.read() == "old"


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_stays_and_what_it_points_at_is_replaced(tmp_path: Path, dangling: bool) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "target", tmp_path / "link"
    if not dangling:
        target.write_text("old", encoding="utf-8")
    link.symlink_to(Path("there") / "target")
    output.write_text("new", link)
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert list((tmp_path / "there").iterdir()) == [target]


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OutputFailed, match="symbolic links"):
        output.write_text("x", link)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match=r"there is no folder .*nowhere$"):
        output.write_text("x", tmp_path / "nowhere" / "x.json")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed, match="Not a directory"):
        output.write_text("x", tmp_path / "file" / "x.json")


def test_a_write_protected_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # why: root may write everything, and tests may run as root.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    path = tmp_path / "old"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(OutputFailed, match="write-protected"):
        output.write_text("new", path)
    assert path.read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(descriptor: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "old"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OutputFailed):
        output.write_text("new", path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_file_is_hidden_and_beside_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: names.extend(path.name for path in tmp_path.iterdir()))
    output.write_text("x", tmp_path / "out.json")
    assert len(names) == 1
    assert names[0].startswith(".out.json.")
    assert names[0].endswith(".tmp")


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    output.write_text("x", tmp_path / ("é" * 127))
    assert len(list(tmp_path.iterdir())) == 1


def test_lone_surrogates_are_escaped(tmp_path: Path) -> None:
    output.write_text("\ud800", tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8") == r"\ud800"


def left_behind(folder: Path, name: str, days: float) -> Path:
    """What an update that was killed so long ago has left."""
    path = folder / name
    path.write_text("half")
    long_ago = time.time() - days * 24 * 60 * 60
    os.utime(path, (long_ago, long_ago))
    return path


def test_what_killed_updates_left_is_swept_by_the_next_one_of_the_same_file(tmp_path: Path) -> None:
    old = [left_behind(tmp_path, f".o[ut].json.{digits}.tmp", 1.1) for digits in ("00000000", "deadbeef")]
    others = [
        left_behind(tmp_path, ".o[ut].json.0123abcd.tmp", 0.9),  # somebody may be at it
        left_behind(tmp_path, ".other.json.0123abcd.tmp", 9),
        left_behind(tmp_path, ".o[ut].json.0123abcd.tmp.yaml", 9),
        left_behind(tmp_path, ".o[ut].json.0123.tmp", 9),
        left_behind(tmp_path, ".o[ut].json.notes.tmp", 9),
        left_behind(tmp_path, "o[ut].json.0123abcd.tmp", 9),
    ]
    (tmp_path / ".o[ut].json.ffffffff.tmp").mkdir()
    os.utime(tmp_path / ".o[ut].json.ffffffff.tmp", (0, 0))
    (tmp_path / ".o[ut].json.eeeeeeee.tmp").symlink_to(others[1])
    output.write_text("x", tmp_path / "o[ut].json")
    assert not any(path.exists() for path in old)
    assert len(list(tmp_path.iterdir())) == len(others) + 3


def test_what_cannot_be_swept_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = left_behind(tmp_path, ".out.json.00000000.tmp", 2)

    def fail(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", fail)
        output.write_text("new", tmp_path / "out.json")
    assert ((tmp_path / "out.json").read_text(), old.exists()) == ("new", True)


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o7777, 0o1644])
def test_no_bit_that_lets_a_file_run_as_another_is_carried_over(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(mode)
    output.write_text("new", path)
    assert stat.S_IMODE(path.stat().st_mode) == mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_the_owner_stays(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o640)
    os.chown(path, 65534, 65533)
    output.write_text("new", path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65534, 65533, 0o640)


def test_where_the_owner_may_not_stay_the_group_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a user who may write another's file, and is of its group."""
    path = tmp_path / "old"
    path.write_text("old")
    owners: list[tuple[int, int]] = []

    def chown(file: int, owner: int, group: int) -> None:
        owners.append((owner, group))
        if owner != -1:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", chown)
    output.write_text("new", path)
    assert owners == []
    status = path.stat()
    other = os.stat_result((*status[:4], status.st_uid + 1, status.st_gid + 1, *status[6:]))
    monkeypatch.setattr(output.disk, "status", lambda path: other)
    output.write_text("newer", path)
    assert (owners, path.read_text()) == ([(other.st_uid, other.st_gid), (-1, other.st_gid)], "newer")


def test_what_replaces_a_private_file_is_private_from_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    right = os.fchmod
    monkeypatch.setattr(
        os, "fchmod", lambda file, mode: (modes.append(stat.S_IMODE(os.fstat(file).st_mode)), right(file, mode))
    )
    path = tmp_path / "old"
    path.write_text("old")
    path.chmod(0o640)
    output.write_text("new", path)
    assert (modes, stat.S_IMODE(path.stat().st_mode)) == ([0o600], 0o640)


def test_a_pipe_that_nobody_reads_is_nothing_to_append_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OutputFailed, match=r"^cannot write .*fifo: it is a named pipe$"):
        output.append_text("x", tmp_path / "fifo")


# --- what stdout is ---------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return monkeypatch


def test_text_goes_to_whatever_stands_in_for_stdout() -> None:
    with contextlib.redirect_stdout(io.StringIO()) as stream:
        output.write_text("×", None)
    assert stream.getvalue() == "×"


@pytest.mark.parametrize(("encoding", "expected"), [("UTF-8", True), ("ascii", False), ("latin-1", False)])
def test_whether_stdout_takes_every_character(encoding: str, expected: bool) -> None:
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding=encoding)):
        assert output.stdout_is_utf8() is expected
    with contextlib.redirect_stdout(io.StringIO()):
        assert output.stdout_is_utf8()


def test_a_pipe_has_no_width_and_no_colour_whatever_columns_say(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("COLUMNS", "70")
    for stream in (io.StringIO(), None):
        clean_environment.setattr(sys, "stdout", stream)
        assert output.terminal_width() is None
        assert not output.wants_colour()


@pytest.mark.parametrize(("columns", "width"), [("70", 70), ("0", 80), ("", 80), ("wide", 80), ("-5", 80)])
def test_columns_hold_on_a_terminal(clean_environment: pytest.MonkeyPatch, columns: str, width: int) -> None:
    clean_environment.setenv("COLUMNS", columns)
    with contextlib.redirect_stdout(Terminal()):
        assert output.terminal_width() == width


def test_the_width_is_the_terminals(clean_environment: pytest.MonkeyPatch) -> None:
    import fcntl
    import struct
    import termios

    primary, secondary = pty.openpty()
    with os.fdopen(primary), os.fdopen(secondary, "w") as stream, contextlib.redirect_stdout(stream):
        assert output.terminal_width() == 80  # a new one says 0
        fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 123, 0, 0))
        assert output.terminal_width() == 123
        assert output.wants_colour()


@pytest.mark.parametrize(
    ("environment", "in_terminal", "in_pipe"),
    [
        ({}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ],
)
def test_when_there_are_colours(
    clean_environment: pytest.MonkeyPatch, environment: dict[str, str], in_terminal: bool, in_pipe: bool
) -> None:
    for name, value in environment.items():
        clean_environment.setenv(name, value)
    with contextlib.redirect_stdout(Terminal()):
        assert output.wants_colour() is in_terminal
        assert output.wants_colour(io.StringIO()) is in_pipe
    with contextlib.redirect_stdout(io.StringIO()):
        assert output.wants_colour() is in_pipe
        assert output.wants_colour(Terminal()) is in_terminal


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", "5 → 6 ± é"), ("ascii", r"5 -> 6 +/- \xe9"), ("cp1252", "5 -> 6 +/- é")]
)
def test_a_sign_that_stderr_cannot_show_is_written_in_ascii(
    monkeypatch: pytest.MonkeyPatch, encoding: str, expected: str
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding=encoding))
    output.write_stderr("5 → 6 ± é")
    assert written.getvalue().decode(encoding) == expected
