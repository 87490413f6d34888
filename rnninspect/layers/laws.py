"""The `init` block of a layer: laws of torch.nn.init for first values, by name.

    init: {weight: {uniform: 0.1}, weight_hh: orthogonal, bias: zeros, forget_bias: 1.0}

A law holds for each matrix of the equations by itself: for W_hi, W_hf, W_hg and W_ho, not for their stack, weight_hh.
why: `torch.nn.init.orthogonal_(lstm.weight_hh_l0)` makes the columns of all gates together orthonormal, so that no gate
has an orthogonal matrix, but one that halves lengths; and xavier would count the outputs of all gates as one layer's.
Code does so all the same, and orthogonal_packed is that.

Sources: orthogonal, Saxe, McClelland & Ganguli 2013; xavier, Glorot & Bengio 2010; kaiming, He et al. 2015; eye with
relu and zero biases, the IRNN of Le, Jaitly & Hinton 2015; forget_bias, Gers, Schmidhuber & Cummins 2000, and at 1
Jozefowicz, Zaremba & Sutskever 2015. Arguments are torch.nn.init's defaults: gain 1; for kaiming fan_in and leaky_relu
with a = 0, which is relu's gain, sqrt(2).

why `uniform` and `normal` have a number, and are no names: without arguments torch's are U(0, 1) and N(0, 1), which no
recurrence starts from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, create_model

from rnninspect.cells.carry import carry_gate, gate_biases
from rnninspect.cells.packs import packs
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.weights import PACKED, Init, WeightFact
from rnninspect.layers.fields import Expect
from rnninspect.layers.weights import torch_name

# What a document says, by key; `block` has validated it.
InitBlock = Mapping[str, Any]

# What each law says of a matrix of so many rows (its fan out) and columns (its fan in).
LAWS: Mapping[str, Callable[[int, int], Init]] = {
    "orthogonal": lambda rows, columns: Init("orthogonal", std=1 / math.sqrt(max(rows, columns))),
    PACKED: lambda rows, columns: Init(PACKED, std=1 / math.sqrt(max(rows, columns))),
    "xavier_uniform": lambda rows, columns: Init("xavier_uniform", bound=math.sqrt(6 / (rows + columns))),
    "xavier_normal": lambda rows, columns: Init("xavier_normal", std=math.sqrt(2 / (rows + columns))),
    "kaiming_uniform": lambda rows, columns: Init("kaiming_uniform", bound=math.sqrt(6 / columns)),
    "kaiming_normal": lambda rows, columns: Init("kaiming_normal", std=math.sqrt(2 / columns)),
    "eye": lambda rows, columns: Init("eye"),
    "zeros": lambda rows, columns: Init("zeros"),
}

# What those say that have a number.
NUMBERED: Mapping[str, Callable[[float], Init]] = {
    "uniform": lambda bound: Init("uniform", bound=bound),
    "normal": lambda std: Init("normal", std=std),
}
# What such a number may be. why: of less float16 has only a handful of values.
LEAST_SPREAD, MOST_SPREAD = 1e-6, 100
SPREAD = f"{{uniform: 0.1}} or {{normal: 0.1}}, numbers from {LEAST_SPREAD:g} to {MOST_SPREAD}"

# why: beyond it sigmoid is 0 or 1 whatever is added, and it fits every dtype.
MOST_BIAS = 100
# How many times the matrix torch.nn.init.orthogonal_ holds at once: measured 3.7, and in half precision a copy.
_ORTHOGONAL_COPIES = 5


class Block(BaseModel):
    """The laws that first values are drawn from, each gate's matrix by itself."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    foreign: ClassVar[Mapping[str, str]] = {
        "forget_bias": "no gate carries its state over to the next step, as LSTM's f and GRU's z do",
        **{name: f"write weight: {{{name}: 0.1}}, and bias: {{{name}: 0.1}}" for name in NUMBERED},
    }


