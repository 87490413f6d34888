"""The machine that a run is timed on: what is seen of it meanwhile, and what is told of it afterwards."""

from __future__ import annotations

import os
import platform
import statistics
import time
from bisect import insort
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import torch

from rnninspect import __version__
from rnninspect.bench import gpu, heap, witness
from rnninspect.bench.cpus import allowed_cpus, usable_cpus
from rnninspect.bench.disturbances import Disturbance, cpu_disturbance
from rnninspect.bench.history import keep, recall
from rnninspect.bench.records import Environment, TimingRequest, Warned
from rnninspect.bench.sampling import Meanwhile
from rnninspect.runtime.precision import in_tf32

# By threads; one process has one of each, because each learns from all that is timed.
_SPEEDS: dict[int, Speed] = {}
# By device, the highest clock in MHz that was seen under load.
_FASTEST: dict[str, int] = {}
# Half a millisecond or so of all threads: short beside a round, and long beside what threads wait for one another.
_CALLS, _SIDE, _STEP = 4, 256, 64
# A job's best is the reading that a quarter of its readings beat. why not the fastest: the clock may run higher for a
# moment, and everything after it would be called slow.
_FEWEST, _SHARE = 4, 4
# What in the environment says how the product is computed.
_SETTINGS = ("OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "OPENBLAS_", "ATEN_CPU_CAPABILITY")


class Machine:
    """A device, and how many threads of the CPU. readings: what the GPU's driver said right after something ran."""

    def __init__(self, device: torch.device, threads: int) -> None:
        self.threads = threads
        self.readings: list[gpu.GpuReading] = []
        self._device = device
        self._on_cpu = device.type == "cpu"
        self._gpu = _gpu(device)

    @property
    def best_probe(self) -> float | None:
        """Seconds of the probe of the CPU's speed when that is at its best; None where a GPU does the work."""
        speed = _SPEEDS.get(self.threads) if self._on_cpu else None
        return None if speed is None else speed.best

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What a reader must know of the machine."""
        if self._gpu is not None and self._gpu.unwatched is not None:
            return (self._gpu.unwatched,)
        return gpu.warnings_of(self.readings)

    def joules(self) -> float | None:
        """What the GPU has taken so far; None where nobody counts."""
        return None if self._gpu is None else self._gpu.joules()

    def watch(self) -> Callable[[], Meanwhile]:
        """Begin to watch what else the machine does, with torch's threads set; see sampling.Task."""
        speed = self._speed()
        earlier_probe = None if speed is None else speed.read()
        faults = witness.page_faults()
        before = witness.read()

        def finish() -> Meanwhile:
            # why one thread: only the one that launches is needed while the GPU computes.
            disturbance = cpu_disturbance(witness.between(before, witness.read()), self.threads if self._on_cpu else 1)
            now = witness.page_faults()
            return Meanwhile(
                disturbance=self._disturbed_gpu() or disturbance,
                probe=None if speed is None or earlier_probe is None else speed.beside(earlier_probe, speed.read()),
                faults=None if faults is None or now is None else now - faults,
            )

        return finish

    def _disturbed_gpu(self) -> Disturbance | None:
        """What disturbed the GPU while something ran, which is just over. why not before: then its clock may rest."""
        reading = None if self._gpu is None else self._gpu.read()
        if reading is None:
            return None
        self.readings.append(reading)
        if reading.clock and not reading.idle:
            _FASTEST[str(self._device)] = max(reading.clock, _FASTEST.get(str(self._device), 0))
        return gpu.disturbance_of(reading, _FASTEST.get(str(self._device)))

    def environment(self, dtype: str, request: TimingRequest) -> Environment:
        """What is told of it, and of how it was used."""
        on_gpu = self._device.type == "cuda"
        clocks = [reading.clock for reading in self.readings if reading.clock and not reading.idle]
        limits = [reading.limit for reading in self.readings if reading.limit]
        return Environment(
            device=str(self._device),
            device_name=name_of(self._device),
            torch=str(torch.__version__),  # why str: its own type would make the parent import torch
            rnninspect=__version__,
            python=platform.python_version(),
            threads=self.threads,
            cpus=usable_cpus().usable,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            load=witness.load(),
            keeps_freed=heap.keeps_freed() if self._on_cpu else None,
            cuda=(torch.version.cuda or f"ROCm {torch.version.hip}") if on_gpu else None,
            cudnn=torch.backends.cudnn.version() if on_gpu else None,  # type: ignore[no-untyped-call]
            driver=self._gpu.driver if self._gpu is not None else None,
            float32_precision=("tf32" if in_tf32(self._device) else "ieee") if on_gpu and dtype == "float32" else None,
            clock_mhz=statistics.median_low(clocks) if clocks else None,
            power_limit_watts=max(limits, default=None),
            warm_l2=request.warm_l2 if on_gpu else None,
            input_grad=request.input_grad,
            gpu_uuid=_uuid(self._device),
            gpu_bus=bus_of(self._device),
            host=platform.node() or None,
        )

    def _speed(self) -> Speed | None:
        # why not before: what it runs first would start threads and load libraries that the first call is to show.
        if self._on_cpu and self.threads not in _SPEEDS:
            _SPEEDS[self.threads] = Speed(self.threads)
        return _SPEEDS[self.threads] if self._on_cpu else None


def remember_speeds() -> None:
    """Keep for later runs how fast the CPU was."""
    for speed in _SPEEDS.values():
        speed.remember()


def _gpu(device: torch.device) -> gpu.Gpu | None:
    """The GPU, as it can be watched; None for any other device."""
    if device.type != "cuda":
        return None
    if torch.version.hip:
        return gpu.unwatched("it is none of NVIDIA's", "look at rocm-smi meanwhile")
    uuid = _uuid(device)
    if uuid is None:
        return gpu.unwatched("this torch does not tell which one it is", "a newer torch")
    return gpu.watch_gpu(uuid)


def _uuid(device: torch.device) -> str | None:
    """Which GPU it is; None of any other device, and of a torch that does not tell."""
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None) if device.type == "cuda" else None
    return None if uuid is None else str(uuid)


