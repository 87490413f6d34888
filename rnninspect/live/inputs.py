"""What the user names to what a forward is called with: tensors as they are, sizes as random tensors of them.

    inspect(model, x)                                        a tensor
    inspect(model, (20, 32, 300))                            its size
    inspect(model, (20, 32), dtypes=[torch.long])            tokens
    inspect(model, input_size=[(20, 32, 300), ((2, 32, 50), (2, 32, 50))])

Tuples of numbers are sizes where no tensor stands among the arguments; beside one they are what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import nn

from rnninspect.runtime.device import dtype_name

# What a size, or a nest of sizes, comes as.
Sizes = Any
Dtypes = Sequence[torch.dtype] | torch.dtype | None


class Inputs(NamedTuple):
    """What a forward is called with. made: what was made from sizes, `float32 (20, 32, 300)` each."""

    args: tuple[Any, ...]
    made: tuple[str, ...] = ()


def inputs_for(module: nn.Module, given: Sequence[Any], input_size: Sizes | None, dtypes: Dtypes) -> Inputs:
    """The arguments of a forward. Raises TypeError where what is given contradicts itself."""
    if input_size is not None and given:
        raise TypeError("expected inputs or input_size, got both (leave one of them out)")
    if input_size is not None:
        for wrong in _wrong(input_size):
            message = "input_size: expected a size such as (20, 32, 300), or a list of such"
            raise TypeError(f"{message}, got {wrong!r}")
        sizes = [input_size] if _is_size(input_size) else list(input_size)
    elif given and all(isinstance(each, tuple) and like_a_size(each) for each in given):
        sizes = list(given)
    elif dtypes is not None:
        beside = "beside a tensor a tuple is none: " if any(map(_is_size, given)) else ""
        raise TypeError(
            f"dtypes are of sizes, and no argument is one ({beside}give tensors in the dtype that they need)"
        )
    else:
        return Inputs(tuple(given))
    return _made(module, sizes, dtypes)


def _made(module: nn.Module, sizes: list[Any], dtypes: Dtypes) -> Inputs:
    tensors = chain(module.parameters(), module.buffers())
    own = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    device = torch.device("cpu") if own is None else own.device
    wanted = _dtypes(list(_leaves(sizes)), dtypes, torch.get_default_dtype() if own is None else own.dtype)
    # why one of its own: the process's random numbers stay as they are.
    generator = torch.Generator().manual_seed(0)
    made: list[str] = []

    def make(size: Any) -> Any:
        if not _is_size(size):
            return tuple(make(each) for each in size)
        dtype = next(wanted)
        made.append(f"{dtype_name(dtype)} {tuple(size)}")
        if device.type == "meta":
            return torch.empty(tuple(size), device=device, dtype=dtype)
        # why zeros: token 0 is in every vocabulary.
        if not (dtype.is_floating_point or dtype.is_complex):
            return torch.zeros(tuple(size), device=device, dtype=dtype)
        return torch.randn(tuple(size), generator=generator).to(device, dtype)

    return Inputs(tuple(make(size) for size in sizes), tuple(made))


def _dtypes(leaves: list[Any], dtypes: Dtypes, own: torch.dtype) -> Iterator[torch.dtype]:
    given = [own] if dtypes is None else [dtypes] if isinstance(dtypes, torch.dtype) else list(dtypes)
    if len(given) not in (1, len(leaves)):
        raise TypeError(f"dtypes: expected one, or one for each of {len(leaves)} sizes, got {len(given)}")
    return iter(given * len(leaves) if len(given) == 1 else given)


def _leaves(sizes: list[Any]) -> Iterator[Any]:
    for size in sizes:
        if _is_size(size):
            yield size
        else:
            yield from _leaves(list(size))


def _is_size(value: Any) -> bool:
    """Whether it is a tuple or list of sizes; `()` is none."""
    return (
        isinstance(value, tuple | list)
        and len(value) > 0
        and all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in value)
    )


def like_a_size(value: Any) -> bool:
    """Whether it reads as a size or a nest of sizes, whatever it is taken for."""
    return _is_size(value) or (isinstance(value, tuple | list) and len(value) > 0 and all(map(like_a_size, value)))


def _wrong(sizes: Any) -> Iterator[Any]:
    """What is no size, and no list of such, in what should be one."""
    if not isinstance(sizes, tuple | list) or not sizes:
        yield sizes
    elif not _is_size(sizes):
        for each in sizes:
            yield from _wrong(each)
