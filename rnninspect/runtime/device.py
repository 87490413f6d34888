"""What torch can do here: devices, their memory, their random numbers, their threads, and their refusals."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

from rnninspect.document.chain import Spec
from rnninspect.document.tree import dotted
from rnninspect.errors import NoSuchDevice, NotEnoughMemory, TorchRefused, first_line
from rnninspect.plan import largest_size, smaller
from rnninspect.runtime.memory import available_bytes, peak_resident

DTYPES = {
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
}
# why: for little work starting torch's thread pool costs more than it saves (0.3 s against 0.03 s).
SMALL_MACS = 10**9

# What torch warns of that is a matter of speed, which `bench` tells in its own words, or of nothing: a product that
# finds no context makes one.
_QUIET = (
    "LSTM with projections is not supported with oneDNN",
    "RNN module weights are not part of single contiguous chunk of memory",
    "Attempting to run cuBLAS, but there was no current CUDA context",
)

# What CUDA and its libraries say when something went wrong on the GPU, after which nothing works in this process. Short
# memory shows as such too.
_BROKEN = ("CUDA error:", "CUDNN_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_")
# What they say, in the same words, of a dtype that they do not take, before anything is begun.
_UNTOUCHED = ("CUBLAS_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_ARCH_MISMATCH")

# What torch raises when it will not build something: measured, RuntimeError is less than half of it.
BUILD_ERRORS = (
    RuntimeError,
    TypeError,
    ValueError,
    AssertionError,
    AttributeError,
    IndexError,
    MemoryError,
    OverflowError,
)
# why fewer once it runs: what is left out would be a fault of ours, which must not pass for a refusal of torch's.
RUN_ERRORS = (RuntimeError, ValueError, AssertionError, MemoryError)


def device_of(spec: Spec, other: str = "") -> torch.device:
    """The device that a document asks for, or an option in its place. Raises NoSuchDevice, which says where."""
    return find_device(spec.device, spec, other)


def find_device(name: str | None, asker: Spec | None = None, other: str = "") -> torch.device:
    """The device called `name`; None and "auto" are cuda, else mps, else cpu. Raises NoSuchDevice.

    asker: the document that asks for it. other: what else can be tried, "or --plan".
    """
    here = _devices()
    if name is None or name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if kind in here)
    if name not in here:
        message = (
            f"device {name} was asked for; torch {torch.__version__} sees {', '.join(here)} here "
            f"(use --device cpu{other and f', {other}'})"
        )
        raise NoSuchDevice(message) if asker is None else asker.refused(NoSuchDevice, message, ("device",))
    if name.startswith("cuda"):
        # why: what torch counts of a device's memory it counts only once CUDA is up.
        torch.cuda.init()  # type: ignore[no-untyped-call]
    if name == "cuda":
        # why: older torch asks for an index wherever it answers for one device
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device(name)


def float32_precision(of: str = "rnn") -> str:
    """How CUDA is told to multiply float32, "tf32" or "ieee": recurrent layers ("rnn"), or products ("matmul")."""
    owner, setting = _precision(of)
    return "tf32" if getattr(owner, setting) in ("tf32", True) else "ieee"


def set_float32_precision(value: str, of: str = "rnn") -> None:
    """Tell CUDA how to multiply float32; see `float32_precision`."""
    owner, setting = _precision(of)
    setattr(owner, setting, value if setting == "fp32_precision" else value == "tf32")


@contextmanager
def multiplying_float32(value: str, of: str) -> Iterator[None]:
    """The same for a while; afterwards it is as it was."""
    owner, setting = _precision(of)
    before = getattr(owner, setting)
    set_float32_precision(value, of)
    try:
        yield
    finally:
        setattr(owner, setting, before)


def in_tf32(device: torch.device, of: str = "rnn") -> bool:
    """Whether float32 is multiplied in TF32 there: CUDA is told to, and the GPU has it, NVIDIA's from Ampere on.

    NVIDIA_TF32_OVERRIDE=0 wins over whatever torch tells the libraries.
    """
    if device.type != "cuda" or torch.version.hip or float32_precision(of) != "tf32":
        return False
    return os.environ.get("NVIDIA_TF32_OVERRIDE") != "0" and torch.cuda.get_device_capability(device) >= (8, 0)


def _precision(of: str) -> tuple[Any, str]:
    """Where torch keeps how CUDA multiplies float32, and what it calls the setting there.

    why asked for the setting itself: before torch 2.9 `cudnn.rnn` is a plain module, there as soon as a layer was
    flattened, and in 2.9 that module hides the setting, which is the class's. why not allow_tf32 where there is
    something newer: reading it raises once layers and convolutions differ, and newer torch refuses to mix the two.
    """
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    for owner in (cudnn, type(cudnn)) if of == "rnn" else (cuda,):
        part = getattr(owner, of, None)
        if getattr(part, "fp32_precision", None) is not None:
            return part, "fp32_precision"
    return (cudnn if of == "rnn" else cuda.matmul), "allow_tf32"


def enough_memory(spec: Spec, needed: int, device: torch.device, hint: str = "") -> None:
    """Raise NotEnoughMemory where `device` has less than `needed` bytes free; where it does not say, nothing.

    It names the layer that asks for most, and has the place of the size that makes it so. hint: what to try in place
    of a smaller size.
    """
    free = _free_bytes(device)
    if free is not None and needed > free:
        layer, path = largest_size(spec)
        raise spec.refused(
            NotEnoughMemory,
            f"{dotted(path)}: layer {layer!r} asks for most; the model needs at least {needed:,} bytes, "
            f"{device} has {free:,} free ({hint or smaller(spec)})",
            path,
        )


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """The generators that `device` draws from set to `seed`, and put back afterwards."""
    if device.type in ("cuda", "mps"):
        with torch.random.fork_rng(devices=[device], device_type=device.type):
            # why not torch.manual_seed: it would set every other GPU's generator too
            torch.default_generator.manual_seed(seed)
            if device.type == "cuda":
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            else:
                torch.mps.manual_seed(seed)
            yield
    else:
        with torch.random.fork_rng(devices=[]):
            # why not torch.manual_seed: it would set every GPU's generator too
            torch.default_generator.manual_seed(seed)
            yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of the CPU; afterwards as many as before, whatever was set in between."""
    before = torch.get_num_threads()
    if before != count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def threads_for(macs: int, device: torch.device) -> AbstractContextManager[None]:
    """One thread of the CPU where there is little to do."""
    return threads(1 if device.type == "cpu" and macs < SMALL_MACS else torch.get_num_threads())


