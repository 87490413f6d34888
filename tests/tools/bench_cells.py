"""`make bench-cells`: what a layer costs that is written as equations, beside torch's own of the same equations.

Every figure is a median of ratios of processor time on one thread, the two taken in turns, so that a slow moment hits
both alike.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
from torch import nn

from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import kind_of
from rnninspect.runtime.ahead import EquationRNN

ROUNDS = 40
L, N, H = 100, 32, 256
# How many times what torch's own costs, forward and in a training step.
LIMITS = {"LSTM": (1.6, 1.35), "GRU": (1.6, 1.4)}


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    torch.set_num_threads(1)
    broken = False
    for kind, limits in LIMITS.items():
        layer = kind_of(kind).model_validate({"type": kind, "name": "a", "input_size": H, "hidden_size": H})
        assert isinstance(layer, Recurrent)
        own, written = getattr(nn, kind)(H, H), EquationRNN(layer)
        written.load_state_dict(own.state_dict())
        given = tuple(torch.zeros(1, N, H) for _ in layer.cell.states)
        x, states = torch.randn(L, N, H), given if len(given) > 1 else given[0]
        for run, limit in zip((forward, training), limits, strict=True):
            pairs = [(run(written, x, states), run(own, x, states)) for _ in range(ROUNDS)]
            ratio = statistics.median(ours / torchs for ours, torchs in pairs)
            broken |= ratio > limit
            what = f"{kind}'s equations / nn.{kind}, {run.__name__}"
            print(f"{'ok  ' if ratio <= limit else 'OVER'}  {what:<56} {ratio:>8.2f}  limit {limit}")
            print("medians in ms: " + ", ".join(f"{1000 * statistics.median(s):.1f}" for s in zip(*pairs, strict=True)))
    return int(broken)


def forward(module: nn.Module, x: torch.Tensor, states: object) -> float:
    """Seconds of processor time that a pass takes without gradients."""
    start = time.process_time()
    with torch.no_grad():
        module(x, states)
    return time.process_time() - start


def training(module: nn.Module, x: torch.Tensor, states: object) -> float:
    """The same of a pass forward and back to every weight."""
    module.zero_grad()
    start = time.process_time()
    module(x, states)[0].sum().backward()
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(main())
