"""A module to what comes back of it: run once or not at all, its layers held against their plans, the rest counted."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import jit, nn
from torch.nn.parameter import UninitializedParameter

from rnninspect.errors import printable
from rnninspect.live.arguments import RecurrentModule, call_text, kind_of_module, recurrent_modules
from rnninspect.live.inputs import Dtypes, Inputs, inputs_for, like_a_size
from rnninspect.live.layers import HeldLayer, held
from rnninspect.live.parameters import Owners, count_of, count_parameters, device_of
from rnninspect.live.records import Seen
from rnninspect.live.result import Inspected, LiveLayer
from rnninspect.live.watch import watch

# The names of classes: LSTM, ConvGRU, RNNTDecoder, BiLstm.
_RECURRENT = re.compile(r"LSTM|GRU|RNN|Lstm|Gru(?![a-z])|Rnn|Recurrent")

_CALLS = re.compile(r"aten::((?:lstm|gru|rnn_tanh|rnn_relu)(?:_cell)?)\(")


def look(
    module: nn.Module, inputs: Sequence[Any], input_size: Any, dtypes: Dtypes, kwargs: Mapping[str, Any]
) -> Inspected:
    """Run a module once and tell what its recurrent layers are, read and put out; see `api.inspect`."""
    _expect_module(module)
    given = inputs_for(module, inputs, input_size, dtypes)
    lazy = any(isinstance(parameter, UninitializedParameter) for parameter in module.parameters())
    # why a copy: the first forward pass of lazy modules gives them their sizes, for good.
    running = copy.deepcopy(module) if lazy else module
    found = recurrent_modules(running)
    try:
        seen = watch(running, found, given.args, kwargs)
    except Exception as error:
        for note in _advice(inputs, kwargs, given):
            error.add_note(note)
        raise
    notes = ("lazy modules got their sizes in a copy; the model itself still has none",) if lazy else ()
    return _inspected(running, found, seen, notes)


def look_only(module: nn.Module) -> Inspected:
    """The recurrent layers of a module that is not run; see `api.recurrent`."""
    _expect_module(module)
    return _inspected(module, recurrent_modules(module), None, ())


def _expect_module(module: object) -> None:
    if isinstance(module, type) and issubclass(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got the class {module.__name__} (call it: it makes one)")
    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {type(module).__name__} (rnninspect.load reads documents)")


def _advice(inputs: Sequence[Any], kwargs: Mapping[str, Any], made: Inputs) -> list[str]:
    """What helps where a forward raised because of what it was called with."""
    if made.made:
        return [f"rnninspect made its input from sizes: {', '.join(made.made)} ({_other_input(made)})"]
    if not inputs and not kwargs:
        return ["rnninspect called forward() without an argument (rnninspect.recurrent(module) runs nothing)"]
    if any(map(like_a_size, (*inputs, *kwargs.values()))):
        return ["rnninspect passed tuples and lists on as they are (a size is a tuple, and no tensor beside it)"]
    return []


def _other_input(made: Inputs) -> str:
    """How to have other input than what was made: integers are zeros, which no lengths may be."""
    integers = any(each.startswith(("int", "uint")) for each in made.made)
    return "integers are zeros: give tensors for others" if integers else "dtypes=[torch.long] makes tokens"


def _inspected(
    module: nn.Module, found: Sequence[RecurrentModule], seen: Sequence[Seen] | None, notes: tuple[str, ...]
) -> Inspected:
    counts = count_parameters(module, found)
    owners: Owners = {}
    each = list(seen) if seen is not None else [None] * len(found)
    return Inspected(
        name=printable(_name_of(module)),
        layers=tuple(_layer(one, saw, held(one, saw, owners)) for one, saw in zip(found, each, strict=True)),
        parameters=counts.recurrent,
        other_parameters=counts.others,
        other_modules=counts.modules,
        lazy=counts.lazy,
        not_read=tuple(unread(module)),
        ran=seen is not None,
        notes=notes,
    )


def _layer(found: RecurrentModule, seen: Seen | None, held: HeldLayer) -> LiveLayer:
    first = None if seen is None else seen.first
    return LiveLayer(
        name=found.name,
        names=found.names,
        type=found.kind,
        class_name=found.class_name,
        arguments=held.arguments,
        inputs=held.facts.inputs,
        outputs=held.facts.outputs,
        calls=None if seen is None else seen.calls,
        calls_with_states=0 if seen is None else seen.with_states,
        lengths=None if first is None else first.lengths,
        other_inputs=() if seen is None else seen.other_inputs,
        parameters=count_of(found.module),
        macs=_macs(found, seen, held),
        macs_per_token=held.per_token,
        device=device_of(found.module),
        dtype=held.dtype,
        differences=held.differences,
        notes=held.notes,
        facts=held.facts,
        held_tensors=held.held_tensors,
        own_forward=found.own_forward,
        module=found.module,
        module_text=call_text(found, held.arguments),
        link=held.link,
    )


def _macs(found: RecurrentModule, seen: Seen | None, held: HeldLayer) -> int | None:
    """Those of all calls; None where nobody knows what a forward of its own computes, or what the calls read."""
    if seen is None or seen.first is None or seen.first.input is None or found.own_forward:
        return None
    return held.per_token * seen.tokens


def unwrapped(module: nn.Module) -> nn.Module:
    """What torch.compile or a parallel module was given."""
    inner = getattr(module, "_orig_mod", None)
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = module.module
    return unwrapped(inner) if isinstance(inner, nn.Module) else module


def _name_of(module: nn.Module) -> str:
    """The class of a model, of one that is wrapped that of what is in it."""
    inner = unwrapped(module)
    return str(getattr(inner, "original_name", "")) or type(inner).__name__


def unread(module: nn.Module) -> list[str]:
    """A sentence for each module that looks recurrent, and that neither is one of torch's nor holds one that does."""
    return [f"{name or 'the model'}: {why}" for name, part in module.named_modules() for why in _why(part)]


def _why(module: nn.Module) -> Iterator[str]:
    if isinstance(module, jit.ScriptModule):
        if next(module.children(), None) is None:
            yield from _compiled(module)
        return
    if kind_of_module(module) is not None or not _looks_recurrent(module):
        return
    inside = [part for part in module.modules() if part is not module]
    if any(kind_of_module(part) is not None or _looks_recurrent(part) for part in inside):
        return
    name = printable(_class_name(module))
    home = type(module).__module__
    if home.startswith(("torch.ao.", "torch.nn.quantized", "torch.nn.quantizable")):
        package = home.rpartition(".")[0]
        yield f"{name} is one of {package}, and none of torch.nn (inspect the model before it is quantised)"
    else:
        yield f"{name} is not made from torch.nn.RNN, LSTM, GRU or their cells, and was not read"


def _compiled(module: jit.ScriptModule) -> Iterator[str]:
    # why the graph too: what torch.jit.freeze leaves is one module, of no class that says anything.
    calls = _CALLS.search(str(getattr(module, "inlined_graph", "")))
    if calls or _looks_recurrent(module):
        name = printable(_class_name(module))
        what = f", which calls {calls[1]}," if calls else ""
        yield f"{name}{what} is compiled by torch.jit, and takes no hooks (inspect the module it was made from)"


def _looks_recurrent(module: nn.Module) -> bool:
    return _RECURRENT.search(_class_name(module)) is not None


def _class_name(module: nn.Module) -> str:
    # why the first: every scripted module is of one class.
    return str(getattr(module, "original_name", "")) if isinstance(module, jit.ScriptModule) else type(module).__name__
