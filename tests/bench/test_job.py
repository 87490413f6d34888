"""One job on real small models: what its outcomes hold, and what becomes of a run that cannot be made ready."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

from rnninspect import __version__
from rnninspect.bench import entry, heap, kernels, machine, peaks, prepare, witness, worker
from rnninspect.bench import figure as figure_module
from rnninspect.bench.disturbances import Disturbance, Kind
from rnninspect.bench.jobs import Job
from rnninspect.bench.option_values import parse_varies
from rnninspect.bench.plain import from_plain, to_plain
from rnninspect.bench.points import load_points
from rnninspect.bench.records import PHASES, Figure, Outcome, Peaks, TimingRequest
from rnninspect.bench.sampling import LEAST_ROUNDS
from rnninspect.bench.supervise import Last
from rnninspect.bench.worker import work
from rnninspect.document.chain import Spec
from rnninspect.errors import NoSuchDevice, TorchRefused
from rnninspect.plan import bytes_needed, plan

LSTM = "{type: LSTM, name: encoder, input_size: 3, hidden_size: 2}"
TAGGER = (
    "{type: Embedding, name: embed, num_embeddings: 7, embedding_dim: 3}, "
    f"{LSTM}, {{type: Linear, name: head, in_features: 2, out_features: 5}}"
)
QUICK = TimingRequest(budget=0.02)
FORWARD = QUICK._replace(phases=("forward",))


@pytest.fixture(autouse=True)
def given_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration takes seconds and has tests of its own."""
    peaks = Peaks(1e11, 1e10, {"LSTM": 1e-6}, calibrated=True)
    monkeypatch.setattr(prepare, "calibrate", lambda spec, device, request: peaks)
    monkeypatch.setattr(prepare, "_CALIBRATED", {})
    monkeypatch.setattr(prepare, "_TIMES", Counter())
    monkeypatch.setattr(prepare, "_HELD", set())


class Probe:
    """A probe of the CPU's speed that says that it is half as fast as it was."""

    log: ClassVar[list[str]] = []
    best = 1.0

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.log.append(f"made for {threads}")

    def read(self) -> float:
        self.log.append(f"{self.threads} read with {torch.get_num_threads()}")
        return 2.0

    def beside(self, before: float, after: float) -> float:
        return (before + after) / 2

    def remember(self) -> None:
        self.log.append("remembered")


@pytest.fixture(autouse=True)
def probe(monkeypatch: pytest.MonkeyPatch) -> type[Probe]:
    """The real one has tests of its own."""
    monkeypatch.setattr(machine, "_SPEEDS", {})
    monkeypatch.setattr(machine, "Speed", Probe)
    monkeypatch.setattr(Probe, "log", [])
    monkeypatch.setattr(Probe, "best", 2.0)
    return Probe


def job_of(
    folder: Path,
    layers: str = LSTM,
    *,
    vary: Sequence[str] = (),
    settings: Sequence[str] = (),
    request: TimingRequest = QUICK,
    given: str = "{batch_size: 2, seq_len: 4}",
) -> Job:
    file = folder / "m.yaml"
    file.write_text(f"name: m\ninput: {given}\ndevice: cpu\nlayers: [{layers}]\n")
    (point,) = load_points(str(file), settings, (), parse_varies(vary)[0])
    return Job(point.variants, request)


def outcomes(job: Job) -> list[Outcome]:
    results = work(job, lambda share: None)
    assert not isinstance(results, Last)
    return results


