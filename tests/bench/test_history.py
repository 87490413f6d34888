"""What is kept of the CPU's speed: whatever stands in its place, a run goes on, and says so once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnninspect.bench import history


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where speeds are kept, on a machine that was started as "first"; what waits for it is ended."""
    (tmp_path / "boot_id").write_text("first\n")
    monkeypatch.setattr(history, "_BOOT", tmp_path / "boot_id")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "rnninspect").mkdir()

    def hung(*args: object) -> None:
        raise AssertionError("still waiting")  # no OSError: it would be taken for the file's

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(20)
    yield tmp_path / "rnninspect" / "speed.json"
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_what_is_kept_comes_back(file: Path) -> None:
    assert history.recall() == history.EarlierBests({})
    history.keep("a product", 2.0, None)
    history.keep("a product", 1.0, 2.0)
    history.keep("another", 3.0, None)
    assert history.recall() == history.EarlierBests({"a product": [1.0], "another": [3.0]})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 200_000, "is damaged"),
        ('{"boot": "first", "seconds": {"a": [1' + "0" * 400 + "]}}", "is damaged"),
        ('{"boot": "first", "seconds": {"a": [1' + "0" * 5000 + "]}}", "is damaged"),
        ('{"boot": "first", "seconds": {"a": [[1]]}}', "is damaged"),
        ('{"boot": "first", "seconds": "a"}', "is damaged"),
        (" " * (2**20 + 1), "cannot be read: larger than 1,024 KiB"),
    ],
    ids=lambda value: value[:12],
)
def test_a_damaged_file_is_told_of_and_replaced(file: Path, text: str, fault: str) -> None:
    file.write_text(text)
    assert history.recall() == history.EarlierBests({}, f"{file} {fault}")
    history.keep("a product", 2.0, None)
    assert history.recall() == history.EarlierBests({"a product": [2.0]})


def pipe(file: Path) -> None:
    os.mkfifo(file)


def endless(file: Path) -> None:
    file.symlink_to("/dev/zero")


def loop(file: Path) -> None:
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (pipe, "is a named pipe"),
        (endless, "is a device"),
        (loop, "cannot be read: Too many levels of symbolic links"),
        (Path.mkdir, "cannot be read: Is a directory"),
    ],
)
def test_what_is_no_file_is_told_of_and_left_alone(file: Path, make: object, fault: str) -> None:
    make(file)  # type: ignore[operator]
    before = os.lstat(file)
    for _ in range(2):
        assert history.recall() == history.EarlierBests({}, f"{file} {fault}")
        history.keep("a product", 2.0, None)
    assert os.lstat(file) == before
