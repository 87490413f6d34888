"""Names that no other has: of tensors and layers that a file keeps in several graphs."""

from __future__ import annotations


def own_name(name: str, prefix: str, taken: dict[str, int]) -> str:
    """A name that is not taken, which is taken from now on: itself, with its prefix, or with a number.

    taken: how often each was asked for. why not only which: a million of one name are numbered in one go.
    """
    for chosen in (name, joined(prefix, name)):
        if chosen not in taken:
            taken[chosen] = 1
            return chosen
    while True:
        taken[chosen] += 1
        numbered = f"{chosen} ({taken[chosen]})"
        if numbered not in taken:
            taken[numbered] = 1
            return numbered


def joined(prefix: str, name: str) -> str:
    """A name with those of what is around it."""
    return f"{prefix}/{name}" if prefix else name
