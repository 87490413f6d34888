from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnninspect.formats import markdown
from rnninspect.results.table import Chart, Code, Column, Drawing, Formula, Formulas, Kind, Series, Table

TABLE = Table(
    title="weights",
    subject="tagger",
    columns=(
        Column("layer", "layer", repeats=True),
        Column("shape", "shape", Kind.SHAPE),
        Column("count", "count", Kind.COUNT),
        Column("bound", "bound", Kind.NUMBER),
    ),
    rows=(("weight_ih_l0", (200, 300), 1_234_567_890_123, 0.1), ("weight_ih_l0", (10,), 10, None)),
    total=("total", None, 1_234_567_890_133, None),
    notes=("- not a list", "2. nor this", "a & b < c"),
)


def test_a_table_is_a_heading_a_pipe_table_with_numbers_as_people_read_them_and_its_notes() -> None:
    assert markdown.render([TABLE], "cpu · float32") == (
        "### tagger: weights\n"
        "\n"
        "| layer | shape | count | bound |\n"
        "| --- | --- | ---: | ---: |\n"
        "| weight_ih_l0 | (200, 300) | 1,234,567,890,123 | 0.1000 |\n"
        "| weight_ih_l0 | (10,) | 10 |  |\n"
        "| **total** |  | **1,234,567,890,133** |  |\n"
        "\n"
        "\\- not a list\n"
        "\n"
        "2\\. nor this\n"
        "\n"
        "a &amp; b &lt; c\n"
        "\n"
        "*cpu · float32*\n"
    )


def test_times_are_in_one_unit_and_bars_are_left_out() -> None:
    columns = (Column("s", "median", Kind.SECONDS), Column("b", "", Kind.BAR), Column("v", "verdict"))
    table = Table("times", "m", columns, ((0.00123456789, 0.5, "steady"),), total=(0.5, 1.0, None))
    assert markdown.render([table], "") == (
        "### m: times\n\n| median, ms | verdict |\n| ---: | --- |\n| 1.235 | steady |\n| **500.0** |  |\n"
    )
    assert markdown.render([Table("bars", "m", columns[1:2], ((1.0,),))], "") == "### m: bars\n"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("`x`", r"\`x\`"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("D*H_out", r"D\*H_out"),
        ("_private_ __init__", r"\_private\_ \_\_init\_\_"),
        ("[x](y)", r"\[x\](y)"),
        ("~~gone~~ #1 $x$", r"\~\~gone\~\~ \#1 \$x\$"),
        ("two\nlines", r"two\\nlines"),
        ("\x1b[31m", r"\\x1b\[31m"),
        ("\ud800", r"\\ud800"),
    ],
)
def test_text_shows_as_it_is(text: str, escaped: str) -> None:
    table = Table("t", "m", (Column("c", "c"),), ((text,),))
    assert markdown.render([table], "").splitlines()[4] == f"| {escaped} |"


def test_an_equation_stands_between_dollar_signs_with_its_sizes_if_it_has_any() -> None:
    items = (
        Formula("h_t = x_t", "(5,) = (5,)", "h_t = x_t", r"\underset{(5{,})}{h_t} = x_t"),
        Formula("a", "", "b", ""),
    )
    assert markdown.render([Formulas("equations", "m", items, ("a < b",))], "") == (
        "### m: equations\n\n$$\n\\underset{(5{,})}{h_t} = x_t\n$$\n\n$$\nb\n$$\n\na &lt; b\n"
    )


def test_a_symbol_is_typeset_and_hostile_text_in_its_place_is_not() -> None:
    column = Column("s", "s", Kind.SYMBOL)
    rows = tuple((text,) for text in ("W_ii", "h_{t-1}", "h'_t", "b", "x_t", None, "a|b$ \\evil"))
    lines = markdown.render([Table("t", "m", (column,), rows)], "").splitlines()[4:]
    assert lines[:6] == ["| $W_{ii}$ |", "| $h_{t-1}$ |", "| $h'_t$ |", "| $b$ |", "| $x_t$ |", "|  |"]
    assert lines[6].count("|") == 2
    assert lines[6].replace(r"\$", "").count("$") == 2


def test_a_picture_stands_between_fences_as_it_is() -> None:
    figure = Drawing("flow", "m", ("┌─┐ *a* <b>", "", "└─┘"), ("a note",))
    assert markdown.render([figure], "").split("\n\n", 1)[1] == "```\n┌─┐ *a* <b>\n\n└─┘\n```\n\na note\n"


def test_code_stands_between_fences_that_say_it_is_python() -> None:
    assert markdown.render([Code("c", "m", ("x = 1",))], "").split("\n\n", 1)[1] == "```python\nx = 1\n```\n"


@given(st.lists(st.text("`", max_size=6) | st.text("`a\n\x1b"), max_size=4))
def test_no_line_of_a_picture_ends_its_fence(lines: list[str]) -> None:
    text = markdown.render([Drawing("flow", "m", tuple(lines))], "").split("\n\n", 1)[1]
    fence, *inside, last = text.splitlines()
    assert fence == last
    assert len(inside) == len(lines)
    assert not any(set(line.strip()) == {"`"} and len(line.strip()) >= len(fence) for line in inside)
    assert "\x1b" not in text


def test_a_chart_stands_between_fences() -> None:
    chart = Chart("loss", "m", "t", "loss", (Series("a", ((0, 1), (1, 2))),), notes=("a note",))
    paragraphs = markdown.render([chart], "").split("\n\n")
    assert paragraphs[1].startswith("```\n")
    assert paragraphs[-1] == "a note\n"


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_no_text_adds_a_cell_or_a_line(texts: list[str]) -> None:
    columns = tuple(Column("c", text) for text in texts)
    lines = markdown.render([Table("t", "m", columns, (tuple(texts),), total=tuple(texts))], "").splitlines()
    assert len(lines) == 6
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines[2:]} == {len(texts) + 1}
