"""The two ledgers held against each other: every fact of the plan against the same fact of the real model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from rnninspect.facts import Init, LayerFacts, ModelFacts, Observed, WeightFact

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
            found += _against_laws(layer.name, weight)
    return tuple(found)


def merge(plan: ModelFacts, real: ModelFacts) -> ModelFacts:
    """The plan with what only the real model knows: what its weights' values are, and what the run measured."""
    by_name = {layer.name: layer for layer in real.layers}
    layers = tuple(_with_observed(layer, by_name[layer.name]) for layer in plan.layers)
    return replace(plan, layers=layers, measured=real.measured)


def _with_observed(plan: LayerFacts, real: LayerFacts) -> LayerFacts:
    # why the gates too: what is known of their values stands there, and all else that they are has been compared.
    seen = {weight.name: weight for weight in real.weights}
    weights = (
        replace(w, observed=seen[w.name].observed, gates=seen[w.name].gates) if w.name in seen else w
        for w in plan.weights
    )
    return replace(plan, weights=tuple(weights))


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
                yield Difference(layer=where, fact=what.strip() or "layer", plan=a and _brief(a), real=b and _brief(b))
            else:
                yield from _compare(a, b, where, what.strip())
        if list(known) != list(here) and known.keys() == here.keys():
            yield Difference(layer=layer, fact=f"{fact} order", plan=", ".join(known), real=", ".join(here))
    else:
        yield Difference(layer=layer, fact=fact, plan=plan, real=real)


def _are_named(items: tuple[object, ...]) -> bool:
    return all(is_dataclass(item) and hasattr(item, "name") for item in items)


def _brief(item: object) -> object:
    return getattr(item, "shape", None) or getattr(item, "name", item)


def _against_laws(layer: str, weight: WeightFact) -> Iterator[Difference]:
    """The weight against its law, or each gate against its own."""
    if weight.laws_differ:
        for gate in weight.gates:
            alone = replace(
                weight,
                name=f"{weight.name} {gate.name}",
                shape=gate.shape,
                init=gate.init or weight.init,
                observed=gate.observed,
            )
            yield from _against_law(layer, alone)
    else:
        yield from _against_law(layer, weight)


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
    if law.constant is not None:
        # why 0.51: rounded to the nearest the value is off by half its last digit, and by a hair where twice rounded.
        close = math.isclose(seen.minimum, law.constant, rel_tol=0.51 * grain, abs_tol=_LEAST[weight.dtype])
        if not close or seen.minimum != seen.maximum:
            yield Difference(
                layer=layer, fact=f"{weight.name} values", plan=law.constant, real=(seen.minimum, seen.maximum)
            )
        return
    if law.law == "eye":
        if seen.deviation != 0:
            yield Difference(layer=layer, fact=f"{weight.name} |W - I|", plan=0.0, real=seen.deviation)
        return
    if law.law == "orthogonal":
        yield from _orthogonal(layer, weight, seen, grain)
        return
    if seen.peak_ratio is not None:
        least, most = _CHANCE ** (1 / n) - grain, 1 + grain
        if not least <= seen.peak_ratio <= most:
            yield Difference(
                layer=layer, fact=f"{weight.name} max |w| / bound", plan=_between(least, most), real=seen.peak_ratio
            )
    if seen.std_ratio is not None:
        spread = _SIGMAS * _relative_error(law, n) + grain
        if not abs(seen.std_ratio - 1) <= spread:  # written so that a nan is a difference
            yield Difference(
                layer=layer,
                fact=f"{weight.name} std / law's",
                plan=_between(1 - spread, 1 + spread),
                real=seen.std_ratio,
            )
    yield from _centred(layer, weight, seen, n, grain)


def _orthogonal(layer: str, weight: WeightFact, seen: Observed, grain: float) -> Iterator[Difference]:
    """The products of rows (or columns) are those of an orthonormal set; that the set is a random one, the mean shows.

    why the mean as of independent values: the sum of an orthogonal matrix's elements has the same spread.
    """
    # why two terms: rounding to `grain` moves the product of two unit vectors by no more than it; and what Householder
    # reflections leave, in float32 or better, grows slower than the root of a vector's length, which is 1 / std:
    # measured are up to 2 epsilons times that for length 2, and half an epsilon for 2,000.
    most = grain + 8 * min(grain, _EPSILON["float32"]) / weight.init.expected_std
    if seen.deviation is None or not seen.deviation <= most:
        yield Difference(layer=layer, fact=f"{weight.name} |W W' - I|", plan=_between(0, most), real=seen.deviation)
    yield from _centred(layer, weight, seen, weight.count, grain)


def _centred(layer: str, weight: WeightFact, seen: Observed, n: int, grain: float) -> Iterator[Difference]:
    off, most = abs(seen.mean) / weight.init.expected_std, _SIGMAS / math.sqrt(n) + grain
    if not off <= most:
        yield Difference(layer=layer, fact=f"{weight.name} |mean| / law's std", plan=_between(0, most), real=off)


def _between(least: float, most: float) -> str:
    return f"{least:.6g} to {most:.6g}"


_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
# The least number above 0: what is smaller rounds to one of the two.
_LEAST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}


def _relative_error(law: Init, n: int) -> float:
    """The standard error of a sample's standard deviation, relative to the law's: sqrt((kurtosis - 1) / 4n)."""
    kurtosis = 3.0 if law.bound is None else 1.8  # of a normal law, and of a uniform one
    return math.sqrt((kurtosis - 1) / (4 * n))
