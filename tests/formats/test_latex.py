r"""LaTeX that can be \input: what is between its braces, and that nothing in a text breaks out of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnninspect.formats import latex
from rnninspect.results.table import Block, Chart, Code, Column, Drawing, Formula, Formulas, Kind, Series, Table

STEP = Formulas(
    "equations",
    "lstm",
    (
        Formula("i_t = x_t", "(5,) = (5,)", "i_t = x_t", r"\underset{(5{,})}{i_t} = \underset{(5{,})}{x_t}"),
        Formula("h_t = i_t", "(5,) = (5,)", "h_t = i_t", r"\underset{(5{,})}{h_t} = \underset{(5{,})}{i_t}"),
    ),
    ("50% of h_{t-1} & more",),
)


def body(block: Block) -> str:
    """A block's text below the comment and its heading."""
    return latex.render([block], "").split("\n\n", 2)[2]


def test_it_says_which_package_it_needs() -> None:
    head = latex.render([], "").split("\n\n")[0]
    assert all(line.startswith("%") for line in head.splitlines())
    assert r"\usepackage{amsmath}" in head


def test_equations_stand_bare_and_with_their_sizes_aligned_at_equals_signs() -> None:
    assert body(STEP) == (
        "\\begin{align*}\n"
        "i_t &= x_t \\\\\n"
        "h_t &= i_t\n"
        "\\end{align*}\n"
        "\n"
        "\\begin{align*}\n"
        "\\underset{(5{,})}{i_t} &= \\underset{(5{,})}{x_t} \\\\\n"
        "\\underset{(5{,})}{h_t} &= \\underset{(5{,})}{i_t}\n"
        "\\end{align*}\n"
        "\n"
        "\\noindent 50\\% of $h_{t-1}$ \\& more\n"
    )


def test_without_sizes_they_stand_once_and_without_equations_not_at_all() -> None:
    bare = STEP._replace(items=(Formula("a", "", "a = b", ""),))
    assert body(bare).count("align*") == 2
    assert "align" not in body(STEP._replace(items=()))


def test_a_table_is_a_tabular_whose_prose_wraps() -> None:
    columns = (
        Column("s", "symbol", Kind.SYMBOL),
        Column("n", "shape", Kind.SHAPE),
        Column("c", "count", Kind.COUNT),
        Column("m", "meaning"),
        Column("k", "key", for_scripts=True),
    )
    rows = (("W_ii", (50, 300), 15000, "from x_t to the input gate i_t"), ("h'_t", (5,), None, "-- [*]"))
    table = Table("t", "m", columns, tuple((*row, "hidden") for row in rows), (None, None, 1234567, None, None))
    assert body(table) == (
        "{\\small\n"
        "\\noindent\\begin{tabular}{llrp{0.40\\linewidth}}\n"
        "\\hline\n"
        "symbol & shape & count & meaning \\\\\n"
        "\\hline\n"
        "$W_{ii}$ & (50, 300) & 15,000 & from $x_t$ to the input gate $i_t$ \\\\\n"
        "$h'_t$ & (5,) &  & {-}{-} {[}{*}{]} \\\\\n"
        "\\hline\n"
        " &  & 1,234,567 &  \\\\\n"
        "\\hline\n"
        "\\end{tabular}\n"
        "\\par}\n"
    )


def test_times_are_raw_in_seconds_and_bars_are_left_out() -> None:
    columns = (Column("s", "median", Kind.SECONDS), Column("b", "", Kind.BAR), Column("v", "verdict"))
    lines = body(Table("times", "m", columns, ((0.00123456789, 0.5, "steady"),))).splitlines()
    assert [lines[1], lines[3], lines[5]] == [
        r"\noindent\begin{tabular}{rl}",
        r"median, s & verdict \\",
        r"0.00123456789 & steady \\",
    ]
    assert "tabular" not in latex.render([Table("bars", "m", columns[1:2], ((1.0,),))], "")


def test_numbers_and_truth_stand_as_they_are() -> None:
    columns = tuple(Column("c", "c", kind) for kind in (Kind.NUMBER, Kind.TEXT, Kind.TEXT))
    assert "0.5 & true & 7 \\\\" in body(Table("t", "m", columns, ((0.5, True, 7),)))


