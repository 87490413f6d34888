"""`make bench-gradflow`: what `rnninspect gradflow` costs over 1,000 steps, and that its cost is linear in them.

Every figure is the median of whole processes, taken in turns so that a slow moment hits all alike. Processor time is
what they take by themselves; the wall time, which the issue puts a limit to, is also that of whoever else is at work.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench_startup import TOOL, peak_bytes
from bench_verify import processor

ROUNDS = 3
DOCUMENT = """\
input: {batch_size: 32, seq_len: 1000}
layers:
  - {name: encoder, type: LSTM, input_size: 64, hidden_size: 256}
"""


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    seconds: dict[str, list[float]] = {}
    walls = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.yaml"
        path.write_text(DOCUMENT)
        flow = [*TOOL, "gradflow", str(path), "--device", "cpu"]
        twice = [*flow, "--set", "input.seq_len=2000"]
        commands = {"shapes": [*TOOL, "shapes", str(path), "--device", "cpu"], "1,000": flow, "2,000": twice}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                start = time.perf_counter()
                seconds.setdefault(name, []).append(processor(command))
                if command is flow:
                    walls.append(time.perf_counter() - start)
        memory = peak_bytes(twice) / peak_bytes(flow)
    taken = {name: statistics.median(values) for name, values in seconds.items()}
    rows: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("gradflow at L = 1,000, H = 256, N = 32, seconds", statistics.median(walls), 10, "{:.2f}".format),
        ("L = 2,000 / L = 1,000, processor time", taken["2,000"] / taken["1,000"], 3, "{:.2f}".format),
        ("L = 2,000 / L = 1,000, peak memory", memory, 2.2, "{:.2f}".format),
    ]
    for what, measured, limit, text in rows:
        print(f"{'ok  ' if measured <= limit else 'OVER'}  {what:<56} {text(measured):>8}  limit {text(limit)}")
    print(f"gradflow / shapes of the same document, processor time: {taken['1,000'] / taken['shapes']:.2f}")
    print(f"medians of {ROUNDS} in seconds: " + ", ".join(f"{name} {value:.3f}" for name, value in taken.items()))
    return int(any(measured > limit for _, measured, limit, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