@cache
def block(kind: str, cell: Cell | None, declared: Declared) -> type[BaseModel]:
    """What the `init` block of a kind may hold: a law for each of the cell's weight matrices, and for its biases.

    cell: None of a kind that has one weight and no equations.

    why made when asked for: a class costs half a millisecond, and few documents have such a block.
    """
    name: Any = Literal[tuple(NUMBERED)]
    spread: Any = dict[name, Annotated[float, Field(ge=LEAST_SPREAD, le=MOST_SPREAD)]]
    spread = Annotated[spread, Field(min_length=1, max_length=1)]
    of_matrix: Any = Annotated[Literal[tuple(LAWS)] | spread | None, Expect(f"a law of torch.nn.init, {SPREAD}")]
    matrices = [torch_name(pack.symbol) for pack in packs(cell, declared) if pack.columns is not None] if cell else []
    # why null for each: with it --set takes one back.
    fields: dict[str, Any] = dict.fromkeys((*matrices, "weight"), (of_matrix, None))
    if cell is None:
        return create_model(f"{kind}Init", __base__=Block, __doc__=Block.__doc__, **fields)
    number = Annotated[float, Field(ge=-MOST_BIAS, le=MOST_BIAS)]
    words = Expect(f"zeros, a number from -{MOST_BIAS} to {MOST_BIAS}, {SPREAD}")
    fields["bias"] = (Annotated[Literal["zeros"] | number | spread | None, words], None)
    symbols = tuple(symbol for carrier in carry_gate(cell).values() for symbol in gate_biases(cell, carrier.gate))
    if symbols:
        words = Expect(f"a number from -{MOST_BIAS} to {MOST_BIAS}, or one for a bias, such as {{{symbols[-1]}: 3.0}}")
        symbol: Any = Literal[tuple(symbols)]
        each: Any = dict[symbol, number]
        fields["forget_bias"] = (Annotated[number | Annotated[each, Field(min_length=1)] | None, words], None)
    return create_model(f"{kind}Init", __base__=Block, __doc__=Block.__doc__, **fields)


class Fault(NamedTuple):
    """What of a block does not fit its layer: `init.KEY`, what is wrong with it, what to try."""

    field: str
    message: str
    hint: str


def faults(init: InitBlock, weights: Sequence[WeightFact], missing: Sequence[str]) -> Iterator[Fault]:
    """What an `init` block says of what a layer does not have.

    weights: the layer's, with its laws; stacked layers may be left out that are like one that is not.
    missing: options that would give it more weights.
    """
    names = {"weight", *(torch_name(weight.symbol) for weight in weights)}
    for key in _set(init):
        if key in ("bias", "forget_bias"):
            if not any(weight.is_bias for weight in weights):
                yield Fault(f"init.{key}", "expected bias: true, there are no biases", f"leave {key} out")
        elif key not in names:
            needs = ", ".join(missing)
            yield Fault(f"init.{key}", f"there is no {key} without {needs}", f"set {needs}, or leave {key} out")
    yield from matrix_faults(weights)


def matrix_faults(weights: Iterable[WeightFact]) -> Iterator[Fault]:
    """Laws that a matrix cannot have.

    The identity is square, neither it nor an orthogonal matrix has a row of zeros, and what is a law of a whole
    parameter is none of a part.
    """
    for weight in weights:
        field, shape, laws = f"init.{torch_name(weight.symbol)}", _matrix(weight), _laws(weight)
        if PACKED in laws and len(laws) > 1:
            message = f"{PACKED} is a law of all of {weight.name}, and a part of it has another"
            yield Fault(field, message, "orthogonal is one of each gate by itself")
        if weight.init.zero_row is not None and (weight.init.is_orthogonal or "eye" in laws):
            message = f"{weight.init.law} leaves no row of zeros, and that of padding_idx is one"
            yield Fault(field, message, "xavier_uniform takes any row")
        if "eye" in laws and shape[0] != shape[1]:
            each = " for each gate" if weight.gates else ""
            message = f"expected square matrices for eye; {weight.name} has {shape}{each}"
            yield Fault(field, message, "orthogonal takes any shape")


