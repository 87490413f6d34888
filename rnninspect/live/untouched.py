"""A model as it was before a forward pass of ours: its modes, its buffers, and the random numbers of the process."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import NamedTuple

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


class _Buffer(NamedTuple):
    """A buffer before. values: a copy; None where there are none to be put back. version: goes up at every change."""

    module: nn.Module
    name: str
    tensor: Tensor | None
    values: Tensor | None
    version: int


@contextmanager
def _buffers(module: nn.Module) -> Iterator[None]:
    """Afterwards every buffer is the tensor that it was, with the values that it had."""
    before = [
        _before(part, name, buffer)
        for part in module.modules()
        if not isinstance(part, torch.jit.ScriptModule)
        for name, buffer in part._buffers.items()
    ]
    try:
        yield
    finally:
        for part, name, buffer, values, version in before:
            part._buffers[name] = buffer
            # why only then: what autograd has kept of an earlier pass must not look changed.
            if buffer is not None and values is not None and buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(values)


def _before(module: nn.Module, name: str, buffer: Tensor | None) -> _Buffer:
    # why these: the former has no values, the latter can only be changed where it was made.
    if buffer is None or buffer.is_meta or buffer.is_inference():
        return _Buffer(module, name, buffer, values=None, version=0)
    return _Buffer(module, name, buffer, values=buffer.detach().clone(), version=buffer._version)


@contextmanager
def _random_numbers(module: nn.Module) -> Iterator[None]:
    """Afterwards torch, Python and numpy draw what they would have drawn."""
    devices = {tensor.device for tensors in (module.parameters(), module.buffers()) for tensor in tensors}
    own = sorted({device for device in devices if device.type in ("cuda", "mps")}, key=str)
    kind = own[0].type if own else "cuda"
    # why no import: who draws from it has it.
    numpy = sys.modules.get("numpy.random")
    drawn = random.getstate()
    arrays = None if numpy is None else numpy.get_state()
    with torch.random.fork_rng(devices=own, device_type=kind):
        try:
            yield
        finally:
            random.setstate(drawn)
            if numpy is not None and arrays is not None:
                numpy.set_state(arrays)


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
