"""The gated recurrent unit (Cho et al. 2014), torch.nn.GRU and GRUCell.

why the reset gate multiplies `W_hn h + b_hn`: that is torch's (and cuDNN's) variant. The paper, and Keras with
reset_after=False, multiply h before the product; such weights do not fit here.
"""

from __future__ import annotations

from typing import Literal

from rnninspect.cells.widths import Declared
from rnninspect.layers.recurrent import CellLayer, Recurrent, StackedLayer


class _Gated(Recurrent):
    def equations(self) -> str:
        """https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html."""
        return """
r = sigmoid(W_ir @ x + b_ir + W_hr @ h + b_hr)
z = sigmoid(W_iz @ x + b_iz + W_hz @ h + b_hz)
n = tanh(W_in @ x + b_in + r * (W_hn @ h + b_hn))
h = (1 - z) * n + z * h
"""

    def vector_widths(self) -> Declared:
        """See Recurrent.vector_widths."""
        return (("h", ("H_cell", "H_out")),)


class GRU(_Gated, StackedLayer):
    """torch.nn.GRU."""

    type: Literal["GRU"]


class GRUCell(_Gated, CellLayer):
    """torch.nn.GRUCell."""

    type: Literal["GRUCell"]
