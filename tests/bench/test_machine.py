"""The machine as a run sees it: its GPU's clock after each round, and what is told of it; a GPU is made up here."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

import pytest
import torch
from measured import OUTCOME

from rnninspect.bench import gpu, machine
from rnninspect.bench.disturbances import Disturbance, Kind
from rnninspect.bench.gpu import Gpu, GpuReading
from rnninspect.bench.machine import Machine
from rnninspect.bench.records import TimingRequest, Warned
from rnninspect.commands.shared.bench_page import libraries
from rnninspect.results.bench_json import bench_document
from rnninspect.runtime.precision import multiplying_float32

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def quiet_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_FASTEST", {})
    monkeypatch.setattr(machine, "cpu_disturbance", lambda counted, threads: None)


def watched(monkeypatch: pytest.MonkeyPatch, *readings: GpuReading | None) -> Machine:
    """A machine whose GPU says these, one at each reading."""
    ahead: Iterator[GpuReading | None] = iter(readings)
    monkeypatch.setattr(machine, "_gpu", lambda device: Gpu(lambda: next(ahead), driver="580.1"))
    return Machine(CUDA, 1)


def test_a_clock_is_held_against_the_highest_under_load_in_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read after a round only: two rounds at a locked clock, one at rest, a boost, and one that lags behind it."""
    clocks = (GpuReading(1200), GpuReading(1190), GpuReading(345, idle=True), GpuReading(1980), GpuReading(1400), None)
    one = watched(monkeypatch, *clocks)
    slow = Disturbance(Kind.GPU, "the GPU ran at 1400 MHz, of 1980 MHz seen in this run")
    assert [one.watch()().disturbance for _ in clocks] == [None, None, None, None, slow, None]
    # What was seen is known to the runs that follow, as it is one device.
    other = watched(monkeypatch, GpuReading(1300))
    slow = Disturbance(Kind.GPU, "the GPU ran at 1300 MHz, of 1980 MHz seen in this run")
    assert other.watch()().disturbance == slow


def test_a_capped_gpu_is_steady_and_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    capped = GpuReading(1200, slowed=("power cap",))
    one = watched(monkeypatch, capped, capped._replace(clock=1100))
    assert [one.watch()().disturbance for _ in range(2)] == [None, None]
    assert [warned.what for warned in one.warnings] == [
        "the power cap held the GPU's clock down, 1100 to 1200 MHz, so that times depend on how warm it is"
    ]


def test_a_gpu_that_nobody_watches_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_gpu", lambda device: gpu.unwatched("nvidia-ml-py is not installed", "try it"))
    one = Machine(CUDA, 1)
    assert one.watch()().disturbance is None
    text = "nobody watched the GPU's clock, heat and power: nvidia-ml-py is not installed"
    assert one.warnings == (Warned(text, "try it"),)
    monkeypatch.undo()
    assert Machine(CPU, 1).warnings == ()


class H200:
    uuid = "8f3c"
    pci_domain_id, pci_bus_id, pci_device_id = 0, 0xBA, 0


def test_which_gpu_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    def reason() -> str:
        watched = machine._gpu(CUDA)
        assert watched is not None
        assert watched.unwatched is not None
        return watched.unwatched.what

    monkeypatch.setattr(gpu, "watch_gpu", lambda uuid: gpu.unwatched(f"it is {uuid}"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: H200)
    assert machine._gpu(CPU) is None
    assert "it is 8f3c" in reason()
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: object())
    assert "this torch does not tell which one it is" in reason()
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert "it is none of NVIDIA's" in reason()


def test_what_a_result_ran_on_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: H200)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)
    readings = (GpuReading(345, limit=700.0, idle=True), GpuReading(1900, limit=700.0), GpuReading(1980, limit=700.0))
    one = watched(monkeypatch, *readings)
    for _ in readings:
        one.watch()()
    with multiplying_float32("tf32", "rnn"):
        place = one.environment("float32", TimingRequest(warm_l2=True, input_grad=True))
        assert (place.device_name, place.cuda, place.cudnn, place.driver) == ("NVIDIA H200", "13.0", 91002, "580.1")
        assert (place.gpu_uuid, place.gpu_bus, place.host) == ("8f3c", "00000000:BA:00.0", platform.node())
        assert (place.clock_mhz, place.power_limit_watts) == (1900, 700.0)
        assert (place.float32_precision, place.warm_l2, place.input_grad) == ("tf32", True, True)
        assert one.environment("float16", TimingRequest()).float32_precision is None
        monkeypatch.setitem(os.environ, "NVIDIA_TF32_OVERRIDE", "0")
        assert one.environment("float32", TimingRequest()).float32_precision == "ieee"
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: object())
    place = one.environment("float16", TimingRequest())
    assert (place.gpu_uuid, place.gpu_bus) == (None, None)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "6.2")
    assert one.environment("float32", TimingRequest()).cuda == "ROCm 6.2"


def test_a_result_says_in_a_line_and_in_json_what_it_ran_on() -> None:
    place = Machine(CPU, 1).environment("float32", TimingRequest())
    gpu = place._replace(cuda="13.0", cudnn=91002, driver="580.1", clock_mhz=1980)
    assert libraries(gpu) == ["CUDA 13.0", "cuDNN 91002", "driver 580.1", "1980 MHz"]
    assert libraries(gpu._replace(cuda="ROCm 6.2", driver=None, clock_mhz=None)) == ["ROCm 6.2", "cuDNN 91002"]
    assert libraries(place) == []
    (result,) = bench_document([OUTCOME._replace(environment=gpu)])["processes"]  # type: ignore[misc]
    assert result["environment"] == gpu._asdict()


def test_of_a_cpu_nothing_is_said_that_a_gpu_alone_has() -> None:
    place = Machine(CPU, 1).environment("float32", TimingRequest())
    assert (place.cuda, place.cudnn, place.driver, place.float32_precision) == (None,) * 4
    assert (place.clock_mhz, place.power_limit_watts, place.warm_l2, place.input_grad) == (None, None, None, False)
