"""The events of a YAML text composed into nodes, each with its place; what a model has no use for is refused.

Events are taken one by one, so that a limit stops the parser early. Duplicate keys, keys that are no strings, and tags
are errors; after a duplicate key, whose first value holds, reading goes on.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml

from rnninspect.document.paths import Path, dotted
from rnninspect.document.syntax import Places, on_line, open_events, syntax_error
from rnninspect.errors import DocumentError, Place, did_you_mean, printable, show

MAX_DEPTH = 32
# Keys count too, and an alias counts as much as what it stands for: an alias bomb ends here.
# why: the parser takes 15 to 30 microseconds for each, and 2,000 layers of six keys have 26,000.
MAX_NODES = 30_000
MAX_DIGITS = 400

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_HALF = re.compile("[\ud800-\udbff]")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# why: a point or an exponent is required, so that `010` is not taken for 10.0.
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


# why: named tuples, because frozen dataclasses take a tenth longer to read a large document.
class ScalarNode(NamedTuple):
    """A single value. size, height: as of the others, so that all nodes have them."""

    place: Place
    value: object
    size: int = 1
    height: int = 0


class SequenceNode(NamedTuple):
    """A list. size: nodes in it and itself; height: how deep it is nested, itself counted."""

    place: Place
    items: list[Node]
    size: int
    height: int


class MappingNode(NamedTuple):
    """A mapping, in the order it is written."""

    place: Place
    entries: dict[str, Entry]
    size: int
    height: int


class Entry(NamedTuple):
    """What a mapping holds under one key."""

    key_place: Place
    value: Node


Node = ScalarNode | SequenceNode | MappingNode


def _described(node: Node) -> str:
    match node:
        case ScalarNode(value=value):
            return show(value)
        case SequenceNode():
            return "a list"
        case MappingNode():
            return "a mapping"


class Composer:
    """Composes the nodes of one document, and refuses what a model has no use for."""

    def __init__(self, text: str, at: Places) -> None:
        self._at = at
        self._events = open_events(text, at)
        self._count = 0
        self._anchors: dict[str, Node] = {}
        self._anchored: dict[str, Place] = {}
        # What is wrong and does not keep the rest from being read.
        self.faults: list[DocumentError] = []

    def document(self) -> Node | None:
        """The root of the document, or None if there is none."""
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        root = self._compose(self._next(), (), 0)
        self._next()  # the end of the document
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise DocumentError(
                self._at.mark(event.start_mark),
                "a second document starts here",
                hint="one file holds one model; give each its own file",
            )
        return root

    def _next(self) -> yaml.Event:
        try:
            event: yaml.Event = self._events.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        except yaml.MarkedYAMLError as error:
            raise syntax_error(error, self._at) from error
        except (ValueError, OverflowError) as error:
            # why: PyYAML hands "\UFFFFFFFF" to chr and the digits of %YAML to int, both unchecked.
            place = self._at.mark(self._events.get_mark())
            message = "not valid YAML: the number written here is too large"
            raise DocumentError(place, message, hint="the last character is \\U0010FFFF") from error
        return event

    def _compose(self, event: yaml.Event, path: Path, depth: int) -> Node:
        place = self._at.mark(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            assert event.anchor is not None
            return self._alias(event.anchor, place, path, depth)
        assert isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
        if event.tag is not None:
            tag = printable(event.tag.replace("tag:yaml.org,2002:", "!!", 1))
            message = f"tags are not supported, got {tag if len(tag) <= 60 else tag[:57] + '...'}"
            raise DocumentError(place, message, path=dotted(path), hint="write the value without it")
        self._spend(1, place, path)
        if event.anchor is not None:
            self._open_anchor(event.anchor, place, path)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = ScalarNode(place, scalar(event, place, path))
        else:
            _check_depth(depth + 1, place)
            if isinstance(event, yaml.SequenceStartEvent):
                node = self._sequence(place, path, depth + 1)
            else:
                node = self._mapping(place, path, depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, place: Place, path: Path, depth: int) -> SequenceNode:
        before, items = self._count, list[Node]()
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._compose(event, (*path, len(items)), depth))
        height = 1 + max((item.height for item in items), default=0)
        return SequenceNode(place=place, items=items, size=1 + self._count - before, height=height)

    def _mapping(self, place: Place, path: Path, depth: int) -> MappingNode:
        before = self._count
        entries: dict[str, Entry] = {}
        merge: Entry | None = None
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key_place = self._at.mark(event.start_mark)
            # why: only a plain one, so that the quoted "<<" is still a key like any other.
            merges = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style is None
            key = self._key(event, path, depth)
            earlier = merge if merges else entries.get(key)
            if earlier is not None:
                self.faults.append(_duplicate_key(key, key_place, earlier.key_place, path, merges=merges))
            entry = Entry(key_place, self._compose(self._next(), (*path, key), depth))
            if merges:
                merge = merge or entry
            else:
                entries.setdefault(key, entry)
        # why: setdefault, after the loop: a key written out wins wherever `<<` stands, then the first merge.
        for mapping in _merged(merge, path):
            for key, entry in mapping.entries.items():
                entries.setdefault(key, entry)
        height = 1 + max((entry.value.height for entry in entries.values()), default=0)
        return MappingNode(place=place, entries=entries, size=1 + self._count - before, height=height)

    def _key(self, event: yaml.Event, path: Path, depth: int) -> str:
        place = self._at.mark(event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            got = "a list" if isinstance(event, yaml.SequenceStartEvent) else "a mapping"
        else:
            node = self._compose(event, path, depth)
            if isinstance(node, ScalarNode) and isinstance(node.value, str):
                return node.value
            got = _described(node)
        hint = "quote it to make it a string"
        raise DocumentError(place, f"a key must be a string, got {got}", path=dotted(path), hint=hint)

    def _open_anchor(self, name: str, place: Place, path: Path) -> None:
        if name in self._anchored:
            raise DocumentError(
                place,
                f"duplicate anchor {show('&' + name)}, already set{on_line(self._anchored[name])}",
                path=dotted(path),
                hint="give each its own name",
            )
        self._anchored[name] = place

    def _alias(self, name: str, place: Place, path: Path, depth: int) -> Node:
        node = self._anchors.get(name)
        if node is None:
            raise self._no_such_anchor(name, place, path)
        _check_depth(depth + node.height, place)
        self._spend(node.size, place, path)
        return node

    def _no_such_anchor(self, name: str, place: Place, path: Path) -> DocumentError:
        shown = show("*" + name)
        if name in self._anchored:
            message = f"alias {shown} stands inside its own anchor{on_line(self._anchored[name])}"
            return DocumentError(place, message, path=dotted(path), hint="a model cannot contain itself")
        # why: likeness costs time quadratic in the lengths, and a list of all names helps nobody.
        near = [known for known in self._anchors if len(known) <= 40][-20:]
        hint = did_you_mean(name, near) if near and len(name) <= 40 else f"set it first: &{name[:40]}"
        return DocumentError(place, f"alias {shown} has no anchor before it", path=dotted(path), hint=hint)

    def _spend(self, nodes: int, place: Place, path: Path) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            message = f"more than {MAX_NODES:,} keys and values, aliases written out"
            raise DocumentError(place, message, path=dotted(path), hint="split the document")


def _check_depth(depth: int, place: Place) -> None:
    if depth > MAX_DEPTH:
        message = f"nested deeper than {MAX_DEPTH} levels"
        # why: the path of 33 brackets says nothing that the place does not.
        raise DocumentError(place, message, hint="a model needs four; is a bracket left open?")


def _duplicate_key(key: str, place: Place, first: Place, path: Path, *, merges: bool) -> DocumentError:
    message = f"duplicate key {show(key)}, already written{on_line(first)}"
    hint = "merge several with a list: `<<: [*a, *b]`" if merges else "keep one of them"
    return DocumentError(place, message, path=dotted((*path, key)), hint=hint)


def _merged(merge: Entry | None, path: Path) -> list[MappingNode]:
    """The mappings that a `<<` merges in, those that win first."""
    if merge is None:
        return []
    nodes = merge.value.items if isinstance(merge.value, SequenceNode) else [merge.value]
    mappings = [node for node in nodes if isinstance(node, MappingNode)]
    if len(mappings) < len(nodes):
        bad = next(node for node in nodes if not isinstance(node, MappingNode))
        message = f"`<<` merges a mapping or a list of mappings, got {_described(bad)}"
        raise DocumentError(bad.place, message, path=dotted((*path, "<<")), hint="write `<<: *anchor`")
    return mappings


def scalar(event: yaml.ScalarEvent, place: Place, path: Path) -> object:
    """What a scalar stands for.

    Plain ones follow YAML 1.2's core schema, minus every spelling that could be taken for two things (`no`, `010`,
    `0x10`, `1_000` and `1:30` stay strings, for a strict validation to refuse).

    Raises DocumentError for half a character, a NUL, and a number of more than MAX_DIGITS digits.
    """
    text: str = event.value
    try:
        if _HALF.search(text):
            # why: JSON writes a character beyond U+FFFF as two escapes, each a half of it.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        message = f"\\u{code:04x} is half a character, and no text can hold it"
        hint = "write the character itself, or \\U and eight hexadecimal digits"
        raise DocumentError(place, message, path=dotted(path), hint=hint) from error
    if "\0" in text:
        raise DocumentError(place, "text cannot hold a NUL character", path=dotted(path), hint="drop the \\0")
    return text if event.style is not None else _plain(text, place, path)


def _plain(text: str, place: Place, path: Path) -> object:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    number = int if _INT.fullmatch(text) else float if _FLOAT.fullmatch(text) else None
    if number is None:
        return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else text
    digits = sum(map(str.isdigit, text))
    if digits > MAX_DIGITS:
        message = f"a number of {digits:,} digits"
        raise DocumentError(place, message, path=dotted(path), hint=f"at most {MAX_DIGITS} are read")
    return number(text)