def consistent(figure: Figure) -> None:
    """What holds of every figure, whatever the machine did meanwhile."""
    assert 0 < figure.best <= figure.median < math.inf
    assert figure.first_call > 0
    assert figure.warmup_calls >= 1
    assert figure.block >= 1
    assert set(figure.kept) <= set(range(len(figure.rounds)))
    assert figure.kept
    assert figure.best == min(min(figure.rounds[k]) for k in figure.kept)
    assert len(figure.seconds) == sum(len(figure.rounds[k]) for k in figure.kept)
    assert figure.stopped in ("precision", "budget")
    assert figure.stopped == "budget" or len(figure.kept) >= LEAST_ROUNDS
    assert figure.verdict.split()[0] in ("steady", "drifting", "disturbed")
    assert figure.overhead > 0
    assert (figure.host, figure.peak_bytes) == (None, None)
    assert all(warning.what and warning.try_ for warning in figure.warnings)
    if figure.interval is not None:
        assert figure.interval.low <= figure.interval.high
    fewer = len(figure.rounds) < LEAST_ROUNDS
    assert fewer == any(warning.what.startswith("only ") for warning in figure.warnings)


def test_a_figure_for_every_phase_with_the_plan_beside_it(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    (outcome,) = outcomes(job)
    assert (outcome.model, outcome.file) == ("m", str(tmp_path / "m.yaml"))
    assert (outcome.status, outcome.reason, outcome.process, outcome.dtype) == ("ok", "", 0, "float32")
    assert [figure.phase for figure in outcome.figures] == list(PHASES)
    # Worked by hand: 2 x L x N x G x H x (I + H), and backward dW as often, and W_hh' g for all but h_0.
    forward = 2 * 4 * 2 * 4 * 2 * (3 + 2)
    backward = forward + 2 * (4 - 1) * 2 * 4 * 2 * 2
    assert [figure.flops for figure in outcome.figures] == [forward, forward, backward, forward + backward]
    recurrent = 2 * 4 * 2 * 4 * 2 * 2  # 2 x L x N x G x H x H
    assert [figure.recurrent_flops for figure in outcome.figures] == [k * recurrent for k in (1, 1, 2, 3)]
    for figure in outcome.figures:
        consistent(figure)
        assert (figure.subject, figure.tokens, figure.sequences, figure.steps) == (None, 8, 2, 4)
        assert figure.bound is not None
        assert figure.bound.seconds > 0
        assert figure.bound.calibrated
        assert figure.kernels is not None
        assert "mkldnn_rnn_layer" in figure.kernels.operators
        # What is ours is no kernel of the model: the gradient at the output, and the last states side by side.
        assert not {"ones_like", "cat"} & set(figure.kernels.operators)
    assert outcome.environment is not None
    assert outcome.environment.device == "cpu"
    assert outcome.environment.device_name
    assert (outcome.environment.torch, outcome.environment.rnninspect) == (torch.__version__, __version__)
    assert type(outcome.environment.torch) is str  # its own type would make whoever reads it import torch
    assert outcome.environment.threads == torch.get_num_threads()
    assert from_plain(Outcome, to_plain(outcome)) == outcome


def test_nothing_of_torch_is_left_changed(tmp_path: Path) -> None:
    torch.manual_seed(5)

    def settings() -> tuple[object, ...]:
        grad = torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.are_deterministic_algorithms_enabled()
        rnn = torch.backends.cudnn.rnn.fp32_precision, torch.backends.cudnn.allow_tf32
        return torch.get_num_threads(), grad, torch.get_default_dtype(), rnn, torch.backends.cudnn.benchmark

    before = settings()
    outcomes(job_of(tmp_path, vary=["threads=1,2"]))
    assert settings() == before


@pytest.mark.parametrize(
    ("layers", "given", "tokens"),
    [
        (TAGGER, "{batch_size: 2, seq_len: 4}", 8),
        (LSTM, "{batch_size: null, seq_len: 4}", 4),
        (LSTM, "{batch_size: 2, seq_len: 4, lengths: [4, 1]}", 5),
        ("{type: GRUCell, input_size: 3, hidden_size: 2}", "{batch_size: 2, seq_len: 4}", 8),
        ("{type: JordanRNN, input_size: 3, hidden_size: 2, output_size: 3}", "{batch_size: 2, seq_len: 4}", 8),
        ("{type: GRU, input_size: 3, hidden_size: 2, batch_first: true}", "{batch_size: 2, seq_len: 4}", 8),
        ("{type: LSTM, input_size: 3, hidden_size: 2, feeds: last}", "{batch_size: 2, seq_len: 4}", 8),
        ("{type: Linear, in_features: 3, out_features: 2}", "{batch_size: 2, seq_len: 4}", 8),
    ],
)
def test_every_kind_of_document(tmp_path: Path, layers: str, given: str, tokens: int) -> None:
    (outcome,) = outcomes(job_of(tmp_path, layers, given=given))
    assert (outcome.status, outcome.reason) == ("ok", "")
    assert [figure.phase for figure in outcome.figures] == list(PHASES)
    for figure in outcome.figures:
        consistent(figure)
        assert figure.tokens == tokens


def test_each_layer_has_its_own_figures(tmp_path: Path) -> None:
    # A layer may be called "chain", as the whole model once was.
    layers = TAGGER.replace("encoder", "chain")
    job = job_of(tmp_path, layers, request=QUICK._replace(each_layer=True, phases=("forward", "step")))
    (outcome,) = outcomes(job)
    names = [(figure.subject, figure.phase) for figure in outcome.figures]
    assert names == [(s, p) for s in (None, "embed", "chain", "head") for p in ("forward", "step")]
    flops = {figure.subject: figure.flops for figure in outcome.figures if figure.phase == "forward"}
    assert flops[None] == (flops["chain"] or 0) + (flops["head"] or 0)
    # A look-up multiplies nothing, and takes no bound of FLOPs.
    assert flops["embed"] is None


def test_variants_of_dtype_and_threads_are_each_run_as_asked(tmp_path: Path) -> None:
    job = job_of(tmp_path, vary=["dtype=float32,float64", "threads=1,1"], request=FORWARD)
    results = outcomes(job)
    assert [outcome.dtype for outcome in results] == ["float32", "float32", "float64", "float64"]
    assert [outcome.status for outcome in results] == ["ok"] * 4
    assert {outcome.environment.threads for outcome in results if outcome.environment} == {1}
    assert len({str(outcome.variant) for outcome in results}) == 4


def test_a_slow_machine_is_seen_by_its_probe(
    tmp_path: Path, probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "best", 1.0)
    monkeypatch.setattr(machine, "cpu_disturbance", lambda counted, threads: None)
    results = outcomes(job_of(tmp_path, vary=["threads=1,2"], request=FORWARD))
    for outcome in results:
        (figure,) = outcome.figures
        assert (figure.probes, figure.best_probe, figure.speed) == ((2.0,) * len(figure.rounds), 1.0, 0.5)
        assert figure.passes == tuple(range(len(figure.rounds)))
        assert figure.verdict == "disturbed (the CPU ran at 50 % of its best speed)"
        assert "another moment, or a machine of its own, and --processes 3" in [w.try_ for w in figure.warnings]
    assert [line for line in probe.log if "made" in line] == ["made for 1", "made for 2"]
    assert {line for line in probe.log if "read" in line} == {"1 read with 1", "2 read with 2"}
    assert probe.log[-2:] == ["remembered"] * 2


def test_the_first_call_comes_before_the_probe_that_would_load_libraries(
    tmp_path: Path, probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kernels.torch_warnings
    monkeypatch.setattr(kernels, "torch_warnings", lambda run: (probe.log.append("first calls"), real(run))[1])
    outcomes(job_of(tmp_path, request=FORWARD))
    assert probe.log[0] == "first calls"
    assert probe.log[1].startswith("made for")


def test_each_figure_is_made_with_its_own_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caches that a bound assumes are those of as many cores."""
    real, threads = figure_module.memory_of, list[int]()

    def spied(device: torch.device, *, cold: bool) -> object:
        threads.append(torch.get_num_threads())
        return real(device, cold=cold)

    monkeypatch.setattr(figure_module, "memory_of", spied)
    outcomes(job_of(tmp_path, vary=["threads=2,1"], request=FORWARD))
    assert threads == [2, 1]


def test_page_faults_that_matter_are_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = itertools.count(0, 10**8)
    monkeypatch.setattr(witness, "page_faults", lambda: next(counter))
    monkeypatch.setattr(heap, "keeps_freed", lambda: True)
    (outcome,) = outcomes(job_of(tmp_path, request=QUICK._replace(phases=("forward", "backward", "step"))))
    assert outcome.environment is not None
    assert outcome.environment.keeps_freed is True
    for figure in outcome.figures:
        assert figure.page_faults is not None
        assert figure.page_faults > 1000
        warned = [w for w in figure.warnings if "page faults a call" in w.what]
        assert [w.try_ for w in warned] == [heap.remedy(kept=True)] * (figure.phase != "backward")
    monkeypatch.setattr(witness, "page_faults", lambda: 5)
    (outcome,) = outcomes(job_of(tmp_path, request=FORWARD))
    assert outcome.figures[0].page_faults == 0
    assert not [w for w in outcome.figures[0].warnings if "page faults" in w.what]


def test_peaks_of_a_disturbed_machine_are_warned_of(
    tmp_path: Path, probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = Disturbance(Kind.OTHERS, "others used 49 % of the CPU")
    monkeypatch.setattr(machine, "cpu_disturbance", lambda counted, threads: others)
    job = job_of(tmp_path, vary=["threads=2"], request=FORWARD)
    (outcome,) = outcomes(job)
    assert outcome.peaks is not None
    assert outcome.peaks.disturbed == "others used 49 % of the CPU"
    (figure,) = outcome.figures
    warned = {w.what: w.try_ for w in figure.warnings}
    assert "the peaks were measured while others used 49 % of the CPU: the bound is too large" in warned
    assert warned["not steady, see the verdict"] == "stop what else runs, or --vary threads=1"
    # One that was not disturbed is enough.
    monkeypatch.setattr(machine, "cpu_disturbance", lambda counted, threads: None)
    (outcome,) = outcomes(job)
    assert outcome.peaks is not None
    assert outcome.peaks.disturbed == ""
    assert not [w for w in outcome.figures[0].warnings if "peaks" in w.what]


def test_variants_of_a_point_are_timed_in_the_same_passes(tmp_path: Path) -> None:
    job = job_of(tmp_path, vary=["dtype=float32,float64"], request=QUICK._replace(phases=("forward", "step")))
    one, other = outcomes(job)
    assert one.began == other.began != ""
    for first, second in zip(one.figures, other.figures, strict=True):
        assert first.passes == second.passes


def test_weights_that_are_copied_at_every_call_are_counted_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In torch's own words, which reach nobody: here every warning is an error."""
    real = nn.LSTM.forward

    def warning(self: nn.LSTM, x: torch.Tensor, states: object = None) -> object:
        warnings.warn("RNN module weights are not part of single contiguous chunk of memory. And more", stacklevel=1)
        return real(self, x, states)

    monkeypatch.setattr(nn.LSTM, "forward", warning)
    (outcome,) = outcomes(job_of(tmp_path, TAGGER, request=FORWARD))
    assert (outcome.status, outcome.reason) == ("ok", "")
    held = 4 * 2 * (3 + 2 + 1 + 1) * 4  # G x H x (I + H + two biases), of 4 bytes each
    texts = [w.what for w in outcome.figures[0].warnings if "chunk" in w.what]
    assert texts == [f"the weights do not lie in one chunk of memory: cuDNN copies {held} bytes together at every call"]


def test_what_is_for_cuda_alone_is_named(tmp_path: Path) -> None:
    request = FORWARD._replace(warm_l2=True, nvtx=True)
    (outcome,) = outcomes(job_of(tmp_path, request=request))
    assert "--nvtx and --warm-l2 changed nothing: that is for CUDA" in [w.what for w in outcome.figures[0].warnings]
    (outcome,) = outcomes(job_of(tmp_path, request=FORWARD))
    assert not [w for w in outcome.figures[0].warnings if "CUDA" in w.what]


def test_freed_memory_is_kept_by_the_process_that_times(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(heap, "give_back", lambda: done.append("given back"))
    monkeypatch.setattr(heap, "keep_freed", lambda: done.append("kept from now on"))
    monkeypatch.setattr(worker, "work", lambda job, progress: done.append("timed"))
    entry.work(Job((), QUICK), lambda share: None)
    assert done == ["given back", "kept from now on", "timed"]


def test_what_does_not_fit_into_memory_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: 10)
    (outcome,) = outcomes(job_of(tmp_path))
    assert (outcome.status, outcome.figures, outcome.environment) == ("memory", (), None)
    assert "\n" not in outcome.reason
    assert "10" in outcome.reason


def test_a_training_step_needs_room_for_gradients_and_for_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the equations alone keep is too little for oneDNN's LSTM; forward fits into much less."""
    job = job_of(tmp_path, "{type: LSTM, input_size: 3, hidden_size: 64}", given="{batch_size: 8, seq_len: 40}")
    planned = plan(job.runs[0].spec)
    free = bytes_needed(job.runs[0].spec, planned) + planned.parameter_bytes + (planned.training_bytes or 0)
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: free)
    results = {
        phase: outcomes(job._replace(request=QUICK._replace(phases=(phase,))))[0].status
        for phase in ("forward", "step")
    }
    assert results == {"forward": "ok", "step": "memory"}


def test_a_model_that_computes_something_else_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted fault: one variant's recurrent matrix is not used as the equations say."""
    real = nn.LSTM.forward

    def wrong(self: nn.LSTM, x: torch.Tensor, states: object = None) -> object:
        output, after = real(self, x, states)
        return (output if x.dtype == torch.float32 else output + 0.01), after

    monkeypatch.setattr(nn.LSTM, "forward", wrong)
    results = outcomes(job_of(tmp_path, vary=["dtype=float64,float32"], request=FORWARD))
    assert results[0].status == "failed"
    assert results[0].reason.startswith("torch's results are not those of the equations")
    assert results[0].figures == ()


def test_what_cannot_be_had_here_is_told_with_the_document_and_what_asked_for_it(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(f"input: {{batch_size: 2, seq_len: 4}}\ndevice: cuda:99\nlayers: [{LSTM}]\n")
    (of_document,) = load_points(str(file))
    (swept,) = load_points(str(file), (), ["device=cuda:98"])
    for point, where in ((of_document, f"{file}:2:9"), (swept, f"{file}: --sweep device=cuda:98")):
        (outcome,) = outcomes(Job(point.variants, QUICK))
        assert (outcome.status, outcome.figures) == ("failed", ())
        assert outcome.reason.startswith(f"{where}: device cuda:9{8 + (point is of_document)} was asked for; torch ")


def test_a_device_that_is_not_here_for_any_point_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(NoSuchDevice, match=r"--set device=cuda:99: device cuda:99 was asked for; torch "):
        outcomes(job_of(tmp_path, settings=["device=cuda:99"]))


def test_layers_are_held_against_the_equations_once_whatever_the_batch_and_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, held = prepare.verify_layers, list[tuple[str, int | None]]()

    def counted(spec: Spec, *args: object) -> object:
        held.append((spec.dtype, spec.batch.size))
        return real(spec, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare, "verify_layers", counted)
    for given in ("{batch_size: 2, seq_len: 4}", "{batch_size: 5, seq_len: 9}", "{batch_size: 3, seq_len: 7}"):
        outcomes(job_of(tmp_path, given=given, request=FORWARD, vary=["dtype=float32,float64"]))
    assert held == [("float32", 2), ("float64", 2)]
    outcomes(job_of(tmp_path, LSTM.replace("hidden_size: 2", "hidden_size: 5"), request=FORWARD))
    outcomes(job_of(tmp_path, given="{batch_size: 1, seq_len: 4}", request=FORWARD))
    outcomes(job_of(tmp_path, request=FORWARD._replace(seed=3)))
    assert held[2:] == [("float32", 2), ("float32", 1), ("float32", 2)]


CELL = (
    "{type: Cell, name: rnn, input_size: 3, hidden_size: 2, constants: {dt: 0.1}, sizes: {order: 4}, "
    'widths: {m: order}, equations: "m = m + dt * tanh(W_mx @ x + W_mh @ h)\\nh = tanh(W_hm @ m)"}'
)


@pytest.mark.parametrize(
    ("sweep", "weights"), [("rnn.dt=0.05,0.1", [(4, 3), (4, 3)]), ("rnn.order=3,7", [(3, 3), (7, 3)])]
)
def test_each_point_of_a_cells_own_numbers_is_calibrated_and_held_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep: str, weights: list[tuple[int, int]]
) -> None:
    real, calibrated, held = prepare.verify_layers, list[Spec](), list[Spec]()

    def counted(spec: Spec, *args: object) -> object:
        held.append(spec)
        return real(spec, *args)  # type: ignore[arg-type]

    def quickly(spec: Spec, *_: object) -> Peaks:
        calibrated.append(spec)
        # A second for each number that the step holds, so that no two points have one bound.
        (layer,) = peaks.timed_layers(spec, torch.device("cpu")).values()
        return Peaks(1e30, 1e30, {"Cell rnn": sum(layer.numbers.values())}, calibrated=True)

    monkeypatch.setattr(prepare, "verify_layers", counted)
    monkeypatch.setattr(prepare, "calibrate", quickly)
    file = tmp_path / "m.yaml"
    name, _, values = sweep.partition("=")
    file.write_text(
        f"input: {{batch_size: 2, seq_len: 4}}\ndevice: cpu\nlayers: [{CELL}]\nsweep: {{{name}: [{values}]}}\n"
    )
    points = load_points(str(file))
    assert [point.spec for point in load_points(str(file), (), [sweep])] == [point.spec for point in points]
    runs = [outcome for point in points for outcome in outcomes(Job(point.variants, FORWARD))]
    assert [plan(point.spec).layers[0].weights[0].shape for point in points] == weights
    assert len(held) == 2
    assert all(one.spec in calibrated for one in points)
    bounds = [run.figures[0].bound for run in runs]
    numbers = [sum(point.spec.links[0].layer.numbers.values()) for point in points]  # type: ignore[attr-defined]
    assert [one and one.latency for one in bounds] == [4 * number for number in numbers]


@pytest.mark.parametrize(
    ("message", "ends"),
    [
        ("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported later", True),
        ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("CUBLAS_STATUS_INTERNAL_ERROR", True),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", False),
        ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED", False),
        ("CUDA error: CUBLAS_STATUS_NOT_SUPPORTED when calling `cublasGemmEx(handle)`", False),
    ],
)
@pytest.mark.parametrize("refused", [False, True])
def test_after_a_fault_of_cuda_the_process_is_of_no_more_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, ends: bool, refused: bool
) -> None:
    """It leaves the worker, so that `supervise` takes a new process for the next job; a lack of memory does not."""

    def broken(*args: object, **options: object) -> object:
        if refused:
            raise TorchRefused("torch could not run it") from RuntimeError(message)
        raise RuntimeError(f"{message}\nand more")

    monkeypatch.setattr(prepare, "ready", broken)
    job = job_of(tmp_path, vary=["dtype=float64,float32"])
    if ends:
        with pytest.raises((RuntimeError, TorchRefused)):
            outcomes(job)
    else:
        reason = "torch could not run it" if refused else message
        status = "memory" if "out of memory" in message else "failed"
        assert [(outcome.status, outcome.reason) for outcome in outcomes(job)] == [(status, reason)] * 2


