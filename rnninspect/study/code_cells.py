"""Python for kinds that torch lacks: a class written from a layer's equations, called as torch.nn.RNN is."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.cells.packs import Pack, packs
from rnninspect.cells.reach import Sources, reached
from rnninspect.cells.tree import Cell, Constant, Value
from rnninspect.cells.widths import Declared, widths
from rnninspect.cells.write import python
from rnninspect.document.chain import Spec
from rnninspect.errors import listed
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import kind_of
from rnninspect.layers.weights import first_of, torch_name
from rnninspect.letters import tuple_text
from rnninspect.study.code_lines import WIDTH, indented

# The recurrent kinds that torch.nn has; any other is written from its equations.
OF_TORCH = ("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell")
# What else is called so: beside the classes, in a step, in a constructor.
_BESIDE = ("Model", "nn", "torch")
_IN_STEP = ("nn", "torch", "x_t")
_IN_INIT = ("features", "k", "layer", "name", "nn", "self", "shape", "side", "torch", "values")


class Written(NamedTuple):
    """A class. sizes: by letter what it calls each, in the order that it takes them.

    indexed: its parameters and states are of stacked layers and directions, `weight_ih_l0` and h_0[0].
    starts: what each state starts as where none is given; None for one that is learned, which is never given.
    """

    name: str
    source: str
    cell: Cell
    declared: Declared
    sizes: tuple[tuple[str, str], ...]
    indexed: bool
    starts: tuple[float | None, ...]


def is_written(layer: Layer) -> bool:
    """Whether a layer is of a kind that torch lacks, or has torch's name and equations of its own, as a file's may."""
    return isinstance(layer, Recurrent) and not (layer.type in OF_TORCH and type(layer) is kind_of(layer.type))


def classes(spec: Spec) -> dict[str, Written]:
    """By layer the class of each that torch lacks; layers that differ in sizes and options alone have one."""
    found: dict[str, Written] = {}
    for layer in (link.layer for link in spec.links):
        if not isinstance(layer, Recurrent) or not is_written(layer):
            continue
        written = Written(
            name="",
            source=layer.source,
            cell=layer.cell,
            declared=layer.declared(0),
            sizes=tuple(_sizes(layer).items()),
            indexed=bool(layer.stack_axes),
            starts=tuple(
                None if state in layer.learned else layer.first_values.get(state, 0.0) for state in layer.cell.states
            ),
        )
        alike = [other.name for other in found.values() if other._replace(name="") == written]
        name = _class_name(layer.type, [*_BESIDE, *(other.name for other in found.values())])
        found[layer.name] = written._replace(name=alike[0] if alike else name)
    return found


def _sizes(layer: Recurrent) -> dict[str, str]:
    # why features: what a stacked layer reads is as wide as what the one below puts out.
    sizes = {"H_in": "features", "H_cell": "hidden_size"}
    tensors = packs(layer.cell, layer.declared(0))
    used = {letter for pack in tensors for letter in (pack.rows, pack.columns)}
    own = [letter for letter in layer.sizes() if letter in used and letter not in (*sizes, "H_out")]
    sizes |= {letter: letter + "_" * (letter in _IN_INIT) for letter in own}
    put_out = widths(layer.cell, layer.declared(0)).length(layer.cell.result)
    return sizes | {"H_out": "output_size" if put_out == "H_out" else sizes.get(put_out, put_out)}


def _class_name(kind: str, taken: Sequence[str]) -> str:
    name = kind if re.fullmatch(r"[A-Za-z]\w*", kind, re.ASCII) else "Cell"
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)


def made(layer: Recurrent, written: Written, axes: tuple[str, ...]) -> str:
    """The call that makes a layer's module: sizes by place, options by name. axes: the leading ones of its input."""
    sizes = [str(layer.sizes()[letter]) for letter in _arguments(written).values()]
    options: dict[str, tuple[object, object]] = {
        "num_layers": (layer.depth, 1),
        "bidirectional": (layer.directions == 2, False),
        "batch_first": (axes == ("N", "L"), False),
        "dropout": (getattr(layer, "dropout", 0.0), 0.0),
    }
    given = [f"{name}={value}" for name, (value, default) in options.items() if value != default]
    return f"{written.name}({', '.join([*sizes, *given])})"


def _arguments(written: Written) -> dict[str, str]:
    """The sizes that the class takes, each with a letter of it."""
    arguments: dict[str, str] = {}
    for letter, name in written.sizes:
        if not name.isdecimal():
            arguments.setdefault("input_size" if name == "features" else name, letter)
    return arguments


def lines(written: Written) -> Iterator[str]:
    """The class."""
    yield f"class {written.name}(nn.Module):"
    yield from indented(_about(written))
    for method in (_init, _step_of, _run, _forward):
        yield ""
        yield from indented(method(written))


