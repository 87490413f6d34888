from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from rnninspect.formats.axis import Axis, Tick, x_axis, y_axis
from rnninspect.formats.chart import draw
from rnninspect.results.table import Chart, Series

Points = tuple[tuple[float, float | None], ...]

FADING: Points = tuple((k, 10 ** (-0.5 * k)) for k in range(13))
FLAT: Points = ((0, 1.0), (1, 0.5), (2, 0.5), (3, 0.0), (4, 0.5), (5, math.nan), (6, math.inf), (7, None), (12, 0.25))
SIGNED: Points = ((0, -1.0), (1, 0.0), (2.5, 1.5), (10, -0.25))


def chart(*series: Points, log: bool = True, x: str = "t", y: str = "|dL/dh_t|") -> Chart:
    named = tuple(Series(f"layer {k}", points) for k, points in enumerate(series))
    return Chart("gradients", "tagger", x, y, named, log)


# --- layout -----------------------------------------------------------------------------------------------

LOGARITHMIC = """\
|dL/dh_t|
   1 ┤▒
     │  ▒ ○   ○
     │                        ○
1e-1 ┤    ●
     │      ●
     │
1e-2 ┤        ●
     │          ●
     │
1e-3 ┤            ●
     │              ●
     │
1e-4 ┤                ●
     │                  ●
     │
1e-5 ┤                    ●
     │                      ●
     │
1e-6 ┤                        ●
     └┬─────────┬─────────┬────
      0         5         10
      t
● layer 0
○ layer 1 (3 of 8 values left out: not >
  0)
▒ several series"""

LINEAR = """\
h
 1.5 ┤        ●
     │
     │
   1 ┤
     │
     │
 0.5 ┤
     │
     │
   0 ┤   ●
     │                                 ●
     │
-0.5 ┤
     │
     │
  -1 ┤●
     └┬──────┬─────┬──────┬─────┬──────┬
      0      2     4      6     8     10
      time
● layer 0"""

IN_ASCII = str.maketrans("●○▒┤│└─┬", "ox%+|+-+")


def test_the_layout_of_a_logarithmic_chart() -> None:
    assert "\n".join(draw(chart(FADING, FLAT), 40)) == LOGARITHMIC


def test_the_layout_of_a_linear_chart() -> None:
    assert "\n".join(draw(chart(SIGNED, log=False, x="time", y="h"), 40)) == LINEAR


def test_in_ascii_only_the_signs_differ() -> None:
    assert "\n".join(draw(chart(FADING, FLAT), 40, ascii=True)) == LOGARITHMIC.translate(IN_ASCII)


SWEPT = """\
seconds
  0.1 ┤                              ●
      │
 0.05 ┤
      │
      │
      │
 0.02 ┤                    ●
      │
 0.01 ┤
      │
0.005 ┤
      │          ●
      │
      │
0.002 ┤
      │
0.001 ┤●
      └┬─────────┬─────────┬─────────┬
       64       128       256       512
       hidden_size
● layer 0 (2 of 6 values left out: x not
  > 0)"""


def test_the_layout_of_a_chart_with_both_axes_logarithmic() -> None:
    points: Points = ((-1, 5.0), (0, 1.0), (64, 1e-3), (128, 4e-3), (256, 1.6e-2), (512, 1e-1), (1024, None))
    drawn = chart(points, x="hidden_size", y="seconds")._replace(log_x=True)
    assert "\n".join(draw(drawn, 40)) == SWEPT
    assert "\n".join(draw(drawn, 40, ascii=True)) == SWEPT.translate(IN_ASCII)


def test_a_chart_is_no_wider_than_120() -> None:
    """In a pipe there is no width, and a chart as wide as a line may be would be all blanks."""
    assert draw(chart(FADING), 10**9) == draw(chart(FADING), 120)
    assert max(map(len, draw(chart(FADING), 10**9))) in range(100, 121)


# --- what is said in one line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (29, ["a chart needs 30 columns"]),
        (24, ["a chart needs 30 columns"]),
        (23, ["needs 30 columns"]),
        (15, ["needs 30"]),
        (7, ["30"]),
        (1, []),
    ],
)
def test_too_narrow_says_what_it_needs(width: int, said: list[str]) -> None:
    assert draw(chart(FADING), width) == said
    assert len(draw(chart(FADING), 30)) > 10


