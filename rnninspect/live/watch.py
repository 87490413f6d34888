"""One forward pass with a hook on every recurrent layer, which keeps shapes and no tensor; then all is as it was."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.live.arguments import RecurrentModule
from rnninspect.live.records import Seen, SeenCall, SeenTensor
from rnninspect.runtime.device import dtype_name

# So many shapes of later calls are kept.
_MOST_SHAPES = 4


def watch(
    module: nn.Module, found: Sequence[RecurrentModule], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Seen]:
    """Call the module once, and tell of each recurrent layer what its calls were.

    It runs in eval mode and without gradients, and is afterwards as it was. What its forward raises comes through.
    """
    watchers = [_Watcher() for _ in found]
    handles = []
    try:
        for each, watcher in zip(found, watchers, strict=True):
            # why first: a hook of the user's may put something else in the output's place.
            handles.append(each.module.register_forward_hook(watcher.see, prepend=True, with_kwargs=True))
        with _untouched(module):
            module(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
    return [watcher.seen for watcher in watchers]


class _Watcher:
    """What is known of one module's calls."""

    def __init__(self) -> None:
        self.seen = Seen()

    def see(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """The hook."""
        given = args[0] if args else kwargs.get("input")
        states = args[1] if len(args) > 1 else kwargs.get("hx")
        read = _seen(given)
        seen = self.seen
        if seen.first is None:
            seen = seen._replace(first=_call(read, given, states, output))
        elif read is not None and read.shape not in (*seen.other_inputs, seen.first.input and seen.first.input.shape):
            if len(seen.other_inputs) < _MOST_SHAPES:
                seen = seen._replace(other_inputs=(*seen.other_inputs, read.shape))
            else:
                seen = seen._replace(more_inputs=True)
        tokens = 0 if read is None else math.prod(read.shape[:-1])
        self.seen = seen._replace(
            calls=seen.calls + 1, with_states=seen.with_states + (states is not None), tokens=seen.tokens + tokens
        )


def _call(read: SeenTensor | None, given: Any, states: Any, output: Any) -> SeenCall:
    data = _data(given)
    device = torch.device("cpu") if data is None else data.device
    return SeenCall(
        input=read,
        lengths=_lengths(given) if isinstance(given, PackedSequence) else None,
        states=tuple(_flat(states) or ()),
        outputs=_flat(output),
        device=str(device),
        autocast=torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type),
    )


def _flat(values: Any) -> tuple[SeenTensor, ...] | None:
    """The tensors of nested tuples and lists, in order; None where anything else is among them."""
    seen = _seen(values)
    if seen is not None:
        return (seen,)
    if not isinstance(values, tuple | list):
        return None
    parts = [_flat(value) for value in values]
    return None if None in parts else tuple(itertools.chain.from_iterable(part or () for part in parts))


def _seen(value: Any) -> SeenTensor | None:
    data = _data(value)
    return None if data is None else SeenTensor(tuple(data.shape), dtype_name(data.dtype))


def _data(value: Any) -> Tensor | None:
    if isinstance(value, PackedSequence):
        return value.data
    return value if isinstance(value, Tensor) else None


def _lengths(packed: PackedSequence) -> tuple[int, ...]:
    """The length of each sequence, in the order of the user's batch."""
    running: list[int] = packed.batch_sizes.tolist()
    lengths = [0] * (running[0] if running else 0)
    for step, (now, after) in enumerate(zip(running, [*running[1:], 0], strict=True), start=1):
        for k in range(after, now):
            lengths[k] = step
    if packed.unsorted_indices is None:
        return tuple(lengths)
    return tuple(lengths[index] for index in packed.unsorted_indices.tolist())


@contextmanager
def _untouched(module: nn.Module) -> Iterator[None]:
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
