"""BatchNorm1d: its equation in both modes, its statistics as buffers, and everything that reads a state_dict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from test_activations import FORMS
from test_agreement import BATCHES, CPU, built_with, disagreements, facts_named
from test_training import kept, on_cpu, saved_bytes
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from worlds import CONFIGS, document, spec_of

from rnninspect.bench.clock import Clock
from rnninspect.bench.phases import Phase, subjects
from rnninspect.bench.prepare import need_rows
from rnninspect.cells.language import parse
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.errors import CannotHere, DocumentError
from rnninspect.facts.amounts import Ops
from rnninspect.guard.locked import locked_model
from rnninspect.layers.layer import NOTHING_KEPT, Wants
from rnninspect.plan import bytes_needed, plan
from rnninspect.results.explain import explain_blocks
from rnninspect.results.verify import verify_tables
from rnninspect.runtime.modules import build, ready
from rnninspect.runtime.plain import BatchNormModule
from rnninspect.study.code import code
from rnninspect.study.explain import explain_layers
from rnninspect.study.verify import IN_TRAINING, verify_layers

LAYERS: dict[str, dict[str, object]] = {
    "plain": {},
    "of all batches": {"momentum": None, "eps": 0.5},
    "another share": {"momentum": 0.7, "bias": False},
    "not affine": {"affine": False},
    "without statistics": {"track_running_stats": False},
    "of the batch alone": {"track_running_stats": False, "affine": False},
    "frozen": {"trainable": False},
}
each_layer = pytest.mark.parametrize("called", LAYERS)


def spec_with(called: str = "plain", batch: str = "batched", dtype: str = "float64", **before: object) -> Spec:
    """It after a GRU of 7 units, and a Linear after it."""
    gru = {"type": "GRU", "input_size": 3, "hidden_size": 7, **before}
    norm = {"name": "norm", "type": "BatchNorm1d", **LAYERS[called]}
    head = {"type": "Linear", "out_features": 2}
    return spec_of({"input": BATCHES[batch], "dtype": dtype, "layers": [gru, norm, head]})


# --- the equation, in both modes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("batch", "before"), FORMS.values(), ids=FORMS)
@each_layer
def test_plan_torch_and_equation_agree(called: str, batch: str, before: dict[str, object]) -> None:
    spec = spec_with(called, batch, **before)
    assert disagreements(spec) == ()
    verified = verify_layers(spec, CPU)
    assert verified.ok
    options = LAYERS[called]
    affine, bias = options.get("affine", True), options.get("bias", True)
    once = ["output", "grad input", *["grad weight"] * bool(affine), *["grad bias"] * bool(affine and bias)]
    moved = ["running_mean", "running_var", "num_batches_tracked"] * bool(options.get("track_running_stats", True))
    names = [tensor.name for tensor in verified.layers[1].tensors]
    assert names == [*once, *(name + IN_TRAINING for name in (*once, *moved))]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@each_layer
def test_rounding_is_no_difference(called: str, dtype: str) -> None:
    assert disagreements(spec_with(called, dtype=dtype)) == ()
    assert verify_layers(spec_with(called, dtype=dtype), CPU).ok


@pytest.mark.parametrize(
    "text", ["y = (x - mean) / (sqrt(var) + 0.5) * w + b", "y = (x - mean) / sqrt(var + 0.5) + w * b"]
)
def test_a_wrong_equation_is_seen(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    spec = spec_with("of all batches")
    monkeypatch.setattr(type(spec.links[1].layer), "cell", parse(text, given=("mean", "var")))
    wrong = [tensor.name for tensor in verify_layers(spec, CPU).layers[1].tensors if not tensor.ok]
    assert {"output", "output in training"} <= set(wrong)


def swapped(self: BatchNormModule, x: Tensor) -> dict[str, Tensor]:
    """The batch's statistics where the running ones belong, and the other way round."""
    if not self.training:
        return {"mean": x.mean(1), "var": x.var(1, unbiased=False)}
    return {"mean": self.running_mean, "var": self.running_var}


def test_the_modes_taken_for_one_another_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchNormModule, "outside", swapped)
    wrong = {tensor.name for tensor in verify_layers(spec_with(), CPU).layers[1].tensors if not tensor.ok}
    assert {"output", "output in training", "running_mean in training", "num_batches_tracked in training"} <= wrong


def test_a_variance_of_all_rows_is_not_the_one_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    right = BatchNormModule._move
    monkeypatch.setattr(
        BatchNormModule, "_move", lambda self, momentum, mean, var: right(self, momentum, mean, var * 14 / 15)
    )
    wrong = [tensor.name for tensor in verify_layers(spec_with(), CPU).layers[1].tensors if not tensor.ok]
    assert wrong == ["running_var in training"]


