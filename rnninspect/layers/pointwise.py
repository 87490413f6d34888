"""Layers that treat each token by itself, so that any leading axes, packed ones too, pass through."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.facts import Ops, TensorFact, WeightFact
from rnninspect.layers.layer import NOTHING_KEPT, Kept, Layer, Wants
from rnninspect.layers.signal import Signal


class PointwiseLayer(Layer):
    """One input, one output, no state."""

    def inputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        """See Layer.inputs."""
        return (signal.tensor("input", "H_in", dtype),)

    def outputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        """See Layer.outputs."""
        return (self.emits(signal).tensor("output", "H_out", dtype),)

    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        """See Layer.weights."""
        return ()

    def forward_ops(self, signal: Signal) -> Ops:
        """See Layer.forward_ops."""
        return Ops(0, 0)

    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """See Layer.backward_ops."""
        return Ops(0, 0)

    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """See Layer.kept."""
        return NOTHING_KEPT
