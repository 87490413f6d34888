"""A recurrent layer as it was found in a file: what it is, which tensors it has, and how that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.files.held import Held, HeldTensor, Said


class Part(NamedTuple):
    """One of a layer's tensors. role: as its convention calls it (`weight_ih`, `kernel`, `R`).

    layer, direction: of the stacked layer and the direction that it belongs to, both from 0; 0 where it is of all.
    """

    tensor: HeldTensor
    role: str
    layer: int = 0
    direction: int = 0


class FoundLayer(NamedTuple):
    """One recurrent layer of a file.

    name: the prefix of its tensors without the last dot, "" where they have none. reverse: it reads the sequence
    from its end, and is no direction of a bidirectional layer; where nobody knows, `unknown` says so. biases: how
    many bias vectors a gate has. reset_after: of a GRU, whether the reset gate multiplies after the product (as
    torch's does) or before; None for others, and where the file does not say. peepholes: whether gates read the
    cell state. convention: the key of the record in `CONVENTIONS` that says how its tensors are packed. known_from:
    what it was recognised by, for people: `names`, `a pickled module`, `a node LSTM`, `model_config`. known:
    options that the file says, under torch's names. unknown: those that it does not, each with what is the case:
    `not in the file: one of tanh, relu`. remarks: what a reader should be told of this layer, a sentence each.
    """

    name: str
    type: Kind
    input_size: int
    hidden_size: int
    biases: Biases
    convention: str
    parts: tuple[Part, ...]
    known_from: str
    num_layers: int = 1
    bidirectional: bool = False
    reverse: bool = False
    proj_size: int = 0
    reset_after: bool | None = None
    peepholes: bool = False
    known: Mapping[str, Said] = {}
    unknown: Mapping[str, str] = {}
    remarks: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of elements of its tensors, one that has two names counted once."""
        return sum({part.tensor.name: part.tensor.elements for part in self.parts}.values())


class Identified(NamedTuple):
    """What was found in a file. set_aside: how many tensors are an optimizer's or the like, by what they are.

    undecided: what looks recurrent and no rule reads, a sentence each. others: how many tensors are of neither.
    rest: those, one that has two names under both.
    """

    held: Held
    layers: tuple[FoundLayer, ...]
    set_aside: Mapping[str, int]
    undecided: tuple[str, ...]
    others: int
    rest: tuple[HeldTensor, ...] = ()

    @property
    def other_elements(self) -> int:
        """Elements of the tensors that are of no recurrent layer, one that has two names counted once."""
        return sum({tensor.name: tensor.elements for tensor in self.rest}.values())
