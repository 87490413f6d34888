"""What this device can do, measured here in some 0.4 s: products, memory, and the least time of a time step.

These are calibrations, no data-sheet figures: a phase's bound made from them is a model good to about 15 %. One
copy under-states what reading alone can reach, and a matrix product's best size is not known before.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rnninspect.bench.bound import PASSES, ChipMemory, step_name
from rnninspect.bench.clock import clock_for
from rnninspect.bench.records import Peaks, TimingRequest
from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.layers.families import SequenceLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, ModelInput, Signal
from rnninspect.runtime.device import DTYPES, seeded, threads
from rnninspect.runtime.memory import available_bytes
from rnninspect.runtime.modules import BuiltModel, LayerOutput, in_torch, make_feed, run
from rnninspect.runtime.precision import float32_precision, multiplying_float32
from rnninspect.runtime.recurrence import data_of
from rnninspect.runtime.torch_errors import refusals

# Seconds for each of the parts; each kind of cell has its own.
FLOPS_SECONDS, BANDWIDTH_SECONDS, CHIP_SECONDS, STEP_SECONDS = 0.12, 0.08, 0.03, 0.06
# A step is timed with one sequence, TINY wide; on CUDA a layer that is NARROW or less is timed as wide as it is.
TINY, NARROW = 8, 64
# The lengths between which a step is measured; the longer one is cut where steps are slow, which Python's are: of many
# short calls more are undisturbed than of few long ones.
SHORT, LEAST, LONGEST = 8, 40, 256
# why no more of the free memory: the model that is measured afterwards needs it.
_SHARE_OF_MEMORY = 8
_WIDEST = {"cpu": 2048}
_LARGEST_COPY = {"cpu": 2**28}


def calibrate(spec: Spec, device: torch.device, request: TimingRequest) -> Peaks:
    """Measure what `device` can do in the document's dtype, with torch's threads and precision as they are set.

    A step is timed for each of `timed_layers` in each pass that `request` needs: "LSTM backward". Where
    `request` has FLOP/s or bytes/s those are not measured; `calibrated` is False where it has both. Changes torch's
    generator and grad mode in nothing that lasts. Raises TorchRefused.
    """
    with (
        refusals(spec, "measure what the device can do", device),
        seeded(device, request.seed),
        _as_recurrent_layers_multiply(device),
    ):
        dtype = DTYPES[spec.dtype]
        flops = request.peak_flops or flops_of(device, dtype, FLOPS_SECONDS)
        bandwidth = request.bandwidth or bandwidth_of(device, BANDWIDTH_SECONDS)
        chip = None
        if device.type == "cpu" and request.bandwidth is None:
            # why a quarter: source and target lie in the caches, and not they alone.
            chip = max(bandwidth_of(device, CHIP_SECONDS, (memory_of(device).on_chip or 2**21) // 4), bandwidth)
        layers = timed_layers(spec, device)
        alike = {repr(layer): layer for layer in layers.values()}
        taken = {what: step_seconds_of(layer, spec, device) for what, layer in alike.items()}
        passes = dict.fromkeys(name for phase in request.phases for name in PASSES[phase])
        steps = {
            f"{kind} {name}": seconds
            for kind, layer in layers.items()
            for name, seconds in taken[repr(layer)].items()
            if name in passes
        }
    calibrated = request.peak_flops is None or request.bandwidth is None
    return Peaks(flops=flops, bandwidth=bandwidth, step_seconds=steps, calibrated=calibrated, chip_bandwidth=chip)


def memory_of(device: torch.device, *, cold: bool = False) -> ChipMemory:
    """What of memory is assumed of this device, with torch's threads as they are set.

    On the chip of a GPU: L2, registers and shared memory, as persistent kernels keep weights in the latter. Of a CPU:
    the L1 and L2 of as many cores as there are threads, and every L3, as if this process had them for itself.
    """
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        # why getattr: not every torch from 2.4 on tells all of them.
        each = 4 * getattr(properties, "regs_per_multiprocessor", 0)
        each += getattr(properties, "shared_memory_per_multiprocessor", 0)
        in_core = each * properties.multi_processor_count
        return ChipMemory(in_core + getattr(properties, "L2_cache_size", 0) or None, in_core, cold)
    if device.type != "cpu":
        return ChipMemory(None, 0, cold)
    caches, threads = _cpu_caches(), torch.get_num_threads()
    by_level = {level: sum(sizes[:threads] if level < 3 else sizes) for level, sizes in caches.items()}
    return ChipMemory(sum(by_level.values()) or None, by_level.get(1, 0), cold)


def flops_of(device: torch.device, dtype: torch.dtype, seconds: float) -> float:
    """FLOP/s of the best square matrix product found in so many seconds; a multiply-accumulate is two operations.

    why the best of all calls and sizes: the device can do it, and whatever disturbs can only take away. why seconds of
    the products: the first of every size may wait long for its library to be loaded, and is not counted.
    """
    spent = 0.0
    widest = min(_WIDEST.get(device.type, 8192), math.isqrt(_room(device) // (3 * dtype.itemsize)))
    side, best, before = 128, 0.0, 0.0
    while True:
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        product = partial(torch.mm, a, b, out=torch.empty_like(a))
        times = timed(product, device, 3, seconds / 20)
        taken, spent = min(times), spent + sum(times)
        best = max(best, 2 * side**3 / taken)
        # why the difference: threads that wait for a busy core add the same to small products and to large ones.
        next_takes = taken + 8 * (taken - before if taken > before else 0)
        late = side > 128 and spent + 4 * next_takes > seconds
        if late or 2 * side > widest:
            # why all the time that is left: a GPU that was idle takes a while to raise its clock.
            return max(best, 2 * side**3 / min(timed(product, device, 1, seconds - spent)))
        side, before = 2 * side, taken


def bandwidth_of(device: torch.device, seconds: float, nbytes: int | None = None) -> float:
    """Bytes/s of the best copy of `nbytes`, what is read and what is written both counted.

    None: more than the chip holds, as far as a part of the free memory goes.
    """
    if nbytes is None:
        chip = memory_of(device).on_chip or 2**25
        nbytes = min(max(2 * chip, 2**26), _LARGEST_COPY.get(device.type, 2**29), _room(device) // 2)
    # why filled: pages that were never written are all one page of zeros, which the cache holds.
    source = torch.ones(max(nbytes // 4, 2**14), dtype=torch.float32, device=device)
    target = torch.ones_like(source)
    return 2 * source.nbytes / min(timed(partial(target.copy_, source), device, 3, seconds / 2))


def timed(call: Callable[[], object], device: torch.device, calls: int, seconds: float = 0.0) -> list[float]:
    """Seconds of so many calls and, while all have not taken `seconds`, of more; one call before them warms up."""
    clock = clock_for(device, warm_l2=True)
    clock.call(call)
    times = [clock.call(call) for _ in range(calls)]
    spent = sum(times)
    while spent < seconds:
        times.append(clock.call(call))
        spent += times[-1]
    return times


def _room(device: torch.device) -> int:
    """Bytes that may be used: a part of what is free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] // _SHARE_OF_MEMORY
    return (available_bytes() or 2**30) // _SHARE_OF_MEMORY


