"""`rnninspect inspect`: all of it on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnninspect.commands.shared.options import CountOptions

if TYPE_CHECKING:
    from rnninspect.facts import ModelFacts
    from rnninspect.results.table import Table


def run(options: CountOptions) -> int:
    """Print every table of each model; returns the exit code."""
    from rnninspect.commands.shared.model_page import print_models

    return print_models(options, _page, input_grad=options.input_grad)


def _page(models: Sequence[ModelFacts]) -> list[Table]:
    from rnninspect.results.params import params_tables
    from rnninspect.results.run import run_table
    from rnninspect.results.shapes import shapes_table
    from rnninspect.results.weights import weights_table

    tables = []
    for model in models:
        tables += [shapes_table(model), weights_table(model, gates=True, stats=True)]
        if model.measured is not None:
            tables.append(run_table(model, model.measured))
    return [*tables, *params_tables(models, proven=any(model.measured for model in models))]
