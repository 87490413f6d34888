"""Which tensors of an HDF5 file are whose in Keras' description of the model: by names that Keras wrote, never a guess.

A role is `kernel`, `recurrent_kernel` or `bias`; of two directions behind `forward/` and `backward/`; of several cells
behind the number of the cell. A layer for which one tensor cannot be told has no roles at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from rnninspect.files.held import HeldLayer, HeldTensor
from rnninspect.files.readers.keras_config import Entry, cells_of, options
from rnninspect.files.readers.own_names import joined

_ROLES = ("kernel", "recurrent_kernel", "bias")
_GATES = {"LSTM": 4, "CuDNNLSTM": 4, "GRU": 3, "CuDNNGRU": 3, "SimpleRNN": 1}
_GATES |= {"LSTMCell": 4, "GRUCell": 3, "SimpleRNNCell": 1}


class Names(NamedTuple):
    """What an HDF5 file says of its groups.

    groups: the groups in each group. called: by the group of a layer, that layer's own name, where it is written.
    weights: by the group of an outermost layer, the tensors of it in their order, where they are written.
    """

    groups: Mapping[str, Sequence[str]]
    called: Mapping[str, str]
    weights: Mapping[str, Sequence[str]]


def layers_of(model: Entry, tensors: Mapping[str, HeldTensor], names: Names) -> tuple[HeldLayer, ...]:
    """Every recurrent layer of a description, with the tensors that are told to be its own.

    Its name is what the names of these begin with; its own name in the model is the option `name`, behind the names of
    the models that it is in.
    """
    return tuple(_layers(model, "", "", tensors, names))


def _layers(
    entry: Entry, path: str, group: str | None, tensors: Mapping[str, HeldTensor], names: Names
) -> Iterator[HeldLayer]:
    """The layers of an entry. path: the names of what it is in. group: where its tensors are, None: nobody knows."""
    if entry.is_recurrent:
        roles: dict[str, str] = {}
        if group is not None:
            roles = _by_place(entry, group, tensors, names)
        if not roles:
            roles = _by_weight_names(entry, path, tensors, names)
        yield HeldLayer(
            name=_prefix(roles.values()) or path, kind=entry.kind, said={"name": path} | options(entry), tensors=roles
        )
        yield from _cells(entry, path, roles)
        return
    places = _places(entry, group, names)
    for inner, place in zip(entry.inside, places, strict=True):
        name = inner.name or inner.kind
        yield from _layers(inner, joined(path, name), place, tensors, names)


def _cells(entry: Entry, path: str, roles: Mapping[str, str]) -> Iterator[HeldLayer]:
    """Each cell of a layer that has several, for the options of one are not those of another."""
    cells = _cells_of_all(entry)
    for behind, cell in cells if roles and any(behind[:-1].rpartition("/")[2].isdigit() for behind, _ in cells) else ():
        own = {role.removeprefix(behind): name for role, name in roles.items() if role.startswith(behind)}
        yield HeldLayer(
            name=_prefix(own.values()),
            kind=cell.kind,
            said={"name": f"{path}/{behind[:-1]}"} | options(cell),
            tensors=own,
        )


# --- where Keras 3 keeps a layer: by class and number, with its own name as an attribute ----------------------------


def _places(entry: Entry, group: str | None, names: Names) -> list[str | None]:
    """The group of each entry that is inside of another."""
    if group is None:
        return [None] * len(entry.inside)
    several = [inner for inner in entry.inside if inner.role == "layers"]
    found = iter(_places_in(several, joined(group, "layers"), names))
    return [next(found) if inner.role == "layers" else joined(group, inner.role) for inner in entry.inside]


def _places_in(entries: Sequence[Entry], container: str, names: Names) -> list[str | None]:
    """The group of each layer of a model: the one that bears its name, else the one that the rule of saving gives.

    The rule: the class, and from the second one of a class on its number. why only where the number of groups of the
    class is that of its layers: a layer that is used in two places is saved once.
    """
    groups = [joined(container, name) for name in names.groups.get(container, ())]
    if any(group in names.called for group in groups):
        by_name: dict[str, list[str]] = {}
        for group in groups:
            by_name.setdefault(names.called.get(group, ""), []).append(group)
        return [same[0] if len(same := by_name.get(entry.name, [])) == 1 else None for entry in entries]
    classes = Counter(_snake(entry.kind) for entry in entries)
    saved = Counter(re.sub(r"_\d+\Z", "", group.rpartition("/")[2]) for group in groups)
    used: Counter[str] = Counter()
    places: list[str | None] = []
    for entry in entries:
        name = _snake(entry.kind)
        place = joined(container, f"{name}_{used[name]}" if used[name] else name)
        used[name] += 1
        places.append(place if place in groups and saved[name] == classes[name] else None)
    return places


def _by_place(entry: Entry, group: str, tensors: Mapping[str, HeldTensor], names: Names) -> dict[str, str]:
    """The tensors of a layer by the groups of its cells: `cell/vars/0`, 1 and 2 in the order of `_ROLES`."""
    found: dict[str, str] = {}
    for place, behind, cell in _cell_places(entry, group, names):
        if place is None:
            return {}
        expected = _ROLES if cell.config.get("use_bias") is not False else _ROLES[:2]
        here = {role: f"{place}/vars/{index}" for index, role in enumerate(expected)}
        if not _fit(cell, here, tensors) or f"{place}/vars/{len(expected)}" in tensors:
            return {}
        found |= {behind + role: name for role, name in here.items()}
    return found


def _cell_places(entry: Entry, group: str, names: Names) -> Iterator[tuple[str | None, str, Entry]]:
    """Of each cell of a layer, in the order of its weights, its group, what its roles stand behind, its description."""
    if entry.kind == "Bidirectional":
        for direction, layer in _directions(entry):
            for place, behind, cell in _cell_places(layer, joined(group, f"{direction}_layer"), names):
                yield place, f"{direction}/{behind}", cell
        return
    cells = cells_of(entry)
    if not cells or cells[0].role == "cell":
        yield joined(group, "cell"), "", cells[0] if cells else entry
    else:
        container = joined(group, "cell/cells")
        # why the rule alone: cells have names that nobody chose, and two may have the same.
        unnamed = names._replace(called={})
        for index, place in enumerate(_places_in(cells, container, unnamed)):
            yield place, f"{index}/", cells[index]


def _directions(entry: Entry) -> list[tuple[str, Entry]]:
    """Both layers of a bidirectional one; where nothing is said of the second, it is as the first."""
    by_role = {inner.role: inner for inner in entry.inside}
    if "layer" not in by_role:
        return []
    return [("forward", by_role["layer"]), ("backward", by_role.get("backward_layer", by_role["layer"]))]


# --- what Keras 2 wrote, and 3 writes as .h5: the names of each outermost layer's weights ----------------------------


def _by_weight_names(entry: Entry, path: str, tensors: Mapping[str, HeldTensor], names: Names) -> dict[str, str]:
    """The tensors of a layer among those of the outermost layer that it is in, by their names."""
    weights = names.weights.get(path.partition("/")[0], ())
    own = entry.name
    sets: dict[str, dict[str, str]] = {}
    for name in weights:
        parent, _, last = name.rpartition("/")
        sets.setdefault(parent, {})[re.sub(r":\d+\Z", "", last)] = name
    sets = {parent: roles for parent, roles in sets.items() if "recurrent_kernel" in roles}
    if "/" in path and own:  # why: other layers of the same model have their weights here too
        sets = {parent: roles for parent, roles in sets.items() if own in parent.split("/")}
    found: dict[str, str] = {}
    wanted = _cells_of_all(entry)
    if len(wanted) != len(sets):
        return {}
    for (behind, cell), (parent, roles) in zip(wanted, sets.items(), strict=True):
        # why: Keras writes forward before backward, and its names say so; where they do not, nothing is told.
        direction = behind.partition("/")[0]
        if direction in ("forward", "backward") and not re.search(rf"(?:\A|/){direction}_", parent):
            return {}
        if set(roles) - set(_ROLES) or not _fit(cell, roles, tensors):
            return {}
        found |= {behind + role: name for role, name in roles.items()}
    return found


def _cells_of_all(entry: Entry) -> list[tuple[str, Entry]]:
    """Each cell of a layer, wherever it is kept, and what its roles stand behind."""
    return [(behind, cell) for _, behind, cell in _cell_places(entry, "", Names({}, {}, {}))]


# --- both ----------------------------------------------------------------------------------------------------------


def _fit(cell: Entry, roles: Mapping[str, str], tensors: Mapping[str, HeldTensor]) -> bool:
    """Whether tensors are there, and of the sizes that the description of a cell says."""
    if not all(name in tensors for name in roles.values()) or not {"kernel", "recurrent_kernel"} <= set(roles):
        return False
    if ("bias" in roles) != (cell.config.get("use_bias") is not False):
        return False
    units, gates = cell.config.get("units"), _GATES.get(cell.kind)
    if type(units) is not int or gates is None:
        return False
    kernel, recurrent = tensors[roles["kernel"]].shape, tensors[roles["recurrent_kernel"]].shape
    columns = gates * units
    if len(kernel) != 2 or kernel[1] != columns or recurrent != (units, columns):
        return False
    return "bias" not in roles or tensors[roles["bias"]].shape in ((columns,), (2, columns), (2 * columns,))


def _prefix(names: Iterable[str]) -> str:
    """The groups that all of the tensors are in; "" for no tensors."""
    paths = [name.split("/")[:-1] for name in names]
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    return "/".join(parts[0] for parts in shared)


def _snake(kind: str) -> str:
    """The name of a class as Keras writes it in files: SimpleRNN is simple_rnn, LSTMCell is lstm_cell."""
    word_begins = r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])"
    return re.sub(word_begins, "_", re.sub(r"\W", "", kind)).lower()
