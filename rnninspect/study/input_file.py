"""`--input FILE`: what a model is fed with, from a .npy or .csv file to plain numbers.

Everything that is wrong with a file is an OptionError of one line: where, what was expected, what is there, and what
to try. A file is not read further than it takes to see that it does not fit.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import math
import os
import re
import warnings
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from rnninspect.disk import NoRegularFile, opened, reason
from rnninspect.errors import NotEnoughMemory, NotInstalled, OptionError, printable, show
from rnninspect.runtime.memory import available_bytes

if TYPE_CHECKING:
    import numpy

    Values = array[float] | array[int]

# By axis, the value of the document that is its size; which layer the width belongs to, only the caller knows.
SETTINGS: Mapping[str, str] = {"L": "input.seq_len", "N": "input.batch_size"}


class _Wanted(NamedTuple):
    """What the file is to hold. below: for token indices, their number; None for features."""

    path: Path
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    below: int | None
    settings: Mapping[str, str]
    besides: Mapping[str, object] = {}
    remark: Callable[[str], None] = lambda remark: None

    @property
    def name(self) -> str:
        return f"--input {printable(str(self.path))}"

    @property
    def letters(self) -> str:
        return f"({', '.join(self.axes)}{',' if len(self.axes) == 1 else ''})"

    def size(self, axis: str) -> int:
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def sets(self, sizes: Mapping[str, object]) -> str:
        """The options that make the document's axes as long as that."""
        given = {self.settings[axis]: size for axis, size in sizes.items()}
        besides = self.besides if sizes.keys() & SETTINGS.keys() else {}
        whole = {path: value for path, value in besides.items() if path not in given} | given
        return " ".join(f"--set {path}={value}" for path, value in whole.items())

    def wrong(self, message: str, hint: str = "", line: int | None = None) -> OptionError:
        where = self.name if line is None else f"{self.name}:{line}"
        return OptionError(f"{where}: {message}" + (f" ({hint})" if hint else ""))

    def holds(self, value: float) -> bool:
        """Whether the model can take a number."""
        return math.isfinite(value) if self.below is None else 0 <= value < self.below

    def were_integers(self, which: str) -> None:
        """Remark on integers that were taken for features, which may have been meant as token indices."""
        if self.below is None:
            self.remark(f"{self.name}: {which} were taken as numbers (token indices are for a model with an Embedding)")

    def outside(self, count: int, first: str, value: object) -> OptionError:
        """The error for numbers that it cannot take."""
        if self.below is None:
            expected, hint = "finite numbers", "NaN and infinity would spread to every later step"
        else:
            expected = f"token indices from 0 to {self.below - 1:,}"
            hint = "the first layer's num_embeddings is the number of tokens"
        found = f"{count:,} of {math.prod(self.shape):,} are not, the first {first}: {show(value)}"
        return self.wrong(f"expected {expected}, {found}", hint)


def read_values(
    path: Path,
    shape: tuple[int, ...],
    axes: tuple[str, ...],
    *,
    below: int | None = None,
    settings: Mapping[str, str] = SETTINGS,
    besides: Mapping[str, object] | None = None,
    remark: Callable[[str], None] = lambda remark: None,
) -> Values:
    """The numbers of a file in C order: 64-bit floats, or 64-bit integers where `below` is given.

    shape, axes: what the document expects, (20, 32, 300) and ("L", "N", "H_in").
    below: the file holds token indices, each less than this.
    settings: by axis, what `--set` can change to make the document fit the file.
    besides: what has to be set with them, and to what, for L and N to be free.
    remark: what to do with a sentence on how the file was taken.
    Raises OptionError, NotInstalled (a .npy without numpy), NotEnoughMemory.
    """
    wanted = _Wanted(path, shape, axes, below, settings, besides or {}, remark)
    read = {".npy": _read_npy, ".csv": _read_csv}.get(path.suffix.lower())
    if read is None:
        got = f"got {printable(path.suffix)}" if path.suffix else "got none"
        raise wanted.wrong(f"expected a name that ends in .npy or .csv, {got}")
    try:
        with opened(path) as stream:
            return read(stream, wanted)
    except OSError as error:
        raise wanted.wrong(reason(error).lower(), _what_to_try(error)) from error


