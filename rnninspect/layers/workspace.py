"""What torch's kernels keep for the backward pass beyond what the equations need, where that is known.

On a CPU, measured with torch.autograd.graph.saved_tensors_hooks on torch 2.13 (x86-64) over sizes from 16 to 512:

- LSTM in float32 and bfloat16 is one oneDNN kernel a layer and direction, with a workspace of its own for training,
  some 16 numbers a token and hidden unit where the equations need 7. Its arrays have rows of whole cache lines: of the
  four gates, twice (the second time unpadded), of the larger of input and hidden size six times, of the hidden size
  once. float64, projections and packed sequences of unequal lengths run step by step, and keep what the equations say.
- GRU, step by step, keeps the three products W_hh h of its gates for the one that the equations need: H more.

cuDNN's reserve on a GPU is its own secret: there the equations stand alone.
"""

from __future__ import annotations

from rnninspect.facts import ITEM_BYTES
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import StackedLayer
from rnninspect.layers.signal import Signal

_FLOAT = ITEM_BYTES["float32"]
_LINE = 64 // _FLOAT


def kernel_bytes(layer: Layer, signal: Signal, dtype: str, device: str, by_equations: int) -> int:
    """Bytes that a trained layer keeps on `device` ("cpu", "cuda", ...) besides its parameters and its input.

    by_equations: what `Layer.kept` says of it, which is the least, and all that is known of most kernels.
    """
    if device != "cpu" or not isinstance(layer, StackedLayer) or by_equations == 0:
        return by_equations
    if layer.type == "GRU":
        return by_equations + layer.depth * layer.directions * layer.hidden_size * signal.tokens * ITEM_BYTES[dtype]
    if layer.type == "LSTM" and layer.h_out == layer.hidden_size and _runs_on_onednn(signal, dtype):
        output = layer.depth * layer.width_out * signal.tokens * ITEM_BYTES[dtype]
        return max(by_equations, output + _lstm_workspaces(layer, signal))
    return by_equations


def _runs_on_onednn(signal: Signal, dtype: str) -> bool:
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
