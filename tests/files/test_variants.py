"""The equations of layers that torch has no module for, on numbers, against what their papers say by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from found_by_hand import FOUND

from rnninspect.cells.evaluate import step
from rnninspect.files.variants import layer_of
from rnninspect.layers.gru import GRU
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


class One:
    """A matrix with one element, which multiplies with @."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __matmul__(self, other: float) -> float:
        return self.value * other


def numbers(layer: Recurrent) -> dict[str, Any]:
    """A different value for every weight, x and state."""
    names = [weight.name for weight in layer.cell.weights]
    values = {name: 0.1 + 0.07 * ((11 * k) % 17) - 0.5 for k, name in enumerate(sorted(names))}
    return {name: One(value) if name.startswith("W") else value for name, value in values.items()}


def run(layer: Recurrent, **states: float) -> tuple[dict[str, float], dict[str, float]]:
    weights = numbers(layer)
    functions = {"sigmoid": sigmoid, "tanh": math.tanh, "relu": lambda value: max(value, 0.0)}
    plain = {name: value.value if isinstance(value, One) else value for name, value in weights.items()}
    return step(layer.cell, weights | states, functions), plain


X, H, C = 0.3, -0.8, 0.6


@pytest.mark.parametrize("peepholes", [False, True])
@pytest.mark.parametrize("added", [0, 1])
@pytest.mark.parametrize("biases", ["one", "two"])
def test_lstm(biases: Any, peepholes: bool, added: int) -> None:
    convention = "haiku" if added else "TensorFlow"
    layer = layer_of(FOUND._replace(biases=biases, peepholes=peepholes, convention=convention))
    if biases == "two" and not peepholes and not added:
        assert type(layer) is LSTM
        return
    got, w = run(layer, x=X, h=H, c=C)

    def gate(name: str, cell: float) -> float:
        bias = w[f"b_{name}"] if biases == "one" else w[f"b_i{name}"] + w[f"b_h{name}"]
        peep = w[f"w_c{name}"] * cell if peepholes and name != "g" else 0
        return w[f"W_i{name}"] * X + w[f"W_h{name}"] * H + bias + peep + added * (name == "f")

    c = sigmoid(gate("f", C)) * C + sigmoid(gate("i", C)) * math.tanh(gate("g", C))
    assert got["c"] == pytest.approx(c, rel=1e-12)
    assert got["h"] == pytest.approx(sigmoid(gate("o", c)) * math.tanh(c), rel=1e-12)


@pytest.mark.parametrize("convention", ["TensorFlow", "haiku"])
@pytest.mark.parametrize("biases", ["one", "two"])
def test_gru_with_the_reset_before_the_product(biases: Any, convention: str) -> None:
    found = FOUND._replace(type="GRU", reset_after=False, biases=biases, convention=convention)
    got, w = run(layer_of(found), x=X, h=H)

    def gate(name: str, state: float) -> float:
        bias = w[f"b_{name}"] if biases == "one" else w[f"b_i{name}"] + w[f"b_h{name}"]
        return w[f"W_i{name}"] * X + w[f"W_h{name}"] * state + bias

    z = sigmoid(gate("z", H))
    n = math.tanh(gate("n", sigmoid(gate("r", H)) * H))
    kept = 1 - z if convention == "haiku" else z
    assert got["h"] == pytest.approx(kept * H + (1 - kept) * n, rel=1e-12)


def test_gru_with_four_bias_vectors() -> None:
    found = FOUND._replace(type="GRU", reset_after=True, biases="one", convention="Flax")
    got, w = run(layer_of(found), x=X, h=H)
    r = sigmoid(w["W_ir"] * X + w["W_hr"] * H + w["b_ir"])
    z = sigmoid(w["W_iz"] * X + w["W_hz"] * H + w["b_iz"])
    n = math.tanh(w["W_in"] * X + w["b_in"] + r * (w["W_hn"] * H + w["b_hn"]))
    assert got["h"] == pytest.approx((1 - z) * n + z * H, rel=1e-12)


