"""What a lock has like a model that is not in it: its document may have been renamed, or is looked for elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from rnninspect.errors import nearest, printable
from rnninspect.guard.changes import differences
from rnninspect.guard.locked import Locked, LockedModel
from rnninspect.guard.whole import without_document

# why a limit: a lock of 2,000 models is looked through for each, and whoever adds so many knows that they are new.
_MOST_SOUGHT = 20


def likenesses(new: Locked, locked: Locked, given: Collection[str], lock: Path) -> dict[str, str]:
    """For those of the new models that the lock has anything like, what that is: `it has a.yaml, ...`.

    given: the models that are checked: what they are called is no other's former name.
    """
    others = {file: locked[file] for file in locked if file not in given}
    by_layers: dict[object, list[str]] = {}
    for file, model in others.items():
        by_layers.setdefault(_layers(model), []).append(file)
    told = {}
    for file, model in list(new.items())[:_MOST_SOUGHT]:
        alike = (other for other in by_layers.get(_layers(model), ()) if not differences(others[other], model))
        same = next(alike, "")
        other = same or _nearest(file, others)
        if other:
            gone = without_document(lock, [other]).get(other, "") is None
            told[file] = _sentence(other, same=bool(same), gone=gone)
    return told


def _layers(model: LockedModel) -> object:
    return frozenset((name, layer.parameters) for name, layer in model.layers.items())


def _nearest(file: str, others: Collection[str]) -> str:
    """The one that is called the same in another folder, or else nearly the same in any."""
    by_name = {PurePosixPath(other).stem: other for other in others}
    return by_name.get(nearest(PurePosixPath(file).stem, list(by_name)), "")


def _sentence(other: str, *, same: bool, gone: bool) -> str:
    name = printable(other)
    if same:
        return f"it has {name}, which is the same model{', and is gone' if gone else ''}"
    return f"it has {name}{', which is gone' if gone else ''}"
