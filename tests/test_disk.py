from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

import pytest

from rnninspect import disk

fcntl = pytest.importorskip("fcntl")


# --- what is there -----------------------------------------------------------------------------------------


def test_only_two_answers_say_that_nothing_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for gone in (tmp_path / "none", tmp_path / "file" / "x", tmp_path / "a\0b", tmp_path / "\ud800"):
        assert disk.status(gone) is None
    found = disk.status(tmp_path / "file")
    assert found is not None
    assert disk.kind(found) == ""


@pytest.mark.parametrize("name", ["loop", "a" * 300])
def test_what_cannot_be_looked_at_is_not_gone(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match=r"Too many levels|too long"):
        disk.status(tmp_path / name)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOMEM])
def test_a_stat_that_fails_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(path: object) -> os.stat_result:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", fail)
        with pytest.raises(OSError, match=os.strerror(code)):
            disk.status(tmp_path)


# --- what it holds -----------------------------------------------------------------------------------------


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has at most a hundred characters
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for name, kind, said in (
            ("fifo", disk.NamedPipe, "is a named pipe"),
            ("socket", disk.NoRegularFile, "is a socket"),
            ("/dev/zero", disk.NoRegularFile, "is a device"),
            (".", IsADirectoryError, "Is a directory"),
            ("none", FileNotFoundError, "No such file or directory"),
            ("a\0b", FileNotFoundError, "no file can have this name"),
        ):
            with pytest.raises(kind) as caught:
                disk.read(name, 9)
            assert disk.reason(caught.value) == said


def test_a_pipe_is_read_where_it_may_be_and_there_is_a_writer(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"abc")
    os.close(write)
    try:
        assert disk.read(f"/dev/fd/{read}", 9, pipe=True) == b"abc"
    finally:
        os.close(read)


@pytest.mark.parametrize("size", [0, 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_all_or_nothing(tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"x" * size)
    assert disk.read(tmp_path / "file", size) == b"x" * size
    if size:
        with pytest.raises(disk.TooLarge):
            disk.read(tmp_path / "file", size - 1)


# --- held against others -----------------------------------------------------------------------------------


def test_who_holds_a_file_keeps_others_off(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one, other = (os.open(tmp_path / "file", os.O_RDWR) for _ in range(2))
    disk.hold(one, wait=False)
    with pytest.raises(BlockingIOError):
        disk.hold(other, wait=False)
    disk.close(one)
    disk.hold(other, wait=True)
    disk.close(other)
    disk.close(other)  # which is no error, whatever the system says


@pytest.mark.parametrize(("code", "goes_on"), [(errno.ENOLCK, True), (errno.EOPNOTSUPP, True), (errno.EIO, False)])
def test_a_disk_without_locks_is_written_and_one_that_fails_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, goes_on: bool
) -> None:
    def fail(file: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)
    folder = os.open(tmp_path, os.O_RDONLY)
    expected = contextlib.nullcontext() if goes_on else pytest.raises(OSError, match=os.strerror(code))
    try:
        with expected:
            disk.hold(folder, wait=True)
    finally:
        os.close(folder)
