"""What is recorded as a CUDA graph, and when it is replayed: on made-up recordings of torch's own computation."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import torch
from worlds import spec_of

from rnninspect.bench.clock import Clock
from rnninspect.bench.graphs import GraphPhase, refuse
from rnninspect.bench.phases import Phase, Subject, subjects
from rnninspect.bench.records import PHASES, RunOptions
from rnninspect.errors import CannotHere
from rnninspect.plan import plan
from rnninspect.runtime.modules import ready
from rnninspect.runtime.torch_errors import broke_cuda

LSTM = "{type: LSTM, name: encoder, input_size: 3, hidden_size: 2, num_layers: 2, bidirectional: true}"
CELL = "{type: MGU, name: cell, input_size: 3, hidden_size: 2}"


def made(layers: str, device: str = "cpu", given: str = "{batch_size: 2, seq_len: 4}") -> Subject:
    spec = spec_of(f"name: m\ninput: {given}\ndevice: {device}\nlayers: [{layers}]\n")
    with ready(spec, plan(spec), torch.device(device), 0) as model:
        (subject,) = subjects(spec, model, torch.device(device), each_layer=False, input_grad=False)
    return subject


class Recorder:
    """What torch.cuda is asked for, in order. fails: what a recording ends with; lost: nothing works afterwards."""

    def __init__(self, fails: str = "", *, lost: bool = False) -> None:
        self.told: list[str] = []
        self.fails, self.lost, self.graphs = fails, lost, 0
        recorder = self

        class Graph:
            def __init__(self) -> None:
                recorder.graphs += 1
                self.name = f"graph {recorder.graphs}"

            def pool(self) -> str:
                return f"pool of {self.name}"

            def replay(self) -> None:
                recorder.told.append(f"replay {self.name}")

        self.CUDAGraph = Graph

    @contextlib.contextmanager
    def graph(self, graph: object, pool: str | None = None) -> Iterator[None]:
        self.told.append(f"record {graph.name}" + (f" in {pool}" if pool else ""))  # type: ignore[attr-defined]
        yield
        if self.fails:
            raise RuntimeError(self.fails)

    def synchronize(self, device: object) -> None:
        if self.lost:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def put_into(self, monkeypatch: pytest.MonkeyPatch) -> Recorder:
        class Stream:
            def __init__(self, device: object) -> None:
                pass

            def wait_stream(self, other: object) -> None:
                pass

        nothing = lambda *given: contextlib.nullcontext()  # noqa: E731
        monkeypatch.setattr(torch.cuda, "CUDAGraph", self.CUDAGraph)
        monkeypatch.setattr(torch.cuda, "graph", self.graph)
        monkeypatch.setattr(torch.cuda, "synchronize", self.synchronize)
        monkeypatch.setattr(torch.cuda, "Stream", Stream)
        monkeypatch.setattr(torch.cuda, "current_stream", Stream)
        monkeypatch.setattr(torch.cuda, "device", nothing)
        monkeypatch.setattr(torch.cuda, "stream", nothing)
        return self


@pytest.mark.parametrize("name", PHASES)
@pytest.mark.parametrize("layers", [LSTM, CELL])
def test_a_phase_is_recorded_once_and_replayed_at_every_call(
    monkeypatch: pytest.MonkeyPatch, name: str, layers: str
) -> None:
    recorder = Recorder().put_into(monkeypatch)
    phase = GraphPhase(made(layers), name, Clock())
    phase.sample(2)
    if name == "backward":
        recorded = ["record graph 2", "record graph 1 in pool of graph 2"]
        each = ["replay graph 2", "replay graph 1"]
    else:
        recorded, each = ["record graph 1"], ["replay graph 1"]
    assert recorder.told == recorded + each * 2
    phase.sample(3)
    assert recorder.told == recorded + each * 5


def test_what_cannot_be_recorded_says_why_and_the_process_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "CUDA error: operation not permitted when stream is capturing\nand more"
    Recorder(said).put_into(monkeypatch)
    phase = GraphPhase(made(LSTM), "step", Clock())
    with pytest.raises(CannotHere, match="step cannot be recorded: operation not permitted when stream") as raised:
        phase.sample(1)
    assert not broke_cuda(raised.value)


def test_a_device_that_is_lost_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    Recorder("CUDA error: an illegal memory access was encountered", lost=True).put_into(monkeypatch)
    with pytest.raises(RuntimeError) as raised:
        GraphPhase(made(LSTM), "forward", Clock()).sample(1)
    assert broke_cuda(raised.value)


def test_what_no_graph_can_be_made_of_is_refused() -> None:
    text = "name: m\ninput: {batch_size: 2, seq_len: 4}\nlayers: [{type: GRU, input_size: 3, hidden_size: 2}]\n"
    graph = RunOptions(backend="graph")
    packed = spec_of(text.replace("seq_len: 4", "seq_len: 4, lengths: [4, 2]"))
    with pytest.raises(CannotHere, match=r"reads a packed batch, .* \(padding in place of lengths, or backend eager\)"):
        refuse(packed, graph, torch.device("cuda", 0))
    plain = spec_of(text)
    refuse(plain, graph, torch.device("cuda", 0))
    with pytest.raises(CannotHere, match="CUDA graphs are for CUDA, and this is cpu"):
        refuse(plain, graph, torch.device("cpu"))
    refuse(packed, RunOptions(), torch.device("cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["backward", "step"])
@pytest.mark.parametrize("layers", [LSTM, CELL])
def test_a_replay_makes_the_gradients_that_a_call_makes_on_cuda(layers: str, name: str) -> None:
    subject = made(layers, "cuda")
    # why the same three times: a phase takes its inputs in turn, and a graph has those of its recording.
    subject = subject._replace(pool=subject.pool[:1] * 3, states=subject.states[:1] * 3)
    eager, replayed = Phase(subject, name, Clock()), GraphPhase(subject, name, Clock())
    eager.sample(1)
    upstream = eager._gradients(())
    expected = [parameter.grad.clone() for parameter in subject.parameters if parameter.grad is not None]
    replayed._upstream = upstream
    replayed.sample(1)
    for parameter in subject.parameters:
        assert parameter.grad is not None
        parameter.grad.fill_(float("nan"))
    replayed.sample(2)
    torch.cuda.synchronize()
    found = [parameter.grad for parameter in subject.parameters]
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
