"""What was timed: one row for each phase of each point, what the figures mean, and what to know of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rnninspect.bench.records import Outcome
from rnninspect.bench.results import Pooled, by_warning, paths_of, peaks_of, pool, ratios, several_devices, steady_speed
from rnninspect.errors import counted
from rnninspect.results.about import DEVICE, PHASE, POINT, SUBJECT, VARIANT, cell, cells, for_people, told_apart
from rnninspect.results.bench_answer import answer_table
from rnninspect.results.bench_charts import bench_charts
from rnninspect.results.table import SEVERAL, Block, Cell, Chart, Column, Kind, Table

_SUBJECTS = (*POINT, DEVICE, VARIANT, SUBJECT)
_ABOUT = (*_SUBJECTS, PHASE)
_WHERE = (
    Column("dtype", "dtype", for_scripts=True),
    Column("threads", "threads", Kind.COUNT, for_scripts=True),
    Column("devices", "devices", for_scripts=True),
    Column("beside", "beside", Kind.COUNT, for_scripts=True),
    DEVICE,
)
_TIMED = (
    Column("median_seconds", "median", Kind.SECONDS, same_unit=True),
    Column("half_width_percent", "± %", Kind.PERCENT),
    Column("best_seconds", "best", Kind.SECONDS, same_unit=True),
    Column("p90_seconds", "p90", Kind.SECONDS, for_scripts=True),
    Column("p99_seconds", "p99", Kind.SECONDS, for_scripts=True),
    Column("host_seconds", "host", Kind.SECONDS, same_unit=True),
    Column("first_call_seconds", "first call", Kind.SECONDS, same_unit=True),
    Column("samples", "samples", Kind.COUNT),
    Column("rounds", "rounds", Kind.COUNT),
    Column("processes", "processes", Kind.COUNT),
    Column("overhead_percent", "loop, %", Kind.NUMBER, for_scripts=True),
    Column("cpu_speed_percent", "CPU speed, %", Kind.NUMBER, for_scripts=True),
    Column("page_faults", "page faults", Kind.NUMBER, for_scripts=True),
    Column("launch_bound", "launch-bound", for_scripts=True),
    Column("stopped", "stopped by"),
    Column("bar", "", Kind.BAR),
    Column("verdict", "verdict", verdict=True),
)
_MEANT = (
    Column("step_seconds", "per time step", Kind.SECONDS, same_unit=True),
    Column("tokens_per_second", "tokens/s", Kind.NUMBER),
    Column("sequences_per_second", "sequences/s", Kind.NUMBER),
    Column("matmul_flops", "matmul FLOPs", Kind.COUNT),
    Column("matmul_flops_per_second", "matmul", Kind.RATE),
    Column("sheet_percent", "of the sheet, %", Kind.NUMBER),
    Column("recurrent_flops_per_second", "W_hh alone", Kind.RATE),
    Column("bound_seconds", "bound", Kind.SECONDS, same_unit=True),
    Column("over_bound", "time / bound", Kind.NUMBER),
    Column("regime", "bound by"),
    Column("peak_bytes", "peak memory, bytes", Kind.BYTES),
    Column("planned_bytes", "planned, bytes", Kind.BYTES),
    Column("joules", "joules", Kind.NUMBER),
    Column("tokens_per_joule", "tokens/J", Kind.NUMBER),
)
_TIMES = (*_ABOUT, *_TIMED)
_MEANING = (*_ABOUT, *_MEANT)
_KERNELS = (
    *_SUBJECTS,
    Column("pass", "pass"),
    Column("operators", "operators"),
    Column("fast", "fused"),
    Column("reason", "why"),
    Column("remedy", "what to try"),
)
_RATIOS = (
    *POINT,
    DEVICE,
    SUBJECT,
    PHASE._replace(repeats=True),
    Column("variant", "variant"),
    Column("against", "against"),
    Column("ratio", "time ratio", Kind.NUMBER),
    Column("low", "95 % from", Kind.NUMBER),
    Column("high", "to", Kind.NUMBER),
    Column("rounds", "rounds", Kind.COUNT),
)
_FAILED = (
    *POINT,
    VARIANT,
    Column("process", "process", Kind.COUNT, for_scripts=True),
    Column("status", "status", verdict=True),
    Column("reason", "reason"),
)


# What a note names of the rows that it is about.
_TELLING = ("device_name", "point", "variant", "subject", "phase")
_PHASES = {
    "forward": "eval mode and inference_mode",
    "forward+grad": "training mode, graph recorded",
    "backward": "of a fresh graph, which is not in the time",
    "step": "forward+grad, then backward",
}
_OUTSIDE = "Made ready outside the time: inputs, first states, the gradient at the output; weights' gradients are None."


def bench_tables(outcomes: Sequence[Outcome], *, partial: bool = False) -> dict[str, Table]:
    """Every table by its name; one with nothing to tell has no rows.

    "results" has all figures, and a column for each path that is swept or varied. partial: the run was interrupted, so
    that there would be more, which every table says.
    """
    pooled = pool(outcomes)
    pairs = ratios(pooled)
    failed = [outcome for outcome in outcomes if not outcome.ok]
    silent = ["processes"] if len({outcome.process for outcome in outcomes}) == 1 else []
    of_gpus = ("peak_bytes", "host_seconds", "sheet_percent", "joules", "tokens_per_joule")
    silent += [key for key in of_gpus if all(getattr(row, key) is None for row in pooled)]
    silent += [] if several_devices(pooled) else ["device_name"]
    models = list(dict.fromkeys(outcome.model for outcome in outcomes))
    paths = paths_of(settings for row in pooled for settings in (row.settings, row.variant))
    # why not all: what dtype and threads were has its column in any case.
    swept = tuple(Column(path, path, for_scripts=True) for path in paths if path not in Pooled._fields)
    case = Column("case", "case", for_scripts=True)
    results = (*POINT, case, *swept, VARIANT, SUBJECT, PHASE, *_WHERE, *_TIMED, *_MEANT)

    def table(title: str, columns: Sequence[Column], rows: Iterable[tuple[Cell, ...]], *notes: str) -> Table:
        subject = models[0] if len(models) == 1 else SEVERAL
        return Table(
            title=title,
            subject=subject,
            columns=for_people(columns, outcomes, silent),
            rows=tuple(rows),
            notes=(*[_PARTIAL] * partial, *notes),
        )

    return {
        "results": table("results", results, (_cells(row, results) for row in pooled)),
        "times": table("times", _TIMES, (_cells(row, _TIMES) for row in pooled), *_notes(pooled)),
        "meaning": table("what they mean", _MEANING, (cells(row, _MEANING) for row in pooled), *_bound_notes(pooled)),
        "kernels": table("kernels", _KERNELS, _kernels(pooled)),
        "ratios": table("ratios", _RATIOS, (cells(pair, _RATIOS) for pair in pairs), *[_RATIO_NOTE] * bool(pairs)),
        "not-measured": table("not measured", _FAILED, (cells(outcome, _FAILED) for outcome in failed)),
    }


_PARTIAL = "partial: interrupted before everything was measured."


def bench_blocks(outcomes: Sequence[Outcome], *, partial: bool = False, all_of_it: bool = False) -> list[Block]:
    """The page for people: the answer, and what could not be measured; where it is partial the first says so.

    all_of_it: then every other table that has rows and the charts, and the answer again where the page ends.
    """
    tables, pooled = bench_tables(outcomes), pool(outcomes)
    charts = bench_charts(outcomes)
    answer = [answer_table(pooled, "" if all_of_it else _more(pooled, charts))] if pooled else []
    of_detail = (tables[name] for name in ("times", "meaning", "kernels", "ratios") if tables[name].rows)
    lost = [table for table in (tables["not-measured"],) if table.rows]
    blocks: list[Table | Chart] = [*answer, *lost]
    if all_of_it and answer:
        blocks = [*answer, *of_detail, *charts, *lost, *answer]
    if partial:
        blocks[0] = blocks[0]._replace(notes=(_PARTIAL, *blocks[0].notes))
    return [*blocks]


def _more(pooled: Sequence[Pooled], charts: Sequence[Chart]) -> str:
    warnings = len(by_warning(pooled))
    parts = [counted(warnings, "warning")] * (warnings > 0) + ["a chart"] * bool(charts)
    return f"more with --all: {', '.join([*parts, 'bound, kernels, memory, machine, method'])}"


def _cells(row: Pooled, columns: Sequence[Column]) -> tuple[Cell, ...]:
    """What each column has of a row, those of paths and of the bar too."""
    values = {**row.settings, **row.variant}
    keys = ("median_seconds" if column.kind is Kind.BAR else column.key for column in columns)
    return tuple(cell(row, key) if hasattr(row, key) else _value(values, key) for key in keys)


def _value(settings: Mapping[str, object], path: str) -> Cell:
    """The value at a path; None where it is not set."""
    match settings.get(path):
        case int() | float() | str() as value:
            return value
        case list() as value if all(isinstance(number, int) for number in value):
            return tuple(value)
        case value:
            return json.dumps(value, ensure_ascii=False) if path in settings else None


_RATIO_NOTE = (
    "time ratio: of a variant to the first of its point, timed in turns, so that what disturbs one disturbs the other; "
    "its interval comes from the ratios of the rounds."
)


def _kernels(rows: Sequence[Pooled]) -> Iterator[tuple[Cell, ...]]:
    """A row for the forward pass in eval mode, and one for training, of each subject."""
    rows_made: set[tuple[Cell, ...]] = set()
    each_layer = any(row.subject is not None for row in rows)
    for row in rows:
        kernels = row.nearest.kernels
        # why not the whole model too: it runs what its layers run.
        if kernels is None or not kernels.operators or (each_layer and row.subject is None):
            continue
        about = (*cells(row, _SUBJECTS), "forward" if row.phase == "forward" else "training")
        if about in rows_made:
            continue
        rows_made.add(about)
        fast = {True: "yes", False: "no", None: None}[kernels.fast]
        yield (*about, ", ".join(kernels.operators), fast, kernels.reason or None, kernels.remedy or None)


def _notes(rows: Sequence[Pooled]) -> Iterator[str]:
    if not rows:
        return
    timed = {row.phase for row in rows}
    phases = "; ".join(f"{name}: {meaning}" for name, meaning in _PHASES.items() if name in timed)
    yield f"{phases}. {_OUTSIDE}"
    several = any(row.processes > 1 for row in rows)
    spread = (
        "the range of the processes' medians" if several else "the 95 % interval within this run, of round medians,"
    )
    yield (
        f"median: of the medians of the rounds that count; ±: how far {spread} reaches from it. "
        f"first call: libraries loading and memory taken, in no other figure. The loop's own share of a sample is "
        f"{max(row.overhead_percent for row in rows):.2g} % at the most."
    )
    speed = steady_speed(rows)
    if speed is not None:
        least, most = (f"{100 * share:.0f}" for share in speed)
        yield (
            f"Where steady, the CPU ran at {least if least == most else f'{least} to {most}'} % of its best speed, "
            "by a small matrix product before and after each round."
        )
    places = [one.outcome.environment for row in rows for one in row.timed]
    if any(place is not None and place.keeps_freed for place in places):
        yield (
            "Freed memory stays with the process, so that no call pays for new pages. In a loop of your own glibc's "
            "malloc may give it back; MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_MAX_=0 in the environment keeps it there."
        )
    for (what, try_), about_them in by_warning(rows).items():
        named = list(dict.fromkeys(told_apart(row, rows, _TELLING) for row in about_them))
        about = "" if len(named) == len(rows) else f" ({', '.join(named[:3])}{', ...' * (len(named) > 3)})"
        yield f"warning: {what}{about}; try: {try_}"


def _peaks(rows: Sequence[Pooled]) -> Iterator[str]:
    for dtype, threads, peaks in peaks_of(one.outcome for row in rows for one in row.timed):
        name = dtype if threads is None else f"{dtype} on {counted(threads, 'thread')}"
        steps = [f"{1e6 * seconds:.3g} µs a step of {kind}" for kind, seconds in peaks.step_seconds.items()]
        speeds = [f"{peaks.flops / 1e9:.4g} GFLOP/s", f"{peaks.bandwidth / 1e9:.4g} GB/s"]
        yield f"peaks of {name}: {', '.join([*speeds, *steps])}."


def _bound_notes(rows: Sequence[Pooled]) -> Iterator[str]:
    if not rows:
        return
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
    beaten = [row for row in rows if row.over_bound is not None and row.over_bound < 1]
    if beaten:
        names = filter(None, dict.fromkeys(told_apart(row, rows, _TELLING) for row in beaten[:3]))
        yield f"faster than its bound, which is therefore wrong here{': ' * (len(rows) > 1)}{', '.join(names)}."
    yield (
        "planned: the plan's parameters, its outputs and states, or what training keeps for the backward pass if that "
        "is more, and where they are made the gradients of the parameters; the peak, with all else that torch holds, "
        "is counted on CUDA alone."
    )
    if any(row.sheet_percent is not None for row in rows):
        yield "of the sheet: matmul FLOP/s over the dense products that the GPU's data sheet promises in this dtype."
    if any(row.joules is not None for row in rows):
        yield "joules: of a call, by the driver's counter of the whole GPU; backward, after a forward pass, has none."
    yield (
        "matmul FLOPs: two for each multiply-accumulate of the matrix products; params' FLOPs have elementwise work "
        "besides. W_hh alone: GFLOP/s of the matrices that multiply a state, as DeepBench counts."
    )
