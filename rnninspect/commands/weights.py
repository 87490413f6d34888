"""`rnninspect weights`: every parameter tensor of every layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rnninspect.commands.shared.options import LookOptions

if TYPE_CHECKING:
    from rnninspect.facts import ModelFacts
    from rnninspect.results.table import Table

EXAMPLES = (
    "rnninspect weights model.yaml",
    "rnninspect weights model.yaml --gates",
    "rnninspect weights model.yaml --stats --seed 1",
)


@dataclass(frozen=True, kw_only=True)
class WeightsOptions(LookOptions):
    """What `weights` takes."""

    gates: Annotated[bool, typer.Option("--gates", help="Show which rows of each weight belong to which gate.")] = False
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Show what values the weights have at first: the least, the most, mean, spread."),
    ] = False


def run(options: WeightsOptions) -> int:
    """Print a table of parameters for each model; returns the exit code."""
    from rnninspect.commands.shared.look_page import LookPage
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.weights import weights_table

    def tables(models: Sequence[ModelFacts]) -> list[Table]:
        return [weights_table(model, gates=options.gates, stats=options.stats) for model in models]

    return print_models(options, LookPage(tables, values=options.stats, asks_torch=options.stats))
