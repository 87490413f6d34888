"""Amounts in the sentences of a page: short, where nobody compares digits."""

from __future__ import annotations

from rnninspect.results.table import POWERS


def short_bytes(nbytes: int) -> str:
    """Bytes with three digits, in the largest unit of which there is one: `2.01 MB`."""
    # why 0.9995: what rounds to 1,000 of a unit is 1.00 of the next
    size, letter = next((power for power in POWERS if nbytes >= 0.9995 * power[0]), (1, ""))
    return f"{nbytes} B" if size == 1 else f"{nbytes / size:#.3g}".rstrip(".") + f" {letter}B"
