"""A document as Python: one `torch.nn.Module` that runs by itself, and its lines alone for a page. Made without torch.

A layer gives lines for `__init__` and lines for `forward`; `code_cells` writes a class for each kind that torch lacks,
`code_steps` the loop over a cell. Between layers `x` is a tensor or, of a packed batch, a PackedSequence. All of it is
ASCII.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.document.chain import Link, Spec
from rnninspect.errors import listed, printable
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.embedding import Embedding
from rnninspect.layers.families import CellLayer
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.weights import torch_name
from rnninspect.layers.window import WindowLayer
from rnninspect.study.code_cells import classes, is_written, lines, made
from rnninspect.study.code_chain import chain
from rnninspect.study.code_feeding import feeding
from rnninspect.study.code_lines import INDENT, fitted, indented
from rnninspect.study.code_steps import Run, loop
from rnninspect.study.code_windows import windows
from rnninspect.study.explain import is_first

_HINT = "rnninspect explain --code CONFIG prints all of it as a class that runs."
# Arguments that are given by place, as everybody writes them.
_BY_PLACE = (
    *("num_embeddings", "embedding_dim", "input_size", "hidden_size", "in_features", "out_features"),
    *("in_channels", "out_channels", "kernel_size", "normalized_shape", "num_features", "p"),
)
# What no layer is called here: what torch.nn.Module has itself, and what stands in `forward`.
TAKEN = frozenset(
    re.findall(
        r"\w+",
        """
        c h lengths nn output outputs part parts states torch x y
        T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
        eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict
        modules mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook
        register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
        register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
        register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
        set_extra_state set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
        """,
    )
)


class Sketch(NamedTuple):
    """The top of a page. chain: the whole model in a line, "" where it is one layer; code: lines of Python.

    notes: sentences about them.
    """

    model: str
    chain: str
    code: tuple[str, ...]
    notes: tuple[str, ...]


def code(spec: Spec) -> str:
    """A script: the class `Model`, whose constructor takes nothing, and what runs it once and prints the shapes."""
    names = attributes(spec)
    created = list(_made(spec, spec.links, names, "self."))
    if spec.dtype != "float32":
        created.append(f"self.to(torch.{spec.dtype})")
    given = ["x", *["lengths"] * (spec.batch.lengths is not None), *["states"] * _takes_states(spec)]
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
        *indented([*_forward(spec, names), *_returned(spec, names)], 2),
        *["", ""],
        'if __name__ == "__main__":',
        *_main(spec, names, given),
    ]
    return "\n".join(fitted(script)) + "\n"


def sketch(spec: Spec, only: str | None = None) -> Sketch:
    """The lines of every layer, or of the one that is called `only`."""
    names = attributes(spec)
    links = [link for link in spec.links if only in (None, link.layer.name)]
    created = list(_made(spec, links, names, ""))
    if spec.dtype != "float32":
        created.insert(0, f"torch.set_default_dtype(torch.{spec.dtype})")
    if len(links) > 1:
        code = fitted([*created, "", *_forward(spec, names, "")])
        return Sketch(model=spec.name, chain=chain(spec), code=tuple(code), notes=(_hint(spec),))
    (link,) = links
    firsts = [tensor.name for tensor in link.layer.inputs(link.signal, "float32")[1:]]
    run = _ran(link, names, "", given=_pair(firsts), result="output")
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


def attributes(spec: Spec) -> dict[str, str]:
    """What each layer is called as an attribute: its name, where Python and torch let it be called so."""
    names: dict[str, str] = {}
    for number, link in enumerate(spec.links):
        name = link.layer.name.replace("-", "_")
        sound = re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) and not keyword.iskeyword(name) and name not in TAKEN
        name = name if sound else f"layer_{number}"
        while name in names.values():
            name += "_"
        names[link.layer.name] = name
    return names


def _takes_states(spec: Spec) -> bool:
    return spec.batch.state == "random" and bool(_recurrent(spec))


def _recurrent(spec: Spec) -> list[Recurrent]:
    return [link.layer for link in spec.links if isinstance(link.layer, Recurrent)]


# --- __init__ ---------------------------------------------------------------------------------------------


def _made(spec: Spec, links: Sequence[Link], names: Mapping[str, str], owner: str) -> Iterator[str]:
    """What makes the layers: their modules, then what of them is not torch's own way."""
    written = classes(spec)
    for link in links:
        layer, name = link.layer, owner + names[link.layer.name]
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
        if isinstance(link.layer, InitLayer) and link.layer.has_laws:
            yield from _first_values(link.layer, f"{owner}{names[link.layer.name]}", spec.dtype)


def _arguments(layer: Layer) -> Iterator[str]:
    """The arguments of the torch class: sizes by place, what differs from its default by name."""
    fields = type(layer).model_fields
    for key, value in layer.arguments().items():
        if key in _BY_PLACE:
            yield repr(value)
    for key, value in layer.arguments().items():
        if key not in _BY_PLACE and value != fields[key].default:
            yield f"{key}={_text(value)}"