def bus_of(device: torch.device) -> str | None:
    """Where a GPU is on the PCI bus, as nvidia-smi writes it; None as of `_uuid`."""
    if device.type != "cuda":
        return None
    properties = torch.cuda.get_device_properties(device)
    parts = [getattr(properties, f"pci_{name}_id", None) for name in ("domain", "bus", "device")]
    numbers = [part for part in parts if part is not None]
    return "{:08X}:{:02X}:{:02X}.0".format(*numbers) if len(numbers) == len(parts) else None


def name_of(device: torch.device) -> str:
    """What its maker calls a GPU of CUDA; the CPU's name for any other device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _cpu_name()


def _cpu_name() -> str:
    """What the CPU is called; its architecture where the system does not say more."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class Speed:
    """How fast the CPU is at the moment: the time of a small matrix product, over its time at the CPU's best.

    On a shared host a neighbour on the same cores makes everything up to 1.8 times slower, for seconds or minutes.
    Nothing that this system counts shows it: neither stolen time, nor other processes, nor context switches. The
    product does show it: measured over rounds of LSTM(256, 256, 2), its time correlates with theirs by 0.86, and no
    counter by more than 0.06. The best time is kept from run to run, because a run that is slow from beginning to end
    cannot tell that it is.
    """

    def __init__(self, threads: int) -> None:
        side = _STEP * round(_SIDE * threads ** (1 / 3) / _STEP)
        settings = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_SETTINGS)]
        cpus = ",".join(map(str, sorted(allowed_cpus())))
        about = (f"{side} x {side}", f"{threads} threads", f"CPUs {cpus}", f"torch {torch.__version__}", *settings)
        self._key = "; ".join(about)
        self._matrix = torch.full((side, side), 1 / side)
        self._product = torch.empty_like(self._matrix)
        self._known = recall().seconds.get(self._key, [])
        # Of this job alone, the fastest first: a quartile over many jobs would say nothing of this one.
        self._readings: list[float] = []
        self._kept: float | None = None
        self.read()

    def read(self) -> float:
        """Seconds of the product now, under torch's threads as they are set, which should be as many."""
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter_ns()
            torch.mm(self._matrix, self._matrix, out=self._product)
            times.append(time.perf_counter_ns() - start)
        return statistics.median(times) / 1e9

    def beside(self, before: float, after: float) -> float:
        """Seconds of the product while something ran, from readings before and after it; `best` learns of it."""
        seconds = (before + after) / 2
        insort(self._readings, seconds)
        return seconds

    @property
    def best(self) -> float | None:
        """Seconds of the product when the CPU is at its best, in this run or one before; None while nobody knows."""
        return min([*self._known, *self._own()], default=None)

    def remember(self) -> None:
        """End a job, and keep this run's best for later runs."""
        best = min([*filter(None, [self._kept]), *self._own()], default=None)
        self._readings = []
        if best is None or best == self._kept:
            return
        earlier, self._kept = self._kept, best
        self._known = [*self._known, best]
        keep(self._key, best, earlier)

    def _own(self) -> Sequence[float]:
        """This job's best, once there are readings enough to say."""
        return self._readings[len(self._readings) // _SHARE :][:1] if len(self._readings) >= _FEWEST else []
