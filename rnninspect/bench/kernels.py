"""Which kernels served a phase, and which would have been faster.

The same layer is many times slower off the fused path, and nothing tells the user. Which operators
ran is seen, never guessed. Only the reasons why they were not faster ones come from rules, read in pytorch's sources:
`aten/src/ATen/native/RNN.cpp` at 012234a (which layers oneDNN and cuDNN get) and `aten/src/ATen/native/cudnn/RNN.cpp`
at 00fc08a (what torch asks cuDNN for; which kernel cuDNN takes, it tells nobody).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from rnninspect.bench.records import BY_EQUATIONS, Kernels, Warned
from rnninspect.document.chain import Link
from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.device import DTYPES
from rnninspect.runtime.modules import in_torch
from rnninspect.runtime.precision import in_tf32

# Operators that run a whole layer of a recurrent network, by the library that they belong to.
FUSED = {
    "mkldnn_rnn_layer": "oneDNN",
    "mkldnn_rnn_layer_backward": "oneDNN",
    "_cudnn_rnn": "cuDNN",
    "_cudnn_rnn_backward": "cuDNN",
    "miopen_rnn": "MIOpen",
    "miopen_rnn_backward": "MIOpen",
    "_lstm_mps": "Metal",
    "lstm_mps_backward": "Metal",
}
# Besides views: what moves and computes nothing.
_IDLE = {
    "_local_scalar_dense",
    "empty",
    "empty_like",
    "lift_fresh",
    "new_empty",
    "new_empty_strided",
    "set_",
    "unsafe_split",
}


# --- what ran -----------------------------------------------------------------------------------------------


class _Operators:
    """Names of operators in the order of their first use; views are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.is_inference_mode_enabled():
            # why: in inference mode an operator made of others, `lstm` for one, comes here whole. Without gradients
            # it takes the same way, and comes here in its parts.
            with torch.inference_mode(False), torch.no_grad(), cast(TorchDispatchMode, self):
                return func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name not in _IDLE and not getattr(func, "is_view", False):
            self.names[name] = None
        return func(*args, **(kwargs or {}))


# why two classes: of a mode that has the method itself torch makes one that imports its compiler, which takes a second.
class _Watch(_Operators, TorchDispatchMode):  # type: ignore[no-untyped-call]
    pass


def operators(run: Callable[[], object]) -> tuple[str, ...]:
    """The operators that `run` runs, each once, in the order of their first use; views are left out.

    Not to be timed: every operator takes some 10 us longer.
    """
    with _Watch() as watch:
        run()
    return tuple(watch.names)


def torch_warnings(run: Callable[[], object]) -> tuple[str, ...]:
    """What torch warns of while `run` runs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run()
    return tuple(dict.fromkeys(str(warning.message) for warning in caught))


def explain(link: Link, ran: tuple[str, ...], *, dtype: str, device: torch.device, phase: str) -> Kernels:
    """Whether a layer was served by one operator for all its steps, and where not, why and what would be.

    ran: what `operators` saw of this layer in this phase. fast is None for a layer that has no steps.
    """
    layer = link.layer
    if not isinstance(layer, Recurrent):
        return Kernels(ran, None)
    libraries = {FUSED[name] for name in ran if name in FUSED}
    if "cuDNN" in libraries:
        obstacles = list(_slower_in_cudnn(link, dtype))
    elif libraries:
        obstacles = []
    else:
        unknown = ("torch ran it step by step, by no rule known here", "")
        obstacles = list(_obstacles(link, dtype, device, phase)) or [unknown]
    reasons, remedies = [reason for reason, _ in obstacles], [remedy for _, remedy in obstacles if remedy]
    return Kernels(
        operators=ran, fast=bool(libraries), reason="; ".join(reasons), remedy="; ".join(dict.fromkeys(remedies))
    )


def _slower_in_cudnn(link: Link, dtype: str) -> Iterator[tuple[str, str]]:
    """Every setting that keeps a layer from cuDNN's faster kernels, each with what would help."""
    layer = link.layer
    assert isinstance(layer, Recurrent)
    if layer.h_out != layer.hidden_size:
        yield "with a projection cuDNN is asked for its standard kernels", "proj_size: 0"
    if link.signal.batch.lengths is not None:
        yield "for a packed batch cuDNN is asked for its standard kernels", "padding in place of lengths"
    if dtype == "float64":
        yield "in float64 cuDNN is asked for its standard kernels", "dtype: float32, or float16"
    elif dtype == "float32":
        yield "cuDNN is asked for persistent kernels of wide layers in float16 alone", "dtype: float16"
    else:
        sizes = {"input_size": layer.width_in, "hidden_size": layer.hidden_size}
        for name, size in sizes.items():
            if size % 8:
                yield f"{name} {size} is no multiple of 8, which tensor cores want", f"{name} {-(-size // 8) * 8}"


