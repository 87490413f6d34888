"""`rnninspect init`: a commented document to start from."""

from __future__ import annotations

from pathlib import Path

from rnninspect.commands.options import Starter
from rnninspect.commands.say import say
from rnninspect.errors import OptionError, OutputFailed, printable
from rnninspect.output import write_text

# One document for each Starter, as a user gets it.
_FOLDER = Path(__file__).with_name("starters")


def init(kind: str, path: Path) -> int:
    """Write the starter `kind` to a new file, or to stdout for `-`; returns the exit code.

    Raises OptionError where `path` is taken, OutputFailed where it cannot be written.
    """
    text = (_FOLDER / f"{Starter(kind)}.yaml").read_text(encoding="utf-8")
    if str(path) == "-":
        write_text(text, None)
        return 0
    shown = printable(str(path))
    try:
        _create(path, text)
    except FileExistsError as error:
        raise OptionError(f"{shown} is there already (init replaces nothing: name another file)") from error
    except OSError as error:
        raise OutputFailed(f"cannot write {shown}: {error.strerror or error}") from error
    say(f"note: wrote {shown}; try: rnninspect shapes {shown}")
    return 0


def _create(path: Path, text: str) -> None:
    # why "x": asking first whether there is a file would leave a moment in which another could make one.
    file = path.open("x", encoding="utf-8", newline="\n")
    try:
        with file:
            file.write(text)
    except BaseException:  # an interrupt, too, leaves nothing half written behind
        path.unlink(missing_ok=True)
        raise
