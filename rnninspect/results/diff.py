"""Two models side by side: their counts, then every key, layer and weight that differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.facts import ModelFacts, memory, percent
from rnninspect.guard.check import Change
from rnninspect.results.check import CHANGES, change_of, change_rows
from rnninspect.results.head import head
from rnninspect.results.model import counts_of
from rnninspect.results.table import Cell, Table

# The heads that `check` has other names for.
_SIDES = {"locked": "old", "now": "new"}
_DIFFERING = tuple(
    column._replace(key=_SIDES.get(column.key, column.key), heading=_SIDES.get(column.key, column.heading))
    for column in CHANGES
)


def diff_tables(old: ModelFacts, new: ModelFacts, changes: Sequence[Change]) -> list[Table]:
    """Two models side by side: their counts, then everything that differs."""
    subject = f"{old.name} -> {new.name}"
    totals = Table(title="totals", subject=subject, columns=_DIFFERING[1:], rows=tuple(_totals(old, new)))
    if not changes:
        return [totals._replace(notes=("no layer differs",))]
    title = "layers that differ" if all(change.layer for change in changes) else "what differs"
    return [totals, Table(title=title, subject=subject, columns=_DIFFERING, rows=change_rows(changes))]


def _totals(old: ModelFacts, new: ModelFacts) -> Iterator[tuple[Cell, ...]]:
    """A row for each count of the models, whether it differs or not."""
    before, after = (
        {
            "parameters": model.parameters,
            "parameter_bytes": model.parameter_bytes,
            "macs": model.macs,
            "backward_macs": None if model.backward is None else model.backward.macs,
            **memory(model),
        }
        for model in (old, new)
    )
    for name, was in before.items():
        now = after[name]
        if was is not None and now is not None:
            yield name, was, now, now - was, percent((now - was) / was) if was else None


def diff_document(old: ModelFacts, new: ModelFacts, changes: Sequence[Change]) -> dict[str, object]:
    """What `diff` found, as one object: both models' counts, and every change."""
    keys = [column.key for column in _DIFFERING[1:]]
    return {
        **head([old, new], "plan", None),
        "models": [{"name": model.name, "file": model.source, **counts_of(model)} for model in (old, new)],
        "totals": [dict(zip(keys, row, strict=True)) for row in _totals(old, new)],
        "changes": [change_of(change, "old", "new") for change in changes],
    }
