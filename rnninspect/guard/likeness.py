"""What a lock has like a model that is not in it: its document may have been renamed, or is looked for elsewhere."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rnninspect.errors import nearest, printable
from rnninspect.guard.changes import differences
from rnninspect.guard.locked import Locked, LockedModel
from rnninspect.guard.whole import without_document

# why a limit: a lock of 2,000 models is looked through for each, and whoever adds so many knows that they are new.
_MOST_SOUGHT = 20


class Likeness(NamedTuple):
    """The entry of a lock that is most like a model that it lacks.

    file: its document. same: whether it is the same model. gone: whether its document is not there any more.
    """

    file: str
    same: bool
    gone: bool

    @property
    def renamed(self) -> bool:
        """Whether the model is that one under a new name."""
        return self.same and self.gone

    @property
    def sentence(self) -> str:
        """`it has a.yaml, which is the same model`."""
        which = ["is the same model"] * self.same + ["is gone"] * self.gone
        return f"it has {printable(self.file)}" + (f", which {' and '.join(which)}" if which else "")


def likenesses(new: Locked, locked: Locked, given: Collection[str], lock: Path) -> dict[str, Likeness]:
    """For those of the new models that the lock has anything like, what that is.

    given: the models that are checked: what they are called is no other's former name.
    """
    others = {file: locked[file] for file in locked if file not in given}
    by_layers: dict[object, list[str]] = {}
    for file, model in others.items():
        by_layers.setdefault(layers_of(model), []).append(file)
    told: dict[str, Likeness] = {}
    former: set[str] = set()
    for file, model in list(new.items())[:_MOST_SOUGHT]:
        alike = [other for other in by_layers.get(layers_of(model), ()) if not differences(others[other], model)]
        absent = [other for other, error in without_document(lock, alike).items() if error is None]
        # why those first whose document is gone: of the others this is a copy. Each is the former name of one.
        same = next((other for other in [*absent, *alike] if other not in former), "")
        other = same or _nearest(file, others)
        if other:
            gone = without_document(lock, [other]).get(other, "") is None
            told[file] = Likeness(other, same=bool(same), gone=gone)
            former |= {other} if told[file].renamed else set()
    return told


def layers_of(model: LockedModel) -> object:
    """What two models that are the same have in common, to look them up by."""
    return frozenset((name, layer.parameters) for name, layer in model.layers.items())


def _nearest(file: str, others: Collection[str]) -> str:
    """The one that is called the same in another folder, or else nearly the same in any."""
    by_name = {PurePosixPath(other).stem: other for other in others}
    return by_name.get(nearest(PurePosixPath(file).stem, list(by_name)), "")
