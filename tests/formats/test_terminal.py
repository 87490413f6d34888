from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from contrast import contrast
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color
from samples import examples

from rnninspect.formats import terminal
from rnninspect.formats.page import BAD, DOUBTFUL, GOOD, Page
from rnninspect.results.table import Cell, Column, Kind, Table

GOLDENS = Path(__file__).parent.parent / "goldens"

ROWS, IN = "4*H_cell", "H_in"
U = 50**-0.5
WEIGHTS = Table(
    title="weights",
    subject="tagger",
    columns=(
        Column("layer", "layer", repeats=True),
        Column("type", "type", repeats=True),
        Column("parameter", "parameter"),
        Column("symbol", "symbol"),
        Column("axes", "axes", Kind.SHAPE),
        Column("shape", "shape", Kind.SHAPE),
        Column("count", "count", Kind.COUNT),
        Column("bytes", "bytes", Kind.BYTES),
        Column("init", "init"),
        Column("bound", "bound", Kind.NUMBER),
    ),
    rows=(
        ("embed", "Embedding", "weight", "W", ("num_embeddings", "embedding_dim"), (1000, 300), 300_000,
         1_200_000, "normal", None),
        ("encoder", "LSTM", "weight_ih_l0", "W_ih", (ROWS, IN), (200, 300), 60_000, 240_000, "uniform", U),
        ("encoder", "LSTM", "bias_ih_l0", "b_ih", (ROWS,), (200,), 200, 800, "uniform", U),
        ("encoder", "LSTM", "weight_ih_l0_reverse", "W_ih", (ROWS, IN), (200, 300), 60_000, 240_000,
         "uniform", U),
        ("encoder", "LSTM", "bias_ih_l0_reverse", "b_ih", (ROWS,), (200,), 200, 800, "uniform", U),
        ("head", "Linear", "weight", "W", ("out_features", "in_features"), (10, 100), 1000, 4000,
         "uniform", 0.1),
        ("head", "Linear", "bias", "b", ("out_features",), (10,), 10, 40, "uniform", 0.1),
    ),
    total=("total", None, None, None, None, None, 421_410, 1_685_640, None, None),
    notes=(
        "Keras' LSTM has one bias where torch has two (for cuDNN's sake), so its count is 200 smaller here "
        "for every layer and direction.",
        "With proj_size, see [proj_size, hidden_size] and [/] in the torch documentation.",
    ),
)  # fmt: skip
PARAMS = Table(
    title="params",
    subject="tagger",
    columns=(
        Column("layer", "layer", repeats=True),
        Column("type", "type", repeats=True),
        Column("input", "input", Kind.SHAPE),
        Column("output", "output", Kind.SHAPE),
        Column("parameters", "parameters", Kind.COUNT),
        Column("parameters_one_bias", "parameters (one bias)", Kind.COUNT),
        Column("parameter_bytes", "parameter bytes", Kind.BYTES),
        Column("macs", "MACs", Kind.COUNT),
        Column("elementwise_ops", "elementwise operations", Kind.COUNT),
        Column("share", "share", Kind.NUMBER),
        Column("remark", "remark"),
    ),
    rows=(
        ("embed", "Embedding", (20, 32), (20, 32, 300), 300_000, 300_000, 1_200_000, 0, 0, 0.25, None),
        ("encoder", "LSTM", (20, 32, 300), (20, 32, 100), 1_234_567_587_113, 1_234_567_586_713,
         4_938_270_348_452, 1_048_576, 1_234_567, 12.5,
         "h = W_hr @ h only with proj_size, which torch refuses where it is not below hidden_size"),
        ("head", "Linear", (20, 32, 100), (20, 32, 10), 3_010, 3_010, 12_040, 640_000, 6_400, 1e-3, None),
    ),
    total=("total", None, None, None, 1_234_567_890_123, 1_234_567_889_723, 4_938_271_560_492, 1_688_576,
           1_240_967, None, None),
)  # fmt: skip
CAPTION = "plan and torch 2.13.0 agree · cpu · float32 · seed 0"


def lines_of(table: Table, width: int | None = None) -> list[str]:
    return terminal.render([table], "", width=width, colour=False).splitlines()


def column(kind: Kind, *cells: Cell) -> list[str]:
    """The printed cells of a table of one column."""
    table = Table("t", "m", (Column("c", "c", kind),), tuple((cell,) for cell in cells))
    return lines_of(table)[3:]