def _what_to_try(error: OSError) -> str:
    hints = {
        FileNotFoundError: "check the path",
        PermissionError: "make it readable for this user",
        IsADirectoryError: "name a .npy or .csv file",
        NoRegularFile: "name a .npy or .csv file",
    }
    return next((hint for kind, hint in hints.items() if isinstance(error, kind)), "")


def _need_memory(wanted: _Wanted, each: int) -> None:
    needed, free = each * math.prod(wanted.shape), available_bytes()
    if free is not None and needed > free:
        raise NotEnoughMemory(f"{wanted.name}: to read it takes {needed:,} bytes, the machine has {free:,} free")


# --- .npy -------------------------------------------------------------------------------------------------

_MAGIC = b"\x93NUMPY"
_OTHERS = {
    b"PK\x03\x04": ("a zip archive, as numpy.savez writes", "numpy.save writes one array"),
    b"\x80": ("a pickle, and loading one runs what is in it", "numpy.save writes plain numbers"),
}
_LONGEST_HEADER = 64 * 1024
_DESCR = re.compile(r"[<>|=][biufcmMSUV][0-9]{1,4}(\[[0-9a-zA-Z]{1,6}\])?")


class _Header(NamedTuple):
    """What a .npy file says of itself. start: where its values begin."""

    descr: str
    fortran_order: bool
    shape: tuple[int, ...]
    start: int


def _read_npy(stream: IO[bytes], wanted: _Wanted) -> Values:
    header = _header(_read_whole(stream, _LONGEST_HEADER), wanted)
    try:
        import numpy
    except ImportError as error:
        raise NotInstalled(wanted.name, "numpy", "npy", error) from error
    try:
        dtype = numpy.dtype(header.descr)
    except TypeError as error:
        raise _damaged(wanted, f"there is no dtype {show(header.descr)}") from error
    if wanted.below is not None and dtype.kind not in "iu":
        raise wanted.wrong(f"expected token indices, an integer dtype, got {dtype}", "save it with .astype('int64')")
    if dtype.kind not in "iuf":
        raise wanted.wrong(f"expected a real float or integer dtype, got {dtype}", "save it with .astype('float32')")
    if header.shape != wanted.shape:
        shape = str(header.shape) if len(str(header.shape)) < 80 else f"one of {len(header.shape)} axes"
        raise wanted.wrong(
            f"expected shape {wanted.letters} {wanted.shape}, got {shape}", _to_fit(wanted, header.shape)
        )
    count = math.prod(wanted.shape)
    promised, there = count * dtype.itemsize, os.fstat(stream.fileno()).st_size - header.start
    if there != promised:
        raise _damaged(wanted, f"expected {promised:,} bytes of values, got {there:,}")
    # The file's own numbers, those as 64 bits, and those as an array.
    _need_memory(wanted, dtype.itemsize + 16)
    stream.seek(header.start)
    raw = numpy.fromfile(stream, dtype=dtype, count=count)
    if raw.size != count:  # someone cut it short since
        raise _damaged(wanted, f"expected {count:,} values, got {raw.size:,}")
    values = _converted(raw.reshape(wanted.shape, order="F" if header.fortran_order else "C"), wanted)
    if dtype.kind in "iu":
        wanted.were_integers(f"its {dtype}")
    return values


