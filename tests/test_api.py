"""The Python interface: a document's plan, its modules, its errors."""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch
from ended import Run
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from worlds import CONFIGS

import rnninspect
from rnninspect import errors
from rnninspect.layers.signal import ModelInput
from rnninspect.runtime import real

EVERY_CONFIG = sorted(CONFIGS.glob("*.yaml"))
# Too large to build in a test; shapes are the same on meta.
ON_META = {"zaremba-large": 66_034_000, "lstm-8192-1024": 151_126_016}

SMALL = """\
name: small
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: encoder, type: GRU, input_size: 4, hidden_size: 5}
  - {name: head, type: Linear, out_features: 6}
"""


@pytest.fixture
def small(tmp_path: Path) -> rnninspect.Model:
    (tmp_path / "doc.yaml").write_text(SMALL)
    return rnninspect.load(tmp_path / "doc.yaml")


# --- at a glance -------------------------------------------------------------------------------------------


def test_printed_it_is_the_page_of_the_plan(here: Run) -> None:
    path = CONFIGS / "tagger.yaml"
    model = rnninspect.load(path)
    assert str(model) + "\n" == here(path, "--plan").stdout
    assert repr(model) == str(model)


def test_in_a_terminal_it_is_no_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.output._is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "50")
    assert max(map(len, repr(rnninspect.load(CONFIGS / "tagger.yaml")).splitlines())) <= 50


def test_in_a_notebook_it_is_a_table() -> None:
    page = ElementTree.fromstring(f"<div>{rnninspect.load(CONFIGS / 'tagger.yaml')._repr_html_()}</div>")
    texts = [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]
    assert texts[0] == ["layer", "type", "output", "parameters", "%", "MACs"]
    assert texts[2] == ["encoder", "LSTM", "(20, 32, 100)", "201,600", "40.1", "128.0 M"]
    assert texts[-1] == ["total", "", "", "502,610", "100.0", "128.6 M"]
    assert str(next(page.iter("p")).text).startswith("2.01 MB of float32, all trainable")


def test_a_name_cannot_become_html(tmp_path: Path) -> None:
    (tmp_path / "doc.yaml").write_text(SMALL.replace("small", "'<b>&'"))
    page = rnninspect.load(tmp_path / "doc.yaml")._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page


def test_completion_offers_the_public_names() -> None:
    assert {"load", "Model", "RnnInspectError"} <= set(dir(rnninspect))


# --- load and plan -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [str, Path])
def test_load_takes_any_path(kind: Callable[[Path], str | Path]) -> None:
    model = rnninspect.load(kind(CONFIGS / "lstm.yaml"))
    assert isinstance(model, rnninspect.Model)
    assert model.plan().source == str(CONFIGS / "lstm.yaml")


def test_the_plan_says_everything_without_building() -> None:
    plan = rnninspect.load(CONFIGS / "lstm.yaml").plan()
    # Two layers of 4 * 50 rows: 300 and 50, then 50 and 50 columns, and two biases each.
    assert plan.parameters == 4 * 50 * (300 + 50 + 2) + 4 * 50 * (50 + 50 + 2) == 90_800
    assert plan.parameter_bytes == 4 * 90_800
    assert plan.macs == 20 * 32 * 4 * 50 * (300 + 50 + 50 + 50)
    assert plan.layers[0].name == "encoder"
    assert plan.layers[0].weights[0].shape == (200, 300)
    assert plan.layers[0].outputs[0].shape == (20, 32, 50)
    assert plan.measured is None


def test_settings_are_overrides() -> None:
    model = rnninspect.load(CONFIGS / "lstm.yaml", ["encoder.hidden_size=7", "encoder.num_layers=1", "dtype=float64"])
    plan = model.plan()
    assert plan.parameters == 4 * 7 * (300 + 7 + 2)
    assert plan.parameter_bytes == 8 * plan.parameters
    assert rnninspect.load(CONFIGS / "lstm.yaml").plan().parameters == 90_800


def test_a_model_does_not_change(small: rnninspect.Model) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        small.spec = None
    assert small.plan() == small.plan()


# --- build -------------------------------------------------------------------------------------------------