@pytest.mark.parametrize("width", [None, 200, 120, 80, 60])
def test_the_layout_is_as_it_was(width: int | None) -> None:
    golden = (GOLDENS / f"terminal_{width or 'pipe'}.txt").read_text(encoding="utf-8")
    assert terminal.render([WEIGHTS, PARAMS], CAPTION, width=width, colour=False) == golden


def test_counts_are_exact_and_have_separators() -> None:
    assert column(Kind.COUNT, 1_048_576, 7, None) == ["1,048,576", "        7", ""]


def test_numbers_have_four_digits_and_their_points_stand_under_each_other() -> None:
    assert column(Kind.NUMBER, 0.0577350269, 0.1, 12.5, 999.94, 0.0, None) == [
        "  0.05774",
        "  0.1000",
        " 12.50",
        "999.9",
        "  0",
        "",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999.96, "1,000"),
        (9_999.6, "10,000"),
        (-123_456.7, "-123,457"),
        (1.2345e15, "1.234e+15"),
        (0.00001234567, "1.235e-05"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (1_234_567, "1,234,567"),
    ],
)
def test_a_number_is_never_rounded_below_its_integer_part(number: float, text: str) -> None:
    assert column(Kind.NUMBER, number)[0].strip() == text


def times(*cells: Cell, total: Cell = None) -> list[str]:
    """The heading and the printed cells of a column of times."""
    rows = tuple((cell,) for cell in cells)
    lines = lines_of(Table("t", "m", (Column("c", "median", Kind.SECONDS),), rows, total and (total,)))
    return [lines[1], *lines[3:]]


def test_times_stand_in_one_unit_which_the_heading_says() -> None:
    assert times(0.00123456, 0.0123, None, 0.5, 0.0) == [
        "median, ms",
        "     1.235",
        "    12.30",
        "",
        "   500.0",
        "     0",
    ]


@pytest.mark.parametrize(
    ("seconds", "unit", "first"),
    [
        ((1.0, 9999.4), "s", "1.000"),
        ((0.9999, 9.9994), "ms", "999.9"),
        ((0.9, 9.9996), "s", "10.00"),  # of 0.9, 9.9996 and 10, more than four digits in ms, so the median decides
        ((0.001, 9.0), "ms", "1.000"),
        ((0.000999, 0.002), "µs", "999.0"),
        ((1e-6, 9e-3), "µs", "1.000"),
        ((9.99e-7, 1e-6), "ns", "999.0"),
        ((3e-10, 5e-10), "ns", "0.3000"),
        ((2e-6, 1e-3, 50e-3), "ms", "0.002000"),
        ((2e-6, 3e-6, 4e-6, 5.0), "µs", "2.000"),
        ((0.0, 0.25), "ms", "0"),
        ((0.0, None), "s", "0"),
        ((float("nan"), float("inf"), 2e-3), "ms", "nan"),
        ((-2e-3, -1e-3), "ms", "-2.000"),
        ((2, 3), "s", "2.000"),
        ((), "s", None),
    ],
)
def test_the_unit_is_the_largest_in_which_the_least_is_one_unless_the_largest_has_five_digits(
    seconds: tuple[float | None, ...], unit: str, first: str | None
) -> None:
    heading, *cells = times(*seconds, *([10.0] if seconds == (0.9, 9.9996) else []))
    assert heading.strip() == f"median, {unit}"
    assert first is None or first in [cell.strip() for cell in cells]


def test_a_total_counts_for_the_unit_and_stands_in_it() -> None:
    assert times(5.0, 0.25)[0] == "median, ms"
    assert times(5.0, 0.25, total=12.0)[0] == "median, s"
    assert times(0.5, 0.25, total=0.75) == ["median, ms", "     500.0", "     250.0", "──────────", "     750.0"]


def test_a_time_without_a_heading_has_its_unit_for_one() -> None:
    assert lines_of(Table("t", "m", (Column("c", "", Kind.SECONDS),), ((2.5,),)))[1:] == ["    s", "─────", "2.500"]


def test_times_that_are_compared_stand_in_one_unit() -> None:
    old, new = (Column(key, key, Kind.SECONDS, same_unit=True) for key in ("old", "new"))
    lines = lines_of(Table("t", "m", (old, new, Column("c", "c", Kind.SECONDS)), ((9e-4, 2e-3, 5.0),)))
    assert [line.split() for line in lines[1::2]] == [
        ["old,", "µs", "new,", "µs", "c,", "s"],
        ["900.0", "2,000", "5.000"],
    ]


