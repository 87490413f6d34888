"""Packing derived from equations, held against the parameters of real torch modules."""

from __future__ import annotations

import pytest
from torch import nn

from rnninspect.cells.language import CellError, parse
from rnninspect.cells.packs import Pack, packs
from rnninspect.layers.gru import GRU, GRUCell
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN, RNNCell
from rnninspect.layers.weights import torch_name
from rnninspect.letters import shape_of

# (symbol, blocks in the order of the rows, rows of one block, columns, recurrent, second)
EXPECTED: dict[str, tuple[Recurrent, list[Pack]]] = {
    "RNN": (
        RNN(type="RNN", hidden_size=5),
        [
            Pack("W_ih", ("W_ih",), "H_cell", "H_in", False, False),
            Pack("W_hh", ("W_hh",), "H_cell", "H_out", True, False),
            Pack("b_ih", ("b_ih",), "H_cell", None, False, False),
            Pack("b_hh", ("b_hh",), "H_cell", None, True, True),
        ],
    ),
    "LSTM": (
        LSTM(type="LSTM", hidden_size=5),
        [
            Pack("W_ih", ("W_ii", "W_if", "W_ig", "W_io"), "H_cell", "H_in", False, False),
            Pack("W_hh", ("W_hi", "W_hf", "W_hg", "W_ho"), "H_cell", "H_out", True, False),
            Pack("b_ih", ("b_ii", "b_if", "b_ig", "b_io"), "H_cell", None, False, False),
            Pack("b_hh", ("b_hi", "b_hf", "b_hg", "b_ho"), "H_cell", None, True, True),
        ],
    ),
    "LSTM with proj_size": (
        LSTM(type="LSTM", hidden_size=5, proj_size=2),
        [
            Pack("W_ih", ("W_ii", "W_if", "W_ig", "W_io"), "H_cell", "H_in", False, False),
            Pack("W_hh", ("W_hi", "W_hf", "W_hg", "W_ho"), "H_cell", "H_out", True, False),
            Pack("b_ih", ("b_ii", "b_if", "b_ig", "b_io"), "H_cell", None, False, False),
            Pack("b_hh", ("b_hi", "b_hf", "b_hg", "b_ho"), "H_cell", None, True, True),
            # A change of the old c reaches what it multiplies.
            Pack("W_hr", ("W_hr",), "H_out", "H_cell", True, False),
        ],
    ),
    "GRU": (
        GRU(type="GRU", hidden_size=5),
        [
            Pack("W_ih", ("W_ir", "W_iz", "W_in"), "H_cell", "H_in", False, False),
            Pack("W_hh", ("W_hr", "W_hz", "W_hn"), "H_cell", "H_out", True, False),
            Pack("b_ih", ("b_ir", "b_iz", "b_in"), "H_cell", None, False, False),
            Pack("b_hh", ("b_hr", "b_hz", "b_hn"), "H_cell", None, True, True),
        ],
    ),
    "Jordan": (
        JordanRNN(type="JordanRNN", hidden_size=5, output_size=2),
        [
            Pack("W_ih", ("W_ih",), "H_cell", "H_in", False, False),
            Pack("W_yh", ("W_yh",), "H_cell", "H_out", True, False),
            Pack("b_ih", ("b_ih",), "H_cell", None, False, False),
            Pack("b_yh", ("b_yh",), "H_cell", None, True, True),
            Pack("W_hy", ("W_hy",), "H_out", "H_cell", True, False),
            Pack("b_hy", ("b_hy",), "H_out", None, True, False),
        ],
    ),
}


@pytest.mark.parametrize(("kind", "expected"), EXPECTED.values(), ids=EXPECTED)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_the_kinds(kind: Recurrent, expected: list[Pack], bias: bool) -> None:
    packed = packs(parse(kind.equations(), bias=bias), kind.declared(0))
    assert list(packed) == [pack for pack in expected if bias or pack.columns is not None]


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(
    ("kind", "module", "options"),
    [
        (RNN, nn.RNN, {}),
        (LSTM, nn.LSTM, {}),
        (LSTM, nn.LSTM, {"proj_size": 2}),
        (GRU, nn.GRU, {}),
        (RNNCell, nn.RNNCell, {}),
        (LSTMCell, nn.LSTMCell, {}),
        (GRUCell, nn.GRUCell, {}),
    ],
    ids=["RNN", "LSTM", "proj_size", "GRU", "RNNCell", "LSTMCell", "GRUCell"],
)
def test_torch_packs_the_same(
    kind: type[Recurrent], module: type[nn.Module], options: dict[str, int], bias: bool
) -> None:
    layer = kind(type=kind.__name__, input_size=3, hidden_size=5, bias=bias, **options)
    suffix = "" if kind.__name__.endswith("Cell") else "_l0"
    derived = {}
    for pack in packs(layer.cell, layer.declared(0)):
        rows, *columns = shape_of((pack.rows, *([pack.columns] if pack.columns else [])), layer.sizes())
        derived[torch_name(pack.symbol) + suffix] = (len(pack.blocks) * rows, *columns)
    real = {name: tuple(p.shape) for name, p in module(3, 5, bias=bias, **options).named_parameters()}
    assert list(derived.items()) == list(real.items())


X_AND_H = (("x", ("H_in",)), ("h", ("H_out",)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h = W_xh @ x + W_xh @ x", "a weight is used twice: ['W_xh', 'W_xh']"),
        ("h = W_hh @ h\nh = W_hh @ h", "a weight is used twice: ['W_hh', 'W_hh']"),
        ("h = W_xh @ x + b_xh + b_xh", "a weight is used twice: ['W_xh', 'b_xh']"),
        ("h = W_xh @ x + b_zh", "a bias has no matrix of its suffix: ['b_zh']"),
        ("h = W_xh @ x + b", "a bias has no matrix of its suffix: ['b']"),
        ("h = h * h + b_h", "a bias has no matrix of its suffix: ['b_h']"),
    ],
)
def test_a_weight_used_twice_or_a_bias_without_a_matrix(text: str, message: str) -> None:
    with pytest.raises(CellError) as caught:
        packs(parse(text), X_AND_H)
    assert str(caught.value) == message


def test_blocks_of_unequal_rows_cannot_be_stacked() -> None:
    with pytest.raises(CellError, match=r"\('W_xa', 'W_xh'\) cannot be stacked: their rows differ"):
        packs(parse("a = W_xa @ x\nh = W_xh @ x"), (*X_AND_H, ("a", ("H_cell",))))


def test_a_pack_is_stacked_in_the_order_of_the_text() -> None:
    (pack,) = packs(parse("h = W_xb @ x + W_xa @ x"), X_AND_H)
    assert pack == Pack("W_xh", ("W_xb", "W_xa"), "H_out", "H_in", False, False)