def _about(written: Written) -> Iterator[str]:
    state = "(num_layers * directions, N, width)" if written.indexed else "(N, width)"
    firsts = [(f"{name}_0", start) for name, start in zip(written.cell.states, written.starts, strict=True)]
    given = [f"{name} (else {start:g})" for name, start in firsts if start is not None]
    called = (
        "Called as torch.nn.RNN is: x (L, N, input_size), (N, L, input_size) with batch_first, (L, input_size) or "
        f"packed{f'; then {listed(given)}, {state}' if given else ''}."
    )
    # why ascii: whatever a document says, the quotes end where this says.
    texts = [ascii(" ".join(text.split()))[1:-1].replace('"', r"\"") for text in (written.source, called) if text]
    paragraphs = [textwrap.wrap(text, WIDTH - 4, break_long_words=False) for text in texts]
    first, *rest = [line for paragraph in paragraphs for line in (*paragraph, "")][:-1]
    yield from (f'"""{first}', *rest, '"""')


def _init(written: Written) -> Iterator[str]:
    cell, size = written.cell, dict(written.sizes)
    tensors, solved = packs(cell, written.declared), widths(cell, written.declared)
    widths_of = {state: solved.length(cell.last(state)) for state in cell.states}
    widths_of = {state: size.get(letter, letter) for state, letter in widths_of.items()}
    parameters = [(torch_name(pack.symbol), _shape(pack, size)) for pack in tensors]
    pairs = list(zip(cell.states, written.starts, strict=True))
    parameters += [(first_of(state), f"({widths_of[state]},)") for state, start in pairs if start is None]
    given = [widths_of[state] for state, start in pairs if start is not None]
    states = ["input_size" if width == "features" else width for width in given]
    yield "def __init__("
    yield f"    self, {', '.join(_arguments(written))},"
    yield "    num_layers=1, bidirectional=False, batch_first=False, dropout=0.0,"
    yield "):"
    yield from indented([
        "super().__init__()",
        "self.num_layers, self.dropout = num_layers, dropout",
        "self.batch_first = batch_first",
        'self.sides = ("", "_reverse") if bidirectional else ("",)',
        f"self.widths = {tuple_text(states)}",
        "k = hidden_size**-0.5",
        "features = input_size",
        "for layer in range(num_layers):",
        "    for side in self.sides:",
        "        for name, shape in (",
        *indented((f'("{name}", {shape}),' for name, shape in parameters), 3),
        "        ):",
        *indented(_registered(written, tensors), 3),
        f"    features = len(self.sides) * {size['H_out']}",
    ])  # fmt: skip


def _registered(written: Written, tensors: Sequence[Pack]) -> Iterator[str]:
    """What makes a parameter."""
    yield "values = nn.Parameter(torch.empty(shape).uniform_(-k, k))"
    if fixed := [torch_name(pack.symbol) for pack in tensors if written.cell.fixed.issuperset(pack.blocks)]:
        names = ", ".join(f'"{weight}"' for weight in fixed)
        yield f"values.requires_grad_(name not in [{names}])"
    suffix = "_l{layer}{side}" * written.indexed
    yield f'self.register_parameter(f"{{name}}{suffix}", values)' if suffix else "self.register_parameter(name, values)"


def _step_of(written: Written) -> Iterator[str]:
    cell, names = written.cell, _names(written.cell)
    constants = dict.fromkeys(node for node in cell.nodes if isinstance(node, Constant))
    yield "def step_of(self, suffix):"
    yield from indented([
        '"""One step of a layer in one direction."""',
        "weight = self.get_parameter",
        *(
            f'{", ".join(pack.blocks)} = weight("{torch_name(pack.symbol)}" + suffix)'
            + f".chunk({len(pack.blocks)})" * (len(pack.blocks) > 1)
            for pack in packs(cell, written.declared)
        ),
        *(f"{names[constant.name]} = {constant.value!r}" for constant in constants),
        "",
    ])  # fmt: skip
    handed_on = dict.fromkeys((cell.output, *cell.states))
    changing = reached(cell, Sources(frozenset(Value(name, 0) for name in ("x", *cell.states))))
    # why: what is set to weights alone is one row, the same for all sequences.
    same = [names[name] for name in handed_on if cell.last(name) not in changing]
    states = [names[state] for state in cell.states]
    step = [
        *(line for equation in python(cell, names) for line in _wrapped(equation, 12)),
        *(f"{name} = {name}.expand(len(x_t), -1)" for name in same),
        f"return {names[cell.output]}, {tuple_text(states)}",
    ]
    yield from indented([f"def step(x_t, {', '.join(states)}):", *indented(step), "", "return step"])


def _wrapped(equation: str, indent: int) -> Iterator[str]:
    """An equation in brackets where it is too long for a line."""
    if len(equation) + indent <= WIDTH:
        yield equation
        return
    name, _, expression = equation.partition(" = ")
    yield f"{name} = ("
    wrapped = textwrap.wrap(expression, WIDTH - indent - 4, break_long_words=False, break_on_hyphens=False)
    yield from indented(wrapped)
    yield ")"


