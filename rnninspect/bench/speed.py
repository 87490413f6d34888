"""How fast the CPU is at the moment: a small matrix product, held against the fastest that it has been here.

On a shared host a neighbour on the same cores makes everything up to 1.8 times slower, for seconds or minutes, and
nothing that this system counts shows it: no steal, no other process, no switch. The product does: over rounds of
LSTM(256, 256, 2) its time has a correlation of 0.86 with theirs, and the other witnesses none (0.06 at the most). What
it is held against is kept from run to run, because a run that is slow from beginning to end cannot know.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import time
from pathlib import Path

import torch

from rnninspect.bench.witness import usable_cpus
from rnninspect.errors import OutputFailed
from rnninspect.output import write_text

# Half a millisecond or so of all threads: short beside a round, and long beside what threads wait for one another.
_CALLS, _SIDE, _STEP = 4, 256, 64
# Another for every start of the machine: after one the host may be another, and so may its clocks.
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Speed:
    """The product on so many threads. `fastest`: the least seconds that it took here, since the machine started."""

    def __init__(self, threads: int) -> None:
        side = _STEP * round(_SIDE * threads ** (1 / 3) / _STEP)
        self._key = f"{side} x {side}, {threads} threads of {usable_cpus().allowed} CPUs, torch {torch.__version__}"
        self._matrix = torch.full((side, side), 1 / side)
        self._product = torch.empty_like(self._matrix)
        self.fastest = _remembered().get(self._key, math.inf)
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
        """Seconds of the product while something ran, from readings round it; `fastest` learns of it."""
        seconds = (before + after) / 2
        self.fastest = min(self.fastest, seconds)
        return seconds

    def remember(self) -> None:
        """Keep `fastest` for later runs, where the system tells one start from another and there is a place to."""
        boot, file = _boot(), _file()
        if boot is None or file is None or not math.isfinite(self.fastest):
            return
        known = _remembered()
        if self.fastest < known.get(self._key, math.inf):
            text = json.dumps({"boot": boot, "seconds": {**known, self._key: self.fastest}}, indent=2)
            # why: what cannot be kept costs a later run a witness, and this one nothing.
            with contextlib.suppress(OSError, OutputFailed):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_text(text + "\n", file)


def _remembered() -> dict[str, float]:
    """The fastest of each product since the machine started."""
    boot, file = _boot(), _file()
    if boot is None or file is None:
        return {}
    try:
        found = json.loads(file.read_bytes())
        seconds = found["seconds"].items() if found["boot"] == boot else ()
        return {key: float(value) for key, value in seconds if 0 < value < math.inf}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _boot() -> str | None:
    with contextlib.suppress(OSError):
        return _BOOT.read_text().strip()
    return None


def _file() -> Path | None:
    """In the user's cache, as the XDG base directory specification has it."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        cache = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # nobody's home
        return None
    return cache / "rnninspect" / "speed.json"
