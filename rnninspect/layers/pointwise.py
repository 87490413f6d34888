"""Layers that treat each token by itself, so that any leading axes, packed ones too, pass through."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from typing_extensions import override

from rnninspect.cells import backward
from rnninspect.cells.ops import forward_terms
from rnninspect.cells.reach import Sources
from rnninspect.cells.tree import Cell
from rnninspect.facts.amounts import Ops
from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Misfit, Wants
from rnninspect.layers.signal import Signal


def need_width(what: str, signal: Signal) -> None:
    """Raise Misfit where nothing says how wide the input of a layer is that takes any width."""
    if signal.width is None:
        raise Misfit(
            "type",
            f"{what} cannot come first: nothing says how wide its input is",
            "put a layer before it, or say in the one after it how wide its input is",
        )


class PointwiseLayer(Layer):
    """One input, one output, no state; as it stands, without parameters and of one width."""

    @property
    def takes_rows(self) -> bool:
        """Whether torch's module has its features at axis 1, so that it is fed with tokens as rows, (tokens, H_in)."""
        return False

    @override
    def outputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        return (self.emits(signal).tensor("output", "H_out", dtype),)

    @override
    def forward_ops(self, signal: Signal) -> Ops:
        return Ops(0, 0)

    @override
    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        return Ops(0, 0)

    @override
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        return NOTHING_KEPT

    @override
    def emits(self, signal: Signal) -> Signal:
        return signal.to(signal.features, self.name)


class EquationLayer(PointwiseLayer):
    """One that is defined by an equation, `y = W @ x + b`: its vectors are x and y."""

    @property
    @abstractmethod
    @override
    def cell(self) -> Cell:
        """The layer's equation."""

    @property
    @override
    def width_in(self) -> int:
        """H_in of a fitted layer."""
        return self.sizes()["H_in"]

    @override
    def forward_ops(self, signal: Signal) -> Ops:
        return forward_terms(self.cell, self.declared(0)).ops(self.sizes()).times(signal.tokens)

    @override
    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        terms = backward.backward_terms(self.cell, self.declared(0), self._sources(weights, wants))
        return terms.ops(self.sizes()).times(signal.tokens)

    @override
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        by_token = backward.kept(self.cell, self.declared(0), self._sources(weights, wants))
        return Kept(0, input=by_token.input, output=False)

    def _sources(self, weights: Sequence[WeightFact], wants: Wants) -> Sources:
        """What wants a gradient. weights: as they are trained where they are owned."""
        # why by the weight: one that is tied trains where its Embedding does.
        trains = weights[0].trainable if weights else self.trainable
        (sources,) = backward.gradient_sources(
            self.cell, matrices=trains, biases=self.trainable, x=wants.input, states=()
        )
        return sources
