"""Printed modules and constructor calls: read as torch means them, and never run."""

from __future__ import annotations

import random
import typing
from collections.abc import Mapping
from typing import Any

import pytest

from rnninspect.document.beginning import is_printed
from rnninspect.document.from_printed import POSITIONS, Described, described, keys_of
from rnninspect.document.printed import Other, PrintedModule, read_printed
from rnninspect.errors import DocumentError
from rnninspect.layers.registry import kind_of

PRINTED = """Net(
  (emb): Embedding(1000, 300, padding_idx=0)
  (conv): Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), bias=False)
  (odd): Thing(3 -> 4 (really), dtype=torch.float64)
  (lists): ParameterList(  (0): Parameter containing: [torch.float32 of size 3x4])
  (stack): ModuleList(
    (0-2): 3 x GRU(64, 64, bidirectional=True)
  )
  (own): LSTM(
    (inner): LSTM(5, 7)
  )
  (weighted): ParametrizedLinear(
    in_features=3, out_features=4, bias=True
    (parametrizations): ModuleDict(
      (weight): ParametrizationList(
        (0): _WeightNorm()
      )
    )
  )
  (drop): Dropout(p=0.5, inplace=False)
)"""


def read(text: str) -> PrintedModule:
    return read_printed(text, "print.txt")


def found_in(text: str) -> Described:
    return described([("", read(text))])


def keys(text: str) -> Mapping[str, object]:
    return keys_of(read(text)).data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LSTM(300, 50, num_layers=2)", {"type": "LSTM", "input_size": 300, "hidden_size": 50, "num_layers": 2}),
        ("nn.GRU(3, 4, 2, False)", {"type": "GRU", "input_size": 3, "hidden_size": 4, "num_layers": 2, "bias": False}),
        ("torch.nn.RNN(3,4,1,'relu')", {"type": "RNN", "input_size": 3, "hidden_size": 4, "num_layers": 1,
                                        "nonlinearity": "relu"}),
        ("RNNCell(3, 4, nonlinearity=relu)", {"type": "RNNCell", "input_size": 3, "hidden_size": 4,
                                              "nonlinearity": "relu"}),
        ("self.rnn = nn.LSTM(\n    input_size=3,  # features\n    hidden_size=1_000,\n    dropout=1e-1,\n)",
         {"type": "LSTM", "input_size": 3, "hidden_size": 1000, "dropout": 0.1, "name": "rnn"}),
        ("LSTM(3, 4, device='cuda', dtype=torch.float64)", {"type": "LSTM", "input_size": 3, "hidden_size": 4}),
        ("LayerNorm((512,), eps=1e-05)", {"type": "LayerNorm", "normalized_shape": [512], "eps": 1e-5}),
        ("LSTM(features, 4)", {"type": "LSTM", "input_size": "features", "hidden_size": 4}),
        ("LSTM(2 * 3, 4)", {"type": "LSTM", "input_size": 6, "hidden_size": 4}),
        ("LSTM(2 * x, 4)", {"type": "LSTM", "input_size": "2 * x", "hidden_size": 4}),
        ("keras.layers.LSTM(4)", {"type": "keras.layers.LSTM"}),
        ("LSTM((inner): LSTM(3, 4))", {"type": "LSTM"}),
    ],
)  # fmt: skip
def test_a_call_says_keys(text: str, expected: Mapping[str, object]) -> None:
    assert is_printed(text)
    assert keys(text) == expected


def test_a_printed_model_is_its_layers_and_what_is_not_described() -> None:
    found = found_in(PRINTED)
    assert {name: written.data["type"] for name, written in found.layers.items()} == {
        "emb": "Embedding",
        **{f"stack.{k}": "GRU" for k in range(3)},
        "own.inner": "LSTM",
        "drop": "Dropout",
    }
    assert dict(found.others) == {
        "conv": "Conv2d",
        "odd": "Thing",
        "lists": "ParameterList",
        "own": "LSTM",
        "weighted": "ParametrizedLinear",
    }
    assert not found.chain
    assert found.layers["stack.2"].data["bidirectional"] is True
    place = found.layers["own.inner"].places["hidden_size"]
    assert (place.line, place.column) == (10, 22)


def test_what_has_no_form_of_ours_is_passed_over() -> None:
    (thing,) = [module for name, module in read(PRINTED).children if name == "odd"]
    assert [argument.value for argument in thing.arguments] == [Other("3 -> 4 (really)"), Other("torch.float64")]


