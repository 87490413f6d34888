"""Packing derived from equations, held against the parameters of real torch modules."""

from __future__ import annotations

import pytest
from torch import nn

from rnninspect.cells.language import parse
from rnninspect.cells.packs import Pack, packs
from rnninspect.cells.tree import CellError
from rnninspect.layers.gru import GRU, GRUCell
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN, RNNCell
from rnninspect.layers.weights import torch_name
from rnninspect.letters import shape_of

# (symbol, blocks in the order of the rows, rows of one block, columns, recurrent, second)
LSTM_PACKS = [
    Pack("W_ih", ("W_ii", "W_if", "W_ig", "W_io"), "H_cell", "H_in", False, False),
    Pack("W_hh", ("W_hi", "W_hf", "W_hg", "W_ho"), "H_cell", "H_out", True, False),
    Pack("b_ih", ("b_ii", "b_if", "b_ig", "b_io"), "H_cell", None, False, False),
    Pack("b_hh", ("b_hi", "b_hf", "b_hg", "b_ho"), "H_cell", None, True, True),
]
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
    "LSTM": (LSTM(type="LSTM", hidden_size=5), LSTM_PACKS),
    "LSTM with proj_size": (
        LSTM(type="LSTM", hidden_size=5, proj_size=2),
        # A change of the old c reaches what W_hr multiplies.
        [*LSTM_PACKS, Pack("W_hr", ("W_hr",), "H_out", "H_cell", True, False)],
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


def packed(text: str, **options: bool) -> list[tuple[str, tuple[str, ...]]]:
    """Every parameter of a cell with what it is made of."""
    return [(pack.symbol, pack.blocks) for pack in packs(parse(text, **options), (*X_AND_H, ("*", ("H_out",))))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a weight that is used twice is one parameter
        ("h = W_xh @ x + W_xh @ x", [("W_xh", ("W_xh",))]),
        ("h = W_hh @ h\nh = W_hh @ h", [("W_hh", ("W_hh",))]),
        ("h = W_hh @ h - W_hh.T @ h", [("W_hh", ("W_hh",))]),
        ("h = W_xh @ x + b_xh + b_xh", [("W_xh", ("W_xh",)), ("b_xh", ("b_xh",))]),
        # a bias without a matrix of its suffix is its own
        ("h = W_xh @ x + b_zh", [("W_xh", ("W_xh",)), ("b_zh", ("b_zh",))]),
        ("h = W_xh @ x + b", [("W_xh", ("W_xh",)), ("b", ("b",))]),
        ("h = h * h + b_h", [("b_h", ("b_h",))]),
        # so is a weight vector
        ("h = W_xh @ x + w_c * h + b_xh", [("W_xh", ("W_xh",)), ("b_xh", ("b_xh",)), ("w_c", ("w_c",))]),
        # by what is multiplied, whatever the matrices are called
        ("h = W_xb @ x + W_xa @ x", [("W_ih", ("W_xb", "W_xa"))]),
        (
            "h = W_fx @ x + W_fh @ h + W_ix @ x + W_ih @ h",
            [("W_fx", ("W_fx",)), ("W_ix", ("W_ix",)), ("W_hh", ("W_fh", "W_ih"))],
        ),
        ("h = W_a @ h + W_b @ h\nh = W_c @ h + W_d @ h", [("W_hh", ("W_a", "W_b")), ("W_h1h", ("W_c", "W_d"))]),
        (
            "m = tanh(W_xm @ x)\nh = W_a @ m + b_a + W_b @ m + b_b",
            [("W_xm", ("W_xm",)), ("W_mh", ("W_a", "W_b")), ("b_mh", ("b_a", "b_b"))],
        ),
        # an expression, and a transposed matrix, have a parameter of their own
        ("h = W_a @ tanh(h) + W_b @ tanh(h)", [("W_a", ("W_a",)), ("W_b", ("W_b",))]),
        ("h = W_a.T @ h + W_b.T @ h", [("W_a", ("W_a",)), ("W_b", ("W_b",))]),
    ],
)  # fmt: skip
def test_of_other_cells(text: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert packed(text) == expected


def test_a_stack_never_takes_the_name_of_another_weight() -> None:
    """W_ih multiplies h here, so that W_a and W_c, which multiply x, stay by themselves."""
    assert packed("h = W_a @ x + W_c @ x + W_ih @ h") == [("W_a", ("W_a",)), ("W_c", ("W_c",)), ("W_ih", ("W_ih",))]


def test_unstacked_every_matrix_is_a_parameter() -> None:
    text = "h = W_a @ h + b_a + W_c @ h + b_c"
    assert packed(text, stacked=False) == [(name, (name,)) for name in ("W_a", "W_c", "b_a", "b_c")]


def test_blocks_of_unequal_rows_are_not_stacked() -> None:
    found = packs(parse("a = W_xa @ x\nh = W_xh @ x"), (*X_AND_H, ("a", ("H_cell",))))
    assert [(pack.symbol, pack.rows) for pack in found] == [("W_xa", "H_cell"), ("W_xh", "H_out")]


@pytest.mark.parametrize("text", ["h = W_c @ h + w_c * h", "h = W_c @ tanh(h) + w_c * h"])
def test_two_parameters_of_one_name_are_refused(text: str) -> None:
    with pytest.raises(CellError, match="W_c and w_c would be parameters of one name"):
        packs(parse(text), X_AND_H)


@pytest.mark.parametrize(
    ("text", "recurrent"),
    [
        # MGU: what the matrix multiplies is no state, and a change of the state reaches it.
        ("f = sigmoid(W_f @ x)\nh = tanh(W_n @ (f * h))", {"W_f": False, "W_n": True}),
        ("q = W_q @ x\nh = W_n @ q + h", {"W_q": False, "W_n": False}),
        ("h = tanh(W_x @ x + b_x + W_h @ h + b_h)", {"W_x": False, "W_h": True, "b_x": False, "b_h": True}),
        # a weight vector and a free bias: by what they stand beside
        ("h = w_c * h + w_x * x", {"w_c": True, "w_x": False}),
        ("h = sigmoid(w_a) * h + exp(w_b) * x", {"w_a": True, "w_b": False}),
        ("h = tanh(h + b_n) + sigmoid(b_f) * x", {"b_n": True, "b_f": False}),
    ],
)
def test_what_is_recurrent(text: str, recurrent: dict[str, bool]) -> None:
    found = packs(parse(text), (("x", ("H_in", "H_out")), ("h", ("H_in", "H_out")), ("*", ("H_in",))))
    assert {pack.symbol: pack.recurrent for pack in found} == recurrent


@pytest.mark.parametrize(
    ("expression", "second"),
    [
        ("x + b_a + h + b_c", {"b_c"}),
        ("tanh(x + b_a + h * (h + b_c))", {"b_c"}),
        # gates that stand in one equation
        ("sigmoid(x + b_a) * h + tanh(h + b_c)", set()),
        ("(x + b_a) * (h + b_c)", set()),
        ("tanh(x + b_a + tanh(h + b_c + b_d))", {"b_d"}),
    ],
)
def test_second_biases_are_those_of_one_sum(expression: str, second: set[str]) -> None:
    found = packs(parse(f"h = {expression}"), (("x", ("H_in", "H_out")), ("h", ("H_in", "H_out"))))
    assert {pack.symbol for pack in found if pack.second} == second
