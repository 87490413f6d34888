"""torch's activations: an equation each, and what torch's kernel for it keeps for the backward pass.

Numbers stand in the equations as they are set: `y = max(x, 0.01 * x)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import PrivateAttr
from typing_extensions import override

from rnninspect.cells.language import parse
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.fields import Expect, Flag, Index, Positive, Real, Size
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Misfit, Wants
from rnninspect.layers.pointwise import EquationLayer, need_width
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import cell_weights

# One width, by both of its letters.
_WIDTHS: Declared = (("x", ("H_in",)), ("y", ("H_in", "H_out")))

_X = "input: the features that come in"


class Activation(EquationLayer):
    """A function of a token's features, by its equation; the width stays."""

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: as many features"}
    # What torch's kernel works the gradient out with: what it has put out, or what went in.
    keeps_output: ClassVar[bool] = False
    # The equation of a kind that has no numbers in it.
    text: ClassVar[str] = ""

    _width: int | None = PrivateAttr(None)

    def equation(self) -> str:
        """The text of the equation, with the numbers in it."""
        return self.text

    @property
    @override
    def cell(self) -> Cell:
        return parse(self.equation())

    @override
    def declared(self, layer: int) -> Declared:
        return _WIDTHS

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        need_width(self.type, signal)
        fitted = self.model_copy()
        fitted._width = signal.width
        return fitted

    @override
    def sizes(self) -> dict[str, int]:
        width = self.fitted(self._width)
        return {"H_in": width, "H_out": width}

    @override
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        # why not by the equation: torch has one kernel for all of it, which keeps one tensor.
        if not wants.input and not any(weight.trainable for weight in weights):
            return NOTHING_KEPT
        if not self.keeps_output:
            return Kept(0, input=True, output=False)
        return Kept(signal.elements * ITEM_BYTES[dtype], input=False, output=True)

    @override
    def notes(self) -> tuple[tuple[str, str], ...]:
        if not getattr(self, "inplace", False):
            return ()
        return (("inplace", "it is counted and run as if it were false, for what goes in is looked at afterwards"),)


class ReLU(Activation):
    """y = ReLU(x) = max(x, 0)."""

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: max(x, 0)"}
    keeps_output: ClassVar[bool] = True
    text: ClassVar[str] = "y = relu(x)"

    type: Literal["ReLU"]
    inplace: Flag = False


class Tanh(Activation):
    """y = tanh(x)."""

    keeps_output: ClassVar[bool] = True
    text: ClassVar[str] = "y = tanh(x)"

    type: Literal["Tanh"]


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    keeps_output: ClassVar[bool] = True
    text: ClassVar[str] = "y = sigmoid(x)"

    type: Literal["Sigmoid"]


class LeakyReLU(Activation):
    """y = x where that is positive, negative_slope x where it is not."""

    type: Literal["LeakyReLU"]
    negative_slope: Real = 1e-2
    inplace: Flag = False

    @override
    def equation(self) -> str:
        # why two: of a slope above 1 the line below 0 is the lower one.
        larger = "max" if self.negative_slope <= 1 else "min"
        return f"y = {larger}(x, {self.negative_slope!r} * x)"


class ELU(Activation):
    """y = x where that is positive, alpha (exp(x) - 1) where it is not (Clevert et al. 2016)."""

    type: Literal["ELU"]
    alpha: Real = 1.0
    inplace: Flag = False

    @override
    def equation(self) -> str:
        factor = "" if self.alpha == 1 else f"{self.alpha!r} * "
        return f"y = max(x, 0) + {factor}(exp(min(x, 0)) - 1)"


class GELU(Activation):
    """y = x P(x), P being the normal distribution, or an approximation of it by tanh (Hendrycks & Gimpel 2016)."""

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: x P(x), P being the normal distribution"}

    type: Literal["GELU"]
    approximate: Annotated[Literal["none", "tanh"], Expect("none or tanh")] = "none"

    @override
    def equation(self) -> str:
        if self.approximate == "none":
            return "y = gelu(x)"
        # sqrt(2 / pi)
        return "y = x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x ** 3))) / 2"


class SiLU(Activation):
    """y = x sigmoid(x), which is also called swish."""

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: x sigmoid(x), which is also called swish"}
    text: ClassVar[str] = "y = silu(x)"

    type: Literal["SiLU"]
    inplace: Flag = False


