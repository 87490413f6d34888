"""The least time that a phase can take on a device, worked out from the layers' equations: three terms, all in seconds.

    compute   2 x MACs / FLOP/s         the matrix products that cannot be left out
    traffic   bytes / (bytes/s)         what has to move between memory and chip
    latency   S x least time of a step  the steps that wait for one another, S of them

Within one pass of one layer the three may overlap, so it takes at least the largest of them. Passes run one after
another, layer after layer and backward after forward, so their times are added up. Where layers have wires, those are
added up that wait for one another, along the chain that takes longest: an encoder, and the decoder that reads it or
starts from its states. What stands beside them shares the device, so a pass takes no less than all its products, or all
that moves.

Steps. For L time steps and K stacked layers in one direction S = L + K - 1: layer k can take its step t as soon as
layer k - 1 has taken it, as cuDNN does. In both directions S = K x L: the two run at the same time, but a layer waits
for all of its input. Cells and JordanRNN have K = 1; layers without a state have no steps. A packed batch has the L
of its longest sequence, and the products of its real tokens.

Memory. Every input, weight, output, state and gradient moves once. A forward pass with a graph also writes every
vector of the equations, because the backward pass reads it. What one layer hands to the next within a pass stays on
the chip. The matrices of the recurrence are read at every step. Of those of one layer in one direction, the bytes
beyond `on_chip` come from memory again at every step; the bytes beyond `in_core` come at every step from the chip's
own memory, where its bytes/s are known. (On a CPU with one sequence this is the largest term, and a larger batch
costs nothing.) Calls are made in a loop over the same data: what fits the chip stays there from one call to the next
and does not move, unless `cold`. Of a table that is looked up, no more rows than tokens move.

Backward takes the steps again. It has every product twice: for the gradient of its vector (step by step inside the
recurrence, in one large product outside), and for the gradient of its matrix (all steps together). Gradients that
autograd does not compute are left out: of frozen weights, of an input that requires none, of h_0 (`plan` counts
them).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.bench.records import Bound, Peaks
from rnninspect.cells.ops import state_terms
from rnninspect.cells.tree import Cell, Product, Value
from rnninspect.cells.widths import Declared, widths
from rnninspect.document.chain import Link
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.models import LayerFacts
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.defined import DefinedLayer
from rnninspect.layers.layer import Layer, Wants
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.layers.window import WindowLayer
from rnninspect.letters import shape_of
from rnninspect.plan import wants_of

REGIMES = ("compute", "bandwidth", "latency")
# A step is one of each of these, the one after the other.
PASSES = {
    "forward": ("forward",),
    "forward+grad": ("forward+grad",),
    "backward": ("backward",),
    "step": ("forward+grad", "backward"),
}


def planned_bytes(layers: Sequence[LayerFacts], phase: str) -> int:
    """Parameters and buffers; outputs and states, or in training what is kept if that is more; gradients."""
    parameters = sum(layer.counts.nbytes + layer.buffer_bytes for layer in layers)
    outputs = sum(layer.output_bytes or 0 for layer in layers)
    kept = 0 if phase == "forward" else sum(layer.kept_for_backward_bytes or 0 for layer in layers)
    gradients = sum(layer.counts.gradient_bytes for layer in layers) if "backward" in PASSES[phase] else 0
    return parameters + max(outputs, kept) + gradients


class ChipMemory(NamedTuple):
    """What is assumed of memory.

    on_chip: bytes that the chip can hold (caches, registers); None: as many as are needed. in_core: those of them that
    lie next to the units that compute (the innermost cache). cold: the caches are emptied before every call.
    """

    on_chip: int | None
    in_core: int = 0
    cold: bool = False


class Work(NamedTuple):
    """What one pass of one layer has to do.

    macs: multiply-accumulates. nbytes: what moves once; again: what moves a second time and more often, because it
    does not fit the chip; inside: what moves within the chip. steps: S.
    """

    macs: int
    nbytes: int
    again: int
    inside: int
    steps: int


def bound(
    links: Sequence[Link],
    layers: Sequence[LayerFacts],
    phase: str,
    peaks: Peaks,
    *,
    dtype: str,
    memory: ChipMemory,
    input_grad: bool = False,
) -> Bound | None:
    """The least time of a phase of these layers, run in order; None where there is nothing that takes time.

    layers: what `plan_layers` says of them. peaks: `step_seconds` is asked for "LSTM backward" (`step_name` and
    pass), else for "LSTM". input_grad: the first input and the first states require a gradient.
    """
    compute = traffic = latency = seconds = 0.0
    wants = wants_of(links, [layer.weights for layer in layers], input_grad)
    for name in PASSES[phase]:
        least, chains, products, moves = [], [], 0.0, 0.0
        for link, facts, incoming in zip(links, layers, wants, strict=True):
            work = work_of(link, facts, name, dtype=dtype, memory=memory, wants=incoming)
            multiplied = 2 * work.macs / peaks.flops
            moved = _moved(work, memory) / peaks.bandwidth
            if peaks.chip_bandwidth is not None:
                moved = max(moved, work.inside / peaks.chip_bandwidth)
            chains.append(work.steps * step_seconds(peaks, step_name(link.layer), name))
            least.append(max(multiplied, moved, chains[-1]))
            products, moves = products + multiplied, moves + moved
        compute, traffic, latency = compute + products, traffic + moves, latency + _longest(links, chains)
        seconds += max(_longest(links, least), products, moves)
    if seconds == 0:
        return None
    regime = max(zip((compute, traffic, latency), REGIMES, strict=True), key=lambda term: term[0])[1]
    return Bound(
        seconds=seconds, compute=compute, traffic=traffic, latency=latency, regime=regime, calibrated=peaks.calibrated
    )


def _longest(links: Sequence[Link], seconds: Sequence[float]) -> float:
    """The seconds of the chain of layers that takes longest, each of which waits for the one before it."""
    until: dict[str, float] = {}
    for link, own in zip(links, seconds, strict=True):
        before = (*link.wires.reads, link.wires.add, link.wires.state_from)
        until[link.layer.name] = own + max(until.get(name, 0.0) for name in before)
    return max(until.values())


def macs_of(layers: Sequence[LayerFacts], phase: str) -> int:
    """The multiply-accumulates of a phase: not those of a gradient that nobody wants."""
    return sum(_macs(layer, name) for layer in layers for name in PASSES[phase])


def step_name(layer: Layer) -> str:
    """What a layer's step is called among `step_seconds`: "LSTM"; of a cell of equations the layer too, "Cell rnn".

    why the layer: two of one type may differ in their equations, constants and sizes.
    """
    return f"{layer.type} {layer.name}" if isinstance(layer, DefinedLayer) else layer.type


def step_seconds(peaks: Peaks, kind: str, name: str) -> float:
    """The least time of one step of a kind of layer in a pass: that pass's own, else the kind's, else 0."""
    return peaks.step_seconds.get(f"{kind} {name}", peaks.step_seconds.get(kind, 0.0))


def chain_steps(layer: Layer, signal: Signal) -> int:
    """S: how many time steps wait for one another."""
    if not isinstance(layer, Recurrent):
        return 0
    length = signal.batch.letters["L"]
    return length * layer.depth if layer.directions > 1 else length + layer.depth - 1


def work_of(link: Link, facts: LayerFacts, name: str, *, dtype: str, memory: ChipMemory, wants: Wants) -> Work:
    """What one pass has to do: "forward", "forward+grad" or "backward"."""
    layer, signal, weights = link.layer, link.signal, facts.weights
    inputs = sum(tensor.known_nbytes for tensor in layer.inputs(signal, dtype))
    outputs = sum(tensor.known_nbytes for tensor in layer.outputs(signal, dtype))
    # why none where they are shared: the layer whose they are has moved them.
    moving = () if link.wires.same_as else weights
    read = sum(_read(weight, layer, signal) for weight in moving)
    kept = _kept(layer) * signal.tokens * ITEM_BYTES[dtype]
    steps, length = chain_steps(layer, signal), signal.batch.letters["L"]
    if name != "backward":
        saved = kept if name == "forward+grad" else 0
        again, inside = _beyond(layer, dtype, memory.on_chip, length - 1), _beyond(layer, dtype, memory.in_core, length)
        return Work(
            macs=_macs(facts, name), nbytes=inputs + read + outputs + saved, again=again, inside=inside, steps=steps
        )
    trained = [weight for weight in weights if weight.trainable]
    if not trained and not any(wants):
        return Work(macs=0, nbytes=0, again=0, inside=0, steps=0)
    x = signal.tensor("x", "", dtype).known_nbytes
    # The gradient of the output alone: those of the last states are zero where nobody reads them.
    y = layer.emits(signal).tensor("y", "", dtype).known_nbytes
    gradients = sum(_read(weight, layer, signal) for weight in moving if weight.trainable) + (x if wants.input else 0)
    # why the output too: it is the h that the gradient of W_hh is made with.
    reread = (x + (outputs if steps else 0)) if trained else 0
    # why one less than forward: nobody wants the gradient of h_0.
    again = _beyond(layer, dtype, memory.on_chip, max(length - 2, 0))
    inside = _beyond(layer, dtype, memory.in_core, length - 1)
    return Work(
        macs=_macs(facts, name), nbytes=read + kept + y + reread + gradients, again=again, inside=inside, steps=steps
    )


def _moved(work: Work, memory: ChipMemory) -> int:
    if memory.cold:
        return work.nbytes + work.again
    return work.again + (0 if memory.on_chip is None else max(work.nbytes - memory.on_chip, 0))


def _macs(layer: LayerFacts, name: str) -> int:
    ops = layer.backward if name == "backward" else layer.forward
    return 0 if ops is None else ops.macs


# --- from the equations -------------------------------------------------------------------------------------


def stack(layer: Layer) -> Iterator[tuple[Cell, Declared, Mapping[str, int], int]]:
    """The cells of a layer, each as often as it stands there: the first, and those above it, which are all alike."""
    cell = layer.cell
    if cell is None:
        return
    depth, directions = (layer.depth, layer.directions) if isinstance(layer, Recurrent) else (1, 1)
    yield cell, layer.declared(0), layer.sizes(), directions
    if depth > 1:
        yield cell, layer.declared(1), layer.sizes(), directions * (depth - 1)


def _chain_elements(cell: Cell, declared: Declared, sizes: Mapping[str, int]) -> int:
    """Elements of the matrices that multiply anything but x, and so are wanted at every step."""
    solved = widths(cell, declared)
    matrices = dict.fromkeys(
        node.matrix for node in cell.nodes if isinstance(node, Product) and node.operand != Value("x", 0)
    )
    return sum(math.prod(shape_of((solved.length(matrix), solved.columns(matrix)), sizes)) for matrix in matrices)


def _kept(layer: Layer) -> int:
    """Elements for each token that a graph keeps besides inputs and outputs: every vector that is assigned."""
    kept = 0
    for cell, declared, sizes, times in stack(layer):
        solved = widths(cell, declared)
        kept += times * sum(shape_of((solved.length(e.target),), sizes)[0] for e in cell.equations)
    if layer.cell is not None:
        kept -= layer.width_out if isinstance(layer, Recurrent) else layer.sizes()["H_out"]
    return kept


def _beyond(layer: Layer, dtype: str, held: int | None, steps: int) -> int:
    """Bytes of the recurrence's matrices beyond `held`, for one layer in one direction at a time, at so many steps."""
    if held is None:
        return 0
    return steps * sum(
        times * max(_chain_elements(cell, declared, sizes) * ITEM_BYTES[dtype] - held, 0)
        for cell, declared, sizes, times in stack(layer)
    )