def _as_recurrent_layers_multiply(device: torch.device) -> AbstractContextManager[None]:
    """Matrix products in the precision that cuDNN's recurrent layers have, TF32 or not: by default the two differ."""
    return multiplying_float32(float32_precision(), "matmul") if device.type == "cuda" else contextlib.nullcontext()


def _cpu_caches() -> dict[int, list[int]]:
    """Bytes of every cache for data by its level, each once however many CPUs share it; nothing where no one says."""
    sizes_by_cache: dict[tuple[int, str], int] = {}
    with contextlib.suppress(OSError, ValueError):
        for cache in sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cache/index*")):
            words = ("level", "type", "size", "shared_cpu_list")
            level, kind, size, shared = ((cache / name).read_text().strip() for name in words)
            if kind != "Instruction":
                sizes_by_cache[int(level), shared] = int(size.removesuffix("K")) * 1024
    return {
        level: [size for (other, _), size in sizes_by_cache.items() if other == level] for level, _ in sizes_by_cache
    }


# --- the least time of a step -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Tiny:
    """A tiny layer of some length, ready to run: its model, its link and what it is fed with."""

    steps: int
    model: BuiltModel
    link: Link
    feed: Any


def timed_layers(spec: Spec, device: torch.device) -> dict[str, Recurrent]:
    """The small layers whose steps are timed, by `step_name`. Those whose steps are alike have the same repr.

    TINY wide; on CUDA as wide as torch's own layers, where that is NARROW at the most. A wider layer's step takes no
    less than a tiny one's, so that the bound holds for it too, though it may be far below the time. A cell's own sizes
    stay as they are.
    """
    by_name: dict[str, Recurrent] = {}
    for link in spec.links:
        if isinstance(link.layer, Recurrent):
            width, name = TINY, step_name(link.layer)
            fused = isinstance(link.layer, SequenceLayer) and in_torch(link.layer)
            if device.type == "cuda" and fused and link.layer.hidden_size <= NARROW:
                width = link.layer.hidden_size
            # why the least: the step of a kind is for all its layers, and none may have a shorter one.
            if name in by_name:
                width = min(width, by_name[name].hidden_size)
            by_name[name] = _small(link.layer, width)
    return by_name


