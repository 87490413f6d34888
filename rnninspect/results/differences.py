"""What plan and torch disagree about."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.agree import Difference
from rnninspect.facts.models import ModelFacts
from rnninspect.results.table import Column, Table

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("fact", "fact"),
    Column("plan", "plan"),
    Column("real", "torch"),
)


def differences_table(model: ModelFacts, differences: Sequence[Difference]) -> Table:
    """One row for each fact that differs: from the model that torch built, or from the file."""
    rows = tuple((item.layer, item.fact, _text(item.plan), _text(item.real)) for item in differences)
    other = "file" if model.checkpoint else "torch"
    columns = (*_COLUMNS[:-1], _COLUMNS[-1]._replace(heading=other))
    return Table(title=f"plan and {other} differ", subject=model.name, columns=columns, rows=rows)


def _text(value: object) -> str:
    return "not there" if value is None else str(value)
