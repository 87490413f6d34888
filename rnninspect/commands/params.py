"""`rnninspect params`: parameter and operation counts."""

from __future__ import annotations

from rnninspect.commands.shared.options import CountOptions


def run(options: CountOptions) -> int:
    """Print a table of counts for each model; returns the exit code."""
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.params import params_tables

    return print_models(options, params_tables, input_grad=options.input_grad)
