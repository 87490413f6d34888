"""`rnninspect fit`: a size from a budget, found on the plan, and put into the document where that is asked for."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rnninspect import disk
from rnninspect.commands.shared import completion
from rnninspect.commands.shared.messages import say, say_notes
from rnninspect.commands.shared.options import (
    HOW_TO_PRINT,
    Dtype,
    MaxMacs,
    MaxParams,
    Output,
    Settings,
    argument,
    flag,
    option,
)
from rnninspect.errors import OptionError, OutputFailed, printable, show
from rnninspect.formats import Format

if TYPE_CHECKING:
    from rnninspect.document.tree import Tree
    from rnninspect.guard.fit import Asked, Fitted

EXAMPLES = (
    "rnninspect fit model.yaml encoder.hidden_size --max-params 1M",
    "rnninspect fit model.yaml encoder.hidden_size --max-params 1M --multiple 64",
    "rnninspect fit model.yaml encoder.hidden_size --max-params 1M --write",
)
# More of the budget than this, unused because of --multiple, is worth a warning.
_MUCH = 5.0


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """What `fit` takes."""

    words: Annotated[
        list[str],
        argument(
            "CONFIG... PATH",
            "YAML documents, and the size to find, such as encoder.hidden_size; A.key=B.key is one size for both.",
            autocompletion=completion.sizes,
        ),
    ]
    max_params: MaxParams = None
    max_macs: MaxMacs = None
    like: Annotated[str | None, option("CONFIG", "Keep within as many parameters as this document's model has.")] = None
    multiple: Annotated[int, option("N", "Only multiples of N, such as 8 or 64.", min=1, max=2**16)] = 1
    nearest: Annotated[bool, flag("--nearest", "The size whose count is nearest to the limit, be it above.")] = False
    write: Annotated[bool, flag("--write", "Put the size into the document, and leave all else as it is.")] = False
    settings: Settings = field(default_factory=list)
    dtype: Dtype = None
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


class _Rewritten(NamedTuple):
    """A document with its size put in. before: what the file held when it was read."""

    file: str
    before: bytes
    after: bytes


def run(options: FitOptions) -> int:
    """Print the size of each document, and write it where that is asked for; returns the exit code."""
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.guard.fit import Asked
    from rnninspect.results.caption import PLAN, caption, each_once
    from rnninspect.results.fit import fit_document, fit_tables, none_fits

    files, path = _told_apart(options)
    asked = Asked(path=path, budget=_budget(options), step=options.multiple, nearest=options.nearest)
    fitted, texts, code = _fit_all(files, asked, options)
    if code:
        return code
    for each in fitted:
        say_notes(each.shown.spec.notes)
        if each.best is None:
            say(f"error: {printable(each.file)}: {none_fits(each)}")
            code = 1
        _say_unused(each, options.multiple)
        if asked.budget:
            _say_own_budget(each)
    written = options.write and not code
    if written:
        _write(texts, fitted)
    elif options.write:
        say("note: no document is written, because not every one has a size")
    print_page(
        options.format,
        fit_tables(fitted, written=written, nearest=options.nearest),
        lambda: fit_document(fitted),
        caption(PLAN, each_once(each.shown.model.dtype for each in fitted)),
        options.output,
    )
    return code


def _told_apart(options: FitOptions) -> tuple[list[str], str]:
    """The documents and the path among the arguments: a document is a file, or ends as one does."""
    from rnninspect.commands.shared.files import each_file_once

    documents = [word for word in options.words if _is_document(word)]
    paths = [word for word in options.words if word not in documents]
    if not documents:
        why = "" if "." not in paths[0] else f", {printable(paths[0])} is taken for the size to find"
        raise OptionError(f"no document is named{why} (rnninspect fit model.yaml encoder.hidden_size)")
    if not paths:
        raise OptionError(f"no size is named that is to be found ({_such_as(documents)})")
    if paths[1:]:
        told = " and ".join(printable(path) for path in paths[:2])
        hint = "two that are to be one size are joined: A=B; a document that is not there ends in .yaml"
        raise OptionError(f"expected one size to find, got {told} ({hint})")
    parts = [part.strip() for part in paths[0].split("=")]
    for part in parts:
        owner, _, key = part.partition(".")
        if not (owner and key):
            hint = f"a value is set with --set {printable(paths[0])}" if part.isdecimal() else _such_as(documents)
            raise OptionError(f"{printable(paths[0])}: expected LAYER.KEY, got {show(part)} ({hint})")
    if [*documents, options.like].count("-") > 1:
        raise OptionError("- stands for standard input, which can be read only once")
    if options.write:
        _check_writable(options, documents)
    return each_file_once(documents), "=".join(dict.fromkeys(parts))


def _is_document(word: str) -> bool:
    from rnninspect.document.beginning import is_printed

    named = word == "-" or word.endswith(disk.DOCUMENTS) or "/" in word
    return named or os.path.lexists(word) or is_printed(word)


def _such_as(documents: Sequence[str]) -> str:
    """A size of the first document that could be named."""
    named = completion.sizes_in([file for file in documents if file != "-"][:1])
    return f"such as {', '.join(named[:6])}" if named else "such as encoder.hidden_size"


def _check_writable(options: FitOptions, documents: Sequence[str]) -> None:
    """Raise OptionError where --write has no file to write, or would write what is right of another document only."""
    if "-" in documents:
        raise OptionError("--write: standard input cannot be written (name a file)")
    from rnninspect.document.load import is_call

    for word in filter(is_call, documents):
        raise OptionError(f"--write: {printable(word)} is no file (leave --write out)")
    for name, given in (("--set", options.settings), ("--dtype", options.dtype)):
        if given:
            raise OptionError(f"--write: the size would be right only with {name} (write that into the document)")


def _budget(options: FitOptions) -> Mapping[str, int]:
    """The limits that the command line names."""
    from rnninspect.commands.shared.file_models import refuse_checkpoint
    from rnninspect.commands.shared.files import refuse_to_replace
    from rnninspect.commands.shared.values import limits_of
    from rnninspect.document.load import load_spec
    from rnninspect.plan import plan

    limits = limits_of(options.max_params, options.max_macs)
    if options.like is not None:
        if "max_params" in limits:
            raise OptionError("--like: --max-params says how many parameters there may be (leave one of the two out)")
        refuse_to_replace(options.like, options.output)
        refuse_checkpoint(options.like, "fit --like")
        limits = {"max_params": plan(load_spec(options.like)).parameters, **limits}
    return limits


def _fit_all(
    files: Sequence[str], asked: Asked, options: FitOptions
) -> tuple[list[Fitted], list[_Rewritten | None], int]:
    """What is found for each document, its text with the size put in, and the worst exit code of what goes wrong."""
    from rnninspect.commands.shared.file_models import refuse_checkpoint
    from rnninspect.commands.shared.files import load_all
    from rnninspect.document.load import load_tree
    from rnninspect.guard.fit import fit

    def fit_one(file: str) -> list[tuple[Fitted, _Rewritten | None]]:
        refuse_checkpoint(file, "fit")
        tree = load_tree(file, options.settings, dtype=options.dtype)
        fitted = fit(file, tree, asked)
        return [(fitted, _rewritten(file, tree, fitted) if options.write else None)]

    found, code = load_all(files, fit_one, output=options.output)
    return [fitted for fitted, _ in found], [text for _, text in found], code


def _rewritten(file: str, tree: Tree, found: Fitted) -> _Rewritten | None:
    """The document with the size in it; None where none was found."""
    from rnninspect.document.faults import with_excerpts
    from rnninspect.document.rewrite import rewritten
    from rnninspect.guard.fit import paths_of

    if found.best is None:
        return None
    with with_excerpts(tree.text, tree.source):
        text = rewritten(tree, paths_of(found.path, tree), found.best.value)
    before, now = tree.text.encode(), _bytes(file)
    mark = codecs.BOM_UTF8 if now.startswith(codecs.BOM_UTF8) else b""
    return _Rewritten(file, mark + before, mark + text.encode())


def _bytes(file: str) -> bytes:
    from rnninspect.document.source import MAX_BYTES

    try:
        return disk.read(file, MAX_BYTES)
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(file)}: {disk.reason(error)}") from error


def _write(texts: Sequence[_Rewritten | None], fitted: Sequence[Fitted]) -> None:
    """Write every document, whole or not at all, and say so."""
    from rnninspect.output import write_bytes

    for text, each in zip(texts, fitted, strict=True):
        if text is None or each.best is None:
            raise ValueError(f"{each.file} has no size")
        if _bytes(text.file) != text.before:
            raise OutputFailed(f"cannot write {printable(text.file)}: it has changed since it was read")
        same = text.after == text.before
        if not same:
            write_bytes(text.after, Path(text.file))
        says = f"{printable(each.path)} {'was' if same else 'is now'} {each.best.value}"
        say(f"note: {printable(text.file)}: {says}{' already' if same else ''}")


def _say_unused(each: Fitted, multiple: int) -> None:
    """Warn where the multiple that was asked for leaves much of the budget."""
    from rnninspect.shares import percent

    share = each.held_by.percent_of_allowed
    if multiple == 1 or each.best is None or each.next is None or share is None or 100 - share <= _MUCH:
        return
    unused = percent((each.held_by.allowed - each.held_by.actual) / each.held_by.allowed)
    say(
        f"warning: {printable(each.file)}: {unused:.3g} % of {each.held_by.name} is unused at {each.best.value:,} "
        f"(the next multiple of {multiple} is {each.next.value:,}, over it; a smaller --multiple uses more)"
    )


def _say_own_budget(each: Fitted) -> None:
    """Warn where the size that was found is over a limit of the document's own."""
    from rnninspect.guard.check import limits

    best = each.best
    for limit in limits(best.model, best.spec.budget) if best is not None else ():
        if not limit.ok:
            over = f"{limit.actual:,}, over {limit.allowed:,}"
            say(f"warning: {printable(each.file)}: its own budget says {limit.name}: {over}, and check will fail")
