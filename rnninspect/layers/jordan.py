"""Jordan's network (Jordan 1986, "Serial order"): the *output* is fed back, where Elman's feeds the hidden state.

torch has no such layer; `recurrence.EquationRNN` runs these equations with torch.nn.RNN's interface.
"""

from __future__ import annotations

from typing import Literal

from rnninspect.cells.widths import Declared
from rnninspect.layers.fields import Nonlinearity, Size
from rnninspect.layers.recurrent import SequenceLayer


class JordanRNN(SequenceLayer):
    """h = f(W_ih x + b_ih + W_yh y_prev + b_yh), y = f(W_hy h + b_hy), with f the nonlinearity."""

    type: Literal["JordanRNN"]
    output_size: Size
    nonlinearity: Nonlinearity = "tanh"

    def equations(self) -> str:
        """Jordan 1986; both layers use the one nonlinearity."""
        f = self.nonlinearity
        return f"h = {f}(W_ih @ x + b_ih + W_yh @ y + b_yh)\ny = {f}(W_hy @ h + b_hy)"

    def vector_widths(self) -> Declared:
        """See Recurrent.vector_widths."""
        return (("h", ("H_cell",)), ("y", ("H_out",)))

    @property
    def h_out(self) -> int:
        """See Recurrent.h_out."""
        return self.output_size
