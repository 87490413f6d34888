"""What only the real ledger does: devices, refusals, seeds, what a run measures, and what it leaves as it was."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ended import Run
from worlds import CONFIGS

from rnninspect import load
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.errors import NoSuchDevice, NotEnoughMemory, Place, TorchRefused
from rnninspect.facts.models import ModelFacts
from rnninspect.plan import largest_size, plan
from rnninspect.runtime import modules, real
from rnninspect.runtime.device import find_device

CPU, META = torch.device("cpu"), torch.device("meta")


def measure(spec: Spec, device: torch.device, seed: int = 0) -> ModelFacts:
    """What torch says of the model."""
    return real.measure(spec, plan(spec), device, seed)


def spec_of(name: str, *settings: str) -> Spec:
    return load_spec(str(CONFIGS / f"{name}.yaml"), settings)


def test_a_device_that_is_not_here() -> None:
    with pytest.raises(NoSuchDevice, match=r"device cuda:99 was asked for; torch .* sees cpu, meta"):
        find_device("cuda:99")


@pytest.mark.parametrize("name", [None, "auto"])
def test_auto_is_the_best_there_is(name: str | None) -> None:
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert find_device(name).type == best


def test_too_large_is_refused_before_anything_is_allocated() -> None:
    with pytest.raises(NotEnoughMemory):
        modules.build(spec_of("lstm", "encoder.hidden_size=10000000"), "cpu")


def test_what_torch_will_not_build_is_one_line() -> None:
    spec = spec_of("lstm", f"encoder.hidden_size={2**62}")
    with pytest.raises(
        TorchRefused, match=r"lstm\.yaml:7:5: torch \S+ could not build layer 'encoder' on meta in float32: .+$"
    ):
        measure(modules.reachable(spec, META), META)


@pytest.mark.parametrize(
    ("device", "settings", "error"),
    [
        # more elements than an int64 counts, in a weight, in the batch, in the time steps of a tensor
        ("meta", [f"encoder.hidden_size={2**33}"], TorchRefused),
        ("meta", [f"encoder.input_size={2**62}"], TorchRefused),
        ("meta", [f"input.batch_size={2**62}"], TorchRefused),
        ("cpu", [f"input.batch_size={2**62}"], NotEnoughMemory),
        ("cpu", [f"input.seq_len={2**62}"], NotEnoughMemory),
        ("cpu", ["encoder.num_layers=1000", "encoder.hidden_size=1000000"], NotEnoughMemory),
        ("cpu", [f"encoder.hidden_size={2**62}"], NotEnoughMemory),
    ],
)
def test_sizes_beyond_what_torch_can_count(device: str, settings: list[str], error: type[Exception]) -> None:
    spec = spec_of("lstm", *settings)
    where = torch.device(device)
    with pytest.raises(error) as caught:
        measure(modules.reachable(spec, where), where)
    assert str(caught.value).isprintable()


# A document whose device is not here, and whose table holds most.
DOCUMENT = """\
input: {batch_size: 4, seq_len: 7}
device: cuda:99
layers:
  - {name: embed, type: Embedding, num_embeddings: 1000, embedding_dim: 3}
  - name: encoder
    type: LSTM
    hidden_size: 5
  - {name: head, type: Linear, out_features: 2}
"""


@pytest.fixture
def documents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`far.yaml` as above and `near.yaml` without a device, in the current folder."""
    (tmp_path / "far.yaml").write_text(DOCUMENT)
    (tmp_path / "near.yaml").write_text(DOCUMENT.replace("device: cuda:99\n", ""))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("documents")
