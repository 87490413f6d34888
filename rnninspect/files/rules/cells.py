"""Cells: torch's names without `_l0`, the same in short (`w_ih`, `b_hh`), and Equinox', which have one `bias`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Set

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.errors import listed, printable
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.rules.besides import Norms, norms_below, of_step, why_not
from rnninspect.files.rules.left import Group, Left, Read, Undecided, bare, split
from rnninspect.files.rules.torch import NOT_HERE, kind_of, nonlinearity

# Role by last part of a name.
_TORCH = {role: role for role in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
_SHORT = {"w_ih": "weight_ih", "w_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
_CAPITAL = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
_EQUINOX = {"weight_ih": "weight_ih", "weight_hh": "weight_hh", "bias": "bias", "bias_n": "bias_n"}


# What may stand beside a cell's weights and is no part of its step.
_FIRST_STATE = re.compile(r"(?:.*_)?(?:init(?:ial)?|h|c|hx|cx|h0|c0|h_0|c_0|hidden|state)(?:_.*)?", re.IGNORECASE)
_PADDLE = re.compile(r"(?P<stack>(?:.*\.)?)(?P<layer>[0-9]{1,9})\.cell(?P<way>_fw|_bw|)\.", re.DOTALL)
SECOND = "weights under second names"
_BELOW = "Within it stand {}, where torch's cells have nothing: whether they are of its step is not in the file."


def read(left: Left) -> Read:
    """Every cell, and what has a cell's names and cannot be read."""
    _set_second_names_aside(left)
    norms = norms_below(left)
    cells = left.holding(("weight_ih", "w_ih", "W_ih").__contains__)
    below = _modules_below(left, {prefix for prefix, _ in cells if prefix})
    for prefix, group in cells:
        for names in (_TORCH, _SHORT, _CAPITAL):
            if sum(last in group and names[last].startswith("weight") for last in names) == 2:
                chosen = _EQUINOX if names is _TORCH and "bias_ih" not in group and "bias" in group else names
                lasts = [last for last in chosen if last in group]
                cell = _cell(left, prefix, dict(group), {last: chosen[last] for last in lasts}, chosen)
                beside = isinstance(cell, FoundLayer) and _beside(cell, prefix, group, lasts, norms)
                if isinstance(cell, FoundLayer) and prefix in below:
                    cell = cell._replace(remarks=(*cell.remarks, _BELOW.format(listed(below[prefix], 3))))
                yield Undecided(prefix, len(lasts), why_not(beside)) if beside else cell
                left.take(prefix, lasts)
                break


def _beside(cell: FoundLayer, prefix: str, group: Group, lasts: list[str], norms: Norms) -> str | None:
    """What is no tensor of a cell and seems to be of this one's step."""
    rows = next(part.tensor.shape[0] for part in cell.parts if part.role == "weight_hh")
    # why any but a first state: cells with a name before theirs have nothing else in torch.
    others = (last for last in group if prefix and last not in lasts and not _FIRST_STATE.fullmatch(last))
    return (
        of_step(group, prefix, rows, cell.hidden_size, lasts)
        or next(others, None)
        or next(iter(norms.get(prefix, {})), None)
    )


def _modules_below(left: Left, cells: Set[str]) -> dict[str, list[str]]:
    """By the prefix of a cell, the modules within it. why told: torch's cells have none."""
    found: dict[str, list[str]] = {}
    for prefix, _ in left.holding(lambda _: bool(cells)):
        parent, name = split(bare(prefix))
        if parent in cells:
            found.setdefault(parent, []).append(printable(name))
    return found


def _set_second_names_aside(left: Left) -> None:
    """Paddle holds `lstm.0.cell.weight_ih` as `lstm.weight_ih_l0` too, which has been read."""
    for prefix, group in left.holding(_TORCH.__contains__):
        match = _PADDLE.fullmatch(prefix)
        if match is None:
            continue
        reverse = "_reverse" if match["way"] == "_bw" else ""
        for last in [last for last in group if last in _TORCH]:
            other = left.held.tensors.get(f"{match['stack']}{last}_l{match['layer']}{reverse}")
            if other is not None and other.shape == group[last].shape:
                left.set_aside(SECOND, prefix, last)


def _cell(
    left: Left, prefix: str, group: Group, roles: Mapping[str, str], names: Mapping[str, str]
) -> FoundLayer | Undecided:
    by_role = {role: group[last] for last, role in roles.items()}
    inputs, recurrent = by_role["weight_ih"].shape, by_role["weight_hh"].shape
    kind = kind_of(recurrent)[0] if len(inputs) == len(recurrent) == 2 else None
    if kind is None or inputs[0] != recurrent[0]:
        return Undecided(prefix, len(roles), f"weights of {inputs} and {recurrent} are no kind's")
    one = names is _EQUINOX
    if why := _doubt(kind, by_role, one=one):
        return Undecided(prefix, len(roles), why)
    biases: Biases = "one" if one else "two" if "bias_ih" in by_role else "none"
    module = left.layer(bare(prefix))
    known, unknown = nonlinearity(kind, {} if module is None else module.said)
    exact = names is _TORCH or one
    if kind == "GRU" and not exact:
        unknown["reset_after"] = f"{NOT_HERE}: the reset gate multiplies before or after the product"
    return FoundLayer(
        name=bare(prefix),
        type=kind,
        input_size=inputs[1],
        hidden_size=recurrent[1],
        biases=biases,
        reset_after=(True if exact else None) if kind == "GRU" else None,
        convention="Equinox" if one else "PyTorch",
        parts=tuple(Part(tensor, role) for role, tensor in by_role.items()),
        known_from="a pickled module" if module is not None and module.kind.endswith("Cell") else "names",
        known=known,
        unknown=unknown,
        remarks=(_remark(kind),),
    )


def _doubt(kind: Kind, roles: Collection[str], *, one: bool) -> str:
    """Why biases of these roles are no cell's that is known; "" where they are. one: Equinox' cells, which have one."""
    # why: with one bias of n and the reset after the product, n would not be what any known GRU computes.
    if one and kind == "GRU" and "bias_n" not in roles:
        return "a GRU with one bias for each gate: which of two GRUs is not in the file"
    there = {"bias_ih", "bias_hh"}.intersection(roles)
    return f"{there.pop()} is its only bias, where such cells have two or none" if len(there) == 1 else ""


def _remark(kind: Kind) -> str:
    return f"Its names are those of a cell, {kind}Cell: one step, which a program loops over the sequence."
