"""What `params`, `weights` and `shapes` show people, and that scripts get all of it whatever people are shown."""

from __future__ import annotations

import csv
import io
import re

import pytest
from worlds import CONFIGS, document, spec_of, text_of

from rnninspect.facts.models import ModelFacts
from rnninspect.formats import terminal
from rnninspect.formats.csv import render as csv_of
from rnninspect.plan import plan
from rnninspect.results import params
from rnninspect.results.amounts import short_bytes
from rnninspect.results.params import params_tables
from rnninspect.results.shapes import shapes_table
from rnninspect.results.subjects import subjects
from rnninspect.results.table import Table
from rnninspect.results.weights import weights_table

CAPTION = "plan and torch 2.13.0 agree · cpu · float32 · seed 0"
TAGGER = (CONFIGS / "tagger.yaml").read_text()
# A command and what the shell says next stand on the screen too.
SCREEN = 24 - 2


def model_of(document: str, *settings: str, name: str = "doc") -> ModelFacts:
    return plan(spec_of(document, *settings, name=name))


def page(*tables: Table, width: int | None = 80) -> list[str]:
    return terminal.render(tables, CAPTION, width=width, colour=False).splitlines()


def titles(lines: list[str]) -> list[str]:
    return [line for line in lines if " · " in line and line != CAPTION]


# --- params ------------------------------------------------------------------------------------------------


def test_the_sizes_of_a_tagger_are_one_table_and_the_page_one_screen() -> None:
    lines = page(*params_tables([model_of(TAGGER)], proven=True, parts=params.SIZES))
    assert titles(lines) == ["tagger · params"]
    assert lines[9].split() == ["total", "502,610", "40,000", "501,810", "501,810", "2,010,440"]
    assert len(lines) <= SCREEN


@pytest.mark.parametrize("name", ["tagger", "zaremba-large", "lstm-8192-1024", "classifier", "options"])
def test_forward_and_backward_are_a_table_each(name: str) -> None:
    model = model_of((CONFIGS / f"{name}.yaml").read_text())
    lines = page(*params_tables([model], proven=True, parts=params.OPERATIONS))
    assert titles(lines) == [f"{model.name} · forward", f"{model.name} · backward"]


def test_each_part_has_its_own_notes_once_and_under_the_last_of_its_tables() -> None:
    models = [model_of(TAGGER), model_of(TAGGER, "name=other")]
    tables = params_tables(models, proven=True)
    assert [table.title for table in tables] == [
        *params.ALL,
        *params.ALL,
        *(f"{part} of models" for part in params.ALL),
    ]
    assert [bool(table.notes) for table in tables] == [False] * 8 + [True] * 4
    starts = ("All are trainable. recurrent", "For the whole batch", "backward: ", "kept for backward: an estimate")
    assert [table.notes[0].startswith(start) for table, start in zip(tables[-4:], starts, strict=True)] == [True] * 4
    unproven = params_tables(models, proven=False)[-1].notes[0]
    assert "by the equations alone" in unproven


def test_what_trains_has_a_column_where_not_all_of_it_does() -> None:
    def sizes(*settings: str) -> str:
        return "\n".join(
            page(*params_tables([model_of(TAGGER, *settings)], proven=True, parts=params.SIZES), width=None)
        )

    assert "trainable  " not in sizes()
    assert "All are trainable." in sizes()
    frozen = sizes("embed.trainable=false")
    assert "trainable  " in frozen
    assert "All are trainable." not in frozen


def test_a_count_that_keras_has_no_layer_for_is_nothing_and_the_note_says_so() -> None:
    lstm = "type: LSTM, input_size: 3, hidden_size: 5"
    elman, jordan = (
        params_tables([model_of(document(*layers))], proven=True, parts=params.SIZES)[0].notes[0]
        for layers in ([lstm], [lstm, "type: JordanRNN, hidden_size: 7, output_size: 2"])
    )
    assert "nothing where Keras has no such layer" not in elman
    assert "nothing where Keras has no such layer" in jordan


def test_files_are_named_where_models_are_not_told_apart_by_their_names() -> None:
    def over_all(*models: ModelFacts) -> list[str]:
        return page(params_tables(models, proven=True, parts=params.SIZES)[-1], width=None)[1].split()[:3]

    assert over_all(model_of(TAGGER), model_of(TAGGER, "name=other")) == ["model", "layers", "parameters"]
    assert over_all(model_of(TAGGER), model_of(TAGGER, name="again")) == ["model", "file", "layers"]


def test_models_of_one_name_are_told_apart_by_their_files() -> None:
    tagger, again, other = model_of(TAGGER), model_of(TAGGER), model_of(TAGGER, "name=other")
    assert subjects([tagger, other]) == ["tagger", "other"]
    assert subjects([tagger, again, other]) == [f"tagger ({tagger.source})", f"tagger ({again.source})", "other"]


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (999_499, "999 kB"), (999_500, "1.00 MB"), (2_010_000, "2.01 MB")],
)
def test_bytes_in_a_sentence_have_three_digits(nbytes: int, text: str) -> None:
    assert short_bytes(nbytes) == text


