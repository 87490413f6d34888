"""Whether a checkpoint fits a document: each tensor of the model beside the one of the file that would be put there.

The verdict is that of torch's `load_state_dict(strict=True)`: every name is there, with its shape, and no other. What
is there under another name is paired all the same, so that it can be told why nothing was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from rnninspect.letters import Shape

# For so many layers of a model a likely one is looked for, among so many of the file. why a limit: each of the one is
# held against each of the other.
_MOST_SOUGHT, _MOST_LIKELY = 100, 2_000


class Wanted(NamedTuple):
    """A tensor of the document's model. layer: as an attribute of its module. role: as torch calls it in the layer.

    kind: the layer's type. shared_with: the name of the tensor that it is one with, as a tied Linear's is. optional:
    torch does without it in a file that does not say it is of a version that has it.
    """

    layer: str
    kind: str
    role: str
    shape: Shape
    shared_with: str | None = None
    optional: bool = False

    @property
    def name(self) -> str:
        """Its key in the model's state_dict."""
        return f"{self.layer}.{self.role}"


class Row(NamedTuple):
    """A tensor of the model beside one of the file; None where a side has none."""

    wanted: Wanted | None
    held: str | None
    held_shape: Shape | None

    @property
    def problem(self) -> str:
        """What stands against it; "" where it fits."""
        if self.wanted is None:
            return "unexpected"
        if self.held is None:
            return "missing"
        words = ["other name"] * (self.held != self.wanted.name)
        words += ["size mismatch"] * (self.held_shape != self.wanted.shape)
        return ", ".join(words)


class Fit(NamedTuple):
    """What a checkpoint is to a document. rows: of every tensor of the model, in order, then what else the file has.

    prefix: what stands in the file before most of the names. layers: by layer of the model its prefix in the file, of
    those that have one there.
    """

    rows: tuple[Row, ...]
    prefix: str
    layers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether torch would load it."""
        return not any(row.problem for row in self.rows)

    @property
    def wanted(self) -> int:
        """How many tensors the model has."""
        return sum(row.wanted is not None for row in self.rows)

    @property
    def fitting(self) -> int:
        """How many of them the file has under their names, with their shapes."""
        return sum(not row.problem for row in self.rows)

    def only_prefixed(self, row: Row) -> bool:
        """Whether nothing is wrong with a tensor of the model but what stands before its name."""
        if row.wanted is None or not self.prefix:
            return False
        return row.held == self.prefix + row.wanted.name and row.held_shape == row.wanted.shape

    @property
    def behind_prefix(self) -> int:
        """How many would fit, were the prefix taken off; 0 where there is none."""
        return sum(map(self.only_prefixed, self.rows))

    @property
    def groups(self) -> dict[str, dict[str, Shape]]:
        """The tensors of each layer of the file, by its prefix."""
        return _groups({row.held: row.held_shape for row in self.rows if row.held and row.held_shape is not None})

    @property
    def missing(self) -> list[str]:
        """What torch would call missing keys."""
        return [row.wanted.name for row in self.rows if row.wanted and row.held != row.wanted.name]

    @property
    def unexpected(self) -> list[str]:
        """What torch would call unexpected keys."""
        return [row.held for row in self.rows if row.held and (row.wanted is None or row.held != row.wanted.name)]

    @property
    def mismatched(self) -> list[str]:
        """What torch would call a size mismatch."""
        return [
            row.wanted.name
            for row in self.rows
            if row.wanted and row.held == row.wanted.name and row.held_shape != row.wanted.shape
        ]


def fit(wanted: Sequence[Wanted], held: Mapping[str, Shape]) -> Fit:
    """Lay a checkpoint's tensors, names to shapes, beside those of a model."""
    prefix = _prefix(wanted, held)
    groups = _groups(held)
    layers = _layers(wanted, groups, prefix)
    rows, taken = [], set[str]()
    for tensor in wanted:
        name = _name(tensor, layers, held)
        if name is None and tensor.optional:
            continue
        rows.append(Row(tensor, name, None if name is None else held[name]))
        taken |= {name} if name is not None else set()
    rest = [Row(None, name, shape) for name, shape in held.items() if name not in taken]
    return Fit((*rows, *rest), prefix, layers)


def parts_of(name: str) -> tuple[str, str, str]:
    """What stands before a layer with its dot, the layer, and the tensor's role in it."""
    before, _, role = name.rpartition(".")
    prefix, dot, layer = before.rpartition(".")
    return prefix + dot, layer, role


def _name(tensor: Wanted, layers: Mapping[str, str], held: Mapping[str, Shape]) -> str | None:
    """The key of a tensor in the file: its own, or that in the layer that stands for its."""
    if tensor.name in held:
        return tensor.name
    layer = layers.get(tensor.layer)
    if layer is None:
        return None
    name = f"{layer}.{tensor.role}" if layer else tensor.role
    return name if name in held else None


def _prefix(wanted: Iterable[Wanted], held: Mapping[str, Shape]) -> str:
    """What is to be taken off so that most names are the model's; "" where nothing is better."""
    shapes = {tensor.name: tensor.shape for tensor in wanted}
    fitting: Counter[str] = Counter()
    for name, shape in held.items():
        prefix, layer, role = parts_of(name)
        own = f"{layer}.{role}"
        if own in shapes:
            fitting[prefix] += 2 if shapes[own] == shape else 1
    # why by depth last: of a file that has a model twice, as an average of its weights too, the first is meant
    return max(fitting, key=lambda prefix: (fitting[prefix], -prefix.count(".")), default="")


def _groups(held: Mapping[str, Shape]) -> dict[str, dict[str, Shape]]:
    """The tensors of each layer of the file, by its prefix."""
    groups: dict[str, dict[str, Shape]] = {}
    for name, shape in held.items():
        layer, _, role = name.rpartition(".")
        groups.setdefault(layer, {})[role] = shape
    return groups


def _layers(wanted: Sequence[Wanted], groups: Mapping[str, Mapping[str, Shape]], prefix: str) -> dict[str, str]:
    """By layer of the model what it is called in the file: its own name behind the prefix, or whatever has its shapes.

    A layer of the file stands for one of the model.
    """
    roles: dict[str, dict[str, Shape]] = {}
    for tensor in wanted:
        roles.setdefault(tensor.layer, {})[tensor.role] = tensor.shape
    layers = {layer: prefix + layer for layer in roles if prefix + layer in groups}
    layers |= {layer: layer for layer in roles if layer not in layers and layer in groups}
    named = set(layers.values())
    free = dict(islice(((name, held) for name, held in groups.items() if name not in named), _MOST_LIKELY))
    for layer in [layer for layer in roles if layer not in layers][:_MOST_SOUGHT]:
        name = _nearest(roles[layer], free, prefix)
        if name is not None:
            layers[layer] = name
            del free[name]
    return {layer: layers[layer] for layer in roles if layer in layers}


def _nearest(shapes: Mapping[str, Shape], groups: Mapping[str, Mapping[str, Shape]], prefix: str) -> str | None:
    """The layer of a file that has most of these roles in these shapes; None where none has half of them."""

    def likeness(name: str) -> tuple[int, int, bool]:
        held = groups[name]
        same = sum(held.get(role) == shape for role, shape in shapes.items())
        # why more: `weight` and `bias` are in many layers, those of an RNN, LSTM or GRU in none else.
        of_kind = sum(role in held for role in shapes if "_" in role)
        return same, of_kind, name.startswith(prefix)

    best = max(groups, key=likeness, default=None)
    if best is None:
        return None
    same, of_kind, _ = likeness(best)
    return best if max(same, of_kind) * 2 >= len(shapes) else None
