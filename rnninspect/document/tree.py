"""From YAML text to plain data, with a place (line and column) for every key and every value.

Built on the events of PyYAML's pure-Python parser, taken one by one so that a limit stops it early. No
constructor is reachable from here, and the C parser is not used: it dies on deep brackets.

What differs from `yaml.safe_load`: plain scalars follow YAML 1.2's core schema, minus every spelling that
could be taken for two things (`no`, `010`, `0x10`, `1_000` and `1:30` stay strings, for a strict validation
to refuse); duplicate keys, keys that are no strings, and tags are errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import yaml
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from rnninspect.document.source import place_at
from rnninspect.errors import DocumentError, Place, did_you_mean, printable, show

Path = tuple[str | int, ...]

MAX_DEPTH = 32
# Keys count too, and an alias counts as much as what it stands for: an alias bomb ends here.
# why: the parser takes 15 to 30 microseconds for each, and 2,000 layers of six keys have 26,000.
MAX_NODES = 30_000
MAX_DIGITS = 400


@dataclass(frozen=True)
class Tree:
    """One document: its plain data, and where each part of it was written.

    What stands under an alias or comes from a merge has the place where it was written, at the anchor: that
    is the text to change. Data is never shared between an anchor and its aliases.
    """

    source: str
    data: object
    values: Mapping[Path, Place]
    keys: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """Where the value at `path` was written, or else the nearest that encloses it."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]


def read_tree(text: str, source: str) -> Tree:
    """The one YAML document in `text`."""
    at = _Places(text, source)
    node = _Composer(text, at).document()
    if node is None or (isinstance(node, _Scalar) and node.value is None):
        place = at.index(0) if node is None else node.place
        raise DocumentError(place, "the document is empty", hint="a model needs `input:` and `layers:`")
    values: dict[Path, Place] = {}
    keys: dict[Path, Place] = {}
    data = _unfold(node, (), values, keys)
    return Tree(source, data, values, keys)


def read_value(text: str, source: str) -> object:
    """The one value that an option gives: a scalar, or a list such as `[1, 2]`; `source` names the option."""
    node = _Composer(text, _Places(text, source, lines=False)).document()
    if node is None or (isinstance(node, _Scalar) and node.value is None and not text.strip()):
        raise DocumentError(Place(source), "the value is empty", hint="write null for none, '' for no text")
    if isinstance(node, _Mapping):
        message = "expected one value or a list such as [1, 2], got a mapping"
        raise DocumentError(Place(source), message, hint="quote text that holds a colon")
    return _unfold(node, (), {}, {})


def dotted(path: Path) -> str:
    """`path` as messages write it: `('layers', 1, 'hidden_size')` is `layers[1].hidden_size`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            # why: quoted where a key could be mistaken for syntax, or is too long to be printed whole.
            name = part if re.fullmatch(r"[\w-]{1,60}", part) else show(part)
            text += f".{name}" if text else name
    return text


# --- nodes: what is composed, before aliases are unfolded --------------------------------------------------
# why: named tuples, because frozen dataclasses take a tenth longer to read a large document.


class _Scalar(NamedTuple):
    place: Place
    value: object
    size: int = 1
    height: int = 0


class _Sequence(NamedTuple):
    place: Place
    items: list[_Node]
    size: int
    height: int


class _Mapping(NamedTuple):
    place: Place
    entries: dict[str, _Entry]
    size: int
    height: int


class _Entry(NamedTuple):
    key_place: Place
    value: _Node


_Node = _Scalar | _Sequence | _Mapping


def _described(node: _Node) -> str:
    match node:
        case _Scalar(value=value):
            return show(value)
        case _Sequence():
            return "a list"
        case _Mapping():
            return "a mapping"


def _unfold(node: _Node, path: Path, values: dict[Path, Place], keys: dict[Path, Place]) -> object:
    """The plain data of `node`, whose places are filled in on the way."""
    values[path] = node.place
    match node:
        case _Sequence(items=items):
            return [_unfold(item, (*path, i), values, keys) for i, item in enumerate(items)]
        case _Mapping(entries=entries):
            data = {}
            for key, entry in entries.items():
                below = (*path, key)
                keys[below] = entry.key_place
                data[key] = _unfold(entry.value, below, values, keys)
            return data
    return node.value


# --- places ------------------------------------------------------------------------------------------------


class _Mark(Protocol):
    """The part of a parser's mark that is used, all of it counted from 0."""

    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Places:
    """Turns the parser's marks into places; for an option, whose text has no lines, always the option."""

    def __init__(self, text: str, source: str, *, lines: bool = True) -> None:
        self.text, self.source, self.lines = text, source, lines

    def mark(self, mark: _Mark | None) -> Place:
        if mark is None or not self.lines:
            return Place(self.source)
        return Place(self.source, mark.line + 1, mark.column + 1)

    def index(self, index: int) -> Place:
        return place_at(self.text, index, self.source) if self.lines else Place(self.source)


