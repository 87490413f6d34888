"""A batch script for a sweep in shares: to be read, edited and submitted. Nothing of ours submits, waits or cancels."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from rnninspect.bench.controls import chosen
from rnninspect.bench.points import Point
from rnninspect.bench.records import TimingRequest
from rnninspect.bench.schedule import cost, expected, jobs_of
from rnninspect.bench.seats import Devices, several_devices
from rnninspect.bench.sharding import dealt, parse_shares
from rnninspect.commands.shared.again import no_option, option_words
from rnninspect.commands.shared.bench_options import BenchOptions
from rnninspect.errors import counted

# How much longer than on a quiet machine a task may take, and seconds until torch comes from a shared disk.
_SLOWER, _FETCHED = 2, 60
# Seconds before the end at which a task is told: a limit is looked at every 30 s, so that less is no notice.
_NOTICE = 60


def script_of(options: BenchOptions, request: TimingRequest, points: Sequence[Point]) -> str:
    """The script for `--shard N`. Raises OptionError."""
    assert options.shard is not None
    shares = parse_shares(options.shard, options.shard)
    costs = [cost(point) for point in points]
    counts, seconds = _longest(options, request, points, costs, shares)
    minutes = math.ceil((_SLOWER * seconds + _FETCHED + _NOTICE) / 60)
    folder = options.only_missing or options.output or Path("results")
    words = option_words(options, {"files", "shard", "output", "only_missing", "script"})
    where = ["--output" if options.only_missing is None else "--only-missing", str(folder)]
    command = shlex.join(["exec", "rnninspect", "bench", *map(no_option, options.files), *words, *where])
    phases = counted(len(request.phases), "phase")
    figures = f"{counted(counts, 'point')}, {phases}, {request.budget:g} s for each"
    return "\n".join(
        (
            "#!/bin/bash",
            "#SBATCH --job-name=rnninspect",
            f"#SBATCH --array=1-{shares}",
            f"# The largest share: {figures}; with torch's start, and twice as much as that.",
            f"#SBATCH --time={minutes // 60:02}:{minutes % 60:02}:00",
            *_resources(points, several_devices(options.device)),
            "# Told so long before its time is over, a task keeps what it has measured, and says it.",
            f"#SBATCH --signal=B:TERM@{_NOTICE}",
            "#SBATCH --requeue",
            "#SBATCH --open-mode=append",
            "#SBATCH --output=rnninspect-%A_%a.log",
            "",
            "# Here what makes rnninspect and torch be found: module load ..., source .venv/bin/activate",
            "",
            "# why exec: SIGTERM goes to this process. why the number of shares in full: where some tasks of the array",
            "# are submitted again, Slurm counts those alone.",
            f'{command} --shard "$SLURM_ARRAY_TASK_ID/{shares}"',
            "",
        )
    )


def _longest(
    options: BenchOptions, request: TimingRequest, points: Sequence[Point], costs: Sequence[int], shares: int
) -> tuple[int, float]:
    """How many points the largest share has, and the seconds that the longest takes at the most."""
    first = jobs_of([points[k] for k in chosen(costs, options.control or 0)], request, processes=1, interleave=False)
    most, seconds = 0, 0.0
    for mine in dealt(costs, shares):
        jobs = jobs_of([points[k] for k in mine], request, processes=options.processes, interleave=False)
        most = max(most, len(mine))
        seconds = max(seconds, sum(sum(each) for each in expected([*first, *jobs])))
    return most, seconds


def _resources(points: Sequence[Point], several: Devices | None) -> list[str]:
    """What to ask of a node; what nobody can know here is written as a remark."""
    if several is not None and several.kind == "cuda":
        if several.names:
            return [f"#SBATCH --gres=gpu:{len(several.names)}"]
        return ["# As many GPUs as a task is to use at once:", "##SBATCH --gres=gpu:8"]
    devices = {(point.spec.device or "").partition(":")[0] for point in points}
    if devices == {"cuda"}:
        return ["#SBATCH --gres=gpu:1"]
    if devices == {"cpu"}:
        return ["# What else runs on the node disturbs times on its CPUs:", "##SBATCH --exclusive"]
    said = "# Where a GPU is to be timed; then --device cuda below, which ends where there is none:"
    return [said, "##SBATCH --gres=gpu:1"]
