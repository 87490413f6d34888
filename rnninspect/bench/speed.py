"""How fast the CPU is at the moment: the time of a small matrix product, over its time when the CPU was at its best.

On a shared host a neighbour on the same cores makes everything up to 1.8 times slower, for seconds or minutes. Nothing
that this system counts shows it: neither stolen time, nor other processes, nor context switches. The product does show
it: measured over rounds of LSTM(256, 256, 2), its time correlates with theirs by 0.86, and no counter by more than
0.06. The best time is kept from run to run, because a run that is slow from beginning to end cannot tell that it is.
"""

from __future__ import annotations

import os
import statistics
import time
from bisect import insort
from collections.abc import Sequence

import torch

from rnninspect.bench.cpus import allowed_cpus
from rnninspect.bench.history import keep, recall

# Half a millisecond or so of all threads: short beside a round, and long beside what threads wait for one another.
_CALLS, _SIDE, _STEP = 4, 256, 64
# A job's best is the reading that a quarter of its readings beat. why not the fastest: the clock may run higher for a
# moment, and everything after it would be called slow.
_FEWEST, _SHARE = 4, 4
# What in the environment says how the product is computed.
_SETTINGS = ("OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "OPENBLAS_", "ATEN_CPU_CAPABILITY")


class Speed:
    """The product on so many threads, and what it is known to take."""

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
