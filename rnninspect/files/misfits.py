"""Why a checkpoint does not fit a document: the commonest errors of load_state_dict, each with a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.conventions.packing import ORDER
from rnninspect.errors import counted, listed, printable, show
from rnninspect.files.fits import Fit, Wanted
from rnninspect.files.found import FoundLayer
from rnninspect.letters import Shape

# How torch names the parameters of a recurrent layer and of its cells.
_ROLE = re.compile(r"(?P<what>weight|bias)_(?P<of>ih|hh|hr)(_l(?P<layer>\d{1,9}))?(?P<reverse>_reverse)?", re.ASCII)
_GATES: Mapping[str, int] = {kind: len(gates) for kind, gates in ORDER.items()}
# What leaves a prefix before every name.
_WRAPPERS = {"module": "DataParallel and DistributedDataParallel leave", "_orig_mod": "torch.compile leaves"}
# So many names are told of what nothing else explains.
_FEW = 3

Shapes = Mapping[str, Shape]


class Cause(NamedTuple):
    """Why tensors do not fit. layer: of the model, "" for all of it. what: the sentence. remedy: what to try."""

    layer: str
    what: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """All of it."""
        start = f"{self.layer}: " if self.layer else ""
        return f"{start}{self.what}" + (f" ({self.remedy})" if self.remedy else "")


def causes(fit: Fit, found: Sequence[FoundLayer] = (), *, key: str = "") -> tuple[Cause, ...]:
    """What stands against each layer of the model, after what stands before all names.

    found: the file's layers. key: of the file, under which stands what was compared.
    """
    if fit.ok:
        return ()
    told = list(_prefix(fit, key))
    groups = fit.groups
    wanted: dict[str, list[Wanted]] = {}
    for row in fit.rows:
        if row.wanted is not None:
            wanted.setdefault(row.wanted.layer, []).append(row.wanted)
    for layer, tensors in wanted.items():
        told += _of_layer(fit, layer, tensors, groups, found)
    return (*told, *_besides(fit, groups))


def _prefix(fit: Fit, key: str) -> Iterator[Cause]:
    """What stands in the file before the names of the model."""
    if not fit.prefix:
        return
    whose = _WRAPPERS.get(fit.prefix.partition(".")[0])
    why = f", as {whose} it" if whose is not None else ": the model is a part of what was saved"
    mapping = f"file[{show(key)}]" if key else "state_dict"
    take = f"{{name.removeprefix({show(fit.prefix)}): tensor for name, tensor in {mapping}.items()}}"
    yield Cause("", f"{show(fit.prefix)} stands before the names{why}", f"take it off: {take}")


def _of_layer(
    fit: Fit, layer: str, tensors: Sequence[Wanted], groups: Mapping[str, Shapes], found: Sequence[FoundLayer]
) -> Iterator[Cause]:
    there = fit.layers.get(layer)
    if there is None:
        tied = list(_tied(tensors, {}))
        yield from (Cause(layer, *told) for told in tied) if tied else [_absent(layer, tensors, found)]
        return
    if there not in (layer, fit.prefix + layer):
        yield _renamed(fit, layer, tensors, there, groups)
    held = groups[there]
    options = [*_tied(tensors, held), *_structure(tensors, held)]
    # why the sizes last: many follow from other options, and have no sentence then.
    yield from (Cause(layer, *told) for told in (*options, *_sizes(tensors, held, told=bool(options))))


def _renamed(fit: Fit, layer: str, tensors: Sequence[Wanted], there: str, groups: Mapping[str, Shapes]) -> Cause:
    """That the file has a layer under another name, or what of it is most like it where no shape is the same."""
    own, held = there.removeprefix(fit.prefix), groups[there]
    if not any(held.get(tensor.role) == tensor.shape for tensor in tensors):
        return Cause(layer, f"most like it in the file is {show(own)}, by its names alone")
    known = set(fit.layers.values())
    roles = [tensor.role for tensor in tensors]
    as_well = (
        show(name.removeprefix(fit.prefix))
        for name, shapes in groups.items()
        if name not in known and all(shapes.get(role) == held.get(role) for role in roles)
    )
    other = next(as_well, None)
    if other is not None:
        return Cause(layer, f"the file may have it as {show(own)} or {other}, which are of one shape")
    remedy = f"call the layer {own}" if re.fullmatch(r"[\w-]{1,100}", own) else "rename its tensors"
    what = f"the file has it as {show(own)}" if own else "the file has it without a name before its tensors"
    return Cause(layer, what, remedy)


def _absent(layer: str, tensors: Sequence[Wanted], found: Sequence[FoundLayer]) -> Cause:
    """That nothing in the file is like a layer, but perhaps one that is packed in another way."""
    kind, shapes = tensors[0].kind, {tensor.role: tensor.shape for tensor in tensors}
    first = next((shape for role, shape in shapes.items() if role.startswith("weight_ih")), None)
    for other in found:
        foreign = not any(_ROLE.fullmatch(part.tensor.name.rpartition(".")[2]) for part in other.parts)
        sizes = (_GATES[other.type] * other.hidden_size, other.input_size)
        if foreign and other.type == kind.removesuffix("Cell") and (first is None or first == sizes):
            what = f"the file's {show(other.name)} is such a layer, and not packed as torch does"
            return Cause(
                layer, what, "its matrices are to be transposed or reordered; identify --all shows how they are packed"
            )
    return Cause(layer, f"nothing in the file is like this {kind}")


Told = Iterator[tuple[str, str]]


def _tied(tensors: Sequence[Wanted], held: Shapes) -> Told:
    for tensor in tensors:
        if tensor.shared_with is not None and tensor.role not in held:
            what = f"{tensor.role} is one with {tensor.shared_with}, which the file has only once"
            yield what, "load with strict=False: whoever ties the two has both"


def _structure(tensors: Sequence[Wanted], held: Shapes) -> Told:
    """What the names of a layer's tensors say of its options; the rest of what is missing by its names."""
    wanted, kind = {tensor.role for tensor in tensors}, tensors[0].kind
    if "weight_hh" in held and "weight_hh_l0" in wanted:
        yield f"the file's has the names of a cell, {kind}Cell", f"type: {kind}Cell"
        return
    if "weight_hh_l0" in held and "weight_hh" in wanted:
        yield "the file's has the names of a layer, and of no cell", f"type: {kind.removesuffix('Cell')}"
        return
    tied = {tensor.role for tensor in tensors if tensor.shared_with is not None}
    rest = {"missing": wanted - held.keys() - tied, "unexpected": held.keys() - wanted}
    for explains in (_affine, _statistics) if kind == "BatchNorm1d" else (_directions, _depth, _projection, _biases):
        told = explains(wanted, held)
        if told is not None:
            what, remedy, about = told
            yield what, remedy
            rest = {side: {role for role in roles if not about(role)} for side, roles in rest.items()}
    for side, roles in rest.items():
        if roles:
            yield f"{side}: {printable(listed(sorted(roles), _FEW))}", ""