def test_a_device_that_is_not_here_is_told_with_its_line(here: Run) -> None:
    said = rf"error: far\.yaml:2:9: device cuda:99 was asked for; torch {re.escape(torch.__version__)} sees cpu, .*\n"
    for command, hint in (("shapes", "use --device cpu, or --plan"), ("verify", "use --device cpu")):
        done = here(command, "near.yaml", "far.yaml", "--format", "json")
        assert done.returncode == 3
        assert re.fullmatch(said, done.stderr)
        assert done.stderr.endswith(f" here ({hint})\n")
        assert [model["file"] for model in json.loads(done.stdout)["models"]] == ["near.yaml"]
    done = here("check", "near.yaml", "far.yaml", "--build", "--format", "github")
    annotation = "::error file=far.yaml,line=2,col=9,title=rnninspect%3A build::device cuda:99 was asked for; torch "
    assert done.stdout.startswith(annotation)
    assert "(use --device cpu, or leave out --build)\n" in done.stdout
    with pytest.raises(NoSuchDevice) as caught:
        load("far.yaml").build()
    assert caught.value.place == Place("far.yaml", 2, 9)


@pytest.mark.usefixtures("documents")
@pytest.mark.parametrize("command", ["shapes", "verify"])
def test_an_option_is_named_with_each_document_that_it_is_for(here: Run, command: str) -> None:
    done = here(command, "far.yaml", "near.yaml", "--device", "cuda:99")
    assert (done.returncode, done.stdout) == (3, "")
    lines = done.stderr.splitlines()
    assert [line[: line.index("; torch")] for line in lines] == [
        f"error: {file}.yaml: --device cuda:99: device cuda:99 was asked for" for file in ("far", "near")
    ]


@pytest.mark.usefixtures("documents")
def test_a_size_that_is_refused_is_told_with_its_line_and_layer(here: Run) -> None:
    """By the tool before anything is allocated, and by torch."""
    vast = DOCUMENT.replace("device: cuda:99\n", "").replace("num_embeddings: 1000", f"num_embeddings: {2**62}")
    Path("vast.yaml").write_text(vast)
    needs = r"layer 'embed' asks for most; the model needs at least [\d,]+ bytes, cpu has [\d,]+ free \(.*\)"
    done = here("params", "near.yaml", "vast.yaml", "--device", "cpu")
    assert done.returncode == 3
    assert re.fullmatch(rf"error: vast\.yaml:3:52: layers\[0\]\.num_embeddings: {needs}\n", done.stderr)
    assert done.stderr.endswith(" free (use --device meta for real shapes without memory, or --plan)\n")
    done = here("check", "vast.yaml", "--build", "--device", "cpu")
    assert " free (use --device meta for real shapes without memory, or leave out --build)\n" in done.stderr
    option = f"embed.num_embeddings={2**62}"
    where = rf"near\.yaml: --set {option}: layers\[0\]\.num_embeddings"
    for command in ("verify", "trace", "gradflow"):
        done = here(command, "near.yaml", "--device", "cpu", "--set", option)
        assert re.fullmatch(rf"error: {where}: {needs}\n", done.stderr)
        assert done.stderr.endswith(" free (try a smaller embed.num_embeddings)\n"), "not the batch"
    for args, hint in ((("shapes", "near.yaml"), "--plan"), (("check", "--build"), "leave out --build")):
        done = here(*args, "vast.yaml", "--device", "meta")
        said = r"^error: vast\.yaml:3:5: torch \S+ could not build layer 'embed' on meta"
        assert re.search(rf"{said} .*: .+ \(without torch: {hint}\)$", done.stderr, re.M)


