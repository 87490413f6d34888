"""What is made of a benchmark's figures: pooled over processes, ratios of variants, and how each format has them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from measured import ENVIRONMENT, FIGURE, OUTCOME

from rnninspect.bench.records import Bound, Interval, Kernels, Outcome, Peaks, Warned
from rnninspect.bench.results import Ratio, pool, ratios
from rnninspect.commands.shared.bench_options import BenchTable
from rnninspect.formats import csv as formats_csv
from rnninspect.formats import json as formats_json
from rnninspect.formats import latex, markdown, terminal
from rnninspect.results.about import POINT, for_people, short_points
from rnninspect.results.bench import bench_blocks, bench_tables
from rnninspect.results.bench_charts import bench_charts
from rnninspect.results.bench_json import bench_document
from rnninspect.results.table import Table


def outcome(
    threads: int, medians: Sequence[float], passes: tuple[int, ...], kept: Sequence[int] = (), began: str = ""
) -> Outcome:
    """A variant whose rounds took so long, each in a pass; kept: of them those that count, all where none is named."""
    figure = FIGURE._replace(
        rounds=tuple((median,) * 3 for median in medians),
        kept=tuple(kept or range(len(medians))),
        median=sorted(medians)[len(medians) // 2],
        best=min(medians),
        overhead=0.0,
        passes=passes,
    )
    return OUTCOME._replace(variant={"threads": threads}, environment=None, figures=(figure,), began=began)


def ratio(*outcomes: Outcome) -> Ratio | None:
    """The one ratio of these variants, if there is one."""
    results = ratios(pool(outcomes))
    assert len(results) <= 1
    return results[0] if results else None


def test_a_ratio_is_of_rounds_in_the_same_pass() -> None:
    """The machine became twice as slow after the third pass; the second variant was not there for the fourth."""
    first = outcome(1, [1, 1, 1, 2, 2, 2, 2], (0, 1, 2, 3, 4, 5, 6))
    second = outcome(2, [3, 3, 3, 6, 6, 6], (0, 1, 2, 4, 5, 6))
    result = ratio(first, second)
    assert result is not None
    assert (result.variant, result.against) == ({"threads": 2}, {"threads": 1})
    assert (result.ratio, result.low, result.high) == (3, 3, 3)


def test_rounds_that_do_not_count_for_one_count_for_neither() -> None:
    first = outcome(1, [1, 1, 9, 1], (0, 1, 2, 3), kept=(0, 1, 3))
    second = outcome(2, [2, 2, 2, 8], (0, 1, 2, 3), kept=(0, 1, 2))
    result = ratio(first, second)
    assert result is not None
    assert (result.ratio, result.low, result.rounds) == (2, None, 2)
    assert ratio(outcome(1, [1], (0,)), outcome(2, [1], (1,))) is None


@pytest.mark.parametrize("passes", [(), (0, 1, 2)])
def test_results_of_before_passes_were_recorded_have_a_round_in_each(passes: tuple[int, ...]) -> None:
    result = ratio(outcome(1, [1, 2, 4], ()), outcome(2, [2, 4, 8], passes))
    assert result is not None
    assert result.ratio == 2


def test_what_was_timed_at_another_time_is_not_taken_for_its_turn() -> None:
    first = outcome(1, [1, 1], (0, 1), began="2026-01-01T10:00:00")
    assert ratio(first, outcome(2, [2, 2], (0, 1), began="2026-01-01T12:00:00")) is None
    result = ratio(first, outcome(2, [2, 2], (0, 1), began="2026-01-01T10:00:00"))
    assert result is not None
    assert result.ratio == 2


# --- pooled over processes -----------------------------------------------------------------------------------


def swept(size: int, dtype: str, process: int, level: float, *subjects: str | None, **fields: Any) -> Outcome:
    """A point of a sweep in a variant, timed by one process in seven rounds of ten calls."""
    plain = outcome(1, [level] * 7, tuple(range(7))).figures[0]
    figure = plain._replace(
        rounds=((level,) * 10,) * 7,
        interval=Interval(0.98 * level, 1.01 * level),
        bound=Bound(level / 2, level / 2, 0.0, 0.0, "compute", True),
        kernels=Kernels(("mkldnn_rnn_layer",), True),
        flops=1000,
        tokens=40,
        steps=4,
        overhead=0.001 * (1 + process),
        probes=(2.0,) * 7,
        best_probe=1.0,
    )
    figures = tuple(figure._replace(subject=subject, **fields) for subject in subjects or (None,))
    settings = {"encoder.hidden_size": size, "input.lengths": [4, 2]}
    about = (settings, {"dtype": dtype, "head.bias": None}, process, dtype, "ok", "")
    return Outcome("m", "m.yaml", *about, ENVIRONMENT, figures, case="tiny", began="2026-01-01")


def on_two_devices() -> list[Outcome]:
    """Two sizes in two dtypes, the larger of them on a faster device."""
    found = []
    for size, name, level in ((8, "A100", 8.0), (16, "A100", 16.0), (16, "H100", 8.0), (8, "H100", 4.0)):
        for dtype in ("float32", "float16"):
            one = swept(size, dtype, 0, level / (1 + (dtype == "float16")), None)
            assert one.environment is not None
            found.append(one._replace(environment=one.environment._replace(device_name=name), began=name + str(size)))
    return found


def test_devices_of_several_names_are_kept_apart() -> None:
    outcomes = on_two_devices()
    pooled = pool(outcomes[4:] + outcomes[:4])
    assert [row.device_name for row in pooled] == ["H100"] * 4 + ["A100"] * 4
    assert [row.processes for row in pooled] == [1] * 8
    assert {(ratio.device_name, round(ratio.ratio, 3)) for ratio in ratios(pooled)} == {("H100", 0.5), ("A100", 0.5)}
    for name in ("times", "ratios"):
        table = bench_tables(outcomes)[name].for_people()
        assert [row[[column.key for column in table.columns].index("device_name")] for row in table.rows] == (
            ["A100"] * (len(table.rows) // 2) + ["H100"] * (len(table.rows) // 2)
        )
        one = bench_tables(outcomes[:4])[name].for_people()
        assert "device_name" not in [column.key for column in one.columns]
    (chart,) = bench_charts(outcomes)
    assert {series.name for series in chart.series if not series.limits} == {
        f"forward dtype={dtype} head.bias=null {name}" for dtype in ("float32", "float16") for name in ("A100", "H100")
    }
    answer = bench_blocks(outcomes)[0]
    assert any(note.startswith("A100 tiny hidden_size=8: float16 ") for note in answer.notes), answer.notes


def all_of_it() -> list[Outcome]:
    """Two points, two variants and three processes each, and a point that crashed."""
    lost = outcome(1, [1], (0,))._replace(
        figures=(), status="crashed", reason="SIGSEGV", settings={"encoder.hidden_size": 9}
    )
    return [
        swept(size, dtype, process, size * (1 + process / 10) / (1 + (dtype == "float16")), None, "chain")
        for process in range(3)
        for size in (8, 16)
        for dtype in ("float32", "float16")
    ] + [lost]


def test_figures_are_pooled_over_processes() -> None:
    first = pool(all_of_it())[0]
    assert (first.point, first.variant, first.subject, first.processes) == (
        "tiny: encoder.hidden_size=8 input.lengths=[4, 2]",
        {"dtype": "float32", "head.bias": None},
        None,
        3,
    )
    # Of 8.0, 8.8 and 9.6 seconds.
    assert (first.median_seconds, first.best_seconds) == (pytest.approx(8.8), 8.0)
    assert first.half_width_percent == pytest.approx(100 * 0.8 / 8.8)
    assert (first.samples, first.rounds, first.p90_seconds, first.p99_seconds) == (210, 21, pytest.approx(9.6), None)
    assert (first.overhead_percent, first.cpu_speed_percent) == (pytest.approx(0.3), 50)
    assert (first.tokens_per_second, first.step_seconds) == (pytest.approx(40 / 8.8), pytest.approx(2.2))
    assert (first.matmul_flops_per_second, first.bound_seconds) == (pytest.approx(1000 / 8.8), 4.0)
    assert (first.over_bound, first.regime) == (pytest.approx(2.2), "compute")


def test_of_one_process_the_interval_is_that_within_its_run() -> None:
    (row,) = pool([swept(8, "float32", 0, 8.0)])
    assert row.half_width_percent == pytest.approx(2)


def test_one_process_that_was_not_steady_makes_the_figure_doubtful() -> None:
    steady, other = swept(8, "float32", 0, 8.0), swept(8, "float32", 1, 8.0, verdict="drifting (slower)")
    (row,) = pool([steady, other])
    assert (row.verdict, row.is_sure(1.0)) == ("drifting (slower)", False)
    (row,) = pool([steady])
    assert (row.is_sure(0.021), row.is_sure(0.019)) == (True, False)
    (row,) = pool([swept(8, "float32", 0, 8.0, interval=None)])
    assert not row.is_sure(1.0)


def called(*settings: dict[str, object]) -> list[str]:
    """What points of these settings are called."""
    return short_points([OUTCOME._replace(settings=each) for each in settings])


def test_a_point_is_called_by_what_differs_and_for_short_where_that_is_clear() -> None:
    assert called({"a.size": 4, "b.size": 2}, {"a.size": 8, "b.size": 4}) == ["a.size=4 b.size=2", "a.size=8 b.size=4"]
    assert called({"a.size": 4, "b.bias": 2}, {"a.size": 8, "b.bias": 2}) == ["size=4", "size=8"]
    assert called({"a.size": 4}, {})[0] == "size=4"


def test_the_document_is_named_where_two_models_have_one_name() -> None:
    other = OUTCOME._replace(file="other.yaml")
    for rows, hidden in (
        ([OUTCOME, OUTCOME], True),
        ([OUTCOME, other._replace(model="n")], True),
        ([other, OUTCOME], False),
    ):
        columns = for_people(POINT, rows)
        assert ["file" in column.key and column.for_scripts for column in columns] == [False, hidden, False]


def test_only_what_beats_its_bound_says_that_the_bound_is_wrong() -> None:
    def told(bound: float) -> bool:
        one = swept(8, "float32", 0, 8.0)
        figures = [figure._replace(bound=Bound(bound, bound, 0.0, 0.0, "compute", True)) for figure in one.figures]
        notes = bench_tables([one._replace(figures=tuple(figures))])["meaning"].notes
        return any("faster than its bound" in note for note in notes)

    assert told(16.0)
    assert not told(4.0)


def test_settings_that_only_look_alike_are_two_points() -> None:
    one, other = (swept(8, "float32", 0, 8.0)._replace(settings={"a.b": value}) for value in (1, "1"))
    assert len(pool([one, other])) == 2


# --- every format has the same -------------------------------------------------------------------------------


def rows_of(table: Table) -> list[dict[str, str]]:
    """What a reader of CSV gets of a table."""
    return list(csv.DictReader(io.StringIO(formats_csv.render([table]))))


def test_results_are_one_table_with_a_column_for_each_path() -> None:
    text = formats_csv.render([bench_tables(all_of_it())["results"]])
    header, *rows = csv.reader(io.StringIO(text))
    assert header[:11] == [
        *("model", "file", "point", "case", "encoder.hidden_size", "input.lengths", "head.bias"),
        *("variant", "subject", "phase", "dtype"),
    ]
    assert len(set(header)) == len(header)
    assert len(rows) == 2 * 2 * 2  # sizes, dtypes, subjects
    assert {len(row) for row in rows} == {len(header)}
    records = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["encoder.hidden_size"] for row in records] == ["8"] * 4 + ["16"] * 4
    assert [row["dtype"] for row in records] == ["float32", "float32", "float16", "float16"] * 2
    assert [row["subject"] for row in records] == ["whole model", "chain"] * 4
    assert (records[0]["case"], records[0]["input.lengths"], records[0]["head.bias"]) == ("tiny", "[4 2]", "null")
    for key in ("median_seconds", "tokens_per_second", "bound_seconds", "over_bound"):
        assert all(float(row[key]) > 0 for row in records)
    assert {row["regime"] for row in records} == {"compute"}


def test_a_path_that_a_point_does_not_set_is_empty() -> None:
    other = swept(8, "float32", 0, 8.0)._replace(settings={"input.batch_size": 3})
    rows = rows_of(bench_tables([*all_of_it(), other])["results"])
    assert (rows[-1]["encoder.hidden_size"], rows[-1]["input.batch_size"]) == ("", "3")
    assert rows[0]["input.batch_size"] == ""


def test_json_and_csv_have_the_same_figures_under_the_same_names() -> None:
    document: Any = json.loads(formats_json.render(bench_document(all_of_it())))
    rows = rows_of(bench_tables(all_of_it())["results"])
    assert len(document["processes"]) == 3 * len(rows)  # each process by itself
    assert len(document["results"]) == len(rows)
    assert (document["results"][0]["subject"], document["results"][1]["subject"]) == (None, "chain")
    assert document["results"][0]["settings"] == {"encoder.hidden_size": 8, "input.lengths": [4, 2]}
    plain = set(document["results"][0]) - {"settings", "variant", "subject", "warnings"}
    assert plain <= set(rows[0])
    for result, row in zip(document["results"], rows, strict=True):
        for key in plain:
            assert row[key] == ("" if result[key] is None else str(result[key])), key


def test_json_has_pooled_what_notes_say() -> None:
    """The peaks at their best, the CPU's speed where figures are steady, and every warning once."""
    slow, quick = Peaks(1e9, 3e9, {"LSTM": 2e-6}, True), Peaks(2e9, 1e9, {"LSTM": 1e-6}, True)
    warnings = (Warned("a", "b"), Warned("c", "d"))
    runs = [
        swept(8, "float32", process, 8.0, None, warnings=warnings[:process], best_probe=1.6) for process in (0, 1, 2)
    ]
    runs = [
        one._replace(peaks=peaks, environment=ENVIRONMENT) for one, peaks in zip(runs, (slow, quick, None), strict=True)
    ]
    runs[2] = runs[2]._replace(figures=(runs[2].figures[0]._replace(best_probe=0.1, verdict="drifting"),))
    document: Any = json.loads(formats_json.render(bench_document(runs, partial=True)))
    (peaks,) = document["peaks"]
    assert (peaks["dtype"], peaks["threads"]) == ("float32", 2)
    assert (peaks["flops_per_second"], peaks["bytes_per_second"], peaks["step_seconds"]) == (2e9, 3e9, {"LSTM": 1e-6})
    assert document["steady_cpu_speed_percent"] == {"low": 80, "high": 80}
    assert document["results"][0]["warnings"] == [{"what": "a", "try": "b"}, {"what": "c", "try": "d"}]
    assert document["partial"] is True
    assert bench_document(runs)["partial"] is False
    notes = bench_tables(runs)["times"].notes
    assert sum("warning: a;" in note or "warning: c;" in note for note in notes) == 2
    assert any("ran at 80 % of its best" in note for note in notes)


