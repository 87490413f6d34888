"""A number put into the text of a document in place of another, all else as it was, to the byte."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rnninspect.document.calls import with_calls
from rnninspect.document.overrides import put
from rnninspect.document.paths import Path, dotted
from rnninspect.document.sizes import size_paths
from rnninspect.document.source import Text, index_of
from rnninspect.document.tree import Tree, read_tree
from rnninspect.errors import DocumentError, show

# A plain number, which may have an anchor; the parser's place is the anchor's.
_NUMBER = re.compile(r"(?P<anchor>&[^\s,\[\]{}]+[ \t]+)?(?P<number>[-+]?[0-9]+)(?=[\s,\])}]|$)")


def rewritten(tree: Tree, paths: Sequence[Path], value: int) -> str:
    """The text of a document with `value` at each of `paths`.

    tree: as it was read, nothing of it overridden. Raises DocumentError where a path has no plain number of its own
    there, and where the text would then say anything else that is different.
    """
    spans = sorted({_span(tree, path, paths) for path in paths}, reverse=True)
    text, wanted = tree.text, tree
    for start, end in spans:
        text = f"{text[:start]}{value}{text[end:]}"
    for path in paths:
        wanted = put(wanted, path, value, tree.place(path))
    # why: what has been written must be what was meant, whatever the text looks like
    after = _read_again(text, tree)
    if after.data != wanted.data or after.faults:
        raise DocumentError(tree.place(paths[0]), "the number cannot be replaced alone", hint="write it by hand")
    return text


def _read_again(text: str, tree: Tree) -> Tree:
    """What a text says now. tree: what it said."""
    if not tree.printed:
        return with_calls(read_tree(text, tree.source))
    from rnninspect.document.printed_models import printed_spec  # why here: most are documents

    name = str(tree.data["name"]) if isinstance(tree.data, dict) else ""
    return printed_spec(Text(tree.source, text), name, (), {}).tree


def _span(tree: Tree, path: Path, paths: Sequence[Path]) -> tuple[int, int]:
    """From where to where the number at `path` stands in the text."""
    where = dotted(path)
    if path not in tree.values:
        hint = "add the key with any number, then write again"
        raise DocumentError(tree.place(path), "the document does not say it", path=where, hint=hint)
    place = tree.values[path]
    others = [other for other, at in tree.values.items() if at == place and other not in paths]
    if others:
        message = f"{dotted(others[0])} has its number from here too"
        raise DocumentError(place, message, path=where, hint=_apart(tree, path, others[0]))
    start = index_of(place, tree.text)
    match = _NUMBER.match(tree.text, start)
    if match is None:
        got = re.split(r"[\s,\]}]", tree.text[start : start + 60], maxsplit=1)[0]
        message = f"expected a plain whole number to replace, got {show(got) if got else 'nothing'}"
        raise DocumentError(place, message, path=where, hint="write any number there, then write again")
    return match.span("number")


def _apart(tree: Tree, path: Path, other: Path) -> str:
    names = {at: name for name, at in size_paths(tree.data).items()} if isinstance(tree.data, dict) else {}
    both = f"find one for both, {names[path]}={names[other]}, or " if other in names else ""
    return f"{both}give it a number of its own"
