"""`rnninspect params`: parameter and operation counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.options import CountOptions, all_of_it, flag

if TYPE_CHECKING:
    from rnninspect.facts.models import ModelFacts
    from rnninspect.results.table import Table

EXAMPLES = (
    "rnninspect params model.yaml",
    "rnninspect params model.yaml --ops",
    "rnninspect params model.yaml --all --plan --set encoder.num_layers=3",
)


@dataclass(frozen=True, kw_only=True)
class ParamsOptions(CountOptions):
    """What `params` takes."""

    ops: Annotated[bool, flag("--ops", "Show operations instead of sizes, forward and backward.")] = False
    all: Annotated[bool, all_of_it("sizes, operations and the memory of training")] = False


def run(options: ParamsOptions) -> int:
    """Print tables of counts for each model; returns the exit code."""
    from rnninspect.commands.shared.look_page import LookPage, is_to_prove
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.params import ALL, OPERATIONS, SIZES, params_tables

    parts = ALL if options.all else OPERATIONS if options.ops else SIZES
    proven = is_to_prove(options)

    def tables(models: Sequence[ModelFacts]) -> list[Table]:
        return params_tables(models, proven=proven, parts=parts)

    return print_models(options, LookPage(tables, input_grad=options.input_grad, counts=True))
