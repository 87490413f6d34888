"""Changes told by their cause: a sentence for each layer whose own settings changed, with what that came to.

What follows from another change has no sentence of its own: a Linear after an LSTM that has grown reads more features,
and a longer batch multiplies more in every layer. It stays in the table of changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rnninspect.document.blocks import OWN_KEYS
from rnninspect.document.chain import Spec
from rnninspect.document.paths import Path
from rnninspect.errors import printable
from rnninspect.guard.changes import COUNTS, Change
from rnninspect.guard.locked import NAMES, Value
from rnninspect.shares import digits

# So many characters of a value are told.
_LONGEST = 40
# So many of what is not as it was, where that is one cause of several.
_FEW_WORDS = 80


class Cause(NamedTuple):
    """What has changed in a layer ("" is the model), and what it came to.

    path: where the document has it. subject: how the sentence begins, or all there is to say. changed: what is not as
    it was. counts: what that came to, "" where no count changed.
    """

    layer: str
    path: Path
    subject: str
    changed: tuple[str, ...] = ()
    counts: str = ""

    def sentence(self, room: int) -> str:
        """All of it, or of what changed as much as `room` holds: the first at least, and the counts."""
        whole = len(self.changed)
        texts = (self._sentence(told) for told in range(whole, 1, -1))
        return next((text for text in texts if len(text) <= room), self._sentence(min(whole, 1)))

    @property
    def alone(self) -> str:
        """What is not as it was, in few words, without what that came to."""
        return self._replace(counts="").sentence(_FEW_WORDS)

    def _sentence(self, told: int) -> str:
        more = len(self.changed) - told
        changed = ", ".join(self.changed[:told]) + (f" and {more} more" if more else "")
        return ": ".join(part for part in (self.subject, changed, self.counts) if part)


def causes(spec: Spec, changes: Sequence[Change]) -> list[Cause]:
    """Why a model is not as it was: the model's own settings, then layer by layer, then all that it came to.

    The last only where no single cause has told it.
    """
    by_layer: dict[str, list[Change]] = {}
    for change in changes:
        by_layer.setdefault(change.layer, []).append(change)
    model = by_layer.pop("", [])
    own = [change for change in model if change.field not in COUNTS]
    layers = {name: _of_layer(spec, name, changed) for name, changed in by_layer.items()}
    told = _once([cause for cause in layers.values() if cause is not None])
    if not (told or model):
        # why: each follows from a cause that is not there, as in a lock that was merged by hand.
        told = [_unexplained(name, changed) for name, changed in by_layer.items()]
    if own:
        path = () if own[0].field == "layers" else tuple(own[0].field.split("."))
        return [_of_model(model, path, _texts("", own)), *told]
    counted = [name for name, changed in by_layer.items() if _counts(changed)]
    if not model or (len(counted) == 1 and layers[counted[0]] is not None):
        return told
    return [*told, _of_model(model)]


def _once(causes: Sequence[Cause]) -> list[Cause]:
    """The causes, those of the copies of a repeated layer as one where they say the same."""
    alike: dict[object, list[Cause]] = {}
    for number, cause in enumerate(causes):
        # why by the number: what is in no block, or came or is gone, is told by itself.
        same = (cause.path, cause.changed, cause.counts) if cause.changed and "layers" in cause.path[2:3] else number
        alike.setdefault(same, []).append(cause)
    return [first if not rest else _of_copies(first, len(rest)) for first, *rest in alike.values()]


def _of_copies(cause: Cause, more: int) -> Cause:
    counts = f"{cause.counts} each" if cause.counts else ""
    return cause._replace(subject=f"{cause.subject} and {more} more alike", counts=counts)


def grown_by(spec: Spec, changes: Sequence[Change], field: str) -> list[Cause]:
    """Why a count of a model has grown: what is the model's own, then the layers that it grew in, most first."""
    grown = {change.layer: _number(change.now) - _number(change.locked) for change in changes if change.field == field}
    # why: of the model's own settings only a batch multiplies, and nothing of them has parameters.
    batch = field == "macs" and any(change.field.startswith("input.") for change in changes if not change.layer)
    kept = [
        cause
        for cause in causes(spec, changes)
        if (grown.get(cause.layer, 0) > 0 if cause.layer else batch and cause.changed)
    ]
    return sorted(kept, key=lambda cause: -grown[cause.layer])


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _of_model(changed: Sequence[Change], path: Path = (), texts: tuple[str, ...] = ()) -> Cause:
    return Cause(layer="", path=path, subject="the model", changed=texts, counts=_counts(changed))


