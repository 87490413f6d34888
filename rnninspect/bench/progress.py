"""How far the shares of a sweep are, by their journals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rnninspect.bench.folder import JournalSeen, Survey
from rnninspect.bench.records import point_text
from rnninspect.errors import counted, listed, printable

_MOST_NAMED = 3


class ShareSeen(NamedTuple):
    """A share. missing_list: of a list that was shared out anew what it is called, else "". points: how many are its.

    attempts: how many journals of it there are; is_whole: nothing of it is missing; half: of one that ends in half a
    line its name and that line.
    """

    number: int
    of: int
    missing_list: str
    attempts: int
    hosts: tuple[str, ...]
    points: int
    measured: int
    half: str
    is_whole: bool

    @property
    def state(self) -> str:
        """What there is of it: a clause that follows its name."""
        if self.is_whole:
            return "is whole"
        if not self.attempts:
            return "has none"
        cut = " and half a line: it is being written, or was cut off" if self.half else ""
        return (f"has {self.measured} of {self.points}" if self.measured else "has none, but has begun") + cut


class MissingPoint(NamedTuple):
    """A point that is not whole. number: in the list of all; reason: what there is of it."""

    number: int
    model: str
    case: str
    point: str
    settings: Mapping[str, object]
    reason: str


def shares_seen(found: Survey) -> list[ShareSeen]:
    """Every share of the whole, and after those every share of each list of missing points.

    Of one that has not begun nobody says which points it has; what no other share has is measured, or is not.
    """
    waves: dict[tuple[str, int], dict[int, list[JournalSeen]]] = {}
    for journal in found.journals:
        share = journal.share
        if share is not None and not share.control:
            waves.setdefault((share.missing, share.of), {}).setdefault(share.number, []).append(journal)
    missing = {*found.missing}
    seen = []
    for (list_, of), journals in sorted(waves.items(), key=lambda wave: wave[0][0] != ""):
        is_done = not missing - _members(journal for of_share in journals.values() for journal in of_share)
        seen += [_seen(number, of, list_, journals.get(number, ()), missing, is_done) for number in range(1, of + 1)]
    return seen


def _members(journals: Iterable[JournalSeen]) -> set[int]:
    return {point for journal in journals if journal.share is not None for point in journal.share.members}


def _seen(
    number: int, of: int, list_: str, journals: Sequence[JournalSeen], missing: set[int], is_done: bool
) -> ShareSeen:
    """is_done: what shares have that have not begun was measured by others."""
    members = _members(journals)
    half = next((f"{journal.path.name}:{journal.half}" for journal in journals if journal.half is not None), "")
    return ShareSeen(
        number=number,
        of=of,
        missing_list=list_,
        attempts=len(journals),
        hosts=tuple(dict.fromkeys(journal.share.host for journal in journals if journal.share is not None)),
        points=len(members),
        measured=len(members - missing),
        half=half,
        is_whole=not members & missing if journals else is_done,
    )


def missing_points(found: Survey) -> list[MissingPoint]:
    """Every point that is not whole, and why."""
    points = ((number, found.points[number]) for number in found.missing)
    return [
        MissingPoint(
            number=number, **one._asdict(), point=point_text(one.case, one.settings), reason=_reason(found, number)
        )
        for number, one in points
    ]


def _reason(found: Survey, number: int) -> str:
    lacking = found.lacking(number)
    failed = [found.best[key] for key in lacking if key in found.best]
    if failed:
        return f"{failed[0].status}: {printable(failed[0].reason)}"
    total = len(found.keys[number])
    return "not measured" if len(lacking) == total else f"{total - len(lacking)} of {total} measured"


def progress_text(found: Survey) -> str:
    """`37 of 40 points; share 3/8 has none, share 5/8 has 3 of 5`."""
    total, missing = len(found.points), len(found.missing)
    open_ = [f"share {share.number}/{share.of} {share.state}" for share in shares_seen(found) if not share.is_whole]
    measured = f"{total - missing} of {counted(total, 'point')}"
    return f"{measured}; {listed(open_, _MOST_NAMED)}" if missing and open_ else measured
