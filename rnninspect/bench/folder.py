"""Journals of one measurement, found by what is in them: what is measured, what is missing, and whose it was.

Of what was measured twice one counts: what went well before what did not, then what began later. Nothing is lost, as
every journal stays where it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from rnninspect import disk
from rnninspect.bench.journal import Head, no_journal
from rnninspect.bench.journal_writer import differences
from rnninspect.bench.line_heads import Begun, LineHead, Lines, begins_as_journal, buffered, read_begun
from rnninspect.bench.plain import Unfit, canonical
from rnninspect.bench.share_heads import (
    Known,
    Named,
    ShareHead,
    Whole,
    digest_of,
    is_merged,
    read_share,
    read_whole,
    settings_of,
)
from rnninspect.document.faults import together
from rnninspect.errors import DocumentError, Place, printable
from rnninspect.json_lines import NoObject, object_of

_SUFFIX = ".jsonl"


class JournalSeen(NamedTuple):
    """A journal. head: None where it is not whole. half: the number of a line that is only half there, else None."""

    path: Path
    head: Head | None
    share: ShareHead | None = None
    half: int | None = None


@dataclass(frozen=True)
class Survey:
    """What the journals of one measurement hold.

    head: of the first; whole: what all shares are shares of, None where no head says it. best: by key what counts, also
    what went wrong. again: how many more lines there are of the same keys. other_device: what a task measured on a
    device of another kind than the others did, and is left out. controls: the lines of the points that every share
    measures.
    """

    head: Head
    whole: Whole | None
    journals: tuple[JournalSeen, ...]
    best: Mapping[Known, LineHead]
    again: int
    other_device: tuple[LineHead, ...]
    controls: tuple[LineHead, ...]

    @property
    def digest(self) -> str:
        """What tells this measurement from others."""
        return digest_of(self.head)

    @cached_property
    def points(self) -> tuple[Named, ...]:
        """All points that were asked for; where nobody says, those that there are."""
        if self.whole is not None:
            return self.whole.points
        there = dict.fromkeys(key[:2] for key in self.best)
        return tuple(Named(model, "", object_of(settings)) for model, settings in there)

    @cached_property
    def keys(self) -> tuple[tuple[Known, ...], ...]:
        """By point what is to be measured of it, or where nobody says, what there is."""
        if self.whole is not None:
            return tuple(tuple(self.whole.keys(point)) for point in self.points)
        there: dict[tuple[str, str], list[Known]] = {}
        for key in self.best:
            there.setdefault(key[:2], []).append(key)
        return tuple(map(tuple, there.values()))

    def lacking(self, number: int) -> list[Known]:
        """What is not measured of a point."""
        return [key for key in self.keys[number] if key not in self.best or not self.best[key].ok]

    @cached_property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the points that are not whole."""
        return tuple(number for number in range(len(self.points)) if self.lacking(number))

    def in_order(self) -> Iterator[LineHead]:
        """The lines that count, by point, process and variant."""
        return (self.best[key] for keys in self.keys for key in keys if key in self.best)


