"""`rnninspect inspect`, which `rnninspect CONFIG...` is too: the model at a glance, or all of it on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.options import CountOptions, all_of_it

if TYPE_CHECKING:
    from rnninspect.facts.models import ModelFacts
    from rnninspect.results.table import Table

EXAMPLES = (
    "rnninspect inspect model.yaml",
    "rnninspect inspect 'nn.Sequential(nn.Embedding(1000, 300), nn.GRU(300, 50))'",
    "rnninspect inspect model.yaml --plan --set encoder.hidden_size=256",
)


@dataclass(frozen=True, kw_only=True)
class InspectOptions(CountOptions):
    """What `inspect` takes."""

    all: Annotated[bool, all_of_it("shapes, weights, counts, memory, the run")] = False


def run(options: InspectOptions) -> int:
    """Print one table of all models, or every table of each; returns the exit code."""
    from rnninspect.commands.shared.look_page import LookPage
    from rnninspect.commands.shared.model_page import print_models

    tables = _all if options.all else _summary
    return print_models(options, LookPage(tables, values=options.all, input_grad=options.input_grad, counts=True))


def _summary(models: Sequence[ModelFacts]) -> list[Table]:
    from rnninspect.results.summary import summary_table

    return [summary_table(models)]


def _all(models: Sequence[ModelFacts]) -> list[Table]:
    from rnninspect.results.params import params_tables
    from rnninspect.results.shapes import shapes_table
    from rnninspect.results.summary import run_table
    from rnninspect.results.weights import weights_table

    tables = []
    for model in models:
        tables += [shapes_table(model), weights_table(model, gates=True, stats=True)]
        if model.measured is not None:
            tables.append(run_table(model, model.measured))
    return [*tables, *params_tables(models, proven=any(model.measured for model in models))]
