"""Symbols of equations in a text: letters in italics with what stands below; not MathML, so that lines stay even."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from rnninspect.letters import GREEK, GREEK_BELOW
from rnninspect.markup import Markup, joined, tag, text
from rnninspect.results.table import Block, Kind, Table

_VECTOR = re.compile(r"(.+_)(?:t|\{t-1\})")
_LINK = r"https?://[^\s<>\"']*[^\s<>\"'.,;:)\]]"
_SYMBOL = re.compile(r"(?P<base>[^\W_]+)(?P<primes>'*|\^\(\d+\))(?:_(?P<below>[\w{}+-]+))?")


def symbols_in(blocks: Iterable[Block]) -> list[str]:
    """The symbols that the tables of these blocks list."""
    tables = [block for block in blocks if isinstance(block, Table)]
    cells = (
        row[k]
        for table in tables
        for k, column in enumerate(table.columns)
        if column.kind is Kind.SYMBOL
        for row in table.rows
    )
    found = dict.fromkeys(cell for cell in cells if isinstance(cell, str))
    vectors = [match[1] for cell in found if (match := _VECTOR.fullmatch(cell))]
    # why at every step: sentences tell of the step before too, which in the reverse direction is t+1.
    return [*dict.fromkeys([*found, *(vector + step for vector in vectors for step in ("t", "{t-1}", "{t+1}"))])]


def prose(symbols: Sequence[str]) -> Callable[[str], Markup]:
    """What writes a text in which these symbols, and only they, stand as such, and addresses are links.

    why these alone: `h_0` is a tensor of torch's, and to be copied as it is. A letter by itself may be a word.
    """
    told = [symbol for symbol in symbols if "_" in symbol]
    any_of = "|".join(map(re.escape, sorted(told, key=len, reverse=True))) or "(?!)"
    pattern = re.compile(rf"({_LINK})|(?<![\w.'])({any_of})(?![\w'])")

    def written(words: str) -> Markup:
        plain, links, names = (pattern.split(words)[start::3] for start in range(3))
        found = (
            tag("a", link, href=link, rel="noreferrer") if link else symbol(name)
            for link, name in zip(links, names, strict=True)
        )
        return joined(part for pair in zip_longest(plain, found) for part in pair)

    return written


def symbol(name: str) -> Markup:
    """A symbol: `h_{t-1}` is h with t−1 below it; what is none stands as it is."""
    match = _SYMBOL.fullmatch(name)
    if match is None:
        return text(name)
    base, primes, below = match["base"], match["primes"], match["below"]
    above = tag("sup", primes.strip("^")) if primes.startswith("^") else text("′" * len(primes))
    under = _below(below) if below else None
    is_word = len(base) > 1 and base not in GREEK
    return tag("var", GREEK.get(base, base), above, under, class_="up" if is_word else None)


def _below(index: str) -> Markup:
    """`t−1` slanted as a vector's step is, `ii` and `n,2` upright as names are."""
    parts = [GREEK_BELOW.get(part, part) for part in re.split(r"_(?=\d+$|t$|\{)", index)]
    shown = ",".join(parts).replace("{", "").replace("}", "").replace("-", "−")
    is_step = index[0] == "{" or len(shown) == 1
    return tag("sub", shown, class_=None if is_step else "up")
