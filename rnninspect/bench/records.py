"""The frozen records of a benchmark: what is asked, what was measured, and what is said of it.

They cross a pipe between processes and stand in a journal as JSON, so they hold plain values only. Times are seconds,
sizes bytes; None is "not known" or "does not apply", never 0.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from rnninspect.bench.plain import canonical
from rnninspect.errors import printable

PHASES = ("forward", "forward+grad", "backward", "step")
# The verdict of a figure that nothing speaks against; others are `drifting (...)` and `disturbed (...)`.
STEADY = "steady"
# What `--vary amp=` calls a run without autocast.
NONE = "none"
# What to try where the GPU waits for the host.
LAUNCH_REMEDY = "a larger batch, or --vary backend=eager,graph"
# What tables call the subject that is no layer; no layer can be called so, as names have no blanks.
WHOLE_MODEL = "whole model"


def verdict_parts(verdict: str) -> tuple[str, str]:
    """A verdict's word, and the reason that it gives, "" where it gives none."""
    word, _, reason = verdict.partition(" (")
    return word, reason.removesuffix(")")


class Status(StrEnum):
    """How the measuring of a variant ended; all but OK come with a reason, and without figures."""

    OK = "ok"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    MEMORY = "memory"


class TimingRequest(NamedTuple):
    """How to measure.

    budget: seconds for each case, a phase of a variant. precision: half the interval over the median, 0.05 is 5 %.
    input_grad: the input requires grad too. warm_l2: CUDA's L2 is not flushed between samples. nvtx: each sample is a
    range that profilers show. fp32_precision: "ieee", "tf32" or None for what torch has set. time_limit: seconds that
    a job may take; None for many times what its budget needs.
    """

    phases: tuple[str, ...] = PHASES
    budget: float = 3.0
    precision: float = 0.05
    seed: int = 0
    input_grad: bool = False
    warm_l2: bool = False
    each_layer: bool = False
    fp32_precision: str | None = None
    peak_flops: float | None = None
    bandwidth: float | None = None
    nvtx: bool = False
    time_limit: float | None = None


class Doing(NamedTuple):
    """What a job does now. share: of its timing that is done; seconds: the median so far of what is being timed.

    alone: no other job may do such a thing meanwhile; until the next that the job tells of itself.
    """

    share: float
    what: str = ""
    seconds: float | None = None
    alone: bool = False


class RunOptions(NamedTuple):
    """What a variant is run with besides its document.

    threads: None is torch's own. backend: "eager", "graph" (a CUDA graph) or "compile". amp: the dtype of autocast;
    None without it.
    """

    threads: int | None = None
    backend: str = "eager"
    amp: str | None = None


class Interval(NamedTuple):
    """The nominal 95 % interval of a median within one run, from the medians of its rounds."""

    low: float
    high: float

    def half(self, median: float) -> float:
        """How far it reaches from the median at the most, as a share of it."""
        return max(self.high - median, median - self.low) / median


class Warned(NamedTuple):
    """Something that a reader of a figure must know. what: one sentence; try_: what to do about it."""

    what: str
    try_: str


class Bound(NamedTuple):
    """What a phase takes at the least on this device: the parts, and the largest way they add up.

    regime: "compute", "bandwidth" or "latency", which term rules. calibrated: peaks were measured here, so that this
    is a model good to about 15 % and not a bound.
    """

    seconds: float
    compute: float
    traffic: float
    latency: float
    regime: str
    calibrated: bool


class Peaks(NamedTuple):
    """What the device can do: FLOP/s and bytes/s, the least time of a time step by kind of cell, and where from.

    step_seconds: by kind and pass, "LSTM backward", "Cell rnn backward". chip_bandwidth: bytes/s from the chip's own
    memory, a CPU's caches.
    disturbed: by what they all were, so that they are too low; "" where one time they were not.
    """

    flops: float
    bandwidth: float
    step_seconds: Mapping[str, float]
    calibrated: bool
    chip_bandwidth: float | None = None
    disturbed: str = ""


# How a reason ends that is no setting's: torch has no such layer.
BY_EQUATIONS = "its equations are run step by step, by no fused kernel"


class Kernels(NamedTuple):
    """Which operators served a phase. fast: the fused path; reason and remedy: why not, and what would be."""

    operators: tuple[str, ...]
    fast: bool | None
    reason: str = ""
    remedy: str = ""


