"""A page: read by a parser that forgives nothing, it holds what the blocks say, and nothing that could run or fetch."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import html5lib
import pytest
from contrast import contrast
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.errors import printable
from rnninspect.formats import html
from rnninspect.formats.html import Made
from rnninspect.formats.looks import COLOURS
from rnninspect.markup import Markup, tag
from rnninspect.results.table import (
    SEVERAL,
    Answer,
    Block,
    Chart,
    Code,
    Column,
    Drawing,
    Formula,
    Formulas,
    Kind,
    Picture,
    Series,
    Table,
)

MADE = Made(name="explain", line="rnninspect explain 'a b.yaml'", versions="rnninspect 0.1.0 · Python 3.11.7")
HOSTILE = (
    "</title></style></script><script>alert(1)</script> ]]> --> {{7*7}}",
    "<img src=x onerror=alert(1)>",
    "\" onload='alert(1)' x=\"",
    "\x00\x1b[31m\u202egnp.exe\ud800\u2028",
    "&lt;b&gt; &#x3c;script&#x3e;",
    "javascript:alert(1)",
    "https://x.org/' onclick='alert(1)",
)
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=8)
COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("weight", "weight"),
    Column("shape", "shape", Kind.SHAPE),
    Column("count", "count", Kind.COUNT),
)
ROWS = (
    ("enc", "LSTM", "weight_ih_l0", (200, 300), 60000),
    ("enc", "LSTM", "bias_ih_l0", (200,), 200),
    ("head", "Linear", "weight", (10, 100), 1000),
)
WEIGHTS = Table(
    "weights", "m", COLUMNS, ROWS, total=("total", None, None, None, 61200), notes=("a note",), foot="a foot"
)


def page(*blocks: Block, caption: str = "", answer: Answer | None = None) -> Any:
    """The page as a parser that forgives nothing reads it."""
    text = html.render(blocks, caption, made=MADE, answer=answer)
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def words(element: Any) -> str:
    return "".join(element.itertext())


def all_words(elements: Sequence[Any]) -> list[str]:
    return [words(element) for element in elements]


def rows(table: Any, part: str) -> list[list[str]]:
    return [all_words(list(row)) for body in table.iter(part) for row in body.iter("tr")]


# --- what it is made of -----------------------------------------------------------------------------------


def test_its_policy_lets_in_its_own_style_and_script_alone() -> None:
    picture = Picture("picture", "m", tag("svg", class_="rc"), style=".rc{color:red}")
    root = page(WEIGHTS, picture, picture)
    (policy,) = [meta.get("content") for meta in root.iter("meta") if meta.get("http-equiv")]
    (style,), (script,) = all_words(list(root.iter("style"))), all_words(list(root.iter("script")))
    assert style.count(".rc{color:red}") == 1

    def hashed(source: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"

    own = f"style-src {hashed(style)}; script-src {hashed(script)}"
    assert policy == f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def test_it_says_first_what_it_comes_to_and_last_what_made_it() -> None:
    answer = Answer("1 of 2 models failed", "FAILED", "accept with:", "rnninspect check --update")
    root = page(WEIGHTS, caption="plan & torch agree", answer=answer)
    assert all_words(list(root.iter("title"))) == ["m · explain"]
    (header,), (footer,) = root.iter("header"), root.iter("footer")
    assert all_words(list(header)) == [
        *("rnninspect explain", "m"),
        "1 of 2 models failed; accept with: rnninspect check --update",
        "plan & torch agree",
    ]
    assert header[2].get("class") == "answer bad"
    assert words(footer) == "Made by rnninspect explain 'a b.yaml'rnninspect 0.1.0 · Python 3.11.7"


def test_parts_stand_under_headings_and_the_contents_lead_to_each() -> None:
    blocks = [
        Code("in PyTorch", "m", ("x = 1",)),
        WEIGHTS._replace(title="enc (LSTM): weights", section="enc (LSTM)"),
        WEIGHTS._replace(title="enc (LSTM): weights", section="enc (LSTM)"),
        WEIGHTS._replace(title="head (Linear): weights", section="head (Linear)"),
    ]
    root = page(*blocks)
    assert all_words(list(root.iter("h1"))) == ["m"]
    assert all_words(list(root.iter("h2"))) == ["in PyTorch", "enc (LSTM)", "head (Linear)"]
    assert all_words(list(root.iter("h3"))) == ["weights", "weights"]
    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(names)) == len(names)
    (contents,) = root.iter("nav")
    assert [link.get("href") for link in contents.iter("a")] == [f"#{name}" for name in names]


def test_several_subjects_are_told_apart_and_one_thing_needs_no_contents() -> None:
    two = page(WEIGHTS._replace(subject=SEVERAL), WEIGHTS, WEIGHTS._replace(subject="n"))
    assert all_words(list(two.iter("h1"))) == ["explain"]
    assert all_words(list(two.iter("h2"))) == ["weights", "m · weights", "n · weights"]
    one = page(WEIGHTS)
    assert (list(one.iter("nav")), all_words(list(one.iter("h2")))) == ([], ["weights"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_lines_stand_out_from_their_ground(scheme: str) -> None:
    style = (Path(html.__file__).with_name("page.css")).read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", light if scheme == "light" else dark))
    for ground in ("paper", "shade"):
        for ink in ("ink", "soft", "link", "good", "bad", "doubt"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, ink
    for number in range(len(COLOURS)):
        assert contrast(colours[f"s{number}"], colours["paper"]) >= 3, number
    assert style.isascii()


# --- blocks -----------------------------------------------------------------------------------------------


def test_what_rows_share_stands_over_them() -> None:
    (table,) = page(WEIGHTS).iter("table")
    assert rows(table, "thead") == [["weight", "shape", "count"]]
    assert rows(table, "tbody") == [
        ["enc LSTM"],
        *(["weight_ih_l0", "(200, 300)", "60,000"], ["bias_ih_l0", "(200,)", "200"]),
        *(["head Linear"], ["weight", "(10, 100)", "1,000"]),
    ]
    assert rows(table, "tfoot") == [["total", "", "61,200"]]
    assert [cell.get("class") for cell in next(table.iter("tfoot")).iter("td")] == [None, None, "n"]
    over = next(table.iter("tbody"))[0][0]
    assert (over.get("scope"), over.get("colspan")) == ("rowgroup", "3")


def test_where_no_rows_share_anything_each_says_all() -> None:
    (table,) = page(WEIGHTS._replace(rows=ROWS[1:], total=None)).iter("table")
    assert rows(table, "tbody")[0] == ["enc", "LSTM", "bias_ih_l0", "(200,)", "200"]
    assert list(table.iter("tfoot")) == []


def test_decimal_points_stand_under_each_other_and_verdicts_have_their_colour() -> None:
    columns = (Column("x", "x", Kind.NUMBER), Column("v", "v", verdict=True), Column("p", "p"))
    sentence = "a sentence that is so long that it has to wrap somewhere"
    table = Table("t", "m", columns, ((0.25, "ok", sentence), (12.5, "disturbed (by others)", "")))
    cells = list(page(table).iter("td"))
    assert [words(cell) for cell in cells if cell.get("class") == "n"] == ["0.2500", "12.50\u2007\u2007"]
    assert [cell.get("class") for cell in cells] == ["n", "good", "prose", "n", "doubt", "prose"]


def test_symbols_of_the_layer_are_typeset_and_names_of_torch_are_not() -> None:
    columns = (Column("symbol", "symbol", Kind.SYMBOL, repeats=True), Column("meaning", "meaning"))
    symbols = (
        ("h_{t-1}", "before t = 0 it is h_0"),
        ("W_ii", "times x_t"),
        ("x_t", ""),
        ("h'_t", ""),
        ("n_2_t", ""),
        ("b", "a word"),
    )
    vectors = Table("a (LSTM): vectors", "m", columns, symbols, section="a (LSTM)")
    note = Table(
        "a (LSTM): notes",
        "m",
        (),
        (),
        notes=("h_{t+1}, weight_ih_l0, x_tt and h_n; W_ii, plan b.",),
        section="a (LSTM)",
    )
    other = Table("b (GRU): notes", "m", (), (), notes=("x_t",), section="b (GRU)")
    typeset = list(page(vectors, note, other).iter("var"))
    assert all_words(typeset) == ["ht−1", "Wii", "xt", "xt", "h′t", "n2,t", "b", "ht+1", "Wii"]
    below = [[index.get("class") for index in variable] for variable in typeset]
    assert below == [[None], ["up"], [None], [None], [None], ["up"], [], [None], ["up"]]


def test_addresses_of_sources_are_links() -> None:
    note = "See Cho et al. (https://arxiv.org/abs/1406.1078), or http://x.org/a_b?c=<d>; not javascript:alert(1)."
    links = list(page(Table("t", "m", (), (), notes=(note,))).iter("a"))[1:]
    assert [(link.get("href"), words(link)) for link in links] == [
        ("https://arxiv.org/abs/1406.1078", "https://arxiv.org/abs/1406.1078"),
        ("http://x.org/a_b?c=", "http://x.org/a_b?c="),
    ]


def test_equations_are_one_table_with_their_sizes_folded_and_latex_to_copy() -> None:
    row = tag("mtr", tag("mtd", tag("mi", "h")))
    item = Formula("h_t = x_t", "(5,) = (5,)", latex="h_t = x_t", latex_sizes="", mathml=row, mathml_sizes=row)
    root = page(Formulas("equations", "m", (item, item)))
    bare, sized = [element for element in root.iter() if str(element.tag).endswith("math")]
    assert (words(bare), words(sized)) == ("hh", "hh")
    assert len(list(next(root.iter("details")))) == 2
    (button,) = root.iter("button")
    assert button.get("data-copy") == "\\begin{align*}\nh_t &= x_t \\\\\nh_t &= x_t\n\\end{align*}"
    assert button.get("hidden") is not None
    plain = page(Formulas("equations", "m", (item._replace(mathml=Markup()),)))
    assert words(next(plain.iter("pre"))) == "h_t = x_t"


def test_pictures_code_and_notes() -> None:
    drawing = Drawing("data flow", "m", ("┌─┐", "└─┘"), notes=("warning: half of it", "plain: this"))
    root = page(drawing, Code("code", "m", ("a < b", "c")), Picture("cell", "m", tag("svg", tag("g"), class_="rc")))
    assert [words(pre) for pre in root.iter("pre")] == ["┌─┐\n└─┘", "a < b\nc"]
    assert [words(mark) for mark in root.iter("strong")] == ["warning"]
    assert [words(note) for note in root.iter("p") if note.get("class") == "note"] == [
        "warning: half of it",
        "plain: this",
    ]
    assert any(element.get("class") == "rc" for element in root.iter())


# --- what others wrote ------------------------------------------------------------------------------------


@examples(25)
@given(TEXTS, TEXTS, TEXTS)
@pytest.mark.parametrize("kind", ["table", "formulas", "drawing", "code", "chart"])
def test_hostile_texts_are_shown_and_nothing_of_them_runs(kind: str, name: str, title: str, inside: str) -> None:
    columns = (Column("a", inside, Kind.SYMBOL, repeats=True), Column("b", "b", verdict=True), Column("c", "c"))
    blocks: dict[str, Block] = {
        "table": Table(title, name, columns, ((inside, inside, inside), (inside, name, "x")), notes=(inside,)),
        "formulas": Formulas(title, name, (Formula(inside, "", inside, "", mathml=tag("mtr", tag("mtd", inside))),)),
        "drawing": Drawing(title, name, (inside, inside)),
        "code": Code(title, name, (inside,)),
        "chart": Chart(title, name, inside, inside, (Series(inside, ((0, 1.0), (1, 2.0))),), about=inside),
    }
    root = page(blocks[kind], caption=inside)
    assert len(list(root.iter("script"))) == len(list(root.iter("style"))) == 1
    for element in root.iter():
        for key, value in element.attrib.items():
            assert not str(key).startswith("on")
            assert key not in ("style", "src", "action", "formaction")
            assert key != "href" or re.fullmatch(r"#[a-z0-9.-]+|https?://\S+", value)
    shown = words(root)
    assert printable(inside) in shown
    assert printable(name) in shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", shown)


def test_the_same_blocks_are_the_same_page() -> None:
    assert html.render([WEIGHTS], "c", made=MADE) == html.render([WEIGHTS], "c", made=MADE)