@pytest.mark.parametrize("function", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("biases", ["one", "two", "none"])
def test_rnn(biases: Any, function: str) -> None:
    key = "activation" if function == "sigmoid" else "nonlinearity"
    got, w = run(layer_of(FOUND._replace(type="RNN", biases=biases, known={key: function})), x=X, h=H)
    bias = {"one": w.get("b_h", 0), "two": w.get("b_ih", 0) + w.get("b_hh", 0), "none": 0}[biases]
    of = {"tanh": math.tanh, "relu": lambda value: max(value, 0.0), "sigmoid": sigmoid}[function]
    assert got["h"] == pytest.approx(of(w["W_ih"] * X + w["W_hh"] * H + bias), rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, LSTM),
        ({"biases": "none"}, LSTM),
        ({"type": "GRU", "reset_after": True}, GRU),
        ({"type": "GRU", "reset_after": None}, GRU),
        ({"type": "RNN"}, RNN),
    ],
)
def test_what_torch_has_is_torchs(changes: dict[str, Any], kind: type) -> None:
    assert type(layer_of(FOUND._replace(**changes))) is kind


@pytest.mark.parametrize(
    ("changes", "parameters", "keras"),
    [
        ({"type": "RNN", "biases": "one"}, 7 * (5 + 7 + 1), 7 * (5 + 7 + 1)),
        ({"biases": "one"}, 4 * 7 * (5 + 7 + 1), 4 * 7 * (5 + 7 + 1)),
        ({"biases": "one", "peepholes": True}, 4 * 7 * (5 + 7 + 1) + 3 * 7, None),
        ({"biases": "two", "peepholes": True}, 4 * 7 * (5 + 7 + 2) + 3 * 7, None),
        ({"biases": "none", "peepholes": True}, 4 * 7 * (5 + 7) + 3 * 7, None),
        ({"biases": "one", "proj_size": 3}, 4 * 7 * (5 + 3 + 1) + 3 * 7, None),
        ({"type": "GRU", "reset_after": False, "biases": "one"}, 3 * 7 * (5 + 7 + 1), 3 * 7 * (5 + 7 + 1)),
        ({"type": "GRU", "reset_after": False, "biases": "two"}, 3 * 7 * (5 + 7 + 2), 3 * 7 * (5 + 7 + 1)),
        ({"type": "GRU", "reset_after": False, "biases": "none"}, 3 * 7 * (5 + 7), 3 * 7 * (5 + 7)),
        ({"type": "GRU", "reset_after": True, "biases": "one"}, 3 * 7 * (5 + 7 + 1) + 7, None),
    ],
)
def test_counts(changes: dict[str, Any], parameters: int, keras: int | None) -> None:
    from rnninspect.facts.weights import count

    layer = layer_of(FOUND._replace(**changes))
    counts = count(layer.weights("float32"))
    assert (counts.parameters, counts.keras) == (parameters, keras)
    assert layer.type == changes.get("type", "LSTM")
    assert layer.name == "a.b"
    wider = layer_of(FOUND._replace(**changes, num_layers=2, bidirectional=True))
    assert count(wider.weights("float32")).parameters > 4 * parameters - 7 * 7 * 4


def test_activations_that_mean_the_same_everywhere_are_the_layers() -> None:
    known = {"activation": "sigmoid", "recurrent_activation": "tanh"}
    text = layer_of(FOUND._replace(biases="one", known=known)).equations()
    assert "i = tanh(" in text
    assert "g = sigmoid(" in text
    assert "h = o * sigmoid(c)" in text
    keras_own = layer_of(FOUND._replace(known={"recurrent_activation": "hard_sigmoid"}))
    assert type(keras_own) is LSTM


def test_a_layer_without_a_name_has_its_types() -> None:
    assert layer_of(FOUND._replace(name="")).name == "lstm"


def test_a_projection_that_torch_does_not_build_is_refused() -> None:
    from rnninspect.layers.layer import Misfit

    with pytest.raises(Misfit):
        layer_of(FOUND._replace(proj_size=7))