def test_every_table_says_that_it_is_partial_and_of_a_page_the_first() -> None:
    note = "partial: interrupted before everything was measured."
    assert {table.notes[0] for table in bench_tables(all_of_it(), partial=True).values()} == {note}
    first, *others = (block.notes for block in bench_blocks(all_of_it(), partial=True))
    assert first[0] == note
    assert all(note not in notes for notes in others)
    assert all(note not in table.notes for table in bench_tables(all_of_it()).values())


def test_people_are_shown_no_percentage_that_means_nothing() -> None:
    runs = [swept(8, "float32", process, level, None) for process, level in enumerate((1.0, 5.0, 50.0))]
    table = bench_tables(runs)["times"]
    place = [column.key for column in table.columns].index("half_width_percent")
    assert table.rows[0][place] == pytest.approx(490)
    for text in (
        terminal.render([table], "", width=None, colour=False),
        markdown.render([table], ""),
        latex.render([table], ""),
    ):
        assert "490" not in text
        assert "100" in text
    assert rows_of(bench_tables(runs)["results"])[0]["half_width_percent"].startswith("490")


def test_json_and_csv_have_the_same_ratios() -> None:
    document: Any = json.loads(formats_json.render(bench_document(all_of_it())))
    rows = rows_of(bench_tables(all_of_it())["ratios"])
    assert len(document["ratios"]) == len(rows) == 2 * 2  # sizes, subjects
    for result, row in zip(document["ratios"], rows, strict=True):
        assert (result["ratio"], result["low"], result["high"], result["rounds"]) == (0.5, 0.5, 0.5, 21)
        assert [float(row[key]) for key in ("ratio", "low", "high", "rounds")] == [0.5, 0.5, 0.5, 21]
        assert (result["variant"]["dtype"], result["against"]["dtype"]) == ("float16", "float32")
        assert (row["variant"], row["point"]) == ("dtype=float16 head.bias=null", result["point"])