@pytest.mark.parametrize(
    ("settings", "layer", "path"),
    [
        ((), "embed", ("layers", 0, "num_embeddings")),
        (("embed.embedding_dim=5000",), "embed", ("layers", 0, "embedding_dim")),
        (("encoder.hidden_size=900",), "encoder", ("layers", 1, "hidden_size")),
        # a thousand stacked layers are more than the width of each
        (("encoder.num_layers=1000",), "encoder", ("layers", 1, "num_layers")),
        (("head.out_features=9000",), "head", ("layers", 2, "out_features")),
        (("input.batch_size=100000",), "encoder", ("input", "batch_size")),
        (("input.seq_len=100000",), "encoder", ("input", "seq_len")),
        # 3,200 rows of 2,000 go out of a table of 3,000: its rows are more, and matter less
        (
            ("input.batch_size=2", "input.seq_len=1600", "embed.embedding_dim=2000", "embed.num_embeddings=3000"),
            "embed",
            ("layers", 0, "embedding_dim"),
        ),
    ],
)
@pytest.mark.usefixtures("documents")
def test_the_size_that_asks_for_most(settings: tuple[str, ...], layer: str, path: tuple[str | int, ...]) -> None:
    spec = load_spec("near.yaml", settings)
    assert largest_size(spec, plan(spec).layers) == (layer, path)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_every_dtype_runs_on_the_cpu(dtype: str) -> None:
    facts = measure(spec_of("tagger", f"dtype={dtype}"), CPU)
    assert {weight.dtype for layer in facts.layers for weight in layer.weights} == {dtype}
    assert facts.layers[-1].outputs[0].dtype == dtype


def test_meta_runs_two_steps_and_knows_no_values() -> None:
    spec = spec_of("tagger")
    run = modules.reachable(spec, META)
    assert (spec.batch.seq_len, run.batch.seq_len) == (20, 2)
    facts = measure(run, META)
    assert facts.measured is not None
    assert (facts.measured.finite, facts.measured.peak_bytes) == (None, None)
    assert facts.layers[-1].outputs[0].shape == (2, 32, 10)
    assert {weight.observed for layer in facts.layers for weight in layer.weights} == {None}


def test_a_shape_that_spans_time_is_run_whole_on_meta(tmp_path: Path) -> None:
    path = tmp_path / "doc.yaml"
    path.write_text(
        "input: {batch_size: 3, seq_len: 5}\n"
        "layers: [{type: GRU, input_size: 7, hidden_size: 7}, {type: LayerNorm, normalized_shape: [5, 3, 7]}]"
    )
    spec = load_spec(str(path))
    assert measure(modules.reachable(spec, META), META).layers[1].outputs[0].shape == (5, 3, 7)


def test_one_seed_gives_one_result() -> None:
    spec = spec_of("lstm")
    first, again, other = (measure(spec, CPU, seed) for seed in (3, 3, 4))
    seen = [[weight.observed for weight in facts.layers[0].weights] for facts in (first, again, other)]
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_torchs_generator_and_threads_are_left_as_they_were() -> None:
    torch.manual_seed(11)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    measure(spec_of("lstm"), CPU)
    modules.build(spec_of("lstm"), "cpu")
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


def test_what_is_not_finite_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("lstm")
    facts = measure(spec, CPU)
    assert facts.measured is not None
    assert facts.measured.finite is True
    build = modules._module

    def overflowing(*args: object) -> torch.nn.Module:
        module = build(*args)  # type: ignore[arg-type]
        with torch.no_grad():
            module.get_parameter("weight_ih_l0").fill_(float("nan"))
        return module

    monkeypatch.setattr(modules, "_module", overflowing)
    poisoned = measure(spec, CPU)
    assert poisoned.measured is not None
    assert poisoned.measured.finite is False


def test_values_are_read_before_an_embedding_rescales_its_rows() -> None:
    """max_norm renormalizes what is looked up: read after the run, the law N(0, 1) would not hold."""
    spec = spec_of("options", "embed.init=null")
    table = measure(spec, CPU).layers[0].weights[0]
    assert table.observed is not None
    assert abs(table.observed.std - 1) < 0.15
    model = modules.build(spec, "cpu")
    before = model.layers[0].weight.clone()
    model.layers[0](torch.arange(31))
    assert not torch.equal(before, model.layers[0].weight)


