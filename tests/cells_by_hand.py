"""Cells of the library as torch's own modules that compute the same, or as one sum over all steps.

Each takes the weights by symbol, the cell's constants and an input (L, N, I), starts from zero states, and returns its
outputs (L, N, H). Nothing here knows of the equation language.
"""

from __future__ import annotations

import torch
from cells_step_by_step import STEP_BY_STEP, Numbers, Run, Weights
from cells_step_by_step import over_time as _over_time
from torch import Tensor, nn, sigmoid, tanh
from torch.nn.functional import conv1d, linear, softplus

BY_HAND: dict[str, Run] = {**STEP_BY_STEP}


def _named(run: Run) -> Run:
    BY_HAND[run.__name__] = run
    return run


# --- as torch modules --------------------------------------------------------------------------------------


def _stacked(weights: Weights, kind: str, names: str) -> Tensor:
    return torch.cat([weights[kind + name] for name in names.split()])


def _set(module: nn.Module, suffix: str, ih: Tensor, hh: Tensor, b_ih: Tensor, b_hh: Tensor | None = None) -> None:
    zeros = torch.zeros_like(b_ih)
    for name, value in {"weight_ih": ih, "weight_hh": hh, "bias_ih": b_ih, "bias_hh": zeros}.items():
        module.get_parameter(name + suffix).data.copy_(value)
    if b_hh is not None:
        module.get_parameter("bias_hh" + suffix).data.copy_(b_hh)


def _lstm(ih: Tensor, hh: Tensor, b_ih: Tensor, x: Tensor, hidden: int, b_hh: Tensor | None = None) -> Tensor:
    module = nn.LSTM(x.shape[-1], hidden, dtype=torch.float64)
    _set(module, "_l0", ih, hh, b_ih, b_hh)
    return module(x)[0]  # type: ignore[no-any-return]


