"""Tensors of a checkpoint that are no model's: an optimizer's, which look like weights, and averages of weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

OPTIMIZER, AVERAGES = "an optimizer's", "moving averages of weights"

# A part of a name that an optimizer's tensors stand below.
_BELOW = re.compile(
    r"(?:lr_|model_|last_)?optim(?:izer)?s?(?:_states?|_state_dict|_weights|_dict)?|opt_state|\.?OPTIMIZER_SLOT",
    re.IGNORECASE,
)
# What an optimizer calls a tensor that it keeps of each parameter.
_SLOTS = re.compile(
    r"exp_avg(?:_sq|_diff|_inf)?|max_exp_avg_sq|momentum_buffer|square_avg|acc_delta|grad_avg|exp_inf|prev_grad"
    r"|(?:Adam|AdamW|Adamax|Nadam|Momentum|RMSProp|RMSprop|Adagrad|Adadelta|Ftrl|LAMB)(?:_\d+)?"
)
_AVERAGED = "ExponentialMovingAverage"
# What stands behind an optimizer's name where it keeps something of each parameter under that one's own name.
_KEPT = re.compile(r"m|v|mu|nu|slots?|states?|momentums?|velocit(?:y|ies)")
# why: networks that learn to optimize have recurrent layers below that very name.
_MODEL = re.compile(r"(?:weight|bias)_(?:ih|hh|hr)(?:_l\d+)?(?:_reverse)?")
_PARTS = re.compile(r"[./]")
_NU = re.compile(r"(?<![^./])nu(?=[./])")


def kind_aside(name: str) -> str | None:
    """What a tensor is if it is no model's; None for all others."""
    last = name[max(name.rfind("."), name.rfind("/")) + 1 :].removesuffix(":0")
    if last.startswith(_AVERAGED):
        return AVERAGES
    if _SLOTS.fullmatch(last):
        return OPTIMIZER
    if ("exp_avg" in name or "momentum_buffer" in name) and any(map(_SLOTS.fullmatch, _PARTS.split(name))):
        return OPTIMIZER
    # why a look first: most names have no such part, and to take one apart takes time.
    lower = name.lower()
    if "optim" in lower or "opt_state" in lower:
        parts = _PARTS.split(name)
        at = next((at for at, part in enumerate(parts) if _BELOW.fullmatch(part)), None)
        if at is None:
            return None
        return OPTIMIZER if not _MODEL.fullmatch(last) or _KEPT.fullmatch(parts[at + 1]) else None
    # Keras on TensorFlow: training/Adam/lstm_1/kernel/m.
    if lower.startswith("training/"):
        return OPTIMIZER if any(_SLOTS.fullmatch(part) for part in _PARTS.split(name)) else None
    return None


def _moments(names: Collection[str]) -> set[str]:
    """The names of optax' Adam, `0/mu/params/...` and `0/nu/params/...`, each of which has its like."""
    found: set[str] = set()
    for name in names:
        for part in _NU.finditer(name):
            other = f"{name[: part.start()]}mu{name[part.end() :]}"
            if other in names:
                found |= {name, other}
    return found


def apart(names: Collection[str], fed: Collection[str]) -> tuple[list[str], dict[str, int]]:
    """The names that may be a model's, and how many others there are, by what they are.

    fed: those that the file itself gives to a layer.
    """
    kept: list[str] = []
    others: Counter[str] = Counter()
    moments = _moments(names)
    for name in names:
        kind = None if name in fed else OPTIMIZER if name in moments else kind_aside(name)
        if kind is None:
            kept.append(name)
        else:
            others[kind] += 1
    return kept, dict(others)
