"""A printed module as models: one of each layer, or of all where it is a Sequential of layers that we have.

What stands between two layers is not printed, nor is a batch: each layer is a model by itself, and L and N stay
letters but for what `--set` says of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rnninspect.document.chain import Spec
from rnninspect.document.connect import connect
from rnninspect.document.faults import with_excerpts
from rnninspect.document.from_printed import ANY_WIDTH, POSITIONS, UNPRINTED, Described, Written, described
from rnninspect.document.overrides import option_place, override, put, with_options
from rnninspect.document.pasted import read_pasted
from rnninspect.document.paths import Path
from rnninspect.document.source import Text
from rnninspect.document.tree import Tree
from rnninspect.document.validate import validate, with_sizes
from rnninspect.errors import DocumentError, Place, listed, printable, show

# So many modules that are not described are named.
_MOST_NAMED = 4
# The end of a fault that is about a name where a number goes.
_NAME_GOT = re.compile(r"integer.*, got '[^\W\d]\w*'\Z")
_SIZES = {"batch_size": "N", "seq_len": "L"}


def printed_specs(given: Text, name: str, settings: Sequence[str], options: Mapping[str, str | None]) -> list[Spec]:
    """The models of a printed module's text. options: device and dtype, which win over what is printed.

    name: what the whole is called, and a model without a name of its own. settings: `PATH=VALUE`, of the batch or of a
    layer. Raises DocumentError with the places of all that is wrong, and where no layer is described.
    """
    with with_excerpts(given.text, given.source):
        pasted = read_pasted(given.text, given.source)
        found = described(pasted.modules)
        if all(written.data["type"] in ANY_WIDTH and found.others for written in found.layers.values()):
            raise _nothing_in(found, pasted.modules[0][1].place)
        parts = list(_parts(found))
        trees = [_tree(part, given, name) for part in parts]
        settings = [_of_document(setting, found) for setting in settings]
        specs = [
            _spec(with_options(tree, options), own, part, name)
            for tree, own, part in zip(trees, _shared_out(settings, trees), parts, strict=True)
        ]
    notes = [f"{printable(given.source)}: {note}" for note in (*pasted.notes, *_notes(found))]
    first = replace(specs[0], notes=(*notes, *specs[0].notes), not_described=found.others)
    return [replace(spec, printed=name) for spec in (first, *specs[1:])]


def _parts(found: Described) -> Iterator[tuple[tuple[str, Written], ...]]:
    """The layers of each model."""
    layers = tuple(found.layers.items())
    if found.chain:
        yield layers
        return
    alone = [item for item in layers if item[1].data["type"] not in ANY_WIDTH]
    yield from ((item,) for item in alone or layers)


def printed_spec(given: Text, name: str, settings: Sequence[str], options: Mapping[str, str | None]) -> Spec:
    """The only model of a printed module. Raises DocumentError as `printed_specs` does, and where there are several."""
    specs = printed_specs(given, name, settings, options)
    if len(specs) > 1:
        names = listed([show(spec.name) for spec in specs], _MOST_NAMED)
        raise DocumentError(Place(given.source), f"expected one model, got {names}", hint="name one layer alone")
    return specs[0]


def printed_data(given: Text) -> Mapping[str, Any]:
    """All layers of a printed module as one document would have them, sound or not, for what only looks up keys."""
    found = described(read_pasted(given.text, given.source).modules)
    layers = [layer for part in _parts(found) for layer in _layers(part)]
    return {"input": {}, "layers": layers}


def _tree(part: Sequence[tuple[str, Written]], given: Text, name: str) -> Tree:
    """The layers as a document has them."""
    values: dict[Path, Place] = {(): part[0][1].places[""]}
    keys: dict[Path, Place] = {}
    layers = _layers(part)
    for index, (_, written) in enumerate(part):
        path: Path = ("layers", index)
        values |= {(*path, key) if key else path: place for key, place in written.places.items()}
        keys |= {(*path, key) if key else path: place for key, place in written.keys.items()}
    own = part[0][0] if len(part) == 1 else ""
    data = {"name": own or name, "input": {}, "layers": layers}
    return _with_dtype(
        Tree(source=given.source, text=given.text, data=data, values=values, keys=keys, printed=True), part
    )


def _layers(part: Sequence[tuple[str, Written]]) -> list[Mapping[str, object]]:
    """The keys of each layer, with its name where that is no number."""
    names = ({"name": _document_name(own)} if own and not own.isdecimal() else {} for own, _ in part)
    return [{**name, **written.data} for name, (_, written) in zip(names, part, strict=True)]


def _document_name(own: str) -> str:
    """What a document may call a layer that a print calls `encoder.rnn`."""
    return re.sub(r"[^\w-]", "_", own)


def _of_document(setting: str, found: Described) -> str:
    """A setting `encoder.rnn.hidden_size=64` under the name that the layer has in a document."""
    owner = setting.partition("=")[0].rpartition(".")[0].strip()
    return f"{_document_name(owner)}{setting.strip()[len(owner) :]}" if owner in found.layers else setting


def _with_dtype(tree: Tree, part: Sequence[tuple[str, Written]]) -> Tree:
    """The tree in the dtype that its layers are made with. Raises DocumentError where they differ."""
    named = [written for _, written in part if written.dtype is not None]
    for written in named:
        if written.dtype != named[0].dtype or len(named) < len(part):
            message = f"dtype {written.dtype}: expected one dtype for all layers of a Sequential"
            raise DocumentError(written.places[""], message, hint="say the same of each")
    return put(tree, ("dtype",), named[0].dtype, named[0].places[""]) if named else tree


def _shared_out(settings: Sequence[str], trees: Sequence[Tree]) -> list[list[str]]:
    """The settings of each tree: those of a layer where that is, all others everywhere. Raises DocumentError."""
    each: list[list[str]] = [[] for _ in trees]
    for setting in settings:
        owners = [own for own, tree in zip(each, trees, strict=True) if _takes(setting, tree)]
        if not owners:
            override(trees[0], [setting])  # which says what is wrong with it
            raise DocumentError(option_place("--set", setting), "no layer has such a key")
        for own in owners:
            own.append(setting)
    return each


def _takes(setting: str, tree: Tree) -> bool:
    try:
        override(tree, [setting])
    except DocumentError:
        return False
    return True


def _spec(tree: Tree, settings: Sequence[str], part: Sequence[tuple[str, Written]], name: str) -> Spec:
    spec = open_spec(override(tree, settings), name)
    if len(part) > 1 or not part[0][0]:
        return spec
    (link,) = spec.links
    return replace(spec, links=(replace(link, layer=link.layer.model_copy(update={"name": part[0][0]})),))


def open_spec(tree: Tree, name: str) -> Spec:
    """The model of a printed module's tree, its batch as far as that is said. Raises DocumentError."""
    assert isinstance(tree.data, dict)
    data = tree.data
    said = with_sizes(data)["input"]
    # why 1: what a size is does not matter where it is left open afterwards.
    complete = replace(tree, data={**data, "input": {**dict.fromkeys(_SIZES, 1), **said}})
    with _hinted(tree):
        spec = connect(validate(complete), complete, name=name)
    left_open: Any = {
        field: _SIZES[key]
        for key, field in (("batch_size", "size"), ("seq_len", "seq_len"))
        if key not in said and spec.batch.lengths is None
    }
    return replace(spec.with_batch(replace(spec.batch, **left_open)), tree=tree)


