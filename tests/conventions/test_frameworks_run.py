"""Conventions and equations of variants against the frameworks themselves: their weights, taken apart by a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from found_by_hand import FOUND

from rnninspect.cells.evaluate import step
from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.conventions.packing import Stored
from rnninspect.files.found import FoundLayer
from rnninspect.files.variants import layer_of

# So many inputs, units, sequences and steps.
IN, H, N, L = 5, 7, 3, 4
FUNCTIONS = {
    "sigmoid": lambda value: 1 / (1 + np.exp(-value)),
    "tanh": np.tanh,
    "relu": lambda value: np.maximum(value, 0),
}


def drawn(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed + sum(shape)).uniform(-1, 1, shape).astype("float32")


def symbols(stored: Stored, array: Any) -> Iterator[tuple[str, Any]]:
    """Every matrix and vector in a tensor, by its symbol."""
    array = array[0] if stored.over_directions else array
    array = array.T if stored.transposed else array
    if stored.is_matrix:
        for row, part in zip(stored.grid, np.split(array, len(stored.grid)), strict=True):
            # x stands before h, and is as wide as its matrix.
            widths = np.cumsum([IN if symbol.startswith("W_i") else H for symbol in row])[:-1]
            yield from zip(row, np.split(part, widths, axis=1), strict=True)
    else:
        rows = array.reshape(len(stored.grid), -1)
        for row, part in zip(stored.grid, rows, strict=True):
            for symbol, vector in zip(row, np.split(part, len(row)), strict=True):
                yield symbol, vector.reshape(-1, 1)


def run(found: FoundLayer, arrays: Mapping[str, Any], x: Any) -> Any:
    """What the layer's equations put out, (L, N, H)."""
    stored = {tensor.role: tensor for tensor in CONVENTIONS[found.convention].stored(found)}
    assert stored.keys() == arrays.keys()
    weights = dict(pair for role, array in arrays.items() for pair in symbols(stored[role], array))
    cell = layer_of(found).cell
    states = {state: np.zeros((H, x.shape[1])) for state in cell.states}
    outputs = []
    for element in x:
        values = step(cell, weights | states | {"x": element.T}, FUNCTIONS)
        states = {state: values[state] for state in states}
        outputs.append(values["h"].T)
    return np.stack(outputs)


KERAS = [
    ("LSTM", {}, {"biases": "one"}),
    ("LSTM", {"use_bias": False}, {"biases": "none"}),
    ("GRU", {}, {"type": "GRU", "biases": "two", "reset_after": True}),
    ("GRU", {"reset_after": False}, {"type": "GRU", "biases": "one", "reset_after": False}),
    ("SimpleRNN", {}, {"type": "RNN", "biases": "one"}),
    (
        "LSTM",
        {"activation": "relu", "recurrent_activation": "tanh"},
        {"biases": "one", "known": {"activation": "relu", "recurrent_activation": "tanh"}},
    ),
]


@pytest.mark.more
@pytest.mark.parametrize(("name", "options", "changes"), KERAS)
def test_keras(monkeypatch: pytest.MonkeyPatch, name: str, options: dict[str, Any], changes: dict[str, Any]) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    layer = getattr(keras.layers, name)(H, return_sequences=True, **options)
    x = drawn(L, N, IN)
    layer.build((N, L, IN))
    values = [drawn(*weight.shape, seed=k) for k, weight in enumerate(layer.weights)]
    layer.set_weights(values)
    arrays = dict(zip(("kernel", "recurrent_kernel", "bias"), values, strict=False))
    theirs = np.array(layer(x.swapaxes(0, 1)).tolist()).swapaxes(0, 1)
    ours = run(FOUND._replace(convention="Keras", **changes), arrays, x)
    assert np.abs(theirs - ours).max() < 1e-5


ONNX = [
    ("LSTM", {}, True, {}),
    ("LSTM", {}, False, {"biases": "none"}),
    ("GRU", {"linear_before_reset": 1}, True, {"type": "GRU", "reset_after": True}),
    ("GRU", {"linear_before_reset": 0}, True, {"type": "GRU", "reset_after": False}),
    ("RNN", {}, True, {"type": "RNN"}),
]


@pytest.mark.torch  # what runs ONNX is installed with it
@pytest.mark.parametrize(("kind", "options", "bias", "changes"), ONNX)
def test_onnx(kind: str, options: dict[str, Any], bias: bool, changes: dict[str, Any]) -> None:
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    arrays = {"W": drawn(1, gates * H, IN), "R": drawn(1, gates * H, H, seed=1)}
    if bias:
        arrays["B"] = drawn(1, 2 * gates * H, seed=2)
    names = ["X", *arrays]
    node = helper.make_node(kind, names, ["Y"], hidden_size=H, **options)
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    made = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)]
    model = helper.make_model(helper.make_graph([node], "g", given, made))
    x = drawn(L, N, IN, seed=3)
    (theirs,) = ReferenceEvaluator(model).run(None, {"X": x} | arrays)
    ours = run(FOUND._replace(convention="ONNX", **changes), arrays, x)
    assert np.abs(theirs[:, 0] - ours).max() < 1e-5


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "after"), [("LSTM", None), ("GRU", True), ("RNN", None)])
def test_torch(kind: Any, after: bool | None) -> None:
    import torch

    layer = getattr(torch.nn, kind)(IN, H)
    x = drawn(L, N, IN)
    arrays = {name.removesuffix("_l0"): np.array(value.tolist()) for name, value in layer.state_dict().items()}
    theirs = np.array(layer(torch.tensor(x.tolist()))[0].tolist())
    ours = run(FOUND._replace(type=kind, reset_after=after), arrays, x)
    assert np.abs(theirs - ours).max() < 1e-5