def chosen(init: InitBlock, weights: Iterable[WeightFact], cell: Cell | None) -> tuple[WeightFact, ...]:
    """The weights of a layer with the laws of its `init` block; what that does not name keeps its own."""
    laws = _set(init)
    blocks = forget_biases(cell, laws["forget_bias"]) if cell and "forget_bias" in laws else {}
    return tuple(_chosen(weight, laws, blocks) for weight in weights)


def work_bytes(weights: Iterable[WeightFact]) -> int:
    """Bytes that drawing them holds at once besides the parameters, at the least."""
    return max((_held(weight, init) for weight in weights for init in weight.laws.values()), default=0)


def _held(weight: WeightFact, init: Init) -> int:
    """Bytes that drawing what of a weight has one of its laws holds at once."""
    if init.torchs or init.constant is not None:
        return 0
    drawn = math.prod(_matrix(weight)) if weight.drawn_by_gates else weight.count
    item, exact = ITEM_BYTES[weight.dtype], ITEM_BYTES["float32"]
    # why float32 at the least: half precision is drawn in it, and then rounded.
    return drawn * max(item, exact) * (_ORTHOGONAL_COPIES if init.is_orthogonal else item < exact)


def spread_of(value: Mapping[str, object]) -> Init | None:
    """The law of {uniform: 0.1} or {normal: 0.1}; None of a mapping that is neither."""
    match [*value.items()]:
        case [(str(name), (int() | float()) as number)] if (
            name in NUMBERED and not isinstance(number, bool) and LEAST_SPREAD <= number <= MOST_SPREAD
        ):
            return NUMBERED[name](float(number))
    return None


def law(value: object, shape: Sequence[int]) -> Init:
    """The law that a document's value says, of a matrix or a vector of a shape: a name, a number, or {uniform: 0.1}."""
    if isinstance(value, Mapping):
        ((name, number),) = value.items()
        return NUMBERED[name](float(number))
    if isinstance(value, int | float):
        return Init("constant", value=float(value))
    if value in ("zeros", "ones"):
        return Init(str(value))
    rows, columns = shape
    return LAWS[str(value)](rows, columns)


def _set(init: InitBlock) -> dict[str, Any]:
    """What the block sets: null takes a law back."""
    return {key: law for key, law in init.items() if law is not None}


def _chosen(weight: WeightFact, laws: InitBlock, blocks: Mapping[str, Init]) -> WeightFact:
    init, name = weight.init, torch_name(weight.symbol)
    value = laws.get("bias") if weight.is_bias else laws.get(name, laws.get("weight"))
    if value is not None:
        shape = weight.shape if value == PACKED else _matrix(weight)
        init = replace(law(value, shape), zero_row=init.zero_row)
    if weight.is_bias:
        init = blocks.get(weight.symbol, init)
    gates = [(gate, blocks.get(gate.name, init)) for gate in weight.gates]
    return replace(
        weight, init=init, gates=tuple(replace(gate, init=own) if own != init else gate for gate, own in gates)
    )


def forget_biases(cell: Cell, value: float | Mapping[str, float]) -> dict[str, Init]:
    """The law of every bias of the gates that carry a state over, negative where a gate that is 0 does so.

    value: of single biases, by symbol, they start as they are given, and what is not named keeps its law.

    why the first has it all: torch adds two biases, b_if and b_hf, so that who sets both to 1 starts at 2.
    """
    if isinstance(value, Mapping):
        return {symbol: Init("constant", value=float(number)) for symbol, number in value.items()}
    laws: dict[str, Init] = {}
    for carrier in carry_gate(cell).values():
        biases = gate_biases(cell, carrier.gate)
        laws |= dict.fromkeys(biases[:1], Init("constant", value=float(-value if carrier.inverse else value)))
        laws |= dict.fromkeys(biases[1:], Init("zeros"))
    return laws


def _laws(weight: WeightFact) -> set[str]:
    """The names of the laws of a weight and its gates."""
    return {weight.init.law, *(gate.init.law for gate in weight.gates if gate.init)}


def _matrix(weight: WeightFact) -> tuple[int, ...]:
    """Rows and columns of one matrix of the equations, of which a packed weight holds one for each gate."""
    return weight.gates[0].shape if weight.gates else weight.shape
