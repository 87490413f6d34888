"""The evaluator, on plain floats (vectors one wide) and on a tiny example worked by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from rnninspect.cells.evaluate import step
from rnninspect.cells.language import parse
from rnninspect.layers.lstm import LSTM

FUNCTIONS = {"sigmoid": lambda a: 1 / (1 + math.exp(-a)), "tanh": math.tanh, "relu": lambda a: max(a, 0.0)}


@dataclass(frozen=True)
class OneByOne:
    """A matrix with one row and one column."""

    value: float

    def __matmul__(self, operand: float) -> float:
        return self.value * operand


@pytest.mark.parametrize(
    ("text", "h"),
    [
        ("h = x + 2", 5.0),
        ("h = x - 2", 1.0),
        ("h = 2 - x", -1.0),
        ("h = x - 2 - 2", -1.0),
        ("h = x - (2 - 2)", 3.0),
        ("h = 2 * x + 1", 7.0),
        ("h = 2 * (x + 1)", 8.0),
        ("h = W @ x + b", 13.0),
        ("h = relu(1 - x)", 0.0),
        ("h = relu(x - 1)", 2.0),
        ("h = tanh(x - 3)", 0.0),
        ("h = sigmoid(x - 3)", 0.5),
        ("h = sigmoid(x)", 0.9525741268224334),
        ("h = tanh(x)", 0.9950547536867305),
    ],
)
def test_on_floats(text: str, h: float) -> None:
    assert step(parse(text), {"x": 3.0, "W": OneByOne(4.0), "b": 1.0}, FUNCTIONS) == {"h": pytest.approx(h, rel=1e-15)}


def test_a_vector_read_before_it_is_assigned_is_the_step_befores() -> None:
    cell = parse("a = h + x\nh = a * 10\nc = h")
    assert step(cell, {"x": 2.0, "h": 1.0}, FUNCTIONS) == {"a": 3.0, "h": 30.0, "c": 30.0}


def test_of_a_vector_assigned_twice_the_last_is_given() -> None:
    given = {"x": 2.0, "h": 1.0}
    assert step(parse("h = h + x\nh = h * h"), given, FUNCTIONS) == {"h": 9.0}
    assert given == {"x": 2.0, "h": 1.0}


def test_an_elman_step_by_hand() -> None:
    """x = 2, h = 0.5; W_ih = 0.25, b_ih = -1, W_hh = 3, b_hh = 0.5: tanh(0.5 - 1 + 1.5 + 0.5) = tanh(1.5)."""
    cell = parse("h = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)")
    given = {"x": 2.0, "h": 0.5, "W_ih": OneByOne(0.25), "b_ih": -1.0, "W_hh": OneByOne(3.0), "b_hh": 0.5}
    assert step(cell, given, FUNCTIONS)["h"] == math.tanh(1.5)


def test_an_lstm_step_by_hand() -> None:
    """Every gate's sum is 0, so i = f = o = 1/2 and g = 0: c = c_0 / 2 and h = tanh(c) / 2."""
    cell = LSTM(type="LSTM", hidden_size=1).cell
    weights = {f"{kind}_{source}{gate}": kind for kind in "Wb" for source in "ih" for gate in "ifgo"}
    given = {name: OneByOne(0.0) if kind == "W" else 0.0 for name, kind in weights.items()}
    values = step(cell, {**given, "x": 7.0, "h": 5.0, "c": 3.0}, FUNCTIONS)
    assert values == {"i": 0.5, "f": 0.5, "g": 0.0, "o": 0.5, "c": 1.5, "h": 0.5 * math.tanh(1.5)}


def test_columns_are_sequences() -> None:
    """On tensors, with one column for each of 3 sequences, it is torch.nn.RNNCell's step."""
    torch.manual_seed(0)
    module = nn.RNNCell(2, 4, dtype=torch.float64)
    x, h = torch.randn(3, 2, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    given = {
        "W_ih": module.weight_ih,
        "W_hh": module.weight_hh,
        "b_ih": module.bias_ih[:, None],
        "b_hh": module.bias_hh[:, None],
    }
    values = step(
        parse("h = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)"), {**given, "x": x.T, "h": h.T}, {"tanh": torch.tanh}
    )
    torch.testing.assert_close(values["h"].T, module(x, h), rtol=0, atol=1e-15)
