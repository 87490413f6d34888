"""The reference for a built layer: the same weights, in float64 on the CPU, computed from the layer's equations."""

from __future__ import annotations

import copy
import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.document.chain import Link
from rnninspect.layers.batch_norm import BatchNorm1d
from rnninspect.layers.families import CellLayer
from rnninspect.layers.layer import Layer
from rnninspect.layers.pointwise import EquationLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.window import WindowLayer
from rnninspect.runtime.modules import LayerOutput, run, run_steps
from rnninspect.runtime.plain import BatchNormModule, EquationModule, PlainRNN, PlainWindow
from rnninspect.runtime.recurrence import Flow, States, Watch


def has_equations(layer: Layer) -> bool:
    """Whether there are equations to evaluate; of Embedding, Dropout and LayerNorm there are none."""
    return isinstance(layer, Recurrent | EquationLayer | WindowLayer)


def reference(layer: Layer, module: nn.Module) -> nn.Module:
    """A float64 copy of `module` on the CPU; where the layer has equations, it is they that are computed.

    It starts with the module's values, and every parameter has a gradient; a BatchNorm1d is in the module's mode.
    """
    if not isinstance(layer, Recurrent | EquationLayer | WindowLayer):
        return copy.deepcopy(module).to("cpu", torch.float64).requires_grad_()
    # why on meta: its own first values would be drawn only to be thrown away.
    meta = torch.device("meta")
    twin: nn.Module
    match layer:
        case Recurrent():
            twin = PlainRNN(layer, device=meta)
        case BatchNorm1d():
            twin = BatchNormModule(layer, device=meta).train(module.training)
        case EquationLayer():
            twin = EquationModule(layer, device=meta)
        case WindowLayer():
            twin = PlainWindow(layer, device=meta)
    twin.load_state_dict(exact_values(module), assign=True)
    return twin.requires_grad_()


def exact_values(module: nn.Module) -> dict[str, Tensor]:
    """The module's weights in float64 on the CPU."""
    return {name: exact_tensor(value) for name, value in module.state_dict().items()}


def run_layer(link: Link, module: nn.Module, flow: Flow, states: States, watch: Watch | None = None) -> LayerOutput:
    """Run one layer: torch's module, or what `reference` gave for it.

    watch: told of every step of a recurrent layer.
    """
    if isinstance(module, PlainWindow):
        output = module(flow, link.signal.axes)
        return LayerOutput(output, (), output)
    if not isinstance(module, PlainRNN):
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

    Every weight, input and output with its gradient; and what autograd keeps of each step, the results of functions
    and the operands of products: measured, a third of all that the equations work out (7 of 21 values in LSTM).
    """
    layer, signal = link.layer, link.signal
    weights = sum(weight.count for weight in layer.weights("float64"))
    tensors = (*layer.inputs(signal, "float64"), *layer.outputs(signal, "float64"))
    flows = sum(math.prod(tensor.known_shape) for tensor in tensors)
    return 8 * (2 * weights + 2 * flows + (layer.forward_ops(signal).elementwise or 0) // 3)


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
