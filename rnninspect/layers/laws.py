"""The `init` block of a recurrent layer: laws of torch.nn.init for first values, by name.

    init: {weight_hh: orthogonal, bias: zeros, forget_bias: 1.0}

A law holds for each matrix of the equations by itself: for W_hi, W_hf, W_hg and W_ho, not for their stack, weight_hh.
why: `torch.nn.init.orthogonal_(lstm.weight_hh_l0)` makes the columns of all gates together orthonormal, so that no gate
has an orthogonal matrix, but one that halves lengths; and xavier would count the outputs of all gates as one layer's.

Sources: orthogonal, Saxe, McClelland & Ganguli 2013; xavier, Glorot & Bengio 2010; kaiming, He et al. 2015; eye with
relu and zero biases, the IRNN of Le, Jaitly & Hinton 2015; forget_bias, Gers, Schmidhuber & Cummins 2000, and at 1
Jozefowicz, Zaremba & Sutskever 2015. Arguments are torch.nn.init's defaults: gain 1; for kaiming fan_in and leaky_relu
with a = 0, which is relu's gain, sqrt(2).

why not `uniform` and `normal`: without arguments torch's are U(0, 1) and N(0, 1), which no recurrence starts from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from rnninspect.cells.carry import carry_gate, gate_biases
from rnninspect.cells.packs import packs
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.fields import Expect
from rnninspect.layers.layer import Misfit
from rnninspect.layers.weights import torch_name

# What a document says, by key; `block` has validated it.
InitBlock = Mapping[str, Any]

# What each law says of a matrix of so many rows (its fan out) and columns (its fan in).
LAWS: Mapping[str, Callable[[int, int], Init]] = {
    "orthogonal": lambda rows, columns: Init("orthogonal", std=1 / math.sqrt(max(rows, columns))),
    "xavier_uniform": lambda rows, columns: Init("xavier_uniform", bound=math.sqrt(6 / (rows + columns))),
    "xavier_normal": lambda rows, columns: Init("xavier_normal", std=math.sqrt(2 / (rows + columns))),
    "kaiming_uniform": lambda rows, columns: Init("kaiming_uniform", bound=math.sqrt(6 / columns)),
    "kaiming_normal": lambda rows, columns: Init("kaiming_normal", std=math.sqrt(2 / columns)),
    "eye": lambda rows, columns: Init("eye"),
    "zeros": lambda rows, columns: Init("zeros"),
}

# why: beyond it sigmoid is 0 or 1 whatever is added, and it fits every dtype.
MOST_BIAS = 100
# How many times the matrix torch.nn.init.orthogonal_ holds at once: measured 3.7, and in half precision a copy.
_ORTHOGONAL_COPIES = 5


class Block(BaseModel):
    """The laws that first values are drawn from, each gate's matrix by itself."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    foreign: ClassVar[Mapping[str, str]] = {
        "forget_bias": "no gate carries its state over to the next step, as LSTM's f and GRU's z do"
    }


@cache
def block(kind: str, cell: Cell, declared: Declared) -> type[BaseModel]:
    """What the `init` block of a kind may hold: a law for each of the cell's weight matrices, and for its biases.

    why made when asked for: a class costs half a millisecond, and few documents have such a block.
    """
    law: Any = Annotated[Literal[tuple(LAWS)] | None, Expect("a law of torch.nn.init")]
    matrices = [torch_name(pack.symbol) for pack in packs(cell, declared) if pack.columns is not None]
    # why null for each: with it --set takes one back.
    fields: dict[str, Any] = dict.fromkeys(matrices, (law, None))
    fields["bias"] = (Annotated[Literal["zeros"] | None, Expect("zeros")], None)
    symbols = tuple(symbol for carrier in carry_gate(cell).values() for symbol in gate_biases(cell, carrier.gate))
    if symbols:
        amount = Field(ge=-MOST_BIAS, le=MOST_BIAS)
        number = Annotated[float, amount]
        words = Expect(f"a number from -{MOST_BIAS} to {MOST_BIAS}, or one for a bias, such as {{{symbols[-1]}: 3.0}}")
        symbol: Any = Literal[tuple(symbols)]
        each: Any = dict[symbol, number]
        fields["forget_bias"] = (Annotated[number | Annotated[each, Field(min_length=1)] | None, words], None)
    return create_model(f"{kind}Init", __base__=Block, __doc__=Block.__doc__, **fields)


def check(init: InitBlock, weights: Sequence[WeightFact], missing: Sequence[str]) -> None:
    """Raise Misfit where an `init` block is about what a layer does not have.

    weights: the layer's, with its laws; stacked layers may be left out that are like one that is not.
    missing: options that would give it more weights.
    """
    names = {torch_name(weight.symbol) for weight in weights}
    for key in _set(init):
        if key in ("bias", "forget_bias"):
            if not any(weight.is_bias for weight in weights):
                raise Misfit(f"init.{key}", "expected bias: true, there are no biases", f"leave {key} out")
        elif key not in names:
            needs = ", ".join(missing)
            raise Misfit(f"init.{key}", f"there is no {key} without {needs}", f"set {needs}, or leave {key} out")
    check_eye(weights)


def check_eye(weights: Iterable[WeightFact]) -> None:
    """Raise Misfit for a matrix that is to be the identity and is not square."""
    for weight in weights:
        shape, laws = _matrix(weight), {weight.init.law, *(gate.init.law for gate in weight.gates if gate.init)}
        if "eye" in laws and shape[0] != shape[1]:
            each = " for each gate" if weight.gates else ""
            raise Misfit(
                f"init.{torch_name(weight.symbol)}",
                f"expected square matrices for eye; {weight.name} has {shape}{each}",
                "orthogonal takes any shape",
            )


def chosen(init: InitBlock, weights: Iterable[WeightFact], cell: Cell) -> tuple[WeightFact, ...]:
    """The weights of a layer with the laws of its `init` block; what that does not name keeps its own."""
    laws = _set(init)
    blocks = forget_biases(cell, laws["forget_bias"]) if "forget_bias" in laws else {}
    return tuple(_chosen(weight, laws, blocks) for weight in weights)


def work_bytes(weights: Iterable[WeightFact]) -> int:
    """Bytes that drawing them holds at once besides the parameters, at the least."""
    # why float32: there is no orthogonal_ in half precision.
    sizes = (
        math.prod(_matrix(weight)) * max(ITEM_BYTES[weight.dtype], ITEM_BYTES["float32"])
        for weight in weights
        if "orthogonal" in (weight.init.law, *(gate.init.law for gate in weight.gates if gate.init))
    )
    return _ORTHOGONAL_COPIES * max(sizes, default=0)


def _set(init: InitBlock) -> dict[str, Any]:
    """What the block sets: null takes a law back."""
    return {key: law for key, law in init.items() if law is not None}


def _chosen(weight: WeightFact, laws: InitBlock, blocks: Mapping[str, Init]) -> WeightFact:
    init, name = weight.init, torch_name(weight.symbol)
    if weight.is_bias:
        init = blocks.get(weight.symbol, Init("zeros") if "bias" in laws else init)
    elif name in laws:
        init = LAWS[laws[name]](*_matrix(weight))
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


def _matrix(weight: WeightFact) -> tuple[int, ...]:
    """Rows and columns of one matrix of the equations, of which a packed weight holds one for each gate."""
    return weight.gates[0].shape if weight.gates else weight.shape
