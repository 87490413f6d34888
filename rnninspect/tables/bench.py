"""What was timed: one row for each phase of each point, what the figures mean, and what to know of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.bench.bound import best_of
from rnninspect.bench.records import STEADY, Bound, Figure, Outcome, Peaks, told
from rnninspect.bench.statistics import interval, percentile
from rnninspect.tables.table import Block, Cell, Chart, Column, Kind, Series, Table

_ABOUT = (
    Column("model", "model", repeats=True),
    Column("file", "file", repeats=True),
    Column("point", "point", repeats=True),
    Column("variant", "variant", repeats=True),
    Column("subject", "subject", repeats=True),
    Column("phase", "phase"),
)
_TIMES = (
    *_ABOUT,
    Column("median_seconds", "median", Kind.SECONDS),
    Column("half_width_percent", "± %", Kind.NUMBER),
    Column("best_seconds", "best", Kind.SECONDS),
    Column("p90_seconds", "p90", Kind.SECONDS, for_scripts=True),
    Column("p99_seconds", "p99", Kind.SECONDS, for_scripts=True),
    Column("first_call_seconds", "first call", Kind.SECONDS),
    Column("samples", "samples", Kind.COUNT),
    Column("rounds", "rounds", Kind.COUNT),
    Column("processes", "processes", Kind.COUNT),
    Column("overhead_percent", "loop, %", Kind.NUMBER, for_scripts=True),
    Column("cpu_speed_percent", "CPU speed, %", Kind.NUMBER, for_scripts=True),
    Column("page_faults", "page faults", Kind.NUMBER, for_scripts=True),
    Column("stopped", "stopped by"),
    Column("bar", "", Kind.BAR),
    Column("verdict", "verdict"),
)
_MEANING = (
    *_ABOUT,
    Column("step_seconds", "per time step", Kind.SECONDS),
    Column("tokens_per_second", "tokens/s", Kind.NUMBER),
    Column("sequences_per_second", "sequences/s", Kind.NUMBER),
    Column("flops", "FLOPs", Kind.COUNT),
    Column("gflops_per_second", "GFLOP/s", Kind.NUMBER),
    Column("recurrent_gflops_per_second", "W_hh alone", Kind.NUMBER),
    Column("bound_seconds", "bound", Kind.SECONDS),
    Column("over_bound", "time / bound", Kind.NUMBER),
    Column("regime", "bound by"),
    Column("peak_bytes", "peak memory, bytes", Kind.BYTES),
    Column("planned_bytes", "planned, bytes", Kind.BYTES),
)
_KERNELS = (
    *_ABOUT[:-1],
    Column("pass", "pass"),
    Column("operators", "operators"),
    Column("fast", "fused"),
    Column("reason", "why"),
    Column("remedy", "what to try"),
)
_RATIOS = (
    *_ABOUT[:3],
    Column("subject", "subject", repeats=True),
    Column("phase", "phase", repeats=True),
    Column("variant", "variant"),
    Column("against", "against"),
    Column("ratio", "time ratio", Kind.NUMBER),
    Column("low", "95 % from", Kind.NUMBER),
    Column("high", "to", Kind.NUMBER),
    Column("rounds", "rounds", Kind.COUNT),
)
_FAILED = (
    *_ABOUT[:4],
    Column("process", "process", Kind.COUNT, for_scripts=True),
    Column("status", "status"),
    Column("reason", "reason"),
)


_PHASES = {
    "forward": "eval mode and inference_mode",
    "forward+grad": "training mode, graph recorded",
    "backward": "of a fresh graph, which is not in the time",
    "step": "forward+grad, then backward",
}
_OUTSIDE = "Made ready outside the time: inputs, first states, the gradient at the output; weights' gradients are None."


class Row(NamedTuple):
    """One phase of one variant of one point, from all the processes that timed it.

    half: half the interval over the median, a share: of one process within its run, of several the range of theirs.
    began: by process when its job began.
    """

    outcome: Outcome
    processes: tuple[int, ...]
    began: tuple[str, ...]
    figures: tuple[Figure, ...]
    median: float
    half: float | None

    def in_process(self, number: int) -> Figure:
        """The figure of one process."""
        return self.figures[self.processes.index(number)]

    @property
    def figure(self) -> Figure:
        """The figure of the process nearest to the median."""
        return min(self.figures, key=lambda figure: abs(figure.median - self.median))

    @property
    def verdict(self) -> str:
        """The worst of the processes' verdicts."""
        return max((figure.verdict for figure in self.figures), key=lambda verdict: verdict != STEADY)

    @property
    def bound(self) -> Bound | None:
        """The least bound: what disturbs a calibration makes it larger."""
        return min((figure.bound for figure in self.figures if figure.bound), key=lambda b: b.seconds, default=None)


