"""What tests need that run another framework: torch's layers with random weights, and our lines that translate them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from worlds import spec_of

from rnninspect.conventions.elsewhere import FRAMEWORKS
from rnninspect.conventions.python import script
from rnninspect.conventions.translate import Translation, translated
from rnninspect.document.chain import Spec
from rnninspect.layers.layer import Layer

# So many inputs, units, sequences and steps, none of which is another.
IN, H, N, L, P = 5, 7, 3, 4, 2


class Case(NamedTuple):
    """A layer of torch's, as a document has it. options: as torch and the document call them."""

    type: str
    options: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        return "-".join([self.type, *(f"{key}={value}" for key, value in self.options.items())])


def grid(*types: str, depths: tuple[int, ...] = (1, 3)) -> Iterator[Case]:
    """Stacked or not, both ways or one, with biases or without."""
    for kind, depth, both, bias in product(types, depths, (False, True), (True, False)):
        options = {"num_layers": depth, "bidirectional": both, "bias": bias}
        changed = {
            key: value for key, value in options.items() if value != {"num_layers": 1, "bias": True}.get(key, False)
        }
        yield Case(kind, changed)


RELU = Case("RNN", {"nonlinearity": "relu"})
PROJECTED = Case("LSTM", {"proj_size": P, "num_layers": 2})
CELLS = tuple(Case(kind, options) for kind in ("RNNCell", "LSTMCell", "GRUCell") for options in ({}, {"bias": False}))


class Run(NamedTuple):
    """torch's layer with random weights, what it was given and what it put out, and the same weights elsewhere.

    x, outputs: (N, L, features). states: what torch returns beside the outputs.
    """

    module: Any
    translation: Translation
    there: dict[str, np.ndarray]
    x: np.ndarray
    outputs: np.ndarray
    states: tuple[np.ndarray, ...]


def layer_of(case: Case) -> Layer:
    options = "".join(f", {key}: {str(value).lower()}" for key, value in case.options.items())
    document = f"input: {{batch_size: {N}, seq_len: {L}}}\nlayers: [{{name: encoder, type: {case.type}, "
    spec: Spec = spec_of(f"{document}input_size: {IN}, hidden_size: {H}{options}}}]\n")
    return spec.links[0].layer


def run(case: Case, framework: str) -> Run:
    """What torch computes, and the arrays that the printed lines make of its weights."""
    torch.manual_seed(0)
    cell = case.type.endswith("Cell")
    options = case.options if cell else {**case.options, "batch_first": True}
    module = getattr(torch.nn, case.type)(IN, H, **options)
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -1, 1)
    x = torch.rand(N, L, IN) - 0.5
    with torch.no_grad():
        outputs, states = _over_time(module, x) if cell else module(x)
    states = states if isinstance(states, tuple) else (states,)
    translation = translated(layer_of(case), FRAMEWORKS[framework])
    names: dict[str, Any] = {}
    exec("\n".join(script([translation], FRAMEWORKS[framework])), names)
    there = names["encoder"]({name: tensor.numpy() for name, tensor in module.state_dict().items()})
    shapes = {tensor.name: tensor.shape for tensor in translation.tensors}
    assert {name: array.shape for name, array in there.items()} == shapes
    assert list(there) == list(shapes)
    assert {array.dtype for array in there.values()} == {np.dtype("float32")}
    return Run(module, translation, there, x.numpy(), outputs.numpy(), tuple(state.numpy() for state in states))


def _over_time(cell: Any, x: torch.Tensor) -> tuple[torch.Tensor, Any]:
    state, outputs = None, []
    for t in range(x.shape[1]):
        state = cell(x[:, t], state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    return torch.stack(outputs, 1), state


def alike(theirs: Any, ours: np.ndarray) -> bool:
    """Within 1e-5."""
    theirs = np.asarray(theirs)
    return theirs.shape == ours.shape and bool(np.abs(theirs - ours).max() < 1e-5)
