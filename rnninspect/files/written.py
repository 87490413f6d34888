"""A layer of a file as a document that rebuilds it: what the file says as keys, what it does not say marked as that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from rnninspect.document.blocks import KEYED_BLOCKS
from rnninspect.errors import printable, show
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.files.found import FoundLayer
from rnninspect.files.held import Said
from rnninspect.files.variants import own_equations

# So many characters of a name are the prefix's; a document takes 100, and the rest tells two apart.
_OWN = 90
# Words that YAML takes for something else than text.
_NO_TEXT = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
_NONLINEARITIES = ("tanh", "relu")
# How wide a comment that has a line of its own is.
_WIDTH = 100
# Options that torch's layer has besides its sizes: a value that is not the default, and the default.
_OPTIONS: Mapping[str, tuple[str, str]] = {"batch_first": ("true", "false"), "dropout": ("0.5", "0.0")}
# How torch names the tensors of a cell, which have no _l0 behind them.
_OF_A_CELL = frozenset({"weight_ih", "weight_hh", "bias_ih", "bias_hh"})


def layer_names(layers: Sequence[FoundLayer], key: str = "") -> list[str]:
    """What each layer is called in a document: the prefix of its tensors, of letters, digits, _ and -, no two alike.

    key: of the file, under which all of them stand: no part of a module's own names.
    """
    names: dict[str, None] = {}
    # why kept: of many layers with one prefix each would else try the numbers of all before it.
    numbers: dict[str, int] = {}
    for layer in layers:
        start = (
            re.sub(r"[^A-Za-z0-9_-]+", "_", layer.name.removeprefix(f"{key}.")).strip("_-")[-_OWN:]
            or layer.type.lower()
        )
        name = start
        while name in names or name in KEYED_BLOCKS:
            numbers[start] = numbers.get(start, 1) + 1
            name = f"{start}-{numbers[start]}"
        names[name] = None
    return list(names)


def written(found: FoundLayer, file: str, name: str) -> str:
    """The document of a layer of `file`, called `name` there.

    A layer of torch's where that computes the same, be it with a bias vector more; else a cell of its equations.
    """
    equations, _ = own_equations(found)
    # why without peepholes: the bias vector that torch has besides is zeros, and nothing else is another.
    as_torch, _ = own_equations(found._replace(biases="two")) if _has_second_bias(found) else (equations, None)
    return document(found, file, name, equations if as_torch else "")


def document(found: FoundLayer, file: str, name: str, equations: str = "") -> str:
    """The text of the document. equations: one step, where torch has no such layer."""
    lines = [*_head(found, file, equations), "input:"]
    lines += ["  batch_size: 1  # not in the file: any", "  seq_len: 1  # not in the file: any"]
    lines += [f"dtype: {dtype}" for dtype in _dtypes(found) if dtype != "float32"]
    lines += ["layers:", f"  - name: {_text(name)}", *(f"    {line}" for line in _layer(found, equations))]
    return "\n".join(lines) + "\n"


def _is_cell(found: FoundLayer) -> bool:
    """Whether its tensors have the names of a cell of torch's, which a program loops over the steps."""
    return {part.tensor.name.rpartition(".")[2] for part in found.parts} <= _OF_A_CELL


def _has_second_bias(found: FoundLayer) -> bool:
    """Whether torch has a second bias vector where the layer has one, of which only the sum counts."""
    return found.biases == "one" and found.type != "GRU"


def _head(found: FoundLayer, file: str, equations: str) -> Iterator[str]:
    """What a reader is told first: whence it is, and what of the layer no key says."""
    of = f"{show(found.name)} of " if found.name else ""
    yield from _comment(f"{found.type} {of}{printable(file)}, known from {printable(found.known_from)}.")
    yield from _comment("What is not in the file is marked so; a value that stands there is a default, and no fact.")
    for remark in (*_remarks(found, equations), *found.remarks):
        yield from _comment(remark)


def _remarks(found: FoundLayer, equations: str) -> Iterator[str]:
    if found.reverse:
        yield "In the file it reads the sequence from its end: here both input and output are to be turned round."
    if not equations and _has_second_bias(found):
        directions = 2 if found.bidirectional else 1
        gates = 4 if found.type == "LSTM" else 1
        more = gates * found.hidden_size * found.num_layers * directions
        yield (
            f"The file has one bias vector for each gate, torch has two: the second is zeros, and counted: {more:,} "
            f"parameters more than the file's {found.parameters:,}."
        )
    if not _dtypes(found):
        held = sorted({part.tensor.dtype for part in found.parts})
        yield f"The file holds its tensors as {', '.join(held)}; here they are float32."


