"""What the letters of a table's axes stand for."""

from __future__ import annotations

from collections.abc import Iterable

from rnninspect.facts import LETTERS, letters_of


def legend(axes: Iterable[tuple[str, ...]]) -> str:
    """One sentence for the letters in `axes`, in torch's order."""
    used = {letter for names in set(axes) for axis in names for letter in letters_of(axis)}
    return "; ".join(f"{letter} {meaning}" for letter, meaning in LETTERS.items() if letter in used)