def _obstacles(link: Link, dtype: str, device: torch.device, phase: str) -> Iterator[tuple[str, str]]:
    """Every reason why no operator takes the whole layer, each with what would help, "" where nothing does."""
    layer = link.layer
    if isinstance(layer, CellLayer):
        whole = layer.type.removesuffix("Cell")
        steps = link.signal.batch.letters["L"]
        yield f"{layer.type} is one step: {steps:,} calls from Python", f"{whole} computes the same in one call"
    elif not in_torch(layer):
        yield f"torch has no {layer.type}: {BY_EQUATIONS}", ""
    elif device.type == "cpu":
        yield from _without_onednn(link, dtype, phase)
    elif device.type == "cuda":
        yield from _without_cudnn(dtype)
    else:
        yield f"torch has no fused {layer.type} for {device.type}: it runs step by step", ""


def _without_onednn(link: Link, dtype: str, phase: str) -> Iterator[tuple[str, str]]:
    """The conditions of `use_mkldnn` and `lstm` that are not met (ATen/native/RNN.cpp)."""
    onednn, layer = torch.backends.mkldnn, link.layer
    if not onednn.is_available():  # type: ignore[no-untyped-call]
        yield "this torch is built without oneDNN", "install a torch that has it"
    elif not getattr(onednn, "enabled", True):
        yield "oneDNN is switched off", "torch.backends.mkldnn.enabled = True"
    if layer.type != "LSTM":
        yield (
            f"on the CPU oneDNN serves LSTM alone: {layer.type} runs step by step",
            "an LSTM may be faster though it computes more; on CUDA cuDNN serves every kind",
        )
    if dtype == "float64":
        yield "oneDNN has no LSTM in float64", "dtype: float32"
    elif dtype == "float16" and phase != "forward":
        yield "oneDNN takes no float16 where gradients are recorded", "dtype: float32"
    elif dtype in _SUPPORT and _lacks_instructions(dtype):
        yield f"this CPU lacks the instructions that oneDNN wants for {dtype}", "dtype: float32"
    if getattr(layer, "proj_size", 0):
        yield "oneDNN's LSTM has no projection", "proj_size: 0, or CUDA"
    if len(set(link.signal.batch.lengths or ())) > 1:
        yield "oneDNN takes no packed batch of unequal lengths", "batches of equal lengths, or padding"


_SUPPORT = {"bfloat16": "_is_mkldnn_bf16_supported", "float16": "_is_mkldnn_fp16_supported"}


def _lacks_instructions(dtype: str) -> bool:
    """Whether torch says that this CPU cannot have oneDNN in a dtype of half precision; False where it cannot say."""
    ask = getattr(torch.ops.mkldnn, _SUPPORT[dtype], None)
    return ask is not None and not ask()


