"""The layers of a file as models of one layer each, which every command takes that needs nothing but a plan.

Each is a model of its own: what lies between two layers, and in which order they run, is not in a file. Its sizes are
the file's; its batch is open, but for what `--set` says of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.document.blocks import Input
from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.document.complaints import valid, wrong_lengths
from rnninspect.document.faults import Faults
from rnninspect.document.overrides import option_place, override
from rnninspect.document.tree import Tree
from rnninspect.document.validate import with_sizes
from rnninspect.errors import DocumentError, Place, printable, show
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.facts.models import FromFile
from rnninspect.files.found import FoundLayer, Identified
from rnninspect.files.rules.torch import NOT_HERE
from rnninspect.files.variants import SAME_EVERYWHERE, layer_of, own_equations
from rnninspect.layers.signal import Batch, ModelInput, Signal

# What numbers are computed in; anything else is only how weights are held.
_FLOATS = ("float32", "float16", "bfloat16", "float64")
_EXAMPLE = "--set input.seq_len=20 --set input.batch_size=32"


def specs_of(identified: Identified, settings: Sequence[str] = ()) -> list[Spec]:
    """A model for each layer, in the file's order, called by the prefix of its tensors.

    settings: `PATH=VALUE`, of the batch alone. Raises DocumentError where the file has no recurrent layer, and for
    what cannot be set.
    """
    file = identified.held.file
    batch, tree = _batch(file, settings)
    if not identified.layers:
        none = "no recurrent layer that a rule reads" if identified.undecided else "no recurrent layer in it"
        raise DocumentError(Place(file), none, hint=f"rnninspect identify {printable(file)} tells what is")
    owners: dict[frozenset[str], str] = {}
    specs = []
    for found in identified.layers:
        tensors = frozenset(part.tensor.name for part in found.parts)
        spec = _spec(identified, found, batch, tree)
        if tensors and spec.from_file is not None:
            owner = owners.setdefault(tensors, spec.links[0].layer.name)
            same_as = owner if owner != spec.links[0].layer.name else ""
            spec = replace(spec, from_file=spec.from_file._replace(same_as=same_as))
        specs.append(spec)
    return specs


def remarks(identified: Identified) -> Iterator[str]:
    """What is to be said of a file beside its layers, a sentence each: what may be a layer and is not understood."""
    yield from identified.held.notes
    yield from (f"undecided: {sentence}" for sentence in identified.undecided)


def _spec(identified: Identified, found: FoundLayer, batch: Batch, tree: Tree) -> Spec:
    file, layer = identified.held.file, layer_of(found)
    batch = replace(batch, batch_first=found.known.get("batch_first") is True)
    held = _held_as(found, file)
    signal = Signal(batch, batch.input_axes, found.input_size)
    return Spec(
        name=found.name or PurePath(file).stem,
        source=file,
        inputs=(ModelInput(INPUT, signal),),
        device=None,
        dtype=held[True] if held[True] in _FLOATS else held[False] if held[False] in _FLOATS else "float32",
        links=(Link(layer, signal),),
        tree=tree,
        checkpoint=identified.held.format,
        from_file=FromFile(
            convention=CONVENTIONS[found.convention].name,
            held_as=held,
            unknown=_unknown(found),
            reverse=found.reverse,
            module=_no_module(found),
            remarks=(
                *found.remarks,
                *(f"Written here with {ours} in place of {theirs}." for ours, theirs in _unlike(found)),
            ),
            merge=_merge(found),
        ),
    )


def _unknown(found: FoundLayer) -> dict[str, str]:
    """What the file does not say of a layer. why batch_first: a cell has none, and is written here as a layer."""
    said = {} if "batch_first" in found.known else {"batch_first": NOT_HERE}
    return {**said, **found.unknown}


def _merge(found: FoundLayer) -> str | None:
    """How two directions become one output, where that is not torch's way; None where it is not in the file."""
    said = found.known.get("merge_mode", "concat")
    if not found.bidirectional or said == "concat":
        return None if found.bidirectional and "merge_mode" in found.unknown else ""
    return str(said)


