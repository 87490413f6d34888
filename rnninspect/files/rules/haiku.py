"""haiku: `lstm/linear` with one w of x and h, (in+H, 4H); a GRU's w_i, w_h and b; two linear layers of an RNN.

https://dm-haiku.readthedocs.io/en/latest/api.html#recurrent
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.left import Group, Left, Read, Undecided, bare
from rnninspect.files.rules.one_layer import Cell, layers_of
from rnninspect.files.rules.torch import NONLINEARITY, NOT_HERE

_LSTM = re.compile(r"(?:.*[./])?lstm(?:_[0-9]+)?[./]linear[./]", re.DOTALL)
_RNN = re.compile(r"(?:.*[./])?vanilla_rnn(?:_[0-9]+)?[./]linear[./]", re.DOTALL)
_NAMED = re.compile(r".*lstm[^./]*[./]linear[./]", re.DOTALL | re.IGNORECASE)
_UNKNOWN: Mapping[Kind, Mapping[str, str]] = {
    "LSTM": {"batch_first": NOT_HERE, "forget_bias": f"{NOT_HERE}: haiku adds 1 when the layer runs"},
    "GRU": {"batch_first": NOT_HERE},
    "RNN": {"batch_first": NOT_HERE, "nonlinearity": NONLINEARITY},
}
_REMARKS: Mapping[Kind, tuple[str, ...]] = {
    "LSTM": ("haiku adds 1 to b_f when the layer runs; the file holds it without.",),
    "GRU": ("haiku's update gate is the share that is replaced; in torch it is the share that stays.",),
}


def read(left: Left) -> Read:
    """Every layer of haiku, and what has its names and cannot be read."""
    cells: list[Cell] = []
    for prefix, group in left.holding(("w", "w_i").__contains__):
        found = _cell(left, prefix, group)
        if isinstance(found, Undecided):
            yield found
        elif found is not None:
            cells.append(found)
    for layer in layers_of(cells, "haiku", _UNKNOWN, reset_after=False):
        yield layer._replace(remarks=_REMARKS.get(layer.type, ()))


def _cell(left: Left, prefix: str, group: Group) -> Cell | Undecided | None:
    if {"w_i", "w_h"} <= group.keys():
        return _gru(left, prefix, group)
    if "w" not in group:
        return None
    if _RNN.fullmatch(prefix):
        return _rnn(left, prefix)
    if _LSTM.fullmatch(prefix) or _NAMED.fullmatch(prefix):
        return _lstm(left, prefix, group)
    return None


def _lstm(left: Left, prefix: str, group: Group) -> Cell | Undecided | None:
    shape = group["w"].shape
    hidden = shape[-1] // 4 if shape else 0
    fits = len(shape) == 2 and shape[1] == 4 * hidden and 0 < hidden < shape[0]
    lasts = [last for last in ("w", "b") if last in group]
    tensors = {last: group[last] for last in lasts}
    if not _LSTM.fullmatch(prefix):
        # why undecided: a linear layer of something that has lstm in its name may be any.
        if not fits or "b" not in group or group["b"].shape != (4 * hidden,):
            return None
        left.take(prefix, lasts)
        return Undecided(prefix, len(lasts), "a linear layer there may be an LSTM of haiku, or any other")
    left.take(prefix, lasts)
    if not fits:
        return Undecided(prefix, len(lasts), f"w of {shape} is no LSTM's of x and h")
    name = bare(bare(prefix).removesuffix("linear"))
    return Cell(
        prefix=name,
        kind="LSTM",
        input_size=shape[0] - hidden,
        hidden=hidden,
        biases="one" if "b" in tensors else "none",
        tensors=tensors,
    )


def _gru(left: Left, prefix: str, group: Group) -> Cell | Undecided:
    tensors = {last: group[last] for last in ("w_i", "w_h", "b") if last in group}
    left.take(prefix, tensors)
    inputs, recurrent = tensors["w_i"].shape, tensors["w_h"].shape
    if len(inputs) != 2 or len(recurrent) != 2 or not recurrent[0] or inputs[1] != recurrent[1]:
        return Undecided(prefix, len(tensors), f"w_i and w_h of {inputs} and {recurrent} are no kind's")
    if recurrent[1] != 3 * recurrent[0] or ("b" in tensors and len(tensors["b"].shape) != 1):
        return Undecided(
            prefix, len(tensors), f"w_h of {recurrent} and its b are no GRU's of haiku; no rule reads others"
        )
    biases: Biases = "one" if "b" in tensors else "none"
    return Cell(
        prefix=bare(prefix),
        kind="GRU",
        input_size=inputs[0],
        hidden=recurrent[0],
        biases=biases,
        tensors=tensors,
    )


def _rnn(left: Left, prefix: str) -> Cell | Undecided | None:
    """Its two linear layers, of x and of h, which haiku numbers and does not name.

    why by the name of what they are in: any two linear layers, one above the other, have such names and shapes.
    """
    start, sign = bare(prefix).removesuffix("linear"), prefix[-1]
    other = f"{start}linear_1{sign}"
    if "w" not in left.group(other):
        return None
    tensors: dict[str, HeldTensor] = {}
    for place, name in ((prefix, "linear"), (other, "linear_1")):
        lasts = [last for last in ("w", "b") if last in left.group(place)]
        tensors |= {f"{name}/{last}": left.group(place)[last] for last in lasts}
        left.take(place, lasts)
    inputs, recurrent = tensors["linear/w"].shape, tensors["linear_1/w"].shape
    if len(inputs) != 2 or len(recurrent) != 2 or recurrent[0] != recurrent[1] or inputs[1] != recurrent[0]:
        return Undecided(prefix, len(tensors), f"matrices of {inputs} and {recurrent} are no RNN's")
    number = sum(name.endswith("/b") for name in tensors)
    biases: tuple[Biases, ...] = ("none", "one", "two")
    return Cell(
        prefix=bare(start),
        kind="RNN",
        input_size=inputs[0],
        hidden=recurrent[0],
        biases=biases[number],
        tensors=tensors,
    )
