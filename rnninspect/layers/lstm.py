"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000; projection: Sak et al.
2014), torch.nn.LSTM and LSTMCell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.cells.widths import Declared
from rnninspect.layers.families import CellLayer, StackedLayer
from rnninspect.layers.fields import Width
from rnninspect.layers.layer import Layer, Misfit, Option
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal


class _LongShortTerm(Recurrent):
    meanings: ClassVar[Mapping[str, str]] = {
        **Recurrent.meanings,
        "i": "input gate: how much of g_t is written into c_t",
        "f": "forget gate: how much of c_{t-1} is kept",
        "g": "candidate: what could be written into c_t",
        "o": "output gate: how much of c_t is shown as h_t",
        "c": "cell state: the long memory, changed by sums and not by a matrix",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "Copied notes print b_hi in the output gate. What stands there is $b_ho; $b_hi belongs to the input gate.",
        "Only the sum of a gate's two biases counts, as of $b_ii and $b_hi. Papers have that one; torch keeps two for "
        "cuDNN's sake.",
    )

    def equations(self) -> str:
        """https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html."""
        return """
i = sigmoid(W_ii @ x + b_ii + W_hi @ h + b_hi)
f = sigmoid(W_if @ x + b_if + W_hf @ h + b_hf)
g = tanh(W_ig @ x + b_ig + W_hg @ h + b_hg)
o = sigmoid(W_io @ x + b_io + W_ho @ h + b_ho)
c = f * c + i * g
h = o * tanh(c)
"""

    @override
    def vector_widths(self) -> Declared:
        return (("h", ("H_cell", "H_out")), ("c", ("H_cell",)))

    @property
    def keras_biases(self) -> int | None:
        """One, of its LSTM."""
        return 1


class LSTM(_LongShortTerm, StackedLayer):
    """torch.nn.LSTM; with `proj_size` the state h is projected: `h = W_hr @ h`."""

    options: ClassVar[Mapping[str, Option]] = {
        **StackedLayer.options,
        "proj_size": Option(
            "W_hr projects h_t to so many features, and c_t keeps hidden_size; 0 is no projection.",
            lambda layer: layer.hidden_size // 2,
        ),
    }
    remarks: ClassVar[tuple[str, ...]] = (
        *_LongShortTerm.remarks,
        "$W_hr makes h_t narrower than c_t: $h_n, $c_n. Only $has_proj_size has a proj_size.",
        *StackedLayer.remarks,
    )
    fullest: ClassVar[Mapping[str, int]] = {"proj_size": 1}

    type: Literal["LSTM"]
    proj_size: Width = 0

    @override
    def equations(self) -> str:
        return super().equations() + ("h = W_hr @ h\n" if self.proj_size else "")

    @override
    def vector_widths(self) -> Declared:
        """Projected, h is no longer as wide as c."""
        return (("h", ("H_out",)), ("c", ("H_cell",))) if self.proj_size else super().vector_widths()

    @property
    @override
    def keras_biases(self) -> int | None:
        """None where it projects, which Keras' LSTM does not."""
        return None if self.proj_size else super().keras_biases

    @property
    def h_out(self) -> int:
        """H_out: proj_size if > 0, else hidden_size."""
        return self.proj_size or self.hidden_size

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        # why: torch builds no LSTM with a projection as wide as its cell, though LSTM-512-512 has been published.
        if self.proj_size >= self.hidden_size:
            raise Misfit(
                "proj_size",
                f"expected less than hidden_size {self.hidden_size}, got {self.proj_size}",
                "torch projects to fewer features only; proj_size: 0 is no projection",
            )
        return super().fit(signal, earlier)


class LSTMCell(_LongShortTerm, CellLayer):
    """torch.nn.LSTMCell."""

    remarks: ClassVar[tuple[str, ...]] = (*_LongShortTerm.remarks, *CellLayer.remarks)

    type: Literal["LSTMCell"]
