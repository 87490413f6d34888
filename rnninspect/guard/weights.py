"""A document's model held against a checkpoint, tensor by tensor, as torch's load_state_dict(strict=True) would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.document.chain import Spec
from rnninspect.errors import printable, show
from rnninspect.facts.models import ModelFacts
from rnninspect.files.fits import Fit, Row, Wanted, fit
from rnninspect.files.found import FoundLayer
from rnninspect.files.held import Held
from rnninspect.files.identify import identify
from rnninspect.files.misfits import Cause, causes
from rnninspect.files.rules.set_aside import kind_aside
from rnninspect.layers.layer import Layer
from rnninspect.letters import Shape
from rnninspect.study.code_names import attributes

# So many sentences of why it does not fit are told, the rest is in the table.
_MOST_TOLD = 12
# The buffer that a BatchNorm1d has since its version 2, of torch 0.4.1: torch does without it in a state_dict that does
# not say that it is of that version.
_SINCE_VERSION_2 = "num_batches_tracked"


class HeldWeights(NamedTuple):
    """A checkpoint beside a model.

    causes: why it does not fit. damage: what is missing of the file, "" where it is whole. layers: by what a layer is
    called as an attribute of a module its name in the document. unlike: the key of the file that is compared, options
    that the file says, and that are others in the document, and what it lacks that torch does without: tensors fit all
    the same.
    """

    file: str
    format: str
    fit: Fit
    causes: tuple[Cause, ...]
    damage: str
    layers: dict[str, str]
    unlike: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether torch would load it."""
        return self.fit.ok and not self.damage

    @property
    def counted(self) -> str:
        """`fits: 12 of 12 tensors`, or what stands against it: `9 of 12 tensors fit: 3 missing, 1 unexpected`.

        Those that only a prefix keeps from fitting are counted too: `0 of 12 tensors fit, 12 without 'module.': ...`.
        """
        found = self.fit
        if found.ok:
            return f"fits: {found.fitting:,} of {found.wanted:,} tensors"
        counts = {"missing": found.missing, "unexpected": found.unexpected, "of another size": found.mismatched}
        against = ", ".join(f"{len(names):,} {word}" for word, names in counts.items() if names)
        behind = f", {found.behind_prefix:,} without {show(found.prefix)}" if found.behind_prefix else ""
        aside = f" ({self.aside:,} of them an optimizer's or the like)" if self.aside else ""
        return f"{found.fitting:,} of {found.wanted:,} tensors fit{behind}: {against}{aside}"

    @property
    def aside(self) -> int:
        """How many of the unexpected tensors are no model's, but an optimizer's or the like."""
        return sum(map(self.is_aside, self.fit.rows))

    def is_aside(self, row: Row) -> bool:
        """Whether a tensor that the model lacks is an optimizer's or the like."""
        return row.wanted is None and row.held is not None and kind_aside(row.held) is not None

    def sentences(self) -> Iterator[tuple[str, str]]:
        """What is wrong, each with the layer that it is about, "" for all of it."""
        file = printable(self.file)
        if self.damage:
            yield "", f"{file} is damaged: {printable(self.damage)}"
        if not self.fit.ok:
            yield "", f"{file} does not fit: {self.counted}"
        for cause in self.causes[:_MOST_TOLD]:
            layer = self.layers.get(cause.layer, "")
            yield layer, printable(cause._replace(layer=layer).sentence)
        if len(self.causes) > _MOST_TOLD:
            yield "", f"and {len(self.causes) - _MOST_TOLD:,} sentences more: --format json has each tensor"


def hold(spec: Spec, facts: ModelFacts, held: Held) -> HeldWeights:
    """Lay what a file holds beside the model that is planned. facts: of the document's spec."""
    names = attributes(spec)
    in_file = {part for name in held.tensors for part in name.split(".")}
    wanted = [
        Wanted(
            layer=names[layer.name],
            kind=layer.type,
            role=weight.name,
            shape=weight.shape,
            shared_with=_as_attribute(weight.shared_with, names),
            optional=weight.name == _SINCE_VERSION_2,
        )
        for layer in facts.layers
        # why: one module that is called twice is in a state_dict once, or under each of the two names that it has.
        if layer.wires is None or not layer.wires.same_as or names[layer.name] in in_file
        for weight in (*layer.weights, *layer.buffers)
    ]
    held, found, key = _compared(wanted, held)
    of_file = identify(held).layers
    why = causes(found, of_file, key=key)
    by_prefix = {found.layers.get(names[link.layer.name]): link.layer for link in spec.links}
    shown = show(key)
    asked_for = f"what is under its key {shown} is compared, as whoever loads it asks for file[{shown}]"
    unlike = (*[asked_for] * bool(key), *_unlike(spec, by_prefix, of_file), *_done_without(found, wanted))
    layers = {attribute: name for name, attribute in names.items()}
    return HeldWeights(
        file=held.file, format=held.format, fit=found, causes=why, damage=held.damage, layers=layers, unlike=unlike
    )


def _compared(wanted: Sequence[Wanted], held: Held) -> tuple[Held, Fit, str]:
    """What of a file is laid beside a model: what is under the key where its tensors are, else all; and that key.

    why: a checkpoint has more than its model, such as an optimizer, and whoever loads the model asks for its key.
    """
    found = fit(wanted, _shapes(held))
    key = "" if found.fitting else held.key_of([row.held for row in found.rows if row.wanted and row.held])
    if not key:
        return held, found, key
    held = held.under(key)
    return held, fit(wanted, _shapes(held)), key


def _shapes(held: Held) -> dict[str, Shape]:
    return {name: tensor.shape for name, tensor in held.tensors.items()}


def _unlike(spec: Spec, by_prefix: Mapping[str | None, Layer], of_file: Sequence[FoundLayer]) -> Iterator[str]:
    """`lstm: batch_first is true in the file, and false here`, of each option that no tensor tells."""
    for found in of_file:
        layer = by_prefix.get(found.name)
        for option, said in found.known.items():
            own = getattr(layer, option, said)
            if layer is not None and own != said:
                yield f"{layer.name}: {option} is {show(said)} in the file, and {show(own)} in {spec.source}"


def _done_without(fit: Fit, wanted: Sequence[Wanted]) -> Iterator[str]:
    """What the file lacks of a layer that it has, and torch has at its first value then."""
    rows = {row.wanted for row in fit.rows}
    for tensor in wanted:
        if tensor not in rows and tensor.layer in fit.layers:
            yield (
                f"{tensor.layer}: the file has no {tensor.role}, which torch starts at 0 then, but where the file's "
                "state_dict says in its _metadata that it is of version 2"
            )


def _as_attribute(shared_with: str | None, names: dict[str, str]) -> str | None:
    """The tensor that another is one with, by its key in a state_dict."""
    if shared_with is None:
        return None
    layer, _, role = shared_with.rpartition(".")
    return f"{names[layer]}.{role}"
