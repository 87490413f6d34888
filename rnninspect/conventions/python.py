"""The lines of numpy that make of torch's weights those of another framework: a function for each layer."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from rnninspect.conventions.packing import ORDER, Stored
from rnninspect.conventions.target import Framework
from rnninspect.conventions.torch_layer import TorchLayer
from rnninspect.conventions.translate import Translation, added, of_torch, stored, symbols_of
from rnninspect.errors import printable

GATES = '''
def gates(array, here, there):
    """An array of torch's, which has gates in the order `here`, in the order `there`."""
    by_gate = dict(zip(here, np.split(array, len(here)), strict=True))
    return np.concatenate([by_gate[gate] for gate in there])
'''
NAMED = '''
def named(start, arrays):
    """The arrays under names that begin so."""
    return {start + name: array for name, array in arrays.items()}
'''
STACKED = '''
def stacked(*directions):
    """The arrays of all directions in one each, along a first axis."""
    return {name: np.stack([arrays[name] for arrays in directions]) for name in directions[0]}
'''
LAYER_STACKED = '''
def stacked(*directions):
    """The arrays of all directions in one each, along axes for the layer and for directions."""
    return {name: np.stack([arrays[name] for arrays in directions])[np.newaxis] for name in directions[0]}
'''
# What the script itself calls something else.
_NO_NAMES = frozenset(
    (
        *("np", "gates", "named", "stacked", "weights", "torch_layer", "layer", "layers", "number", "there", "name"),
        *("array", "module", "cell", "carry", "output", "x", "params"),
        *("keras", "onnx", "tf", "flax", "haiku", "mxnet"),
    )
)
# Torch's parameters under the names that they have in a function.
_LOCAL = {"weight_ih": "w_ih", "weight_hh": "w_hh", "weight_hr": "w_hr", "bias_ih": "b_ih", "bias_hh": "b_hh"}


def script(translations: Sequence[Translation], framework: Framework) -> Iterator[str]:
    """Python that defines a function for each of the layers; what cannot be translated is a comment."""
    bodies: list[str] = []
    names: set[str] = set()
    for layer in translations:
        if layer.torch is None or layer.refusal:
            bodies += ["", "", f"# {printable(layer.name)} ({layer.type}): {layer.verdict}"]
        else:
            bodies += [
                "",
                "",
                *_Function(layer=layer, torch=layer.torch, framework=framework, name=_name(layer.name, names)).lines(),
            ]
    text = "\n".join(bodies)
    yield "import numpy as np"
    layers_too = any(tensor.axes for tensors in framework.convention.matrices.values() for tensor in tensors)
    stack = LAYER_STACKED if layers_too else STACKED
    for helper, sign in ((GATES, "gates("), (NAMED, "named("), (stack, "stacked(")):
        if sign in text:
            yield from ("", *helper.rstrip().splitlines())
    yield from bodies


def _name(name: str, taken: set[str]) -> str:
    """A layer's name as Python's, which no other has."""
    start = re.sub(r"\W", "_", name, flags=re.ASCII)
    start = f"layer_{start}" if not start[:1].isalpha() or keyword.iskeyword(start) else start
    name, number = start, 2
    while taken.intersection((name, f"{name}_part")) or name in _NO_NAMES or hasattr(builtins, name):
        name, number = f"{start}_{number}", number + 1
    taken |= {name, f"{name}_part"}
    return name


class _Function(NamedTuple):
    """The function of a layer, and its name."""

    layer: Translation
    torch: TorchLayer
    framework: Framework
    name: str

    @property
    def over_directions(self) -> bool:
        """Whether arrays hold all directions."""
        return any(tensor.over_directions for tensor in self._stored)

    @property
    def simple(self) -> bool:
        """Whether one function is enough."""
        alone = self.torch.depth * self.torch.directions == 1
        return alone and not self.over_directions and not self.framework.start(self.torch, 0, 0)

    @property
    def _stored(self) -> tuple[Stored, ...]:
        return stored(self.torch, self.framework.convention)

    def lines(self) -> Iterator[str]:
        """The function, or one for a stacked layer and direction and one for all, and how to use it."""
        about = (f'    """{self.layer.made}', "", f"    from {self.torch.made}", f"    {self.layer.verdict}", '    """')
        if self.simple:
            yield f"def {self.name}(weights):"
            yield from about
            yield from self._body(f'{self.torch.suffix(0, 0)}"')
        else:
            yield f"def {self.name}_part(weights, suffix):"
            yield '    """One stacked layer in one direction, such as `_l0` or `_l0_reverse`."""'
            yield from self._body('" + suffix')
            yield from ("", "", f"def {self.name}(weights):", *about, "    return {")
            yield from self._parts()
            yield "    }"
        yield from ("", "")
        yield "# weights = {name: tensor.numpy() for name, tensor in torch_layer.state_dict().items()}"
        yield from (f"# {line}" for line in self.framework.put(self.torch, self.name))

    def _parts(self) -> Iterator[str]:
        """The parts of the whole, under their names."""
        for layer in range(self.torch.depth):
            parts = [
                f'{self.name}_part(weights, "{self.torch.suffix(layer, direction)}")'
                for direction in range(self.torch.directions)
            ]
            if self.over_directions:
                parts = [f"stacked({', '.join(parts)})"]
            for direction, part in enumerate(parts):
                start = self.framework.start(self.torch, layer, direction)
                yield f'        **named("{start}", {part}),' if start else f"        **{part},"

    def _body(self, end: str) -> Iterator[str]:
        """The parameters of torch's that are read, and the arrays that are returned. end: ends their names."""
        entries = [(tensor.role, self._array(tensor)) for tensor in self._stored]
        text = " ".join(expression for _, expression in entries)
        if re.search(r"\bbias\b", text):
            text += " b_ih b_hh"
        for name, local in _LOCAL.items():
            if re.search(rf"\b{local}\b", text):
                yield f'    {local} = weights["{name}{end}]'
        if re.search(r"\bbias\b", text):
            yield "    bias = b_ih + b_hh"
        yield "    return {"
        for role, expression in entries:
            yield f'        "{role}": {expression},'
        yield "    }"

    def _array(self, tensor: Stored) -> str:
        """What makes a tensor, of one direction where it holds all."""
        if not tensor.is_matrix and not self.torch.bias:
            made = self._zeros(tensor)
        elif tensor.is_matrix:
            columns = zip(*tensor.grid, strict=True)
            made = _joined([self._run(tuple(column)) for column in columns], "np.hstack")
        else:
            rows = [self._run(row) + self._less(row) for row in tensor.grid]
            made = _joined(rows, "np.stack")
        return self._along_axes(tensor, f"{made}.T" if tensor.transposed else made)

    def _along_axes(self, tensor: Stored, made: str) -> str:
        if "g" not in tensor.axes:
            return made
        size = self.torch.hidden_size
        gates = len(tensor.grid) if tensor.is_matrix else len(tensor.grid[0])
        return f"{made}.reshape({'-1, ' * tensor.is_matrix}{gates}, {size})"

    def _run(self, symbols: tuple[str, ...]) -> str:
        """Symbols one after another."""
        all_there = symbols_of(self.torch, self.framework.convention)
        is_projection = symbols == ("W_hr",) and self.torch.kind == "LSTM"
        parts = []
        for parameter, group in groupby(symbols, lambda symbol: of_torch(symbol, all_there)):
            here, there = ORDER[self.torch.kind], "".join(symbol[-1] for symbol in group)
            local = "w_hr" if is_projection else _LOCAL.get(parameter, parameter)
            parts.append(local if is_projection or there == here else f'gates({local}, "{here}", "{there}")')
        return _joined(parts, "np.concatenate")

    def _less(self, symbols: tuple[str, ...]) -> str:
        """What is taken off because it is added there when the layer runs."""
        more = added(self.torch, self.framework.convention)
        amounts = [more.get(symbol, 0) for symbol in symbols]
        if not any(amounts):
            return ""
        each = ", ".join(f"{amount:g}" for amount in amounts)
        return f" - np.array([{each}], w_ih.dtype).repeat({self.torch.hidden_size})"

    def _zeros(self, tensor: Stored) -> str:
        rows = []
        for row in tensor.grid:
            size = len(row) * self.torch.hidden_size
            rows.append(self._less(row).removeprefix(" ").replace("- ", "-") or f"np.zeros({size}, w_ih.dtype)")
        return _joined(rows, "np.stack")


def _joined(parts: Sequence[str], function: str) -> str:
    return parts[0] if len(parts) == 1 else f"{function}([{', '.join(parts)}])"
