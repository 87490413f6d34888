"""What a benchmark found, from what its processes measured: tables, JSON and --strict read the same from here.

A figure is pooled over the processes that timed the same thing. A variant is held against the first of its point, round
by round, as both were timed in turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rnninspect.bench.bound import best_of
from rnninspect.bench.data_sheets import sheet_flops
from rnninspect.bench.plain import canonical
from rnninspect.bench.records import NONE, STEADY, Bound, Figure, Outcome, Peaks, Warned
from rnninspect.bench.statistics import interval, percentile
from rnninspect.shares import percent


class ProcessFigure(NamedTuple):
    """One process's figure, and the outcome that it belongs to."""

    outcome: Outcome
    figure: Figure


class Pooled(NamedTuple):
    """One phase of one subject in one variant of one point, from all the processes that timed it.

    The names are the keys of JSON and of CSV; `timed` alone is for those who say more of it. threads, device_name: None
    where nobody recorded them. devices: as torch calls them; beside: how many others were at work meanwhile.
    median_seconds: of the processes' medians; half_width_percent: half the interval over it, of one process within its
    run, of several the range of their medians. What has no meaning over processes (first call, peak memory, the loop's
    counts) is that of the process nearest to the median, overhead_percent the largest.
    verdict: the worst. bound_seconds: the least, for what disturbs a calibration makes it larger.
    """

    model: str
    file: str
    case: str
    point: str
    settings: Mapping[str, object]
    variant: Mapping[str, object]
    dtype: str
    threads: int | None
    device_name: str | None
    devices: str | None
    beside: int | None
    subject: str | None
    phase: str
    median_seconds: float
    half_width_percent: float | None
    best_seconds: float
    p90_seconds: float | None
    p99_seconds: float | None
    first_call_seconds: float
    samples: int
    rounds: int
    processes: int
    overhead_percent: float
    cpu_speed_percent: float | None
    page_faults: float | None
    stopped: str
    host_seconds: float | None
    launch_bound: bool | None
    verdict: str
    step_seconds: float | None
    tokens_per_second: float
    sequences_per_second: float
    matmul_flops: int | None
    matmul_flops_per_second: float | None
    recurrent_flops_per_second: float | None
    bound_seconds: float | None
    over_bound: float | None
    regime: str | None
    peak_bytes: int | None
    planned_bytes: int | None
    sheet_percent: float | None
    joules: float | None
    tokens_per_joule: float | None
    timed: tuple[ProcessFigure, ...]

    @property
    def bound(self) -> Bound | None:
        """The least bound of the processes."""
        return _least_bound(self.timed)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What the processes warn of, each once."""
        return tuple(dict.fromkeys(warning for one in self.timed for warning in one.figure.warnings))

    @property
    def nearest(self) -> Figure:
        """The figure of the process nearest to the median."""
        return _nearest(self.timed, self.median_seconds)

    @property
    def is_usable(self) -> bool:
        """Whether the figure says anything: not where its interval is wider than itself."""
        return self.half_width_percent is None or self.half_width_percent <= 100

    def is_sure(self, precision: float) -> bool:
        """Whether it is steady, and its interval known and no wider than `precision`, a share of the median."""
        half = self.half_width_percent
        return self.verdict == STEADY and half is not None and half <= 100 * precision


class Ratio(NamedTuple):
    """The time of a variant over that of another, the first of its point, in the rounds of the same passes.

    low, high: the 95 % interval, None for fewer than six rounds.
    """

    model: str
    file: str
    case: str
    point: str
    settings: Mapping[str, object]
    subject: str | None
    phase: str
    variant: Mapping[str, object]
    device_name: str | None
    against: Mapping[str, object]
    ratio: float
    low: float | None
    high: float | None
    rounds: int


def pool(outcomes: Iterable[Outcome]) -> list[Pooled]:
    """The figures of all processes of a variant, subject and phase together, in the order of their first.

    Those of devices of another name are by themselves, and after all of the first.
    """
    alike: dict[tuple[str | None, ...], list[ProcessFigure]] = {}
    for outcome in outcomes:
        device = outcome.environment and outcome.environment.device_name
        for figure in outcome.figures:
            about = (*outcome.about, figure.subject, figure.phase, device)
            alike.setdefault(about, []).append(ProcessFigure(outcome, figure))
    devices = list(dict.fromkeys(about[-1] for about in alike))
    return [_pooled(tuple(alike[about])) for about in sorted(alike, key=lambda about: devices.index(about[-1]))]


def several_devices(rows: Iterable[Pooled]) -> bool:
    """Whether figures are from devices of more than one name, so that each has to say which."""
    return len({row.device_name for row in rows}) > 1


# What is taken from the figure of the process nearest to the median as it is.
_OF_NEAREST = ("subject", "phase", "page_faults", "stopped", "launch_bound", "peak_bytes", "planned_bytes", "joules")


def _pooled(timed: tuple[ProcessFigure, ...]) -> Pooled:
    outcome, figures = timed[0].outcome, [one.figure for one in timed]
    median = statistics.median(medians := [figure.median for figure in figures])
    half = (max(medians) - min(medians)) / 2 / median if len(figures) > 1 else figures[0].half
    samples = [sample for figure in figures for sample in figure.seconds]
    nearest, bound, place = _nearest(timed, median), _least_bound(timed), outcome.environment
    places = [one.outcome.environment for one in timed if one.outcome.environment is not None]
    return Pooled(
        *outcome.of_point,
        **{name: getattr(nearest, name) for name in _OF_NEAREST},
        dtype=outcome.dtype,
        threads=place and place.threads,
        device_name=place and place.device_name,
        devices=", ".join(dict.fromkeys(each.device for each in places)) or None,
        beside=max((each.beside for each in places if each.beside is not None), default=None),
        median_seconds=median,
        half_width_percent=_percent(half),
        best_seconds=min(figure.best for figure in figures),
        p90_seconds=percentile(samples, 90),
        p99_seconds=percentile(samples, 99),
        first_call_seconds=nearest.first_call,
        samples=len(samples),
        rounds=sum(len(figure.kept) for figure in figures),
        processes=len(figures),
        overhead_percent=percent(max(figure.overhead for figure in figures)),
        cpu_speed_percent=_percent(nearest.speed),
        host_seconds=nearest.host,
        verdict=max((figure.verdict for figure in figures), key=lambda verdict: verdict != STEADY),
        step_seconds=_over(median, nearest.steps),
        tokens_per_second=nearest.tokens / median,
        sequences_per_second=nearest.sequences / median,
        matmul_flops=nearest.flops,
        matmul_flops_per_second=_over(nearest.flops, median),
        recurrent_flops_per_second=_over(nearest.recurrent_flops, median),
        bound_seconds=bound and bound.seconds,
        over_bound=_over(median, bound and bound.seconds),
        regime=bound and bound.regime,
        sheet_percent=_percent(_over(_over(nearest.flops, median), _sheet(outcome))),
        tokens_per_joule=_over(nearest.tokens, nearest.joules),
        timed=timed,
    )


def _sheet(outcome: Outcome) -> float | None:
    """FLOP/s of the data sheet, in the dtype that products have: that of autocast where there is one."""
    place, amp = outcome.environment, outcome.variant.get("amp", NONE)
    dtype = outcome.dtype if amp == NONE else str(amp)
    return None if place is None else sheet_flops(place.device_name, dtype, place.float32_precision)


class PooledPeaks(NamedTuple):
    """The best of what was calibrated of a device in one dtype. threads: of a CPU, None elsewhere."""

    dtype: str
    threads: int | None
    peaks: Peaks


def peaks_of(outcomes: Iterable[Outcome]) -> list[PooledPeaks]:
    """The peaks that bounds were made from, for each dtype and number of threads."""
    best: dict[tuple[str, int | None], Peaks] = {}
    for outcome in outcomes:
        peaks, place = outcome.peaks, outcome.environment
        if peaks is not None and place is not None:
            of = (outcome.dtype, place.threads if place.device == "cpu" else None)
            best[of] = best_of(best.get(of, peaks), peaks)
    return [PooledPeaks(*of, peaks) for of, peaks in best.items()]


def steady_speed(rows: Iterable[Pooled]) -> tuple[float, float] | None:
    """The least and the most of the CPU's speed, as shares of its best, where figures are steady; None if unknown."""
    # why of steady ones: of others the verdict says it, and what disturbed them slowed the probe too.
    figures = [one.figure for row in rows for one in row.timed if one.figure.verdict == STEADY]
    speeds = [figure.speed for figure in figures if figure.speed is not None]
    return (min(speeds), max(speeds)) if speeds else None


