"""A model as it was before a forward pass of ours: its modes, its buffers, and the random numbers of the process."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

import torch
from torch import Tensor, nn


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """A block in which a model runs in eval mode and without gradients; afterwards it is as it was, whatever comes."""
    with ExitStack() as stack:
        stack.enter_context(_random_numbers(module))
        stack.enter_context(_buffers(module))
        stack.enter_context(_modes(module))
        stack.enter_context(_eagerly(module))
        stack.enter_context(torch.no_grad())
        yield


@contextmanager
def _modes(module: nn.Module) -> Iterator[None]:
    """In eval mode. why no call of eval: some models have one of their own that does more."""
    training = [part for part in module.modules() if getattr(part, "training", False) is True]
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


@contextmanager
def _buffers(module: nn.Module) -> Iterator[None]:
    """Afterwards every buffer is the tensor that it was, with the values that it had."""
    before: list[tuple[nn.Module, str, Tensor | None, Tensor | None]] = [
        (part, name, buffer, None if buffer is None or buffer.is_meta else buffer.detach().clone())
        for part in module.modules()
        if not isinstance(part, torch.jit.ScriptModule)
        for name, buffer in part._buffers.items()
    ]
    try:
        yield
    finally:
        for part, name, buffer, values in before:
            part._buffers[name] = buffer
            if buffer is not None and values is not None and not _same(buffer, values):
                with torch.no_grad():
                    buffer.copy_(values)


def _same(buffer: Tensor, values: Tensor) -> bool:
    # why its bytes: a nan is no change.
    return buffer.shape == values.shape and torch.equal(
        buffer.detach().contiguous().view(-1).view(torch.uint8) if buffer.numel() else buffer,
        values.contiguous().view(-1).view(torch.uint8) if values.numel() else values,
    )


@contextmanager
def _random_numbers(module: nn.Module) -> Iterator[None]:
    """Afterwards torch, Python and numpy draw what they would have drawn."""
    devices = {tensor.device for tensors in (module.parameters(), module.buffers()) for tensor in tensors}
    own = sorted({device for device in devices if device.type in ("cuda", "mps")}, key=str)
    kind = own[0].type if own else "cuda"
    numpy = sys.modules.get("numpy")
    drawn = random.getstate()
    arrays = None if numpy is None else numpy.random.get_state()
    with torch.random.fork_rng(devices=own, device_type=kind):
        try:
            yield
        finally:
            random.setstate(drawn)
            if numpy is not None and arrays is not None:
                numpy.random.set_state(arrays)


def _eagerly(module: nn.Module) -> AbstractContextManager[object]:
    """Without torch.compile: what it has compiled knows of no new hook, and compiling anew takes minutes."""
    compiled = any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
    # why asked: torch 2.6 brought it.
    if not compiled or not hasattr(torch.compiler, "set_stance"):
        return nullcontext()
    stance: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return stance
