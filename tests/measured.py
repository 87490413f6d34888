"""What `bench` has measured, made up: records to be changed where a test says something about a figure."""

from __future__ import annotations

from rnninspect.bench.records import Environment, Figure, Outcome

ENVIRONMENT = Environment(
    device="cpu",
    device_name="a CPU",
    torch="2.13.0",
    rnninspect="0.1",
    python="3.11",
    threads=2,
    cpus=4,
    started="2026-01-01",
)
FIGURE = Figure(
    subject=None,
    phase="forward",
    first_call=1.0,
    warmup_calls=3,
    block=1,
    rounds=((1.0,) * 3,) * 7,
    kept=tuple(range(7)),
    median=1.0,
    interval=None,
    best=1.0,
    stopped="precision",
    verdict="steady",
    overhead=0.001,
    host=None,
    drift=None,
    peak_bytes=None,
    flops=1,
    tokens=1,
    sequences=1,
    steps=1,
    bound=None,
    kernels=None,
)
OUTCOME = Outcome(
    model="m",
    file="m.yaml",
    settings={},
    variant={},
    process=0,
    dtype="float32",
    status="ok",
    reason="",
    environment=ENVIRONMENT,
    figures=(FIGURE,),
)