def _read(weight: WeightFact, layer: Layer, signal: Signal) -> int:
    """Bytes of a weight that move: all of it, or of one that nothing is multiplied by, a row for each token."""
    if layer.cell is not None or isinstance(layer, WindowLayer):
        return weight.nbytes
    return min(weight.nbytes, signal.tokens * weight.shape[-1] * ITEM_BYTES[weight.dtype])


def best_of(one: Peaks, other: Peaks) -> Peaks:
    """The best of two calibrations of one device in one dtype: what disturbs takes away, and never adds."""
    kinds = one.step_seconds.keys() | other.step_seconds.keys()
    both = {
        kind: min(peaks.step_seconds[kind] for peaks in (one, other) if kind in peaks.step_seconds)
        for kind in sorted(kinds)
    }
    chips = [peaks.chip_bandwidth for peaks in (one, other) if peaks.chip_bandwidth is not None]
    flops, bandwidth = max(one.flops, other.flops), max(one.bandwidth, other.bandwidth)
    calibrated = one.calibrated or other.calibrated
    # why neither where one was quiet: the best of both is at least as good as the quiet one.
    disturbed = one.disturbed and other.disturbed
    return Peaks(
        flops=flops,
        bandwidth=bandwidth,
        step_seconds=both,
        calibrated=calibrated,
        chip_bandwidth=max(chips, default=None),
        disturbed=disturbed,
    )


def deepbench_flops(layer: Layer, tokens: int) -> int | None:
    """2 G T N H^2: the matrices that a state is multiplied by alone, for every token; None for a layer that has none.

    Those of a layer with G gates are G H^2, of each direction and stacked layer; what projects a state, biases and
    elementwise work are not counted. The same count stands for the gradient of the data and for that of the weights.
    Source: the formulas in the TFLOPS cells of DeepBench's result sheets for training.
    tokens: T N, or the real tokens of a packed batch.
    """
    macs = sum(times * state_terms(cell, declared).ops(sizes).macs for cell, declared, sizes, times in stack(layer))
    return 2 * macs * tokens or None
