"""JSON for scripts: raw numbers, keys in the order given, safe to show on a terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

_BEYOND_ASCII = re.compile(r"[^ -~\n]")


def render(document: Mapping[str, object]) -> str:
    """`document` as indented JSON that ends in a newline."""
    text = json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False)
    # why: see errors.printable; only strings have that character.
    return _BEYOND_ASCII.sub(_escaped_unless_printable, text).replace("##[", r"#\u0023[") + "\n"


def _finite(value: object) -> object:
    """`value` with null for each NaN and infinity, which JSON cannot spell."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def _escaped_unless_printable(match: re.Match[str]) -> str:
    # why: json.dumps leaves DEL, C1 controls, bidi marks and lone surrogates as they are. Outside ASCII only
    # strings have characters, so an escape is right wherever one stands.
    char = match[0]
    return char if char.isprintable() else json.dumps(char)[1:-1]
