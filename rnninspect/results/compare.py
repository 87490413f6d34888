"""Two benchmarks side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.bench.compare import THRESHOLD, Compared, Comparison, Side, Verdict
from rnninspect.bench.records import Outcome
from rnninspect.results.about import PHASE, POINT, SUBJECT, VARIANT, cells, for_people
from rnninspect.results.head import common, head
from rnninspect.results.table import Cell, Column, Kind, Table
from rnninspect.shares import percent, share_text

# More rows than this are too many to read, so people are not shown those that are the SAME.
_MOST_ROWS = 60

_ABOUT = (*POINT, VARIANT, SUBJECT, PHASE._replace(repeats=True))
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
_UNMATCHED = (*_ABOUT, Column("reason", "why"))
_DIFFERING = (
    Column("what", "what"),
    Column("old", "old"),
    Column("new", "new"),
    Column("comparisons", "comparisons", Kind.COUNT),
)


def compare_tables(comparison: Comparison, sides: str) -> dict[str, Table]:
    """By name: a row for each comparison, what could not be compared, and what differs about the surroundings.

    sides: what is compared, "before.jsonl -> after.jsonl".
    """
    compared, unmatched = comparison.compared, comparison.unmatched
    rows = tuple(_row(item) for item in compared)
    shown = tuple(k for k, item in enumerate(compared) if item.verdict != Verdict.SAME)
    hidden = len(rows) - len(shown) if len(rows) > _MOST_ROWS else 0
    needless = [] if any(item.reason for item in compared) else ["reason"]
    of_points = [] if any(item.phase for item in unmatched) else ["subject", "phase"]
    return {
        "compared": Table(
            title="compared",
            subject=sides,
            columns=for_people(_COMPARED, compared, needless),
            rows=rows,
            notes=(_counts(comparison, hidden), *_meaning(comparison)),
            shown=shown if hidden else None,
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


def _row(item: Compared) -> tuple[Cell, ...]:
    old, new = item.old, item.new
    return (
        *cells(item, _ABOUT),
        old.median,
        new.median,
        item.ratio,
        item.low,
        item.high,
        percent(item.noise),
        old.processes,
        new.processes,
        old.rounds,
        new.rounds,
        item.verdict,
        item.reason,
    )


def _counts(comparison: Comparison, hidden: int) -> str:
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


def _compared(item: Compared) -> dict[str, object]:
    return {
        "model": item.model,
        "file": item.file,
        "point": item.point,
        "settings": item.settings,
        "variant": item.variant,
        "subject": item.subject,
        "phase": item.phase,
        "old": _side(item.old),
        "new": _side(item.new),
        "ratio": item.ratio,
        "low": item.low,
        "high": item.high,
        "noise_percent": percent(item.noise),
        "verdict": item.verdict,
        "reason": item.reason,
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