def _text(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


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


# --- forward ----------------------------------------------------------------------------------------------


def _forward(spec: Spec, names: Mapping[str, str], owner: str = "self.") -> Iterator[str]:
    if spec.batch.lengths is not None:
        first = ", batch_first=True" * spec.batch.batch_first
        yield f"x = nn.utils.rnn.pack_padded_sequence(x, lengths{first}, enforce_sorted=False)"
    several = len(_recurrent(spec)) > 1
    for link in spec.links:
        name = names[link.layer.name]
        takes = spec.batch.state == "random" and len(link.layer.inputs(link.signal, spec.dtype)) > 1
        given = f'states["{name}"]' if takes else ""
        meta = spec.device == "meta"
        yield from _ran(link, names, owner, given=given, prefix=f"{name}_" * several, meta=meta)
    last = spec.links[-1]
    handed_on = last.layer.emits(last.signal).tensor("output", "H_out", spec.dtype)
    if spec.device == "meta" and handed_on.unpacked_shape is not None:
        yield f"x = x.data  # {handed_on.shape_text}: torch unpacks nothing on meta"
    elif handed_on.unpacked_shape is not None:
        first = ", batch_first=True" * spec.batch.batch_first
        yield f"x, _ = nn.utils.rnn.pad_packed_sequence(x{first})  # {handed_on.unpacked_shape}"


def _ran(
    link: Link,
    names: Mapping[str, str],
    owner: str,
    *,
    given: str,
    prefix: str = "",
    result: str = "x",
    meta: bool = False,
) -> Iterator[str]:
    """What runs a layer on `x`, and calls what it puts out `result`.

    given: the states it starts from, "" for zeros; prefix: of its final states' names. meta: tensors have no values.
    """
    layer, signal = link.layer, link.signal
    name = owner + names[layer.name]
    packed = "T" in signal.axes
    output, *finals = layer.outputs(signal, "float32")
    put_out = f"{result}.data {output.shape_text}" if packed else output.shape_text
    if isinstance(layer, WindowLayer):
        yield from windows(layer, signal, name, result, meta=meta)
        return
    if not isinstance(layer, Recurrent):
        data = "x.data" if packed else "x"
        takes_rows = isinstance(layer, PointwiseLayer) and layer.takes_rows
        width = link.signal.width
        # why for rows: torch takes axis 1 for the features.
        called = f"{name}({data}.reshape(-1, {width})).reshape({data}.shape)" if takes_rows else f"{name}({data})"
        yield f"{result} = {f'x._replace(data={called})' if packed else called}  # {put_out}"
        return
    states = [prefix + tensor.name for tensor in finals]
    last = layer.feeds == "last"
    if is_written(layer) or not isinstance(layer, CellLayer):
        shapes = ", ".join([put_out] * (not last) + [tensor.shape_text for tensor in finals])
        call = f"{name}({', '.join(filter(None, ['x', given]))})"
        yield f"{'_' if last else result}, {_pair(states)} = {call}  # {shapes}"
    else:
        run = Run(layer=layer, signal=signal, owner=name, finals=states, given=given, result=result)
        yield from loop(run)
        yield f"# {', '.join([put_out] * (not last) + [f'{tensor.name} {tensor.shape_text}' for tensor in finals])}"
    if last or layer.works_on:
        yield from feeding(layer, signal, result, states[layer.output_state] if last else "", meta=meta)


def _pair(names: Sequence[str]) -> str:
    """Names as torch hands states out: one by itself, two as a tuple."""
    return f"({', '.join(names)})" if len(names) > 1 else "".join(names)


def _returned(spec: Spec, names: Mapping[str, str]) -> Iterator[str]:
    layers = _recurrent(spec)
    if not layers:
        yield "return x"
        return
    several = len(layers) > 1
    entries = []
    for layer in layers:
        name = names[layer.name]
        entries.append(f'"{name}": {_pair([f"{name}_" * several + f"{state}_n" for state in layer.cell.states])}')
    yield f"return x, {{{', '.join(entries)}}}"


# --- run as a script --------------------------------------------------------------------------------------


def _main(spec: Spec, names: Mapping[str, str], given: Sequence[str]) -> Iterator[str]:
    """What makes a random batch and prints shapes, on the device that the document names."""
    lines = list(_run_once(spec, names, given))
    if spec.device in (None, "auto", "cpu"):
        yield from indented(lines)
    else:
        yield from indented([f'with torch.device("{spec.device}"):'])
        yield from indented(lines, 2)


def _run_once(spec: Spec, names: Mapping[str, str], given: Sequence[str]) -> Iterator[str]:
    dtype = "" if spec.dtype == "float32" else f", dtype=torch.{spec.dtype}"
    first = spec.links[0].layer
    x = spec.inputs[0]
    lead = [spec.batch.letters[axis] for axis in spec.batch.padded_axes if axis in x.axes]
    shape = (*lead, *x.shape[len(lead) :])
    if isinstance(first, Embedding):
        yield f"x = torch.randint({first.num_embeddings}, {shape})"
    else:
        yield f"x = torch.randn({', '.join(map(str, shape))}{dtype})"
    if spec.batch.lengths is not None:
        yield f"lengths = {list(spec.batch.lengths)}"
    if _takes_states(spec):
        yield "states = {"
        for link in spec.links:
            drawn = [
                f"torch.randn({', '.join(map(str, tensor.shape))}{dtype})"
                for tensor in link.layer.inputs(link.signal, spec.dtype)[1:]
            ]
            if drawn:
                yield f'{INDENT}"{names[link.layer.name]}": {_pair(drawn)},'
        yield "}"
    recurrent = _recurrent(spec)
    yield f"output{', states' if recurrent else ''} = Model().eval()({', '.join(given)})"
    yield 'print("output", tuple(output.shape))'
    for layer in recurrent:
        name, several = names[layer.name], len(layer.cell.states) > 1
        for k, state in enumerate(layer.cell.states):
            yield f'print("{name} {state}_n", tuple(states["{name}"]{f"[{k}]" * several}.shape))'