def step_seconds_of(layer: Recurrent, spec: Spec, device: torch.device) -> dict[str, float]:
    """The least seconds of one time step of a small layer, by pass: "forward", "forward+grad", "backward".

    The slope between two lengths, which leaves out what a call costs whatever its length. It is run
    with one sequence in the document's dtype, and on the CPU with one thread, because what several threads wait for one
    another at every step is not the least.
    """
    short = _tiny(layer, spec, device, SHORT)
    with threads(1) if device.type == "cpu" else contextlib.nullcontext():
        _passes(short, device)
        first = _passes(short, device)
        steps = int(STEP_SECONDS / 32 / sum(first.values()) * SHORT)
        long = _tiny(layer, spec, device, min(max(steps, LEAST), LONGEST))
        _passes(long, device)
        taken = {tiny: [_passes(tiny, device)] for tiny in (short, long)}
        until = time.perf_counter() + STEP_SECONDS
        # why in turns: a disturbance meets both lengths.
        while len(taken[short]) < 3 or time.perf_counter() < until:
            for tiny, times in taken.items():
                times.append(_passes(tiny, device))
    return {
        name: slope(*((tiny.steps, [one[name] for one in times]) for tiny, times in taken.items())) for name in first
    }


def slope(short: tuple[int, list[float]], long: tuple[int, list[float]]) -> float:
    """Seconds a step, from the times of two lengths.

    why the least of each: a bound wants the least time of a step, and whatever disturbs can only add. Where the longer
    one took no longer, what it took in all is the most that its steps can have.
    """
    (few, fast), (many, slow) = short, long
    gained = min(slow) - min(fast)
    return gained / (many - few) if gained > 0 else min(slow) / many


def _small(layer: Recurrent, width: int) -> Recurrent:
    """A layer of this kind, nonlinearity, biases and equations, so wide, with everything else as plain as it gets."""
    plain = {
        "name": "step",
        "input_size": width,
        "hidden_size": width,
        "output_size": width,
        "num_layers": 1,
        "bidirectional": False,
        "dropout": 0.0,
        "proj_size": 0,
        "batch_first": False,
        "trainable": True,
        "feeds": "output",
        "init": None,
    }
    fields = type(layer).model_fields
    return layer.model_copy(update={name: value for name, value in plain.items() if name in fields})


def _tiny(layer: Recurrent, spec: Spec, device: torch.device, steps: int) -> _Tiny:
    signal = Signal(Batch(1, steps), ("L", "N"), layer.hidden_size)
    link = Link(layer, signal)
    alone = replace(spec, inputs=(ModelInput(INPUT, signal),), links=(link,), outputs=(), wired=False, budget={})
    return _Tiny(steps=steps, model=BuiltModel(alone, device), link=link, feed=make_feed(alone, device))


def _passes(tiny: _Tiny, device: torch.device) -> dict[str, float]:
    """The seconds of one call of every pass."""
    clock = clock_for(device, warm_l2=True)
    module = tiny.model.layers[0]
    ran: list[LayerOutput] = []

    def forward() -> None:
        ran[:] = [run(tiny.link.layer, tiny.link, module, tiny.feed.input, tiny.feed.states[0])]

    tiny.model.eval()
    with torch.inference_mode():
        inference = clock.call(forward)
    tiny.model.train()
    module.zero_grad(set_to_none=True)
    with torch.enable_grad():
        training = clock.call(forward)
        output: Tensor = data_of(ran[0].output)
        gradient = torch.ones_like(output)
        backward = clock.call(partial(torch.autograd.backward, [output], [gradient]))
    return {"forward": inference, "forward+grad": training, "backward": backward}
