"""How a text begins that is a printed module, and what tells a document for certain: before either is parsed."""

from __future__ import annotations

import re

# How a call begins; editors read it too. why no \w: there it is ASCII, and here it is not.
CALL = r"^\s*([A-Za-z_][A-Za-z0-9_.]*\s*=\s*)?[A-Za-z_][A-Za-z0-9_.]* ?\("
_CERTAIN = re.compile(r"""\A\s*\{|^[ \t]*["']?(?:layers|cells|input)["']?[ \t]*:""", re.MULTILINE)


def is_printed(text: str) -> bool:
    """Whether a text begins as a printed module does: `Name(`."""
    return re.match(CALL, text) is not None


def is_document(text: str) -> bool:
    """Whether a text is a document for certain, wherever a call may stand in it."""
    return not is_printed(text) and _CERTAIN.search(text) is not None
