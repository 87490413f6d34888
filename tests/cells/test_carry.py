"""Which gate carries a state over: of every kind, of cells that are written otherwise, and where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from worlds import least_keys

from rnninspect.cells.carry import Carrier, carry_gate, gate_biases
from rnninspect.cells.language import parse
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import kind_of

LEAST: dict[str, Any] = {"input_size": 3, "hidden_size": 5}
F, Z = {"c": Carrier("f")}, {"h": Carrier("z")}
CARRY = {"LSTM": F, "LSTMCell": F, "GRU": Z, "GRUCell": Z, "RNN": {}, "RNNCell": {}, "JordanRNN": {}}


def layer_of(kind: str, **options: Any) -> Recurrent:
    layer = kind_of(kind)(type=kind, **(least_keys(kind) | LEAST | options))
    assert isinstance(layer, Recurrent)
    return layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", CARRY)
def test_of_every_kind(kind: str, bias: bool) -> None:
    assert carry_gate(layer_of(kind, bias=bias).cell) == CARRY[kind]


def test_a_projection_changes_nothing() -> None:
    assert carry_gate(layer_of("LSTM", proj_size=2).cell) == F


GATE = "a = sigmoid(W_ia @ x + b_ia + W_ha @ h + b_ha)\n"


@pytest.mark.parametrize(
    ("equations", "gates"),
    [
        ("h = a * h + W_hh @ a", {"h": "a"}),
        ("h = h * a + W_hh @ a", {"h": "a"}),
        ("h = W_hh @ a + x + a * h", {"h": "a"}),
        ("h = a * h", {"h": "a"}),
        # of two gates the first
        ("d = tanh(a)\nh = d * h + a * h", {"h": "d"}),
        # a gate of h may carry another state than its own
        ("c = a * c\nh = a * h", {"c": "a", "h": "a"}),
        # not a product with the state of the step before
        ("h = a + h", {}),
        ("h = a * x + h", {}),
        ("h = tanh(h)\nh = a * h", {}),
        # what the gate lacks of 1 may carry the state, as most papers write a GRU
        ("n = tanh(W_hh @ a)\nh = (1 - a) * h + a * n", {"h": "1 - a"}),
        ("n = tanh(W_hh @ a)\nh = a * n + h * (1 - a)", {"h": "1 - a"}),
        ("h = (1 - x) * h + a", {}),
        ("h = (2 - a) * h", {}),
        ("h = (a - 1) * h", {}),
        # a state that several equations set, a gate that is something else in the end
        ("h = a * h + x\nh = a * h + x", {}),
        ("h = tanh(x)\nh = a * h + x", {}),
        ("h = a * h + x\na = tanh(h)", {}),
        # not a term of the sum: what passes through is not the state itself
        ("h = tanh(a * h)", {}),
        ("h = x - a * h", {}),
        # not by a gate: by the state itself, another state, the input
        ("h = h * h + a", {}),
        ("h = g * h + a\ng = a", {}),
        ("h = x * h + a", {}),
        # a state that is carried into another vector
        ("n = a * h\nh = tanh(W_hn @ n)", {}),
    ],
)
def test_of_other_cells(equations: str, gates: dict[str, str]) -> None:
    expected = {state: Carrier(gate.removeprefix("1 - "), gate.startswith("1 - ")) for state, gate in gates.items()}
    assert carry_gate(parse(GATE + equations)) == expected


def test_the_biases_of_a_gate_in_the_order_of_the_text() -> None:
    lstm, gru = layer_of("LSTM").cell, layer_of("GRU").cell
    assert gate_biases(lstm, "f") == ("b_if", "b_hf")
    assert gate_biases(gru, "z") == ("b_iz", "b_hz")
    assert gate_biases(gru, "n") == ("b_in", "b_hn")
    assert gate_biases(lstm, "c") == ()
    assert gate_biases(layer_of("LSTM", bias=False).cell, "f") == ()
