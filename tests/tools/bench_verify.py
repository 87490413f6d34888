"""What `rnninspect verify` costs beside `rnninspect shapes` of the same document, as a ratio measured in one run.

Every figure is the median processor time of whole processes, taken in turns so that a slow moment hits both alike.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

from bench_startup import ROOT, ROUNDS

COMMANDS = ("shapes", "verify")
LIMIT = 2


def processor(command: list[str], folder: Path = ROOT) -> float:
    """Seconds of processor time that one process takes, its own and the system's for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> int:
    """Measure, print, and return 1 where the limit is broken."""
    seconds: dict[str, list[float]] = {command: [] for command in COMMANDS}
    for turn in range(ROUNDS + 1):
        for command in COMMANDS:
            taken = processor([sys.executable, "-m", "rnninspect", command, "configs/lstm.yaml", "--device", "cpu"])
            if turn:  # the first warms the disk
                seconds[command].append(taken)
    median = {command: statistics.median(values) for command, values in seconds.items()}
    ratio = median["verify"] / median["shapes"]
    what = "verify / shapes of the seed's LSTM, process time"
    print(f"{'ok  ' if ratio <= LIMIT else 'OVER'}  {what:<56} {ratio:>8.3f}  limit {LIMIT}")
    print(f"medians of {ROUNDS} in seconds: " + ", ".join(f"{name} {value:.3f}" for name, value in median.items()))
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
