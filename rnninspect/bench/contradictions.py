"""What the values of a figure must be to one another: no measurement contradicts itself, but a file may be changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnninspect.bench.records import Figure

# Nothing that takes less or more was ever timed; between them no ratio or rate overflows.
_LEAST_SECONDS, _MOST_SECONDS = 1e-12, 1e12
_MOST = 10**30


def contradictions(figure: Figure) -> Iterator[tuple[str, str]]:
    """Each value that cannot be: where it stands (`.kept[2]`), and what was expected."""
    rounds = len(figure.rounds)
    if not rounds:
        yield ".rounds", "expected one round or more, got none"
    for k, samples in enumerate(figure.rounds):
        if not samples:
            yield f".rounds[{k}]", "expected one sample or more, got none"
    if not figure.kept:
        yield ".kept", "expected one round or more, got none"
    for k, number in enumerate(figure.kept):
        if not 0 <= number < rounds:
            yield f".kept[{k}]", f"expected one of {rounds} rounds, counted from 0, got {number}"
    for name in ("kept", "passes"):
        if len(set(getattr(figure, name))) < len(getattr(figure, name)):
            yield f".{name}", "expected each number once"
    for name in ("passes", "probes"):
        count = len(getattr(figure, name))
        # why none: results of before they were recorded.
        if count not in (0, rounds):
            yield f".{name}", f"expected one for each of {rounds} rounds, got {count}"
    for where, seconds in _seconds(figure):
        if seconds is not None and not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
            yield where, f"expected {_LEAST_SECONDS:g} to {_MOST_SECONDS:g} seconds, got {seconds:g}"
    if figure.interval is not None and figure.interval.low > figure.interval.high:
        yield ".interval", "expected low to be no more than high"
    for where, least, count in _counts(figure):
        if count is not None and not least <= count <= _MOST:
            yield where, f"expected {least} or more, got {count if abs(count) <= _MOST else 'far too many'}"


def _seconds(figure: Figure) -> Iterator[tuple[str, float | None]]:
    """Every time that is divided by, or whose logarithm is taken."""
    yield ".median", figure.median
    yield ".best", figure.best
    yield ".best_probe", figure.best_probe
    for k, samples in enumerate(figure.rounds):
        yield from ((f".rounds[{k}][{n}]", sample) for n, sample in enumerate(samples))
    yield from ((f".probes[{k}]", probe) for k, probe in enumerate(figure.probes))
    if figure.interval is not None:
        yield ".interval.low", figure.interval.low
        yield ".interval.high", figure.interval.high
    if figure.bound is not None:
        yield ".bound.seconds", figure.bound.seconds


def _counts(figure: Figure) -> Iterator[tuple[str, int, Any]]:
    """Every count, and the least that it can be."""
    least = {"block": 1, "steps": 1}
    for name, value in figure._asdict().items():
        if type(value) is int:
            yield f".{name}", least.get(name, 0), value
