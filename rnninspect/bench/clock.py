"""The clocks: one call, a block of calls, or each call made ready by itself, timed on the CPU, on CUDA, on MPS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from typing_extensions import override

from rnninspect.bench.sampling import Timing

# A sample is at least so long: perf_counter tells 0.1 us apart, and CUDA's events 0.5 us.
_LEAST_CPU, _LEAST_CUDA = 1e-3, 20e-3
# A GPU that has less left to do than this, in seconds or as a share of a sample, had waited for the host.
_MOST_LEFT, _MOST_LEFT_SHARE = 50e-6, 0.02


class Clock:
    """Times one call after the other on the CPU: perf_counter round each call, or round a block of them."""

    least_sample = _LEAST_CPU
    # What one call takes at the least, as the clock may tell no time at all.
    least_call = 1e-9

    def call(self, call: Callable[[], object]) -> float:
        """Seconds of one call on the device, and no less than a clock can tell."""
        return max(self.block(1, call).seconds, self.least_call)

    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        """`calls` calls, each made ready outside its time."""
        spent = 0
        for _ in range(calls):
            call = prepare()
            start = time.perf_counter_ns()
            call()
            spent += time.perf_counter_ns() - start
        return Timing(spent / 1e9)

    def block(self, calls: int, call: Callable[[], object]) -> Timing:
        """`calls` calls in a row, timed as one."""

        def row() -> None:
            for _ in range(calls):
                call()

        return self.each(1, lambda: row)


class CudaClock(Clock):
    """CUDA events on the stream, one synchronise for a sample; and the host's time, which shows a launch-bound phase.

    flush: write over L2 before every sample (a block), so that its first call finds nothing there.
    """

    least_sample = _LEAST_CUDA
    least_call = 1e-7

    def __init__(self, device: torch.device, *, flush: bool) -> None:
        self._device = device
        size = getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0) if flush else 0
        self._cache = torch.empty(size // 4, dtype=torch.int32, device=device)

    @override
    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        marks = []
        host = 0
        stream = torch.cuda.current_stream(self._device)
        mark: Callable[..., torch.cuda.Event] = torch.cuda.Event
        for _ in range(calls):
            call = prepare()
            self._cache.zero_()
            start, stop = mark(enable_timing=True), mark(enable_timing=True)
            start.record(stream)
            began = time.perf_counter_ns()
            call()
            host += time.perf_counter_ns() - began
            stop.record(stream)
            marks.append((start, stop))
        began = time.perf_counter_ns()
        torch.cuda.synchronize(self._device)
        # Seconds that the GPU still had to do when the host had asked for everything. why not the host's time beside
        # the GPU's: where the GPU's queue is full, the host waits for the GPU.
        left = (time.perf_counter_ns() - began) / 1e9
        seconds = sum(start.elapsed_time(stop) for start, stop in marks) / 1e3
        return Timing(seconds, host / 1e9, waited=left < max(_MOST_LEFT, _MOST_LEFT_SHARE * seconds))


class MpsClock(Clock):
    """perf_counter, with a synchronise at the end of what is timed."""

    @override
    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        def prepared() -> Callable[[], object]:
            call = prepare()
            torch.mps.synchronize()

            def whole() -> None:
                call()
                torch.mps.synchronize()

            return whole

        return super().each(calls, prepared)


@contextmanager
def marked(name: str) -> Iterator[None]:
    """A block that profilers of CUDA show by this name; by none where that is ""."""
    if not name:
        yield
        return
    torch.cuda.nvtx.range_push(name)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        torch.cuda.nvtx.range_pop()  # type: ignore[no-untyped-call]


def clock_for(device: torch.device, *, warm_l2: bool) -> Clock:
    """The clock of a device."""
    match device.type:
        case "cuda":
            return CudaClock(device, flush=not warm_l2)
        case "mps":
            return MpsClock()
        case _:
            return Clock()
