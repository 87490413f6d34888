"""What the device can do: no time is asserted, only that there is one, and what is made of times."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import worlds
from worlds import spec_of

from rnninspect.bench import peaks
from rnninspect.bench.bound import ChipMemory, best_of, bound
from rnninspect.bench.peaks import calibrate, memory_of, slope
from rnninspect.bench.records import Peaks, TimingRequest
from rnninspect.errors import TorchRefused
from rnninspect.layers.recurrent import Recurrent
from rnninspect.plan import plan

CPU = torch.device("cpu")
document = partial(worlds.document, dtype="float32")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """As little time as will do."""
    for name in ("FLOPS_SECONDS", "BANDWIDTH_SECONDS", "CHIP_SECONDS", "STEP_SECONDS"):
        monkeypatch.setattr(peaks, name, 0.002)
    monkeypatch.setitem(peaks._LARGEST_COPY, "cpu", 2**20)
    monkeypatch.setitem(peaks._WIDEST, "cpu", 256)


LSTM = "name: a, type: LSTM, input_size: 300, hidden_size: 70, num_layers: 2, bidirectional: true, proj_size: 9"
EVERY = (
    "name: embed, type: Embedding, num_embeddings: 10, embedding_dim: 6",
    "name: lstm, type: LSTM, hidden_size: 4, init: {weight_hh: orthogonal}",
    "name: again, type: LSTM, hidden_size: 7, trainable: false",
    "name: gru, type: GRU, hidden_size: 4, dropout: 0.5, num_layers: 2",
    "name: relu, type: RNN, hidden_size: 4, nonlinearity: relu",
    "name: cell, type: LSTMCell, hidden_size: 4",
    "name: jordan, type: JordanRNN, hidden_size: 4, output_size: 3, feeds: last",
    "name: out, type: Linear, out_features: 2",
)
PASSES = ("forward", "forward+grad", "backward")


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_every_figure_is_there(dtype: str) -> None:
    peaks = calibrate(spec_of(document(LSTM, dtype=dtype)), CPU, TimingRequest())
    assert peaks.calibrated
    assert peaks.step_seconds.keys() == {f"LSTM {name}" for name in PASSES}
    assert peaks.chip_bandwidth is not None
    figures = [peaks.flops, peaks.bandwidth, peaks.chip_bandwidth, *peaks.step_seconds.values()]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)
    assert peaks.chip_bandwidth >= peaks.bandwidth


def test_each_kind_of_cell_is_timed_once_and_nothing_else_is() -> None:
    peaks = calibrate(spec_of(document(*EVERY)), CPU, TimingRequest(peak_flops=1e12, bandwidth=1e11))
    kinds = ("LSTM", "GRU", "RNN", "LSTMCell", "JordanRNN")
    assert set(peaks.step_seconds) == {f"{kind} {name}" for kind in kinds for name in PASSES}
    assert all(math.isfinite(seconds) and seconds > 0 for seconds in peaks.step_seconds.values())


@pytest.mark.parametrize(
    ("phases", "passes"),
    [
        (("forward",), {"forward"}),
        (("backward",), {"backward"}),
        (("step",), {"forward+grad", "backward"}),
        (("forward", "step"), set(PASSES)),
    ],
)
def test_only_the_passes_that_are_wanted(phases: tuple[str, ...], passes: set[str]) -> None:
    request = TimingRequest(phases=phases, peak_flops=1e12, bandwidth=1e11)
    peaks = calibrate(spec_of(document(LSTM)), CPU, request)
    assert peaks.step_seconds.keys() == {f"LSTM {name}" for name in passes}


def test_what_the_user_says_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object) -> float:
        raise AssertionError("measured")

    spec = spec_of(document("type: Linear, in_features: 3, out_features: 2"))
    one = calibrate(spec, CPU, TimingRequest(peak_flops=67e12))
    assert (one.flops, one.calibrated) == (67e12, True)
    monkeypatch.setattr(peaks, "bandwidth_of", never)
    other = calibrate(spec, CPU, TimingRequest(bandwidth=3.35e12))
    assert (other.bandwidth, other.chip_bandwidth, other.calibrated) == (3.35e12, None, True)
    monkeypatch.setattr(peaks, "flops_of", never)
    both = calibrate(spec, CPU, TimingRequest(peak_flops=67e12, bandwidth=3.35e12))
    assert both == Peaks(67e12, 3.35e12, {}, calibrated=False)


def test_nothing_of_torchs_state_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(document(LSTM))
    generator, numbers = torch.get_rng_state(), list[int]()
    # why not two real threads: a process that has started them cannot be forked by the tests that come after.
    monkeypatch.setattr(torch, "get_num_threads", lambda: numbers[-1] if numbers else 2)
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    calibrate(spec, CPU, TimingRequest())
    assert numbers == [1, 2]
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.is_grad_enabled()


def test_what_torch_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise RuntimeError("addmm_impl_cpu_ not implemented\nand much more")

    monkeypatch.setattr(torch, "mm", refuse)
    with pytest.raises(TorchRefused, match="could not measure what the device can do on cpu in float32: addmm"):
        calibrate(spec_of(document(LSTM)), CPU, TimingRequest())


def test_libraries_that_load_at_the_first_call_of_a_size_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device of 1 TFLOP/s whose library takes 0.3 s to load for each size, where there are 0.1 s in all."""
    sides: list[int] = []
    now = 0.0

    class Loading:
        def call(self, call: partial[object]) -> float:
            nonlocal now
            side = len(call.args[0])
            taken = 2 * side**3 / 1e12 + 5e-6 + 0.3 * (side not in sides)
            sides.append(side)
            now += taken
            return taken

    monkeypatch.setattr(peaks, "clock_for", lambda device, warm_l2: Loading())
    monkeypatch.setitem(peaks._WIDEST, "cpu", 1024)
    monkeypatch.setattr(peaks, "_room", lambda device: 2**40)
    assert 0.99e12 < peaks.flops_of(CPU, torch.float32, 0.1) < 1e12
    assert set(sides) == {128, 256, 512, 1024}
    # What the products took, the first of each size aside, is what was asked for, or little more.
    assert 0.1 <= now - 4 * 0.3 < 0.12


