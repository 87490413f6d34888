"""Jordan's network (Jordan 1986, "Serial order"): the *output* is fed back, where Elman's feeds the hidden state.

torch has no such layer; `ahead.EquationRNN` runs these equations with torch.nn.RNN's interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from typing_extensions import override

from rnninspect.cells.widths import Declared
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.fields import Nonlinearity, Size
from rnninspect.layers.recurrent import Recurrent


class JordanRNN(SequenceLayer):
    """h = f(W_ih x + b_ih + W_yh y_prev + b_yh), y = f(W_hy h + b_hy), with f the nonlinearity."""

    meanings: ClassVar[Mapping[str, str]] = {
        **Recurrent.meanings,
        "h": "hidden vector: of this step alone, not fed back",
        "y": "output: what the next step gets back",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "This is Jordan's network (1986): the output is fed back, y_{t-1}. Elman's (1990), which is torch.nn.RNN, "
        "feeds back the hidden state, h_{t-1}.",
        "torch has no such layer; rnninspect runs these equations itself, with torch.nn.RNN's interface. $output is "
        "every y_t, $y_n the last; h_t is handed to nobody.",
    )

    type: Literal["JordanRNN"]
    output_size: Size
    nonlinearity: Nonlinearity = "tanh"

    def equations(self) -> str:
        """Jordan 1986; both layers use the one nonlinearity."""
        f = self.nonlinearity
        return f"h = {f}(W_ih @ x + b_ih + W_yh @ y + b_yh)\ny = {f}(W_hy @ h + b_hy)"

    @override
    def vector_widths(self) -> Declared:
        return (("h", ("H_cell",)), ("y", ("H_out",)))

    @property
    @override
    def h_out(self) -> int:
        return self.output_size
