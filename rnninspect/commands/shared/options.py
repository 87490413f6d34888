"""The options that several commands have, each said once.

Every command takes one record, and the record is its command line: a field is an option, what it is annotated with is
its help, and its default is the option's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from rnninspect.commands.shared import completion
from rnninspect.formats import Format

# The titles under which the help of a command puts its options. Those that name none stand in the first.
DEVICE, OUTPUT = "The device", "Output"


def argument(metavar: str, help: str, **more: Any) -> Any:
    """A word of a command line without a name. more: as Typer takes it."""
    # why no check by Typer: a file that is to be replaced need not be readable, and we say better what is wrong.
    return typer.Argument(metavar=metavar, help=help, readable=False, **more)


def option(metavar: str, help: str, panel: str | None = None, *, name: str | Sequence[str] = (), **more: Any) -> Any:
    """An option with a value. name: or names, where it is not the field's; panel: the title it stands under."""
    names = [name] if isinstance(name, str) else name
    return typer.Option(*names, metavar=metavar, help=help, rich_help_panel=panel, readable=False, **more)


def flag(name: str, help: str, panel: str | None = None) -> Any:
    """An option without a value, and without a `--no-` of it."""
    return typer.Option(name, help=help, rich_help_panel=panel)


Files = Annotated[
    list[str],
    argument("CONFIG...", "YAML documents, one model each, or modules, printed or called; - is standard input."),
]
FilesOrCheckpoints = Annotated[
    list[str],
    argument(
        "CONFIG...",
        "YAML documents, one model each, modules, printed or called, or checkpoints; "
        "- is a document or a print on standard input.",
    ),
]
Device = Annotated[
    str | None,
    option(
        "NAME",
        "Where to run: auto, cpu, cuda, cuda:N, mps or meta; wins over the document's device.",
        DEVICE,
        autocompletion=completion.devices,
    ),
]
Dtype = Annotated[
    str | None,
    option(
        "NAME",
        "Compute in float32, float64, float16 or bfloat16; wins over the document's dtype.",
        DEVICE,
        autocompletion=completion.dtypes,
    ),
]
Settings = Annotated[
    list[str],
    option(
        "PATH=VALUE",
        "Replace a value of the document: encoder.hidden_size=128, input.batch_size=64.",
        name="--set",
        autocompletion=completion.settings,
    ),
]
InputGrad = Annotated[bool, flag("--input-grad", "Work out gradients of the input, h_0 and c_0 too.")]
MaxParams = Annotated[
    str | None,
    option("COUNT", "Keep within so many parameters, such as 20M; wins over the document's budget."),
]
MaxMacs = Annotated[str | None, option("COUNT", "Keep within so many MACs of one forward pass of the batch.")]
LayerName = Annotated[str | None, option("NAME", "Only the layer of this name.", name="--layer")]
Plot = Annotated[Path | None, option("FILE", "Draw a picture too, as .svg, .png or .pdf (needs matplotlib).", OUTPUT)]
Output = Annotated[
    Path | None, option("FILE", "Write to this file, whole or not at all.", OUTPUT, name=("--output", "-o"))
]


def all_of_it(what: str) -> Any:
    """`--all`, which adds to the answer: in every command another thing."""
    return flag("--all", f"Print all of it: {what}.", OUTPUT)


# Of `--table`, whose values are not the same everywhere.
ONE_TABLE = option("NAME", "Print this table alone (without it csv prints the first).", OUTPUT)
# Of `--format`, whose values are not the same everywhere.
HOW_TO_PRINT = option("FORMAT", "How to print it.", OUTPUT, name="--format")


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
    seed: Annotated[int, option("N", "Draw other first weights and another batch.", min=0, max=2**63 - 1)] = 0


@dataclass(frozen=True, kw_only=True)
class LookOptions(TorchOptions):
    """What commands take that run models on torch only to prove the plan; a checkpoint is proven by its own tensors."""

    files: FilesOrCheckpoints
    plan: Annotated[
        bool, flag("--plan", "Only work it out from the equations: fast, without torch, and not proven.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class BackwardOptions(DocumentOptions):
    """What commands take that count the backward pass."""

    input_grad: InputGrad = False


@dataclass(frozen=True, kw_only=True)
class CountOptions(LookOptions, BackwardOptions):
    """What look commands take that count the backward pass too."""