@pytest.mark.parametrize(("message", "ends"), [("CUDA error: unspecified launch failure", True), ("no room", False)])
def test_what_was_timed_is_kept_where_the_last_calibration_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, message: str, ends: bool
) -> None:
    """And where that has broken CUDA, so that nothing more can be done, the process is given up."""
    calls, real = [0], prepare.calibrate

    def calibrate(*args: object) -> Peaks:
        calls[0] += 1
        if calls[0] > 2:
            raise RuntimeError(message)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare, "calibrate", calibrate)
    job = job_of(tmp_path, request=FORWARD, vary=["dtype=float32,float64"])
    results = work(job, lambda share: None)
    assert isinstance(results, Last) == ends
    kept = results.result if isinstance(results, Last) else results
    assert [(outcome.status, len(outcome.figures)) for outcome in kept] == [("ok", 1), ("ok", 1)]
    assert calls == [3 if ends else 4]


def test_a_model_that_trains_nothing(tmp_path: Path) -> None:
    frozen = LSTM.replace("}", ", trainable: false}")
    (outcome,) = outcomes(job_of(tmp_path, frozen))
    assert [figure.phase for figure in outcome.figures] == ["forward"]
    assert "nothing is trained, so there is no backward pass" in [w.what for w in outcome.figures[0].warnings]
    (outcome,) = outcomes(job_of(tmp_path, frozen, request=QUICK._replace(phases=("backward", "step"))))
    assert (outcome.status, outcome.figures) == ("failed", ())
    assert outcome.reason.startswith(f"{outcome.file}: nothing is trained")
    (outcome,) = outcomes(job_of(tmp_path, frozen, request=QUICK._replace(phases=("step",), input_grad=True)))
    assert [figure.phase for figure in outcome.figures] == ["step"]


