"""A cell of the library run on fixed numbers: by this package, and by whoever else computes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import cells_in_torchrecurrent
import torch
from cells_by_hand import BY_HAND
from cells_in_torchrecurrent import COUNTERPARTS
from torch import Tensor

from rnninspect.cells.tree import Bias, Matrix
from rnninspect.document.library import published
from rnninspect.layers.defined import DefinedLayer, kind_from
from rnninspect.layers.signal import Batch, Signal
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.runtime.plain import PlainRNN
from rnninspect.runtime.recurrence import Level

HIDDEN, STEPS, SEQUENCES = 5, 6, 2
SIGNAL = Signal(Batch(SEQUENCES, STEPS), ("L", "N"), HIDDEN)
# Those whose equations add the input to what is hidden.
AS_WIDE = {"GNMTLSTM", "IntersectionRNN", "RGLRU"}
GOLDEN = Path(__file__).parent / "goldens" / "cells.json"


class Computed(NamedTuple):
    """What an oracle gives: outputs (L, N, H), and how many of its parameters the cell has too, where it has any."""

    outputs: Tensor
    parameters: int | None


def layer_of(name: str, **options: Any) -> DefinedLayer:
    """A small layer of a cell; every size that is the cell's own is 3."""
    kind = kind_from(name, published(name))
    width = HIDDEN if name in AS_WIDE else 3
    layer = kind.model_validate({"name": "a", "type": name, "hidden_size": HIDDEN, "input_size": width, **options})
    return layer.with_numbers(dict.fromkeys(kind.definition.sizes, 3))


def wave(*shape: int, start: float, mean: float = 0.0) -> Tensor:
    """Numbers that look random and are the same everywhere."""
    count = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (mean + 0.5 * torch.sin(0.7 * count * (1 + count / 97) + start)).view(shape)


def module_of(layer: DefinedLayer, kind: type[EquationRNN | PlainRNN] = EquationRNN) -> EquationRNN | PlainRNN:
    """The layer with fixed weights: vectors around 0.8, all else around 0."""
    module = kind(layer, dtype=torch.float64)
    blocks = module.blocks(Level(0, 0, "_l0"))
    with torch.no_grad():
        for start, weight in enumerate(layer.cell.weights):
            block = blocks[weight.name].values
            block.copy_(wave(*block.shape, start=start, mean=0.0 if isinstance(weight, Matrix | Bias) else 0.8))
    return module


def input_of(layer: DefinedLayer) -> Tensor:
    """What it is fed with."""
    return 2 * wave(STEPS, SEQUENCES, layer.width_in, start=0.5)


def states_of(layer: DefinedLayer) -> tuple[Tensor, ...]:
    """What each state starts from: zero, or what the cell says."""
    first = layer.definition.initial
    return tuple(
        torch.full(fact.shape, float(first.get(state, 0.0)), dtype=torch.float64)
        for state, fact in zip(layer.cell.states, layer.states("0", SIGNAL, "float64"), strict=True)
    )


def outputs_of(module: EquationRNN | PlainRNN, layer: DefinedLayer) -> Tensor:
    """Outputs (L, N, H) of this package."""
    states = states_of(layer)
    output, _ = module(input_of(layer), states if len(states) > 1 else states[0])
    assert isinstance(output, Tensor)
    return output.detach()


def computed(name: str) -> Computed:
    """The same by the cell's oracle."""
    layer = layer_of(name)
    weights = {symbol: block.values.detach() for symbol, block in module_of(layer).blocks(Level(0, 0, "_l0")).items()}
    if name in COUNTERPARTS:
        return Computed(*cells_in_torchrecurrent.run(name, weights, layer.numbers, input_of(layer), HIDDEN))
    return Computed(BY_HAND[name](weights, layer.numbers, input_of(layer), HIDDEN).detach(), None)


def golden(name: str) -> dict[str, Any]:
    """A few numbers of what the oracle gives, as they were recorded."""
    found: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text())
    return found[name]


def recorded(found: Computed) -> dict[str, Any]:
    """What is recorded of it: the last output of the first sequence, the mean of all, and the parameters."""
    last = [float(f"{value:.13g}") for value in found.outputs[-1, 0].tolist()]
    return {"last": last, "mean": float(f"{found.outputs.mean().item():.13g}"), "parameters": found.parameters}
