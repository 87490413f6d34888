"""Elman's network (Elman 1990, "Finding structure in time"), torch.nn.RNN and RNNCell.

Only the recurrence: the textbook's output layer o_t = g(V h_t) is not part of it, a Linear after it is.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from typing_extensions import override

from rnninspect.cells.widths import Declared
from rnninspect.layers.families import CellLayer, StackedLayer
from rnninspect.layers.fields import Nonlinearity
from rnninspect.layers.recurrent import Recurrent


class _Elman(Recurrent):
    remarks: ClassVar[tuple[str, ...]] = (
        "This is Elman's network (1990): the hidden state is fed back, h_{t-1}. Jordan's (1986) feeds back the output, "
        "y_{t-1}: layer type JordanRNN.",
        "The textbook's S_t = f(U x_t + W S_{t-1}) is h_t here: its U is $W_ih, and its W is $W_hh.",
        "Only the sum of $b_ih and $b_hh counts. Textbooks have that one bias; torch keeps two for cuDNN's sake.",
    )

    nonlinearity: Nonlinearity = "tanh"

    def equations(self) -> str:
        """https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html."""
        return f"h = {self.nonlinearity}(W_ih @ x + b_ih + W_hh @ h + b_hh)"

    @property
    def keras_biases(self) -> int | None:
        """One, of its SimpleRNN."""
        return 1

    @override
    def vector_widths(self) -> Declared:
        return (("h", ("H_cell", "H_out")),)


class RNN(_Elman, StackedLayer):
    """torch.nn.RNN."""

    remarks: ClassVar[tuple[str, ...]] = (*_Elman.remarks, *StackedLayer.remarks)

    type: Literal["RNN"]


class RNNCell(_Elman, CellLayer):
    """torch.nn.RNNCell."""

    remarks: ClassVar[tuple[str, ...]] = (*_Elman.remarks, *CellLayer.remarks)

    type: Literal["RNNCell"]
