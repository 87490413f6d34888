"""What the shell is offered after options such as `--set` and `--device`: read from the documents already named.

A shell asks at every press of TAB, so nothing here fails, prints, or waits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, get_args

import typer

from rnninspect.errors import Place, RnnInspectError

if TYPE_CHECKING:
    from rnninspect.layers.layer import Layer

# Fixed names: torch, which knows the devices of this machine, takes seconds to import.
_DEVICES = ("auto", "cpu", "cuda", "mps", "meta")

# What a layer can be called. why here too: bash and zsh put what they are offered into the line as it is, so a
# layer called `$(reboot)` must not be offered.
_NAME = re.compile(r"[\w-]{1,100}")
_BRANCH = re.compile(r"[\w./-]{1,200}")


def devices(incomplete: str) -> list[str]:
    """The devices that `--device` may name."""
    return [name for name in _DEVICES if name.startswith(incomplete)]


def dtypes(incomplete: str) -> list[str]:
    """The dtypes that `--dtype` may name."""
    # why imported here and below: only where the shell asks. Every command line imports this module.
    from rnninspect.document.blocks import Document

    names = get_args(Document.model_fields["dtype"].annotation)
    return [name for name in names if name.startswith(incomplete)]


def growths(incomplete: str) -> list[str]:
    """The names that `--max-growth` limits, each once."""
    from rnninspect.guard.check import GROWING

    before, comma, name = incomplete.rpartition(",")
    named = {part.partition("=")[0] for part in before.split(",")}
    return [f"{before}{comma}{other}=" for other in GROWING if other.startswith(name) and other not in named]


def branches(incomplete: str) -> list[str]:
    """The branches that `--base` may name."""
    from rnninspect.document import git

    try:
        names = git.branches(Place("--base"))
    except RnnInspectError:
        return []
    # why not all: as with the names of layers.
    return [name for name in names if name.startswith(incomplete) and _BRANCH.fullmatch(name)]


def settings(ctx: typer.Context, incomplete: str) -> list[str]:
    """What `--set` can replace in every document that the command line names.

    First `encoder.` and `dtype=`; after the dot, or where only one owner is left, `encoder.hidden_size=`.
    """
    paths = [path for path in _common(_named(ctx), _paths, {"input": {}}) if path.startswith(incomplete)]
    short = list(dict.fromkeys(_short(path) for path in paths))
    # why: a shell puts a space behind the only thing it is offered, and `encoder.` must have none.
    return [f"{path}=" for path in paths] if "." in incomplete or len(short) == 1 else short


def sizes(ctx: typer.Context, incomplete: str) -> list[str]:
    """The sizes that all the documents named have, as `fit` may be asked for them; behind `=` one more."""
    before, equals, last = incomplete.rpartition("=")
    named = sizes_in(_named(ctx))
    # why not two paths: one is asked for, and more documents may follow
    return [f"{before}{equals}{path}" for path in named if path.startswith(last) and path not in before.split("=")]


def sizes_in(files: Iterable[str]) -> list[str]:
    """The sizes that all these documents have, sound or not; none where none can be read."""
    from rnninspect.document.sizes import size_paths

    return _common(files, lambda data: [path for path in size_paths(data) if _NAME.fullmatch(path.split(".")[0])], {})


def starters(incomplete: str) -> list[str]:
    """What `init --from` may start from: its own documents, and cells once a letter has been typed."""
    from rnninspect.commands.shared.starters import Starter

    named = [name for name in Starter if name.startswith(incomplete)]
    return [*named, *(cells(incomplete) if incomplete else ())]


def cells(incomplete: str) -> list[str]:
    """The cells of the library."""
    from rnninspect.document.library import library_names

    return [name for name in library_names() if name.startswith(incomplete)]


def _short(path: str) -> str:
    owner, dot, _ = path.partition(".")
    return f"{owner}." if dot else f"{owner}="


def _named(ctx: typer.Context) -> list[str]:
    """The documents that the command line names so far."""
    from rnninspect.document.beginning import is_printed  # why here: the help needs nothing of documents

    # why args: there they are while an option behind them still lacks its value.
    given = (ctx.params.get(name) or () for name in ("files", "words"))
    words = [*chain.from_iterable(given), ctx.params.get("old"), ctx.params.get("new"), *ctx.args]
    # why not a Path's methods: they raise, for `~nobody` and for a name that is too long.
    paths = [os.path.expanduser(word) for word in words if isinstance(word, str)]  # noqa: PTH111
    # why only files: to read stdin or a pipe is to wait, and to take it from the command.
    return [path for path in dict.fromkeys(paths) if os.path.isfile(path) or is_printed(path)]  # noqa: PTH113


def _common(
    files: Iterable[str], paths_of: Callable[[Mapping[str, Any]], Iterable[str]], of_none: Mapping[str, Any]
) -> list[str]:
    """The paths that all the documents have; a document that cannot be read has no say. of_none: stands for none."""
    from rnninspect.document.load import names_at

    of_each: list[list[str]] = []
    for file in files:
        try:
            data = names_at(file)
        except RnnInspectError:
            continue
        if isinstance(data, dict):
            of_each.append(list(paths_of(data)))
    first, *others = of_each or [list(paths_of(of_none))]
    common = set(first).intersection(*others)
    return [path for path in dict.fromkeys(first) if path in common]


def _paths(data: Mapping[str, Any]) -> list[str]:
    """Every `layer.key`, `layer.init.key`, `input.key` and top-level key of a document, sound or not."""
    from rnninspect.document.blocks import BLOCKS, KEYED_BLOCKS, WIRE_KEYS, Document, text_layers
    from rnninspect.document.keys import keys_of
    from rnninspect.layers.layer import Layer

    paths = []
    for name, _, layer in text_layers(data):
        if isinstance(layer, dict) and _NAME.fullmatch(name):
            keys = keys_of(layer, data)
            names = [*(keys.names if keys else Layer.model_fields), *sorted(WIRE_KEYS & layer.keys())]
            for key in filter(_NAME.fullmatch, names):
                laws = _laws(keys.kind) if keys and key == "init" else [""]
                paths += [f"{name}.{key}.{law}".removesuffix(".") for law in laws]
    for block, model in KEYED_BLOCKS.items():
        if isinstance(data.get(block), dict):
            paths += [f"{block}.{key}" for key in model.model_fields]
    inputs = data.get("inputs")
    for name in filter(_NAME.fullmatch, inputs if isinstance(inputs, dict) else ()):
        from rnninspect.document.wires import NamedInput

        paths += [f"inputs.{name}.{key}" for key in NamedInput.model_fields]
    return paths + [key for key in Document.model_fields if key not in BLOCKS]


def _laws(kind: type[Layer]) -> Iterable[str]:
    """The keys of the `init` block of a kind that has one."""
    from rnninspect.layers.layer import InitLayer

    return kind.init_block().model_fields if issubclass(kind, InitLayer) else ()
