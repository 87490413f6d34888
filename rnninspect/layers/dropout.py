"""torch.nn.Dropout: the identity in eval mode, which is the mode that the counts are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.fields import Flag, Probability
from rnninspect.layers.layer import Kept, Layer, Wants
from rnninspect.layers.pointwise import PointwiseLayer, need_width
from rnninspect.layers.signal import Signal


class Dropout(PointwiseLayer):
    """Zeroes each element with probability p while training."""

    summary: ClassVar[str] = (
        "y = x in eval(); while training each element is zeroed with probability p, and the others are divided by "
        "1 - p."
    )

    type: Literal["Dropout"]
    p: Probability = 0.5
    inplace: Flag = False

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        need_width("a Dropout", signal)
        return self

    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """The mask: a number for each element."""
        masked = wants.input and self.p > 0
        return Kept(masked * signal.elements * ITEM_BYTES[dtype], input=False, output=False)
