"""The frozen records that both ledgers fill.

`plan` fills them by arithmetic, `real` from live modules and tensors; `agree` compares the two. A field that
one ledger cannot know is None there, never 0.

Facts are dataclasses, which compare by type and leave out what was only observed. Records that merely carry things
through the program are NamedTuples elsewhere: a class is made in 0.1 ms instead of 0.6, at every start.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple, cast

from rnninspect.letters import Layout, Shape, layout_of, tuple_text

ITEM_BYTES: dict[str, int] = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8, "int64": 8}
# What only files hold: quantised weights.
ITEM_BYTES |= dict.fromkeys(("int8", "uint8", "qint8", "quint8"), 1)
ITEM_BYTES |= {"int16": 2, "int32": 4, "qint32": 4}

# Marks a field that the real ledger leaves None: a look command runs forward only, and counts no elementwise work.
PLAN_ONLY = {"plan_only": True}


@dataclass(frozen=True)
class TensorFact:
    """A tensor that goes into or comes out of a layer: `output` (L, N, D*H_out) = (20, 32, 100).

    shape: the letter stands in place of a size that nobody says, as of a layer that was found in a file: (L, N, 50).
    directions: D, where the tensor holds something of each direction.
    unpacked_axes, unpacked_shape: of a packed batch, what pad_packed_sequence makes of it.
    """

    name: str
    axes: tuple[str, ...]
    shape: Shape
    dtype: str
    directions: int = 1
    unpacked_axes: tuple[str, ...] | None = None
    unpacked_shape: Shape | None = None

    @property
    def layout(self) -> Layout:
        """What of each axis is whose; None for an axis that is nobody's in particular."""
        return layout_of(self.axes, self.shape, self.directions)

    @property
    def shape_text(self) -> str:
        """The shape as Python writes it, a letter without quotes."""
        return tuple_text(self.shape)

    @property
    def known_shape(self) -> tuple[int, ...]:
        """The shape, all of whose sizes are known; raises ValueError for one that has a letter."""
        return _known(self.shape)

    @property
    def nbytes(self) -> int | None:
        """Size in bytes; None where a size is not known."""
        if any(isinstance(size, str) for size in self.shape):
            return None
        return self.known_nbytes

    @property
    def known_nbytes(self) -> int:
        """Size in bytes; raises ValueError where a size is not known."""
        return math.prod(self.known_shape) * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class GateFact:
    """One gate's rows of a packed weight: W_if is rows 50 to 100 (the last not included) of weight_ih_l0.

    init: the gate's own law, where it is not the weight's. observed: its values, where any gate has its own law.
    """

    name: str
    rows: tuple[int, int]
    shape: tuple[int, ...]
    init: Init | None = None
    observed: Observed | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Init:
    """The law a weight's first values are drawn from.

    law: "uniform", "xavier_uniform" or "kaiming_uniform" on [-bound, bound]; "normal", "xavier_normal" or
        "kaiming_normal" with mean 0 and `std`; "orthogonal", each gate's matrix by itself, whose elements have mean 0
        and `std`; "eye", "ones", "zeros", or "constant" with `value`.
    """

    law: str
    bound: float | None = None
    std: float | None = None
    # why: torch zeroes the row of padding_idx after the draw, so it takes no part in the law.
    zero_row: int | None = None
    value: float | None = None

    @property
    def of_matrix(self) -> bool:
        """Whether the law depends on a matrix's shape, so that a packed weight's is one of each gate's by itself."""
        return self.law in ("orthogonal", "eye") or self.law.startswith(("xavier", "kaiming"))

    @property
    def constant(self) -> float | None:
        """What every element is; None for a law that leaves it to chance, and for eye."""
        return {"zeros": 0.0, "ones": 1.0}.get(self.law, self.value)

    @property
    def expected_std(self) -> float:
        """The standard deviation the law promises."""
        if self.bound is not None:
            return self.bound / math.sqrt(3)
        return self.std or 0.0


@dataclass(frozen=True)
class Observed:
    """What a freshly built weight's values are: only the real ledger knows.

    peak_ratio: largest |w| over the law's bound, None for a law without one.
    std_ratio: std over the std the law promises, None for a constant law or a single value.
    deviation: for orthogonal the largest element of |W W' - I| of any gate's matrix W (of W' W where W has more rows
        than columns), for eye of |W - I|; None for other laws.
    """

    minimum: float
    maximum: float
    mean: float
    std: float
    peak_ratio: float | None
    std_ratio: float | None
    deviation: float | None = None


