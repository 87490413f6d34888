"""`rnninspect weights`: every parameter tensor of every layer, or what the same weights are in another framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.options import HOW_TO_PRINT, LookOptions, flag, option
from rnninspect.errors import OptionError
from rnninspect.formats import WeightsFormat

if TYPE_CHECKING:
    from rnninspect.facts.models import ModelFacts
    from rnninspect.results.table import Table

EXAMPLES = (
    "rnninspect weights model.yaml --gates",
    "rnninspect weights model.yaml --stats --seed 1",
    "rnninspect weights model.yaml --as keras --format python",
)


class Elsewhere(StrEnum):
    """What `--as` accepts."""

    KERAS = "keras"
    ONNX = "onnx"
    TF = "tf"
    FLAX = "flax"
    HAIKU = "haiku"
    CUDNN = "cudnn"
    MIOPEN = "miopen"
    ONEDNN = "onednn"
    MXNET = "mxnet"
    COREML = "coreml"


@dataclass(frozen=True, kw_only=True)
class WeightsOptions(LookOptions):
    """What `weights` takes."""

    gates: Annotated[bool, flag("--gates", "Show which rows of each weight belong to which gate.")] = False
    stats: Annotated[
        bool, flag("--stats", "Show what values the weights have at first: the least, the most, mean, spread.")
    ] = False
    framework: Annotated[
        Elsewhere | None, option("NAME", "Show what the same weights are in another framework.", name="--as")
    ] = None
    format: Annotated[WeightsFormat, HOW_TO_PRINT] = WeightsFormat.TABLE  # type: ignore[assignment]  # one more


def run(options: WeightsOptions) -> int:
    """Print a table of parameters for each model; returns the exit code."""
    if options.framework is not None:
        return _run_elsewhere(options, options.framework)
    if options.format is WeightsFormat.PYTHON:
        raise OptionError("--format python: it is the translation into another framework (name one: --as keras)")
    from rnninspect.commands.shared.look_page import LookPage
    from rnninspect.commands.shared.model_page import print_models
    from rnninspect.results.weights import weights_table

    def tables(models: Sequence[ModelFacts]) -> list[Table]:
        return [weights_table(model, gates=options.gates, stats=options.stats) for model in models]

    return print_models(options, LookPage(tables, values=options.stats, asks_torch=options.stats))


def _run_elsewhere(options: WeightsOptions, name: Elsewhere) -> int:
    if options.stats:
        raise OptionError(f"--stats: values are torch's, and the same in {name.value} (leave one of the two out)")
    from rnninspect.commands.shared.elsewhere_page import print_elsewhere

    return print_elsewhere(options, name.value, gates=options.gates)