def by_warning(rows: Iterable[Pooled]) -> dict[Warned, list[Pooled]]:
    """Every warning once, with the rows that it is about."""
    groups: dict[Warned, list[Pooled]] = {}
    for row in rows:
        for warning in row.warnings:
            groups.setdefault(warning, []).append(row)
    return groups


def _nearest(timed: Sequence[ProcessFigure], median: float) -> Figure:
    return min((one.figure for one in timed), key=lambda figure: abs(figure.median - median))


def _least_bound(timed: Sequence[ProcessFigure]) -> Bound | None:
    bounds = [one.figure.bound for one in timed if one.figure.bound is not None]
    return min(bounds, key=lambda bound: bound.seconds, default=None)


def _percent(share: float | None) -> float | None:
    return None if share is None else percent(share)


def _over(number: float | None, divisor: float | None) -> float | None:
    return None if number is None or not divisor else number / divisor


def ratios(rows: Iterable[Pooled]) -> list[Ratio]:
    """Each variant against the first of its point, where both were timed in turns."""
    groups: dict[tuple[str | None, ...], list[Pooled]] = {}
    for row in rows:
        about = (row.model, row.file, canonical(row.settings), row.subject, row.phase, row.device_name)
        groups.setdefault(about, []).append(row)
    pairs = ((first, other) for first, *others in groups.values() for other in others)
    return [ratio for pair in pairs if (ratio := _ratio(*pair)) is not None]


