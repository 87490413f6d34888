"""Recurrent modules as they are met: subclassed, computed, pruned, shared, compiled, scripted, on meta, and failing."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune, spectral_norm
from torch.nn.utils.rnn import pack_sequence

import rnninspect

X = torch.randn(4, 3, 5)


class Wrapped(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.layer(*args, **kwargs)


class Tagged(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head = nn.LSTM(5, 7), nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0])


def only(result: rnninspect.Inspected) -> Any:
    (layer,) = result.layers
    return layer


# --- how a layer is called ---------------------------------------------------------------------------------

CALLS: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], dict[str, Any], list[tuple[int, ...]], list[Any]]] = {
    "unbatched": (lambda: nn.GRU(5, 7, 2), (X[:, 0],), {}, [(4, 5)], [(4, 7), (2, 7)]),
    "batch first": (lambda: nn.RNN(5, 7, batch_first=True), (X,), {}, [(4, 3, 5)], [(4, 3, 7), (1, 4, 7)]),
    "states": (
        lambda: nn.LSTM(5, 7, 2, bidirectional=True, proj_size=3),
        (X, (torch.zeros(4, 3, 3), torch.zeros(4, 3, 7))),
        {},
        [(4, 3, 5), (4, 3, 3), (4, 3, 7)],
        [(4, 3, 6), (4, 3, 3), (4, 3, 7)],
    ),
    "by keyword": (
        lambda: nn.GRU(5, 7),
        (),
        {"input": X, "hx": torch.zeros(1, 3, 7)},
        [(4, 3, 5), (1, 3, 7)],
        [(4, 3, 7), (1, 3, 7)],
    ),
    "a cell": (lambda: nn.LSTMCell(5, 7), (X[0],), {}, [(3, 5)], [(3, 7), (3, 7)]),
    "a cell, unbatched": (lambda: nn.RNNCell(5, 7), (X[0, 0], torch.zeros(7)), {}, [(5,), (7,)], [(7,)]),
    "packed": (
        lambda: nn.GRU(5, 7),
        (pack_sequence([torch.zeros(n, 5) for n in (2, 5, 3)], enforce_sorted=False),),
        {},
        [(10, 5)],
        [(10, 7), (1, 3, 7)],
    ),
    "an empty batch": (lambda: nn.GRU(5, 7), (torch.zeros(4, 0, 5),), {}, [(4, 0, 5)], [(4, 0, 7), (1, 0, 7)]),
    "float64": (lambda: nn.GRU(5, 7, dtype=torch.float64), (X.double(),), {}, [(4, 3, 5)], [(4, 3, 7), (1, 3, 7)]),
    "bfloat16": (lambda: nn.GRU(5, 7, dtype=torch.bfloat16), (X.bfloat16(),), {}, [(4, 3, 5)], [(4, 3, 7), (1, 3, 7)]),
}


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(("make", "args", "kwargs", "read", "put_out"), CALLS.values(), ids=CALLS)
def test_a_call(
    make: Callable[[], nn.Module],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    read: list[tuple[int, ...]],
    put_out: list[tuple[int, ...]],
) -> None:
    module = make()
    layer = only(rnninspect.inspect(module, *args, **kwargs))
    assert [tensor.shape for tensor in layer.inputs] == read
    assert [tensor.shape for tensor in layer.outputs] == put_out
    assert layer.calls_with_states == (len(read) > 1)
    assert layer.agrees
    dtypes = {str(parameter.dtype).removeprefix("torch.") for parameter in module.parameters()}
    assert {tensor.dtype for tensor in (*layer.inputs, *layer.outputs)} == dtypes


@pytest.mark.more
def test_on_meta_there_are_shapes_and_no_values() -> None:
    layer = only(rnninspect.inspect(nn.LSTM(5, 7, device="meta"), (4, 3, 5)))
    assert ([tensor.shape for tensor in layer.outputs], layer.device) == ([(4, 3, 7), (1, 3, 7), (1, 3, 7)], "meta")
    with pytest.raises(rnninspect.RnnInspectError, match="lstm: it is on meta, where nothing has values"):
        layer.verify()


def test_lengths_of_a_packed_batch_are_in_the_users_order() -> None:
    packed = pack_sequence([torch.zeros(n, 5) for n in (2, 5, 3)], enforce_sorted=False)
    layer = only(result := rnninspect.inspect(nn.GRU(5, 7), packed))
    assert layer.lengths == (2, 5, 3)
    assert layer.inputs[0].unpacked_shape == (5, 3, 5)
    assert "gru: packed, 3 sequences of 2 to 5 steps" in str(result)
    assert layer.macs == (2 + 5 + 3) * 21 * 12


def test_autocast_chooses_dtypes_and_that_is_no_difference() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = rnninspect.inspect(nn.Sequential(nn.Linear(5, 5), nn.LSTM(5, 7)), X)
    assert result.agrees
    assert only(result).dtype == "float32"
    assert "1: ran under autocast" in str(result)


# --- what a layer is ---------------------------------------------------------------------------------------


class Normalised(nn.LSTM):
    """An LSTM that puts out something else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.norm = nn.LayerNorm(7)

    def forward(self, x: Tensor, mask: Any = None) -> Any:  # type: ignore[override]
        return self.norm(super().forward(x)[0])[-1]


