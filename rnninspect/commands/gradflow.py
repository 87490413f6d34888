"""`rnninspect gradflow`: how strongly the output depends on what came earlier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.layers import recurrent_layers
from rnninspect.commands.shared.options import Look
from rnninspect.commands.shared.plots import check_plot, save_plot
from rnninspect.commands.shared.render import render
from rnninspect.commands.shared.study import study
from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError
from rnninspect.output import write_text
from rnninspect.results.gradflow import gradflow_blocks, gradflow_charts, gradflow_document

if TYPE_CHECKING:
    import torch

    from rnninspect.study.gradflow import Gradflow, Target


class Asked(NamedTuple):
    """What `gradflow` was asked for besides the common options."""

    target: Target
    step: int | None
    layer: str | None
    plot: Path | None


def gradflow(look: Look, asked: Asked) -> int:
    """Print the decay of every gradient, a chart and the numbers; returns the exit code."""
    if asked.target == "sum" and asked.step is not None:
        raise OptionError(f"--step {asked.step}: --target sum reads every step (leave one of the two out)")
    check_plot(asked.plot, look)

    def examine(spec: Spec, device: torch.device, prepared: None) -> Gradflow:
        from rnninspect.study.gradflow import gradflow

        return gradflow(spec, device, look.seed, target=asked.target, position=asked.step, layer=asked.layer)

    results, code = study(look, lambda spec: _check(spec, asked), examine)
    if results:
        blocks = gradflow_blocks(results)
        text = render(look.format, blocks, lambda: gradflow_document(results), _caption(results), look.output)
        write_text(text, look.output)
        save_plot(gradflow_charts(results), asked.plot)
    return code


def _check(spec: Spec, asked: Asked) -> None:
    """Raise OptionError for a layer or step that the document does not have."""
    recurrent_layers(spec, asked.layer)
    steps = min(spec.batch.lengths or (spec.batch.letters["L"],))
    if asked.step is not None and asked.step >= steps:
        which = "the shortest sequence" if spec.batch.lengths else "the input"
        raise OptionError(f"--step {asked.step}: expected 0 to {steps - 1}, {which} has {steps} steps")


def _caption(results: list[Gradflow]) -> str:
    devices = ", ".join(dict.fromkeys(result.device for result in results))
    dtypes = ", ".join(dict.fromkeys(result.model.dtype for result in results))
    first = results[0]
    drawn = f"weights drawn by torch {first.torch} on {devices}"
    return f"equations in float64 · {drawn} · {dtypes} · seed {first.seed}"
