"""What every layer kind answers for itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict
from typing_extensions import override

from rnninspect.facts.amounts import Ops
from rnninspect.facts.tensors import HandedOn, TensorFact
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.fields import Flag, Name
from rnninspect.layers.signal import Signal

if TYPE_CHECKING:
    from rnninspect.cells.tree import Cell
    from rnninspect.cells.widths import Declared


class Option(NamedTuple):
    """What a reader is told of one field. telling: of a layer that has the default, a value that shows what it does."""

    says: str
    telling: Callable[[Any], object]


class Wants(NamedTuple):
    """Which gradients of what comes in a backward pass works out: of the layer's input, of its first states.

    taken: those of its last states that another layer starts from, so that they have a gradient too.
    """

    input: bool
    states: bool
    taken: frozenset[str] = frozenset()


class Kept(NamedTuple):
    """What a layer keeps from a forward pass in training until its backward pass.

    nbytes: besides its parameters and its input. input: it keeps that too. output: what it puts out is among `nbytes`.
    """

    nbytes: int
    input: bool
    output: bool


NOTHING_KEPT = Kept(0, input=False, output=False)


class Misfit(Exception):
    """A layer's field, or one of a block's (`init.weight_hh`), does not fit what it is fed with, or another field."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.field, self.message, self.hint = field, message, hint


class Layer(BaseModel):
    """One layer of a document. Fields are the keyword arguments of the torch.nn class `type`, with its defaults.

    Besides those: `name`, and `trainable` (false freezes the layer's parameters).
    """

    # why defer_build: a validator takes 5 ms to make, and a document uses few kinds.
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)

    # Fields that are the document's own, not arguments of the torch class.
    ours: ClassVar[frozenset[str]] = frozenset({"type", "name", "trainable"})

    # What `explain` says besides what it derives: what a kind without equations does; every vector of the others, as
    # "name: what it is for"; options; how the layer differs from textbooks and copied notes. In the last, $b_ho, $h_n
    # and $has_dropout are filled in: where b_ho is packed, the shape of h_n, and where a document sets dropout, the
    # kinds that have it.
    summary: ClassVar[str] = ""
    meanings: ClassVar[Mapping[str, str]] = {}
    options: ClassVar[Mapping[str, Option]] = {}
    remarks: ClassVar[tuple[str, ...]] = ()

    # The field that says how wide its input is, where there is one; `fit` fills it in.
    width_field: ClassVar[str] = ""

    type: str
    name: Name = ""
    trainable: Flag = True

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the torch class."""
        return {key: value for key, value in self if key not in self.ours}

    @abstractmethod
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        """This layer with the sizes it left out filled in from what it is fed with.

        earlier: the layers before it by name. Raises Misfit where it cannot be fed with `signal`.
        """

    def fitted(self, size: int | None) -> int:
        """A size that `fit` fills in. Raises ValueError before it has."""
        if size is None:
            raise ValueError(f"layer {self.name!r} has not been fitted to its input")
        return size

    @property
    def filled_in(self) -> frozenset[str]:
        """The fields that `fit` fills in where they are left out."""
        return frozenset({self.width_field} - {""})

    @property
    def asked_width(self) -> int | None:
        """The width that its own keys say its input has, before it is fitted; None where they do not say."""
        width: int | None = getattr(self, self.width_field, None)
        return width

    @property
    def takes_any_width(self) -> bool:
        """Whether it takes features of any number, so that the layer after it says how wide the model's input is."""
        return not self.width_field

    def in_sentences(self, signal: Signal) -> tuple[str, ...]:
        """What `explain` says of a kind without equations in the language: what it does, then what else there is.

        Of others the first is empty, and what follows tells eval mode and training mode apart.
        """
        return (self.summary,)

    @property
    def cell(self) -> Cell | None:
        """The equations, where the layer is defined by any."""
        return None

    def declared(self, layer: int) -> Declared:
        """Widths in letters of the cell's vectors, in stacked layer `layer`."""
        return ()

    def sizes(self) -> dict[str, int]:
        """The sizes of the letters, once the layer is fitted."""
        return {}

    @property
    def width_in(self) -> int | None:
        """The width of a fitted layer's input; None where it takes token indices, or features of any width."""
        return None

    def inputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        """The tensors that go in: the signal, and initial states where it has any."""
        return (signal.tensor("input", "H_in", dtype),)

    @abstractmethod
    def outputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        """The tensors that come out: the output, and final states."""

    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        """The parameters, in the order of torch's named_parameters()."""
        return ()

    def buffers(self, dtype: str) -> tuple[WeightFact, ...]:
        """The tensors of its state_dict that are no parameters, in the order of torch's named_buffers()."""
        return ()

    @abstractmethod
    def forward_ops(self, signal: Signal) -> Ops:
        """Operations of the forward pass over the whole batch (in eval mode: dropout costs nothing)."""

    @abstractmethod
    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        """Operations that autograd runs in the backward pass over the whole batch, for gradients at the output.

        weights: this layer's, one that is shared as its owner trains it.
        """

    @abstractmethod
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        """What the gradients that `backward_ops` counts are worked out with, by the layer's equations."""

    @abstractmethod
    def emits(self, signal: Signal) -> Signal:
        """What the next layer is fed with."""

    def hands_on(self, signal: Signal, dtype: str) -> HandedOn | None:
        """What the next layer gets where that is worked out from the output; None where it is that or a last state."""
        return None

    @property
    def ways_on(self) -> dict[str, str]:
        """What becomes of its output before it is handed on, by option."""
        return {}

    def notes(self) -> tuple[tuple[str, str], ...]:
        """The fields that have no effect as they are set, or another than is thought, each with a sentence on that.

        None is an error.
        """
        return ()

    def can_train_on(self, signal: Signal) -> bool:
        """Whether torch would run it on such a batch in training mode."""
        return True

    def spans(self, signal: Signal) -> frozenset[str]:
        """The axes of the input (L, N, T) whose sizes the layer is built for: a batch of another size cannot be run."""
        return frozenset()

    def work_bytes(self, signal: Signal, dtype: str) -> int:
        """Bytes a forward pass holds at once at the least, besides the parameters: what goes in and comes out."""
        tensors = (*self.inputs(signal, dtype), *self.outputs(signal, dtype))
        return sum(tensor.known_nbytes for tensor in tensors)


