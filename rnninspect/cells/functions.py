"""The functions of the equation language, a row each: what one costs, how it is written, its derivative.

Costs are elementwise operations for each element of the result. A function of each element by itself costs one forward;
one of a whole vector is counted term by term, without what is done once for each vector (a root, a division):

    softmax      the largest, a - largest, exp, the sum, the division: 5
    logsoftmax   the largest, a - largest, exp, the sum, less the sum's log: 5
    layernorm    two sums for the means, a - mean, its square, the division: 5
    rmsnorm      the square, its sum, the division: 3

Backward, with g the gradient of the result y of an argument a:

    sigmoid      y (1 - y) g: 3                          softplus     sigmoid(a) g: 2
    tanh         (1 - y y) g: 3                          softsign     g / (1 + |a|)^2: 4
    relu         a mask: 1                               hardsigmoid  a mask, g / 6: 2
    exp          y g: 1                                  gelu         (P(a) + a p(a)) g, P 4 and p 4 operations: 11
    log          g / a: 1                                silu         s (1 + a (1 - s)) g, s = sigmoid(a): 6
    sqrt         g / (2 y): 2                            softmax      y (g - sum(g y)): 4
    sin          cos(a) g: 2                             layernorm    (g - mean(g) - y mean(g y)) / sigma: 7
    cos          -sin(a) g: 3                            rmsnorm      (g - y mean(g y)) / rms: 5
    abs          sign(a) g: 2

gelu is the exact one, of the normal distribution P and its density p; the norms have no gain and no bias, and add
`EPSILON` to the mean square. torch's values are in `runtime.functions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

EPSILON = 1e-5
_ROOT_2 = math.sqrt(2)

# What works on whatever a and y are: the functions of the language by name, sign and erf, and mean and sum of a vector.
Operations = Mapping[str, Callable[[Any], Any]]
# From g, a, y to the gradient of a.
Gradient = Callable[[Any, Any, Any, Operations], Any]


class Function(NamedTuple):
    """One function. number: its value of a number; None of one that takes a whole vector.

    text, latex, python: how it is written, with {} for its argument; python on torch's tensors, one row a sequence.
    forward, backward: its cost. keeps: what its derivative is worked out with.
    """

    text: str
    latex: str
    python: str
    backward: int
    keeps: Literal["result", "argument"]
    gradient: Gradient
    number: Callable[[float], float] | None = None
    forward: int = 1

    @property
    def whole(self) -> bool:
        """Whether it takes a whole vector, so that each element of the result depends on every one of the argument."""
        return self.number is None


def _sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


def _normal(a: float) -> float:
    return (1 + math.erf(a / _ROOT_2)) / 2


def _softplus(a: float) -> float:
    return max(a, 0.0) + math.log1p(math.exp(-abs(a)))


def _gelu_gradient(g: Any, a: Any, y: Any, on: Operations) -> Any:
    density = on["exp"](a * a / -2) / math.sqrt(2 * math.pi)
    return g * ((1 + on["erf"](a / _ROOT_2)) / 2 + a * density)


def _silu_gradient(g: Any, a: Any, y: Any, on: Operations) -> Any:
    s = on["sigmoid"](a)
    return g * (s * (1 + a * (1 - s)))


def _layernorm_gradient(g: Any, a: Any, y: Any, on: Operations) -> Any:
    off = a - on["mean"](a)
    sigma = on["sqrt"](on["mean"](off * off) + EPSILON)
    return (g - on["mean"](g) - y * on["mean"](g * y)) / sigma


def _rmsnorm_gradient(g: Any, a: Any, y: Any, on: Operations) -> Any:
    return (g - y * on["mean"](g * y)) / on["sqrt"](on["mean"](a * a) + EPSILON)


def _roman(name: str) -> str:
    return rf"\mathrm{{{{{name}}}}}({{}})"


def _norm(name: str) -> str:
    # why :=: the argument is written once, and is worked out once.
    return f"nn.functional.{name}(_ := {{}}, _.shape[-1:], eps={EPSILON})"


FUNCTIONS: Mapping[str, Function] = {
    "sigmoid": Function(
        text="σ({})",
        latex=r"\sigma({})",
        python="torch.sigmoid({})",
        number=_sigmoid,
        backward=3,
        keeps="result",
        gradient=lambda g, a, y, on: g * (y * (1 - y)),
    ),
    "tanh": Function(
        text="tanh({})",
        latex=r"\tanh({})",
        python="torch.tanh({})",
        number=math.tanh,
        backward=3,
        keeps="result",
        gradient=lambda g, a, y, on: g * (1 - y * y),
    ),
    "relu": Function(
        text="ReLU({})",
        latex=_roman("ReLU"),
        python="torch.relu({})",
        number=lambda a: max(a, 0.0),
        backward=1,
        keeps="result",
        gradient=lambda g, a, y, on: g * on["sign"](y),
    ),
    "exp": Function(
        text="exp({})",
        latex=r"\exp({})",
        python="torch.exp({})",
        number=math.exp,
        backward=1,
        keeps="result",
        gradient=lambda g, a, y, on: g * y,
    ),
    "log": Function(
        text="log({})",
        latex=r"\log({})",
        python="torch.log({})",
        number=math.log,
        backward=1,
        keeps="argument",
        gradient=lambda g, a, y, on: g / a,
    ),
    "sqrt": Function(
        text="√({})",
        latex=r"\sqrt{{{}}}",
        python="torch.sqrt({})",
        number=math.sqrt,
        backward=2,
        keeps="result",
        gradient=lambda g, a, y, on: g / (2 * y),
    ),
    "sin": Function(
        text="sin({})",
        latex=r"\sin({})",
        python="torch.sin({})",
        number=math.sin,
        backward=2,
        keeps="argument",
        gradient=lambda g, a, y, on: g * on["cos"](a),
    ),
    "cos": Function(
        text="cos({})",
        latex=r"\cos({})",
        python="torch.cos({})",
        number=math.cos,
        backward=3,
        keeps="argument",
        gradient=lambda g, a, y, on: g * -on["sin"](a),
    ),
    "abs": Function(
        text="|{}|",
        latex=r"\left|{}\right|",
        python="torch.abs({})",
        number=abs,
        backward=2,
        keeps="argument",
        gradient=lambda g, a, y, on: g * on["sign"](a),
    ),
    "softplus": Function(
        text="softplus({})",
        latex=_roman("softplus"),
        python="nn.functional.softplus({})",
        number=_softplus,
        backward=2,
        keeps="argument",
        gradient=lambda g, a, y, on: g * on["sigmoid"](a),
    ),
    "softsign": Function(
        text="softsign({})",
        latex=_roman("softsign"),
        python="nn.functional.softsign({})",
        number=lambda a: a / (1 + abs(a)),
        backward=4,
        keeps="argument",
        gradient=lambda g, a, y, on: g / (1 + on["abs"](a)) ** 2,
    ),
    "hardsigmoid": Function(
        text="hardσ({})",
        latex=_roman("hard\\sigma"),
        python="nn.functional.hardsigmoid({})",
        number=lambda a: min(max(a / 6 + 0.5, 0.0), 1.0),
        backward=2,
        keeps="argument",
        gradient=lambda g, a, y, on: g * on["sign"](y * (1 - y)) / 6,
    ),
    "gelu": Function(
        text="GELU({})",
        latex=_roman("GELU"),
        python="nn.functional.gelu({})",
        number=lambda a: a * _normal(a),
        backward=11,
        keeps="argument",
        gradient=_gelu_gradient,
    ),
    "silu": Function(
        text="SiLU({})",
        latex=_roman("SiLU"),
        python="nn.functional.silu({})",
        number=lambda a: a * _sigmoid(a),
        backward=6,
        keeps="argument",
        gradient=_silu_gradient,
    ),
    "layernorm": Function(
        text="LN({})",
        latex=_roman("LN"),
        python=_norm("layer_norm"),
        forward=5,
        backward=7,
        keeps="argument",
        gradient=_layernorm_gradient,
    ),
    "rmsnorm": Function(
        text="RMSNorm({})",
        latex=_roman("RMSNorm"),
        python=_norm("rms_norm"),
        forward=3,
        backward=5,
        keeps="argument",
        gradient=_rmsnorm_gradient,
    ),
    "softmax": Function(
        text="softmax({})",
        latex=_roman("softmax"),
        python="torch.softmax({}, -1)",
        forward=5,
        backward=4,
        keeps="result",
        gradient=lambda g, a, y, on: y * (g - on["sum"](g * y)),
    ),
    "logsoftmax": Function(
        text="log softmax({})",
        latex=r"\log\,\mathrm{{softmax}}({})",
        python="torch.log_softmax({}, -1)",
        forward=5,
        backward=4,
        keeps="result",
        gradient=lambda g, a, y, on: g - on["exp"](y) * on["sum"](g),
    ),
}
