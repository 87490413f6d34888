"""The last line of a page: where its numbers come from, and what they were worked out or measured on."""

from __future__ import annotations

from collections.abc import Iterable

PLAN = "plan: from the equations alone, torch was not asked"
OPEN = "plan: from the equations alone; --set input.seq_len=20 --set input.batch_size=32 has torch run it"
NO_TORCH = "plan: from the equations alone, torch is not installed"


def caption(source: str, *details: str) -> str:
    """Where the numbers come from, then what else is to be known of them."""
    return " · ".join([source, *filter(None, details)])


def each_once(values: Iterable[str]) -> str:
    """Devices or dtypes of several models, each named once in the order they come."""
    return ", ".join(dict.fromkeys(values))
