"""What torch computes against the equations: it holds over every kind and option, and it can fail.

Planted are wrong equations, wrong modules, wrong gradients and numbers that are none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from torch import Tensor, nn
from worlds import CONFIGS, DOCUMENTS, spec_of

from rnninspect import formats
from rnninspect.cells.language import parse
from rnninspect.commands import verify as command
from rnninspect.commands.verify import VerifyOptions
from rnninspect.document.load import load_spec
from rnninspect.errors import CheckFailed, NotEnoughMemory, TorchRefused
from rnninspect.formats import Format
from rnninspect.layers.linear import Linear
from rnninspect.layers.registry import kind_of
from rnninspect.plan import plan
from rnninspect.results.verify import verify_document, verify_tables
from rnninspect.runtime import device, modules
from rnninspect.runtime.functions import COLUMNS as FUNCTIONS
from rnninspect.study import rounding, verify
from rnninspect.study.passes import _TRIALS
from rnninspect.study.reference import exact, reference, reference_bytes, run_layer
from rnninspect.study.rounding import Deviation, Rounding
from rnninspect.study.verify import Verified, VerifiedLayer

CPU = torch.device("cpu")
DTYPES = ("float16", "bfloat16", "float32", "float64")
# Sizes cut where the whole document takes seconds; `test_the_largest_documents_hold` runs them whole.
CUT = {
    "language-model": ["embed.num_embeddings=1000", "input.seq_len=9"],
    "lstm-8192-1024": [
        *("device=cpu", "input.batch_size=8", "input.seq_len=9"),
        *("decoder.input_size=96", "decoder.hidden_size=160", "decoder.proj_size=20"),
    ],
    "lstmnet": ["input.seq_len=20", "encoder.hidden_size=160"],
    "projected": ["encoder.hidden_size=128", "encoder.proj_size=32"],
    "zaremba-large": ["input.seq_len=9", "embed.embedding_dim=70", "decoder.hidden_size=70", "head.out_features=1000"],
}
SMALL = {"cells", "classifier", "gru", "init", "jordan", "lstm", "options", "rnn", "tagger", "unbatched"}


def verified(document: dict[str, object], seed: int = 0) -> Verified:
    return verify.verify_layers(spec_of(document), CPU, seed)


def tensors(result: Verified) -> dict[str, Deviation]:
    """Every tensor by `layer name`."""
    return {f"{layer.name} {tensor.name}": tensor for layer in result.layers for tensor in layer.tensors}


def wrong(result: Verified) -> list[str]:
    return [name for name, tensor in tensors(result).items() if not tensor.ok]


def assert_holds(result: Verified) -> None:
    assert wrong(result) == []
    assert result.ok
    if result.model.dtype == "float64":
        # why not relative to the largest alone: a sum may cancel to nearly nothing.
        far = {name for name, t in tensors(result).items() if t.error > 1e-10 * max(1.0, t.largest)}
        assert far == set()


# --- it holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "dtype"),
    [
        pytest.param(path, dtype, marks=() if path.stem in SMALL or dtype == DTYPES[2 + k % 2] else pytest.mark.more)
        for k, path in enumerate(DOCUMENTS)
        for dtype in DTYPES
        if path.stem in SMALL or dtype in ("float32", "float64")
    ],
    ids=lambda value: getattr(value, "stem", value),
)
def test_every_document_of_configs_holds(path: Path, dtype: str) -> None:
    result = verify.verify_layers(load_spec(str(path), CUT.get(path.stem, []), dtype=dtype), CPU)
    assert_holds(result)
    if dtype == "float64":
        assert [name for name, tensor in tensors(result).items() if tensor.error > 1e-10 * tensor.largest] == []
    if dtype == "float32":
        assert max(tensor.relative for tensor in tensors(result).values()) < 100


@pytest.mark.more
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        # one layer as wide as it is, 0.3 GB in float64, with few tokens: 2,560 of them take minutes
        (
            "lstm-8192-1024",
            ["device=cpu", "input.batch_size=1", "input.seq_len=2", "decoder.num_layers=1", "decoder.input_size=8"],
        ),
        ("zaremba-large", ["input.seq_len=2", "decoder.num_layers=1"]),
    ],
)
def test_the_largest_documents_hold(name: str, settings: list[str]) -> None:
    try:
        result = verify.verify_layers(load_spec(str(CONFIGS / f"{name}.yaml"), settings), CPU)
    except NotEnoughMemory as error:
        pytest.skip(str(error))
    assert_holds(result)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_document_of_configs_holds_on_cuda(dtype: str) -> None:
    gpu = device.find_device("cuda")
    with_tf32 = dtype == "float32" and torch.cuda.get_device_capability(gpu) >= (8, 0)
    for path in DOCUMENTS:
        result = verify.verify_layers(load_spec(str(path), CUT.get(path.stem, []), device="cuda", dtype=dtype), gpu)
        assert (path.stem, wrong(result)) == (path.stem, [])
        assert result.unit.name == ("TF32" if with_tf32 else dtype)


sizes = st.integers(1, 9)
booleans = st.booleans()


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """A random document: a batch of any form down to one sequence of one step, then one to three layers."""
    length = draw(st.integers(1, 7))
    lengths = draw(st.none() | st.lists(st.integers(1, length), min_size=1, max_size=5))
    batch: dict[str, object] = {
        "batch_size": draw(st.none() | sizes) if lengths is None else len(lengths),
        "seq_len": length,
        "state": draw(st.sampled_from(["zeros", "random"])),
    }
    if lengths is not None:
        batch["lengths"] = lengths
    first = draw(booleans)
    layers: list[dict[str, object]] = [draw(layer(first)) for _ in range(draw(st.integers(1, 3)))]
    if "hidden_size" in layers[-1]:
        layers[-1]["feeds"] = draw(st.sampled_from(["output", "last"]))
        if draw(booleans):
            layers.append({"type": "Linear", "out_features": draw(sizes)})
    if draw(booleans):
        layers.insert(0, {"type": "Embedding", "num_embeddings": draw(sizes), "embedding_dim": draw(sizes)})
    else:
        own = {"Linear": "in_features", "BatchNorm1d": "num_features"}
        layers[0][own.get(str(layers[0]["type"]), "input_size")] = draw(sizes)
    return {"input": batch, "dtype": draw(st.sampled_from(DTYPES)), "layers": layers}


def layer(batch_first: bool) -> st.SearchStrategy[dict[str, object]]:
    recurrent = {"hidden_size": sizes, "bias": booleans, "trainable": booleans}
    sequence = {**recurrent, "batch_first": st.just(batch_first)}
    stacked = {**sequence, "num_layers": st.integers(1, 3), "bidirectional": booleans}
    nonlinearity = {"nonlinearity": st.sampled_from(["tanh", "relu"])}
    kinds: dict[str, dict[str, Any]] = {
        "RNN": {**stacked, **nonlinearity},
        "LSTM": stacked,
        "GRU": stacked,
        "RNNCell": {**recurrent, **nonlinearity},
        "LSTMCell": recurrent,
        "GRUCell": recurrent,
        "JordanRNN": {**sequence, **nonlinearity, "output_size": sizes},
        "Linear": {"out_features": sizes, "bias": booleans},
        "BatchNorm1d": {"affine": booleans, "bias": booleans, "momentum": st.sampled_from([None, 0.0, 0.3, 1.0])},
    }
    projected = {**stacked, "hidden_size": st.integers(3, 9), "proj_size": st.integers(1, 2)}
    return st.one_of(
        *(st.fixed_dictionaries({"type": st.just(kind), **options}) for kind, options in kinds.items()),
        st.fixed_dictionaries({"type": st.just("LSTM"), **projected}),
    )


@examples(10)
@given(documents(), st.integers(0, 2**63 - 1))
def test_random_documents_hold(document: dict[str, object], seed: int) -> None:
    assert_holds(verified(document, seed))


# --- where rounding moves a result far ---------------------------------------------------------------------


def cancelling(dtype: str) -> dict[str, object]:
    """One number out, of a sum of two terms and a bias."""
    return {
        "dtype": dtype,
        "input": {"batch_size": None, "seq_len": 1},
        "layers": [{"name": "head", "type": "Linear", "in_features": 2, "out_features": 1}],
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sum_that_cancels_is_allowed_what_rounding_changes_it_by(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    """w_1 x_1 + w_2 x_2 + b is made to be 1/1000 of its terms: any rounding is a thousand times as large beside it."""

    def cancel(module: nn.Module, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        with torch.no_grad():
            exactly = (module.weight.double() @ x[0].double())[0]
            module.bias.copy_(torch.nextafter(-exactly, exactly).reshape(1) * 0.999)
        # why: torch's own sum may happen to be exact
        return right(x) + 3 * torch.finfo(x.dtype).eps * exactly.to(x.dtype)

    plant(monkeypatch, forward_as(cancel))
    result = verified(cancelling(dtype))
    output = tensors(result)["head output"]
    assert output.relative > 100
    assert wrong(result) == []
    assert output.allowed > output.relative
    assert {t.allowed for name, t in tensors(result).items() if name != "head output"} == {bound(result, 0)}
    assert any("rounding moves a result further" in note for note in verify_tables(result)[0].notes)


def bound(result: Verified, k: int) -> float:
    """What the table says is allowed in layer `k`."""
    found = result.layers[k]
    return 4 * math.sqrt(found.steps * (1 if result.unit.wide else found.terms))


def test_what_is_allowed_besides_is_no_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sum, off by a thousandth of its terms."""
    plant(monkeypatch, with_output(lambda output: output + 1e-3 * output.abs().mean() + 1e-3))
    assert "head output" in wrong(verified(cancelling("float32")))


