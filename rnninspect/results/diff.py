"""Two models side by side: their counts, then every layer and weight that differs."""

from __future__ import annotations

from rnninspect.facts import ModelFacts, memory
from rnninspect.guard.check import Verdict
from rnninspect.results.check import CHANGES, change_of, change_rows
from rnninspect.results.head import head
from rnninspect.results.model import counts_of
from rnninspect.results.table import Column, Kind, Table


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
    changes = zip(change_rows(verdict), verdict.changes or (), strict=True)
    changed = tuple(row for row, change in changes if change.layer)
    sides = {"locked": "old", "now": "new"}
    renamed = tuple(
        column._replace(key=sides[column.key], heading=sides[column.key]) if column.key in sides else column
        for column in CHANGES
    )
    totals = Table("totals", subject, columns, rows)
    if not changed:
        return [totals._replace(notes=("no layer differs",))]
    return [totals, Table("layers that differ", subject, renamed, changed)]


def diff_document(old: ModelFacts, verdict: Verdict) -> dict[str, object]:
    """What `diff` found, as one object: both models' counts, and every change."""
    return {
        **head([old, verdict.model], "plan", None),
        "models": [{"name": model.name, "file": model.source, **counts_of(model)} for model in (old, verdict.model)],
        "changes": [change_of(change, "old", "new") for change in verdict.changes or ()],
    }
