"""What is wrong with a check as a whole and not with one model: its lock, and all models together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rnninspect import disk
from rnninspect.errors import Place, counted, printable
from rnninspect.guard.check import Check
from rnninspect.guard.findings import Finding, over_limit
from rnninspect.guard.locked import MODULE


def without_document(lock: Path, files: Iterable[str]) -> dict[str, OSError | None]:
    """Those entries of a lock whose document is gone, by file; of one that cannot be looked for, why.

    Modules that a test holds against the same lock have none.
    """
    gone: dict[str, OSError | None] = {}
    for file in files:
        if file.startswith(MODULE):
            continue
        try:
            if disk.status(lock.parent / file) is None:
                gone[file] = None
        except OSError as error:
            gone[file] = error
    return gone


def lock_findings(check: Check, lock: Path) -> Iterator[Finding]:
    """What --locked finds wrong with the lock itself."""
    place = Place(str(lock))
    if any(verdict.unlocked for verdict in check.verdicts):
        what = "there is no lock, and --locked wants one (check --update writes it)"
        yield Finding(place=place, model="", rule="locked", what=what)
    for file, why in check.gone.items():
        yield Finding(place=place, model="", rule="locked", what=f"{printable(file)} {why}", subject=file)


def total_findings(check: Check) -> Iterator[Finding]:
    """What all models have together beyond what they may."""
    total = check.total
    if total is not None and not total.ok:
        models = f" of {counted(len(check.verdicts), 'model')}"
        # why the first: whoever reads annotations wants a file that is there.
        place = Place(check.verdicts[0].model.source)
        yield Finding(place=place, model="", rule=total.name, what=over_limit(total, models))
