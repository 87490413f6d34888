"""The recurrent layers in Keras' own description of a model: `model_config`, or `config.json` of a .keras file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rnninspect.files.held import Said

# A description of more is none of a model's: 1,000 layers take about 1 MB.
LONGEST_CONFIG = 16 * 2**20
# Models in models are some levels deep. why bounded: they are gone through by recursion.
_DEEPEST = 20
_MOST_ENTRIES = 10_000

# Classes that are recurrent layers by themselves, and those of several cells or of another layer.
_RECURRENT = frozenset(
    {"LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "RNN"}
)
_BIDIRECTIONAL = "Bidirectional"
# The options that decide what a layer computes, as far as they are plain values.
_OPTIONS = (
    *("units", "activation", "recurrent_activation", "use_bias", "unit_forget_bias", "reset_after", "implementation"),
    *("return_sequences", "return_state", "go_backwards", "stateful", "unroll", "time_major", "dropout"),
    *("recurrent_dropout", "zero_output_for_mask", "filters", "kernel_size", "merge_mode", "dtype"),
    *("output_dim", "inner_activation", "consume_less", "input_dim"),  # of Keras 1
)


class Entry(NamedTuple):
    """A layer of the description. inside: the layers of a model, or the one that another wraps, or cells, in order.

    role: what it is to the entry that it is inside of: `layers`, `layer`, `backward_layer`, `cell`, `cells`.
    """

    name: str
    kind: str
    role: str
    config: Mapping[str, Any]
    inside: tuple[Entry, ...] = ()

    @property
    def is_recurrent(self) -> bool:
        """Whether it is one recurrent layer, of one direction or of two."""
        if self.kind == _BIDIRECTIONAL:
            return any(entry.kind in _RECURRENT for entry in self.inside)
        return self.kind in _RECURRENT


class TooMuch(Exception):
    """A description with more layers, or deeper, than any model has."""


def entries_of(text: str | bytes) -> Entry | None:
    """The model that a description is of; None where it is no description of one. Raises TooMuch."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _entry(value, "", 0, [0])


def _entry(value: object, role: str, depth: int, count: list[int]) -> Entry | None:
    """One layer with all that is inside of it. count: how many there are until now."""
    count[0] += 1
    if depth > _DEEPEST or count[0] > _MOST_ENTRIES:
        raise TooMuch
    if not isinstance(value, dict) or not isinstance(value.get("class_name"), str):
        return None
    config = value.get("config")
    if isinstance(config, list):  # why: of Keras 1 and early 2, where a Sequential is the list of its layers
        config = {"layers": config}
    if not isinstance(config, dict):
        return None
    name = config.get("name", value.get("name"))
    inside = [entry for role, each in _inner(config) if (entry := _entry(each, role, depth + 1, count)) is not None]
    return Entry(
        name=name if isinstance(name, str) else "",
        kind=value["class_name"],
        role=role,
        config=config,
        inside=tuple(inside),
    )


def _inner(config: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The descriptions inside of one, each with its role."""
    for role in ("layers", "cells"):
        several = config.get(role)
        if isinstance(several, list):
            yield from ((role, each) for each in several)
    for role in ("layer", "backward_layer", "cell"):
        if isinstance(config.get(role), dict):
            yield role, config[role]


def options(entry: Entry) -> dict[str, Said]:
    """What a description says of a recurrent layer, as plain values.

    Of a bidirectional one: `layer`, the class in it, that one's options, `merge_mode`, and behind `backward_` what is
    different backwards. Of an RNN: the class of its `cell` and that one's options, or its `cells`, in order, and the
    options of each behind its number.
    """
    said = _plain(entry.config)
    for inner in entry.inside:
        if inner.role == "layer":
            said = {"layer": inner.kind} | options(inner) | said
        elif inner.role == "cell" and not any(cell.role == "cells" for cell in inner.inside):
            said |= {"cell": inner.kind} | {key: value for key, value in _plain(inner.config).items() if key != "dtype"}
    for inner in entry.inside:
        if inner.role == "backward_layer":
            backward = options(inner)
            said |= {f"backward_{key}": value for key, value in backward.items() if said.get(key) != value}
    cells = cells_of(entry)
    if len(cells) > 1 or (cells and "cell" not in said):
        said["cells"] = tuple(cell.kind for cell in cells)
        for index, cell in enumerate(cells):
            said |= {f"{index}/{key}": value for key, value in _plain(cell.config).items() if key != "dtype"}
    return said


def cells_of(entry: Entry) -> tuple[Entry, ...]:
    """The cells of an RNN, in order; none for a layer that is its own cell."""
    for inner in entry.inside:
        if inner.role == "cell":
            return tuple(cell for cell in inner.inside if cell.role == "cells") or (inner,)
    # why: Keras 2 lets RNN take a list of cells, which it describes as StackedRNNCells; nothing else has cells.
    return ()


def _plain(config: Mapping[str, Any]) -> dict[str, Said]:
    """The options of a description that are plain values; of a function or a policy of dtypes, its name."""
    found: dict[str, Said] = {}
    for key in _OPTIONS:
        if key in config:
            known, value = _value(config[key])
            if known:
                found[key] = value
    return found


def _value(value: object) -> tuple[bool, Said]:
    if value is None or isinstance(value, bool | int | float | str):
        return True, value
    if isinstance(value, list) and all(isinstance(each, bool | int | float | str) for each in value):
        return True, tuple(str(each) for each in value)
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        config = value.get("config")
        name = config.get("name") if isinstance(config, dict) else config
        # why the class where it has no name: a function with options, such as LeakyReLU.
        return True, name if isinstance(name, str) else value["class_name"]
    return False, None
