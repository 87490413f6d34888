"""`identify --document`: the layers of a file as documents that rebuild them, one each."""

from __future__ import annotations

from pathlib import Path

from rnninspect import disk
from rnninspect.commands.shared.messages import say
from rnninspect.commands.shared.new_files import create
from rnninspect.document.load import spec_of
from rnninspect.document.tree import read_tree
from rnninspect.errors import OptionError, OutputFailed, RnnInspectError, listed, printable
from rnninspect.files.found import Identified
from rnninspect.files.written import layer_names, written

# So many files are written at once, and so many of them are named.
_MOST, _FEW = 200, 3


def write_documents(identified: Identified, path: Path) -> int:
    """Write a document for each layer, all or none, and say which; returns the exit code.

    path: of the one document, and of several its folder, and how their names begin and end. Raises OptionError where
    one of them is there already, OutputFailed where it cannot be written.
    """
    texts = documents(identified, path)
    file = printable(identified.held.file)
    if not texts:
        say(f"error: {file}: no document is written, as there is no recurrent layer that is understood")
        return 1
    faults = [fault for name, text in texts.items() for fault in _faults(name, text)]
    for fault in faults:
        say(f"error: {file}: {fault}")
    if faults:
        say("note: no document is written")
        return 1
    try:
        create(texts)
    except FileExistsError as error:
        raise OptionError(
            f"--document: {printable(str(error.filename))} is there already (nothing is replaced: name another file)"
        ) from error
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {printable(disk.reason(error))}") from error
    names = [printable(str(name)) for name in texts]
    try_it = "" if len(names) > 1 else f"; try: rnninspect {names[0]} --plan"
    say(f"note: wrote {listed(names, _FEW)}{', a layer each' * (len(names) > 1)}{try_it}")
    return 0


def documents(identified: Identified, path: Path) -> dict[Path, str]:
    """The text of each document by its path: `path` itself for one layer, NAME put before its suffix for several."""
    layers, file = identified.layers, identified.held.file
    if len(layers) > _MOST:
        raise OptionError(f"--document: {printable(file)} has {len(layers):,} layers, at most {_MOST} are written")
    names = layer_names(layers, identified.held.key_of([layer.name for layer in layers]))
    paths = [path] if len(layers) == 1 else [path.with_name(f"{path.stem}-{name}{path.suffix}") for name in names]
    return {path: written(layer, file, name) for path, layer, name in zip(paths, layers, names, strict=True)}


def refuse_documents(files: list[str], path: Path, output: Path | None) -> None:
    """Raise OptionError where documents cannot be written as they are asked for."""
    if len(files) > 1:
        raise OptionError(f"--document: the layers of one file are written, got {len(files)} (name one file)")
    if str(path) == "-" or not path.name:
        raise OptionError("--document: expected the name of a file, such as model.yaml")
    if output is not None and path.resolve() == output.resolve():
        raise OptionError("--document: --output is the same file (name another)")


def _faults(path: Path, text: str) -> list[str]:
    """What keeps a document from being a model: sizes that no layer of ours has."""
    try:
        spec_of(read_tree(text, str(path)), path.name)
    except RnnInspectError as error:
        return [str(fault) for fault in error.faults]
    return []
