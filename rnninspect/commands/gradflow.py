"""`rnninspect gradflow`: how strongly the output depends on what came earlier."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.options import Plot, TorchOptions, option
from rnninspect.errors import OptionError

if TYPE_CHECKING:
    import torch

    from rnninspect.document.chain import Spec
    from rnninspect.study.gradflow import Gradflow

EXAMPLES = (
    "rnninspect gradflow model.yaml",
    "rnninspect gradflow model.yaml --set encoder.init.forget_bias=2",
    "rnninspect gradflow model.yaml --target sum --plot gradflow.svg",
)


class Target(StrEnum):
    """What `--target` accepts."""

    LAST = "last"
    SUM = "sum"


@dataclass(frozen=True, kw_only=True)
class GradflowOptions(TorchOptions):
    """What `gradflow` takes."""

    layer: Annotated[str | None, option("NAME", "Take the output of this layer, not of the last recurrent one.")] = None
    target: Annotated[Target, option("STEPS", "Which steps' output the gradients are of.")] = Target.LAST
    step: Annotated[int | None, option("T", "Take the output of step T, from 0, in place of the last.", min=0)] = None
    plot: Plot = None


def run(options: GradflowOptions) -> int:
    """Print the decay of every gradient, a chart and the numbers; returns the exit code."""
    from rnninspect.commands.shared.built_models import examine_all
    from rnninspect.commands.shared.layers import with_steps
    from rnninspect.commands.shared.plots import check_plot, save_plot
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.results.caption import caption
    from rnninspect.results.gradflow import fate, gradflow_blocks, gradflow_charts, gradflow_document

    if options.target is Target.SUM and options.step is not None:
        raise OptionError(f"--step {options.step}: --target sum reads every step (leave one of the two out)")
    check_plot(options.plot, options.files, options.output)

    def examine(spec: Spec, device: torch.device, prepared: None) -> Gradflow:
        from rnninspect.study.gradflow import gradients_by_lag

        return gradients_by_lag(
            spec, device, options.seed, target=options.target.value, position=options.step, layer=options.layer
        )

    results, code = examine_all(
        "gradflow", options, lambda spec: _check(spec, options), examine, partial(with_steps, name=options.layer)
    )
    if results:
        blocks, source = gradflow_blocks(results), _caption(results)
        answered = caption(*filter(None, (fate(results), source)))
        print_page(options.format, blocks, lambda: gradflow_document(results), answered, options.output)
        save_plot(gradflow_charts(results), options.plot, source)
    return code


def _check(spec: Spec, options: GradflowOptions) -> None:
    """Raise OptionError for a layer or step that the document does not have."""
    from rnninspect.commands.shared.layers import batch_of, recurrent_layers, up_to, whose_steps

    *_, layer = recurrent_layers(spec, options.layer)
    batch = batch_of(spec, layer)
    steps = min(batch.lengths or (batch.letters["L"],))
    if options.step is not None and options.step >= steps:
        which = whose_steps(spec, layer, "the shortest sequence" if batch.lengths else "")
        raise OptionError(f"--step {options.step}: expected {up_to(steps, which, 'step')}")


def _caption(results: list[Gradflow]) -> str:
    from rnninspect.results.caption import caption, each_once
    from rnninspect.results.gradflow import dependence

    first = results[0]
    answers = [answer for answer in map(dependence, results) if answer]
    devices = each_once(result.device for result in results)
    return caption(
        *(answers if len(results) == 1 else ()),
        "equations in float64",
        f"weights drawn by torch {first.torch} on {devices}",
        each_once(result.model.dtype for result in results),
        f"seed {first.seed}",
    )
