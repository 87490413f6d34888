"""What disturbs a time: what the system had counted before and after a block of calls, and what that says.

On a busy machine the spread of the samples does not show that the machine was busy; these counts do (measured: every
run that was far off had other processes at 49 % of the CPU or more, or over 110 involuntary context switches a
second). A reading costs some 50 us. Whatever the system does not say is None: macOS and Windows have no
/proc/stat.

The kernel counts the CPUs in ticks of 10 ms, so blocks of 0.1 s and longer are told apart, shorter ones hardly.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from rnninspect.bench.records import Warned

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_STAT = "/proc/stat"
_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")

# A block is disturbed when others leave so much of one CPU too little. why in CPUs and not as a share: the threads of
# one operator wait for one another, so that one of them held up holds up all, however many there are.
SHORT_CPUS = 0.2
# One thread that works all the time is held up when it is off its CPU for so much of it while others want CPUs too.
# Measured, LSTM(256, 256, 2) with one thread among others: the share that it waits has a correlation of 0.99 with the
# share that its calls are slower, and without waiting 119 switches a second cost nothing.
WAITED = 0.05
# Of what we need: time that the hypervisor gave to other guests.
STOLEN = 0.1
# Involuntary context switches a second: in all, or for each of many threads.
SWITCHES, SWITCHES_PER_THREAD = 100.0, 50.0
# why: one switch in a block of 5 ms is 200 a second and means nothing.
FEWEST_SWITCHES = 5
# The speed of the CPU, of its best. why: above, times of LSTM(256, 256, 2) differ by 5 %, and by up to 80 % below.
SLOW_CPU = 0.88
# A GPU's clock under load, of the highest it had; NVBench throws away what ran below three quarters.
SLOW_CLOCK = 0.75


# --- the CPU ------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """What the system had counted at one moment.

    at: seconds on a clock that never goes back. thread, own: CPU seconds of the thread that reads, and of its process
    with all threads. switches: the process's involuntary context switches. cpus: how many CPUs it may run on; busy,
    stolen: CPU seconds spent on those, and taken from them for other guests of the host. periods, throttled: of the
    control group's CPU quota, how many periods have passed and in how many of them it was used up.
    """

    at: float
    thread: float | None = None
    own: float | None = None
    switches: int | None = None
    cpus: int | None = None
    busy: float | None = None
    stolen: float | None = None
    periods: int | None = None
    throttled: int | None = None


class Witness(NamedTuple):
    """What two readings say of the time between them.

    others: the share of the CPUs this process may run on that other processes used, this one and its threads left out;
    grain: by how much that may be off, as ticks are coarse. waited: of the time, the share that the thread which reads
    was on no CPU. steal: the share that the hypervisor took. switches: involuntary context switches a second.
    throttled: the share of the quota's periods in which it was used up.
    """

    seconds: float
    cpus: int | None = None
    others: float | None = None
    grain: float | None = None
    waited: float | None = None
    steal: float | None = None
    switches: float | None = None
    throttled: float | None = None


def read() -> Reading:
    """Read the counters now."""
    own, switches = _own()
    cpus, busy, stolen = _cpus() or (None, None, None)
    periods, throttled = _quota_use() or (None, None)
    return Reading(time.perf_counter(), time.thread_time(), own, switches, cpus, busy, stolen, periods, throttled)


def between(before: Reading, after: Reading) -> Witness:
    """What happened from one reading to the other."""
    seconds = after.at - before.at
    if seconds <= 0:
        return Witness(0.0)
    switches, thread = _grown(before.switches, after.switches), _grown(before.thread, after.thread)
    periods, throttled = _grown(before.periods, after.periods), _grown(before.throttled, after.throttled)
    others = grain = steal = None
    if before.cpus == after.cpus and after.cpus:
        machine = after.cpus * seconds
        grain = _tick() * math.sqrt(after.cpus) / machine
        stolen, others = _grown(before.stolen, after.stolen), _others(before, after, grain * machine)
        steal = None if stolen is None else min(stolen / machine, 1.0)
        others = None if others is None else min(others / machine, 1.0)
    return Witness(
        seconds=seconds,
        cpus=after.cpus,
        others=others,
        grain=grain,
        waited=None if thread is None else max(1 - thread / seconds, 0.0),
        steal=steal,
        switches=None if switches is None else switches / seconds,
        throttled=throttled / periods if periods and throttled is not None else None,
    )


def disturbance(witness: Witness, threads: int) -> str:
    """Why the time of a block cannot be believed, "others used 49 % of the CPU"; "" where nothing speaks against it.

    threads: how many the measured code runs on; 1 where a GPU does the work. One neighbour on a machine of two CPUs
    disturbs two threads and hardly disturbs one.
    """
    needed = min(threads, witness.cpus or threads)
    # why of one thread alone: of several, one may wait for the others.
    waited = witness.waited if needed == 1 else None
    if witness.cpus is not None:
        sure = max((witness.others or 0.0) - (witness.grain or 0.0), 0.0)
        short = needed + sure * witness.cpus - witness.cpus
        if short >= SHORT_CPUS or (short > 0 and waited is not None and waited >= WAITED):
            return f"others used {_percent(witness.others)} of the CPU"
        if (witness.steal or 0.0) * witness.cpus / needed >= STOLEN:
            return f"the hypervisor took {_percent(witness.steal)} of the CPU"
    if witness.throttled:
        return f"the CPU quota ran out in {_percent(witness.throttled)} of its periods"
    if witness.switches is not None and (waited is None or waited >= WAITED):
        most = max(SWITCHES, SWITCHES_PER_THREAD * needed)
        if witness.switches > most and witness.switches * witness.seconds >= FEWEST_SWITCHES:
            return f"{witness.switches:,.0f} involuntary context switches a second"
    return ""


def slowed(probe: float | None, best: float | None) -> str:
    """Why a time cannot be believed that was taken while the CPU's probe took so long; "" where it can.

    best: seconds of the probe when the CPU is at its best.
    """
    if probe is None or best is None or best / probe >= SLOW_CPU:
        return ""
    return f"the CPU ran at {_percent(best / probe)} of its best speed"


def remedy(verdict: str, threads: int) -> str:
    """What to try after such a verdict; threads: as `disturbance` takes them."""
    # why another remedy: a neighbour outside this system cannot be stopped from here.
    if "best speed" in verdict:
        return "another moment, or a machine of its own, and --processes 3"
    if "others used" in verdict and threads > 1:
        return "stop what else runs, or --vary threads=1"
    return "stop what else runs, and --processes 3"


def load() -> float | None:
    """How many processes ran or wanted to, on average over the last minute."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has none
        return None


