"""The frameworks whose layers are made in Python: Keras, TensorFlow's cells, Flax, haiku, MXNet."""

from __future__ import annotations

from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.conventions.target import Framework, arguments, by_direction, of_each
from rnninspect.conventions.torch_layer import TorchLayer

# --- Keras ---------------------------------------------------------------------------------------------------


def _keras_start(torch: TorchLayer, layer: int, direction: int) -> str:
    name = {"RNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[torch.kind]
    return by_direction(torch, layer, direction, f"forward_{name}", f"backward_{name}")


def _keras_one(torch: TorchLayer) -> str:
    given = arguments(
        str(torch.hidden_size),
        "" if torch.is_cell else "return_sequences=True",
        "" if torch.bias else "use_bias=False",
        'activation="relu"' if torch.function == "relu" else "",
    )
    name = "SimpleRNN" if torch.kind == "RNN" else torch.kind
    one = f"keras.layers.{name}{'Cell' * torch.is_cell}({given})"
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
        f"there = {function}(weights)",
        "for number, layer in enumerate(layers):",
        f"    layer.build((None, None, {_keras_width(torch)}))",
        '    layer.set_weights([array for name, array in there.items() if name.startswith(f"layer_{number}/")])',
    )


def _keras_width(torch: TorchLayer) -> str:
    """How wide the input of stacked layer `number` is, in Python: above the first it is what the one below puts out."""
    below = torch.hidden_size * torch.directions
    return str(below) if below == torch.input_size else f"{torch.input_size} if number == 0 else {below}"


KERAS = Framework(
    title="Keras",
    convention=CONVENTIONS["Keras"],
    start=_keras_start,
    made=lambda torch: of_each(_keras_one(torch), torch),
    put=_keras_put,
    letters={"LSTM": "its c is g", "GRU": "its h is n"},
    is_run=True,
)

# --- TensorFlow's cells, of version 1 --------------------------------------------------------------------------


def _tensorflow_start(torch: TorchLayer, layer: int, direction: int) -> str:
    return by_direction(torch, layer, direction, "fw", "bw")


def _tensorflow_one(torch: TorchLayer) -> str:
    name = {"RNN": "BasicRNNCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}[torch.kind]
    given = arguments(
        str(torch.hidden_size),
        f"num_proj={torch.proj_size}" if torch.proj_size else "",
        "activation=tf.nn.relu" if torch.function == "relu" else "",
    )
    return f"tf.compat.v1.nn.rnn_cell.{name}({given})"


def _tensorflow_put(torch: TorchLayer, function: str) -> tuple[str, ...]:
    lines = [f"there = {function}(weights)"]
    if torch.kind == "LSTM":
        lines.append("The cells have forget_bias=1.0, their default.")
    if torch.depth * torch.directions == 1:
        return (*lines, "cell.set_weights(list(there.values()))  # of a cell that is built")
    start = _tensorflow_start(torch, 0, 0)
    return (*lines, f'cell.set_weights([array for name, array in there.items() if name.startswith("{start}")])')


TENSORFLOW = Framework(
    title="TensorFlow",
    convention=CONVENTIONS["TensorFlow"],
    start=_tensorflow_start,
    made=lambda torch: of_each(_tensorflow_one(torch), torch, directions=True),
    put=_tensorflow_put,
    letters={"LSTM": "its j is g", "GRU": "its u is z, its c is n"},
    is_run=True,
)

# --- Flax ----------------------------------------------------------------------------------------------------


def _flax_start(torch: TorchLayer, layer: int, direction: int) -> str:
    return by_direction(torch, layer, direction, "forward", "backward")


def _flax_one(torch: TorchLayer) -> str:
    name = {"RNN": "SimpleCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}[torch.kind]
    given = arguments(str(torch.hidden_size), "activation_fn=flax.linen.relu" if torch.function == "relu" else "")
    return f"flax.linen.{name}({given})"


def _flax_put(torch: TorchLayer, function: str) -> tuple[str, ...]:
    params = f'params = flax.traverse_util.unflatten_dict({function}(weights), sep="/")'
    start = _flax_start(torch, 0, 0).rstrip("/")
    of = "".join(f'["{part}"]' for part in start.split("/") if part)
    return (params, f'carry, output = cell.apply({{"params": params{of}}}, carry, x)')


FLAX = Framework(
    title="Flax",
    convention=CONVENTIONS["Flax"],
    start=_flax_start,
    made=lambda torch: of_each(_flax_one(torch), torch, directions=True),
    put=_flax_put,
    is_run=True,
)

# --- haiku -----------------------------------------------------------------------------------------------------


def _haiku_name(torch: TorchLayer, layer: int, direction: int) -> str:
    name = {"RNN": "vanilla_rnn", "LSTM": "lstm", "GRU": "gru"}[torch.kind]
    return name + (torch.suffix(layer, direction) if torch.depth * torch.directions > 1 else "")


def _haiku_start(torch: TorchLayer, layer: int, direction: int) -> str:
    return _haiku_name(torch, layer, direction) + ("/linear/" if torch.kind == "LSTM" else "/")


def _haiku_put(torch: TorchLayer, function: str) -> tuple[str, ...]:
    return (
        *([f'Each core has its name: name="{_haiku_name(torch, 0, 0)}".'] * (torch.depth * torch.directions > 1)),
        "params = {}",
        f"for name, array in {function}(weights).items():",
        '    module, _, name = name.rpartition("/")',
        "    params.setdefault(module, {})[name] = array",
    )


HAIKU = Framework(
    title="haiku",
    convention=CONVENTIONS["haiku"],
    start=_haiku_start,
    made=lambda torch: of_each(
        f"haiku.{'VanillaRNN' if torch.kind == 'RNN' else torch.kind}({torch.hidden_size})", torch, directions=True
    ),
    put=_haiku_put,
    letters={"GRU": "its a is n, its z is 1 - z"},
    is_run=True,
)

# --- MXNet -------------------------------------------------------------------------------------------------------


def _mxnet_made(torch: TorchLayer) -> str:
    given = arguments(
        str(torch.hidden_size),
        f"{torch.depth}" if torch.depth > 1 else "",
        f'activation="{torch.function or "relu"}"' if torch.kind == "RNN" and not torch.is_cell else "",
        'activation="relu"' if torch.is_cell and torch.function == "relu" else "",
        "bidirectional=True" if torch.directions > 1 else "",
        f"projection_size={torch.proj_size}" if torch.proj_size else "",
        f"input_size={torch.input_size}",
    )
    return f"mxnet.gluon.rnn.{torch.type}({given})"


MXNET = Framework(
    title="MXNet",
    convention=CONVENTIONS["MXNet"],
    start=lambda torch, layer, direction: "" if torch.is_cell else f"{'lr'[direction]}{layer}_",
    made=_mxnet_made,
    put=lambda torch, function: (
        f"for name, array in {function}(weights).items():",
        "    getattr(layer, name).set_data(mxnet.nd.array(array))",
    ),
    letters={"LSTM": "its c is g", "GRU": "its o is n"},
)
