"""Models against their budgets and the lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rnninspect.facts.amounts import sum_of_known
from rnninspect.guard.changes import NEW, Change
from rnninspect.guard.check import Check, Limit, Verdict, Word
from rnninspect.results.head import head, picked
from rnninspect.results.held_weights import weights_document, weights_table
from rnninspect.results.model import counts_of
from rnninspect.results.subjects import subjects
from rnninspect.results.table import SEVERAL, Cell, Column, Kind, Table
from rnninspect.shares import percent

# So many models that have passed are shown to people one by one, and so many of all with tables of their own.
_MOST_SHOWN = 20
# What each of JSON's `ok` stands for; null is neither.
_OK = {Word.OK: True, Word.NOT_CHECKED: None, Word.FAILED: False}

_WORST_FIRST = (Word.FAILED, Word.NOT_CHECKED, Word.OK)
_FILE = Column("file", "file", for_scripts=True)
_SUMMARY = (
    Column("model", "model", repeats=True),
    Column("file", "file"),
    Column("parameters", "parameters", Kind.COUNT),
    Column("parameter_bytes", "bytes", Kind.BYTES, for_scripts=True),
    Column("macs", "MACs", Kind.COUNT, for_scripts=True),
    Column("budget", "budget"),
    Column("lock", "lock"),
    Column("base", "base"),
    Column("weights", "weights"),
    Column("verdict", "verdict", verdict=True),
)
_LIMITS = (
    _FILE,
    Column("limit", "limit"),
    Column("allowed", "allowed", Kind.COUNT),
    Column("actual", "actual", Kind.COUNT),
    Column("over", "over by", Kind.COUNT),
    Column("percent_of_allowed", "% of allowed", Kind.NUMBER),
    Column("verdict", "verdict", verdict=True),
)
CHANGES = (
    Column("layer", "layer", repeats=True, nothing="(model)"),
    Column("field", "field"),
    Column("locked", "locked", Kind.COUNT),
    Column("now", "now", Kind.COUNT),
    Column("change", "change", Kind.COUNT),
    Column("percent", "%", Kind.NUMBER),
)


def check_tables(check: Check, *, folded: bool) -> list[Table]:
    """One row for each model, then for each its limits and what has changed since the lock.

    folded: for people: failures first, of the rest no more than can be read, and names told apart.
    """
    models = [verdict.model for verdict in check.verdicts]
    names = subjects(models) if folded else [model.name for model in models]
    told = list(zip(names, check.verdicts, strict=True))
    detailed, rest = told, told[:0]
    if folded:
        told.sort(key=lambda pair: _WORST_FIRST.index(pair[1].word))
        failed = sum(verdict.word is Word.FAILED for verdict in check.verdicts)
        detailed, told, rest = told[:_MOST_SHOWN], told[: failed + _MOST_SHOWN], told[failed + _MOST_SHOWN :]
    # why the lock or the base: models are held against one of the two, and the other's column says nothing.
    idle = "lock" if _at_base(check) else "base"
    first = Table(
        title="check",
        subject=names[0] if folded and len(names) == 1 else SEVERAL,
        columns=tuple(column._replace(for_scripts=column.for_scripts or column.key == idle) for column in _SUMMARY),
        rows=tuple(_summary(verdict, check) for _, verdict in told),
        total=_total(check) if len(models) > 1 else None,
        notes=tuple(_left_out(told[len(detailed) :])),
        foot=_folded([verdict for _, verdict in rest]),
    )
    if all(verdict.weights is None for verdict in check.verdicts):
        first = first.without(("weights",))
    of_all = [] if check.total is None else [_limits_table(SEVERAL, [check.total], None)]
    return [first, *of_all, *(table for name, verdict in detailed for table in _details(name, verdict, check))]


def _details(name: str, verdict: Verdict, check: Check) -> Iterator[Table]:
    """The limits of one model, and what has changed in it."""
    file = verdict.model.source
    if verdict.limits:
        yield _limits_table(name, verdict.limits, file)
    if verdict.weights is not None and not verdict.weights.fit.ok:
        yield weights_table(name, file, verdict.weights)
    # why not of one that is new: its word says it all.
    if verdict.changes and check.against is not None and not verdict.new:
        changed = tuple((file, *row) for row in change_rows(verdict.changes))
        title, columns = f"changes since {check.against.since}", (_FILE, *_change_columns(check))
        yield Table(title=title, subject=name, columns=columns, rows=changed)


def _limits_table(subject: str, limits: Sequence[Limit], file: str | None) -> Table:
    rows = tuple((file, *_limit(limit).values(), "ok" if limit.ok else "OVER") for limit in limits)
    return Table(title="budget", subject=subject, columns=_LIMITS, rows=rows)


def _left_out(told: Sequence[tuple[str, Verdict]]) -> Iterator[str]:
    """That so many models that failed have no tables of their own."""
    count = sum(verdict.word is Word.FAILED for _, verdict in told)
    if count:
        yield f"limits and changes of {count} more that failed: --format json"


def _change_columns(check: Check) -> tuple[Column, ...]:
    if not _at_base(check):
        return CHANGES
    return tuple(column._replace(heading="base") if column.key == "locked" else column for column in CHANGES)


def _at_base(check: Check) -> bool:
    return check.against is not None and check.against.kind == "base"


def _folded(verdicts: Sequence[Verdict]) -> str:
    """`and 180 more models ok`; "" for none."""
    counts = Counter(str(verdict.word) for verdict in verdicts)
    if not counts:
        return ""
    return f"and {', '.join(f'{count} more models {word}' for word, count in sorted(counts.items()))}"


def _total(check: Check) -> tuple[Cell, ...]:
    counts = zip(*(_counts(verdict) for verdict in check.verdicts), strict=True)
    total = check.total
    budget, verdict = (None, None) if total is None else (_budget([total]), "ok" if total.ok else "FAILED")
    return ("total", None, *map(sum_of_known, counts), budget, None, None, None, verdict)


def _budget(limits: Sequence[Limit]) -> str:
    return "within" if all(limit.ok for limit in limits) else "over"


def _limit(limit: Limit) -> dict[str, Cell]:
    return {"limit": limit.name, **picked(limit, "allowed", "actual", "over", "percent_of_allowed")}


def limit_document(limit: Limit) -> dict[str, object]:
    """A limit as an object."""
    return {**_limit(limit), "ok": limit.ok}


def change_rows(changes: Sequence[Change]) -> tuple[tuple[Cell, ...], ...]:
    """A row for each change, in the order of `CHANGES`."""
    return tuple(
        (change.layer or None, change.field, change.locked, change.now, change.difference, change.percent)
        for change in changes
    )


def _summary(verdict: Verdict, check: Check) -> tuple[Cell, ...]:
    return (verdict.model.name, verdict.model.source, *_counts(verdict), *_words(verdict, check).values())


def _counts(verdict: Verdict) -> tuple[int | None, ...]:
    return (verdict.model.parameters, verdict.model.parameter_bytes, verdict.model.macs)


def _words(verdict: Verdict, check: Check) -> dict[str, str]:
    """A word for each column: the budget, the lock, the base, and the verdict of all."""
    if verdict.accepted and (verdict.changes is None or verdict.new):
        lock = "written"
    elif verdict.changes is None:
        lock = "none"
    elif not verdict.changes:
        lock = "same"
    elif verdict.accepted:
        lock = "updated"
    elif verdict.new:
        lock = "renamed" if verdict.former else "missing"
        if _at_base(check):
            lock = "new" if verdict.changes == (NEW,) else "unreadable"
    else:
        lock = "changed" if verdict.drifted else "changed, allowed"
    return {
        "budget": _budget(verdict.limits) if verdict.limits else "empty" if verdict.empty_budget else "none",
        **({"lock": "none", "base": lock} if _at_base(check) else {"lock": lock, "base": "none"}),
        "weights": "none" if verdict.weights is None else "fit" if verdict.weights.ok else "do not fit",
        "verdict": verdict.word,
    }


def check_document(check: Check) -> dict[str, object]:
    """The verdicts as one object: counts, limits and changes by model; changes is null without a lock."""
    ledger = "agreed" if all(verdict.built for verdict in check.verdicts) else "plan"
    total = check.total
    return {
        **head([verdict.model for verdict in check.verdicts], ledger, None),
        "against": None if check.against is None else {"kind": check.against.kind, **check.against._asdict()},
        "ok": _OK[check.word],
        "verdict": check.word,
        "total": {"parameters": check.parameters, "allowed": check.allowed, "ok": None if total is None else total.ok},
        "gone": list(check.gone),
        "models": [_verdict(verdict, check) for verdict in check.verdicts],
    }


def _verdict(verdict: Verdict, check: Check) -> dict[str, object]:
    keys = [column.key for column in CHANGES]
    return {
        "name": verdict.model.name,
        "file": verdict.model.source,
        "dtype": verdict.model.dtype,
        **counts_of(verdict.model),
        "ok": _OK[verdict.word],
        **_words(verdict, check),
        "built": verdict.built,
        "weights_file": None if verdict.weights is None else weights_document(verdict.weights),
        "limits": [limit_document(limit) for limit in verdict.limits],
        "allowed_growth": _growth(verdict),
        "changes": None
        if verdict.changes is None
        else [dict(zip(keys, row, strict=True)) for row in change_rows(verdict.changes)],
    }


def _growth(verdict: Verdict) -> list[dict[str, object]] | None:
    if verdict.allowed_growth is None:
        return None
    outgrown = [growth for _, growth in verdict.outgrown]
    return [
        {
            "field": growth.field,
            "allowed_percent": None if growth.share is None else percent(growth.share),
            "allowed_change": growth.amount,
            "ok": growth not in outgrown,
        }
        for growth in verdict.allowed_growth
    ]
