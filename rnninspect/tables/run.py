"""What only the run could tell."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import ModelFacts
from rnninspect.tables.table import Cell, Column, Kind, Table

_COLUMNS = (
    Column("model", "model", repeats=True),
    Column("device", "device"),
    Column("finite", "outputs finite"),
    Column("peak_bytes", "peak memory, bytes", Kind.BYTES),
)


def run_table(models: Sequence[ModelFacts]) -> Table:
    """One row for each model that was run."""
    note = (
        "peak memory: on CUDA what torch's allocator held at most; on the CPU by how much the process grew, "
        "which differs a little from run to run."
    )
    return Table("run", "measured", _COLUMNS, tuple(_row(model) for model in models), notes=(note,))


def _row(model: ModelFacts) -> tuple[Cell, ...]:
    run = model.measured
    if run is None:
        return (model.name, None, None, None)
    finite = None if run.finite is None else "yes" if run.finite else "no"
    return (model.name, run.device, finite, run.peak_bytes)