@contextmanager
def _hinted(tree: Tree) -> Iterator[None]:
    """A block whose faults say what to write, where a name stands for a number."""
    try:
        yield
    except DocumentError as error:
        first, *others = [_with_hint(fault, tree) for fault in error.faults]
        first.also = tuple(others)
        raise first from None


def _with_hint(fault: DocumentError, tree: Tree) -> DocumentError:
    if fault.hint or fault.place.source != tree.source or not _NAME_GOT.search(fault.message):
        return fault
    hint = "a name has no value here: write the number, or give what print(model) says"
    return DocumentError(fault.place, fault.message, path=fault.path, hint=hint)


def _nothing_in(found: Described, place: Place) -> DocumentError:
    """What to say of modules of which no layer is described."""
    hint = "a module is read as torch prints it, LSTM(300, 50)"
    if not found.others:
        return DocumentError(place, "it holds no layer", hint=hint)
    if any(kind.endswith("of TorchScript") for _, kind in found.others):
        hint = "a module of TorchScript prints no sizes: name its file"
    elif any(" for " in kind or kind.startswith("*") for _, kind in found.others):
        hint = "nothing is run: write each module, or paste what print(model) says"
    elif len(found.others) == 1 and (meant := _misspelt(found.others[0][1])):
        hint = f"did you mean {meant!r}?"
    return DocumentError(place, f"none of its layers is described: {_kinds(found)}", hint=hint)


def _misspelt(kind: str) -> str:
    """What a name with the same letters stands for, LTSM for LSTM; "" for others: ConvLSTM is another layer."""
    # why not of activations: RReLU is another than ReLU.
    kinds = [known for known in POSITIONS if known not in ANY_WIDTH and known != kind]
    return next((known for known in kinds if {*known.lower()} == {*kind.lower()}), "")


def _notes(found: Described) -> Iterator[str]:
    if found.others:
        yield f"not described: {_kinds(found)}"
    if found.gaps:
        lines = sorted({place.line for place in found.gaps if place.line})
        yield f"what `...` stands for is not known: line {listed([str(line) for line in lines], _MOST_NAMED)}"
    for kind, (key, taken) in UNPRINTED.items():
        layers = {name: written for name, written in found.layers.items() if written.data["type"] == kind}
        names = [printable(name) or kind for name, written in layers.items() if _may_be_other(written, key)]
        if names:
            unsaid = f"this print says no {key} of {_one(kind)}"
            yield f"{listed(names, _MOST_NAMED)}: {unsaid}: {taken}, its default, is taken"


def _one(kind: str) -> str:
    return f"an {kind}" if kind[0] in "AEIOR" and kind.isupper() else f"a {kind}"


def _may_be_other(written: Written, key: str) -> bool:
    """Whether a key is not said because torch prints it never, or did not then; a call of an RNN looks alike."""
    # why affine: without that part there is no bias to be said
    unsaid = key not in written.data and written.data.get("elementwise_affine") is not False
    return unsaid and (written.listed or key == "nonlinearity")


def _kinds(found: Described) -> str:
    """`2 Conv2d (conv1, conv2) and Thing (odd)`."""
    counts = Counter(kind for _, kind in found.others)
    named: dict[str, list[str]] = {}
    for name, kind in found.others:
        named.setdefault(kind, []).append(name)
    words = []
    for kind, names in named.items():
        own = [printable(name) for name in names if name]
        number = f"{counts[kind]:,} " * (counts[kind] > 1)
        words.append(f"{number}{show(kind)[1:-1]}" + (f" ({listed(own, _MOST_NAMED)})" if own else ""))
    return listed(words, _MOST_NAMED * 2)
