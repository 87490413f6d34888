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


def _hardsigmoid(a: float) -> float:
    return min(max(a / 6 + 0.5, 0.0), 1.0)


def _roman(name: str) -> str:
    return rf"\mathrm{{{{{name}}}}}({{}})"


def _norm(name: str) -> str:
    # why :=: the argument is written once, and is worked out once.
    return f"nn.functional.{name}(_ := {{}}, _.shape[-1:], eps={EPSILON})"


# In text and in LaTeX, those that are written otherwise than they are called.
_WRITTEN: Mapping[str, tuple[str, str]] = {
    "sigmoid": ("σ({})", r"\sigma({})"),
    "relu": ("ReLU({})", _roman("ReLU")),
    "sqrt": ("√({})", r"\sqrt{{{}}}"),
    "abs": ("|{}|", r"\left|{}\right|"),
    "softplus": ("softplus({})", _roman("softplus")),
    "softsign": ("softsign({})", _roman("softsign")),
    "hardsigmoid": ("hardσ({})", _roman("hard\\sigma")),
    "gelu": ("GELU({})", _roman("GELU")),
    "silu": ("SiLU({})", _roman("SiLU")),
    "layernorm": ("LN({})", _roman("LN")),
    "rmsnorm": ("RMSNorm({})", _roman("RMSNorm")),
    "softmax": ("softmax({})", _roman("softmax")),
    "logsoftmax": ("log softmax({})", r"\log\,\mathrm{{softmax}}({})"),
}
# On torch's tensors, those that are no torch.NAME of one argument.
_PYTHON: Mapping[str, str] = {
    **{name: f"nn.functional.{name}({{}})" for name in ("softplus", "softsign", "hardsigmoid", "gelu", "silu")},
    "layernorm": _norm("layer_norm"),
    "rmsnorm": _norm("rms_norm"),
    "softmax": "torch.softmax({}, -1)",
    "logsoftmax": "torch.log_softmax({}, -1)",
}


def _row(
    name: str,
    number: Callable[[float], float] | None,
    backward: int,
    keeps: Literal["result", "argument"],
    gradient: Gradient,
    forward: int = 1,
) -> tuple[str, Function]:
    text, latex = _WRITTEN.get(name, (f"{name}({{}})", rf"\{name}({{}})"))
    return name, Function(
        text=text,
        latex=latex,
        python=_PYTHON.get(name, f"torch.{name}({{}})"),
        backward=backward,
        keeps=keeps,
        gradient=gradient,
        number=number,
        forward=forward,
    )


FUNCTIONS: Mapping[str, Function] = dict(
    (
        # its value of a number, what its gradient costs and is worked out with, and the gradient
        _row("sigmoid", _sigmoid, 3, "result", lambda g, a, y, on: g * (y * (1 - y))),
        _row("tanh", math.tanh, 3, "result", lambda g, a, y, on: g * (1 - y * y)),
        _row("relu", lambda a: max(a, 0.0), 1, "result", lambda g, a, y, on: g * on["sign"](y)),
        _row("exp", math.exp, 1, "result", lambda g, a, y, on: g * y),
        _row("log", math.log, 1, "argument", lambda g, a, y, on: g / a),
        _row("sqrt", math.sqrt, 2, "result", lambda g, a, y, on: g / (2 * y)),
        _row("sin", math.sin, 2, "argument", lambda g, a, y, on: g * on["cos"](a)),
        _row("cos", math.cos, 3, "argument", lambda g, a, y, on: g * -on["sin"](a)),
        _row("abs", abs, 2, "argument", lambda g, a, y, on: g * on["sign"](a)),
        _row("softplus", _softplus, 2, "argument", lambda g, a, y, on: g * on["sigmoid"](a)),
        _row("softsign", lambda a: a / (1 + abs(a)), 4, "argument", lambda g, a, y, on: g / (1 + on["abs"](a)) ** 2),
        _row("hardsigmoid", _hardsigmoid, 2, "argument", lambda g, a, y, on: g * on["sign"](y * (1 - y)) / 6),
        _row("gelu", lambda a: a * _normal(a), 11, "argument", _gelu_gradient),
        _row("silu", lambda a: a * _sigmoid(a), 6, "argument", _silu_gradient),
        # of a whole vector: there is no value of a number, and they cost more forward
        _row("layernorm", None, 7, "argument", _layernorm_gradient, forward=5),
        _row("rmsnorm", None, 5, "argument", _rmsnorm_gradient, forward=3),
        _row("softmax", None, 4, "result", lambda g, a, y, on: y * (g - on["sum"](g * y)), forward=5),
        _row("logsoftmax", None, 4, "result", lambda g, a, y, on: g - on["exp"](y) * on["sum"](g), forward=5),
    )
)
