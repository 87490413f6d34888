"""What is not a result goes to stderr, one line each."""

from __future__ import annotations

import contextlib
import sys

from rnninspect.errors import RnnInspectError


def say(line: str) -> None:
    """Print one line to stderr; where there is none, nothing."""
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def complain(error: RnnInspectError) -> int:
    """Print an error's line and return its exit code."""
    say(f"error: {error}")
    return error.exit_code
