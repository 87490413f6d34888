"""A document as Python: one `torch.nn.Module` that runs by itself, and its lines alone for a page. Made without torch.

A layer gives lines for `__init__` and lines for `forward`; `code_cells` writes a class for each kind that torch lacks,
`code_steps` the loop over a cell. Between layers `x` is a tensor or, of a packed batch, a PackedSequence. All of it is
ASCII.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.document.chain import Link, Spec
from rnninspect.errors import listed, printable
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import ModelInput
from rnninspect.layers.weights import torch_name
from rnninspect.letters import open_shape_of, tuple_text
from rnninspect.study.code_cells import classes, lines, made
from rnninspect.study.code_forward import forward, pair, ran
from rnninspect.study.code_lines import INDENT, fitted, indented
from rnninspect.study.code_names import Locals, attributes, locals_of
from rnninspect.study.code_steps import Run
from rnninspect.study.explain import is_first

_HINT = "rnninspect explain --code CONFIG prints all of it as a class that runs."
# Arguments that are given by place, as everybody writes them.
_BY_PLACE = (
    *("num_embeddings", "embedding_dim", "input_size", "hidden_size", "in_features", "out_features"),
    *("in_channels", "out_channels", "kernel_size", "normalized_shape", "num_features", "p"),
)


class Sketch(NamedTuple):
    """The top of a page. chain: the whole model in a line, "" where it is one layer or no chain; code: lines of Python.

    notes: sentences about them.
    """

    model: str
    chain: str
    code: tuple[str, ...]
    notes: tuple[str, ...]


def code(spec: Spec) -> str:
    """A script: the class `Model`, whose constructor takes nothing, and what runs it once and prints the shapes."""
    names = attributes(spec)
    created = list(layers_made(spec, spec.links, names, "self."))
    called = locals_of(spec, names)
    if spec.dtype != "float32":
        created.append(f"self.to(torch.{spec.dtype})")
    inputs = [called.values[each.name] for each in spec.inputs]
    given = [*inputs, *called.lengths.values(), *["states"] * _takes_states(spec)]
    script = [
        "import torch",
        "from torch import nn",
        *(line for written in dict.fromkeys(classes(spec).values()) for line in ("", "", *lines(written))),
        *["", ""],
        "class Model(nn.Module):",
        *indented(["def __init__(self):"]),
        *indented(["super().__init__()", *created], 2),
        "",
        *indented([f"def forward(self, {', '.join(given)}):"]),
        *indented([*forward(spec, names, called, "self."), *_returned(spec, names, called)], 2),
        *["", ""],
        'if __name__ == "__main__":',
        *_main(spec, names, called, given),
    ]
    return "\n".join(fitted(script)) + "\n"


def sketch(spec: Spec, only: str | None = None) -> Sketch:
    """The lines of every layer, or of the one that is called `only`."""
    names = attributes(spec)
    links = [link for link in spec.links if only in (None, link.layer.name)]
    created = list(layers_made(spec, links, names, ""))
    if spec.dtype != "float32":
        created.insert(0, f"torch.set_default_dtype(torch.{spec.dtype})")
    if len(links) > 1:
        code = fitted([*created, "", *forward(spec, names, locals_of(spec, names), "")])
        return Sketch(model=spec.name, chain="" if spec.wired else chain(spec), code=tuple(code), notes=(_hint(spec),))
    (link,) = links
    firsts = [tensor.name for tensor in link.layer.inputs(link.signal, "float32")[1:]]
    states = [tensor.name for tensor in link.layer.outputs(link.signal, "float32")[1:]]
    module = names[link.layer.name]
    run = ran(Run(link=link, module=module, source="x", result="output", states=states, given=pair(firsts)))
    given = ", ".join(f"{tensor.name} {tensor.shape_text}" for tensor in link.layer.inputs(link.signal, "float32")[1:])
    (x,) = [tensor.shape_text for tensor in link.layer.inputs(link.signal, "float32")[:1]]
    packed = ", a PackedSequence's data" * ("T" in link.signal.axes)
    notes = (f"x is {x}{packed}{f'; {given}' if given else ''}.", _hint(spec))
    return Sketch(model=spec.name, chain="", code=tuple(fitted([*created, *run])), notes=notes)


def _hint(spec: Spec) -> str:
    if spec.checkpoint:
        return f"rnninspect identify {printable(spec.source)} --document model.yaml writes a document of it."
    own = list(dict.fromkeys(written.name for written in classes(spec).values()))
    return f"{_HINT[:-1]}, and with it {listed(own)}, written from the equations." if own else _HINT


def _takes_states(spec: Spec) -> bool:
    starting = (link for link in spec.links if isinstance(link.layer, Recurrent) and not link.wires.state_from)
    return spec.batch.state == "random" and any(starting)


def _recurrent(spec: Spec) -> list[Recurrent]:
    return [link.layer for link in spec.links if isinstance(link.layer, Recurrent)]


# --- what it returns, and how it is run -------------------------------------------------------------------


def _returned(spec: Spec, names: Mapping[str, str], called: Locals) -> Iterator[str]:
    outputs = pair([called.values[name] for name in spec.returns])
    layers = _recurrent(spec)
    if not layers:
        yield f"return {outputs}"
        return
    entries = [f'"{names[layer.name]}": {pair(called.states[layer.name])}' for layer in layers]
    yield f"return {outputs}, {{{', '.join(entries)}}}"


def _main(spec: Spec, names: Mapping[str, str], called: Locals, given: Sequence[str]) -> Iterator[str]:
    """What makes a random batch and prints shapes, on the device that the document names."""
    lines = list(_run_once(spec, names, called, given))
    if spec.device in (None, "auto", "cpu"):
        yield from indented(lines)
    else:
        yield from indented([f'with torch.device("{spec.device}"):'])
        yield from indented(lines, 2)


def _run_once(spec: Spec, names: Mapping[str, str], called: Locals, given: Sequence[str]) -> Iterator[str]:
    dtype = "" if spec.dtype == "float32" else f", dtype=torch.{spec.dtype}"
    for each in spec.inputs:
        yield f"{called.values[each.name]} = {_random(spec, each, dtype)}"
    for each in spec.inputs:
        if each.name in called.lengths:
            yield f"{called.lengths[each.name]} = {list(each.signal.batch.lengths or ())}"
    if _takes_states(spec):
        yield "states = {"
        for link in spec.links:
            drawn = [
                f"torch.randn({', '.join(map(str, tensor.shape))}{dtype})"
                for tensor in link.layer.inputs(link.signal, spec.dtype)[1:]
                if not link.wires.state_from
            ]
            if drawn:
                yield f'{INDENT}"{names[link.layer.name]}": {pair(drawn)},'
        yield "}"
    recurrent, several = _recurrent(spec), len(spec.returns) > 1
    output = "outputs" if several else "output"
    yield f"{output}{', states' if recurrent else ''} = Model().eval()({', '.join(given)})"
    for k, name in enumerate(spec.returns):
        yield f'print("{names[name] if several else output}", tuple({output}{f"[{k}]" * several}.shape))'
    for layer in recurrent:
        name, several = names[layer.name], len(layer.cell.states) > 1
        for k, state in enumerate(layer.cell.states):
            yield f'print("{name} {state}_n", tuple(states["{name}"]{f"[{k}]" * several}.shape))'


def _random(spec: Spec, given: ModelInput, dtype: str) -> str:
    """A random input: numbers, or rows of the smallest table that reads it."""
    batch = given.signal.batch
    lead = [batch.letters[axis] for axis in batch.padded_axes if axis in given.axes]
    shape = (*lead, *given.shape[len(lead) :])
    readers = [link.layer for link in spec.links if given.name in link.wires.reads]
    tables = [layer.num_embeddings for layer in readers if isinstance(layer, Embedding)]
    if tables and given.signal.width is None:
        return f"torch.randint({min(tables)}, {shape})"
    return f"torch.randn({', '.join(map(str, shape))}{dtype})"


def chain(spec: Spec) -> str:
    """`x (20, 32) -> embed 300 -> encoder 2x50x2 -> head 10`, with the signs for arrows and times."""
    letters = spec.batch.letters | {"H_in": spec.links[0].signal.width or 0}
    parts = [f"x {tuple_text(open_shape_of(spec.inputs[0].axes, letters))}"]
    for link in spec.links:
        layer = link.layer
        if isinstance(layer, Recurrent):
            # What becomes of the output, where it is not handed on as it is: ` (sum, last)`.
            ways = f" ({', '.join(layer.ways_on.values())})" if layer.ways_on else ""
            sizes = [layer.depth] * (layer.depth > 1) + [layer.h_out] + [layer.directions] * (layer.directions > 1)
            parts.append(f"{layer.name} {'×'.join(map(str, sizes))}{ways}")
        else:
            after = layer.emits(link.signal)
            changed = [] if after.features == link.signal.width else [str(after.features)]
            if after.batch != link.signal.batch:
                changed.append(f"L {after.batch.letters['L']}")
            parts.append(f"{layer.name} {', '.join(changed)}".strip())
    return " → ".join(parts)


def layers_made(spec: Spec, links: Sequence[Link], names: Mapping[str, str], owner: str) -> Iterator[str]:
    """What makes the layers: their modules, then what of them is not torch's own way."""
    written, here = classes(spec), {link.layer.name for link in links}
    for link in links:
        layer, name = link.layer, owner + names[link.layer.name]
        if link.wires.same_as in here:
            yield f"{name} = {owner}{names[link.wires.same_as]}"
            continue
        if isinstance(layer, Recurrent) and layer.name in written:
            yield f"{name} = {made(layer, written[layer.name], link.signal.axes)}"
        else:
            yield f"{name} = nn.{layer.type}({', '.join(_arguments(layer))})"
        if not layer.trainable and layer.weights("float32"):
            yield f"{name}.requires_grad_(False)"
        if isinstance(layer, Linear) and layer.tied_to is not None:
            yield f"{name}.weight = {owner}{names[layer.tied_to]}.weight"
    # why only now: so does what builds the document, and one seed gives both the same values.
    for link in links:
        if isinstance(link.layer, InitLayer) and link.layer.has_laws and link.wires.same_as not in here:
            yield from _first_values(link.layer, f"{owner}{names[link.layer.name]}", spec.dtype)


