"""Amounts in the sentences of a page: short, where nobody compares digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.errors import listed
from rnninspect.facts.models import ModelFacts
from rnninspect.results.table import MOST_NAMED, POWERS


def short_bytes(nbytes: int) -> str:
    """Bytes with three digits, in the largest unit of which there is one: `2.01 MB`."""
    # why 0.9995: what rounds to 1,000 of a unit is 1.00 of the next
    size, letter = next((power for power in POWERS if nbytes >= 0.9995 * power[0]), (1, ""))
    return f"{nbytes} B" if size == 1 else f"{nbytes / size:#.3g}".rstrip(".") + f" {letter}B"


def buffers(models: Sequence[ModelFacts]) -> Iterator[str]:
    """What models hold that is no parameter, in a sentence; none where they hold nothing else."""
    layers = [layer for model in models for layer in model.layers if layer.buffers]
    if layers:
        names = list(dict.fromkeys(buffer.name for layer in layers for buffer in layer.buffers))
        count = sum(buffer.count for layer in layers for buffer in layer.buffers if buffer.shared_with is None)
        whose = listed([layer.name for layer in layers], MOST_NAMED)
        nbytes = short_bytes(sum(layer.buffer_bytes for layer in layers))
        yield f"buffers of {whose} ({', '.join(names)}): {count:,} numbers, {nbytes}; they are no parameters."
