"""Drawing by the laws of an `init` block: what is drawn, in which order, and what is left as it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from worlds import spec_of

from rnninspect.document.chain import Spec
from rnninspect.facts.models import ModelFacts
from rnninspect.facts.weights import Observed
from rnninspect.plan import plan
from rnninspect.runtime import initial, modules, real
from rnninspect.runtime.ahead import EquationRNN

CPU, META = torch.device("cpu"), torch.device("meta")
INIT = "{weight_ih: xavier_uniform, weight_hh: orthogonal, bias: zeros, forget_bias: 1.0}"
DOCUMENT = """
input: {batch_size: 3, seq_len: 5}
layers:
  - {name: first, type: GRU, input_size: 7, hidden_size: 11}
  - {name: second, type: LSTM, hidden_size: 11, num_layers: 2, init: %s}
  - {name: third, type: Linear, out_features: 5}
"""


def measure(spec: Spec, device: torch.device, seed: int = 0) -> ModelFacts:
    """What torch says of the model."""
    return real.measure(spec, plan(spec), device, seed)


def values(init: str, seed: int = 0) -> dict[str, torch.Tensor]:
    return dict(modules.build(spec_of(DOCUMENT % init), "cpu", seed).layers.named_parameters())


def test_without_the_block_torchs_own_values() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        modules = nn.ModuleList([nn.GRU(7, 11), nn.LSTM(11, 11, 2), nn.Linear(11, 5)])
    for init in ("null", "{}", "{weight_hh: null}"):
        built = values(init, seed=3)
        assert all(torch.equal(built[name], value) for name, value in modules.named_parameters())


def test_what_is_not_named_keeps_its_value() -> None:
    """Neither the layers around it nor the weights beside it are drawn otherwise."""
    plain, built = values("null", seed=3), values("{weight_hh: orthogonal, forget_bias: 1.0}", seed=3)
    changed = {name for name in plain if not torch.equal(plain[name], built[name])}
    assert changed == {f"1.{name}_l{k}" for name in ("weight_hh", "bias_ih", "bias_hh") for k in (0, 1)}
    for k in (0, 1):
        for name, value in ((f"1.bias_ih_l{k}", 1.0), (f"1.bias_hh_l{k}", 0.0)):
            assert torch.equal(built[name][11:22], torch.full((11,), value))
            rest = [*range(11), *range(22, 44)]
            assert torch.equal(built[name][rest], plain[name][rest])


def test_torchs_functions_draw_in_the_order_of_the_weights() -> None:
    built = values(INIT, seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        nn.ModuleList([nn.GRU(7, 11), nn.LSTM(11, 11, 2), nn.Linear(11, 5)])
        for k in (0, 1):
            for name, law in (("weight_ih", nn.init.xavier_uniform_), ("weight_hh", nn.init.orthogonal_)):
                for gate in range(4):
                    expected = law(torch.empty(11, 11))
                    assert torch.equal(built[f"1.{name}_l{k}"][11 * gate : 11 * (gate + 1)], expected)


def test_one_seed_gives_one_set_of_values() -> None:
    first, again, other = values(INIT, 3), values(INIT, 3), values(INIT, 4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["1.weight_hh_l0"], other["1.weight_hh_l0"])


def test_a_parameter_stays_one_and_is_trained() -> None:
    built = values(INIT)
    assert all(parameter.is_leaf and parameter.requires_grad for parameter in built.values())
    assert all(parameter.grad_fn is None for parameter in built.values())


@pytest.mark.parametrize("law", ["kaiming_normal", "orthogonal_packed", {"uniform": 0.1}, {"normal": 0.1}], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_drawn_in_float32(dtype: str, law: object) -> None:
    """The same numbers as in float32, rounded once."""
    layer = spec_of(DOCUMENT % "null").links[0].layer
    laws = {"init": {"weight_ih": law, "weight_hh": "orthogonal"}}
    matrices = [weight for weight in layer.model_copy(update=laws).weights(dtype) if weight.name.startswith("weight")]
    module, exact = (nn.GRU(7, 11, dtype=kind) for kind in (getattr(torch, dtype), torch.float32))
    for drawn in (module, exact):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            initial.draw(drawn, matrices)
    for name in ("weight_ih_l0", "weight_hh_l0"):
        rounded = module.get_parameter(name)
        assert rounded.dtype == getattr(torch, dtype)
        assert torch.equal(rounded, exact.get_parameter(name).to(rounded.dtype))


def test_on_meta_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.init, "orthogonal_", None)
    spec = modules.reachable(spec_of(DOCUMENT % INIT), META)
    facts = measure(spec, META)
    assert {weight.observed for layer in facts.layers for weight in layer.weights} == {None}
    assert {gate.observed for layer in facts.layers for weight in layer.weights for gate in weight.gates} == {None}
    assert facts.layers[1].weights == plan(spec).layers[1].weights


def test_a_layer_that_is_run_from_its_equations_starts_with_torchs_law() -> None:
    """Whatever its block says: that is drawn by who builds the model, as it is for torch's layers."""
    layer: Any = spec_of(DOCUMENT % INIT).links[1].layer
    bound = 11**-0.5
    for parameter in EquationRNN(layer).parameters():
        assert bound / 2 < float(parameter.detach().abs().max()) <= bound


