"""Two benchmarks side by side: what became slower, what faster, what neither, and where nobody can tell.

The figure is the ratio new / old of the medians, each the median of its processes' medians. Two things stand beside it:

- its nominal 95 % interval, from a bootstrap that draws processes first and then *rounds* of each, because the calls
  of a round are correlated (measured: such an interval of 50 calls in a row holds the truth 30 % of the time);
- the noise: by how far ratios stray for no reason, twice what the spread of the rounds tells of both sides. The spread
  is half of what the middle 68 % of them span, in logarithms: one standard deviation of a normal law, and not blind to
  rounds of two sorts. More rounds do not make it smaller, for those of one process are correlated too; P processes
  make it smaller by sqrt(P). How processes differ from each other is seen with three of them; of fewer it is taken to
  be twice the spread within one, as was measured (5 to 7 % and 9 to 15 %).

The verdict, for t of 5 %, or the threshold that was asked for where that is less:

- UNCLEAR where a side has no steady process, or fewer than LEAST_ROUNDS rounds in one;
- SAME where the whole interval is between 1 / (1 + t) and 1 + t;
- SLOWER where the whole interval is above 1 + t, and the ratio above 1 + noise; FASTER the other way round;
- UNCLEAR for everything else, and the reason says what to try.

A slowdown fails where the whole interval is above 1 + threshold, however small or large a threshold was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from rnninspect.bench.matching import Pair, Unmatched, match
from rnninspect.bench.records import STEADY, WHOLE_MODEL, Environment, Figure, Outcome, settings_text
from rnninspect.bench.statistics import ratio_interval
from rnninspect.errors import Place
from rnninspect.guard.findings import Finding

THRESHOLD = 0.05
LEAST_ROUNDS = 7
# Of the clocks of a GPU in two runs, how far they may be apart and yet be called one: a boost wanders by a few steps.
_SAME_CLOCK = 1.05
# The moment, and what else ran then, always differ, and so do a scheduler's numbers; the verdicts have what matters.
_NOT_ASKED = ("started", "load", "job", "task", "attempt", "gpu_bus")
# Of what there may be many: hosts and GPUs, and how many of these were at work at once.
_OF_MANY, _MOST_LISTED = ("host", "gpu_uuid", "device", "beside"), 4
# The quantile of a normal law one standard deviation below its middle.
_BELOW = 0.1587
# How much more processes differ than rounds of one do, and how many of them show it.
_BETWEEN_PROCESSES = 2
_TELLING_PROCESSES = 3


class Verdict(StrEnum):
    """What a comparison came to, by the rules above; worst first."""

    SLOWER = "SLOWER"
    FASTER = "FASTER"
    SAME = "SAME"
    UNCLEAR = "UNCLEAR"


class Side(NamedTuple):
    """One side of a comparison.

    median: seconds, the median of its processes' medians. processes: how many it comes from; where some were steady,
    those alone, and `unsteady` is how many were set aside. rounds: the fewest of a process. spread: of the logarithms
    of the rounds' medians. verdict: of its first process.
    """

    median: float
    processes: int
    unsteady: int
    rounds: int
    spread: float
    verdict: str


class Compared(NamedTuple):
    """One phase of one subject in one variant of one point, in both. ratio: new / old; low, high: its interval.

    noise: the share by which ratios differ from 1 for no reason. reason: why it is UNCLEAR, and what to try, or why
    SLOWER is no failure.
    """

    model: str
    file: str
    case: str
    point: str
    settings: Mapping[str, object]
    variant: Mapping[str, object]
    subject: str | None
    phase: str
    old: Side
    new: Side
    ratio: float
    low: float
    high: float
    noise: float
    verdict: Verdict
    reason: str


class Differing(NamedTuple):
    """Something about the surroundings that is not the same. comparisons: of how many."""

    what: str
    old: str
    new: str
    comparisons: int


class Comparison(NamedTuple):
    """Everything that `compare` found. threshold: a share, 0.05 is 5 %."""

    compared: tuple[Compared, ...]
    unmatched: tuple[Unmatched, ...]
    differing: tuple[Differing, ...]
    threshold: float

    def count(self, verdict: Verdict) -> int:
        """How many have this verdict."""
        return sum(item.verdict == verdict for item in self.compared)


def compare_runs(old: Sequence[Outcome], new: Sequence[Outcome], threshold: float = THRESHOLD) -> Comparison:
    """Hold `new` against `old`. The same outcomes give the same comparison."""
    pairs, unmatched = match(old, new)
    return Comparison(
        compared=tuple(_compared(pair, threshold) for pair in pairs),
        unmatched=tuple(unmatched),
        differing=tuple(_differing(pairs)),
        threshold=threshold,
    )


def undecided(comparison: Comparison) -> Iterator[Finding]:
    """Each comparison that came to no verdict, and what was not compared, as a remark about its document."""
    items: list[Compared | Unmatched] = [item for item in comparison.compared if item.verdict == Verdict.UNCLEAR]
    for item in [*items, *comparison.unmatched]:
        rule = "not compared" if isinstance(item, Unmatched) else "unclear"
        name = " ".join(filter(None, [_what(item) if item.phase else "", _where(item)]))
        yield Finding(
            place=Place(item.file),
            model=item.model,
            rule=rule,
            what=f"{f'{name}: ' if name else ''}{rule}: {item.reason}",
        )


def slower(comparison: Comparison) -> Iterator[Finding]:
    """Each slowdown that is not allowed, as a complaint about its document."""
    for item in comparison.compared:
        if item.verdict == Verdict.SLOWER and item.low > 1 + comparison.threshold:
            where = _where(item)
            yield Finding(
                place=Place(item.file),
                model=item.model,
                rule="slower",
                what=f"{_what(item)}{f' ({where})' if where else ''} takes {item.ratio:.3g} x the time: "
                f"{item.new.median:.4g} s, before {item.old.median:.4g} s "
                f"(95 %: {item.low:.3g} to {item.high:.3g} x; allowed {1 + comparison.threshold:g} x)",
            )


def _what(item: Compared | Unmatched) -> str:
    return f"{item.phase} of {item.subject or f'the {WHOLE_MODEL}'}"


def _where(item: Compared | Unmatched) -> str:
    return " ".join(filter(None, [item.point, settings_text(item.variant)]))


# --- surroundings --------------------------------------------------------------------------------------------


def _differing(pairs: Sequence[Pair]) -> Iterator[Differing]:
    """What is not the same about the two sides of any pair; when they were run is not asked."""
    rows: dict[tuple[str, str, str], int] = {}
    sides = [[_surroundings(side) for side in (pair.old, pair.new)] for pair in pairs]
    # why together: of a sweep over many nodes every point may have been measured on others.
    many: dict[str, list[set[object]]] = {
        what: [set().union(*(side[k][what] for side in sides)) for k in (0, 1)] for what in _OF_MANY
    }
    for a, b in sides:
        for what in a:
            shown = many.get(what, [a[what], b[what]])
            # why both: a result of before something was recorded does not say.
            if a[what] and b[what] and not _alike(what, *shown):
                key = (what, _listed(shown[0]), _listed(shown[1]))
                rows[key] = rows.get(key, 0) + 1
    yield from (Differing(*key, number) for key, number in rows.items())


def _listed(values: Iterable[object]) -> str:
    texts = sorted(map(str, values))
    more = f" and {len(texts) - _MOST_LISTED} more" if len(texts) > _MOST_LISTED else ""
    return ", ".join(texts[:_MOST_LISTED]) + more


def _alike(what: str, old: Iterable[object], new: Iterable[object]) -> bool:
    """Whether two sides have the same; of a clock, which is never twice the same, nearly."""
    if what != "clock_mhz":
        return set(old) == set(new)
    clocks = [median(float(str(value)) for value in values) for values in (old, new)]
    return max(clocks) <= _SAME_CLOCK * min(clocks)


def _surroundings(side: Iterable[tuple[Outcome, Figure]]) -> dict[str, set[object]]:
    names = [name for name in Environment._fields if name not in _NOT_ASKED]
    values: dict[str, set[object]] = {name: set() for name in ("dtype", "matmul_flops", "planned_bytes", *names)}
    for outcome, figure in side:
        known = outcome.environment._asdict() if outcome.environment else {}
        # why of the figure: the document may have been changed, and the model has the same name.
        known |= {"dtype": outcome.dtype, "matmul_flops": figure.flops, "planned_bytes": figure.planned_bytes}
        for name in values:
            values[name] |= {known.get(name)} - {None}
    return values


# --- the figure and its verdict ------------------------------------------------------------------------------


def _compared(pair: Pair, threshold: float) -> Compared:
    before, now = ([figure for _, figure in side] for side in (pair.old, pair.new))
    old, new = _side(before), _side(now)
    ratio = new.median / old.median
    low, high = ratio_interval(_used(before), _used(now), center=ratio)
    noise = math.expm1(2 * math.hypot(_strays(old), _strays(new)))
    verdict, reason = _judged(old, new, ratio, low, high, noise, min(threshold, THRESHOLD))
    if verdict == Verdict.SLOWER and low <= 1 + threshold:
        reason = f"{_percent(threshold)} are allowed"
    return Compared(
        *pair.new[0][0].of_point,
        subject=pair.subject,
        phase=pair.phase,
        old=old,
        new=new,
        ratio=ratio,
        low=low,
        high=high,
        noise=noise,
        verdict=verdict,
        reason=reason,
    )


def _strays(side: Side) -> float:
    """By how far the logarithm of a side's median strays from run to run, as one standard deviation."""
    unseen = 1 if side.processes >= _TELLING_PROCESSES else _BETWEEN_PROCESSES
    return unseen * side.spread / math.sqrt(side.processes)


