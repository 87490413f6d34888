"""What the head of a journal says of a share, and of the whole that it is a share of.

`asked` of a head has the settings first, as any journal's, and then the keys of `_OF_SHARES`; the list of all points
comes last, so that what reads many heads need not read it again in each. No path is in what tells one measurement
from another: the same document may lie elsewhere on another host.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.bench.journal import Head
from rnninspect.bench.plain import canonical, from_plain

if TYPE_CHECKING:
    from rnninspect.bench.points import Point

POINTS = "points"
_OF_SHARES = ("files", "processes", "variants", "devices", "again", "share", "merged", POINTS)
_AUTO = "auto"

# What tells a measured variant from others of the same measurement: model, settings, variant, process.
Known = tuple[str, str, str, int]


def known(model: str, settings: object, variant: object, process: int) -> Known:
    """The key of what is to be measured, which what was measured has too."""
    # why interned: thousands of lines are about what thousands of points are about.
    return (sys.intern(model), sys.intern(canonical(settings)), sys.intern(canonical(variant)), process)


class ShareHead(NamedTuple):
    """Which part of the whole a journal is of.

    members: the numbers of its points. attempt: how many journals of the share were begun before. missing:
    of a list that was shared out anew its digest, else "". control: it holds the points that every share measures.
    """

    number: int
    of: int
    members: tuple[int, ...]
    attempt: int
    host: str
    job: str | None
    task: str | None
    missing: str
    control: bool


class Named(NamedTuple):
    """A point as a head lists it. case: what the document calls it, where it does."""

    model: str
    case: str
    settings: Mapping[str, object]


class Whole(NamedTuple):
    """All that the shares are shares of. variants: what is varied, of every point the same; devices: as asked for."""

    points: tuple[Named, ...]
    variants: tuple[Mapping[str, object], ...]
    processes: int
    devices: tuple[str, ...]
    again: tuple[str, ...]

    def keys(self, point: Named) -> Iterator[Known]:
        """What is to be measured of a point."""
        for process in range(self.processes):
            for variant in self.variants:
                yield known(point.model, point.settings, variant, process)

    @property
    def may_be_any_device(self) -> bool:
        """Whether each task finds its device by itself, so that a task may have found another kind than the others."""
        return self.devices == (_AUTO,)


def whole_of(points: Sequence[Point], processes: int, again: Sequence[str]) -> Whole:
    """What shares of these points are shares of. again: the words of the command line but for share and output."""
    return Whole(
        points=tuple(Named(point.spec.name, point.case, point.settings) for point in points),
        variants=tuple(run.variant for run in points[0].variants),
        processes=processes,
        devices=tuple(sorted({point.spec.device or _AUTO for point in points})),
        again=tuple(again),
    )


def asked_of(settings: Mapping[str, object], whole: Whole, share: ShareHead) -> dict[str, object]:
    """`asked` of a share's head. settings: those that every journal's head has."""
    of_whole = {key: value for key, value in whole._asdict().items() if key != POINTS}
    return {**settings, **of_whole, "share": share, POINTS: whole.points}


def merged_asked(head: Head, journals: int) -> dict[str, object]:
    """`asked` of what so many journals were merged into."""
    settings = {key: value for key, value in head.asked.items() if key == "files" or key not in _OF_SHARES}
    return {**settings, "merged": journals}


def is_merged(head: Head) -> bool:
    """Whether a journal was made of others."""
    return "merged" in head.asked


def settings_of(head: Head) -> dict[str, object]:
    """What journals of one measurement have in common, whatever wrote them."""
    settings = {key: value for key, value in head.asked.items() if key not in _OF_SHARES}
    return {"schema_version": head.schema_version, **settings}


def digest_of(head: Head) -> str:
    """What tells one measurement from another."""
    return sha256(canonical(settings_of(head)).encode()).hexdigest()[:12]


def name_of(head: Head, share: ShareHead) -> str:
    """What the journal of a share is called. why so long: it says it to people; nothing of ours reads it."""
    attempt = f".{share.attempt}" if share.attempt else ""
    return f"{digest_of(head)}-{share.number}-of-{share.of}{attempt}{'.control' * share.control}.jsonl"


def missing_digest(digest: str, points: Sequence[int]) -> str:
    """What tells one list of missing points from another."""
    return sha256(canonical([digest, [*points]]).encode()).hexdigest()[:12]


def read_share(head: Head) -> ShareHead | None:
    """Which part a journal is of; None where its head says nothing of it. Raises Unfit."""
    share = head.asked.get("share")
    return None if share is None else from_plain(ShareHead, share)


def read_whole(head: Head, points: object) -> Whole:
    """The whole that a share's head tells of. points: its list. Raises Unfit."""
    return from_plain(Whole, {**head.asked, POINTS: points})
