"""What is in a phase's time and what is not, on real modules; no test looks at how long anything takes."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from worlds import spec_of

from rnninspect.bench import clock as clocks
from rnninspect.bench import phases
from rnninspect.bench.clock import Clock
from rnninspect.bench.phases import POOL, Empty, Phase, Subject, steps_of, subjects, tokens_of, trains
from rnninspect.bench.records import PHASES
from rnninspect.bench.sampling import Timing
from rnninspect.plan import plan
from rnninspect.runtime.modules import ready, run
from rnninspect.runtime.recurrence import Flow, data_of

# why: torch says it once of a projected LSTM on a CPU; `job` keeps it from the user, who reads it under "kernels".
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")

CPU = torch.device("cpu")
LSTM = "{type: LSTM, name: encoder, input_size: 3, hidden_size: 2}"
DOCUMENTS = {
    "LSTM": LSTM,
    "stacked, both ways, projected": "{type: LSTM, input_size: 3, hidden_size: 4, num_layers: 2, bidirectional: true, "
    "proj_size: 2}",
    "GRU, batch first": "{type: GRU, input_size: 3, hidden_size: 2, batch_first: true}",
    "RNN, dropout": "{type: RNN, input_size: 3, hidden_size: 2, num_layers: 2, dropout: 0.5}",
    "LSTMCell": "{type: LSTMCell, input_size: 3, hidden_size: 2}",
    "GRUCell": "{type: GRUCell, input_size: 3, hidden_size: 2}",
    "JordanRNN": "{type: JordanRNN, input_size: 3, hidden_size: 2, output_size: 3}",
    "last": "{type: LSTM, input_size: 3, hidden_size: 2, bidirectional: true, feeds: last}, "
    "{type: Linear, in_features: 4, out_features: 2}",
    "Embedding": "{type: Embedding, num_embeddings: 7, embedding_dim: 3}, {type: GRU, input_size: 3, hidden_size: 2}, "
    "{type: Linear, in_features: 2, out_features: 2}",
}
INPUTS = {
    "batch": "{batch_size: 2, seq_len: 4}",
    "unbatched": "{batch_size: null, seq_len: 4}",
    "packed": "{batch_size: 2, seq_len: 4, lengths: [4, 2]}",
}
WHOLE = [(name, way) for name in DOCUMENTS for way in INPUTS if (name, way) != ("GRU, batch first", "packed")]


def made(
    layers: str, given: str = INPUTS["batch"], *, each_layer: bool = False, input_grad: bool = False
) -> list[Subject]:
    spec = spec_of(f"name: m\ninput: {given}\ndevice: cpu\nlayers: [{layers}]\n")
    with ready(spec, plan(spec), CPU, 0) as model:
        return subjects(spec, model, CPU, each_layer=each_layer, input_grad=input_grad)


class Seen(Clock):
    """A clock that looks at a phase instead of timing it: before each call, and after."""

    def __init__(self) -> None:
        self.before: list[object] = []
        self.after: list[object] = []
        self.look: Callable[[], object] = lambda: None

    def each(self, calls: int, prepare: Callable[[], Callable[[], object]]) -> Timing:
        for _ in range(calls):
            call = prepare()
            self.before.append(self.look())
            call()
            self.after.append(self.look())
        return Timing(float(calls))

    def block(self, calls: int, call: Callable[[], object]) -> Timing:
        for _ in range(calls):
            self.before.append(self.look())
            call()
            self.after.append(self.look())
        return Timing(float(calls))


def watched(subject: Subject, name: str, calls: int, look: Callable[[], object]) -> Seen:
    clock = Seen()
    clock.look = look
    Phase(subject, name, clock).sample(calls)
    return clock


def flows_of(subject: Subject) -> list[Flow]:
    """The only input of each of the pool."""
    return [flow for inputs in subject.pool for flow in inputs.values()]


def outputs_of(subject: Subject) -> list[Tensor]:
    """What the modules put out for each of the pool, called as `verify` and `trace` call them."""
    outputs = []
    with torch.no_grad():
        for flow, states in zip(flows_of(subject), subject.states, strict=True):
            given = flow
            for link, module, own in zip(subject.links, subject.modules, states, strict=True):
                given = run(link.layer, link, module, given, own).handed_on
            outputs.append(data_of(given))
    return outputs


@pytest.mark.parametrize(("name", "way"), WHOLE)
def test_what_is_called_is_what_the_model_computes(monkeypatch: pytest.MonkeyPatch, name: str, way: str) -> None:
    (subject,) = made(DOCUMENTS[name], INPUTS[way])
    for module in subject.modules:
        module.eval()
    expected = outputs_of(subject)
    outputs: list[Tensor] = []
    data = phases.data_of
    # Asked of nothing but what comes out of a call.
    monkeypatch.setattr(phases, "data_of", lambda flow: outputs.append(data(flow)) or outputs[-1])
    Phase(subject, "forward", Clock()).sample(2 * POOL)
    assert len(outputs) == 2 * POOL
    assert all(torch.equal(output, expected[k % POOL]) for k, output in enumerate(outputs))
    assert len({float(output.sum()) for output in expected}) == POOL


@pytest.mark.parametrize(("name", "way"), WHOLE)
def test_every_phase_runs_and_leaves_no_setting_changed(name: str, way: str) -> None:
    (subject,) = made(DOCUMENTS[name], INPUTS[way])

    def settings() -> tuple[object, ...]:
        rnn = torch.backends.cudnn.rnn.fp32_precision
        grad = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        return gc.isenabled(), grad, torch.get_num_threads(), rnn, torch.backends.mkldnn.is_available()

    before = settings()
    for phase in PHASES:
        Phase(subject, phase, Clock()).sample(2)
        assert settings() == before


def test_forward_is_in_eval_and_inference_mode_and_the_rest_in_training_mode_with_grad() -> None:
    (subject,) = made(LSTM)
    (module,) = subject.modules

    def look() -> tuple[bool, ...]:
        return module.training, torch.is_inference_mode_enabled(), torch.is_grad_enabled(), gc.isenabled()

    for name in PHASES:
        looks = watched(subject, name, 2, look)
        expected = (False, True, False, False) if name == "forward" else (True, False, True, False)
        assert set(looks.before + looks.after) == {expected}


@pytest.mark.parametrize("input_grad", [False, True])
@pytest.mark.parametrize("name", ["backward", "step"])
def test_gradients_are_none_before_each_call_and_there_after_it(name: str, input_grad: bool) -> None:
    (subject,) = made(LSTM, input_grad=input_grad)

    def look() -> tuple[set[bool], int]:
        there = {parameter.grad is not None for parameter in subject.parameters}
        return there, sum(data_of(flow).grad is not None for flow in flows_of(subject))

    looks = watched(subject, name, POOL + 1, look)
    assert looks.before == [({False}, 0)] * (POOL + 1)
    # why one: of the pool, the input of this call alone.
    assert looks.after == [({True}, int(input_grad))] * (POOL + 1)


def test_the_gradients_are_those_of_one_pass() -> None:
    """Neither added up over the calls nor of another input: the same as autograd's for the last of the pool."""
    (subject,) = made(LSTM)
    phase = Phase(subject, "step", Clock())
    phase.sample(POOL + 2)
    assert phase._upstream
    expected = torch.autograd.grad(subject.call(1), subject.parameters, phase._upstream)
    for parameter, gradient in zip(subject.parameters, expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, gradient)


