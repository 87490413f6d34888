"""Tables of cases as text, where what is read and what is said of it are longer than a row of a list can be."""

from __future__ import annotations


def cases(text: str, **short: str) -> dict[str, list[str]]:
    """By each line that is not indented, the lines below it; one that is indented further goes on the one before.

    short: what words stand for in the text.
    """
    found: dict[str, list[str]] = {}
    for word, whole in short.items():
        text = text.replace(word, whole)
    for line in filter(None, text.splitlines()):
        bare = line.lstrip()
        if bare == line:
            assert line not in found
            below = found[line] = []
        elif line.startswith(" " * 5):
            below[-1] += f" {bare}"
        else:
            below.append(bare)
    return found
