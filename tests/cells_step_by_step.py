"""Cells of the library written out from their papers, one step each; see `cells_by_hand` for what they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, diag_embed, exp, sigmoid, tanh
from torch.nn.functional import layer_norm, linear

Weights = Mapping[str, Tensor]
Numbers = Mapping[str, float]
Run = Callable[[Weights, Numbers, Tensor, int], Tensor]

STEP_BY_STEP: dict[str, Run] = {}


def _named(run: Run) -> Run:
    STEP_BY_STEP[run.__name__] = run
    return run


def over_time(step: Callable[..., Iterable[Tensor]], x: Tensor, widths: Sequence[int]) -> Tensor:
    """Run a step from zero states of these widths.

    What it returns begins with its output, which may be the first state, and ends with all states.
    """
    states = [torch.zeros(x.shape[1], width, dtype=torch.float64) for width in widths]
    outputs = []
    for x_t in x:
        found = tuple(step(x_t, *states))
        outputs.append(found[0])
        states = list(found[-len(states) :])
    return torch.stack(outputs).detach()


def _gates(w: Weights, names: str, x: Tensor, h: Tensor) -> list[Tensor]:
    return [linear(x, w[f"W_i{n}"], w[f"b_i{n}"]) + linear(h, w[f"W_h{n}"], w.get(f"b_h{n}")) for n in names]


@_named
def RHN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Zilly et al., the carry gate coupled: the input reaches the first layer alone."""

    def step(x_t: Tensor, s: Tensor) -> tuple[Tensor]:
        for layer in range(int(k["depth"])):
            h, t = (linear(s, w[f"W_{n}_{layer}"], w[f"b_{n}_{layer}"]) for n in "nt")
            if layer == 0:
                h, t = h + linear(x_t, w["W_xn"]), t + linear(x_t, w["W_xt"])
            s = s + sigmoid(t) * (tanh(h) - s)
        return (s,)

    return over_time(step, x, [hidden])


@_named
def SCRN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Mikolov et al.: h alone goes back into h, the output goes nowhere."""

    def step(x_t: Tensor, s: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        s = (1 - k["alpha"]) * linear(x_t, w["W_is"]) + k["alpha"] * s
        h = sigmoid(linear(s, w["W_sh"]) + linear(x_t, w["W_ih"]) + linear(h, w["W_hh"]))
        return linear(h, w["W_hy"]) + linear(s, w["W_sy"]), s, h

    return over_time(step, x, [len(w["W_is"]), hidden])


@_named
def LEM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Rusch et al.: y_n reads z_n."""

    def step(x_t: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, ...]:
        first, second, candidate = _gates(w, "pqz", x_t, y)
        z = torch.lerp(z, tanh(candidate), k["dt"] * sigmoid(first))
        read = linear(x_t, w["W_in"], w["b_in"]) + linear(z, w["W_zn"])
        return torch.lerp(y, tanh(read), k["dt"] * sigmoid(second)), z

    return over_time(step, x, [hidden, hidden])


