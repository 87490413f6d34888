"""Which task of which job on which host this process is, as its scheduler says in the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

# By scheduler what names the job and the task: Slurm's arrays, Slurm, LSF, Grid Engine, PBS Pro, Kubernetes' indexed
# jobs, GitHub, GitLab. Without the first of its names it is not that one.
_NAMES = (
    ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"),
    ("SLURM_JOB_ID", ""),
    ("LSB_JOBID", "LSB_JOBINDEX"),
    ("SGE_TASK_ID", "SGE_TASK_ID"),
    ("PBS_JOBID", "PBS_ARRAY_INDEX"),
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETION_INDEX"),
    ("GITHUB_RUN_ID", ""),
    ("CI_PIPELINE_ID", "CI_NODE_INDEX"),
)
# Where the job has another name than what tells the scheduler.
_JOBS = {"SGE_TASK_ID": "JOB_ID", "JOB_COMPLETION_INDEX": "HOSTNAME"}


class Task(NamedTuple):
    """Where a share runs. host: as the scheduler calls it; job, task: its ids, None where there are none."""

    host: str
    job: str | None = None
    task: str | None = None


def task_of(environ: Mapping[str, str], hostname: str) -> Task:
    """The task of an environment."""
    # why: two nodes of Slurm may be one machine, of one name.
    host = environ.get("SLURMD_NODENAME") or hostname
    for told_by, task in _NAMES:
        if environ.get(told_by):
            job = environ.get(_JOBS.get(told_by, told_by))
            return Task(host, job or None, environ.get(task) or None)
    return Task(host)


def cpus_given(environ: Mapping[str, str]) -> int | None:
    """How many CPUs Slurm gives the task; None where it does not say. Nothing but the environment may tell of it."""
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        given = environ.get(name, "")
        if given.isdecimal() and int(given):
            return int(given)
    return None
