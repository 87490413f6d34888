"""Models against their budgets and the lock."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import percent
from rnninspect.guard.check import Change, Verdict
from rnninspect.results.head import head
from rnninspect.results.model import counts_of
from rnninspect.results.table import Cell, Column, Kind, Table

_SUMMARY = (
    Column("model", "model", repeats=True),
    Column("file", "file"),
    Column("parameters", "parameters", Kind.COUNT),
    Column("parameter_bytes", "bytes", Kind.BYTES),
    Column("macs", "MACs", Kind.COUNT),
    Column("budget", "budget"),
    Column("lock", "lock"),
    Column("verdict", "verdict"),
)
_LIMITS = (
    Column("limit", "limit"),
    Column("allowed", "allowed", Kind.COUNT),
    Column("actual", "actual", Kind.COUNT),
    Column("over", "over by", Kind.COUNT),
    Column("percent_of_allowed", "% of allowed", Kind.NUMBER),
    Column("verdict", "verdict"),
)
CHANGES = (
    Column("layer", "layer", repeats=True, nothing="(model)"),
    Column("field", "field"),
    Column("locked", "locked", Kind.COUNT),
    Column("now", "now", Kind.COUNT),
    Column("change", "change", Kind.COUNT),
    Column("percent", "%", Kind.NUMBER),
)


def check_tables(verdicts: Sequence[Verdict]) -> list[Table]:
    """For each model its limits and what has changed since the lock, then one row for each model."""
    tables = []
    for verdict in verdicts:
        name = verdict.model.name
        if verdict.limits:
            tables.append(Table(title="budget", subject=name, columns=_LIMITS, rows=tuple(_limits(verdict))))
        if verdict.changes:
            rows = change_rows(verdict.changes)
            tables.append(Table(title="changes since the lock", subject=name, columns=CHANGES, rows=rows))
    rows = tuple(_summary(verdict) for verdict in verdicts)
    return [*tables, Table(title="check", subject="all", columns=_SUMMARY, rows=rows)]


def _limits(verdict: Verdict) -> list[tuple[Cell, ...]]:
    return [
        (
            limit.name,
            limit.allowed,
            limit.actual,
            limit.over,
            limit.percent_of_allowed,
            "ok" if limit.ok else "OVER",
        )
        for limit in verdict.limits
    ]


def change_rows(changes: Sequence[Change]) -> tuple[tuple[Cell, ...], ...]:
    """A row for each change, in the order of `CHANGES`."""
    return tuple(
        (change.layer or None, change.field, change.locked, change.now, change.difference, change.percent)
        for change in changes
    )


def _summary(verdict: Verdict) -> tuple[Cell, ...]:
    model = verdict.model
    counts = (model.parameters, model.parameter_bytes, model.macs)
    return (model.name, model.source, *counts, *_words(verdict).values())


def _words(verdict: Verdict) -> dict[str, str]:
    """A word for each column: the budget, the lock, and the verdict of both."""
    over = any(not limit.ok for limit in verdict.limits)
    if verdict.accepted and (verdict.changes is None or verdict.new):
        lock = "written"
    elif verdict.changes is None:
        lock = "none"
    elif not verdict.changes:
        lock = "same"
    elif verdict.accepted:
        lock = "updated"
    elif verdict.new:
        lock = "missing"
    else:
        lock = "changed" if verdict.drifted else "changed, allowed"
    return {
        "budget": "none" if not verdict.limits else "over" if over else "within",
        "lock": lock,
        "verdict": "ok" if verdict.ok else "FAILED",
    }


def check_document(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """The verdicts as one object: counts, limits and changes by model; changes is null without a lock."""
    return {
        **head([verdict.model for verdict in verdicts], _ledger(verdicts), None),
        "ok": all(verdict.ok for verdict in verdicts),
        "models": [_verdict(verdict) for verdict in verdicts],
    }


def _ledger(verdicts: Sequence[Verdict]) -> str:
    return "agreed" if all(verdict.built for verdict in verdicts) else "plan"


def _verdict(verdict: Verdict) -> dict[str, object]:
    changes = verdict.changes
    return {
        "name": verdict.model.name,
        "file": verdict.model.source,
        "dtype": verdict.model.dtype,
        **counts_of(verdict.model),
        "ok": verdict.ok,
        **_words(verdict),
        "built": verdict.built,
        "limits": [
            {
                "limit": limit.name,
                "allowed": limit.allowed,
                "actual": limit.actual,
                "over": limit.over,
                "percent_of_allowed": limit.percent_of_allowed,
                "ok": limit.ok,
            }
            for limit in verdict.limits
        ],
        "allowed_growth": _growth(verdict),
        "changes": None if changes is None else [change_of(change, "locked", "now") for change in changes],
    }


def _growth(verdict: Verdict) -> list[dict[str, object]] | None:
    if verdict.allowed_growth is None:
        return None
    outgrown = [growth for _, growth in verdict.outgrown]
    return [
        {
            "field": growth.field,
            "allowed_percent": None if growth.share is None else percent(growth.share),
            "allowed_change": growth.amount,
            "ok": growth not in outgrown,
        }
        for growth in verdict.allowed_growth
    ]


def change_of(change: Change, before: str, after: str) -> dict[str, object]:
    """A change as JSON has it. before, after: the keys of what was and of what is."""
    return {
        "layer": change.layer or None,
        "field": change.field,
        before: change.locked,
        after: change.now,
        "change": change.difference,
        "percent": change.percent,
    }