@_named
def LipschitzRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Erichson et al.: the two matrices made first."""
    beta, identity = k["beta"], torch.eye(hidden, dtype=torch.float64)
    a, m = ((1 - beta) * (own + own.T) + beta * (own - own.T) - k["gamma"] * identity for own in (w["W_a"], w["W_m"]))

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        return (h + k["dt"] * (linear(h, a) + tanh(linear(h, m) + linear(x_t, w["W_ih"], w["b_ih"]))),)

    return over_time(step, x, [hidden])


@_named
def LRN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Zhang & Sennrich."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        q, key, v = (linear(x_t, w[f"W_i{n}"]) for n in "qkv")
        return (tanh(sigmoid(key + h) * v + sigmoid(q - h) * h),)

    return over_time(step, x, [hidden])


@_named
def MRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Sutskever et al.: each input makes its recurrent matrix, W_mh diag(W_im x) W_hm."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        matrices = w["W_mh"] @ diag_embed(linear(x_t, w["W_im"])) @ w["W_hm"]
        return (tanh((matrices @ h.unsqueeze(-1)).squeeze(-1) + linear(x_t, w["W_ih"], w["b_ih"])),)

    return over_time(step, x, [hidden])


@_named
def MIRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Wu et al., as (alpha a + beta2) b + beta1 a."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        a, b = linear(h, w["W_hh"]), linear(x_t, w["W_ih"])
        return (tanh((w["w_alpha"] * a + w["w_beta2"]) * b + w["w_beta1"] * a + w["b_h"]),)

    return over_time(step, x, [hidden])


@_named
def DeltaRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Ororbia et al.: d1 and d2, then interpolated."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        v, u = linear(h, w["W_hh"]), linear(x_t, w["W_ih"])
        first, second = w["w_alpha"] * v * u, w["w_beta1"] * v + w["w_beta2"] * u
        return (tanh(torch.lerp(tanh(first + second + w["b_z"]), h, sigmoid(u + w["b_r"]))),)

    return over_time(step, x, [hidden])


@_named
def HighwayLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """He et al."""

    def step(x_t: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        i, f, g, o, r = _gates(w, "ifgot", x_t, h)
        c = sigmoid(i) * tanh(g) + sigmoid(f) * c
        return torch.lerp(linear(x_t, w["W_ip"]), sigmoid(o) * tanh(c), sigmoid(r)), c

    return over_time(step, x, [hidden, hidden])


@_named
def subLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Costa et al."""

    def step(x_t: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        i, f, z, o = map(sigmoid, _gates(w, "ifgo", x_t, h))
        c = f * c + z - i
        return sigmoid(c) - o, c

    return over_time(step, x, [hidden, hidden])


@_named
def SRU(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Lei et al.: both gates see the cell state before."""

    def step(x_t: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        f = sigmoid(linear(x_t, w["W_if"], w["b_if"]) + w["w_f"] * c)
        r = sigmoid(linear(x_t, w["W_ir"], w["b_ir"]) + w["w_r"] * c)
        c = torch.lerp(linear(x_t, w["W_iu"]), c, f)
        return torch.lerp(linear(x_t, w["W_is"]), c, r), c

    return over_time(step, x, [hidden])


@_named
def sLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Beck et al., without what keeps exponentials small."""

    def step(x_t: Tensor, h: Tensor, c: Tensor, n: Tensor) -> tuple[Tensor, ...]:
        i, f, z, o = _gates(w, "ifzo", x_t, h)
        c, n = exp(f) * c + exp(i) * tanh(z), exp(f) * n + exp(i)
        return sigmoid(o) * c / n, c, n

    return over_time(step, x, [hidden] * 3)


@_named
def CfC(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Hasani et al.: LeCun's tanh in the backbone, three heads."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        (read,) = _gates(w, "q", x_t, h)
        q = 1.7159 * tanh(0.666 * read)
        first, then, a, d = (linear(q, w[f"W_q{n}"], w[f"b_q{n}"]) for n in "fgad")
        return (torch.lerp(tanh(first), tanh(then), sigmoid(a * k["ts"] + d)),)

    return over_time(step, x, [hidden])


@_named
def LTC(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Hasani et al.: the fused solver, so many steps of it."""

    def step(x_t: Tensor, v: Tensor) -> tuple[Tensor]:
        for _ in range(int(k["unfolds"])):
            f = tanh(linear(v, w["W_hh"]) + linear(x_t, w["W_ih"], w["b_ih"]))
            v = (v + k["dt"] * f * w["w_a"]) / (1 + k["dt"] * (1 / w["w_tau"] + f))
        return (v,)

    return over_time(step, x, [hidden])


@_named
def HyperRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Ha et al.: embeddings of the smaller network's state before."""

    def step(x_t: Tensor, h: Tensor, small: Tensor) -> tuple[Tensor, ...]:
        z_h, z_x, z_b = (linear(small, w[f"W_q{n}"], w.get(f"b_q{n}")) for n in "uvs")
        d_h, d_x, bias = (linear(z, w[f"W_{n}h"]) for z, n in ((z_h, "u"), (z_x, "v"), (z_b, "s")))
        (read,) = _gates(w, "q", x_t, h)
        small = tanh(read + linear(small, w["W_qq"]))
        return tanh(d_h * linear(h, w["W_hh"]) + d_x * linear(x_t, w["W_ih"]) + bias + w["b_h"]), small

    return over_time(step, x, [hidden, len(w["W_qq"])])


@_named
def LMU(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Voelker et al."""

    def step(x_t: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, ...]:
        u = linear(x_t, w["W_iu"]) + linear(h, w["W_hu"]) + linear(m, w["W_mu"])
        m = linear(m, w["W_A"]) + linear(u, w["W_B"])
        return tanh(linear(x_t, w["W_ih"]) + linear(h, w["W_hh"]) + linear(m, w["W_mh"])), m

    return over_time(step, x, [hidden, len(w["W_A"])])


def _normed(w: Weights, gain: str, product: Tensor) -> Tensor:
    return layer_norm(product, product.shape[-1:], weight=w[gain])


@_named
def LayerNormRNN(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Ba et al."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        return (tanh(_normed(w, "w_a", linear(x_t, w["W_ih"]) + linear(h, w["W_hh"])) + w["b_a"]),)

    return over_time(step, x, [hidden])


@_named
def LayerNormGRU(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Ba et al."""

    def step(x_t: Tensor, h: Tensor) -> tuple[Tensor]:
        own = {n: _normed(w, f"w_x{n}", linear(x_t, w[f"W_i{n}"])) for n in "rzn"}
        past = {n: _normed(w, f"w_s{n}", linear(h, w[f"W_h{n}"])) for n in "rzn"}
        r, z = (sigmoid(own[n] + past[n] + w[f"b_{n}"]) for n in "rz")
        return (torch.lerp(h, tanh(own["n"] + w["b_xn"] + r * (past["n"] + w["b_sn"])), z),)

    return over_time(step, x, [hidden])


@_named
def LayerNormLSTM(w: Weights, k: Numbers, x: Tensor, hidden: int) -> Tensor:  # noqa: N802
    """Ba et al."""

    def step(x_t: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        i, f, g, o = (
            _normed(w, f"w_x{n}", linear(x_t, w[f"W_i{n}"]))
            + _normed(w, f"w_s{n}", linear(h, w[f"W_h{n}"]))
            + w[f"b_{n}"]
            for n in "ifgo"
        )
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(_normed(w, "w_c", c) + w["b_c"]), c

    return over_time(step, x, [hidden, hidden])
