"""The minimal gated unit (Zhou et al. 2016), as a contributor would add it: one gate that forgets and resets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from typing_extensions import override

from rnninspect.cells.widths import Declared
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.recurrent import Recurrent


class MGU(SequenceLayer):
    """torch has no such layer: its equations are run as they stand."""

    meanings: ClassVar[Mapping[str, str]] = {
        **Recurrent.meanings,
        "f": "forget gate: how much of h_t is new, and how much of h_{t-1} the candidate sees",
        "r": "what the candidate sees of h_{t-1}",
        "n": "candidate: what h_t could become",
    }

    type: Literal["MGU"]

    def equations(self) -> str:
        """Zhou et al. 2016, "Minimal gated unit for recurrent neural networks"."""
        return """
f = sigmoid(W_if @ x + b_if + W_hf @ h + b_hf)
r = f * h
n = tanh(W_in @ x + b_in + W_rn @ r)
h = (1 - f) * h + f * n
"""

    @override
    def vector_widths(self) -> Declared:
        return (("h", ("H_cell", "H_out")),)
