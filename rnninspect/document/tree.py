"""From YAML text to plain data, with a place (line and column) for every key and every value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnninspect.document.nodes import Composer, MappingNode, Node, ScalarNode, SequenceNode
from rnninspect.document.paths import Path
from rnninspect.document.syntax import Places
from rnninspect.errors import DocumentError, Place


@dataclass(frozen=True)
class Tree:
    """One document: its plain data, and where each part of it was written.

    What stands under an alias or comes from a merge has the place where it was written, at the anchor: that
    is the text to change. Data is never shared between an anchor and its aliases.
    faults: what is wrong with how it is written, and did not keep it from being read.
    printed: it is a printed module's, which need not say how large the batch is.
    """

    source: str
    text: str
    data: object
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]
    faults: tuple[DocumentError, ...] = ()
    printed: bool = False

    def place(self, path: Path) -> Place:
        """Where the value at `path` was written, or else the nearest that encloses it."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]

    def at(self, path: Path) -> Any:
        """What stands at `path`, whose places in lists there are; None where it has a key that is not there."""
        found: Any = self.data
        for part in path:
            if isinstance(found, list):
                found = found[int(part)]
            else:
                found = found.get(part) if isinstance(found, dict) else None
        return found


def read_tree(text: str, source: str, needs: str = "a model needs `input:` and `layers:`") -> Tree:
    """The one YAML document in `text`; `needs` tells of an empty one what to write."""
    at = Places(text, source)
    composer = Composer(text, at)
    node = composer.document()
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        place = at.index(0) if node is None else node.place
        raise DocumentError(place, "the document is empty", hint=needs)
    values: dict[Path, Place] = {}
    keys: dict[Path, Place] = {}
    data = _unfold(node, (), values, keys)
    return Tree(source=source, text=text, data=data, values=values, keys=keys, faults=tuple(composer.faults))


def read_value(text: str, source: str) -> object:
    """The one value that an option gives: a scalar, or a list such as `[1, 2]`; `source` names the option."""
    composer = Composer(text, Places(text, source, lines=False))
    node = composer.document()
    if composer.faults:
        raise composer.faults[0]
    if node is None or (isinstance(node, ScalarNode) and node.value is None and not text.strip()):
        raise DocumentError(Place(source), "the value is empty", hint="write null for none, '' for no text")
    if isinstance(node, MappingNode):
        message = "expected one value or a list such as [1, 2], got a mapping"
        raise DocumentError(
            Place(source), message, hint="a key in it is set by its own path, PATH.KEY=1; quote text that holds a colon"
        )
    return _unfold(node, (), {}, {})


def _unfold(node: Node, path: Path, values: dict[Path, Place], keys: dict[Path, Place]) -> object:
    """The plain data of `node`, whose places are filled in on the way."""
    values[path] = node.place
    match node:
        case SequenceNode(items=items):
            return [_unfold(item, (*path, i), values, keys) for i, item in enumerate(items)]
        case MappingNode(entries=entries):
            data = {}
            for key, entry in entries.items():
                below = (*path, key)
                keys[below] = entry.key_place
                data[key] = _unfold(entry.value, below, values, keys)
            return data
    return node.value
