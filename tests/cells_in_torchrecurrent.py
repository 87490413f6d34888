"""Cells of the library as torchrecurrent has them: its class, and what of a cell's weights stands where in its.

Rows of a packed parameter stand in the order of the class. `-W` is W with its sign changed, `0` is what the cell does
not have: such rows are zero.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Counterpart(NamedTuple):
    """A class, its arguments, and the symbols whose weights are the rows of each of its parameters.

    second: what of its second state is handed to it: the state's name, or how many steps before the state was.
    """

    kind: str
    rows: Mapping[str, str]
    arguments: Mapping[str, Any] = {}
    renamed: Mapping[str, str] = {}
    second: str | int | None = None


def _two(gates: str, *, hidden: str | None = None) -> dict[str, str]:
    """Weights of x and of h for each gate, and two biases. hidden: the gates that read h, where not all do."""
    own = (gates if hidden is None else hidden).split()
    return {
        "weight_ih": " ".join(f"W_i{gate}" for gate in gates.split()),
        "bias_ih": " ".join(f"b_i{gate}" for gate in gates.split()),
        "weight_hh": " ".join(f"W_h{gate}" for gate in own),
        "bias_hh": " ".join(f"b_h{gate}" for gate in own),
    }


def _rows(text: str) -> dict[str, str]:
    """Of `weight_ih W_iz W_in; bias_ih b_iz b_in`: each parameter, and the symbols of its rows."""
    return {name: symbols for name, _, symbols in (each.partition(" ") for each in text.split("; "))}


_PLAIN = {"weight_ih": "W_ih", "bias_ih": "b_ih", "weight_hh": "W_hh", "bias_hh": "b_hh"}
_PEEPHOLES = {"weight_ph": "w_ci w_cf w_co"}


def _mut2(ih: str, bias: str, hh: str) -> Counterpart:
    """A GRU with the reset before the product: MUT2 gates with 1 - z, the sigmoid of what has the other sign."""
    return Counterpart("MUT2", {"weight_ih": ih, "bias_ih": bias, "weight_hh": hh, "bias_hh": "0 0 0"})


COUNTERPARTS: Mapping[str, Counterpart] = {
    "OriginalLSTM": Counterpart("OriginalLSTM", _two("i g o"), second="c"),
    "PeepholeLSTM": Counterpart("PeepholeLSTM", _two("i f g o") | _PEEPHOLES, second="c"),
    "IndRNN": Counterpart(
        "IndRNN", _rows("weight_ih W_ih; bias_ih b_ih; bias_hh b_hh; vector_u w_hh"), {"nonlinearity": "relu"}
    ),
    "MGU": Counterpart("MGU", _two("f n")),
    "MGU1": Counterpart("MGU", _rows("weight_ih 0 W_in; bias_ih 0 b_in; weight_hh W_hf W_hn; bias_hh b_hf 0")),
    "MGU2": Counterpart("MGU", _rows("weight_ih 0 W_in; bias_ih 0 b_in; weight_hh W_hf W_hn; bias_hh 0 0")),
    "MGU3": Counterpart("MGU", _rows("weight_ih 0 W_in; bias_ih b_f b_in; weight_hh 0 W_hn; bias_hh 0 0")),
    "GRU0": _mut2("-W_iz W_ir W_in", "-b_iz b_ir b_in", "-W_hz W_hr W_hn"),
    "GRU1": _mut2("0 0 W_in", "-b_hz b_hr b_in", "-W_hz W_hr W_hn"),
    "GRU2": _mut2("0 0 W_in", "0 0 b_in", "-W_hz W_hr W_hn"),
    "GRU3": _mut2("0 0 W_in", "-b_z b_r b_in", "0 0 W_hn"),
    "MUT1": Counterpart("MUT1", _two("z r n", hidden="r n")),
    "MUT2": Counterpart("MUT2", _two("z r n")),
    "MUT3": Counterpart("MUT3", _two("z r n")),
    "JANET": Counterpart("JANET", _two("f g"), second="h"),
    "LiGRU": Counterpart("LiGRU", _two("z n")),
    "MinimalRNN": Counterpart("MinimalRNN", {**_PLAIN, "weight_mm": "W_mm"}),
    "UGRNN": Counterpart("UGRNN", _two("n g")),
    "IntersectionRNN": Counterpart("IntersectionRNN", _two("p q u v"), second="apart"),
    "RAN": Counterpart(
        "RAN", _rows("weight_ih W_ia W_ii W_if; bias_ih b_ii b_if; weight_hh W_hi W_hf; bias_hh b_hi b_hf"), second="c"
    ),
    "FastRNN": Counterpart("FastRNN", {**_PLAIN, "alpha": "w_alpha", "beta": "w_beta"}),
    "FastGRNN": Counterpart(
        "FastGRNN",
        _rows("weight_ih W_ih; weight_hh W_hh; bias_ih b_iz b_in; bias_hh b_hz b_hn; zeta w_zeta; nu w_nu"),
        {"nonlinearity": "sigmoid"},
    ),
    "STAR": Counterpart("STAR", _two("z k", hidden="k")),
    "coRNN": Counterpart(
        "coRNN",
        {**_PLAIN, "weight_ch": "W_ch", "bias_ch": "b_ch"},
        renamed={"dt": "dt", "gamma": "gamma", "epsilon": "epsilon"},
        second="c",
    ),
    "AntisymmetricRNN": Counterpart("AntisymmetricRNN", _PLAIN, renamed={"epsilon": "epsilon", "gamma": "gamma"}),
    "GatedAntisymmetricRNN": Counterpart(
        "GatedAntisymmetricRNN",
        _rows("weight_ih W_iz W_in; bias_ih b_iz b_in; weight_hh W_hh; bias_hh b_hh"),
        renamed={"epsilon": "epsilon", "gamma": "gamma"},
    ),
    "TRNN": Counterpart("TRNN", {"weight_ih": "W_iz W_if", "bias_ih": "b_iz b_if"}),
    "TGRU": Counterpart(
        "TGRU",
        _rows("weight_ih W_iz W_if W_io; bias_ih b_iz b_if b_io; weight_hh W_pz W_pf W_po; bias_hh b_pz b_pf b_po"),
        second="p",
    ),
    "TLSTM": Counterpart(
        "TLSTM",
        _rows("weight_ih W_iz W_if W_io; bias_ih b_iz b_if b_io; weight_hh W_pz W_pf W_po; bias_hh b_pz b_pf b_po"),
        second="apart",
    ),
    "WMCLSTM": Counterpart(
        "WMCLSTM", _two("i f g o") | {"weight_mh": "W_ci W_cf W_co", "bias_mh": "b_ci b_cf b_co"}, second="c"
    ),
    "BRC": Counterpart(
        "BR", _rows("weight_ih W_ia W_ic W_in; bias_ih b_ia b_ic b_in; weight_hh w_ha w_hc; bias_hh b_ha b_hc")
    ),
    "nBRC": Counterpart(
        "NBR", _rows("weight_ih W_ia W_ic W_in; bias_ih b_ia b_ic b_in; weight_hh W_ha W_hc; bias_hh b_ha b_hc")
    ),
    "ATR": Counterpart("ATR", _PLAIN),
    "MultiplicativeLSTM": Counterpart(
        "MultiplicativeLSTM",
        _rows(
            "weight_ih W_im W_ii W_if W_ig W_io; bias_ih b_im b_ii b_if b_ig b_io; weight_hh W_hm; bias_hh b_hm; "
            "weight_mh W_mi W_mf W_mg W_mo; bias_mh b_mi b_mf b_mg b_mo"
        ),
        second="c",
    ),
    "MiRU1": Counterpart("MiRU1", _two("r n"), renamed={"update_coefficient": "lam"}),
    "MiRU2": Counterpart("MiRU2", _PLAIN, renamed={"update_coefficient": "lam", "reset_coefficient": "theta"}),
    "ResLSTM": Counterpart(
        "ResLSTM", _two("i f g o") | _PEEPHOLES | {"weight_proj": "W_p", "weight_res": "W_r"}, second="c"
    ),
    "SGU": Counterpart("SGU", _two("g z")),
    "DSGU": Counterpart("DSGU", _two("g z") | {"weight_ho": "W_o"}),
    "LightRU": Counterpart("LightRU", _two("n f", hidden="f")),
    "CFN": Counterpart("CFN", _two("f i n", hidden="f i")),
    "NAS": Counterpart("NAS", _two("1 2 3 4 5 6 7 8"), second="c"),
    "UnICORNN": Counterpart(
        "UnICORNN",
        _rows("weight_ih W_ih; bias_ih b_ih; weight_hh w_hh; weight_ch w_ch"),
        renamed={"dt": "dt", "alpha": "alpha"},
        second="c",
    ),
    "tauGRU": Counterpart(
        "tauGRU",
        _rows(
            "weight_ih W_iu W_iz W_ig W_ia; bias_ih b_iu b_iz b_ig b_ia; "
            "weight_hh W_hu W_dz W_hg W_ha; bias_hh b_hu b_dz b_hg b_ha"
        ),
        second=3,
    ),
}


def run(
    name: str, weights: Mapping[str, Tensor], numbers: Mapping[str, float], x: Tensor, hidden_size: int
) -> tuple[Tensor, int]:
    """Its outputs (L, N, H) from zero states, and how many parameters it has besides those that are zero rows."""
    found = COUNTERPARTS[name]
    kind: Callable[..., Any] = getattr(importlib.import_module("torchrecurrent"), f"{found.kind}Cell")
    arguments = {**found.arguments, **{key: numbers[number] for key, number in found.renamed.items()}}
    cell = kind(x.shape[-1], hidden_size, dtype=torch.float64, **arguments)
    count = _load(cell, found.rows, weights)
    states: list[Tensor] = []
    outputs: list[Tensor] = []
    zeros = torch.zeros(x.shape[1], hidden_size, dtype=torch.float64)
    for step in x:
        match found.second:
            case None:
                states = [cell(step, states[0] if states else zeros)]
                outputs.append(states[0])
            case int() as delay:
                delayed = outputs[-1 - delay] if len(outputs) > delay else zeros
                outputs.append(cell(step, outputs[-1] if outputs else zeros, delayed))
            case "apart":
                output, state = cell(step, states[0] if states else None)
                outputs, states = [*outputs, output], [state]
            case _:
                states = list(cell(step, tuple(states) or None))
                outputs.append(states[0])
    return torch.stack(outputs).detach(), count


def _load(cell: Any, rows: Mapping[str, str], weights: Mapping[str, Tensor]) -> int:
    parameters = dict(cell.named_parameters())
    # why beta: JANET's is a parameter that nothing trains.
    assert rows.keys() <= parameters.keys() <= {*rows, "beta"}
    count = 0
    with torch.no_grad():
        for parameter, symbols in rows.items():
            parts = parameters[parameter].chunk(len(symbols.split()))
            for part, symbol in zip(parts, symbols.split(), strict=True):
                sign, bare = (-1, symbol[1:]) if symbol.startswith("-") else (1, symbol)
                part.copy_(torch.zeros_like(part) if symbol == "0" else sign * weights[bare].view(part.shape))
                count += 0 if symbol == "0" else part.numel()
    return count