def test_what_it_needs_depends_on_the_labels() -> None:
    long = chart(((0, 1.0), (1, 1.00000001)), log=False)
    assert draw(long, 32) == ["a chart needs 33 columns"]
    assert len(draw(long, 33)) > 10


@pytest.mark.parametrize(
    ("points", "log", "log_x", "said"),
    [
        ((), True, False, "no value > 0"),
        (((0, None),), True, False, "no value > 0"),
        (((0, 0.0), (1, -1.0), (2, math.nan), (3, math.inf), (4, -math.inf), (5, None)), True, False, "no value > 0"),
        (((0, 1.0), (-1, 1.0)), True, True, "no value > 0 at x > 0"),
        (((math.nan, 1.0), (math.inf, 1.0), (1, None)), False, True, "no number at x > 0"),
        ((), False, False, "no number"),
        (((0, math.nan), (math.inf, 1.0)), False, False, "no number"),
    ],
)
def test_nothing_to_draw(points: Points, log: bool, log_x: bool, said: str) -> None:
    assert draw(chart(points, log=log)._replace(log_x=log_x), 80) == [f"nothing to draw: {said}"]
    assert draw(chart(log=log)._replace(log_x=log_x), 80) == [f"nothing to draw: {said}"]


# --- marks ------------------------------------------------------------------------------------------------


def marks(lines: list[str]) -> list[tuple[int, int]]:
    """Row and column of each full circle in the picture, from its top left."""
    rows = [re.split("[┤│]", line, maxsplit=1)[1] for line in lines if re.search("[┤│]", line)]
    return [(row, found.start()) for row, text in enumerate(rows) for found in re.finditer("●", text)]


def legend(lines: list[str]) -> list[str]:
    return lines[next(k for k, line in enumerate(lines) if re.fullmatch(r" *[└+][┬─+-]+", line)) + 2 :]


def test_a_single_point_stands_in_the_middle() -> None:
    for log in (False, True):
        lines = draw(chart(((3, 0.25),), log=log), 60)
        ((_, column),) = marks(lines)
        assert abs(2 * column - 54) < 4
        assert [line.split() for line in lines if "┬" in line or line.strip() == "3"][-1] == ["3"]


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-3, 1e-300, 5e-324, 1.7e308])
def test_a_constant_is_a_level_line(value: float) -> None:
    found = marks(draw(chart(tuple((k, value) for k in range(9)), log=value > 0), 60))
    assert len(found) == 9
    assert len({row for row, _ in found}) == 1
    assert {right - left for (_, left), (_, right) in pairwise(found)} == {6}


def test_what_floats_hardly_tell_apart_is_level_and_what_they_hardly_hold_is_drawn() -> None:
    """Neighbours are drawn beside each other; the difference of the largest is no float."""
    near = marks(draw(chart(((0, 1.0), (1, math.nextafter(1, 2)), (2, 1.0)), log=False), 60))
    assert len(near) == 3
    assert len({row for row, _ in near}) == 1
    wide = marks(draw(chart(((-1.7e308, -1.7e308), (0, 0.0), (1.7e308, 1.7e308)), log=False), 60))
    assert [row for row, _ in wide] == sorted(row for row, _ in wide)
    (first, _), (middle, _), (last, _) = wide
    assert abs(last - middle - (middle - first)) <= 1
    assert last - first > 10


def test_steps_of_one_are_equally_far_apart() -> None:
    for size in (2, 7, 20, 33, 41):
        found = sorted(column for _, column in marks(draw(chart(tuple((k, 1.0) for k in range(size))), 60)))
        assert len(found) == size
        assert len({right - left for left, right in pairwise(found)}) == 1


def test_values_near_underflow_are_drawn() -> None:
    lines = draw(chart(tuple((k, 10.0 ** (-20 * k)) for k in range(16))), 60)
    assert [row for row, _ in marks(lines)] == list(range(16))
    assert [line.split()[0] for line in lines if "┤" in line] == ["1", "1e-60", "1e-120", "1e-180", "1e-240", "1e-300"]


def test_every_series_has_its_own_mark_and_line() -> None:
    for ascii in (False, True):
        said = legend(draw(chart(*(((0, 1.0),) for _ in range(12))), 60, ascii))[1:-1]
        assert [line[2:] for line in said] == [f"layer {k}" for k in range(12)]
        assert len({line[0] for line in said}) == 12


