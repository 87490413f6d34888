"""The recurrent layers of files: a row each, what is left out of them and why, and what plan and file agree on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.errors import counted
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.look import Compared, LookedInto
from rnninspect.results.caption import caption, each_once
from rnninspect.results.head import common, head, picked
from rnninspect.results.identify_words import NO_PREFIX, known_from_all, sentences
from rnninspect.results.table import Block, Cell, Column, Kind, Table, total_row

# More rows than this are too many to read.
_MOST_ROWS = 200

# What stands together where a table is split.
_SIZES, _HOLDS, _KNOWN = "its sizes", "what it holds", "how that is known"
_BIASES = {"two": "two bias vectors for each gate", "one": "one bias vector for each gate", "none": "no biases"}
_COLUMNS = (
    Column("file", "file", for_scripts=True),
    Column("layer", "layer", repeats=True, nothing=NO_PREFIX),
    Column("type", "type", repeats=True),
    Column("input_size", "input size", Kind.COUNT, group=_SIZES),
    Column("hidden_size", "hidden size", Kind.COUNT, group=_SIZES),
    Column("num_layers", "num layers", Kind.COUNT, group=_SIZES),
    Column("directions", "directions", Kind.COUNT, for_scripts=True),
    Column("seen_directions", "directions", Kind.COUNT, group=_SIZES, for_eyes=True),
    Column("bidirectional", "bidirectional", for_scripts=True),
    Column("reverse", "reverse", for_scripts=True),
    Column("proj_size", "proj size", Kind.COUNT, group=_SIZES),
    Column("biases", "biases", group=_HOLDS),
    Column("parameters", "parameters", Kind.COUNT, group=_HOLDS),
    Column("tensors", "tensors", Kind.COUNT, group=_HOLDS),
    Column("dtype", "dtype", group=_HOLDS),
    Column("known_from", "known from", group=_KNOWN),
    Column("convention", "convention", group=_KNOWN),
    Column("reset_after", "reset after", group=_KNOWN),
    Column("peepholes", "peepholes", for_scripts=True),
    Column("agrees", "agrees", for_scripts=True),
)
# What people see with --all, and without it at most where the layers are not alike in it.
_FOR_ALL = {"tensors", "dtype", "convention", "reset_after", "biases", "known_from"}
_TENSORS = (
    Column("file", "file", for_scripts=True),
    Column("layer", "layer", repeats=True, nothing=NO_PREFIX),
    Column("tensor", "tensor"),
    Column("role", "role"),
    Column("stacked_layer", "stacked layer", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("shape", "shape", Kind.SHAPE),
    Column("dtype", "dtype"),
)
_OTHERS = (
    Column("file", "file", for_scripts=True),
    Column("tensor", "tensor"),
    Column("shape", "shape", Kind.SHAPE),
    Column("elements", "elements", Kind.COUNT),
    Column("dtype", "dtype"),
)
_DIFFERENCES = (
    Column("file", "file", for_scripts=True),
    Column("layer", "layer", repeats=True, nothing=NO_PREFIX),
    Column("tensor", "tensor"),
    Column("what", "differs in"),
    Column("plan", "plan says", Kind.SHAPE, nothing="nothing"),
    Column("held", "file has", Kind.SHAPE, nothing="nothing"),
)


class FileAnswer(NamedTuple):
    """What all files come to. title: the page's first line. caption: its last, what is worst of it first."""

    title: str
    caption: str


def identify_answer(looked: Sequence[LookedInto]) -> FileAnswer:
    """What stands first and last: how many layers, whether plan and file agree, and what is undecided or missing."""
    layers = [layer.found for each in looked for layer in each.layers]
    differ = ["plan and file differ"] if any(each.differs for each in looked) else []
    doubts = ["damaged"] if any(each.identified.held.damage for each in looked) else []
    if any(each.identified.undecided for each in looked):
        doubts.append("more is undecided" if layers else "something is undecided")
    number = counted(len(layers), "recurrent layer") if layers else "no recurrent layer"
    verdict = _verdict(looked) if layers else number
    told = [verdict, *doubts] if differ else [*doubts, verdict]
    formats = each_once(each.identified.held.format for each in looked)
    return FileAnswer(
        ", ".join([number, *differ, *doubts]),
        caption(told[0], *told[1:], formats, each_once(filter(None, map(_dtypes, layers)))),
    )


