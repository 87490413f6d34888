"""Two models side by side: their counts, then every key, layer and weight that differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.errors import printable
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.changes import Change
from rnninspect.results.check import CHANGES, change_rows
from rnninspect.results.head import head
from rnninspect.results.model import counts_of
from rnninspect.results.table import Cell, Table
from rnninspect.shares import percent

# The heads that `check` has other names for.
_SIDES = {"locked": "old", "now": "new"}
_DIFFERING = tuple(
    column._replace(key=_SIDES.get(column.key, column.key), heading=_SIDES.get(column.key, column.heading))
    for column in CHANGES
)
# What a table of a checkpoint is not about. why: whoever has trained one on asks for that.
_NO_VALUES = "sizes and settings are compared, not the values of tensors"
# The counts that are put side by side.
_TOTALS = (
    *("parameters", "parameter_bytes", "macs", "backward_macs"),
    *("output_bytes", "kept_for_backward_bytes", "gradient_bytes", "adam_bytes", "training_bytes"),
)


def diff_tables(old: ModelFacts, new: ModelFacts, changes: Sequence[Change]) -> list[Table]:
    """Two models side by side: their counts, then everything that differs."""
    subject = " -> ".join(_names(old, new))
    of_file = (_NO_VALUES,) if old.checkpoint or new.checkpoint else ()
    totals = Table(title="totals", subject=subject, columns=_DIFFERING[1:], rows=tuple(_totals(old, new)))
    if not changes:
        return [totals._replace(notes=("no layer differs", *of_file))]
    title = "layers that differ" if all(change.layer for change in changes) else "what differs"
    return [totals, Table(title=title, subject=subject, columns=_DIFFERING, rows=change_rows(changes), notes=of_file)]


def _names(old: ModelFacts, new: ModelFacts) -> tuple[str, str]:
    """What both are called: checkpoints of one name in two formats by their files."""
    if old.name == new.name and (old.checkpoint or new.checkpoint):
        return printable(old.source), printable(new.source)
    return old.name, new.name


def _totals(old: ModelFacts, new: ModelFacts) -> Iterator[tuple[Cell, ...]]:
    """A row for each count of the models, whether it differs or not."""
    before, after = counts_of(old), counts_of(new)
    for name in _TOTALS:
        was, now = before[name], after[name]
        if was is not None and now is not None:
            yield name, was, now, now - was, percent((now - was) / was) if was else None


def diff_document(old: ModelFacts, new: ModelFacts, changes: Sequence[Change]) -> dict[str, object]:
    """What `diff` found, as one object: both models' counts, and every change."""
    keys = [column.key for column in _DIFFERING]
    return {
        **head([old, new], "plan", None),
        "models": [{"name": model.name, "file": model.source, **counts_of(model)} for model in (old, new)],
        "totals": [dict(zip(keys[1:], row, strict=True)) for row in _totals(old, new)],
        "changes": [dict(zip(keys, row, strict=True)) for row in change_rows(changes)],
    }
