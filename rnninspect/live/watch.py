"""One forward pass with a hook on every recurrent layer, which keeps shapes and no tensor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnninspect.live.arguments import RecurrentModule
from rnninspect.live.records import Seen, SeenCall, SeenTensor
from rnninspect.live.untouched import untouched
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
        with untouched(module):
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