def test_where_marks_meet_a_sign_says_so_and_only_there() -> None:
    both = draw(chart(FADING, FADING[:1]), 60)
    assert sum(line.count("▒") for line in both) == 2
    assert both[-1] == "▒ several series"
    apart = draw(chart(FADING[:4], FADING[4:]), 60)
    assert not [line for line in apart if "▒" in line]
    twice = draw(chart(((0, 1.0), (0, 1.0), (1, 2.0))), 60)
    assert not [line for line in twice if "▒" in line]


def test_more_series_than_marks_are_counted() -> None:
    for ascii, marks_there_are in ((False, 61), (True, 54)):
        lines = draw(chart(*(((k, 1.0 + k),) for k in range(1500))), 60, ascii)
        named = [line[2:] for line in legend(lines) if line[1:].startswith(" layer ")]
        assert named == [f"layer {k}" for k in range(marks_there_are)]
        assert lines[-1] == f"not drawn, there are no more marks: {1500 - marks_there_are:,} series"


def test_the_legend_counts_what_is_left_out() -> None:
    points: Points = ((0, 1.0), (1, 0.0), (2, -1.0), (3, math.nan), (4, None))
    empty: Points = ((0, None), (1, None))
    assert legend(draw(chart(points, empty), 80))[1:] == [
        "● layer 0 (3 of 4 values left out: not > 0)",
        "○ layer 1 (no values)",
    ]
    assert legend(draw(chart(points, log=False), 80))[1:] == ["● layer 0 (1 of 4 values left out: not finite)"]
    assert legend(draw(chart(FADING), 80))[1:] == ["● layer 0"]
    swept: Points = ((-1, 1.0), (0, 0.0), (0, None), *points[1:])
    for log, rest in ((True, "5 of 5 values left out: x not > 0 or not > 0"), (False, "x not > 0 or not finite")):
        both = chart(swept, ((1, 1.0), (2, 1.0)), log=log)._replace(log_x=True)
        assert rest in legend(draw(both, 100))[1]


# --- any numbers, any text --------------------------------------------------------------------------------

numbers = st.floats() | st.floats(-10, 10) | st.integers(-5, 5).map(float)
series = st.lists(st.tuples(numbers, st.none() | numbers), max_size=8).map(tuple)
names = st.text() | st.sampled_from(
    ["\x1b[31mred", "a\nb", "名前", "👩‍💻", "\u202eevil", "[bold]x[/]", "\ud800", "h" * 200]
)


logs = st.tuples(st.booleans(), st.booleans())


@given(st.lists(st.tuples(names, series), max_size=4), names, names, st.integers(1, 130), logs, st.booleans())
def test_whatever_is_drawn_fits_and_is_plain(
    given_series: list[tuple[str, Points]], x: str, y: str, width: int, logs: tuple[bool, bool], ascii: bool
) -> None:
    drawn = tuple(Series(*item) for item in given_series)
    lines = draw(Chart("t", "m", x, y, drawn, logs[0], log_x=logs[1]), width, ascii)
    assert [line for line in lines if cell_len(line) > width] == []
    assert [line for line in lines if not line.isprintable() or line != line.rstrip()] == []
    assert not ascii or "".join(lines).isascii()
    assert width < 30 or lines


def test_hostile_names_show_as_they_are() -> None:
    name = "\x1b]0;pwned\x07 [/] $x$ \u202e | ` _a_"
    lines = draw(Chart("t", "m", name, name, (Series(name, ((0, 1.0),)),)), 80)
    shown = r"\x1b]0;pwned\x07 [/] $x$ \u202e | ` _a_"
    assert [line for line in lines if shown in line] == [shown, f"{lines[-2]}", f"● {shown}"]


def test_words_that_ascii_has_signs_for() -> None:
    lines = draw(Chart("t", "m", "t → 0", "h × 2 é", (Series("a · b", ((0, 1.0),)),)), 80, ascii=True)
    assert [lines[0], lines[-2].strip(), lines[-1]] == [r"h x 2 \xe9", "t -> 0", "o a - b"]


# --- axes -------------------------------------------------------------------------------------------------

finite = st.floats(allow_nan=False, allow_infinity=False)


def off(axis: Axis, at: float, label: str) -> float:
    """By how many cells a label is off the place of what it says."""
    said = Decimal(label).log10() if axis.log else Decimal(label)
    return abs(float(said / Decimal(axis.step)) - axis.first - at)


