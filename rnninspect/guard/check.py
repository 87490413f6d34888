"""A model held against its budget and against the lock: what is over, and how far it has moved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.document.quantity import parse_count, parse_percent
from rnninspect.errors import did_you_mean
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.against import Against
from rnninspect.guard.changes import NEW, UNREADABLE, Change, grows
from rnninspect.shares import percent

if TYPE_CHECKING:
    from rnninspect.guard.weights import HeldWeights

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
# The limit of `--max-total-params`.
TOTAL = "max_total_params"


class Word(StrEnum):
    """What a check comes to, from the best to the worst."""

    OK = "ok"
    NOT_CHECKED = "not checked"
    FAILED = "FAILED"


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
    date with this model. built: whether it was proven on torch, False of a damaged file; None where that was not asked
    for. empty_budget: its document has a `budget` without a limit. demanded: it may lack no lock, and its `budget` no
    limit. new_allowed: what it is held against need not have it. likeness: what the lock has like a model that it
    lacks, in words. former: the document, gone since, that the lock knows the very same model by. weights: the
    checkpoint that it was held against.
    """

    model: ModelFacts
    limits: tuple[Limit, ...]
    changes: tuple[Change, ...] | None
    allowed_growth: tuple[Growth, ...] | None = None
    accepted: bool = False
    built: bool | None = None
    empty_budget: bool = False
    demanded: bool = False
    new_allowed: bool = False
    likeness: str = ""
    former: str = ""
    weights: HeldWeights | None = None

    @property
    def new(self) -> bool:
        """Whether there is something to hold the model against, and the model is not in it."""
        return self.changes in ((NEW,), (UNREADABLE,))

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
        if self.new:
            return not self.new_allowed
        return self.allowed_growth is None or bool(self.outgrown)

    @property
    def unlocked(self) -> bool:
        """Whether there is no lock, and one is demanded."""
        return self.demanded and self.changes is None

    @property
    def word(self) -> Word:
        """Failed where anything is wrong, and ok only where something was held against something."""
        over = any(not limit.ok for limit in self.limits)
        over |= self.weights is not None and not self.weights.ok
        if over or self.drifted or self.unlocked or self.built is False or (self.demanded and self.empty_budget):
            return Word.FAILED
        held = self.limits or not (self.changes is None or self.new) or self.accepted or self.built or self.weights
        return Word.OK if held else Word.NOT_CHECKED


class Check(NamedTuple):
    """What one command line checked.

    against: what models were held against besides budgets; None where there was no lock. allowed: what all models may
    have together; None where that is not limited. gone: what is wrong with those documents that only the lock knows,
    by file, where that fails.
    """

    verdicts: tuple[Verdict, ...]
    against: Against | None = None
    allowed: int | None = None
    gone: Mapping[str, str] = MappingProxyType({})

    @property
    def parameters(self) -> int:
        """Those of all models together."""
        return sum(verdict.model.parameters for verdict in self.verdicts)

    @property
    def total(self) -> Limit | None:
        """What all models may have together, beside what they have."""
        return None if self.allowed is None else Limit(TOTAL, self.allowed, self.parameters)

    @property
    def word(self) -> Word:
        """The worst of it; a limit on the total is held against every model."""
        words = {verdict.word for verdict in self.verdicts}
        if Word.FAILED in words or self.gone or (self.total is not None and not self.total.ok):
            return Word.FAILED
        return Word.NOT_CHECKED if Word.NOT_CHECKED in words and self.total is None else Word.OK


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