def _run(written: Written) -> Iterator[str]:
    yield "def run(self, step, steps, states):"
    yield from indented([
        '"""All steps; of a packed batch those that have ended keep theirs."""',
        "outputs = []",
        "for x_t in steps:",
        "    ended = [state[len(x_t) :] for state in states]",
        "    output, states = step(x_t, *(state[: len(x_t)] for state in states))",
        "    outputs.append(output)",
        "    if any(len(rest) for rest in ended):",
        "        states = [torch.cat(both) for both in zip(states, ended)]",
        "return outputs, states",
    ])  # fmt: skip


def _forward(written: Written) -> Iterator[str]:
    yield "def forward(self, x, states=None):"
    yield from indented([*_taken_in(written), *_levels(written), *_put_out(written)])


def _taken_in(written: Written) -> list[str]:
    """From what is given to steps, and to states as `run` has them."""
    firsts = [start for start in written.starts if start is not None]
    if any(firsts):
        one, values = "steps[0].new_full((*size, width), first)", tuple_text([str(first) for first in firsts])
        zeros = [f"    states = [{one} for width, first in zip(self.widths, {values})]"]
    else:
        zeros = ["    states = [steps[0].new_zeros(*size, width) for width in self.widths]"]
    return [
        "packed = isinstance(x, nn.utils.rnn.PackedSequence)",
        "alone = not packed and x.dim() == 2",
        "time = 1 if self.batch_first and not alone else 0",
        "if packed:",
        "    steps = x.data.split(x.batch_sizes.tolist())",
        "else:",
        "    steps = (x.unsqueeze(1) if alone else x).unbind(time)",
        "if states is None:",
        "    size = self.num_layers * len(self.sides), len(steps[0])",
        *zeros,
        "else:",
        f"    states = {'[states]' if len(firsts) == 1 else 'list(states)'}",
        *["    states = [state[None] for state in states]"] * (not written.indexed),
        "    if alone:",
        "        states = [state.unsqueeze(1) for state in states]",
        "    if packed and x.sorted_indices is not None:",
        "        states = [state[:, x.sorted_indices] for state in states]",
    ]  # fmt: skip


def _levels(written: Written) -> list[str]:
    """Every stacked layer in every direction, run."""
    suffix = 'f"_l{layer}{side}"' if written.indexed else '""'
    given = ["        given = [state[len(finals)] for state in states]"]
    if None in written.starts:
        given = ["        given, rest = [], iter(states)", *map(_given, written.cell.states, written.starts)]
    return [
        "finals = []",
        "for layer in range(self.num_layers):",
        "    outputs = []",
        "    for side in self.sides:",
        f"        suffix = {suffix}",
        "        step = self.step_of(suffix)",
        *given,
        "        turned = steps[::-1] if side else steps",
        "        output, last = self.run(step, turned, given)",
        "        outputs.append(output[::-1] if side else output)",
        "        finals.append(last)",
        "    steps = [torch.cat(both, dim=-1) for both in zip(*outputs)]",
        "    if self.dropout and layer < self.num_layers - 1:",
        "        p, training = self.dropout, self.training",
        "        steps = [nn.functional.dropout(y, p, training) for y in steps]",
    ]  # fmt: skip


def _put_out(written: Written) -> list[str]:
    """From steps and states to what torch.nn.RNN returns."""
    several = len(written.cell.states) > 1
    return [
        "states = [torch.stack(each) for each in zip(*finals)]",
        "if packed:",
        "    output = x._replace(data=torch.cat(steps))",
        "    if x.unsorted_indices is not None:",
        "        states = [state[:, x.unsorted_indices] for state in states]",
        "else:",
        "    output = torch.stack(steps, dim=time)",
        "if alone:",
        "    output = output.squeeze(1)",
        "    states = [state.squeeze(1) for state in states]",
        *["states = [state[0] for state in states]"] * (not written.indexed),
        f"return output, {'tuple(states)' if several else 'states[0]'}",
    ]  # fmt: skip


def _given(state: str, start: float | None) -> str:
    """What a step of one level gets: of what was given its part, or the parameter."""
    if start is None:
        first = f'self.get_parameter("{first_of(state)}" + suffix)'
        return f"        given.append({first}.expand(len(steps[0]), -1))"
    return "        given.append(next(rest)[len(finals)])"


def _shape(pack: Pack, size: Mapping[str, str]) -> str:
    rows = size.get(pack.rows, pack.rows)
    rows = f"{len(pack.blocks)} * {rows}" if len(pack.blocks) > 1 else rows
    return f"({rows},)" if pack.columns is None else f"({rows}, {size.get(pack.columns, pack.columns)})"


def _names(cell: Cell) -> dict[str, str]:
    """What vectors and numbers are called in `step`: their names, where nothing else is called so."""
    every = dict.fromkeys(node.name for node in cell.nodes if isinstance(node, Value | Constant))
    every |= dict.fromkeys(equation.target.name for equation in cell.equations)
    names = {name: name for name in every}
    for name in every:
        while names[name] in _IN_STEP or list(names.values()).count(names[name]) > 1:
            names[name] += "_"
    return names | {"x": "x_t"}
