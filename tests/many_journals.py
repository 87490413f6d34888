"""Journals of a sweep in shares, with made-up figures: what a folder holds when all tasks are done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measured import ENVIRONMENT, FIGURE, OUTCOME

from rnninspect.bench.journal import Head, head_of
from rnninspect.bench.journal_writer import line_of
from rnninspect.bench.plain import to_plain
from rnninspect.bench.records import Interval, Outcome, TimingRequest
from rnninspect.bench.sharding import dealt
from rnninspect.bench.share_heads import Named, ShareHead, Whole, asked_of, name_of

PATH = "encoder.hidden_size"
SETTINGS: Mapping[str, Any] = {
    "files": ["m.yaml"],
    **TimingRequest(phases=("forward",))._asdict(),
    "documents and points": "0123456789abcdef",
    "method": 2,
}


def whole(points: int, **fields: Any) -> Whole:
    """A sweep over so many hidden sizes."""
    named = tuple(Named("m", "", {PATH: size}) for size in range(1, points + 1))
    plain = Whole(points=named, variants=({},), processes=1, devices=("auto",), again=("bench", "m.yaml"))
    return plain._replace(**fields)


def share_head(number: int, of: int, points: int, **fields: Any) -> ShareHead:
    """The I-th of N shares of such a sweep."""
    mine = tuple(dealt(range(1, points + 1), of)[number - 1])
    plain = ShareHead(
        number=number, of=of, members=mine, attempt=0, host="n1", job="7", task=str(number), missing="", control=False
    )
    return plain._replace(**fields)


def head(share: ShareHead, all_points: Whole, **settings: Any) -> Head:
    """What a share's journal begins with."""
    return head_of(asked_of({**SETTINGS, **settings}, all_points, share))


def outcome(size: int, *, seconds: float = 0.001, **environment: Any) -> Outcome:
    """What was measured of a point."""
    place = ENVIRONMENT._replace(device="cuda:0", device_name="a GPU", cpus=2, host="n1", gpu_uuid="GPU-1")
    figure = FIGURE._replace(
        rounds=((seconds,) * 3,) * 7,
        median=seconds,
        interval=Interval(0.99 * seconds, 1.01 * seconds),
        best=seconds,
        flops=8,
        tokens=9,
        sequences=10,
        steps=11,
    )
    plain = OUTCOME._replace(settings={PATH: size}, figures=(figure,), began="2026-01-01T00:00:00+00:00")
    return plain._replace(environment=place._replace(**environment))


def write(folder: Path, share: ShareHead, all_points: Whole, *outcomes: Outcome, **settings: Any) -> Path:
    """A journal of a share."""
    folder.mkdir(exist_ok=True)
    first = head(share, all_points, **settings)
    path = folder / name_of(first, share)
    path.write_bytes(b"".join(map(line_of, (first, *outcomes))))
    return path


def journals(folder: Path, *, shares: int, points: int, line_bytes: int) -> None:
    """All of a sweep. line_bytes: of each outcome."""
    folder.mkdir()
    all_points = whole(points)
    data = to_plain(outcome(1))
    short = len(json.dumps(data))
    sample = 0.0012345678901234567
    data["figures"][0]["rounds"].append([sample] * max((line_bytes - short) // (len(repr(sample)) + 2), 1))
    line = json.dumps(data).encode()
    marks = f'"{PATH}": 1}}'.encode()
    for number in range(1, shares + 1):
        share = share_head(number, shares, points)
        sizes = (all_points.points[k].settings[PATH] for k in share.members)
        lines = (line.replace(marks, f'"{PATH}": {size}}}'.encode(), 1) + b"\n" for size in sizes)
        first = head(share, all_points)
        (folder / name_of(first, share)).write_bytes(line_of(first) + b"".join(lines))
