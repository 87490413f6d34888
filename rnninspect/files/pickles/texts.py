"""Texts and numbers as pickles write them."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"\n": b""}
# An int's text; longer ones are no size of anything, and Python itself turns no text of 4,300 digits into a number.
_LONGEST_NUMBER = 1000


def text_of_utf8(data: bytes) -> str:
    """A text of Python 3, which may have halves of surrogate pairs."""
    return data.decode("utf-8", "surrogatepass")


def text_of_latin(data: bytes) -> str:
    """A text of Python 2, which says no encoding: UTF-8 where it can be."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def text_of_quoted(data: bytes) -> str:
    """A text of protocol 0 as Python 2 shows it, in quotes and with escapes."""
    data = data.strip()
    if len(data) < 2 or data[:1] != data[-1:] or data[:1] not in (b"'", b'"'):
        raise ValueError("no quotes")
    return text_of_latin(_ESCAPE.sub(_unescaped, data[1:-1]))


def whole_number(data: bytes) -> int | bool:
    """A whole number as a line of protocol 0 has it; `01` and `00` are true and false."""
    if data in (b"00", b"01"):
        return data == b"01"
    if len(data) > _LONGEST_NUMBER:
        raise ValueError("no number is as long")
    return int(data.rstrip(b"L"))


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] == b"x" and len(code) == 3:
        return bytes([int(code[1:], 16)])
    if code.isdigit() and code < b"8":
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code if code in (b"\\", b"'", b'"') else found[0])