class InitLayer(Layer):
    """A layer whose `init` block may have first values drawn by other laws than torch's; `laws` says what it may hold.

    why the field is each kind's own: it stands among the kind's keys, and a base's would come before them.
    """

    # Options that give the kind every weight it can have.
    fullest: ClassVar[Mapping[str, int]] = {}

    if TYPE_CHECKING:
        init: dict[str, Any] | None

    @classmethod
    def init_block(cls) -> type[BaseModel]:
        """What `init` may hold."""
        from rnninspect.cells.language import faults_of
        from rnninspect.layers import laws

        # why any hidden_size: equations are written for one; who has none takes no notice of it.
        options: dict[str, Any] = {"hidden_size": 2, **cls.fullest}
        layer = cls.model_construct(**options)
        with faults_of(cls.__name__):
            return laws.block(cls.__name__, layer.cell, layer.declared(0))

    @property
    def has_laws(self) -> bool:
        """Whether any first values are drawn by another law than torch's."""
        return bool(self.init)

    def check_laws(self) -> None:
        """Raise Misfit where `init` is about what this layer, which is fitted, does not have."""
        if self.has_laws:
            from rnninspect.layers import laws

            missing = [name for name in self.fullest if not getattr(self, name)]
            for fault in laws.faults(self.init or {}, self.first_weights("float32"), missing):
                raise Misfit(*fault)

    def with_laws(self, weights: tuple[WeightFact, ...]) -> tuple[WeightFact, ...]:
        """The weights with the laws of `init`."""
        if not self.has_laws:
            return weights
        from rnninspect.layers import laws

        return laws.chosen(self.init or {}, weights, self.cell)

    def first_weights(self, dtype: str) -> tuple[WeightFact, ...]:
        """Its weights, without those of stacked layers that are like one that is there."""
        return self.weights(dtype)

    def drawing_bytes(self, dtype: str) -> int:
        """Bytes that drawing first values by `init` holds at once besides the parameters, at the least."""
        if not self.has_laws:
            return 0
        from rnninspect.layers import laws

        return laws.work_bytes(self.first_weights(dtype))

    @override
    def work_bytes(self, signal: Signal, dtype: str) -> int:
        return max(super().work_bytes(signal, dtype), self.drawing_bytes(dtype))


class Stack(Protocol):
    """What of a recurrent layer its costs follow from, and what it hands on; `Recurrent` says what each is."""

    trainable: bool

    @property
    def feeds(self) -> str: ...  # noqa: D102
    @property
    def works_on(self) -> bool: ...  # noqa: D102
    @property
    def merging(self) -> str: ...  # noqa: D102
    @property
    def width_on(self) -> int: ...  # noqa: D102
    @property
    def cell(self) -> Cell: ...  # noqa: D102
    @property
    def learned(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def trains(self) -> bool: ...  # noqa: D102
    @property
    def depth(self) -> int: ...  # noqa: D102
    @property
    def directions(self) -> int: ...  # noqa: D102
    @property
    def width_in(self) -> int: ...  # noqa: D102
    @property
    def width_out(self) -> int: ...  # noqa: D102
    def declared(self, layer: int) -> Declared: ...  # noqa: D102
    def sizes(self) -> dict[str, int]: ...  # noqa: D102
    def kept_between(self, wants: Wants, below: Kept, above: Kept) -> int: ...  # noqa: D102


def inferred(field: str, given: int | None, signal: Signal) -> int:
    """A size that may be left out: what was given, held against what the layer before puts out.

    Raises Misfit where neither is known or they differ.
    """
    if signal.width is None:
        if given is None:
            raise Misfit(field, "required: there is no layer before to infer it from", f"add {field}")
        return given
    if given is not None and given != signal.width:
        if signal.joined:
            whose, change = f"{signal.producer} have together", "what it reads"
        elif signal.producer is None:
            whose, change = "the input has", "the input"
        else:
            change = f"layer {signal.producer!r}"
            whose = f"{change} puts out"
        message = f"expected {signal.width}, the width that {whose}, got {given}"
        raise Misfit(field, message, f"leave {field} out, or change {change}")
    return signal.features
