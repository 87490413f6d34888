"""The machine that a run is timed on: what is seen of it meanwhile, and what is told of it afterwards."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import torch

from rnninspect import __version__
from rnninspect.bench import heap, witness
from rnninspect.bench.records import Environment
from rnninspect.bench.sampling import Seen
from rnninspect.bench.speed import Speed

# By threads; one process has one of each, because each learns from all that is timed.
_SPEEDS: dict[int, Speed] = {}


class Machine:
    """A device, and how many threads of the CPU. gpu: what the GPU's driver said while something ran."""

    def __init__(self, device: torch.device, threads: int) -> None:
        self.threads = threads
        self.gpu: list[witness.GpuReading | None] = []
        self._device = device
        self._on_cpu = device.type == "cpu"
        self._read_gpu = _gpu(device)

    @property
    def best_probe(self) -> float | None:
        """Seconds of the probe of the CPU's speed when that is at its best; None where a GPU does the work."""
        speed = _SPEEDS.get(self.threads) if self._on_cpu else None
        return None if speed is None else speed.best

    def watch(self) -> Callable[[], Seen]:
        """Begin to watch what else the machine does, with torch's threads set; see sampling.Task."""
        speed = self._speed()
        earlier_probe = None if speed is None else speed.read()
        earlier = None if self._read_gpu is None else self._read_gpu()
        faults = witness.page_faults()
        before = witness.read()

        def finish() -> Seen:
            # why one thread: only the one that launches is needed while the GPU computes.
            why = witness.disturbance(witness.between(before, witness.read()), self.threads if self._on_cpu else 1)
            now = witness.page_faults()
            if self._read_gpu is not None:
                both = [earlier, self._read_gpu()]
                self.gpu.extend(both)
                why = witness.gpu_disturbance(both) or why
            return Seen(
                why=why or None,
                probe=None if speed is None or earlier_probe is None else speed.beside(earlier_probe, speed.read()),
                faults=None if faults is None or now is None else now - faults,
            )

        return finish

    def environment(self) -> Environment:
        """What is told of it."""
        cuda = self._device.type == "cuda"
        return Environment(
            device=str(self._device),
            device_name=torch.cuda.get_device_name(self._device) if cuda else _cpu_name(),
            torch=str(torch.__version__),  # why str: its own type would make the parent import torch
            rnninspect=__version__,
            python=platform.python_version(),
            threads=self.threads,
            cpus=witness.usable_cpus().usable,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            load=witness.load(),
            keeps_freed=heap.keeps_freed() if self._on_cpu else None,
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


def _gpu(device: torch.device) -> Callable[[], witness.GpuReading | None] | None:
    """What reads the driver's counts of a GPU; None for any other device."""
    if device.type != "cuda":
        return None
    uuid = getattr(torch.cuda.get_device_properties(device), "uuid", None)
    return None if uuid is None else witness.watch_gpu(f"GPU-{uuid}")


def _cpu_name() -> str:
    """What the CPU is called; its architecture where the system does not say more."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
