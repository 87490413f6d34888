"""CUDA graphs: a phase recorded once, with all its kernels, and replayed by one launch: `--vary backend=eager,graph`.

What a replay computes is what was recorded, on the same inputs each time. `backward` is a graph of its own, and the
forward pass before it another, which is replayed outside the time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from typing_extensions import override

from rnninspect.bench.phases import Phase
from rnninspect.bench.records import RunOptions
from rnninspect.bench.sampling import Timing
from rnninspect.document.chain import Spec
from rnninspect.errors import CannotHere, first_line

# Calls on the stream of the recording before it, as torch advises: libraries load, and memory is taken, outside it.
_WARM_CALLS = 3
# What makes of a reason the sign of a device that is lost (see `torch_errors`), and what stands for it.
_SIGNS = {"CUDA error: ": "", "CUBLAS_STATUS_": "cuBLAS: ", "CUDNN_STATUS_": "cuDNN: "}


# A phase as recorded, and what is replayed outside the time before it: the forward pass of `backward`.
_Recorded = tuple[torch.cuda.CUDAGraph, torch.cuda.CUDAGraph | None]


class GraphPhase(Phase):
    """A phase that is recorded at its first call, and replayed at every other; see `phases.Phase`."""

    _recorded: _Recorded | None = None

    @override
    def time(self, calls: int) -> Timing:
        if self._recorded is None:
            self._recorded = self._record()
        graph, before = self._recorded
        if before is None and self.name != "step":
            return self._clock.block(calls, graph.replay)

        def prepare() -> Callable[[], None]:
            if before is not None:
                before.replay()
            return graph.replay

        return self._clock.each(calls, prepare)

    def _record(self) -> _Recorded:
        """Record the phase. Raises CannotHere where it cannot be recorded, and the device is as well as before."""
        device = self.subject.given[0].device
        with torch.cuda.device(device):
            stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                for _ in range(_WARM_CALLS):
                    self._ready()()
            torch.cuda.current_stream(device).wait_stream(stream)
            try:
                return self._recorded_now()
            except RuntimeError as error:
                if not _works(device):
                    raise
                # why without its cause: a device that works is not to be taken for a lost one.
                raise CannotHere(f"backend graph: {self.name} cannot be recorded: {_plain(error)}") from None

    def _recorded_now(self) -> _Recorded:
        graph: torch.cuda.CUDAGraph = torch.cuda.CUDAGraph()
        if self.name != "backward":
            call = self._ready()
            with torch.cuda.graph(graph):
                call()
            return graph, None
        before: torch.cuda.CUDAGraph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(before):
            call = self._ready()
        # why one pool: what the forward pass keeps, the backward pass reads.
        with torch.cuda.graph(graph, pool=before.pool()):
            call()
        return graph, before

    def _ready(self) -> Callable[[], None]:
        ready = {"backward": self._ready_backward, "step": self._ready_step}.get(self.name)
        return self._forward if ready is None else ready()


def refuse(spec: Spec, setting: RunOptions, device: torch.device) -> None:
    """Raise CannotHere where a CUDA graph is asked for, and none can be made."""
    if setting.backend != "graph":
        return
    if device.type != "cuda":
        why = f"backend graph: CUDA graphs are for CUDA, and this is {device} (backend eager)"
        raise spec.refused(CannotHere, why, ("device",))
    packed = next((link.layer.name for link in spec.links if link.signal.batch.lengths is not None), None)
    if packed is not None:
        why = f"layer {packed!r} reads a packed batch, whose lengths the host reads at every call"
        raise spec.refused(CannotHere, f"backend graph: {why} (padding in place of lengths, or backend eager)")


def _works(device: torch.device) -> bool:
    try:
        torch.ones(1, device=device).add_(1)
        torch.cuda.synchronize(device)
    except RuntimeError:
        return False
    return True


def _plain(error: RuntimeError) -> str:
    line = first_line(error)
    for sign, words in _SIGNS.items():
        line = line.replace(sign, words)
    return line
