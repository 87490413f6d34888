"""What only the run could tell."""

from __future__ import annotations

from rnninspect.facts.models import Measured, ModelFacts
from rnninspect.results.table import Cell, Column, Kind, Table

_COLUMNS = (
    Column("device", "device"),
    Column("finite", "outputs finite"),
    Column("peak_bytes", "peak memory, bytes", Kind.BYTES),
)


def run_table(model: ModelFacts, run: Measured) -> Table:
    """One row: where the model was run, and what only that shows."""
    finite = "not on meta" if run.finite is None else "yes" if run.finite else "no"
    note = (
        "peak memory: on CUDA what torch's allocator held at most; on the CPU by how much the process grew, "
        "which differs a little from run to run."
    )
    rows: tuple[tuple[Cell, ...], ...] = ((run.device, finite, run.peak_bytes),)
    return Table(
        title="run", subject=model.name, columns=_COLUMNS, rows=rows, notes=() if run.peak_bytes is None else (note,)
    )