# --- what is seen of it --------------------------------------------------------------------------------------


def observed(init: str) -> dict[str, Observed]:
    """What is seen of every weight of the second layer, and of its gates where they are looked at alone."""
    found = {}
    for weight in measure(spec_of(DOCUMENT % init), CPU, 1).layers[1].weights:
        assert weight.observed is not None
        found[weight.name] = weight.observed
        found |= {gate.name: gate.observed for gate in weight.gates if gate.observed}
    return found


def test_a_deviation_of_what_is_orthogonal_and_of_what_is_eye() -> None:
    seen = observed("{weight_ih: eye, weight_hh: orthogonal}")
    assert seen["weight_ih_l0"].deviation == 0
    deviation = seen["weight_hh_l0"].deviation
    assert deviation is not None
    assert 0 < deviation < 1e-5
    assert seen["weight_hh_l0"].std_ratio == pytest.approx(1, abs=0.05)
    assert seen["weight_hh_l0"].peak_ratio is None
    assert seen["bias_ih_l0"].deviation is None


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (5, 3), (4, 4), (1, 7), (7, 1)])
def test_the_deviation_is_of_the_shorter_side(rows: int, columns: int) -> None:
    matrix = nn.init.orthogonal_(torch.empty(rows, columns))
    deviation = initial.deviation("orthogonal", [matrix, matrix])
    assert deviation is not None
    assert deviation < 1e-6
    assert initial.deviation("orthogonal", [matrix, matrix * 1.1]) == pytest.approx(0.21, rel=1e-5)
    nan = initial.deviation("orthogonal", [matrix * float("nan"), matrix])
    assert nan is not None
    assert nan != nan
    assert initial.deviation("xavier_normal", [matrix]) is None


def test_gates_are_looked_at_alone_where_their_laws_differ() -> None:
    seen = observed("{forget_bias: 2.5}")
    assert {name for name in seen if name.startswith("b_")} == {f"b_{v}{gate}" for v in "ih" for gate in "ifgo"}
    assert (seen["b_if"].minimum, seen["b_if"].maximum, seen["b_if"].std) == (2.5, 2.5, 0)
    assert (seen["b_hf"].minimum, seen["b_hf"].maximum) == (0, 0)
    assert (seen["b_if"].peak_ratio, seen["b_if"].std_ratio) == (None, None)
    ratio = seen["b_ig"].peak_ratio
    assert ratio is not None
    assert 0.5 < ratio <= 1
    # of the weight as a whole there is no law, but there are values
    whole = seen["bias_ih_l0"]
    assert (whole.maximum, whole.peak_ratio, whole.std_ratio) == (2.5, None, None)
    assert not [name for name in observed("{bias: zeros}") if name.startswith("b_")]
