"""What is not a result goes to stderr, one line each."""

from __future__ import annotations

import os
from collections.abc import Iterable

from rnninspect.errors import RnnInspectError, printable
from rnninspect.output import write_stderr


def say(line: str) -> None:
    """Print one line to stderr; where there is none, nothing."""
    if os.environ.get("GITHUB_ACTIONS"):
        # why: a value that an error repeats could hold it, and the runner would take it for a command
        line = line.replace("##[", "## [")
    write_stderr(f"{line}\n")


def say_notes(notes: Iterable[str]) -> None:
    """Print remarks, a line each."""
    for note in notes:
        say(f"note: {note}")


def complain(error: RnnInspectError, source: str = "") -> int:
    """Print an error's line and return its exit code.

    source: of several documents the one that it is about, as a complaint about an option does not say.
    """
    about = f"{printable(source)}: " if source and source not in str(error) else ""
    say(f"error: {about}{error}")
    return error.exit_code
