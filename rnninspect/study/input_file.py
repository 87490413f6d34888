"""`--input FILE`: what a model is fed with, from a .npy or .csv file to plain numbers.

Everything that is wrong with a file is an OptionError of one line: where, what was expected, what is there, and what
to try. A file is not read further than it takes to see that it does not fit.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
from array import array
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from rnninspect.disk import NoRegularFile, opened, reason
from rnninspect.errors import OptionError, printable, show
from rnninspect.study.input_npy import read_npy

if TYPE_CHECKING:
    from rnninspect.study.input_expected import Expected, Values

_LONGEST_LINE = 1024 * 1024  # in characters, or so many for each column where that is more
_PER_COLUMN = 100
_MOST_BLANK = 64 * 1024  # characters at the end of a file
_SEPARATORS = re.compile(r"[;\t ]+")


def read_values(expected: Expected) -> Values:
    """The numbers of a file in C order: 64-bit floats, or 64-bit integers where they are token indices.

    Raises OptionError, NotInstalled (a .npy without numpy), NotEnoughMemory.
    """
    path = expected.path
    read = {".npy": read_npy, ".csv": read_csv}.get(path.suffix.lower())
    if read is None:
        got = f"got {printable(path.suffix)}" if path.suffix else "got none"
        raise expected.refusal(f"expected a name that ends in .npy or .csv, {got}")
    try:
        with opened(path) as stream:
            return read(stream, expected)
    except OSError as error:
        raise expected.refusal(reason(error).lower(), _what_to_try(error)) from error


def _what_to_try(error: OSError) -> str:
    hints = {
        FileNotFoundError: "check the path",
        PermissionError: "make it readable for this user",
        IsADirectoryError: "name a .npy or .csv file",
        NoRegularFile: "name a .npy or .csv file",
    }
    return next((hint for kind, hint in hints.items() if isinstance(error, kind)), "")


def read_csv(stream: IO[bytes], expected: Expected) -> Values:
    """One sequence: a row for each step; a column for each feature, or one of token indices."""
    if expected.size("N") != 1:
        hint = (
            f"{expected.set_options({'N': 1})}, or save all as .npy" if "N" in expected.settings else "save all as .npy"
        )
        raise expected.refusal(f"a .csv file is one sequence, expected {expected.size('N'):,} (N)", hint)
    expected.need_memory(8)
    steps, free = expected.size("L"), "L" in expected.settings
    width = 1 if expected.below is not None else expected.shape[-1]
    values: array[Any] = array("d") if expected.below is None else array("q")
    outside, first, rows, whole = 0, ("", 0.0), 0, True
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]
    # why backslashreplace: whatever is no text is no number either, and is shown as such.
    with io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="backslashreplace", newline=None) as text:
        for line, cells in _lines(text, max(_LONGEST_LINE, _PER_COLUMN * width), expected):
            if rows == steps:
                other = f", or {expected.set_options({'L': ''})[:-1]} to their number" if free else ""
                hint = f"delete the others{other}"
                raise expected.refusal(f"expected {steps:,} rows (L), got more", hint, line)
            if len(cells) != width:
                raise _other_width(expected, width, len(cells), line, first=rows == 0)
            for column, cell in enumerate(cells, start=1):
                value = _number(cell, line, column, expected)
                if not expected.allows(value):
                    first = first if outside else (f"at line {line}, column {column}", value)
                    outside += 1
                    value = 0  # which never comes out; an index of too many bits would fit in no array
                values.append(value)
                whole = whole and cell.strip().lstrip("+-").isdigit()
            rows += 1
    if rows < steps:
        hint = expected.set_options({"L": rows}) if free and rows else ""
        raise expected.refusal(f"expected {steps:,} rows (L), got {rows:,}", hint)
    if outside:
        raise expected.not_allowed(outside, *first)
    if whole:
        expected.remark_on_integers("its integers")
    return values


def _lines(text: IO[str], longest: int, expected: Expected) -> Iterator[tuple[int, list[str]]]:
    """The rows of the file as text, each with the number of its line."""
    number = 0
    while line := text.readline(longest):
        number += 1
        if not line.strip():
            rest = text.read(_MOST_BLANK)
            if rest.strip() or len(rest) == _MOST_BLANK:
                raise expected.refusal("the line is empty", "delete it", number)
            return
        if len(line) == longest:
            raise expected.refusal(
                f"expected a row of numbers, got a line of more than {longest:,} characters", "", number
            )
        try:
            cells = next(csv.reader([line], skipinitialspace=True))
        except csv.Error as error:
            raise expected.refusal(f"this is no row of a .csv file: {printable(str(error))}", "", number) from error
        yield number, cells


def _number(cell: str, line: int, column: int, expected: Expected) -> float:
    text = cell.strip()
    kind: type[int] | type[float] = float if expected.below is None else int
    # why: Python also takes 1_000 and the digits of other scripts.
    if text.isascii() and "_" not in text:
        with contextlib.suppress(ValueError):
            return kind(text)
    number = "a number" if expected.below is None else "an integer"
    got = show(text) if text else "an empty cell"
    raise expected.refusal(f"column {column}: expected {number}, got {got}", _number_hint(text, line), line)


def _number_hint(text: str, line: int) -> str:
    parts = _SEPARATORS.split(text)
    if text.startswith(("\\xff\\xfe", "\\xfe\\xff")):
        return "save it as UTF-8"
    if len(parts) > 1 and all(map(_is_number, parts)):
        return "separate columns by commas"
    if _is_number(text) and float(text).is_integer():
        return f"write {int(float(text))}"
    return "delete the header line" if line == 1 else ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _other_width(expected: Expected, width: int, got: int, line: int, *, first: bool) -> OptionError:
    if expected.below is not None:
        return expected.refusal(f"expected one column of token indices, got {got:,}", "", line)
    letter = expected.axes[-1]
    hint = ""
    if first and letter in expected.settings:
        hint = expected.set_options({letter: got})
    elif first:
        hint = f"{letter} is what the first layer takes in: change that layer, or the file"
    return expected.refusal(f"expected {width:,} columns ({letter}), got {got:,}", hint, line)
