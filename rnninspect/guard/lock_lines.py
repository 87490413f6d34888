"""The text of a lock and back: a header, then a line for each model and one for each of its layers.

One JSON object a line, sorted by file, the layers of a model in its order, an empty line between two, so that git
merges changes of different layers. Where it could not, what stands outside of the conflicts can still be read.
"""

from __future__ import annotations

import contextlib
import json
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from rnninspect.errors import DocumentError, Place, listed, printable, show
from rnninspect.guard.locked import Locked, LockedLayer, LockedModel, Settings, Value
from rnninspect.json_lines import NoObject, object_of

# 1 has no settings, and its layers are sorted by name.
VERSION = 2
_HEADER = "rnninspect_lock"
_FIRST_LINE = json.dumps({_HEADER: VERSION})
# Beyond every count that sizes below 2^63 can give.
_MOST = 10**200
# What git leaves at the start of lines that it could not merge.
_BEGIN, _END = "<<<<<<<", ">>>>>>>"
_CONFLICT = (_BEGIN, "=======", _END, "|||||||")
_STANDS = "a merge conflict stands here"
# So many models of a conflict are named.
MOST_NAMED = 3

_Numbered = tuple[int, str]
_Kind = TypeVar("_Kind")


class Parsed(NamedTuple):
    """A lock as it was read: the version of its header, and its models.

    torn: the models that have a part in a merge conflict; what stands outside of it is all that is read of them.
    conflict: the error that tells of it; None where there is none.
    """

    version: int
    models: Locked
    torn: frozenset[str] = frozenset()
    conflict: DocumentError | None = None


def render_lock(models: Locked) -> str:
    """The text of a lock, the same for the same models."""
    lines: list[Mapping[str, object]] = [{_HEADER: VERSION}]
    for file in sorted(models):
        model = models[file]
        if model.settings is not None:
            lines.append({"file": file, "settings": model.settings})
        for name, layer in model.layers.items():
            known = {} if layer.settings is None else {"settings": layer.settings}
            counts = {"parameters": layer.parameters, "macs": layer.macs}
            lines.append({"file": file, "layer": name, "type": layer.type, **known, **counts, "weights": layer.weights})
    # why an empty line between two: git takes changes of neighbouring lines for a conflict.
    return "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n"


def parse_lock(path: Path, data: bytes) -> Parsed:
    """Read the text of the lock at `path`.

    Raises DocumentError, with the line, where it is no lock, broken, half written or of a newer version.
    """
    # why before all else: of a file that is no lock nothing is broken, and nobody should delete it.
    version = _first_line(path, data.split(b"\n", 1)[0].decode(errors="replace"))
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        where = Place(str(path), data.count(b"\n", 0, error.start) + 1)
        raise _broken(where, f"byte 0x{data[error.start]:02x} is not UTF-8") from error
    # why not splitlines: JSON leaves U+2028 and its like as they are, and a file may have one in its name.
    lines = list(enumerate(text.removesuffix("\n").split("\n"), start=1))
    if not data.endswith(b"\n"):
        raise _broken(Place(str(path), len(lines)), "the last line is only half there")
    begin = next((number for number, line in lines if line.startswith(_CONFLICT)), None)
    rest = lines if version is None else lines[1:]
    if begin is None:
        return Parsed(version or VERSION, _models(path, rest))
    clean, torn = _sides(path, rest)
    files = _torn_files(path, torn)
    return Parsed(VERSION, _models(path, clean), torn=files, conflict=_conflict(path, begin, files))


def _first_line(path: Path, line: str) -> int | None:
    """The version that the header says; None where a merge conflict stands in its place.

    Raises DocumentError where it is no header, or of a version that is not known.
    """
    place = Place(str(path), 1)
    if line.startswith(_CONFLICT):
        return None
    header: dict[str, Any] = {}
    with contextlib.suppress(NoObject):
        header = object_of(line)
    if _HEADER in header:
        return _version(place, header)
    message = f"this is no lock of rnninspect's: expected {_FIRST_LINE} in its first line"
    raise DocumentError(place, message, hint="name another file with --lock")


def _version(place: Place, header: dict[str, Any]) -> int:
    version = header[_HEADER]
    if type(version) is not int or version < 1:
        raise _broken(place, f"expected {_FIRST_LINE}")
    if version > VERSION:
        message = f"this lock is of version {version}, and this rnninspect knows {VERSION}"
        raise DocumentError(place, message, hint="use the newer rnninspect that wrote it")
    return version


