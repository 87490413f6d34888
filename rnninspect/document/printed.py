"""A printed module, or the call that makes one, as text: `LSTM(300, 50, num_layers=2)`. Parsed, never executed.

What is read is what torch prints (`torch.nn.Module.__repr__`: a child in each line, `(name): Kind(...)`) and what
people write (`self.lstm = nn.LSTM(...)`, `nn.Sequential(nn.LSTM(3, 4), nn.ReLU())`). A module may print anything
between its brackets: what has no form of these is passed over.
"""

from __future__ import annotations

import math
import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.document.source import line_starts, place_at
from rnninspect.errors import DocumentError, Place

# why: Python's own limit is a thousand calls, of which each level takes two or three.
_DEEPEST = 100
_CALL = re.compile(r"(?:([A-Za-z_][A-Za-z0-9_.]*)\s*=(?!=)\s*)?([A-Za-z_][A-Za-z0-9_.]*) ?\(")
_NAME = re.compile(r"[A-Za-z_]\w*")
# `(name): `, and how many there are that are alike.
CHILD = re.compile(r"\(([^()\n]{1,200})\):\s*(?:(\d{1,9}) x )?")
_KEYWORD = re.compile(r"([A-Za-z_]\w*)\s*=(?!=)\s*")
# A key of a dict.
_KEY = re.compile(r"""["']([^"'\\\n]{1,200})["']\s*:\s*""")
_PRODUCT = re.compile(r"\d{1,9}(?:[ ]?\*[ ]?\d{1,9}){1,9}(?![\w.*])")
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
_TEXT = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_SPACE = re.compile(r"(?:\s|#[^\n]*(?:\n|$))*")
_END = re.compile(r"[ \t]*(?=[,)\]}\n#]|\Z)")
_WORDS = {"True": True, "False": False, "None": None}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Other(NamedTuple):
    """A value that is no plain one, as it is written: `torch.float64`, `1 -> 2`."""

    text: str


class Argument(NamedTuple):
    """What stands between a module's brackets. name: None where it is given by its position. key: where it begins."""

    name: str | None
    value: object
    place: Place
    key: Place

    @property
    def unread(self) -> str:
        """What is given by its position and is no plain value; "" for all else."""
        return self.value.text if self.name is None and isinstance(self.value, Other) else ""


class PrintedModule(NamedTuple):
    """One module. kind: as it is written, `nn.LSTM`. children: by what their parent calls them.

    times: how many there are that are alike. assigned: what it is assigned to, `self.lstm = nn.LSTM(3, 4)`.
    listed: it stands in a print as `(lstm): LSTM(3, 4)`, so that torch wrote it, or a person who writes as torch does.
    """

    kind: str
    arguments: tuple[Argument, ...]
    children: tuple[tuple[str, PrintedModule], ...]
    place: Place
    times: int = 1
    assigned: str = ""
    listed: bool = False

    @property
    def type(self) -> str:
        """Its class without where that is from."""
        return self.kind.rpartition(".")[2]


class Read(NamedTuple):
    """A module that was read. end: where it ends in the text. unclosed: how many brackets were open at the end."""

    module: PrintedModule
    end: int
    unclosed: int = 0


def read_printed(text: str, source: str) -> PrintedModule:
    """The module that `text` prints or makes. Raises DocumentError where its brackets do not close, or text follows."""
    scanner = _Scanner(text, source, line_starts(text))
    module = scanner.module(_past_space(text, 0), 0)
    end = _past_space(text, scanner.at)
    if end < len(text):
        raise DocumentError(
            place_at(text, end, source), "expected the end", hint="one module, or one Sequential of all"
        )
    return module


def read_at(text: str, at: int, source: str, starts: Sequence[int]) -> Read:
    """The module that begins at `at`: a child in brackets, or what `CALL` is. starts: `line_starts` of the whole.

    A print may stop before its last brackets. Raises DocumentError where it stops inside of a layer.
    """
    scanner = _Scanner(text, source, starts, may_be_cut=True)
    child = CHILD.match(text, at)
    if child is None:
        return Read(scanner.module(at, 0), scanner.at, scanner.unclosed)
    module = scanner.module(child.end(), 0, int(child[2] or 1))
    return Read(module._replace(assigned=child[1], listed=True), scanner.at, scanner.unclosed)


def _past_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