def _verdict(looked: Sequence[LookedInto]) -> str:
    """`plan and file agree: 32 of 32 tensors`."""
    layers = [layer for each in looked for layer in each.layers]
    agreeing, all_of_them = sum(layer.agreeing for layer in layers), sum(layer.tensors for layer in layers)
    if any(layer.differences for layer in layers):
        return f"plan and file differ: {agreeing:,} of {counted(all_of_them, 'tensor')} agree"
    return f"plan and file agree: {agreeing:,} of {counted(all_of_them, 'tensor')}"


def failures(looked: LookedInto, *, require: bool) -> Iterator[str]:
    """Why a file ends with 1, a sentence each."""
    if looked.identified.held.damage:
        yield looked.identified.held.damage
    if looked.differs:
        differing = sum(len(layer.differences) for layer in looked.layers)
        yield f"plan and file differ in {counted(differing, 'tensor')}"
    if require and not looked.layers:
        yield "no recurrent layer, and --require asks for one"


def identify_blocks(looked: Sequence[LookedInto], *, all_of_it: bool = False) -> list[Block]:
    """The page for people, file by file: its layers, the sentences about it, and where plan and file differ.

    all_of_it: every column, and tables of the tensors.
    """
    blocks: list[Block] = []
    for each in looked:
        layers = _layers([each], all_of_it=all_of_it)
        verdict = (_verdict([each]),) if len(looked) > 1 and each.layers else ()
        notes = (*layers.notes, *sentences(each.identified, whole=all_of_it), *verdict)
        blocks.append(layers._replace(notes=notes, columns=layers.columns if each.layers else ()))
        blocks += _more_tables([each], all_of_it=all_of_it)
    return blocks


def identify_tables(looked: Sequence[LookedInto], *, all_of_it: bool = False) -> list[Block]:
    """The tables for scripts, each of all files: they have no subject, and a row says which file it is of."""
    tables = [_layers(looked, all_of_it=all_of_it), *_more_tables(looked, all_of_it=all_of_it)]
    return [table._replace(subject="") for table in tables]


def _more_tables(looked: Sequence[LookedInto], *, all_of_it: bool) -> Iterator[Table]:
    if any(each.differs for each in looked):
        yield _difference_table(looked)
    if all_of_it and any(each.layers for each in looked):
        yield _tensors(looked)
    if all_of_it and any(each.identified.rest for each in looked):
        yield _others(looked)


def _layers(looked: Sequence[LookedInto], *, all_of_it: bool) -> Table:
    rows = tuple((each.file, *_row(layer)) for each in looked for layer in each.layers)
    layers = [layer.found for each in looked for layer in each.layers]
    parameters = sum(each.parameters for each in looked)
    tensors = sum(layer.tensors for each in looked for layer in each.layers)
    total = total_row(_COLUMNS, layer="total", parameters=parameters, tensors=tensors)
    shown = None if all_of_it or len(rows) <= _MOST_ROWS else tuple(range(_MOST_ROWS))
    return Table(
        title=identify_answer(looked).title,
        subject=looked[0].file,
        columns=tuple(_for_people(layers, all_of_it=all_of_it)),
        rows=rows,
        total=total if len(rows) > 1 else None,
        shown=shown,
        foot=" · ".join(_alike(layers, all_of_it=all_of_it)) if rows else "",
        notes=() if shown is None else (f"{len(rows) - _MOST_ROWS:,} more layers are not shown (--all shows them)",),
    )


def _for_people(layers: Sequence[FoundLayer], *, all_of_it: bool) -> Iterator[Column]:
    """The columns, of which people see those that tell something here."""
    told = {key for key, common in _common(layers).items() if common is None}
    if all_of_it:
        told = _FOR_ALL - ({"reset_after"} if all(layer.reset_after is None for layer in layers) else set())
    for column in _COLUMNS:
        hidden = column.key in _FOR_ALL - told
        hidden |= column.key == "proj_size" and not any(layer.proj_size for layer in layers)
        yield column._replace(for_scripts=column.for_scripts or hidden)


def _alike(layers: Sequence[FoundLayer], *, all_of_it: bool) -> Iterator[str]:
    """What is the same of all layers, and so has no column."""
    common = _common(layers)
    if not all_of_it and common["biases"]:
        yield _BIASES[common["biases"]]
    if not all_of_it and common["known_from"]:
        yield f"known from {common['known_from']}"


