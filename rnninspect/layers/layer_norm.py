"""torch.nn.LayerNorm (Ba et al. 2016)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.fields import Expect, Flag, Positive, Shape
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Misfit, Wants, inferred
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.signal import Signal
from rnninspect.letters import shape_of


class LayerNorm(PointwiseLayer):
    """y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * w + b over the last axes, those of normalized_shape."""

    summary: ClassVar[str] = (
        "y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * w + b over the last axes, those of normalized_shape."
    )

    width_field: ClassVar[str] = "normalized_shape"

    type: Literal["LayerNorm"]
    normalized_shape: Annotated[Shape | None, Expect("an integer >= 1 or a list of them")] = None
    eps: Positive = 1e-5
    elementwise_affine: Flag = True
    bias: Flag = True

    @property
    def shape(self) -> tuple[int, ...]:
        """normalized_shape of a fitted layer, as a tuple."""
        if self.normalized_shape is None:
            raise ValueError(f"layer {self.name!r} has not been fitted to its input")
        return (self.normalized_shape,) if isinstance(self.normalized_shape, int) else tuple(self.normalized_shape)

    @property
    @override
    def asked_width(self) -> int | None:
        return self.normalized_shape[-1] if isinstance(self.normalized_shape, list) else self.normalized_shape

    @property
    def width_in(self) -> int:
        """H_in of a fitted layer."""
        return self.shape[-1]

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        width = inferred("normalized_shape", self.asked_width, signal)
        # why of a list of one too: both mean the features, and make the same model.
        if not isinstance(self.normalized_shape, list) or len(self.normalized_shape) == 1:
            return self.model_copy(update={"normalized_shape": width})
        whole = (*shape_of(signal.axes, signal.batch.letters), width)
        if self.shape != whole[-len(self.shape) :]:
            raise Misfit(
                "normalized_shape",
                f"expected the last sizes of its input {whole}, got {self.normalized_shape}",
                f"{width} alone normalizes each token by itself",
            )
        return self

    @override
    def spans(self, signal: Signal) -> frozenset[str]:
        """The axes besides the features that normalized_shape reaches over."""
        return frozenset((*signal.axes, "H_in")[-len(self.shape) :]) - {"H_in"}

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        """w starts as ones, b as zeros."""
        if not self.elementwise_affine:
            return ()
        laws = {"weight": ("w", Init("ones", torchs=True)), "bias": ("b", Init("zeros", torchs=True))}
        names = ("weight", "bias") if self.bias else ("weight",)
        return tuple(
            WeightFact(
                name=name,
                symbol=laws[name][0],
                axes=(*("*",) * (len(self.shape) - 1), "H_in"),
                shape=self.shape,
                dtype=dtype,
                init=laws[name][1],
                trainable=self.trainable,
            )
            for name in names
        )

    def forward_ops(self, signal: Signal) -> Ops:
        """Per element: two sums for the means, x - mean, its square, the division, and one each for w and b.

        What is done once per normalized group (dividing a sum, adding eps, the root) is left out.
        """
        return Ops(0, (5 + self._affine) * signal.elements)

    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """Per element, with z the normalized x: dx = (g w - mean(g w) - z mean(g w z)) / sigma.

        g w, its sum, (g w) z and its sum, z times a mean, two subtractions, one division; and for w, g z and its
        sum over tokens, for b the sum of g.
        """
        w, b = self.elementwise_affine, self.elementwise_affine and self.bias
        each = wants.input * (7 + w) + self.trainable * (2 * w + b)
        return Ops(0, each * signal.elements)

    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """x, and each normalized group's mean and sigma, from which z is made again."""
        if not wants.input and not (self.trainable and self.elementwise_affine):
            return NOTHING_KEPT
        groups = signal.elements // math.prod(self.shape)
        return Kept(2 * groups * ITEM_BYTES[dtype], input=True, output=False)

    @property
    def _affine(self) -> int:
        return self.elementwise_affine * (1 + self.bias)
