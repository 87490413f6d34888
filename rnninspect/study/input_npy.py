"""A .npy file as a model's input. numpy, which is an option, is imported where such a file is read, and only there."""

from __future__ import annotations

import io
import math
import os
import tokenize
import warnings
from array import array
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from rnninspect.errors import NotInstalled, OptionError

if TYPE_CHECKING:
    import numpy

    from rnninspect.study.input_expected import Expected, Values

_MAGIC = b"\x93NUMPY"
_OTHER_FORMATS = {
    b"PK\x03\x04": ("a zip archive, as numpy.savez writes", "numpy.save writes one array"),
    b"\x80": ("a pickle, and loading one runs what is in it", "numpy.save writes plain numbers"),
}
_LONGEST_HEADER = 64 * 1024


class _Header(NamedTuple):
    """What a .npy file says of itself. start: where its values begin."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: numpy.dtype[Any]
    start: int


def read_npy(stream: IO[bytes], expected: Expected) -> Values:
    """The array of the file, of which no value is read before its dtype, shape and size are right."""
    data = _read_whole(stream, _LONGEST_HEADER)
    if not data.startswith(_MAGIC):
        other = next((name for magic, name in _OTHER_FORMATS.items() if data.startswith(magic)), None)
        what, hint = other or ("none" if data else "empty", "numpy.save writes one")
        raise expected.refusal(f"expected a .npy file, this is {what}", hint)
    try:
        import numpy
    except ImportError as error:
        raise NotInstalled(expected.name, "numpy", "npy", error) from error
    header = _read_header(data, expected)
    dtype, count = header.dtype, math.prod(expected.shape)
    _check_dtype(dtype, expected)
    if header.shape != expected.shape:
        shape = str(header.shape) if len(str(header.shape)) < 80 else f"one of {len(header.shape)} axes"
        message = f"expected shape {expected.letters} {expected.shape}, got {shape}"
        raise expected.refusal(message, _to_fit(expected, header.shape))
    nbytes, nbytes_there = count * dtype.itemsize, os.fstat(stream.fileno()).st_size - header.start
    if nbytes_there != nbytes:
        raise _damaged(expected, f"expected {nbytes:,} bytes of values, got {nbytes_there:,}")
    # The file's own numbers, those as 64 bits, and those as an array.
    expected.need_memory(dtype.itemsize + 16)
    stream.seek(header.start)
    raw = numpy.fromfile(stream, dtype=dtype, count=count)
    if raw.size != count:  # someone cut it short since
        raise _damaged(expected, f"expected {count:,} values, got {raw.size:,}")
    values = _converted(raw.reshape(expected.shape, order="F" if header.fortran_order else "C"), expected)
    if dtype.kind in "iu":
        expected.remark_on_integers(f"its {dtype}")
    return values


def _read_whole(stream: IO[bytes], size: int) -> bytes:
    """So many bytes, or all there are."""
    data = b""
    while chunk := stream.read(size - len(data)):
        data += chunk
    return data


def _read_header(data: bytes, expected: Expected) -> _Header:
    """numpy's own reading of a header, which is a Python literal."""
    from numpy.lib import format as npy

    # why 3.0 by the reader of 2.0: they differ in how the names of fields are encoded, and plain numbers have none.
    later = npy.read_array_header_2_0
    readers = {b"\1\0": npy.read_array_header_1_0, b"\2\0": later, b"\3\0": later}
    start = len(_MAGIC) + 2
    reader = readers.get(data[len(_MAGIC) : start])
    if reader is None:
        raise _damaged(expected, "there is no such version of the format")
    buffer = io.BytesIO(data)
    buffer.seek(start)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a header that Python 2 wrote, or of a stray backslash
            shape, fortran_order, dtype = reader(buffer)
    except _UNREADABLE as error:
        raise _damaged(expected, "its header cannot be read") from error
    # why: numpy takes True for a size, and one of thousands of digits, which cannot be shown.
    if not all(type(size) is int and abs(size) < 2**63 for size in shape):
        raise _damaged(expected, "its header cannot be read")
    return _Header(shape=shape, fortran_order=fortran_order, dtype=dtype, start=buffer.tell())


# numpy documents ValueError; the others are those of what it reads a header with: ast, tokenize and numpy.dtype.
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    SyntaxError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)


def _check_dtype(dtype: numpy.dtype[Any], expected: Expected) -> None:
    if dtype.names is not None:
        raise expected.refusal("expected plain numbers, got a structured dtype", "save one field of it")
    if dtype.hasobject:
        raise expected.refusal(
            "expected plain numbers, got Python objects, and loading those runs them", "convert them"
        )
    if expected.below is not None and dtype.kind not in "iu":
        raise expected.refusal(
            f"expected token indices, an integer dtype, got {dtype}", "save it with .astype('int64')"
        )
    if dtype.kind not in "iuf":
        raise expected.refusal(
            f"expected a real float or integer dtype, got {dtype}", "save it with .astype('float32')"
        )


def _damaged(expected: Expected, message: str) -> OptionError:
    return expected.refusal(f"the file is damaged: {message}", "save it again")


def _converted(raw: numpy.ndarray[Any, Any], expected: Expected) -> Values:
    import numpy

    with numpy.errstate(all="ignore"):  # what is too large for 64 bits becomes infinite, which is found below
        whole = numpy.ascontiguousarray(raw, dtype=numpy.float64 if expected.below is None else numpy.int64)
    # why of the raw indices: the largest of 64 unsigned bits are negative as signed ones.
    bad = ~numpy.isfinite(whole) if expected.below is None else (raw < 0) | (raw >= expected.below)
    if bad.any():
        first = tuple(int(index) for index in numpy.unravel_index(int(bad.argmax()), bad.shape))
        value = whole[first] if expected.below is None else raw[first]
        raise expected.not_allowed(int(bad.sum()), f"at {list(first)}", value)
    values: Values = array("d") if expected.below is None else array("q")
    values.frombytes(whole.data.cast("B"))
    return values


def _to_fit(expected: Expected, shape: tuple[int, ...]) -> str:
    """What would make the document fit an array of this shape, or the array the document."""
    if min(shape, default=0) < 1:
        return "it holds nothing"
    transposed = sorted(shape) == sorted(expected.shape)
    axes, unbatched = list(expected.axes), dict[str, str]()
    if "N" in axes and len(shape) == len(axes) - 1:
        axes.remove("N")
        unbatched = {"N": "null"} if "N" in expected.settings else {}
    elif "N" not in axes and len(shape) == len(axes) + 1:
        axes.insert(1, "N")
    if len(axes) != len(shape):
        return f"its axes should be {expected.letters}"
    differing = {
        axis: size
        for axis, size in zip(axes, shape, strict=True)
        if axis not in expected.axes or size != expected.size(axis)
    }
    fixed = [axis for axis in differing if axis not in expected.settings]
    if not fixed:
        fit = expected.set_options({**differing, **unbatched})
    else:
        fit = f"{' and '.join(fixed)} is what the first layer takes in: change that layer, or the file"
    return f"transpose it to {expected.letters}, or {fit}" if transposed else fit
