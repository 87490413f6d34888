"""Figures that others have printed: the tool must give them exactly."""

from __future__ import annotations

import pytest
from worlds import CONFIGS

from rnninspect.document.load import load_spec
from rnninspect.facts.models import ModelFacts
from rnninspect.plan import plan


def planned(name: str) -> ModelFacts:
    return plan(load_spec(str(CONFIGS / f"{name}.yaml")))


@pytest.mark.parametrize(
    ("name", "shapes", "parameters", "macs"),
    [
        ("rnn", {"output": (50, 16, 20), "h_n": (2, 16, 20)}, 1_480, 1_120_000),
        ("lstm", {"output": (20, 32, 50), "h_n": (2, 32, 50), "c_n": (2, 32, 50)}, 90_800, 57_600_000),
        ("gru", {"output": (30, 64, 20), "h_n": (2, 64, 20)}, 6_840, 12_672_000),
    ],
)
def test_the_seeds_examples(name: str, shapes: dict[str, tuple[int, ...]], parameters: int, macs: int) -> None:
    facts = planned(name)
    assert {tensor.name: tensor.shape for tensor in facts.layers[0].outputs} == shapes
    assert (facts.parameters, facts.macs) == (parameters, macs)


def test_torchinfos_lstmnet() -> None:
    assert planned("lstmnet").parameters == 3_784_580


def test_zarembas_large_model() -> None:
    """Zaremba, Sutskever & Vinyals (2014) report 66M parameters, untied: 66.03 M."""
    assert planned("zaremba-large").parameters == 66_034_000


def test_a_projected_lstm_of_8192_units() -> None:
    """By hand: a layer has 4*8192 rows of (1024 in + 1024 fed back + 2 biases) and W_hr of 1024 x 8192."""
    assert planned("lstm-8192-1024").parameters == 2 * (4 * 8192 * (1024 + 1024 + 2) + 1024 * 8192)


def test_keras_counts_one_bias() -> None:
    """keras.layers.LSTM(50) on 300 features, twice: 70,200 + 20,200."""
    assert planned("lstm").counts.one_bias == 90_400


def test_a_model_of_a_billion_billion_parameters_is_planned() -> None:
    """The plan is arithmetic: sizes cost nothing."""
    settings = ["encoder.hidden_size=1000000000", "encoder.input_size=1000000000"]
    facts = plan(load_spec(str(CONFIGS / "lstm.yaml"), settings))
    assert facts.parameters == 2 * (2 * 4 * 10**18 + 2 * 4 * 10**9)
