"""From a path to what the checkpoint there holds: the one way in, whatever wrote it."""

from __future__ import annotations

import importlib
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path

from rnninspect.disk import ABSENT, reason
from rnninspect.errors import DocumentError, Place, listed, show
from rnninspect.files.held import Held, Unreadable
from rnninspect.files.sniff import READERS, is_checkpoint, kind_of
from rnninspect.files.source import Source, source_of

# The files that TensorFlow keeps the values of a checkpoint in, beside its index.
_DATA_FILE = re.compile(r"(.+)\.data-\d{5}-of-\d{5}", re.DOTALL)
# The files that make a folder a model.
_MODELS = ("saved_model.pb", "Data/com.apple.CoreML/model.mlmodel")
# So much of a folder is looked through for checkpoints.
_MOST_LOOKED_AT = 200


def read(path: str) -> Held:
    """What the checkpoint at `path` holds.

    Raises DocumentError where it is none or is damaged, NotInstalled where a library that reads it is missing.
    """
    try:
        with source_of(_file_of(path)) as source:
            return read_kind(kind_of(source), source, source.name)
    except Unreadable as error:
        raise DocumentError(Place(path), error.message, hint=error.hint) from error
    except ABSENT as error:
        raise DocumentError(Place(path), reason(error).lower(), hint="is the name right?") from error
    except OSError as error:
        raise DocumentError(Place(path), reason(error).lower()) from error


def read_kind(kind: str, source: Source, path: str) -> Held:
    """What a checkpoint of a known kind holds. path: its name, for messages and for files beside it."""
    # why imported by name: each run needs one reader, and some take long to import.
    reader = importlib.import_module(f"rnninspect.files.readers.{READERS[kind]}")
    held = reader.read(source, path)
    assert isinstance(held, Held)
    return held


def _file_of(path: str) -> str:
    """The file that a path stands for: itself, the index of a TensorFlow checkpoint, the graph of a SavedModel."""
    here = Path(path)
    with suppress(OSError, ValueError):
        if here.is_dir():
            return _file_in(here)
        data_file = _DATA_FILE.fullmatch(path)
        prefix = data_file.group(1) if data_file else path
        if (data_file or not here.exists()) and Path(f"{prefix}.index").is_file():
            return f"{prefix}.index"
    return path


def _file_in(folder: Path) -> str:
    """The file of a folder that is a model: TensorFlow's SavedModel, CoreML's package.

    Raises Unreadable for any other, naming the checkpoints in it.
    """
    for name in _MODELS:
        if (folder / name).is_file():
            return str(folder / name)
    found = [str(entry) for entry in islice(folder.iterdir(), _MOST_LOOKED_AT) if is_checkpoint(str(entry))]
    # why: the index of a checkpoint in several files stands for all of them.
    indexes = [name for name in found if name.endswith(".index.json")]
    names = [show(name, 200) for name in sorted(indexes or found)]
    if not names:
        raise Unreadable("a folder, and no checkpoint in it", "name a file")
    raise Unreadable("a folder", f"name a file in it: {listed(names, 5)}")
