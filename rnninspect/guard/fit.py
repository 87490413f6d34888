"""A size from a budget: the largest with which a model keeps within its limits, found on the plan alone.

A model is planned at 4 to 40 sizes: the sizes are doubled, or halved, until one is on the other side, then the gap is
halved. That is right where every limited count grows with the size, or stays, which all points looked at are held to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice, pairwise
from typing import NamedTuple

from rnninspect.document.chain import Spec, need_batch
from rnninspect.document.faults import together
from rnninspect.document.load import spec_of
from rnninspect.document.overrides import put
from rnninspect.document.paths import Path
from rnninspect.document.sizes import size_at
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, OptionError, Place, printable
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.check import LIMITS, Limit, limits
from rnninspect.plan import plan

# No size is larger. why: what needs more is no model that is written down, it is a budget in another unit.
LARGEST_SIZE = 2**31 - 1
# How much of a path an error repeats.
_MOST_SHOWN = 80
# Of so many numbers of a document it is tried whether they are a size that it takes.
_MOST_NUMBERS = 100


class Sized(NamedTuple):
    """A size, the document with it, and what the plan says of that."""

    value: int
    spec: Spec
    model: ModelFacts


class Fitted(NamedTuple):
    """What was found for one document.

    path: the keys that get the size, as they were named. best: the size; None where even the least is over a limit.
    next: the next size, or that least one; None where the document takes none above. refusal: why it takes none above
    `best`, or none below that least one; "" where it takes some.
    limits: what was to be kept, of `best`, or where there is none of `next`.
    """

    file: str
    path: str
    best: Sized | None
    next: Sized | None
    limits: tuple[Limit, ...]
    refusal: str = ""

    @property
    def shown(self) -> Sized:
        """What the limits are told of."""
        shown = self.best or self.next
        assert shown is not None  # why: where the one is not found the other is
        return shown

    @property
    def held_by(self) -> Limit:
        """The limit that is nearest to being reached, or furthest over."""
        return max(self.limits, key=lambda limit: limit.actual / limit.allowed if limit.allowed else float("inf"))


class Asked(NamedTuple):
    """What is wanted. budget: limits by name; where there is none those of each document.

    step: sizes are multiples of it. nearest: not the largest within the one limit, but the one whose count is nearest.
    """

    path: str
    budget: Mapping[str, int]
    step: int = 1
    nearest: bool = False


class Bracket(NamedTuple):
    """The largest size that keeps within the limits, and the least that does not; None where there is no such size."""

    below: int | None
    above: int | None


def bracket(accepts: Callable[[int], bool], keeps: Callable[[int], bool], start: int, last: int) -> Bracket:
    """Where models of a size go over, for sizes 1 to `last`, which may be refused below some size and above another.

    accepts: whether there is a model of a size. keeps: whether one that is accepted keeps within the limits. start: a
    size that is accepted.
    """

    def is_low(size: int) -> bool:
        return keeps(size) if accepts(size) else size < start

    low, high = 0, start
    while high <= last and is_low(high):
        low, high = high, min(2 * high, last + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_low(middle) else (low, middle)
    return Bracket(low if low and accepts(low) else None, high if high <= last and accepts(high) else None)


class _Models:
    """The models of one document by the size that is put into it, each planned once."""

    def __init__(self, file: str, tree: Tree, asked: Asked) -> None:
        self.file, self.tree = file, tree
        self.place = Place(asked.path[:_MOST_SHOWN])
        self.paths = paths_of(asked.path, tree)
        self._seen: dict[int, Sized | DocumentError] = {}

    def at(self, value: int) -> Sized | DocumentError:
        """The model of a size, or why there is none."""
        if value not in self._seen:
            tree = self.tree
            for path in self.paths:
                tree = put(tree, path, value, Place(f"{self.place}={value}"))
            try:
                spec = spec_of(tree, self.file)
                self._seen[value] = Sized(value, spec, plan(spec))
            except DocumentError as error:
                self._seen[value] = error
        return self._seen[value]

    def accepts(self, value: int) -> bool:
        """Whether there is a model of this size."""
        return isinstance(self.at(value), Sized)

    def sized(self, value: int) -> Sized:
        """The model of a size. Raises DocumentError where there is none."""
        found = self.at(value)
        if isinstance(found, DocumentError):
            raise found
        return found

    def looked_at(self) -> list[Sized]:
        """Every model so far, by size."""
        return [found for _, found in sorted(self._seen.items()) if isinstance(found, Sized)]


def paths_of(path: str, tree: Tree) -> tuple[Path, ...]:
    """Where the sizes are that `A.key`, or `A.key=B.key`, names. Raises DocumentError where one is none."""
    return tuple(size_at(target, tree, Place(path[:_MOST_SHOWN])) for target in path.split("="))


def fit(file: str, tree: Tree, asked: Asked) -> Fitted:
    """The size that is asked for.

    Raises DocumentError where the document is not sound whatever the size, and where the size has nothing to do with
    what is limited; OptionError where there is no limit, or more than one to be near to.
    """
    models = _Models(file, tree, asked)
    step, last = asked.step, LARGEST_SIZE // asked.step
    start = _start(models, step, last)
    first = models.sized(start * step)
    budget = _budget(first.spec, asked)
    if any(LIMITS[name](first.model) is None for name in budget):
        need_batch(first.spec)

    def keeps(size: int) -> bool:
        return all(limit.ok for limit in limits(models.sized(size * step).model, budget))

    found = bracket(lambda size: models.accepts(size * step), keeps, start, last)
    _check_grows(models, budget, start * step, step)
    if found.below == last:
        hint = "is the budget meant?"
        raise DocumentError(models.place, f"even {last * step:,} keeps within {limits_text(budget)}", hint=hint)
    best, after = (None if size is None else models.sized(size * step) for size in found)
    if asked.nearest and after is not None and (best is None or _nearer(after, best, budget)):
        best, after = after, None
    refusal = ""
    if best is not None and after is None:
        following = models.at(best.value + step)
        if isinstance(following, Sized):
            after = following
        else:
            refusal = _said(following)
    elif best is None and after is not None and after.value > step:
        below = models.at(after.value - step)
        refusal = _said(below) if isinstance(below, DocumentError) else ""
    fitted = Fitted(file=tree.source, path=asked.path, best=best, next=after, limits=(), refusal=refusal)
    return fitted._replace(limits=limits(fitted.shown.model, budget))


def _said(refused: DocumentError) -> str:
    """Why a document has no such size, without where that stands."""
    return str(refused).removeprefix(f"{refused.place}: ")


def limits_text(budget: Mapping[str, int]) -> str:
    """`max_params 1,000,000 and max_macs 5,000`."""
    return " and ".join(f"{name} {allowed:,}" for name, allowed in budget.items())


def _start(models: _Models, step: int, last: int) -> int:
    """A size, in steps, that the document takes. Raises DocumentError with the faults it has whatever the size."""
    written = _written(models)
    nearby = [written // step, -(-written // step)]
    doubled = [1 << power for power in range(last.bit_length())]
    # why the numbers of the document too: what refuses a size on either side stands there
    others = [part // step + more for part in _numbers(models.tree.data) for more in (0, 1)]
    refused: list[DocumentError] = []
    for size in dict.fromkeys(size for size in (*nearby, *doubled, *others) if 1 <= size <= last):
        found = models.at(size * step)
        if isinstance(found, Sized):
            return size
        refused.append(found)
        # why: what is wrong at two sizes in the same words is wrong at all of them
        both = {(fault.place, fault.message) for fault in refused[0].faults}
        own = [fault for fault in found.faults if (fault.place, fault.message) in both]
        if own and refused[1:]:
            raise together(own)
    raise refused[0]


def _written(models: _Models) -> int:
    """The size that the document says now; 0 where it says none."""
    found = models.tree.at(models.paths[0])
    return int(found) if type(found) is int and 1 <= found <= LARGEST_SIZE else 0


def _numbers(data: object) -> list[int]:
    """The first whole numbers in a document, and their halves, as two directions put out."""
    if type(data) is int:
        return [data, data // 2]
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [*islice((number for each in inner for number in _numbers(each)), _MOST_NUMBERS)]


def _budget(spec: Spec, asked: Asked) -> Mapping[str, int]:
    """The limits that are asked for, else the document's own."""
    budget = asked.budget or spec.budget
    source = printable(spec.source)
    if not budget:
        hint = "--max-params 1M, --max-macs, --like, or a budget: in it"
        raise OptionError(f"{source}: there is no budget to keep within ({hint})")
    if asked.nearest and len(budget) > 1:
        raise OptionError(f"--nearest: expected one limit to be near to, {source} has {' and '.join(budget)}")
    return budget