def test_people_see_gflops() -> None:
    columns = (Column("flops_per_second", "", Kind.RATE), Column("r", "W_hh alone", Kind.RATE))
    lines = lines_of(Table("t", "m", columns, ((1.5e11, None), (2e9, 2e9))))
    assert lines[1:] == [
        "GFLOP/s  W_hh alone, GFLOP/s",
        "────────────────────────────",
        "150.0",
        "  2.000                2.000",
    ]


def test_short_counts_stand_in_one_unit_and_never_look_like_nothing() -> None:
    assert column(Kind.SHORT, 128_000_000, 640_000, 4_400, 0, None) == ["128.0 M", "  0.6 M", "< 0.1 M", "      0", ""]
    assert column(Kind.SHORT, 999, 0) == ["999", "  0"]
    assert column(Kind.SHORT, 1_500_000_000_000_000) == ["1,500.0 T"]


def test_shares_have_one_decimal_and_never_look_like_nothing() -> None:
    assert column(Kind.SHARE, 59.688, 0.04, 0.05, 0.0, 100.0, None) == [" 59.7", "< 0.1", "  0.1", "  0.0", "100.0", ""]


def test_a_foot_stands_right_under_its_table_and_a_line_alone_never_wraps() -> None:
    table = Table("", "m", (Column("c", "c"),), (("x",),), notes=("a note",), foot="one two three")
    assert lines_of(table, width=9) == ["m", "c", "─", "x", "one two", "three", "", "a note"]
    line = terminal.one_line("one two three", width=9, colour=True, ascii=False)
    assert uncoloured(line) == "one two…"
    doubted = terminal.one_line("one two three", width=9, colour=True, ascii=False, doubtful=True)
    assert doubted == Page(9, colour=True, ascii=False).paint("one two…", DOUBTFUL) != line
    assert terminal.one_line("one · two", width=80, colour=False, ascii=True) == "one - two"


def test_in_ascii_microseconds_are_us() -> None:
    table = Table("t", "m", (Column("c", "median", Kind.SECONDS),), ((2e-6,),))
    assert terminal.render([table], "", width=None, colour=False, ascii=True).splitlines()[1] == "median, us"


TIMED = Table(
    "times",
    "m",
    (
        Column("p", "phase"),
        Column("s", "median", Kind.SECONDS),
        Column("b", "of the largest", Kind.BAR),
        Column("v", "verdict"),
    ),
    (
        ("forward", 0.002, 2.0, "steady"),
        ("backward", 0.004, 4.25, "drifts"),
        ("step", 0.01, 10.0, None),
        ("none", None, None, None),
        ("zero", 0.0, 0.0, "no"),
    ),
    total=("total", 0.016, 16.0, None),
)


def test_a_bar_is_relative_to_the_largest_of_its_column() -> None:
    assert lines_of(TIMED)[1:] == [
        "phase     median, ms  of the largest        verdict",
        "───────────────────────────────────────────────────",
        "forward        2.000  ████                  steady",
        "backward       4.000  ████████▌             drifts",
        "step          10.00   ████████████████████",
        "none",
        "zero           0                            no",
        "───────────────────────────────────────────────────",
        "total         16.00",
    ]


