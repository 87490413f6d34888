"""First values by the laws of an `init` block, drawn and looked at, a gate's matrix at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from rnninspect.facts.weights import PACKED, Init, WeightFact


def draw(module: nn.Module, weights: Iterable[WeightFact]) -> None:
    """Put first values into a module's parameters by every law that is not torch's own, in the order of `weights`.

    torch.nn.init's functions draw them, from torch's generator. On `meta` there is nothing to draw.
    """
    with torch.no_grad():
        for weight in weights:
            parameter = module.get_parameter(weight.name)
            if parameter.is_meta:
                continue
            for init, values in blocks(weight, parameter.detach()):
                if not init.torchs:
                    _draw(init, values)


def blocks(weight: WeightFact, values: Tensor) -> Iterator[tuple[Init, Tensor]]:
    """The rows of each gate in a parameter's values and their law; all rows where they are drawn at once."""
    if not weight.drawn_by_gates:
        yield weight.init, values
        return
    for gate in weight.gates:
        start, stop = gate.rows
        yield gate.init or weight.init, values[start:stop]


def deviation(law: str, matrices: Iterable[Tensor]) -> float | None:
    """Observed.deviation; None where `law` does not fix what it measures."""
    if law not in ("orthogonal", PACKED, "eye"):
        return None
    deviations = []
    for matrix in matrices:
        # why on the CPU for mps: it has no float64.
        exact = (matrix.cpu() if matrix.device.type == "mps" else matrix).double()
        if law != "eye":
            exact = exact if exact.shape[0] <= exact.shape[1] else exact.T
            exact = exact @ exact.T
        deviations.append((exact - torch.eye(*exact.shape, dtype=exact.dtype, device=exact.device)).abs().max())
    # why torch's maximum: Python's would drop a nan.
    return float(torch.stack(deviations).max())


def _draw(init: Init, values: Tensor) -> None:
    function, arguments = init.drawing
    # why: orthogonal_ has no half precision, and torch's half precision uniforms are a coarse grid.
    is_exact = values.element_size() >= 4 or init.constant is not None
    exact = values if is_exact else torch.empty_like(values, dtype=torch.float32)
    getattr(nn.init, function)(exact, *arguments)
    if exact is not values:
        values.copy_(exact)
    if init.zero_row is not None:
        values[init.zero_row] = 0
