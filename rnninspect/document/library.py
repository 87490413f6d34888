"""The library of published cells: a file each, read only when its cell is named."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import rnninspect.cells
from rnninspect.document.complaints import valid
from rnninspect.document.source import read_source
from rnninspect.document.tree import read_tree
from rnninspect.layers.definition import Published

_FOLDER = Path(rnninspect.cells.__file__).with_name("library")


@cache
def library_names() -> tuple[str, ...]:
    """The names of all its cells, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def published(name: str) -> Published:
    """The cell of that name. Raises KeyError where there is none, DocumentError where its file is wrong."""
    # why not the path at once: some file systems know no upper and lower case.
    if name not in library_names():
        raise KeyError(name)
    source, text = read_source(str(_FOLDER / f"{name}.yaml"))
    tree = read_tree(text, source)
    return valid(Published, tree.data, (), tree)