def _without_cudnn(dtype: str) -> Iterator[tuple[str, str]]:
    """The conditions of `use_cudnn` that are not met (ATen/native/RNN.cpp)."""
    if not torch.backends.cudnn.is_available():  # type: ignore[no-untyped-call]
        yield "this torch is built without cuDNN", "install a torch that has it"
    elif not torch.backends.cudnn.enabled:
        yield "cuDNN is switched off", "torch.backends.cudnn.enabled = True"
    elif dtype == "bfloat16":
        # CUDAHooks::supportsBFloat16RNNWithCuDNN
        yield "cuDNN runs bfloat16 layers from 9.13 on, and on GPUs of capability 8.0 on", "dtype: float16"


# --- what a reader of the figure must know ------------------------------------------------------------------


def tf32_in_force(links: Sequence[Link], dtype: str, device: torch.device) -> Warned | None:
    """Where cuDNN's recurrent layers are not computed in float32 though that is the dtype: their default on Ampere."""
    served = any(isinstance(link.layer, Recurrent) and in_torch(link.layer) for link in links)
    if dtype != "float32" or not served or not in_tf32(device):
        return None
    return Warned(
        "cuDNN's recurrent layers compute float32 in TF32, whose factors have 10 bits of 23",
        "--fp32-precision ieee times plain float32",
    )


def scattered_weights(messages: Iterable[str], dtype: str, nbytes: int) -> Warned | None:
    """Among `torch_warnings`: weights, of so many bytes, that are copied together at every call."""
    if not any("not part of single contiguous chunk" in message for message in messages):
        return None
    text = f"the weights do not lie in one chunk of memory: cuDNN copies {nbytes:,} bytes together at every call"
    # why: it returns at once for a dtype that is not among these, though cuDNN may run layers of it.
    if DTYPES[dtype] not in torch.backends.cudnn.CUDNN_TENSOR_DTYPES:
        return Warned(f"{text}, as torch flattens no {dtype}", "dtype: float16, which it flattens")
    return Warned(text, "call flatten_parameters() after whatever moved or replaced them")


def subnormals(tensors: Mapping[str, Tensor]) -> Warned | None:
    """Numbers so small that some CPUs compute with them many times slower; `tensors`: weights and states by name."""
    counts = {name: count for name, tensor in tensors.items() if (count := _subnormal(tensor))}
    if not counts:
        return None
    name = next(iter(counts))
    return Warned(
        f"{sum(counts.values()):,} values of {name}{' and others' * (len(counts) > 1)} are subnormal: some CPUs "
        "compute with them many times slower",
        "torch.set_flush_denormal(True), or other first values",
    )


def _subnormal(tensor: Tensor) -> int:
    # why not float16: the CPU computes it in float32, where its small numbers are ordinary. Elsewhere there is no cost.
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.float32, torch.float64, torch.bfloat16):
        return 0
    values = tensor.detach().abs()
    return int(((values > 0) & (values < torch.finfo(tensor.dtype).tiny)).sum())


def compiled_graphs(run: Callable[[Callable[..., Any]], object]) -> int:
    """How many graphs torch.compile makes of what `run` calls; nothing is compiled, and it is run once.

    run: is given what it is to take for torch.compile. To be asked before the compiled call is timed: it empties
    torch.compile's caches.
    """
    graphs = 0

    def count(module: Any, inputs: Any) -> Any:
        nonlocal graphs
        graphs += 1
        return module.forward

    # why reset: once torch.compile has given up on a recurrent layer it leaves every module alone, in this process,
    # that is called later.
    torch.compiler.reset()
    try:
        run(partial(torch.compile, backend=count))
    finally:
        torch.compiler.reset()
    return graphs


def compiled_nothing(graphs: int) -> Warned | None:
    """A warning where torch.compile made no graph."""
    if graphs:
        return None
    return Warned(
        "torch.compile compiled nothing: it leaves RNN, LSTM and GRU alone, and what stands round them",
        "time backend eager, it is the same; a loop over LSTMCell does compile",
    )
