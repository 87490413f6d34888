"""`make bench-repeat`: how repeatable the figures of `rnninspect bench` are, beside torch.utils.benchmark's.

LSTM(256, 256, 2 layers), L = 50, N = 32, forward and step; ten processes for each method, or as many as the argument
says, turns taken. Exit code 1 where ours breaks a promise: steady runs spread no wider than the others', no run that is
off by more than 30 % goes unflagged, and two variants that are the same come out within 3 % of each other.

torch's step is the longer one: it clears the gradients within its time, and its malloc may give memory back.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TURNS = 10
PHASES = ("forward", "step")
DOCUMENT = """
name: repeat
input: {batch_size: 32, seq_len: 50}
device: cpu
layers: [{type: LSTM, input_size: 256, hidden_size: 256, num_layers: 2}]
"""
# What torch.utils.benchmark is given to time, and what it says: median and the quartiles, in seconds.
TORCH = """
import json, statistics, sys, torch
from torch import nn
from torch.utils.benchmark import Timer
method, options = sys.argv[1], json.loads(sys.argv[2])
torch.manual_seed(0)
model = nn.LSTM(256, 256, 2)
x, h, c = torch.randn(50, 32, 256), torch.zeros(2, 32, 256), torch.zeros(2, 32, 256)
gradient = torch.randn(50, 32, 256)
def forward():
    with torch.inference_mode():
        model(x, (h, c))
def step():
    model.zero_grad(set_to_none=True)
    output, _ = model(x, (h, c))
    torch.autograd.backward(output, gradient)
found = {}
for name, run in (("forward", forward), ("step", step)):
    model.train(name == "step")
    timer = Timer("run()", globals={"run": run}, num_threads=torch.get_num_threads())
    measured = getattr(timer, method)(**options)
    times = sorted(measured.times)
    low, high = times[0], times[-1]
    if len(times) > 3:
        low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    found[name] = [measured.median, low, high, None]
print(json.dumps(found))
"""


class Told(NamedTuple):
    """One figure: seconds, the interval printed with it, and its verdict, where the method has one."""

    median: float
    low: float
    high: float
    verdict: str | None


def torch_figures(method: str, **options: float) -> dict[str, Told]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TORCH, method, json.dumps(options)],
        capture_output=True,
        text=True,
        check=True,
    )
    return {phase: Told(*values) for phase, values in json.loads(done.stdout).items()}


def our_figures(*options: str) -> list[dict[str, object]]:
    phases = [part for phase in PHASES for part in ("--phase", phase)]
    done = subprocess.run(
        [sys.executable, "-m", "rnninspect", "bench", "-", *phases, *options, "--format", "json"],
        input=DOCUMENT,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout)["processes"]


def ours() -> dict[str, Told]:
    found = {}
    for result in our_figures():
        median = float(str(result["median_seconds"]))
        low, high = result["ci95_seconds"] or (median, median)
        found[str(result["phase"])] = Told(median, low, high, str(result["verdict"]))
    return found


METHODS = {
    "rnninspect bench": ours,
    "blocked_autorange": lambda: torch_figures("blocked_autorange"),
    "blocked_autorange, 2 s": lambda: torch_figures("blocked_autorange", min_run_time=2),
    "adaptive_autorange": lambda: torch_figures("adaptive_autorange"),
}


def spread(values: list[float]) -> float:
    return (max(values) - min(values)) / statistics.median(values) if len(values) > 1 else float("nan")


def main(turns: int = TURNS) -> int:
    """Take turns, print a line for each method and phase, and hold ours to its promises."""
    found: dict[str, list[dict[str, Told]]] = {name: [] for name in METHODS}
    seconds: dict[str, list[float]] = {name: [] for name in METHODS}
    for turn in range(turns):
        for name, method in METHODS.items():
            start = time.perf_counter()
            found[name].append(method())
            seconds[name].append(time.perf_counter() - start)
        print(f"turn {turn + 1} of {turns}", file=sys.stderr, flush=True)
    broken = []
    columns = f"{'median ms':>10} {'spread':>7} {'steady':>7} {'of them':>8} {'held':>5} {'answer s':>9}"
    print(f"{'method':24} {'phase':12} {columns}")
    for phase in PHASES:
        narrow: dict[str, float] = {}
        for name, runs in found.items():
            told = [run[phase] for run in runs]
            steady = [one.median for one in told if one.verdict in (None, "steady")]
            narrow[name] = spread(steady)
            # why its own: the two steps are not the same work.
            grand = statistics.median(one.median for one in told)
            held = sum(one.low <= grand <= one.high for one in told)
            print(
                f"{name:24} {phase:12} {1e3 * statistics.median(one.median for one in told):10.2f} "
                f"{100 * spread([one.median for one in told]):6.0f}% {len(steady):4}/{len(told)} "
                f"{100 * narrow[name]:7.0f}% {held:2}/{len(told)} {statistics.median(seconds[name]):9.1f}"
            )
        mine = narrow.pop("rnninspect bench")
        others = [value for value in narrow.values() if not math.isnan(value)]
        if others and mine > min(others):
            broken.append(f"{phase}: ours spread by {mine:.0%} where it said steady, another by {min(others):.0%}")
        ours_here = [run[phase] for run in found["rnninspect bench"]]
        grand = statistics.median(one.median for one in ours_here)
        for one in ours_here:
            if one.verdict == "steady" and abs(one.median / grand - 1) > 0.3:
                broken.append(
                    f"{phase}: {1e3 * one.median:.2f} ms was called steady, the grand median is {1e3 * grand:.2f}"
                )
    twice = our_figures("--vary", "threads=1,1")
    for phase in PHASES:
        first, second = (float(str(r["median_seconds"])) for r in twice if r["phase"] == phase)
        print(f"A/A {phase}: {second / first:.4f}")
        if abs(second / first - 1) > 0.03:
            broken.append(f"{phase}: the same twice came out {second / first:.4f}")
    for line in broken:
        print(f"BROKEN: {line}")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
