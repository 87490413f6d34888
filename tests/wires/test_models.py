"""Models with wires, of `configs/` and published ones, against plain torch modules written by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from wires import published
from wires.held import PLACES, counted, hold, laid_out
from wires.models import MODELS
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.plan import plan
from rnninspect.runtime.modules import reachable
from rnninspect.runtime.real import measure

pytestmark = pytest.mark.torch


# Other sizes that are published: by model, those of the document and of the module, and their parameters.
LARGE: dict[str, tuple[str, tuple[Any, ...], Callable[[int], bool]]] = {
    # SeanNaren/deepspeech.pytorch, by its own sizes.
    "deepspeech2": (
        "rnn.input_size=1312 rnn.hidden_size=1024 stacked.hidden_size=1024",
        (1312, 1024, 1024, 29),
        lambda count: count == 86_367_232,
    ),
    # GNMT's encoder: 32,000 words, 1024 units, one layer of two directions and seven of one.
    "residual": (
        "embed.num_embeddings=32000 embed.embedding_dim=1024 both.hidden_size=1024 first.hidden_size=1024 "
        "stacked.hidden_size=1024",
        (32000, 1024, 1024, 1024),
        lambda count: count == 32000 * 1024 + 2 * 4 * 1024 * 2050 + 4 * 1024 * 3074 + 6 * 4 * 1024 * 2050,
    ),
    # Sutskever et al. 2014: "384M parameters".
    "translator": (
        "read.num_embeddings=160000 read.embedding_dim=1000 encoder.hidden_size=1000 encoder.num_layers=4 "
        "write.num_embeddings=80000 write.embedding_dim=1000 decoder.hidden_size=1000 decoder.num_layers=4 "
        "head.out_features=80000",
        (160_000, 80_000, 1000, 1000, 4),
        lambda count: round(count / 1e6) == 384,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_as_many_parameters_as_the_module_by_hand(name: str) -> None:
    model = MODELS[name]
    parameters = plan(spec_of(model.text)).parameters
    assert parameters == counted(model.twin, model.sizes)
    assert model.published in (None, parameters)


@pytest.mark.parametrize("name", LARGE)
def test_a_model_of_published_sizes_has_the_published_count(name: str) -> None:
    sizes, by_hand, is_published = LARGE[name]
    parameters = plan(spec_of(MODELS[name].text, *sizes.split())).parameters
    assert parameters == counted(MODELS[name].twin, by_hand)
    assert is_published(parameters)


def test_keras_counts_one_bias_of_what_has_wires_too() -> None:
    assert plan(spec_of(published.CAPTION)).counts.one_bias == 5_527_963


# Each model at every place; two of its places in turn, each place with every other model, but for `more`.
AT = [
    pytest.param(name, place, marks=() if (k + 2 * number) % 5 < 2 else pytest.mark.more)
    for k, name in enumerate(MODELS)
    for number, place in enumerate(PLACES)
]


@pytest.mark.parametrize(("name", "place"), AT)
def test_a_model_computes_what_the_module_by_hand_does(name: str, place: str) -> None:
    """Outputs, and gradients of weights and inputs."""
    model = MODELS[name]
    hold(spec_of(laid_out(model, place), *model.small.split()), model.twin(*model.least))


@pytest.mark.parametrize(("name", "place"), AT)
def test_plan_and_torch_agree_on_what_has_wires(name: str, place: str) -> None:
    """Every dtype in turn, on the CPU and where nothing is computed."""
    model = MODELS[name]
    number = list(MODELS).index(name) + list(PLACES).index(place)
    document = laid_out(model, place) | {"dtype": ("float32", "bfloat16", "float64", "float16")[number % 4]}
    for device in (torch.device("cpu"), torch.device("meta")):
        spec = reachable(spec_of(document, *model.small.split()), device)
        assert differences(plan(spec), measure(spec, plan(spec), device)) == ()
