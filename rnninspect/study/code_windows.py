"""Python for convolutions and pools: torch has the steps last, and takes no packed batch."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.layers.signal import Signal
from rnninspect.layers.window import WindowLayer
from rnninspect.letters import tuple_text

_RNN = "nn.utils.rnn"
_TURNED = {
    ("L", "N"): ("permute(1, 2, 0)", "permute(2, 0, 1)"),
    ("N", "L"): ("transpose(1, 2)", "transpose(1, 2)"),
    ("L",): ("T", "T"),
}


def windows(layer: WindowLayer, signal: Signal, name: str, source: str, result: str, *, meta: bool) -> Iterator[str]:
    """Lines that run the module `name` on `source`, and call what it puts out `result`.

    meta: it is run where tensors have no values.
    """
    after = layer.emits(signal)
    shape = after.tensor("output", "H_out", "float32").shape_text
    if "T" not in signal.axes:
        yield f"{result} = {_turned(name, source, signal.axes)}  # {shape}"
        return
    if meta:
        steps = (after.batch.letters["L"], after.batch.letters["N"], after.features)
        made = f"{source}.data.new_empty({tuple_text(steps)}), {list(after.batch.lengths or ())}"
        yield "# torch unpacks nothing on meta"
        yield f"{result} = {_RNN}.pack_padded_sequence({made}, enforce_sorted=False)  # {result}.data {shape}"
        return
    if layer.by_sequence:
        yield f"parts = [{_turned(name, 'part', ('L',))} for part in {_RNN}.unpack_sequence({source})]"
        yield f"{result} = {_RNN}.pack_sequence(parts, enforce_sorted=False)  # {result}.data {shape}"
        return
    fill = f", padding_value={layer.pads_with}".replace("inf", "torch.inf") if layer.pads_with else ""
    yield f"{result}, lengths = {_RNN}.pad_packed_sequence({source}, batch_first=True{fill})"
    yield f"{result} = {_turned(name, result, ('N', 'L'))}"
    if not layer.window.keeps_length:
        yield f"lengths = ({layer.window.free('lengths')}) // {layer.window.stride} + 1"
    packed = f"{_RNN}.pack_padded_sequence({result}, lengths, batch_first=True, enforce_sorted=False)"
    yield f"# what lies beyond a sequence's end is cut off: {result}.data {shape}"
    yield f"{result} = {packed}"


def _turned(name: str, data: str, axes: tuple[str, ...]) -> str:
    there, back = _TURNED[axes]
    return f"{name}({data}.{there}).{back}"
