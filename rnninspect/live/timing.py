"""A layer of a live module timed at the sizes of its real input, as `rnninspect bench --quick` times a document."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.bench.entry import work
from rnninspect.bench.jobs import Job, VariantRun
from rnninspect.bench.records import Outcome, RunOptions, TimingRequest
from rnninspect.bench.schedule import run_all
from rnninspect.errors import AskedWrongly, counted, listed, printable
from rnninspect.live.page import Page
from rnninspect.live.records import LayerRecord
from rnninspect.live.weights import spec_of
from rnninspect.results.bench import bench_blocks
from rnninspect.results.bench_json import bench_document
from rnninspect.results.caption import caption, each_once

# Seconds for each phase.
_QUICK = 1.0


def bench(layers: Sequence[LayerRecord]) -> Page:
    """The page of `rnninspect bench`; `ok` says whether everything could be measured.

    Raises AskedWrongly where no layer's input is known.
    """
    known = [layer for layer in layers if layer.link is not None and not layer.link.signal.batch.is_open]
    if not known:
        names = listed([printable(layer.name) for layer in layers]) if layers else "the module"
        message = f"{names}: expected a layer that ran, got one whose input nobody knows"
        raise AskedWrongly(f"{message} (rnninspect.inspect(module, x) runs it)")
    runs = [VariantRun(spec=spec_of(layer), settings={}, variant={}, setting=RunOptions()) for layer in known]
    jobs = [Job((run,), TimingRequest(budget=_QUICK)) for run in runs]
    outcomes = list(run_all(work, jobs, progress=lambda number, doing: None, note=lambda text: None))
    return Page(
        bench_blocks(outcomes, all_of_it=True),
        _last_line(known, outcomes),
        lambda: bench_document(outcomes),
        ok=all(outcome.ok for outcome in outcomes),
    )


def _last_line(layers: Sequence[LayerRecord], outcomes: Sequence[Outcome]) -> str:
    place = next((outcome.environment for outcome in outcomes if outcome.environment is not None), None)
    if place is None:
        return ""
    return caption(
        f"torch {place.torch}",
        f"{place.device} ({place.device_name})",
        counted(place.threads, "thread"),
        each_once(layer.dtype for layer in layers),
        each_once(map(_read, layers)),
    )


def _read(layer: LayerRecord) -> str:
    steps = f"{layer.calls:,} steps of " if layer.type.endswith("Cell") and not layer.other_inputs else ""
    return f"its input, {steps}{layer.inputs[0].shape_text}"