def test_backward_has_a_fresh_graph_for_every_call_and_frees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (subject,) = made(LSTM)
    roots: list[object] = []
    real = torch.autograd.backward

    def spy(output: Sequence[Tensor], upstream: Sequence[Tensor], **options: object) -> None:
        assert options == {}
        roots.append(output[0].grad_fn)
        real(output, upstream)
        with pytest.raises(RuntimeError, match="second time"):
            real(output, upstream)

    monkeypatch.setattr(torch.autograd, "backward", spy)
    for name in ("backward", "step"):
        Phase(subject, name, Clock()).sample(4)
    assert len(set(map(id, roots))) == 8


def test_the_graph_of_backward_is_made_outside_its_time_and_that_of_step_within() -> None:
    (subject,) = made(LSTM)
    (module,) = subject.modules
    calls: list[object] = []
    module.register_forward_hook(lambda *passed: calls.append(passed[0]))
    for name, inside in (("backward", 0), ("step", 1)):
        looks = watched(subject, name, 3, lambda: len(calls))
        assert [int(str(b)) - int(str(a)) for a, b in zip(looks.before, looks.after, strict=True)] == [inside] * 3


def test_no_random_number_is_drawn_within_the_time() -> None:
    (subject,) = made(LSTM)
    for name in PHASES:
        phase_before = watched(subject, name, 2, lambda: torch.get_rng_state().sum().item())
        assert phase_before.before == phase_before.after


