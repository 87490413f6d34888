"""Every kind's fields are its torch constructor's parameters: names, order and defaults.

Ours may be left out where torch demands them, because the chain infers them: input_size, in_features, in_channels,
normalized_shape, and out_features (of a Linear tied to an Embedding).
"""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
import typing
from importlib import import_module

import pytest
from torch import nn

import rnninspect.layers
from rnninspect.layers.dropout import Dropout
from rnninspect.layers.layer import Layer
from rnninspect.layers.linear import Linear
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.layers.rnn import RNN

# Where a tensor is made, and from what, is no part of a document's layer.
LEFT_OUT = {"self", "device", "dtype", "_weight", "_freeze"}
# Names of Hardtanh's that torch itself warns of.
LEFT_OUT |= {"min_value", "max_value"}
INFERRED = {"input_size", "in_features", "in_channels", "normalized_shape", "num_features", "out_features"}
REQUIRED = "required"


def torch_parameters(name: str) -> dict[str, object]:
    """The keyword arguments of torch.nn's class and their defaults."""
    constructor = getattr(nn, name).__init__
    if constructor is nn.Module.__init__:
        return {}
    # why overloads: of RNN, LSTM and GRU only the first has the real signature, the code itself takes *args, **kwargs.
    overloads = typing.get_overloads(constructor)
    signature = inspect.signature(overloads[0] if overloads else constructor)
    assert not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in signature.parameters.values())
    return {
        parameter.name: REQUIRED if parameter.default is parameter.empty else parameter.default
        for parameter in signature.parameters.values()
        if parameter.name not in LEFT_OUT
    }


def our_parameters(kind: type[Layer]) -> dict[str, object]:
    return {
        name: REQUIRED if field.is_required() else field.default
        for name, field in kind.model_fields.items()
        if name not in kind.ours
    }


def differences(kind: type[Layer], name: str) -> dict[str, tuple[object, object]]:
    """Parameters that ours and torch's disagree on: (ours, torch's)."""
    ours, theirs = our_parameters(kind), torch_parameters(name)
    unlike = {}
    for key in ours | theirs:
        pair = ours.get(key, "absent"), theirs.get(key, "absent")
        inferred = key in INFERRED and pair == (None, REQUIRED)
        # why the types: 1 == True == 1.0, and a default's type says what the field takes.
        if not inferred and (pair[0] != pair[1] or type(pair[0]) is not type(pair[1])):
            unlike[key] = pair
    return unlike


TORCHS = [name for name in TYPES if hasattr(nn, name)]


@pytest.mark.parametrize("name", TORCHS)
def test_fields_and_defaults_are_torchs(name: str) -> None:
    assert differences(kind_of(name), name) == {}


def test_what_may_be_left_out_is_what_torch_demands() -> None:
    optional = {
        name: {
            key for key in INFERRED & our_parameters(kind_of(name)).keys() if torch_parameters(name)[key] == REQUIRED
        }
        for name in TORCHS
    }
    recurrent = {"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"}
    assert {name: keys for name, keys in optional.items() if keys} == {
        **{name: {"input_size"} for name in recurrent},
        "Linear": {"in_features", "out_features"},
        "LayerNorm": {"normalized_shape"},
        "Conv1d": {"in_channels"},
        "BatchNorm1d": {"num_features"},
    }


def test_jordan_is_ours() -> None:
    assert not hasattr(nn, "Jordan")
    assert not hasattr(nn, "JordanRNN")
    # torch.nn.RNN's fields, without those of stacking, and with output_size.
    rnn = torch_parameters("RNN")
    expected = {key: rnn[key] for key in ("hidden_size", "nonlinearity", "bias", "batch_first")}
    assert our_parameters(kind_of("JordanRNN")) == {**expected, "input_size": None, "output_size": REQUIRED}


@pytest.mark.parametrize("name", TYPES)
def test_what_is_ours_has_a_name_of_its_own(name: str) -> None:
    """No field of ours may hide one of torch's."""
    kind = kind_of(name)
    assert kind.ours <= kind.model_fields.keys()
    if name in TORCHS:
        assert not kind.ours & torch_parameters(name).keys()


class _WrongDefault(Dropout):
    p: float = 0.1


class _WrongType(Dropout):
    inplace: int = 0


class _OneTooMany(Dropout):
    seed: int = 0


class _Undemanding(RNN):
    hidden_size: int = 1


class _Demanding(RNN):
    num_layers: int


class _NotInferred(Linear):
    bias: bool | None = None


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (_WrongDefault, "Dropout", {"p": (0.1, 0.5)}),
        (_WrongType, "Dropout", {"inplace": (0, False)}),
        (_OneTooMany, "Dropout", {"seed": (0, "absent")}),
        (_Undemanding, "RNN", {"hidden_size": (1, REQUIRED)}),
        (_Demanding, "RNN", {"num_layers": (REQUIRED, 1)}),
        (_NotInferred, "Linear", {"bias": (None, True)}),
        (RNN, "LSTM", {"nonlinearity": ("tanh", "absent"), "proj_size": ("absent", 0)}),
    ],
)
def test_the_comparison_can_fail(kind: type[Layer], name: str, expected: dict[str, object]) -> None:
    assert differences(kind, name) == expected


class TestRegistry:
    @pytest.mark.parametrize("name", TYPES)
    def test_a_type_is_the_class_name(self, name: str) -> None:
        assert kind_of(name).__name__ == name
        assert typing.get_args(kind_of(name).model_fields["type"].annotation) == (name,)

    def test_every_kind_there_is_is_registered(self) -> None:
        modules = [
            import_module(f"rnninspect.layers.{m.name}") for m in pkgutil.iter_modules(rnninspect.layers.__path__)
        ]
        kinds = {
            thing
            for module in modules
            for thing in vars(module).values()
            if isinstance(thing, type)
            and issubclass(thing, Layer)
            and typing.get_origin(thing.model_fields["type"].annotation) is typing.Literal
        }
        assert kinds == {kind_of(name) for name in TYPES}

    @pytest.mark.parametrize("name", ["", "Conv2d", "lstm", "Layer", "Recurrent", "__class__"])
    def test_no_other_type_is_known(self, name: str) -> None:
        assert name not in TYPES
        with pytest.raises(KeyError):
            kind_of(name)

    def test_only_the_kinds_asked_for_are_imported(self) -> None:
        """Each costs a document's start-up; and none needs torch."""
        script = (
            "import sys; from rnninspect.layers.registry import kind_of; kind_of('Dropout');"
            "print([m for m in ('dropout', 'linear', 'lstm', 'gru') if f'rnninspect.layers.{m}' in sys.modules],"
            " 'torch' in sys.modules)"
        )
        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert ran.stdout == "['dropout'] False\n"
