"""What is not a result goes to stderr, one line each."""

from __future__ import annotations

import contextlib
import os
import sys

from rnninspect.errors import RnnInspectError


def say(line: str) -> None:
    """Print one line to stderr; where there is none, nothing."""
    if os.environ.get("GITHUB_ACTIONS"):
        # why: a value that an error repeats could hold it, and the runner would take it for a command
        line = line.replace("##[", "## [")
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def complain(error: RnnInspectError) -> int:
    """Print an error's line and return its exit code."""
    say(f"error: {error}")
    return error.exit_code
