"""The two ledgers held against each other: every fact of the plan against the same fact of the real model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from rnninspect.facts import LayerFacts, ModelFacts, WeightFact

# Which value a fact's own law allows to be drawn once in so many times is not held against it.
_CHANCE = 1e-12
# How many standard errors that is for a mean or a standard deviation.
_SIGMAS = 7.5


@dataclass(frozen=True)
class Difference:
    """One fact the ledgers disagree about. layer is empty for a fact of the model itself; None is "not there"."""

    layer: str
    fact: str
    plan: object
    real: object


def differences(plan: ModelFacts, real: ModelFacts) -> tuple[Difference, ...]:
    """Every fact on which plan and real differ, and every weight whose values do not follow its law."""
    found = list(_compare(plan.layers, real.layers, layer="", fact=""))
    for layer in real.layers:
        for weight in layer.weights:
            found += _against_law(layer.name, weight)
    return tuple(found)


def merge(plan: ModelFacts, real: ModelFacts) -> ModelFacts:
    """The plan with what only the real model knows: what its weights' values are, and what the run measured."""
    by_name = {layer.name: layer for layer in real.layers}
    layers = tuple(_with_observed(layer, by_name[layer.name]) for layer in plan.layers)
    return replace(plan, layers=layers, measured=real.measured)


def _with_observed(plan: LayerFacts, real: LayerFacts) -> LayerFacts:
    observed = {weight.name: weight.observed for weight in real.weights}
    return replace(plan, weights=tuple(replace(w, observed=observed.get(w.name)) for w in plan.weights))


def _compare(plan: object, real: object, layer: str, fact: str) -> Iterator[Difference]:
    if plan == real:
        return
    if is_dataclass(plan) and type(plan) is type(real):
        for field in fields(plan):
            if field.compare and not field.metadata.get("plan_only"):
                inner = f"{fact} {field.name}".strip()
                yield from _compare(getattr(plan, field.name), getattr(real, field.name), layer, inner)
    elif isinstance(plan, tuple) and isinstance(real, tuple) and _are_named((*plan, *real)):
        known = {item.name: item for item in plan}
        here = {item.name: item for item in real}
        for name in known | here:
            where, what = (name, "") if isinstance((known | here)[name], LayerFacts) else (layer, f"{fact} {name}")
            a, b = known.get(name), here.get(name)
            if a is None or b is None:
                yield Difference(where, what.strip() or "layer", a and _brief(a), b and _brief(b))
            else:
                yield from _compare(a, b, where, what.strip())
        if list(known) != list(here) and known.keys() == here.keys():
            yield Difference(layer, f"{fact} order", ", ".join(known), ", ".join(here))
    else:
        yield Difference(layer, fact, plan, real)


def _are_named(items: tuple[object, ...]) -> bool:
    return all(is_dataclass(item) and hasattr(item, "name") for item in items)


def _brief(item: object) -> object:
    return getattr(item, "shape", None) or getattr(item, "name", item)


def _against_law(layer: str, weight: WeightFact) -> Iterator[Difference]:
    """Two-sided: values beyond the bound, and values too far inside it or too narrow for a sample so large."""
    seen, law = weight.observed, weight.init
    if seen is None or law.law == "unknown":  # a parameter that the plan does not know is a difference already
        return
    # The row that torch zeroes was not looked at.
    n = weight.count - (weight.shape[1] if law.zero_row is not None else 0)
    # why: half precision rounds the bound, and torch draws its uniforms from a coarse grid that is a little off centre;
    # both by less than the dtype's epsilon.
    grain = _EPSILON[weight.dtype]
    if law.law in ("ones", "zeros"):
        value = float(law.law == "ones")
        if (seen.minimum, seen.maximum) != (value, value):
            yield Difference(layer, f"{weight.name} values", value, (seen.minimum, seen.maximum))
        return
    if seen.peak_ratio is not None:
        least, most = _CHANCE ** (1 / n) - grain, 1 + grain
        if not least <= seen.peak_ratio <= most:
            yield Difference(layer, f"{weight.name} max |w| / bound", _between(least, most), seen.peak_ratio)
    if seen.std_ratio is not None:
        spread = _SIGMAS * _relative_error(law.law, n) + grain
        if not abs(seen.std_ratio - 1) <= spread:  # written so that a nan is a difference
            yield Difference(layer, f"{weight.name} std / law's", _between(1 - spread, 1 + spread), seen.std_ratio)
    off, most = abs(seen.mean) / law.expected_std, _SIGMAS / math.sqrt(n) + grain
    if not off <= most:
        yield Difference(layer, f"{weight.name} |mean| / law's std", _between(0, most), off)


def _between(least: float, most: float) -> str:
    return f"{least:.6g} to {most:.6g}"


_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def _relative_error(law: str, n: int) -> float:
    """The standard error of a sample's standard deviation, relative to the law's: sqrt((kurtosis - 1) / 4n)."""
    kurtosis = {"uniform": 1.8, "normal": 3.0}[law]
    return math.sqrt((kurtosis - 1) / (4 * n))
