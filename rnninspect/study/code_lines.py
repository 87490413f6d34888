"""Lines of Python: those of a block, and those that are too long."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

WIDTH = 79
INDENT = "    "


def indented(lines: Iterable[str], depth: int = 1) -> Iterator[str]:
    """Lines of a block."""
    return (INDENT * depth + line if line else line for line in lines)


def fitted(lines: Iterable[str]) -> Iterator[str]:
    """Lines of at most `WIDTH`: what a comment says goes above, and what stands in the last brackets below."""
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        if len(line) > WIDTH and "  # " in line:
            line, _, comment = line.partition("  # ")
            yield f"{indent}# {comment}"
        body = _bracketed(line) if len(line) > WIDTH else None
        if body is None:
            yield line
            continue
        yield line[: body.start]
        row = ""
        for item in _items(line[body.start : body.stop]):
            if row and len(f"{indent}{INDENT}{row} {item}") > WIDTH:
                yield from fitted([f"{indent}{INDENT}{row}"])
                row = ""
            row = f"{row} {item}".lstrip()
        yield from fitted([f"{indent}{INDENT}{row}"])
        yield indent + line[body.stop :]


def _bracketed(line: str) -> slice | None:
    """What stands in the brackets that close last, where the line ends with them."""
    stop = len(line.rstrip(",")) - 1
    depth = 0
    for place in range(stop, -1, -1):
        depth += (line[place] in ")]}") - (line[place] in "([{")
        if depth == 0:
            return slice(place + 1, stop) if place < stop else None
    return None


def _items(text: str) -> Iterator[str]:
    """The parts of a list, each with its comma; those of a list within it stay together."""
    start = depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            yield text[start : place + 1].strip()
            start = place + 1
    if text[start:].strip():
        yield text[start:].strip()
