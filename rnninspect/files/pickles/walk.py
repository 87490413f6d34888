"""What a pickle's records hold, by dotted names: every tensor and every object, each looked at a few times at most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from rnninspect.files.held import Unreadable
from rnninspect.files.pickles.bytes import LONGEST_KEPT
from rnninspect.files.pickles.records import Call, Global, Key, Skipped, bytes_in

# Deeper than this no name is followed; torch's own modules end at some 30 levels.
_DEEPEST = 100
# What is met again is gone through again, for its second names, until so many things have been looked at.
_MOST_AGAIN = 50_000
# All names together, in characters.
_LONGEST_NAMES = 16 * 2**20
# What is a dict by another class's name.
_MAPPINGS = frozenset({"OrderedDict", "defaultdict", "Counter", "dict", "FrozenDict", "FlatMapping", "FlatMap"})
# What a torch.nn.Module keeps under names that are no part of its tensors' names.
REGISTERED = ("_parameters", "_buffers", "_modules")
# Where an RNN keeps its own tensors a second time, under no name of theirs.
_DOUBLED = frozenset({"_flat_weights", "_all_weights", "_flat_weight_refs"})


class Path(NamedTuple):
    """A name from its end: its last part, the name before it, and how many parts it has."""

    part: str
    before: Path | None
    depth: int


_NO_NAME = Path("", None, 0)
# A thing and its name.
Way = tuple[Path, object]
_Container = (Call, dict, list, tuple, set, frozenset)


class Walked(NamedTuple):
    """One thing that was found. value: what `leaf_of` made of it, or the object itself, a Call that has a state."""

    name: str
    value: object


class _Frame(NamedTuple):
    """A container on the way down. again: its parts have all been seen, and only their second names are new."""

    ways: Iterator[Way]
    own: int
    again: bool


class Walk:
    """A way through what a pickle holds. notes: what was not looked at, a sentence each, once it has ended."""

    def __init__(self, leaf_of: Callable[[Call], object | None]) -> None:
        self.notes: dict[str, None] = {}
        self._leaf_of = leaf_of
        self._seen: set[int] = set()
        self._again = _MOST_AGAIN
        self._characters = _LONGEST_NAMES
        self._later: list[Way] = []

    def through(self, root: object, name: str = "") -> Iterator[Walked]:
        """Every leaf and every object. The names that a model or a dict gives come before an object's attributes."""
        self._later = [(_below(name, _NO_NAME) if name else _NO_NAME, root)]
        # why a list that grows: a tensor that an attribute leads to may have its own name further on in the model.
        for index, (path, value) in enumerate(self._later):
            yield from self._down(path, value, second_names=index == 0)

    def _down(self, path: Path, value: object, second_names: bool) -> Iterator[Walked]:
        frames = [_Frame(iter([(path, value)]), 0, again=False)]
        on_the_way: set[int] = set()
        while frames:
            ways, own, again = frames[-1]
            way = next(ways, None)
            if way is None or (again and self._spent()):
                frames.pop()
                on_the_way.discard(own)
                continue
            path, value = way
            leaf = self._leaf_of(value) if isinstance(value, Call) else None
            if leaf is not None:
                yield Walked(self._name(path), leaf)
            elif isinstance(value, _Container) and id(value) not in on_the_way and self._enters(value, path.depth):
                met = id(value) in self._seen
                if met and not second_names:
                    continue
                if isinstance(value, Call) and not met and value.state is not None:
                    yield Walked(self._name(path), value)
                self._seen.add(id(value))
                on_the_way.add(id(value))
                frames.append(_Frame(self._inside(path, value, met), id(value), met))

    def _enters(self, value: object, depth: int) -> bool:
        """Whether to look into a container."""
        if depth >= _DEEPEST:
            self.notes[f"what is nested more than {_DEEPEST} levels deep was not looked at"] = None
            return False
        return id(value) not in self._seen or not self._spent()

    def _spent(self) -> bool:
        """Count one more look at what was seen before; whether there were enough of them."""
        self._again -= 1
        if self._again < 0:
            self.notes["its parts stand in so many places that not every name of each is shown"] = None
        return self._again < 0

    def _name(self, path: Path) -> str:
        parts: list[str] = []
        while path.before is not None:
            parts.append(path.part)
            self._characters -= len(path.part) + 1
            path = path.before
            if self._characters < 0:
                raise Unreadable(f"a pickle whose names of tensors have more than {_LONGEST_NAMES:,} characters")
        return ".".join(reversed(parts))

    def _inside(self, path: Path, value: object, met: bool) -> Iterator[Way]:
        """What a container holds, by its names. What lies behind attributes is looked at later, and once."""
        if not isinstance(value, Call):
            yield from _parts(path, value)
            return
        mapping = mapping_of(value)
        if mapping is not None:
            yield from _entries(path, mapping)
        else:
            yield from self._of_object(path, value, met)
        if value.elements:
            yield from _parts(path, value.elements)

    def _of_object(self, path: Path, value: Call, met: bool) -> Iterator[Way]:
        states = value.state if isinstance(value.state, tuple) else (value.state,)
        for index, state in enumerate(states):
            attributes = mapping_of(state)
            if attributes is None:
                if not met and isinstance(state, _Container):
                    self._later.append((path if len(states) == 1 else _below(str(index), path), state))
                continue
            if is_scripted(value):
                yield from _entries(path, ((key, each) for key, each in attributes if key not in _DOUBLED))
                continue
            for key, each in attributes:
                if key in REGISTERED:
                    yield from _entries(path, mapping_of(each) or ())
                elif not met and isinstance(each, _Container) and key not in _DOUBLED:
                    self._later.append((_below(part_of(key), path), each))
        if value.items:
            yield from _entries(path, value.items.items())
        if not met and value.arguments:
            self._later.append((path, _only_one(value.arguments)))


