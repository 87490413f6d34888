"""DeepBench's count of operations, so that figures can be laid beside those that it published."""

from __future__ import annotations

from rnninspect.facts import LayerFacts


def deepbench_flops(layer: LayerFacts, tokens: int) -> int | None:
    """2 G T N H^2: the recurrent matrices alone, for every token; None for a layer that has none.

    The recurrent weights of a layer with G gates are G H^2, of each direction and stacked layer; biases and
    elementwise work are not counted. The same count stands for the gradient of the data and for that of the weights.
    Source: the formulas in the TFLOPS cells of DeepBench's result sheets for training.
    tokens: T N, or the real tokens of a packed batch.
    """
    recurrent = layer.counts.recurrent
    return 2 * recurrent * tokens if recurrent else None
