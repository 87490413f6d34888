"""The options of `rnninspect bench`: what to time, how long, on what device, and what to print."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rnninspect.commands.shared import completion
from rnninspect.commands.shared.options import DEVICE, ONE_TABLE, OUTPUT, InputGrad, Plot, TorchOptions

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
class BenchOptions(TorchOptions):
    """What `bench` takes; texts are as given."""

    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where to run: auto, cpu, cuda, cuda:N or mps; several share out the points: cuda:all, cuda:0,cuda:1.",
            rich_help_panel=DEVICE,
            autocompletion=completion.devices,
        ),
    ] = None
    sweep: Annotated[
        list[str],
        typer.Option(
            metavar="PATH=V1,V2",
            help="Time the model with each of these values in turn; PATH=range(64,513,64) works too.",
            rich_help_panel=_WHAT,
        ),
    ] = field(default_factory=list)
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=V1,V2",
            help="Time variants in turns and compare them: of dtype, threads, backend, amp, or a path of the document.",
            rich_help_panel=_WHAT,
        ),
    ] = field(default_factory=list)
    phase: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Time only forward, forward+grad, backward or step; give it again for more. Without it all four.",
            rich_help_panel=_WHAT,
        ),
    ] = field(default_factory=list)
    layers: Annotated[bool, typer.Option("--layers", help="Time every layer by itself too.", rich_help_panel=_WHAT)] = (
        False
    )
    input_grad: InputGrad = False
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Spend at most so long on each phase of a model: 500ms, 10s. Without it 3s.",
            rich_help_panel=_LONG,
        ),
    ] = None
    quick: Annotated[bool, typer.Option("--quick", help="The same as --budget 1s.", rich_help_panel=_LONG)] = False
    precision: Annotated[
        str,
        typer.Option(
            metavar="PERCENT", help="Stop before that, once the figure is known to ± so much.", rich_help_panel=_LONG
        ),
    ] = "5%"
    processes: Annotated[
        int,
        typer.Option(
            min=1,
            max=100,
            metavar="N",
            help="Measure all of it in N processes, one after the other; a figure to quote needs 3.",
            rich_help_panel=_LONG,
        ),
    ] = 1
    interleave: Annotated[
        bool,
        typer.Option("--interleave", help="Time all points in turns, not one after the other.", rich_help_panel=_LONG),
    ] = False
    time_limit: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Give up what takes longer than this, once torch is loaded, and go on with the next.",
            rich_help_panel=_LONG,
        ),
    ] = None
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Time only the I-th of N shares, I from 1, what others have not; slurm: those of its array.",
            rich_help_panel=SHARES,
        ),
    ] = None
    only_missing: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            readable=False,
            help="Share out only the points that rnninspect merge has found missing in this folder.",
            rich_help_panel=SHARES,
        ),
    ] = None
    control: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            metavar="K",
            help="Time the same K points first in every share, so that merge finds GPUs that are off.",
            rich_help_panel=SHARES,
        ),
    ] = None
    script: Annotated[
        Script | None,
        typer.Option(
            metavar="NAME",
            help="Print a batch script for N shares (--shard N), to be read, edited and submitted; time nothing.",
            rich_help_panel=SHARES,
        ),
    ] = None
    warm_l2: Annotated[
        bool,
        typer.Option(
            "--warm-l2", help="On a GPU, do not empty its L2 cache before each sample.", rich_help_panel=DEVICE
        ),
    ] = False
    fp32_precision: Annotated[
        Precision | None,
        typer.Option(metavar="NAME", help="On a GPU, how recurrent layers multiply float32.", rich_help_panel=DEVICE),
    ] = None
    amp: Annotated[
        Amp | None,
        typer.Option(
            metavar="NAME",
            help="Run forward passes in autocast, bfloat16 or float16, as --vary amp=NAME does.",
            rich_help_panel=DEVICE,
        ),
    ] = None
    nvtx: Annotated[
        bool,
        typer.Option("--nvtx", help="On a GPU, make of each sample a range that nsys shows.", rich_help_panel=DEVICE),
    ] = False
    peak_tflops: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Take this for the most that the device can compute, in TFLOP/s, and not what is measured or known.",
            rich_help_panel=DEVICE,
        ),
    ] = None
    bandwidth: Annotated[
        float | None,
        typer.Option(
            metavar="GB/S", help="Take this for the most that its memory can deliver.", rich_help_panel=DEVICE
        ),
    ] = None
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="End with exit code 3 where a figure was disturbed, or its ± is wider than --precision.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Print what explains the figures too: bound, kernels, memory, machine, method, charts.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    table: Annotated[BenchTable | None, ONE_TABLE] = None
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Measure only what the journal of --output does not hold yet.", rich_help_panel=OUTPUT
        ),
    ] = False
    plot: Plot = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            readable=False,
            help="Keep a journal too, a line for every finished point; of a share the folder of all journals.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
