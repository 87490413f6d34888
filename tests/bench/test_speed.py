"""The probe of the CPU's speed: what it learns, and what is kept of it for later runs. Nothing asserts on real time."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from rnninspect.bench import speed as module
from rnninspect.bench.speed import Speed


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where speeds are kept, on a machine that was started as "first"."""
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr(module, "_BOOT", boot)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rnninspect" / "speed.json"


def started_again(tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("second\n")


def test_a_reading_is_a_time_and_the_median_of_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    speed = Speed(1)
    assert 0 < speed.read() < math.inf
    # Four calls of 3, 1, 9 and 2 ns.
    clock = iter([0, 3, 10, 11, 20, 29, 30, 32])
    monkeypatch.setattr(module.time, "perf_counter_ns", lambda: next(clock))
    assert speed.read() == 2.5e-9


def test_the_fastest_is_the_least_of_what_was_seen_beside_something() -> None:
    speed = Speed(1)
    assert speed.fastest == math.inf
    assert [speed.beside(*pair) for pair in ((2.0, 4.0), (1.0, 3.0), (5.0, 1.0))] == [3.0, 2.0, 3.0]
    assert speed.fastest == 2.0


def test_what_was_fastest_is_known_to_the_next_run(file: Path) -> None:
    speed = Speed(1)
    speed.remember()
    assert not file.exists()  # nothing was seen
    speed.beside(2.0, 2.0)
    speed.remember()
    assert Speed(1).fastest == 2.0
    assert Speed(2).fastest == math.inf
    slower = Speed(2)
    slower.beside(3.0, 3.0)
    slower.remember()
    assert (Speed(1).fastest, Speed(2).fastest) == (2.0, 3.0)
    later = Speed(1)
    later.beside(9.0, 9.0)
    later.remember()
    assert Speed(1).fastest == 2.0


def test_of_two_runs_at_once_the_faster_is_kept() -> None:
    one, other = Speed(1), Speed(1)
    one.beside(1.0, 1.0)
    one.remember()
    other.beside(2.0, 2.0)
    other.remember()
    assert Speed(1).fastest == 1.0


def test_a_start_of_the_machine_begins_anew(tmp_path: Path, file: Path) -> None:
    speed = Speed(1)
    speed.beside(2.0, 2.0)
    speed.remember()
    started_again(tmp_path)
    speed = Speed(1)
    assert speed.fastest == math.inf
    speed.beside(3.0, 3.0)
    speed.remember()
    assert json.loads(file.read_text())["boot"] == "second"
    assert Speed(1).fastest == 3.0


def test_where_the_system_tells_no_start_from_another_nothing_is_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BOOT", file / "nowhere")
    speed = Speed(1)
    speed.beside(2.0, 2.0)
    speed.remember()
    assert Speed(1).fastest == math.inf
    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"boot": "first"}',
        b'{"boot": "first", "seconds": [1]}',
        b'{"boot": "first", "seconds": {"KEY": "fast"}}',
        b'{"boot": "first", "seconds": {"KEY": null}}',
        b'{"boot": "first", "seconds": {"KEY": -1}}',
        b'{"boot": "first", "seconds": {"KEY": 0}}',
        b'{"boot": "first", "seconds": {"KEY": NaN}}',
        b'{"boot": "first", "seconds": {"KEY": Infinity}}',
        b'{"boot": "first", "seconds": {"KEY": 1}',
    ],
)
def test_a_file_of_something_else_says_nothing_and_is_replaced(file: Path, text: bytes) -> None:
    keep = Speed(1)
    keep.beside(2.0, 2.0)
    keep.remember()
    (key,) = json.loads(file.read_text())["seconds"]
    file.write_bytes(text.replace(b"KEY", key.encode()))
    speed = Speed(1)
    assert speed.fastest == math.inf
    speed.beside(3.0, 3.0)
    speed.remember()
    assert Speed(1).fastest == 3.0


@pytest.mark.parametrize("given", ["", "relative", "~"])
def test_the_place_is_the_home_folder_where_no_other_is_named(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    speed = Speed(1)
    speed.beside(2.0, 2.0)
    speed.remember()
    assert (tmp_path / ".cache" / "rnninspect" / "speed.json").is_file()


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_without_a_place_the_run_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def tried(places: Sequence[str]) -> None:
        for place in places:
            monkeypatch.setenv("XDG_CACHE_HOME", place)
            speed = Speed(1)
            speed.beside(2.0, 2.0)
            speed.remember()
            assert Speed(1).fastest == math.inf

    (tmp_path / "a file").write_text("")
    tried([str(tmp_path / "a file"), "/proc/nowhere"])
    monkeypatch.setattr(module.Path, "home", homeless)
    tried([""])
