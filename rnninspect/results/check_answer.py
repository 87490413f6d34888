"""What a check comes to, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rnninspect.errors import counted, printable
from rnninspect.guard.check import Check, Verdict, Word
from rnninspect.results.check import check_tables
from rnninspect.results.digest import Digest, Fold, few
from rnninspect.results.subjects import subjects
from rnninspect.results.table import Answer, Table

# So much of a commit's name tells it from others.
_SHORT = 10


def answer(check: Check, update: str, shrink: str) -> Answer:
    """The last line of a check.

    update: the command that updates the lock. shrink: the one that finds a size within a budget. "" where none could.
    """
    failed = [verdict for verdict in check.verdicts if verdict.word is Word.FAILED]
    unchecked = sum(verdict.word is Word.NOT_CHECKED for verdict in check.verdicts)
    parts = [_models(check, failed, unchecked), *_whole(check)]
    entries = list(_entries(check))
    # why: the answer first, and it is not that the models are ok
    text = "; ".join([*parts, *entries] if failed else [*(f"failed: {entry}" for entry in entries), *parts])
    command, remedy = update, _remedy(check, failed)
    if failed and all(over_budget(verdict) for verdict in failed):
        # why no update: whatever the lock says, they stay over it.
        command, remedy = shrink, "raise the budget where it stands, or find a size within it"
    offered = Answer(text, check.word)
    return offered._replace(remedy=f"{remedy} with:", command=command) if remedy and command else offered


def over_budget(verdict: Verdict) -> bool:
    """Whether a model is over a limit of its budget."""
    return not all(limit.ok for limit in verdict.limits)


def _models(check: Check, failed: Sequence[Verdict], unchecked: int) -> str:
    """`1 of 200 models failed`, `2 models ok, 1 not checked: no lock and no budget`."""
    count = len(check.verdicts)
    if failed:
        of = counted(count, "model") if len(failed) == count else f"{len(failed)} of {counted(count, 'model')}"
        why = ": there is no lock" if any(verdict.unlocked for verdict in failed) else ""
        return f"{of} failed{f', {unchecked} not checked' if unchecked else ''}{why}"
    ok = f"{counted(count - unchecked, 'model')} ok" if count > unchecked else ""
    if not unchecked:
        return ok
    return f"{f'{ok}, {unchecked}' if ok else counted(unchecked, 'model')} not checked: {_why_not(check)}"


def _why_not(check: Check) -> str:
    if check.against is None or check.against.kind == "lock":
        return "no lock and no budget"
    return f"nothing at {check.against.since} and no budget"


def _whole(check: Check) -> Iterator[str]:
    """What is to be said of all of it together."""
    if check.against is not None and check.against.commit is not None:
        yield f"base: {check.against.since} ({check.against.commit[:_SHORT]})"
    for verdict in check.verdicts:
        if verdict.weights is not None:
            not_so = "" if verdict.weights.fit.ok else "does not fit: "
            yield f"{printable(verdict.weights.file)} {not_so}{verdict.weights.counted}"
    total = check.total
    if total is not None:
        over = "" if total.ok else f", over {total.allowed:,}"
        yield f"their total {'ok' if total.ok else 'failed'}: {total.actual:,} parameters{over}"


def _entries(check: Check) -> Iterator[str]:
    """What is to be said of the lock's entries that nothing could be held against."""
    if check.gone:
        entries = "entry" if len(check.gone) == 1 else "entries"
        yield f"{len(check.gone)} {entries} of the lock without a document"


def _remedy(check: Check, failed: Sequence[Verdict]) -> str:
    """What an update of the lock would do about it; "" for nothing."""
    if any(verdict.built is False for verdict in check.verdicts):
        return ""  # why: of what could not be proven, or is damaged, no lock is written
    if any(verdict.unlocked for verdict in failed):
        return "write a lock"
    if any(verdict.drifted for verdict in failed):
        as_locked = tuple(verdict._replace(changes=(), accepted=True) for verdict in check.verdicts)
        # why: some of it would fail with any lock
        stays = check._replace(verdicts=as_locked, gone={}).word is Word.FAILED
        return "accept what has changed" if stays else "accept"
    return ("drop it" if len(check.gone) == 1 else "drop them") if check.gone else ""


def check_digest(check: Check, answer: Answer, points: Sequence[str], caption: str) -> Digest:
    """The page of a check. points: what is wrong, a sentence each."""
    tables = check_tables(check, folded=True)
    of_all = 1 if check.total is None else 2
    return Digest(
        answer=answer,
        points=few(points),
        shown=tuple(tables[:of_all]),
        folded=tuple(_folds(check, tables[of_all:])),
        caption=caption,
    )


def _folds(check: Check, tables: Sequence[Table]) -> Iterator[Fold]:
    """One for each model that failed, one for all the others."""
    failed = {
        name
        for name, verdict in zip(subjects([verdict.model for verdict in check.verdicts]), check.verdicts, strict=True)
        if verdict.word is Word.FAILED
    }
    passed: list[Table] = []
    for name, of_model in groupby(tables, lambda table: table.subject):
        if name in failed:
            blocks = tuple(of_model)
            yield Fold(f"{name}: {', '.join(table.title for table in blocks)}", blocks)
        else:
            passed += of_model
    if passed:
        yield Fold("models that passed: their limits and changes", tuple(passed))
