"""The files beside a checkpoint that hold its values: whether they are there, and long enough. They are not read."""

from __future__ import annotations

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


def _fault(folder: Path, name: str, least: int) -> str:
    shown = printable(name)
    inside = PurePosixPath(name.replace("\\", "/"))
    if not name or "\0" in name or inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        return f"weights in {shown!r}, which is not in the model's folder: not looked for"
    try:
        found = disk.status(folder / inside)
        leads_out = found is not None and not (folder / inside).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        return f"weights in {shown}, which cannot be looked at: {printable(disk.reason(error))}"
    if found is None or not stat.S_ISREG(found.st_mode):
        return f"weights in {shown}, which is not there"
    if leads_out:
        return f"weights in {shown}, a link that leads out of the model's folder: not looked at"
    if found.st_size < least:
        return f"weights in {shown}, which should have {least:,} bytes and has {found.st_size:,}"
    return ""
