"""What `bench` says of itself in a terminal before it is done: how long it takes, what it does, what it has so far."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from worlds import TIMED

from rnninspect.bench.jobs import Job
from rnninspect.bench.points import load_points
from rnninspect.bench.records import Doing, TimingRequest
from rnninspect.bench.schedule import Expected, jobs_of
from rnninspect.commands.shared import progress
from rnninspect.commands.shared.progress import Forecast, duration, progress_bar


class Stream(io.StringIO):
    """A stderr that is a terminal, or is none."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    (tmp_path / "m.yaml").write_text(TIMED)
    return jobs_of(load_points(str(tmp_path / "m.yaml")), TimingRequest(budget=1.0), processes=2, interleave=False)


def shown(jobs: list[Job], monkeypatch: pytest.MonkeyPatch, *, terminal: bool, load: float = 0.0) -> str:
    stream = Stream(terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "load", lambda: load)
    with progress_bar(jobs) as told:
        told(0, Doing(0.25, "step", 3.0512e-3))
    return stream.getvalue()


def test_a_terminal_is_told_how_long_it_takes_and_what_is_known_so_far(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _, bar = shown(jobs, monkeypatch, terminal=True).partition("\n")
    assert said == "about 22 s: torch starts 2 times, 8 figures of 1 s or less"
    assert "small: step, 3.05 ms so far" in bar
    assert " left" in bar
    busy, _, _ = shown(jobs, monkeypatch, terminal=True, load=1000.0).partition("\n")
    assert busy.startswith("about 65 s: ")
    assert busy.endswith("; others use the CPUs")


def test_a_pipe_is_told_nothing(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(jobs, monkeypatch, terminal=False) == ""


def test_the_time_that_is_left_goes_by_what_is_done_and_by_how_long_that_took() -> None:
    now = [100.0]
    forecast = Forecast([Expected(5.0, 4.0), Expected(2.0, 4.0)], lambda: now[0])
    assert forecast.left == 15
    now[0] += 3  # torch starts
    assert forecast.left == 12
    now[0] += 3  # and takes longer than expected
    assert forecast.left == 10
    forecast.hear(0, 0.5)
    assert forecast.left == 2 + 6
    now[0] += 12
    forecast.hear(1, 0.0)  # what was to take 9 s has taken 18
    assert forecast.left == 12
    forecast.hear(1, 0.75)
    assert forecast.left == 2


def test_of_jobs_that_run_at_once_each_has_its_own_share() -> None:
    forecast = Forecast([Expected(5.0, 4.0), Expected(2.0, 4.0)], lambda: 0.0, at_once=2)
    assert forecast.left == 15 / 2
    forecast.hear(0, 0.5)
    assert forecast.left == (2 + 6) / 2
    forecast.hear(1, 0.25)
    assert forecast.left == (2 + 3) / 2


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (11.6, "12 s"), (95, "2 min"), (2 * 3600, "2.0 h")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
