"""Files with one JSON object a line: results of a benchmark, and the lock."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rnninspect.errors import show


class NoObject(ValueError):
    """A line that holds no JSON object; the text says what was expected."""


def object_of(line: str | bytes) -> dict[str, Any]:
    """The JSON object of a line. Raises NoObject where it holds none."""
    try:
        value = json.loads(line, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NoObject("expected one JSON object a line") from error
    if not isinstance(value, dict):
        raise NoObject(f"expected one JSON object a line, got {show(value)}")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
