"""Gates and states step by step: statistics of each step, or the values of single units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rnninspect.tables.table import Cell, Chart, Column, Kind, Series, Table
from rnninspect.tables.thin import evenly

if TYPE_CHECKING:
    from rnninspect.trace import Level, Trace, Vector, VectorStats

_ABOUT = (
    Column("model", "model", for_scripts=True),
    Column("layer", "layer", for_scripts=True),
    Column("stacked", "stacked", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("t", "t", Kind.COUNT, repeats=True),
)
_STATS = ("mean", "std", "minimum", "maximum", "norm", "saturated", "half_life")


def trace_tables(result: Trace) -> list[Table]:
    """A table for each stacked layer and direction."""
    return [_units(result, level) if level.units else _steps(result, level) for level in result.levels]


def trace_charts(result: Trace) -> list[Chart]:
    """What the tables show, as curves: gates and states apart, as their scales differ."""
    return [chart for level in result.levels for chart in _charts(result, level)]


def level_name(level: Level) -> str:
    """`encoder`, or `encoder, layer 1, reverse` where a layer has several."""
    parts = [level.layer]
    if level.stacked is not None:
        parts.append(f"layer {level.stacked}")
    if level.direction is not None:
        parts.append(level.direction)
    return ", ".join(parts)


def _steps(result: Trace, level: Level) -> Table:
    columns = [*_ABOUT, Column("running", "sequences", Kind.COUNT, for_scripts=True)]
    columns += [_column(vector, stat) for vector in level.vectors for stat in _STATS if _has(vector, stat)]
    rows = tuple(
        (
            *_about(result, level, step.t),
            step.running,
            *(
                _value(stats, stat)
                for vector, stats in zip(level.vectors, step.stats, strict=True)
                for stat in _STATS
                if _has(vector, stat)
            ),
        )
        for step in level.steps
    )
    shown = evenly(len(rows))
    notes = tuple(_notes(level, short=shown is not None))
    return Table("trace", f"{result.model.name} · {level_name(level)}", tuple(columns), rows, notes=notes, shown=shown)


def _units(result: Trace, level: Level) -> Table:
    columns = (
        *_ABOUT,
        Column("unit", "unit", Kind.COUNT, repeats=True),
        *(Column(vector.name, vector.name, Kind.NUMBER) for vector in level.vectors),
    )
    rows = tuple((*_about(result, level, row.t), row.unit, *row.values) for row in level.units)
    return Table("values", f"{result.model.name} · {level_name(level)}", columns, rows)


def _about(result: Trace, level: Level, t: int) -> tuple[Cell, ...]:
    return (result.model.name, level.layer, level.stacked, level.direction, t)


def _has(vector: Vector, stat: str) -> bool:
    return (vector.function is not None or stat != "saturated") and (vector.carries is not None or stat != "half_life")


def _for_people(vector: Vector) -> tuple[str, ...]:
    """A gate's mean, how much of it is saturated and what that means for memory; a state's norm."""
    if vector.is_state:
        return ("norm", "saturated")
    return ("mean", "saturated", "half_life")


def _column(vector: Vector, stat: str) -> Column:
    off = "off" if vector.function == "relu" else "saturated"
    headings = {
        "norm": f"‖{vector.name}‖",
        "saturated": f"{vector.name} {off}, %",
        "half_life": f"half-life of {vector.carries}, steps",
    }
    heading = headings.get(stat, f"{vector.name} {stat}")
    return Column(f"{vector.name}_{stat}", heading, Kind.NUMBER, for_scripts=stat not in _for_people(vector))


def _value(stats: VectorStats, stat: str) -> float | None:
    value: float | None = getattr(stats, stat)
    # A share is told in %, in CSV too, so that one column has one meaning.
    return None if value is None else 100 * value if stat == "saturated" else value


def _notes(level: Level, *, short: bool) -> Iterator[str]:
    functions = {vector.function for vector in level.vectors}
    said = []
    if "sigmoid" in functions:
        said.append("a sigmoid below 0.1 or above 0.9")
    if "tanh" in functions:
        said.append("a tanh beyond -0.9 or 0.9")
    if said:
        yield f"saturated: {', '.join(said)}; means and shares are over all units and sequences of a step."
    if "relu" in functions:
        yield "off: a relu that gives 0."
    yield "‖·‖: the Euclidean norm over the units, averaged over the sequences."
    for memory in level.memory:
        yield (
            f"memory: where {memory.gate} is 1 {memory.state} stays; over all steps, half of {memory.state} is left "
            f"after {memory.median:.3g} steps in the median unit, {memory.longest:.3g} in unit {memory.unit}, the longest."
        )
    if short:
        yield f"{len(level.steps)} steps, evenly thinned; csv and json have all."


def _charts(result: Trace, level: Level) -> Iterator[Chart]:
    subject = f"{result.model.name} · {level_name(level)}"
    if level.units:
        along_units = len({row.unit for row in level.units}) > 1
        series = tuple(
            Series(vector.name, tuple((row.unit if along_units else row.t, row.values[k]) for row in level.units))
            for k, vector in enumerate(level.vectors)
        )
        yield Chart("values", subject, "unit" if along_units else "t", "value", series)
        return
    for title, stat, wanted in (
        ("mean of each gate", "mean", [not vector.is_state for vector in level.vectors]),
        ("share saturated, %", "saturated", [vector.function is not None for vector in level.vectors]),
        ("norm of each state", "norm", [vector.is_state for vector in level.vectors]),
    ):
        series = tuple(_series(level, k, stat) for k, kept in enumerate(wanted) if kept)
        if series:
            yield Chart(title, subject, "t", title, series)


def _series(level: Level, k: int, stat: str) -> Series:
    return Series(level.vectors[k].name, tuple((step.t, _value(step.stats[k], stat)) for step in level.steps))


def outputs_note(results: Sequence[Trace]) -> str:
    """How near the traced layers are to what torch put out."""
    worst = max((compared for result in results for compared in result.outputs.values()), key=lambda c: c.relative)
    return f"equations in float64, their outputs within {worst.relative:.3g} epsilons of torch {results[0].torch}"
