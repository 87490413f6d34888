"""Files that may be checkpoints: which words of a command line are, and what is said of those that plainly are not."""

from __future__ import annotations

import contextlib
import os
import re
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from rnninspect import disk
from rnninspect.errors import DocumentError, Place, nearest, printable

if TYPE_CHECKING:
    from rnninspect.files.look import LookedInto

# How much of a folder is looked through for a name that is near.
_MOST_LOOKED_THROUGH = 1_000
# Of a file so many bytes tell a document, where one of these keys is among them.
_HEAD, _KEY = 512, re.compile(rb"^(?:layers|input):", re.MULTILINE)


def is_checkpoint(path: str) -> bool:
    """Whether a path stands for a checkpoint: a file by its first bytes, TensorFlow's by the files that belong to it.

    A folder without a YAML file does too: what is said of one that is no model names the checkpoints in it.
    """
    if _is_file(f"{path.partition('.data-')[0]}.index"):
        return True
    if os.path.isdir(path):  # noqa: PTH112 (a Path's methods raise for what is no name)
        # why not JSON: models that are a folder have it in them.
        return not any(name.endswith((".yaml", ".yml")) for name in disk.documents_in(path))
    if not _is_file(path) or _is_document(path):
        return False
    from rnninspect.files import sniff  # why here: what is no file, or a document, needs no look

    return sniff.is_checkpoint(path)


def _is_document(path: str) -> bool:
    """Whether a file begins as documents do: text, with a key that all of them have."""
    with contextlib.suppress(OSError), disk.opened(path) as stream:
        head = stream.read(_HEAD)
        return b"\0" not in head and _KEY.search(head) is not None
    return False


def files_in(folder: str) -> list[str]:
    """The files of a folder that are no documents, and not hidden; none where nobody can say."""
    with contextlib.suppress(OSError, ValueError), os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, _MOST_LOOKED_THROUGH) if entry.is_file()]
        return [name for name in sorted(names) if not name.startswith(".") and not name.endswith(disk.DOCUMENTS)]
    return []


def look_into_file(path: str) -> LookedInto:
    """The layers of a checkpoint. Raises DocumentError where it is none, NotInstalled."""
    _refuse(path)
    from rnninspect.files.look import look_into

    return look_into(path)


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (as above)


def _refuse(path: str) -> None:
    """Raise DocumentError for what is plainly no checkpoint, and say what it is."""
    if path == "-":
        raise DocumentError(Place("<stdin>"), "a checkpoint is not read from a pipe", hint="name a file")
    if is_checkpoint(path):
        return
    place, there = Place(path), os.path.lexists(path)
    if not there:
        folder, name = os.path.split(path)
        near = nearest(name, files_in(folder or "."))
        hint = f"did you mean {printable(str(Path(path).with_name(near)))}?" if near else "is the name right?"
        raise DocumentError(place, "no such file", hint=hint)
    if path.endswith(disk.DOCUMENTS) and _is_file(path):
        raise DocumentError(place, "this is a document, and no checkpoint", hint=f"rnninspect {printable(path)}")
