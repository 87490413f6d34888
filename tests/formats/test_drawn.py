"""Equations, pictures and charts on a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from rnninspect.formats import terminal
from rnninspect.formats.drawn import in_ascii
from rnninspect.results.table import Block, Chart, Code, Drawing, Formula, Formulas, Series, Table

STEP = Formulas(
    "equations",
    "lstm",
    (
        Formula("i_t = σ(W_ii x_t + b_ii)", "(50,) = σ((50, 300)·(300,) + (50,))", "", ""),
        Formula("h'_t = o_t ⊙ tanh(c_t)", "(50,) = (50,) ⊙ tanh((50,))", "", ""),
    ),
    ("σ(v) is 1 / (1 + exp(-v))",),
)
PICTURE = Drawing("flow", "lstm", ("   ↑ (20,)", "┌──┴──┐", "│  h  │─→ ··· ⋮"), ("a note",))
CHART = Chart("loss", "lstm", "t", "loss", (Series("a", ((0, 1), (9, 2))),), notes=("a note",))


def lines_of(block: Block, width: int | None = None, *, colour: bool = False, ascii: bool = False) -> list[str]:
    return terminal.render([block], "", width=width, colour=colour, ascii=ascii).splitlines()


# --- equations ---------------------------------------------------------------------------------------------


def test_sizes_stand_below_and_all_equals_signs_under_each_other() -> None:
    assert lines_of(STEP) == [
        "lstm · equations",
        "  i_t = σ(W_ii x_t + b_ii)",
        "(50,) = σ((50, 300)·(300,) + (50,))",
        " h'_t = o_t ⊙ tanh(c_t)",
        "(50,) = (50,) ⊙ tanh((50,))",
        "",
        "σ(v) is 1 / (1 + exp(-v))",
    ]


def test_a_wide_one_wraps_before_a_sign_below_its_right_side() -> None:
    assert lines_of(STEP, 30)[1:5] == [
        "  i_t = σ(W_ii x_t + b_ii)",
        "(50,) = σ((50, 300)·(300,)",
        "        + (50,))",
        " h'_t = o_t ⊙ tanh(c_t)",
    ]


def test_a_shape_is_broken_only_where_nothing_else_is_possible() -> None:
    assert lines_of(STEP, 20)[3:6] == ["(50,) = σ((50,", "  300)·(300,) +", "  (50,))"]


def test_in_ascii_signs_have_names() -> None:
    assert lines_of(STEP, ascii=True) == [
        "lstm - equations",
        "  i_t = sigmoid(W_ii x_t + b_ii)",
        "(50,) = sigmoid((50, 300)@(300,) + (50,))",
        " h'_t = o_t * tanh(c_t)",
        "(50,) = (50,) * tanh((50,))",
        "",
        "sigmoid(v) is 1 / (1 + exp(-v))",
    ]


def test_without_sizes_or_equations_nothing_stands_for_them() -> None:
    assert lines_of(Formulas("t", "m", (Formula("a = b", "", "", ""),))) == ["m · t", "a = b"]
    assert lines_of(Formulas("t", "m", (Formula("no sides", "", "", ""),))) == ["m · t", "  no sides"]
    assert lines_of(Formulas("t", "m", (), ("a note",))) == ["m · t", "a note"]


def test_paragraphs_stand_right_below_their_title() -> None:
    assert lines_of(Table("options", "m", (), (), notes=("one", "two"))) == ["m · options", "one", "two"]


# --- pictures ----------------------------------------------------------------------------------------------


def test_a_picture_is_printed_as_it_is() -> None:
    assert lines_of(PICTURE) == ["lstm · flow", *PICTURE.lines, "", "a note"] == lines_of(PICTURE, 80)


def test_one_that_is_too_wide_is_left_out_and_its_width_said() -> None:
    wide = PICTURE._replace(lines=("─" * 81,))
    assert lines_of(wide, 80) == [
        "lstm · flow",
        "The picture needs 81 columns, and here are 80; | less -S shows it whole.",
    ]
    assert lines_of(wide, 81)[1] == "─" * 81
    assert lines_of(wide)[1] == "─" * 81


def test_in_ascii_a_picture_keeps_its_shape() -> None:
    assert lines_of(PICTURE, ascii=True) == ["lstm - flow", "   ^ (20,)", "+--+--+", "|  h  |-> ... :", "", "a note"]
    assert in_ascii(["─│┌┐└┘├┤┬┴┼→←↑↓⋮·…"]) == ["-|+++++++++><^v:.."]


def test_what_a_picture_has_besides_strokes_is_escaped_in_ascii() -> None:
    assert in_ascii(["é\x1b"]) == [r"\xe9\x1b"]


# --- charts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [None, 80, 40])
def test_a_chart_is_drawn_in_the_width_there_is(width: int | None) -> None:
    lines = lines_of(CHART, width)
    assert lines[0] == "lstm · loss"
    assert lines[-2:] == ["", "a note"]
    assert len(lines) > 5
    assert max(map(len, lines)) <= (width or 80)
    assert any("┤" in line for line in lines)


# --- code --------------------------------------------------------------------------------------------------


def test_code_stands_as_it_is_and_where_it_is_too_wide_it_wraps() -> None:
    code = Code("in PyTorch", "m", ("k = 3", "", "    y = layer(x, 1, 2)"), ("a note",))
    assert lines_of(code) == ["m · in PyTorch", "k = 3", "", "    y = layer(x, 1, 2)", "", "a note"]
    assert lines_of(code, 16)[3:5] == ["    y = layer(x,", "        1, 2)"]


# --- whatever they hold ------------------------------------------------------------------------------------

texts = st.text(max_size=30)
notes = st.lists(texts, max_size=2).map(tuple)
formulas = st.builds(Formula, texts, texts, texts, texts)
equations = st.builds(Formula, *[st.builds("{} = {} + {} ⊙ {}".format, texts, texts, texts, texts)] * 4)
blocks = st.one_of(
    st.builds(Formulas, texts, texts, st.lists(formulas | equations, max_size=3).map(tuple), notes),
    st.builds(Drawing, texts, texts, st.lists(texts, max_size=3).map(tuple), notes),
    st.builds(Code, texts, texts, st.lists(texts, max_size=3).map(tuple), notes),
    st.builds(
        Chart,
        texts,
        texts,
        texts,
        texts,
        st.lists(st.builds(Series, texts, st.just(((0, 1), (1, 3)))), max_size=2).map(tuple),
        st.booleans(),
        notes,
    ),
)
widths = st.none() | st.integers(1, 100)


@given(blocks, widths, st.booleans())
def test_nothing_that_a_terminal_acts_on_comes_out(block: Block, width: int | None, ascii: bool) -> None:
    text = terminal.render([block], "", width=width, colour=False, ascii=ascii)
    assert text.replace("\n", "").isprintable()
    assert text.isascii() or not ascii


@given(blocks, widths)
def test_colours_change_nothing_else(block: Block, width: int | None) -> None:
    coloured = terminal.render([block], "", width=width, colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == terminal.render([block], "", width=width, colour=False)


@given(blocks, st.integers(10, 100))
def test_no_line_is_wider_than_the_page(block: Block, width: int) -> None:
    assert max(map(cell_len, lines_of(block, width)), default=0) <= width