class Figure(NamedTuple):
    """One phase of one subject in one variant. subject: a layer's name; None for the whole model.

    rounds: by round the seconds of each sample, a mean over `block` calls, disturbed rounds included; passes: by round,
    in which visit of all that was timed in turns; kept: the rounds that the figures come from. probes: by round the
    seconds of a probe of the CPU's speed; best_probe: those of the CPU at its best.
    host: on CUDA the host's seconds per call. stopped: "precision" or "budget".
    overhead: the loop's own share of a sample. flops: of the matrix products, two for each multiply-accumulate;
    recurrent_flops: those of the recurrent matrices alone, as DeepBench counts.
    peak_bytes: the most a call took on a GPU over what rested there. planned_bytes: the plan's parameters, its outputs
    and states or, in training, what is kept for backward if that is more, and, where the phase has them, gradients of
    the parameters. page_faults: new pages of memory for a call and
    for what is made ready before it.
    """

    subject: str | None
    phase: str
    first_call: float
    warmup_calls: int
    block: int
    rounds: tuple[tuple[float, ...], ...]
    kept: tuple[int, ...]
    median: float
    interval: Interval | None
    best: float
    stopped: str
    verdict: str
    overhead: float
    host: float | None
    drift: float | None
    peak_bytes: int | None
    flops: int | None
    tokens: int
    sequences: int
    steps: int | None
    bound: Bound | None
    kernels: Kernels | None
    warnings: tuple[Warned, ...] = ()
    recurrent_flops: int | None = None
    planned_bytes: int | None = None
    passes: tuple[int, ...] = ()
    probes: tuple[float | None, ...] = ()
    best_probe: float | None = None
    page_faults: float | None = None
    launch_bound: bool | None = None
    joules: float | None = None

    @property
    def speed(self) -> float | None:
        """The CPU's speed in the rounds that count, their median, as a share of its best; None on a GPU."""
        known = [self.probes[k] for k in self.kept if k < len(self.probes)]
        seconds = [probe for probe in known if probe is not None]
        # why 1 at the most: the best is what a quarter of the rounds reach, and a few are faster.
        return min(1.0, self.best_probe / statistics.median(seconds)) if seconds and self.best_probe else None

    @property
    def half(self) -> float | None:
        """How far the interval reaches from the median at the most, as a share of it."""
        return None if self.interval is None else self.interval.half(self.median)

    @property
    def seconds(self) -> list[float]:
        """The samples that the figures come from, seconds per call."""
        return [sample for k in self.kept for sample in self.rounds[k]]


class Environment(NamedTuple):
    """Where it was measured, and how, as far as times depend on it.

    load: how many processes wanted a CPU, on average over the minute before the end. keeps_freed: whether freed memory
    stayed with the process, on a CPU. Of a GPU: cuda: CUDA's version, or ROCm's; cudnn, driver: theirs;
    float32_precision: how cuDNN's recurrent layers multiplied float32, "tf32" or "ieee", where that was the dtype;
    clock_mhz: the median of its clock under load; power_limit_watts: what it may take; warm_l2: see TimingRequest;
    gpu_uuid, gpu_bus: which one it was, as torch and the bus know it. host: the machine; of a share what its scheduler
    calls it, and with job and task its ids there; attempt: how many journals of the share were begun before.
    beside: where several devices are measured at once, how many others were at work meanwhile, at the most.
    """

    device: str
    device_name: str
    torch: str
    rnninspect: str
    python: str
    threads: int
    cpus: int
    started: str
    load: float | None = None
    keeps_freed: bool | None = None
    cuda: str | None = None
    cudnn: int | None = None
    driver: str | None = None
    float32_precision: str | None = None
    clock_mhz: int | None = None
    power_limit_watts: float | None = None
    warm_l2: bool | None = None
    input_grad: bool | None = None
    gpu_uuid: str | None = None
    gpu_bus: str | None = None
    host: str | None = None
    job: str | None = None
    task: str | None = None
    attempt: int | None = None
    beside: int | None = None


class Outcome(NamedTuple):
    """One variant of one point, done or not.

    settings: what was swept, by path; variant: what was varied, by name. reason: of any status but OK. process: which
    of --processes. case: what the document calls the point, where it does. peaks: what the bounds were
    made from. began: when the job began; what was timed in turns has the same.
    """

    model: str
    file: str
    settings: Mapping[str, object]
    variant: Mapping[str, object]
    process: int
    dtype: str
    status: Status
    reason: str
    environment: Environment | None
    figures: tuple[Figure, ...]
    case: str = ""
    peaks: Peaks | None = None
    began: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was measured."""
        return self.status == Status.OK

    @property
    def about(self) -> tuple[str, str, str, str]:
        """What tells the variant from others, the same in every process."""
        return (self.model, self.file, canonical(self.settings), canonical(self.variant))

    @property
    def name(self) -> str:
        """The model, the point and the variant, safe to print."""
        return variant_text(self.model, self.point, self.variant)

    @property
    def of_point(self) -> tuple[str, str, str, str, Mapping[str, object], Mapping[str, object]]:
        """What `POINT_FIELDS` names."""
        return (self.model, self.file, self.case, self.point, self.settings, self.variant)

    @property
    def point(self) -> str:
        """What the point is called, safe to print: `small: encoder.hidden_size=64`."""
        return point_text(self.case, self.settings)


# What a record of a variant of a point begins with.
POINT_FIELDS = ("model", "file", "case", "point", "settings", "variant")


def variant_text(model: str, point: str, variant: Mapping[str, object]) -> str:
    """What a variant of a point of a model is called, safe to print. point: as `point_text` has it."""
    return " ".join(filter(None, [printable(model), point, settings_text(variant)]))


def point_text(case: str, settings: Mapping[str, object]) -> str:
    """What a point is called, safe to print: what the document calls it, where it does, and what is swept."""
    return ": ".join(filter(None, [printable(case), settings_text(settings)]))


def settings_text(settings: Mapping[str, object]) -> str:
    """Settings, or what was varied, as options take them, safe to print: `encoder.hidden_size=64 dtype=float16`."""
    return " ".join(
        printable(f"{path}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
        for path, value in settings.items()
    )
