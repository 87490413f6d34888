"""Documents as they are at a revision of git, such as a branch: read without a checkout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from posixpath import normpath
from typing import NamedTuple

from rnninspect.document import git
from rnninspect.document.source import MAX_BYTES, Text, text_of, too_large
from rnninspect.errors import DocumentError, Place, nearest, printable, show


class Revision(NamedTuple):
    """A commit of the repository that the current folder is in.

    name: as it was asked for, such as origin/main.
    """

    name: str
    commit: str
    folder: git.Folder


# What a path names at a revision: a text, what is wrong with it, or nothing.
Found = Text | DocumentError | None


def named_revision(path: str) -> tuple[str, str] | None:
    """The revision and the path of `REF:PATH`; None of the name of a file, which may have a colon in it."""
    name, colon, inner = path.partition(":")
    if not colon or os.path.splitdrive(path)[0] or os.path.lexists(path):
        return None
    return name, inner


def find_revision(name: str, asked: Place) -> Revision:
    """The commit that is called `name`.

    asked: where it was asked for. Raises DocumentError where there is no such commit or no repository, NoGit,
    CannotHere where git itself fails.
    """
    folder = git.current_folder(asked)
    if folder is None:
        raise DocumentError(asked, "this folder is in no git repository", hint="cd to the one of the documents")
    if not name:
        raise DocumentError(asked, "expected a branch, a tag or a commit, got nothing", hint="for example origin/main")
    (commit,) = git.objects([f"{name}^{{commit}}"], asked)
    if commit is None:
        raise DocumentError(asked, f"no commit here is called {show(name)}", hint=_what_to_try(name, folder, asked))
    return Revision(name, commit.name, folder)


def _what_to_try(name: str, folder: git.Folder, asked: Place) -> str:
    branches = git.branches(asked)
    same = [branch for branch in branches if branch.endswith(f"/{name}")]
    if folder.shallow and not same:
        return "this clone has not all commits: fetch-depth: 0 of actions/checkout gets them, or git fetch --unshallow"
    near = same[0] if same else nearest(name, branches)
    return f"did you mean {show(near)}?" if near else "git branch --all lists branches; git fetch gets new ones"


def read_revision(name: str, path: str) -> Text:
    """The document that git calls `name:path`.

    Raises DocumentError where there is no such thing, or it is no text, and what `find_revision` raises.
    """
    place = Place(f"{name}:{path}")
    revision = find_revision(name, place)
    # why: as in git, a path begins at the top of the repository, and with `./` at the current folder.
    inner = normpath(revision.folder.prefix + path) if path.startswith(("./", "../")) else path
    if inner.startswith("../"):
        raise DocumentError(place, "this is outside of the repository")
    (found,) = _read(revision, [inner])
    if found is None:
        raise DocumentError(place, f"{printable(name)} has no such file", hint=_from_here(revision, path))
    if isinstance(found, DocumentError):
        raise found
    return found


def _from_here(revision: Revision, path: str) -> str:
    """A hint for who has left out the `./` of a path from the current folder."""
    prefix = revision.folder.prefix
    if prefix and _read(revision, [normpath(prefix + path)]) != [None]:
        return f"did you mean {show(f'{revision.name}:./{path}', limit=200)}?"
    return "paths begin at the top of the repository"


def documents_at(revision: Revision, files: Sequence[str]) -> list[Found]:
    """What is there at a revision, for each of these files of this machine.

    Raises DocumentError for a file that is none of the repository's, NoGit, CannotHere.
    """
    return _read(revision, [_path_within(revision, file) for file in files])


def _path_within(revision: Revision, file: str) -> str:
    """The path of a file of this machine from the top of the repository."""
    if revision.folder.up is None:
        raise DocumentError(Place(file), "this folder is in no work tree of git", hint="cd to the one of the documents")
    root, path = Path(revision.folder.up).resolve(), Path(file)
    # why both: a folder may be a link within the repository, and so may be the way to the repository.
    ways = (Path(os.path.relpath(way, root)) for way in (path, path.parent.resolve() / path.name))
    way = next((way for way in ways if os.pardir not in way.parts[:1]), None)
    if way is None:
        message = f"this is outside of the repository {printable(str(root))}"
        raise DocumentError(Place(file), message, hint="cd to its own")
    for inner in list(way.parents)[:-1]:
        if (root / inner / ".git").exists():
            message = f"this belongs to a repository of its own, {printable(str(inner))}"
            raise DocumentError(Place(file), message, hint="cd there; a submodule is one")
    return way.as_posix()


def _read(revision: Revision, paths: Sequence[str]) -> list[Found]:
    """What is at each path from the top of the repository."""
    sources = [f"{revision.name}:{path}" for path in paths]
    asked = Place(sources[0])
    there = git.objects([f"{revision.commit}:{path}" for path in paths], asked)
    # why the size first: what is too large for a document is not even unpacked.
    read = git.contents(sorted({item.name for item in there if item and not _wrong(item, "")}), asked)
    return [item and _found(item, read, source) for item, source in zip(there, sources, strict=True)]


def _found(item: git.Object, read: dict[str, bytes], source: str) -> Found:
    wrong = _wrong(item, source)
    try:
        return wrong or text_of(read[item.name], source)
    except DocumentError as error:
        return error


def _wrong(item: git.Object, source: str) -> DocumentError | None:
    """Why something that git has is no document; None where it may be one."""
    if item.kind != "blob":
        what = {"tree": "is a directory", "commit": "is a submodule"}.get(item.kind, item.kind)
        return DocumentError(Place(source), what, hint="name a YAML file")
    return too_large(source) if item.nbytes > MAX_BYTES else None