class _Scanner:
    """Where in the text the parser stands."""

    def __init__(self, text: str, source: str, starts: Sequence[int], *, may_be_cut: bool = False) -> None:
        self.text, self.source, self.at, self.unclosed = text, source, 0, 0
        self._lines, self._may_be_cut = starts, may_be_cut

    def place(self, at: int) -> Place:
        line = bisect(self._lines, at)
        return Place(self.source, line, at - self._lines[line - 1] + 1)

    def module(self, at: int, depth: int, times: int = 1) -> PrintedModule:
        """The module that begins at `at`."""
        call = _CALL.match(self.text, at)
        if call is None:
            raise DocumentError(self.place(at), "expected a module such as LSTM(300, 50)")
        if depth > _DEEPEST:
            raise DocumentError(self.place(at), f"modules in modules, more than {_DEEPEST} deep")
        start, self.at = call.start(2), call.end()
        arguments: list[Argument] = []
        children: list[tuple[str, PrintedModule]] = []
        for name, value, key, place in self._items(")", depth, children):
            match value:
                case PrintedModule():
                    children.append((str(len(children)) if name is None else name, value))
                case _:
                    arguments.append(Argument(name=name, value=value, place=place, key=key))
        assigned = (call[1] or "").removeprefix("self.")
        return PrintedModule(
            kind=call[2],
            arguments=tuple(arguments),
            children=tuple(children),
            place=self.place(start),
            times=times,
            assigned=assigned,
        )

    def _items(
        self, closing: str, depth: int, children: Sequence[tuple[str, PrintedModule]] = ()
    ) -> Iterator[tuple[str | None, object, Place, Place]]:
        """What stands before a closing bracket, which is passed: with its name, where it has any.

        children: what has been found of a module's; after one that was listed the text may end, as cut prints do.
        """
        opened = self.at
        while True:
            self.at = _past_space(self.text, self.at)
            if self.at >= len(self.text):
                if self._may_be_cut and children and children[-1][1].listed:
                    self.unclosed += 1
                    return
                raise DocumentError(
                    self.place(max(opened - 1, 0)), f"the bracket is not closed: expected {closing} before the end"
                )
            if self.text[self.at] == closing:
                self.at += 1
                return
            sign = self.text[self.at]
            if sign in _CLOSING.values():
                raise DocumentError(self.place(self.at), f"expected {closing}, got {sign}", hint="a bracket is missing")
            if sign == ",":
                self.at += 1
            else:
                yield self._item(depth)

    def _item(self, depth: int) -> tuple[str | None, object, Place, Place]:
        at, name = self.at, None
        child = CHILD.match(self.text, at)
        if child is not None and _CALL.match(self.text, child.end()):
            module = self.module(child.end(), depth + 1, int(child[2] or 1))
            return child[1], module._replace(listed=True), self.place(at), self.place(child.end())
        keyword = _KEYWORD.match(self.text, at) or _KEY.match(self.text, at)
        if keyword is not None:
            name, self.at = keyword[1], keyword.end()
        place = self.place(self.at)
        return name, self._value(depth), self.place(at), place

    def _value(self, depth: int) -> object:
        """A value, up to what ends it: a comma, a closing bracket, or for what is passed over the end of its line."""
        start = self.at
        if _CALL.match(self.text, start):
            module = self.module(start, depth + 1)
            if self._ends():
                return module
        elif match := _TEXT.match(self.text, start):
            self.at = match.end()
            if self._ends():
                return match[0][1:-1]
        elif match := _PRODUCT.match(self.text, start):
            self.at = match.end()
            if self._ends():
                return math.prod(map(int, match[0].split("*")))
        elif match := _NUMBER.match(self.text, start):
            self.at = match.end()
            if self._ends():
                return _number(match[0])
        elif match := _NAME.match(self.text, start):
            self.at = match.end()
            if match[0] in _WORDS and self._ends():
                return _WORDS[match[0]]
        elif (sign := self.text[start : start + 1]) in _CLOSING and depth < _DEEPEST:
            self.at = start + 1
            pairs = [(name or "", value) for name, value, _, _ in self._items(_CLOSING[sign], depth + 1)]
            if self._ends():
                return tuple(pairs if sign == "{" else [value for _, value in pairs])
        self.at = self._passed_over(start)
        return Other(self.text[start : self.at].strip())

    def _ends(self) -> bool:
        """Whether a value ends here: only spaces stand before what ends it."""
        return _END.match(self.text, self.at) is not None

    def _passed_over(self, start: int) -> int:
        """The end of what has no form of ours: where its brackets are closed and a comma, bracket or line ends it."""
        waiting: list[str] = []
        for at in range(start, len(self.text)):
            sign = self.text[at]
            if waiting and sign == waiting[-1]:
                waiting.pop()
            elif sign in _CLOSING:
                waiting.append(_CLOSING[sign])
            elif not waiting and sign in ",)]}\n" and at > start:
                return at
        return len(self.text)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