def page_faults() -> int | None:
    """How many pages of memory this process has been given so far, none of which was read from a disk."""
    return None if resource is None else int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)


def _own() -> tuple[float | None, int | None]:
    if resource is None:
        return time.process_time(), None
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_nivcsw


def _cpus() -> tuple[int, float, float] | None:
    """How many CPUs this process may run on, and the seconds that they were busy and were stolen."""
    try:
        with open(_STAT, encoding="ascii") as stream:  # noqa: PTH123 (a Path costs as much as the reading)
            lines = [line.split() for line in stream if line.startswith("cpu")]
        counted = {line[0]: [int(ticks) for ticks in line[1:]] for line in lines if line[0] != "cpu"}
    except (OSError, ValueError):
        return None
    # why all of them where none is ours: a container may number its CPUs anew.
    ours = [counted[name] for cpu in allowed_cpus() if (name := f"cpu{cpu}") in counted] or list(counted.values())
    if not ours or min(map(len, ours)) < 8:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in user's already
    busy = sum(sum(ticks[:3]) + sum(ticks[5:7]) for ticks in ours)
    return len(ours), busy * _tick(), sum(ticks[7] for ticks in ours) * _tick()


def _others(before: Reading, after: Reading, grain: float) -> float | None:
    """CPU seconds of other processes."""
    busy = _grown(before.busy, after.busy)
    if busy is None or before.own is None or after.own is None:
        return None
    own = after.own - before.own
    # why: a sandbox may show a /proc/stat that does not count; one that misses half of ourselves is of no use.
    return None if busy < own / 2 - grain else max(busy - own, 0.0)


def _grown(before: float | None, after: float | None) -> float | None:
    """By how much a counter grew; None where it went back, as CPUs that came or went make it."""
    return None if before is None or after is None or after < before else after - before


@cache
def _tick() -> float:
    """Seconds of one tick of /proc/stat."""
    return 1.0 / os.sysconf("SC_CLK_TCK")


def _percent(share: float | None) -> str:
    return f"{share or 0.0:.0%}".replace("%", " %")


# --- how many CPUs there are to be had ------------------------------------------------------------------------


class Cpus(NamedTuple):
    """What this process can run on.

    present: CPUs of the machine. allowed: those that its affinity names. quota: of how many CPUs its control group
    grants it the time, 1.5 for instance; None where there is no limit.
    """

    present: int
    allowed: int
    quota: float | None

    @property
    def usable(self) -> int:
        """How many threads can run at the same time, 1 at the least."""
        return max(1, int(min(self.allowed, self.quota or self.allowed)))