def _unlike(found: FoundLayer) -> Iterator[tuple[str, str]]:
    """Functions of the file that each framework defines in its own way, each behind the one that stands for it."""
    if found.type == "RNN":
        said = {"tanh": found.known.get("nonlinearity", found.known.get("activation", "tanh"))}
    else:
        functions = {"tanh": "activation", "sigmoid": "recurrent_activation"}
        said = {ours: found.known.get(key, ours) for ours, key in functions.items()}
    yield from ((ours, str(theirs)) for ours, theirs in said.items() if theirs not in SAME_EVERYWHERE)


def _no_module(found: FoundLayer) -> str:
    """Why torch.nn's module of the kind is not this layer; "" where it is."""
    equations, _ = own_equations(found)
    unlike = list(_unlike(found))
    if not equations and not unlike:
        return ""
    kind, convention = f"torch.nn.{found.type}", CONVENTIONS[found.convention].name
    two, _ = own_equations(found._replace(biases="two"))
    if found.biases == "one" and found.type != "GRU" and not two and not unlike:
        return f"Of {convention}: {kind} computes these equations too, with a second bias vector that is zeros."
    if found.peepholes:
        why = "its gates read the cell state"
    elif found.type == "GRU" and found.reset_after is False:
        why = "its reset gate multiplies before the product with W_hn"
    elif found.type == "GRU" and found.biases == "one":
        why = "it has one bias vector, which in the candidate is no sum of two"
    else:
        why = "its functions are others"
    return f"Of {convention}: {why}, so that no {kind} computes this."


def _held_as(found: FoundLayer, file: str) -> dict[bool, str]:
    """The dtype of its vectors (True) and of its matrices (False): of quantised layers they differ."""
    of: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for part in found.parts:
        dtype = part.tensor.dtype
        if dtype not in ITEM_BYTES:
            raise DocumentError(Place(file), f"{show(part.tensor.name)} is {show(dtype)}, a dtype of no known size")
        of[len(part.tensor.shape) == 1 or part.role.lower().startswith("b")][dtype] += part.tensor.elements
    most = {is_vector: dtypes.most_common(1)[0][0] for is_vector, dtypes in of.items() if dtypes}
    either = next(iter(most.values()), "float32")
    return {is_vector: most.get(is_vector, either) for is_vector in (True, False)}


def _batch(file: str, settings: Sequence[str]) -> tuple[Batch, Tree]:
    """The batch that `--set` says, its letter for each size that it does not, and where that was written."""
    for setting in settings:
        path, equals, _ = setting.partition("=")
        block, _, key = path.strip().partition(".")
        if equals and (block != "input" or not key):
            raise DocumentError(
                option_place("--set", setting),
                f"{printable(file)} is a checkpoint: its sizes are its own",
                hint=f"only its batch can be set: {_EXAMPLE}",
            )
    nothing: dict[str, Any] = {"input": {}, "layers": []}
    tree = override(Tree(source=file, text="", data=nothing, values={(): Place(file)}, keys={}), settings)
    data: Any = tree.data
    said = data["input"]
    complete = {"batch_size": 1, "seq_len": 1, **with_sizes(data)["input"]}
    given = valid(Input, complete, ("input",), tree)
    faults = Faults(wrong_lengths(given.lengths, given.batch_size, given.seq_len, ("input",), tree))
    faults.tell()
    if given.lengths is not None:
        return Batch(
            size=given.batch_size, seq_len=given.seq_len, lengths=tuple(given.lengths), state=given.state
        ), tree
    batch = Batch("N", "L", state=given.state)
    if "batch_size" in said:
        batch = replace(batch, size=given.batch_size)
    return replace(batch, seq_len=given.seq_len) if "seq_len" in said else batch, tree
