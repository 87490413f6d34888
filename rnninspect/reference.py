"""The reference for a built layer: the same weights, in float64 on the CPU, computed from the layer's equations."""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.layers.layer import Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import CellLayer, Recurrent
from rnninspect.real import Ran, run, run_steps
from rnninspect.recurrence import EquationLinear, EquationRNN, Flow, States, Watch
from rnninspect.spec.chain import Link


def has_equations(layer: Layer) -> bool:
    """Whether the layer is defined in the equation language; Embedding, Dropout and LayerNorm are not."""
    return isinstance(layer, Recurrent | Linear)


def reference(layer: Layer, module: nn.Module) -> nn.Module:
    """A float64 copy of `module` on the CPU; where the layer has equations, it is they that are computed.

    It starts with the module's values, and every parameter has a gradient.
    """
    if not isinstance(layer, Recurrent | Linear):
        return copy.deepcopy(module).to("cpu", torch.float64).requires_grad_()
    # why on meta: its own first values would be drawn only to be thrown away.
    meta = torch.device("meta")
    found = EquationRNN(layer, device=meta) if isinstance(layer, Recurrent) else EquationLinear(layer, device=meta)
    values = {name: exact_tensor(value) for name, value in module.state_dict().items()}
    found.load_state_dict(values, assign=True)
    return found.requires_grad_()


def run_layer(link: Link, module: nn.Module, flow: Flow, states: States, watch: Watch | None = None) -> Ran:
    """Run one layer: torch's module, or what `reference` gave for it.

    watch: told of every step of a recurrent layer.
    """
    if not isinstance(module, EquationRNN):
        return run(link.layer, link, module, flow, states)
    watched = partial(module, watch=watch)
    if not isinstance(link.layer, CellLayer):
        return run(link.layer, link, watched, flow, states)

    def steps(x: Flow, states: States) -> tuple[Flow, States]:
        output, after = watched(x, states)
        return output, after if isinstance(after, tuple) else (after,)

    return run_steps(link, steps, flow, states)


def reference_bytes(link: Link) -> int:
    """Bytes that one forward and backward pass of the reference holds, at the least.

    Every weight and its gradient; and what autograd keeps, which is every value that the equations work out.
    """
    layer, signal = link.layer, link.signal
    weights = sum(weight.count for weight in layer.weights("float64"))
    return 8 * (2 * weights + (layer.forward_ops(signal).elementwise or 0))


def exact(flow: Flow) -> Flow:
    """`flow` in float64 on the CPU, cut from its graph; indices stay what they are."""
    if isinstance(flow, PackedSequence):
        return PackedSequence(
            exact_tensor(flow.data),
            flow.batch_sizes,
            None if flow.sorted_indices is None else flow.sorted_indices.cpu(),
            None if flow.unsorted_indices is None else flow.unsorted_indices.cpu(),
        )
    return exact_tensor(flow)


def exact_tensor(values: Tensor) -> Tensor:
    """`values` in float64 on the CPU, cut from its graph."""
    values = values.detach().cpu()
    return values.double() if values.is_floating_point() else values