About = Callable[[str], bool]


def _directions(wanted: set[str], held: Shapes) -> tuple[str, str, About] | None:
    ours, theirs = (any(role.endswith("_reverse") for role in roles) for roles in (wanted, held))
    if ours == theirs:
        return None
    what = "the file's reads one way" if ours else "the file's is bidirectional"
    return what, f"bidirectional: {str(theirs).lower()}", lambda role: role.endswith("_reverse")


def _depth(wanted: set[str], held: Shapes) -> tuple[str, str, About] | None:
    ours, theirs = (max((_layer(role) for role in roles), default=0) for roles in (wanted, held))
    if ours == theirs or min(ours, theirs) == 0:
        return None
    what = f"the file's has {counted(theirs, 'stacked layer')}, not {ours:,}"
    return what, f"num_layers: {theirs}", lambda role: _layer(role) > min(ours, theirs)


def _layer(role: str) -> int:
    """The stacked layer of a tensor, from 1; 0 where it is of none."""
    match = _ROLE.fullmatch(role)
    return 0 if match is None or match["layer"] is None else int(match["layer"]) + 1


def _projection(wanted: set[str], held: Shapes) -> tuple[str, str, About] | None:
    ours, theirs = (any("_hr" in role for role in roles if _ROLE.fullmatch(role)) for roles in (wanted, held))
    if ours == theirs:
        return None
    size = next((shape[0] for role, shape in held.items() if role.startswith("weight_hr") and shape), 0)
    what = "the file's projects its output" if theirs else "the file's projects nothing"
    return what, f"proj_size: {size}", lambda role: "_hr" in role


