"""What a layer reads of several signals, what is added to one, and the last states that are another's first ones.

    from: [a, b]     the features side by side; a vector of each sequence beside a sequence is given to every step
    add: name        added to what the layer hands on, which has the same shape
    state_from       h_n is h_0 and c_n is c_0; of two directions side by side (concat) or their sum

`runtime.wiring` computes it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.facts.tensors import TensorFact, Wires
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.letters import tuple_text


def side_by_side(signals: Mapping[str, Signal]) -> Signal:
    """What a layer reads of several signals, by their names. Raises Misfit where they do not go together."""
    for name, signal in signals.items():
        if signal.width is None:
            raise Misfit("from", f"expected features, got {name!r}: nothing says how wide it is", _say_width(signal))
    sequences = {name: signal for name, signal in signals.items() if signal.is_sequence}
    first = next(iter(sequences), next(iter(signals)))
    lead = signals[first]
    for name, signal in sequences.items():
        if not alike(lead, signal):
            message = f"expected sequences of the same steps, got {first!r} {_text(lead)} and {name!r} {_text(signal)}"
            raise Misfit("from", message, "only a vector of each sequence (feeds: last) goes beside another's steps")
    width = sum(signal.features for signal in signals.values())
    return Signal(lead.batch, lead.axes, width, producer=" + ".join(signals), pooled_by=lead.pooled_by, joined=True)


def _say_width(signal: Signal) -> str:
    if signal.producer is not None:
        return "it holds token indices"
    return "give the input its input_size; token indices need an Embedding first"


def alike(one: Signal, other: Signal) -> bool:
    """Whether two signals have the same axes, of the same sizes, lengths of packed sequences too."""
    lengths = one.batch.lengths if "T" in one.axes else None
    theirs = other.batch.lengths if "T" in other.axes else None
    same = one.axes == other.axes and lengths == theirs
    known, others = one.batch.letters, other.batch.letters
    return same and all(known.get(axis) == others.get(axis) for axis in one.axes)


def _text(signal: Signal) -> str:
    """`(L, N, H) = (20, 32, 50)`."""
    fact = signal.tensor("", "H", "float32")
    packed = f", lengths {list(signal.batch.lengths)}" if signal.batch.lengths and "T" in signal.axes else ""
    return f"{tuple_text(fact.axes)} = {fact.shape_text}{packed}"


def what_is_added(name: str, added: Signal) -> str:
    """What is added of an input or an earlier layer, in words. name: of that, as it is to be shown."""
    return f"what {name} hands on" if added.producer is not None else f"the input {name}"


def check_add(name: str, handed_on: Signal, added: Signal, what: str, *, tokens: bool) -> None:
    """Raise Misfit where what is added has another shape. what: what of `name` it is, its input or what it hands on.

    tokens: whether what has no width is token indices, and not an input that nothing has said the width of.
    """
    if added.width is None and tokens:
        raise Misfit(
            "add", f"expected features to add, got {what}: token indices", "add what an Embedding makes of them"
        )
    if added.width is None:
        raise Misfit("add", f"expected features to add, got {what}: nothing says how wide it is", _say_width(added))
    if not alike(handed_on, added) or handed_on.width != added.width:
        message = f"expected the shape that layer {name!r} hands on, {_text(handed_on)}; {what} is {_text(added)}"
        if handed_on.axes == added.axes and handed_on.width != added.width:
            raise Misfit("add", message, "make the widths equal, or put a Linear between")
        raise Misfit("add", message, "add what has the same steps; a vector of each sequence only to another")


# --- states ---------------------------------------------------------------------------------------------------


def ends_with(layer: Recurrent, signal: Signal, directions: str) -> dict[str, tuple[int, ...]]:
    """The last states that `layer` hands over, by name: (num_layers*D, N, H), without N where unbatched.

    A cell's have one layer. directions: "concat" or "sum" make one of two directions; "" leaves them.
    """
    return {
        state: _one_direction(_stacked(fact, layer), layer.directions, directions)
        for state, fact in zip(layer.cell.states, layer.states("n", signal, "float32"), strict=True)
    }


def _stacked(fact: TensorFact, layer: Recurrent) -> tuple[int, ...]:
    return fact.known_shape if layer.stack_axes else (1, *fact.known_shape)


def _one_direction(shape: tuple[int, ...], directions: int, how: str) -> tuple[int, ...]:
    if not how:
        return shape
    rows, *rest, width = shape
    return (rows // directions, *rest, width * directions if how == "concat" else width)


def starts_with(layer: Recurrent, signal: Signal) -> dict[str, tuple[int, ...]]:
    """The first states that `layer` is given, by name, as `ends_with` has them; what is learned is not given."""
    facts = dict(zip(layer.cell.states, layer.states("0", signal, "float32"), strict=True))
    return {state: _stacked(facts[state], layer) for state in layer.given_states}


def check_states(wires: Wires, giver: Layer, given: Signal, taker: Layer, signal: Signal) -> None:
    """Raise Misfit where the last states of `giver`, fed with `given`, cannot be the first ones of `taker`."""
    if not isinstance(taker, Recurrent):
        raise Misfit("state_from", f"a {taker.type} has no states", "leave state_from out")
    if not isinstance(giver, Recurrent):
        raise Misfit(
            "state_from", f"expected a recurrent layer, got {giver.name!r}, a {giver.type}", "only those have states"
        )
    if wires.directions and giver.directions == 1:
        message = f"{giver.name!r} has one direction, so there is nothing to {wires.directions}"
        raise Misfit("state_from", message, f"write state_from: {giver.name}")
    starts = starts_with(taker, signal)
    if not starts:
        raise Misfit("state_from", f"{taker.name!r} is given no states: they are learned", "leave state_from out")
    ends = ends_with(giver, given, wires.directions)
    for state, shape in starts.items():
        if state not in ends:
            held = " and ".join(f"{name}_n" for name in ends)
            message = (
                f"no {state}_n to start {state}_0 of {taker.name!r} from: {giver.name!r}, {giver.type}, has {held}"
            )
            raise Misfit("state_from", message, f"make both {taker.type}, or leave state_from out")
        if ends[state] != shape:
            raise _other_shape(wires, state, giver, given, taker, signal)


def _other_shape(wires: Wires, state: str, giver: Recurrent, given: Signal, taker: Recurrent, signal: Signal) -> Misfit:
    end = next(fact for fact in giver.states("n", given, "float32") if fact.name == f"{state}_n")
    start = next(fact for fact in taker.states("0", signal, "float32") if fact.name == f"{state}_0")
    made = ends_with(giver, given, wires.directions)[state]
    way = {"concat": ", side by side", "sum": ", summed"}.get(wires.directions, "")
    after = f"{way} {tuple_text(made)}" if way else ""
    message = (
        f"{giver.name!r} ends with {end.name} {end.shape_text} = {tuple_text(end.axes)}{after}, "
        f"{taker.name!r} starts with {start.name} {start.shape_text}"
    )
    return Misfit("state_from", message, _what_fits(giver, given, taker, signal))


def _what_fits(giver: Recurrent, given: Signal, taker: Recurrent, signal: Signal) -> str:
    starts = starts_with(taker, signal)
    for how in ("", *(("concat", "sum") if giver.directions == 2 else ())):
        ends = ends_with(giver, given, how)
        if all(ends.get(state) == shape for state, shape in starts.items()):
            of = f"{{layer: {giver.name}, directions: {how}}}" if how else giver.name
            words = {"concat": ", the two directions side by side", "sum": ", the two directions summed"}.get(how, "")
            return f"state_from: {of}{words}"
    return "give both the same num_layers, bidirectional, hidden_size and proj_size"


# --- what it takes --------------------------------------------------------------------------------------------


def given_to_steps(signal: Signal, joined: Signal) -> int:
    """Additions of the backward pass where a vector of each sequence was given to every step: their gradients' sum."""
    if signal.is_sequence or not joined.is_sequence:
        return 0
    return (joined.tokens - signal.tokens) * signal.features
