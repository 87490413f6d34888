"""Sizes from a budget: for each document the size, what the model then has, and what the next would have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.document.load import is_call
from rnninspect.guard.check import LIMITS
from rnninspect.guard.fit import Fitted, Sized, limits_text
from rnninspect.results.check import limit_document
from rnninspect.results.head import head
from rnninspect.results.table import Cell, Column, Kind, Table
from rnninspect.shares import percent

_COLUMNS = (
    Column("model", "model", for_scripts=True),
    Column("file", "file"),
    Column("path", "path", for_scripts=True),
    Column("value", "value", Kind.COUNT, nothing="none"),
    Column("parameters", "parameters", Kind.COUNT),
    Column("macs", "MACs", Kind.COUNT, for_scripts=True),
    Column("limit", "limit"),
    Column("allowed", "allowed", Kind.COUNT, for_scripts=True),
    Column("actual", "actual", Kind.COUNT, for_scripts=True),
    Column("percent_of_allowed", "% used", Kind.NUMBER),
    Column("next_value", "next", Kind.COUNT),
    Column("next_parameters", "its parameters", Kind.COUNT, for_scripts=True),
    Column("next_actual", "would have", Kind.COUNT),
)


def fit_tables(fitted: Sequence[Fitted], *, written: bool, nearest: bool) -> list[Table]:
    """The sizes that were found, and what they are in a sentence."""
    # why: where parameters are all that is limited, the page says so below
    columns = tuple(
        column._replace(for_scripts=column.for_scripts or (column.key == "limit" and _of_parameters(fitted)))
        for column in _COLUMNS
    )
    rows = tuple(_row(each) for each in fitted)
    notes = tuple(_sentences(fitted, written=written, nearest=nearest))
    return [Table(title="fit", subject=fitted[0].path, columns=columns, rows=rows, notes=notes)]


def _of_parameters(fitted: Sequence[Fitted]) -> bool:
    """Whether it is the number of parameters that holds every one of them."""
    return all(each.held_by.name == "max_params" for each in fitted)


def _row(each: Fitted) -> tuple[Cell, ...]:
    best, after, limit = each.best, each.next, each.held_by
    found = (None, None, None) if best is None else (best.value, best.model.parameters, best.model.macs)
    held = (limit.name, limit.allowed, limit.actual, limit.percent_of_allowed)
    following = (None,) * 3 if after is None else (after.value, after.model.parameters, LIMITS[limit.name](after.model))
    return (each.shown.model.name, each.file, each.path, *found, *held, *following)


def _sentences(fitted: Sequence[Fitted], *, written: bool, nearest: bool) -> Iterator[str]:
    budgets = {limits_text({limit.name: limit.allowed for limit in each.limits}) for each in fitted}
    within = budgets.pop() if len(budgets) == 1 else "its budget"
    found = [each.best for each in fitted if each.best is not None]
    sort = f"nearest to {within}" if nearest else f"the largest within {within}"
    if len(found) > 1:
        yield f"each {sort}{_apart(found) if _of_parameters(fitted) else ''}"
    elif found:
        yield f"{fitted[0].path} {found[0].value:,} is {sort}"
    for each in fitted:
        about = f"{each.file}: " if len(fitted) > 1 else ""
        if each.best is None:
            yield f"{about}{none_fits(each)}"
        elif each.next is None:
            yield f"{about}no size above it: {each.refusal}"
    if len(found) == len(fitted) and not written and not any(is_call(each.file) for each in fitted):
        yield "--write puts it into the document" if len(fitted) == 1 else "--write puts them into the documents"


def _apart(found: Sequence[Sized]) -> str:
    """How equal the models are."""
    counts = [best.model.parameters for best in found]
    return f"; counts differ by up to {percent((max(counts) - min(counts)) / max(counts)):.2g} %" if max(counts) else ""


def none_fits(fitted: Fitted) -> str:
    """Why a document has no size: even the least is over."""
    limit = fitted.held_by
    least = fitted.shown.value
    over = f"{limit.actual:,} is over {limit.name} {limit.allowed:,} by {limit.over or 0:,}"
    text = f"no {fitted.path} keeps within the budget: even at {least:,}, {over}"
    return (
        f"{text}; no size below it: {fitted.refusal}; A.key=B.key gives two keys the size" if fitted.refusal else text
    )


def fit_document(fitted: Sequence[Fitted]) -> dict[str, object]:
    """The sizes as one object, by document."""
    return {**head([each.shown.model for each in fitted], "plan", None), "results": [_result(each) for each in fitted]}


def _result(each: Fitted) -> dict[str, object]:
    best, after = each.best, each.next
    return {
        "file": each.file,
        "name": each.shown.model.name,
        "path": each.path,
        "value": best and best.value,
        "parameters": best and best.model.parameters,
        "macs": best and best.model.macs,
        "next": after and {"value": after.value, "parameters": after.model.parameters},
        "limits": [limit_document(limit) for limit in each.limits],
    }