@_named
def CIFG(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """1 - sigmoid(a) is sigmoid(-a): an LSTM whose input gate is the forget gate with the other sign."""

    def gates(kind: str) -> Tensor:
        return torch.cat([-w[f"{kind}f"], w[f"{kind}f"], w[f"{kind}g"], w[f"{kind}o"]])

    return _lstm(gates("W_i"), gates("W_h"), gates("b_i"), x, hidden, gates("b_h"))


@_named
def IndyLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """An LSTM with diagonal recurrent matrices."""
    diagonal = torch.cat([torch.diag(w[f"w_h{gate}"]) for gate in "ifgo"])
    return _lstm(_stacked(w, "W_i", "i f g o"), diagonal, _stacked(w, "b_i", "i f g o"), x, hidden)


@_named
def GNMTLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """An LSTM, and its input added."""
    ih, hh, b_ih, b_hh = (_stacked(w, kind, "i f g o") for kind in ("W_i", "W_h", "b_i", "b_h"))
    return x + _lstm(ih, hh, b_ih, x, hidden, b_hh)


@_named
def MogrifierLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Rounds 1, 3, 5 scale the input, rounds 2, 4 the state."""
    cell = nn.LSTMCell(x.shape[-1], hidden, dtype=torch.float64)
    _set(cell, "", *(_stacked(w, kind, "i f g o") for kind in ("W_i", "W_h", "b_i", "b_h")))

    def step(x_t: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        for r in range(1, 2 * int(k["pairs"]) + 2):
            if r % 2:
                x_t = 2 * sigmoid(linear(h, w[f"W_q_{r // 2}"])) * x_t
            else:
                h = 2 * sigmoid(linear(x_t, w[f"W_r_{r // 2 - 1}"])) * h
        return cell(x_t, (h, c))  # type: ignore[no-any-return]

    return _over_time(step, x, [hidden] * 2)


@_named
def NestedLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """The inner cell is an LSTMCell, fed with i * g and with f * c for its hidden state."""
    inner = nn.LSTMCell(hidden, hidden, dtype=torch.float64)
    _set(inner, "", *(_stacked(w, kind, "j s v r") for kind in ("W_q", "W_u", "b_q")))

    def step(x_t: Tensor, h: Tensor, c: Tensor, d: Tensor) -> tuple[Tensor, ...]:
        i, f, g, o = (linear(x_t, w[f"W_i{n}"], w[f"b_i{n}"]) + linear(h, w[f"W_h{n}"]) for n in "ifgo")
        c, d = inner(sigmoid(i) * tanh(g), (sigmoid(f) * c, d))
        return sigmoid(o) * tanh(c), c, d

    return _over_time(step, x, [hidden] * 3)


@_named
def IRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """torch.nn.RNN."""
    module = nn.RNN(x.shape[-1], hidden, nonlinearity="relu", dtype=torch.float64)
    _set(module, "_l0", w["W_ih"], w["W_hh"], w["b_ih"], w["b_hh"])
    return module(x)[0]  # type: ignore[no-any-return]


def _leaky(share: float, x: Tensor, hidden: int, *weights: Tensor) -> Tensor:
    cell = nn.RNNCell(x.shape[-1], hidden, dtype=torch.float64)
    _set(cell, "", *weights)
    return _over_time(lambda x_t, h: (torch.lerp(h, cell(x_t, h), share),), x, [hidden])


@_named
def CTRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """A share of what torch.nn.RNNCell makes of it."""
    return _leaky(k["alpha"], x, hidden, w["W_ih"], w["W_hh"], w["b_ih"], w["b_hh"])


@_named
def ESN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """The same, with one bias."""
    return _leaky(k["leaky"], x, hidden, w["W_ih"], w["W_hh"], w["b_ih"])


# --- all steps at once -------------------------------------------------------------------------------------


def _summed(a: Tensor, b: Tensor, first: float = 0.0) -> Tensor:
    """h_t = a_t h_{t-1} + b_t as the sum over all steps before, each times the product of what it went through."""
    after = [[a[s + 1 : t + 1].prod(0) * b[s] for s in range(t + 1)] for t in range(len(a))]
    return torch.stack([a[: t + 1].prod(0) * first + sum(terms) for t, terms in enumerate(after)])


@_named
def minGRU(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """The recurrence of h is affine."""
    z = sigmoid(linear(x, w["W_iz"], w["b_iz"]))
    return _summed(1 - z, z * linear(x, w["W_in"], w["b_in"]))


@_named
def minGRULog(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """The candidate as the paper writes it, in two cases."""
    z, n = sigmoid(linear(x, w["W_iz"], w["b_iz"])), linear(x, w["W_in"], w["b_in"])
    return _summed(1 - z, z * torch.where(n >= 0, n + 0.5, sigmoid(n)), 0.5)


@_named
def minLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """f / (f + i) is the sigmoid of log f - log i, log f - log i = softplus(-i') - softplus(-f')."""
    f, i = linear(x, w["W_if"], w["b_if"]), linear(x, w["W_ii"], w["b_ii"])
    share = sigmoid(softplus(-i) - softplus(-f))
    return _summed(share, (1 - share) * linear(x, w["W_in"], w["b_in"]))


@_named
def GILR(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """The recurrence of h is affine."""
    g = sigmoid(linear(x, w["W_ig"], w["b_ig"]))
    return _summed(g, (1 - g) * tanh(linear(x, w["W_in"], w["b_in"])))


@_named
def QRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """A convolution over time with one tap, then ifo-pooling."""
    taps, biases = (_stacked(w, kind, "z f o i") for kind in ("W_i", "b_i"))
    z, f, o, i = conv1d(x.permute(1, 2, 0), taps.unsqueeze(-1), biases).permute(2, 0, 1).chunk(4, -1)
    return sigmoid(o) * _summed(sigmoid(f), sigmoid(i) * tanh(z))


@_named
def RGLRU(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """a_t = sigmoid(L)^(8 r_t), where the cell learns -L."""
    r, i = sigmoid(linear(x, w["W_ir"], w["b_ir"])), sigmoid(linear(x, w["W_ii"], w["b_ii"]))
    a = sigmoid(-w["w_lambda"]) ** (k["scale"] * r)
    return _summed(a, torch.sqrt(1 - a**2) * i * x)


@_named
def RWKV4(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """An average of all values so far: a step s before t has the weight exp(k_s - (t - 1 - s) decay)."""
    before = torch.cat([torch.zeros_like(x[:1]), x[:-1]])
    r, key, value = (linear(torch.lerp(before, x, w[f"w_m{n}"]), w[f"W_{n}"]) for n in "rkv")
    averages = []
    for t in range(len(x)):
        ages = [-(t - 1 - s) * torch.exp(w["w_decay"]) if s < t else w["w_u"] for s in range(t + 1)]
        shares = torch.softmax(torch.stack([key[s] + age for s, age in enumerate(ages)]), 0)
        averages.append((shares * value[: t + 1]).sum(0))
    return linear(sigmoid(r) * torch.stack(averages), w["W_y"])