def test_the_row_of_padding_is_left_out_of_the_law() -> None:
    weight = measure(spec_of("classifier"), CPU).layers[0].weights[0]
    assert weight.init.zero_row == 0
    assert modules.build(spec_of("classifier"), "cpu").layers[0].weight[0].abs().sum() == 0


def test_an_index_beyond_the_table_is_torchs_own_error() -> None:
    """The tool draws indices within the table; a built model given another one answers as torch does."""
    model = modules.build(spec_of("tagger"), "cpu")
    assert model(torch.full((2, 3), 999)).shape == (2, 3, 10)
    with pytest.raises(IndexError, match="index out of range"):
        model(torch.full((2, 3), 1000))


def test_a_tied_weight_is_one_tensor() -> None:
    model = modules.build(spec_of("language-model"), "cpu")
    assert model.layers[2].weight is model.layers[0].weight
    assert sum(parameter.numel() for parameter in model.parameters()) == 2_653_200


def test_frozen_layers_take_no_gradient() -> None:
    model = modules.build(spec_of("options"), "cpu")
    frozen = {
        link.layer.name
        for link, module in zip(model.links, model.layers, strict=True)
        if not any(parameter.requires_grad for parameter in module.parameters()) and list(module.parameters())
    }
    assert frozen == {"embed"}


@pytest.mark.parametrize(
    "layer",
    [
        "{type: Embedding, num_embeddings: 4000, embedding_dim: 4000, padding_idx: 0}",
        "{type: LSTM, input_size: 2000, hidden_size: 2000}",
        "{type: GRU, input_size: 2000, hidden_size: 2000}",
        "{type: Linear, in_features: 4000, out_features: 4000}",
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_refused_for_is_near_what_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, layer: str
) -> None:
    """With three quarters free of what a run was seen to take at its peak, the model is refused."""
    path = tmp_path / "doc.yaml"
    path.write_text(f"dtype: {dtype}\ninput: {{batch_size: 2, seq_len: 2}}\nlayers: [{layer}]")
    spec = load_spec(str(path))
    measured = measure(spec, CPU).measured
    assert measured is not None
    if measured.peak_bytes is None:
        pytest.skip("this system keeps no peak of resident memory that can be reset")
    # why 40 MiB off: a piece of a weight in float64, and the kernels' own buffers, whatever the model's size
    free = int(0.75 * measured.peak_bytes) - 40 * 2**20
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: free)
    with pytest.raises(NotEnoughMemory):
        measure(spec, CPU)


def test_a_built_model_takes_a_batch_of_another_size(tmp_path: Path) -> None:
    """A cell in a chain that has N first finds the batch in its own axis."""
    path = tmp_path / "doc.yaml"
    path.write_text(
        "input: {batch_size: 3, seq_len: 5}\n"
        "layers:\n"
        "  - {type: LSTM, input_size: 7, hidden_size: 4, batch_first: true}\n"
        "  - {type: GRUCell, hidden_size: 2, feeds: last}\n"
    )
    model = modules.build(load_spec(str(path)), "cpu")
    assert model(torch.randn(3, 5, 7)).shape == (3, 2)
    assert model(torch.randn(5, 3, 7)).shape == (5, 2)
    assert not model.training


def test_peak_memory_is_at_least_what_the_parameters_take() -> None:
    facts = measure(spec_of("zaremba-large", "input.seq_len=1", "input.batch_size=1"), CPU)
    assert facts.measured is not None
    if facts.measured.peak_bytes is None:
        pytest.skip("this system keeps no peak of resident memory that can be reset")
    assert facts.measured.peak_bytes > 0.9 * facts.parameter_bytes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_document_agrees_on_cuda(path: Path) -> None:
    from rnninspect.agree import differences
    from rnninspect.plan import plan

    spec = replace(load_spec(str(path)), device="cuda")
    facts = measure(spec, torch.device("cuda"))
    assert differences(plan(spec), facts) == ()
    assert facts.measured is not None
    assert facts.measured.finite is True