class Hardtanh(Activation):
    """y = x, but no less than min_val and no more than max_val; with 0 and 6 it is ReLU6."""

    type: Literal["Hardtanh"]
    min_val: Real = -1.0
    max_val: Real = 1.0
    inplace: Flag = False

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        if self.min_val >= self.max_val:
            raise Misfit("max_val", f"expected more than min_val {self.min_val}, got {self.max_val}")
        return super().fit(signal, earlier)

    @override
    def equation(self) -> str:
        return f"y = min(max(x, {self.min_val!r}), {self.max_val!r})"


class Softplus(Activation):
    """y = log(1 + exp(beta x)) / beta; where beta x is beyond the threshold torch hands on x itself."""

    remarks: ClassVar[tuple[str, ...]] = (
        "Where beta x is beyond threshold torch hands on x itself, which the logarithm comes close to.",
    )

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: log(1 + exp(beta x)) / beta"}

    type: Literal["Softplus"]
    beta: Positive = 1.0
    threshold: Real = 20.0

    @override
    def equation(self) -> str:
        return "y = softplus(x)" if self.beta == 1 else f"y = softplus({self.beta!r} * x) / {self.beta!r}"


class _OverFeatures(Activation):
    """A function of all features of a token at once, which torch's module finds by the number of their axis."""

    keeps_output: ClassVar[bool] = True

    dim: Annotated[Index | None, Expect("an integer")] = None

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        features = len(signal.batch.padded_axes) if "T" in signal.axes else len(signal.axes)
        if self.dim is None:
            raise Misfit(
                "dim", "required: without it torch takes another axis than the features of a batch", "add dim: -1"
            )
        if self.dim not in (-1, features):
            raise Misfit("dim", f"expected -1, the features, got {self.dim}", "a document has no other axis for it")
        # why -1: of a packed batch they are another axis.
        return super().fit(signal, earlier).model_copy(update={"dim": -1})


class Softmax(_OverFeatures):
    """y = exp(x) / sum(exp(x)) over the features."""

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: exp(x) / sum(exp(x)), shares that add up to 1"}
    text: ClassVar[str] = "y = softmax(x)"

    type: Literal["Softmax"]


class LogSoftmax(_OverFeatures):
    """y = x - log(sum(exp(x))) over the features."""

    meanings: ClassVar[Mapping[str, str]] = {"x": _X, "y": "output: x - log(sum(exp(x))), logarithms of shares"}
    text: ClassVar[str] = "y = logsoftmax(x)"

    type: Literal["LogSoftmax"]


class PReLU(Activation):
    """y = x where that is positive, w x where it is not: w is learned, one or one a feature (He et al. 2015)."""

    type: Literal["PReLU"]
    num_parameters: Size = 1
    init: Real = 0.25

    @property
    @override
    def takes_rows(self) -> bool:
        return self.num_parameters > 1

    @property
    @override
    def asked_width(self) -> int | None:
        return None if self.num_parameters == 1 else self.num_parameters

    @property
    @override
    def takes_any_width(self) -> bool:
        return self.num_parameters == 1

    @override
    def declared(self, layer: int) -> Declared:
        return (*_WIDTHS, ("w", ("1",))) if self.num_parameters == 1 else _WIDTHS

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        if self.num_parameters == 1:
            return super().fit(signal, earlier)
        if signal.width not in (None, self.num_parameters):
            raise Misfit(
                "num_parameters",
                f"expected 1, or {signal.width} for the features that layer {signal.producer!r} puts out, "
                f"got {self.num_parameters}",
            )
        return super().fit(replace(signal, width=self.num_parameters), earlier)

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        law = Init("constant", value=self.init, torchs=True)
        widths = self.declared(0)
        sizes = {"H_in": self.num_parameters, "H_out": self.num_parameters}
        # why no Keras: its PReLU has one for each step too.
        weights = cell_weights(
            self.cell, widths, sizes, dtype=dtype, init=law, trainable=self.trainable, keras_biases=None
        )
        return tuple(weights)

    @override
    def equation(self) -> str:
        return "y = max(x, 0) + w * min(x, 0)"