def test_every_table_has_a_name_that_can_be_asked_for() -> None:
    assert list(bench_tables([])) == list(BenchTable)
    assert [table.rows for table in bench_tables([]).values()] == [()] * len(BenchTable)
    tables = bench_tables(all_of_it())
    assert all(table.rows for table in tables.values())
    (lost,) = rows_of(tables["not-measured"])
    assert (lost["point"], lost["status"], lost["reason"]) == ("encoder.hidden_size=9", "crashed", "SIGSEGV")
    # The whole model runs what its layers run.
    assert {row["subject"] for row in rows_of(tables["kernels"])} == {"chain"}


def test_people_are_shown_what_has_rows() -> None:
    def titles(outcomes: Sequence[Outcome], *, whole: bool = False) -> list[str]:
        return [block.title for block in bench_blocks(outcomes, all_of_it=whole)]

    assert titles(all_of_it()) == ["time of forward", "not measured"]
    assert titles(all_of_it(), whole=True) == [
        *("time of forward", "times", "what they mean", "kernels", "ratios"),
        *("time of the whole model", "time of chain", "not measured", "time of forward"),
    ]
    one, lost = swept(8, "float32", 0, 8.0), all_of_it()[-1]
    assert titles([one]) == ["time"]
    assert titles([one], whole=True) == ["time", "times", "what they mean", "kernels", "time"]
    assert titles([lost]) == titles([lost], whole=True) == ["not measured"]