def test_a_step_on_cuda_is_timed_as_wide_as_a_narrow_layer_is() -> None:
    wide = (
        "name: a, type: LSTM, input_size: 300, hidden_size: 512",
        "name: b, type: RNN, hidden_size: 48",
        "name: c, type: RNN, hidden_size: 40",
        "name: d, type: GRU, hidden_size: 600",
        "name: e, type: GRU, hidden_size: 64",
        "name: f, type: LSTMCell, hidden_size: 32",
        "name: g, type: JordanRNN, hidden_size: 600, output_size: 600",
    )
    spec = spec_of(document(*wide))
    kinds = {"LSTM": 8, "RNN": 40, "GRU": 8, "LSTMCell": 8, "JordanRNN": 8}
    layers = peaks.timed_layers(spec, torch.device("cuda", 0))
    assert {kind: layer.hidden_size for kind, layer in layers.items()} == kinds
    assert {layer.hidden_size for layer in peaks.timed_layers(spec, CPU).values()} == {8}
    tiny = peaks._tiny(layers["RNN"], spec, CPU, 3)
    assert tiny.model.layers[0].weight_hh_l0.shape == (40, 40)
    assert tiny.model(tiny.feed.input).shape == (3, 1, 40)


CELLS = (
    "name: a, type: Cell, input_size: 3, hidden_size: 4, equations: h = tanh(W_ih @ x + W_hh @ h)",
    "name: b, type: Cell, hidden_size: 4, constants: {n: 9}, equations: "
    '"for k in range(n):\\n  h = tanh(W_ih @ x + W_hh @ h)"',
    "name: c, type: Cell, hidden_size: 5, constants: {n: 9}, n: 3, equations: "
    '"for k in range(n):\\n  h = tanh(W_ih @ x + W_hh @ h)"',
    "name: d, type: Cell, hidden_size: 70, equations: h = tanh(W_ih @ x + W_hh @ h)",
)


