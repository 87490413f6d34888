"""A path to a value of a document, and how messages write it."""

from __future__ import annotations

import re

from rnninspect.errors import show

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """`path` as messages write it: `('layers', 1, 'hidden_size')` is `layers[1].hidden_size`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            # why: quoted where a key could be mistaken for syntax, or is too long to be printed whole.
            name = part if re.fullmatch(r"[\w-]{1,60}", part) else show(part)
            text += f".{name}" if text else name
    return text