# --- drawn ---------------------------------------------------------------------------------------------------


def test_a_chart_has_a_unit_people_read_intervals_and_where_it_was_measured() -> None:
    """5 and 20 ms; the interval reaches 2 % down; the second was disturbed."""
    first, second = swept(8, "float32", 0, 5e-3, None), swept(16, "float32", 0, 2e-2, None)
    doubtful = second._replace(figures=(second.figures[0]._replace(verdict="disturbed (a lot)"),))
    (chart,) = bench_charts([doubtful, first])
    assert (chart.y, chart.x) == ("median time, ms", "encoder.hidden_size")
    assert chart.about == "a CPU · torch 2.13.0 · float32 · bars: 95 % interval of the median"
    measured, bound = chart.series
    assert measured.points == ((8, pytest.approx(5)), (16, pytest.approx(20)))
    assert measured.halves == (pytest.approx(0.1), pytest.approx(0.4))
    assert (measured.unsure, bound.unsure, bound.halves) == ((1,), (), ())
    assert bound.points == ((8, pytest.approx(2.5)), (16, pytest.approx(10)))


@pytest.mark.parametrize(("seconds", "unit"), [(3.0, "s"), (0.2, "ms"), (1e-4, "µs"), (1e-12, "ns")])
def test_the_unit_of_a_chart_is_that_of_its_middle(seconds: float, unit: str) -> None:
    points = (swept(size, "float32", 0, size * seconds, None) for size in (1, 2, 500))
    (chart,) = bench_charts(list(points))
    assert chart.y == f"median time, {unit}"


