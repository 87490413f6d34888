"""Conventions: shapes that follow from the plan's sizes, and the order of gates where a framework documents it."""

from __future__ import annotations

import pytest
from found_by_hand import FOUND

from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.conventions.packing import Stored
from rnninspect.files.agreement import expected
from rnninspect.files.variants import layer_of

# Of a layer with 5 inputs, 7 hidden units: shapes by the frameworks' own documentation.
SHAPES = [
    ("PyTorch", "LSTM", "two", {"weight_ih": (28, 5), "weight_hh": (28, 7), "bias_ih": (28,), "bias_hh": (28,)}),
    ("Equinox", "GRU", "one", {"weight_ih": (21, 5), "weight_hh": (21, 7), "bias": (21,), "bias_n": (7,)}),
    ("Keras", "LSTM", "one", {"kernel": (5, 28), "recurrent_kernel": (7, 28), "bias": (28,)}),
    ("Keras", "GRU", "two", {"kernel": (5, 21), "recurrent_kernel": (7, 21), "bias": (2, 21)}),
    ("Keras", "GRU", "one", {"kernel": (5, 21), "recurrent_kernel": (7, 21), "bias": (21,)}),
    ("Keras", "RNN", "one", {"kernel": (5, 7), "recurrent_kernel": (7, 7), "bias": (7,)}),
    ("Keras", "RNN", "none", {"kernel": (5, 7), "recurrent_kernel": (7, 7)}),
    ("Keras CuDNN", "LSTM", "two", {"kernel": (5, 28), "recurrent_kernel": (7, 28), "bias": (56,)}),
    ("Keras CuDNN", "GRU", "two", {"kernel": (5, 21), "recurrent_kernel": (7, 21), "bias": (42,)}),
    ("ONNX", "LSTM", "two", {"W": (1, 28, 5), "R": (1, 28, 7), "B": (1, 56)}),
    ("ONNX", "RNN", "two", {"W": (1, 7, 5), "R": (1, 7, 7), "B": (1, 14)}),
    ("ONNX quantized", "LSTM", "two", {"W": (1, 5, 28), "R": (1, 7, 28), "B": (1, 56)}),
    ("TensorFlow", "LSTM", "one", {"kernel": (12, 28), "bias": (28,)}),
    (
        "TensorFlow",
        "GRU",
        "one",
        {"gates/kernel": (12, 14), "candidate/kernel": (12, 7), "gates/bias": (14,), "candidate/bias": (7,)},
    ),
    ("haiku", "LSTM", "one", {"w": (12, 28), "b": (28,)}),
    ("haiku", "GRU", "one", {"w_i": (5, 21), "w_h": (7, 21), "b": (21,)}),
    ("cuDNN", "RNN", "two", {"matrix[0]": (7, 5), "matrix[1]": (7, 7), "bias[0]": (7,), "bias[1]": (7,)}),
    (
        "oneDNN",
        "LSTM",
        "one",
        {"weights_layer": (1, 1, 5, 4, 7), "weights_iter": (1, 1, 7, 4, 7), "bias": (1, 1, 4, 7)},
    ),
    ("oneDNN", "GRU", "one", {"weights_layer": (1, 1, 5, 3, 7), "weights_iter": (1, 1, 7, 3, 7), "bias": (1, 1, 4, 7)}),
    ("MXNet", "GRU", "two", {"i2h_weight": (21, 5), "h2h_weight": (21, 7), "i2h_bias": (21,), "h2h_bias": (21,)}),
]


@pytest.mark.parametrize(("name", "kind", "biases", "shapes"), SHAPES)
def test_shapes(name, kind, biases, shapes) -> None:
    after = name not in ("TensorFlow", "haiku") and not (name == "Keras" and biases == "one")
    found = FOUND._replace(type=kind, biases=biases, convention=name, reset_after=after)
    assert {place.role: shape for place, shape in expected(found, layer_of(found)).items()} == shapes


def test_flax_and_coreml_hold_every_gate_apart() -> None:
    found = FOUND._replace(biases="one", convention="Flax")
    flax = {place.role: shape for place, shape in expected(found, layer_of(found)).items()}
    assert len(flax) == 12
    assert (flax["if/kernel"], flax["hf/kernel"], flax["hf/bias"]) == ((5, 7), (7, 7), (7,))
    gru = FOUND._replace(type="GRU", biases="one", convention="Flax", reset_after=True)
    named = {place.role for place in expected(gru, layer_of(gru))}
    assert named == {f"{part}/kernel" for part in ("ir", "iz", "in", "hr", "hz", "hn")} | {
        f"{part}/bias" for part in ("ir", "iz", "in", "hn")
    }
    core = found._replace(convention="CoreML", peepholes=True)
    assert len(expected(core, layer_of(core))) == 15


# Which gates stand where, one after another, as the frameworks say.
ORDERS = [
    ("PyTorch", "LSTM", "ifgo"),
    ("PyTorch", "GRU", "rzn"),
    ("Keras", "LSTM", "ifgo"),
    ("Keras", "GRU", "zrn"),
    ("ONNX", "LSTM", "iofg"),
    ("ONNX", "GRU", "zrn"),
    ("TensorFlow", "LSTM", "igfo"),
    ("haiku", "LSTM", "igfo"),
    ("haiku", "GRU", "zrn"),
    ("MXNet", "LSTM", "ifgo"),
    ("MXNet", "GRU", "rzn"),
    ("cuDNN", "LSTM", "ifgo"),
    ("cuDNN", "GRU", "rzn"),
    ("MIOpen", "LSTM", "ifog"),
    ("MIOpen", "GRU", "zrn"),
    ("oneDNN", "LSTM", "ifgo"),
    ("oneDNN", "GRU", "zrn"),
    ("CoreML", "LSTM", "ifgo"),
    ("CoreML", "GRU", "zrn"),
    ("Flax", "LSTM", "ifgo"),
    ("Flax", "GRU", "rzn"),
]


@pytest.mark.parametrize(("name", "kind", "order"), ORDERS)
def test_orders_of_gates(name, kind, order) -> None:
    symbols = [row[0] for tensor in CONVENTIONS[name].matrices[kind] for row in tensor.grid]
    assert [symbol for symbol in symbols if symbol.startswith("W_i")] == [f"W_i{gate}" for gate in order]


def test_onednn_keeps_the_layer_directions_and_gates_on_axes_of_their_own() -> None:
    found = FOUND._replace(biases="one", convention="oneDNN", bidirectional=True, proj_size=3)
    shapes = {place.role: shape for place, shape in expected(found, layer_of(found)).items()}
    assert shapes == {
        "weights_layer": (1, 2, 5, 4, 7),
        "weights_iter": (1, 2, 3, 4, 7),
        "bias": (1, 2, 4, 7),
        "weights_projection": (1, 2, 7, 3),
    }


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=list(CONVENTIONS))
def test_every_symbol_of_a_layer_stands_in_one_place(convention) -> None:
    for kind in convention.matrices:
        for biases in ("none", *convention.bias_vectors(kind)):
            before = convention.reset == "before" or (convention.name == "Keras" and biases == "one")
            found = FOUND._replace(type=kind, biases=biases, convention=convention.name, reset_after=not before)
            symbols = [symbol for stored in convention.stored(found) for symbol in stored.symbols]
            assert sorted(symbols) == sorted(weight.name for weight in layer_of(found).cell.weights)


def test_a_tensor_with_a_symbol_that_the_plan_lacks_has_no_shape() -> None:
    assert Stored("P", (("w_ci",),)).shape({"W_ii": (7, 5)}, 1) is None
