"""torch's weights that are worked out of others: by dropout of weights, a norm, a parametrization; packed ones."""

from __future__ import annotations

import re

from rnninspect.files.rules.left import Group, Left, Read, Undecided, bare, split

_ANY = r"(?:weight|bias)_(?:ih|hh|hr)(?:_l[0-9]{1,9})?(?:_reverse)?"
_RAW = re.compile(r"(weight_hh_l[0-9]{1,9}(?:_reverse)?)_raw")
_FACTOR = re.compile(f"{_ANY}_(?:g|v|orig|u|raw|mask)")
_BASE = re.compile(_ANY)
_WHICH = re.compile(rf"parametrizations[./]{_ANY}")
_PACKED = "_all_weight_values"
COPIES = "weights before dropout of weights"


def read(left: Left) -> Read:
    """Puts W_hh in its place where it is held before dropout; what is held as factors is undecided."""
    for prefix, group in left.holding(_RAW.fullmatch):
        _put_raw(left, prefix, group)
    yield from _factors(left)
    yield from _packed(left)


def _put_raw(left: Left, prefix: str, group: Group) -> None:
    """`weight_hh_l0_raw` is W_hh of the layer, or of the `module` that it wraps."""
    for last in list(group):
        match = _RAW.fullmatch(last)
        if match is None:
            continue
        whole, inputs = match.group(1), match.group(1).replace("_hh_", "_ih_")
        for place in (prefix, f"{prefix}module."):
            of = left.group(place)
            if inputs in of and whole in of:
                left.set_aside(COPIES, prefix, last)
                break
            if inputs in of:
                left.move(prefix, last, place, whole)
                break


def _factors(left: Left) -> Read:
    for prefix, group in left.holding(_FACTOR.fullmatch):
        lasts = [last for last in group if _FACTOR.fullmatch(last)]
        if lasts:
            lasts += [last for last in group if _BASE.fullmatch(last)]
            left.take(prefix, lasts)
            yield Undecided(prefix, len(lasts), f"{lasts[0]} is a factor of a weight that is not in the file")
    parametrized: dict[str, list[tuple[str, str]]] = {}
    for prefix, group in left.holding(lambda last: last.startswith("original")):
        at = prefix.rfind("parametrizations")
        if at >= 0 and _WHICH.fullmatch(bare(prefix[at:])):
            parametrized.setdefault(prefix[:at], []).extend((prefix, last) for last in group)
    for of, found in parametrized.items():
        lasts = [last for last in left.group(of) if _BASE.fullmatch(last)]
        left.take(of, lasts)
        for prefix, last in found:
            left.take(prefix, [last])
        name = split(bare(found[0][0]))[1]
        yield Undecided(
            of, len(found) + len(lasts), f"{name} is worked out by a parametrization that is not in the file"
        )


def _packed(left: Left) -> Read:
    found: dict[str, list[tuple[str, str]]] = {}
    for prefix, last, _ in left.names():
        if (at := prefix.find(_PACKED)) >= 0:
            found.setdefault(prefix[:at], []).append((prefix, last))
    for of, names in found.items():
        for prefix, last in names:
            left.take(prefix, [last])
        yield Undecided(
            of, len(names), "they are torch's packed weights of a quantized layer, whose gates are not told apart"
        )
