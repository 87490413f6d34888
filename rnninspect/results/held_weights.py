"""A checkpoint beside a document's model: a row for each tensor that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnninspect.errors import printable
from rnninspect.results.table import Column, Kind, Table

if TYPE_CHECKING:
    from rnninspect.files.fits import Row
    from rnninspect.guard.weights import HeldWeights

# So many rows are shown to people.
_MOST_SHOWN = 30
_COLUMNS = (
    Column("file", "file", for_scripts=True),
    Column("weights_file", "weights file", for_scripts=True),
    Column("tensor", "tensor", nothing="(none)"),
    Column("shape", "shape", Kind.SHAPE),
    Column("tensor_in_file", "in the file", nothing="(none)"),
    Column("shape_in_file", "shape there", Kind.SHAPE),
    Column("problem", "problem", verdict=True),
)


def weights_table(subject: str, file: str, held: HeldWeights) -> Table:
    """Every tensor that does not fit. file: the document."""
    rows = [row for row in held.fit.rows if row.problem]
    # why those last: they are all alike, and a sentence says what stands before their names.
    rows.sort(key=lambda row: _only_prefixed(row, held.fit.prefix))
    left = len(rows) - _MOST_SHOWN
    return Table(
        title="weights",
        subject=subject,
        columns=_COLUMNS,
        rows=tuple(
            (
                file,
                held.file,
                row.wanted and row.wanted.name,
                row.wanted and row.wanted.shape,
                None if row.held is None else printable(row.held),
                row.held_shape,
                row.problem,
            )
            for row in rows
        ),
        shown=tuple(range(_MOST_SHOWN)) if left > 0 else None,
        notes=(f"{left:,} more of {len(rows):,}: --format json",) if left > 0 else (),
    )


def _only_prefixed(row: Row, prefix: str) -> bool:
    """Whether nothing is wrong with a tensor but what stands before its name."""
    return row.wanted is not None and row.problem == "other name" and row.held == prefix + row.wanted.name


def weights_document(held: HeldWeights) -> dict[str, object]:
    """A checkpoint beside a model, as an object."""
    found = held.fit
    return {
        "file": held.file,
        "format": held.format,
        "ok": held.ok,
        "tensors": found.wanted,
        "fitting": found.fitting,
        "missing": found.missing,
        "unexpected": found.unexpected,
        "mismatched": found.mismatched,
        "damage": held.damage,
        "causes": [
            {"layer": held.layers.get(cause.layer), "what": cause.what, "remedy": cause.remedy} for cause in held.causes
        ],
    }
