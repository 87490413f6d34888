"""Constructor calls among the layers of a document."""

from __future__ import annotations

import pytest

from rnninspect.document.load import load_tree, spec_of
from rnninspect.document.rewrite import rewritten
from rnninspect.errors import DocumentError
from rnninspect.plan import plan

KEYS = """
input: {batch_size: 3, seq_len: 4}
layers:
  - {name: embedding, type: Embedding, num_embeddings: 11, embedding_dim: 5}
  - {name: encoder, type: LSTM, input_size: 5, hidden_size: 7, num_layers: 2, bidirectional: true}
  - {name: linear, type: Linear, in_features: 14, out_features: 3}
"""
CALLS = """
input: {batch_size: 3, seq_len: 4}
layers:
  - Embedding(11, 5)
  - encoder = nn.LSTM(5, 7, num_layers=2,
      bidirectional=True)
  - "Linear(in_features=14, out_features=3)"
"""


def load(text: str, tmp_path, settings=()):
    path = tmp_path / "model.yaml"
    path.write_text(text, encoding="utf-8")
    return spec_of(load_tree(str(path), settings), str(path))


def test_a_call_is_the_layer_that_its_keys_are(tmp_path) -> None:
    assert plan(load(CALLS, tmp_path)).layers == plan(load(KEYS, tmp_path)).layers


def test_an_option_replaces_what_a_call_says(tmp_path) -> None:
    changed = load(CALLS.replace("14", "22"), tmp_path, ["encoder.hidden_size=11"])
    assert changed.links[1].layer.hidden_size == 11


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "words"),
    [
        ("11, 5)", "11, 5.5)", 4, 19, "expected an integer"),
        ("num_layers=2", "layers=2", 5, 29, "unknown key"),
        ("num_layers=2", "hidden_size=2", 5, 29, "given twice"),
        ("bidirectional=True", "bidirectional=yes", 6, 21, "true or false"),
        ("out_features=3", "out_features=width", 7, 42, "expected an integer"),
        ("Embedding(11, 5)", "Conv2d(11, 5)", 4, 5, "expected a layer type, got 'Conv2d'"),
        ('3)"', '3"', 7, 12, "not closed"),
        ("num_layers=2", "dtype=torch.float64", 5, 15, "dtype float64: the document says 'float32'"),
        ("num_layers=2", "**config", 5, 29, "what it holds is not known here"),
    ],
)
def test_a_fault_of_a_call_is_told_at_its_place(tmp_path, old, new, line, column, words) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        load(CALLS.replace(old, new), tmp_path)
    assert len(caught.value.faults) == 1
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


def test_a_number_of_a_call_is_replaced_alone(tmp_path) -> None:
    tree = load(CALLS, tmp_path).tree
    assert rewritten(tree, [("layers", 1, "hidden_size")], 9) == CALLS.replace("5, 7, num", "5, 9, num")
