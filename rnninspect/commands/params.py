"""`rnninspect params`: parameter and operation counts."""

from __future__ import annotations

from rnninspect.commands.shared.look import look
from rnninspect.commands.shared.options import Look
from rnninspect.results.params import params_tables


def params(asked: Look) -> int:
    """Print a table of counts for each model; returns the exit code."""
    return look(asked, params_tables)
