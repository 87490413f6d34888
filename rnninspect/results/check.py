"""Models against their budgets and the lock."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.guard.changes import Change
from rnninspect.guard.check import Limit, Verdict
from rnninspect.results.head import head
from rnninspect.results.model import counts_of
from rnninspect.results.table import Cell, Column, Kind, Table
from rnninspect.shares import percent

_SUMMARY = (
    Column("model", "model", repeats=True),
    Column("file", "file"),
    Column("parameters", "parameters", Kind.COUNT),
    Column("parameter_bytes", "bytes", Kind.BYTES, for_scripts=True),
    Column("macs", "MACs", Kind.COUNT, for_scripts=True),
    Column("budget", "budget"),
    Column("lock", "lock"),
    Column("verdict", "verdict", verdict=True),
)
_LIMITS = (
    Column("limit", "limit"),
    Column("allowed", "allowed", Kind.COUNT),
    Column("actual", "actual", Kind.COUNT),
    Column("over", "over by", Kind.COUNT),
    Column("percent_of_allowed", "% of allowed", Kind.NUMBER),
    Column("verdict", "verdict", verdict=True),
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
    """One row for each model, then for each its limits and what has changed since the lock."""
    rows = tuple(_summary(verdict) for verdict in verdicts)
    tables = [Table(title="check", subject="all", columns=_SUMMARY, rows=rows)]
    for verdict in verdicts:
        name = verdict.model.name
        if verdict.limits:
            limits = tuple((*_limit(limit).values(), "ok" if limit.ok else "OVER") for limit in verdict.limits)
            tables.append(Table(title="budget", subject=name, columns=_LIMITS, rows=limits))
        if verdict.changes:
            changed = change_rows(verdict.changes)
            tables.append(Table(title="changes since the lock", subject=name, columns=CHANGES, rows=changed))
    return tables


def _limit(limit: Limit) -> dict[str, Cell]:
    return {
        "limit": limit.name,
        "allowed": limit.allowed,
        "actual": limit.actual,
        "over": limit.over,
        "percent_of_allowed": limit.percent_of_allowed,
    }


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
    ledger = "agreed" if all(verdict.built for verdict in verdicts) else "plan"
    return {
        **head([verdict.model for verdict in verdicts], ledger, None),
        "ok": all(verdict.ok for verdict in verdicts),
        "models": [_verdict(verdict) for verdict in verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    keys = [column.key for column in CHANGES]
    return {
        "name": verdict.model.name,
        "file": verdict.model.source,
        "dtype": verdict.model.dtype,
        **counts_of(verdict.model),
        "ok": verdict.ok,
        **_words(verdict),
        "built": verdict.built,
        "limits": [{**_limit(limit), "ok": limit.ok} for limit in verdict.limits],
        "allowed_growth": _growth(verdict),
        "changes": None
        if verdict.changes is None
        else [dict(zip(keys, row, strict=True)) for row in change_rows(verdict.changes)],
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