def test_a_subclass_with_a_forward_of_its_own_is_held_to_its_weights_alone() -> None:
    result = rnninspect.inspect(Wrapped(Normalised(5, 7)), X)
    layer = only(result)
    assert (layer.type, layer.class_name, layer.agrees) == ("LSTM", "Normalised", True)
    assert [tensor.shape for tensor in layer.outputs] == [(3, 7)]
    assert layer.parameters == 28 * (5 + 7 + 2) + 14
    assert (layer.macs, layer.macs_per_token) == (None, 28 * 12)
    text = str(result)
    assert "not given" in text
    assert "layer: Normalised has a forward of its own, so only its weights are held against the plan" in text
    assert "layer: Normalised has 14 parameters beside those of torch's LSTM" in text
    assert "agree: 4 weights · " in text


def weight_norm(layer: nn.Module) -> None:
    parametrizations.weight_norm(layer, "weight_hh_l0")


def old_weight_norm(layer: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch has a newer way; models have both
        nn.utils.weight_norm(layer, "weight_hh_l0")


def orthogonal(layer: nn.Module) -> None:
    parametrizations.orthogonal(layer, "weight_ih_l0")


def pruned(layer: nn.Module) -> None:
    prune.l1_unstructured(layer, "weight_hh_l0", 0.5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (weight_norm, "weight_hh_l0: computed from parametrizations.weight_hh_l0.original0, parametrizations.weight"),
        (old_weight_norm, "weight_hh_l0: computed from weight_hh_l0_g, weight_hh_l0_v, 168 numbers for 147"),
        (orthogonal, "weight_ih_l0: computed from parametrizations.weight_ih_l0.original"),
        (pruned, "weight_hh_l0: computed from weight_hh_l0_orig, 147 numbers for 147"),
    ],
)
def test_weights_that_are_computed(change: Callable[[nn.Module], None], says: str) -> None:
    module = Wrapped(nn.GRU(5, 7))
    change(module.layer)
    result = rnninspect.inspect(module, X)
    layer = only(result)
    assert (layer.class_name, layer.agrees) == ("GRU", True)
    assert layer.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert says in str(result)
    assert layer.verify().ok


