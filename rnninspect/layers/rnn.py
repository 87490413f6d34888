"""Elman's network (Elman 1990, "Finding structure in time"), torch.nn.RNN and RNNCell.

Only the recurrence: the textbook's output layer o_t = g(V h_t) is not part of it, a Linear after it is.
"""

from __future__ import annotations

from typing import Literal

from rnninspect.cells.widths import Declared
from rnninspect.layers.fields import Nonlinearity
from rnninspect.layers.recurrent import CellLayer, Recurrent, StackedLayer


class _Elman(Recurrent):
    nonlinearity: Nonlinearity = "tanh"

    def equations(self) -> str:
        """https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html."""
        return f"h = {self.nonlinearity}(W_ih @ x + b_ih + W_hh @ h + b_hh)"

    def vector_widths(self) -> Declared:
        """See Recurrent.vector_widths."""
        return (("h", ("H_cell", "H_out")),)


class RNN(_Elman, StackedLayer):
    """torch.nn.RNN."""

    type: Literal["RNN"]


class RNNCell(_Elman, CellLayer):
    """torch.nn.RNNCell."""

    type: Literal["RNNCell"]
