"""Tensors with numbers for names, as `variables/3` or `arr_0`: only their shapes, one after another, tell of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rnninspect.files.rules.left import Left, Undecided
from rnninspect.letters import Shape

_NUMBER = re.compile(r"(arr_|param_|variable_|var_)?([0-9]{1,9})")
_WHY = "their shapes are those of an LSTM's or a GRU's weights, and their names are numbers"


def unread(left: Left) -> Iterator[Undecided]:
    """What stands in the order of a recurrent layer's weights. It is not read: others may have such shapes too."""
    for prefix, group in left.holding(_NUMBER.fullmatch):
        numbered: dict[str, dict[int, str]] = {}
        for last in group:
            if match := _NUMBER.fullmatch(last):
                numbered.setdefault(match.group(1) or "", {})[int(match.group(2))] = last
        for start, lasts in numbered.items():
            numbers = sorted(lasts)
            shapes = [group[lasts[number]].shape for number in numbers]
            found = [at for at in range(len(shapes)) if _begins(shapes[at : at + 3])]
            if found:
                taken = {numbers[at + k] for at in found for k in range(3)}
                left.take(prefix, [lasts[number] for number in taken])
                yield Undecided(prefix + start, len(taken), _WHY)


def _begins(shapes: Sequence[Shape]) -> bool:
    """Whether W_ih, W_hh and a bias of several gates stand there, lying as torch's or as Keras'."""
    if len(shapes) < 3 or len(shapes[0]) != 2 or len(shapes[1]) != 2 or len(shapes[2]) not in (1, 2):
        return False
    inputs, recurrent, bias = shapes
    for long, wide in ((0, 1), (1, 0)):
        least, most = recurrent[wide], recurrent[long]
        if least > 1 and most in (3 * least, 4 * least) and inputs[long] == most:
            return bias in ((most,), (2, most), (2 * most,))
    return False
