"""What runs layers that were made elsewhere: ONNX, CoreML, cuDNN, MIOpen, oneDNN."""

from __future__ import annotations

from rnninspect.conventions.frameworks import CONVENTIONS
from rnninspect.conventions.target import Framework, arguments, by_direction, by_layer, of_each
from rnninspect.conventions.torch_layer import TorchLayer

# --- ONNX ------------------------------------------------------------------------------------------------------


def _onnx_made(torch: TorchLayer) -> str:
    given = arguments(
        f"hidden_size={torch.hidden_size}",
        'direction="bidirectional"' if torch.directions > 1 else "",
        "linear_before_reset=1" if torch.kind == "GRU" else "",
        f"activations={['Relu'] * torch.directions}".replace("'", '"') if torch.function == "relu" else "",
    )
    return of_each(f"{torch.kind}({given})", torch)


def _onnx_put(torch: TorchLayer, function: str) -> tuple[str, ...]:
    inputs = "W, R, B" if torch.bias else "W, R"
    return (
        f"Inputs {inputs} of a node {torch.kind}, as its initializers:",
        f"[onnx.numpy_helper.from_array(array, name) for name, array in {function}(weights).items()]",
    )


ONNX = Framework(
    title="ONNX",
    convention=CONVENTIONS["ONNX"],
    start=lambda torch, layer, direction: by_layer(torch, layer),
    made=_onnx_made,
    put=_onnx_put,
    letters={"LSTM": "its c is g", "GRU": "its h is n"},
    is_run=True,
    # why: what runs it there is ONNX' own evaluator, which has no relu in its RNN.
    runs_relu=False,
)

# --- CoreML ------------------------------------------------------------------------------------------------------


def _coreml_start(torch: TorchLayer, layer: int, direction: int) -> str:
    if torch.kind == "LSTM":
        return by_layer(torch, layer) + (f"weightParams[{direction}]." if torch.directions > 1 else "weightParams.")
    return by_direction(torch, layer, direction, "forward", "backward")


def _coreml_made(torch: TorchLayer) -> str:
    if torch.kind == "LSTM":
        return of_each("biDirectionalLSTM" if torch.directions > 1 else "uniDirectionalLSTM", torch)
    name = "simpleRecurrent" if torch.kind == "RNN" else "gru"
    reverse = " (with reverseInput the second)" if torch.directions > 1 else ""
    return of_each(name, torch, directions=True) + reverse


def _coreml_limit(torch: TorchLayer) -> str:
    # why relu alone: of what it cuts, sigmoid and tanh make the same.
    return "where nothing that relu is given is beyond 50, which CoreML cuts off" if torch.function == "relu" else ""


COREML = Framework(
    title="CoreML",
    convention=CONVENTIONS["CoreML"],
    start=_coreml_start,
    made=_coreml_made,
    put=lambda torch, function: (
        f"for name, array in {function}(weights).items():  # of the layer of the specification",
        "    ....floatValue.extend(array.flatten())  # the field of that name",
    ),
    letters={"LSTM": "its z is g", "GRU": "its o is n"},
    limit=_coreml_limit,
)

# --- cuDNN, and MIOpen beside it -----------------------------------------------------------------------------


def _cudnn_start(torch: TorchLayer, layer: int, direction: int) -> str:
    return f"pseudo_layer_{layer * torch.directions + direction}/"


def _descriptor(
    torch: TorchLayer, *, elman: str, other: str, biases: tuple[str, str], ways: tuple[str, str], depth: str
) -> str:
    """The layer as an engine's descriptor, in the engine's words.

    elman, other: what stands before the function of an Elman network, and before any other kind. biases: without and
    with them. ways: one direction and both. depth: how many stacked layers.
    """
    mode = elman + (torch.function or "tanh").upper() if torch.kind == "RNN" else other + torch.kind
    given = arguments(mode, biases[torch.bias], ways[torch.directions > 1])
    return f"an RNN descriptor ({given}) with {depth} {torch.depth}"


CUDNN = Framework(
    title="cuDNN",
    convention=CONVENTIONS["cuDNN"],
    start=_cudnn_start,
    made=lambda torch: _descriptor(
        torch,
        elman="CUDNN_RNN_",
        other="CUDNN_",
        biases=("CUDNN_RNN_NO_BIAS", "CUDNN_RNN_DOUBLE_BIAS"),
        ways=("CUDNN_UNIDIRECTIONAL", "CUDNN_BIDIRECTIONAL"),
        depth="numLayers",
    ),
    put=lambda torch, function: (
        "cudnnGetRNNWeightParams(..., pseudoLayer, ..., linLayerID, ...) says where each matrix[linLayerID] and",
        "bias[linLayerID] of a pseudo-layer go in the weight space.",
    ),
    letters={"LSTM": "its c is g", "GRU": "its i is z, its h is n"},
)

MIOPEN = Framework(
    title="MIOpen",
    convention=CONVENTIONS["MIOpen"],
    start=_cudnn_start,
    made=lambda torch: _descriptor(
        torch,
        elman="miopenRNN",
        other="miopen",
        biases=("miopenRNNNoBias", "miopenRNNwithBias"),
        ways=("miopenRNNunidirection", "miopenRNNbidirection"),
        depth="nlayers",
    ),
    put=lambda torch, function: (
        "miopenSetRNNLayerParam and miopenSetRNNLayerBias put each matrix[paramID] and bias[biasID] of a layer there.",
    ),
    letters={"LSTM": "its c is g", "GRU": "its h is n"},
)

# --- oneDNN --------------------------------------------------------------------------------------------------


def _onednn_made(torch: TorchLayer) -> str:
    way = "bidirectional_concat" if torch.directions > 1 else "unidirectional_left2right"
    name = {"RNN": "vanilla_rnn_forward", "LSTM": "lstm_forward", "GRU": "lbr_gru_forward"}[torch.kind]
    function = f"eltwise_{torch.function or 'tanh'}" if torch.kind == "RNN" else ""
    return of_each(f"{name}({arguments(function, way)})", torch)


ONEDNN = Framework(
    title="oneDNN",
    convention=CONVENTIONS["oneDNN"],
    start=lambda torch, layer, direction: by_layer(torch, layer),
    made=_onednn_made,
    put=lambda torch, function: (
        "The arrays are in the formats ldigo and ldgo (ldio of the projection), each primitive with one layer;",
        "ldgoi, the format of a backward pass, is array.transpose(0, 1, 3, 4, 2).",
    ),
    letters={"LSTM": "its c is g", "GRU": "its u is z, its o is n"},
)
