from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.formats import csv as formats_csv
from rnninspect.results.table import Cell, Chart, Column, Drawing, Formulas, Kind, Table

COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("shape", "shape", Kind.SHAPE),
    Column("count", "number of parameters", Kind.COUNT),
    Column("bound", "bound", Kind.NUMBER),
)


def weights(subject: str) -> Table:
    rows = (("rnn", (200, 300), 1_234_567, 0.1), ("rnn", (10,), 10, None))
    return Table("weights", subject, COLUMNS, rows, total=("total", None, 1_234_577, None), notes=("a note",))


def field(cell: Cell) -> str:
    text = formats_csv.render([Table("t", "m", (Column("c", "c"),), ((cell,),))])
    return list(csv.reader(io.StringIO(text)))[1][1]


def test_tables_of_one_title_share_a_header_and_others_follow_after_a_blank_line() -> None:
    other = Table("shapes", "a", (Column("axes", "axes", Kind.SHAPE),), ((("L", "N", "D*H_out"),), ((),)))
    assert formats_csv.render([weights("a"), other, weights("b")]) == (
        "model,layer,shape,count,bound\n"
        "a,rnn,[200 300],1234567,0.1\n"
        "a,rnn,[10],10,\n"
        "b,rnn,[200 300],1234567,0.1\n"
        "b,rnn,[10],10,\n"
        "\n"
        "model,axes\n"
        "a,[L N D*H_out]\n"
        "a,[]\n"
    )


def test_tables_with_other_columns_do_not_share_a_header() -> None:
    narrow = Table("weights", "b", COLUMNS[:1], (("rnn",),))
    assert formats_csv.render([weights("a"), narrow]).endswith("\n\nmodel,layer\nb,rnn\n")


def test_what_is_no_table_is_left_out() -> None:
    blocks = [
        Formulas("f", "a", ()),
        Drawing("p", "a", ("+--+",)),
        Chart("c", "a", "x", "y", ()),
        Table("w", "a", (), ()),
    ]
    assert formats_csv.render([*blocks, weights("a")]) == formats_csv.render([weights("a")])


def test_a_table_that_sums_up_others_is_left_out() -> None:
    assert formats_csv.render([weights("a"), weights("b")._replace(summary=True)]) == formats_csv.render([weights("a")])


def test_a_table_that_names_its_models_has_each_once() -> None:
    table = Table("t", "several", (Column("model", "model"), Column("sure", "sure")), (("a", True), ("b", False)))
    assert formats_csv.render([table]) == "model,sure\na,true\nb,false\n"


def test_times_are_raw_and_bars_are_left_out() -> None:
    columns = (Column("median_seconds", "median", Kind.SECONDS), Column("bar", "", Kind.BAR), Column("v", "verdict"))
    table = Table("times", "a", columns, ((0.00123456789, 0.5, "steady"), (None, 1.0, "x")))
    assert formats_csv.render([table]) == "model,median_seconds,v\na,0.00123456789,steady\na,,x\n"
    assert formats_csv.render([Table("bars", "a", columns[1:2], ((1.0,),))]) == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_defused(start: str) -> None:
    assert field(start + "cmd").startswith("'")
    assert field("a" + start)[0] == "a"


def test_a_negative_number_is_no_formula() -> None:
    assert field(-0.5) == "-0.5"


def test_control_characters_are_escaped() -> None:
    assert field("a\nb\x1b[31m\ud800") == r"a\nb\x1b[31m\ud800"


@examples(30)
@given(st.floats(), st.integers(), st.lists(st.integers(0), max_size=4).map(tuple))
def test_numbers_and_shapes_come_back(number: float, count: int, shape: tuple[int, ...]) -> None:
    assert repr(float(field(number))) == repr(number)
    assert int(field(count)) == count
    assert tuple(map(int, field(shape)[1:-1].split())) == shape


# A column called "model" would be the model's own, which a table that has it does not get twice.
@examples(30)
@given(st.lists(st.text().filter(lambda text: text.isprintable() and text != "model"), min_size=1, max_size=4))
def test_text_comes_back_through_the_csv_module(texts: list[str]) -> None:
    columns = tuple(Column(text, text) for text in texts)
    text = formats_csv.render([Table("t", "m", columns, (tuple(texts),))])
    header, row = csv.reader(io.StringIO(text))
    assert header == ["model", *texts]
    assert [cell.removeprefix("'") for cell in row[1:]] == [cell.removeprefix("'") for cell in texts]
