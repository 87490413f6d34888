"""Convolutions and pools over the steps: held against torch's own, option by option, in every form of a batch."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import cases
from ended import Run
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from test_agreement import disagreements
from test_code import compare
from test_training import backward_flops, kept, on_cpu, planned_macs, saved_bytes, trained
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from worlds import CONFIGS, spec_of, text_of, written

from rnninspect.bench.bound import ChipMemory, work_of
from rnninspect.document.calls import with_calls
from rnninspect.document.chain import Spec
from rnninspect.document.connect import connect
from rnninspect.document.load import load_spec
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.errors import DocumentError
from rnninspect.layers.layer import Wants
from rnninspect.layers.pooling import AvgPool1d, MaxPool1d
from rnninspect.layers.registry import kind_of
from rnninspect.layers.signal import Batch, Signal
from rnninspect.layers.window import Window, WindowLayer
from rnninspect.plan import plan
from rnninspect.results.shapes import shapes_table
from rnninspect.runtime.modules import build, make_feed
from rnninspect.runtime.windows import run_window
from rnninspect.study.code import code
from rnninspect.study.explain import explain_layers
from rnninspect.study.gradflow import gradients_by_lag
from rnninspect.study.trace import trace_layers
from rnninspect.study.verify import verify_layers

CPU = torch.device("cpu")
LAYERS = {
    "plain": "type: Conv1d, out_channels: 8, kernel_size: 3",
    "padded": "type: Conv1d, out_channels: 8, kernel_size: 4, padding: 2, stride: 2, bias: false",
    "groups": "type: Conv1d, out_channels: 8, kernel_size: 2, groups: 2, dilation: 3, padding: 1",
    "depthwise": "type: Conv1d, out_channels: 12, kernel_size: 5, groups: 6, padding: 3",
    "same": "type: Conv1d, out_channels: 5, kernel_size: 3, padding: same, dilation: 2",
    "same and even": "type: Conv1d, out_channels: 5, kernel_size: 4, padding: same",
    "valid": "type: Conv1d, out_channels: 5, kernel_size: 2, padding: valid, stride: 3, padding_mode: zeros",
    "max": "type: MaxPool1d, kernel_size: 2",
    "max that overlaps": "type: MaxPool1d, kernel_size: 3, stride: 1, padding: 1",
    "max beyond the end": "type: MaxPool1d, kernel_size: 2, stride: 3, dilation: 2, padding: 1, ceil_mode: true",
    "mean": "type: AvgPool1d, kernel_size: 2",
    "mean with padding": "type: AvgPool1d, kernel_size: 3, stride: 2, padding: 1",
    "mean without padding": "type: AvgPool1d, kernel_size: 3, stride: 2, padding: 1, count_include_pad: false",
    "mean beyond the end": "type: AvgPool1d, kernel_size: 3, stride: 2, padding: 1, ceil_mode: true",
}
LENGTHS = [5, 9, 4, 9]
FORMS = {
    "steps first": ("batch_size: 3, seq_len: 7", False),
    "batch first": ("batch_size: 3, seq_len: 7", True),
    "unbatched": ("batch_size: null, seq_len: 7", False),
    "packed": (f"lengths: {LENGTHS}", False),
}
each_layer = pytest.mark.parametrize("called", LAYERS)
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")


def spec_with(called: str, form: str = "packed", dtype: str = "float64", after: str = "LSTM") -> Spec:
    """It between a GRU of 6 units and another layer."""
    given, first = FORMS[form]
    order = f"batch_first: {str(first).lower()}"
    layers = (
        f"name: before, type: GRU, input_size: 3, hidden_size: 6, {order}",
        f"name: it, {LAYERS[called]}",
        f"name: after, type: {after}, hidden_size: 4, bidirectional: true, {order}",
    )
    return spec_of(text_of(*layers, head=f"dtype: {dtype}\ninput: {{{given}}}"))


def one(called: str, *, channels: int = 6) -> WindowLayer:
    """The layer alone, fitted."""
    first = f", in_channels: {channels}" if "Conv1d" in LAYERS[called] else ""
    spec = spec_of(text_of(f"type: Linear, in_features: 2, out_features: {channels}", LAYERS[called] + first))
    layer = spec.links[1].layer
    assert isinstance(layer, WindowLayer)
    return layer


# Each layer with each form of a batch; `more` has all of them.
IN_TURN = [
    pytest.param(called, form, marks=() if (k + number) % 4 == 0 else pytest.mark.more)
    for k, called in enumerate(LAYERS)
    for number, form in enumerate(FORMS)
]


@pytest.mark.parametrize(("called", "form"), IN_TURN)
def test_plan_torch_and_equations_agree(called: str, form: str) -> None:
    spec = spec_with(called, form)
    assert disagreements(spec) == ()
    assert disagreements(spec, torch.device("meta")) == ()
    verified = verify_layers(spec, CPU)
    assert [(layer.name, layer.ok) for layer in verified.layers] == [("before", True), ("it", True), ("after", True)]
    weights = {f"grad {weight.name}" for weight in spec.links[1].layer.weights("float32")}
    assert {tensor.name for tensor in verified.layers[1].tensors} == {"output", "grad input", *weights}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("called", ["groups", "max", "mean without padding"])
def test_rounding_is_no_difference(called: str, dtype: str) -> None:
    assert verify_layers(spec_with(called, dtype=dtype), CPU).ok


@pytest.mark.parametrize(("called", "form"), IN_TURN)
def test_the_code_that_is_printed_computes_the_same(called: str, form: str) -> None:
    compare(spec_with(called, form, dtype="float32"))


@each_layer
def test_the_code_of_a_packed_batch_runs_on_meta(called: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = replace(spec_with(called, dtype="float32"), device="meta")
    exec(compile(code(spec), "printed", "exec"), {"__name__": "__main__"})
    output = plan(spec).layers[-1].outputs[0]
    assert capsys.readouterr().out.startswith(f"output {output.shape_text}\n")


# --- a packed batch -----------------------------------------------------------------------------------------


def alone(layer: WindowLayer, module: nn.Module, x: Tensor) -> list[Tensor]:
    """Each sequence by itself through torch's class, made by hand: no batch, nothing that pads or packs."""
    twin: nn.Module = getattr(nn, layer.type)(**layer.arguments()).double()
    twin.load_state_dict(module.state_dict())
    return [twin(x[:steps, n].T.contiguous()).T for n, steps in enumerate(LENGTHS)]


