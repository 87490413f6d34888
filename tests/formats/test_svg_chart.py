"""A chart as SVG: every value where its axis says, and what is not seen is told in words."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.formats.described import described
from rnninspect.formats.svg_chart import draw
from rnninspect.results.table import Chart, Series

SVG = "{http://www.w3.org/2000/svg}"
POINTS = ((0.0, 1.0), (1.0, 10.0), (2.0, None), (3.0, 1000.0), (4.0, 100.0))


def chart(*series: Series, log: bool = True) -> Chart:
    return Chart("gradients", "m", "lag, steps", "norm", series, log=log, doubt="disturbed")


def drawn(given: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(draw(given, "c"))


def lines(root: ElementTree.Element) -> list[list[list[tuple[float, float]]]]:
    """Of each series the pieces of its line, legends left out."""
    paths = [path.get("d", "") for path in root.iter(f"{SVG}path") if "line" in path.get("class", "").split()]
    found = [path for path in paths if "h40" not in path]
    return [
        [[tuple(map(float, spot.split())) for spot in piece.split("L")] for piece in path.split("M")[1:]]  # type: ignore[misc]
        for path in found
    ]


def ticks(root: ElementTree.Element, anchor: str) -> dict[str, float]:
    """The labels of an axis, and where they stand."""
    along = "y" if anchor == "end" else "x"
    labels = [text for text in root.iter(f"{SVG}text") if text.get("text-anchor") == anchor and not text.get("class")]
    return {str(text.text): float(text.get(along, "")) for text in labels}


def test_values_stand_where_the_labels_of_the_axes_say() -> None:
    root = drawn(chart(Series("h", POINTS)))
    ((first, second),) = lines(root)
    rows, columns = ticks(root, "end"), ticks(root, "middle")
    assert [x for x, _ in (*first, *second)] == [columns[label] for label in ("0", "1", "3", "4")]
    assert [y for _, y in (*first, *second)] == pytest.approx([rows[label] - 4 for label in ("1", "10", "1000", "100")])


@examples(30)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30, unique=True))
def test_a_linear_axis_is_linear(values: list[float]) -> None:
    root = drawn(chart(Series("h", tuple((float(k), y) for k, y in enumerate(values))), log=False))
    ((spots,),) = lines(root)
    low, high = min(values), max(values)
    bottom, top = (y for _, (_, y) in (min(zip(values, spots, strict=True)), max(zip(values, spots, strict=True))))
    if high - low < 1e-6:
        return
    for value, (_, y) in zip(values, spots, strict=True):
        assert y == pytest.approx(bottom + (value - low) / (high - low) * (top - bottom), abs=0.02)


def test_error_bars_reach_as_far_as_they_say_and_doubted_points_are_hollow() -> None:
    series = Series("step", ((1.0, 100.0), (2.0, 100.0), (3.0, 100.0)), halves=(90.0, None, 99_900.0), unsure=(1,))
    root = drawn(chart(series))
    rows = {label: y - 4 for label, y in ticks(root, "end").items()}
    bars = [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("class") == "bar"]
    ends = [tuple(map(float, re.findall(r"^M\S+ (\S+?)V([\d.]+)", bar)[0])) for bar in bars]
    decade = rows["10¹"] - rows["10²"]
    assert len(ends) == 2
    assert ends[0] == pytest.approx((rows["10¹"], rows["10²"] - decade * math.log10(1.9)), abs=0.02)
    assert ends[1][1] == pytest.approx(rows["10²"] - decade * 3, abs=0.02)
    assert ends[1][0] == max(rows.values())
    assert sum(path.get("class") == "mark doubted" for path in root.iter(f"{SVG}path")) == 2
    assert "disturbed" in [text.text for text in root.iter(f"{SVG}text")]


def test_it_says_in_words_what_it_shows() -> None:
    series = (
        Series("h", POINTS, halves=(0.1, 0.2, 0.5, 0.3, 0.4)),
        Series("one", ((2.0, 3.0),)),
        Series("none", ((0.0, -1.0),)),
    )
    given = chart(*series)._replace(series=(*series, *[series[1]] * 7))
    said = (
        "Chart of gradients: 10 lines, norm, logarithmic, over lag, steps. "
        "h: 4 points, from 1 at 0 to 100 at 4, largest 1e+03 at 3, error bars of at most ± 0.5. "
        "one: 3 at 2. none: 1 of 1 values left out: not > 0."
    )
    assert described(given).startswith(said)
    assert described(given).endswith("And 2 more.")
    root = drawn(given)
    names = {str(element.get("id")): element.text for element in root if element.get("id")}
    assert [names[name] for name in str(root.get("aria-labelledby")).split()] == ["gradients", described(given)]
    assert root.get("role") == "img"


def test_without_a_value_a_sentence_stands_there() -> None:
    assert draw(chart(Series("h", ((0.0, None), (1.0, -1.0)))), "c") == "<p>nothing to draw: no value &gt; 0</p>"


def test_every_series_is_in_the_legend_with_what_is_left_out() -> None:
    root = drawn(chart(Series("h <b>", ((0.0, 1.0), (1.0, 0.0))), Series("bound of h", ((0.0, 1.0),), limits="h <b>")))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[-2:] == ["h <b> (1 of 2 values left out: not > 0)", "bound of h"]
    groups = [group.get("class") for group in root.iter(f"{SVG}g")]
    assert groups == ["s0", "s0", "s0", "s0"]