def test_pictures_and_charts_are_verbatim_and_in_ascii() -> None:
    picture = body(Drawing("t", "m", ("─→ {%", r"\end{verbatim}\input{x}"), ("a note",)))
    assert picture == (
        "{\\footnotesize\n\\begin{verbatim}\n-> {%\n\\end {verbatim}\\input{x}\n\\end{verbatim}\n}\n"
        "\n\\noindent a note\n"
    )
    code = body(Code("t", "m", ("x = {}  # (1,)",)))
    assert code == "{\\footnotesize\n\\begin{verbatim}\nx = {}  # (1,)\n\\end{verbatim}\n}\n"
    chart = body(Chart("t", "m", "x", "y", (Series("a", ((0, 1), (1, 2))),)))
    assert chart.startswith("{\\footnotesize\n\\begin{verbatim}\n")
    assert chart.isascii()


def test_a_heading_and_a_caption_are_escaped() -> None:
    text = latex.render([Table("50%", "a_b", (), (), notes=("one",))], "plan · float32")
    assert "\n\\subsection*{a\\_b: 50\\%}\n\n\\noindent one\n" in text
    assert text.endswith("\\noindent\\textit{plan \\textperiodcentered{} float32}\n")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a & b # c $ d % e", r"a \& b \# c \$ d \% e"),
        ("~^|<>`", r"\textasciitilde{}\textasciicircum{}\textbar{}\textless{}\textgreater{}\textasciigrave{}"),
        ("weight_ih_l0 h_n", r"weight\_ih\_l0 h\_n"),
        ("6,840 → 4,320", r"6,840 $\rightarrow$ 4,320"),
        ("W_hh h_{t+1}, b_ho and c'_t.", r"$W_{hh}$ $h_{t+1}$, $b_{ho}$ and $c'_t$."),
        ("W_hhh x_tt my.x_t bias_ih", r"W\_hhh x\_tt my.x\_t bias\_ih"),
        ("two\nlines \x1b[31m", r"two\textbackslash{}nlines \textbackslash{}x1b{[}31m"),
    ],
)
def test_text_shows_as_it_is(text: str, escaped: str) -> None:
    assert body(Table("t", "m", (), (), notes=(text,))) == f"\\noindent {escaped}\n"


@pytest.mark.parametrize(
    ("text", "typeset"),
    [
        ("W_ii", "W_{ii}"),
        ("h_{t-1}", "h_{t-1}"),
        ("h''_t", "h''_t"),
        ("W", "W"),
        ("c_new_t", r"c_{new\_t}"),
        ("}$", r"\text{\}\$}"),
        ("gate_t", r"\text{gate\_t}"),
    ],
)
def test_a_symbol_is_typeset_or_else_text(text: str, typeset: str) -> None:
    assert latex.symbol(text) == typeset


@given(st.text() | st.text("\\{}$&#_%~^[]*|<>-`ab ,→\n\x1b"))
def test_no_text_breaks_out(text: str) -> None:
    kinds = (Kind.TEXT, Kind.SYMBOL, Kind.SHAPE)
    table = Table(text, text, tuple(Column("c", text, kind) for kind in kinds), ((text, text, (text,)),), notes=(text,))
    written = body(table)
    for command in (
        r"\\noindent\b",
        r"\\(?:begin|end)\{tabular\}",
        r"\\hline\b",
        r"p\{[\d.]+\\linewidth\}",
        r"\\text\{",
    ):
        written = re.sub(command, "{" if command.endswith(r"\{") else "", written)
    written = re.sub(r"\\text[a-z]+\{\}|\\ldots\{\}|\\[{}$&#_%]", "", written)
    assert not re.search(r"[~^#%\x00-\x09\x0b-\x1f]", re.sub(r" \\\\\n", "\n", written))
    assert written.count("$") % 2 == 0
    assert written.count("{") == written.count("}")
    rows = [line for line in written.splitlines() if line.endswith(r"\\")]
    assert [line.count("&") for line in rows] == [2, 2]