def test_a_relu_on_its_kink_may_be_seen_on_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments within rounding of 0: torch's gradient is there or not, and neither is wrong."""

    def level(module: nn.Module, right: Callable[..., Tensor], x: Tensor, state: Tensor) -> Tensor:
        with torch.no_grad():
            module.bias_ih.copy_(-(module.weight_ih.double() @ x.double()))
            module.bias_hh.zero_()
        return right(x, state)

    plant(monkeypatch, forward_as(level))
    document = {
        "input": {"batch_size": None, "seq_len": 1},
        "layers": [{"type": "RNNCell", "input_size": 9, "hidden_size": 50, "nonlinearity": "relu", "feeds": "last"}],
    }
    result = verified(document)
    assert wrong(result) == []
    assert max(t.allowed for t in result.layers[0].tensors) > bound(result, 0)


def test_what_is_allowed_besides() -> None:
    unit = rounding.unit_of("float64", CPU)
    fine = Deviation("output", (1,), 0.5, 0.0, 0.0, 8.0)
    off = fine._replace(error=1e-9, relative=1e-9 / 0.5 / unit.epsilon)
    assert rounding._reconsidered(fine, 1.0, unit) == fine
    assert rounding._reconsidered(off, 1e-9, unit).allowed == pytest.approx(8 + off.relative)
    assert not rounding._reconsidered(off, 1e-10, unit).ok
    assert not rounding._reconsidered(off, math.nan, unit).ok


