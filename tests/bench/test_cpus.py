"""How many CPUs there are to be had, by files that are made up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnninspect.bench.cpus import Cpus, many_threads, usable_cpus
from rnninspect.bench.records import Warned
from rnninspect.runtime import control_groups

V1 = "cgroup__cpu__j__cpu.cfs"


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"membership": "0::/\n"}, None),
        ({"membership": "0::/\n", "cgroup__cpu.max": "max 100000\n"}, None),
        ({"membership": "0::/\n", "cgroup__cpu.max": "150000 100000\n"}, 1.5),
        # The least of the way up counts; a group that only the host sees is passed over.
        ({"membership": "0::/a/b\n", "cgroup__a__cpu.max": "50000 100000", "cgroup__cpu.max": "max 100000"}, 0.5),
        ({"membership": "0::/hidden/pod\n", "cgroup__cpu.max": "300000 100000"}, 3.0),
        ({"membership": "2:cpu,cpuacct:/j\n", f"{V1}_quota_us": "-1", f"{V1}_period_us": "100000"}, None),
        (
            {"membership": "9:cpuset:/\n3:cpuacct,cpu:/j\n", f"{V1}_quota_us": "250000", f"{V1}_period_us": "100000"},
            2.5,
        ),
        ({"membership": "no groups"}, None),
        ({"membership": "0::/\n", "cgroup__cpu.max": "nonsense"}, None),
    ],
)
def test_a_quota_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], quota: float | None
) -> None:
    monkeypatch.setattr(control_groups, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(control_groups, "_ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for name, text in files.items():
        path = tmp_path / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    cpus = usable_cpus()
    assert cpus == Cpus(allowed=2, quota=quota)
    assert cpus.usable == (1 if quota and quota < 2 else 2)


def test_more_threads_than_cpus_are_told() -> None:
    assert many_threads(2, Cpus(2, None)) is None
    assert many_threads(8, Cpus(2, None)) == Warned("8 threads on 2 CPUs: they wait for one another", "use 2 threads")
    assert many_threads(2, Cpus(2, 1.5)) == Warned(
        "2 threads on the CPU quota of 1.5: they wait for one another", "use 1 thread"
    )
