"""The answer of a benchmark: a row for each phase, and a sentence for each variant that is held against another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnninspect.bench.compare import THRESHOLD
from rnninspect.bench.records import BY_EQUATIONS, LAUNCH_REMEDY, STEADY, settings_text, verdict_parts
from rnninspect.bench.results import Pooled, Ratio, ratios, several_devices
from rnninspect.errors import counted, printable
from rnninspect.results.about import (
    DEVICE,
    PHASE,
    POINT,
    SUBJECT,
    VARIANT,
    cells,
    for_people,
    sentences,
    short_points,
    told_apart,
)
from rnninspect.results.faster import faster
from rnninspect.results.table import SEVERAL, Cell, Column, Kind, Table, short_time

_ABOUT = (*POINT, DEVICE, VARIANT, SUBJECT, PHASE)
_COLUMNS = (
    *_ABOUT,
    Column("median_seconds", "time", Kind.SECONDS, same_unit=True, group="figure"),
    Column("half_width_percent", "± %", Kind.PERCENT, group="figure"),
    Column("tokens_per_second", "tokens/s", Kind.NUMBER, group="figure"),
    Column("verdict", "verdict", verdict=True, group="figure"),
)


def answer_table(pooled: Sequence[Pooled], more: str = "") -> Table:
    """What was asked: a row for each phase of each variant of each point. more: what is to be had besides, and how."""
    rows = [row._replace(point=point) for row, point in zip(pooled, short_points(pooled), strict=True)]
    models = {(row.model, row.file) for row in rows}
    # why a row alone has its phase: nothing else would name it.
    one_phase = len(rows) > 1 and len({row.phase for row in rows}) == 1
    silent = ["model"] * (len(models) == 1) + ["subject"] * all(row.subject is None for row in rows)
    silent += [] if several_devices(rows) else ["device_name"]
    return Table(
        title=f"time of {rows[0].phase}" if one_phase else "time",
        subject=rows[0].model if len(models) == 1 else SEVERAL,
        columns=for_people(_COLUMNS, rows, [*silent, *["phase"] * one_phase]),
        rows=tuple(_row(row) for row in rows),
        notes=(*_sentences(rows), *_by_equations(rows), *_launch_bound(rows), *_unsteady(rows), *filter(None, [more])),
        summary=True,
    )


def _row(row: Pooled) -> tuple[Cell, ...]:
    about = (*cells(row, (*POINT, DEVICE)), _named(row.variant), *cells(row, (SUBJECT, PHASE)))
    if not row.is_usable:
        return (*about, None, row.half_width_percent, None, "no usable figure")
    return (*about, row.median_seconds, row.half_width_percent, row.tokens_per_second, verdict_parts(row.verdict)[0])


def _by_equations(rows: Sequence[Pooled]) -> Iterator[str]:
    """Of layers that torch lacks, that nothing but their equations could be timed."""
    kernels = [row.nearest.kernels for row in rows]
    reasons = [reason for each in kernels if each is not None for reason in each.reason.split("; ")]
    yield from dict.fromkeys(reason for reason in reasons if reason.endswith(BY_EQUATIONS))


def _launch_bound(rows: Sequence[Pooled]) -> Iterator[str]:
    """Where a GPU waited for the host: the times of both, of the first such phase, and how many more there are."""
    bound = [(row, row.host_seconds) for row in rows if row.launch_bound and row.host_seconds is not None]
    if bound:
        first, host = bound[0]
        name = " ".join(filter(None, [_named(first.variant), first.phase]))
        times = f"{short_time(host)} of the host, {short_time(first.median_seconds)} on the GPU"
        more = f" (and {len(bound) - 1} more)" * (len(bound) > 1)
        yield f"launch-bound: {name} takes {times}{more}; try: {LAUNCH_REMEDY}"


def _unsteady(rows: Sequence[Pooled]) -> Iterator[str]:
    """Why figures are not steady, in one line."""
    reasons = list(dict.fromkeys(verdict_parts(row.verdict)[1] for row in rows if row.verdict != STEADY))
    if reasons:
        yield f"not steady: {reasons[0]}{f' (and {len(reasons) - 1} more)' * (len(reasons) > 1)}"


# --- variants ------------------------------------------------------------------------------------------------


def _sentences(rows: Sequence[Pooled]) -> Iterator[str]:
    """What each variant is against the first of its point."""
    about = ("device_name", "point", "subject", "phase")
    return sentences(ratios(rows), lambda pair: (told_apart(pair, rows, about), _sentence(pair)), "--table ratios")


def _sentence(pair: Ratio) -> str:
    """`bfloat16 is 1.8 ± 0.1 times faster than float32`, or that nobody knows."""
    one, other = _named(pair.variant), _named(pair.against)
    low, high = pair.low, pair.high
    if low is None or high is None:
        rounds = counted(pair.rounds, "round")
        return f"not sure after {rounds}: {one} took {pair.ratio:.3g} times as long as {other}"
    if high < 1 or low > 1:
        return f"{one} is {faster(pair.ratio, low, high)} than {other}"
    within = 100 * max(high - 1, 1 / low - 1)
    if within <= 100 * THRESHOLD:
        return f"{one} takes as long as {other}, within {within:.2g} %"
    return f"not sure: {one} takes {low:.3g} to {high:.3g} times as long as {other}"


def _named(variant: Mapping[str, object]) -> str:
    """Words by themselves, numbers with what they are of: `bfloat16 threads=1`; a dtype of autocast with that too."""
    return " ".join(
        printable(value) if isinstance(value, str) and name != "amp" else settings_text({name: value})
        for name, value in variant.items()
    )
