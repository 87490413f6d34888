"""What a document says of its wires: several inputs, and which layer reads what; imported where one says any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rnninspect.document.blocks import OWN_KEYS, WIRE_KEYS, TextLayer
from rnninspect.document.chain import Placed
from rnninspect.document.complaints import MOST_HINTS, fault_at, valid, wrong_lengths
from rnninspect.document.faults import Faults
from rnninspect.document.paths import Path
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, did_you_mean, nearest, show
from rnninspect.facts.tensors import Wires
from rnninspect.layers.fields import Expect, Name, Size
from rnninspect.layers.signal import Batch, ModelInput, Signal

_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True, populate_by_name=False)
_NAME = "the name of an earlier layer"
# More names are not listed in a hint.
_MOST_NAMED = 20
NO_LOOP = "what goes round from step to step is a cell of equations, or JordanRNN"


class StateFrom(BaseModel):
    """`state_from` in full: the layer whose last states are this one's first, and how its directions become one."""

    model_config = _STRICT

    layer: Annotated[Name, Expect(_NAME)]
    directions: Annotated[Literal["concat", "sum"] | None, Expect("concat or sum")] = None


class LayerWires(BaseModel):
    """What a layer is connected to; see `facts.tensors.Wires`."""

    model_config = _STRICT

    reads: Annotated[
        Name | Annotated[list[Name], Field(min_length=1)] | None,
        Field(alias="from"),
        Expect("the name of an input or an earlier layer, or a list of them"),
    ] = None
    add: Annotated[Name | None, Expect("input, or the name of an earlier layer")] = None
    same_as: Annotated[Name | None, Expect(_NAME)] = None
    # why no `StateFrom`: of a union's members errors could not tell which was meant.
    state_from: Annotated[Name | dict[str, Any] | None, Expect(f"{_NAME}, or a mapping with layer and directions")] = (
        None
    )


class NamedInput(BaseModel):
    """One of several inputs.

    seq_len: null for one vector, or one token, of each sequence. input_size: its width, where the first layer that
    reads it reads others beside it and cannot say.
    """

    model_config = _STRICT

    seq_len: Annotated[Size | None, Expect("an integer >= 1, or null for one vector of each sequence")]
    lengths: Annotated[list[Size] | None, Expect("a list of integers >= 1, one for each sequence")] = None
    input_size: Size | None = None


class _Called(BaseModel):
    """The name of an input."""

    model_config = _STRICT

    name: Name


def split(
    text: TextLayer, texts: Sequence[TextLayer], sound: Mapping[str, Placed], tree: Tree, hints: int
) -> tuple[Wires, dict[str, Any] | None]:
    """What a layer says of its wires, and its other keys: of one with `same_as` those of the layer that it names.

    texts: all layers of the text. sound: by name, those before it that nothing is wrong with. hints: how many faults
    may yet have one that is guessed. None in place of the keys where something is wrong with them, and was told. Raises
    DocumentError with the faults.
    """
    written = valid(LayerWires, {key: text.data[key] for key in WIRE_KEYS & text.data.keys()}, text.path, tree)
    reads = (written.reads,) if isinstance(written.reads, str) else tuple(written.reads or ())
    states = _states_of(written.state_from, text, tree)
    wires = Wires(
        reads=reads,
        add=written.add or "",
        same_as=written.same_as or "",
        state_from=states.layer if states else "",
        directions=(states.directions if states else None) or "",
    )
    own = {key: value for key, value in text.data.items() if key not in WIRE_KEYS}
    if not wires.same_as:
        return wires, own
    named = _shared(wires.same_as, text, texts, sound, tree, hints > 0)
    return wires, None if named is None else _keys_of_shared(named, own, text, tree)


def _states_of(written: str | dict[str, Any] | None, text: TextLayer, tree: Tree) -> StateFrom | None:
    if isinstance(written, dict):
        return valid(StateFrom, written, (*text.path, "state_from"), tree)
    return None if written is None else StateFrom(layer=written)


def _keys_of_shared(named: Placed, own: dict[str, Any], text: TextLayer, tree: Tree) -> dict[str, Any]:
    """The keys of a layer that has the weights of `named`, and `own` keys that say nothing else of them."""
    keys = {key: value for key, value in named.keys.items() if key != "name" and key not in WIRE_KEYS}
    faults = Faults()
    for key, value in own.items():
        if key not in OWN_KEYS and keys.get(key) != value:
            there = f"its {key} is {show(keys[key])}" if key in keys else f"it has no {key}"
            message = f"same_as shares the weights of {text.data['same_as']!r}, and {there}, got {show(value)}"
            faults.add(fault_at((*text.path, key), tree, message, f"leave {key} out, or same_as"))
    faults.tell()
    return {**keys, **own}


