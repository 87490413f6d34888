"""PyYAML's parser, its marks as places, and what it says of a wrong text in our words.

Its pure-Python parser alone: no constructor is reachable from here, and the C parser is not used: it dies on deep
brackets.
"""

from __future__ import annotations

import re
from typing import Protocol

import yaml
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from rnninspect.document.source import place_at
from rnninspect.errors import DocumentError, Place, printable


class _Mark(Protocol):
    """The part of a parser's mark that is used, all of it counted from 0."""

    @property
    def index(self) -> int: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Places:
    """Turns the parser's marks into places; for an option, whose text has no lines, always the option."""

    def __init__(self, text: str, source: str, *, lines: bool = True) -> None:
        self.text, self.source, self.lines = text, source, lines

    def mark(self, mark: _Mark | None) -> Place:
        """The place of a mark; the whole source where there is none."""
        if mark is None or not self.lines:
            return Place(self.source)
        return Place(self.source, mark.line + 1, mark.column + 1)

    def index(self, index: int) -> Place:
        """The place of a character of the text, counted from 0."""
        return place_at(self.text, index, self.source) if self.lines else Place(self.source)


def on_line(place: Place) -> str:
    """` on line 3`, nothing for a place without lines."""
    return "" if place.line is None else f" on line {place.line}"


class Events(Reader, Scanner, Parser):
    """PyYAML's parser alone. Its loaders are this plus a composer, a resolver and a constructor."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)


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
# What JSON has between values and YAML has not; what stands in quotes is left alone. why no need of a closing quote:
# to look for one that is not there takes time quadratic in the length.
_TABS = re.compile(r"""\"(?:\\.|[^\"\\])*\"?|'[^']*'?|\t""", re.DOTALL)
# What git puts before the first of two sides that it could not merge.
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
# Characters that look like a space, or like nothing, and are neither to YAML.
_ODD_SPACE = re.compile(r"[^\S \t\r\n]|[\u00ad\u200b-\u200d\u2060]")


def open_events(text: str, at: Places) -> Events:
    """The parser at the start of `text`. Raises DocumentError for a character that YAML does not have."""
    # why: the parser would take a mark in the middle for a letter, and count no column for it.
    mark = text.find("\ufeff")
    if mark >= 0:
        hint = "delete the invisible U+FEFF"
        raise DocumentError(at.index(mark), "a byte order mark inside the text", hint=hint)
    try:
        return Events(_spaced(text))
    except ReaderError as error:
        message = f"the character U+{error.character:04X} is not allowed"
        hint = "delete it, or write it as an escape in double quotes"
        raise DocumentError(at.index(error.position), message, hint=hint) from error


def _spaced(text: str) -> str:
    """A text that may be JSON, each tab between its values a space, so that all places stay."""
    if "\t" not in text or not text.lstrip().startswith(("{", "[")):
        return text
    return _TABS.sub(lambda found: found[0] if len(found[0]) > 1 else found[0].replace("\t", " "), text)


def syntax_error(error: yaml.MarkedYAMLError, at: Places) -> DocumentError:
    """What PyYAML says over four lines, on one."""
    conflict = _CONFLICT.search(at.text) if at.lines else None
    if conflict is not None:
        hint = "keep what is to stay, and delete the lines that git has put around it"
        return DocumentError(at.index(conflict.start()), "a merge conflict stands here", hint=hint)
    # why: the parser marks the end of the text with a NUL, and none can be in the text itself.
    problem = (error.problem or "cannot be read").replace(r"'\x00'", "the end of the text")
    context = "" if error.context is None else f" {error.context}"
    if context and error.context_mark is not None and at.lines:
        context += f" that starts{on_line(at.mark(error.context_mark))}"
    complaint = printable(problem[:160]) + context
    fitting = (hint for part, hint in _HINTS if part in complaint)
    hint = _odd_space(error, at) or next(fitting, "check the indentation and the quotes")
    return DocumentError(at.mark(error.problem_mark), f"not valid YAML: {complaint}", hint=hint)


def _odd_space(error: yaml.MarkedYAMLError, at: Places) -> str:
    """A hint, if one of the lines in question holds a space that is none."""
    for mark in (error.context_mark, error.problem_mark):
        if mark is None:
            continue
        # why: from the line before, because the parser often notices only on the next one.
        start = at.text.rfind("\n", 0, max(at.text.rfind("\n", 0, mark.index), 0)) + 1
        end = at.text.find("\n", mark.index)
        odd = _ODD_SPACE.search(at.text, start, end if end >= 0 else len(at.text))
        if odd:
            line = on_line(at.index(odd.start()))
            return f"U+{ord(odd.group()):04X}{line} is not a plain space; retype it"
    return ""