def test_what_is_known_of_a_gpu_is_pooled_and_columns_of_others_are_silent() -> None:
    """Of the data sheet in the dtype of autocast, where there is one; joules over tokens."""
    place = ENVIRONMENT._replace(device_name="NVIDIA H200", device="cuda:0", float32_precision="tf32", beside=3)

    def on(amp: str) -> Outcome:
        one = swept(8, "float32", 0, 1e-3, None, joules=0.5, host=2e-3, launch_bound=True, flops=989_000_000_000 // 2)
        return one._replace(environment=place, variant={"amp": amp})

    plain, cast = pool([on("none"), on("bfloat16")])
    assert plain.matmul_flops_per_second == pytest.approx(494.5e12)
    assert (plain.sheet_percent, cast.sheet_percent) == (pytest.approx(100.0), pytest.approx(100 * 494.5 / 989.5))
    assert (plain.tokens_per_joule, plain.host_seconds, plain.launch_bound) == (
        2 * plain.timed[0].figure.tokens,
        2e-3,
        True,
    )
    assert (plain.devices, plain.beside) == ("cuda:0", 3)
    keys = {column.key for column in bench_tables([on("none")])["meaning"].columns if not column.for_scripts}
    assert {"sheet_percent", "joules", "tokens_per_joule"} <= keys
    elsewhere = bench_tables(all_of_it())["meaning"].columns
    assert not {"sheet_percent", "joules"} & {column.key for column in elsewhere if not column.for_scripts}
