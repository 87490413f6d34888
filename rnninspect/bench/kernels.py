"""Which kernels served a phase, and which would have been faster.

The same layer is many times slower off the fused path, and nothing tells the user. What is said here comes first from
what was seen to run, and only then from rules, read in pytorch's own sources: `aten/src/ATen/native/RNN.cpp` at 012234a
(which layers oneDNN gets) and `aten/src/ATen/native/cudnn/RNN.cpp` at 00fc08a (which algorithm cuDNN is told to use).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from rnninspect.bench.records import Kernels, Warned
from rnninspect.document.chain import Link
from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.device import DTYPES
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


class _Seen:
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
class _Watch(_Seen, TorchDispatchMode):  # type: ignore[no-untyped-call]
    pass


def operators(run: Callable[[], object]) -> tuple[str, ...]:
    """The operators that `run` runs, each once, in the order of their first use; views are left out.

    Not to be timed: every operator takes some 10 us longer.
    """
    with _Watch() as watch:
        run()
    return tuple(watch.names)


def said(run: Callable[[], object]) -> tuple[str, ...]:
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
    if libraries:
        return _cudnn(link, ran, dtype, device, phase) if "cuDNN" in libraries else Kernels(ran, True)
    obstacles = list(_obstacles(link, dtype, device, phase)) or [
        ("torch ran it step by step, by no rule known here", "")
    ]
    reasons, remedies = [reason for reason, _ in obstacles], [remedy for _, remedy in obstacles if remedy]
    return Kernels(ran, False, "; ".join(reasons), "; ".join(dict.fromkeys(remedies)))


def _cudnn(link: Link, ran: tuple[str, ...], dtype: str, device: torch.device, phase: str) -> Kernels:
    """cuDNN served it: which algorithms torch asks it for, and which small change would get a faster one.

    why asked for: cuDNN may take another one, and tells nobody.
    """
    call = cudnn_call(link, dtype, device)
    names = {"forward": (True,), "forward+grad": (True,), "backward": (False,)}.get(phase, (True, False))
    algorithms = {forward: cudnn_algorithm(call, forward=forward) for forward in names}
    told = list(algorithms.values())
    if len(set(told)) > 1:
        told = [f"{name} {'forward' if forward else 'backward'}" for forward, name in algorithms.items()]
    hints = [hint for forward in algorithms if (hint := cudnn_hint(call, forward=forward))]
    return Kernels(ran, True, "cuDNN, asked for " + ", ".join(dict.fromkeys(told)), "; ".join(dict.fromkeys(hints)))


def _obstacles(link: Link, dtype: str, device: torch.device, phase: str) -> Iterator[tuple[str, str]]:
    """Every reason why no operator takes the whole layer, each with what would help, "" where nothing does."""
    layer = link.layer
    if isinstance(layer, CellLayer):
        whole = layer.type.removesuffix("Cell")
        steps = link.signal.batch.letters["L"]
        yield f"{layer.type} is one step: {steps:,} calls from Python", f"{whole} computes the same in one call"
    elif not hasattr(nn, layer.type):
        yield f"torch has no {layer.type}: its equations are run step by step in Python", ""
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
    elif dtype in _ASKED and _lacks_instructions(dtype):
        yield f"this CPU lacks the instructions that oneDNN wants for {dtype}", "dtype: float32"
    if getattr(layer, "proj_size", 0):
        yield "oneDNN's LSTM has no projection", "proj_size: 0, or CUDA"
    if len(set(link.signal.batch.lengths or ())) > 1:
        yield "oneDNN takes no packed batch of unequal lengths", "batches of equal lengths, or padding"


_ASKED = {"bfloat16": "_is_mkldnn_bf16_supported", "float16": "_is_mkldnn_fp16_supported"}


def _lacks_instructions(dtype: str) -> bool:
    """Whether torch says that this CPU cannot have oneDNN in a dtype of half precision; False where it cannot say."""
    ask = getattr(torch.ops.mkldnn, _ASKED[dtype], None)
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


# --- which algorithm cuDNN is told to use -------------------------------------------------------------------

SMALL_H, PERSIST, STANDARD = "PERSIST_STATIC_SMALL_H", "PERSIST_STATIC", "STANDARD"


class CudnnCall(NamedTuple):
    """What torch's choice of an algorithm depends on.

    capability: the GPU's, (9, 0). multiprocessors: how many it has.
    """

    kind: str
    hidden_size: int
    input_size: int
    batch: int
    steps: int
    dtype: str
    capability: tuple[int, int]
    multiprocessors: int
    num_layers: int = 1
    directions: int = 1
    projected: bool = False
    packed: bool = False


def cudnn_call(link: Link, dtype: str, device: torch.device) -> CudnnCall:
    """What torch looks at when it runs this layer on this GPU."""
    layer, letters = link.layer, link.signal.batch.letters
    assert isinstance(layer, Recurrent)
    properties = torch.cuda.get_device_properties(device)
    return CudnnCall(
        kind=layer.type,
        hidden_size=layer.hidden_size,
        input_size=layer.width_in,
        batch=letters["N"],
        steps=letters["L"],
        dtype=dtype,
        capability=(properties.major, properties.minor),
        multiprocessors=properties.multi_processor_count,
        num_layers=layer.depth,
        directions=layer.directions,
        projected=layer.h_out != layer.hidden_size,
        packed=link.signal.batch.lengths is not None,
    )


def cudnn_algorithm(call: CudnnCall, *, forward: bool) -> str:
    """`get_algo` of pytorch's aten/src/ATen/native/cudnn/RNN.cpp at 00fc08a: the algorithm for one direction of a pass.

    Of a packed batch it is the standard one even where all lengths are equal.
    """
    if call.projected or call.packed:
        return STANDARD
    if call.dtype != "float64" and call.capability[0] >= 6 and call.hidden_size <= _small_h(call.kind, forward):
        return SMALL_H
    if call.dtype == "float16" and _persist_common(call) and _persist_device(call):
        return PERSIST
    return STANDARD


def cudnn_hint(call: CudnnCall, *, forward: bool) -> str:
    """The change of one setting, a small one, that would get a persistent algorithm; "" where there is none."""
    if cudnn_algorithm(call, forward=forward) != STANDARD:
        return ""
    for what, other in _nearby(call, forward):
        algorithm = cudnn_algorithm(other, forward=forward)
        if algorithm != STANDARD:
            way = "forward" if forward else "backward"
            return f"{what} would get {algorithm} {way}, which is often faster"
    return ""


def least_alike(call: CudnnCall, step: int) -> int:
    """The narrowest plain layer, in steps of so much, that with one sequence gets the algorithms of this call.

    `step` where none does that is no wider.
    """
    for width in range(step, call.hidden_size + 1, step):
        narrow = call._replace(hidden_size=width, input_size=width, batch=1, num_layers=1, directions=1)
        narrow = narrow._replace(projected=False, packed=False)
        if all(cudnn_algorithm(narrow, forward=way) == cudnn_algorithm(call, forward=way) for way in (True, False)):
            return width
    return step


def _small_h(kind: str, forward: bool) -> int:
    """`use_rnn_persist_small_h`: the widest hidden state."""
    gated = kind in ("LSTM", "GRU")
    if forward:
        return 192 if gated else 384
    return 128 if gated else 256


def _persist_common(call: CudnnCall) -> bool:
    """`use_persist_common_heuristics`."""
    return (
        call.num_layers == 1
        and call.directions == 1
        and call.hidden_size <= 1024
        and call.hidden_size % 128 == 0
        and call.input_size % 128 == 0
    )


def _persist_device(call: CudnnCall) -> bool:
    """`use_persist_device_heuristics`."""
    major, minor = call.capability
    batch = call.batch
    if major == 7:
        # Not on Turing (7.5). Many multiples of 8 are slow on Volta.
        return (
            minor != 5
            and ((batch % 16 == 0 and batch not in (80, 112)) or batch == 8)
            and any(call.steps >= steps and batch <= most for steps, most in ((40, 128), (20, 96), (10, 32)))
        )
    # Not on small GPUs such as A30, not on 8.6, where cuDNN 8.0.5 fails.
    if major < 8 or call.multiprocessors < 98 or minor == 6 or call.kind == "GRU":
        return False
    if batch % 8 or batch > 128:
        return False
    return call.kind == "LSTM" or batch < 96 or call.hidden_size < 896


def _nearby(call: CudnnCall, forward: bool) -> Iterator[tuple[str, CudnnCall]]:
    """Calls that differ from this one in one setting, and little, each with that setting."""
    limit = _small_h(call.kind, forward)
    if limit < call.hidden_size <= limit * 4 / 3:
        yield f"hidden_size {limit}", call._replace(hidden_size=limit)
    if call.hidden_size > 96:
        hidden = round(call.hidden_size / 128) * 128
        yield f"hidden_size {hidden}", call._replace(hidden_size=hidden)
    if call.input_size > 96:
        width = round(call.input_size / 128) * 128
        yield f"input_size {width}", call._replace(input_size=width)
    for multiple in (8, 16):
        batch = -(-call.batch // multiple) * multiple
        yield f"batch_size {batch}", call._replace(batch=batch)
    if 128 < call.batch <= 160:
        yield "batch_size 128", call._replace(batch=128)


# --- what a reader of the figure must know ------------------------------------------------------------------


def tf32_in_force(links: Sequence[Link], dtype: str, device: torch.device) -> Warned | None:
    """Where cuDNN's recurrent layers are not computed in float32 though that is the dtype: their default on Ampere."""
    served = any(isinstance(link.layer, Recurrent) and hasattr(nn, link.layer.type) for link in links)
    if dtype != "float32" or not served or not in_tf32(device):
        return None
    return Warned(
        "cuDNN's recurrent layers compute float32 in TF32, whose factors have 10 bits of 23",
        "--fp32-precision ieee times plain float32",
    )


