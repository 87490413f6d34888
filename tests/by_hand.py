"""The recurrent kinds written out from the formulas in torch's documentation, one sequence at a time, in float64.

What gates and gradients are held against; it shares no line with the package's own way of running a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnninspect.document.chain import Spec
from rnninspect.runtime.modules import BuiltModel, Feed

Vectors = dict[str, Tensor]
# The states of one sequence, by row of h_0 and name.
States = Mapping[tuple[int, str], Tensor]
# A layer's name with the stacked layer, the direction, a vector's name and the step; -1, -1 and "x" for its input.
Place = tuple[str, int, int, str, int]


def step(
    kind: str, nonlinearity: str, weight: Vectors, x: Tensor, states: Vectors, put: Callable[[str, Tensor], Tensor]
) -> None:
    """One step; every vector is `put` in the order of the equations, and goes on as that gives it back."""
    if kind in CELLS:
        CELLS[kind](weight, x, states, put)
        return
    act = getattr(torch, nonlinearity)

    def fed(name: str, values: Tensor) -> Tensor:
        product = values @ weight[f"weight_{name}"].T
        return product + weight[f"bias_{name}"] if f"bias_{name}" in weight else product

    if kind == "JordanRNN":
        h = put("h", act(fed("ih", x) + fed("yh", states["y"])))
        put("y", act(fed("hy", h)))
        return
    ours, theirs = fed("ih", x), fed("hh", states["h"])
    if kind.startswith("RNN"):
        put("h", act(ours + theirs))
    elif kind.startswith("GRU"):
        (ri, zi, ni), (rh, zh, nh) = ours.chunk(3, -1), theirs.chunk(3, -1)
        r, z = put("r", (ri + rh).sigmoid()), put("z", (zi + zh).sigmoid())
        n = put("n", (ni + r * nh).tanh())
        put("h", (1 - z) * n + z * states["h"])
    else:
        i, f, g, o = (ours + theirs).chunk(4, -1)
        i, f, g, o = put("i", i.sigmoid()), put("f", f.sigmoid()), put("g", g.tanh()), put("o", o.sigmoid())
        c = put("c", f * states["c"] + i * g)
        put("h", fed("hr", o * c.tanh()) if "weight_hr" in weight else o * c.tanh())


Put = Callable[[str, Tensor], Tensor]


def oscillator(w: Vectors, x: Tensor, s: Vectors, put: Put) -> None:
    """coRNN (Rusch & Mishra 2021), dt = 0.5, gamma = 2, epsilon = 0.25: its first state is not its output."""
    c, h = s["c"], s["h"]
    moved = x @ w["weight_ih"].T + h @ w["weight_hh"].T + c @ w["weight_ch"].T + w["bias_h"]
    c = put("c", c + 0.5 * (moved.tanh() - 2 * h - 0.25 * c))
    put("h", h + 0.5 * c)


def legendre(w: Vectors, x: Tensor, s: Vectors, put: Put) -> None:
    """The Legendre memory unit (Voelker et al. 2019): a memory of another width beside the output."""
    h, m = s["h"], s["m"]
    u = put("u", x @ w["weight_ex"].T + h @ w["weight_eh"].T + m @ w["weight_em"].T)
    m = put("m", m @ w["weight_A"].T + u @ w["weight_B"].T)
    put("h", (x @ w["weight_ih"].T + h @ w["weight_hh"].T + m @ w["weight_mh"].T).tanh())


def simple(w: Vectors, x: Tensor, s: Vectors, put: Put) -> None:
    """The simple recurrent unit (Lei et al. 2018): its output is no state."""
    u, f, r, skip = (x @ w["weight_ih"].T).chunk(4, -1)
    put("u", u)
    f = put("f", (f + w["weight_f"] * s["c"] + w["bias_f"]).sigmoid())
    r = put("r", (r + w["weight_r"] * s["c"] + w["bias_r"]).sigmoid())
    c = put("c", f * s["c"] + (1 - f) * u)
    put("h", r * c + (1 - r) * skip)


def delayed(w: Vectors, x: Tensor, s: Vectors, put: Put) -> None:
    """A network that reads its state of two steps before, and the input of the step before."""
    h = s["h"] @ w["weight_hh"].T + s["q"] @ w["weight_qh"].T + x @ w["weight_ih"].T + s["p"] @ w["weight_ph"].T
    put("n", h)
    put("q", s["h"])
    put("h", (h + w["weight_q"] * s["h"]).tanh())
    put("p", x)


# As documents have them.
AS_TEXT = """
cells:
  Oscillator:
    equations: |
      c = c + dt * (tanh(W_ih @ x + W_hh @ h + W_ch @ c + b_h) - gamma * h - epsilon * c)
      h = h + dt * c
    output: h
    constants: {dt: 0.5, gamma: 2, epsilon: 0.25}
  Legendre:
    equations: |
      u = W_ex @ x + W_eh @ h + W_em @ m
      m = W_A @ m + W_B @ u
      h = tanh(W_ih @ x + W_hh @ h + W_mh @ m)
    output: h
    sizes: {order: 4}
    widths: {m: order, u: 1}
    fixed: [W_A, W_B]
  Simple:
    equations: |
      u = W_iu @ x
      f = sigmoid(W_if @ x + w_f * c + b_f)
      r = sigmoid(W_ir @ x + w_r * c + b_r)
      c = f * c + (1 - f) * u
      h = r * c + (1 - r) * (W_is @ x)
    output: h
  Delayed:
    equations: |
      n = W_hh @ h + W_qh @ q + W_ih @ x + W_ph @ p
      q = h
      h = tanh(n + w_q * h)
      p = x
    output: h
