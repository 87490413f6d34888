"""Texts in a picture: pieces in a few styles, as an equation's text is set, and how wide they are at most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from rnninspect.letters import GREEK, GREEK_BELOW

# A name, its primes, its index and its step; or a run of anything else. `tanh(` is a function's name.
_PIECES = re.compile(
    r"(?P<function>[^\W\d_]+(?=\())|(?P<name>[^\W\d_][^\W_ᵀ]*)(?P<primes>\^\(\d+\)|'*)"
    r"(?P<index>(?:_+(?:\{t[-+]1\}|[^\W_ᵀ]+))*)(?P<turned>ᵀ?)|(?P<other>[^\W\d_]|[\d_.]+|\W)"
)
# How wide characters are, in 1/100 of the size of their font, as DejaVu Sans has them, the widest of the usual ones.
_WIDTHS = dict.fromkeys("ijlI.,:;'|·!′", 34) | dict.fromkeys("ftr()[]/- ", 43)
_WIDTHS |= dict.fromkeys("mW", 100) | dict.fromkeys("MwOQ⊙", 88) | dict.fromkeys("+−×÷=<>±", 84)
_WIDE, _USUAL, _MONO = 76, 65, 62


class Style(Enum):
    """How a piece is set. The sizes of their fonts are in pixels."""

    NAME = "n"  # a symbol, in italics
    WORD = "w"  # a function or a sign
    INDEX = "i"  # below the line
    POWER = "p"  # above the line
    SIZE = "s"  # a number of a shape
    NOTE = "o"  # a sentence below the picture

    @property
    def points(self) -> float:
        """The size of its font, in pixels."""
        return {"n": 15.0, "w": 13.0, "i": 11.0, "p": 11.0, "s": 11.0, "o": 12.0}[self.value]


class Piece(NamedTuple):
    """Characters of one style."""

    text: str
    style: Style = Style.WORD


Text = tuple[Piece, ...]


def symbols(written: str) -> Text:
    """What `cells.write.name` says, set: `W_ii` as W with a lowered ii, `h'_{t-1}` with a prime and t−1."""
    return tuple(_merged(_pieces(written)))


def size(numbers: tuple[int, ...]) -> Text:
    """A shape: 50×300."""
    return (Piece("×".join(map(str, numbers)), Style.SIZE),)


def plain(text: Text) -> str:
    """Its characters in one line, as equations are written: `W_ii x_t`, `h_{t−1}`."""
    return "".join(map(_plain, text))


def _plain(piece: Piece) -> str:
    match piece.style:
        case Style.INDEX:
            return f"_{piece.text}" if piece.text.isalnum() else f"_{{{piece.text}}}"
        case Style.POWER:
            return "ᵀ" if piece.text == "T" else f"^{piece.text}"
        case _:
            return piece.text


def width(text: Text) -> float:
    """The most pixels that it is wide."""
    return sum(_width(piece) for piece in text)


def _width(piece: Piece) -> float:
    if piece.style is Style.SIZE:
        return len(piece.text) * _MONO * piece.style.points / 100
    return sum(_of(character) for character in piece.text) * piece.style.points / 100


def _of(character: str) -> int:
    return _WIDTHS.get(character, _WIDE if character.isupper() else _USUAL)


def _pieces(written: str) -> Iterator[Piece]:
    for match in _PIECES.finditer(written):
        if match["function"]:
            yield Piece(match["function"])
        elif not match["name"]:
            yield Piece(match["other"].replace("-", "−"))
        else:
            yield from _name(match)


def _name(match: re.Match[str]) -> Iterator[Piece]:
    primes = match["primes"]
    counted = primes.startswith("^")
    letter = GREEK.get(match["name"], match["name"])
    yield Piece(letter if counted else letter + primes.replace("'", "′"), Style.NAME)
    if counted:
        yield Piece(primes[1:], Style.POWER)
    parts = [GREEK_BELOW.get(part, part) for part in match["index"].split("_") if part]
    if parts:
        yield Piece(",".join(parts).replace("{", "").replace("}", "").replace("-", "−"), Style.INDEX)
    if match["turned"]:
        yield Piece("T", Style.POWER)


def _merged(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Pieces of one style that follow each other are one."""
    last: Piece | None = None
    for piece in pieces:
        if last is not None and last.style is piece.style and piece.style is Style.WORD:
            last = Piece(last.text + piece.text, piece.style)
        else:
            if last is not None:
                yield last
            last = piece
    if last is not None:
        yield last
