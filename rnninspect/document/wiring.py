"""The layers of a document that has wires, each fitted to what it names; imported where a document has any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rnninspect.document.blocks import OWN_KEYS
from rnninspect.document.chain import INPUT, Link, Placed
from rnninspect.document.complaints import MOST_HINTS, fault_at
from rnninspect.document.faults import Faults
from rnninspect.document.tree import Tree
from rnninspect.document.validate import Validated
from rnninspect.document.wires import NO_LOOP, named_inputs, not_earlier, wrong_outputs
from rnninspect.errors import DocumentError
from rnninspect.facts.tensors import Wires
from rnninspect.layers import joining
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, ModelInput, Signal


def connected(
    validated: Validated, batch: Batch, tree: Tree, faults: Faults
) -> tuple[tuple[ModelInput, ...], tuple[Link, ...]]:
    """The inputs, and the layers, each fed with what it names. faults: gets all that does not fit."""
    document, layers = validated.document, validated.layers
    names = [placed.layer.name for placed in layers]
    if document.inputs is None:
        inputs: tuple[ModelInput, ...] = (ModelInput(INPUT, Signal(batch, batch.input_axes, None)),)
    else:
        inputs = named_inputs(validated.inputs, batch, names, tree, faults)
    faults.add(*wrong_outputs(document.outputs or (), names, tree))
    faults.tell()
    model = _Model(layers, inputs)
    for k, placed in enumerate(layers):
        try:
            model.connect(k)
        except Misfit as misfit:
            faults.add_once(placed.fault(misfit, tree))
    if not faults:
        faults.add(*_unread(model, document.outputs or [names[-1]], tree))
    return tuple(replace(each, signal=model.signals[each.name] or each.signal) for each in inputs), tuple(model.links)


class _Model:
    """A model that is being connected. signals: what each name hands on; None where that is not known."""

    def __init__(self, layers: Sequence[Placed], inputs: Sequence[ModelInput]) -> None:
        self.layers, self.inputs = layers, inputs
        self._input_names = [each.name for each in inputs]
        self.signals: dict[str, Signal | None] = {each.name: each.signal for each in inputs}
        self.links: list[Link] = []
        self.link_of: dict[str, Link] = {}
        self._earlier: dict[str, Layer] = {}
        # The layer that reads an input as token indices, by the input.
        self._tokens: dict[str, str] = {}
        self._hints = MOST_HINTS
        self._names = [placed.layer.name for placed in layers]
        self._number_of = {name: k for k, name in enumerate(self._names)}
        self.reads = [self._reads_of(k) for k in range(len(layers))]

    def _reads_of(self, k: int) -> tuple[str, ...]:
        wires = self.layers[k].wires
        if wires is not None and wires.reads:
            return wires.reads
        return (self._names[k - 1],) if k else (self._input_names[0],)

    def connect(self, k: int) -> None:
        """Fit layer `k` and link it. Raises Misfit."""
        placed = self.layers[k]
        layer, wires = placed.layer, placed.wires or Wires(())
        self.signals[layer.name] = None
        self._check_names(k, wires)
        signal = self._read(k)
        if signal is None:
            return
        try:
            fitted = self._fitted(layer, wires, signal)
        except Misfit as misfit:
            self.signals[layer.name] = placed.without_fit(misfit, signal)
            raise
        signal = self._decided(k, signal, fitted)
        handed_on = fitted.emits(signal)
        self.signals[layer.name] = handed_on
        self._earlier[layer.name] = fitted
        link = Link(fitted, signal, wires=wires._replace(reads=self.reads[k]), path=placed.path)
        self.link_of[layer.name] = link
        self.links.append(link)
        self._check_add(fitted, wires, signal, handed_on)
        if wires.state_from and wires.state_from in self.link_of:
            giver = self.link_of[wires.state_from]
            joining.check_states(wires, giver.layer, giver.signal, fitted, signal)

    def _check_names(self, k: int, wires: Wires) -> None:
        if k == 0 and not wires.reads and len(self.inputs) > 1:
            names = ", ".join(self._input_names)
            raise Misfit("from", f"required: there are several inputs, {names}", f"write from: {self._input_names[0]}")
        for name in wires.reads:
            self._check_name(k, "from", name, "the name of an input or an earlier layer")
        if wires.add != INPUT:
            self._check_name(k, "add", wires.add, "input, or the name of an earlier layer")
        self._check_name(k, "same_as", wires.same_as, "the name of an earlier layer")
        self._check_name(k, "state_from", wires.state_from, "the name of an earlier layer")
        if len(set(wires.reads)) < len(wires.reads):
            twice = next(name for name in wires.reads if wires.reads.count(name) > 1)
            raise Misfit("from", f"{twice!r} stands here twice", "name each once")

    def _check_name(self, k: int, field: str, name: str, what: str) -> None:
        """Raise Misfit where layer `k` names what is neither an earlier layer nor, where it may be, an input."""
        is_input = field in ("from", "add") and name in self._input_names
        if name and not is_input and self._number_of.get(name, k) >= k:
            raise Misfit(field, *self._not_there(name, k, field, what))

    def _not_there(self, name: str, k: int, field: str, what: str) -> tuple[str, str]:
        """What is said of a name that nothing before layer `k` has, and what to try."""
        if name == INPUT and field == "from":
            return f"expected {what}, got 'input': there are several", f"they are {', '.join(self._input_names)}"
        if name == self._names[k]:
            return f"expected {what}, got {name!r}, the layer itself", NO_LOOP
        copies = [each for each in self._names[:k] if _is_copy(each, name)]
        if copies and name not in self._number_of:
            return f"expected {what}, got {name!r}, which is repeated", f"{copies[-1]} is the last copy"
        inputs = self._input_names if field in ("from", "add") else []
        self._hints -= 1
        return not_earlier(name, [*inputs, *self._names[:k]], self._names, what, self._hints >= 0)

    def _read(self, k: int) -> Signal | None:
        """What layer `k` is fed with; None where that is not known."""
        signals = {name: self.signals[name] for name in self.reads[k]}
        known = {name: signal for name, signal in signals.items() if signal is not None}
        if len(known) < len(signals):
            return None
        for name in known:
            reader = self._tokens.get(name)
            if reader is not None and not isinstance(self.layers[k].layer, Embedding):
                message = f"expected features, got token indices: {reader!r} reads {name!r} as that"
                raise Misfit("from" if self.layers[k].wires else "type", message, f"read what {reader!r} makes of them")
        if len(known) > 1:
            return joining.side_by_side(known)
        ((name, signal),) = known.items()
        if signal.width is None and self.layers[k].layer.takes_any_width:
            return replace(signal, width=self._width_said(name))
        return signal

    def _width_said(self, name: str) -> int | None:
        """How wide an input is that a layer of any width reads: as the first other layer says that reads it."""
        same = {name}
        for placed, reads in zip(self.layers, self.reads, strict=True):
            if len(reads) == 1 and reads[0] in same:
                if not placed.layer.takes_any_width:
                    return placed.layer.asked_width
                same.add(placed.layer.name)
        return None

    def _fitted(self, layer: Layer, wires: Wires, signal: Signal) -> Layer:
        if not wires.same_as:
            return layer.fit(signal, self._earlier)
        owner = self._earlier.get(wires.same_as)
        if owner is None:
            return layer.fit(signal, self._earlier)  # what is wrong with the owner has been told
        if signal.width is not None and owner.width_in not in (None, signal.width):
            message = f"expected {owner.width_in} features, as {owner.name!r} reads, got {signal.width}"
            raise Misfit("same_as", message, "a layer and its copy read the same width")
        own: dict[str, object] = {key: value for key, value in layer if key in OWN_KEYS}
        return owner.model_copy(update=own).fit(signal, self._earlier)

    def _decided(self, k: int, signal: Signal, layer: Layer) -> Signal:
        """The signal with the width that `layer`, the first to read an input, says it has."""
        name = self.reads[k][0]
        if len(self.reads[k]) > 1 or signal.producer is not None or name not in self._input_names:
            return signal
        if layer.width_in is None and isinstance(layer, Embedding):
            self._tokens.setdefault(name, layer.name)
        signal = signal if signal.width is not None else replace(signal, width=layer.width_in)
        self.signals[name] = signal
        return signal

    def _check_add(self, layer: Layer, wires: Wires, signal: Signal, handed_on: Signal) -> None:
        added = signal if wires.add == INPUT else self.signals.get(wires.add) if wires.add else None
        if added is not None:
            what = "its input" if wires.add == INPUT else joining.what_is_added(repr(wires.add), added)
            tokens = wires.add == INPUT or wires.add in self._tokens
            joining.check_add(layer.name, handed_on, added, what, tokens=tokens)


def _is_copy(copy: str, name: str) -> bool:
    """Whether `copy` is what a copy of the repeated layer `name` is called."""
    base, _, number = copy.rpartition("_")
    return base == name and number.isdecimal()


def _unread(model: _Model, outputs: Sequence[str], tree: Tree) -> Iterator[DocumentError]:
    """The inputs and layers that make no difference to what the model returns."""
    read = set(outputs)
    for link in model.links:
        read |= {*link.wires.reads, link.wires.add, link.wires.state_from}
    for each in model.inputs:
        if each.name not in read and each.name != INPUT:
            yield fault_at(("inputs", each.name), tree, f"no layer reads the input {each.name!r}", "name it in `from`")
    for placed in model.layers:
        name = placed.layer.name
        if name not in read:
            recurrent = isinstance(placed.layer, Recurrent)
            message = f"nobody reads what layer {name!r} hands on{', or takes its states' * recurrent}"
            hint = f"name it in the `from`{' or `state_from`' * recurrent} of a later layer, or in `outputs`"
            yield fault_at(placed.path, tree, message, hint)
