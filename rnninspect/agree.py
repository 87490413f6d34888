"""Compares the two ledgers: each fact that the plan works out with the same fact of the model built on torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace

from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.facts.weights import Init, Observed, WeightFact

# Random values may be so unlikely and no more: a model whose values follow their laws is refused once in so many.
_CHANCE = 1e-12
# For a mean or a standard deviation that is so many standard errors.
_SIGMAS = 7.5


@dataclass(frozen=True)
class Difference:
    """One fact that is not the same in both ledgers.

    layer: its name, "" for a fact of the whole model. plan, real: the two values, None where a ledger has none.
    """

    layer: str
    fact: str
    plan: object
    real: object


def differences(plan: ModelFacts, real: ModelFacts) -> tuple[Difference, ...]:
    """Every fact that differs between the ledgers, and every weight or buffer whose values do not follow its law."""
    differing = list(_compare(plan.layers, real.layers, layer="", fact=""))
    for layer in real.layers:
        for weight in (*layer.weights, *layer.buffers):
            differing += _against_laws(layer.name, weight)
    return tuple(differing)


def merge(plan: ModelFacts, real: ModelFacts) -> ModelFacts:
    """The plan, with two things added that only the real model has: its weights' values, and what its run measured.

    A weight that torch does not have stays as planned.
    """
    by_name = {layer.name: layer for layer in real.layers}
    layers = tuple(_with_observed(layer, by_name[layer.name]) for layer in plan.layers)
    return replace(plan, layers=layers, measured=real.measured)


def _with_observed(plan: LayerFacts, real: LayerFacts) -> LayerFacts:
    # why whole gates: they hold what was observed of their values, and the rest of them is as planned.
    built = {weight.name: weight for weight in real.weights}
    weights = (
        replace(w, observed=built[w.name].observed, gates=built[w.name].gates) if w.name in built else w
        for w in plan.weights
    )
    return replace(plan, weights=tuple(weights))


def _compare(plan: object, real: object, layer: str, fact: str) -> Iterator[Difference]:
    """Two values of one fact: records are compared field by field, tuples of named records name by name.

    layer, fact: where the values stand, `encoder` and `weight_ih_l0 shape`.
    """
    if plan == real:
        return
    if is_dataclass(plan) and type(plan) is type(real):
        for field in fields(plan):
            if field.compare and not field.metadata.get("plan_only"):
                inner = f"{fact} {field.name}".strip()
                yield from _compare(getattr(plan, field.name), getattr(real, field.name), layer, inner)
    elif isinstance(plan, tuple) and isinstance(real, tuple) and all(hasattr(item, "name") for item in (*plan, *real)):
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
    """A weight's values against its law: too wide is a difference, and too narrow for so many values is one too."""
    observed, law = weight.observed, weight.init
    if observed is None or law.law == "unknown":  # a parameter that the plan does not know is a difference already
        return
    # The row that torch zeroes was not looked at.
    n = weight.count - (weight.shape[1] if law.zero_row is not None else 0)
    # why: half precision rounds the bound, and torch draws its uniforms from a coarse grid that is a little off centre;
    # both by less than the dtype's epsilon.
    # Of a law as narrow as the least numbers, rounding is as large as they are.
    grain = _EPSILON[weight.dtype] + (_LEAST[weight.dtype] / law.expected_std if law.expected_std else 0)
    if law.constant is not None:
        # why 0.51: rounded to the nearest the value is off by half its last digit, and by a hair where twice rounded.
        close = math.isclose(observed.minimum, law.constant, rel_tol=0.51 * grain, abs_tol=_LEAST[weight.dtype])
        if not close or observed.minimum != observed.maximum:
            yield Difference(
                layer=layer, fact=f"{weight.name} values", plan=law.constant, real=(observed.minimum, observed.maximum)
            )
        return
    if law.law == "eye":
        if observed.deviation != 0:
            yield Difference(layer=layer, fact=f"{weight.name} |W - I|", plan=0.0, real=observed.deviation)
        return
    if law.is_orthogonal:
        yield from _orthogonal(layer, weight, observed, grain)
        return
    if observed.peak_ratio is not None:
        least, most = _CHANCE ** (1 / n) - grain, 1 + grain
        if not least <= observed.peak_ratio <= most:
            yield Difference(
                layer=layer, fact=f"{weight.name} max |w| / bound", plan=_between(least, most), real=observed.peak_ratio
            )
    if observed.std_ratio is not None:
        spread = _SIGMAS * _relative_error(law, n) + grain
        if not abs(observed.std_ratio - 1) <= spread:  # written so that a nan is a difference
            yield Difference(
                layer=layer,
                fact=f"{weight.name} std / law's",
                plan=_between(1 - spread, 1 + spread),
                real=observed.std_ratio,
            )
    yield from _centred(layer, weight, observed, n, grain)


def _orthogonal(layer: str, weight: WeightFact, observed: Observed, grain: float) -> Iterator[Difference]:
    """The products of rows (or columns) are those of an orthonormal set; that the set is a random one, the mean shows.

    why the mean as of independent values: the sum of an orthogonal matrix's elements has the same spread.
    """
    # why two terms: rounding to `grain` moves the product of two unit vectors by no more than it; and what Householder
    # reflections leave, in float32 or better, grows slower than the root of a vector's length, which is 1 / std:
    # measured are up to 2 epsilons times that for length 2, and half an epsilon for 2,000.
    most = grain + 8 * min(grain, _EPSILON["float32"]) / weight.init.expected_std
    if observed.deviation is None or not observed.deviation <= most:
        yield Difference(layer=layer, fact=f"{weight.name} |W W' - I|", plan=_between(0, most), real=observed.deviation)
    yield from _centred(layer, weight, observed, weight.count, grain)


def _centred(layer: str, weight: WeightFact, observed: Observed, n: int, grain: float) -> Iterator[Difference]:
    off, most = abs(observed.mean) / weight.init.expected_std, _SIGMAS / math.sqrt(n) + grain
    if not off <= most:
        yield Difference(layer=layer, fact=f"{weight.name} |mean| / law's std", plan=_between(0, most), real=off)


def _between(least: float, most: float) -> str:
    return f"{least:.6g} to {most:.6g}"


_EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52, "int64": 0.0}
# The least number above 0: what is smaller rounds to one of the two.
_LEAST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074, "int64": 0.0}


def _relative_error(law: Init, n: int) -> float:
    """The standard error of a sample's standard deviation, relative to the law's: sqrt((kurtosis - 1) / 4n)."""
    kurtosis = 3.0 if law.bound is None else 1.8  # of a normal law, and of a uniform one
    return math.sqrt((kurtosis - 1) / (4 * n))
