"""What models are held against with `--base`: their own documents as they are at a revision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from rnninspect.document.chain import Spec
from rnninspect.document.load import spec_of, tree_of
from rnninspect.document.revision import Found, documents_at, find_revision
from rnninspect.errors import DocumentError, Place
from rnninspect.guard.against import Against
from rnninspect.guard.locked import LockedModel, locked_model
from rnninspect.plan import plan


class Base(NamedTuple):
    """A revision, and what each document of a command line is there, in their order."""

    against: Against
    documents: list[Found]


def read_base(name: str, files: Sequence[str]) -> Base:
    """The documents at a revision.

    Raises DocumentError where there is no such revision, or a file is none of the repository's, NoGit and CannotHere
    where git cannot say.
    """
    revision = find_revision(name, Place(f"--base {name}"))
    return Base(Against(name, revision.commit), documents_at(revision, files))


def model_at_base(
    found: Found, spec: Spec, now: LockedModel, settings: Sequence[str], device: str | None, dtype: str | None
) -> LockedModel | None:
    """What a model was; None where it was not there.

    now: what it is. settings, device, dtype: what today's document was given. Raises RnnInspectError where the one at
    the base is no model.
    """
    if isinstance(found, DocumentError):
        raise found
    # why: of many documents most are as they were.
    if found is None or found.text == spec.tree.text:
        return found and now
    # why the same settings: it is asked what the change of a document costs.
    before = spec_of(tree_of(found, settings, device=device, dtype=dtype), PurePath(spec.source).name)
    return locked_model(before, plan(before))
