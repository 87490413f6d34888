"""What a check comes to, for a job's summary and a pull request: its answer first, its tables folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rnninspect.guard.check import Check, Word
from rnninspect.results.check import check_tables
from rnninspect.results.digest import Digest, Fold, few
from rnninspect.results.subjects import subjects
from rnninspect.results.table import Answer, Table


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
