"""`make bench-merge`: what it costs to merge a sweep of 10,000 points in 200 journals, half a gigabyte, as a process.

Its memory is that of the process, Python and all its modules; the limit of its time is of a CPU's, as on a quiet
machine with a warm cache no more passes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from costs import ROOT, TOOL, peak_bytes, processor

sys.path.insert(0, str(ROOT / "tests"))

from many_journals import journals

SHARES, POINTS = 200, 10_000
SECONDS, MEBIBYTES = 2.0, 50
# Of so many the fastest counts, which others disturbed least.
ROUNDS = 5
# Of a line, as bench writes them: most are raw samples.
LINE_BYTES = 43_700


def taken(command: list[str]) -> tuple[float, float]:
    """Seconds of a CPU that a process takes, and those that pass meanwhile."""
    began = time.perf_counter()
    return processor(command), time.perf_counter() - began


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    over = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "results"
        journals(folder, shares=SHARES, points=POINTS, line_bytes=LINE_BYTES)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{SHARES} journals, {POINTS:,} points, {size / 1e9:.2f} GB")
        merged = ["--output", str(Path(name) / "all.jsonl")]
        for said, options in (("progress", []), ("and one file", merged)):
            command = [*TOOL, "merge", str(folder), *options]
            seconds, passed = map(min, zip(*map(taken, [command] * ROUNDS), strict=True))
            mebibytes = peak_bytes(command) / 2**20
            fine = seconds <= SECONDS and mebibytes <= MEBIBYTES
            over = over or not fine
            shown = f"{seconds:5.2f} s of a CPU in {passed:.2f} s  {mebibytes:5.1f} MiB"
            print(f"{'ok  ' if fine else 'OVER'}  {said:<12} {shown}")
    print(f"limits: {SECONDS:g} s of a CPU, {MEBIBYTES} MiB")
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