# What two variants that are held against each other have in common.
_OF_BOTH = ("model", "file", "case", "point", "settings", "subject", "phase", "device_name")


def _ratio(first: Pooled, other: Pooled) -> Ratio | None:
    # why when they began too: what --resume timed later was in no turn with what was there.
    one, two = ({(each.process, each.began): figure for each, figure in row.timed} for row in (first, other))
    paired = [ratio for turn in sorted(one.keys() & two.keys()) for ratio in _paired(one[turn], two[turn])]
    if not paired:
        return None
    low, high = interval(paired) or (None, None)
    return Ratio(
        **{name: getattr(first, name) for name in _OF_BOTH},
        variant=other.variant,
        against=first.variant,
        ratio=statistics.median(paired),
        low=low,
        high=high,
        rounds=len(paired),
    )


def _paired(first: Figure, other: Figure) -> list[float]:
    """The ratio in every pass over all that was timed, in which the rounds of both count."""
    one, two = (_medians(figure) for figure in (first, other))
    return [two[number] / one[number] for number in sorted(one.keys() & two.keys())]


def _medians(figure: Figure) -> dict[int, float]:
    # why else its own number: results of before passes were recorded have a round in each.
    return {figure.passes[k] if figure.passes else k: statistics.median(figure.rounds[k]) for k in figure.kept}


def swept_number(points: Iterable[Mapping[str, object]]) -> str | None:
    """The one setting that differs between the points of a model, if its values are numbers: the axis of a chart."""
    points = list(points)
    # why get: a case that does not set a path has what the document says there.
    differing = [path for path in paths_of(points) if len({str(settings.get(path)) for settings in points}) > 1]
    if len(differing) != 1:
        return None
    numbers = [settings.get(differing[0]) for settings in points]
    return differing[0] if all(isinstance(n, int | float) and n > 0 for n in numbers) else None


def paths_of(settings: Iterable[Mapping[str, object]]) -> list[str]:
    """Every path that one of them sets, in the order of the first that does."""
    return list(dict.fromkeys(path for each in settings for path in each))
