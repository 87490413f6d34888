"""How a command ended: what it printed, or the one line that says why it did not."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from subprocess import CompletedProcess

# What starts a command and waits for its end: the fixtures `run`, `here`, `shell` and `program`.
Run = Callable[..., CompletedProcess[str]]


def fine(done: CompletedProcess[str]) -> str:
    """stdout of a command that ended well and had nothing to say besides."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(done: CompletedProcess[str], code: int = 2) -> str:
    """What the one line on stderr says of a command that ended with `code` and has no result."""
    assert (done.returncode, done.stdout) == (code, "")
    assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
    assert done.stderr[:-1].isprintable()
    return done.stderr.removeprefix("error: ")[:-1]


def rows(text: str) -> list[dict[str, str]]:
    """The lines of a CSV by the names in its head."""
    return list(csv.DictReader(io.StringIO(text)))
