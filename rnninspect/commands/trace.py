"""`rnninspect trace`: every gate and state at every step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.files import same_file
from rnninspect.commands.shared.layers import recurrent_layers
from rnninspect.commands.shared.options import Look
from rnninspect.commands.shared.plots import check_plot, save_plot
from rnninspect.commands.shared.render import render
from rnninspect.commands.shared.say import say
from rnninspect.commands.shared.study import study
from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, printable
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.output import write_text
from rnninspect.results.trace import outputs_note, trace_charts, trace_document, trace_tables

if TYPE_CHECKING:
    from array import array

    import torch

    from rnninspect.study.trace import Trace

    Values = array[float] | array[int] | None


class Asked(NamedTuple):
    """What `trace` was asked for besides the common options."""

    layer: str | None
    step: int | None
    unit: int | None
    sequence: int
    input: Path | None
    plot: Path | None

    @property
    def picks(self) -> bool:
        """Whether single values are asked for, in place of statistics."""
        return self.step is not None or self.unit is not None


def trace(look: Look, asked: Asked) -> int:
    """Print statistics of every step, or with --step or --unit the values themselves; returns the exit code."""
    if asked.input is not None and len(look.files) > 1:
        raise OptionError(f"--input is for one document, {len(look.files)} are named")
    if asked.input is not None and look.output is not None and same_file(asked.input, look.output):
        raise OptionError(f"--output {printable(str(look.output))}: this is --input's file (name another file)")
    if asked.sequence and not asked.picks:
        raise OptionError(f"--sequence {asked.sequence}: statistics are over all sequences (add --step or --unit)")
    check_plot(asked.plot, look)

    def prepare(spec: Spec) -> Values:
        _check(spec, asked)
        return None if asked.input is None else _read(asked.input, spec)

    def examine(spec: Spec, device: torch.device, values: Values) -> Trace:
        from rnninspect.study.trace import Pick, trace

        pick = Pick(asked.step, asked.unit, asked.sequence) if asked.picks else None
        return trace(spec, device, look.seed, layer=asked.layer, values=values, pick=pick)

    results, code = study(look, prepare, examine)
    if results:
        text = render(
            look.format, trace_tables(results), lambda: trace_document(results), _caption(results, asked), look.output
        )
        write_text(text, look.output)
        save_plot([chart for result in results for chart in trace_charts(result)], asked.plot)
    return code


def _check(spec: Spec, asked: Asked) -> None:
    """Raise OptionError for a layer, step, unit or sequence that the document does not have."""
    layers = recurrent_layers(spec, asked.layer)
    batch = spec.batch
    size = batch.size or 1
    if asked.sequence >= size:
        raise OptionError(f"--sequence {asked.sequence}: expected 0 to {size - 1}, the batch has {size}")
    steps = batch.lengths[asked.sequence] if batch.lengths else batch.letters["L"]
    if asked.step is not None and asked.step >= steps:
        which = f"sequence {asked.sequence}" if batch.lengths else "the input"
        raise OptionError(f"--step {asked.step}: expected 0 to {steps - 1}, {which} has {steps} steps")
    for layer in layers:
        widest = max(layer.hidden_size, layer.h_out)
        if asked.unit is not None and asked.unit >= widest:
            raise OptionError(
                f"--unit {asked.unit}: expected 0 to {widest - 1}, layer {layer.name!r} has {widest} units "
                "(--layer chooses another)"
            )


def _read(path: Path, spec: Spec) -> Values:
    """What the model is fed with, from a file."""
    from rnninspect.study.input_file import SETTINGS, read_values

    first = spec.links[0].layer
    tokens = first.num_embeddings if isinstance(first, Embedding) else None
    settings = dict(SETTINGS)
    besides: dict[str, object] = {}
    if spec.batch.lengths:
        # why: L and N are those of the lengths, so that --set fits a batch only without them, and says both.
        besides = {"input.lengths": "null"} | {SETTINGS[axis]: spec.batch.letters[axis] for axis in SETTINGS}
    for kind, field in ((Recurrent, "input_size"), (Linear, "in_features")):
        if isinstance(first, kind):
            settings["H_in"] = f"{first.name}.{field}"
    return read_values(
        path,
        spec.input_shape,
        spec.input_axes,
        below=tokens,
        settings=settings,
        besides=besides,
        remark=lambda remark: say(f"note: {remark}"),
    )


def _caption(results: list[Trace], asked: Asked) -> str:
    devices = ", ".join(dict.fromkeys(result.device for result in results))
    dtypes = ", ".join(dict.fromkeys(result.model.dtype for result in results))
    fed = "random input" if asked.input is None else f"input {printable(str(asked.input))}"
    which = f" · sequence {asked.sequence}" if asked.picks else ""
    return f"{outputs_note(results)} · {devices} · {dtypes} · {fed} · seed {results[0].seed}{which}"
