"""What disturbs a time: readings of a machine that is written down, and verdicts on them, whatever this one does."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnninspect.bench import witness
from rnninspect.bench.records import Warned
from rnninspect.bench.witness import (
    Cpus,
    GpuReading,
    Reading,
    Witness,
    between,
    disturbance,
    read,
    slowed,
    usable_cpus,
)

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
    found = between(QUIET, later(busy=0.9, own=0.4, thread=0.4, switches=60, stolen=0.03))
    assert found.seconds == 0.5
    assert found.others == pytest.approx(0.5)
    assert found.steal == pytest.approx(0.03)
    assert found.switches == pytest.approx(120)  # 60 in 0.5 s
    assert found.waited == pytest.approx(0.2)  # 0.4 s of 0.5 s on a CPU
    assert found.throttled is None
    # One tick of 10 ms for the square root of 2 CPUs, of 1 s.
    assert found.grain == pytest.approx(0.01 * 2**0.5)


def test_our_own_threads_are_no_others() -> None:
    # Ticks show a little less than the precise clock of our own time.
    assert between(QUIET, later(busy=0.98, own=1.0)).others == 0.0


def test_a_share_is_never_above_one() -> None:
    found = between(QUIET, later(busy=1.2, stolen=1.3, thread=0.6))
    assert (found.others, found.steal, found.waited) == (1.0, 1.0, 0.0)


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
    found = between(QUIET, after)
    shares = ("others", "steal", "grain", "switches", "waited")
    assert {name for name in shares if getattr(found, name) is None} == unknown


def test_no_time_between_says_nothing() -> None:
    assert between(QUIET, QUIET) == Witness(0.0)


def test_the_quota_counts_in_periods() -> None:
    before, after = QUIET._replace(periods=100, throttled=7), later()._replace(periods=105, throttled=9)
    assert between(before, after).throttled == pytest.approx(2 / 5)
    assert between(before, after._replace(periods=100, throttled=7)).throttled is None


# --- the verdict ----------------------------------------------------------------------------------------------

# 0.2 s on two CPUs; no grain, so that the thresholds stand alone.
BLOCK = Witness(seconds=0.2, cpus=2, others=0.0, grain=0.0, waited=0.0, steal=0.0, switches=0.0)
NEIGHBOUR = "others used 49 % of the CPU"


@pytest.mark.parametrize(
    ("seen", "threads", "reason"),
    [
        (BLOCK, 2, ""),
        # One neighbour on a machine of two: nothing is left for the second of two threads, enough for one.
        (BLOCK._replace(others=0.49), 2, NEIGHBOUR),
        (BLOCK._replace(others=0.49), 1, ""),
        (BLOCK._replace(others=0.49, waited=0.9), 1, ""),  # it slept: there was a CPU
        # 2 + 2 x 0.1 - 2 = 0.2 of a CPU is what others leave too little.
        (BLOCK._replace(others=0.11), 2, "others used 11 % of the CPU"),
        (BLOCK._replace(others=0.09), 2, ""),
        (BLOCK._replace(others=0.13, grain=0.04), 2, ""),
        (BLOCK._replace(others=0.15, grain=0.04), 2, "others used 15 % of the CPU"),
        # Two neighbours: 1 + 2 x 0.6 - 2 = 0.2.
        (BLOCK._replace(others=0.61), 1, "others used 61 % of the CPU"),
        (BLOCK._replace(others=0.59), 1, ""),
        # Less, but it held the one thread up.
        (BLOCK._replace(others=0.55, waited=0.05), 1, "others used 55 % of the CPU"),
        (BLOCK._replace(others=0.55, waited=0.04), 1, ""),
        # More threads than CPUs need no more than there are.
        (BLOCK._replace(others=0.09), 8, ""),
        # One of 16 busy with something else holds up 16 threads and not 8.
        (BLOCK._replace(cpus=16, others=1 / 16), 16, "others used 6 % of the CPU"),
        (BLOCK._replace(cpus=16, others=1 / 16), 8, ""),
        # A tenth of what we need: of one CPU that is 0.05 of two.
        (BLOCK._replace(steal=0.09), 2, ""),
        (BLOCK._replace(steal=0.11), 2, "the hypervisor took 11 % of the CPU"),
        (BLOCK._replace(steal=0.06), 1, "the hypervisor took 6 % of the CPU"),
        (BLOCK._replace(throttled=0.0), 2, ""),
        (BLOCK._replace(throttled=0.5), 2, "the CPU quota ran out in 50 % of its periods"),
        # 100 a second, or 50 for each of many threads.
        (BLOCK._replace(switches=100.0), 2, ""),
        (BLOCK._replace(switches=1234.0), 2, "1,234 involuntary context switches a second"),
        (BLOCK._replace(cpus=16, switches=700.0), 16, ""),
        (BLOCK._replace(cpus=16, switches=900.0), 16, "900 involuntary context switches a second"),
        # One thread is only held up by what makes it wait.
        (BLOCK._replace(switches=400.0), 1, ""),
        (BLOCK._replace(switches=400.0, waited=0.06), 1, "400 involuntary context switches a second"),
        # Fewer than five in the block mean nothing.
        (BLOCK._replace(seconds=0.005, switches=800.0), 2, ""),
        # macOS: neither CPUs nor steal
        (Witness(0.2, switches=500.0, waited=0.0), 4, "500 involuntary context switches a second"),
        (Witness(0.2), 4, ""),
    ],
)
def test_a_block_is_disturbed_when(seen: Witness, threads: int, reason: str) -> None:
    assert disturbance(seen, threads) == reason


@pytest.mark.parametrize(
    ("probe", "best", "reason"),
    [
        (1.0, 1.0, ""),
        (1.0, 0.88, ""),
        (1.0, 0.87, "the CPU ran at 87 % of its best speed"),
        (2.0, 1.0, "the CPU ran at 50 % of its best speed"),
        (0.9, 1.0, ""),
        (None, 1.0, ""),  # on a GPU
        (1.0, None, ""),  # nobody knows yet
    ],
)
def test_a_block_was_slowed_when(probe: float | None, best: float | None, reason: str) -> None:
    assert slowed(probe, best) == reason


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
    monkeypatch.setattr(witness, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(witness, "_CGROUP", tmp_path / "cgroup")
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
    found = read()
    # user + nice + system + irq + softirq of cpu0 and cpu1; a guest's 7 are in user already
    assert found.cpus == 2
    assert found.busy == pytest.approx((100 + 10 + 20 + 1 + 2 + 200 + 40) * 0.01)
    assert found.stolen == pytest.approx((3 + 5) * 0.01)
    assert found.thread is not None
    assert found.own is not None


def test_a_container_may_number_its_cpus_anew(system: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    system(stat=STAT)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {20, 21}, raising=False)
    assert read().cpus == 3


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "cpu0 1 2 3\n", "cpu0 a b c d e f g h\n"])
def test_a_file_that_says_nothing_is_unknown(system: Callable[..., Path], text: str) -> None:
    system(stat=text)
    found = read()
    assert (found.cpus, found.busy, found.stolen) == (None, None, None)


def test_a_system_without_these_files(system: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows and macOS: no /proc, no affinity, no load, no getrusage."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.setattr(witness, "resource", None)
    found = read()
    assert found.own is not None
    assert found[3:] == (None,) * 6
    assert disturbance(between(found, found._replace(at=found.at + 1)), 4) == ""
    assert usable_cpus() == Cpus(4, 4, None)
    assert witness.load() is None


def test_the_files_here_are_read() -> None:
    """On Linux every count is there; elsewhere at least nothing fails."""
    before = read()
    found = between(before, read())
    assert found.seconds > 0
    if sys.platform == "linux":
        assert None not in before[:7]
        assert usable_cpus().usable >= 1
        assert witness.load() is not None


# --- how many CPUs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"membership": "0::/\n"}, None),
        ({"membership": "0::/\n", "cgroup__cpu.max": "max 100000\n"}, None),
        ({"membership": "0::/\n", "cgroup__cpu.max": "150000 100000\n"}, 1.5),
        # The least of the way up counts; a group that only the host sees is passed over.
        ({"membership": "0::/a/b\n", "cgroup__a__cpu.max": "50000 100000", "cgroup__cpu.max": "max 100000"}, 0.5),
        ({"membership": "0::/hidden/pod\n", "cgroup__cpu.max": "300000 100000"}, 3.0),
        ({"membership": "2:cpu,cpuacct:/j\n", "cgroup__cpu__j__cpu.cfs_quota_us": "-1"}, None),
        (
            {
                "membership": "9:cpuset:/\n3:cpuacct,cpu:/j\n",
                "cgroup__cpu__j__cpu.cfs_quota_us": "250000",
                "cgroup__cpu__j__cpu.cfs_period_us": "100000",
            },
            2.5,
        ),
        ({"membership": "no groups"}, None),
        ({"membership": "0::/\n", "cgroup__cpu.max": "nonsense"}, None),
    ],
)
def test_a_quota_is_found(system: Callable[..., Path], files: dict[str, str], quota: float | None) -> None:
    system(**files)
    found = usable_cpus()
    assert found == Cpus(present=4, allowed=2, quota=quota)
    assert found.usable == (1 if quota and quota < 2 else 2)


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


def test_more_threads_than_cpus_are_told() -> None:
    assert witness.many_threads(2, Cpus(4, 2, None)) is None
    assert witness.many_threads(8, Cpus(4, 2, None)) == Warned(
        "8 threads on 2 CPUs: they wait for one another", "use 2 threads"
    )
    assert witness.many_threads(2, Cpus(4, 2, 1.5)) == Warned(
        "2 threads on the CPU quota of 1.5: they wait for one another", "use 1 thread"
    )


# --- the GPU ------------------------------------------------------------------------------------------------------


class Driver(types.ModuleType):
    """nvidia-ml-py with a GPU that is made up; what is not among its answers is not supported.

    asked: what was asked of which handle. lacks: functions that this version does not have.
    """

    class NVMLError(Exception):
        pass

    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0

    def __init__(self, *, lacks: str = "", uuid: str = "GPU-1", **answers: object) -> None:
        super().__init__("pynvml")
        self.asked: dict[str, object] = {}
        self.lacks, self.uuid = lacks, uuid
        self.answers = {"nvmlInit": None, "nvmlDeviceGetHandleByUUID": "handle", **answers}

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object) -> object:
            self.asked[name] = args[:1]
            wrong = name == "nvmlDeviceGetHandleByUUID" and args != (self.uuid,)
            if name not in self.answers or wrong:
                raise self.NVMLError(name)
            return self.answers[name]

        if not name.startswith("nvml") or (self.lacks and self.lacks in name):
            raise AttributeError(name)
        return call


def test_what_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(
        nvmlSystemGetDriverVersion="580.159.03",
        nvmlDeviceGetClockInfo=1200,
        nvmlDeviceGetPowerUsage=345_600,
        nvmlDeviceGetEnforcedPowerLimit=700_000,
        nvmlDeviceGetTemperature=71,
        nvmlDeviceGetCurrentClocksEventReasons=0x4 | 0x20 | 0x40 | 0x2 | 0x10,
        nvmlDeviceGetComputeRunningProcesses=[object(), object(), object()],
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    found = witness.watch_gpu(1)
    slowed = ("application clocks", "power cap", "sync boost", "heat")
    assert found.read() == GpuReading(1200, 345.6, 700.0, 71, slowed, 2, idle=False)
    assert (found.driver, found.unwatched) == ("580.159.03", None)


@pytest.mark.parametrize("lacks", ["", "EventReasons"])
def test_what_the_driver_does_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    """An old driver, which has the reasons under their old name and little else; nvidia-ml-py 11 has no other."""
    old = Driver(lacks=lacks, nvmlDeviceGetCurrentClocksThrottleReasons=0x1, nvmlSystemGetDriverVersion=b"470.1")
    monkeypatch.setitem(sys.modules, "pynvml", old)
    found = witness.watch_gpu(1)
    assert (found.read(), found.driver) == (GpuReading(slowed=(), idle=True), "470.1")
    monkeypatch.setitem(sys.modules, "pynvml", Driver(lacks=lacks))
    assert witness.watch_gpu(1).read() == GpuReading()


def test_of_a_slice_of_a_gpu_the_clock_is_the_whole_ones_and_the_processes_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver(
        uuid="MIG-1",
        nvmlDeviceGetDeviceHandleFromMigDeviceHandle="whole",
        nvmlDeviceGetClockInfo=1200,
        nvmlDeviceGetComputeRunningProcesses=[object()],
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert witness.watch_gpu(1).read() == GpuReading(clock=1200, others=0)
    handles = [driver.asked[f"nvmlDeviceGet{name}"] for name in ("ClockInfo", "ComputeRunningProcesses")]
    assert handles == [("whole",), ("handle",)]


def test_that_nobody_watches_the_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def told() -> str:
        found = witness.watch_gpu(1)
        assert found.read() is None
        assert found.unwatched is not None
        return found.unwatched.what.removeprefix("nobody watched the GPU's clock, heat and power: ")

    monkeypatch.setitem(sys.modules, "pynvml", None)  # which makes its import fail
    assert told() == "nvidia-ml-py is not installed"
    driver = Driver()
    del driver.answers["nvmlInit"]
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert told() == "NVIDIA's driver does not answer (nvmlInit)"
    monkeypatch.setitem(sys.modules, "pynvml", Driver(uuid="GPU-2"))
    assert told() == "the driver knows no such GPU"


BUSY = GpuReading(clock=1900, slowed=())


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (None, ""),
        (BUSY, ""),
        (GpuReading(), ""),
        (BUSY._replace(slowed=("power cap", "application clocks", "sync boost")), ""),
        (BUSY._replace(slowed=("power cap", "heat")), "the GPU was slowed by heat"),
        (BUSY._replace(slowed=("hardware slowdown",)), "the GPU slowed itself"),
        (BUSY._replace(clock=1484), "the GPU ran at 1484 MHz, of 1980 MHz seen in this run"),
        (BUSY._replace(clock=1485), ""),
        (BUSY._replace(clock=210, idle=True), ""),
    ],
)
def test_a_gpu_is_disturbed_when(reading: GpuReading | None, reason: str) -> None:
    assert witness.gpu_disturbance(reading, 1980) == reason
    # A clock that is low for ever is no disturbance: it is the highest there was.
    if reading is not None and "MHz" in reason:
        assert witness.gpu_disturbance(reading, reading.clock) == ""


def test_what_a_reader_must_know_of_the_gpu() -> None:
    assert witness.gpu_warnings([BUSY]) == ()
    capped = BUSY._replace(clock=1500, slowed=("power cap",), others=1)
    found = witness.gpu_warnings([BUSY, capped])
    assert [warned.what for warned in found] == [
        "the power cap held the GPU's clock down, 1500 to 1900 MHz, so that times depend on how warm it is",
        "1 other process had the GPU open",
    ]
    assert all(warned.try_ for warned in found)
    for reason in ("application clocks", "sync boost"):
        (only,) = witness.gpu_warnings([BUSY._replace(slowed=(reason,))])
        assert reason in only.what