def holds(axis: Axis, values: Sequence[float]) -> bool:
    """Whether all values are on the axis, without being moved to its ends."""
    steps = [(math.log10(value) if axis.log else value) / axis.step - axis.first for value in values]
    return -0.001 <= min(steps) <= max(steps) <= axis.size - 1 + 0.001


@given(st.lists(finite, min_size=1, max_size=5), st.booleans())
def test_an_axis_of_y_holds_all_values_and_says_where(values: list[float], log: bool) -> None:
    values = [abs(value) or 1.0 for value in values] if log else values
    axis = y_axis(values, log)
    assert holds(axis, values)
    assert (10 if log else 12) <= axis.size - 1 <= 20
    assert len(axis.ticks) >= (2 if log else 3)
    assert max(off(axis, at, label) for at, label in axis.ticks) < 1e-6
    assert min(right.at - left.at for left, right in pairwise(axis.ticks)) >= 2


@pytest.mark.parametrize(
    ("least", "largest", "labels"),
    [
        (0.25, 0.25, "0.1 0.2 0.5 1"),
        (1e-3, 1e-3, "1e-4 2e-4 5e-4 1e-3 2e-3 5e-3 1e-2"),
        (1, 10, "1 2 5 10"),
        (0.2, 700, "0.1 1 10 100 1000"),
        (1e-5, 1, "1e-5 1e-4 1e-3 1e-2 1e-1 1"),
        (1e-8, 1, "1e-8 1e-6 1e-4 1e-2 1"),
        (1e-20, 1, "1e-18 1e-12 1e-6 1"),
        (1e-280, 1, "1e-240 1e-180 1e-120 1e-60 1"),
        (5e-324, 1.7e308, "1e-200 1 1e200"),
    ],
)
def test_decades(least: float, largest: float, labels: str) -> None:
    assert " ".join(tick.label for tick in y_axis([least, largest], log=True).ticks) == labels


@pytest.mark.parametrize(
    ("least", "largest", "labels"),
    [
        (-1, 1, "-1 -0.5 0 0.5 1"),
        (0.25, 0.25, "0.1 0.15 0.2 0.25 0.3 0.35 0.4"),
        (0, 0, "0 0.2 0.4 0.6 0.8 1"),
        (0, 1e6, "0 200000 400000 600000 800000 1e6"),
        (0, 1.2e-7, "0 2e-8 4e-8 6e-8 8e-8 1e-7 1.2e-7"),
        (-1.7e308, 1.7e308, "-2e308 -1.5e308 -1e308 -5e307 0 5e307 1e308 1.5e308 2e308"),
    ],
)
def test_round_numbers(least: float, largest: float, labels: str) -> None:
    assert " ".join(tick.label for tick in y_axis([least, largest], log=False).ticks) == labels


@given(st.lists(finite | st.integers(0, 5000).map(float), min_size=1, max_size=30), st.integers(30, 120), st.booleans())
def test_labels_of_x_have_room_and_stand_where_they_say(values: list[float], width: int, log: bool) -> None:
    values = [abs(value) or 1.0 for value in values] if log else values
    lines = draw(chart(tuple((x, 1.0) for x in values))._replace(log_x=log), width)
    floor = next(k for k, line in enumerate(lines) if "└" in line)
    ticks = [k for k, char in enumerate(lines[floor]) if char == "┬"]
    labels = [(found.start(), found[0]) for found in re.finditer(r"\S+", lines[floor + 1])]
    assert len(labels) == len(ticks) >= 1
    assert all(
        start - len(label) <= tick <= start + 2 * len(label) for tick, (start, label) in zip(ticks, labels, strict=True)
    )
    assert all(after - start - len(label) >= 3 for (start, label), (after, _) in pairwise(labels))
    axis = x_axis(values, 80, lambda ticks: len(ticks) < 5)
    # A label of an end, where no round number has room, is the shortest text that means that float.
    assert len(axis.ticks) == 1 or max(off(axis, at, label) for at, label in axis.ticks) < 1e-6


def roomy(*, columns: int = 8) -> Callable[[Sequence[Tick]], bool]:
    return lambda ticks: all(right.at - left.at >= columns for left, right in pairwise(ticks))


