"""The files beside an ONNX model that hold its weights: whether they are there, and long enough. They are not read."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from rnninspect import disk
from rnninspect.errors import printable
from rnninspect.files.onnx_tensors import Stored, nbytes_of


def faults(path: str, tensors: Iterable[Stored]) -> list[str]:
    """What is missing of the weights that lie outside of a model, a file once."""
    folder = Path(path).parent
    needed: dict[str, int] = {}
    for tensor in tensors:
        if tensor.elsewhere is None:
            continue
        location, offset, length = tensor.elsewhere
        least = length if length is not None else nbytes_of(tensor.held) or 0
        needed[location] = max(needed.get(location, 0), offset + least)
    return [said for location, least in needed.items() if (said := _fault(folder, location, least))]


def _fault(folder: Path, location: str, least: int) -> str:
    shown = printable(location)
    inside = PurePosixPath(location.replace("\\", "/"))
    if not location or "\0" in location or inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
        return f"weights in {shown!r}, which is not in the model's folder: not looked for"
    try:
        found = disk.status(folder / inside)
    except OSError as error:
        return f"weights in {shown}, which cannot be looked at: {disk.reason(error)}"
    if found is None or not stat.S_ISREG(found.st_mode):
        return f"weights in {shown}, which is not there"
    if not (folder / inside).resolve().is_relative_to(folder.resolve()):
        return f"weights in {shown}, a link that leads out of the model's folder: not looked at"
    if found.st_size < least:
        return f"weights in {shown}, which should have {least:,} bytes and has {found.st_size:,}"
    return ""
