"""`rnninspect trace`: every gate and state at every step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import say
from rnninspect.commands.shared.options import LayerName, Plot, TorchOptions, option
from rnninspect.errors import OptionError, printable

if TYPE_CHECKING:
    from array import array

    import torch

    from rnninspect.document.chain import Spec
    from rnninspect.study.trace import Trace

    Values = array[float] | array[int] | None

EXAMPLES = (
    "rnninspect trace model.yaml",
    "rnninspect trace model.yaml --unit 7 --plot trace.svg",
    "rnninspect trace model.yaml --layer encoder --step 19 --format csv",
)


@dataclass(frozen=True, kw_only=True)
class TraceOptions(TorchOptions):
    """What `trace` takes."""

    layer: LayerName = None
    step: Annotated[int | None, option("T", "Show the values of all units at step T, from 0.", min=0)] = None
    unit: Annotated[int | None, option("J", "Show the values of unit J, from 0, at all steps.", min=0)] = None
    sequence: Annotated[int, option("N", "Which sequence of the batch --step and --unit show, from 0.", min=0)] = 0
    input: Annotated[
        Path | None, option("FILE", "Feed the model with the numbers of a .npy or .csv file, not with random ones.")
    ] = None
    plot: Plot = None

    @property
    def picks(self) -> bool:
        """Whether to show single values, in place of statistics."""
        return self.step is not None or self.unit is not None


def run(options: TraceOptions) -> int:
    """Print statistics of every step, or with --step or --unit the values themselves; returns the exit code."""
    from rnninspect.commands.shared.built_models import examine_all
    from rnninspect.commands.shared.layers import with_steps
    from rnninspect.commands.shared.plots import save_plot
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.results.trace import beside, trace_charts, trace_document, trace_tables

    _check_options(options)

    def prepare(spec: Spec) -> Values:
        _check_document(spec, options)
        return None if options.input is None else _read(options.input, spec)

    def examine(spec: Spec, device: torch.device, values: Values) -> Trace:
        from rnninspect.study.trace import Pick, trace_layers

        pick = Pick(options.step, options.unit, options.sequence) if options.picks else None
        return trace_layers(spec, device, options.seed, layer=options.layer, values=values, pick=pick)

    results, code = examine_all("trace", options, prepare, examine, partial(with_steps, name=options.layer))
    if results:
        source = _caption(results, options)
        tables = trace_tables(results)
        charts = [chart for result in results for chart in trace_charts(result)]
        # why a page alone: in a terminal the tables are enough to read.
        blocks = beside(tables, charts) if options.format == "html" else tables
        print_page(options.format, blocks, lambda: trace_document(results), source, options.output)
        save_plot(charts, options.plot, source)
    return code


def _check_options(options: TraceOptions) -> None:
    """Raise OptionError for options that do not go together."""
    from rnninspect.commands.shared.files import refuse_to_replace
    from rnninspect.commands.shared.plots import check_plot

    if options.input is not None and len(options.files) > 1:
        raise OptionError(f"--input is for one document, {len(options.files)} are named")
    if options.input is not None:
        refuse_to_replace(options.input, options.output, "--input's file")
    if options.sequence and not options.picks:
        raise OptionError(f"--sequence {options.sequence}: statistics are over all sequences (add --step or --unit)")
    check_plot(options.plot, options.files, options.output)


def _check_document(spec: Spec, options: TraceOptions) -> None:
    """Raise OptionError for a layer, step, unit or sequence that the document does not have."""
    from rnninspect.commands.shared.layers import batch_of, recurrent_layers, up_to, whose_steps

    layers = recurrent_layers(spec, options.layer)
    size = spec.batch.letters["N"]
    if options.sequence >= size:
        raise OptionError(f"--sequence {options.sequence}: expected {up_to(size, 'the batch', 'sequence')}")
    for layer in layers:
        batch = batch_of(spec, layer)
        steps = batch.lengths[options.sequence] if batch.lengths else batch.letters["L"]
        if options.step is not None and options.step >= steps:
            which = whose_steps(spec, layer, f"sequence {options.sequence}" if batch.lengths else "")
            chosen = " (--layer chooses another)" if spec.wired and options.layer is None else ""
            raise OptionError(f"--step {options.step}: expected {up_to(steps, which, 'step')}{chosen}")
    for layer in layers:
        widest = max(layer.hidden_size, layer.h_out)
        if options.unit is not None and options.unit >= widest:
            raise OptionError(
                f"--unit {options.unit}: expected {up_to(widest, f'layer {layer.name!r}', 'unit')} "
                "(--layer chooses another)"
            )


def _read(path: Path, spec: Spec) -> Values:
    """What the model is fed with, from a file."""
    from rnninspect.layers.convolution import Conv1d
    from rnninspect.layers.embedding import Embedding
    from rnninspect.layers.linear import Linear
    from rnninspect.layers.recurrent import Recurrent
    from rnninspect.study.input_expected import SETTINGS, Expected
    from rnninspect.study.input_file import read_values

    if len(spec.inputs) > 1:
        names = ", ".join(each.name for each in spec.inputs)
        raise OptionError(
            f"--input {printable(str(path))}: a file is for one input, and there are several, {names} (leave it out: "
            "all are drawn at random)"
        )
    first = spec.links[0].layer
    readers = [link.layer for link in spec.links if spec.inputs[0].name in link.wires.reads]
    tokens = min((layer.num_embeddings for layer in readers if isinstance(layer, Embedding)), default=None)
    settings = dict(SETTINGS)
    besides: dict[str, object] = {}
    if spec.batch.lengths:
        # why: L and N are those of the lengths, so that --set fits a batch only without them, and says both.
        besides = {"input.lengths": "null"} | {SETTINGS[axis]: spec.batch.letters[axis] for axis in SETTINGS}
    for kind, field in ((Recurrent, "input_size"), (Linear, "in_features"), (Conv1d, "in_channels")):
        if isinstance(first, kind):
            settings["H_in"] = f"{first.name}.{field}"
    expected = Expected(
        path=path,
        shape=spec.inputs[0].shape,
        axes=spec.inputs[0].axes,
        below=tokens,
        settings=settings,
        besides=besides,
        remark=lambda remark: say(f"note: {remark}"),
    )
    return read_values(expected)


def _caption(results: list[Trace], options: TraceOptions) -> str:
    from rnninspect.results.caption import caption, each_once
    from rnninspect.results.trace import outputs_note

    return caption(
        outputs_note(results),
        each_once(result.device for result in results),
        each_once(result.model.dtype for result in results),
        "random input" if options.input is None else f"input {printable(str(options.input))}",
        f"seed {results[0].seed}",
        f"sequence {options.sequence}" if options.picks else "",
    )
