"""`cells` as it is called: the list, the text of a cell, and what it refuses. No test needs torch."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from ended import Run, fine, refused

from rnninspect.document.library import library_names, published

LSTM = 4 * 128 * (128 + 128) + 2 * 4 * 128


def test_the_list_has_a_row_for_each_and_fits_80_columns(here: Run) -> None:
    text = fine(here("cells"))
    rows = text.splitlines()[3:-6]
    assert [row.split()[0] for row in rows] == sorted(library_names(), key=str.lower)
    assert all(len(row) <= 80 for row in rows)
    (mgu,) = [row.split() for row in rows if row.startswith("MGU ")]
    assert mgu == ["MGU", "2016", "2", "6", f"{LSTM // 2:,}", "50.0", "L"]
    (scanned,) = [row.split() for row in rows if row.startswith("minGRU ")]
    assert scanned[-2:] == ["log2", "L"]
    assert f"{len(library_names())} cells; parameters at input_size = hidden_size = 128" in text
    assert f"{LSTM:,}" in text


def test_sources_are_a_page_of_their_own(here: Run) -> None:
    lines = fine(here("cells", "--sources")).splitlines()
    assert lines[0] == "library · sources"
    assert len([line for line in lines if "arXiv" in line]) > 50
    assert "arXiv" not in fine(here("cells"))


@pytest.mark.parametrize("name", library_names())
def test_the_text_of_a_cell_says_all_that_its_file_says(here: Run, name: str) -> None:
    cell, text = published(name), fine(here("cells", name))
    assert text.startswith(f"{name} · {cell.name}\n")
    assert f"\n{name} · equations\n{cell.equations}\n" in text
    words = " ".join(text.split())
    for said in (cell.source, cell.oracle, *cell.meanings.values()):
        assert " ".join(said.split()) in words
    for key, default in cell.numbers.items():
        assert f"{key}: {default}" in text
    for weight in cell.fixed:
        assert f" {weight}" in text.partition("not trained:")[2].partition("\n")[0]


def test_what_it_says_of_a_document_is_a_document(here: Run, tmp_path: Path) -> None:
    text = fine(here("cells", "LMU"))
    layers = text.partition("in a document\n")[2].partition("\n\n")[0]
    (tmp_path / "lmu.yaml").write_text(f"input: {{batch_size: 2, seq_len: 3}}\n{layers}\n")
    (model,) = json.loads(fine(here("params", "--plan", tmp_path / "lmu.yaml", "--format", "json")))["models"]
    (row,) = json.loads(fine(here("cells", "LMU", "--format", "json")))["cells"]
    assert model["parameters"] == row["parameters"]


def test_json_and_csv_have_all_of_it(here: Run) -> None:
    found = json.loads(fine(here("cells", "--format", "json")))["cells"]
    assert [cell["name"] for cell in found] == sorted(library_names(), key=str.lower)
    rows = list(csv.DictReader(io.StringIO(fine(here("cells", "--format", "csv")))))
    for cell, row in zip(found, rows, strict=True):
        assert {key: str(cell[key]) for key in ("name", "year", "gates", "weights", "parameters", "source")} == {
            key: row[key] for key in ("name", "year", "gates", "weights", "parameters", "source")
        }
        assert row["scannable"] == str(cell["scannable"]).lower()
        assert cell["parameters_lstm"] == LSTM
    (mgu, cornn) = json.loads(fine(here("cells", "MGU", "coRNN", "MGU", "--format", "json")))["cells"]
    assert (mgu["title"], mgu["gates"], mgu["scannable"]) == ("minimal gated unit", 2, False)
    assert cornn["constants"] == {"dt": 0.1, "gamma": 1.0, "epsilon": 1.0}
    assert "W_hn @ (f * h)" in mgu["equations"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("mgu",), "mgu: the library has no such cell (did you mean MGU?)"),
        (("PeepholeLSTN",), "did you mean PeepholeLSTM?"),
        (("\x1b[31m",), "the library has no such cell (rnninspect cells lists them)"),
        (("LSTM",), "LSTM is a class of its own: rnninspect explain shows its equations"),
        (("../../../etc/passwd",), "the library has no such cell"),
        (("MGU", "--sources"), "--sources: the text of a cell has its source"),
    ],
)
def test_what_it_refuses(here: Run, words: tuple[str, ...], says: str) -> None:
    assert says in refused(here("cells", *words))