def test_verify_says_what_it_drew_and_leaves_the_model_as_it_was() -> None:
    spec = spec_with()
    verified = verify_layers(spec, CPU)
    assert (verified.drawn, verified.eval_alone) == (("norm",), ())
    assert any(
        note.startswith("drawn at random, for fresh ones change nothing") for note in verify_tables(verified)[0].notes
    )
    assert disagreements(spec) == ()


ONE_ROW = "input: {batch_size: 1, seq_len: 4}\nlayers:\n  - {type: GRU, input_size: 2, hidden_size: 3, feeds: last}\n"


def test_one_row_is_verified_in_eval_mode_alone() -> None:
    spec = spec_of(ONE_ROW + "  - {name: norm, type: BatchNorm1d}\n")
    assert disagreements(spec) == ()
    verified = verify_layers(spec, CPU)
    assert verified.ok
    assert verified.eval_alone == ("norm",)
    assert not [tensor for tensor in verified.layers[1].tensors if tensor.name.endswith(IN_TRAINING)]
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        nn.BatchNorm1d(3)(torch.zeros(1, 3))


# --- buffers ------------------------------------------------------------------------------------------------


@each_layer
def test_buffers_are_torchs_and_no_parameters(called: str) -> None:
    spec = spec_with(called, dtype="float32")
    planned = plan(spec).layers[1]
    module = build(spec, "cpu").layers[1]
    real = {name: (tuple(tensor.shape), tensor.nbytes) for name, tensor in module.named_buffers()}
    assert {buffer.name: (buffer.shape, buffer.nbytes) for buffer in planned.buffers} == real
    assert planned.counts.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert planned.buffer_bytes == sum(nbytes for _, nbytes in real.values())


