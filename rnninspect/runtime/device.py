"""What torch can do here: devices, their memory, their random numbers, their threads, and their refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from rnninspect.document.chain import Spec
from rnninspect.document.paths import dotted
from rnninspect.errors import NoSuchDevice, NotEnoughMemory
from rnninspect.facts.models import ModelFacts
from rnninspect.plan import largest_size, smaller
from rnninspect.runtime.memory import available_bytes, peak_resident

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
# why: for little work starting torch's thread pool costs more than it saves (0.3 s against 0.03 s).
SMALL_MACS = 10**9


def dtype_name(dtype: torch.dtype) -> str:
    """What a document calls a dtype: `float32`."""
    return str(dtype).removeprefix("torch.")


def device_of(spec: Spec, other: str = "") -> torch.device:
    """The device that a document asks for, or an option in its place. Raises NoSuchDevice, which says where."""
    return find_device(spec.device, spec, other)


def find_device(name: str | None, asker: Spec | None = None, other: str = "") -> torch.device:
    """The device called `name`; None and "auto" are cuda, else mps, else cpu. Raises NoSuchDevice.

    asker: the document that asks for it. other: what else can be tried, "or --plan".
    """
    here = devices_here()
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


def enough_memory(spec: Spec, planned: ModelFacts, needed: int, device: torch.device, hint: str = "") -> None:
    """Raise NotEnoughMemory where `device` has less than `needed` bytes free; where it does not say, nothing.

    It names the layer that asks for most, and has the place of the size that makes it so. hint: what to try in place
    of a smaller size.
    """
    free = free_bytes(device)
    if free is not None and needed > free:
        layer, path = largest_size(spec, planned.layers)
        raise spec.refused(
            NotEnoughMemory,
            f"{dotted(path)}: layer {layer!r} asks for most; the model needs at least {needed:,} bytes, "
            f"{device} has {free:,} free ({hint or smaller(spec, planned.layers)})",
            path,
        )


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """The generators that `device` draws from set to `seed`, and put back afterwards."""
    own = device.type in ("cuda", "mps")
    with torch.random.fork_rng(devices=[device] if own else [], device_type=device.type if own else "cuda"):
        # why not torch.manual_seed: it would set every other GPU's generator too
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
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


def watch_peak(device: torch.device) -> Callable[[], int | None]:
    """Start watching memory; what is returned answers with the peak in bytes since."""
    if device.type == "cpu":
        return peak_resident()
    if device.type == "cuda":
        resting = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        return lambda: torch.cuda.max_memory_allocated(device) - resting
    return lambda: None


def devices_here() -> list[str]:
    """The names of the devices that torch sees, "cuda" and each "cuda:N" among them."""
    here = ["cpu", "meta"]
    if torch.backends.mps.is_available():
        here.append("mps")
    if torch.cuda.is_available():
        here += ["cuda", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    return here


def free_bytes(device: torch.device) -> int | None:
    """Bytes that torch could still take there; None where the device does not say."""
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
