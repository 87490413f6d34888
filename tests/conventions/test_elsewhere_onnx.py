"""ONNX' reference evaluator run on the weights that our lines make of torch's: the same outputs and last states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from elsewhere_runs import CELLS, H, Run, alike, grid, run
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

# why no relu: the evaluator's RNN does not know the function that the operator has.
CASES = [*grid("RNN", "LSTM", "GRU", depths=(1, 2)), *CELLS]


def node(done: Run, kind: str, arrays: dict[str, np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """One node: Y (L, directions, N, H), then the last states (directions, N, H)."""
    given = ["X", *arrays]
    made = ["Y", "Y_h", *(["Y_c"] if kind == "LSTM" else [])]
    options: dict[str, Any] = eval(f"dict{done.translation.made.partition(kind)[2].partition(', one for')[0]}")
    graph = helper.make_graph(
        [helper.make_node(kind, given, made, **options)],
        "one",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in given],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in made],
    )
    results: list[np.ndarray] = ReferenceEvaluator(helper.make_model(graph)).run(None, {"X": x, **arrays})
    return results


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_onnx_computes_the_same(case: Any) -> None:
    done = run(case, "onnx")
    depth = case.options.get("num_layers", 1)
    x, last = done.x.swapaxes(0, 1), []
    for layer in range(depth):
        start = f"layer_{layer}/" if depth > 1 else ""
        arrays = {name.removeprefix(start): array for name, array in done.there.items() if name.startswith(start)}
        y, *states = node(done, case.type.removesuffix("Cell"), arrays, x)
        x = y.swapaxes(1, 2).reshape(*x.shape[:2], -1)
        last.append(states)
    assert alike(x.swapaxes(0, 1), done.outputs)
    for number, state in enumerate(done.states):
        theirs = np.concatenate([states[number] for states in last])
        assert alike(theirs[0] if case.type.endswith("Cell") else theirs, state)
    assert done.states[0].shape[-1] == H