def usable_cpus() -> Cpus:
    """How many CPUs this process can use, by affinity and by the quota of its control groups (versions 1 and 2)."""
    quotas = [quota for quota, _ in _quotas()]
    present = os.cpu_count() or 1
    return Cpus(present, len(allowed_cpus()) or present, min(quotas, default=None))


def many_threads(threads: int, cpus: Cpus) -> Warned | None:
    """A warning where there are more threads than CPUs to run them."""
    if threads <= cpus.usable:
        return None
    limit = f"the CPU quota of {cpus.quota:g}" if cpus.usable < cpus.allowed else f"{cpus.allowed} CPUs"
    return Warned(
        f"{threads} threads on {limit}: they wait for one another",
        f"use {cpus.usable} thread{'s' * (cpus.usable > 1)}",
    )


def allowed_cpus() -> set[int]:
    """The CPUs that this process may run on, by number; none where the system does not say."""
    try:
        return os.sched_getaffinity(0)
    except AttributeError:  # macOS and Windows
        return set()


def _quotas() -> Iterator[tuple[float, Path]]:
    """The CPU quotas of the process's control groups up to the root, each with the folder it stands in."""
    with contextlib.suppress(OSError, ValueError):
        for line in _MEMBERSHIP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            files: tuple[str, ...]
            if controllers == "":
                top, files = _CGROUP, ("cpu.max",)
            elif "cpu" in controllers.split(","):
                top, files = _CGROUP / "cpu", ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            else:
                continue
            group = top / path.strip("/")
            # why the root too: inside a container the path may name a group that only the host can see.
            for folder in (group, *group.parents):
                if folder.is_relative_to(top):
                    yield from ((quota, folder) for quota in [_quota(folder, files)] if quota is not None)


def _quota(group: Path, files: tuple[str, ...]) -> float | None:
    """One group's; a limit of "max" is no number and -1 no limit."""
    with contextlib.suppress(OSError, ValueError):
        most, period = (int(word) for file in files for word in (group / file).read_text().split())
        return most / period if most > 0 and period > 0 else None
    return None


@cache
def _quota_file() -> str | None:
    """The statistics of the group with the least quota; read once, as a process keeps its groups."""
    least = min(_quotas(), default=None)
    return None if least is None else str(least[1] / "cpu.stat")


def _quota_use() -> tuple[int, int] | None:
    file = _quota_file()
    if file is None:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError), open(file, encoding="ascii") as stream:  # noqa: PTH123
        counts = dict(line.split() for line in stream)
        return int(counts["nr_periods"]), int(counts["nr_throttled"])
    return None


# --- the GPU ------------------------------------------------------------------------------------------------

# nvml.h's nvmlClocksEventReason*. What someone has set, or what power allows, is no disturbance: it may last for ever.
_REASONS = {
    0x002: "application clocks",
    0x004: "power cap",
    0x008: "hardware slowdown",
    0x010: "sync boost",
    0x020: "heat",
    0x040: "heat",
    0x080: "power brake",
}
_IDLE = 0x001
# Each of those with what it did, what follows, and what to try.
_LASTING = {
    "application clocks": (
        "application clocks held the GPU's clock",
        "",
        "quote the clock with the figure; nvidia-smi --reset-applications-clocks takes them back",
    ),
    "power cap": (
        "the power cap held the GPU's clock down",
        ", so that times depend on how warm it is",
        "lock the clock below the cap (nvidia-smi --lock-gpu-clocks), or quote the clock with the figure",
    ),
    "sync boost": (
        "sync boost held the GPU's clock to the slowest of its group",
        "",
        "quote the clock with the figure",
    ),
}


class GpuReading(NamedTuple):
    """What the driver says of a GPU at one moment.

    clock: the SM clock in MHz. power, limit: watts it takes, and may. temperature: degrees Celsius. slowed: what holds
    the clock down. others: other processes that compute on it. idle: it had nothing to do.
    """

    clock: int | None = None
    power: float | None = None
    limit: float | None = None
    temperature: int | None = None
    slowed: tuple[str, ...] | None = None
    others: int | None = None
    idle: bool = False


class Gpu(NamedTuple):
    """A GPU as it can be watched. read: what the driver says now; driver: its version; unwatched: that nobody does."""

    read: Callable[[], GpuReading | None]
    driver: str | None = None
    unwatched: Warned | None = None


