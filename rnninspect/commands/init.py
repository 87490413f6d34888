"""`rnninspect init`: a commented document to start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rnninspect import disk
from rnninspect.commands.shared import completion
from rnninspect.commands.shared.messages import say_wrote
from rnninspect.commands.shared.options import argument, option
from rnninspect.commands.shared.starters import Starter
from rnninspect.errors import CannotHere, OptionError, OutputFailed, nearest, printable, show
from rnninspect.output import write_text

EXAMPLES = (
    "rnninspect init model.yaml",
    "rnninspect init mgu.yaml --from MGU",
    "rnninspect init - --from gru",
)

# One document for each Starter, as a user gets it.
_FOLDER = Path(__file__).with_name("starters")


@dataclass(frozen=True, kw_only=True)
class InitOptions:
    """What `init` takes."""

    path: Annotated[Path, argument("FILE", "The file to write, such as model.yaml; - is standard output.")]
    starter: Annotated[
        str,
        option(
            "MODEL",
            f"What to start from: {', '.join(Starter)}, or a cell of the library (see cells).",
            name="--from",
            autocompletion=completion.starters,
        ),
    ] = Starter.LSTM


def run(options: InitOptions) -> int:
    """Write the starter to a new file, or to stdout for `-`; returns the exit code.

    Raises OptionError where the file is there already, OutputFailed where it cannot be written.
    """
    from rnninspect.commands.shared.new_files import create

    path = options.path
    text = _starter(options.starter) if options.starter in list(Starter) else _of_cell(options.starter)
    if str(path) == "-":
        write_text(text, None)
        return 0
    shown = printable(str(path))
    try:
        create({path: text})
    except FileExistsError as error:
        raise OptionError(f"{shown} is there already (init replaces nothing: name another file)") from error
    except OSError as error:
        raise OutputFailed(f"cannot write {shown}: {printable(disk.reason(error))}") from error
    say_wrote(path, f"; try: rnninspect shapes {shown}")
    return 0


def _starter(name: str) -> str:
    starter = _FOLDER / f"{name}.yaml"
    try:
        return starter.read_text(encoding="utf-8")
    except OSError as error:
        hint = "install rnninspect again"
        raise CannotHere(f"cannot read {printable(str(starter))}: {disk.reason(error)} ({hint})") from error


def _of_cell(name: str) -> str:
    """A document with a cell of the library, its numbers behind `# ` with their defaults."""
    from rnninspect.document.library import library_names, published  # why here: few ask for one

    if name not in library_names():
        message = f"--from: expected one of {', '.join(Starter)}, or a cell of the library, got {show(name)}"
        near = nearest(name, [*map(str, Starter), *library_names()])
        raise OptionError(f"{message} (did you mean {near!r}?)" if near else f"{message} (rnninspect cells lists them)")
    head, _, rest = _starter(Starter.LSTM).partition("# Stacked LSTM")
    _, _, rest = rest.partition("\n")
    before, _, _ = rest.partition("layers:")
    numbers = "".join(f"    # {key}: {value}\n" for key, value in published(name).numbers.items())
    layer = f"  - name: rnn\n    type: {name}\n    input_size: 128\n    hidden_size: 128\n{numbers}"
    about = f"# {name}, as published; its equations: rnninspect cells {name}\n"
    return f"{head}{about}{before.replace('name: lstm', 'name: cell')}layers:\n{layer}    # num_layers: 2\n"
