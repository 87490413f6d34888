"""Which points of a sweep are a task's: the I-th of N shares, the same wherever and whenever it is asked.

Snake order: the points by the plan's FLOPs, largest first, are dealt out to the shares from 1 to N, then back from N to
1, and so on. The numbers of points differ by one at the most, and what they add up to by the largest point: with a
budget a point takes about as long as any other, and its first call and calibration take longer where it is large.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from rnninspect.errors import OptionError, listed, printable

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
    return Share(number, parse_shares(str(of), given, least=number))


def parse_shares(of: str, given: str, *, least: int = 1) -> int:
    """N of `--shard I/N`, where I is `least`. given: the option's text. Raises OptionError."""
    number = int(of) if of.isdecimal() and len(of) < 10 else 0
    if not least <= number <= MOST_SHARES:
        raise OptionError(f"--shard {printable(given)}: expected {least:,} to {MOST_SHARES:,} shares")
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
            f"--shard slurm: of this array {count} task{'s' * (count != 1)} from {first} to {last} were submitted, "
            f"which does not say what N is ({write})"
        )
    others = sorted({*begun} - {count})
    if others:
        raise OptionError(
            f"--shard slurm: this array has {count} task{'s' * (count != 1)}, and {printable(folder)} was begun with "
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
