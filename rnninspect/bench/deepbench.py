"""DeepBench's count of operations, so that figures can be laid beside those that it published."""

from __future__ import annotations

from rnninspect.bench.bound import stack
from rnninspect.cells.ops import state_terms
from rnninspect.layers.layer import Layer


def deepbench_flops(layer: Layer, tokens: int) -> int | None:
    """2 G T N H^2: the matrices that a state is multiplied by alone, for every token; None for a layer that has none.

    Those of a layer with G gates are G H^2, of each direction and stacked layer; what projects a state, biases and
    elementwise work are not counted. The same count stands for the gradient of the data and for that of the weights.
    Source: the formulas in the TFLOPS cells of DeepBench's result sheets for training.
    tokens: T N, or the real tokens of a packed batch.
    """
    macs = sum(times * state_terms(cell, declared).ops(sizes).macs for cell, declared, sizes, times in stack(layer))
    return 2 * macs * tokens or None
