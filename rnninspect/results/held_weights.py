"""A checkpoint beside a document's model: a row for each tensor that does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rnninspect.errors import printable, show
from rnninspect.results.head import picked
from rnninspect.results.table import Column, Kind, Table

if TYPE_CHECKING:
    from rnninspect.files.fits import Row
    from rnninspect.guard.weights import HeldWeights

# So many rows are shown to people.
_MOST_SHOWN = 30
# So many of those that are alike in what stands before their names.
_MOST_ALIKE = 3
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
    rows.sort(key=held.fit.only_prefixed)
    shown = _shown(rows, held)
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
        shown=tuple(shown) if len(shown) < len(rows) else None,
        notes=tuple(_left_out(rows, shown, held)),
    )


def _shown(rows: Sequence[Row], held: HeldWeights) -> list[int]:
    """Which rows people see: a few of those that are all alike, none of an optimizer's."""
    alike = [number for number, row in enumerate(rows) if held.fit.only_prefixed(row)]
    single = [number for number, row in enumerate(rows) if not held.fit.only_prefixed(row) and not held.is_aside(row)]
    return [*single[:_MOST_SHOWN], *alike[:_MOST_ALIKE]]


def _left_out(rows: Sequence[Row], shown: Sequence[int], held: HeldWeights) -> Iterator[str]:
    """How many rows are not shown, and what they are."""
    seen = set(shown)
    left = [row for number, row in enumerate(rows) if number not in seen]
    alike = sum(held.fit.only_prefixed(row) for row in left)
    aside = sum(map(held.is_aside, left))
    if alike:
        yield f"{alike:,} more with {show(held.fit.prefix)} before their names"
    if aside:
        yield f"{aside:,} unexpected that are an optimizer's or the like"
    if len(left) > alike + aside:
        yield f"{len(left) - alike - aside:,} more of {len(rows):,}: --format json"


def weights_document(held: HeldWeights) -> dict[str, object]:
    """A checkpoint beside a model, as an object."""
    found = held.fit
    return {
        **picked(held, "file", "format", "ok"),
        "tensors": found.wanted,
        **picked(found, "fitting", "missing", "unexpected", "mismatched"),
        "damage": held.damage,
        "unlike": list(held.unlike),
        "causes": [
            {"layer": held.layers.get(cause.layer), "what": cause.what, "remedy": cause.remedy} for cause in held.causes
        ],
    }