def _nearer(above: Sized, below: Sized, budget: Mapping[str, int]) -> bool:
    """Whether the count of the one is nearer to what is allowed; of two that are as near it is the one below."""
    (name, allowed), *_ = budget.items()
    over, under = (abs(_counts(each, budget)[name] - allowed) for each in (above, below))
    return over < under


def _check_grows(models: _Models, budget: Mapping[str, int], start: int, step: int) -> None:
    """Raise DocumentError where the size has no effect on any limited count, or one shrinks where it grows."""
    if len(models.looked_at()) == 1:
        for value in (start + step, start - step):
            if value >= 1:
                models.at(value)
    looked_at = models.looked_at()
    counted = [_counts(each, budget) for each in looked_at]
    for before, after in pairwise(range(len(counted))):
        for name, count in counted[before].items():
            if counted[after][name] < count:
                sizes = [f"{counted[k][name]:,} at {looked_at[k].value:,}" for k in (before, after)]
                message = f"{name} does not only grow with it: {', '.join(sizes)}"
                raise DocumentError(models.place, message, hint="name another size")
    if len(counted) > 1 and all(each == counted[0] for each in counted):
        message = f"it has no effect: {limits_text(counted[0])} at any size"
        raise DocumentError(models.place, message, hint="name a size that has one")


def _counts(sized: Sized, budget: Mapping[str, int]) -> dict[str, int]:
    return {limit.name: limit.actual for limit in limits(sized.model, budget)}
