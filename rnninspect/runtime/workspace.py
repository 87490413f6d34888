"""What torch's kernels keep for the backward pass beyond what the equations need, where that is known.

On a CPU, measured with torch.autograd.graph.saved_tensors_hooks on torch 2.13 (x86-64) over sizes from 16 to 600:

- LSTM in float32 and bfloat16 is one oneDNN kernel a layer and direction, with a workspace of its own for training,
  some 16 numbers a token and hidden unit where the equations need 7. Its arrays have rows of whole cache lines: of the
  four gates, twice (the second time unpadded), of the larger of input and hidden size six times, of the hidden size
  once. float64, projections and packed sequences of unequal lengths run step by step.
- What runs step by step puts its steps together at the end, and so do two directions: what the next layer reads is a
  copy of the states that the steps keep.
- GRU keeps all three products W_hh h of its gates, where the equations need one: with what they become, H more.

cuDNN's reserve on a GPU is its own secret: there the equations stand alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnninspect.document.chain import Link, Spec
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.layers import costs, feeding
from rnninspect.layers.families import StackedLayer
from rnninspect.layers.layer import Kept, Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.plan import wants_of

_FLOAT = ITEM_BYTES["float32"]
_LINE = 64 // _FLOAT


def planned_on(device: str, spec: Spec, planned: ModelFacts, *, input_grad: bool) -> ModelFacts:
    """The plan of a model with what training keeps on a device of this type, see `kept_on`."""
    kept = kept_on(device, spec.links, planned.layers, spec.dtype, input_grad=input_grad)
    return replace(planned, layers=kept)


def kept_on(
    device: str, links: Sequence[Link], layers: Sequence[LayerFacts], dtype: str, *, input_grad: bool
) -> tuple[LayerFacts, ...]:
    """The plan's layers with what is kept for the backward pass on a device of this type ("cpu", "cuda", ...).

    Never less than the equations need, which is all that is known elsewhere than on a CPU.
    """
    if device != "cpu":
        return tuple(layers)
    known: list[LayerFacts] = []
    # By name, what a layer has left to those that read it: its whole output, which is a copy of what its steps keep.
    copied: dict[str, int] = {}
    wants = wants_of(links, [layer.weights for layer in layers], input_grad)
    for link, facts, incoming in zip(links, layers, wants, strict=True):
        kept = link.layer.kept(link.signal, dtype, facts.weights, incoming)
        more = _beyond(link.layer, link.signal, dtype, kept)
        if isinstance(link.layer, Recurrent) and link.layer.works_on:
            plain = costs.kept_of_equations(link.layer, link.signal, dtype, incoming)
            more = _beyond(link.layer, link.signal, dtype, plain) + _factors(link, dtype, plain)
        if kept.input and len(link.wires.reads) == 1:
            # why no more than once: all that read it keep the same.
            more += copied.pop(link.wires.reads[0], 0)
        known.append(replace(facts, kept_for_backward_bytes=(facts.kept_for_backward_bytes or 0) + more))
        if kept.output and not link.wires.add and _copies(link.layer, link.signal, dtype):
            # why the whole: the last step is a view of the output, which stays as long as it is read.
            whole = facts.outputs[0] if _is_view(link) else link.emitted.tensor("x", "H_in", dtype)
            copied[link.layer.name] = whole.known_nbytes
    return tuple(known)


def _factors(link: Link, dtype: str, plain: Kept) -> int:
    """Bytes that a product of two directions keeps beyond what is counted: all of the output that they are views of."""
    layer, signal = link.layer, link.signal
    if not isinstance(layer, Recurrent) or layer.merging != "mul" or plain.nbytes == 0:
        return 0
    merged = feeding.merged_vectors(layer, signal)
    viewed = signal.tokens if _is_view(link) else merged
    return (viewed - (0 if plain.output else merged)) * layer.width_out * ITEM_BYTES[dtype]


def _is_view(link: Link) -> bool:
    """Whether what a layer hands on is a part of its output."""
    layer = link.layer
    return isinstance(layer, Recurrent) and layer.feeds == "step" and "T" not in link.signal.axes


def _beyond(layer: Layer, signal: Signal, dtype: str, kept: Kept) -> int:
    """Bytes that a layer keeps on a CPU beyond `kept`, its input apart."""
    if not isinstance(layer, StackedLayer) or kept.nbytes == 0:
        return 0
    itemsize = ITEM_BYTES[dtype]
    outputs = layer.width_out * signal.tokens * itemsize
    between = (layer.depth - 1) * outputs
    # What a stacked layer reads of the one below. By the equations it is another tensor already with dropout, and where
    # no step keeps what it has put out.
    apart = layer.dropout > 0 or not (kept.input and kept.output)
    copies = between if not apart and _copies(layer, signal, dtype) else 0
    if _is_onednns(layer, signal, dtype):
        masks = 2 * between if layer.dropout else 0
        return max(0, layer.depth * outputs + _lstm_workspaces(layer, signal) + masks - kept.nbytes) + copies
    # why where it trains: the products' operand is kept for the weight's gradient alone.
    gates = layer.directions * layer.depth * layer.hidden_size if layer.type == "GRU" and layer.trainable else 0
    return gates * signal.tokens * itemsize + copies


def _copies(layer: Layer, signal: Signal, dtype: str) -> bool:
    """Whether what a layer puts out is another tensor than the states that its steps keep."""
    return isinstance(layer, Recurrent) and (layer.directions > 1 or not _is_onednns(layer, signal, dtype))


def _is_onednns(layer: Layer, signal: Signal, dtype: str) -> bool:
    if layer.type != "LSTM" or not isinstance(layer, StackedLayer) or layer.h_out != layer.hidden_size:
        return False
    lengths = signal.batch.lengths
    return dtype in ("float32", "bfloat16") and (lengths is None or len(set(lengths)) == 1)


def _lstm_workspaces(layer: StackedLayer, signal: Signal) -> int:
    first, rest = (_lstm_workspace(layer, width, signal) for width in (layer.width_in, layer.width_out))
    return layer.directions * (first + (layer.depth - 1) * rest)


def _lstm_workspace(layer: StackedLayer, width: int, signal: Signal) -> int:
    """The bytes of one layer in one direction that reads `width` numbers a token."""
    hidden, states = layer.hidden_size, _row(max(width, layer.hidden_size))
    token = _row(4 * hidden) + 4 * hidden + 6 * states + _row(hidden)
    # why for each sequence too: states have one step more than there are.
    sequence = 6 * states + 4 * hidden
    return _FLOAT * (signal.tokens * token + signal.batch.letters["N"] * sequence)


def _row(numbers: int) -> int:
    """How many numbers a row takes: whole cache lines, and one more where rows would meet in the same cache sets."""
    lines = -(-numbers // _LINE) * _LINE
    return lines + _LINE if lines % 256 == 0 else lines
