"""Work for `rnninspect bench` that needs no torch, for a child process to import: made-up figures, and every fault.

The hidden size says what a point does: see FAULTS; one of SLOW has a warning of its own. FAKE_SECONDS is how long a
point sleeps that does nothing wrong.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from faults import misbehave

from rnninspect.bench.jobs import Job, VariantRun
from rnninspect.bench.largest import Taken, Trial
from rnninspect.bench.records import (
    Bound,
    Doing,
    Environment,
    Figure,
    Interval,
    Kernels,
    Outcome,
    Peaks,
    Status,
    Warned,
)
from rnninspect.bench.supervise import Ended

SLOW = 777
FAULTS = {901: "raise", 902: "kill", 903: "segfault", 904: "exit", 905: "sleep", 906: "allocate"}
# Of a made-up device so many bytes are free, and each sequence takes so many for each hidden unit.
FREE, EACH = 100_000, 100
ENVIRONMENT = Environment(
    "cpu", "a made-up CPU", "2.13.0", "0.1.0", "3.11.2", 1, 4, "2026-01-01T00:00:00+00:00", keeps_freed=True
)


def work(job: Job, progress: Callable[[Doing], None]) -> list[Outcome]:
    """An outcome for every run, unless its hidden size is a fault."""
    return [_outcome(job, run, progress) for run in job.runs]


def trial(asked: Trial, progress: Callable[[Doing], None]) -> Taken | Ended:
    """What a batch takes of a made-up device."""
    (link, *_), batch = asked.run.spec.links, asked.run.spec.batch.letters["N"]
    needs = EACH * batch * getattr(link.layer, "hidden_size", 1)
    if needs > FREE:
        return Ended(Status.MEMORY, f"asked for {needs:,} bytes")
    return Taken(peak_bytes=needs, free_bytes=FREE, device="cpu", device_name="a made-up CPU", torch="2.13.0")


def _outcome(job: Job, run: VariantRun, progress: Callable[[Doing], None]) -> Outcome:
    size = int(str(run.settings.get("encoder.hidden_size", 8)))
    if size in FAULTS:
        misbehave(FAULTS[size], progress)
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    progress(Doing(1.0, "step", 3e-3))
    spec = run.spec
    layers = [link.layer.name for link in spec.links] if job.request.each_layer and len(spec.links) > 1 else []
    figures = tuple(
        _figure(subject, phase, 1e-4 * size * (k + 1))
        for subject in (None, *layers)
        for k, phase in enumerate(job.request.phases)
    )
    about = (spec.name, spec.source, run.settings, run.variant, job.process, spec.dtype)
    peaks = Peaks(1.5e11, 2e10, {"LSTM forward": 9e-7}, calibrated=True)
    if size == SLOW:
        figures = tuple(figure._replace(warnings=(Warned("slow", "less"),)) for figure in figures)
    return Outcome(*about, "ok", "", ENVIRONMENT, figures, case=run.case, peaks=peaks)


def _figure(subject: str | None, phase: str, level: float) -> Figure:
    rounds = tuple((level * (1 + 0.001 * (k - 4)),) * 10 for k in range(9))
    near = Interval(0.99 * level, 1.01 * level)
    verdict = "steady" if phase != "backward" else "drifting (second half 12 % slower)"
    return Figure(
        *(subject, phase, 7 * level, 3, 1, rounds, tuple(range(9)), level, near, rounds[0][0], "precision", verdict),
        *(0.001, None, 1.0, None, 1000, 8, 2, 4, Bound(level / 2, level / 2, 0, level / 4, "compute", True)),
        *(Kernels(("mkldnn_rnn_layer",), True), (Warned("made up", "the real one"),)),
        passes=tuple(range(9)),
        probes=(0.5,) * 9,
        best_probe=0.48,
        page_faults=7.0,
    )
