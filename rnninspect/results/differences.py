"""What plan and torch disagree about."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.agree import Difference
from rnninspect.results.table import Column, Table

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("fact", "fact"),
    Column("plan", "plan"),
    Column("real", "torch"),
)


def differences_table(model: str, differences: Sequence[Difference]) -> Table:
    """One row for each fact that differs."""
    rows = tuple((item.layer, item.fact, _text(item.plan), _text(item.real)) for item in differences)
    return Table(title="plan and torch differ", subject=model, columns=_COLUMNS, rows=rows)


def _text(value: object) -> str:
    return "not there" if value is None else str(value)
