"""Two benchmarks side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rnninspect.bench.compare import THRESHOLD, Compared, Comparison, Side, Verdict
from rnninspect.bench.records import POINT_FIELDS, Outcome
from rnninspect.results.about import (
    PHASE,
    POINT,
    SUBJECT,
    VARIANT,
    cells,
    for_people,
    sentences,
    short_points,
    told_apart,
)
from rnninspect.results.digest import Digest, Fold, few
from rnninspect.results.faster import faster
from rnninspect.results.head import common, head, picked
from rnninspect.results.table import Answer, Block, Cell, Column, Kind, Table
from rnninspect.shares import percent, share_text

# More rows than this are too many to read, so people are not shown those that are the SAME.
_MOST_ROWS = 60

_ABOUT = (*POINT, VARIANT, SUBJECT, PHASE._replace(repeats=True))
_FIGURES = ("old_median_seconds", "new_median_seconds", "ratio", "verdict")
_COMPARED = (
    *_ABOUT,
    Column("old_median_seconds", "old", Kind.SECONDS, same_unit=True),
    Column("new_median_seconds", "new", Kind.SECONDS, same_unit=True),
    Column("ratio", "new / old", Kind.NUMBER),
    Column("low", "from", Kind.NUMBER),
    Column("high", "to", Kind.NUMBER),
    Column("noise_percent", "noise %", Kind.PERCENT),
    Column("old_processes", "old processes", Kind.COUNT, for_scripts=True),
    Column("new_processes", "new processes", Kind.COUNT, for_scripts=True),
    Column("old_rounds", "old rounds", Kind.COUNT, for_scripts=True),
    Column("new_rounds", "new rounds", Kind.COUNT, for_scripts=True),
    Column("verdict", "verdict", verdict=True),
    Column("reason", "why"),
)
_ANSWER = (*_ABOUT, *(column for column in _COMPARED if column.key in _FIGURES))
_UNMATCHED = (*_ABOUT, Column("reason", "why"))
_DIFFERING = (
    Column("what", "what"),
    Column("old", "old"),
    Column("new", "new"),
    Column("comparisons", "comparisons", Kind.COUNT),
)


def compare_blocks(comparison: Comparison, sides: str, *, all_of_it: bool = False) -> list[Block]:
    """The page for people: what became of each figure, in sentences at last, and what could not be compared.

    all_of_it: then intervals and noise too, and the answer again where the page ends.
    """
    tables = [(name, table) for name, table in compare_tables(comparison, sides).items() if table.rows]
    if all_of_it:
        answer = _answer(comparison, sides)
        return [answer, *(table for _, table in tables), answer]
    answer = _answer(comparison, sides, "more with --all: intervals and noise")
    return [answer, *(table for name, table in tables if name != "compared")]


def compare_digest(comparison: Comparison, blocks: Sequence[Block], points: Sequence[str], caption: str) -> Digest:
    """The same page with its answer first. points: what is slower than is allowed."""
    shown, *rest = blocks
    folds = (Fold(block.title, (block,)) for block in rest if block != shown)
    answer = Answer(_counts(comparison).removesuffix("."), "")
    return Digest(answer=answer, points=few(points), shown=(shown,), folded=tuple(folds), caption=caption)


def _answer(comparison: Comparison, sides: str, more: str = "") -> Table:
    """A row for each comparison, and at last a sentence for each that is not the SAME."""
    compared = comparison.compared
    items = [item._replace(point=point) for item, point in zip(compared, short_points(compared), strict=True)]
    return Table(
        title="time",
        subject=sides,
        columns=for_people(_ANSWER, items, ["subject"] if all(item.subject is None for item in items) else []),
        rows=tuple(_row(item, _ANSWER) for item in items),
        notes=(*filter(None, [more]), _counts(comparison), *_sentences(items, comparison.threshold)),
        summary=True,
        shown=_shown(comparison),
    )


def _sentences(items: Sequence[Compared], threshold: float) -> Iterator[str]:
    """What became faster or slower and by how much, and where nobody knows."""
    changed = [item for item in items if item.verdict != Verdict.SAME]
    if not changed:
        yield f"new takes as long as old, within {share_text(min(threshold, THRESHOLD))}"
    about = ("point", "variant", "subject", "phase")
    yield from sentences(changed, lambda item: (told_apart(item, items, about), _sentence(item)), "the table")


def _sentence(item: Compared) -> str:
    if item.verdict == Verdict.UNCLEAR:
        return f"not sure: {item.reason}"
    # why the noise too: an interval of one run does not know how far another would have strayed.
    low, high = item.ratio / (1 + item.noise), item.ratio * (1 + item.noise)
    words = f"new is {faster(item.ratio, min(item.low, low), max(item.high, high))}"
    return f"{words} ({item.reason})" if item.reason else words


def _shown(comparison: Comparison) -> tuple[int, ...] | None:
    """The rows that people are shown; None for all."""
    if len(comparison.compared) <= _MOST_ROWS:
        return None
    return tuple(k for k, item in enumerate(comparison.compared) if item.verdict != Verdict.SAME)


def compare_tables(comparison: Comparison, sides: str) -> dict[str, Table]:
    """By name: a row for each comparison, what could not be compared, and what differs about the surroundings.

    sides: what is compared, "before.jsonl -> after.jsonl".
    """
    compared, unmatched = comparison.compared, comparison.unmatched
    needless = [] if any(item.reason for item in compared) else ["reason"]
    of_points = [] if any(item.phase for item in unmatched) else ["subject", "phase"]
    return {
        "compared": Table(
            title="compared",
            subject=sides,
            columns=for_people(_COMPARED, compared, needless),
            rows=tuple(_row(item, _COMPARED) for item in compared),
            notes=(_counts(comparison), *_meaning(comparison)),
            shown=_shown(comparison),
        ),
        "not-compared": Table(
            title="not compared",
            subject=sides,
            columns=for_people(_UNMATCHED, unmatched, of_points),
            rows=tuple(cells(item, _UNMATCHED) for item in unmatched),
        ),
        "differing": Table(
            title="differing",
            subject=sides,
            columns=_DIFFERING,
            rows=tuple(comparison.differing),
            notes=("Of the surroundings. What changed may be these, and not the code.",)
            if comparison.differing
            else (),
        ),
    }


def _row(item: Compared, columns: Sequence[Column]) -> tuple[Cell, ...]:
    """What each column has of a comparison: what its object has, of a side as `old_rounds`."""
    figures = _compared(item)
    for name in ("old", "new"):
        figures |= {f"{name}_{key}": value for key, value in figures[name].items()}
    return (*cells(item, _ABOUT), *(figures[column.key] for column in columns[len(_ABOUT) :]))


def _counts(comparison: Comparison) -> str:
    shown = _shown(comparison)
    hidden = 0 if shown is None else len(comparison.compared) - len(shown)
    counts = ", ".join(f"{number} {verdict}" for verdict in Verdict if (number := comparison.count(verdict)))
    left_out = f" ({hidden} that are the SAME are not shown)" if hidden else ""
    return f"{counts}{left_out}; threshold {_threshold(comparison)}."


def _meaning(comparison: Comparison) -> tuple[str, ...]:
    one = any(1 in (item.old.processes, item.new.processes) for item in comparison.compared)
    interval = "from, to: the ratio's nominal 95 % interval, rounds drawn anew"
    return (
        f"{interval}; noise: how far ratios stray for no reason, from the spread of the rounds. SLOWER and FASTER are "
        "beyond both the threshold and the noise.",
        *(("One process says nothing of how processes differ: --processes 3 does.",) if one else ()),
    )


def _threshold(comparison: Comparison) -> str:
    allowed = share_text(comparison.threshold)
    if comparison.threshold <= THRESHOLD:
        return allowed
    return f"{share_text(THRESHOLD)}, allowed {allowed}"


def compare_document(comparison: Comparison, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What `compare` found, as one object: seconds, ratios with their intervals, verdicts.

    outcomes: of both sides.
    """
    runs = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    return {
        **head([], "measured", None, runs),
        "dtype": common([outcome.dtype for outcome in outcomes]),
        "ok": comparison.count(Verdict.SLOWER) == 0,
        "threshold_percent": percent(comparison.threshold),
        "compared": [_compared(item) for item in comparison.compared],
        "not_compared": [item._asdict() for item in comparison.unmatched],
        "differing": [item._asdict() for item in comparison.differing],
    }


def _compared(item: Compared) -> dict[str, Any]:
    return {
        **picked(item, *POINT_FIELDS, "subject", "phase"),
        "old": _side(item.old),
        "new": _side(item.new),
        **picked(item, "ratio", "low", "high"),
        "noise_percent": percent(item.noise),
        **picked(item, "verdict", "reason"),
    }


def _side(side: Side) -> dict[str, object]:
    return {
        "median_seconds": side.median,
        "processes": side.processes,
        "processes_set_aside": side.unsteady,
        "rounds": side.rounds,
        "spread_percent": percent(side.spread),
        "verdict": side.verdict,
    }
