"""What `bench` says of variants: the ratio of rounds that were timed in the same pass, and its interval."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rnninspect.bench.records import Figure, Outcome
from rnninspect.tables.bench import bench_blocks
from rnninspect.tables.table import Table


def outcome(
    threads: int, medians: Sequence[float], passes: tuple[int, ...], kept: Sequence[int] = (), began: str = ""
) -> Outcome:
    """A variant whose rounds took so long, each in a pass; kept: of them those that count, all where none is named."""
    figure = Figure(
        subject="chain",
        phase="forward",
        first_call=1.0,
        warmup_calls=3,
        block=1,
        rounds=tuple((median,) * 3 for median in medians),
        kept=tuple(kept or range(len(medians))),
        median=sorted(medians)[len(medians) // 2],
        interval=None,
        best=min(medians),
        stopped="precision",
        verdict="steady",
        overhead=0.0,
        host=None,
        drift=None,
        peak_bytes=None,
        flops=1,
        tokens=1,
        sequences=1,
        steps=1,
        bound=None,
        kernels=None,
        passes=passes,
    )
    return Outcome("m", "m.yaml", {}, {"threads": threads}, 0, "float32", "ok", "", None, (figure,), began=began)


def ratio(*outcomes: Outcome) -> dict[str, object] | None:
    """The one row of the table of variants, by the keys of its columns."""
    tables = [block for block in bench_blocks(outcomes) if isinstance(block, Table) and block.title == "variants"]
    if not tables:
        return None
    ((row,), columns) = tables[0].rows, tables[0].columns
    return {column.key: cell for column, cell in zip(columns, row, strict=True)}


def test_a_ratio_is_of_rounds_in_the_same_pass() -> None:
    """The machine became twice as slow after the third pass; the second variant was not there for the fourth."""
    first = outcome(1, [1, 1, 1, 2, 2, 2, 2], (0, 1, 2, 3, 4, 5, 6))
    second = outcome(2, [3, 3, 3, 6, 6, 6], (0, 1, 2, 4, 5, 6))
    found = ratio(first, second)
    assert found is not None
    assert (found["variant"], found["against"]) == ("threads=2", "threads=1")
    assert (found["ratio"], found["low"], found["high"]) == (3, 3, 3)


def test_rounds_that_do_not_count_for_one_count_for_neither() -> None:
    first = outcome(1, [1, 1, 9, 1], (0, 1, 2, 3), kept=(0, 1, 3))
    second = outcome(2, [2, 2, 2, 8], (0, 1, 2, 3), kept=(0, 1, 2))
    found = ratio(first, second)
    assert found is not None
    assert (found["ratio"], found["low"]) == (2, None)
    assert ratio(outcome(1, [1], (0,)), outcome(2, [1], (1,))) is None


@pytest.mark.parametrize("passes", [(), (0, 1, 2)])
def test_results_of_before_passes_were_recorded_have_a_round_in_each(passes: tuple[int, ...]) -> None:
    found = ratio(outcome(1, [1, 2, 4], ()), outcome(2, [2, 4, 8], passes))
    assert found is not None
    assert found["ratio"] == 2


def test_what_was_timed_at_another_time_is_not_taken_for_its_turn() -> None:
    first = outcome(1, [1, 1], (0, 1), began="2026-01-01T10:00:00")
    assert ratio(first, outcome(2, [2, 2], (0, 1), began="2026-01-01T12:00:00")) is None
    found = ratio(first, outcome(2, [2, 2], (0, 1), began="2026-01-01T10:00:00"))
    assert found is not None
    assert found["ratio"] == 2