def _converted(raw: numpy.ndarray[Any, Any], wanted: _Wanted) -> Values:
    import numpy

    with numpy.errstate(all="ignore"):  # what is too large for 64 bits becomes infinite, which is found below
        whole = numpy.ascontiguousarray(raw, dtype=numpy.float64 if wanted.below is None else numpy.int64)
    # why of the raw indices: the largest of 64 unsigned bits are negative as signed ones.
    bad = ~numpy.isfinite(whole) if wanted.below is None else (raw < 0) | (raw >= wanted.below)
    if bad.any():
        first = tuple(int(index) for index in numpy.unravel_index(int(bad.argmax()), bad.shape))
        raise wanted.outside(int(bad.sum()), f"at {list(first)}", whole[first] if wanted.below is None else raw[first])
    values: Values = array("d") if wanted.below is None else array("q")
    values.frombytes(whole.data.cast("B"))
    return values


def _read_whole(stream: IO[bytes], size: int) -> bytes:
    """So many bytes, or all there are."""
    data = b""
    while chunk := stream.read(size - len(data)):
        data += chunk
    return data


def _header(data: bytes, wanted: _Wanted) -> _Header:
    """Read the header, which is a Python literal.

    why not numpy's own reader: it raises whatever the tokenizer does where the header is none, and warns.
    """
    if not data.startswith(_MAGIC):
        other = next((said for magic, said in _OTHERS.items() if data.startswith(magic)), None)
        what, hint = other or ("none" if data else "empty", "numpy.save writes one")
        raise wanted.wrong(f"expected a .npy file, this is {what}", hint)
    major, start = data[6:7], 10 if data[6:7] == b"\x01" else 12
    if major not in (b"\x01", b"\x02", b"\x03"):
        raise _damaged(wanted, "there is no such version of the format")
    end = start + int.from_bytes(data[8:start], "little")
    if len(data) < max(start, end):
        raise _damaged(wanted, "its header ends early")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tokenizer's, of a stray backslash for one
            found = ast.literal_eval(data[start:end].decode("utf-8" if major == b"\x03" else "latin-1").strip())
    # These are what literal_eval is documented to raise.
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise _damaged(wanted, "its header cannot be read") from error
    match found:
        case {"descr": list()}:
            raise wanted.wrong("expected plain numbers, got a structured dtype", "save one field of it")
        case {"descr": "|O"}:
            raise wanted.wrong(
                "expected plain numbers, got Python objects, and loading those runs them", "convert them"
            )
        case {"descr": str(descr), "fortran_order": bool(order), "shape": tuple(shape)} if _DESCR.fullmatch(
            descr
        ) and all(type(size) is int for size in shape):
            return _Header(descr, order, shape, end)
    raise _damaged(wanted, "its header does not describe an array")


def _damaged(wanted: _Wanted, message: str) -> OptionError:
    return wanted.wrong(f"the file is damaged: {message}", "save it again")


def _to_fit(wanted: _Wanted, shape: tuple[int, ...]) -> str:
    """What would make the document fit an array of this shape, or the array the document."""
    if min(shape, default=0) < 1:
        return "it holds nothing"
    transposed = sorted(shape) == sorted(wanted.shape)
    axes, unbatched = list(wanted.axes), dict[str, str]()
    if "N" in axes and len(shape) == len(axes) - 1:
        axes.remove("N")
        unbatched = {"N": "null"} if "N" in wanted.settings else {}
    elif "N" not in axes and len(shape) == len(axes) + 1:
        axes.insert(1, "N")
    if len(axes) != len(shape):
        return f"its axes should be {wanted.letters}"
    differing = {
        axis: size
        for axis, size in zip(axes, shape, strict=True)
        if axis not in wanted.axes or size != wanted.size(axis)
    }
    fixed = [axis for axis in differing if axis not in wanted.settings]
    if not fixed:
        fit = wanted.sets({**differing, **unbatched})
    else:
        fit = f"{' and '.join(fixed)} is what the first layer takes in: change that layer, or the file"
    return f"transpose it to {wanted.letters}, or {fit}" if transposed else fit


# --- .csv -------------------------------------------------------------------------------------------------

_LONGEST_LINE = 1024 * 1024  # in characters, or so many for each column where that is more
_PER_COLUMN = 100
_MOST_BLANK = 64 * 1024  # characters at the end of a file
_SEPARATORS = re.compile(r"[;\t ]+")