def _shared(
    name: str, text: TextLayer, texts: Sequence[TextLayer], sound: Mapping[str, Placed], tree: Tree, guess: bool
) -> Placed | None:
    """The layer of the text that `same_as` names, which may be a copy that `repeat` makes of it.

    None where something is wrong with that.
    """
    base, _, number = name.rpartition("_")
    if name in sound:
        return sound[name]
    if number.isdecimal() and base in sound and len(sound[base].path) > 2:
        return sound[base]
    before = texts[: next(k for k, each in enumerate(texts) if each.path == text.path)]
    earlier = [each.name for each in before]
    repeated = {each.name for each in before if len(each.path) > 2}
    if name in earlier or (number.isdecimal() and base in repeated):
        return None
    raise fault_at(
        (*text.path, "same_as"), tree, *not_earlier(name, earlier, [each.name for each in texts], guess=guess)
    )


def not_earlier(
    name: str, earlier: Sequence[str], all_names: Sequence[str], what: str = _NAME, guess: bool = True
) -> tuple[str, str]:
    """What is said of a name that is none of the earlier ones, and what to try. guess: see `MOST_HINTS`."""
    if name in all_names:
        return f"expected {what}, got {name!r}, which is not before it", f"move {name!r} up; {NO_LOOP}"
    message = f"expected {what}, got {show(name)}"
    if not earlier:
        return message, "there is none before it"
    if len(earlier) > _MOST_NAMED:
        near = nearest(name, earlier) if guess else ""
        return message, f"did you mean {near!r}?" if near else f"the last before it is {earlier[-1]!r}"
    return message, did_you_mean(name, earlier)


# --- inputs ---------------------------------------------------------------------------------------------------


def read_inputs(inputs: Mapping[str, object], tree: Tree, faults: Faults) -> dict[str, NamedInput]:
    """The `inputs` block, each value sound by itself. faults: gets what is not."""
    read: dict[str, NamedInput] = {}
    for name, data in inputs.items():
        path: Path = ("inputs", name)
        with faults.kept():
            valid(_Called, {"name": name}, path, tree)
            if not isinstance(data, dict):
                raise fault_at(
                    path, tree, f"expected a mapping with seq_len, got {show(data)}", "such as {seq_len: 30}"
                )
            lengths = data.get("lengths")
            known = [length for length in lengths if type(length) is int] if isinstance(lengths, list) else []
            read[name] = valid(NamedInput, {"seq_len": max(known), **data} if known else data, path, tree)
    return read


def named_inputs(
    inputs: Mapping[str, NamedInput], batch: Batch, names: Sequence[str], tree: Tree, faults: Faults
) -> tuple[ModelInput, ...]:
    """What the `inputs` block says goes in. batch: N, the first states and the axes. names: of the layers.

    faults: gets what does not go together.
    """
    faults.add(*_said_twice(tree))
    return tuple(_named_input(name, given, batch, names, tree, faults) for name, given in inputs.items())


def _named_input(
    name: str, given: NamedInput, batch: Batch, names: Sequence[str], tree: Tree, faults: Faults
) -> ModelInput:
    path: Path = ("inputs", name)
    if name in (*names, "input"):
        whose = "the layer's own input" if name == "input" else "a layer's"
        faults.add(fault_at(path, tree, f"the name {name!r} is {whose}", "call the input otherwise"))
    if given.lengths is not None and given.seq_len is None:
        message = "seq_len null is one vector of each sequence, which has no lengths"
        faults.add(fault_at((*path, "lengths"), tree, message, "leave one of them out"))
    hint = "every input has the same number of sequences, input.batch_size"
    faults.add(*wrong_lengths(given.lengths, batch.size, given.seq_len, path, tree, hint))
    lengths = None if given.lengths is None else tuple(given.lengths)
    of_input = replace(batch, seq_len=given.seq_len or 1, lengths=lengths)
    axes = of_input.states_axes if given.seq_len is None else of_input.input_axes
    return ModelInput(name, Signal(of_input, axes, given.input_size))


def _said_twice(tree: Tree) -> Iterator[DocumentError]:
    """What of the `input` block each of several inputs says for itself."""
    for key in ("seq_len", "lengths"):
        if ("input", key) in tree.values:
            hint = f"write it there: inputs: {{NAME: {{{key}: ...}}}}"
            yield fault_at(("input", key), tree, f"each of several inputs has its own {key}", hint)


def wrong_outputs(outputs: Sequence[str], names: Sequence[str], tree: Tree) -> Iterator[DocumentError]:
    """What is wrong with the `outputs` of a document. names: of its layers."""
    for i, name in enumerate(outputs):
        if name not in names:
            hint = did_you_mean(name, names) if i < MOST_HINTS else ""
            yield fault_at(("outputs", i), tree, f"no layer is called {show(name)}", hint)
        elif name in outputs[:i]:
            yield fault_at(("outputs", i), tree, f"{name!r} stands here twice", "name each output once")
