"""What is not a result goes to stderr, one line each."""

from __future__ import annotations

import contextlib
import os
import sys

from rnninspect.errors import RnnInspectError, printable


def say(line: str) -> None:
    """Print one line to stderr; where there is none, nothing."""
    if os.environ.get("GITHUB_ACTIONS"):
        # why: a value that an error repeats could hold it, and the runner would take it for a command
        line = line.replace("##[", "## [")
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def complain(error: RnnInspectError, source: str = "") -> int:
    """Print an error's line and return its exit code.

    source: of several documents the one that it is about, as a complaint about an option does not say.
    """
    about = f"{printable(source)}: " if source and source not in str(error) else ""
    say(f"error: {about}{error}")
    return error.exit_code