def input_of(model: rnninspect.Model, device: str, given: ModelInput) -> Tensor | PackedSequence:
    """A batch as the document describes it, made from the plan's shape of what a layer that reads it is fed with."""
    batch = given.signal.batch
    reader = next(link.layer.name for link in model.spec.links if link.wires.reads == (given.name,))
    planned = next(layer.inputs[0] for layer in model.plan().layers if layer.name == reader)
    packed = batch.lengths is not None
    shape = (batch.seq_len, batch.size, *planned.shape[1:]) if packed else planned.shape
    if planned.dtype == "int64":
        x = torch.zeros(shape, dtype=torch.int64, device=device)
    else:
        x = torch.randn(shape, dtype=getattr(torch, planned.dtype), device=device)
    return pack_padded_sequence(x, torch.tensor(batch.lengths), enforce_sorted=False) if packed else x


# why: torch says so of itself, once a process; the look commands keep it quiet, a caller's own forward may see it.
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")
@pytest.mark.parametrize("path", EVERY_CONFIG, ids=lambda path: path.stem)
def test_every_config_builds_and_puts_out_what_is_planned(path: Path) -> None:
    model = rnninspect.load(path)
    plan = model.plan()
    device = "meta" if path.stem in ON_META else "cpu"
    module = model.build(device=device)
    assert isinstance(module, nn.Module)
    assert [layer for layer in module.layers if layer.training] == []

    parameters = list(module.parameters())  # one that is shared comes once
    assert sum(parameter.numel() for parameter in parameters) == plan.parameters
    assert {parameter.device.type for parameter in parameters} == {device}
    assert sum(p.numel() for p in parameters if p.requires_grad) == plan.counts.trainable
    assert plan.parameters == ON_META.get(path.stem, plan.parameters)

    with torch.no_grad():
        output = module(*(input_of(model, device, each) for each in model.spec.inputs))
    by_name = {layer.name: layer.handed_on.tensor if layer.handed_on else layer.outputs[0] for layer in plan.layers}
    returned = output if len(model.spec.returns) > 1 else (output,)
    for name, flow in zip(model.spec.returns, returned, strict=True):
        data = flow.data if isinstance(flow, PackedSequence) else flow
        assert (tuple(data.shape), str(data.dtype)) == (by_name[name].shape, f"torch.{by_name[name].dtype}")


def test_there_are_configs() -> None:
    assert len(EVERY_CONFIG) >= 14
    assert ON_META.keys() <= {path.stem for path in EVERY_CONFIG}


def test_built_layers_are_torchs_own(small: rnninspect.Model) -> None:
    assert [type(layer) for layer in small.build(device="cpu").layers] == [nn.GRU, nn.Linear]


def test_a_tied_matrix_is_one_tensor() -> None:
    layers = rnninspect.load(CONFIGS / "language-model.yaml", ["embed.num_embeddings=11"]).build(device="cpu").layers
    assert layers[2].weight is layers[0].weight


def test_the_documents_device_is_used_unless_another_is_named() -> None:
    model = rnninspect.load(CONFIGS / "lstm-8192-1024.yaml")
    assert {weight.device.type for weight in model.build().parameters()} == {"meta"}
    small = rnninspect.load(CONFIGS / "rnn.yaml", ["device=meta"])
    assert {weight.device.type for weight in small.build(device="cpu").parameters()} == {"cpu"}


def test_a_seed_fixes_every_weight(small: rnninspect.Model) -> None:
    first, again, other = (small.build(device="cpu", seed=seed).state_dict() for seed in (3, 3, 4))
    assert list(first) == list(again) == list(other)
    assert [name for name in first if not torch.equal(first[name], again[name])] == []
    assert [name for name in first if torch.equal(first[name], other[name])] == []


def test_the_seed_is_0_unless_given(small: rnninspect.Model) -> None:
    given, default = (small.build(device="cpu", **seed).state_dict() for seed in ({"seed": 0}, {}))
    assert [name for name in given if not torch.equal(given[name], default[name])] == []


