"""Free memory, as the system tells it: read from trees of files made up here, and once from this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rnninspect.runtime import control_groups, memory

MEMINFO = "proc/meminfo"
STATUS = "proc/self/status"
PEAK_RESET = "proc/self/clear_refs"
V2_LIMIT, V2_USED = "sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"
V1_LIMIT, V1_USED = (f"sys/fs/cgroup/memory/memory.{name}_in_bytes" for name in ("limit", "usage"))

MEMBERSHIP = "proc/self/cgroup"
V2_NESTED = "sys/fs/cgroup/job/step/memory"
# Both versions mounted, as on many hosts: a line of version 1's memory controller and version 2's own.
ROOT_GROUPS = "9:cpu,cpuacct:/\n5:memory:/\n0::/\n"

Machine = Callable[[Mapping[str, str]], None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """`machine({MEMINFO: "..."})`: the system has these files, and no others."""

    def under(path: str | Path) -> Path:
        return tmp_path / str(path).lstrip("/")

    for module in (memory, control_groups):
        for name, value in list(vars(module).items()):
            if isinstance(value, Path):
                monkeypatch.setattr(module, name, under(value))
    monkeypatch.setattr(memory, "Path", under)

    def write(files: Mapping[str, str]) -> None:
        for name, text in ({MEMBERSHIP: ROOT_GROUPS} | dict(files)).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)

    return write


def meminfo(kilobytes: int) -> str:
    return f"MemTotal:       16000000 kB\nMemFree:          10 kB\nMemAvailable:   {kilobytes} kB\nBuffers:  1 kB\n"


def pages(monkeypatch: pytest.MonkeyPatch, known: Mapping[str, int]) -> None:
    """Make os.sysconf know these names alone."""

    def sysconf(name: str) -> int:
        if name not in known:
            raise ValueError("unrecognized configuration name")
        return known[name]

    monkeypatch.setattr(os, "sysconf", sysconf)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({MEMINFO: meminfo(1_000)}, 1_024_000),
        ({MEMINFO: meminfo(0)}, 0),
        ({MEMINFO: meminfo(1_000), V2_LIMIT: "max\n", V2_USED: "5000\n"}, 1_024_000),
        ({MEMINFO: meminfo(1_000), V2_LIMIT: "9000\n", V2_USED: "5000\n"}, 4_000),
        ({MEMINFO: meminfo(1_000), V2_LIMIT: "5000\n", V2_USED: "5001\n"}, 0),
        ({MEMINFO: meminfo(1), V2_LIMIT: "9000\n", V2_USED: "5000\n"}, 1_024),
        ({MEMINFO: meminfo(1_000), V2_LIMIT: "9000\n"}, 1_024_000),
        ({MEMINFO: meminfo(1_000), V1_LIMIT: "9000\n", V1_USED: "2000\n"}, 7_000),
        # why so odd: how version 1 says that there is no limit, 2**63 less a page.
        ({MEMINFO: meminfo(1_000), V1_LIMIT: "9223372036854771712\n", V1_USED: "2000\n"}, 1_024_000),
        ({V2_LIMIT: "9000\n", V2_USED: "5000\n", V1_LIMIT: "8\n", V1_USED: "1\n"}, 7),
        ({V2_LIMIT: "max\n", V2_USED: "5000\n", V1_LIMIT: "8\n", V1_USED: "1\n"}, 7),
        # the least of the groups on the way up: the step has no limit, the job has
        (
            {
                MEMBERSHIP: "0::/job/step\n",
                V2_LIMIT: "9000\n",
                V2_USED: "5000\n",
                f"{V2_NESTED}.max": "max\n",
                f"{V2_NESTED}.current": "1\n",
                "sys/fs/cgroup/job/memory.max": "6000\n",
                "sys/fs/cgroup/job/memory.current": "5000\n",
            },
            1_000,
        ),
        # cached files are given back when memory is short
        ({V2_LIMIT: "9000\n", V2_USED: "8000\n", "sys/fs/cgroup/memory.stat": "anon 3\ninactive_file 600\n"}, 1_600),
        ({V2_LIMIT: "9000\n", V2_USED: "8000\n", "sys/fs/cgroup/memory.stat": "not what it was\n"}, 1_000),
        ({MEMINFO: meminfo(1_000), V2_LIMIT: "9000\n", V2_USED: "5000\n", MEMBERSHIP: "9:cpu:/\n"}, 1_024_000),
        ({}, None),
        ({MEMINFO: "MemTotal:  16000000 kB\n"}, None),
    ],
    ids=[
        "kernel",
        "nothing left",
        "no limit",
        "limit",
        "over the limit",
        "limit above the kernel's",
        "use unknown",
        "version 1",
        "version 1 without a limit",
        "both versions",
        "both versions, one without a limit",
        "a nested group",
        "cache",
        "statistics of another form",
        "in no memory group",
        "no files",
        "an old kernel",
    ],
)
def test_available_is_the_least_that_anyone_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str], expected: int | None
) -> None:
    pages(monkeypatch, {})
    machine(files)
    assert memory.available_bytes() == expected


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"SC_AVPHYS_PAGES": 3, "SC_PHYS_PAGES": 7, "SC_PAGE_SIZE": 4096}, 3 * 4096),
        ({"SC_PHYS_PAGES": 7, "SC_PAGE_SIZE": 4096}, 7 * 4096),
        ({"SC_PAGE_SIZE": 4096}, None),
    ],
    ids=["free pages", "all pages", "nothing"],
)
def test_without_proc_the_system_is_asked_for_its_pages(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, known: Mapping[str, int], expected: int | None
) -> None:
    pages(monkeypatch, known)
    machine({})
    assert memory.available_bytes() == expected
    machine({V2_LIMIT: "9000\n", V2_USED: "8000\n"})
    assert memory.available_bytes() == 1_000


@pytest.mark.parametrize(("peak", "grown"), [(1_500, 500 * 1024), (1_000, 0), (900, 0)])
def test_the_peak_is_counted_from_what_was_resident_at_the_start(
    machine: Machine, tmp_path: Path, peak: int, grown: int
) -> None:
    machine({STATUS: "Name:\tpython\nVmHWM:\t  9000 kB\nVmRSS:\t  1000 kB\n", PEAK_RESET: ""})
    watched = memory.peak_resident()
    assert (tmp_path / PEAK_RESET).read_text() == "5"
    machine({STATUS: f"Name:\tpython\nVmHWM:\t  {peak} kB\nVmRSS:\t  1100 kB\n"})
    assert watched() == grown


def test_where_the_peak_cannot_be_reset_it_is_unknown(machine: Machine) -> None:
    machine({})
    assert memory.peak_resident()() is None


def test_where_there_is_no_figure_the_peak_is_unknown(machine: Machine) -> None:
    machine({STATUS: "Name:\tpython\n", PEAK_RESET: ""})
    assert memory.peak_resident()() is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/meminfo")
def test_this_machine_has_some_memory_but_no_more_than_all_of_it() -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    available = memory.available_bytes()
    assert available is not None
    assert 0 < available <= total


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="no peak that can be reset")
def test_a_block_that_is_taken_and_given_back_is_seen() -> None:
    quiet = memory.peak_resident()()
    watched = memory.peak_resident()
    block = b"x" * (64 << 20)
    del block
    grown = watched()
    assert quiet is not None
    assert grown is not None
    assert quiet < 32 << 20
    assert 60 << 20 <= grown < 128 << 20


def test_every_allocators_word_for_no_memory_is_understood() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert memory.ran_out(raised.value)
    assert memory.ran_out(MemoryError())
    # c10/cuda/CUDACachingAllocator.cpp and ATen/mps/MPSAllocator.mm
    assert memory.ran_out(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."))
    assert memory.ran_out(RuntimeError("MPS backend out of memory (MPS allocated: 9 GB, ..."))
    assert memory.ran_out(RuntimeError("alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory"))
    assert memory.ran_out(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    wrapped = RuntimeError("cpu cannot run this")
    wrapped.__cause__ = MemoryError()
    assert memory.ran_out(wrapped)
    assert not memory.ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
