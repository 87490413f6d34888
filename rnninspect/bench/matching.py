"""What two benchmarks have both, and what one of them lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rnninspect.bench.records import Figure, Outcome

# A model, its file where that is needed, settings and variant.
_Point = tuple[str, str, str, str]


class Unmatched(NamedTuple):
    """What could not be compared. phase: None for all of a point's. reason: the side that lacks it, and why."""

    model: str
    file: str
    case: str
    point: str
    settings: Mapping[str, object]
    variant: Mapping[str, object]
    subject: str | None
    phase: str | None
    reason: str


class Pair(NamedTuple):
    """What both files have of one thing; each an outcome and its figure for every process."""

    subject: str | None
    phase: str
    old: tuple[tuple[Outcome, Figure], ...]
    new: tuple[tuple[Outcome, Figure], ...]


def match(old: Sequence[Outcome], new: Sequence[Outcome]) -> tuple[list[Pair], list[Unmatched]]:
    """What is in both, by model, settings, variant, subject and phase; and what is not. Failed outcomes have nothing.

    Models are told apart by file too where two files of one side have models of one name.
    """
    by_file = _of_several_files(old) | _of_several_files(new)
    left, right = _points(old, by_file), _points(new, by_file)
    pairs: list[Pair] = []
    unmatched: list[Unmatched] = []
    for point in {**left, **right}:
        sides = (left.get(point, ()), right.get(point, ()))
        of = next(iter(sides[0] or sides[1]))
        lacking = [_lacks(name, side) for name, side in zip(("old", "new"), sides, strict=True)]
        if any(lacking):
            reason = "; ".join(filter(None, lacking))
            unmatched.append(Unmatched(*of.of_point, subject=None, phase=None, reason=reason))
            continue
        a, b = (_figures(side) for side in sides)
        for subject, phase in {**a, **b}:
            if (subject, phase) in a and (subject, phase) in b:
                pairs.append(
                    Pair(subject=subject, phase=phase, old=tuple(a[subject, phase]), new=tuple(b[subject, phase]))
                )
            else:
                reason = f"not in {'new' if (subject, phase) in a else 'old'}"
                unmatched.append(Unmatched(*of.of_point, subject=subject, phase=phase, reason=reason))
    return pairs, unmatched


def _of_several_files(outcomes: Iterable[Outcome]) -> set[str]:
    files: dict[str, set[str]] = {}
    for outcome in outcomes:
        files.setdefault(outcome.model, set()).add(outcome.file)
    return {model for model, known in files.items() if len(known) > 1}


def _points(outcomes: Iterable[Outcome], by_file: set[str]) -> dict[_Point, list[Outcome]]:
    by_point: dict[_Point, list[Outcome]] = {}
    for outcome in outcomes:
        named = outcome if outcome.model in by_file else outcome._replace(file="")
        by_point.setdefault(named.about, []).append(outcome)
    return by_point


def _lacks(name: str, outcomes: Sequence[Outcome]) -> str:
    """Why a side has no figures of a point; nothing where it has."""
    if not outcomes:
        return f"not in {name}"
    if any(outcome.ok for outcome in outcomes):
        return ""
    last = outcomes[-1]
    return f"{last.status} in {name}" + (f": {last.reason}" if last.reason else "")


def _figures(outcomes: Iterable[Outcome]) -> dict[tuple[str | None, str], list[tuple[Outcome, Figure]]]:
    by_phase: dict[tuple[str | None, str], list[tuple[Outcome, Figure]]] = {}
    for outcome in outcomes:
        for figure in outcome.figures if outcome.ok else ():
            by_phase.setdefault((figure.subject, figure.phase), []).append((outcome, figure))
    return by_phase
