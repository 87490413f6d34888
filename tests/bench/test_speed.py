"""The probe of the CPU's speed: what it learns, and what is kept of it for later runs. Nothing asserts on real time."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from rnninspect.bench import history
from rnninspect.bench import machine as module
from rnninspect.bench.machine import Speed


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where speeds are kept, on a machine that was started as "first"."""
    boot = tmp_path / "boot_id"
    boot.write_text("first\n")
    monkeypatch.setattr(history, "_BOOT", boot)
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


def probed(threads: int, *seconds: float) -> Speed:
    """A probe that took so long in one run, which is over."""
    speed = Speed(threads)
    for each in seconds:
        speed.beside(each, each)
    speed.remember()
    return speed


def test_the_best_is_what_a_quarter_of_the_readings_reach() -> None:
    speed = Speed(1)
    assert speed.best is None
    assert [speed.beside(*pair) for pair in ((2.0, 4.0), (1.0, 3.0), (5.0, 1.0))] == [3.0, 2.0, 3.0]
    assert speed.best is None  # of fewer than four nobody can say
    speed.beside(1.0, 1.0)
    assert speed.best == 2.0  # 1, 2, 3, 3: a burst of one reading is none
    for _ in range(4):
        speed.beside(1.0, 1.0)
    assert speed.best == 1.0


def test_the_best_of_the_runs_before_counts_too(file: Path) -> None:
    probed(1, 2.0, 2.0, 2.0)
    assert not file.exists()  # too few to say
    probed(1, 2.0, 2.0, 2.0, 2.0)
    assert Speed(1).best == 2.0
    assert Speed(2).best is None
    probed(2, 3.0, 3.0, 3.0, 3.0)
    assert (Speed(1).best, Speed(2).best) == (2.0, 3.0)
    assert probed(1, 9.0, 9.0, 9.0, 9.0).best == 2.0
    assert probed(1, 1.0, 1.0, 1.0, 1.0).best == 1.0
    assert Speed(1).best == 1.0


def test_what_never_comes_again_is_forgotten() -> None:
    probed(1, 1.0, 1.0, 1.0, 1.0)
    for _ in range(19):
        assert probed(1, 2.0, 2.0, 2.0, 2.0).best == 1.0
    probed(1, 2.0, 2.0, 2.0, 2.0)
    assert Speed(1).best == 2.0


def test_what_says_how_the_product_is_computed_tells_runs_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    probed(1, 1.0, 1.0, 1.0, 1.0)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert Speed(1).best is None
    monkeypatch.delenv("ATEN_CPU_CAPABILITY")
    monkeypatch.setattr(module, "allowed_cpus", lambda: {7})
    assert Speed(1).best is None


def test_of_two_runs_at_once_both_are_kept(file: Path) -> None:
    one, other = Speed(1), Speed(1)
    for speed, seconds in ((one, 1.0), (other, 2.0)):
        for _ in range(4):
            speed.beside(seconds, seconds)
        speed.remember()
    assert Speed(1).best == 1.0
    ((kept,),) = [json.loads(file.read_text())["seconds"].values()]
    assert kept == [1.0, 2.0]


def test_a_run_of_many_jobs_is_one_run(file: Path) -> None:
    probed(1, 5.0, 5.0, 5.0, 5.0)
    speed = Speed(1)
    for seconds in (3.0, 4.0, 2.0, 6.0):
        for _ in range(4):
            speed.beside(seconds, seconds)
        speed.remember()
    ((kept,),) = [json.loads(file.read_text())["seconds"].values()]
    assert kept == [5.0, 2.0]
    assert speed.best == 2.0
    # A quarter of this job, whatever there was before.
    for _ in range(4):
        speed.beside(1.0, 1.0)
    assert speed.best == 1.0


def test_a_start_of_the_machine_begins_anew(tmp_path: Path, file: Path) -> None:
    probed(1, 2.0, 2.0, 2.0, 2.0)
    started_again(tmp_path)
    assert Speed(1).best is None
    probed(1, 3.0, 3.0, 3.0, 3.0)
    assert json.loads(file.read_text())["boot"] == "second"
    assert Speed(1).best == 3.0


def test_where_the_system_tells_no_start_from_another_nothing_is_kept(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_BOOT", file / "nowhere")
    assert probed(1, 2.0, 2.0, 2.0, 2.0).best == 2.0
    assert Speed(1).best is None
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
        b'{"boot": "first", "seconds": {"KEY": 1}}',
        b'{"boot": "first", "seconds": {"KEY": ["fast"]}}',
        b'{"boot": "first", "seconds": {"KEY": [null]}}',
        b'{"boot": "first", "seconds": {"KEY": [-1, 0, NaN, Infinity]}}',
        b'{"boot": "first", "seconds": {"KEY": [1]}',
    ],
)
def test_a_file_of_something_else_says_nothing_and_is_replaced(file: Path, text: bytes) -> None:
    probed(1, 2.0, 2.0, 2.0, 2.0)
    (key,) = json.loads(file.read_text())["seconds"]
    file.write_bytes(text.replace(b"KEY", key.encode()))
    assert Speed(1).best is None
    probed(1, 3.0, 3.0, 3.0, 3.0)
    assert Speed(1).best == 3.0


@pytest.mark.parametrize("given", ["", "relative", "~"])
def test_the_place_is_the_home_folder_where_no_other_is_named(
    given: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    probed(1, 2.0, 2.0, 2.0, 2.0)
    assert (tmp_path / ".cache" / "rnninspect" / "speed.json").is_file()


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_without_a_place_the_run_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    for place in (str(tmp_path / "a file"), "/proc/nowhere"):
        monkeypatch.setenv("XDG_CACHE_HOME", place)
        assert probed(1, 2.0, 2.0, 2.0, 2.0).best == 2.0
        assert Speed(1).best is None
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setattr(history.Path, "home", homeless)
    assert probed(1, 2.0, 2.0, 2.0, 2.0).best == 2.0
    assert Speed(1).best is None
