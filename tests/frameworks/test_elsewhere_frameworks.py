"""Flax, haiku and TensorFlow run on the weights that our lines make of torch's: the same outputs and last states."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from elsewhere_runs import CELLS, PROJECTED, RELU, Case, H, Run, alike, grid, run

pytestmark = [pytest.mark.frameworks, pytest.mark.more]
# One step of a cell with its weights: from x (N, features) and states, each (N, H), to the output and the new states.
Step = Callable[[np.ndarray, Sequence[np.ndarray]], tuple[np.ndarray, Sequence[np.ndarray]]]


def over_time(step: Step, x: np.ndarray, states: Sequence[np.ndarray], *, reverse: bool) -> tuple[np.ndarray, Any]:
    outputs = []
    for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        output, states = step(x[:, t], states)
        outputs.append(np.asarray(output))
    return np.stack(outputs[::-1] if reverse else outputs, 1), [np.asarray(state) for state in states]


def parts(done: Run, case: Case) -> Iterator[Iterator[dict[str, np.ndarray]]]:
    """By stacked layer and direction the tensors of a cell, in their order."""
    places = dict.fromkeys((tensor.layer, tensor.direction) for tensor in done.translation.tensors)
    for layer in dict.fromkeys(layer for layer, _ in places):
        yield (
            {t.name: done.there[t.name] for t in done.translation.tensors if (t.layer, t.direction) == (layer, way)}
            for one, way in places
            if one == layer
        )


def holds(done: Run, case: Case, cell_of: Callable[[dict[str, np.ndarray]], Step]) -> None:
    """The cells of a framework, run one above the other in both directions, put out what torch does."""
    x, last = done.x, []
    for both in parts(done, case):
        outputs = []
        for reverse, arrays in enumerate(both):
            zeros = [np.zeros((len(x), state.shape[-1]), "float32") for state in done.states]
            output, states = over_time(cell_of(arrays), x, zeros, reverse=bool(reverse))
            outputs.append(output)
            last.append(states)
        x = np.concatenate(outputs, -1)
    assert alike(x, done.outputs)
    for number, state in enumerate(done.states):
        theirs = np.stack([states[number] for states in last])
        assert alike(theirs[0] if case.type.endswith("Cell") else theirs, state)


FLAX = [*grid("RNN", "LSTM", "GRU", depths=(1, 2)), RELU, *CELLS]


@pytest.mark.parametrize("case", FLAX, ids=[case.name for case in FLAX])
def test_flax_computes_the_same(case: Case) -> None:
    import flax

    done = run(case, "flax")
    cell = eval(done.translation.made.split(" of ")[-1].partition(", one for")[0], {"flax": flax})

    def step_of(arrays: dict[str, np.ndarray]) -> Step:
        params = flax.traverse_util.unflatten_dict({tuple(name.split("/")[-2:]): a for name, a in arrays.items()})

        def step(x: np.ndarray, states: Sequence[np.ndarray]) -> Any:
            # Flax' carry of an LSTM is (c, h).
            carry = tuple(reversed(states)) if len(states) > 1 else states[0]
            carry, output = cell.apply({"params": params}, carry, x)
            return output, tuple(reversed(carry)) if len(states) > 1 else (carry,)

        return step

    holds(done, case, step_of)


HAIKU = [
    *grid("LSTM", depths=(1, 2)),
    *(case for case in CELLS if case.type == "LSTMCell"),
    RELU,
    Case("RNN", {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True}),
    Case("RNNCell", {"nonlinearity": "relu", "bias": False}),
]


@pytest.mark.parametrize("case", HAIKU, ids=[case.name for case in HAIKU])
def test_haiku_computes_the_same(case: Case) -> None:
    import haiku

    done = run(case, "haiku")
    made = done.translation.made.split(" of ")[-1].partition(", one for")[0]

    def step_of(arrays: dict[str, np.ndarray]) -> Step:
        params: dict[str, dict[str, Any]] = {}
        for whole, array in arrays.items():
            module, _, name = whole.rpartition("/")
            params.setdefault(module, {})[name] = array
        core = next(iter(params)).partition("/")[0]
        named = made.replace(")", f", name={core!r})")

        def step(x: np.ndarray, states: Sequence[np.ndarray]) -> Any:
            held = haiku.LSTMState(*states) if len(states) > 1 else states[0]
            run_one = haiku.transform(lambda x, held: eval(named, {"haiku": haiku})(x, held))
            output, held = run_one.apply(params, None, x, held)
            return output, tuple(held) if len(states) > 1 else (held,)

        return step

    holds(done, case, step_of)


TENSORFLOW = [
    *grid("RNN", "LSTM", depths=(1, 2)),
    RELU,
    *(case for case in CELLS if not case.type.startswith("GRU")),
    PROJECTED,
]


@pytest.mark.filterwarnings("ignore:`tf.nn.rnn_cell:UserWarning", "ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize("case", TENSORFLOW, ids=[case.name for case in TENSORFLOW])
def test_the_cells_of_tensorflow_compute_the_same(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    # why: its cells of version 1 are in tf_keras, since Keras has a version 3.
    monkeypatch.setitem(os.environ, "TF_USE_LEGACY_KERAS", "1")
    import tensorflow as tf

    done = run(case, "tf")
    made = done.translation.made.split(" of ")[-1].partition(", one for")[0]

    def step_of(arrays: dict[str, np.ndarray]) -> Step:
        cell = eval(made, {"tf": tf})
        kernel = next(iter(arrays.values()))
        width = case.options.get("proj_size", H)
        cell.build(tf.TensorShape((None, kernel.shape[0] - width)))
        cell.set_weights(list(arrays.values()))

        def step(x: np.ndarray, states: Sequence[np.ndarray]) -> Any:
            # Its state of an LSTM is (c, h).
            held = tuple(reversed(states)) if len(states) > 1 else states[0]
            output, held = cell(tf.constant(x), held)
            return output, tuple(reversed(held)) if len(states) > 1 else (held,)

        return step

    holds(done, case, step_of)
