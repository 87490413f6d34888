"""`rnninspect params`: parameter and operation counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rnninspect.commands.shared.options import CountOptions


@dataclass(frozen=True, kw_only=True)
class ParamsOptions(CountOptions):
    """What `params` takes."""

    ops: Annotated[bool, typer.Option("--ops", help="Show operations instead, forward and backward.")] = False
    all: Annotated[bool, typer.Option("--all", help="Show sizes, operations and the memory of training.")] = False


def run(options: ParamsOptions) -> int:
    """Print tables of counts for each model; returns the exit code."""
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.params import ALL, OPERATIONS, SIZES, params_tables

    parts = ALL if options.all else OPERATIONS if options.ops else SIZES
    return print_models(
        options,
        lambda models: params_tables(models, proven=not options.plan, parts=parts),
        input_grad=options.input_grad,
    )