def mapping_of(value: object) -> Iterable[tuple[object, object]] | None:
    """The entries of a dict, or of what comes to one; None for anything else."""
    if isinstance(value, dict):
        return value.items()
    if not isinstance(value, Call) or not isinstance(value.function, Global):
        return None
    if value.function.name.rpartition(".")[2] not in _MAPPINGS:
        return None
    given = value.items or {}
    first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
    if isinstance(first, dict):
        return {**first, **given}.items()
    if isinstance(first, list):  # why: Python 2 writes an OrderedDict as a list of pairs
        pairs = [tuple(each) for each in first if isinstance(each, list | tuple) and len(each) == 2]
        return [*pairs, *given.items()]
    return given.items()


def class_of(call: Call) -> Global | None:
    """The class of an object, or the function that would make it."""
    function = call.function
    through = isinstance(function, Global) and function.name in ("_reconstructor", "__newobj__", "__newobj_ex__")
    if through and isinstance(call.arguments, tuple) and call.arguments:
        function = call.arguments[0]
    return function if isinstance(function, Global) else None


def is_scripted(call: Call) -> bool:
    """Whether it is an object of TorchScript, whose attributes are its parameters and modules."""
    kind = class_of(call)
    return kind is not None and kind.module.partition(".")[0] == "__torch__"


def part_of(key: object) -> str:
    """A key as a part of a name."""
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    if isinstance(key, Key):
        inner = key.value
        if isinstance(inner, Skipped):
            raise Unreadable(f"a name of {inner.length:,} bytes, of which at most {LONGEST_KEPT:,} are read")
        if isinstance(inner, Call):
            return bytes_in(inner).decode("utf-8", "replace") or "?"
        parts = inner if isinstance(inner, tuple) else ()
        plain = parts and len(parts) <= _DEEPEST and all(isinstance(each, str | int) for each in parts)
        return "/".join(str(each)[:100] for each in parts) if plain else "?"
    return str(key)


def _below(part: str, path: Path) -> Path:
    return Path(part, path, path.depth + 1)


def _entries(path: Path, entries: Iterable[tuple[object, object]]) -> Iterator[Way]:
    return ((_below(part_of(key), path), each) for key, each in entries if isinstance(each, _Container))


def _parts(path: Path, value: object) -> Iterator[Way]:
    """What stands in a dict, a list or the like; elements by their number."""
    if isinstance(value, dict):
        return _entries(path, value.items())
    if isinstance(value, set | frozenset):
        value = [each.value if isinstance(each, Key) else None for each in value]
    assert isinstance(value, list | tuple)
    return ((_below(str(index), path), each) for index, each in enumerate(value) if isinstance(each, _Container))


def _only_one(arguments: object) -> object:
    """What a class was given: the one dict itself, where it was given that alone; else all."""
    if isinstance(arguments, tuple) and len(arguments) == 1 and mapping_of(arguments[0]) is not None:
        return arguments[0]
    return arguments
