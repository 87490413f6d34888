"""`rnninspect shapes`: what goes into every layer and what comes out."""

from __future__ import annotations

from rnninspect.commands.shared.look import look
from rnninspect.commands.shared.options import Look
from rnninspect.results.shapes import shapes_table


def shapes(asked: Look) -> int:
    """Print a table of tensors for each model; returns the exit code."""
    return look(asked, lambda models: [shapes_table(model) for model in models])