def rows_of(outcomes: Sequence[Outcome]) -> list[Row]:
    """The figures of all processes of a variant, subject and phase together, in the order of their first."""
    found: dict[tuple[str, ...], list[tuple[Outcome, Figure]]] = {}
    for outcome in outcomes:
        for figure in outcome.figures:
            key = (
                outcome.model,
                outcome.file,
                told(outcome.settings),
                told(outcome.variant),
                figure.subject,
                figure.phase,
            )
            found.setdefault(key, []).append((outcome, figure))
    return [_row(members) for members in found.values()]


def _row(members: Sequence[tuple[Outcome, Figure]]) -> Row:
    figures = tuple(figure for _, figure in members)
    medians = [figure.median for figure in figures]
    median = statistics.median(medians)
    if len(figures) > 1:
        half: float | None = (max(medians) - min(medians)) / 2 / median
    else:
        half = figures[0].half
    processes, began = zip(*((outcome.process, outcome.began) for outcome, _ in members), strict=True)
    return Row(members[0][0], processes, began, figures, median, half)


def bench_blocks(outcomes: Sequence[Outcome], *, partial: bool = False) -> list[Block]:
    """Every table; partial: the run was interrupted, so that there would be more."""
    rows = rows_of(outcomes)
    models = list(dict.fromkeys(outcome.model for outcome in outcomes))
    subject = models[0] if len(models) == 1 else "all"
    blocks: list[Block] = []
    if rows:
        notes = tuple(_notes(rows, partial=partial))
        blocks = [
            Table(
                "times",
                subject,
                _columns(_TIMES, outcomes),
                tuple(map(_times_row, rows)),
                notes=notes,
            ),
            Table(
                "what they mean",
                subject,
                _columns(_MEANING, outcomes),
                tuple(map(_meaning_row, rows)),
                notes=tuple(_bound_notes(rows)),
            ),
        ]
        kernels = tuple(_kernels(rows))
        if kernels:
            blocks.append(Table("kernels", subject, _columns(_KERNELS, outcomes), kernels))
        ratios = tuple(_ratios(rows))
        if ratios:
            blocks.append(Table("variants", subject, _columns(_RATIOS, outcomes), ratios, notes=(_RATIO_NOTE,)))
        blocks += bench_charts(outcomes)
    failed = [outcome for outcome in outcomes if outcome.status != "ok"]
    if failed:
        columns = _columns(_FAILED, outcomes)
        blocks.append(Table("not measured", subject, columns, tuple(_failures(failed))))
    return blocks


def _columns(columns: Sequence[Column], outcomes: Sequence[Outcome]) -> tuple[Column, ...]:
    """`columns`, those for scripts alone that would tell people nothing: there is one point, or one variant."""
    figures = [figure for outcome in outcomes for figure in outcome.figures]
    files = {(outcome.model, outcome.file) for outcome in outcomes}
    empty = {
        "file": len(files) == len({model for model, _ in files}),
        "point": not any(outcome.point for outcome in outcomes),
        "variant": not any(outcome.variant for outcome in outcomes),
        "processes": len({outcome.process for outcome in outcomes}) == 1,
        "peak_bytes": all(figure.peak_bytes is None for figure in figures),
    }
    return tuple(column._replace(for_scripts=column.for_scripts or empty.get(column.key, False)) for column in columns)


_RATIO_NOTE = (
    "time ratio: of a variant to the first of its point, timed in turns, so that what disturbs one disturbs the other; "
    "its interval comes from the ratios of the rounds."
)


def bench_charts(outcomes: Sequence[Outcome]) -> list[Chart]:
    """Time against the swept number, one line for each phase, and its bound; none where nothing or more is swept."""
    rows = rows_of(outcomes)
    charts = []
    for file, model in dict.fromkeys((row.outcome.file, row.outcome.model) for row in rows):
        here = [row for row in rows if (row.outcome.file, row.outcome.model) == (file, model)]
        path = swept_number(row.outcome.settings for row in here)
        if path is None:
            continue
        for subject in dict.fromkeys(row.figure.subject for row in here):
            series = list(_series([row for row in here if row.figure.subject == subject], path))
            charts.append(Chart(f"time of {subject}", model, path, "seconds", tuple(series), log=True, log_x=True))
    return charts


def swept_number(points: Iterable[Mapping[str, object]]) -> str | None:
    """The one setting that differs between the points of a model, if its values are numbers: the axis of a chart."""
    found = list(points)
    paths = dict.fromkeys(path for settings in found for path in settings)
    # why get: a case that does not set a path has what the document says there.
    differing = [path for path in paths if len({str(settings.get(path)) for settings in found}) > 1]
    if len(differing) != 1:
        return None
    numbers = [settings.get(differing[0]) for settings in found]
    return differing[0] if all(isinstance(n, int | float) and n > 0 for n in numbers) else None


