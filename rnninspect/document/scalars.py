"""What a scalar of a document means.

Plain scalars follow YAML 1.2's core schema, minus every spelling that could be taken for two things (`no`, `010`,
`0x10`, `1_000` and `1:30` stay strings, for a strict validation to refuse).
"""

from __future__ import annotations

import re

import yaml

from rnninspect.document.paths import Path, dotted
from rnninspect.errors import DocumentError, Place

MAX_DIGITS = 400

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_HALF = re.compile("[\ud800-\udbff]")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# why: a point or an exponent is required, so that `010` is not taken for 10.0.
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def scalar(event: yaml.ScalarEvent, place: Place, path: Path) -> object:
    """What a scalar stands for.

    Raises DocumentError for half a character, a NUL, and a number of more than MAX_DIGITS digits.
    """
    text: str = event.value
    try:
        if _HALF.search(text):
            # why: JSON writes a character beyond U+FFFF as two escapes, each a half of it.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        message = f"\\u{code:04x} is half a character, and no text can hold it"
        hint = "write the character itself, or \\U and eight hexadecimal digits"
        raise DocumentError(place, message, path=dotted(path), hint=hint) from error
    if "\0" in text:
        raise DocumentError(place, "text cannot hold a NUL character", path=dotted(path), hint="drop the \\0")
    return text if event.style is not None else _plain(text, place, path)


def _plain(text: str, place: Place, path: Path) -> object:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    number = int if _INT.fullmatch(text) else float if _FLOAT.fullmatch(text) else None
    if number is None:
        return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else text
    digits = sum(map(str.isdigit, text))
    if digits > MAX_DIGITS:
        message = f"a number of {digits:,} digits"
        raise DocumentError(place, message, path=dotted(path), hint=f"at most {MAX_DIGITS} are read")
    return number(text)