def _on_line(place: Place) -> str:
    return "" if place.line is None else f" on line {place.line}"


# --- the composer ------------------------------------------------------------------------------------------


class _Events(Reader, Scanner, Parser):
    """PyYAML's parser alone. Its loaders are this plus a composer, a resolver and a constructor."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


class _Composer:
    """Composes the nodes of one document, and refuses what a model has no use for."""

    def __init__(self, text: str, at: _Places) -> None:
        self._at = at
        self._events = _open_events(text, at)
        self._count = 0
        self._anchors: dict[str, _Node] = {}
        self._anchored: dict[str, Place] = {}

    def document(self) -> _Node | None:
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
            raise _syntax_error(error, self._at) from error
        except (ValueError, OverflowError) as error:
            # why: PyYAML hands "\UFFFFFFFF" to chr and the digits of %YAML to int, both unchecked.
            place = self._at.mark(self._events.get_mark())
            message = "not valid YAML: the number written here is too large"
            raise DocumentError(place, message, hint="the last character is \\U0010FFFF") from error
        return event

    def _compose(self, event: yaml.Event, path: Path, depth: int) -> _Node:
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
        node: _Node
        if isinstance(event, yaml.ScalarEvent):
            node = _Scalar(place, _scalar(event, place, path))
        else:
            _check_depth(depth + 1, place, path)
            if isinstance(event, yaml.SequenceStartEvent):
                node = self._sequence(place, path, depth + 1)
            else:
                node = self._mapping(place, path, depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _sequence(self, place: Place, path: Path, depth: int) -> _Sequence:
        before, items = self._count, list[_Node]()
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._compose(event, (*path, len(items)), depth))
        height = 1 + max((item.height for item in items), default=0)
        return _Sequence(place, items, 1 + self._count - before, height)

    def _mapping(self, place: Place, path: Path, depth: int) -> _Mapping:
        before = self._count
        entries: dict[str, _Entry] = {}
        merge: _Entry | None = None
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key_place = self._at.mark(event.start_mark)
            # why: only a plain one, so that the quoted "<<" is still a key like any other.
            merges = isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style is None
            key = self._key(event, path, depth)
            earlier = merge if merges else entries.get(key)
            if earlier is not None:
                raise _duplicate_key(key, key_place, earlier.key_place, path, merges=merges)
            entry = _Entry(key_place, self._compose(self._next(), (*path, key), depth))
            if merges:
                merge = entry
            else:
                entries[key] = entry
        # why: setdefault, after the loop: a key written out wins wherever `<<` stands, then the first merge.
        for mapping in _merged(merge, path):
            for key, entry in mapping.entries.items():
                entries.setdefault(key, entry)
        height = 1 + max((entry.value.height for entry in entries.values()), default=0)
        return _Mapping(place, entries, 1 + self._count - before, height)

    def _key(self, event: yaml.Event, path: Path, depth: int) -> str:
        place = self._at.mark(event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            got = "a list" if isinstance(event, yaml.SequenceStartEvent) else "a mapping"
        else:
            node = self._compose(event, path, depth)
            if isinstance(node, _Scalar) and isinstance(node.value, str):
                return node.value
            got = _described(node)
        hint = "quote it to make it a string"
        raise DocumentError(place, f"a key must be a string, got {got}", path=dotted(path), hint=hint)

    def _open_anchor(self, name: str, place: Place, path: Path) -> None:
        if name in self._anchored:
            raise DocumentError(
                place,
                f"duplicate anchor {show('&' + name)}, already set{_on_line(self._anchored[name])}",
                path=dotted(path),
                hint="give each its own name",
            )
        self._anchored[name] = place

    def _alias(self, name: str, place: Place, path: Path, depth: int) -> _Node:
        node = self._anchors.get(name)
        if node is None:
            raise self._no_such_anchor(name, place, path)
        _check_depth(depth + node.height, place, path)
        self._spend(node.size, place, path)
        return node

    def _no_such_anchor(self, name: str, place: Place, path: Path) -> DocumentError:
        shown = show("*" + name)
        if name in self._anchored:
            message = f"alias {shown} stands inside its own anchor{_on_line(self._anchored[name])}"
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


def _check_depth(depth: int, place: Place, path: Path) -> None:
    if depth > MAX_DEPTH:
        message = f"nested deeper than {MAX_DEPTH} levels"
        # why: the path of 33 brackets says nothing that the place does not.
        raise DocumentError(place, message, hint="a model needs four; is a bracket left open?")


def _duplicate_key(key: str, place: Place, first: Place, path: Path, *, merges: bool) -> DocumentError:
    message = f"duplicate key {show(key)}, already written{_on_line(first)}"
    hint = "merge several with a list: `<<: [*a, *b]`" if merges else "keep one of them"
    return DocumentError(place, message, path=dotted((*path, key)), hint=hint)


def _merged(merge: _Entry | None, path: Path) -> list[_Mapping]:
    """The mappings that a `<<` merges in, those that win first."""
    if merge is None:
        return []
    nodes = merge.value.items if isinstance(merge.value, _Sequence) else [merge.value]
    mappings = [node for node in nodes if isinstance(node, _Mapping)]
    if len(mappings) < len(nodes):
        bad = next(node for node in nodes if not isinstance(node, _Mapping))
        message = f"`<<` merges a mapping or a list of mappings, got {_described(bad)}"
        raise DocumentError(bad.place, message, path=dotted((*path, "<<")), hint="write `<<: *anchor`")
    return mappings


# --- scalars -----------------------------------------------------------------------------------------------

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# why: a point or an exponent is required, so that `010` is not taken for 10.0.
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def _scalar(event: yaml.ScalarEvent, place: Place, path: Path) -> object:
    text: str = event.value
    try:
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


# --- syntax errors -----------------------------------------------------------------------------------------

# What to try, by a part of what the parser says; the first that fits.
_HINTS = (
    ("'\\t'", "use spaces, not tabs"),
    (" tag", "tags are not supported; quote text that starts with !"),
    ("directive", "a document needs no % line"),
    ("'%'", "quote text that starts with %"),
    ("'@'", "quote text that starts with @"),
    ("'`'", "quote text that starts with a backtick"),
    ("mapping values are not allowed", "check the indentation; quote text that holds ': '"),
    ("could not find expected ':'", "a key needs ': ' after it, with the space"),
    ("while scanning a quoted scalar", "close the quote"),
    ("unknown escape", "use single quotes, or write the backslash twice"),
    ("'<document start>'", "what stands before it is a whole document already"),
    ("<stream end>", "close the bracket"),
    ("<block end>", "check the indentation"),
    ("sequence entries are not allowed", "put `- ` on a line of its own"),
)
# Characters that look like a space, or like nothing, and are neither to YAML.
_ODD_SPACE = re.compile(r"[^\S \t\r\n]|[\u00ad\u200b-\u200d\u2060]")


def _open_events(text: str, at: _Places) -> _Events:
    # why: the parser would take a mark in the middle for a letter, and count no column for it.
    mark = text.find("\ufeff")
    if mark >= 0:
        hint = "delete the invisible U+FEFF"
        raise DocumentError(at.index(mark), "a byte order mark inside the text", hint=hint)
    try:
        return _Events(text)
    except ReaderError as error:
        message = f"the character U+{error.character:04X} is not allowed"
        hint = "delete it, or write it as an escape in double quotes"
        raise DocumentError(at.index(error.position), message, hint=hint) from error


def _syntax_error(error: yaml.MarkedYAMLError, at: _Places) -> DocumentError:
    """What PyYAML says over four lines, on one."""
    # why: the parser marks the end of the text with a NUL, and none can be in the text itself.
    problem = (error.problem or "cannot be read").replace(r"'\x00'", "the end of the text")
    context = "" if error.context is None else f" {error.context}"
    if context and error.context_mark is not None:
        context += _from_line(at.mark(error.context_mark))
    said = printable(problem[:160]) + context
    fitting = (hint for part, hint in _HINTS if part in said)
    hint = _odd_space(error, at) or next(fitting, "check the indentation and the quotes")
    return DocumentError(at.mark(error.problem_mark), f"not valid YAML: {said}", hint=hint)


def _from_line(place: Place) -> str:
    return "" if place.line is None else f" that starts on line {place.line}"


def _odd_space(error: yaml.MarkedYAMLError, at: _Places) -> str:
    """A hint, if one of the lines in question holds a space that is none."""
    for mark in (error.context_mark, error.problem_mark):
        if mark is None:
            continue
        # why: from the line before, because the parser often notices only on the next one.
        start = at.text.rfind("\n", 0, max(at.text.rfind("\n", 0, mark.index), 0)) + 1
        end = at.text.find("\n", mark.index)
        odd = _ODD_SPACE.search(at.text, start, end if end >= 0 else len(at.text))
        if odd:
            line = _on_line(at.index(odd.start()))
            return f"U+{ord(odd.group()):04X}{line} is not a plain space; retype it"
    return ""
