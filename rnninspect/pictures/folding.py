"""Layers alike that follow each other, as a `repeat` makes them: a picture of the model shows them once."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from rnninspect.document.chain import INPUT, Link, Spec

# So many times a block stands there before it is shown once, and so many layers it may have.
_LEAST_TIMES, _MOST_LAYERS = 4, 6


class Fold(NamedTuple):
    """From layer `start` on a block of `size` layers, `times` times. A layer by itself is a block of one, once."""

    start: int
    size: int = 1
    times: int = 1

    @property
    def end(self) -> int:
        """The layer after it."""
        return self.start + self.size * self.times


def folds(spec: Spec) -> list[Fold]:
    """All layers in order."""
    inside, found = _Inside(spec), []
    at = 0
    while at < len(spec.links):
        tried = [Fold(at, size, inside.times(at, size)) for size in range(1, _MOST_LAYERS + 1)]
        best = max(tried, key=lambda fold: (fold.times >= _LEAST_TIMES, fold.end, -fold.size))
        found.append(best if best.times >= _LEAST_TIMES else Fold(at))
        at = found[-1].end
    return found


class _Inside:
    """Which layers are alike, and which nothing but the next one is joined to."""

    def __init__(self, spec: Spec) -> None:
        self.links = spec.links
        self.alike = [link.layer.model_copy(update={"name": ""}) for link in spec.links]
        self.uses = Counter(name for link in spec.links for name in (*link.wires.reads, link.wires.add))
        self.uses.update(spec.returns)
        self.tied = {wires.state_from for wires in (link.wires for link in spec.links)}
        self.tied |= {link.wires.same_as for link in spec.links}
        self.tied |= {getattr(link.layer, "tied_to", None) or "" for link in spec.links}

    def times(self, start: int, size: int) -> int:
        """How often a block of so many layers stands there, one after the other."""
        if not all(map(self.alone, self.links[start : start + size])):
            return 1
        times = 1
        while self.follows(start + size * (times - 1), size):
            times += 1
        return times

    def follows(self, start: int, size: int) -> bool:
        """Whether the block after this one is alike, and each of its layers reads the one before it."""
        for k in range(start, start + size):
            if k + size >= len(self.links) or not self.alone(self.links[k + size]):
                return False
            one, other = self.links[k], self.links[k + size]
            if self.alike[k] != self.alike[k + size] or one.wires.add != other.wires.add:
                return False
            if one.signal.axes != other.signal.axes or one.signal.batch != other.signal.batch:
                return False
        return all(self.is_next(k) for k in range(start + 1, start + 2 * size))

    def alone(self, link: Link) -> bool:
        """Whether a layer has no wires but the one that it reads, and its input added."""
        wires = link.wires
        is_tied = wires.same_as or wires.state_from or getattr(link.layer, "tied_to", None)
        return len(wires.reads) == 1 and wires.add in ("", INPUT) and not is_tied and link.layer.name not in self.tied

    def is_next(self, k: int) -> bool:
        """Whether layer `k` reads the one before it, and nothing else does."""
        before = self.links[k - 1].layer.name
        return self.links[k].wires.reads == (before,) and self.uses[before] == 1
