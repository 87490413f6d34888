"""A module held against a budget and against its entry in a lock, for a test.

The lock is the one of `rnninspect check`, in which the module is an entry `module:NAME` beside the documents. A change
is accepted by running the test once with RNNINSPECT_UPDATE=1 in the environment, or with `update=True`, and by
committing the lock; nothing is ever written without being asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from rnninspect.document.quantity import parse_count
from rnninspect.errors import printable
from rnninspect.guard.changes import Change, changes
from rnninspect.guard.check import Limit
from rnninspect.guard.findings import over_limit
from rnninspect.guard.lock import find_lock, update_lock
from rnninspect.guard.locked import MODULE, UNKNOWN, Locked, LockedLayer, LockedModel, locked_layer
from rnninspect.letters import tuple_text
from rnninspect.live.look import look_only, unwrapped
from rnninspect.live.parameters import shapes_of_others
from rnninspect.live.result import Inspected, LiveLayer

if TYPE_CHECKING:
    from torch import nn

UPDATE = "RNNINSPECT_UPDATE"
# What a lock calls everything but the recurrent layers.
_OTHERS = "(other layers)"
# So many changes are told.
_MOST_TOLD = 20


def check(
    module: nn.Module,
    max_params: int | str | None,
    lock: str | PathLike[str] | None,
    name: str | None,
    update: bool | None,
) -> Inspected:
    """Raise AssertionError where a module is not what is accepted; see `api.check_module`."""
    # why: what changed is to be read in pytest's report, not the lines that found it.
    __tracebackhide__ = True
    module = unwrapped(module)
    result = look_only(module)
    name = name or result.name
    faults = [*_contradictions(result), *_over(result, max_params)]
    if lock is not None:
        now = _locked(module, result)
        update = os.environ.get(UPDATE) == "1" if update is None else update
        faults += _accepted(Path(fspath(lock)), f"{MODULE}{name}", now, update=update)
    if faults:
        raise AssertionError("\n".join([f"{printable(name)} is not what is accepted:", *faults]))
    return result


def _contradictions(result: Inspected) -> Iterator[str]:
    for layer in result.layers:
        for item in layer.differences:
            what = f"  {printable(layer.name)}: {item.fact}"
            yield f"{what}: expected {item.plan} of a {layer.type} with these arguments, got {item.real}"


def _over(result: Inspected, allowed: int | str | None) -> Iterator[str]:
    if allowed is None:
        return
    most = _count(allowed) if isinstance(allowed, str) else allowed
    limit = Limit("max_params", most, result.parameters + result.other_parameters)
    if not limit.ok:
        parts = f"{result.parameters:,} in recurrent layers, {result.other_parameters:,} in others"
        yield f"  {over_limit(limit)} ({parts}); where that is meant, raise max_params in this test"
    if result.lazy:
        yield f"  max_params: {result.lazy} lazy parameters have no size yet; call the module once before"


def _count(allowed: str) -> int:
    try:
        return parse_count(allowed)
    except ValueError as error:
        raise ValueError(f"max_params: {error}") from None


def _accepted(lock: Path, entry: str, now: LockedModel, *, update: bool) -> Iterator[str]:
    """What is not as the lock has it; nothing once it has been updated."""
    if update:

        def change(before: Locked) -> Locked:
            return {**before, entry: now}

        update_lock(lock, change, (entry,))
        return
    known = find_lock(lock)
    accept = f"  accept with: {UPDATE}=1 pytest ..., and commit {printable(str(lock))}"
    if known is None or entry not in known:
        what = "is not there" if known is None else f"has no {printable(entry)}"
        yield f"  lock: expected an entry to hold it against, {printable(str(lock))} {what}"
        yield accept
        return
    differing = _telling(changes(now, known[entry]))
    for item in differing[:_MOST_TOLD]:
        yield f"  {_told(item)}"
    if len(differing) > _MOST_TOLD:
        yield f"  and {len(differing) - _MOST_TOLD} more changes"
    if differing:
        yield f"  expected: as {printable(str(lock))} has it"
        yield accept


def _telling(changes: Sequence[Change]) -> list[Change]:
    """The layers first, then what all of it comes to; without what follows from another change of the same layer."""
    told = [change for change in changes if not _follows(change, changes)]
    return sorted(told, key=lambda change: not change.layer)


def _follows(change: Change, changes: Sequence[Change]) -> bool:
    of_layer = {other.field for other in changes if other.layer == change.layer}
    if change.field == "macs":
        return "parameters" in of_layer
    is_shape = isinstance(change.locked, tuple) and isinstance(change.now, tuple)
    settings = any(field.startswith(f"{change.layer}.") for field in of_layer)
    return is_shape and bool(change.layer) and settings


def _told(change: Change) -> str:
    """`encoder: hidden_size: expected 50, got 64`."""
    where = printable(change.layer) or "all of it"
    field = printable(change.field.removeprefix(f"{change.layer}."))
    return f"{where}: {field}: expected {_value(change.locked)}, got {_value(change.now)}"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return tuple_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "nothing" if value is None else printable(str(value))


def _locked(module: nn.Module, result: Inspected) -> LockedModel:
    """What the lock keeps of a module: per token, as nobody says how large its batch is."""
    layers = {layer.name: _locked_layer(layer) for layer in result.layers}
    others = shapes_of_others(module)
    if others:
        layers[_OTHERS] = LockedLayer(
            type="others", parameters=result.other_parameters, macs=0, weights=others, settings={}
        )
    return LockedModel({"input": UNKNOWN}, layers)


def _locked_layer(layer: LiveLayer) -> LockedLayer:
    if layer.link is None:
        return LockedLayer(type=layer.type, parameters=layer.parameters, macs=0, weights={}, settings={})
    locked = locked_layer(layer.link.layer, layer.facts)
    # why no more of it: whether it trains is a matter of the moment, and its name stands beside it.
    kept = {key: value for key, value in (locked.settings or {}).items() if key != "trainable"}
    return locked._replace(parameters=layer.parameters, settings=kept)