CHANGES: dict[str, tuple[Callable[[nn.Module], object], set[str]]] = {
    "a value": (lambda module: module.running_var.fill_(2), {"running_var values"}),  # type: ignore[operator, union-attr]
    "a count": (lambda module: module.num_batches_tracked.add_(1), {"num_batches_tracked values"}),  # type: ignore[operator, union-attr]
    "one gone": (lambda module: setattr(module, "num_batches_tracked", None), {"buffers num_batches_tracked"}),
    "one more": (lambda module: module.register_buffer("more", torch.zeros(3)), {"buffers more"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_buffer_that_is_another_is_caught(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    norm = {"input": BATCHES["batched"], "layers": [{"type": "BatchNorm1d", "num_features": 5}]}
    alter, caught = CHANGES[change]
    assert facts_named(built_with(monkeypatch, alter, norm)) == caught


def test_memory_has_them_and_parameters_have_not() -> None:
    spec = spec_with(dtype="float32")
    facts = plan(spec)
    assert facts.buffer_bytes == 4 * 14 + 8
    without = replace(facts, layers=tuple(replace(layer, buffers=()) for layer in facts.layers))
    assert bytes_needed(spec, facts) == bytes_needed(spec, without) + facts.buffer_bytes
    assert (facts.training_bytes or 0) - facts.buffer_bytes == without.training_bytes
    assert facts.parameter_bytes == without.parameter_bytes


@pytest.mark.more
@pytest.mark.parametrize(("options", "count"), [({}, 4), ({"bias": False}, 3), ({"affine": False}, 2)])
def test_keras_counts_its_statistics(monkeypatch: pytest.MonkeyPatch, options: dict[str, bool], count: int) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    affine = options.get("affine", True)
    layer = keras.layers.BatchNormalization(scale=affine, center=affine and options.get("bias", True))
    layer.build((None, 7))
    spec = spec_of({"input": BATCHES["batched"], "layers": [{"type": "BatchNorm1d", "num_features": 7, **options}]})
    assert plan(spec).counts.keras == layer.count_params() == 7 * count


def test_keras_has_none_without_statistics() -> None:
    assert plan(spec_with("without statistics")).layers[1].counts.keras is None


# --- counts -------------------------------------------------------------------------------------------------

# Operations of each element: x - mean, the division, w, b; and of the batch's statistics two sums and a square.
FORWARD = {
    "plain": 4,
    "another share": 3,
    "not affine": 2,
    "without statistics": 7,
    "of the batch alone": 5,
    "frozen": 4,
}
# Of an input that nobody wants: the gradients of w, a product and its sum, and of b, a sum.
BACKWARD_OF_WEIGHTS = {"plain": 3, "another share": 2, "not affine": 0, "without statistics": 3, "frozen": 0}


@pytest.mark.parametrize("called", FORWARD)
def test_what_it_costs(called: str) -> None:
    link = spec_with(called, "packed").links[1]
    elements = link.signal.tokens * 7
    assert link.layer.forward_ops(link.signal) == Ops(0, FORWARD[called] * elements)
    weights = link.layer.weights("float32")
    assert link.layer.backward_ops(link.signal, weights, Wants(input=True, states=False)) == Ops(0, 7 * elements)
    alone = Wants(input=False, states=False)
    if called in BACKWARD_OF_WEIGHTS:
        each = BACKWARD_OF_WEIGHTS[called]
        assert link.layer.backward_ops(link.signal, weights, alone) == Ops(0, each * elements)
        assert (link.layer.kept(link.signal, "float32", weights, alone) == NOTHING_KEPT) is (each == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", ["batched", "packed"])
@each_layer
def test_autograd_keeps_what_is_said(called: str, batch: str, dtype: str) -> None:
    first = {"type": "Linear", "in_features": 3, "out_features": 7}
    norm = {"type": "BatchNorm1d", **LAYERS[called]}
    for last in ({"type": "Linear", "out_features": 2}, {"type": "Dropout"}):
        spec = spec_of({"input": BATCHES[batch], "dtype": dtype, "layers": [first, norm, last]})
        assert kept(plan(spec)) == kept(on_cpu(spec)) == saved_bytes(spec)


# --- the document -------------------------------------------------------------------------------------------

REFUSED = {
    "type: BatchNorm1d, num_features: 3": ("num_features", "expected 5, the width that layer 'first' puts out, got 3"),
    "type: BatchNorm1d, momentum: x": ("momentum", "expected a number, or null for the mean of all batches, got 'x'"),
    "type: BatchNorm1d, eps: 0": ("eps", "expected a number > 0, got 0"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_fit(text: str) -> None:
    field, message = REFUSED[text]
    with pytest.raises(DocumentError) as caught:
        spec_of(document("name: first, type: Linear, in_features: 2, out_features: 5", text))
    assert caught.value.path == f"layers[1].{field}"
    assert message in caught.value.message


def test_the_first_layer_says_how_wide_its_input_is() -> None:
    with pytest.raises(DocumentError, match="required: there is no layer before to infer it from"):
        spec_of(document("type: BatchNorm1d"))
    spec = spec_of(document("type: ReLU", "type: BatchNorm1d, num_features: 5", "type: GRU, hidden_size: 3"))
    assert spec.inputs[0].shape == (6, 3, 5)
    assert disagreements(spec) == ()


def test_one_row_is_refused_where_no_statistics_are_kept() -> None:
    """torch refuses it in eval mode too."""
    with pytest.raises(DocumentError, match="needs more than one row, and here is one") as caught:
        spec_of(ONE_ROW + "  - {name: norm, type: BatchNorm1d, track_running_stats: false}\n")
    assert caught.value.path == "layers[1].track_running_stats"
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        nn.BatchNorm1d(3, track_running_stats=False).eval()(torch.zeros(1, 3))


def test_the_lock_keeps_what_is_not_at_its_default() -> None:
    spec = spec_with("of all batches")
    locked = locked_model(spec, plan(spec)).layers["norm"]
    assert dict(locked.settings or {}) == {"num_features": 7, "momentum": None, "eps": 0.5}
    assert dict(locked.weights) == {"weight": (7,), "bias": (7,)}


# --- pages --------------------------------------------------------------------------------------------------


def page_of(called: str, batch: str = "batched") -> tuple[str, str]:
    """The equation, and all that stands below it."""
    _, norm, _ = explain_layers(spec_with(called, batch))
    (written,) = norm.equations
    return written.text, "\n".join(explain_blocks([norm])[0].notes)


def test_explain_tells_the_modes_apart() -> None:
    text, notes = page_of("plain")
    assert text == "y_t = (x_t - mean) / √(var + 1e-05) ⊙ w + b"
    assert (
        "In eval mode, which every command runs but the training phases of bench, mean and var are running_me" in notes
    )
    assert "In training mode mean and var are those of the batch, n being its 15 rows: mean = sum(x) / n" in notes
    assert (
        "running_mean becomes 0.9 running_mean + 0.1 mean, running_var 0.9 running_var + 0.1 var n / (n - 1)" in notes
    )


def test_explain_of_what_is_not_at_its_default() -> None:
    assert page_of("another share")[0] == "y_t = (x_t - mean) / √(var + 1e-05) ⊙ w"
    assert page_of("not affine")[0] == "y_t = (x_t - mean) / √(var + 1e-05)"
    assert "are the means, over all batches so far, of mean and of var n / (n - 1)" in page_of("of all batches")[1]
    assert (
        "In either mode mean and var are those of the batch, n being its 15 rows"
        in page_of("of the batch alone", "packed")[1]
    )
    assert "What is frozen are w and b: the statistics go on changing" in page_of("frozen")[1]


@pytest.mark.parametrize("command", ["weights", "params"])
def test_a_line_says_that_there_are_buffers(here: Callable[..., Any], command: str) -> None:
    done = here(command, str(CONFIGS / "batchnorm.yaml"), "--plan")
    line = (
        "buffers of norm1 and norm2 (running_mean, running_var, num_batches_tracked): 70 numbers, 288 B; they are no "
        "parameters."
    )
    assert line in done.stdout.splitlines()
    assert "buffers" not in here(command, str(CONFIGS / "tagger.yaml"), "--plan").stdout


@each_layer
@pytest.mark.parametrize("batch", ["unbatched", "packed"])
def test_the_printed_module_computes_the_same_in_both_modes(called: str, batch: str) -> None:
    spec = spec_with(called, batch, dtype="float32")
    scope: dict[str, Any] = {"__name__": "printed"}
    exec(code(spec), scope)
    printed, real = scope["Model"](), build(spec, "cpu")
    state = {
        f"{link.layer.name}.{name}": tensor
        for link, module in zip(spec.links, real.layers, strict=True)
        for name, tensor in module.state_dict().items()
    }
    printed.load_state_dict(state)
    lengths = list(spec.batch.lengths or ())
    x = torch.randn((max(lengths), len(lengths), 3) if lengths else spec.inputs[0].shape)
    flow = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False) if lengths else x
    for mode in (True, False):
        output, _ = printed.train(mode)(x, lengths) if lengths else printed.train(mode)(x)
        expected = real.train(mode)(flow)
        assert torch.allclose(padded(expected), output, atol=1e-6)


def padded(flow: Tensor | PackedSequence) -> Tensor:
    return flow if isinstance(flow, Tensor) else nn.utils.rnn.pad_packed_sequence(flow)[0]


def test_a_printed_chain_may_have_one(here: Callable[..., Any]) -> None:
    parts = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=None, affine=False), nn.BatchNorm1d(4, 0.5, bias=False)
    )
    done = here("params", repr(parts), "--plan", "--format", "csv")
    assert done.returncode == 0
    assert [line.split(",")[2:4] for line in done.stdout.splitlines()[2:]] == [
        ["BatchNorm1d", "0"],
        ["BatchNorm1d", "4"],
    ]
    older = "BatchNorm1d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"
    assert "BatchNorm1d" in here("params", f"Sequential(\n  (0): {older}\n)", "--plan").stdout


# --- checkpoints --------------------------------------------------------------------------------------------

DOCUMENT = """\
name: small
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: rnn, type: GRU, input_size: 4, hidden_size: 5}
  - {name: norm, type: BatchNorm1d}
"""


class Model(nn.Module):
    """What the document describes."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 5)
        self.norm = nn.BatchNorm1d(**({"num_features": 5} | options))


def less(*roles: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in Model().state_dict().items() if name.rpartition(".")[2] not in roles}


# By what is in the file, what is said of it; all is held against load_state_dict.
FILES: dict[str, tuple[dict[str, Tensor], str]] = {
    "all of it": (Model().state_dict(), "fits"),
    "before version 2": (
        less("num_batches_tracked"),
        "norm: the file has no num_batches_tracked, which torch starts at 0",
    ),
    "no statistics": (
        Model(track_running_stats=False).state_dict(),
        "norm: the file's has no running statistics (track_running_stats: false)",
    ),
    "one gone": (less("running_var"), "norm: missing: running_var"),
    "no weights": (Model(affine=False).state_dict(), "norm: the file's has no weight and no bias (affine: false)"),
    "no bias": (Model(bias=False).state_dict(), "norm: the file's has no biases (bias: false)"),
    "more features": (
        Model(num_features=7).state_dict(),
        "norm: the file's num_features is 7, not 5 (num_features: 7)",
    ),
    "one more": (Model().state_dict() | {"norm.renorm": torch.zeros(5)}, "norm: unexpected: renorm"),
}


@pytest.mark.parametrize("called", FILES)
def test_a_file_is_held_against_the_buffers_too(here: Callable[..., Any], tmp_path: Path, called: str) -> None:
    state, said = FILES[called]
    state = {name: tensor.clone() for name, tensor in state.items()}
    (tmp_path / "model.yaml").write_text(DOCUMENT)
    save_file(state, tmp_path / "model.safetensors")
    done = here("check", "model.yaml", "--weights", "model.safetensors", cwd=tmp_path)
    try:
        Model().load_state_dict(dict(state), strict=True)
    except RuntimeError:
        fits = False
    else:
        fits = True
    assert done.returncode == (0 if fits else 1)
    assert said in " ".join((done.stdout + done.stderr).split())


def test_what_a_document_has_not_is_a_leftover(here: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(DOCUMENT.replace("BatchNorm1d", "BatchNorm1d, track_running_stats: false"))
    save_file(Model().state_dict(), tmp_path / "model.safetensors")
    done = here("check", "model.yaml", "--weights", "model.safetensors", cwd=tmp_path)
    assert done.returncode == 1
    assert "the file's has running statistics (track_running_stats: true)" in " ".join(done.stderr.split())


# --- bench --------------------------------------------------------------------------------------------------


def test_bench_trains_in_training_mode_and_runs_forward_in_eval_mode() -> None:
    spec = spec_with(dtype="float32")
    with ready(spec, plan(spec), CPU, 0) as model:
        (whole,) = subjects(spec, model, CPU, each_layer=False, input_grad=False)
        norm = model.layers[1]
        seen = []
        for phase in ("forward", "forward+grad", "backward", "step"):
            before = int(norm.num_batches_tracked)
            Phase(whole, phase, Clock()).sample(1)
            seen.append((norm.training, int(norm.num_batches_tracked) > before))
    assert seen == [(False, False), *[(True, True)] * 3]


def test_one_row_cannot_be_trained_on() -> None:
    spec = spec_of(ONE_ROW + "  - {name: norm, type: BatchNorm1d}\n")
    need_rows(spec, ("forward",))
    need_rows(spec_with(), ("forward", "step"))
    with pytest.raises(CannotHere, match="layer 'norm' has one row, and in training mode it needs more") as caught:
        need_rows(spec, ("forward", "step"))
    assert "(a larger input.batch_size, or --phase forward)" in str(caught.value)


@pytest.mark.more
def test_bench_says_so_in_one_line(here: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(ONE_ROW + "  - {name: norm, type: BatchNorm1d}\n")
    done = here("bench", "one.yaml", "--quick", "--phase", "step", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 3
    (error,) = [line for line in done.stderr.splitlines() if "one row" in line]
    assert error.startswith("error: one: failed: one.yaml: layer 'norm' has one row")


# --- the document of configs --------------------------------------------------------------------------------


class DeepSpeech2(nn.Module):
    """What batchnorm.yaml describes, as anybody would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn1 = nn.LSTM(13, 17, bidirectional=True)
        self.norm1 = nn.BatchNorm1d(17)
        self.rnn2 = nn.LSTM(17, 17, bidirectional=True)
        self.norm2 = nn.BatchNorm1d(17, eps=1e-3, momentum=None, bias=False)
        self.head = nn.Linear(17, 7)

    def forward(self, flow: PackedSequence) -> Tensor:
        for rnn, norm in ((self.rnn1, self.norm1), (self.rnn2, self.norm2)):
            output, _ = rnn(flow)
            one, other = output.data.chunk(2, dim=1)
            flow = output._replace(data=norm(one + other))
        logits: Tensor = self.head(flow.data)
        return logits


@pytest.mark.parametrize("training", [False, True])
def test_the_document_of_configs_is_a_model_of_plain_torch(training: bool) -> None:
    spec = load_spec(str(CONFIGS / "batchnorm.yaml"))
    built, plain = build(spec, "cpu"), DeepSpeech2()
    for link, module in zip(spec.links, built.layers, strict=True):
        plain.get_submodule(link.layer.name).load_state_dict(module.state_dict())
    assert plan(spec).counts.parameters == sum(parameter.numel() for parameter in plain.parameters()) == 9_425
    batch = torch.randn(11, 5, 13)
    flow = pack_padded_sequence(batch, torch.tensor(spec.batch.lengths), enforce_sorted=False)
    for model in (built, plain):
        model.train(training)
    ours, theirs = built(flow).data, plain(flow)
    assert torch.allclose(ours, theirs, atol=1e-6)
    upstream = torch.randn_like(theirs)
    gradients = [
        torch.autograd.grad(output, list(model.parameters()), upstream)
        for output, model in ((ours, built), (theirs, plain))
    ]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*gradients, strict=True))
    norms = (built.layers[1], plain.norm1), (built.layers[3], plain.norm2)
    assert all(torch.allclose(a.running_var, b.running_var) for a, b in norms)  # type: ignore[arg-type]
    assert bool((plain.norm2.running_var != 1).any()) is training