@pytest.mark.parametrize("name", FUNCTIONS)
def test_rounding_by_nothing_changes_nothing(name: str) -> None:
    """The derivatives that are written out for rounded functions are torch's."""
    kind = kind_of("RNNCell")
    cell = kind.model_validate({"type": "RNNCell", "input_size": 3, "hidden_size": 5})
    module = nn.RNNCell(3, 5, dtype=torch.float64)
    functions = Rounding(0.0, 0.0, seed=0).reference(cell, module).functions  # type: ignore[union-attr, operator]
    # why a column: some functions take a whole vector, and a column is one sequence's.
    least = 0.1 if name in ("log", "sqrt") else -3.5
    values = torch.linspace(least, 3.5, 8, dtype=torch.float64)[:, None].requires_grad_()
    upstream = torch.linspace(1, 2, 8, dtype=torch.float64)[:, None]
    expected, found = FUNCTIONS[name](values), functions[name](values)
    assert torch.equal(found, expected)
    (right,), (ours,) = (torch.autograd.grad(result, values, upstream) for result in (expected, found))
    torch.testing.assert_close(ours, right, rtol=1e-14, atol=1e-16)


def test_rounding_is_by_so_much_and_the_same_every_time() -> None:
    values = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    once, again, other = (Rounding(1e-3, 1e-6, seed)(values) for seed in (0, 0, 1))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    off = (once - values).abs()
    assert bool((off <= 1e-3 * values.abs() + 1e-6).all())
    assert float(off.max()) > 0.9e-3


@pytest.mark.parametrize("kind", ["LSTM", "Linear"])
def test_rounding_leaves_the_modules_own_weights_alone(kind: str) -> None:
    (link,) = spec_of(document_for(kind)).links
    module = getattr(nn, kind)(**link.layer.arguments(), dtype=torch.float64)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    twin = Rounding(1e-3, 1e-6, seed=0).reference(link.layer, module)
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
        assert not torch.equal(twin.get_parameter(name), value)
        assert twin.get_parameter(name).requires_grad


# --- wrong equations ---------------------------------------------------------------------------------------

