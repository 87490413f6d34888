"""What has changed between two states of a model: since it was locked, or between two documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnninspect.document.chain import Spec
from rnninspect.facts import ModelFacts
from rnninspect.guard.lock import LockedLayer, locked_layers
from rnninspect.shares import percent

# What a fact or a key of a document may be.
Value = int | float | str | tuple[int | str, ...] | None


class Change(NamedTuple):
    """One fact, or one key of a document, that is no longer as it was; None is "not there".

    layer: its name, "" for the model itself. field: a key is called as `--set` calls it.
    """

    layer: str
    field: str
    locked: Value
    now: Value

    @property
    def difference(self) -> int | None:
        """now - locked, of counts."""
        if type(self.locked) is int and type(self.now) is int:  # why so exact: true is an int too
            return self.now - self.locked
        return None

    @property
    def percent(self) -> float | None:
        """The change of a count in % of what was locked; None from nothing."""
        return None if not self.difference or not self.locked else percent(self.difference / int(str(self.locked)))


# What a model has changed that the lock does not hold.
NEW = Change(layer="", field="model", locked=None, now="new")


def grows(change: Change) -> float:
    """By what fraction a count has grown; 0 where it shrank or is no count."""
    difference = change.difference
    if not difference or difference < 0:
        return 0.0
    return difference / int(str(change.locked)) if change.locked else float("inf")


def changes(model: ModelFacts, locked: Mapping[str, LockedLayer] | None) -> tuple[Change, ...]:
    """Everything that differs from the lock, the model's own counts first (layer ""), then layer by layer."""
    if locked is None:
        return (NEW,)
    now = locked_layers(model)
    in_layers = [
        change for name in {**locked, **now} for change in _layer_changes(name, locked.get(name), now.get(name))
    ]
    if not in_layers:
        return ()
    totals = (
        Change(
            layer="",
            field=field,
            locked=sum(getattr(x, field) for x in locked.values()),
            now=sum(getattr(x, field) for x in now.values()),
        )
        for field in ("parameters", "macs")
    )
    return (*(total for total in totals if total.locked != total.now), *in_layers)


def _layer_changes(name: str, locked: LockedLayer | None, now: LockedLayer | None) -> Iterator[Change]:
    if locked is None or now is None:
        yield Change(layer=name, field="layer", locked=locked and locked.type, now=now and now.type)
    for field in ("type", "parameters", "macs"):
        a, b = (getattr(side, field) if side else None for side in (locked, now))
        if locked and now and a != b:
            yield Change(layer=name, field=field, locked=a, now=b)
    before, after = (side.weights if side else {} for side in (locked, now))
    for weight in {**before, **after}:
        if before.get(weight) != after.get(weight):
            yield Change(layer=name, field=weight, locked=before.get(weight), now=after.get(weight))


def differences(old: Spec, new: Spec, before: ModelFacts, after: ModelFacts) -> tuple[Change, ...]:
    """Everything that differs between two documents and their facts: the model's own keys, then layer by layer."""
    was, is_now = (locked_layers(facts) for facts in (before, after))
    keys = [_keys(spec) for spec in (old, new)]
    changes = list(_key_changes("", keys[0][""], keys[1][""]))
    # why by those that both have: what is gone, and what is new, is told by itself.
    orders = [tuple(name for name in layers if name in was and name in is_now) for layers in (was, is_now)]
    if orders[0] != orders[1]:
        changes.append(Change("", "layers", *orders))
    for name in {**was, **is_now}:
        if name in was and name in is_now:
            a, b = keys[0][name], keys[1][name]
            if was[name].type != is_now[name].type:  # why: what one kind alone has is told by its type
                a, b = ({key: value for key, value in side.items() if key in a and key in b} for side in (a, b))
            changes += _key_changes(name, a, b)
        changes += _layer_changes(name, was.get(name), is_now.get(name))
    return tuple(changes)


def _keys(spec: Spec) -> dict[str, dict[str, Value]]:
    """What a sound document says, by layer ("" is the model): keys as `--set` calls them, sizes filled in."""
    batch = spec.batch
    keys: dict[str, dict[str, Value]] = {
        "": {
            "dtype": spec.dtype,
            "input.batch_size": batch.size,
            "input.seq_len": batch.seq_len,
            "input.lengths": batch.lengths,
            "input.state": batch.state,
        }
    }
    for link in spec.links:
        keys[link.layer.name] = {
            f"{link.layer.name}.{key}": value
            for field, given in link.layer
            if field not in ("name", "type")
            for key, value in _flat(field, given)
        }
    return keys


def _flat(key: str, given: object) -> Iterator[tuple[str, Value]]:
    """The single values of a key: those of a block each under its own."""
    if isinstance(given, Mapping):
        for inner, value in given.items():
            yield from _flat(f"{key}.{inner}", value)
    elif isinstance(given, list | tuple):
        yield key, tuple(given)
    elif given is None or isinstance(given, int | float | str):
        yield key, given
    else:
        raise TypeError(f"{key}: no plain value: {given!r}")


def _key_changes(layer: str, old: Mapping[str, Value], new: Mapping[str, Value]) -> Iterator[Change]:
    for key in {**old, **new}:
        a, b = old.get(key), new.get(key)
        if a != b:
            yield Change(layer=layer, field=key, locked=a, now=b)
