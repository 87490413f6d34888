"""`rnninspect params`: parameter and operation counts."""

from __future__ import annotations

from rnninspect.commands.look import look
from rnninspect.commands.options import Look
from rnninspect.tables.params import params_tables


def params(asked: Look) -> int:
    """Print a table of counts for each model; returns the exit code."""
    return look(asked, params_tables)
