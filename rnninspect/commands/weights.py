"""`rnninspect weights`: every parameter tensor of every layer."""

from __future__ import annotations

from rnninspect.commands.look import look
from rnninspect.commands.options import Look
from rnninspect.tables.weights import weights_table


def weights(asked: Look, *, gates: bool, stats: bool) -> int:
    """Print a table of parameters for each model; returns the exit code."""
    return look(asked, lambda models: [weights_table(model, gates=gates, stats=stats) for model in models])
