"""How gradients depend on the lag: the decay of each, a chart, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING

from rnninspect.errors import listed
from rnninspect.results.head import head, picked
from rnninspect.results.table import SEVERAL, Block, Cell, Chart, Column, Kind, Series, Table, about_bars

if TYPE_CHECKING:
    from rnninspect.study.gradflow import Curve, Gradflow

_ABOUT = (
    Column("model", "model", repeats=True),
    Column("layer", "layer", repeats=True),
    Column("stacked_layer", "stacked layer", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("of", "of", for_scripts=True),
    Column("side", "side", for_scripts=True),
    Column("gradient", "with respect to", repeats=True),
)
_ENDS = (
    Column("start", "at the start", Kind.NUMBER),
    Column("end", "at the end", Kind.NUMBER),
    Column("lags", "lags", Kind.COUNT),
)
_DECAY = (
    Column("factor", "factor per step", Kind.NUMBER),
    Column("low", "95 % from", Kind.NUMBER),
    Column("high", "to", Kind.NUMBER),
    Column("horizon", "memory horizon, steps", Kind.COUNT),
    Column("verdict", "verdict"),
)
_WEIGHTS = (Column("parameter", "parameter"), Column("norm", "norm of its gradient", Kind.NUMBER))
_LAGS = (Column("lag", "lag", Kind.COUNT), Column("norm", "norm", Kind.NUMBER))
# How many lines a chart can have and be read.
_MOST_SERIES = 6


def gradflow_blocks(results: Sequence[Gradflow]) -> list[Block]:
    """A table of decays, the chart, and tables of the norms by lag and of those of the weights."""
    subject = results[0].model.name if len(results) == 1 else SEVERAL
    about = (_ABOUT[0]._replace(for_scripts=len(results) == 1), *_ABOUT[1:])
    rows = [(result, curve) for result in results for curve in result.curves]
    decays = tuple(
        (
            *_about(result, curve),
            curve.norms[0],
            curve.norms[-1],
            len(curve.norms),
            *(curve.decay or (None,) * len(_DECAY)),
        )
        for result, curve in rows
    )
    # why for scripts all the same: a file's columns do not depend on what was asked.
    decaying = any(curve.decay for _, curve in rows)
    columns = (*about, *_ENDS, *(column._replace(for_scripts=not decaying) for column in _DECAY))
    weights = tuple((result.model.name, *weight) for result in results for weight in result.weights)
    return [
        Table(
            title="decay" if decaying else "gradients",
            subject=subject,
            columns=columns,
            rows=decays,
            notes=tuple(_notes(results)),
        ),
        *gradflow_charts(results),
        _by_lag(subject, about, rows),
        Table(
            title="gradient by weight",
            subject=subject,
            columns=(*about[:2], *_WEIGHTS),
            rows=weights,
            notes=tuple(_weight_notes(results)),
        ),
    ]


def _by_lag(subject: str, about: tuple[Column, ...], rows: Sequence[tuple[Gradflow, Curve]]) -> Table:
    """The norms by lag, of which people see some where there are many."""
    lags: list[tuple[Cell, ...]] = []
    shown: list[int] = []
    for result, curve in rows:
        some = _by_decades(len(curve.norms))
        shown += [len(lags) + k for k in (range(len(curve.norms)) if some is None else some)]
        lags += [(*_about(result, curve), curve.first + k, norm) for k, norm in enumerate(curve.norms)]
    thinned = len(shown) < len(lags)
    return Table(
        title="gradient by lag",
        subject=subject,
        columns=(*about, *_LAGS),
        rows=tuple(lags),
        notes=("not every lag is shown; csv and json have all.",) if thinned else (),
        shown=tuple(shown) if thinned else None,
    )


def _by_decades(count: int) -> tuple[int, ...] | None:
    """Rows 0, 1, 2, 5, 10, 20, 50 ... and the last; None where `count` is small enough for all."""
    if count <= 12:
        return None
    steps = (digit * 10**power for power in range(len(str(count))) for digit in (1, 2, 5))
    return tuple(dict.fromkeys([0, *(step for step in steps if step < count), count - 1]))


def gradflow_charts(results: Sequence[Gradflow]) -> list[Chart]:
    """One chart: of several models the gradient of the input, of one model those of its states too."""
    if len(results) > 1:
        series = [_series(result.model.name, _input(result)) for result in results]
        of, subject = "the input x_t", SEVERAL
    else:
        (result,) = results
        series = [_series(_named(curves[0], result), curves) for curves in _charted(result)]
        of, subject = "x_t and the states", result.model.name
    future = any(curve.side == "future" for result in results for curve in result.curves)
    x = "lag, steps (negative: ahead of the position)" if future else "lag, steps"
    return [
        Chart(
            title=f"gradient with respect to {of}",
            subject=subject,
            x=x,
            y="norm",
            series=tuple(series),
            log=True,
            about=about_bars(series),
        )
    ]


def _about(result: Gradflow, curve: Curve) -> tuple[Cell, ...]:
    gradient = _name(curve, result)
    both = {other.side for other in result.curves} == {"past", "future"}
    about = picked(curve, "layer", "stacked", "direction", "of", "side").values()
    return (result.model.name, *about, f"{gradient}, {curve.side}" if both else gradient)


def _name(curve: Curve, result: Gradflow) -> str:
    """`x`, or `x of src`, or `h layer 1 reverse`, where there are several."""
    levels = {
        (other.stacked, other.direction) for other in result.curves if other.layer == curve.layer and other.of != "x"
    }
    if curve.of == "x":
        return f"x of {', '.join(curve.inputs)}" if len(result.inputs) > 1 else "x"
    if len(levels) == 1:
        return curve.of
    stacked = f" layer {curve.stacked}" if len({stacked for stacked, _ in levels}) > 1 else ""
    direction = f" {curve.direction}" if len({direction for _, direction in levels}) > 1 else ""
    return f"{curve.of}{stacked}{direction}"


def _named(curve: Curve, result: Gradflow) -> str:
    """Its name in a legend: with the layer where there are several."""
    several = len({other.layer for other in result.curves}) > 1
    return f"{curve.layer} · {_name(curve, result)}" if several else _name(curve, result)


def _input(result: Gradflow) -> list[Curve]:
    """The input of the first recurrent layer: the furthest that a gradient goes."""
    return [curve for curve in result.curves if curve.of == "x" and curve.layer == result.curves[0].layer]


def _charted(result: Gradflow) -> list[list[Curve]]:
    """The curves of the chart, both sides of one tensor together: all, or the input and the layer that is read."""
    by_tensor: dict[tuple[object, ...], list[Curve]] = {}
    for curve in result.curves:
        by_tensor.setdefault((curve.layer, curve.of, curve.stacked, curve.direction), []).append(curve)
    if len(by_tensor) <= _MOST_SERIES and len({curve.layer for curve in result.curves}) == 1:
        return list(by_tensor.values())
    top = max((curve.stacked or 0 for curve in result.curves if curve.layer == result.layer), default=0)
    chosen = [
        curves
        for (layer, of, stacked, _), curves in by_tensor.items()
        if of != "x" and layer == result.layer and (stacked or 0) == top
    ]
    return [_input(result), *chosen]


def _series(name: str, curves: Sequence[Curve]) -> Series:
    """The line of one tensor, both sides of the position together."""
    points = sorted(
        ((curve.first + k) * (1 if curve.side == "past" else -1), norm, half)
        for curve in curves
        for k, (norm, half) in enumerate(zip(curve.norms, curve.halves, strict=True))
    )
    halves = tuple(half if isfinite(half) else None for _, _, half in points)
    return Series(name, tuple((lag, norm) for lag, norm, _ in points), halves=halves)


def fate(results: Sequence[Gradflow]) -> str:
    """What becomes of the gradient of the input: `gradient of x: vanishing`, of several models by name; "" for none."""
    said = []
    for result in results:
        verdicts = dict.fromkeys(curve.decay.verdict for curve in result.curves if curve.of == "x" and curve.decay)
        if verdicts:
            said.append(f"{result.model.name} " * (len(results) > 1) + " and ".join(verdicts))
    return f"gradient of x: {listed(said, _MOST_SERIES)}" if said else ""


def dependence(result: Gradflow) -> str:
    """How the layer that is read depends on the first step of each input; "" where there is but one, as it is read."""
    first: dict[tuple[str, ...], Curve] = {}
    for curve in result.curves:
        if curve.of == "x" and curve.side == "past":
            first.setdefault(curve.inputs, curve)
    if result.target == "sum" or not (len(first) > 1 or any(curve.own_lag for curve in first.values())):
        return ""
    said = [_dependence(", ".join(inputs), curve) for inputs, curve in first.items()]
    where = "at the last step" if result.position is None else f"at t = {result.position}"
    return f"{result.layer} {where} depends {', '.join(said)}, by the gradient"


def _dependence(inputs: str, curve: Curve) -> str:
    """`on the first step of src 0.012 times as much as on its last`, which the encoder reads."""
    start, end = curve.norms[0], curve.norms[-1]
    if not any(curve.norms):
        return f"not on {inputs}"
    times = f"{end / start:.3g} times as much as on" if start and isfinite(end / start) else "and not on"
    return f"on the first step of {inputs} {times} {'its last' if curve.own_lag else 'the step that is read'}"


def _notes(results: Sequence[Gradflow]) -> Iterator[str]:
    for result in results:
        if answer := dependence(result):
            yield f"{answer}."
    reads = dict.fromkeys(_reads(result) for result in results)
    yield (
        f"The loss is <v, output>, v a random unit vector of each direction, read {'; '.join(reads)}. A gradient's "
        "norm is the root mean square over the sequences"
        + (
            "; every step is read, so what a step adds itself hides what it passes on, and there is no decay to tell."
            if any(result.target == "sum" for result in results)
            else "; that of the output is 1 at lag 0, and then the factor by which a random change in it is passed on."
        )
    )
    decays = [curve.decay for result in results for curve in result.curves if curve.decay]
    if decays:
        yield (
            "factor per step: a straight line through the logarithms; its 95 % interval: how it varies from sequence "
            "to sequence. memory horizon: the first lag at which a gradient is below 1e-3 of its start. vanishing: "
            "there is one; exploding: it rises a thousandfold first; short of both, fading or growing where the "
            "interval leaves no doubt, kept where it is within a factor of 2 over all lags, else unclear."
        )
    if any(decay.verdict == "dead" for decay in decays):
        yield "dead: the gradient is 0 at every lag."
    for result in results:
        yield from _steps(result)
        yield from _advice(result, f"{result.model.name}, " * (len(results) > 1))


def _steps(result: Gradflow) -> Iterator[str]:
    """Whose steps the lags are, where the layers of a model have other ones."""
    own = list(dict.fromkeys(curve.layer for curve in result.curves if curve.own_lag))
    if own:
        yield (
            f"{', '.join(own)}: what goes on from there to {result.layer} is a last state, or one vector of each "
            "sequence, so a lag is counted from the layer's own last step; of its reverse direction from its first."
        )
    if result.unlike:
        yield f"Read is the output of {result.layer} as its cell puts it out, before {result.unlike}."
    if result.stride > 1:
        yield f"A lag is counted in steps of {result.layer}, each of which is {result.stride} of the model's input."
    for layer in result.apart:
        yield (
            f"{layer} runs over another number of steps than {result.layer}, so its states have no lag here; "
            f"--layer {layer} has them."
        )
    if left_out := _left_out(result):
        yield f"{result.layer} does not depend on {listed(left_out)}: --layer {left_out[0]} is about that one."


def _left_out(result: Gradflow) -> list[str]:
    """The recurrent layers before the one that is read on which it does not depend."""
    seen = {*result.apart, *(curve.layer for curve in result.curves)}
    names = [layer.name for layer in result.model.layers]
    before = result.model.layers[: names.index(result.layer)]
    return [layer.name for layer in before if len(layer.outputs) > 1 and layer.name not in seen]


def _advice(result: Gradflow, model: str) -> Iterator[str]:
    """What to try where a gradient vanishes though a gate could carry it."""
    vanishing = {curve.layer for curve in result.curves if curve.decay and curve.decay.verdict == "vanishing"}
    for layer, state, gate in result.half_open:
        if layer in vanishing:
            yield (
                f"{model}{layer}: a gradient vanishes though a gate could carry it: {gate} starts near 0.5, so that a "
                f"step keeps about half of {state}. Try --set {layer}.init.forget_bias=3, to keep 0.95 of it."
            )


def _weight_notes(results: Sequence[Gradflow]) -> Iterator[str]:
    """How a norm comes about."""
    over = "sequences and steps" if any(result.target == "sum" for result in results) else "sequences"
    yield f"Of the loss summed over the {over}: where those pull one way it grows as their number, else as its root."
    if any(weight.norm is None for result in results for weight in result.weights):
        yield "Without a norm: frozen (trainable: false)."


def _reads(result: Gradflow) -> str:
    where = f"in layer {result.layer} "
    if result.target == "sum":
        return where + "at every step, each with its own v; the lag is counted from the last"
    return where + ("at the last step" if result.position is None else f"at t = {result.position}")


def gradflow_document(results: Sequence[Gradflow]) -> dict[str, object]:
    """What `gradflow` found, as one object: for each gradient its norm at every lag and its decay; weights."""
    return {
        **head([result.model for result in results], "equations", results[0].seed, results),
        "models": [
            {
                "name": result.model.name,
                "file": result.model.source,
                **picked(result, "target", "layer", "position", "sequences"),
                "gradients": [
                    {
                        **picked(curve, "layer", "of"),
                        "stacked_layer": curve.stacked,
                        **picked(curve, "direction", "side"),
                        "first_lag": curve.first,
                        "norms": curve.norms,
                        "decay": curve.decay and curve.decay._asdict(),
                        **({"inputs": curve.inputs} if curve.inputs and len(result.inputs) > 1 else {}),
                        **({"own_lag": True} if curve.own_lag else {}),
                    }
                    for curve in result.curves
                ],
                "weights": [weight._asdict() for weight in result.weights],
            }
            for result in results
        ],
    }
