"""`rnninspect weights`: every parameter tensor of every layer."""

from __future__ import annotations

from rnninspect.commands.shared.look import look
from rnninspect.commands.shared.options import Look
from rnninspect.results.weights import weights_table


def weights(asked: Look, *, gates: bool, stats: bool) -> int:
    """Print a table of parameters for each model; returns the exit code."""
    return look(asked, lambda models: [weights_table(model, gates=gates, stats=stats) for model in models])