@contextmanager
def quiet() -> Iterator[None]:
    """No word of torch's about which kernels serve a layer, or whether a context was there already."""
    with warnings.catch_warnings():
        for message in _QUIET:
            warnings.filterwarnings("ignore", message=message)
        yield


def watch_peak(device: torch.device) -> Callable[[], int | None]:
    """Start watching memory; what is returned answers with the peak in bytes since."""
    if device.type == "cpu":
        return peak_resident()
    if device.type == "cuda":
        resting = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        return lambda: torch.cuda.max_memory_allocated(device) - resting
    return lambda: None


@contextmanager
def refusals(
    spec: Spec,
    what: str,
    device: torch.device,
    *,
    layer: str | None = None,
    dtype: str | None = None,
    errors: tuple[type[Exception], ...] = RUN_ERRORS,
) -> Iterator[None]:
    """What torch raises, as one line: what was asked of it, and the first line of what it said.

    layer: that of the document, where it is asked of one. dtype: None is the document's.
    """
    try:
        yield
    except errors as error:
        asked = what if layer is None else f"{what} layer {layer!r}"
        raise spec.refused(
            TorchRefused,
            f"torch {torch.__version__} could not {asked} on {device} in {dtype or spec.dtype}: {first_line(error)}",
            () if layer is None else spec.path_of(layer),
        ) from error


def broke_cuda(error: BaseException | None) -> bool:
    """Whether an operation may have left CUDA of no use to this process, itself or what it was raised from."""
    if error is None:
        return False
    said = str(error)
    broken = any(words in said for words in _BROKEN) and not any(words in said for words in _UNTOUCHED)
    return broken or broke_cuda(error.__cause__)


def _devices() -> list[str]:
    here = ["cpu", "meta"]
    if torch.backends.mps.is_available():
        here.append("mps")
    if torch.cuda.is_available():
        here += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    return here


def _free_bytes(device: torch.device) -> int | None:
    match device.type:
        case "cpu":
            return available_bytes()
        case "cuda":
            # why not the driver's figure alone: what torch keeps cached from before is free to us.
            cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
            return torch.cuda.mem_get_info(device)[0] + cached
        case "mps" if hasattr(torch.mps, "recommended_max_memory"):  # torch 2.5 and newer
            torch.mps.empty_cache()
            return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        case _:
            return None
