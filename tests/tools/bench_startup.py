"""`make bench-startup`: what the tool adds to Python's and torch's own start, as ratios measured in one run.

Every figure is the median of whole processes, taken in turns so that a slow moment hits all alike.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOOL = [sys.executable, "-m", "rnninspect"]
ROUNDS = 9
FIRST_TABLE = "first table"

BARE_LSTM = """
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
layer = torch.nn.LSTM(300, 50, 2).eval()
with torch.inference_mode():
    output, (h_n, c_n) = layer(torch.randn(20, 32, 300))
print(output.shape, h_n.shape, c_n.shape)
"""

# What rich's tables cost whoever prints one: an app of Typer that prints one as large as `params --plan` does.
ONE_TABLE = """
import typer
app = typer.Typer()
@app.command()
def show() -> None:
    from rich.console import Console
    from rich.table import Table
    table = Table("layer", "type", "parameters", "bytes")
    table.add_row("encoder", "LSTM", "90,800", "363,200")
    Console().print(table)
app()
"""


def stack(layers: int) -> str:
    """A document with so many layers."""
    rows = "".join("  - {type: LSTM, hidden_size: 8}\n" for _ in range(layers - 1))
    return "input: {batch_size: 2, seq_len: 3}\nlayers:\n  - {type: LSTM, input_size: 8, hidden_size: 8}\n" + rows


def wall(command: list[str], folder: Path = ROOT) -> float:
    """Seconds one process takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - start


def until_first_table(command: list[str], folder: Path = ROOT) -> float:
    """Seconds until the page stands in a pseudo-terminal, its last line still waiting for torch."""
    primary, secondary = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "CI": ""}
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=secondary, cwd=folder, env=environment) as process:
        shown = b""
        while b"proving" not in shown:
            shown += os.read(primary, 4096)
        seconds = time.perf_counter() - start
        process.kill()
    os.close(primary)
    os.close(secondary)
    return seconds


def medians(commands: dict[str, list[str]], folder: Path = ROOT) -> dict[str, float]:
    """The median wall time of each command over ROUNDS turns; a first turn warms the disk and is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):
        for name, command in commands.items():
            taken = (until_first_table if name == FIRST_TABLE else wall)(command, folder)
            if turn:
                seconds[name].append(taken)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_bytes(command: list[str], folder: Path = ROOT) -> int:
    """The largest resident memory of one process, in bytes."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    told = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, cwd=folder)
    unit = 1 if sys.platform == "darwin" else 1024
    return int(told.stdout) * unit


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    # why: a user's Python keeps what it has compiled; with this set, the package would be compiled at every start.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "200.yaml", Path(folder) / "2000.yaml"
        few.write_text(stack(200))
        many.write_text(stack(2000))
        plan = [*TOOL, "params", "--plan"]
        taken = medians(
            {
                "torch": [sys.executable, "-W", "ignore", "-c", "import torch"],
                "plan": [*plan, "configs/lstm.yaml"],
                "one table": [sys.executable, "-c", ONE_TABLE],
                FIRST_TABLE: [*TOOL, "configs/lstm.yaml"],
                "bare": [sys.executable, "-W", "ignore", "-c", BARE_LSTM],
                "shapes": [*TOOL, "shapes", "configs/lstm.yaml", "--device", "cpu"],
                "explain": [*TOOL, "explain", "configs/tagger.yaml"],
                "page": [*TOOL, "explain", "configs/tagger.yaml", "--format", "html"],
                "200": [*plan, str(few)],
                "2000": [*plan, str(many)],
            }
        )
        small, large = (
            peak_bytes([*plan, "configs/lstm.yaml", "--set", f"encoder.hidden_size={size}"]) for size in (50, 350_000)
        )
    growth = (taken["2000"] - taken["plan"]) / (taken["200"] - taken["plan"])
    rows: list[tuple[str, float, float, Callable[[float], str]]] = [
        ("params --plan / import torch, wall time", taken["plan"] / taken["torch"], 0.18, "{:.3f}".format),
        ("params --plan / an app of Typer with one table", taken["plan"] / taken["one table"], 1.25, "{:.3f}".format),
        ("first table in a terminal / import torch", taken[FIRST_TABLE] / taken["torch"], 0.2, "{:.3f}".format),
        (
            "shapes on the CPU / a bare script with the same layer",
            taken["shapes"] / taken["bare"],
            1.25,
            "{:.3f}".format,
        ),
        ("explain --format html / explain", taken["page"] / taken["explain"], 1.5, "{:.3f}".format),
        ("2,000 layers / 200, above start-up", growth, 12, "{:.1f}".format),
        ("params --plan, peak memory in MB", small / 1e6, 60, "{:.1f}".format),
        ("10^12 parameters / a small model, peak memory", large / small, 1.05, "{:.3f}".format),
    ]
    for what, measured, limit, text in rows:
        print(f"{'ok  ' if measured <= limit else 'OVER'}  {what:<56} {text(measured):>8}  limit {text(limit)}")
    print(f"medians of {ROUNDS} in seconds: " + ", ".join(f"{name} {value:.3f}" for name, value in taken.items()))
    return int(any(measured > limit for _, measured, limit, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
