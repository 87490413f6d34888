"""`rnninspect weights`: every parameter tensor of every layer, or what the same weights are in another framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from rnninspect.commands.shared.options import HOW_TO_PRINT, LookOptions
from rnninspect.errors import OptionError
from rnninspect.formats import WeightsFormat

if TYPE_CHECKING:
    from rnninspect.facts import ModelFacts
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

    gates: Annotated[bool, typer.Option("--gates", help="Show which rows of each weight belong to which gate.")] = False
    stats: Annotated[
        bool,
        typer.Option("--stats", help="Show what values the weights have at first: the least, the most, mean, spread."),
    ] = False
    framework: Annotated[
        Elsewhere | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Show the same weights as another framework has them: keras, onnx, tf, flax, haiku, cudnn and so on.",
        ),
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
    """Print what the weights are in another framework: arithmetic, which torch is not asked for."""
    if options.stats:
        raise OptionError(f"--stats: values are torch's, and the same as {name.value} (leave one of the two out)")
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.messages import say_notes
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.conventions.elsewhere import FRAMEWORKS
    from rnninspect.output import write_text
    from rnninspect.plan import plan
    from rnninspect.results.caption import PLAN, caption, each_once
    from rnninspect.results.elsewhere import elsewhere, elsewhere_document, elsewhere_script, elsewhere_table
    from rnninspect.results.model import Report, document

    specs, code = load_all(
        options.files, options.settings, device=options.device, dtype=options.dtype, output=options.output
    )
    if code:
        return code
    for spec in specs:
        say_notes(spec.notes)
    framework = FRAMEWORKS[name]
    models = elsewhere(specs, framework)
    if options.format is WeightsFormat.PYTHON:
        write_text(elsewhere_script(models, framework), options.output)
        return 0

    def whole() -> dict[str, object]:
        report = Report(models=[plan(spec) for spec in specs], ledger="plan", seed=options.seed, differences=[])
        return {**document(report), "elsewhere": elsewhere_document(models, framework)}

    tables = [elsewhere_table(model, framework, gates=options.gates) for model in models]
    source = caption(PLAN, each_once(spec.dtype for spec in specs))
    print_page(options.format, tables, whole, source, options.output)
    return 0
