"""What `bench --shard` does besides: which points are this task's, what others have done of them, where it all goes."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnninspect import disk
from rnninspect.bench.controls import chosen
from rnninspect.bench.cpus import usable_cpus
from rnninspect.bench.folder import Survey, survey
from rnninspect.bench.jobs import Job, VariantRun
from rnninspect.bench.journal import Head
from rnninspect.bench.journal_writer import Journal, start
from rnninspect.bench.merging import MISSING, read_missing
from rnninspect.bench.plain import canonical
from rnninspect.bench.points import Point
from rnninspect.bench.records import Outcome, TimingRequest
from rnninspect.bench.schedule import cost, jobs_of, key_of_run
from rnninspect.bench.sharding import SLURM, Share, cpus_given, dealt, parse_share, slurm_share, task_of
from rnninspect.bench.share_heads import Known, ShareHead, Whole, asked_of, digest_of, name_of, whole_of
from rnninspect.commands.shared.again import no_option, option_words
from rnninspect.commands.shared.bench_options import BenchOptions
from rnninspect.commands.shared.bench_store import Opened, Store
from rnninspect.errors import CannotHere, OptionError, OutputFailed, counted, printable

# So many names are tried for a journal: as many attempts at one share as anybody makes.
_MOST_ATTEMPTS = 10_000


def check_share(options: BenchOptions) -> None:
    """Raise OptionError for options that do not go together."""
    if options.shard is None:
        of_shares = {"--only-missing": options.only_missing, "--control": options.control, "--script": options.script}
        for name in (name for name, value in of_shares.items() if value is not None):
            raise OptionError(f"{name} is of shares: it needs --shard {'N' if name == '--script' else 'I/N'}")
        return
    if options.script is None and options.shard != SLURM:
        parse_share(options.shard)
    if options.script is not None and "-" in options.files:
        raise OptionError("--script: a task has nothing on its standard input (write the document to a file)")
    if options.interleave or options.resume:
        name, why = (
            ("--interleave", "points of one share alone could be timed in turns")
            if options.interleave
            else ("--resume", "a share goes on by itself")
        )
        raise OptionError(f"{name}: {why} (leave it or --shard out)")
    if options.only_missing is not None and options.output is not None:
        raise OptionError("--output: --only-missing says where the journals are (leave one of the two out)")
    if options.only_missing is None and options.output is None and options.script is None:
        raise OptionError("--shard keeps a journal among those of other tasks, so it needs --output FOLDER")


class Folder(Store):
    """A folder of journals: of the points that are the task's, what others of the same measurement have not done.

    head: of a journal of all points. Raises OptionError and DocumentError for what cannot be shared out, OutputFailed.
    """

    def __init__(self, options: BenchOptions, request: TimingRequest, points: Sequence[Point], *, head: Head) -> None:
        folder = options.only_missing or options.output
        assert options.shard is not None
        assert folder is not None
        _make(folder)
        _refuse_one_name(points)
        self._folder, self._head = folder, head
        self._whole = whole_of(points, options.processes, again_words(options))
        digest = digest_of(head)
        found = survey([folder], digest=digest)
        self._kind = _kind(found, self._whole)
        list_, among = _among(options.only_missing, digest, len(points))
        share = _share(options.shard, found, list_, folder)
        costs = [cost(point) for point in points]
        mine = [among[k] for k in dealt([costs[k] for k in among], share.of)[share.number - 1]]
        task = task_of(os.environ, platform.node())
        self._share = ShareHead(*share, members=tuple(mine), attempt=0, **task._asdict(), missing=list_, control=False)
        jobs = jobs_of([points[k] for k in mine], request, processes=options.processes, interleave=False)
        super().__init__(_left(jobs, found))
        controls = [points[k] for k in chosen(costs, options.control or 0)] if self.jobs else []
        self._first = jobs_of(controls, request, processes=1, interleave=False)
        self.notes = (_said(share, len(mine), self.jobs), *(_threads() if self.jobs else ()), *_versions(found, head))
        self._journals: list[Journal] = []

    def __enter__(self) -> Opened:
        # why for nothing, where a list was shared out anew: it is kept until all its shares have begun.
        if self.jobs or self._share.missing:
            self._journals.append(self._begin(control=False))
        if self._first:
            self._journals.append(self._begin(control=True))
        return Opened((), self.jobs, self._first)

    def __exit__(self, *exception: object) -> None:
        for journal in self._journals:
            journal.close()

    def placed(self, outcome: Outcome) -> Outcome:
        """The outcome with what the scheduler says. Raises CannotHere for a CPU where others have another device."""
        place, share = outcome.environment, self._share
        if place is None:
            return outcome
        if place.device == "cpu" and self._kind not in ("", "cpu"):
            raise CannotHere(
                f"{printable(share.host)}: this was measured on the CPU, and {printable(str(self._folder))} has "
                f"results of {self._kind}: it is left out (look at this host's driver; with --device {self._kind} "
                "a task ends at once where there is none)"
            )
        place = place._replace(host=share.host, job=share.job, task=share.task, attempt=share.attempt)
        return outcome._replace(environment=place)

    def append(self, outcome: Outcome, *, is_control: bool) -> None:
        """Keep an outcome. Raises OutputFailed."""
        self._journals[is_control].append(outcome)

    def _begin(self, *, control: bool) -> Journal:
        """Begin a journal under a name that no other attempt has."""
        for attempt in range(_MOST_ATTEMPTS):
            share = self._share._replace(attempt=attempt, control=control)
            head = self._head._replace(asked=asked_of(self._head.asked, self._whole, share))
            path = self._folder / name_of(head, share)
            try:
                if not os.path.lexists(path):
                    journal = start(path, head, keep=True)
                    self._share = self._share if control else share
                    return journal
            except (OutputFailed, OptionError):
                # why: another task may have begun it in between.
                if not os.path.lexists(path):
                    raise
        share = self._share
        raise OptionError(f"{printable(str(self._folder))}: share {share.number}/{share.of} was begun too often")


def again_words(options: BenchOptions) -> list[str]:
    """The words after `rnninspect` that ask for the same points again, but for what says share and folder."""
    leave_out = {"shard", "only_missing", "output", "script", "format", "table", "all", "plot", "strict"}
    return ["bench", *map(no_option, options.files), *option_words(options, leave_out | {"files"})]


def _make(folder: Path) -> None:
    """Make the folder of the journals, if it is not there. Raises OptionError, OutputFailed."""
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        what = "a share keeps its journal in a folder, and this is a file (name another)"
        raise OptionError(f"--output {printable(str(folder))}: {what}") from None
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(folder))}: {disk.reason(error)}") from error


def _refuse_one_name(points: Sequence[Point]) -> None:
    """why: on another host a document may have another path, so that its name alone says which it is."""
    files: dict[str, str] = {}
    for point in points:
        if files.setdefault(point.spec.name, point.spec.source) != point.spec.source:
            both = f"{printable(files[point.spec.name])} and {printable(point.spec.source)}"
            raise OptionError(f"--shard: {both} have one name, {printable(point.spec.name)} (give one another `name`)")


def _among(folder: Path | None, digest: str, count: int) -> tuple[str, Sequence[int]]:
    """The numbers of the points that are shared out, of so many; and what their list is called, "" of all."""
    if folder is None:
        return "", range(count)
    missing = read_missing(folder / MISSING)
    if missing.digest != digest or max(missing.points, default=0) >= count:
        raise OptionError(
            f"--only-missing {printable(str(folder))}: its list is of another measurement "
            "(ask for the same models, points and settings, as rnninspect merge prints them)"
        )
    return missing.name, missing.points


def _share(given: str, found: Survey | None, missing: str, folder: Path) -> Share:
    """The share, as it was given or as Slurm says."""
    if given != SLURM:
        return parse_share(given)
    shares = [one.share for one in found.journals if one.share is not None] if found is not None else []
    begun = {share.of for share in shares if share.missing == missing}
    return slurm_share(os.environ, begun, str(folder))


def _left(jobs: Sequence[Job], found: Survey | None) -> list[Job]:
    """The jobs, less what others have measured."""
    done = {known for known, line in found.best.items() if line.ok} if found is not None else set()
    shorter = (job._replace(runs=tuple(run for run in job.runs if _known(job, run) not in done)) for job in jobs)
    return [job for job in shorter if job.runs]


def _known(job: Job, run: VariantRun) -> Known:
    model, _, settings, variant, process = key_of_run(job, run)
    return (model, settings, variant, process)


def _said(share: Share, points: int, jobs: Sequence[Job]) -> str:
    """How much a share is, and what is left of it."""
    left = len({(run.spec.name, canonical(run.settings)) for job in jobs for run in job.runs})
    has = f"share {share} has {counted(points, 'point')}"
    return has if left == points else f"{has}, of which {left or 'none'} {'is' if left < 2 else 'are'} left"


def _threads() -> Iterator[str]:
    """Use no more threads than Slurm gives CPUs, and say so. why: without a plugin each task sees all of a node's."""
    given, usable = cpus_given(os.environ), usable_cpus().usable
    if given is not None and given < usable and "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(given)
        yield f"{counted(given, 'thread')}: Slurm gives this task {given} of {usable} CPUs"


def _versions(found: Survey | None, head: Head) -> Iterator[str]:
    """What others have measured with, where merging will refuse it beside this."""
    heads = [one.head for one in found.journals if one.head is not None] if found is not None else []
    others = {(each.torch, each.rnninspect) for each in heads} - {(head.torch, head.rnninspect)}
    for torch, rnninspect in sorted(others):
        by = f"torch {printable(torch)} and rnninspect {printable(rnninspect)}"
        yield f"others have measured with {by}: rnninspect merge --mixed will take both"


def _kind(found: Survey | None, whole: Whole) -> str:
    """The kind of device that others have found, where each task finds its own; "" where none has, or none is to."""
    if found is None or not whole.may_be_any_device:
        return ""
    kinds = {line.device.partition(":")[0] for line in found.best.values() if line.ok}
    return next(iter(kinds - {"cpu"}), "")
