"""Python that makes the layers of a document: their modules, then what of them is not torch's own way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnninspect.document.chain import Link, Spec
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.weights import torch_name
from rnninspect.study.code_cells import classes, made
from rnninspect.study.code_lines import INDENT, indented
from rnninspect.study.explain import is_first

# Arguments that are given by place, as everybody writes them.
_BY_PLACE = (
    *("num_embeddings", "embedding_dim", "input_size", "hidden_size", "in_features", "out_features"),
    *("in_channels", "out_channels", "kernel_size", "normalized_shape", "num_features", "p"),
)


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
