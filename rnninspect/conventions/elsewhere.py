"""The frameworks that `weights --as` knows: what a layer is there, and how the names of its tensors begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.conventions.packing import Convention
from rnninspect.conventions.torch_layer import TorchLayer


class Framework(NamedTuple):
    """A framework. title: its name. start: how names begin, of a stacked layer and a direction.

    made: the layer there, in words of the framework. put: how the arrays go into it, comments in Python, from the
    name of the function that returns them. is_run: tests run the framework on what our lines return; else it is the
    record alone that says so.
    """

    title: str
    convention: Convention
    start: Callable[[TorchLayer, int, int], str]
    made: Callable[[TorchLayer], str]
    put: Callable[[TorchLayer, str], tuple[str, ...]]
    is_run: bool = False


def _layer(torch: TorchLayer, layer: int) -> str:
    return f"layer_{layer}/" if torch.depth > 1 else ""


def _each(made: str, torch: TorchLayer, *, per_direction: bool = False) -> str:
    """`2 of ...`, where each stacked layer, or each direction of it, is a layer of its own there."""
    number = torch.depth * (torch.directions if per_direction else 1)
    if number == 1:
        return made
    of = [*(["stacked layer"] if torch.depth > 1 else []), *(["direction"] if number > torch.depth else [])]
    return f"{number} of {made}, one for each {' and '.join(of)}"


def _arguments(*arguments: str) -> str:
    return ", ".join(filter(None, arguments))


# --- Keras ---------------------------------------------------------------------------------------------------

_KERAS = {"RNN": "SimpleRNN", "LSTM": "LSTM", "GRU": "GRU"}


def _keras_start(torch: TorchLayer, layer: int, direction: int) -> str:
    name = {"RNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[torch.kind]
    return _layer(torch, layer) + (f"{('forward', 'backward')[direction]}_{name}/" if torch.directions > 1 else "")


def _keras_one(torch: TorchLayer) -> str:
    arguments = _arguments(
        str(torch.hidden_size),
        "" if torch.is_cell else "return_sequences=True",
        "" if torch.bias else "use_bias=False",
        'activation="relu"' if torch.function == "relu" else "",
    )
    one = f"keras.layers.{_KERAS[torch.kind]}{'Cell' * torch.is_cell}({arguments})"
    return f"keras.layers.Bidirectional({one})" if torch.directions > 1 else one


def _keras_put(torch: TorchLayer, function: str) -> tuple[str, ...]:
    made = _keras_one(torch)
    if torch.depth == 1:
        shape = f"(None, {torch.input_size})" if torch.is_cell else f"(None, None, {torch.input_size})"
        return (
            f"layer = {made}",
            f"layer.build({shape})",
            f"layer.set_weights(list({function}(weights).values()))",
        )
    return (
        f"layers = [{made} for _ in range({torch.depth})]",
        "Once they are built, each takes its own:",
        f"there = {function}(weights)",
        "for number, layer in enumerate(layers):",
        '    layer.set_weights([array for name, array in there.items() if name.startswith(f"layer_{number}/")])',
    )


FRAMEWORKS: Mapping[str, Framework] = {
    "keras": Framework(
        title="Keras",
        convention=CONVENTIONS["Keras"],
        start=_keras_start,
        made=lambda torch: _each(_keras_one(torch), torch),
        put=_keras_put,
        is_run=True,
    ),
}