@each_layer
def test_a_sequence_of_a_packed_batch_is_as_if_it_were_alone(called: str) -> None:
    """Outputs, lengths and every gradient, with numbers below 0 beyond the ends too."""
    layer = one(called)
    module: nn.Module = getattr(nn, layer.type)(**layer.arguments()).double()
    x = torch.randn(9, 4, 6, dtype=torch.float64) - 1
    batched, single = x.clone().requires_grad_(), x.clone().requires_grad_()
    flow = run_window(layer, module, pack_padded_sequence(batched, LENGTHS, enforce_sorted=False), ("T",))
    assert isinstance(flow, PackedSequence)
    ours, lengths = pad_packed_sequence(flow)
    theirs = alone(layer, module, single)
    assert lengths.tolist() == [layer.window.length(steps) for steps in LENGTHS] == list(map(len, theirs))
    weigh = torch.randn_like(ours)
    for n, expected in enumerate(theirs):
        torch.testing.assert_close(ours[: len(expected), n], expected, rtol=0, atol=1e-12)
        assert not ours[len(expected) :, n].any()
    (gradient,) = torch.autograd.grad((ours * weigh).sum(), batched)
    loss = torch.stack([(expected * weigh[: len(expected), n]).sum() for n, expected in enumerate(theirs)]).sum()
    (expected,) = torch.autograd.grad(loss, single)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