"""
CELLS = {"Oscillator": oscillator, "Legendre": legendre, "Simple": simple, "Delayed": delayed}


def sequences(spec: Spec, feed: Feed) -> list[tuple[Tensor, list[States]]]:
    """Each sequence in the document's order: (L, H_in) or its tokens, and the states that each layer starts from."""
    flow = feed.input
    if isinstance(flow, PackedSequence):
        padded, lengths = pad_packed_sequence(flow)
        inputs = [padded[:length, n].clone() for n, length in enumerate(lengths.tolist())]
    elif spec.batch.size is None:
        inputs = [flow]
    else:
        inputs = list(flow if spec.inputs[0].axes[0] == "N" else flow.unbind(1))

    def states_of(link: Any, given: tuple[Tensor, ...], n: int) -> States:
        facts = link.layer.states("0", link.signal, "float64") if given else ()
        states = {}
        for fact, values in zip(facts, given, strict=True):
            one = values if spec.batch.size is None else values[..., n, :]
            for row, state in enumerate(one if one.dim() == 2 else [one]):
                states[row, fact.name.removesuffix("_0")] = state.double()
        return states

    return [
        (x, [states_of(link, given, n) for link, given in zip(spec.links, feed.states, strict=True)])
        for n, x in enumerate(inputs)
    ]


def run(
    model: BuiltModel,
    x: Tensor,
    states: list[States],
    change: Callable[[Place, Tensor], Tensor] = lambda place, values: values,
) -> dict[tuple[str, int, int], list[Vectors]]:
    """One sequence through a model: by layer, stacked layer and direction every vector at every step.

    x: (L, ...), of which an axis after the first is carried along. change: what is made of each input and vector.
    """
    levels: dict[tuple[str, int, int], list[Vectors]] = {}
    for link, built, given in zip(model.links, model.layers, states, strict=True):
        layer = link.layer
        if not given:
            x = built.double()(x)
            continue
        steps = [change((layer.name, -1, -1, "x", t), values.double()) for t, values in enumerate(x)]
        for depth in range(layer.depth):
            for way in range(layer.directions):
                suffix = "" if layer.type.endswith("Cell") else f"_l{depth}" + "_reverse" * way
                weight = {
                    "_".join(name.split("_")[:2]): values.double()
                    for name, values in built.named_parameters()
                    if name.split("_")[2:] == suffix.split("_")[1:]
                }
                row = depth * layer.directions + way
                before = {name: state for (at, name), state in given.items() if at == row}
                level = levels[layer.name, depth, way] = [{} for _ in steps]
                for t in range(len(steps))[:: -1 if way else 1]:

                    def put(name: str, values: Tensor, now: Vectors = level[t], place: Any = (depth, way, t)) -> Tensor:
                        now[name] = change((layer.name, *place[:2], name, place[2]), values)  # noqa: B023
                        return now[name]

                    step(layer.type, getattr(layer, "nonlinearity", "tanh"), weight, steps[t], before, put)
                    before = level[t]
            ways = [levels[layer.name, depth, way] for way in range(layer.directions)]
            steps = [torch.cat([output_of(vectors) for vectors in both], dim=-1) for both in zip(*ways, strict=True)]
        x = steps[-1] if layer.feeds == "last" else torch.stack(steps)
    return levels


def output_of(vectors: Vectors) -> Tensor:
    """What a step hands on."""
    return vectors["y" if "y" in vectors else "h"]
