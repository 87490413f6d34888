"""From a path, or `-` for stdin, and overrides to a Spec."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath

from rnninspect.document.calls import with_calls
from rnninspect.document.chain import Spec, connect
from rnninspect.document.faults import with_excerpts
from rnninspect.document.overrides import override, put
from rnninspect.document.printed import is_printed
from rnninspect.document.source import Text, read_source
from rnninspect.document.tree import Tree, read_tree
from rnninspect.document.validate import validate
from rnninspect.errors import Place


def load_spec(path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Spec:
    """Read, override, validate and connect one document.

    settings: `PATH=VALUE` overrides. device, dtype: win over the document's.
    Raises DocumentError for whatever is wrong with it.
    """
    return spec_of(load_tree(path, settings, device=device, dtype=dtype), path)


def load_models(
    path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None
) -> list[Spec]:
    """`load_spec`, of what may be a printed module too, in a file, on standard input or as `path` itself.

    A document is one model, a printed module one for each layer.
    """
    given, printed = _given(path)
    if printed:
        from rnninspect.document.printed_models import printed_specs  # why here: most are documents

        return printed_specs(given, _called(path), settings, {"device": device, "dtype": dtype})
    return [spec_of(tree_of(given, settings, device=device, dtype=dtype), path)]


def load_at_revision(
    path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None
) -> Spec:
    """`load_spec`, of a document that may be `REF:PATH` too: PATH as it is at a revision of git.

    Raises NoGit, and CannotHere where git fails, besides.
    """
    from rnninspect.document.revision import named_revision, read_revision  # why here: few command lines name one

    named = named_revision(path)
    if named is None:
        return load_spec(path, settings, device=device, dtype=dtype)
    return spec_of(tree_of(read_revision(*named), settings, device=device, dtype=dtype), named[1])


def load_tree(path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Tree:
    """The first half of `load_spec`: a document that was read and overridden, and may still be wrong."""
    given, printed = _given(path)
    if printed:
        from rnninspect.document.printed_models import printed_tree

        return printed_tree(given, _called(path), settings, {"device": device, "dtype": dtype})
    return tree_of(given, settings, device=device, dtype=dtype)


def _given(path: str) -> tuple[Text, bool]:
    """The text that a path stands for, and whether it is a printed module's. A file of that name comes first."""
    if is_printed(path) and not os.path.lexists(path):
        return Text(path, path), True
    given = read_source(path)
    return given, is_printed(given.text)


def tree_of(given: Text, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Tree:
    """The tree of a document's text, overridden as `load_spec` says."""
    source, text = given
    with with_excerpts(text, source):
        tree = override(with_calls(read_tree(text, source)), settings)
    for key, value in (("device", device), ("dtype", dtype)):
        if value is not None and isinstance(tree.data, dict):
            tree = put(tree, (key,), value, Place(f"--{key} {value}"))
    return tree


def spec_of(tree: Tree, path: str) -> Spec:
    """The second half of `load_spec`: the tree of the document at `path`, validated and connected."""
    with with_excerpts(tree.text, tree.source):
        return connect(validate(tree), tree, name=_called(path))


def _called(path: str) -> str:
    """The name of a model that has none of its own."""
    if is_printed(path) and not os.path.lexists(path):
        return "printed"
    return "stdin" if path == "-" else PurePath(path).stem