def test_the_input_requires_grad_where_asked_and_where_it_can() -> None:
    for layers, input_grad, expected in (
        (LSTM, False, False),
        (LSTM, True, True),
        (DOCUMENTS["Embedding"], True, False),
    ):
        (subject,) = made(layers, input_grad=input_grad)
        assert [data_of(flow).requires_grad for flow in flows_of(subject)] == [expected] * POOL


def test_each_layer_is_fed_with_what_the_one_before_puts_out() -> None:
    whole, *layers = made(DOCUMENTS["Embedding"], each_layer=True)
    assert whole.name is None
    assert [len(subject.links) for subject in layers] == [1, 1, 1]
    assert [subject.name for subject in layers] == [link.layer.name for link in whole.links]
    with torch.no_grad():
        for which in range(POOL):
            outputs = [subject.call(which)[0] for subject in layers]
            assert all(
                torch.equal(data_of(flows_of(after)[which]), out)
                for after, out in zip(layers[1:], outputs, strict=False)
            )
            assert torch.equal(whole.call(which)[0], outputs[-1])
    # why leaves: backward of a layer must not run back into the one before.
    assert all(data_of(flow).is_leaf for subject in layers for flow in flows_of(subject))
    assert len(made(LSTM, each_layer=True)) == 1


def test_what_is_frozen_does_not_train() -> None:
    frozen = LSTM.replace("}", ", trainable: false}")
    (subject,) = made(frozen)
    assert not trains(subject)
    (subject,) = made(frozen, input_grad=True)
    assert trains(subject)
    looks = watched(subject, "backward", 2, lambda: [parameter.grad for parameter in subject.parameters])
    assert looks.after == [[None] * 4] * 2
    whole, *layers = made(f"{frozen}, {{type: Linear, in_features: 2, out_features: 2}}", each_layer=True)
    assert [trains(part) for part in (whole, *layers)] == [True, False, True]


@pytest.mark.parametrize(("way", "expected"), [("batch", (8, 2, 4)), ("unbatched", (4, 1, 4)), ("packed", (6, 2, 4))])
def test_tokens_are_real_ones(way: str, expected: tuple[int, int, int]) -> None:
    (subject,) = made(LSTM, INPUTS[way])
    assert tokens_of(subject) == expected