def _sides(path: Path, lines: Iterable[_Numbered]) -> tuple[list[_Numbered], list[_Numbered]]:
    """The lines outside of merge conflicts, and those within. Raises DocumentError where a mark stands alone."""
    clean: list[_Numbered] = []
    torn: list[_Numbered] = []
    begin = None
    for number, line in lines:
        if not line.startswith(_CONFLICT):
            (clean if begin is None else torn).append((number, line))
        elif line.startswith(_BEGIN) is (begin is not None):
            raise _broken(Place(str(path), number), _STANDS)
        elif begin is None:
            begin = number
        elif line.startswith(_END):
            begin = None
    if begin is not None:
        raise _broken(Place(str(path), begin), _STANDS)
    return clean, torn


def _torn_files(path: Path, lines: Iterable[_Numbered]) -> frozenset[str]:
    """The models that have a part in a merge conflict."""
    files = set()
    for place, record in _objects(path, lines):
        if _HEADER in record:
            _version(place, record)
        else:
            files.add(_checked(record, "file", str, place))
    return frozenset(files)


def _conflict(path: Path, line: int, files: frozenset[str]) -> DocumentError:
    """That a merge conflict begins at a line, and how to write the models anew that it is about."""
    named = sorted(str(path.parent / file) for file in files)
    command = f"check {shlex.join(named)} --update writes it anew"
    if len(named) > MOST_NAMED:
        command = f"check --update of its {len(named)} models writes it anew: {listed(named, MOST_NAMED)}"
    return DocumentError(Place(str(path), line), f"the lock is broken: {_STANDS}", hint=printable(command))


def _models(path: Path, lines: Iterable[_Numbered]) -> dict[str, LockedModel]:
    settings: dict[str, Settings] = {}
    models: dict[str, dict[str, LockedLayer]] = {}
    for place, record in _objects(path, lines):
        file = _checked(record, "file", str, place)
        layers = models.setdefault(file, {})
        if "layer" in record or "type" in record:
            name, layer = _layer(record, place)
            if name in layers:
                raise _broken(place, f"{file} layer {show(name)} stands twice")
            layers[name] = layer
        elif file in settings:
            raise _broken(place, f"{file} stands twice")
        else:
            settings[file] = _settings(record, place)
    return {file: LockedModel(settings.get(file), layers) for file, layers in models.items()}


def _objects(path: Path, lines: Iterable[_Numbered]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The object of each line that holds anything, and where it stands."""
    for number, line in lines:
        if line.strip():
            place = Place(str(path), number)
            try:
                record = object_of(line)
            except NoObject as error:
                raise _broken(place, str(error)) from error
            yield place, record


def _layer(record: dict[str, Any], place: Place) -> tuple[str, LockedLayer]:
    name, type_name = (_checked(record, key, str, place) for key in ("layer", "type"))
    parameters, macs = (_checked(record, key, int, place) for key in ("parameters", "macs"))
    weights: dict[str, tuple[int, ...]] = {}
    for weight, shape in _checked(record, "weights", dict, place).items():
        if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < _MOST for size in shape):
            raise _broken(place, f"expected the shape of {show(weight)} as a list of integers, got {show(shape)}")
        weights[weight] = tuple(shape)
    settings = _settings(record, place) if "settings" in record else None
    layer = LockedLayer(type=type_name, parameters=parameters, macs=macs, weights=weights, settings=settings)
    return name, layer


def _checked(record: dict[str, Any], key: str, kind: type[_Kind], place: Place) -> _Kind:
    value = record.get(key)
    if type(value) is not kind or (isinstance(value, int) and not 0 <= value < _MOST):
        raise _broken(place, f"expected {key} to be {kind.__name__}, got {show(value)}")
    return value


def _settings(record: dict[str, Any], place: Place) -> Settings:
    settings = _checked(record, "settings", dict, place)
    return {key: _setting(key, value, place) for key, value in settings.items()}


def _setting(key: str, value: Any, place: Place) -> Value:
    for one in value if isinstance(value, list) else [value]:
        number = math.isfinite(one) if isinstance(one, float) else isinstance(one, int) and abs(one) < _MOST
        if not (one is None or isinstance(one, str) or number):
            raise _broken(place, f"expected {show(key)} to be a plain value, got {show(one)}")
    settled: Value = tuple(value) if isinstance(value, list) else value
    return settled


def _broken(place: Place, message: str) -> DocumentError:
    return DocumentError(
        place, f"the lock is broken: {message}", hint="restore it, or delete it and run check --update"
    )
