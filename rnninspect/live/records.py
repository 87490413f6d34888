"""What was seen of the calls of a live model's recurrent layers, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.agree import Difference
from rnninspect.document.chain import Link
from rnninspect.facts.models import LayerFacts
from rnninspect.facts.tensors import TensorFact

if TYPE_CHECKING:
    from torch import nn


class SeenTensor(NamedTuple):
    """A tensor as it passed by; of a packed sequence its data."""

    shape: tuple[int, ...]
    dtype: str


class SeenCall(NamedTuple):
    """One call.

    input: None where the first argument is no tensor. lengths: those of a packed input, in the order of the user's
    batch. states: those that were given, in order; empty where none were. outputs: output and states that came out;
    None where anything else did. autocast: dtypes were torch's choice.
    """

    input: SeenTensor | None
    lengths: tuple[int, ...] | None
    states: tuple[SeenTensor, ...]
    outputs: tuple[SeenTensor, ...] | None
    device: str
    autocast: bool


class Seen(NamedTuple):
    """All calls of one module in a forward pass.

    first: None where it never ran. with_states: how many calls were given states. tokens: how many vectors all calls
    read. other_inputs: the shapes that later calls read where they differ from the first's, and `more_inputs` of them
    that were not kept.
    """

    first: SeenCall | None = None
    calls: int = 0
    with_states: int = 0
    tokens: int = 0
    other_inputs: tuple[tuple[int, ...], ...] = ()
    more_inputs: bool = False


NEVER = Seen()


@dataclass(frozen=True)
class LayerRecord:
    """One recurrent layer of a live module.

    name: where the module has it, dotted; names: all of its names, where it stands under several. type: torch's kind,
    `LSTM`; class_name: its own. arguments: the constructor's, under torch's names. calls: how often it ran, None where
    the model was not run; calls_with_states: how many calls were given states. inputs, outputs: of the first call,
    letters in place of sizes where there was none; lengths: those of a packed one; other_inputs: shapes that later
    calls read. parameters: as torch counts them. macs: of all calls, None where nobody knows. facts: the plan of the
    first call. own_forward: its forward is not torch's. held_tensors: so many that came out were held against that.
    """

    name: str
    names: tuple[str, ...]
    type: str
    class_name: str
    arguments: Mapping[str, int | float | bool | str]
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]
    calls: int | None
    calls_with_states: int
    lengths: tuple[int, ...] | None
    other_inputs: tuple[tuple[int, ...], ...]
    parameters: int
    macs: int | None
    macs_per_token: int
    device: str
    dtype: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    facts: LayerFacts
    held_tensors: int
    own_forward: bool
    module: nn.Module = field(repr=False, compare=False)
    module_text: str = field(repr=False)
    link: Link | None = field(repr=False, compare=False)

    @property
    def agrees(self) -> bool:
        """Whether the module's parameters, and what came out of it, are what the plan says."""
        return not self.differences


@dataclass(frozen=True)
class ModelRecord:
    """The recurrent layers of a live module.

    parameters: of the recurrent layers, other_parameters of everything else; a tensor counts once, as torch counts it.
    other_modules: how many other layers there are. lazy: parameters that have no size before a forward pass. not_read:
    a sentence for each module that looks recurrent and is not torch's. ran: whether there was a forward pass.
    """

    name: str
    layers: tuple[LayerRecord, ...]
    parameters: int
    other_parameters: int
    other_modules: int
    lazy: int
    not_read: tuple[str, ...]
    ran: bool
    notes: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every layer is what its plan says."""
        return all(layer.agrees for layer in self.layers)
