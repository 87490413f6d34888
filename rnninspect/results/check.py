"""Models against their budgets and the lock."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import ModelFacts, memory
from rnninspect.guard.check import Verdict
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
    Column("percent", "% of allowed", Kind.NUMBER),
    Column("verdict", "verdict"),
)
_CHANGES = (
    Column("layer", "layer", repeats=True),
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
            tables.append(Table("budget", name, _LIMITS, tuple(_limits(verdict))))
        if verdict.changes:
            tables.append(Table("changes since the lock", name, _CHANGES, tuple(_changes(verdict))))
    return [*tables, Table("check", "all", _SUMMARY, tuple(_summary(verdict) for verdict in verdicts))]


def diff_tables(old: ModelFacts, verdict: Verdict) -> list[Table]:
    """Two models side by side: their counts, then every layer and weight that differs."""
    columns = (
        Column("field", "field"),
        Column("old", "old", Kind.COUNT),
        Column("new", "new", Kind.COUNT),
        Column("change", "change", Kind.COUNT),
        Column("percent", "%", Kind.NUMBER),
    )
    facts = (
        ("parameters", old.parameters, verdict.model.parameters),
        ("parameter_bytes", old.parameter_bytes, verdict.model.parameter_bytes),
        ("macs", old.macs, verdict.model.macs),
        *((name, a, memory(verdict.model)[name]) for name, a in memory(old).items()),
    )
    rows = tuple(
        (name, a, b, b - a, 100 * (b - a) / a if a else None) for name, a, b in facts if a is not None and b is not None
    )
    subject = f"{old.name} -> {verdict.model.name}"
    changed = tuple(row for row, change in zip(_changes(verdict), verdict.changes or (), strict=True) if change.layer)
    sides = {"locked": "old", "now": "new"}
    renamed = tuple(
        column._replace(key=sides[column.key], heading=sides[column.key]) if column.key in sides else column
        for column in _CHANGES
    )
    totals = Table("totals", subject, columns, rows)
    if not changed:
        return [totals._replace(notes=("no layer differs",))]
    return [totals, Table("layers that differ", subject, renamed, changed)]


def _limits(verdict: Verdict) -> list[tuple[Cell, ...]]:
    return [
        (
            limit.name,
            limit.allowed,
            limit.actual,
            None if limit.ok else limit.actual - limit.allowed,
            100 * limit.actual / limit.allowed if limit.allowed else None,
            "ok" if limit.ok else "OVER",
        )
        for limit in verdict.limits
    ]


def _changes(verdict: Verdict) -> list[tuple[Cell, ...]]:
    return [
        (change.layer or "(model)", change.field, change.locked, change.now, change.difference, change.per_cent)
        for change in verdict.changes or ()
    ]


def _summary(verdict: Verdict) -> tuple[Cell, ...]:
    model = verdict.model
    over = sum(not limit.ok for limit in verdict.limits)
    budget = "none" if not verdict.limits else "over" if over else "within"
    if verdict.changes is None:
        lock = "none"
    elif not verdict.changes:
        lock = "same"
    elif verdict.accepted:
        lock = "updated"
    else:
        lock = "changed" if verdict.drifted else "changed, allowed"
    return (
        model.name,
        model.source,
        model.parameters,
        model.parameter_bytes,
        model.macs,
        budget,
        lock,
        "ok" if verdict.ok else "FAILED",
    )
