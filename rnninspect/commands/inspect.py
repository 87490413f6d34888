"""`rnninspect inspect`: all of it on one page."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.commands.shared.look import look
from rnninspect.commands.shared.options import Look
from rnninspect.facts import ModelFacts
from rnninspect.results.params import params_tables
from rnninspect.results.run import run_table
from rnninspect.results.shapes import shapes_table
from rnninspect.results.table import Table
from rnninspect.results.weights import weights_table


def inspect(asked: Look) -> int:
    """Print every table of each model; returns the exit code."""
    return look(asked, _page)


def _page(models: Sequence[ModelFacts]) -> list[Table]:
    tables = []
    for model in models:
        tables += [shapes_table(model), weights_table(model, gates=True, stats=True)]
        if model.measured is not None:
            tables.append(run_table(model, model.measured))
    return [*tables, *params_tables(models)]
