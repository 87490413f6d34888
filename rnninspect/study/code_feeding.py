"""Python for what a recurrent layer hands on that is not its output: its last states, or what is merged and pooled."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal

_PAD = "nn.utils.rnn.pad_packed_sequence"
# How two vectors become one.
_MERGED = {"sum": "{} + {}", "mean": "({} + {}) / 2", "mul": "{} * {}"}


def feeding(layer: Recurrent, signal: Signal, result: str, last: str, *, meta: bool) -> Iterator[str]:
    """Lines that turn `result`, which is the layer's output, into what the next layer is fed with, and its shape.

    last: what the last states are called that the layer puts out. meta: it is run where tensors have no values.
    """
    handed_on = layer.emits(signal).tensor("x", "H_in", "float32")
    packed = "T" in signal.axes
    if layer.feeds == "last":
        lines = [f"{result} = {_last(layer, last)}"]
    elif layer.feeds == "output":
        lines = [_merged_output(layer, result, packed=packed)]
    elif packed and meta:
        lines = [f"{result} = {result}.data.new_empty{handed_on.shape_text}"]
    elif layer.feeds == "step":
        lines = list(_last_step(layer, signal, result))
    else:
        merged = [] if layer.merging == "concat" else [_merged_output(layer, result, packed=packed)]
        lines = [*merged, *(_pooled_packed(layer, result) if packed else [_pooled(layer, signal, result)])]
    yield from lines[:-1]
    whose = f"{result}.data " * (packed and layer.feeds == "output")
    unpacked = ": torch unpacks nothing on meta" * (packed and meta and layer.feeds not in ("output", "last"))
    yield f"{lines[-1]}  # {whose}{handed_on.shape_text}{unpacked}"


def _last(layer: Recurrent, states: str) -> str:
    if not layer.stack_axes:
        return states
    if layer.directions == 1:
        return f"{states}[-1]"
    forward, reverse = f"{states}[-2]", f"{states}[-1]"
    if layer.merging == "concat":
        return f"torch.cat([{forward}, {reverse}], dim=-1)"
    return _MERGED[layer.merging].format(forward, reverse)


def _halves(layer: Recurrent, data: str) -> str:
    """Both directions of `data`, merged."""
    return _MERGED[layer.merging].format(f"{data}[..., :{layer.h_out}]", f"{data}[..., {layer.h_out}:]")


def _merged_output(layer: Recurrent, result: str, *, packed: bool) -> str:
    if packed:
        return f"{result} = {result}._replace(data={_halves(layer, f'{result}.data')})"
    return f"{result} = {_halves(layer, result)}"


def _last_step(layer: Recurrent, signal: Signal, result: str) -> Iterator[str]:
    if "T" in signal.axes:
        yield f"{result}, lengths = {_PAD}({result})"
        yield f"{result} = {result}[lengths - 1, torch.arange(len(lengths))]"
    else:
        yield f"{result} = {result}[{':, ' * signal.axes.index('L')}-1]"
    if layer.merging != "concat":
        yield f"{result} = {_halves(layer, result)}"


def _pooled(layer: Recurrent, signal: Signal, result: str) -> str:
    dim = signal.axes.index("L")
    return (
        f"{result} = {result}.max(dim={dim}).values" if layer.feeds == "max" else f"{result} = {result}.mean(dim={dim})"
    )


def _pooled_packed(layer: Recurrent, result: str) -> Iterator[str]:
    if layer.feeds == "max":
        yield f"{result}, _ = {_PAD}({result}, padding_value=-torch.inf)"
        yield f"{result} = {result}.max(dim=0).values"
    else:
        yield f"{result}, lengths = {_PAD}({result})"
        yield f"{result} = {result}.sum(dim=0) / lengths[:, None].to({result})"