class FrontEnd(nn.Module):
    """configs/convolution.yaml as a person writes it, sequence after sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Conv1d(40, 64, 5, stride=2, padding=2)
        self.depthwise = nn.Conv1d(64, 64, 3, padding="same", dilation=2, groups=64, bias=False)
        self.mixed = nn.Conv1d(64, 96, 1)
        self.pool = nn.MaxPool1d(2)
        self.encoder = nn.LSTM(96, 32, bidirectional=True)
        self.smooth = nn.AvgPool1d(3, stride=1, padding=1, count_include_pad=False)
        self.head = nn.Linear(64, 29)

    def forward(self, x: Tensor) -> Tensor:
        """(L, 40) -> (L', 29)."""
        x = self.pool(self.mixed(self.depthwise(self.front(x.T).relu()))).tanh()
        x, _ = self.encoder(x.T)
        output: Tensor = self.head(self.smooth(x.T).T)
        return output


def test_a_front_end_is_the_module_that_a_person_writes() -> None:
    """Weights copied: outputs and all gradients to 1e-6, and the lengths that come out."""
    spec = load_spec(str(CONFIGS / "convolution.yaml"))
    model, theirs = build(spec, "cpu"), FrontEnd()
    weights = {
        f"{link.layer.name}.{name}": values
        for link, layer in zip(spec.links, model.layers, strict=True)
        for name, values in layer.named_parameters()
    }
    theirs.load_state_dict(weights)
    assert plan(spec).parameters == sum(values.numel() for values in theirs.parameters()) == 54_461
    packed = make_feed(spec, CPU).input
    x, given = pad_packed_sequence(packed)
    output, lengths = pad_packed_sequence(model(packed))
    expected = [theirs(x[:steps, n]) for n, steps in enumerate(given.tolist())]
    assert lengths.tolist() == [15, 10, 13, 8] == list(map(len, expected))
    for n, each in enumerate(expected):
        torch.testing.assert_close(output[: len(each), n], each, rtol=0, atol=1e-6)
    output.square().sum().backward()
    torch.stack([each.square().sum() for each in expected]).sum().backward()
    own = dict(theirs.named_parameters())
    for name, values in weights.items():
        torch.testing.assert_close(values.grad, own[name].grad, rtol=1e-5, atol=1e-6)


def test_weights_that_a_person_saved_fit_the_document(here: Run, tmp_path: Path) -> None:
    saved = tmp_path / "front.pt"
    torch.save(FrontEnd().state_dict(), saved)
    document = str(CONFIGS / "convolution.yaml")
    fits = here("check", document, "--weights", str(saved))
    assert (fits.returncode, "fits: 15 of 15 tensors" in fits.stdout) == (0, True)
    other = here("check", document, "--weights", str(saved), "--set", "front.kernel_size=3")
    assert (other.returncode, "(64, 40, 5) in the file and (64, 40, 3) here" in other.stderr) == (1, True)


def test_the_convolutions_of_a_published_model() -> None:
    """RNNoise (2024) begins so: its two convolutions have 25,088 and 98,560 parameters."""
    front = (
        "type: Conv1d, in_channels: 65, out_channels: 128, kernel_size: 3",
        "type: Tanh",
        "type: Conv1d, out_channels: 256, kernel_size: 3",
        "type: Tanh",
    )
    model = plan(spec_of(text_of(*front, head="input: {batch_size: 2, seq_len: 10}")))
    assert [layer.counts.parameters for layer in model.layers] == [65 * 128 * 3 + 128, 0, 128 * 256 * 3 + 256, 0]
    assert model.layers[-1].outputs[0].shape == (6, 2, 256)


@pytest.mark.parametrize(
    ("called", "change"),
    [
        ("max that overlaps", lambda patch: patch.setattr(MaxPool1d, "pads_with", 0.0)),
        ("mean without padding", lambda patch: patch.setattr(AvgPool1d, "by_sequence", False)),
        ("padded", lambda patch: patch.setattr(Window, "length", lambda self, steps: steps // 2)),
    ],
)
def test_a_wrong_end_is_seen(called: str, change: Callable[[pytest.MonkeyPatch], None]) -> None:
    """Zeros where a maximum is taken, a mean over what is no sequence; one step too few."""
    with pytest.MonkeyPatch.context() as patch:
        change(patch)
        spec = spec_with(called)
        spec = replace(spec, links=spec.links[:2])
        seen = [not layer.ok for layer in verify_layers(spec, CPU).layers[1:]] if called != "padded" else []
        assert seen == [True] or disagreements(spec) != ()


# --- lengths -------------------------------------------------------------------------------------------------


@examples(150)
@given(st.data())
def test_so_many_steps_come_out_as_torch_says(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["Conv1d", "MaxPool1d", "AvgPool1d"]))
    kernel, stride, dilation = (data.draw(st.integers(1, 6)) for _ in range(3))
    steps = data.draw(st.integers(1, 30))
    keys: dict[str, Any] = {"kernel_size": kernel, "stride": stride}
    if kind == "Conv1d":
        same = st.sampled_from(["same", "valid"]) if stride == 1 else st.just("valid")
        keys |= {"in_channels": 1, "out_channels": 1, "padding": data.draw(st.integers(0, 7) | same)}
    else:
        keys |= {"padding": data.draw(st.integers(0, kernel // 2)), "ceil_mode": data.draw(st.booleans())}
    if kind != "AvgPool1d":
        keys["dilation"] = dilation
    layer = kind_of(kind).model_validate({"type": kind, **keys})
    assert isinstance(layer, WindowLayer)
    try:
        expected = getattr(nn, kind)(**keys)(torch.zeros(1, 1, steps)).shape[-1]
    except RuntimeError:
        expected = 0
    assert max(layer.window.length(steps), 0) == expected
    if expected and layer.window.keeps_length:
        assert expected == steps
    assert (steps >= layer.window.least) == (expected > 0)
    said = re.sub(r"^(floor|ceil)(.*) / ", r"math.\1\2 / ", layer.window.formula(steps))
    assert eval(said, {"math": math}) == layer.window.length(steps)


def test_the_layer_hands_on_a_batch_of_its_own() -> None:
    given, put_out = (link.signal.batch for link in spec_with("padded").links[1:])
    assert (given.lengths, put_out.lengths) == ((5, 9, 4, 9), (3, 5, 3, 5))
    assert put_out.letters == {"L": 5, "N": 4, "T": 16}
    model = plan(spec_with("padded"))
    assert [layer.outputs[0].shape for layer in model.layers] == [(27, 6), (16, 8), (16, 8)]
    assert model.layers[1].outputs[0].unpacked_shape == (5, 4, 8)
    assert "lengths after it: 3, 5, 3, 5" in shapes_table(model).notes


def test_a_cut_model_keeps_the_steps_that_its_windows_need() -> None:
    spec = spec_with("padded")
    assert [link.signal.batch.lengths for link in spec.cut(2, 2).links] == [(5, 9), (5, 9), (3, 5)]
    smaller = spec.with_batch(replace(spec.batch, size=1, lengths=(6,)))
    assert [link.signal.batch.lengths for link in smaller.links] == [(6,), (6,), (4,)]


def test_an_open_batch_stays_open_where_as_many_steps_come_out() -> None:
    signal = Signal(Batch("N", "L"), ("L", "N"), 6)
    same = one("same")
    assert same.emits(same.fit(signal, {}) and signal).tensor("y", "H", "float32").shape == ("L", "N", 5)
    with pytest.raises(Exception, match=r"nobody says how long its input is: floor\(\(L \+ 2\*0"):
        one("plain").fit(signal, {})
    assert one("plain").emits(replace(signal, batch=Batch("N", 7))).batch == Batch("N", 5)


# --- what is refused -----------------------------------------------------------------------------------------


# Layers, their input where it is not that of the others, and what is said of them.
MISFITS = cases(
    """
type: Conv1d, in_channels: 3, out_channels: 2, kernel_size: 3
    lengths: [4, 2, 3]
    layers[0].kernel_size: layer 'conv1d': expected at least 1 step to come out, the sequence of input.lengths[1] has
      2: floor((2 + 2*0 - 1*(3 - 1) - 1) / 1) + 1 = 0 (a smaller kernel_size or dilation, more padding, or no sequence
      of less than 3 steps)
type: Linear, in_features: 3, out_features: 2 | type: MaxPool1d, kernel_size: 7 | type: AvgPool1d, kernel_size: 3
    layers[1].kernel_size: layer 'maxpool1d': expected at least 1 step to come out, its input has 5: floor((5 + 2*0 -
      1*(7 - 1) - 1) / 7) + 1 = 0 (a smaller kernel_size or dilation, more padding, or no sequence of less than 7 steps)
type: Conv1d, in_channels: 3, out_channels: 2, kernel_size: 3 | type: MaxPool1d, kernel_size: 3
    lengths: [9, 2, 8]
    layers[0].kernel_size: layer 'conv1d': expected at least 1 step to come out, the sequence of input.lengths[1] has
      2: floor((2 + 2*0 - 1*(3 - 1) - 1) / 1) + 1 = 0 (a smaller kernel_size or dilation, more padding, or no sequence
      of less than 3 steps)
type: Conv1d, in_channels: 4, out_channels: 6, kernel_size: 1, groups: 3
    layers[0].groups: layer 'conv1d': expected a divisor of in_channels 4, got 3
type: Conv1d, in_channels: 4, out_channels: 6, kernel_size: 3, padding: same, stride: 2
    layers[0].padding: layer 'conv1d': expected a number: torch has no same with stride 2 (stride: 1, or a number)
type: Conv1d, out_channels: 6, kernel_size: 3
    layers[0].in_channels: layer 'conv1d': required: there is no layer before to infer it from (add in_channels)
type: Embedding, num_embeddings: 9, embedding_dim: 3 | type: Conv1d, in_channels: 4, out_channels: 6, kernel_size: 3
    layers[1].in_channels: layer 'conv1d': expected 3, the width that layer 'embedding' puts out, got 4 (leave
      in_channels out, or change layer 'embedding')
type: MaxPool1d, kernel_size: 2 | type: Embedding, num_embeddings: 9, embedding_dim: 3
    layers[0].type: layer 'maxpool1d': MaxPool1d cannot come first: nothing says how wide its input is (put a layer
      before it, or say in the one after it how wide its input is)
type: AvgPool1d, kernel_size: 3, padding: 2 | type: Linear, in_features: 3, out_features: 2
    layers[0].padding: layer 'avgpool1d': expected at most 1, half of kernel_size 3, got 2
type: Linear, in_features: 3, out_features: 2 | type: MaxPool1d, kernel_size: 2, padding: 1, dilation: 3
    lengths: [6, 2]
    layers[1].dilation: layer 'maxpool1d': expected at most 2, the steps of the shortest input, got 3
type: MaxPool1d, kernel_size: 3, return_indices: true | type: Linear, in_features: 3, out_features: 2
    layers[0].return_indices: layer 'maxpool1d': expected false: a document has no place for indices, got true
name: rnn, type: GRU, input_size: 3, hidden_size: 4, feeds: last | type: Conv1d, out_channels: 6, kernel_size: 3
    layers[1].type: layer 'conv1d': expected a sequence, got the last state of layer 'rnn' (give 'rnn' feeds: output)
type: Conv1d, in_channels: 4, out_channels: 6, kernel_size: 3, padding: full
    layers[0].padding: expected an integer >= 0, same or valid, got 'full'
"""
)


@pytest.mark.parametrize("layers", MISFITS)
def test_what_does_not_go_is_told_in_one_line(layers: str) -> None:
    *given, said = MISFITS[layers]
    with pytest.raises(DocumentError) as caught:
        spec_of(text_of(*layers.split(" | "), head=f"input: {{{given[0] if given else 'batch_size: 2, seq_len: 5'}}}"))
    assert len(caught.value.faults) == 1
    assert str(caught.value).partition(": ")[2] == said


def test_a_pool_first_is_as_wide_as_the_layer_after_it_says() -> None:
    spec = spec_of(
        text_of("type: AvgPool1d, kernel_size: 2", "type: Conv1d, in_channels: 7, out_channels: 2, kernel_size: 2")
    )
    assert plan(spec).layers[0].outputs[0].shape == (2, 3, 7)


@pytest.mark.parametrize(
    ("call", "written"),
    [
        (
            "nn.Conv1d(6, 8, 3, 2, padding=1)",
            "type: Conv1d, in_channels: 6, out_channels: 8, kernel_size: 3, stride: 2, padding: 1",
        ),
        (
            "Conv1d(6, 8, kernel_size=(3,), stride=(1,), padding=same, groups=2)",
            "type: Conv1d, in_channels: 6, out_channels: 8, kernel_size: 3, padding: same, groups: 2",
        ),
        (
            "MaxPool1d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
            "type: MaxPool1d, kernel_size: 2",
        ),
        ("AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,))", "type: AvgPool1d, kernel_size: 2"),
    ],
)
def test_a_call_as_torch_prints_it_is_a_layer(call: str, written: str) -> None:
    first = "  - {type: Linear, in_features: 2, out_features: 6}"
    texts = [f"input: {{batch_size: 3, seq_len: 5}}\nlayers:\n{first}\n  - {it}\n" for it in (call, f"{{{written}}}")]
    trees = [with_calls(read_tree(text, "doc.yaml")) for text in texts]
    called, keyed = (connect(validate(tree), tree, "doc") for tree in trees)
    assert plan(called).layers == plan(keyed).layers


# --- costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", ["true", "false"])
def test_a_kernel_of_one_step_costs_what_a_linear_does(bias: str) -> None:
    """Parameters and their law, operations forward and backward, what is kept, and what is to be moved."""
    for form, trains in itertools.product((value for value, _ in FORMS.values()), ("true", "false")):
        models = []
        for layer in ("Linear, out_features: 5", "Conv1d, out_channels: 5, kernel_size: 1"):
            text = text_of(
                "type: GRU, input_size: 3, hidden_size: 4",
                f"name: it, type: {layer}, bias: {bias}, trainable: {trains}",
                head=f"input: {{{form}}}",
            )
            spec = spec_of(text)
            facts = plan(spec).layers[1]
            memory, wants = ChipMemory(on_chip=0), Wants(input=True, states=False)
            works = [
                work_of(spec.links[1], facts, name, dtype="float32", memory=memory, wants=wants)
                for name in ("forward", "forward+grad", "backward")
            ]
            counts = [(weight.count, weight.init, weight.trainable) for weight in facts.weights]
            models.append((counts, facts.forward, facts.backward, facts.outputs[0].shape, works))
        assert models[0] == models[1]


@pytest.mark.parametrize(
    "called", [called for called in LAYERS if "Conv1d" in LAYERS[called] and called != "same and even"]
)
def test_backward_macs_are_torchs(called: str) -> None:
    for flags in itertools.product((True, False), repeat=3):
        layers = ("type: Linear, in_features: 3, out_features: 6", LAYERS[called], "type: Linear, out_features: 4")
        spec = spec_of(trained(*layers, flags=flags, given="batch_size: 3, seq_len: 8"))
        # why: torch's counter takes the gradient of W for one without groups.
        window, macs = spec.links[1].layer, plan(spec).layers[1].forward.macs
        groups = getattr(window, "groups", 1) if flags[1] else 1
        assert 2 * (planned_macs(spec) + (groups - 1) * macs) == backward_flops(spec), flags


def test_a_pool_compares_each_step_of_a_window_but_the_first() -> None:
    """Of 20 steps of 30 features in 8 sequences windows of 5 make 16."""
    layer = "type: MaxPool1d, kernel_size: 5, stride: 1"
    spec = spec_of(
        trained(
            "type: Linear, in_features: 4, out_features: 30",
            layer,
            flags=(True,) * 2,
            given="batch_size: 8, seq_len: 20",
        )
    )
    pooled = plan(spec).layers[1]
    assert pooled.outputs[0].shape == (16, 8, 30)
    assert (pooled.forward.macs, pooled.forward.elementwise) == (0, 8 * 16 * 30 * 4)


@each_layer
def test_autograd_keeps_what_is_said(called: str) -> None:
    before, after = "type: Linear, in_features: 30, out_features: 60", "type: Linear, out_features: 5"
    layer = LAYERS[called].replace("channels: ", "channels: 6")
    for lengths in ("", ", lengths: [20, 9, 9, 9, 18, 15, 12, 20]"):
        head = f"batch_size: 8, seq_len: 20{lengths}"
        spec = spec_of(trained(before, layer, after, flags=(True,) * 3, given=head))
        saved, said = saved_bytes(spec), kept(plan(spec))
        assert said == kept(on_cpu(spec))
        # torch keeps how many sequences run at each step that goes in and comes out, in int64
        assert 0 <= saved - said <= (8 * 2 * 22 if lengths else 0)


# --- what is told --------------------------------------------------------------------------------------------


def test_an_explanation_has_the_equation_the_axes_and_the_lengths() -> None:
    _, it, _ = explain_layers(spec_with("padded"))
    assert it.summary == (
        "y_t = sum over k of W_k x_{2t + k - 2}, k = 0 to 3, W_k = weight[:, :, k], "
        "x being 0 before the first step and after the last."
    )
    turned, steps, ends, macs = it.remarks
    assert turned.endswith(
        "(9, 4, 6) is handed to it as (4, 6, 9), and what it puts out, (4, 8, 5), is turned back to (5, 4, 8)."
    )
    assert steps.endswith("floor((length + 2*2 - 1*(4 - 1) - 1) / 2) + 1: 5 becomes 3, 9 becomes 5, 4 becomes 3.")
    assert "cut off" in ends
    assert "padding too" in macs
    (pool,) = [layer for layer in explain_layers(spec_with("max")) if layer.facts.name == "it"]
    assert pool.summary.startswith("y_t = max over k of x_{2t + k}, k = 0 to 1, of each feature by itself")
    assert "-inf" in pool.remarks[-1]


@each_layer
def test_every_layer_is_explained(called: str) -> None:
    for form in FORMS:
        _, it, _ = explain_layers(spec_with(called, form))
        assert len(it.remarks) >= 2
        assert all(sentence.endswith(".") and "  " not in sentence for sentence in (it.summary, *it.remarks))


def test_lags_are_steps_of_the_layer_whose_output_is_read() -> None:
    found = gradients_by_lag(spec_with("padded"), CPU)
    assert (found.layer, found.stride, found.apart, found.position) == ("after", 2, ("before",), 1)
    assert {curve.layer for curve in found.curves} == {"after"}
    assert {weight.layer for weight in found.weights} == {"before", "it", "after"}
    assert [weight for weight in found.weights if not weight.norm] == []
    first = gradients_by_lag(spec_with("padded"), CPU, layer="before")
    assert (first.stride, first.apart, {curve.layer for curve in first.curves}) == (1, (), {"before"})
    alike = gradients_by_lag(spec_with("same"), CPU)
    assert (alike.stride, alike.apart) == (1, ())
    assert {curve.layer for curve in alike.curves} == {"before", "after"}


def test_a_window_that_is_not_on_the_way_changes_no_lag() -> None:
    layers = (
        "name: front, type: Conv1d, in_channels: 6, out_channels: 6, kernel_size: 1, stride: 2",
        "name: low, type: GRU, hidden_size: 4",
        "name: high, from: input, type: GRU, input_size: 6, hidden_size: 4",
    )
    spec = spec_of(text_of(*layers, head="outputs: [low, high]\ninput: {batch_size: 2, seq_len: 9}"))
    found = gradients_by_lag(spec, CPU)
    assert (found.layer, found.stride, found.apart) == ("high", 1, ())
    assert {curve.layer for curve in found.curves} == {"high"}
    assert gradients_by_lag(spec, CPU, layer="low").stride == 2


def test_weights_before_a_window_have_gradients() -> None:
    spec = spec_with("depthwise", "unbatched", after="GRU")
    found = gradients_by_lag(spec, CPU)
    assert all(weight.norm for weight in found.weights if weight.layer != "after")


def test_steps_are_traced_where_they_are() -> None:
    levels = trace_layers(spec_with("padded"), CPU).levels
    assert {(level.layer, len(level.steps)) for level in levels} == {("before", 9), ("after", 5)}
    after = next(level for level in levels if level.layer == "after")
    assert [step.running for step in after.steps] == [4, 4, 4, 2, 2]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "trace --step 3 --sequence 2",
            "--step 3: expected 0 to 2, sequence 2 of what layer 'after' reads has 3 steps",
        ),
        ("trace --step 3 --sequence 2 --layer before", ""),
        (
            "gradflow --step 3",
            "--step 3: expected 0 to 2, the shortest sequence of what layer 'after' reads has 3 steps",
        ),
        ("gradflow --step 3 --layer before", ""),
    ],
)
def test_a_step_is_one_of_the_layers_own(here: Run, tmp_path: Path, command: str, message: str) -> None:
    layers = (f"name: {name}, type: GRU, input_size: 6, hidden_size: 6" for name in ("before", "after"))
    before, after = layers
    path = written(tmp_path, text_of(before, f"name: it, {LAYERS['max']}", after, head="input: {lengths: [7, 9, 6]}"))
    name, *options = command.split()
    done = here(name, str(path), *options)
    assert (done.returncode, message in done.stderr) == (2 if message else 0, True)


def test_what_has_no_lag_in_common_is_told(here: Run, tmp_path: Path) -> None:
    front = "type: Conv1d, in_channels: 6, out_channels: 6, kernel_size: 3, stride: 2"
    first, last = ("name: first, type: GRU, hidden_size: 4", "name: last, type: GRU, hidden_size: 4")
    path = written(tmp_path, text_of(front, first, LAYERS["mean"], last, head="input: {batch_size: 2, seq_len: 30}"))
    told = here("gradflow", str(path)).stdout
    assert "A lag is counted in steps of last, each of which is 4 of the model's input." in told
    assert "first runs over another number of steps than last" in told