def test_bars_have_eighths_and_the_least_is_seen() -> None:
    eighths = [(k + 0.25) / 160 for k in range(9)]
    drawn = ["▏", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
    assert column(Kind.BAR, *eighths, 1e-300, 1.0) == [*drawn, "▏", "█" * 20]
    assert column(Kind.BAR, 0.0, None, -1.0, float("nan"), float("inf"), 1) == [""] * 5 + ["█" * 20]
    assert column(Kind.BAR, 0.0, 0.0) == ["", ""]


def test_bars_in_ascii() -> None:
    lines = terminal.render([TIMED], "", width=None, colour=False, ascii=True).splitlines()
    assert [line[22:42].strip() for line in lines[3:7]] == ["#" * 4, "#" * 8, "#" * 20, ""]


def test_a_bar_gives_way_after_headings_and_before_all_else() -> None:
    assert lines_of(TIMED, width=51) == lines_of(TIMED)
    assert lines_of(TIMED, width=48)[1:5] == [
        "          median,",
        "phase          ms  of the largest        verdict",
        "────────────────────────────────────────────────",
        "forward     2.000  ████                  steady",
    ]
    assert lines_of(TIMED, width=47) == [
        "m · times",
        "phase     median, ms  verdict",
        "─────────────────────────────",
        "forward        2.000  steady",
        "backward       4.000  drifts",
        "step          10.00",
        "none",
        "zero           0      no",
        "─────────────────────────────",
        "total         16.00",
    ]
    prose = TIMED._replace(rows=(("forward", 0.002, 2.0, "so long that it is prose, which wraps"),))
    assert "█" in lines_of(prose, width=77)[4]
    assert lines_of(prose, width=76)[3] == "forward       2.000  so long that it is prose, which wraps"


def test_a_table_of_bars_alone_that_is_too_wide_is_its_title_and_notes() -> None:
    table = Table("t", "m", (Column("b", "", Kind.BAR),), ((1.0,),), notes=("a note",))
    assert lines_of(table, width=20) == ["m · t", "", "─" * 20, "█" * 20, "", "a note"]
    assert lines_of(table, width=19) == ["m · t", "a note"]


def test_shapes_are_written_as_python_writes_tuples() -> None:
    cells = [(20, 32, 300), (10,), (), ("L", "N", "D*H_out")]
    assert column(Kind.SHAPE, *cells) == ["(20, 32, 300)", "(10,)", "()", "(L, N, D*H_out)"]


def test_names_are_a_list_as_in_a_document() -> None:
    texts = [text.strip() for text in column(Kind.COUNT, ("memory",), ("words", "encoder"), (5,))]
    assert texts == ["[memory]", "[words, encoder]", "(5,)"]


def test_what_a_text_column_holds_is_printed_plainly() -> None:
    assert column(Kind.TEXT, 1000, True, "x") == ["1000", "true", "x"]


@pytest.mark.parametrize("text", ["[proj_size, hidden_size]", "[/]", "[bold]x[/bold]", ":smile:", r"\[x]"])
def test_what_looks_like_markup_is_printed_as_it_is(text: str) -> None:
    table = Table(text, text, (Column("c", text),), ((text,),), total=(text,), notes=(text,))
    for colour in (False, True):
        assert terminal.render([table], text, width=80, colour=colour).count(text) == 7


def test_a_value_like_the_one_above_is_left_blank_unless_what_is_left_of_it_differs() -> None:
    columns = (Column("a", "a", repeats=True), Column("b", "b", repeats=True), Column("c", "c"))
    rows = (("x", "1", "p"), ("x", "1", "p"), ("x", "2", "p"), ("y", "2", "p"))
    assert lines_of(Table("t", "m", columns, rows)) == [
        "m · t",
        "a  b  c",
        "───────",
        "x  1  p",
        "      p",
        "   2  p",
        "",
        "y  2  p",
    ]


def test_rows_that_are_each_a_group_have_no_space_between_them() -> None:
    table = Table("t", "m", (Column("a", "a", repeats=True),), (("x",), ("y",)))
    assert lines_of(table)[3:] == ["x", "y"]


def test_in_a_narrow_page_what_a_group_shares_stands_over_it_and_names_its_change() -> None:
    columns = (Column("layer", "layer", repeats=True), Column("type", "type", repeats=True), Column("name", "name"))
    rows = (("first", "LSTM", "weight"), ("first", "LSTM", "bias"), ("first", "GRU", "weight"))
    assert lines_of(Table("t", "m", columns, rows, total=("total", None, None)), width=15) == [
        "m · t",
        "layer · type",
        "  name",
        "────────────",
        "first · LSTM",
        "  weight",
        "  bias",
        "first · GRU",
        "  weight",
    ]


def test_every_block_is_headed_and_led_by_what_its_rows_are_about() -> None:
    columns = (Column("layer", "layer", repeats=True), *(Column(key, key * 10, Kind.COUNT) for key in "abc"))
    table = Table("t", "m", columns, (("x", 1, 2, 3), ("y", 4, 5, 6)), total=("total", None, 7, 9), notes=("n",))
    assert lines_of(table, width=20) == [
        "m · t (1 of 3)",
        "layer  aaaaaaaaaa",
        "─────────────────",
        "x               1",
        "y               4",
        "",
        "m · t (2 of 3)",
        "layer  bbbbbbbbbb",
        "─────────────────",
        "x               2",
        "y               5",
        "─────────────────",
        "total           7",
        "",
        "m · t (3 of 3)",
        "layer  cccccccccc",
        "─────────────────",
        "x               3",
        "y               6",
        "─────────────────",
        "total           9",
        "",
        "n",
    ]


def test_columns_are_spread_evenly_over_the_blocks() -> None:
    table = Table("t", "m", tuple(Column(key, key * 8) for key in "abcd"), (("", "", "", ""),))
    heads = [line for line in lines_of(table, width=30) if line.startswith(tuple("abcd"))]
    assert heads == ["aaaaaaaa  bbbbbbbb", "cccccccc  dddddddd"]


def test_without_a_column_to_repeat_a_name_leads_each_block_of_several_rows() -> None:
    columns = (Column("n", "name"), Column("a", "a" * 12), Column("b", "b" * 12))
    table = Table("t", "m", columns, (("x", "", ""), ("y", "", "")))
    assert lines_of(table, width=20)[7] == "name  bbbbbbbbbbbb"


def test_a_piece_leaves_out_the_rows_that_it_says_nothing_of() -> None:
    columns = (Column("l", "layer", repeats=True), Column("n", "name"), Column("a", "a" * 12), Column("b", "b" * 12))
    rows = (("x", "w", "1", "2"), ("x", "part", "3", None), ("y", "v", "4", None), ("z", "u", None, "5"))
    lines = lines_of(Table("t", "m", columns, (*rows, ("z", "part", None, None))), width=20)
    assert lines == [
        "m · t (1 of 2)",
        "layer",
        "  name  aaaaaaaaaaaa",
        "────────────────────",
        "x",
        "  w     1",
        "  part  3",
        "y",
        "  v     4",
        "",
        "m · t (2 of 2)",
        "layer",
        "  name  bbbbbbbbbbbb",
        "────────────────────",
        "x",
        "  w     2",
        "z",
        "  u     5",
    ]


def test_headings_wrap_before_prose_and_prose_before_names() -> None:
    columns = (Column("n", "name"), Column("c", "operations per token", Kind.COUNT), Column("p", "remark"))
    table = Table("t", "m", columns, (("weight_hh_l0", 5, "so long that it is prose, which wraps"),))
    assert lines_of(table, width=63)[1:] == [
        "              operations",
        "name           per token  remark",
        "───────────────────────────────────────────────────────────────",
        "weight_hh_l0           5  so long that it is prose, which wraps",
    ]
    assert lines_of(table, width=52)[4:] == [
        "weight_hh_l0           5  so long that it is prose,",
        "                          which wraps",
    ]


def test_where_nothing_else_is_possible_names_break_and_numbers_do_not() -> None:
    columns = (Column("n", "name", repeats=True), Column("c", "count", Kind.COUNT))
    table = Table("t", "m", columns, (("encoder.weight_ih", 1_234_567_890_123),))
    assert lines_of(table, width=27)[3:] == ["encoder.  1,234,567,890,123", "weight_i", "h"]


def test_names_break_and_shapes_never_do_though_the_line_becomes_too_long() -> None:
    columns = (Column("n", "name", repeats=True), Column("s", "shape", Kind.SHAPE))
    table = Table("t", "m", columns, (("a" * 12, (20, 32, 300)),))
    assert lines_of(table, width=21)[3:] == ["aaaaaa  (20, 32, 300)", "aaaaaa"]
    assert lines_of(table, width=12)[1:] == ["nam", "e    shape", "─" * 18, "aaa  (20, 32, 300)", "aaa", "aaa", "aaa"]


def test_a_long_name_leaves_a_third_of_the_page_to_the_numbers() -> None:
    columns = (Column("n", "name", repeats=True), Column("a", "a", Kind.COUNT), Column("b", "b", Kind.COUNT))
    table = Table("t", "m", columns, (("x" * 38, 1000, 2000),))
    assert lines_of(table, width=40)[0] == "m · t"


def test_notes_wrap_with_a_hanging_indent_and_the_caption_is_last() -> None:
    table = Table("t", "m", (Column("c", "c"),), (("x",),), notes=("one two three", "four"))
    text = terminal.render([table], "the end", width=9, colour=False)
    assert text.endswith("x\n\none two\n  three\nfour\n\nthe end\n")


def test_tables_without_rows_or_columns_print_what_they_have() -> None:
    assert lines_of(Table("t", "m", (Column("c", "count", Kind.COUNT),), ())) == ["m · t", "count", "─────"]
    assert lines_of(Table("t", "m", (), ()), width=80)[0] == "m · t"
    assert terminal.render([], "caption", width=80, colour=False) == "caption\n"


def test_colour_does_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in terminal.render([WEIGHTS], CAPTION, width=80, colour=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" in terminal.render([WEIGHTS], CAPTION, width=80, colour=True)


VERDICTS = Table(
    "t", "m", (Column("w", "what"), Column("v", "verdict", verdict=True), Column("why", "why")),
    tuple((word, word, word) for word in ("OVER", "ok", "disturbed (by ok)", "SAME", "FAILED", "not checked")),
    notes=("warning: ok", "ok: error"),
)  # fmt: skip


def painted(text: str) -> list[tuple[str, str]]:
    """What is coloured, with the number of its colour among 256."""
    return [(words, colour) for colour, words in re.findall(r"\x1b\[38;5;(\d+)m([^\x1b]*)\x1b\[0m", text)]


def test_verdicts_are_painted_by_their_words_and_nothing_else_is() -> None:
    text = terminal.render([VERDICTS], CAPTION, width=80, colour=True)
    assert painted(text) == [
        ("OVER", "160"),
        ("ok", "28"),
        ("disturbed (by ok)", "136"),
        ("FAILED", "160"),
        ("not checked", "136"),
        ("warning", "136"),
        ("plan and torch 2.13.0 agree", "28"),
    ]
    # Besides there is only what is bold and what is dim.
    assert set(re.findall(r"\x1b\[([0-9;]*)m", text)) == {"0", "1", "2", "38;5;160", "38;5;28", "38;5;136"}


@pytest.mark.parametrize(
    ("caption", "found"),
    [
        ("plan and torch 2.13.0 differ: models they differ on are left out · cpu", "160"),
        ("torch 2.13.0 and the equations in float64 agree · cpu", "28"),
        ("plan: from the equations alone, torch was not asked · float32", None),
        ("torch 2.13.0 · agree", None),
    ],
)
@pytest.mark.parametrize("ascii", [False, True])
def test_the_caption_is_painted_by_what_torch_said(caption: str, found: str | None, ascii: bool) -> None:
    text = terminal.render([], caption, width=200, colour=True, ascii=ascii)
    first = caption.split(" · ")[0]
    assert painted(text) == ([(first, found)] if found else [])


@pytest.mark.parametrize("style", [GOOD, BAD, DOUBTFUL])
def test_the_colours_can_be_read_on_white_and_on_black(style: str) -> None:
    colour = Color.parse(style).get_truecolor().hex
    assert min(contrast(colour, "#ffffff"), contrast(colour, "#000000")) > 3


def test_ascii_is_laid_out_like_the_rest() -> None:
    table = Table("t", "m", (Column("c", "σ"),), (("2 × 3",),))
    assert terminal.render([table], "", width=None, colour=False, ascii=True).splitlines() == [
        "m - t",
        r"\u03c3",
        "------",
        "2 x 3",
    ]


def test_wide_characters_count_for_two() -> None:
    table = Table("t", "m", (Column("a", "a"), Column("b", "b")), (("日本", "x"), ("y", "z")))
    assert lines_of(table)[3:] == ["日本  x", "y     z"]


@pytest.mark.parametrize("note", ["日 " * 30, "日" * 30, "a" * 12 + "日" * 4])
def test_wide_characters_wrap_where_the_page_ends(note: str) -> None:
    notes = lines_of(Table("t", "m", (Column("c", "c"),), (("x",),), notes=(note,)), width=20)[5:]
    assert all(cell_len(line) <= 20 for line in notes)
    assert re.sub(r"\s", "", "".join(notes)) == re.sub(r"\s", "", note)


def test_the_parts_of_rich_that_are_slow_to_import_are_not() -> None:
    code = """if True:
        import sys
        from rnninspect.formats import terminal
        terminal.render([], "caption", width=80, colour=True)
        assert not {"rich.console", "rich.table", "rich.text"} & set(sys.modules)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- properties -------------------------------------------------------------------------------------------

names = st.text("abcdefg_[/]. ", max_size=30)
values: dict[Kind, st.SearchStrategy[Cell]] = {
    Kind.TEXT: names,
    Kind.COUNT: st.integers(0, 10**15),
    Kind.BYTES: st.integers(0, 2**50),
    Kind.SHORT: st.integers(0, 10**15),
    Kind.SHARE: st.floats(0, 100),
    Kind.NUMBER: st.floats(1e-4, 1e12),
    Kind.PERCENT: st.floats(1e-4, 100),
    Kind.SHAPE: st.lists(st.integers(0, 9999), max_size=4).map(tuple),
    Kind.SYMBOL: st.sampled_from(["W_ii", "h_{t-1}", "h'_t"]),
    Kind.SECONDS: st.floats(1e-10, 1e5),
    Kind.RATE: st.floats(1e3, 1e15),
    Kind.BAR: st.floats(0),
}


@st.composite
def tables(draw: st.DrawFn, text: st.SearchStrategy[str] = names) -> Table:
    columns = [Column("k", draw(text), repeats=True) for _ in range(draw(st.integers(0, 2)))]
    kinds = [draw(st.sampled_from(Kind)) for _ in range(draw(st.integers(1, 6)))]
    flags = st.booleans()
    columns += [Column("c", draw(text), kind, same_unit=draw(flags), verdict=draw(flags)) for kind in kinds]
    cells = [st.none() | (text if column.kind is Kind.TEXT else values[column.kind]) for column in columns]
    rows = draw(st.lists(st.tuples(*cells), max_size=5))
    total = draw(st.none() | st.tuples(*cells))
    return Table("t", "m", tuple(columns), tuple(rows), total, tuple(draw(st.lists(text, max_size=2))))


def numbers_in(text: str) -> Counter[str]:
    without_titles = re.sub(r"^m · t \(\d of \d\)$", "", text, flags=re.MULTILINE)
    return Counter(re.findall(r"\([\d, ]*\)|\d[\d,.e+-]*", without_titles))


def integers_of(table: Table) -> Counter[str]:
    exact = [k for k, column in enumerate(table.columns) if column.kind is not Kind.SHORT]
    cells = [row[k] for row in (*table.rows, *([table.total] if table.total else [])) for k in exact]
    counts = Counter(f"{cell:,}" for cell in cells if isinstance(cell, int))
    return counts + Counter(str(cell) for cell in cells if isinstance(cell, tuple))


def uncoloured(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@examples(30)
@given(tables(), st.integers(40, 200))
def test_at_any_width_every_number_is_whole_and_no_line_too_long(table: Table, width: int) -> None:
    text = terminal.render([table], "", width=width, colour=False)
    assert max(map(cell_len, text.splitlines())) <= width
    assert numbers_in(text) == numbers_in(terminal.render([table], "", width=None, colour=False))
    assert integers_of(table) <= numbers_in(text)


@examples(30)
@given(tables(), st.integers(1, 200))
def test_bars_are_whole_or_left_out_and_never_in_a_table_that_is_split(table: Table, width: int) -> None:
    text = terminal.render([table], "", width=width, colour=False)
    assert max(map(cell_len, re.findall("[█-▏]+", text)), default=0) <= 20
    bars = re.findall("[█-▏]+", text)
    assert not bars or bars == re.findall("[█-▏]+", terminal.render([table], "", width=None, colour=False))
    assert not bars or "(1 of " not in text


@examples(30)
@given(st.lists(st.none() | st.floats(1e-9, 1e5), min_size=1, max_size=9))
def test_times_say_what_they_are_to_four_digits(cells: list[float | None]) -> None:
    heading, *printed = times(*cells)
    unit = {"s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}[heading.split()[-1]]
    for cell, text in zip(cells, printed, strict=True):
        assert (cell is None) == (text == "")
        assert cell is None or float(text.replace(",", "")) * unit == pytest.approx(cell, rel=5.1e-4)
    points = {text.find(".") for text in printed if "." in text}
    assert len(points) <= 1 or any("e" in text for text in printed)


@examples(30)
@given(tables(), st.none() | st.integers(1, 200))
def test_colours_change_nothing_else(table: Table, width: int | None) -> None:
    coloured = terminal.render([table], "caption", width=width, colour=True)
    assert uncoloured(coloured) == terminal.render([table], "caption", width=width, colour=False)


@examples(30)
@given(tables(st.text(max_size=20)), st.text(), st.none() | st.integers(1, 100), st.booleans())
def test_without_colour_nothing_that_a_terminal_acts_on_comes_out(
    table: Table, caption: str, width: int | None, ascii: bool
) -> None:
    text = terminal.render([table], caption, width=width, colour=False, ascii=ascii)
    assert text.replace("\n", "").isprintable()
    assert text.isascii() or not ascii
