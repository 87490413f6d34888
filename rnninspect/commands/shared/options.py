"""The options that the look commands share, each defined once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from rnninspect.commands.shared import completion
from rnninspect.formats import Format

Files = Annotated[
    list[str], typer.Argument(metavar="CONFIG...", help="YAML documents, one model each; - is standard input.")
]
Plan = Annotated[bool, typer.Option("--plan", help="Only the plan: worked out from the equations, without torch.")]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N, mps or meta; wins over the document's.",
        autocompletion=completion.devices,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="float32, float64, float16 or bfloat16; wins over the document's.",
        autocompletion=completion.dtypes,
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the first weights and the random batch.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Replace a value: encoder.hidden_size=128, input.batch_size=64.",
        autocompletion=completion.settings,
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How to print it.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", readable=False, help="Write to FILE, whole or not at all."),
]
InputGrad = Annotated[bool, typer.Option("--input-grad", help="The input and h_0, c_0 require grad too.")]
LayerName = Annotated[str | None, typer.Option("--layer", metavar="NAME", help="One layer; without it all.")]
# why no check by typer: a file that is to be replaced need not be readable, and we say better what is wrong.
Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE", readable=False, help="Draw it too: .svg, .png or .pdf (needs matplotlib)."),
]


class Starter(StrEnum):
    """What `init --from` accepts: the documents in the folder `starters`."""

    LSTM = "lstm"
    GRU = "gru"
    RNN = "rnn"
    TAGGER = "tagger"
    CLASSIFIER = "classifier"
    SEQ = "seq"


class BenchTable(StrEnum):
    """What `bench --table` accepts."""

    RESULTS = "results"
    TIMES = "times"
    MEANING = "meaning"
    KERNELS = "kernels"
    RATIOS = "ratios"
    NOT_MEASURED = "not-measured"


class CompareTable(StrEnum):
    """What `compare --table` accepts."""

    COMPARED = "compared"
    NOT_COMPARED = "not-compared"
    DIFFERING = "differing"


class Precision(StrEnum):
    """What `bench --fp32-precision` accepts: torch's words."""

    IEEE = "ieee"
    TF32 = "tf32"


class Target(StrEnum):
    """What `gradflow --target` accepts."""

    LAST = "last"
    SUM = "sum"


class Look(NamedTuple):
    """What a look command was asked for."""

    files: list[str]
    settings: list[str]
    plan: bool
    device: str | None
    dtype: str | None
    seed: int
    format: Format
    output: Path | None
    input_grad: bool = False
