"""Gates and states step by step: statistics of each step, or the values of single units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isinf
from typing import TYPE_CHECKING

from rnninspect.results.head import head, picked
from rnninspect.results.table import Block, Cell, Chart, Column, Kind, Series, Table, about_bars
from rnninspect.shares import percent

if TYPE_CHECKING:
    from rnninspect.study.trace import Level, Memory, Trace
    from rnninspect.study.vectors import Vector, VectorStats

_ABOUT = (
    Column("model", "model", for_scripts=True),
    Column("layer", "layer", for_scripts=True),
    Column("stacked_layer", "stacked layer", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("t", "t", Kind.COUNT, repeats=True),
)
# More rows than this people are not shown.
_MOST_ROWS = 40
_Rows = tuple[tuple[Cell, ...], ...]
_STATS = ("mean", "std", "minimum", "maximum", "norm", "saturated", "half_life")


def trace_tables(results: Sequence[Trace]) -> list[Table]:
    """A table for each stacked layer and direction; what is true of all of them is said below the last."""
    levels = [(result, level) for result in results for level in result.levels]
    tables = [_table(result, level) for result, level in levels]
    common = tuple(_legend([level for _, level in levels if level.steps]))
    return [*tables[:-1], tables[-1]._replace(notes=(*tables[-1].notes, *common))]


def trace_charts(result: Trace) -> list[Chart]:
    """What the tables show, as curves: gates and states apart, as their scales differ."""
    return [chart for level in result.levels for chart in _charts(result, level)]


def beside(tables: Sequence[Table], charts: Sequence[Chart]) -> list[Block]:
    """The charts of each layer and direction, then its table."""
    blocks: list[Block] = []
    for table in tables:
        blocks += [chart for chart in charts if chart.subject == table.subject]
        blocks.append(table)
    return blocks


def level_name(level: Level) -> str:
    """`encoder`, or `encoder, layer 1, reverse` where a layer has several."""
    parts = [level.layer]
    if level.stacked is not None:
        parts.append(f"layer {level.stacked}")
    if level.direction is not None:
        parts.append(level.direction)
    return ", ".join(parts)


def _subject(result: Trace, level: Level) -> str:
    return f"{result.model.name} · {level_name(level)}"


def _table(result: Trace, level: Level) -> Table:
    columns, rows = _units(result, level) if level.units else _steps(result, level)
    # why not of one step: whoever picks it wants to see all of it.
    shown = None if level.units and level.units[0].t == level.units[-1].t else _evenly(len(rows))
    memory = () if level.units else map(_memory_note, level.memory)
    return Table(
        title="values" if level.units else "trace",
        subject=_subject(result, level),
        columns=columns,
        rows=rows,
        notes=(*memory, *[f"{len(rows):,} steps, evenly thinned; csv and json have all."] * bool(shown)),
        shown=shown,
    )


def _steps(result: Trace, level: Level) -> tuple[tuple[Column, ...], _Rows]:
    """The columns and rows of statistics of each step."""
    told = [(k, stat) for k, vector in enumerate(level.vectors) for stat in _STATS if _has(vector, stat)]
    stats = (_column(level.vectors[k], stat) for k, stat in told)
    columns = (*_ABOUT, Column("sequences", "sequences", Kind.COUNT, for_scripts=True), *stats)
    return columns, tuple(
        (*_about(result, level, step.t), step.running, *(_value(step.stats[k], stat) for k, stat in told))
        for step in level.steps
    )


def _units(result: Trace, level: Level) -> tuple[tuple[Column, ...], _Rows]:
    """The columns and rows of values of single units."""
    values = (Column(vector.name, vector.name, Kind.NUMBER) for vector in level.vectors)
    columns = (*_ABOUT, Column("unit", "unit", Kind.COUNT, repeats=True), *values)
    return columns, tuple((*_about(result, level, row.t), row.unit, *row.values) for row in level.units)


def _about(result: Trace, level: Level, t: int) -> tuple[Cell, ...]:
    return (result.model.name, level.layer, level.stacked, level.direction, t)


def _has(vector: Vector, stat: str) -> bool:
    return (vector.saturates or stat != "saturated") and (vector.carries is not None or stat != "half_life")


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
    return Column(f"{vector.name}_{_key(stat)}", heading, Kind.NUMBER, for_scripts=stat not in _for_people(vector))


def _key(stat: str) -> str:
    return "saturated_percent" if stat == "saturated" else stat


def _value(stats: VectorStats, stat: str, of: str = "") -> float | None:
    value: float | None = getattr(stats, f"{stat}{of}")
    # A share is printed in % everywhere, so that one column has one meaning.
    return None if value is None else percent(value) if stat == "saturated" else value


def _memory_note(memory: Memory) -> str:
    return (
        f"memory: by {memory.gate} over all steps, half of {memory.state} is left after {_steps_text(memory.median)} "
        f"in the median unit, after {_steps_text(memory.longest)} in unit {memory.unit}, the longest."
    )


def _steps_text(half_life: float) -> str:
    return "infinitely many steps" if isinf(half_life) else f"{half_life:#.3g} steps"


def _legend(levels: Sequence[Level]) -> Iterator[str]:
    """What the headings of these levels' statistics mean."""
    functions = {vector.function for level in levels for vector in level.vectors}
    words = {"sigmoid": "below 0.1 or above 0.9", "tanh": "beyond -0.9 or 0.9"}
    words |= {"hardsigmoid": words["sigmoid"], "softsign": words["tanh"]}
    if meanings := [f"a {function} {where}" for function, where in words.items() if function in functions]:
        yield f"saturated: {', '.join(meanings)}."
    if "relu" in functions:
        yield "off: a relu that gives 0."
    if levels:
        yield (
            "Means and shares are over all units and sequences of a step; ‖·‖ is the Euclidean norm over the units, "
            "averaged over the sequences."
        )
    gates = dict.fromkeys(vector for level in levels for vector in level.vectors if vector.carries is not None)
    for gate, state, stays in dict.fromkeys((gate.name, gate.carries, 0 if gate.inverse else 1) for gate in gates):
        yield (
            f"half-life of {state}: after how many steps half of it is left, were {gate} to stay as it is; where "
            f"{gate} is {stays}, {state} stays."
        )


