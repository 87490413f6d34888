"""Files that replace none: written all or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from rnninspect import disk


def create(texts: Mapping[Path, str]) -> None:
    """Write new files; those that were written are removed where one of them cannot be.

    Raises FileExistsError, its filename that of the file which is there already, and OSError.
    """
    made: list[Path] = []
    try:
        for path, text in texts.items():
            _create(path, text, made)
    except BaseException:  # an interrupt, too, leaves nothing half written behind
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise


def _create(path: Path, text: str, made: list[Path]) -> None:
    # why O_EXCL: asking first whether there is a file would leave a moment in which another could make one.
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    except FileNotFoundError as error:
        raise disk.no_folder(path.absolute()) from error
    made.append(path)
    with os.fdopen(file, "wb") as stream:
        stream.write(text.encode())
