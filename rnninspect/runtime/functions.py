"""torch's values of the equation language's functions, on tensors with one row or one column a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from rnninspect.cells.functions import EPSILON

Functions = Mapping[str, Callable[[Any], Any]]


def _along(axis: int) -> Functions:
    """The functions of vectors that lie along an axis, the last or the first."""

    def whole(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """A function of whole vectors along the last axis."""
        return function if axis == -1 else lambda values: function(values.transpose(0, -1)).transpose(0, -1)

    return {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "exp": torch.exp,
        "log": torch.log,
        "sqrt": torch.sqrt,
        "sin": torch.sin,
        "cos": torch.cos,
        "abs": torch.abs,
        "softplus": functional.softplus,
        "softsign": functional.softsign,
        # why not torch's: its gradient, with a sixth in single precision, is off by 3e-8.
        "hardsigmoid": lambda values: torch.clamp(values / 6 + 0.5, 0, 1),
        "gelu": functional.gelu,
        "silu": functional.silu,
        "layernorm": whole(lambda values: functional.layer_norm(values, values.shape[-1:], eps=EPSILON)),
        "rmsnorm": whole(lambda values: functional.rms_norm(values, values.shape[-1:], eps=EPSILON)),
        "softmax": whole(lambda values: torch.softmax(values, -1)),
        "logsoftmax": whole(lambda values: torch.log_softmax(values, -1)),
    }


# Those of `cells.functions.FUNCTIONS`, where a row or a column is one sequence.
ROWS, COLUMNS = _along(-1), _along(0)
# And what their derivatives are written with.
OPERATIONS: Functions = {
    **COLUMNS,
    "sign": torch.sign,
    "erf": torch.erf,
    "mean": lambda values: values.mean(0, keepdim=True),
    "sum": lambda values: values.sum(0, keepdim=True),
}


def _of_two(larger: bool) -> Callable[[Any, Any], Tensor]:
    choose = torch.maximum if larger else torch.minimum

    def of_two(a: Any, b: Any) -> Tensor:
        """Of two tensors, or of a tensor and a number."""
        like = a if isinstance(a, Tensor) else b
        return choose(*(torch.as_tensor(side, dtype=like.dtype, device=like.device) for side in (a, b)))

    return of_two


OF_TWO: Mapping[str, Callable[[Any, Any], Tensor]] = {"max": _of_two(True), "min": _of_two(False)}
