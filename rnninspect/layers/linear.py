"""torch.nn.Linear, the same at every step; with `tied_to` an Embedding's table is its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from typing_extensions import override

from rnninspect.cells.language import parse
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared
from rnninspect.errors import did_you_mean
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.fields import Expect, Flag, InitOfWeight, Size
from rnninspect.layers.layer import InitLayer, Layer, Misfit, inferred
from rnninspect.layers.pointwise import EquationLayer
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import cell_weights, uniform

_WIDTHS: Declared = (("x", ("H_in",)), ("y", ("H_out",)))


class Linear(EquationLayer, InitLayer):
    """y = W x + b, W of shape (H_out, H_in).

    tied_to: the name of an earlier Embedding whose table (num_embeddings, embedding_dim) is this layer's W, one
    tensor for both, as in language models (Press & Wolf 2017); it is counted once, at the Embedding.
    init: laws for first values in place of torch's; those of a W that is tied are the Embedding's.
    """

    ours: ClassVar[frozenset[str]] = InitLayer.ours | {"tied_to", "init"}
    width_field: ClassVar[str] = "in_features"
    meanings: ClassVar[Mapping[str, str]] = {
        "x": "input: the features that come in",
        "y": "output: the features that go out",
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "This is the V of the textbook's o_t = g(V S_t), without g, which is usually the loss's own: cross entropy "
        "brings the softmax.",
    )

    type: Literal["Linear"]
    in_features: Size | None = None
    out_features: Size | None = None
    bias: Flag = True
    tied_to: Annotated[str | None, Expect("the name of an Embedding")] = None
    init: InitOfWeight = None

    @property
    @override
    def cell(self) -> Cell:
        return parse("y = W @ x + b", bias=self.bias)

    @override
    def declared(self, layer: int) -> Declared:
        """The same in every layer: nothing is stacked."""
        return _WIDTHS

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        in_features = inferred("in_features", self.in_features, signal)
        if self.tied_to is None:
            if self.out_features is None:
                raise Misfit("out_features", "required", "add out_features, or tied_to: an Embedding's name")
            fitted = self.model_copy(update={"in_features": in_features})
            fitted.check_laws()
            return fitted
        table = earlier.get(self.tied_to)
        if not isinstance(table, Embedding):
            known = [name for name, layer in earlier.items() if isinstance(layer, Embedding)]
            raise Misfit(
                "tied_to",
                f"expected the name of an earlier Embedding, got {self.tied_to!r}",
                did_you_mean(self.tied_to, known) if known else "there is no Embedding before it",
            )
        if table.embedding_dim != in_features:
            raise Misfit(
                "tied_to",
                f"expected an Embedding with embedding_dim {in_features}, the width of this layer's input; "
                f"{self.tied_to!r} has {table.embedding_dim}",
                "put a Linear between, or make the sizes equal",
            )
        if self.out_features not in (None, table.num_embeddings):
            raise Misfit(
                "out_features",
                f"expected {table.num_embeddings}, the num_embeddings of {self.tied_to!r}, got {self.out_features}",
                "leave out_features out",
            )
        fitted = self.model_copy(update={"in_features": in_features, "out_features": table.num_embeddings})
        fitted.check_laws()
        return fitted

    @override
    def check_laws(self) -> None:
        if self.tied_to is not None and (self.init or {}).get("weight") is not None:
            message = f"expected none: the weight is {self.tied_to}.weight"
            raise Misfit("init.weight", message, f"write it in the init of {self.tied_to}")
        super().check_laws()

    @property
    @override
    def filled_in(self) -> frozenset[str]:
        """Of one that is tied its output too, which is as wide as the table is long."""
        return super().filled_in | ({"out_features"} if self.tied_to else set())

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        weight, *rest = cell_weights(
            self.cell, _WIDTHS, self.sizes(), dtype=dtype, init=uniform(self.width_in), trainable=self.trainable
        )
        shared_with = None if self.tied_to is None else f"{self.tied_to}.weight"
        return self.with_laws((replace(weight, shared_with=shared_with), *rest))

    @override
    def emits(self, signal: Signal) -> Signal:
        return signal.to(self.sizes()["H_out"], self.name)

    @override
    def sizes(self) -> dict[str, int]:
        return {"H_in": self.fitted(self.in_features), "H_out": self.fitted(self.out_features)}
