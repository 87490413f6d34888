"""A page whose answer stands first, for where it is read among others: a job's summary, a pull request's comment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnninspect.results.table import Answer, Block

# So many points are told: more of them are no digest.
_MOST_POINTS = 20


class Fold(NamedTuple):
    """Blocks that only a reader who wants them opens. title: what they are about."""

    title: str
    blocks: tuple[Block, ...]


class Digest(NamedTuple):
    """An answer, and then what it rests on.

    points: what is wrong, a sentence each. shown: the blocks that all readers are to see; folded: the others.
    """

    answer: Answer
    points: tuple[str, ...] = ()
    shown: tuple[Block, ...] = ()
    folded: tuple[Fold, ...] = ()
    caption: str = ""


def few(points: Sequence[str]) -> tuple[str, ...]:
    """The points, or as many as a digest takes, and how many more there are."""
    if len(points) <= _MOST_POINTS:
        return tuple(points)
    return (*points[:_MOST_POINTS], f"and {len(points) - _MOST_POINTS:,} more: the log has each of them")
