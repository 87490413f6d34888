"""Live models: what is told of their recurrent layers is what hooks by hand see, and nothing of them changes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from live_models import FORMS, PUBLISHED, Case
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

import rnninspect

ALL = {**FORMS, **PUBLISHED}
every_model = pytest.mark.parametrize("case", ALL.values(), ids=ALL)


def made(case: Case) -> tuple[nn.Module, tuple[Any, ...]]:
    torch.manual_seed(0)
    return case.make(), case.args()


def is_recurrent(module: nn.Module) -> bool:
    return isinstance(module, nn.RNNBase | nn.RNNCellBase)


def shapes(value: Any) -> list[tuple[int, ...]]:
    if value is None:
        return []
    if isinstance(value, PackedSequence):
        return [tuple(value.data.shape)]
    return [tuple(value.shape)] if isinstance(value, Tensor) else [shape for each in value for shape in shapes(each)]


def by_hand(module: nn.Module, args: tuple[Any, ...]) -> tuple[dict[str, list[Any]], Any]:
    """What every call of every recurrent module read and put out, and what the model did."""
    calls: dict[str, list[Any]] = {}
    handles = []
    for name, part in module.named_modules():
        if is_recurrent(part):
            calls[name] = []

            def hook(part: nn.Module, args: Any, kwargs: Any, output: Any, name: str = name) -> None:
                states = args[1] if len(args) > 1 else kwargs.get("hx")
                calls[name].append((shapes(args[0]), shapes(states), shapes(output)))

            handles.append(part.register_forward_hook(hook, with_kwargs=True))
    with torch.no_grad():
        output = module.eval()(*args)
    for handle in handles:
        handle.remove()
    return calls, output


def flat(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from flat(list(value.values()))
    else:
        for each in value:
            yield from flat(each)


def hooks(module: nn.Module) -> list[Any]:
    return [hooks for part in module.modules() for hooks in (part._forward_hooks, part._forward_hooks_with_kwargs)]


# --- what is told ------------------------------------------------------------------------------------------


@every_model
def test_shapes_calls_and_counts_are_those_that_hooks_by_hand_see(case: Case) -> None:
    module, args = made(case)
    expected, _ = by_hand(module, args)
    result = rnninspect.inspect(module, *args)
    assert [layer.name for layer in result.layers] == list(expected)
    for layer in result.layers:
        calls = expected[layer.name]
        assert layer.calls == len(calls)
        assert layer.calls_with_states == sum(bool(states) for _, states, _ in calls)
        if calls:
            read, states, put_out = calls[0]
            assert [tensor.shape for tensor in layer.inputs] == [*read, *states]
            assert [tensor.shape for tensor in layer.outputs] == put_out
            assert all(tensor.axes for tensor in layer.inputs)
        part = module.get_submodule(layer.name)
        assert layer.type == type(part).__name__
        assert layer.parameters == sum(parameter.numel() for parameter in part.parameters())
        assert layer.agrees, layer.differences
    assert result.parameters + result.other_parameters == sum(p.numel() for p in module.parameters())
    assert result.parameters == sum(layer.parameters for layer in result.layers)
    assert result.agrees
    assert result.ran


@every_model
def test_the_module_is_as_it_was(case: Case) -> None:
    module, args = made(case)
    module.train()
    parts = list(module.modules())
    parts[-1].eval()
    forwards = []
    module.register_forward_pre_hook(lambda module, args: forwards.append(args))
    modes, state = [part.training for part in parts], {k: v.clone() for k, v in module.state_dict().items()}
    before = [len(each) for each in hooks(module)]
    drawn, python = torch.get_rng_state(), random.getstate()
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    gradients = [parameter.grad for parameter in module.parameters()]
    rnninspect.inspect(module, *args)
    assert len(forwards) == 1
    assert all(parameter.grad is grad for parameter, grad in zip(module.parameters(), gradients, strict=True))
    assert all((grad == 1).all() for grad in gradients if grad is not None)
    assert [part.training for part in parts] == modes
    assert [len(each) for each in hooks(module)] == before
    assert not any(map(len, hooks(module)))
    assert torch.equal(torch.get_rng_state(), drawn)
    assert random.getstate() == python
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert torch.is_grad_enabled()


@every_model
def test_what_the_model_puts_out_is_the_same_while_it_is_watched(case: Case) -> None:
    module, args = made(case)
    _, expected = by_hand(module, args)
    outputs: list[Any] = []
    module.register_forward_hook(lambda module, args, output: outputs.append(output))
    rnninspect.inspect(module.train(), *args)
    assert [torch.equal(a, b) for a, b in zip(flat(outputs[0]), flat(expected), strict=True)].count(False) == 0


SIZES = ("input_size", "hidden_size")
OPTIONS = (*SIZES, "num_layers", "bias", "batch_first", "dropout", "bidirectional")
ARGUMENTS: list[tuple[Callable[[], nn.Module], tuple[str, ...], tuple[Any, ...]]] = [
    (
        lambda: nn.LSTM(5, 7, 2, False, True, 0.5, True, 3),
        (*OPTIONS, "proj_size"),
        (5, 7, 2, False, True, 0.5, True, 3),
    ),
    (
        lambda: nn.RNN(5, 7, nonlinearity="relu"),
        (*OPTIONS, "nonlinearity"),
        (5, 7, 1, True, False, 0.0, False, "relu"),
    ),
    (lambda: nn.RNNCell(5, 7, nonlinearity="relu"), (*SIZES, "nonlinearity", "bias"), (5, 7, "relu", True)),
    (lambda: nn.GRUCell(5, 7, bias=False), (*SIZES, "bias"), (5, 7, False)),
]


@pytest.mark.parametrize(("make", "names", "values"), ARGUMENTS, ids=lambda value: "")
def test_arguments_build_the_same_module(
    make: Callable[[], nn.Module], names: tuple[str, ...], values: tuple[Any, ...]
) -> None:
    module = make()
    (layer,) = rnninspect.recurrent(module).layers
    assert layer.arguments == dict(zip(names, values, strict=True))
    again = type(module)(**layer.arguments)
    assert repr(again) == repr(module)
    assert [p.shape for p in again.parameters()] == [p.shape for p in module.parameters()]


def test_without_an_input_sizes_are_letters() -> None:
    module = FORMS["shared"].make()
    result = rnninspect.recurrent(module)
    gru, cell = result.layers
    assert (gru.calls, gru.inputs[0].shape, gru.outputs[0].shape) == (None, ("L", "N", 5), ("L", "N", 7))
    assert (cell.inputs[0].axes, cell.inputs[0].shape) == (("N", "H_in"), ("N", 5))
    assert result.agrees
    assert not result.ran


def test_a_layer_that_never_ran_is_said_and_one_of_two_names_is_one() -> None:
    module, args = made(FORMS["shared"])
    result = rnninspect.inspect(module, *args)
    gru, unused = result.layers
    assert gru.names == ("left", "right")
    assert result["left"] is result["right"] is gru
    assert (gru.calls, gru.other_inputs) == (2, ((6, 3, 5),))
    assert gru.macs == gru.macs_per_token * (4 + 6) * 3
    assert unused.calls == 0
    lines = str(result).splitlines()
    assert "never ran" in next(line for line in lines if line.startswith("unused"))
    assert "left: is right too: one module, counted once" in lines
    assert "left: shapes are those of the first of 2 calls; later ones read (6, 3, 5) too" in lines


def test_the_page_says_what_the_layers_are_and_what_the_rest_is() -> None:
    module, args = made(FORMS["attention"])
    text = str(rnninspect.inspect(module, *args))
    row = next(line for line in text.splitlines() if line.startswith("encoder"))
    assert "LSTM(5, 4, num_layers=2, dropout=0.5, bidirectional=True)" in row
    assert "(4, 3, 5)" in row
    assert "(4, 3, 8)" in row
    others = sum(p.numel() for name, p in module.named_parameters() if not name.startswith("encoder"))
    assert f"other layers: 4 modules, {others:,} parameters, counted by torch" in text
    assert "plan and modules agree: 16 weights, 3 tensors that came out" in text.splitlines()[-1]


def test_at_a_prompt_it_is_a_table_and_a_layer_is_a_line() -> None:
    module, args = made(FORMS["chain"])
    seen = rnninspect.inspect(module, *args)
    assert repr(seen) == str(seen)
    assert repr(seen.layers[0]).endswith(", LSTM(5, 7, num_layers=2, batch_first=True))")
    page = seen.layers[0].verify()
    assert repr(page) == str(page)


def test_in_a_notebook_it_is_a_table() -> None:
    module, args = made(FORMS["chain"])
    page = rnninspect.inspect(module, *args)._repr_html_()
    assert '<td style="text-align: left">LSTM(5, 7, num_layers=2, batch_first=True)</td>' in page
    assert "plan and modules agree" in page


def test_a_name_is_no_markup_in_a_notebook() -> None:
    class OwnGRU(nn.Module):
        pass

    page = rnninspect.recurrent(nn.ModuleDict({"<b>x": OwnGRU()}))._repr_html_()
    assert "&lt;b&gt;x" in page
    assert "<b>x" not in page


def test_a_0_that_stands_for_false_is_false() -> None:
    result = rnninspect.recurrent(nn.GRUCell(5, 7, bias=0))  # type: ignore[arg-type]
    assert result.agrees
    assert "GRUCell(5, 7, bias=False)" in str(result)


def test_json_is_that_of_the_commands_and_what_was_seen() -> None:
    from jsonschema import Draft202012Validator

    from rnninspect.results.schemas import RESULTS

    for case in ALL.values():
        module, args = made(case)
        document = json.loads(rnninspect.inspect(module, *args).json())
        Draft202012Validator(RESULTS["inspect"]()).validate(document)
        live = document["live"]
        assert document["ledger"] == "agreed"
        assert document["models"][0]["parameters"] == live["parameters"]
        assert [layer["name"] for layer in live["layers"]] == [
            layer["name"] for layer in document["models"][0]["layers"]
        ]


def test_a_module_that_is_not_what_its_arguments_say_is_told() -> None:
    module = nn.LSTM(5, 7)
    module.weight_hh_l0 = nn.Parameter(torch.zeros(28, 6))
    (layer,) = rnninspect.recurrent(module).layers
    assert not layer.agrees
    assert [(item.fact, item.plan, item.real) for item in layer.differences] == [
        ("weights weight_hh_l0 shape", (28, 7), (28, 6)),
        ("forward macs", 28 * 12, 28 * 11),
    ]
    assert "plan and modules differ" in str(rnninspect.recurrent(module)).splitlines()[-1]
