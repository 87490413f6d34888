"""`make bench-startup`: what the tool adds to Python's and torch's own start, as ratios measured in one run."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from costs import TOOL, Figure, medians, peak_bytes, told

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


def until_first_table(command: list[str], folder: Path) -> float:
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


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
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
            },
            otherwise={FIRST_TABLE: until_first_table},
        )
        small, large = (
            peak_bytes([*plan, "configs/lstm.yaml", "--set", f"encoder.hidden_size={size}"]) for size in (50, 350_000)
        )
    growth = (taken["2000"] - taken["plan"]) / (taken["200"] - taken["plan"])
    figures = [
        Figure("params --plan / import torch, wall time", taken["plan"] / taken["torch"], 0.18, 3),
        Figure("params --plan / an app of Typer with one table", taken["plan"] / taken["one table"], 1.25, 3),
        Figure("first table in a terminal / import torch", taken[FIRST_TABLE] / taken["torch"], 0.2, 3),
        Figure("shapes / a bare script with the same layer", taken["shapes"] / taken["bare"], 1.25, 3),
        Figure("explain --format html / explain", taken["page"] / taken["explain"], 1.5, 3),
        Figure("2,000 layers / 200, above start-up", growth, 12, 1),
        Figure("params --plan, peak memory in MB", small / 1e6, 60, 1),
        Figure("10^12 parameters / a small model, peak memory", large / small, 1.05, 3),
    ]
    return told(figures, taken)


if __name__ == "__main__":
    sys.exit(main())
