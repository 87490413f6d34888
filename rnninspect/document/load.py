"""From a path, or `-` for stdin, and overrides to a Spec."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath

from rnninspect.document.beginning import is_document, is_printed
from rnninspect.document.calls import with_calls
from rnninspect.document.chain import Spec
from rnninspect.document.connect import connect
from rnninspect.document.faults import with_excerpts
from rnninspect.document.overrides import override, with_options
from rnninspect.document.source import STDIN, Text, read_source
from rnninspect.document.tree import Tree, read_tree
from rnninspect.document.validate import validate


def load_spec(path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Spec:
    """Read, override, validate and connect one document, or a printed module that is one model.

    settings: `PATH=VALUE` overrides. device, dtype: win over the document's.
    Raises DocumentError for whatever is wrong with it.
    """
    given, printed = _given(path)
    if printed:
        from rnninspect.document.printed_models import printed_spec  # why here, and below: most are documents

        return printed_spec(given, _called(path), settings, {"device": device, "dtype": dtype})
    return spec_of(tree_of(given, settings, device=device, dtype=dtype), path)


def load_models(
    path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None
) -> list[Spec]:
    """`load_spec`, of what may be several models: a printed module is one for each layer, but for a chain of layers.

    It may stand in a file, on standard input, or be `path` itself.
    """
    given, printed = _given(path)
    if printed:
        from rnninspect.document.printed_models import printed_specs

        return printed_specs(given, _called(path), settings, {"device": device, "dtype": dtype})
    return [spec_of(tree_of(given, settings, device=device, dtype=dtype), path)]


def load_at_revision(
    path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None
) -> list[Spec]:
    """`load_models`, of a document that may be `REF:PATH` too: PATH as it is at a revision of git.

    Raises NoGit too, and CannotHere where git fails.
    """
    from rnninspect.document.revision import named_revision, read_revision  # why here: few command lines name one

    named = None if is_call(path) else named_revision(path)
    if named is None:
        return load_models(path, settings, device=device, dtype=dtype)
    return [spec_of(tree_of(read_revision(*named), settings, device=device, dtype=dtype), named[1])]


def load_tree(path: str, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Tree:
    """The first half of `load_spec`: a document that was read and overridden, and may still be wrong."""
    given, printed = _given(path)
    if printed:
        from rnninspect.document.printed_models import printed_spec

        return printed_spec(given, _called(path), settings, {"device": device, "dtype": dtype}).tree
    return tree_of(given, settings, device=device, dtype=dtype)


def is_call(path: str) -> bool:
    """Whether a path is a printed module itself, `LSTM(300, 50)`. A file of that name comes first."""
    return is_printed(path) and not os.path.lexists(path)


def has_file(source: str) -> bool:
    """Whether a document, as messages name it, is a file's: neither a printed module itself nor standard input."""
    return source != STDIN and not is_call(source)


def _given(path: str) -> tuple[Text, bool]:
    """The text that a path stands for, and whether it is a printed module's."""
    if is_call(path):
        return Text(path, path), True
    given = read_source(path)
    if is_document(given.text):
        return given, False
    from rnninspect.document.pasted import is_pasted, refuse_others  # why here: most are documents

    pasted = is_pasted(given.text)
    if not pasted:
        refuse_others(given.text, given.source)
    return given, pasted


def names_at(path: str) -> object:
    """The data at a path, sound or not, for what only looks up keys. Raises DocumentError where it cannot be read."""
    given, printed = _given(path)
    if printed:
        from rnninspect.document.printed_models import printed_data

        return printed_data(given)
    return with_calls(read_tree(given.text, given.source)).data


def tree_of(given: Text, settings: Sequence[str] = (), *, device: str | None = None, dtype: str | None = None) -> Tree:
    """The tree of a document's text, overridden as `load_spec` says."""
    source, text = given
    with with_excerpts(text, source):
        tree = override(with_calls(read_tree(text, source)), settings)
    return with_options(tree, {"device": device, "dtype": dtype})


def spec_of(tree: Tree, path: str) -> Spec:
    """The second half of `load_spec`: the tree of the document at `path`, validated and connected."""
    if tree.printed:
        from rnninspect.document.printed_models import open_spec

        with with_excerpts(tree.text, tree.source):
            return open_spec(tree, _called(path))
    with with_excerpts(tree.text, tree.source):
        return connect(validate(tree), tree, name=_called(path))


def _called(path: str) -> str:
    """The name of a model that has none of its own."""
    if is_call(path):
        return path.split("(")[0].split(".")[-1].strip()
    return "stdin" if path == "-" else PurePath(path).stem