@dataclass(frozen=True)
class WeightFact:
    """One parameter tensor of a layer.

    name: torch's (`weight_ih_l0_reverse`); symbol: the equation's (`W_ih`).
    layer, direction: which of the stacked layers, and "forward" or "reverse"; None where a kind has none.
    directions: D of the layer, for a weight that reads what both put out.
    init: the law of its first values, of all but the gates that have their own.
    recurrent: it multiplies, or is added to, what a change of the states of the step before reaches within a step.
    second_bias: of gates that have another bias, so that only the sum of the two counts.
    in_keras: whether Keras' layer has it too, or has it in another one's place; None where Keras has no such layer.
    shared_with: `layer.weight` it is one tensor with; such a weight is counted at its owner.
    """

    name: str
    symbol: str
    layer: int | None
    direction: str | None
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    init: Init
    gates: tuple[GateFact, ...] = ()
    trainable: bool = True
    recurrent: bool = False
    second_bias: bool = False
    in_keras: bool | None = True
    shared_with: str | None = None
    directions: int = 1
    observed: Observed | None = field(default=None, compare=False)

    @property
    def is_bias(self) -> bool:
        """Whether it is a bias: what has one axis may be a weight too, as LayerNorm's is."""
        return self.symbol.startswith("b")

    @property
    def layout(self) -> Layout:
        """What of each axis is whose; None for an axis that is nobody's in particular."""
        return layout_of(self.axes, self.shape, self.directions)

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.count * ITEM_BYTES[self.dtype]

    @property
    def laws(self) -> dict[str, Init]:
        """The law of each gate by its symbol, or of the whole weight by its own."""
        return {gate.name: gate.init or self.init for gate in self.gates} or {self.symbol: self.init}

    @property
    def laws_differ(self) -> bool:
        """Whether a gate has a law of its own, so that there is none of the weight as a whole."""
        return any(gate.init is not None for gate in self.gates)


@dataclass(frozen=True)
class Ops:
    """Operations for the document's batch, matmuls and elementwise work apart; see `LayerFacts.per_token`.

    macs: multiply-accumulates of matrix products, exact.
    elementwise: one per element for each sign and function, more for norms and softmax; None where not counted.
    """

    macs: int
    elementwise: int | None = field(metadata=PLAN_ONLY)

    @property
    def flops(self) -> int | None:
        """2 x MACs + elementwise."""
        return None if self.elementwise is None else 2 * self.macs + self.elementwise

    def __add__(self, other: Ops) -> Ops:
        elementwise = None
        if self.elementwise is not None and other.elementwise is not None:
            elementwise = self.elementwise + other.elementwise
        return Ops(self.macs + other.macs, elementwise)

    def times(self, factor: int) -> Ops:
        """The same work done `factor` times."""
        return Ops(self.macs * factor, None if self.elementwise is None else self.elementwise * factor)


@dataclass(frozen=True)
class Counts:
    """Parameter counts of a layer or a model, each a number of elements unless it says bytes.

    recurrent: weight matrices that multiply what depends on the state of the step before (W_hh), without biases.
    one_bias: the count with one bias vector per layer and direction, as most papers count.
    keras: the count of the same layers in Keras, whose SimpleRNN and LSTM have one bias vector, and whose GRU has two
        as torch's has (reset_after=True); None where Keras has no such layer.
    gradient_bytes: bytes of the gradients of what trains.
    """

    parameters: int
    trainable: int
    recurrent: int
    one_bias: int
    keras: int | None
    nbytes: int
    gradient_bytes: int

    @property
    def adam_bytes(self) -> int:
        """Bytes of the two moments that Adam keeps for each parameter that trains (Kingma & Ba 2015)."""
        return 2 * self.gradient_bytes

    def __add__(self, other: Counts) -> Counts:
        sums = {f.name: sum_of_known([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)}
        return Counts(**cast(dict[str, int], sums))


def count(weights: Iterable[WeightFact]) -> Counts:
    """Counts over `weights`; one that is shared is left to its owner."""
    own = [weight for weight in weights if weight.shared_with is None]
    parameters = sum(weight.count for weight in own)
    return Counts(
        parameters=parameters,
        trainable=sum(weight.count for weight in own if weight.trainable),
        recurrent=sum(weight.count for weight in own if weight.recurrent and not weight.is_bias),
        one_bias=parameters - sum(weight.count for weight in own if weight.second_bias),
        keras=None if any(w.in_keras is None for w in own) else sum(w.count for w in own if w.in_keras),
        nbytes=sum(weight.nbytes for weight in own),
        gradient_bytes=sum(weight.nbytes for weight in own if weight.trainable),
    )


class FromFile(NamedTuple):
    """What of a layer is its file's affair. convention: whose packing its tensors have there (`PyTorch`, `Keras`).

    held_as: the dtypes of its biases (True) and matrices (False). unknown: the options that the file does not say, by
    torch's name, each with what is the case. reverse: it reads the sequence from its end. module: a sentence that says
    why torch's own module is not this layer, "" where it is. remarks: sentences on how it was found.
    merge: how Keras makes one output of two directions where it is not side by side; None where no file says it.
    same_as: the layer before it in the file that has the very same tensors, "" where none has.
    """

    convention: str
    held_as: Mapping[bool, str]
    unknown: Mapping[str, str]
    reverse: bool
    module: str
    remarks: tuple[str, ...]
    merge: str | None = ""
    same_as: str = ""


@dataclass(frozen=True)
class LayerFacts:
    """Everything known of one layer.

    backward: what autograd runs for a loss after the last layer; kept_for_backward_bytes: what a training step keeps
    from the forward pass for it. Both are None in the real ledger, which runs forward only, and where nobody says how
    large the batch is: then per_token holds, and `forward` is what one token takes. from_file: of one that was found
    in a checkpoint.
    """

    name: str
    type: str
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]
    weights: tuple[WeightFact, ...]
    forward: Ops
    backward: Ops | None = field(metadata=PLAN_ONLY)
    kept_for_backward_bytes: int | None = field(metadata=PLAN_ONLY)
    per_token: bool = False
    from_file: FromFile | None = field(default=None, compare=False)

    @property
    def counts(self) -> Counts:
        """Parameter counts of this layer."""
        return count(self.weights)

    @property
    def output_bytes(self) -> int | None:
        """Bytes of what comes out, the output and the final states; None where nobody says how large the batch is."""
        return sum_of_known([tensor.nbytes for tensor in self.outputs])

    @property
    def training_bytes(self) -> int | None:
        """What a training step with Adam holds: parameters, gradients, moments, and what is kept for backward."""
        return _training_bytes(self.counts, self.kept_for_backward_bytes)


