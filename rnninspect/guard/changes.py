"""What has changed between two states of a model: since it was locked, or between two documents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

from rnninspect.guard.locked import (
    NAMES,
    LockedLayer,
    LockedModel,
    Settings,
    Value,
    is_unknown,
    layer_defaults,
    model_defaults,
    per_token,
)
from rnninspect.shares import percent

# The counts of a layer that add up to the model's, and what a sentence calls them.
COUNTS = {"parameters": "parameters", "macs": "MACs"}


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
    def share(self) -> float | None:
        """The change of a count as a share of what was locked; None from nothing, and where there is none."""
        if not self.difference or type(self.locked) is not int or not self.locked:
            return None
        return self.difference / self.locked

    @property
    def percent(self) -> float | None:
        """The same in %."""
        return None if self.share is None else percent(self.share)


# What a model has changed that the lock does not hold.
NEW = Change(layer="", field="model", locked=None, now="new")
# The same of one whose document was there, and no model.
UNREADABLE = Change(layer="", field="model", locked="unreadable", now="new")


def grows(change: Change) -> float:
    """By what share a count has grown, infinity from nothing; 0 where it shrank or is no count."""
    if (change.difference or 0) <= 0:
        return 0.0
    return math.inf if change.share is None else change.share


def changes(now: LockedModel, locked: LockedModel | None) -> tuple[Change, ...]:
    """Everything that differs from the lock: the model's own settings and counts (layer ""), then layer by layer."""
    if locked is None:
        return (NEW,)
    differing = differences(locked, now)
    if not differing:
        return ()
    own = [change for change in differing if not change.layer]
    counts = _counts(locked, now)
    totals = (Change(layer="", field=field, locked=_sum(locked, field), now=_sum(now, field)) for field in counts)
    in_layers = (change for change in differing if change.layer)
    return (*own, *(total for total in totals if total.difference), *in_layers)


def _counts(old: LockedModel, new: LockedModel) -> tuple[str, ...]:
    """The counts that can be laid side by side: MACs of a batch cannot beside those of a token."""
    return tuple(field for field in COUNTS if field != "macs" or per_token(old) == per_token(new))


def _sum(model: LockedModel, field: str) -> int:
    return sum(getattr(layer, field) for layer in model.layers.values())


def differences(old: LockedModel, new: LockedModel) -> tuple[Change, ...]:
    """Everything that differs between two models: the model's own settings, then layer by layer.

    Settings are compared only where both sides know theirs: an older lock has none.
    """
    renamed = dict(_renamed(old, new))
    before = {renamed.get(name, name): _with_names(layer, renamed) for name, layer in old.layers.items()}
    listed: list[Change] = []
    if old.settings is not None and new.settings is not None:
        defaults = model_defaults()
        listed += _setting_changes("", {**defaults, **old.settings}, {**defaults, **new.settings})
        # why by those that both have: what is gone, and what is new, is told by itself.
        orders = [
            tuple(name for name in layers if name in before and name in new.layers) for layers in (before, new.layers)
        ]
        order_known = not (is_unknown(old.settings, "layers") or is_unknown(new.settings, "layers"))
        if orders[0] != orders[1] and order_known:
            listed.append(Change(layer="", field="layers", locked=orders[0], now=orders[1]))
    listed += (Change(layer=name, field=f"{name}.name", locked=former, now=name) for former, name in renamed.items())
    for name in {**before, **new.layers}:
        listed += _layer_changes(name, before.get(name), new.layers.get(name), _counts(old, new))
    return tuple(listed)


def _with_names(layer: LockedLayer, renamed: Mapping[str, str]) -> LockedLayer:
    """The layer with what it is connected to as that is called now."""
    if not renamed or layer.settings is None or layer.settings.keys().isdisjoint(NAMES):
        return layer
    return layer._replace(settings={key: _called_now(key, value, renamed) for key, value in layer.settings.items()})


def _called_now(key: str, value: Value, renamed: Mapping[str, str]) -> Value:
    if key not in NAMES:
        return value
    if isinstance(value, tuple):
        return tuple(renamed.get(str(name), name) for name in value)
    return renamed.get(str(value), value)


