"""`rnninspect.lock`: what each model was when it was last agreed on, for a build to be held against.

One JSON object a line: a header with the format's version, then a line for each layer, sorted by file and layer, so
that git merges changes to different layers. Written whole or not at all, and under a lock on its folder, so that
several processes can update one file at once and nothing is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rnninspect import disk
from rnninspect.errors import DocumentError, OutputFailed, Place, printable, show
from rnninspect.facts import ModelFacts
from rnninspect.json_lines import NoObject, object_of
from rnninspect.output import write_text
from rnninspect.runtime.here import need_folder

VERSION = 1
NAME = "rnninspect.lock"
# why: a lock is written by this tool, so anything much larger than 2,000 models is not one.
_MAX_BYTES = 64 * 2**20
# Beyond every count that sizes below 2^63 can give.
_MOST = 10**200
# What git leaves at the start of lines that it could not merge.
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


class LockedLayer(NamedTuple):
    """One layer as the lock knows it; weights are name to shape, shared ones left out of the counts."""

    type: str
    parameters: int
    macs: int
    weights: Mapping[str, tuple[int, ...]]


# The models of a lock by file, each its layers by name.
Locked = Mapping[str, Mapping[str, LockedLayer]]


def locked_layers(model: ModelFacts) -> dict[str, LockedLayer]:
    """What the lock keeps of a model."""
    return {
        layer.name: LockedLayer(
            type=layer.type,
            parameters=layer.counts.parameters,
            macs=layer.forward.macs,
            weights={weight.name: weight.shape for weight in layer.weights},
        )
        for layer in model.layers
    }


def read_lock(path: Path) -> Locked:
    """Read a lock. Raises DocumentError, with the line, where it is broken, half written or of a newer version."""
    try:
        data = disk.read(path, _MAX_BYTES)
    except OSError as error:
        # why its folder too: where that is missing --update fails.
        absent = isinstance(error, FileNotFoundError) and path.parent.is_dir()
        message = f"cannot read the lock: {disk.reason(error)}"
        raise DocumentError(Place(str(path)), message, hint="--update writes one" if absent else "") from error
    # why before all else: of a file that is no lock nothing is broken, and nobody should delete it.
    version = _version(path, data.split(b"\n", 1)[0].decode(errors="replace"))
    # why not splitlines: JSON leaves U+2028 and its like as they are, and a file may have one in its name.
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        where = Place(str(path), data.count(b"\n", 0, error.start) + 1)
        raise _broken(where, f"byte 0x{data[error.start]:02x} is not UTF-8") from error
    lines = text.removesuffix("\n").split("\n")
    _check_header(path, lines, version, whole=data.endswith(b"\n"))
    models: dict[str, dict[str, LockedLayer]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        file_name, layer, entry = _entry(_object(path, number, line), Place(str(path), number))
        layers = models.setdefault(file_name, {})
        if layer in layers:
            raise _broken(Place(str(path), number), f"{file_name} layer {show(layer)} stands twice")
        layers[layer] = entry
    return models


def find_lock(path: Path) -> Locked | None:
    """Read a lock, as `read_lock` does; None where there is none."""
    try:
        return read_lock(path)
    except DocumentError as error:
        if isinstance(error.__cause__, disk.ABSENT):
            return None
        raise


def update_lock(path: Path, change: Callable[[Locked], Locked]) -> None:
    """Replace a lock by what `change` makes of it, alone among all processes that update it.

    Raises OutputFailed where it cannot be written, DocumentError where what is there is no lock.
    """
    with _alone(path):
        write_text(render_lock(change(find_lock(path) or {})), path)


def render_lock(models: Locked) -> str:
    """The text of a lock, the same for the same models."""
    lines = [json.dumps({"rnninspect_lock": VERSION})]
    for file_name in sorted(models):
        for name in sorted(models[file_name]):
            layer = models[file_name][name]
            entry = {"file": file_name, "layer": name, **layer._asdict()}
            lines.append(json.dumps(entry, ensure_ascii=False))
    # why an empty line between two: git takes changes of neighbouring lines for a conflict.
    return "\n\n".join(lines) + "\n"


def file_key(path: str, lock: Path) -> str:
    """How a lock calls a document: its path from the lock's folder, the same on every machine. Raises FolderGone."""
    need_folder()
    return Path(os.path.relpath(path, lock.parent)).as_posix()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the folder of `path` against other processes."""
    if os.name != "posix":  # why: elsewhere a folder cannot be opened
        yield
        return
    try:
        # why the folder: the file itself is replaced by every update, so a lock on it would hold nobody off.
        folder = os.open(path.resolve().parent, os.O_RDONLY)
        try:
            disk.hold(folder, wait=True)
        except OSError:
            disk.close(folder)
            raise
    except (OSError, RuntimeError) as error:
        missing = disk.no_folder(path.resolve()) if isinstance(error, FileNotFoundError) else error
        raise OutputFailed(f"cannot write {printable(str(path))}: {printable(disk.reason(missing))}") from error
    try:
        yield
    finally:
        disk.close(folder)


def _version(path: Path, line: str) -> object:
    """What the first line says of the format's version. Raises DocumentError where it is no header of a lock."""
    with contextlib.suppress(NoObject):
        header = object_of(line)
        if "rnninspect_lock" in header:
            return header["rnninspect_lock"]
    if line.startswith(_CONFLICT):
        return None
    raise DocumentError(
        Place(str(path), 1),
        'this is no lock of rnninspect\'s: expected {"rnninspect_lock": 1} in its first line',
        hint="name another file with --lock",
    )


def _check_header(path: Path, lines: list[str], version: object, *, whole: bool) -> None:
    place = Place(str(path), 1)
    if lines[0].startswith(_CONFLICT):
        raise _broken(place, "a merge conflict stands here")
    if type(version) is not int or version < 1:
        raise _broken(place, 'expected {"rnninspect_lock": 1}')
    if version > VERSION:
        raise DocumentError(
            place,
            f"this lock is of version {version}, and this rnninspect knows {VERSION}",
            hint="use the newer rnninspect that wrote it",
        )
    if not whole:
        raise _broken(Place(str(path), len(lines)), "the last line is only half there")


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    place = Place(str(path), number)
    if line.startswith(_CONFLICT):
        raise _broken(place, "a merge conflict stands here")
    try:
        return object_of(line)
    except NoObject as error:
        raise _broken(place, str(error)) from error


def _entry(record: dict[str, Any], place: Place) -> tuple[str, str, LockedLayer]:
    expected = {"file": str, "layer": str, "type": str, "parameters": int, "macs": int, "weights": dict}
    for key, kind in expected.items():
        if type(record.get(key)) is not kind or (kind is int and not 0 <= record[key] < _MOST):
            raise _broken(place, f"expected {key} to be {kind.__name__}, got {show(record.get(key))}")
    weights: dict[str, tuple[int, ...]] = {}
    for name, shape in record["weights"].items():
        if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < _MOST for size in shape):
            raise _broken(place, f"expected the shape of {show(name)} as a list of integers, got {show(shape)}")
        weights[name] = tuple(shape)
    return (
        record["file"],
        record["layer"],
        LockedLayer(type=record["type"], parameters=record["parameters"], macs=record["macs"], weights=weights),
    )


def _broken(place: Place, message: str) -> DocumentError:
    return DocumentError(
        place, f"the lock is broken: {message}", hint="restore it, or delete it and run check --update"
    )