def journals_in(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, and of each folder what is a journal by its beginning, or half of one; in order.

    What was merged of others is left out of a folder: it has nothing that those have not. Raises DocumentError.
    """
    found: list[Path] = []
    for path in paths:
        try:
            if not path.is_dir():
                path.stat()
                found.append(path)
                continue
            for entry in sorted(path.iterdir()):
                if _is_journal(entry):
                    found.append(entry)
        except OSError as error:
            raise DocumentError(Place(str(path)), disk.reason(error).lower()) from error
    return found


def _is_journal(path: Path) -> bool:
    """Whether a file of a folder is to be read. why an empty one by its name: nothing else says what it is."""
    try:
        status = disk.status(path)
        if status is None or disk.kind(status):
            return False
        return begins_as_journal(path) and (status.st_size > 0 or path.suffix == _SUFFIX)
    except disk.ABSENT:  # a task that measured nothing has taken its journal away
        return False


def survey(paths: Sequence[Path], *, mixed: bool = False, digest: str | None = None) -> Survey | None:
    """What journals hold, in files and folders; None where there is none with a head.

    mixed: other versions of torch and rnninspect are fine. digest: of a measurement whose journals alone are looked at,
    and of which a broken one is read up to its fault. Raises DocumentError for journals of several measurements or
    versions, each of them, and for one that is broken inside.
    """
    named = {path for path in paths if not path.is_dir()}
    found = _Found(strict=digest is None)
    for path in journals_in(paths):
        found.read(path, partial(_wanted, digest, path in named))
    if found.first is None:
        return None
    if digest is None:
        _refuse_others(found.journals, mixed=mixed)
    return found.survey()


def need_survey(paths: Sequence[Path], *, mixed: bool = False) -> Survey:
    """The same where there has to be something. Raises DocumentError also where there is no journal with a head."""
    found = survey(paths, mixed=mixed)
    if found is None:
        hint = "rnninspect bench --shard I/N --output FOLDER writes them"
        raise DocumentError(Place(str(paths[0])), "there is no journal of a benchmark here", hint=hint)
    return found


def _refuse_others(journals: Sequence[JournalSeen], *, mixed: bool) -> None:
    """Raise DocumentError where not all journals are of one measurement; it names those that the fewer are of."""
    heads = [(journal.path, journal.head) for journal in journals if journal.head is not None]
    alike = [(path, _compared(head, mixed=mixed)) for path, head in heads]
    (most, _), *others = Counter(canonical(head) for _, head in alike).most_common()
    if not others:
        return
    path, usual = next((path, head) for path, head in alike if canonical(head) == most)
    hint = f"name the files of one measurement: {digest_of(usual)}* are those of {printable(path.name)}"
    faults = []
    for odd, head in alike:
        if canonical(head) != most:
            another = head._replace(torch=usual.torch, rnninspect=usual.rnninspect) != usual
            what = f"not measured as {printable(str(path))} was: {differences(usual, head)}"
            faults.append(DocumentError(Place(str(odd)), what, hint=hint if another else "--mixed takes both"))
    raise together(faults)


def _compared(head: Head, *, mixed: bool) -> Head:
    alike = head._replace(asked=settings_of(head), python="")
    return alike._replace(torch="", rnninspect="") if mixed else alike


def _wanted(digest: str | None, named: bool, head: Head) -> bool:
    """Whether a journal is to be read. named: by its path, and not found in a folder."""
    return (named or not is_merged(head)) and digest in (None, digest_of(head))


class _Found:
    """What is found, journal after journal."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.first: Head | None = None
        self.journals: list[JournalSeen] = []
        # why by the text of its points: a head may have ten thousand, and two hundred journals the same.
        self._wholes: dict[tuple[str, bytes], Whole] = {}
        self._best: dict[str, dict[Known, LineHead]] = {}
        self._controls: list[LineHead] = []
        self._lines = 0

    def read(self, path: Path, wanted: Callable[[Head], bool]) -> None:
        """Add a journal, if its head is wanted."""
        try:
            with buffered(path) as stream:
                begun = read_begun(stream, path)
                if begun is None:
                    self.journals.append(JournalSeen(path, None))
                elif wanted(begun.head):
                    self._add(path, begun, Lines(stream, path, begun))
        except disk.ABSENT:
            return
        except OSError as error:
            it = "it " if isinstance(error, disk.NoRegularFile) else ""
            raise no_journal(path, None, f"{it}{disk.reason(error)}") from error
        except DocumentError:
            # why not where it is only to go on: what one task has left broken must not end all others.
            if self._strict:
                raise

    def _add(self, path: Path, begun: Begun, lines: Lines) -> None:
        share = self._said(path, begun)
        self.first = self.first or begun.head
        for line in lines:
            self._lines += 1
            if share is not None and share.control:
                self._controls.append(line)
                continue
            best = self._best.setdefault(line.device.partition(":")[0], {})
            if line.key not in best or line.is_better(best[line.key]):
                best[line.key] = line
        self.journals.append(JournalSeen(path, begun.head, share, half=lines.half))

    def _said(self, path: Path, begun: Begun) -> ShareHead | None:
        """What a head says of its share; the whole is kept."""
        try:
            share = read_share(begun.head)
            if share is not None:
                told = (canonical(begun.head.asked.get("processes")), begun.points)
                if told not in self._wholes:
                    self._wholes[told] = read_whole(begun.head, object_of(b'{"points": %s}' % begun.points)["points"])
        except (Unfit, NoObject) as error:
            raise no_journal(path, 1, str(error)) from error
        return share

    def survey(self) -> Survey:
        """All of it. Of what was measured on several kinds of devices one counts, if each task was to find its own."""
        assert self.first is not None
        whole = max(self._wholes.values(), key=lambda whole: whole.processes, default=None)
        kinds, other = dict(self._best), tuple[LineHead, ...]()
        failed = kinds.pop("", {})
        if whole is not None and whole.may_be_any_device and len(kinds) > 1:
            other = tuple(kinds.pop("cpu", {}).values())
        best: dict[Known, LineHead] = {}
        for lines in (failed, *kinds.values()):
            for key, line in lines.items():
                if key not in best or line.is_better(best[key]):
                    best[key] = line
        controls = tuple(self._controls)
        again = self._lines - len(controls) - len(other) - len(best)
        return Survey(
            head=self.first,
            whole=whole,
            journals=tuple(self.journals),
            best=best,
            again=again,
            other_device=other,
            controls=controls,
        )
