"""What people and scripts see of wires: who reads whom, what is handed over, what goes in and comes out."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from worlds import DOCUMENTS, spec_of

from rnninspect.document.load import load_spec
from rnninspect.facts.models import ModelFacts
from rnninspect.plan import plan
from rnninspect.results.model import Report, document
from rnninspect.results.params import params_tables
from rnninspect.results.shapes import shapes_table
from rnninspect.results.summary import summary_table

TRANSLATOR: dict[str, Any] = {
    "input": {"batch_size": 3},
    "inputs": {"src": {"seq_len": 5}, "tgt": {"seq_len": 4}},
    "layers": [
        {"name": "src_embed", "type": "Embedding", "from": "src", "num_embeddings": 11, "embedding_dim": 2},
        {"name": "encoder", "type": "LSTM", "hidden_size": 4, "bidirectional": True, "feeds": "last"},
        {"name": "embed", "type": "Embedding", "from": "tgt", "num_embeddings": 9, "embedding_dim": 3},
        {
            "name": "decoder",
            "type": "GRU",
            "from": ["embed", "encoder"],
            "hidden_size": 8,
            "state_from": {"layer": "encoder", "directions": "concat"},
        },
        {"name": "head", "type": "Linear", "from": ["embed", "decoder", "encoder"], "out_features": 9},
    ],
}
HEADS: dict[str, Any] = {
    "input": {"lengths": [2, 4]},
    "outputs": ["gain", "vad"],
    "layers": [
        {"name": "first", "type": "GRU", "input_size": 4, "hidden_size": 4, "add": "input"},
        {"repeat": 2, "layers": [{"name": "rnn", "type": "GRU", "hidden_size": 4}]},
        {"name": "again", "same_as": "rnn_1", "from": "first", "add": "rnn_1"},
        {"name": "third", "same_as": "again"},
        {"name": "gain", "type": "Linear", "from": ["first", "third"], "out_features": 2},
        {"name": "vad", "type": "GRU", "from": "rnn_0", "hidden_size": 3, "feeds": "last"},
    ],
}


def model_of(document: dict[str, Any]) -> ModelFacts:
    return plan(spec_of(deepcopy(document)))


def rows_of(model: ModelFacts) -> dict[str, list[tuple[str, str, str]]]:
    """By layer what people see: a tensor, where it comes from or goes, its shape."""
    table = shapes_table(model).for_people()
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for layer, _, tensor, goes, _, shape in table.rows:
        rows.setdefault(str(layer), []).append((str(tensor), str(goes), str(shape)))
    return rows


def test_each_source_has_a_row_and_each_output_its_readers() -> None:
    rows = rows_of(model_of(TRANSLATOR))
    assert rows["decoder"] == [
        ("embed", "→ input", "(4, 3, 3)"),
        ("encoder", "→ input", "(3, 8)"),
        ("input", "in", "(4, 3, 11)"),
        ("h_0", "← encoder", "(1, 3, 8)"),
        ("output", "→ head", "(4, 3, 8)"),
        ("h_n", "out", "(1, 3, 8)"),
    ]
    assert rows["encoder"][-2:] == [("h_n", "→ decoder", "(2, 3, 4)"), ("c_n", "out", "(2, 3, 4)")]
    assert rows["src_embed"] == [("input", "← src", "(5, 3)"), ("output", "→ encoder", "(5, 3, 2)")]
    assert rows["embed"][-1] == ("output", "→ decoder, ...", "(4, 3, 3)")
    assert rows["head"][-1] == ("output", "returned", "(4, 3, 9)")


def test_what_is_not_the_output_is_said_of_its_readers() -> None:
    notes = shapes_table(model_of(TRANSLATOR)).notes
    assert "encoder feeds decoder and head its last state only, (3, 8)" in notes
    assert "embed feeds decoder and head" in notes
    assert (
        "head reads embed, decoder and encoder side by side: H_in = 3 + 8 + 8 = 19, encoder the same at every step"
    ) in notes
    assert "decoder starts from encoder's h_n (2, 3, 4), its two directions side by side" in notes
    assert notes[-1] == "inputs: src (5, 3) and tgt (4, 3)"


def test_no_layer_is_said_to_feed_its_neighbour_that_reads_another() -> None:
    model = model_of(HEADS)
    rows, notes = rows_of(model), shapes_table(model).notes
    assert [goes for _, goes, _ in rows["rnn_0"]][-2] == "→ rnn_1, vad"
    assert ("output", "→ again", "(6, 4)") in rows["rnn_1"]
    # What it hands on is of the same shape, and is not its output.
    assert ("output", "out", "(6, 4)") in rows["first"]
    assert ("input", "← first", "(6, 4)") in rows["again"]
    assert "first feeds rnn_0, again and gain its output plus its input, (6, 4)" in notes
    assert "again feeds third its output plus what rnn_1 hands on, (6, 4)" in notes
    assert "vad hands on its last state only, (2, 3), which the model returns" in notes
    assert notes[-1] == "returns gain (6, 2) and vad (2, 3)"


def test_a_shared_layer_is_counted_at_its_owner() -> None:
    model = model_of(HEADS)
    summary = summary_table([model])
    assert {str(row[0]): row[3] for row in summary.rows if str(row[0]) in ("rnn_1", "again", "third")} == {
        "rnn_1": 3 * 4 * (4 + 4 + 2),
        "again": 0,
        "third": 0,
    }
    assert summary.total is not None
    assert summary.total[3] == sum(int(str(row[3])) for row in summary.rows)
    sentence = "again and third have the weights of rnn_1 (same_as): they are counted once."
    assert summary.notes == ("returns gain (6, 2) and vad (2, 3)", sentence)
    assert sentence in params_tables([model], proven=False)[0].notes
    both = summary_table([model, model_of(TRANSLATOR)])
    assert [note.partition(" ")[0] for note in both.notes] == ["doc", "doc", "again"]


def test_scripts_find_wires_where_a_document_has_any() -> None:
    (data,) = document(Report(models=[model_of(TRANSLATOR)], ledger="plan", seed=0, differences=[]))["models"]  # type: ignore[misc]
    assert isinstance(data, dict)
    assert [tensor["name"] for tensor in data["inputs"]] == ["src", "tgt"]
    assert [(tensor["name"], tensor["shape"]) for tensor in data["outputs"]] == [("head", (4, 3, 9))]
    decoder = data["layers"][3]
    assert decoder["wires"] == {
        "from": ("embed", "encoder"),
        "add": None,
        "same_as": None,
        "state_from": "encoder",
        "directions": "concat",
    }
    assert [(tensor["name"], tensor["shape"]) for tensor in decoder["sources"]] == [
        ("embed", (4, 3, 3)),
        ("encoder", (3, 8)),
    ]
    assert "sources" not in data["layers"][0]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_without_wires_says_nothing_of_them(path: Any) -> None:
    spec = load_spec(str(path))
    if spec.wired:
        return
    model = plan(spec)
    (data,) = document(Report(models=[model], ledger="plan", seed=0, differences=[]))["models"]  # type: ignore[misc]
    assert isinstance(data, dict)
    assert not data.keys() & {"inputs", "outputs"}
    assert not any(layer.keys() & {"wires", "sources"} for layer in data["layers"])
    assert summary_table([model]).notes == ()
