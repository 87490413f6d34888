"""The largest batches that fit: what each takes, measured and by the plan, and what stopped it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.bench.largest import EXACT, FittedBatch
from rnninspect.bench.records import POINT_FIELDS, Status
from rnninspect.errors import printable
from rnninspect.results.about import PHASE, POINT, VARIANT, cells, for_people, sentences, told_apart
from rnninspect.results.amounts import short_bytes
from rnninspect.results.bench_json import bench_document
from rnninspect.results.head import common, picked
from rnninspect.results.table import SEVERAL, Cell, Column, Kind, Table

_ABOUT = (*POINT, VARIANT)
_FOUND = (
    Column("dtype", "dtype", for_scripts=True),
    Column("device", "device", for_scripts=True),
    Column("device_name", "device name", for_scripts=True),
    Column("batch_size", "fits", Kind.COUNT, nothing="none"),
    Column("peak_bytes", "measured, bytes", Kind.BYTES),
    Column("planned_bytes", "planned, bytes", Kind.BYTES),
    Column("free_bytes", "free, bytes", Kind.BYTES),
    Column("next_batch_size", "does not fit", Kind.COUNT),
    Column("next_planned_bytes", "planned, bytes", Kind.BYTES, for_scripts=True),
    Column("status", "stopped by"),
    Column("reason", "reason", for_scripts=True),
    Column("tries", "tries", Kind.COUNT, for_scripts=True),
    Column("adam_bytes", "Adam's moments, bytes", Kind.BYTES, for_scripts=True),
)
# What tells one from the others in a sentence.
_TELLING = ("point", "variant")


def largest_table(fitted: Sequence[FittedBatch]) -> Table:
    """A row for each variant of each point, and the answer in sentences."""
    phase = PHASE._replace(for_scripts=True)
    models = list(dict.fromkeys(each.model for each in fitted))
    return Table(
        title=f"largest batch of {fitted[0].phase}",
        subject=models[0] if len(models) == 1 else SEVERAL,
        columns=for_people((*_ABOUT, phase, *_FOUND), fitted, ["model"] * (len(models) == 1)),
        rows=tuple((*cells(each, (*_ABOUT, phase)), *_cells(each)) for each in fitted),
        notes=tuple(_notes(fitted)),
    )


def largest_document(fitted: Sequence[FittedBatch]) -> dict[str, object]:
    """The object of `bench`, in which nothing was timed, with what was found."""
    found = [_result(each) for each in fitted]
    torch = {each.taken.torch for each in fitted if each.taken}
    whole = {key: common([result[key] for result in found]) for key in ("device", "device_name", "dtype")}
    return {**bench_document([]), "torch": common([*torch]), **whole, "largest_batches": found}


def _result(each: FittedBatch) -> dict[str, object]:
    return {
        **picked(each, *POINT_FIELDS, "phase"),
        **dict(zip((column.key for column in _FOUND), _cells(each), strict=True)),
    }


def _cells(each: FittedBatch) -> tuple[Cell, ...]:
    fits, stopped, tries = each.found
    taken = each.taken
    known = (None, None) if taken is None else (taken.device, taken.device_name)
    memory = (None,) * 3 if taken is None or fits is None else (taken.peak_bytes, fits.planned_bytes, taken.free_bytes)
    after = (None,) * 3 if stopped is None else (stopped.batch, stopped.planned_bytes, str(stopped.status))
    reason = "" if stopped is None else stopped.reason
    return (each.spec.dtype, *known, fits and fits.batch, *memory, *after, reason, tries, each.adam_bytes)


def _notes(fitted: Sequence[FittedBatch]) -> Iterator[str]:
    def about(each: FittedBatch) -> tuple[str, str]:
        return told_apart(each, fitted, _TELLING), sentence(each)

    yield from sentences(fitted, about, "--format csv")
    whole = ", forward and backward" if fitted[0].phase in ("step", "backward") else ""
    yield f"each batch that was tried is one call of {fitted[0].phase}{whole}{_adam(fitted)}."
    if any(each.found.stopped is not None and each.found.stopped.batch > EXACT for each in fitted):
        yield f"beyond {EXACT} the answer is known to within 1/{EXACT}: between the two batches none was tried."
    host = [each for each in fitted if each.room is not None and each.taken and each.taken.device == "cpu"]
    if host:
        room = short_bytes(host[0].room or 0)
        yield f"on the CPU the limit is what was free on this host, less a part that is left to others: {room}."


def sentence(each: FittedBatch) -> str:
    """What was found, and why no larger one."""
    fits, stopped, _ = each.found
    why = "" if stopped is None else printable(stopped.reason)
    if fits is None:
        assert stopped is not None
        if stopped.status != Status.MEMORY:
            return f"batch {stopped.batch:,} could not be tried: {why}"
        return f"not even batch {stopped.batch:,} fits: {why}"
    written = each.spec.batch.letters["N"]
    has = f"{fits.batch:,} is the largest batch that fits, the document has {written:,}"
    return f"{has}; nothing larger was tried" if stopped is None else f"{has}; {stopped.batch:,} does not fit: {why}"


def _adam(fitted: Sequence[FittedBatch]) -> str:
    """What an optimiser would take besides."""
    most = max(each.adam_bytes for each in fitted)
    if fitted[0].phase == "forward" or not most:
        return ""
    return f"; no optimiser is in it: Adam keeps {'up to ' * (len(fitted) > 1)}{short_bytes(most)} besides"