def test_a_variant_that_cannot_be_run_costs_only_itself(tmp_path: Path) -> None:
    """A CUDA graph on the CPU; and autocast, whose weights are cast at every call, has no bound."""
    job = job_of(tmp_path, vary=["backend=eager,graph", "amp=none,bfloat16"], request=FORWARD)
    found = {(one.variant["backend"], one.variant["amp"]): one for one in outcomes(job)}
    assert [one.status for one in found.values()] == ["ok", "ok", "failed", "failed"]
    refused = found["graph", "none"].reason
    assert (
        refused
        == f"{tmp_path / 'm.yaml'}:3:9: backend graph: CUDA graphs are for CUDA, and this is cpu (backend eager)"
    )
    plain, cast = (found["eager", amp].figures[0] for amp in ("none", "bfloat16"))
    assert (plain.bound is None, cast.bound is None) == (False, True)
    assert (plain.launch_bound, plain.host) == (None, None)


@pytest.mark.more
@pytest.mark.filterwarnings("ignore")
def test_torch_compile_that_compiles_nothing_is_named(tmp_path: Path) -> None:
    job = job_of(tmp_path, vary=["backend=eager,compile"], request=FORWARD)
    with warnings.catch_warnings():
        eager, compiled = outcomes(job)
    assert eager.status == "ok"
    assert compiled.status == "ok"
    assert any("compiled nothing" in warning.what for warning in compiled.figures[0].warnings)
    assert not any("compiled nothing" in warning.what for warning in eager.figures[0].warnings)


@pytest.mark.more
@pytest.mark.filterwarnings("ignore")
def test_torch_compile_of_a_cell_works_or_says_in_one_line_why_not(tmp_path: Path) -> None:
    cell = "{type: LSTMCell, input_size: 3, hidden_size: 2}"
    job = job_of(tmp_path, cell, vary=["backend=compile"], request=FORWARD)
    (outcome,) = outcomes(job)
    assert outcome.status in ("ok", "failed")
    assert "\n" not in outcome.reason
    if outcome.status == "ok":
        assert not any("compiled nothing" in warning.what for warning in outcome.figures[0].warnings)