def _series(rows: Sequence[Row], path: str) -> Iterator[Series]:
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        lines.setdefault((row.figure.phase, told(row.outcome.variant)), []).append(row)
    for (phase, variant), members in lines.items():
        name = " ".join(filter(None, [phase, variant]))
        at = [(float(str(row.outcome.settings[path])), row) for row in members]
        at.sort(key=lambda point: point[0])
        yield Series(name, tuple((x, row.median) for x, row in at))
        if any(row.bound for _, row in at):
            yield Series(f"bound of {name}", tuple((x, row.bound.seconds if row.bound else None) for x, row in at))


def _about(row: Row) -> tuple[Cell, ...]:
    return (*_about_outcome(row.outcome), row.figure.subject, row.figure.phase)


def _about_outcome(outcome: Outcome) -> tuple[Cell, ...]:
    return (outcome.model, outcome.file, outcome.point, told(outcome.variant))


def _overhead(row: Row) -> float:
    return max(figure.overhead for figure in row.figures)


def _times_row(row: Row) -> tuple[Cell, ...]:
    figure = row.figure
    samples = [sample for other in row.figures for sample in other.seconds]
    return (
        *_about(row),
        row.median,
        None if row.half is None else 100 * row.half,
        min(other.best for other in row.figures),
        percentile(samples, 90),
        percentile(samples, 99),
        figure.first_call,
        len(samples),
        sum(len(other.kept) for other in row.figures),
        len(row.figures),
        100 * _overhead(row),
        None if figure.speed is None else 100 * figure.speed,
        figure.page_faults,
        figure.stopped,
        row.median,
        row.verdict,
    )


def _meaning_row(row: Row) -> tuple[Cell, ...]:
    figure, bound = row.figure, row.bound
    return (
        *_about(row),
        None if figure.steps is None else row.median / figure.steps,
        figure.tokens / row.median,
        figure.sequences / row.median,
        figure.flops,
        None if figure.flops is None else figure.flops / row.median / 1e9,
        None if figure.recurrent_flops is None else figure.recurrent_flops / row.median / 1e9,
        bound and bound.seconds,
        None if bound is None else row.median / bound.seconds,
        bound and bound.regime,
        figure.peak_bytes,
        figure.planned_bytes,
    )


def _kernels(rows: Sequence[Row]) -> Iterator[tuple[Cell, ...]]:
    """A row for the forward pass in eval mode, and one for training, of each subject."""
    seen: set[tuple[Cell, ...]] = set()
    each_layer = any(row.figure.subject != "chain" for row in rows)
    for row in rows:
        figure = row.figure
        # why not the chain too: it runs what its layers run.
        if figure.kernels is None or not figure.kernels.operators or (each_layer and figure.subject == "chain"):
            continue
        about = (*_about(row)[:-1], "forward" if figure.phase == "forward" else "training")
        if about in seen:
            continue
        seen.add(about)
        fast = {True: "yes", False: "no", None: None}[figure.kernels.fast]
        operators = ", ".join(figure.kernels.operators)
        yield (*about, operators, fast, figure.kernels.reason or None, figure.kernels.remedy or None)


def _ratios(rows: Sequence[Row]) -> Iterator[tuple[Cell, ...]]:
    """Each variant against the first of its point, round by round."""
    groups: dict[tuple[Cell, ...], list[Row]] = {}
    for row in rows:
        model, file, point, _, subject, phase = _about(row)
        groups.setdefault((model, file, point, subject, phase), []).append(row)
    for about, (first, *others) in groups.items():
        for other in others:
            # why when they began too: what --resume timed later was in no turn with what was there.
            both = sorted(
                set(zip(first.processes, first.began, strict=True))
                & set(zip(other.processes, other.began, strict=True))
            )
            ratios = [ratio for n, _ in both for ratio in _paired(first.in_process(n), other.in_process(n))]
            if ratios:
                found = interval(ratios)
                edges = (None, None) if found is None else found
                names = (told(other.outcome.variant), told(first.outcome.variant))
                yield (*about, *names, statistics.median(ratios), *edges, len(ratios))


def _paired(first: Figure, other: Figure) -> list[float]:
    """The ratio in every pass over all that was timed, in which the rounds of both count."""
    one, two = (_medians(figure) for figure in (first, other))
    return [two[number] / one[number] for number in sorted(one.keys() & two.keys())]


def _medians(figure: Figure) -> dict[int, float]:
    """The medians of the rounds that count, by their pass."""
    # why else its own number: results of before passes were recorded have a round in each.
    return {figure.passes[k] if figure.passes else k: statistics.median(figure.rounds[k]) for k in figure.kept}


def _failures(failed: Sequence[Outcome]) -> Iterator[tuple[Cell, ...]]:
    for outcome in failed:
        yield (*_about_outcome(outcome), outcome.process, outcome.status, outcome.reason)


