"""The tensors that no rule has read yet, by prefix: every rule takes what is its own, and leaves the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from rnninspect.files.found import FoundLayer
from rnninspect.files.held import Held, HeldLayer, HeldTensor, Said

Group = Mapping[str, HeldTensor]
# So many stacked layers at most. why: torch's limit here is memory; ours is that of documents.
MOST_STACKED = 10_000
# Names up to so long are taken apart. why: what does that for every part of a name takes the square of its length.
LONGEST = 2_000


class Undecided(NamedTuple):
    """Tensors that are recurrent and that a rule does not dare to read. why: what follows their number and names."""

    prefix: str
    tensors: int
    why: str


Read = Iterator[FoundLayer | Undecided]


def plain(name: str) -> str:
    """A name without what TensorFlow puts after it."""
    return name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE").removesuffix(":0")


def split(name: str) -> tuple[str, str]:
    """A name's prefix, with the dot or slash that ends it, and its last part."""
    at = max(name.rfind("."), name.rfind("/")) + 1
    return name[:at], name[at:]


def bare(prefix: str) -> str:
    """A prefix without the dot or slash at its end."""
    return prefix[:-1] if prefix.endswith((".", "/")) else prefix


class Left:
    """The tensors left, grouped by prefix; names are without what TensorFlow puts after them."""

    def __init__(self, held: Held, names: Iterable[str]) -> None:
        self.held = held
        # How many tensors a rule has found to be no layer's, by what they are.
        self.aside: Counter[str] = Counter()
        # What a rule knows of the layer of a prefix that another rule reads.
        self.told: dict[str, dict[str, Said]] = {}
        self._owners: dict[str, list[HeldLayer]] | None = None
        self._second: dict[str, list[str]] = {}
        for alias, first in held.aliases.items():
            self._second.setdefault(first, []).append(alias)
        self._groups: dict[str, dict[str, HeldTensor]] = {}
        # why by last part too: most rules look for a few of those, and files have 100,000 tensors.
        self._places: dict[str, list[str]] = {}
        self._layers = {layer.name: layer for layer in held.layers}
        for name in names:
            prefix, last = split(plain(name))
            if last in self._groups.get(prefix, {}):
                prefix, last = split(name)
            self._groups.setdefault(prefix, {})[last] = self.tensor(name)
            self._places.setdefault(last, []).append(prefix)

    def tensor(self, name: str) -> HeldTensor:
        """The tensor of a name, the first one's where it has several names. Raises KeyError."""
        tensors = self.held.tensors
        first = self.held.aliases.get(name, name)
        return tensors[first] if first in tensors else tensors[name]

    def holding(self, is_wanted: Callable[[str], object]) -> list[tuple[str, Group]]:
        """Every prefix with a name whose last part is wanted, and the tensors that are left of it."""
        lasts = [last for last in self._places if is_wanted(last)]
        prefixes = dict.fromkeys(prefix for last in lasts for prefix in self._places[last])
        return [(prefix, self._groups[prefix]) for prefix in prefixes if self._groups[prefix]]

    @property
    def number(self) -> int:
        """How many tensors are left."""
        return sum(map(len, self._groups.values()))

    def group(self, prefix: str) -> Group:
        """The tensors of a prefix; none where nothing is left of it."""
        return self._groups.get(prefix, {})

    def take(self, prefix: str, lasts: Iterable[str]) -> None:
        """They have been read."""
        group = self._groups.get(prefix, {})
        for last in lasts:
            group.pop(last, None)

    def is_left(self, name: str) -> bool:
        """Whether a tensor is left, by its whole name."""
        return any(last in self.group(prefix) for prefix, last in (split(name), split(plain(name))))

    def set_aside(self, what: str, prefix: str, last: str) -> None:
        """One that is no layer's after all."""
        self.take(prefix, [last])
        self.aside[what] += 1

    def move(self, prefix: str, last: str, to: str, name: str) -> None:
        """One that stands for another, under that one's name."""
        self._groups[to][name] = self._groups[prefix].pop(last)
        self._places.setdefault(name, []).append(to)

    def take_named(self, names: Iterable[str]) -> None:
        """They have been read, by their whole names, and so have their other names."""
        for first in names:
            for name in (first, *self._second.get(first, ())):
                for short in (name, plain(name)):
                    prefix, last = split(short)
                    self.take(prefix, [last])

    def tell(self, prefix: str, known: Mapping[str, Said]) -> None:
        """What is known of a layer besides its tensors."""
        self.told.setdefault(prefix, {}).update(known)

    def layer(self, name: str) -> HeldLayer | None:
        """What the file says of the layer of a name."""
        return self._layers.get(name)

    def layers_with(self, names: Iterable[str]) -> list[HeldLayer]:
        """What the file says of the layers that have any of the tensors, in the file's order."""
        if self._owners is None:
            self._owners = {}
            for layer in self.held.layers:
                for name in layer.tensors.values():
                    self._owners.setdefault(name, []).append(layer)
        return list({id(layer): layer for name in names for layer in self._owners.get(name, ())}.values())

    def names(self) -> Iterator[tuple[str, str, HeldTensor]]:
        """Prefix, last part and tensor of all that is left."""
        for prefix, group in self._groups.items():
            for last, tensor in group.items():
                yield prefix, last, tensor