def test_buffers_that_a_forward_changes_are_put_back() -> None:
    cell = nn.GRUCell(5, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spectral_norm(cell, "weight_hh")
    module = Stateful(cell)
    before = {name: (buffer, buffer.clone()) for name, buffer in module.named_buffers()}
    assert len(before) == 4
    rnninspect.inspect(module, X)
    after = dict(module.named_buffers())
    assert all(after[name] is buffer and torch.equal(buffer, values) for name, (buffer, values) in before.items())


class Stateful(nn.Module):
    """It keeps its state, and counts."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell
        self.register_buffer("state", torch.zeros(3, 7))
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        for x_t in x:
            self.state = self.cell(x_t, self.state)
        return self.state


def test_frozen_and_tied_weights_are_said() -> None:
    module = nn.ModuleList([nn.GRU(5, 7), nn.GRU(5, 7)])
    module[1].weight_hh_l0 = module[0].weight_hh_l0
    module[0].bias_ih_l0.requires_grad_(False)
    result = rnninspect.recurrent(module)
    assert result.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert [weight.trainable for weight in result.layers[0].facts.weights] == [True, True, False, True]
    assert "0: frozen: bias_ih_l0" in str(result)
    assert "1: weight_hh_l0 is 0.weight_hh_l0, and counts there" in str(result)


def test_lazy_modules_get_their_sizes_in_a_copy() -> None:
    module = nn.Sequential(nn.LazyLinear(5), nn.GRU(5, 7))
    assert rnninspect.recurrent(module).lazy == 2
    result = rnninspect.inspect(module, X)
    assert (result.lazy, result.other_parameters, result.agrees) == (0, 30, True)
    assert isinstance(module[0].weight, nn.UninitializedParameter)
    assert "got their sizes in a copy" in str(result)


def test_an_attribute_that_no_constructor_takes() -> None:
    module = nn.GRU(5, 7)
    module.num_layers = "x"  # type: ignore[assignment]
    assert "no plan: num_layers is 'x'" in str(rnninspect.recurrent(module))
    module = nn.GRU(5, 7)
    module.dropout = nn.Dropout(0.1)  # type: ignore[assignment]
    layer = only(rnninspect.recurrent(module))
    assert "dropout" not in layer.arguments
    assert layer.agrees


# --- what holds it -----------------------------------------------------------------------------------------


def test_wrappers() -> None:
    for module in (nn.DataParallel(Tagged()), torch.fx.symbolic_trace(nn.Sequential(nn.LSTM(5, 7)))):
        result = rnninspect.inspect(module, X)
        assert only(result).calls == 1
        assert isinstance(module.get_submodule(only(result).name), nn.LSTM)
    assert rnninspect.inspect(nn.DataParallel(Tagged()), X).name == "Tagged"


def scripted() -> nn.Module:
    return torch.jit.script(Tagged())


def traced() -> nn.Module:
    return torch.jit.trace(Tagged(), X)


def frozen() -> nn.Module:
    return torch.jit.freeze(torch.jit.script(Tagged().eval()))


def quantised() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(Tagged(), {nn.LSTM})


class ConvLSTM(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(scripted, "rnn: LSTM is compiled by torch.jit, and takes no hooks", marks=pytest.mark.more),
        pytest.param(traced, "rnn: LSTM, which calls lstm, is compiled by torch.jit", marks=pytest.mark.more),
        (frozen, "the model: Tagged, which calls lstm, is compiled by torch.jit, and takes no hooks"),
        (quantised, "rnn: LSTM is one of torch.ao.nn.quantized.dynamic.modules, and none of torch.nn"),
        (lambda: Wrapped(ConvLSTM()), "layer: ConvLSTM is not made from torch.nn.RNN, LSTM, GRU or their cells"),
    ],
)
def test_what_is_not_read_is_named(make: Callable[[], nn.Module], says: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated in newer Pythons
        module = make()
    result = rnninspect.inspect(module, X)
    assert result.layers == ()
    (sentence,) = result.not_read
    assert sentence.startswith(says)
    assert f"not read: {says}" in str(result)
    assert says.partition(",")[0] in result._repr_html_()


@pytest.mark.more
def test_a_compiled_model_runs_as_it_is_written() -> None:
    for compiled in (torch.compile(Tagged(), backend="eager"), Tagged()):
        if not hasattr(compiled, "_orig_mod"):
            compiled.compile(backend="eager")
        compiled(X)
        result = rnninspect.inspect(compiled, X)
        assert (result.name, only(result).calls, only(result).agrees) == ("Tagged", 1, True)


# --- what goes wrong ---------------------------------------------------------------------------------------


class Interrupted(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.rnn, self.error = nn.GRU(5, 7), error
        self.register_buffer("calls", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        self.rnn(x)
        self.calls += 1
        torch.rand(1)
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("theirs"), SystemExit(3)], ids=repr)
def test_what_a_forward_raises_comes_through_and_nothing_is_left(error: BaseException) -> None:
    module, drawn = Interrupted(error).train(), torch.get_rng_state()
    with pytest.raises(type(error)) as raised:
        rnninspect.inspect(module, X)
    assert raised.value is error
    assert not hasattr(error, "__notes__")
    assert not module.rnn._forward_hooks
    assert not module.rnn._forward_hooks_with_kwargs
    assert all(part.training for part in module.modules())
    assert int(module.calls) == 0
    assert torch.equal(torch.get_rng_state(), drawn)


def test_a_forward_without_tensors() -> None:
    class Three(nn.Module):
        def forward(self) -> int:
            return 3

    result = rnninspect.inspect(Three())
    assert (result.layers, result.agrees) == ((), True)
    assert "Three · no recurrent layer" in str(result)


def test_only_modules_are_taken() -> None:
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module, got str \(rnninspect.load reads documents\)"):
        rnninspect.inspect("model.yaml")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module, got the class GRU \(call it: it makes one\)"):
        rnninspect.recurrent(nn.GRU)  # type: ignore[arg-type]


def test_a_hook_of_the_users_sees_what_it_saw_before() -> None:
    module, seen = nn.Sequential(nn.GRU(5, 7)), []
    module[0].register_forward_hook(lambda module, args, output: seen.append(output[0].shape) or output[0])
    result = rnninspect.inspect(module, X)
    assert seen == [(4, 3, 7)]
    assert len(only(result).outputs) == 2
    assert len(module[0]._forward_hooks) == 1


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    module = nn.GRUCell(numpy.int64(5), 7)
    module.hidden_size, module.bias = numpy.int32(7), 1
    layer = only(rnninspect.recurrent(module))
    assert layer.arguments == {"input_size": 5, "hidden_size": 7, "bias": True}
    assert [type(value) for value in layer.arguments.values()] == [int, int, bool]
    assert layer.agrees


def test_a_backward_pass_of_before_still_runs() -> None:
    module = nn.Sequential(nn.BatchNorm1d(3), nn.GRU(5, 7))
    loss = module(X)[0].sum()
    version = module[0].running_mean._version
    rnninspect.inspect(module, X)
    assert module[0].running_mean._version == version
    loss.backward()


def test_numpys_and_pythons_random_numbers_stay() -> None:
    numpy = pytest.importorskip("numpy")

    class Drawing(nn.Module):
        def forward(self) -> None:
            random.random()
            numpy.random.rand()
            torch.rand(1)

    def draw() -> tuple[float, float, float]:
        return random.random(), float(numpy.random.rand()), float(torch.rand(1))

    states = random.getstate(), numpy.random.get_state(), torch.get_rng_state()
    expected = draw()
    random.setstate(states[0])
    numpy.random.set_state(states[1])
    torch.set_rng_state(states[2])
    rnninspect.inspect(Drawing())
    assert draw() == expected
