"""Keras run on the weights that our lines make of torch's: the same outputs and last states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from elsewhere_runs import CELLS, IN, RELU, Case, H, alike, grid, layer_of, run

from rnninspect.conventions.elsewhere import FRAMEWORKS
from rnninspect.conventions.python import script
from rnninspect.conventions.translate import translated

CASES = [*grid("RNN", "LSTM", "GRU"), RELU, *CELLS]


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    import keras

    return keras


@pytest.mark.more
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_keras_computes_the_same(keras: Any, case: Case) -> None:
    done = run(case, "keras")
    made = done.translation.made.split(" of ")[-1].partition(", one for")[0]
    if case.type.endswith("Cell"):
        cell = eval(made, {"keras": keras})
        made_layers = [keras.layers.RNN(cell, return_sequences=True, return_state=True)]
    else:
        made = made.replace("return_sequences=True", "return_sequences=True, return_state=True")
        made_layers = [eval(made, {"keras": keras}) for _ in range(case.options.get("num_layers", 1))]
    value: Any = torch.tensor(done.x)
    last: list[Any] = []
    for number, layer in enumerate(made_layers):
        start = f"layer_{number}/" if len(made_layers) > 1 else ""
        layer.build(value.shape)
        layer.set_weights([array for name, array in done.there.items() if name.startswith(start)])
        value, *states = layer(value)
        last.append(states)
    assert alike(value.detach(), done.outputs)
    # Of each stacked layer and direction: h, then c where there is one.
    number = len(done.states)
    for which, state in enumerate(done.states):
        theirs = [each.detach().numpy() for states in last for each in states[which::number]]
        expected = state[None] if case.type.endswith("Cell") else state
        assert alike(np.stack(theirs), expected)
    assert sum(layer.count_params() for layer in made_layers) == done.translation.parameters


@pytest.mark.more
@pytest.mark.parametrize(
    "case",
    [
        Case("LSTM"),
        Case("GRUCell"),
        Case("RNN", {"bidirectional": True}),
        Case("LSTM", {"num_layers": 2}),
        Case("GRU", {"num_layers": 3, "bidirectional": True}),
    ],
    ids=lambda case: case.name,
)
def test_the_lines_below_a_function_put_the_weights_into_a_layer(keras: Any, case: Case) -> None:
    framework = FRAMEWORKS["keras"]
    lines = list(script([translated(layer_of(case), framework)], framework))
    below = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    module = getattr(torch.nn, case.type)(IN, H, **case.options)
    names: dict[str, Any] = {"keras": keras, "torch_layer": module}
    exec("\n".join([*lines, *below]), names)
    made_layers = names["layers"] if "layers" in names else [names["layer"]]
    theirs = sum(float(weight.value.detach().sum()) for layer in made_layers for weight in layer.weights)
    assert theirs == pytest.approx(sum(float(weight.detach().sum()) for weight in module.parameters()), abs=1e-4)
