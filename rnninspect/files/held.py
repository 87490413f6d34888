"""What a checkpoint holds, whatever wrote it: names, shapes and dtypes of tensors, and what it says of layers.

A reader of any format fills these records; no reader knows what a layer is, and no rule knows a format.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

# What a file says of a layer besides its tensors, a value that a table can show.
Said = bool | int | float | str | tuple[str, ...] | None


# The kind of what a graph uses as a layer's matrix, once for every step, and does not call anything.
UNROLLED = "unrolled"


class HeldTensor(NamedTuple):
    """One tensor. dtype: as torch calls it, or as the file does where torch has none.

    values: its elements, read only where a reader had to (the few of an ONNX bias); None elsewhere.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    values: tuple[float, ...] | None = None

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class HeldLayer(NamedTuple):
    """What the file itself says of one layer: a pickled module, a node of a graph, an entry of Keras' configuration.

    name: the prefix of its tensors, or the node's own. kind: as the file calls it: `torch.nn.modules.rnn.LSTM`, an
    operator `GRU`, a Keras class `SimpleRNN`. said: its options under the file's own names. tensors: by the role that
    the format gives them (`W`, `R`, `B`), where it gives any, the name of each.
    """

    name: str
    kind: str
    said: Mapping[str, Said]
    tensors: Mapping[str, str] = {}


@dataclass(frozen=True)
class Held:
    """What one file holds. format: what a page calls it (`safetensors`, `torch (zip)`, `ONNX`).

    notes: what else is to be told, a sentence each, such as a call that was found in a pickle and not made.
    damage: what is missing of the file, where all that is shown could be read all the same; "" where it is whole.
    """

    file: str
    format: str
    tensors: Mapping[str, HeldTensor]
    layers: tuple[HeldLayer, ...] = ()
    notes: tuple[str, ...] = ()
    damage: str = ""
    # The names of tensors that are another one under a second name.
    aliases: Mapping[str, str] = field(default_factory=dict)
    # The keys of the dict that torch.load returns under which dicts or modules stand: `state_dict`, `optimizer`.
    keys: tuple[str, ...] = ()

    def key_of(self, names: Collection[str]) -> str:
        """The key under which all of these tensors or layers stand; "" for none."""
        return next((key for key in self.keys if names and all(name.startswith(f"{key}.") for name in names)), "")

    def under(self, key: str) -> Held:
        """What stands under a key, by the names that it has there."""
        start = f"{key}."
        below = {name.removeprefix(start): tensor for name, tensor in self.tensors.items() if name.startswith(start)}
        return replace(
            self,
            tensors={name: tensor._replace(name=name) for name, tensor in below.items()},
            layers=tuple(
                layer._replace(name=layer.name.removeprefix(start))
                for layer in self.layers
                if layer.name.startswith(start)
            ),
            aliases={
                name.removeprefix(start): other.removeprefix(start)
                for name, other in self.aliases.items()
                if name.startswith(start) and other.startswith(start)
            },
            keys=(),
        )


class Unreadable(Exception):
    """A file is no checkpoint, or is damaged, or of a kind that is not read; a message in one line, and what to try."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Damaged(Unreadable):
    """A file that was cut off, or is not as it was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "copy or download it again")