def _biases(wanted: set[str], held: Shapes) -> tuple[str, str, About] | None:
    ours, theirs = ({of for role in roles if (of := _bias(role))} for roles in (wanted, held))
    if ours == theirs:
        return None
    if theirs and theirs < ours:
        (lacks,) = (f"bias_{of}" for of in ours - theirs)
        what = f"the file's has one bias vector, and torch has two: {lacks} is missing"
        return what, f"put zeros in the place of {lacks}", lambda role: bool(_bias(role))
    what = "the file's has biases" if theirs else "the file's has no biases"
    return what, f"bias: {str(bool(theirs)).lower()}", lambda role: bool(_bias(role))


def _affine(wanted: set[str], held: Shapes) -> tuple[str, str, About] | None:
    ours, theirs = ("weight" in roles for roles in (wanted, held))
    if ours == theirs:
        return _biases(wanted, held)
    what = "the file's has a weight for each feature" if theirs else "the file's has no weight and no bias"
    return what, f"affine: {str(theirs).lower()}", lambda role: role in ("weight", "bias")


def _statistics(wanted: set[str], held: Shapes) -> tuple[str, str, About] | None:
    ours, theirs = ("running_mean" in roles for roles in (wanted, held))
    if ours == theirs:
        return None
    what = "the file's has running statistics" if theirs else "the file's has no running statistics"
    remedy = f"track_running_stats: {str(theirs).lower()}"
    return what, remedy, lambda role: role.startswith("running_") or role == "num_batches_tracked"


def _bias(role: str) -> str:
    """What a bias is of: `ih`, `hh`, or `all` where a layer has one; "" for what is none."""
    match = _ROLE.fullmatch(role)
    if match is None or match["what"] != "bias":
        return "all" if role == "bias" else ""
    return match["of"]


# --- sizes --------------------------------------------------------------------------------------------------


def _sizes(tensors: Sequence[Wanted], held: Shapes, *, told: bool) -> Told:
    """Why tensors of a name have other shapes: what of the layer is another, or that they are transposed.

    told: other options have been told that they may follow from.
    """
    differing = {t.role: (t.shape, held[t.role]) for t in tensors if t.role in held and held[t.role] != t.shape}
    if not differing:
        return
    kind = tensors[0].kind
    matrices = [pair for pair in differing.values() if len(pair[0]) == 2]
    if matrices and all(theirs == ours[::-1] for ours, theirs in matrices) and len(matrices) == len(differing):
        yield "its matrices are transposed: (in, out), as Keras keeps them, where torch has (out, in)", "transpose them"
        return
    keys = list(_keys(kind, {t.role: t.shape for t in tensors}, held, differing))
    yield from keys or ([] if told else [(_by_name(differing), "")])