def _notes(rows: Sequence[Row], *, partial: bool) -> Iterator[str]:
    if partial:
        yield "partial: interrupted before everything was measured."
    timed = {row.figure.phase for row in rows}
    phases = "; ".join(f"{name}: {said}" for name, said in _PHASES.items() if name in timed)
    yield f"{phases}. {_OUTSIDE}"
    several = any(len(row.figures) > 1 for row in rows)
    spread = (
        "the range of the processes' medians" if several else "the 95 % interval within this run, of round medians,"
    )
    yield (
        f"median: of the medians of the rounds that count; ±: how far {spread} reaches from it. "
        f"first call: libraries loading and memory taken, in no other figure. The loop's own share of a sample is "
        f"{100 * max(map(_overhead, rows)):.2g} % at the most."
    )
    # why of steady ones: of others the verdict says it, and what disturbed them slowed the probe too.
    figures = [figure for row in rows for figure in row.figures if figure.verdict == STEADY]
    speeds = [100 * figure.speed for figure in figures if figure.speed is not None]
    if speeds:
        least, most = (f"{speed:.0f}" for speed in (min(speeds), max(speeds)))
        yield (
            f"Where steady, the CPU ran at {least if least == most else f'{least} to {most}'} % of its best speed, "
            "by a small matrix product before and after each round."
        )
    if any(row.outcome.environment and row.outcome.environment.keeps_freed for row in rows):
        yield (
            "Freed memory stays with the process, so that no call pays for new pages. In a loop of your own glibc's "
            "malloc may give it back; MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_MAX_=0 in the environment keeps it there."
        )
    warned: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for figure in row.figures:
            for warning in figure.warnings:
                warned.setdefault(warning, []).append(_where(row, rows))
    for (what, try_), places in warned.items():
        named = list(dict.fromkeys(places))
        about = "" if len(named) == len(rows) else f" ({', '.join(named[:3])}{', ...' * (len(named) > 3)})"
        yield f"warning: {what}{about}; try: {try_}"


def _where(row: Row, rows: Sequence[Row]) -> str:
    """Which row it is, among these."""
    model, file, *about = _about(row)
    models = {(other.outcome.model, other.outcome.file) for other in rows}
    alike = sum(name == model for name, _ in models) > 1
    return " ".join(str(part) for part in ((file if alike else model) if len(models) > 1 else "", *about) if part)


def _peaks(rows: Sequence[Row]) -> Iterator[str]:
    """The peaks that bounds were made from, for each dtype and number of threads."""
    found: dict[str, Peaks] = {}
    for row in rows:
        peaks, place = row.outcome.peaks, row.outcome.environment
        if peaks is not None and place is not None:
            on = f" on {place.threads} thread{'s' * (place.threads > 1)}" if place.device == "cpu" else ""
            name = f"{row.outcome.dtype}{on}"
            found[name] = best_of(found.get(name, peaks), peaks)
    for name, peaks in found.items():
        steps = [f"{1e6 * seconds:.3g} µs a step of {kind}" for kind, seconds in peaks.step_seconds.items()]
        speeds = [f"{peaks.flops / 1e9:.4g} GFLOP/s", f"{peaks.bandwidth / 1e9:.4g} GB/s"]
        yield f"peaks of {name}: {', '.join([*speeds, *steps])}."


def _bound_notes(rows: Sequence[Row]) -> Iterator[str]:
    if any(row.bound for row in rows):
        calibrated = any(row.bound and row.bound.calibrated for row in rows)
        kind = (
            "a model from peaks measured here in the same run, good to about 15 % for large layers; of small ones "
            "most time goes into the calls, which it leaves out (--peak-tflops and "
            "--bandwidth give those of a data sheet)"
            if calibrated
            else "a limit, from the peaks that were given"
        )
        yield (
            f"bound: {kind}: the largest of compute (FLOPs over peak), traffic (bytes over bandwidth) and latency "
            "(steps that wait for one another). Where it is latency or bandwidth, a larger batch costs little."
        )
    yield from _peaks(rows)
    beaten = [row for row in rows if row.bound and row.median < row.bound.seconds]
    if beaten:
        names = ", ".join(dict.fromkeys(_where(row, rows) for row in beaten[:3]))
        yield f"faster than its bound, which is therefore wrong here: {names}."
    yield (
        "planned: the plan's parameters, its outputs and states, or what training keeps for the backward pass if that "
        "is more, and where they are made the gradients of the parameters; the peak, with all else that torch holds, "
        "is counted on CUDA alone."
    )
    yield (
        "FLOPs: two for each multiply-accumulate of the matrix products, as params counts them. W_hh alone: GFLOP/s of "
        "the recurrent matrices, as DeepBench counts."
    )
