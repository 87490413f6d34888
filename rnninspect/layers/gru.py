"""The gated recurrent unit (Cho et al. 2014), torch.nn.GRU and GRUCell.

why the reset gate multiplies `W_hn h + b_hn`: that is torch's (and cuDNN's) variant. The paper, and Keras with
reset_after=False, multiply h before the product; such weights do not fit here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from typing_extensions import override

from rnninspect.cells.widths import Declared
from rnninspect.layers.families import CellLayer, StackedLayer
from rnninspect.layers.recurrent import Recurrent


class _Gated(Recurrent):
    meanings: ClassVar[Mapping[str, str]] = {
        **Recurrent.meanings,
        "r": "reset gate: how much of the step before n_t sees",
        "z": "update gate: how much of h_{t-1} stays",
        "n": "candidate: what h_t could become",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "The reset gate r_t multiplies after the product with W_hn. The paper (Cho et al. 2014), and Keras with "
        "reset_after=False, multiply h_{t-1} before it: weights of the one do not fit the other.",
        "The two biases of r_t and of z_t could be one each; in n_t they could not: r_t multiplies $b_hn, not $b_in.",
        "z_t is the share of h_{t-1} that stays; some papers write it as the share that is replaced.",
    )

    def equations(self) -> str:
        """https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html."""
        return """
r = sigmoid(W_ir @ x + b_ir + W_hr @ h + b_hr)
z = sigmoid(W_iz @ x + b_iz + W_hz @ h + b_hz)
n = tanh(W_in @ x + b_in + r * (W_hn @ h + b_hn))
h = (1 - z) * n + z * h
"""

    @property
    def keras_biases(self) -> int | None:
        """Two, with reset_after=True, which is Keras' default and torch's way."""
        return 2

    @override
    def vector_widths(self) -> Declared:
        return (("h", ("H_cell", "H_out")),)


class GRU(_Gated, StackedLayer):
    """torch.nn.GRU."""

    remarks: ClassVar[tuple[str, ...]] = (*_Gated.remarks, *StackedLayer.remarks)

    type: Literal["GRU"]


class GRUCell(_Gated, CellLayer):
    """torch.nn.GRUCell."""

    remarks: ClassVar[tuple[str, ...]] = (*_Gated.remarks, *CellLayer.remarks)

    type: Literal["GRUCell"]
