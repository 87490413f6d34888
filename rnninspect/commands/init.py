"""`rnninspect init`: a commented document to start from."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rnninspect import disk
from rnninspect.commands.shared.messages import say
from rnninspect.errors import CannotHere, OptionError, OutputFailed, printable
from rnninspect.output import write_text

EXAMPLES = (
    "rnninspect init model.yaml",
    "rnninspect init tagger.yaml --from tagger",
    "rnninspect init - --from gru",
)

# One document for each Starter, as a user gets it.
_FOLDER = Path(__file__).with_name("starters")


class Starter(StrEnum):
    """What `--from` accepts: the documents in the folder `starters`."""

    LSTM = "lstm"
    GRU = "gru"
    RNN = "rnn"
    TAGGER = "tagger"
    CLASSIFIER = "classifier"
    SEQ = "seq"


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """What `init` takes."""

    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", readable=False, help="The file to write, such as model.yaml; - is standard output."
        ),
    ]
    starter: Annotated[Starter, typer.Option("--from", metavar="MODEL", help="What to start from.")] = Starter.LSTM


def run(options: InitOptions) -> int:
    """Write the starter to a new file, or to stdout for `-`; returns the exit code.

    Raises OptionError where the file is there already, OutputFailed where it cannot be written.
    """
    path = options.path
    starter = _FOLDER / f"{options.starter}.yaml"
    try:
        text = starter.read_text(encoding="utf-8")
    except OSError as error:
        hint = "install rnninspect again"
        raise CannotHere(f"cannot read {printable(str(starter))}: {disk.reason(error)} ({hint})") from error
    if str(path) == "-":
        write_text(text, None)
        return 0
    shown = printable(str(path))
    try:
        _create(path, text)
    except FileExistsError as error:
        raise OptionError(f"{shown} is there already (init replaces nothing: name another file)") from error
    except OSError as error:
        raise OutputFailed(f"cannot write {shown}: {printable(disk.reason(error))}") from error
    say(f"note: wrote {shown}; try: rnninspect shapes {shown}")
    return 0


def _create(path: Path, text: str) -> None:
    # why O_EXCL: asking first whether there is a file would leave a moment in which another could make one.
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except FileNotFoundError as error:
        raise disk.no_folder(path.absolute()) from error
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(text.encode())
    except BaseException:  # an interrupt, too, leaves nothing half written behind
        with contextlib.suppress(OSError):
            path.unlink()
        raise
