"""The options that several commands have, each said once.

Every command takes one record, and the record is its command line: a field is an option, what it is annotated with is
its help, and its default is the option's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from rnninspect.commands.shared import completion
from rnninspect.formats import Format

# The titles under which the help of a command puts its options. Those that name none stand in the first.
DEVICE, OUTPUT = "The device", "Output"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="CONFIG...",
        help="YAML documents, one model each, or modules, printed or called; - is standard input.",
    ),
]
FilesOrCheckpoints = Annotated[
    list[str],
    typer.Argument(
        metavar="CONFIG...",
        help="YAML documents, one model each, modules, printed or called, or checkpoints; "
        "- is a document or a print on standard input.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Where to run: auto, cpu, cuda, cuda:N, mps or meta; wins over the document's device.",
        rich_help_panel=DEVICE,
        autocompletion=completion.devices,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Compute in float32, float64, float16 or bfloat16; wins over the document's dtype.",
        rich_help_panel=DEVICE,
        autocompletion=completion.dtypes,
    ),
]
Settings = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Replace a value of the document: encoder.hidden_size=128, input.batch_size=64.",
        autocompletion=completion.settings,
    ),
]
InputGrad = Annotated[bool, typer.Option("--input-grad", help="Work out gradients of the input, h_0 and c_0 too.")]
LayerName = Annotated[str | None, typer.Option("--layer", metavar="NAME", help="Only the layer of this name.")]
# why no check by typer: a file that is to be replaced need not be readable, and we say better what is wrong.
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        readable=False,
        help="Draw a picture too, as .svg, .png or .pdf (needs matplotlib).",
        rich_help_panel=OUTPUT,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        readable=False,
        help="Write to this file, whole or not at all.",
        rich_help_panel=OUTPUT,
    ),
]
# Of `--table`, whose values are not the same everywhere.
ONE_TABLE = typer.Option(
    metavar="NAME", help="Print this table alone (without it csv prints the first).", rich_help_panel=OUTPUT
)
# Of `--format`, whose values are not the same everywhere.
HOW_TO_PRINT = typer.Option("--format", metavar="FORMAT", help="How to print it.", rich_help_panel=OUTPUT)


@dataclass(frozen=True, kw_only=True)
class DocumentOptions:
    """What commands take that read documents and print tables."""

    files: Files
    settings: Settings = field(default_factory=list)
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


@dataclass(frozen=True, kw_only=True)
class TorchOptions(DocumentOptions):
    """What commands take that run models on torch."""

    device: Device = None
    dtype: Dtype = None
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, metavar="N", help="Draw other first weights and another batch.")
    ] = 0


@dataclass(frozen=True, kw_only=True)
class LookOptions(TorchOptions):
    """What commands take that run models on torch only to prove the plan; a checkpoint is proven by its own tensors."""

    files: FilesOrCheckpoints
    plan: Annotated[
        bool, typer.Option("--plan", help="Only work it out from the equations: fast, without torch, and not proven.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class BackwardOptions(DocumentOptions):
    """What commands take that count the backward pass."""

    input_grad: InputGrad = False


@dataclass(frozen=True, kw_only=True)
class CountOptions(LookOptions, BackwardOptions):
    """What look commands take that count the backward pass too."""