def _keys(kind: str, wanted: Shapes, held: Shapes, differing: Mapping[str, tuple[Shape, Shape]]) -> Told:
    """The keys of the layer whose values are the file's."""
    match kind.removesuffix("Cell"), differing.get("weight"):
        case "Embedding", (ours, theirs) if len(theirs) == 2:
            yield from _embedding(ours, theirs)
        case "Linear", (ours, theirs) if len(theirs) == 2:
            for key, own, other in zip(("out_features", "in_features"), ours, theirs, strict=True):
                if own != other:
                    yield f"the file's {key} is {other:,}, not {own:,}", f"{key}: {other}"
        case "LayerNorm", (_, theirs):
            yield f"the file's normalized_shape is {theirs}", f"normalized_shape: {list(theirs)}"
        case "BatchNorm1d", _:
            ours, theirs = next(iter(differing.values()))
            if len(theirs) == 1:
                yield f"the file's num_features is {theirs[0]:,}, not {ours[0]:,}", f"num_features: {theirs[0]}"
        case ("RNN" | "LSTM" | "GRU") as type_name, _:
            yield from _recurrent(type_name, wanted, held)


def _embedding(ours: Shape, theirs: Shape) -> Told:
    if ours[0] != theirs[0]:
        more = theirs[0] - ours[0]
        why = ": a row for padding or for unknown words, most likely" if abs(more) == 1 else ""
        rows = f"{counted(abs(more), 'row')} {'more' if more > 0 else 'fewer'}"
        yield f"the file's table has {rows} than num_embeddings {ours[0]:,}{why}", f"num_embeddings: {theirs[0]}"
    if ours[1] != theirs[1]:
        yield f"the file's embedding_dim is {theirs[1]:,}, not {ours[1]:,}", f"embedding_dim: {theirs[1]}"


def _recurrent(kind: str, wanted: Shapes, held: Shapes) -> Told:
    suffix = "_l0" if "weight_hh_l0" in wanted else ""
    names = [f"weight_hh{suffix}", f"weight_ih{suffix}"]
    if not all(len(shapes.get(name, ())) == 2 for name in names for shapes in (wanted, held)):
        return
    (rows, _), (_, features) = (held[name] for name in names)
    own_rows, own_features = wanted[names[0]][0], wanted[names[1]][1]
    # why the projection: with it h is narrower than the cell.
    project = held.get(f"weight_hr{suffix}", ())
    units = project[1] if len(project) == 2 else held[names[0]][1]
    gates = rows // units if units and rows % units == 0 else 0
    if gates != _GATES[kind]:
        other = next((name for name, count in _GATES.items() if count == gates), None)
        if other is not None:
            an = "a" if other == "GRU" else "an"
            yield f"the file's has {counted(gates, 'gate')}, as {an} {other}", f"type: {other}"
        return
    if rows != own_rows:
        yield f"the file's hidden_size is {units:,}, not {own_rows // gates:,}", f"hidden_size: {units}"
    if features != own_features:
        yield f"the file's input_size is {features:,}, not {own_features:,}", f"input_size: {features}"


def _by_name(differing: Mapping[str, tuple[Shape, Shape]]) -> str:
    """`weight is (3, 4) in the file and (4, 4) here`, of the first, and how many more."""
    role, (ours, theirs) = next(iter(differing.items()))
    more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
    return f"{role} is {theirs} in the file and {ours} here{more}"


# --- what the model has not ---------------------------------------------------------------------------------


def _besides(fit: Fit, groups: Mapping[str, Shapes]) -> Iterator[Cause]:
    """The layers of the file that the document has none for, those behind its prefix only."""
    known = set(fit.layers.values())
    names = [name for name in groups if name and name not in known and name.startswith(fit.prefix)]
    if names:
        few = printable(listed([show(name.removeprefix(fit.prefix)) for name in names], _FEW))
        remedy = "load with strict=False to leave it out" if fit.fitting == fit.wanted else ""
        yield Cause("", f"the document has no layer for {few} of the file", remedy)
    alone = [] if "" in known else list(groups.get("", ()))
    if alone and not fit.prefix:
        few = printable(listed([show(name) for name in alone], _FEW))
        yield Cause("", f"the document has nothing for {few} of the file, in whose names there is no layer")
