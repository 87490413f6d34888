"""Layers that treat each token by itself, so that any leading axes, packed ones too, pass through."""

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from rnninspect.facts.amounts import Ops
from rnninspect.facts.tensors import TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Wants
from rnninspect.layers.signal import Signal


class PointwiseLayer(Layer):
    """One input, one output, no state; as it stands, without parameters and of one width."""

    @override
    def inputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        return (signal.tensor("input", "H_in", dtype),)

    @override
    def outputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        return (self.emits(signal).tensor("output", "H_out", dtype),)

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        return ()

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