def _judged(
    old: Side, new: Side, ratio: float, low: float, high: float, noise: float, threshold: float
) -> tuple[Verdict, str]:
    """The verdict by the rules above, and the reason of one that is UNCLEAR."""
    for name, side in (("old", old), ("new", new)):
        if side.verdict != STEADY:
            return Verdict.UNCLEAR, f"{name} was {side.verdict}: measure it again"
    for name, side in (("old", old), ("new", new)):
        if side.rounds < LEAST_ROUNDS:
            return Verdict.UNCLEAR, f"{side.rounds} rounds in {name}, {LEAST_ROUNDS} are needed: a longer --budget"
    most = 1 + threshold
    if 1 / most <= low and high <= most:
        return Verdict.SAME, ""
    if low > most or high < 1 / most:
        if max(ratio, 1 / ratio) > 1 + noise:
            return (Verdict.SLOWER if ratio > 1 else Verdict.FASTER), ""
        return Verdict.UNCLEAR, f"within the noise, {_percent(noise)}: --processes 3 or more for both"
    return (
        Verdict.UNCLEAR,
        f"it may be more than {_percent(threshold)}, and it may be less: a longer --budget, or more --processes",
    )


def _percent(share: float) -> str:
    # why no more than that: a share beyond it means nothing.
    return f"{100 * share:.3g} %" if share <= 1 else "> 100 %"


def _used(figures: Sequence[Figure]) -> list[list[float]]:
    """The medians of the kept rounds, in order of size, of each process that counts.

    why the steady alone, where there are any: whether one was is told by witnesses, not by its times.
    """
    counted = [figure for figure in figures if figure.verdict == STEADY] or figures
    return [sorted(median(figure.rounds[k]) for k in figure.kept if figure.rounds[k]) for figure in counted]


def _side(figures: Sequence[Figure]) -> Side:
    counted = [figure for figure in figures if figure.verdict == STEADY] or figures
    rounds = _used(figures)
    logs = sorted(math.log(value) for process in rounds for value in process)
    return Side(
        median=median(figure.median for figure in counted),
        processes=len(counted),
        unsteady=len(figures) - len(counted),
        rounds=min(map(len, rounds)),
        spread=(_quantile(logs, 1 - _BELOW) - _quantile(logs, _BELOW)) / 2 if logs else 0.0,
        verdict=counted[0].verdict,
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, between two of them where that falls."""
    below = min(int(share * (len(ordered) - 1)), max(len(ordered) - 2, 0))
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (share * (len(ordered) - 1) - below) * (ordered[above] - ordered[below])
