"""The files beside a checkpoint that hold its values: where they are, and whether they are there and long enough."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from rnninspect import disk
from rnninspect.errors import printable

# So many faults are told; the others are counted.
_MOST_TOLD = 3


def told(said: Sequence[str]) -> str:
    """What is missing of a file, in one line; "" for nothing."""
    more = [f"and {len(said) - _MOST_TOLD:,} more"] if len(said) > _MOST_TOLD else []
    return printable("; ".join([*said[:_MOST_TOLD], *more]))


def faults(path: str, needed: Mapping[str, int]) -> list[str]:
    """What is missing of the files beside the one at `path`. needed: by their names, how long each must be."""
    folder = Path(path).parent
    return [said for name, least in needed.items() if (said := _fault(folder, name, least))]


def place_of(folder: Path, name: str) -> Path | None:
    """Where a file is that one in `folder` names; None where the name leads out of the folder, or is no file's.

    why a link may lead elsewhere with a plain name: caches keep every file as a link to a store.
    """
    inside = PurePosixPath(name.replace("\\", "/"))
    if not inside.parts or "\0" in name or inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        return None
    try:  # why not Path.resolve: it raises where links go round in a circle
        around = os.path.realpath((folder / inside).parent)
    except (OSError, ValueError):  # half a letter is in no file's name
        return None
    return folder / inside if Path(around).is_relative_to(os.path.realpath(folder)) else None


def _fault(folder: Path, name: str, least: int) -> str:
    shown = printable(name)
    place = place_of(folder, name)
    if place is None:
        return f"weights in {shown!r}, which is not in the model's folder: not looked for"
    try:
        found = disk.status(place)
    except OSError as error:
        return f"weights in {shown}, which cannot be looked at: {printable(disk.reason(error))}"
    if found is None or not stat.S_ISREG(found.st_mode):
        return f"weights in {shown}, which is not there"
    if found.st_size < least:
        return f"weights in {shown}, which should have {least:,} bytes and has {found.st_size:,}"
    return ""
