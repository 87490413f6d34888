"""What NVIDIA's driver says of a GPU while it works: its clock, power and heat, and who else computes on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from rnninspect.bench.disturbances import Disturbance, Kind
from rnninspect.bench.records import Warned

# A GPU's clock under load, of the highest it had; NVBench throws away what ran below three quarters.
SLOW_CLOCK = 0.75
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


# What may hold a clock for ever, by what `_REASONS` calls it.
_LASTING = {
    "application clocks": Warned(
        "application clocks held the GPU's clock{range}",
        "quote the clock with the figure; nvidia-smi --reset-applications-clocks takes them back",
    ),
    "power cap": Warned(
        "the power cap held the GPU's clock down{range}, so that times depend on how warm it is",
        "lock the clock below the cap (nvidia-smi --lock-gpu-clocks), or quote the clock with the figure",
    ),
    "sync boost": Warned(
        "sync boost held the GPU's clock to the slowest of its group{range}", "quote the clock with the figure"
    ),
}


class GpuReading(NamedTuple):
    """What the driver says of a GPU at one moment.

    clock: the SM clock in MHz. limit: watts it may take. slowed: what holds the clock down. others: other
    processes that compute on it. idle: it had nothing to do.
    """

    clock: int | None = None
    limit: float | None = None
    slowed: tuple[str, ...] | None = None
    others: int | None = None
    idle: bool = False


class Gpu(NamedTuple):
    """A GPU as it can be watched.

    read: what the driver says now; driver: its version; unwatched: that nobody does. joules: what it has taken so far;
    None where nobody counts, and of a slice of a GPU.
    """

    read: Callable[[], GpuReading | None]
    driver: str | None = None
    unwatched: Warned | None = None
    joules: Callable[[], float | None] = lambda: None


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
            read = partial(_read_gpu, pynvml, ask, whole or handle, handle)
            return Gpu(read, driver) if whole is not None else Gpu(read, driver, joules=partial(_joules, ask, handle))
    return unwatched("the driver knows no such GPU")


def disturbance_of(reading: GpuReading | None, fastest: int | None) -> Disturbance | None:
    """Why the times before this reading cannot be believed; None where nothing speaks against them.

    fastest: the highest clock in MHz that was seen under load in this run. why not the highest that there is: a clock
    that is locked, or held by a power cap, is low for ever, and the same for all.
    """
    if reading is None:
        return None
    held = [reason for reason in reading.slowed or () if reason not in _LASTING]
    if held:
        itself = held[0] == "hardware slowdown"
        return Disturbance(Kind.GPU, "the GPU slowed itself" if itself else f"the GPU was slowed by {held[0]}")
    if reading.clock and fastest and not reading.idle and reading.clock < SLOW_CLOCK * fastest:
        return Disturbance(Kind.GPU, f"the GPU ran at {reading.clock} MHz, of {fastest} MHz seen in this run")
    return None


def warnings_of(readings: Sequence[GpuReading]) -> tuple[Warned, ...]:
    """What a reader must know of the GPU that is no disturbance by itself; readings: each after something ran."""
    warnings = []
    clocks = [reading.clock for reading in readings if reading.clock]
    at = f", {min(clocks)} to {max(clocks)} MHz" if clocks else ""
    for reason, lasting in _LASTING.items():
        if any(reason in (reading.slowed or ()) for reading in readings):
            warnings.append(lasting._replace(what=lasting.what.format(range=at)))
    others = max((reading.others or 0 for reading in readings), default=0)
    if others:
        warnings.append(
            Warned(
                f"{others} other process{'es' * (others > 1)} had the GPU open",
                "nvidia-smi names them; measure again without",
            )
        )
    return tuple(warnings)


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


def _joules(ask: Callable[..., Any], gpu: Any) -> float | None:
    taken = ask("nvmlDeviceGetTotalEnergyConsumption", gpu)
    return None if taken is None else taken / 1000  # millijoules


def _read_gpu(nvml: Any, ask: Callable[..., Any], gpu: Any, part: Any) -> GpuReading:
    """gpu: the whole GPU, whose clock and limit it is; part: it, or the slice of it that is used."""
    # why two names: the second is what drivers before 535, and nvidia-ml-py before 12, know.
    bits = ask("nvmlDeviceGetCurrentClocksEventReasons", gpu)
    bits = ask("nvmlDeviceGetCurrentClocksThrottleReasons", gpu) if bits is None else bits
    limit = ask("nvmlDeviceGetEnforcedPowerLimit", gpu)
    processes = ask("nvmlDeviceGetComputeRunningProcesses", part)
    return GpuReading(
        clock=ask("nvmlDeviceGetClockInfo", gpu, nvml.NVML_CLOCK_SM),
        limit=None if limit is None else limit / 1000,  # milliwatts
        slowed=None if bits is None else tuple(dict.fromkeys(reason for bit, reason in _REASONS.items() if bits & bit)),
        # why not by process id: in a container the driver tells the host's. One of them is this process.
        others=None if processes is None else max(len(processes) - 1, 0),
        idle=bool((bits or 0) & _IDLE),
    )
