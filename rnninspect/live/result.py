"""`rnninspect.inspect`, `rnninspect.recurrent`, and what comes back: the recurrent layers of a live module."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from rnninspect.errors import printable
from rnninspect.live.arguments import RecurrentModule, call_text, recurrent_modules
from rnninspect.live.inputs import Inputs, inputs_for
from rnninspect.live.layers import HeldLayer, held
from rnninspect.live.page import Page
from rnninspect.live.parameters import Owners, count_of, counted, device_of
from rnninspect.live.records import LayerRecord, ModelRecord
from rnninspect.live.seen import Seen
from rnninspect.live.unread import unread
from rnninspect.live.watch import watch


@dataclass(frozen=True)
class LiveLayer(LayerRecord):
    """One recurrent layer of a live module, which can be verified and timed; what it holds, `LayerRecord` says."""

    def verify(self, seed: int = 0) -> Page:
        """Its equations in float64 against torch, with its own weights, on a random batch like the one that it read.

        The module itself is neither run nor changed. `.ok` says whether they agree; printed it is the page of
        `rnninspect verify`.
        """
        from rnninspect.live.weights import verify

        return verify([self], seed)

    def bench(self) -> Page:
        """Forward and backward timed on a batch like the one that it read, in a process of its own: some 20 s.

        Printed it is the page of `rnninspect bench --quick`.
        """
        from rnninspect.live.timing import bench

        return bench([self])


@dataclass(frozen=True)
class Inspected(ModelRecord):
    """The recurrent layers of a live module; printed, and in a notebook, a table. `ModelRecord` says what it holds."""

    layers: tuple[LiveLayer, ...]

    def __str__(self) -> str:
        return str(self._page())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self._page()._repr_html_()

    def __getitem__(self, name: str) -> LiveLayer:
        """The layer of that name."""
        for layer in self.layers:
            if name == layer.name or name in layer.names:
                return layer
        known = ", ".join(layer.name for layer in self.layers) or "none"
        raise KeyError(f"no recurrent layer {name!r} (known: {known})")

    def json(self) -> str:
        """One JSON object, as the commands print it with `--format json`, and under `live` what was seen."""
        return self._page().json()

    def verify(self, seed: int = 0) -> Page:
        """Every layer as `LiveLayer.verify` does it, on one page."""
        from rnninspect.live.weights import verify

        return verify(self.layers, seed)

    def bench(self) -> Page:
        """Every layer that ran as `LiveLayer.bench` does it, on one page."""
        from rnninspect.live.timing import bench

        return bench(self.layers)

    def _page(self) -> Page:
        from rnninspect.live.document import live_document
        from rnninspect.live.tables import last_line, tables

        return Page(tuple(tables(self)), last_line(self), lambda: live_document(self), ok=self.agrees)


def inspect(
    module: nn.Module,
    *inputs: Any,
    input_size: Any = None,
    dtypes: Sequence[torch.dtype] | torch.dtype | None = None,
    **kwargs: Any,
) -> Inspected:
    """Run a module once on its input, and tell what its recurrent layers are, read, and put out.

        rnninspect.inspect(model, x, lengths)
        rnninspect.inspect(model, (32, 20, 300))                        a size: random numbers
        rnninspect.inspect(model, (32, 20), dtypes=[torch.long])        tokens
        rnninspect.inspect(model, input_size=[(32, 20, 300), ((2, 32, 50), (2, 32, 50))])

    kwargs go to the module's forward. The forward runs in eval mode and without gradients; afterwards modes, buffers
    and random numbers are as before, and no hook is left. What it raises comes through as it is.
    """
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


def recurrent(module: nn.Module) -> Inspected:
    """The recurrent layers of a module that is not run: letters in place of the sizes of its input."""
    _expect_module(module)
    return _inspected(module, recurrent_modules(module), None, ())


def _expect_module(module: object) -> None:
    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a torch.nn.Module, got {type(module).__name__} (rnninspect.load reads documents)")


def _advice(inputs: Sequence[Any], kwargs: Mapping[str, Any], made: Inputs) -> list[str]:
    """What helps where a forward raised because of what it was called with."""
    if made.made:
        return [f"rnninspect made its input from sizes: {', '.join(made.made)} (dtypes=[torch.long] makes tokens)"]
    if not inputs and not kwargs:
        return ["rnninspect called forward() without an argument (rnninspect.recurrent(module) runs nothing)"]
    return []


def _inspected(
    module: nn.Module, found: Sequence[RecurrentModule], seen: Sequence[Seen] | None, notes: tuple[str, ...]
) -> Inspected:
    counts = counted(module, found)
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
        macs=held.per_token * seen.tokens if seen is not None and seen.calls else None,
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
