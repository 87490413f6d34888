"""torch.nn.Embedding: a table with one row for each token index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.facts.amounts import Ops
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.fields import Expect, Flag, Index, InitOfWeight, Positive, Size
from rnninspect.layers.layer import InitLayer, Kept, Layer, Misfit, Wants
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.signal import Signal


class Embedding(PointwiseLayer, InitLayer):
    """y = W[x]: rows of W (num_embeddings, H_out) picked by index. It reads an input of the model, and no layer.

    init: the law of W's first values in place of torch's; the row of padding_idx is zeros all the same.
    """

    ours: ClassVar[frozenset[str]] = InitLayer.ours | {"init"}

    summary: ClassVar[str] = "y_t = W[x_t]: row x_t of the table W; nothing is multiplied and no bias added."

    type: Literal["Embedding"]
    num_embeddings: Size
    embedding_dim: Size
    padding_idx: Annotated[Index | None, Expect("an integer")] = None
    max_norm: Annotated[Positive | None, Expect("a number > 0")] = None
    norm_type: Positive = 2.0
    scale_grad_by_freq: Flag = False
    sparse: Flag = False
    init: InitOfWeight = None

    @property
    @override
    def takes_any_width(self) -> bool:
        """It takes token indices, and no features."""
        return False

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        if signal.width is not None:
            if signal.producer is None:
                message = "an Embedding takes token indices; another layer reads this input as features"
                raise Misfit("type", message, "give it an input of its own")
            message = f"expected features for layer {signal.producer!r} to feed; an Embedding takes token indices"
            raise Misfit("type", message, "make it the first layer")
        if self.padding_idx is not None and not -self.num_embeddings <= self.padding_idx < self.num_embeddings:
            raise Misfit(
                "padding_idx",
                f"expected a row of {self.num_embeddings}, {-self.num_embeddings} to {self.num_embeddings - 1}, "
                f"got {self.padding_idx}",
            )
        self.check_laws()
        return self

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        table = WeightFact(
            name="weight",
            symbol="W",
            axes=("num_embeddings", "H_out"),
            shape=(self.num_embeddings, self.embedding_dim),
            dtype=dtype,
            init=Init("normal", std=1.0, zero_row=self.padding_idx, torchs=True),
            trainable=self.trainable,
        )
        return self.with_laws((table,))

    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """Each token's gradient is added to its row."""
        return Ops(0, self.trainable * signal.tokens * self.embedding_dim)

    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """The indices, which say to which rows gradients are added."""
        return Kept(0, input=self.trainable, output=False)

    @override
    def emits(self, signal: Signal) -> Signal:
        return signal.to(self.embedding_dim, self.name)