def watch_gpu(uuid: object) -> Gpu:
    """The GPU of this UUID, which torch's properties have without what NVIDIA puts before it.

    A reading takes some 100 us: take it round blocks, not inside. It is None where nvidia-ml-py is not installed
    (`rnninspect[gpu]`), or the driver knows no such GPU.
    """
    try:
        import pynvml
    except ImportError:
        return unwatched("nvidia-ml-py is not installed", "pip install nvidia-ml-py")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return unwatched(f"NVIDIA's driver does not answer ({error})")
    ask = _asker(pynvml)
    # why two: of a slice of a GPU (MIG) it is the slice's, and of that the driver tells its processes alone.
    for kind in ("GPU", "MIG"):
        handle = ask("nvmlDeviceGetHandleByUUID", f"{kind}-{uuid}")
        if handle is not None:
            whole = ask("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", handle) if kind == "MIG" else None
            driver = ask("nvmlSystemGetDriverVersion")
            # why decoded: nvidia-ml-py before 12 gives bytes.
            driver = driver.decode() if isinstance(driver, bytes) else driver
            return Gpu(partial(_read_gpu, pynvml, ask, whole or handle, handle), driver)
    return unwatched("the driver knows no such GPU")


def gpu_disturbance(reading: GpuReading | None, fastest: int | None) -> str:
    """Why the times before this reading cannot be believed; "" where nothing speaks against them.

    fastest: the highest clock in MHz that was seen under load in this run. why not the highest that there is: a clock
    that is locked, or held by a power cap, is low for ever, and the same for all.
    """
    if reading is None:
        return ""
    held = [reason for reason in reading.slowed or () if reason not in _LASTING]
    if held:
        return f"the GPU was slowed by {held[0]}" if held[0] != "hardware slowdown" else "the GPU slowed itself"
    if reading.clock and fastest and not reading.idle and reading.clock < SLOW_CLOCK * fastest:
        return f"the GPU ran at {reading.clock} MHz, of {fastest} MHz seen in this run"
    return ""


def gpu_warnings(readings: Sequence[GpuReading]) -> tuple[Warned, ...]:
    """What a reader must know of the GPU that is no disturbance by itself; readings: each after something ran."""
    found = []
    clocks = [reading.clock for reading in readings if reading.clock]
    at = f", {min(clocks)} to {max(clocks)} MHz" if clocks else ""
    for reason, (did, so, try_) in _LASTING.items():
        if any(reason in (reading.slowed or ()) for reading in readings):
            found.append(Warned(f"{did}{at}{so}", try_))
    others = max((reading.others or 0 for reading in readings), default=0)
    if others:
        found.append(
            Warned(
                f"{others} other process{'es' * (others > 1)} had the GPU open",
                "nvidia-smi names them; measure again without",
            )
        )
    return tuple(found)


def unwatched(why: str, try_: str = "look at nvidia-smi meanwhile") -> Gpu:
    """A GPU of which nobody says anything."""
    return Gpu(lambda: None, unwatched=Warned(f"nobody watched the GPU's clock, heat and power: {why}", try_))


def _asker(nvml: Any) -> Callable[..., Any]:
    """Asks the driver: its answer, or None where this library, this driver or this GPU has none."""

    def ask(function: str, *args: Any) -> Any:
        call = getattr(nvml, function, None)
        if call is None:
            return None
        try:
            return call(*args)
        except nvml.NVMLError:
            return None

    return ask


def _read_gpu(nvml: Any, ask: Callable[..., Any], gpu: Any, part: Any) -> GpuReading:
    """gpu: the whole GPU, whose clock and power it is; part: it, or the slice of it that is used."""
    # why two names: the second is what drivers before 535, and nvidia-ml-py before 12, know.
    bits = ask("nvmlDeviceGetCurrentClocksEventReasons", gpu)
    bits = ask("nvmlDeviceGetCurrentClocksThrottleReasons", gpu) if bits is None else bits
    power, limit = ask("nvmlDeviceGetPowerUsage", gpu), ask("nvmlDeviceGetEnforcedPowerLimit", gpu)
    processes = ask("nvmlDeviceGetComputeRunningProcesses", part)
    return GpuReading(
        clock=ask("nvmlDeviceGetClockInfo", gpu, nvml.NVML_CLOCK_SM),
        power=None if power is None else power / 1000,  # milliwatts
        limit=None if limit is None else limit / 1000,
        temperature=ask("nvmlDeviceGetTemperature", gpu, nvml.NVML_TEMPERATURE_GPU),
        slowed=None if bits is None else tuple(dict.fromkeys(said for bit, said in _REASONS.items() if bits & bit)),
        # why not by process id: in a container the driver tells the host's. One of them is this process.
        others=None if processes is None else max(len(processes) - 1, 0),
        idle=bool((bits or 0) & _IDLE),
    )
