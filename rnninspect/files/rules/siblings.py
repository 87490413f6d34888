"""Two modules side by side that other programs have for x and for h, whatever their shapes: recurrent, and not read."""

from __future__ import annotations

from collections.abc import Iterator

from rnninspect.files.rules.left import Group, Left, Undecided, bare, split

# The module of h, by that of x.
_PAIRS = {
    "input_linearity": "state_linearity",
    "igates": "hgates",
    "ih": "hh",
    "i2h": "h2h",
    "x2h": "h2h",
}
# The matrix of h by that of x, beside each other: of MLX, Flux, tinygrad and others.
_BESIDE = {"Wx": "Wh", "wx": "wh", "Wi": "Wh", "weights_ih": "weights_hh"}
# What the last part of a name ends in where gates and candidate have matrices of h of their own.
_GATES, _CANDIDATE = "_U", "_Ux"


def unread(left: Left) -> Iterator[Undecided]:
    """What has both modules of a pair, or both matrices of h of a GRU; what else is below the same module too."""
    for prefix, group in left.holding(lambda last: last in ("weight", "kernel", "w", "W")):
        parent, name = split(bare(prefix))
        other = f"{parent}{_PAIRS[name]}{prefix[-1:]}" if name in _PAIRS else ""
        if other and _has_matrix(group) and _has_matrix(left.group(other)):
            lasts = [(place, last) for place in (prefix, other) for last in left.group(place)]
            for place, last in lasts:
                left.take(place, [last])
            yield Undecided(parent or prefix, len(lasts), f"{name} and {_PAIRS[name]} are of x and of h")
    yield from _beside(left)
    for prefix, group in left.holding(lambda last: last.endswith(_CANDIDATE)):
        for start in [last.removesuffix(_CANDIDATE) for last in group if last.endswith(_CANDIDATE)]:
            if start + _GATES in group:
                lasts_of = [last for last in group if last.startswith(f"{start}_")]
                left.take(prefix, lasts_of)
                yield Undecided(
                    f"{prefix}{start}_",
                    len(lasts_of),
                    "they are as a GRU of Nematus or Marian has them",
                )


def _beside(left: Left) -> Iterator[Undecided]:
    for prefix, group in left.holding(_BESIDE.__contains__):
        for inputs in [last for last in group if last in _BESIDE]:
            of_h = group.get(_BESIDE[inputs])
            if of_h is not None and len(of_h.shape) == 2:
                lasts = [last for last in group if last in (inputs, _BESIDE[inputs]) or last[:1].lower() == "b"]
                left.take(prefix, lasts)
                yield Undecided(prefix, len(lasts), f"{inputs} and {_BESIDE[inputs]} are of x and of h")


def _has_matrix(group: Group) -> bool:
    return any(len(tensor.shape) >= 2 for tensor in group.values())