def test_a_sequential_of_our_layers_is_a_chain() -> None:
    assert found_in("Sequential(\n (0): Embedding(9, 3)\n (1): LSTM(3, 4)\n)").chain
    assert found_in("nn.Sequential(nn.Embedding(9, 3), nn.LSTM(3, 4))").chain
    assert not found_in("nn.Sequential(nn.Conv1d(9, 3, 1), nn.LSTM(3, 4))").chain
    assert list(found_in("nn.ModuleList([nn.LSTM(3, 4), nn.GRU(4, 5)])").layers) == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("LSTM(3, 4", 1, 5, "not closed"),
        ("LSTM(3, bias=", 1, 5, "not closed"),
        ("ModuleDict({'a': ", 1, 12, "not closed"),
        ("Net(\n  (a): LSTM(3, 4)\n", 1, 4, "not closed"),
        ("LSTM(3, 4) LSTM(4, 5)", 1, 12, "expected the end"),
        ("LSTM(3, 4, hidden_size=5)", 1, 12, "given twice"),
        ("GRU(3, 4, 1, True, False, 0.0, False, 7)", 1, 39, "expected no more"),
        ("Net(\n (0-99999): 99999 x LSTM(3, 4)\n)", 2, 21, "at most 10,000"),
        ("A(" * 200, 1, 203, "deep"),
    ],
)
def test_a_fault_has_its_place(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        found_in(text)
    assert (caught.value.place.line, caught.value.place.column) == (line, column)


@pytest.mark.parametrize("text", ["name: x\n", "layers: [LSTM(3, 4)]", "- LSTM(3, 4)", "", "(LSTM(3))", "# LSTM(3, 4)"])
def test_a_document_is_no_printed_module(text: str) -> None:
    assert not is_printed(text)


def test_any_text_ends_in_a_module_or_a_fault() -> None:
    draw = random.Random(7)
    pieces = ["LSTM(", "(a): ", ")", "[", "]", ",", "=", "3", "x", "\n", "'", "\\", "{", "4 x ", "None", "#", " ", "é"]
    ends = {"module": 0, "fault": 0}
    for _ in range(2000):
        text = "Net(" + "".join(draw.choices(pieces, k=draw.randrange(40))) + ")"
        try:
            found_in(text)
            ends["module"] += 1
        except DocumentError:
            ends["fault"] += 1
    assert min(ends.values()) > 100


@pytest.mark.torch
@pytest.mark.parametrize("kind", POSITIONS)
def test_positions_are_those_of_torch(kind: str) -> None:
    from inspect import signature

    from torch import nn

    built = getattr(nn, kind)
    overloads = typing.get_overloads(built.__init__)
    _, *named = signature(overloads[0] if overloads else built.__init__).parameters
    if kind == "BatchNorm1d":  # they stand before its bias, which goes by its name alone
        named = [name for name in named if name not in ("device", "dtype")]
    ours = POSITIONS[kind]
    assert tuple(named[: len(ours)]) == ours
    assert set(ours) <= set(kind_of(kind).model_fields)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("LSTM", {"input_size": 5, "hidden_size": 7, "num_layers": 3, "bias": False, "batch_first": True,
                  "dropout": 0.25, "bidirectional": True, "proj_size": 2}),
        ("GRU", {"input_size": 5, "hidden_size": 7}),
        ("LSTMCell", {"input_size": 5, "hidden_size": 7, "bias": False}),
        ("RNNCell", {"input_size": 5, "hidden_size": 7, "nonlinearity": "relu"}),
        ("Embedding", {"num_embeddings": 5, "embedding_dim": 7, "padding_idx": 1, "max_norm": 2.5}),
        ("Linear", {"in_features": 5, "out_features": 7, "bias": False}),
        ("Dropout", {"p": 0.25, "inplace": True}),
        ("LayerNorm", {"normalized_shape": [5, 7], "eps": 0.5, "elementwise_affine": False}),
        ("BatchNorm1d", {"num_features": 5, "momentum": None, "bias": False, "track_running_stats": False}),
    ],
)  # fmt: skip
def test_what_torch_prints_is_read_back(kind: str, options: dict[str, Any]) -> None:
    from torch import nn

    told = keys(repr(getattr(nn, kind)(**options)))
    assert {key: told[key] for key in options} == options
