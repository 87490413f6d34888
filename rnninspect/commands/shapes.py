"""`rnninspect shapes`: what goes into every layer and what comes out."""

from __future__ import annotations

from rnninspect.commands.look import look
from rnninspect.commands.options import Look
from rnninspect.tables.shapes import shapes_table


def shapes(asked: Look) -> int:
    """Print a table of tensors for each model; returns the exit code."""
    return look(asked, lambda models: [shapes_table(model) for model in models])