def test_the_clock_leaves_out_what_is_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only calls and preparations move: 5 ns for a call, 1,000 for making one ready."""
    now = 0

    def spend(nanoseconds: int) -> None:
        nonlocal now
        now += nanoseconds

    monkeypatch.setattr(clocks.time, "perf_counter_ns", lambda: now)

    def prepare() -> Callable[[], None]:
        spend(1000)
        return lambda: spend(5)

    assert Clock().each(4, prepare).seconds == pytest.approx(20e-9)
    assert Clock().block(4, lambda: spend(5)).seconds == pytest.approx(20e-9)


class Gpu:
    """The few names of torch.cuda that a clock asks for, on a made-up clock: calls are asked for, and run in order.

    launch: nanoseconds of the host for a call; run: of the GPU. queue: how many calls the host may be ahead.
    """

    L2_cache_size = 400

    def __init__(self, launch: int, run: int, queue: int = 1000) -> None:
        self.launch, self.run, self.queue = launch, run, queue
        self.host = self.device = 0
        self.flushed = 0

    def call(self) -> None:
        self.host = max(self.host + self.launch, self.device - self.queue * self.run)
        self.device = max(self.device, self.host) + self.run

    def synchronize(self, device: object) -> None:
        self.host = max(self.host, self.device) + 8_000


@pytest.mark.parametrize(
    ("gpu", "waited"),
    [
        # A call of 100 us that is asked for in 10: a long queue when the host is done; so too where the queue is full
        # and the host waits for the GPU, nearly as long as that takes.
        (Gpu(launch=10_000, run=100_000), False),
        (Gpu(launch=10_000, run=100_000, queue=20), False),
        # Asked for in 100, done in 10: nothing is left. So too where it is nearly even.
        (Gpu(launch=100_000, run=10_000), True),
        (Gpu(launch=100_000, run=99_900), True),
    ],
)
def test_a_gpu_that_waits_for_the_host_is_seen(monkeypatch: pytest.MonkeyPatch, gpu: Gpu, waited: bool) -> None:
    class Event:
        def __init__(self, enable_timing: bool) -> None:
            self.at = 0

        def record(self, stream: object) -> None:
            gpu.host += 2_000
            self.at = gpu.device = max(gpu.device, gpu.host)

        def query(self) -> bool:
            return False

        def elapsed_time(self, other: Event) -> float:
            return (other.at - self.at) / 1e6

    class Cache:
        def zero_(self) -> None:
            gpu.flushed += 1

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: gpu)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", gpu.synchronize)
    monkeypatch.setattr(torch, "empty", lambda *size, **options: Cache())
    monkeypatch.setattr(clocks.time, "perf_counter_ns", lambda: gpu.host)
    clock = clocks.clock_for(torch.device("cuda", 0), warm_l2=False)
    calls = 200
    block = clock.block(calls, gpu.call)
    # Of the first call alone it is the launch.
    assert block.seconds == pytest.approx(calls * max(gpu.launch, gpu.run) / 1e9, rel=0.02)
    each = clock.each(calls, lambda: gpu.call)
    assert (block.waited, each.waited) == (waited, waited)
    assert gpu.flushed == 1 + calls


@pytest.mark.parametrize("name", PHASES)
def test_the_empty_phase_calls_no_module(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (subject,) = made(DOCUMENTS["last"])
    empty = Empty(Phase(subject, name, Clock()))

    def refuse(*args: object) -> None:
        raise AssertionError(args)

    monkeypatch.setattr(nn.Module, "__call__", refuse)
    monkeypatch.setattr(torch.autograd, "backward", refuse)
    assert empty.seconds(10) > 0


def test_a_layer_that_hands_on_its_output_is_called_with_nothing_round_it() -> None:
    """What `modules.run` gathers for a ledger (the last states side by side) is no part of a model's time."""
    (subject,) = made(LSTM)
    calls: list[Sequence[object]] = []

    def module(flow: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, None]:
        calls.append((flow, states))
        return flow + 1, None

    (step,) = steps_of(subject.links, [module], subject.states[0])
    flow = flows_of(subject)[0]
    assert isinstance(flow, Tensor)
    assert torch.equal(data_of(step(flow)), flow + 1)
    assert calls == [(flow, subject.states[0][0])]


@pytest.mark.parametrize("name", PHASES)
def test_with_autocast_a_call_computes_as_torch_does_within_it(name: str) -> None:
    (subject,) = made(DOCUMENTS["last"])
    subject = subject._replace(amp=torch.bfloat16)
    (found,) = subject.call(0)
    with torch.autocast("cpu", torch.bfloat16):
        (expected,) = subject._replace(amp=None).call(0)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)
    assert not torch.is_autocast_enabled("cpu")
    Phase(subject, name, Clock()).sample(2)
    if name in ("backward", "step"):
        assert {each.grad.dtype for each in subject.parameters if each.grad is not None} == {torch.float32}