def test_torchs_own_generator_and_threads_are_left_as_they_were(small: rnninspect.Model) -> None:
    torch.manual_seed(99)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    small.build(device="cpu", seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(errors.NoSuchDevice):
        small.build(device="cuda:99", seed=1)
    real.measure(small.spec, small.plan(), torch.device("cpu"), seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


# --- errors ------------------------------------------------------------------------------------------------


def test_a_bad_document_is_an_error_with_a_place(tmp_path: Path) -> None:
    path = tmp_path / "doc.yaml"
    text = SMALL.replace("hidden_size: 5", "hidden_size: big")
    path.write_text(text)
    column = text.splitlines()[3].index("big") + 1
    with pytest.raises(rnninspect.RnnInspectError) as caught:
        rnninspect.load(path)
    error = caught.value
    assert isinstance(error, errors.DocumentError)
    assert (error.place.source, error.place.line, error.place.column) == (str(path), 4, column)
    assert error.path == "layers[0].hidden_size"
    assert str(error) == f"{path}:4:{column}: layers[0].hidden_size: expected an integer >= 1, got 'big'"
    assert error.exit_code == 2


def test_a_bad_setting_and_a_missing_file_are_such_errors_too(tmp_path: Path) -> None:
    for path, settings in ((CONFIGS / "lstm.yaml", ["nobody.hidden_size=3"]), (tmp_path / "missing", [])):
        with pytest.raises(errors.DocumentError, match=r"no layer is called 'nobody'|no such file"):
            rnninspect.load(path, settings)


@pytest.mark.parametrize("device", ["cuda:99", "nowhere"])
def test_a_device_that_is_not_here(small: rnninspect.Model, device: str) -> None:
    with pytest.raises(errors.NoSuchDevice, match=rf"device {device} .* sees cpu, meta") as caught:
        small.build(device=device)
    assert isinstance(caught.value, rnninspect.RnnInspectError)


def test_too_large_is_said_before_anything_is_built(small: rnninspect.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = small.plan().parameter_bytes
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: needed - 1)
    monkeypatch.setattr(nn, "GRU", None)
    with pytest.raises(errors.NotEnoughMemory, match=rf"needs at least [\d,]+ bytes, cpu has {needed - 1:,} free"):
        small.build(device="cpu")
    monkeypatch.undo()
    # A system that does not say refuses nothing.
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: None)
    assert small.build(device="cpu")


# --- the package -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", rnninspect.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(rnninspect, name).__module__.startswith("rnninspect.")


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = rnninspect.laod


def test_nothing_warns(program: Run) -> None:
    source = "import rnninspect, sys; model = rnninspect.load(sys.argv[1]); model.plan(); model.build(device='cpu')"
    done = program(source, "-W", "error", args=(str(CONFIGS / "rnn.yaml"),))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- no name stands for two things -------------------------------------------------------------------------

NAMES = """
import importlib, pkgutil, sys
import torch
import rnninspect

for found in pkgutil.walk_packages(rnninspect.__path__, "rnninspect."):
    if found.name != "rnninspect.__main__":
        importlib.import_module(found.name)
gru = torch.nn.GRU(5, 7)
assert rnninspect.inspect(gru, (4, 3, 5)).layers[0].calls == 1
assert rnninspect.recurrent(gru).parameters == 294
assert rnninspect.check_module(gru, max_params=300).agrees
assert rnninspect.load(sys.argv[1]).plan().parameters
modules = {name.removeprefix("rnninspect.") for name in sys.modules if name.startswith("rnninspect.")}
print(sorted(modules & set(rnninspect.__all__)))
"""


def test_no_public_name_is_a_modules() -> None:
    modules = {found.name for found in pkgutil.iter_modules(rnninspect.__path__)}
    assert "live" in modules
    assert modules & set(rnninspect.__all__) == set()


@pytest.mark.more
def test_no_module_of_the_package_takes_the_place_of_a_public_name(program: Run) -> None:
    done = program(NAMES, args=(str(CONFIGS / "gru.yaml"),))
    assert (done.stderr, done.stdout) == ("", "[]\n")


def test_without_torch_the_names_are_there(program: Run) -> None:
    calls = "for call in (inspect, recurrent, check_module):\n try: call(1)\n except RnnInspectError as e: print(e)"
    done = program(
        f"import sys\nsys.modules['torch'] = None\nfrom rnninspect import *\nprint(Inspected.__name__)\n{calls}"
    )
    assert done.stderr == ""
    name, *told = done.stdout.splitlines()
    assert (name, len(told)) == ("Inspected", 3)
    assert all("torch" in line for line in told)
