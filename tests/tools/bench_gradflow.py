"""`make bench-gradflow`: what `rnninspect gradflow` costs over 1,000 steps, and that its cost is linear in them.

Processor time is what the processes take by themselves; the wall time is also that of whoever else is at work.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from costs import TOOL, Figure, medians, peak_bytes, processor, told

ROUNDS = 3
DOCUMENT = """\
input: {batch_size: 32, seq_len: 1000}
layers:
  - {name: encoder, type: LSTM, input_size: 64, hidden_size: 256}
"""


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    walls: list[float] = []  # the first of a turn that warms the disk

    def both(command: list[str], folder: Path) -> float:
        start = time.perf_counter()
        seconds = processor(command, folder)
        walls.append(time.perf_counter() - start)
        return seconds

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.yaml"
        path.write_text(DOCUMENT)
        flow = [*TOOL, "gradflow", str(path), "--device", "cpu"]
        twice = [*flow, "--set", "input.seq_len=2000"]
        commands = {"1,000": flow, "2,000": twice}
        taken = medians(commands, rounds=ROUNDS, measure=processor, otherwise={"1,000": both})
        memory = peak_bytes(twice) / peak_bytes(flow)
    figures = [
        Figure("gradflow at L = 1,000, H = 256, N = 32, seconds", statistics.median(walls[1:]), 10, 2),
        Figure("L = 2,000 / L = 1,000, processor time", taken["2,000"] / taken["1,000"], 3, 2),
        Figure("L = 2,000 / L = 1,000, peak memory", memory, 2.2, 2),
    ]
    return told(figures, taken)


if __name__ == "__main__":
    sys.exit(main())