def _dtypes(found: FoundLayer) -> list[str]:
    """The dtype of all its tensors, where they have one that a document can have."""
    dtypes = {part.tensor.dtype for part in found.parts}
    return [dtype for dtype in dtypes if len(dtypes) == 1 and dtype in ITEM_BYTES and dtype.startswith(("float", "bf"))]


def _layer(found: FoundLayer, equations: str) -> Iterator[str]:
    """The keys of the layer below its name."""
    cell = _is_cell(found)
    yield f"type: Cell  # {_why_equations(found)}" if equations else f"type: {found.type}{'Cell' * cell}"
    yield f"input_size: {found.input_size}"
    # why: a cell's output is hidden_size wide, and what it remembers besides has a size of its own.
    projected = found.proj_size if equations else 0
    yield f"hidden_size: {projected or found.hidden_size}"
    if found.num_layers != 1:
        yield f"num_layers: {found.num_layers}"
    if found.bidirectional:
        yield "bidirectional: true"
    if found.proj_size and not equations:
        yield f"proj_size: {found.proj_size}"
    if found.biases == "none":
        yield "bias: false"
    told = {"bias"}
    if found.type == "RNN" and not equations:
        told |= {"nonlinearity", "activation"}
        yield _nonlinearity(found)
    for key, (other, default) in _OPTIONS.items():
        told.add(key)
        if equations or not cell:
            yield from _option(found, key, other, default)
    if equations:
        yield "equations: |"
        yield from (f"  {line}" for line in equations.strip().splitlines())
        if projected:
            yield f"sizes: {{units: {found.hidden_size}}}"
            yield "widths: {c: units}"
    yield from _other_keys(found, told)


def _why_equations(found: FoundLayer) -> str:
    if found.peepholes:
        return f"torch.nn.{found.type} has no peepholes"
    if found.type == "GRU" and found.reset_after is False:
        return "torch.nn.GRU multiplies by the reset gate after the product, this one before it"
    if found.type == "GRU" and found.biases == "one":
        return "torch.nn.GRU has two bias vectors, which in its candidate are no sum"
    return f"torch.nn.{found.type} has other functions"


def _nonlinearity(found: FoundLayer) -> str:
    said = found.known.get("nonlinearity", found.known.get("activation"))
    if said in _NONLINEARITIES:
        return f"nonlinearity: {said}"
    if said is not None:
        return f"nonlinearity: tanh  # in the file: {show(said)}, which torch has not"
    return "nonlinearity: tanh  # not in the file: tanh or relu"


def _option(found: FoundLayer, key: str, other: str, default: str) -> Iterator[str]:
    said = found.known.get(key)
    kind = bool if key == "batch_first" else float
    if key == "dropout" and isinstance(said, int) and not isinstance(said, bool):
        said = float(said)
    if isinstance(said, kind) and (kind is bool or 0 <= said <= 1):
        # why not what is at its default: a document leaves it out
        if str(said).lower() != default:
            yield f"{key}: {str(said).lower()}"
    elif key != "dropout" or found.num_layers > 1:
        yield f"# {key}: {other}  # not in the file: torch's default is {default}"


def _other_keys(found: FoundLayer, told: set[str]) -> Iterator[str]:
    """What else the file says of the layer, and what it does not, each behind a # as no key of a document's."""
    for key, said in found.known.items():
        if key not in told:
            yield f"# in the file: {printable(key)}: {_said(said)}"
    for key, words in found.unknown.items():
        if key not in (*told, "dropout"):
            yield f"# {printable(key)}: {printable(words)}"


def _said(said: Said) -> str:
    return ", ".join(map(show, said)) if isinstance(said, tuple) else show(said)


def _text(name: str) -> str:
    """A name as YAML takes it for text."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) and name.lower() not in _NO_TEXT
    return name if plain else json.dumps(name)


def _comment(sentence: str) -> Iterator[str]:
    from textwrap import wrap

    yield from wrap(printable(sentence), _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
