"""The options of `rnninspect bench`: what to time, how long, on what device, and what to print."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from rnninspect.commands.shared import completion
from rnninspect.commands.shared.options import (
    DEVICE,
    ONE_TABLE,
    OUTPUT,
    BackwardOptions,
    Plot,
    TorchOptions,
    all_of_it,
    flag,
    option,
)

# What the help calls these options; the others' names are where several commands have them.
_WHAT, _LONG, SHARES = "What to time", "How long", "Many machines"


class BenchTable(StrEnum):
    """What `--table` accepts."""

    RESULTS = "results"
    TIMES = "times"
    MEANING = "meaning"
    KERNELS = "kernels"
    RATIOS = "ratios"
    NOT_MEASURED = "not-measured"


class Script(StrEnum):
    """What `--script` accepts: schedulers."""

    SLURM = "slurm"


class Amp(StrEnum):
    """What `--amp` accepts."""

    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Precision(StrEnum):
    """What `--fp32-precision` accepts: torch's words."""

    IEEE = "ieee"
    TF32 = "tf32"


@dataclass(frozen=True, kw_only=True)
class BenchOptions(TorchOptions, BackwardOptions):
    """What `bench` takes; texts are as given."""

    device: Annotated[
        str | None,
        option(
            "NAME",
            "Where to run: auto, cpu, cuda, cuda:N or mps; several share out the points: cuda:all, cuda:0,cuda:1.",
            DEVICE,
            autocompletion=completion.devices,
        ),
    ] = None
    sweep: Annotated[
        list[str],
        option(
            "PATH=V1,V2", "Time the model with each of these values in turn; PATH=range(64,513,64) works too.", _WHAT
        ),
    ] = field(default_factory=list)
    vary: Annotated[
        list[str],
        option(
            "NAME=V1,V2",
            "Time variants in turns and compare them: of dtype, threads, backend, amp, or a path of the document.",
            _WHAT,
        ),
    ] = field(default_factory=list)
    phase: Annotated[
        list[str],
        option(
            "NAME",
            "Time only forward, forward+grad, backward or step; give it again for more. Without it all four.",
            _WHAT,
        ),
    ] = field(default_factory=list)
    layers: Annotated[bool, flag("--layers", "Time every layer by itself too.", _WHAT)] = False
    fit_batch: Annotated[
        bool,
        flag(
            "--fit-batch",
            "Time nothing: find the largest batch with which a call of step, or of --phase, fits into memory.",
            _WHAT,
        ),
    ] = False
    budget: Annotated[
        str | None, option("TIME", "Spend at most so long on each phase of a model: 500ms, 10s. Without it 3s.", _LONG)
    ] = None
    quick: Annotated[bool, flag("--quick", "The same as --budget 1s.", _LONG)] = False
    precision: Annotated[str, option("PERCENT", "Stop before that, once the figure is known to ± so much.", _LONG)] = (
        "5%"
    )
    processes: Annotated[
        int,
        option(
            "N",
            "Measure all of it in N processes, one after the other; a figure to quote needs 3.",
            _LONG,
            min=1,
            max=100,
        ),
    ] = 1
    interleave: Annotated[bool, flag("--interleave", "Time all points in turns, not one after the other.", _LONG)] = (
        False
    )
    time_limit: Annotated[
        str | None,
        option(
            "TIME",
            "Give up what takes longer than this, once torch is loaded, and go on with the next: 90s, 10min.",
            _LONG,
        ),
    ] = None
    shard: Annotated[
        str | None,
        option(
            "I/N", "Time only the I-th of N shares, I from 1, what others have not; slurm: those of its array.", SHARES
        ),
    ] = None
    only_missing: Annotated[
        Path | None,
        option("FOLDER", "Share out only the points that rnninspect merge has found missing in this folder.", SHARES),
    ] = None
    control: Annotated[
        int | None,
        option(
            "K",
            "Time the same K points first in every share, so that merge finds GPUs that are off.",
            SHARES,
            min=1,
            max=100,
        ),
    ] = None
    script: Annotated[
        Script | None,
        option(
            "NAME",
            "Print a batch script for N shares (--shard N), to be read, edited and submitted; time nothing.",
            SHARES,
        ),
    ] = None
    warm_l2: Annotated[bool, flag("--warm-l2", "On a GPU, do not empty its L2 cache before each sample.", DEVICE)] = (
        False
    )
    fp32_precision: Annotated[
        Precision | None, option("NAME", "On a GPU, how recurrent layers multiply float32.", DEVICE)
    ] = None
    amp: Annotated[
        Amp | None,
        option("NAME", "Run forward passes in autocast, bfloat16 or float16, as --vary amp=NAME does.", DEVICE),
    ] = None
    nvtx: Annotated[bool, flag("--nvtx", "On a GPU, make of each sample a range that nsys shows.", DEVICE)] = False
    peak_tflops: Annotated[
        float | None,
        option(
            "N",
            "Take this for the most that the device can compute, in TFLOP/s, and not what is measured or known.",
            DEVICE,
        ),
    ] = None
    bandwidth: Annotated[
        float | None, option("GB/S", "Take this for the most that its memory can deliver.", DEVICE)
    ] = None
    strict: Annotated[
        bool,
        flag(
            "--strict", "End with exit code 3 where a figure was disturbed, or its ± is wider than --precision.", OUTPUT
        ),
    ] = False
    all: Annotated[bool, all_of_it("bound, kernels, memory, machine, method, charts")] = False
    table: Annotated[BenchTable | None, ONE_TABLE] = None
    resume: Annotated[
        bool, flag("--resume", "Measure only what the journal of --output does not hold yet.", OUTPUT)
    ] = False
    plot: Plot = None
    output: Annotated[
        Path | None,
        option(
            "FILE",
            "Keep a journal too, a line for every finished point; of a share the folder of all journals.",
            OUTPUT,
            name=("--output", "-o"),
        ),
    ] = None