def _common(layers: Sequence[FoundLayer]) -> dict[str, str | None]:
    """Of what people see where layers are not alike in it, what is the same of all; None where they are not alike."""
    biases = {layer.biases for layer in layers}
    return {"biases": biases.pop() if len(biases) == 1 else None, "known_from": known_from_all(layers)}


def _row(compared: Compared) -> tuple[Cell, ...]:
    layer = compared.found
    directions = 2 if layer.bidirectional else 1
    return (
        layer.name or None,
        *picked(layer, "type", "input_size", "hidden_size", "num_layers").values(),
        directions,
        "reverse" if layer.reverse else directions,
        layer.bidirectional,
        _reverse(layer),
        *picked(layer, "proj_size", "biases", "parameters").values(),
        len({part.tensor.name for part in layer.parts}),
        _dtypes(layer),
        *picked(layer, "known_from", "convention", "reset_after", "peepholes").values(),
        not compared.differences,
    )


def _reverse(layer: FoundLayer) -> bool | None:
    return None if "reverse" in layer.unknown else layer.reverse


def _dtypes(layer: FoundLayer) -> str:
    return each_once(part.tensor.dtype for part in layer.parts)


def _difference_table(looked: Sequence[LookedInto]) -> Table:
    rows = tuple(
        (each.file, layer.found.name or None, item.tensor, item.what, item.plan, item.file)
        for each in looked
        for layer in each.layers
        for item in layer.differences
    )
    return Table(title="plan and file differ", subject=looked[0].file, columns=_DIFFERENCES, rows=rows)


def _tensors(looked: Sequence[LookedInto]) -> Table:
    rows = tuple(
        (each.file, layer.found.name or None, *_tensor(layer.found, part))
        for each in looked
        for layer in each.layers
        for part in layer.found.parts
    )
    return Table(title="their tensors", subject=looked[0].file, columns=_TENSORS, rows=rows)


def _others(looked: Sequence[LookedInto]) -> Table:
    """The tensors that are of no recurrent layer."""
    rows = tuple(
        (each.file, tensor.name, tensor.shape, tensor.elements, tensor.dtype)
        for each in looked
        for tensor in each.identified.rest
    )
    return Table(title="tensors of other layers", subject=looked[0].file, columns=_OTHERS, rows=rows)


def _tensor(layer: FoundLayer, part: Part) -> tuple[Cell, ...]:
    tensor, direction = part.tensor, "reverse" if part.direction or layer.reverse else "forward"
    return (tensor.name, part.role, part.layer, direction, tensor.shape, tensor.dtype)


def identify_document(looked: Sequence[LookedInto]) -> dict[str, object]:
    """The files as one object."""
    dtypes = [part.tensor.dtype for each in looked for layer in each.layers for part in layer.found.parts]
    return {
        **head([], "file", None),
        "dtype": common(dtypes),
        "ok": all(each.ok for each in looked),
        "files": [_file(each) for each in looked],
    }


def _file(looked: LookedInto) -> dict[str, object]:
    identified, held = looked.identified, looked.identified.held
    return {
        "file": held.file,
        "format": held.format,
        "tensors": len(held.tensors),
        "set_aside": sum(identified.set_aside.values()),
        "set_aside_as": dict(identified.set_aside),
        "others": identified.others,
        "other_elements": identified.other_elements,
        "parameters": looked.parameters,
        "tensors_of_layers": sum(layer.tensors for layer in looked.layers),
        "tensors_agreeing": sum(layer.agreeing for layer in looked.layers),
        "layers": [_layer(each) for each in looked.layers],
        "undecided": list(identified.undecided),
        "notes": list(held.notes),
        "damage": held.damage or None,
    }


def _layer(compared: Compared) -> dict[str, object]:
    layer = compared.found
    return {
        **picked(layer, "name", "type", "input_size", "hidden_size", "num_layers", "bidirectional"),
        "reverse": _reverse(layer),
        **picked(layer, "proj_size", "biases", "reset_after", "peepholes", "convention", "parameters", "known_from"),
        "known": dict(layer.known),
        "unknown": dict(layer.unknown),
        "remarks": list(layer.remarks),
        "agrees": not compared.differences,
        "differences": [{**picked(item, "tensor", "what", "plan"), "held": item.file} for item in compared.differences],
        "tensors": [_tensor_document(layer, part) for part in layer.parts],
    }


def _tensor_document(layer: FoundLayer, part: Part) -> dict[str, object]:
    keys = ("name", "role", "stacked_layer", "direction", "shape", "dtype")
    return dict(zip(keys, _tensor(layer, part), strict=True))
