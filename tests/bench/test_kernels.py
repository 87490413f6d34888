"""Which kernels served a layer: what is seen to run on the CPU, and what keeps a layer from faster ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from rnninspect.bench import kernels
from rnninspect.bench.kernels import explain
from rnninspect.bench.records import Kernels
from rnninspect.document.chain import Link
from rnninspect.layers.gru import GRU
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.layer import Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.rnn import RNN
from rnninspect.layers.signal import Batch, Signal
from rnninspect.runtime.precision import multiplying_float32

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
BATCH = Batch(2, 5)


def link(layer: Layer, batch: Batch = BATCH) -> Link:
    return Link(layer, Signal(batch, ("L", "N") if batch.lengths is None else ("T",), 3))


def sized(kind: type[Layer], **options: object) -> Layer:
    return kind(type=kind.__name__, input_size=3, hidden_size=4, **options)


# --- what ran -----------------------------------------------------------------------------------------------


def forward(module: nn.Module, x: object) -> object:
    module.eval()
    with torch.inference_mode():
        return module(x)


def step(module: nn.Module, x: Tensor) -> None:
    output, _ = module(x)
    output.backward(torch.ones_like(output))


X = torch.randn(5, 2, 3)


def test_what_moves_and_computes_nothing_is_left_out() -> None:
    assert kernels.operators(lambda: torch.empty(3).set_(X.untyped_storage(), 0, (3,))) == ()


def test_the_fused_layer_is_seen_forward_and_backward() -> None:
    assert "mkldnn_rnn_layer" in kernels.operators(partial(forward, nn.LSTM(3, 4), X))
    ran = kernels.operators(partial(step, nn.LSTM(3, 4), X))
    assert {"mkldnn_rnn_layer", "mkldnn_rnn_layer_backward"} <= set(ran)


def test_the_loop_of_small_operators_is_seen() -> None:
    ran = kernels.operators(partial(forward, nn.GRU(3, 4), X))
    assert {"addmm", "sigmoid_", "tanh_"} <= set(ran)
    assert not set(ran) & kernels.FUSED.keys()
    # each once, and no views
    assert len(set(ran)) == len(ran)
    assert not {"view", "t", "select", "detach", "lstm", "gru"} & set(ran)


def test_the_weights_are_the_same_after_it_was_watched() -> None:
    module = nn.GRU(3, 4)
    expected = forward(module, X)
    outputs: list[object] = []
    kernels.operators(lambda: outputs.append(forward(module, X)))
    assert torch.equal(outputs[0][0], expected[0])  # type: ignore[index]


def test_watching_does_not_load_torchs_compiler() -> None:
    """torch wraps the method of a mode that has one of its own, and the wrapper imports torch._dynamo: a second."""
    assert kernels._Watch.__torch_dispatch__ is kernels._Operators.__torch_dispatch__


def packed(lengths: list[int]) -> object:
    return pack_padded_sequence(X, torch.tensor(lengths))


# What torch 2.13 does on any x86 CPU; a rule of `explain` that torch no longer follows must fail here.
CASES: dict[str, tuple[Layer, Callable[[], nn.Module], Batch, str]] = {
    "LSTM": (sized(LSTM), lambda: nn.LSTM(3, 4), BATCH, "float32"),
    "LSTM in both directions": (
        sized(LSTM, num_layers=2, bidirectional=True),
        lambda: nn.LSTM(3, 4, 2, bidirectional=True),
        BATCH,
        "float32",
    ),
    "LSTM with a projection": (sized(LSTM, proj_size=2), lambda: nn.LSTM(3, 4, proj_size=2), BATCH, "float32"),
    "LSTM in float64": (sized(LSTM), lambda: nn.LSTM(3, 4), BATCH, "float64"),
    "LSTM, equal lengths": (sized(LSTM), lambda: nn.LSTM(3, 4), Batch(2, 5, (5, 5)), "float32"),
    "LSTM, unequal lengths": (sized(LSTM), lambda: nn.LSTM(3, 4), Batch(2, 5, (5, 3)), "float32"),
    "GRU": (sized(GRU), lambda: nn.GRU(3, 4), BATCH, "float32"),
    "RNN": (sized(RNN), lambda: nn.RNN(3, 4), BATCH, "float32"),
}
REASONS = {
    "LSTM with a projection": "oneDNN's LSTM has no projection",
    "LSTM in float64": "oneDNN has no LSTM in float64",
    "LSTM, unequal lengths": "oneDNN takes no packed batch of unequal lengths",
    "GRU": "on the CPU oneDNN serves LSTM alone: GRU runs step by step",
    "RNN": "on the CPU oneDNN serves LSTM alone: RNN runs step by step",
}


@pytest.mark.parametrize("name", CASES)
def test_a_reason_is_given_exactly_where_the_fused_path_was_not_taken(name: str) -> None:
    layer, make, batch, dtype = CASES[name]
    module = make().to(getattr(torch, dtype))
    x = X.to(getattr(torch, dtype)) if batch.lengths is None else packed(list(batch.lengths))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="LSTM with projections is not supported with oneDNN")
        ran = kernels.operators(partial(forward, module, x))
    served = explain(link(layer, batch), ran, dtype=dtype, device=CPU, phase="forward")
    assert (served.fast, served.reason) == (name not in REASONS, REASONS.get(name, ""))
    assert bool(served.remedy) == (name in REASONS)
    assert served.operators == ran


LOOP = ("addmm", "sigmoid_")


@pytest.mark.parametrize(
    ("layer", "dtype", "device", "reason"),
    [
        (sized(LSTM), "float16", "cpu", "oneDNN takes no float16 where gradients are recorded"),
        (
            *(sized(LSTM, proj_size=2), "float64", "cpu"),
            "oneDNN has no LSTM in float64; oneDNN's LSTM has no projection",
        ),
        (sized(LSTM), "float32", "cpu", "torch ran it step by step, by no rule known here"),
        (sized(LSTMCell), "float32", "cpu", "LSTMCell is one step: 5 calls from Python"),
        (
            *(sized(JordanRNN, output_size=2), "float32", "cpu"),
            "torch has no JordanRNN: its equations are run step by step, by no fused kernel",
        ),
        (sized(GRU), "float32", "mps", "torch has no fused GRU for mps: it runs step by step"),
    ],
)
def test_what_was_seen_has_its_reason(layer: Layer, dtype: str, device: str, reason: str) -> None:
    served = explain(link(layer), LOOP, dtype=dtype, device=torch.device(device), phase="step")
    assert (served.fast, served.reason) == (False, reason)


# On a CPU with those instructions, and on one without.
@pytest.mark.parametrize("supported", [True, False])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    ("layer", "batch", "reason"),
    [
        (sized(LSTM), BATCH, ""),
        (sized(LSTM), Batch(2, 5, (4, 4)), ""),
        (sized(LSTM, proj_size=2), BATCH, "oneDNN's LSTM has no projection"),
        (sized(LSTM), Batch(2, 5, (5, 3)), "oneDNN takes no packed batch of unequal lengths"),
        (sized(GRU), BATCH, "on the CPU oneDNN serves LSTM alone: GRU runs step by step"),
    ],
)
def test_instructions_are_lacking_only_where_torch_says_so(
    monkeypatch: pytest.MonkeyPatch, layer: Layer, batch: Batch, reason: str, dtype: str, supported: bool
) -> None:
    support = {name: staticmethod(lambda: supported) for name in kernels._SUPPORT.values()}
    monkeypatch.setattr(torch.ops, "mkldnn", type("Asked", (), support))
    served = explain(link(layer, batch), LOOP, dtype=dtype, device=CPU, phase="forward")
    lacking = f"this CPU lacks the instructions that oneDNN wants for {dtype}"
    reasons = [text for text in served.reason.split("; ") if text]
    assert (lacking in reasons) == (not supported)
    assert [text for text in reasons if text != lacking] == (
        [reason] if reason else ["torch ran it step by step, by no rule known here"] * supported
    )


def test_what_half_precision_got_and_what_torch_says_of_the_cpu_agree() -> None:
    for dtype in ("bfloat16", "float16"):
        with torch.no_grad():
            ran = kernels.operators(
                partial(forward, nn.LSTM(3, 4).to(getattr(torch, dtype)), X.to(getattr(torch, dtype)))
            )
        served = explain(link(sized(LSTM)), ran, dtype=dtype, device=CPU, phase="forward")
        assert served.fast != kernels._lacks_instructions(dtype)
        assert ("instructions" in served.reason) == (not served.fast)


def test_what_was_seen_goes_before_the_rules() -> None:
    """A newer torch may serve what the rules say it does not."""
    ran = ("mkldnn_rnn_layer",)
    assert explain(link(sized(GRU)), ran, dtype="float64", device=CPU, phase="forward") == Kernels(ran, True)


def test_onednn_may_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    served = explain(link(sized(LSTM)), LOOP, dtype="float32", device=CPU, phase="forward")
    assert served.reason == "this torch is built without oneDNN"


def test_a_layer_without_steps_has_no_fast_path() -> None:
    linear = Linear(type="Linear", in_features=3, out_features=4)
    assert explain(link(linear), ("addmm",), dtype="float32", device=CPU, phase="step") == Kernels(("addmm",), None)


# --- cuDNN ------------------------------------------------------------------------------------------------------

WIDE = {"input_size": 24, "hidden_size": 16}


@pytest.mark.parametrize(
    ("options", "lengths", "dtype", "reason", "remedy"),
    [
        (WIDE, None, "float16", "", ""),
        (WIDE, None, "bfloat16", "", ""),
        (
            WIDE,
            None,
            "float32",
            "cuDNN is asked for persistent kernels of wide layers in float16 alone",
            "dtype: float16",
        ),
        (WIDE, None, "float64", "in float64 cuDNN is asked for its standard kernels", "dtype: float32, or float16"),
        (WIDE, (5, 5), "float16", "for a packed batch cuDNN is asked for its standard kernels", "padding in place"),
        (
            WIDE | {"proj_size": 8},
            None,
            "float16",
            "with a projection cuDNN is asked for its standard kernels",
            "proj_size: 0",
        ),
        (
            {"input_size": 24, "hidden_size": 17},
            None,
            "bfloat16",
            "hidden_size 17 is no multiple of 8, which tensor cores want",
            "hidden_size 24",
        ),
        (
            {"input_size": 3, "hidden_size": 16},
            (5, 3),
            "float16",
            "for a packed batch cuDNN is asked for its standard kernels; "
            "input_size 3 is no multiple of 8, which tensor cores want",
            "padding in place of lengths; input_size 8",
        ),
    ],
)
def test_what_keeps_a_layer_from_cudnns_faster_kernels_is_told(
    options: dict[str, int], lengths: tuple[int, ...] | None, dtype: str, reason: str, remedy: str
) -> None:
    ran = ("_cudnn_rnn", "_cudnn_rnn_backward")
    kernels_of = explain(
        link(LSTM(type="LSTM", **options), Batch(2, 5, lengths)), ran, dtype=dtype, device=CUDA, phase="step"
    )
    assert (kernels_of.operators, kernels_of.fast, kernels_of.reason) == (ran, True, reason)
    assert kernels_of.remedy.startswith(remedy)
    assert bool(kernels_of.remedy) == bool(remedy)


def test_without_cudnn_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: False)
    served = explain(link(sized(GRU)), LOOP, dtype="float32", device=CUDA, phase="forward")
    assert (served.fast, served.reason) == (False, "this torch is built without cuDNN")
    monkeypatch.setattr(torch.backends.cudnn, "is_available", lambda: True)
    served = explain(link(sized(GRU)), LOOP, dtype="bfloat16", device=CUDA, phase="forward")
    assert served.remedy == "dtype: float16"


# --- warnings -----------------------------------------------------------------------------------------------


def test_tf32_is_told_where_it_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    links = [link(sized(LSTM))]
    with multiplying_float32("tf32", "rnn"):
        warning = kernels.tf32_in_force(links, "float32", CUDA)
        assert warning is not None
        assert warning.try_ == "--fp32-precision ieee times plain float32"
        assert kernels.tf32_in_force(links, "float32", CPU) is None
        assert kernels.tf32_in_force(links, "float64", CUDA) is None
        assert kernels.tf32_in_force([link(sized(JordanRNN, output_size=2))], "float32", CUDA) is None
    with multiplying_float32("ieee", "rnn"):
        assert kernels.tf32_in_force(links, "float32", CUDA) is None


# torch's own words, aten/src/ATen/native/cudnn/RNN.cpp
SCATTERED = (
    "RNN module weights are not part of single contiguous chunk of memory. This means they need to be compacted at "
    "every call, possibly greatly increasing memory usage. To compact weights again call flatten_parameters()."
)


def test_scattered_weights_are_told() -> None:
    messages = kernels.torch_warnings(lambda: [warnings.warn(SCATTERED, stacklevel=1) for _ in range(2)])
    assert messages == (SCATTERED,)
    warning = kernels.scattered_weights(messages, "float32", 1234)
    assert warning is not None
    assert "cuDNN copies 1,234 bytes together at every call" in warning.what
    assert warning.try_.startswith("call flatten_parameters()")
    assert kernels.scattered_weights(("something else",), "float32", 1234) is None
    # What torch never flattens is not told to be flattened.
    warning = kernels.scattered_weights((SCATTERED,), "bfloat16", 1234)
    assert warning is not None
    assert warning.what.endswith("copies 1,234 bytes together at every call, as torch flattens no bfloat16")
    assert warning.try_ == "dtype: float16, which it flattens"


def test_subnormals_are_told() -> None:
    ordinary = torch.tensor([0.0, 1.0, -1e-37])
    assert kernels.subnormals({"weight": ordinary, "h_0": torch.zeros(3)}) is None
    warning = kernels.subnormals(
        {"a": ordinary, "weight": torch.tensor([1e-39, -1e-40, 0.0]), "h": torch.tensor([1e-41])}
    )
    assert warning is not None
    assert warning.what.startswith("3 values of weight and others are subnormal")
    # 1e-5 is subnormal in float16, which the CPU computes in float32; in float64 1e-39 is ordinary.
    assert kernels.subnormals({"w": torch.tensor([1e-5], dtype=torch.float16)}) is None
    assert kernels.subnormals({"w": torch.tensor([1e-39], dtype=torch.float64)}) is None
    assert kernels.subnormals({"w": torch.tensor([1e-310], dtype=torch.float64)}) is not None


@pytest.mark.more
def test_torch_compile_leaves_recurrent_layers_alone() -> None:
    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.lstm, self.last = nn.Linear(3, 3), nn.LSTM(3, 4), nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.lstm(self.first(x))[0])

    for module in (nn.LSTM(3, 4), nn.GRU(3, 4), nn.RNN(3, 4), Between()):
        assert kernels.compiled_graphs(lambda compiled, module=module: compiled(module)(X)) == 0
    # After those, and after others' attempts, in the same process: torch.compile has not given up for good.
    torch.compile(nn.LSTM(3, 4), backend="eager")(X)
    assert kernels.compiled_graphs(lambda compiled: compiled(nn.LSTMCell(3, 4))(X[0])) == 1
    assert kernels.compiled_graphs(lambda compiled: compiled(nn.Linear(3, 4))(X)) == 1


def test_nothing_compiled_is_told() -> None:
    assert kernels.compiled_nothing(1) is None
    assert kernels.compiled_nothing(0) is not None