def _arguments(layer: Layer) -> Iterator[str]:
    """The arguments of the torch class: sizes by place, what differs from its default by name."""
    fields = type(layer).model_fields
    for key, value in layer.arguments().items():
        if key in _BY_PLACE:
            yield repr(value)
    for key, value in layer.arguments().items():
        if key not in _BY_PLACE and value != fields[key].default:
            yield f'{key}="{value}"' if isinstance(value, str) else f"{key}={value!r}"


def _first_values(layer: InitLayer, name: str, dtype: str) -> Iterator[str]:
    """What draws first values by an `init` block; nothing where all keep torch's."""
    weights = [weight for weight in layer.first_weights(dtype) if is_first(weight)]
    if isinstance(layer, Recurrent):
        drawn = [line for weight in weights for line in indented(_drawn(weight))]
        yield from [f"for name, values in {name}.named_parameters():", *drawn] if drawn else []
        return
    for weight in weights:
        if not weight.init.torchs:
            yield _law(weight.init, f"{name}.{weight.name}")
            if weight.init.zero_row is not None:
                yield f"nn.init.zeros_({name}.{weight.name}[{weight.init.zero_row}])"


def _drawn(weight: WeightFact) -> Iterator[str]:
    """What draws a parameter by the laws of an `init` block; nothing where it keeps torch's."""
    blocks = f"values.data.chunk({len(weight.gates)})"
    drawn = {symbol: init for symbol, init in weight.laws.items() if not init.torchs}
    if not drawn:
        return
    name = torch_name(weight.symbol)
    whose = "name" if weight.name == name else 'name.rpartition("_l")[0]'
    yield f'if {whose} == "{name}":'
    if weight.laws_differ:
        numbers = {gate.name: number for number, gate in enumerate(weight.gates)}
        drawings = [f"{_law(init, f'{blocks}[{numbers[symbol]}]')}  # {symbol}" for symbol, init in drawn.items()]
    elif weight.drawn_by_gates:
        drawings = [f"for gate in {blocks}:", INDENT + _law(weight.init, "gate")]
    else:
        drawings = [_law(weight.init, "values")]
    yield from indented(drawings)


def _law(init: Init, values: str) -> str:
    function, arguments = init.drawing
    return f"nn.init.{function}({', '.join([values, *map(str, arguments)])})"
