"""A model held against its budget and against the lock: what is over, and what has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from rnninspect.document.chain import Spec
from rnninspect.document.quantity import parse_count, parse_percent
from rnninspect.errors import did_you_mean
from rnninspect.facts import ModelFacts
from rnninspect.guard.lock import LockedLayer, locked_layers
from rnninspect.shares import percent

# What a document's `budget` can limit, and the fact it is held against.
LIMITS: dict[str, Callable[[ModelFacts], int | None]] = {
    "max_params": lambda model: model.parameters,
    "max_param_bytes": lambda model: model.parameter_bytes,
    "max_macs": lambda model: model.macs,
    "max_output_bytes": lambda model: model.output_bytes,
    "max_training_bytes": lambda model: model.training_bytes,
    # The name that max_output_bytes had.
    "max_activation_bytes": lambda model: model.output_bytes,
}

# What may grow over the lock, by its name in `--max-growth`: the model's count that it is.
GROWING = {"params": "parameters", "macs": "macs"}
_WRITE = "write 5% for both, or params=5%,macs=100k"


# What a fact or a key of a document may be.
Value = int | float | str | tuple[int | str, ...] | None


class Limit(NamedTuple):
    """One limit of a budget: what it allows and what there is."""

    name: str
    allowed: int
    actual: int

    @property
    def ok(self) -> bool:
        """Whether the model keeps within it."""
        return self.actual <= self.allowed

    @property
    def over(self) -> int | None:
        """By how much it does not."""
        return None if self.ok else self.actual - self.allowed

    @property
    def percent_of_allowed(self) -> float | None:
        """What there is in % of what is allowed; None where nothing is."""
        return percent(self.actual / self.allowed) if self.allowed else None


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


class Growth(NamedTuple):
    """The most that one count may grow over the lock, the other is None: by a share of what is locked, or an amount."""

    field: str
    share: float | None
    amount: int | None

    def allows(self, change: Change) -> bool:
        """Whether the count has grown by no more."""
        if self.share is not None:
            return grows(change) <= self.share
        return (change.difference or 0) <= (self.amount or 0)


class Verdict(NamedTuple):
    """One model's check.

    changes: None where there is no lock to hold it against. allowed_growth: how far counts may grow over the lock,
    where some are; the lock then holds the model to nothing else but being in it. accepted: the lock is brought up to
    date with this model. built: whether it was proven on torch; None where that was not asked for.
    """

    model: ModelFacts
    limits: tuple[Limit, ...]
    changes: tuple[Change, ...] | None
    allowed_growth: tuple[Growth, ...] | None = None
    accepted: bool = False
    built: bool | None = None

    @property
    def new(self) -> bool:
        """Whether there is a lock, and the model is not in it."""
        return NEW in (self.changes or ())

    @property
    def outgrown(self) -> tuple[tuple[Change, Growth], ...]:
        """Every count of the model that has grown further than is allowed."""
        if self.accepted:
            return ()
        totals = {change.field: change for change in self.changes or () if change.layer == ""}
        limits = (growth for growth in self.allowed_growth or () if growth.field in totals)
        return tuple((totals[limit.field], limit) for limit in limits if not limit.allows(totals[limit.field]))

    @property
    def drifted(self) -> bool:
        """Whether the model has moved away from the lock further than is allowed."""
        if not self.changes or self.accepted:
            return False
        return self.allowed_growth is None or self.new or bool(self.outgrown)

    @property
    def ok(self) -> bool:
        """Whether nothing is over its limit and nothing has drifted."""
        return all(limit.ok for limit in self.limits) and not self.drifted and self.built is not False


def grows(change: Change) -> float:
    """By what fraction a count has grown; 0 where it shrank or is no count."""
    difference = change.difference
    if not difference or difference < 0:
        return 0.0
    return difference / int(str(change.locked)) if change.locked else float("inf")


def parse_growth(given: str) -> tuple[Growth, ...]:
    """`5%`, of parameters and of MACs, or `params=5%,macs=100k`. Raises ValueError for anything else."""
    if "=" not in given and "," not in given:
        try:
            share = parse_percent(given.strip())
        except ValueError as error:
            raise ValueError(f"{error} ({_WRITE})") from error
        return tuple(Growth(field, share, None) for field in GROWING.values())
    growths: dict[str, Growth] = {}
    for part in given.split(","):
        name, equals, most = (text.strip() for text in part.partition("="))
        if not equals:
            raise ValueError(f"expected NAME=LIMIT between commas, got {part!r} ({_WRITE})")
        if name not in GROWING:
            known = " or ".join(GROWING)
            raise ValueError(f"expected {known} before =, got {name!r} ({did_you_mean(name, GROWING)}; {_WRITE})")
        if name in growths:
            raise ValueError(f"expected {name} once, got it twice ({_WRITE})")
        try:
            limit = (parse_percent(most), None) if most.endswith("%") else (None, parse_count(most))
        except ValueError as error:
            expected = f"expected a percentage such as 5% or a count such as 100k for {name}, got {most!r}"
            raise ValueError(f"{expected} ({_WRITE})") from error
        growths[name] = Growth(GROWING[name], *limit)
    return tuple(growths.values())


def limits(model: ModelFacts, budget: Mapping[str, int | None]) -> tuple[Limit, ...]:
    """Every limit of a budget beside what the model has."""
    return tuple(
        Limit(name, allowed, _known(name, fact(model)))
        for name, fact in LIMITS.items()
        if (allowed := budget.get(name)) is not None
    )


def _known(name: str, amount: int | None) -> int:
    if amount is None:
        raise ValueError(f"{name}: only the plan knows this")
    return amount


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