def _read_csv(stream: IO[bytes], wanted: _Wanted) -> Values:
    """One sequence: a row for each step; a column for each feature, or one of token indices."""
    if wanted.size("N") != 1:
        hint = f"{wanted.sets({'N': 1})}, or save all as .npy" if "N" in wanted.settings else "save all as .npy"
        raise wanted.wrong(f"a .csv file is one sequence, expected {wanted.size('N'):,} (N)", hint)
    _need_memory(wanted, 8)
    steps, free = wanted.size("L"), "L" in wanted.settings
    width = 1 if wanted.below is not None else wanted.shape[-1]
    values: array[Any] = array("d") if wanted.below is None else array("q")
    outside, first, rows, whole = 0, ("", 0.0), 0, True
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]
    # why backslashreplace: whatever is no text is no number either, and is shown as such.
    with io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="backslashreplace", newline=None) as text:
        for line, cells in _lines(text, max(_LONGEST_LINE, _PER_COLUMN * width), wanted):
            if rows == steps:
                other = f", or {wanted.sets({'L': ''})[:-1]} to their number" if free else ""
                hint = f"delete the others{other}"
                raise wanted.wrong(f"expected {steps:,} rows (L), got more", hint, line)
            if len(cells) != width:
                raise _other_width(wanted, width, len(cells), line, first=rows == 0)
            for column, cell in enumerate(cells, start=1):
                value = _number(cell, line, column, wanted)
                if not wanted.holds(value):
                    first = first if outside else (f"at line {line}, column {column}", value)
                    outside += 1
                    value = 0  # which never comes out; an index of too many bits would fit in no array
                values.append(value)
                whole = whole and cell.strip().lstrip("+-").isdigit()
            rows += 1
    if rows < steps:
        hint = wanted.sets({"L": rows}) if free and rows else ""
        raise wanted.wrong(f"expected {steps:,} rows (L), got {rows:,}", hint)
    if outside:
        raise wanted.outside(outside, *first)
    if whole:
        wanted.were_integers("its integers")
    return values


def _lines(text: IO[str], longest: int, wanted: _Wanted) -> Iterator[tuple[int, list[str]]]:
    """The rows of the file as text, each with the number of its line."""
    number = 0
    while line := text.readline(longest):
        number += 1
        if not line.strip():
            rest = text.read(_MOST_BLANK)
            if rest.strip() or len(rest) == _MOST_BLANK:
                raise wanted.wrong("the line is empty", "delete it", number)
            return
        if len(line) == longest:
            raise wanted.wrong(f"expected a row of numbers, got a line of more than {longest:,} characters", "", number)
        try:
            cells = next(csv.reader([line], skipinitialspace=True))
        except csv.Error as error:
            raise wanted.wrong(f"this is no row of a .csv file: {printable(str(error))}", "", number) from error
        yield number, cells


def _number(cell: str, line: int, column: int, wanted: _Wanted) -> float:
    text = cell.strip()
    kind: type[int] | type[float] = float if wanted.below is None else int
    # why: Python also takes 1_000 and the digits of other scripts.
    if text.isascii() and "_" not in text:
        with contextlib.suppress(ValueError):
            return kind(text)
    expected = "a number" if wanted.below is None else "an integer"
    got = show(text) if text else "an empty cell"
    raise wanted.wrong(f"column {column}: expected {expected}, got {got}", _number_hint(text, line), line)


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


def _other_width(wanted: _Wanted, width: int, got: int, line: int, *, first: bool) -> OptionError:
    if wanted.below is not None:
        return wanted.wrong(f"expected one column of token indices, got {got:,}", "", line)
    letter = wanted.axes[-1]
    hint = ""
    if first and letter in wanted.settings:
        hint = wanted.sets({letter: got})
    elif first:
        hint = f"{letter} is what the first layer takes in: change that layer, or the file"
    return wanted.wrong(f"expected {width:,} columns ({letter}), got {got:,}", hint, line)
