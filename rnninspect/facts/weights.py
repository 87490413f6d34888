"""A layer's parameters: their gates, the laws of their first values, what those are, and counts of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import cast

from rnninspect.facts.amounts import ITEM_BYTES, sum_of_known
from rnninspect.letters import Layout, layout_of

# The law that is one of a whole packed weight.
PACKED = "orthogonal_packed"


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
        "kaiming_normal" with mean 0 and `std`; "orthogonal", each gate's matrix by itself, or "orthogonal_packed", all
        of them as one, whose elements have mean 0 and `std`; "eye", "ones", "zeros", or "constant" with `value`.
    torchs: torch's module starts so by itself.
    """

    law: str
    bound: float | None = None
    std: float | None = None
    # why: the row of padding_idx is zeroed after the draw, so it takes no part in the law.
    zero_row: int | None = None
    value: float | None = None
    torchs: bool = False

    @property
    def of_matrix(self) -> bool:
        """Whether the law depends on a matrix's shape, so that a packed weight's is one of each gate's by itself."""
        return self.law in ("orthogonal", "eye") or self.law.startswith(("xavier", "kaiming"))

    @property
    def is_orthogonal(self) -> bool:
        """Whether what is drawn at once is an orthogonal matrix."""
        return self.law in ("orthogonal", PACKED)

    @property
    def drawing(self) -> tuple[str, tuple[float, ...]]:
        """The function of torch.nn.init that draws by the law, and its arguments after the tensor."""
        match self:
            case Init(law="uniform", bound=float(bound)):
                return "uniform_", (-bound, bound)
            case Init(law="normal", std=float(std)):
                return "normal_", (0.0, std)
            case Init(law="constant", value=float(value)):
                return "constant_", (value,)
        return ("orthogonal_" if self.is_orthogonal else f"{self.law}_"), ()

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
    """One parameter tensor of a layer, or one of its buffers, which do not train and are no parameters.

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
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    init: Init
    layer: int | None = None
    direction: str | None = None
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
        gates = () if self.init.law == PACKED else self.gates
        return {gate.name: gate.init or self.init for gate in gates} or {self.symbol: self.init}

    @property
    def laws_differ(self) -> bool:
        """Whether a gate has a law of its own, so that there is none of the weight as a whole."""
        return any(gate.init is not None for gate in self.gates)

    @property
    def drawn_by_gates(self) -> bool:
        """Whether each gate is drawn by itself, as no call of torch.nn.init draws all of the weight by its laws."""
        return bool(self.gates) and (self.laws_differ or self.init.of_matrix)


@dataclass(frozen=True)
class Counts:
    """Parameter counts of a layer or a model, each a number of elements unless it says bytes.

    recurrent: weight matrices that multiply what depends on the state of the step before (W_hh), without biases.
    one_bias: the count with one bias vector per layer and direction, as most papers count.
    keras: the count of the same layers in Keras, whose SimpleRNN and LSTM have one bias vector, and whose GRU has two
        as torch's has (reset_after=True); what it has of torch's buffers counts there; None where Keras has no such
        layer.
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


def count(weights: Iterable[WeightFact], buffers: Iterable[WeightFact] = ()) -> Counts:
    """Counts over `weights`, and `buffers`, which Keras alone counts; one that is shared is left to its owner."""
    own = [weight for weight in weights if weight.shared_with is None]
    keras = [*own, *(buffer for buffer in buffers if buffer.shared_with is None)]
    parameters = sum(weight.count for weight in own)
    return Counts(
        parameters=parameters,
        trainable=sum(weight.count for weight in own if weight.trainable),
        recurrent=sum(weight.count for weight in own if weight.recurrent and not weight.is_bias),
        one_bias=parameters - sum(weight.count for weight in own if weight.second_bias),
        keras=None if any(w.in_keras is None for w in keras) else sum(w.count for w in keras if w.in_keras),
        nbytes=sum(weight.nbytes for weight in own),
        gradient_bytes=sum(weight.nbytes for weight in own if weight.trainable),
    )