@pytest.mark.parametrize(
    ("values", "size", "labels"),
    [
        ((64, 128, 256, 512), 71, "64 128 256 512"),
        ((512, 64, 128, 64, 256), 25, "64 128 256 512"),
        ((64, 128, 256, 512), 20, "64 256"),
        ((64, 128, 256, 512), 12, "64 512"),
        ((0.1, 0.2, 0.4), 71, "0.1 0.2 0.4"),
        ((1, 100_000, 1_048_576, 10_000_000), 71, "1 100000 1048576 1e7"),
        (tuple(2**k for k in range(12)), 71, "1 4 16 64 256 1024"),
        (tuple(2**k for k in range(13)), 75, "1 3 10 30 100 300 1000 3000"),
        (tuple(2**k for k in range(13)), 120, "1 2 5 10 20 50 100 200 500 1000 2000"),
        (tuple(2**k for k in range(13)), 50, "1 10 100 1000"),
        (tuple(2**k for k in range(21)), 71, "1 10 100 1000 10000 100000 1e6"),
        (tuple(2.0**-k for k in range(21)), 71, "1e-6 1e-5 0.0001 0.001 0.01 0.1 1"),
        (tuple(10.0**k for k in range(-300, 301, 20)), 71, "1e-300 1e-200 1e-100 1 1e100 1e200 1e300"),
        (tuple(range(100, 140)), 71, "100 105 110 115 120 125 130 135"),
        (tuple(range(15, 29)), 300, "15 16 17 18 19 20 21 22 23 24 25 26 27 28"),
        (tuple(k / 100 for k in range(150, 170)), 71, "1.5 1.55 1.6 1.65"),
        (tuple(range(15, 141, 5)), 10, "15 140"),
        (tuple(range(15, 141, 5)), 5, "15"),
        ((7, 7), 71, "7"),
        ((1.0, math.nextafter(1, 2)), 71, "1"),
    ],
)
def test_ticks_of_a_logarithmic_axis_of_x(values: tuple[float, ...], size: int, labels: str) -> None:
    """The values themselves where they are few, otherwise round numbers."""
    axis = x_axis(values, size, roomy(), log=True)
    assert " ".join(tick.label for tick in axis.ticks) == labels
    assert axis.log
    assert max(off(axis, at, label) for at, label in axis.ticks) < 1e-6


def test_equal_ratios_look_equal() -> None:
    for values in ((64, 128, 256, 512, 1024), (1, 3, 9, 27), (64, 128, 512), tuple(2**k for k in range(11))):
        for size in range(20, 120):
            axis = x_axis(values, size, roomy(), log=True)
            assert size / 2 < axis.size <= size
            found = axis.positions(values)
            assert found == pytest.approx([round(at) for at in found], abs=1e-6)


# why not less: below, floats have fewer digits than the shortest texts that mean them say.
ordinary = st.floats(1e-300, allow_infinity=False)


@given(st.lists(ordinary | st.integers(1, 5000).map(float), min_size=1, max_size=40), st.integers(20, 120))
def test_a_logarithmic_axis_of_x_goes_from_the_least_to_the_largest(values: list[float], size: int) -> None:
    axis = x_axis(values, size, roomy(), log=True)
    found = axis.positions(values)
    assert [at for _, at in sorted(zip(values, found, strict=True))] == sorted(found)
    assert 0 <= min(found) <= max(found) <= axis.size - 1 <= size - 1
    if math.log10(max(values)) - math.log10(min(values)) > 1e-6:
        assert (min(found), max(found)) == pytest.approx((0, axis.size - 1), abs=1e-6)
        assert len(axis.ticks) >= 2
        assert max(off(axis, at, label) for at, label in axis.ticks) < 1e-3
    assert all(right.at - left.at >= 8 for left, right in pairwise(axis.ticks))
    assert all(-1e-6 <= at <= axis.size - 1 + 1e-6 for at, _ in axis.ticks)


@given(st.lists(finite, min_size=2, max_size=8, unique=True))
def test_positions_keep_order_and_ratios(values: list[float]) -> None:
    axis = y_axis(values, log=False)
    found = axis.positions(values)
    exact = [Fraction(value) / Fraction(axis.step) for value in values]
    for value, at in zip(exact, found, strict=True):
        assert at - found[0] == pytest.approx(float(value - exact[0]), abs=0.01)
    assert [at for _, at in sorted(zip(values, found, strict=True))] == sorted(found)
    assert axis.positions([]) == []