def _of_layer(spec: Spec, name: str, changed: Sequence[Change]) -> Cause | None:
    """Why a layer is not as it was; None where that follows from another change."""
    fields = {change.field: change for change in changed}
    index = next((i for i, link in enumerate(spec.links) if link.layer.name == name), None)
    path: Path = () if index is None else spec.links[index].path
    if "layer" in fields:
        return Cause(layer=name, path=path, subject=_come_or_gone(name, fields))
    if f"{name}.name" in fields:
        former = fields.pop(f"{name}.name").locked
        subject = f"layer {_quoted(former)} is named {_quoted(name)} now"
        # why not all: of a checkpoint a layer may have another name and other sizes too.
        other = _of_layer(spec, name, list(fields.values())) if fields else None
        return Cause(layer=name, path=path, subject=subject) if other is None else other._replace(subject=subject)
    settings = [change for change in changed if change.field == "type" or change.field.startswith(f"{name}.")]
    filled = {f"{name}.{key}" for key in _follow(spec, index, (change.field for change in settings))}
    # why sizes first: where a sentence is too long they are what the counts are from.
    own = [change for change in settings if change.field not in filled]
    own.sort(key=lambda change: (change.field != "type", change.difference is None))
    shapes = [change for change in changed if change not in settings and change.field not in COUNTS]
    if own:
        path = (*path, *own[0].field.removeprefix(f"{name}.").split("."))
    elif settings or not (shapes or "parameters" in fields):
        return None
    # why no shapes beside a count: they are what it counts
    texts = _texts(name, own or ([] if "parameters" in fields else shapes))
    counts = _counts(changed, first=True)
    return Cause(layer=name, path=path, subject=printable(name), changed=texts, counts=counts)


def _follow(spec: Spec, index: int | None, fields: Iterable[str]) -> Iterator[str]:
    """The keys of a layer that follow from another layer. fields: those of its changes, `encoder.hidden_size`."""
    # why not of the first layer: what it reads follows from no other.
    if not index or spec.checkpoint:
        return
    link = spec.links[index]
    yield from link.layer.filled_in
    if link.wires.same_as:
        keys = (field.partition(".")[2] for field in fields)
        yield from (key for key in keys if key.partition(".")[0] not in (*NAMES, *OWN_KEYS))


def _unexplained(name: str, changed: Sequence[Change]) -> Cause:
    texts = _texts(name, [change for change in changed if change.field not in COUNTS])
    return Cause(layer=name, path=(), subject=printable(name), changed=texts, counts=_counts(changed, first=True))


def _come_or_gone(name: str, fields: dict[str, Change]) -> str:
    kind, parameters = fields["layer"], fields.get("parameters")
    gone = kind.now is None
    count = None if parameters is None else parameters.locked if gone else parameters.now
    has = f"{count:,} parameters" if count else "no parameters"
    type_name = printable(str(kind.locked if gone else kind.now))
    return f"layer {_quoted(name)} ({type_name}, {has}) is {'gone' if gone else 'new'}"


def _quoted(name: Value) -> str:
    return printable(repr(name))


def _texts(layer: str, changed: Sequence[Change]) -> tuple[str, ...]:
    """`hidden_size 128 → 256` of each change."""
    texts = []
    for change in changed:
        key = _cut(printable(change.field.removeprefix(f"{layer}.")))
        was, is_now = _value(change.locked), _value(change.now)
        texts.append(f"{key} {was} → {is_now}" if was != is_now else f"other {key}")
    return tuple(texts)


def _counts(changed: Sequence[Change], *, first: bool = False) -> str:
    """`parameters 630,784 → 2,310,144 (+266 %), MACs ...`; first: of the first count that changed alone."""
    counts = [change for field in COUNTS for change in changed if change.field == field]
    shares = ("" if change.percent is None else f" ({digits(change.percent, sign=True)} %)" for change in counts)
    texts = [f"{counts_moved(change)}{share}" for change, share in zip(counts, shares, strict=True)]
    return ", ".join(texts[: 1 if first else None])


def counts_moved(change: Change) -> str:
    """`parameters 630,784 → 2,310,144`."""
    return f"{COUNTS[change.field]} {_value(change.locked)} → {_value(change.now)}"


def _value(value: Value) -> str:
    """A value as a document writes it, an integer with its thousands apart."""
    match value:
        case None:
            text = "null"
        case bool():
            text = str(value).lower()
        case int():
            text = f"{value:,}"
        case tuple():
            text = f"[{', '.join(map(_value, value))}]"
        case _:
            text = printable(str(value))
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
