"""What `rnninspect check` costs, as ratios measured in one run: it gates commits, so it has to be quick and small.

Every figure is the median of whole processes, taken in turns so that a slow moment hits all alike.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECK = [sys.executable, "-m", "rnninspect", "check"]
ROUNDS = 9
DOCUMENTS = 50

# The usual pipeline, with a budget: what a folder of models is made of.
MODEL = """\
name: model-{0}
input: {{batch_size: 32, seq_len: 20}}
budget: {{max_params: 20M, max_param_bytes: 80 MiB, max_macs: 1G}}
layers:
  - {{name: embed, type: Embedding, num_embeddings: 1000, embedding_dim: {0}}}
  - {{name: encoder, type: LSTM, hidden_size: 50, num_layers: 2, bidirectional: true}}
  - {{name: head, type: Linear, out_features: 10}}
"""


def wall(command: list[str], folder: Path) -> float:
    """Seconds one process takes; CalledProcessError where it fails."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - start


def medians(commands: dict[str, list[str]], folder: Path) -> dict[str, float]:
    """The median wall time of each command over ROUNDS turns; a first turn warms the disk and is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):
        for name, command in commands.items():
            taken = wall(command, folder)
            if turn:
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_bytes(command: list[str], folder: Path) -> int:
    """The largest resident memory of one process, in bytes."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    told = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, cwd=folder)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(told.stdout) * unit


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [f"model-{size}.yaml" for size in range(100, 100 + DOCUMENTS)]
        for size, file in enumerate(files, start=100):
            (folder / file).write_text(MODEL.format(size))
        subprocess.run([*CHECK, *files, "--update"], check=True, capture_output=True, cwd=folder)
        taken = medians(
            {
                "torch": [sys.executable, "-W", "ignore", "-c", "import torch"],
                "one": [*CHECK, files[0]],
                "fifty": [*CHECK, *files],
            },
            folder,
        )
        small, large = (peak_bytes([*CHECK, *named], folder) for named in (files[:1], files))
    rows: list[tuple[str, float, float, Callable[[float], str]]] = [
        (f"check of {DOCUMENTS} documents / of one, wall time", taken["fifty"] / taken["one"], 3, "{:.2f}".format),
        ("check / import torch, wall time", taken["one"] / taken["torch"], 1 / 5, "{:.3f}".format),
        ("check of one document, peak memory in MB", small / 1e6, 60, "{:.1f}".format),
        (f"check of {DOCUMENTS} documents, peak memory in MB", large / 1e6, 60, "{:.1f}".format),
    ]
    for what, measured, limit, text in rows:
        print(f"{'ok  ' if measured <= limit else 'OVER'}  {what:<56} {text(measured):>8}  limit {text(limit)}")
    print(f"medians of {ROUNDS} in seconds: " + ", ".join(f"{name} {value:.3f}" for name, value in taken.items()))
    return int(any(measured > limit for _, measured, limit, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
