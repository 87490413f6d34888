"""What the machine did meanwhile: readings of one that is written down, whatever this one does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnninspect.bench import witness
from rnninspect.bench.cpus import Cpus, usable_cpus
from rnninspect.bench.disturbances import cpu_disturbance
from rnninspect.bench.witness import Counted, Reading, between, read
from rnninspect.runtime import control_groups

# --- what two readings say ------------------------------------------------------------------------------------

QUIET = Reading(at=10.0, thread=1.0, own=2.0, switches=5, cpus=2, busy=100.0, stolen=1.0)


def later(**grown: float) -> Reading:
    """The reading 0.5 s after QUIET, with what has grown since."""
    counts = {name: value + grown.get(name, 0) for name, value in QUIET._asdict().items() if value is not None}
    return QUIET._replace(**counts | {"at": 10.5, "cpus": 2})


@pytest.fixture(autouse=True)
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that counts in 10 ms, whatever this machine's does."""
    monkeypatch.setattr(witness, "_tick", lambda: 0.01)


def test_what_others_used_is_what_was_busy_less_our_own() -> None:
    # 2 CPUs for 0.5 s are 1 s. Busy 0.9 s of it, 0.4 s by us: others had 0.5 s.
    counted = between(QUIET, later(busy=0.9, own=0.4, thread=0.4, switches=60, stolen=0.03))
    assert counted.seconds == 0.5
    assert counted.others == pytest.approx(0.5)
    assert counted.steal == pytest.approx(0.03)
    assert counted.switches == pytest.approx(120)  # 60 in 0.5 s
    assert counted.waited == pytest.approx(0.2)  # 0.4 s of 0.5 s on a CPU
    assert counted.throttled is None
    # One tick of 10 ms for the square root of 2 CPUs, of 1 s.
    assert counted.grain == pytest.approx(0.01 * 2**0.5)


def test_our_own_threads_are_no_others() -> None:
    # Ticks show a little less than the precise clock of our own time.
    assert between(QUIET, later(busy=0.98, own=1.0)).others == 0.0


def test_a_share_is_never_above_one() -> None:
    counted = between(QUIET, later(busy=1.2, stolen=1.3, thread=0.6))
    assert (counted.others, counted.steal, counted.waited) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("after", "unknown"),
    [
        (later()._replace(cpus=3), {"others", "steal", "grain"}),  # a CPU came
        (later()._replace(cpus=None, busy=None, stolen=None), {"others", "steal", "grain"}),  # macOS
        (later(busy=-1.0, stolen=-1.0), {"others", "steal"}),  # a counter that went back
        (later(own=1.0), {"others"}),  # a sandbox whose /proc/stat stands still while we work
        (later()._replace(own=None, switches=None, thread=None), {"others", "switches", "waited"}),
    ],
)
def test_what_the_system_does_not_say_is_unknown(after: Reading, unknown: set[str]) -> None:
    counted = between(QUIET, after)
    shares = ("others", "steal", "grain", "switches", "waited")
    assert {name for name in shares if getattr(counted, name) is None} == unknown


def test_no_time_between_says_nothing() -> None:
    assert between(QUIET, QUIET) == Counted(0.0)


def test_the_quota_counts_in_periods() -> None:
    before, after = QUIET._replace(periods=100, throttled=7), later()._replace(periods=105, throttled=9)
    assert between(before, after).throttled == pytest.approx(2 / 5)
    assert between(before, after._replace(periods=100, throttled=7)).throttled is None


# --- what the system's files say ----------------------------------------------------------------------------------

STAT = """\
cpu  111 0 0 0 0 0 0 0 0 0
cpu0 100 10 20 4000 50 1 2 3 7 0
cpu1 200 0 40 4000 50 0 0 5 0 0
cpu3 900 0 0 4000 0 0 0 9 0 0
intr 1 2 3
"""


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """A machine's files: what is written below `/proc` and `/sys/fs/cgroup`."""
    monkeypatch.setattr(witness, "_STAT", str(tmp_path / "stat"))
    monkeypatch.setattr(control_groups, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    witness._quota_file.cache_clear()

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    yield write
    witness._quota_file.cache_clear()


def test_only_the_cpus_that_we_may_run_on_count(system: Callable[..., Path]) -> None:
    system(stat=STAT)
    reading = read()
    # user + nice + system + irq + softirq of cpu0 and cpu1; a guest's 7 are in user already
    assert reading.cpus == 2
    assert reading.busy == pytest.approx((100 + 10 + 20 + 1 + 2 + 200 + 40) * 0.01)
    assert reading.stolen == pytest.approx((3 + 5) * 0.01)
    assert reading.thread is not None
    assert reading.own is not None


def test_a_container_may_number_its_cpus_anew(system: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    system(stat=STAT)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {20, 21}, raising=False)
    assert read().cpus == 3


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "cpu0 1 2 3\n", "cpu0 a b c d e f g h\n"])
def test_a_file_that_says_nothing_is_unknown(system: Callable[..., Path], text: str) -> None:
    system(stat=text)
    reading = read()
    assert (reading.cpus, reading.busy, reading.stolen) == (None, None, None)


def test_a_system_without_these_files(system: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and macOS: no /proc, no affinity, no load, no getrusage."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setattr(witness, "resource", None)
    reading = read()
    assert reading.own is not None
    assert reading[3:] == (None,) * 6
    assert cpu_disturbance(between(reading, reading._replace(at=reading.at + 1)), 4) is None
    assert usable_cpus() == Cpus(4, None)
    assert witness.load() is None


def test_the_files_here_are_read() -> None:
    """On Linux every count is there; elsewhere at least nothing fails."""
    before = read()
    counted = between(before, read())
    assert counted.seconds > 0
    if sys.platform == "linux":
        assert None not in before[:7]
        assert usable_cpus().usable >= 1
        assert witness.load() is not None


def test_a_quota_that_ran_out_is_read(system: Callable[..., Path]) -> None:
    text = "usage_usec 1\nnr_periods {}\nnr_throttled {}\nthrottled_usec 5\n"
    root = system(membership="0::/\n", stat=STAT, **{"cgroup__cpu.max": "200000 100000"})
    (root / "cgroup" / "cpu.stat").write_text(text.format(10, 4))
    before = read()
    assert (before.periods, before.throttled) == (10, 4)
    (root / "cgroup" / "cpu.stat").write_text(text.format(14, 5))
    assert between(before, read()).throttled == pytest.approx(1 / 4)
    (root / "cgroup" / "cpu.stat").unlink()
    assert read().periods is None


def test_of_two_quotas_the_least_is_watched(system: Callable[..., Path]) -> None:
    text = "nr_periods {}\nnr_throttled 0\n"
    root = system(membership="0::/a\n", stat=STAT)
    for folder, quota, periods in (("cgroup", 300_000, 1), ("cgroup/a", 150_000, 2)):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "cpu.max").write_text(f"{quota} 100000")
        (root / folder / "cpu.stat").write_text(text.format(periods))
    assert usable_cpus().quota == 1.5
    assert read().periods == 2