def _renamed(before: LockedModel, after: LockedModel) -> Iterator[tuple[str, str]]:
    """The layers that are there under another name: what each was called, and what it is called now."""
    old, new = before.layers, after.layers
    added = [name for name in new if name not in old]
    gone = [name for name in old if name not in new]
    of_file = any(is_unknown(side.settings or {}, "layers") for side in (before, after))
    for likely in (_alike, _called_alike, _only_two) if of_file else (_alike,):
        for former in list(gone):
            rest = {name: new[name] for name in added}, {name: old[name] for name in gone}
            name = next((name for name in added if likely(former, name, *rest)), None)
            if name is not None:
                added.remove(name)
                gone.remove(former)
                yield former, name


# The layers of a side that have no other yet.
_Rest = Mapping[str, LockedLayer]


def _called_alike(former: str, name: str, new: _Rest, old: _Rest) -> bool:
    """Whether two layers of a type are called the same but for what stands before a dot."""
    return old[former].type == new[name].type and former.rpartition(".")[2] == name.rpartition(".")[2]


def _only_two(former: str, name: str, new: _Rest, old: _Rest) -> bool:
    """Whether they are the only ones left of their type."""
    types = [[layer.type for layer in side.values()] for side in (old, new)]
    return old[former].type == new[name].type and all(side.count(old[former].type) == 1 for side in types)


def _alike(former: str, name: str, added: _Rest, gone: _Rest) -> bool:
    """Whether they are the same but for their names."""
    old, new = gone[former], added[name]
    # why without MACs: a longer batch changes those of all layers.
    if (old.type, old.weights) != (new.type, new.weights):
        return False
    if old.settings is None or old.settings == new.settings:
        return True
    defaults = layer_defaults(old.type)
    # why without names: those that it reads may be called otherwise too.
    own = [{key: value for key, value in (side.settings or {}).items() if key not in NAMES} for side in (old, new)]
    sides = [{**defaults, **settings} for settings in own]
    return new.settings is not None and not any(_setting_changes("", *sides))


def _layer_changes(
    name: str, old: LockedLayer | None, new: LockedLayer | None, counts: tuple[str, ...]
) -> Iterator[Change]:
    if old == new:
        return
    if old is None or new is None:
        yield Change(layer=name, field="layer", locked=old and old.type, now=new and new.type)
    elif old.settings is not None and new.settings is not None:
        was, is_now = ({**layer_defaults(side.type), **(side.settings or {})} for side in (old, new))
        if old.type != new.type:  # why: what one kind alone has is told by its type
            was, is_now = ({key: side[key] for key in side if key in was and key in is_now} for side in (was, is_now))
        yield from _setting_changes(name, was, is_now)
    if old and new and old.type != new.type:
        yield Change(layer=name, field="type", locked=old.type, now=new.type)
    for field in counts:
        a, b = (getattr(side, field) if side else None for side in (old, new))
        if (a or 0) != (b or 0):
            yield Change(layer=name, field=field, locked=a, now=b)
    before, after = (side.weights if side else {} for side in (old, new))
    for weight in {**before, **after}:
        if before.get(weight) != after.get(weight):
            yield Change(layer=name, field=weight, locked=before.get(weight), now=after.get(weight))


def _setting_changes(layer: str, old: Settings, new: Settings) -> Iterator[Change]:
    for key in {**old, **new}:
        was, is_now = old.get(key), new.get(key)
        if was != is_now and not (is_unknown(old, key) or is_unknown(new, key)):
            pairs: Iterable[tuple[Value, Value]] = [(was, is_now)]
            if key == "equations" and isinstance(was, tuple) and isinstance(is_now, tuple):
                pairs = _differing(was, is_now)
            for one, other in pairs:
                yield Change(layer=layer, field=f"{layer}.{key}" if layer else key, locked=one, now=other)


def _differing(old: tuple[int | str, ...], new: tuple[int | str, ...]) -> Iterator[tuple[Value, Value]]:
    """Of two lists of equations the lines from the first that differ to the last, side by side."""
    rest = list(old), list(new)
    for end in (0, -1):
        while all(rest) and rest[0][end] == rest[1][end]:
            for lines in rest:
                lines.pop(end)
    for pair in zip_longest(*rest):
        was, is_now = (None if line is None else str(line).strip() for line in pair)
        if was != is_now:
            yield was, is_now
