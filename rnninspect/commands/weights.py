"""`rnninspect weights`: every parameter tensor of every layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from rnninspect.commands.shared.options import LookOptions


@dataclass(frozen=True, kw_only=True)
class WeightsOptions(LookOptions):
    """What `weights` takes."""

    gates: Annotated[bool, typer.Option("--gates", help="Show the gate blocks of each weight.")] = False
    stats: Annotated[bool, typer.Option("--stats", help="Show what the first values are.")] = False


def run(options: WeightsOptions) -> int:
    """Print a table of parameters for each model; returns the exit code."""
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.weights import weights_table

    return print_models(
        options, lambda models: [weights_table(model, gates=options.gates, stats=options.stats) for model in models]
    )