ELMAN = [
    ("b_ih + W_hh", "b_ih - W_hh"),
    ("W_ih @ x + b_ih", "W_ih @ x - b_ih"),
    ("W_hh @ h + b_hh", "W_hh @ h - b_hh"),
    (" + b_ih", ""),
    (" + b_hh", ""),
    ("W_ih @ x + b_ih + W_hh @ h", "W_hh @ x + b_ih + W_ih @ h"),
]
LONG_SHORT = [
    ("i = sigmoid", "i = tanh"),
    ("f = sigmoid", "f = tanh"),
    ("g = tanh", "g = sigmoid"),
    ("o = sigmoid", "o = tanh"),
    ("W_hi @ h + b_hi", "W_hi @ h - b_hi"),
    ("b_if + W_hf @ h", "b_if - W_hf @ h"),
    ("W_ig @ x + b_ig", "W_ig @ x - b_ig"),
    ("W_ho @ h + b_ho", "W_ho @ h - b_ho"),
    (" + b_ii", ""),
    (" + b_hf", ""),
    ("c = f * c + i * g", "c = i * c + f * g"),
    ("c = f * c + i * g", "c = f * c - i * g"),
    ("c = f * c + i * g", "c = f * c + i + g"),
    ("h = o * tanh(c)", "h = o * c"),
    ("h = o * tanh(c)", "h = o + tanh(c)"),
]
GATED = [
    ("r = sigmoid", "r = tanh"),
    ("z = sigmoid", "z = tanh"),
    ("n = tanh", "n = sigmoid"),
    ("W_ir @ x + b_ir", "W_ir @ x - b_ir"),
    ("b_iz + W_hz @ h", "b_iz - W_hz @ h"),
    ("W_hn @ h + b_hn", "W_hn @ h - b_hn"),
    ("b_in + r", "b_in - r"),
    (" + b_hr", ""),
    (" + b_hn", ""),
    ("r * (W_hn @ h + b_hn)", "r * (W_hn @ h) + b_hn"),
    ("(1 - z) * n + z * h", "z * n + (1 - z) * h"),
    ("(1 - z) * n + z * h", "(1 - z) * n - z * h"),
    ("(1 - z) * n + z * h", "(1 - r) * n + z * h"),
]
# The rows of one gate are those of another: the text's lines stand in another order.
ORDERS = {"LSTM": [("i = ", "f = "), ("f = ", "g = "), ("g = ", "o = ")], "GRU": [("r = ", "z = ")]}
PLANTED = [
    *(("RNN", {}, fault) for fault in (*ELMAN, ("tanh(", "sigmoid("), ("tanh(", "relu("))),
    *(("RNN", {"nonlinearity": "relu"}, fault) for fault in (*ELMAN, ("relu(", "tanh("))),
    *(("LSTM", {}, fault) for fault in LONG_SHORT),
    *(("LSTM", {"proj_size": 2}, fault) for fault in (LONG_SHORT[3], LONG_SHORT[8], *LONG_SHORT[10:14])),
    *(("GRU", {}, fault) for fault in GATED),
    *(("RNNCell", {}, fault) for fault in ELMAN[:4]),
    *(("RNNCell", {"nonlinearity": "relu"}, fault) for fault in ELMAN[:4]),
    *(("LSTMCell", {}, fault) for fault in LONG_SHORT[::3]),
    *(("GRUCell", {}, fault) for fault in GATED[::3]),
]


def document_for(kind: str, dtype: str = "float32", **options: object) -> dict[str, object]:
    # why as wide as it is deep: so that a matrix of the input can stand in for one of the state.
    width = options.get("proj_size", 4)
    size = {"in_features": 4, "out_features": 3} if kind == "Linear" else {"input_size": width, "hidden_size": 4}
    return {
        "dtype": dtype,
        "input": {"batch_size": 3, "seq_len": 2, "state": "random"},
        "layers": [{"name": "encoder", "type": kind, **size, **options}],
    }


def rewrite(monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, object], text: Callable[[str], str]) -> None:
    """Give a kind other equations."""
    found = kind_of(kind).model_validate({"type": kind, "input_size": 4, "hidden_size": 4, **options})
    right = found.equations()  # type: ignore[attr-defined]
    assert text(right) != right
    monkeypatch.setattr(type(found), "equations", lambda self: text(right))


@pytest.fixture
def assert_caught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[dict[str, object]], None]:
    """The command ends with 1, and names the layer on a line, the only one besides the note of half precision."""

    def check(document: dict[str, object]) -> None:
        path = tmp_path / "doc.yaml"
        path.write_text(yaml.safe_dump(document))
        assert run_command(path) == 1
        printed = capsys.readouterr()
        *notes, error = printed.err.splitlines()
        half = [f"note: {document['dtype']}: the modules themselves"] if "16" in str(document["dtype"]) else []
        assert [note[: len(start)] for note, start in zip(notes, half, strict=True)] == half
        assert "layer 'encoder'" in error
        assert "DIFFERS" in printed.out or printed.out == ""

    return check


def run_command(*paths: Path, format: Format = Format.CSV) -> int:
    return command.run(VerifyOptions(files=[str(path) for path in paths], device="cpu", format=format))


@pytest.mark.parametrize(
    ("kind", "options", "fault", "dtype"),
    [
        # why each in one: of 264 faults tried once, half precision saw every one that float32 saw
        pytest.param(*planted, dtype, marks=() if k % 4 == turn else pytest.mark.more)
        for k, planted in enumerate(PLANTED)
        for turn, dtype in enumerate(DTYPES)
        if dtype in ("float32", "float64") or k % 4 == turn
    ],
    ids=str,
)
def test_a_planted_error_is_caught(
    monkeypatch: pytest.MonkeyPatch, assert_caught: Any, kind: str, options: Any, fault: tuple[str, str], dtype: str
) -> None:
    """In half precision too: all of these are off by more than it is coarse."""
    rewrite(monkeypatch, kind, options, lambda text: text.replace(*fault))
    assert_caught(document_for(kind, dtype, **options))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "pair"), [(kind, pair) for kind, pairs in ORDERS.items() for pair in pairs], ids=str)
