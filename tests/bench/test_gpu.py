"""What is made of what NVIDIA's driver says, by a driver that is made up."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable

import pytest

from rnninspect.bench import gpu
from rnninspect.bench.disturbances import Disturbance, Kind
from rnninspect.bench.gpu import GpuReading


class Driver(types.ModuleType):
    """nvidia-ml-py with a GPU that is made up; what is not among its answers is not supported.

    handles: what was asked of which handle. lacks: functions that this version does not have.
    """

    class NVMLError(Exception):
        pass

    NVML_CLOCK_SM = 1

    def __init__(self, *, lacks: str = "", uuid: str = "GPU-1", **answers: object) -> None:
        super().__init__("pynvml")
        self.handles: dict[str, object] = {}
        self.lacks, self.uuid = lacks, uuid
        self.answers = {"nvmlInit": None, "nvmlDeviceGetHandleByUUID": "handle", **answers}

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*args: object) -> object:
            self.handles[name] = args[:1]
            wrong = name == "nvmlDeviceGetHandleByUUID" and args != (self.uuid,)
            if name not in self.answers or wrong:
                raise self.NVMLError(name)
            return self.answers[name]

        if not name.startswith("nvml") or (self.lacks and self.lacks in name):
            raise AttributeError(name)
        return call


def test_what_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(
        nvmlSystemGetDriverVersion="580.159.03",
        nvmlDeviceGetClockInfo=1200,
        nvmlDeviceGetEnforcedPowerLimit=700_000,
        nvmlDeviceGetCurrentClocksEventReasons=0x4 | 0x20 | 0x40 | 0x2 | 0x10,
        nvmlDeviceGetComputeRunningProcesses=[object(), object(), object()],
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    watched = gpu.watch_gpu(1)
    slowed = ("application clocks", "power cap", "sync boost", "heat")
    assert watched.read() == GpuReading(1200, 700.0, slowed, 2, idle=False)
    assert (watched.driver, watched.unwatched) == ("580.159.03", None)


@pytest.mark.parametrize("lacks", ["", "EventReasons"])
def test_what_the_driver_does_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    """An old driver, which has the reasons under their old name and little else; nvidia-ml-py 11 has no other."""
    old = Driver(lacks=lacks, nvmlDeviceGetCurrentClocksThrottleReasons=0x1, nvmlSystemGetDriverVersion=b"470.1")
    monkeypatch.setitem(sys.modules, "pynvml", old)
    watched = gpu.watch_gpu(1)
    assert (watched.read(), watched.driver) == (GpuReading(slowed=(), idle=True), "470.1")
    monkeypatch.setitem(sys.modules, "pynvml", Driver(lacks=lacks))
    assert gpu.watch_gpu(1).read() == GpuReading()


def test_of_a_slice_of_a_gpu_the_clock_is_the_whole_ones_and_the_processes_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = Driver(
        uuid="MIG-1",
        nvmlDeviceGetDeviceHandleFromMigDeviceHandle="whole",
        nvmlDeviceGetClockInfo=1200,
        nvmlDeviceGetComputeRunningProcesses=[object()],
    )
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert gpu.watch_gpu(1).read() == GpuReading(clock=1200, others=0)
    handles = [driver.handles[f"nvmlDeviceGet{name}"] for name in ("ClockInfo", "ComputeRunningProcesses")]
    assert handles == [("whole",), ("handle",)]


def test_that_nobody_watches_the_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def reason() -> str:
        watched = gpu.watch_gpu(1)
        assert watched.read() is None
        assert watched.unwatched is not None
        return watched.unwatched.what.removeprefix("nobody watched the GPU's clock, heat and power: ")

    monkeypatch.setitem(sys.modules, "pynvml", None)  # which makes its import fail
    assert reason() == "nvidia-ml-py is not installed"
    driver = Driver()
    del driver.answers["nvmlInit"]
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert reason() == "NVIDIA's driver does not answer (nvmlInit)"
    monkeypatch.setitem(sys.modules, "pynvml", Driver(uuid="GPU-2"))
    assert reason() == "the driver knows no such GPU"


BUSY = GpuReading(clock=1900, slowed=())


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (None, ""),
        (BUSY, ""),
        (GpuReading(), ""),
        (BUSY._replace(slowed=("power cap", "application clocks", "sync boost")), ""),
        (BUSY._replace(slowed=("power cap", "heat")), "the GPU was slowed by heat"),
        (BUSY._replace(slowed=("hardware slowdown",)), "the GPU slowed itself"),
        (BUSY._replace(clock=1484), "the GPU ran at 1484 MHz, of 1980 MHz seen in this run"),
        (BUSY._replace(clock=1485), ""),
        (BUSY._replace(clock=210, idle=True), ""),
    ],
)
def test_a_gpu_is_disturbed_when(reading: GpuReading | None, reason: str) -> None:
    disturbance = gpu.disturbance_of(reading, 1980)
    assert disturbance == (Disturbance(Kind.GPU, reason) if reason else None)
    # A clock that is low for ever is no disturbance: it is the highest there was.
    if reading is not None and "MHz" in reason:
        assert gpu.disturbance_of(reading, reading.clock) is None


def test_what_a_reader_must_know_of_the_gpu() -> None:
    assert gpu.warnings_of([BUSY]) == ()
    capped = BUSY._replace(clock=1500, slowed=("power cap",), others=1)
    warnings = gpu.warnings_of([BUSY, capped])
    assert [warned.what for warned in warnings] == [
        "the power cap held the GPU's clock down, 1500 to 1900 MHz, so that times depend on how warm it is",
        "1 other process had the GPU open",
    ]
    assert all(warned.try_ for warned in warnings)
    for reason in ("application clocks", "sync boost"):
        (only,) = gpu.warnings_of([BUSY._replace(slowed=(reason,))])
        assert reason in only.what


def test_energy_is_that_of_a_whole_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Driver(nvmlDeviceGetTotalEnergyConsumption=1_500)
    monkeypatch.setitem(sys.modules, "pynvml", whole)
    assert gpu.watch_gpu(1).joules() == 1.5
    monkeypatch.setitem(sys.modules, "pynvml", Driver())
    assert gpu.watch_gpu(1).joules() is None
    slice_ = Driver(
        uuid="MIG-1", nvmlDeviceGetDeviceHandleFromMigDeviceHandle="whole", nvmlDeviceGetTotalEnergyConsumption=1_500
    )
    monkeypatch.setitem(sys.modules, "pynvml", slice_)
    assert gpu.watch_gpu(1).joules() is None
