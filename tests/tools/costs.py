"""What whole processes cost, and how `make bench-*` says so: a line for each figure that has a limit.

The commands are taken in turns, so that a slow moment hits all alike; a figure is the median of a command's turns.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TOOL = [sys.executable, "-m", "rnninspect"]
ROUNDS = 9
# why: a user's Python keeps what it has compiled; with this set, the package would be compiled at every start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


class Figure(NamedTuple):
    """What was measured beside what it may be; decimals: how many are shown."""

    what: str
    value: float
    limit: float
    decimals: int


def told(figures: list[Figure], seconds: Mapping[str, float]) -> int:
    """Print a line each, then what they come of; 1 where one is over its limit. seconds: medians, by command."""
    for what, value, limit, decimals in figures:
        word = "ok  " if value <= limit else "OVER"
        print(f"{word}  {what:<56} {value:>8.{decimals}f}  limit {limit:.{decimals}f}")
    print("medians in seconds: " + ", ".join(f"{name} {value:.3f}" for name, value in seconds.items()))
    return int(any(figure.value > figure.limit for figure in figures))


def wall(command: list[str], folder: Path = ROOT) -> float:
    """Seconds that pass while one process runs."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - start


def processor(command: list[str], folder: Path = ROOT) -> float:
    """Seconds of processor time that one process takes, its own and the system's for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


Measure = Callable[[list[str], Path], float]


def medians(
    commands: Mapping[str, list[str]],
    folder: Path = ROOT,
    *,
    rounds: int = ROUNDS,
    measure: Measure = wall,
    otherwise: Mapping[str, Measure] | None = None,
) -> dict[str, float]:
    """The median of each command over `rounds` turns; a first turn warms the disk and is dropped.

    measure: seconds of a command in a folder; otherwise: those of some, by their names.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            taken = (otherwise or {}).get(name, measure)(command, folder)
            if turn:
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_bytes(command: list[str], folder: Path = ROOT) -> int:
    """The largest resident memory of one process, in bytes."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    printed = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, cwd=folder)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(printed.stdout) * unit