@dataclass(frozen=True)
class Measured:
    """What only a run on a device can tell.

    finite: no output holds a nan or an infinity; None on `meta`, where there are no values.
    peak_bytes: on CUDA what torch's allocator held at most; on the CPU by how much the process's resident
        memory grew at most (it differs a little from run to run); None where nothing can say.
    """

    device: str
    torch: str
    seed: int
    finite: bool | None
    peak_bytes: int | None


@dataclass(frozen=True)
class ModelFacts:
    """Everything known of one model; `measured` is None in the plan.

    checkpoint: what the file is that its layers were found in, each by itself (`safetensors`); "" of a document.
    printed: what the printed module is called that it is a layer of; "" of all else. apart: its layers are models by
    themselves, of one file, and none reads what another puts out.
    """

    name: str
    source: str
    dtype: str
    layers: tuple[LayerFacts, ...]
    measured: Measured | None = field(default=None, compare=False)
    checkpoint: str = ""
    printed: str = ""
    apart: bool = False

    @property
    def counts(self) -> Counts:
        """Parameter counts of the whole model; a shared matrix counts once."""
        return sum((layer.counts for layer in self.layers), count(()))

    @property
    def parameters(self) -> int:
        """Number of parameters; a shared matrix counts once."""
        return self.counts.parameters

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters; a shared matrix counts once."""
        return self.counts.nbytes

    @property
    def per_token(self) -> bool:
        """Whether `forward` is what one token takes, as nobody says how large the batch is."""
        return any(layer.per_token for layer in self.layers)

    @property
    def output_bytes(self) -> int | None:
        """Bytes of every layer's outputs and final states for the document's batch; None where there is none."""
        return sum_of_known([layer.output_bytes for layer in self.layers])

    @property
    def kept_for_backward_bytes(self) -> int | None:
        """Bytes that a training step keeps from the forward pass for the backward pass; None in the real ledger."""
        return sum_of_known([layer.kept_for_backward_bytes for layer in self.layers])

    @property
    def training_bytes(self) -> int | None:
        """What a training step with Adam holds: parameters, gradients, moments, and what is kept for backward."""
        return _training_bytes(self.counts, self.kept_for_backward_bytes)

    @property
    def forward(self) -> Ops:
        """Operations of one forward pass over the document's batch."""
        return sum((layer.forward for layer in self.layers), Ops(0, 0))

    @property
    def backward(self) -> Ops | None:
        """Operations of the backward pass over the document's batch; None in the real ledger."""
        passes = [layer.backward for layer in self.layers if layer.backward is not None]
        return sum(passes, Ops(0, 0)) if len(passes) == len(self.layers) else None

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of the forward pass's matrix products; None where nobody says how large the batch is."""
        return None if self.per_token else self.forward.macs


def _training_bytes(counts: Counts, kept: int | None) -> int | None:
    return None if kept is None else counts.nbytes + counts.gradient_bytes + counts.adam_bytes + kept


def _known(shape: Shape) -> tuple[int, ...]:
    if any(isinstance(size, str) for size in shape):
        raise ValueError(f"nobody says how large the batch is: {tuple_text(shape)}")
    return tuple(int(size) for size in shape)


def sum_of_known(amounts: Sequence[int | None]) -> int | None:
    """The sum; None where one is not known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