def _charts(result: Trace, level: Level) -> Iterator[Chart]:
    subject = _subject(result, level)
    if level.units:
        along_units = len({row.unit for row in level.units}) > 1
        series = tuple(
            Series(vector.name, tuple((row.unit if along_units else row.t, row.values[k]) for row in level.units))
            for k, vector in enumerate(level.vectors)
        )
        yield Chart(title="values", subject=subject, x="unit" if along_units else "t, steps", y="value", series=series)
        return
    off = any(vector.function == "relu" for vector in level.vectors)
    for title, stat, drawn in (
        ("mean", "mean", [not vector.is_state for vector in level.vectors]),
        (f"share {'off' if off else 'saturated'}, %", "saturated", [v.saturates for v in level.vectors]),
        ("norm", "norm", [vector.is_state for vector in level.vectors]),
    ):
        series = tuple(_series(level, k, stat) for k, is_drawn in enumerate(drawn) if is_drawn)
        if series:
            about = about_bars(series)
            yield Chart(title=title, subject=subject, x="t, steps", y=title, series=series, about=about)


def _series(level: Level, k: int, stat: str) -> Series:
    return Series(
        level.vectors[k].name,
        tuple((step.t, _value(step.stats[k], stat)) for step in level.steps),
        halves=tuple(_value(step.stats[k], stat, "_half") for step in level.steps),
    )


def outputs_note(results: Sequence[Trace]) -> str:
    """How near the traced layers are to what torch put out."""
    worst = max(output.relative for result in results for output in result.outputs.values())
    return f"equations in float64, their outputs within {worst:.3g} epsilons of torch {results[0].torch}"


def _evenly(count: int) -> tuple[int, ...] | None:
    """At most 40 of `count` rows, evenly spread with the first and the last; None where all have room."""
    if count <= _MOST_ROWS:
        return None
    return tuple(dict.fromkeys(round(k * (count - 1) / (_MOST_ROWS - 1)) for k in range(_MOST_ROWS)))


def trace_document(results: Sequence[Trace]) -> dict[str, object]:
    """What `trace` found, as one object: for each layer and direction every vector at every step."""
    return {
        **head([result.model for result in results], "equations", results[0].seed, results),
        "models": [
            {
                "name": result.model.name,
                "file": result.model.source,
                "layers": [_level(level, result) for level in result.levels],
            }
            for result in results
        ],
    }


def _level(level: Level, result: Trace) -> dict[str, object]:
    names = [vector.name for vector in level.vectors]
    deviation = result.outputs[level.layer]
    return {
        **picked(level, "layer", "type"),
        "stacked_layer": level.stacked,
        "direction": level.direction,
        "output_relative_epsilons": deviation.relative,
        "output_allowed_epsilons": deviation.allowed,
        "vectors": [vector._asdict() for vector in level.vectors],
        "memory": [memory._asdict() for memory in level.memory],
        "steps": [
            {
                "t": step.t,
                "sequences": step.running,
                "vectors": {
                    name: {_key(stat): _value(stats, stat) for stat in _STATS}
                    for name, stats in zip(names, step.stats, strict=True)
                },
            }
            for step in level.steps
        ],
        "values": [
            {"t": row.t, "unit": row.unit, "vectors": dict(zip(names, row.values, strict=True))} for row in level.units
        ],
    }
