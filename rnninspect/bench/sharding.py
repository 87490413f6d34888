"""Which points of a sweep are a task's: the I-th of N shares, the same wherever and whenever; and which task this is.

Snake order: the points by the plan's FLOPs, largest first, are dealt out to the shares from 1 to N, then back from N to
1, and so on. The numbers of points differ by one at the most, and what they add up to by the largest point: with a
budget a point takes about as long as any other, and its first call and calibration take longer where it is large.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from rnninspect.errors import OptionError, counted, listed, printable

# No scheduler has larger arrays without being told to, and no document has more points.
MOST_SHARES = 10_000
SLURM = "slurm"


class Share(NamedTuple):
    """One share of all points. number: from 1 to `of`."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def parse_share(given: str) -> Share:
    """`--shard 3/8`. Raises OptionError."""
    parts = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", given.strip())
    if not parts:
        hint = "I/N such as 3/8, the third of eight, or slurm"
        raise OptionError(f"--shard {printable(given)}: expected {hint}")
    number, of = map(int, parts.groups())
    if not number:
        hint = "where a scheduler counts from 0, write $((INDEX + 1))"
        raise OptionError(f"--shard {printable(given)}: shares are counted from 1 ({hint})")
    shares = parse_shares(str(of), given)
    if number > shares:
        raise OptionError(f"--shard {printable(given)}: expected a share from 1 to {shares:,}, got {number:,}")
    return Share(number, shares)


def parse_shares(of: str, given: str) -> int:
    """N of `--shard I/N`. given: the option's text. Raises OptionError."""
    number = int(of) if of.isdecimal() and len(of) < 10 else 0
    if not 1 <= number <= MOST_SHARES:
        raise OptionError(f"--shard {printable(given)}: expected 1 to {MOST_SHARES:,} shares")
    return number


def slurm_share(environ: Mapping[str, str], begun: Collection[int], folder: str) -> Share:
    """The share of this task of a Slurm array. begun: in how many shares the same sweep was begun in the folder.

    Raises OptionError wherever N would be a guess: an array that was submitted again for some of its tasks has another
    count, and looks like a whole one where those are in a row.
    """
    names = [f"SLURM_ARRAY_TASK_{name}" for name in ("ID", "MIN", "MAX", "STEP", "COUNT")]
    values = [environ.get(name, "") for name in names]
    if not all(value.isdecimal() for value in values):
        lacking = next(name for name, value in zip(names, values, strict=True) if not value.isdecimal())
        raise OptionError(f"--shard slurm: this is no task of a Slurm array: {lacking} is not set (write --shard I/N)")
    index, first, last, step, count = map(int, values)
    write = f"write --shard $SLURM_ARRAY_TASK_ID/N, N of the whole sweep; this is task {index}"
    whole = step and first + step * (count - 1) == last and (index - first) % step == 0 and first <= index <= last
    # why not one task alone: `--array=5` is one of a larger array, submitted again.
    if not whole or (count == 1 and index > 1):
        raise OptionError(
            f"--shard slurm: of this array {counted(count, 'task')} from {first} to {last} were submitted, "
            f"which does not say what N is ({write})"
        )
    others = sorted({*begun} - {count})
    if others:
        raise OptionError(
            f"--shard slurm: this array has {counted(count, 'task')}, and {printable(folder)} was begun with "
            f"{listed(list(map(str, others)))} shares ({write})"
        )
    return parse_share(f"{(index - first) // step + 1}/{count}")


def dealt(costs: Sequence[int], of: int) -> list[list[int]]:
    """The numbers of the points of each share, by what each costs; the cheapest first, so that much is there soon."""
    shares: list[list[int]] = [[] for _ in range(of)]
    turn = 2 * of
    for rank, number in enumerate(sorted(range(len(costs)), key=lambda k: (-costs[k], k))):
        shares[min(rank % turn, turn - 1 - rank % turn)].append(number)
    return [share[::-1] for share in shares]


# By scheduler what names the job and the task: Slurm's arrays, Slurm, LSF, Grid Engine, PBS Pro, Kubernetes' indexed
# jobs, GitHub, GitLab. Without the first of its names it is not that one.
_NAMES = (
    ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"),
    ("SLURM_JOB_ID", ""),
    ("LSB_JOBID", "LSB_JOBINDEX"),
    ("SGE_TASK_ID", "SGE_TASK_ID"),
    ("PBS_JOBID", "PBS_ARRAY_INDEX"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETION_INDEX"),
    ("GITHUB_RUN_ID", ""),
    ("CI_PIPELINE_ID", "CI_NODE_INDEX"),
)
# Where the job has another name than what tells the scheduler.
_JOBS = {"SGE_TASK_ID": "JOB_ID", "JOB_COMPLETION_INDEX": "HOSTNAME"}


class Task(NamedTuple):
    """Where a share runs. host: as the scheduler calls it; job, task: its ids, None where there are none."""

    host: str
    job: str | None = None
    task: str | None = None


def task_of(environ: Mapping[str, str], hostname: str) -> Task:
    """The task of an environment."""
    # why: two nodes of Slurm may be one machine, of one name.
    host = environ.get("SLURMD_NODENAME") or hostname
    for told_by, task in _NAMES:
        if environ.get(told_by):
            job = environ.get(_JOBS.get(told_by, told_by))
            return Task(host, job or None, environ.get(task) or None)
    return Task(host)


def cpus_given(environ: Mapping[str, str]) -> int | None:
    """How many CPUs Slurm gives the task; None where it does not say. Nothing but the environment may tell of it."""
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        given = environ.get(name, "")
        if given.isdecimal() and int(given):
            return int(given)
    return None