def test_two_gates_in_each_others_place_are_caught(
    monkeypatch: pytest.MonkeyPatch, assert_caught: Any, kind: str, pair: tuple[str, str], dtype: str
) -> None:
    def exchanged(text: str) -> str:
        lines = text.strip().split("\n")
        first, second = (next(k for k, line in enumerate(lines) if line.startswith(start)) for start in pair)
        lines[first], lines[second] = lines[second], lines[first]
        return "\n".join(lines)

    rewrite(monkeypatch, kind, {}, exchanged)
    assert_caught(document_for(kind, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("equation", ["y = W @ x - b", "y = W @ x", "y = tanh(W @ x + b)", "y = b - W @ x"])
def test_a_planted_error_in_linear_is_caught(
    monkeypatch: pytest.MonkeyPatch, assert_caught: Any, equation: str, dtype: str
) -> None:
    monkeypatch.setattr(Linear, "cell", property(lambda self: parse(equation)))
    assert_caught(document_for("Linear", dtype))


def test_an_error_in_the_second_of_three_layers_is_that_layers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer is fed with what torch fed it with, so an error does not go on to the next."""
    rewrite(monkeypatch, "GRU", {}, lambda text: text.replace("n = tanh", "n = sigmoid"))
    kinds = [{"type": "LSTM", "input_size": 4}, {"type": "GRU"}, {"type": "RNN"}]
    result = verified({**document_for("LSTM"), "layers": [{**kind, "hidden_size": 4} for kind in kinds]})
    assert [(found.name, found.ok) for found in result.layers] == [("lstm", True), ("gru", False), ("rnn", True)]
    assert not result.ok


def test_a_weight_that_the_equations_lack_is_named_with_both_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(monkeypatch, "LSTM", {}, lambda text: text.replace(" + b_ii", ""))
    with pytest.raises(CheckFailed) as failed:
        verified(document_for("LSTM"))
    assert str(failed.value) == ("doc.yaml: layer 'encoder': bias_ih_l0 is (12,) by the equations, (16,) in torch")
    rewrite(monkeypatch, "RNN", {}, lambda text: text.replace(" + b_ih", ""))
    with pytest.raises(CheckFailed, match="bias_ih_l0 is missing by the equations"):
        verified(document_for("RNN"))


# --- wrong modules -----------------------------------------------------------------------------------------


def plant(monkeypatch: pytest.MonkeyPatch, change: Callable[[nn.Module], object]) -> None:
    """Change every module of torch's after it is built."""
    build = modules._module

    def changed(*args: Any) -> nn.Module:
        module = build(*args)
        change(module)
        return module

    monkeypatch.setattr(modules, "_module", changed)


def forward_as(forward: Callable[..., Any]) -> Callable[[nn.Module], None]:
    """A module that is called otherwise: with itself, what it did before, and what it is given."""
    return lambda module: setattr(module, "forward", partial(forward, module, module.forward))


def with_output(change: Callable[[Tensor], Tensor]) -> Callable[[nn.Module], None]:
    """A module whose output is changed, and its states are not."""

    def forward(module: nn.Module, right: Callable[..., Any], *given: Any) -> Any:
        result = right(*given)
        return (change(result[0]), *result[1:]) if isinstance(result, tuple) else change(result)

    return forward_as(forward)


def filled(**values: float) -> Callable[[nn.Module], None]:
    """A module whose parameters of these names hold one number each."""

    def fill(module: nn.Module) -> None:
        with torch.no_grad():
            for name, value in values.items():
                module.get_parameter(name).fill_(value)

    return fill


def refuse(*given: object) -> None:
    raise RuntimeError("not implemented for 'Half'")


class Skewed(torch.autograd.Function):
    """Its value is right and its gradient is not."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * 1.001


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "Linear"])
def test_a_wrong_value_of_torchs_is_caught(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    plant(monkeypatch, with_output(lambda output: output + 1e-4))
    assert wrong(verified(document_for(kind))) == ["encoder output"]


def test_a_wrong_gradient_is_caught_where_every_value_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, forward_as(lambda module, right, x, state: right(Skewed.apply(x), state)))
    assert wrong(verified(document_for("LSTM"))) == ["encoder grad input"]


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"])
def test_a_wrong_gradient_of_one_weight_is_caught(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    plant(monkeypatch, lambda module: module.get_parameter(name).register_hook(lambda gradient: gradient * 1.001))
    # why all the others hold: a hook sees the gradient last
    monkeypatch.setattr(nn.Module, "requires_grad_", lambda self, requires_grad=True: self)
    assert wrong(verified(document_for("GRU"))) == [f"encoder grad {name}"]


def test_a_state_of_another_step_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def early(module: nn.Module, right: Callable[..., Any], *given: Tensor) -> tuple[Tensor, Tensor]:
        output, _ = right(*given)
        return output, output[-2:-1]

    plant(monkeypatch, forward_as(early))
    assert "encoder h_n" in wrong(verified(document_for("GRU")))


def test_an_output_of_another_shape_is_caught_though_it_could_be_subtracted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, with_output(lambda output: output[:, :1]))
    with pytest.raises(CheckFailed) as failed:
        verified(document_for("GRU"))
    assert str(failed.value) == ("doc.yaml: layer 'encoder': output is (2, 3, 4) by the equations, (2, 1, 4) in torch")
    (link,) = spec_of(document_for("GRU")).links
    zeros = torch.zeros(2, 3, 4)
    assert not rounding.compare("output", zeros[:, :1], zeros, rounding.unit_of("float32", CPU), link).ok


def test_what_torch_will_not_run_is_torchs_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, forward_as(refuse))
    with pytest.raises(TorchRefused, match=r"could not run layer 'encoder' on cpu in float32: not implemented"):
        verified(document_for("GRU"))


# --- numbers that are none, and zeros ----------------------------------------------------------------------


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_nan_or_an_infinity_of_torchs_is_infinitely_far_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float, format: Format
) -> None:
    def poison(output: Tensor) -> Tensor:
        mask = torch.zeros_like(output)
        mask[-1, -1, -1] = value
        return output + mask

    plant(monkeypatch, with_output(poison))
    path = tmp_path / "doc.yaml"
    path.write_text(yaml.safe_dump(document_for("LSTM")))
    assert run_command(path, format=format) == 1
    printed = capsys.readouterr()
    assert "layer 'encoder', output: inf epsilons" in printed.err
    assert "encoder" in printed.out
    if format is Format.JSON:
        (model,) = json.loads(printed.out)["models"]
        output, *rest = model["layers"][0]["tensors"]
        assert (output["ok"], output["largest_error"], output["relative_epsilons"]) == (False, None, None)
        assert all(tensor["ok"] for tensor in rest)


def test_weights_that_are_nan_are_not_ok_though_both_sides_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, filled(weight_hh_l0=math.nan))
    result = verified(document_for("LSTM"))
    output = tensors(result)["encoder output"]
    assert (output.ok, output.relative) == (False, math.inf)
    assert json.loads(formats.json.render(verify_document([result])))["ok"] is False


def test_more_than_half_precision_can_hold_is_not_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, filled(bias=60_000.0, weight=30_000.0))
    output = tensors(verified(document_for("Linear", "float16")))["encoder output"]
    assert output.largest > 65_504
    assert (output.ok, output.relative) == (False, math.inf)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_of_zeros_is_ok_where_both_are_zero(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    plant(monkeypatch, filled(bias_ih_l0=-1000.0))
    result = verified(document_for("RNN", dtype, nonlinearity="relu"))
    assert_holds(result)
    output = tensors(result)["encoder output"]
    assert (output.largest, output.error, output.relative) == (0.0, 0.0, 0.0)


def test_a_number_where_the_equations_have_zeros_is_far_off(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, filled(bias_ih_l0=-1000.0))
    plant(monkeypatch, with_output(lambda output: output + 1e-30))
    output = tensors(verified(document_for("RNN", nonlinearity="relu")))["encoder output"]
    assert (output.ok, output.largest) == (False, 0.0)
    assert output.relative > 1e6


def test_a_number_too_small_for_its_digits_is_counted_in_the_smallest_there_is() -> None:
    """In float16 numbers below 6.1e-5 are 6e-8 apart."""
    (link,) = spec_of(document_for("Linear", "float16")).links
    unit = rounding.unit_of("float16", CPU)
    exactly = torch.tensor([3e-6, -1e-9], dtype=torch.float64)
    found = rounding.compare("output", exactly.half() + 2**-24, exactly, unit, link)
    assert found.error == pytest.approx(2**-24, rel=0.5)
    assert (found.ok, found.relative) == (True, pytest.approx(1, rel=0.5))
    assert not rounding.compare("output", exactly.half() + 9 * 2**-24, exactly, unit, link).ok


# --- what is compared, and what is not ---------------------------------------------------------------------


def test_every_output_state_and_gradient_is_compared() -> None:
    document = document_for("LSTM", proj_size=2, num_layers=2, bidirectional=True, bias=False)
    (found,) = verified(document).layers
    weights = [
        f"grad weight_{name}_l{k}{way}" for k in (0, 1) for way in ("", "_reverse") for name in ("ih", "hh", "hr")
    ]
    assert [tensor.name for tensor in found.tensors] == [
        *("output", "h_n", "c_n", "grad input", "grad h_0", "grad c_0"),
        *weights,
    ]
    assert [tensor.shape for tensor in found.tensors][:6] == [
        *((2, 3, 4), (4, 3, 2), (4, 3, 4)),
        *((2, 3, 2), (4, 3, 2), (4, 3, 4)),
    ]


@pytest.mark.parametrize(
    ("layer", "terms"),
    [
        ({"type": "LSTM", "input_size": 70, "hidden_size": 5}, 75),
        ({"type": "LSTM", "input_size": 7, "hidden_size": 50}, 200),
        ({"type": "LSTM", "input_size": 7, "hidden_size": 50, "proj_size": 3}, 200),
        # the second layer reads both directions
        ({"type": "RNN", "input_size": 7, "hidden_size": 50, "num_layers": 2, "bidirectional": True}, 150),
        ({"type": "GRU", "input_size": 1, "hidden_size": 1}, 15),
        ({"type": "JordanRNN", "input_size": 70, "hidden_size": 9, "output_size": 11}, 90),
    ],
)
def test_how_many_numbers_are_added_up(layer: dict[str, object], terms: int) -> None:
    (found,) = verified({"input": {"batch_size": 3, "seq_len": 5}, "layers": [layer]}).layers
    assert (found.terms, found.steps) == (terms, 5)
    assert {tensor.allowed for tensor in found.tensors} == {4 * math.sqrt(terms * 5)}


CHAIN = {
    "input": {"batch_size": 4, "seq_len": 6, "lengths": [2, 6, 1, 6]},
    "layers": [
        {"name": "embed", "type": "Embedding", "num_embeddings": 7, "embedding_dim": 5, "max_norm": 0.5},
        {"name": "frozen", "type": "GRU", "hidden_size": 4, "num_layers": 2, "dropout": 0.5, "trainable": False},
        {"name": "norm", "type": "LayerNorm"},
        {"name": "drop", "type": "Dropout", "p": 0.9},
        {"name": "jordan", "type": "JordanRNN", "hidden_size": 3, "output_size": 5},
        {"name": "head", "type": "Linear", "tied_to": "embed"},
    ],
}


def test_a_chain_says_what_was_left_out() -> None:
    result = verified(CHAIN)
    assert_holds(result)
    assert [found.name for found in result.layers] == ["frozen", "jordan", "head"]
    assert result.skipped == ("embed", "norm", "drop")
    assert result.dropout == ("frozen",)
    assert result.not_in_torch == ("jordan",)
    notes = "\n".join(verify_tables(result)[0].notes)
    assert "dropout is left out, as if 0: torch does not hand out its mask (frozen)" in notes
    assert "not in the equation language, so only run: embed, norm, drop" in notes
    (_, proofs) = verify_tables(result)
    assert "torch has no such layer (jordan): in float64 on the CPU, its equations" in proofs.notes[0]
    assert tensors(result)["frozen grad weight_ih_l0"].largest > 0
    assert tensors(result)["head grad weight"].shape == (7, 5)


def test_a_rescaled_table_is_the_tied_layers_too() -> None:
    """max_norm changes the rows that are looked up, and with them the weight of the Linear after it."""
    assert tensors(verified(CHAIN))["head output"].largest > 0
    loose = {**CHAIN, "layers": [{**CHAIN["layers"][0], "max_norm": 1e-6}, *CHAIN["layers"][1:]]}  # type: ignore[index, dict-item]
    small = verified(loose)
    assert_holds(small)
    assert tensors(small)["frozen grad weight_ih_l0"].largest < 1e-4


def test_a_document_without_equations_says_that_nothing_was_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.yaml"
    path.write_text(
        "input: {batch_size: 2, seq_len: 3}\nlayers: [{type: Embedding, num_embeddings: 3, embedding_dim: 2}]\n"
    )
    assert run_command(path, format=Format.TABLE) == 0
    printed = capsys.readouterr().out
    assert "not in the equation language, so only run: embedding." in printed
    assert "were not compared: no layer has any" in printed
    assert "agree" not in printed
    assert run_command(path) == 0
    assert capsys.readouterr().out == (
        "model,layer,type,tensor,shape,largest_magnitude,largest_error,relative_epsilons,allowed_epsilons,verdict\n"
    )
    assert run_command(path, format=Format.JSON) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["layers"] == []


def test_the_notes_say_how_the_bound_comes_about() -> None:
    (table,) = verify_tables(verified(document_for("GRU")))
    assert "Allowed are 4 sqrt(K L)" in table.notes[0]
    assert "encoder: K = 12, L = 2" in table.notes[0]
    (table,) = verify_tables(verified(document_for("GRU", "bfloat16")))
    assert "in epsilons of bfloat16 (0.007812). Allowed are 4 sqrt(L)" in table.notes[0]
    assert "encoder: L = 2" in table.notes[0]
    assert (rounding._SLACK, _TRIALS) == (4, 16), "the notes say 4 and 16"


# --- what is left as it was --------------------------------------------------------------------------------


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[modules.BuiltModel]]:
    """The models that are built."""
    built: list[modules.BuiltModel] = []
    ready = verify.ready

    @contextmanager
    def kept(*args: Any, **options: Any) -> Iterator[modules.BuiltModel]:
        with ready(*args, **options) as model:
            built.append(model)
            yield model

    with monkeypatch.context() as patch:
        patch.setattr(verify, "ready", kept)
        yield built


@pytest.mark.parametrize("fails", [False, True])
def test_generator_threads_and_modules_are_left_as_they_were(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    if fails:
        plant(monkeypatch, forward_as(refuse))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        before = torch.get_rng_state()
        with watched(monkeypatch) as built, pytest.raises(TorchRefused) if fails else nullcontext():
            verified(document_for("GRU", num_layers=2, dropout=0.5))
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    (model,) = built
    assert not any(module.training for module in model.modules())
    assert model.layers[0].dropout == 0.5


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    assert verified(CHAIN, 3) == verified(CHAIN, 3)
    assert verified(CHAIN, 3).layers != verified(CHAIN, 4).layers


# --- devices and memory ------------------------------------------------------------------------------------

CUDA = torch.device("cuda")


def test_tf32_is_counted_in_its_own_epsilon_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounding, "in_tf32", lambda device, of: device.type == "cuda")
    unit = rounding.unit_of("float32", CUDA)
    assert (unit.name, unit.epsilon, unit.wide) == ("TF32", 2.0**-10, True)
    for dtype, where in (("float64", CUDA), ("float16", CUDA), ("float32", CPU)):
        assert rounding.unit_of(dtype, where).name == dtype
    result = verified(document_for("GRU"))._replace(unit=unit)
    notes = verify_tables(result)[0].notes
    assert "in epsilons of TF32 (0.0009766)" in notes[0]
    assert [note for note in notes if note.startswith("TF32 is on: the factors of a float32 product")] != []
    assert not any("TF32" in note for note in verify_tables(verified(document_for("GRU")))[0].notes)


def test_tf32_of_layers_and_of_products_both_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for rnn, matmul in ((True, False), (False, True), (False, False)):
        monkeypatch.setattr(rounding, "in_tf32", lambda device, of, on={"rnn": rnn, "matmul": matmul}: on[of])
        assert rounding.unit_of("float32", CUDA).name == ("TF32" if rnn or matmul else "float32")


def test_too_little_memory_is_refused_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_spec(str(CONFIGS / "lstm.yaml"))
    monkeypatch.setattr(device, "available_bytes", lambda: 1)
    with watched(monkeypatch) as built, pytest.raises(NotEnoughMemory) as refused:
        verify.verify_layers(spec, CPU)
    assert built == []
    assert "--plan" not in str(refused.value), "verify has no --plan"
    assert "try a smaller input.batch_size or input.seq_len" in str(refused.value)
    words = [word.replace(",", "") for word in str(refused.value).split()]
    needed = int(words[words.index("least") + 1])
    assert needed > plan(spec).parameter_bytes + reference_bytes(spec.links[0])
    monkeypatch.setattr(device, "available_bytes", lambda: needed - 1)
    with pytest.raises(NotEnoughMemory):
        verify.verify_layers(spec, CPU)
    monkeypatch.setattr(device, "available_bytes", lambda: needed)
    assert verify.verify_layers(spec, CPU).ok


@pytest.mark.parametrize(
    ("layer", "lengths"),
    [
        ({"type": "LSTM"}, None),
        ({"type": "LSTM", "bidirectional": True, "num_layers": 2}, None),
        ({"type": "LSTM", "proj_size": 16}, None),
        ({"type": "LSTM"}, [20, 5, 12, 20, 1]),
        ({"type": "GRU"}, None),
        ({"type": "RNN"}, None),
        ({"type": "RNN", "nonlinearity": "relu", "bias": False}, None),
        ({"type": "GRUCell"}, None),
        ({"type": "JordanRNN", "output_size": 40}, None),
    ],
    ids=str,
)
def test_a_reference_holds_at_least_what_is_said_and_no_twice_of_it(
    layer: dict[str, object], lengths: list[int] | None
) -> None:
    """Counted: what autograd keeps, the gradients, and the output as steps, as a whole, and its gradient.

    Measured as resident memory it is more, by a third to two thirds, of which most is the allocator's.
    """
    batch = {"batch_size": 5, "seq_len": 20, "lengths": lengths}
    spec = spec_of({"input": batch, "layers": [{"input_size": 24, "hidden_size": 64, **layer}]})
    (link,) = spec.links
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with modules.ready(spec, plan(spec), CPU, 0) as model:
        feed = modules.make_feed(spec, CPU)
        flow, (states,) = feed.input, feed.states
        twin = reference(link.layer, model.layers[0])
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            given = exact(flow)
            leaf = modules.data_of(given).requires_grad_()
            ran = run_layer(link, twin, modules.with_data(given, leaf), tuple(state.double() for state in states))
    weights = sum(parameter.nbytes for parameter in twin.parameters())
    held = sum(kept.values()) + weights + leaf.nbytes + 3 * modules.data_of(ran.output).nbytes
    assert 0.5 * held <= reference_bytes(link) <= held


def test_ok_is_the_verdict_of_every_tensor() -> None:
    fine = Deviation("output", (1,), 1.0, 0.0, 0.0, 4.0)
    for off in (fine._replace(relative=4.5), fine._replace(relative=math.inf), fine._replace(relative=math.nan)):
        assert not VerifiedLayer("a", "GRU", 1, 1, (fine, off)).ok
    assert VerifiedLayer("a", "GRU", 1, 1, (fine, fine._replace(relative=4.0))).ok
