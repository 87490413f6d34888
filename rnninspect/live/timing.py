"""A layer of a live module timed at the sizes of its real input, as `rnninspect bench --quick` times a document."""

from __future__ import annotations

from rnninspect.bench.entry import work
from rnninspect.bench.jobs import Job, VariantRun
from rnninspect.bench.records import Outcome, RunOptions, TimingRequest
from rnninspect.bench.schedule import run_all
from rnninspect.errors import AskedWrongly, printable
from rnninspect.live.page import Page
from rnninspect.live.records import LayerRecord
from rnninspect.live.weights import spec_of
from rnninspect.results.bench import bench_blocks
from rnninspect.results.bench_json import bench_document
from rnninspect.results.caption import caption

# Seconds for each phase.
_QUICK = 1.0


def bench_layer(layer: LayerRecord) -> Page:
    """The page of `rnninspect bench`; `ok` says whether everything could be measured.

    Raises AskedWrongly for a layer whose input is not known.
    """
    name = printable(layer.name)
    if layer.link is not None and layer.link.signal.batch.is_open:
        message = f"{name}: expected a layer that ran, got one whose input nobody knows"
        raise AskedWrongly(f"{message} (rnninspect.inspect(module, x) runs it)")
    run = VariantRun(spec=spec_of(layer), settings={}, variant={}, setting=RunOptions())
    job = Job((run,), TimingRequest(budget=_QUICK))
    outcomes = list(run_all(work, [job], time_limit=None, progress=lambda number, doing: None, note=lambda text: None))
    return Page(
        bench_blocks(outcomes, details=True),
        _last_line(layer, outcomes),
        lambda: bench_document(outcomes),
        ok=all(outcome.ok for outcome in outcomes),
    )


def _last_line(layer: LayerRecord, outcomes: list[Outcome]) -> str:
    place = next((outcome.environment for outcome in outcomes if outcome.environment is not None), None)
    if place is None:
        return ""
    threads = f"{place.threads} thread{'s' * (place.threads != 1)}"
    steps = f"{layer.calls:,} steps of " if layer.type.endswith("Cell") and not layer.other_inputs else ""
    read = f"its input, {steps}{layer.inputs[0].shape_text}"
    return caption(f"torch {place.torch}", f"{place.device} ({place.device_name})", threads, layer.dtype, read)