def scattered_weights(messages: Iterable[str], dtype: str, nbytes: int) -> Warned | None:
    """Among what torch said (`said`): weights, of so many bytes, that are copied together at every call."""
    if not any("not part of single contiguous chunk" in message for message in messages):
        return None
    said = f"the weights do not lie in one chunk of memory: cuDNN copies {nbytes:,} bytes together at every call"
    # why: it returns at once for a dtype that is not among these, though cuDNN may run layers of it.
    if DTYPES[dtype] not in torch.backends.cudnn.CUDNN_TENSOR_DTYPES:
        return Warned(f"{said}, as torch flattens no {dtype}", "dtype: float16, which it flattens")
    return Warned(said, "call flatten_parameters() after whatever moved or replaced them")


def subnormals(tensors: Mapping[str, Tensor]) -> Warned | None:
    """Numbers so small that some CPUs compute with them many times slower; `tensors`: weights and states by name."""
    found = {name: count for name, tensor in tensors.items() if (count := _subnormal(tensor))}
    if not found:
        return None
    name = next(iter(found))
    return Warned(
        f"{sum(found.values()):,} values of {name}{' and others' * (len(found) > 1)} are subnormal: some CPUs compute "
        "with them many times slower",
        "torch.set_flush_denormal(True), or other first values",
    )


def _subnormal(tensor: Tensor) -> int:
    # why not float16: the CPU computes it in float32, where its small numbers are ordinary. Elsewhere there is no cost.
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.float32, torch.float64, torch.bfloat16):
        return 0
    values = tensor.detach().abs()
    return int(((values > 0) & (values < torch.finfo(tensor.dtype).tiny)).sum())


def compiled_graphs(function: Callable[..., object], *args: object) -> int:
    """How many graphs torch.compile makes of a call; nothing is compiled, and the call is run once.

    To be asked before the compiled call is timed: it empties torch.compile's caches.
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
        torch.compile(function, backend=count)(*args)
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