def test_each_cell_of_equations_has_a_step_of_its_own_and_those_alike_are_timed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step takes as many seconds as its equations assign vectors, on a clock of our own."""
    spec, timed = spec_of(document(*CELLS)), list[int]()

    def seconds_of(layer: Recurrent, *_: object) -> dict[str, float]:
        timed.append(len(layer.cell.equations))
        return {"forward": float(timed[-1])}

    monkeypatch.setattr(peaks, "step_seconds_of", seconds_of)
    request = TimingRequest(phases=("forward",), peak_flops=1e30, bandwidth=1e30)
    found = calibrate(spec, CPU, request)
    assert found.step_seconds == {f"Cell {name} forward": n for name, n in zip("abcd", (1, 9, 3, 1), strict=True)}
    assert sorted(timed) == [1, 3, 9]
    layers = plan(spec).layers
    for link, facts, seconds in zip(spec.links, layers, (1, 9, 3, 1), strict=True):
        one = bound([link], [facts], "forward", found, dtype="float32", memory=ChipMemory(None))
        assert one is not None
        assert one.latency == 6 * seconds


def test_a_small_cell_runs_with_its_own_sizes() -> None:
    own = (
        "name: m, type: Cell, input_size: 6, hidden_size: 6, sizes: {order: 6}, widths: {m: order}, "
        'init: {W_mx: eye}, equations: "m = tanh(W_mm @ m + W_mx @ x)\\nh = tanh(W_hh @ h + m)"'
    )
    found = calibrate(spec_of(document(own)), CPU, TimingRequest(peak_flops=1e12, bandwidth=1e11))
    assert found.step_seconds.keys() == {f"Cell m {name}" for name in PASSES}


# --- what is made of times ------------------------------------------------------------------------------------


def test_the_slope_is_that_of_the_least_times() -> None:
    # 8 steps at least 10 us, 40 steps at least 74 us: 64 us for 32 steps.
    assert slope((8, [30e-6, 10e-6]), (40, [74e-6, 200e-6])) == pytest.approx(2e-6)


def test_without_a_slope_it_is_the_most_that_a_step_can_have_taken() -> None:
    assert slope((8, [90e-6]), (40, [80e-6])) == pytest.approx(2e-6)


def test_the_best_of_two_calibrations() -> None:
    one = Peaks(2.0, 5.0, {"LSTM forward": 3.0, "GRU forward": 1.0}, calibrated=True, chip_bandwidth=9.0)
    other = Peaks(4.0, 3.0, {"LSTM forward": 2.0}, calibrated=True, chip_bandwidth=None)
    assert best_of(one, other) == Peaks(4.0, 5.0, {"LSTM forward": 2.0, "GRU forward": 1.0}, True, 9.0)
    # The best of both is no worse than the quiet one.
    noisy, noisier = one._replace(disturbed="noise"), other._replace(disturbed="more")
    assert best_of(noisy, other).disturbed == best_of(one, noisier).disturbed == ""
    assert best_of(noisy, noisier).disturbed == "more"


# --- memory -----------------------------------------------------------------------------------------------------


def test_the_memory_of_a_cpu_counts_the_cores_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four cores with 32 KB and 1 MB each, and two L3 of 16 MB.
    monkeypatch.setattr(peaks, "_cpu_caches", lambda: {1: [2**15] * 4, 2: [2**20] * 4, 3: [2**24] * 2})
    for threads in (1, 3, 9):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        cores = min(threads, 4)
        assert memory_of(CPU) == ChipMemory(cores * (2**15 + 2**20) + 2**25, in_core=cores * 2**15)
    monkeypatch.setattr(peaks, "_cpu_caches", dict)
    assert memory_of(CPU, cold=True) == ChipMemory(None, 0, cold=True)


def test_the_memory_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gpu:
        multi_processor_count, regs_per_multiprocessor, shared_memory_per_multiprocessor = 132, 65536, 233472
        L2_cache_size = 60 * 2**20

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Gpu)
    held = 132 * (4 * 65536 + 233472)
    assert memory_of(torch.device("cuda", 0)) == ChipMemory(60 * 2**20 + held, held)


def test_the_caches_here_are_read() -> None:
    """On Linux they are there, in most containers; a level is never without a cache."""
    assert all(sizes and min(sizes) > 0 for sizes in peaks._cpu_caches().values())
    assert memory_of(torch.device("meta")) == ChipMemory(None)