@pytest.mark.parametrize("parts", [params.SIZES, params.OPERATIONS, params.ALL])
def test_scripts_get_every_count_whatever_people_are_shown(parts: tuple[str, ...]) -> None:
    models = [model_of(TAGGER), model_of(text_of("type: Linear, in_features: 3, out_features: 4"))]
    printed = csv_of(params_tables(models, proven=True, parts=parts))
    assert printed == csv_of(params_tables(models, proven=True, parts=params.ALL))
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [row["layer"] for row in rows] == ["embed", "encoder", "head", "linear"]
    assert {"parameters", "parameters_trainable", "macs", "backward_flops", "training_bytes"} <= rows[0].keys()
    assert rows[1]["backward_macs"] == "254720000"


# --- shapes ------------------------------------------------------------------------------------------------


def rows_of(table: Table) -> list[list[str]]:
    """What people see of the rows: layer (where it is not the one above), type, tensor, way, axes, shape."""
    lines = page(table._replace(notes=()), width=None)
    return [re.split(r" {2,}", line.strip()) for line in lines[3:-2] if line]


def test_what_a_layer_hands_on_is_one_row_that_names_both_ends() -> None:
    assert rows_of(shapes_table(model_of(TAGGER))) == [
        ["embed", "Embedding", "input", "in", "(L, N)", "(20, 32)"],
        ["output", "→ encoder", "(L, N, H_out)", "(20, 32, 300)"],
        ["encoder", "LSTM", "h_0", "in", "(num_layers*D, N, H_out)", "(4, 32, 50)"],
        ["c_0", "in", "(num_layers*D, N, H_cell)", "(4, 32, 50)"],
        ["output", "→ head", "(L, N, D*H_out)", "(20, 32, 100)"],
        ["h_n", "out", "(num_layers*D, N, H_out)", "(4, 32, 50)"],
        ["c_n", "out", "(num_layers*D, N, H_cell)", "(4, 32, 50)"],
        ["head", "Linear", "output", "out", "(L, N, H_out)", "(20, 32, 10)"],
    ]


def test_a_layer_that_is_fed_the_last_state_has_an_input_of_its_own() -> None:
    last = text_of("type: GRU, input_size: 2, hidden_size: 4, feeds: last", "type: Linear, out_features: 3")
    table = shapes_table(model_of(last))
    assert rows_of(table)[3:] == [
        ["h_n", "out", "(num_layers*D, N, H_out)", "(1, 3, 4)"],
        ["linear", "Linear", "input", "in", "(N, H_in)", "(3, 4)"],
        ["output", "out", "(N, H_out)", "(3, 3)"],
    ]
    assert table.notes[-1] == "gru feeds linear its last state only, (3, 4)"


def test_the_shapes_of_a_tagger_are_one_screen_and_name_only_the_letters_in_them() -> None:
    lines = page(shapes_table(model_of(TAGGER)))
    assert titles(lines) == ["tagger · shapes"]
    assert len(lines) <= SCREEN
    assert "H_in" not in "".join(lines)
    assert "dtype: embed's input int64; all else float32" in lines


def test_scripts_get_both_ends_of_what_is_handed_on() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of([shapes_table(model_of(TAGGER))]))))
    assert [(row["layer"], row["way"], row["tensor"]) for row in rows] == [
        ("embed", "in", "input"),
        ("embed", "out", "output"),
        *(("encoder", "in", name) for name in ("input", "h_0", "c_0")),
        *(("encoder", "out", name) for name in ("output", "h_n", "c_n")),
        ("head", "in", "input"),
        ("head", "out", "output"),
    ]
    assert {row["dtype"] for row in rows} == {"int64", "float32"}
    assert "goes" not in rows[0]


# --- weights -----------------------------------------------------------------------------------------------


def test_weights_are_two_pieces_at_80_columns_by_what_they_are_and_how_they_begin() -> None:
    for gates in (False, True):
        lines = page(weights_table(model_of(TAGGER), gates=gates))
        assert [line for line in lines if "weights" in line] == [f"tagger · weights ({n} of 2)" for n in (1, 2)]
        heads = [line.split() for line in lines if line.startswith("  parameter")]
        assert heads == [["parameter", "symbol", "axes", "shape", "count"], ["parameter", "init", "bound"]]


def test_a_gate_stands_below_its_parameter_and_says_only_what_it_adds() -> None:
    first, second = "\n".join(page(weights_table(model_of(TAGGER), gates=True))).split("(2 of 2)")
    for row in (
        r"  weight_hh_l1_reverse  W_hh .* \(200, 50\) +10,000\n    \[0:50\] +W_hi .* \(50, 50\) +2,500",
        r"    \[50:100\] +b_hf +\(H_cell,\) +\(50,\) +50",
    ):
        assert re.search(rf"^{row}$", first, re.MULTILINE), row
    assert "[0:50]" not in second
    init = (CONFIGS / "init.yaml").read_text()
    _, begins = "\n".join(page(weights_table(model_of(init), gates=True))).split("(2 of 2)")
    assert re.findall(r"^    (\S+) +(.*?)$", begins, re.MULTILINE)[1] == ("[50:100]", "constant 1")


def test_scripts_get_every_column_of_every_gate() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of([weights_table(model_of(TAGGER), gates=True)]))))
    (row,) = (row for row in rows if row["parameter"] == "weight_hh_l1_reverse[50:100]")
    assert (row["symbol"], row["shape"], row["count"], row["bytes"]) == ("W_hf", "[50 50]", "2500", "")
    assert {row["bytes"] for row in rows if row["parameter"] == "weight_hh_l0"} == {"40000"}
    assert "seen" not in row
