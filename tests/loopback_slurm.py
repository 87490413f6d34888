"""A Slurm of two nodes on this machine, which listens on loopback alone and belongs to an ordinary user.

Of everything that it writes only its folder stays. What it needs is slurmctld, slurmd and their client.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

_Answer = TypeVar("_Answer")
NEEDED = ("slurmctld", "slurmd", "sbatch", "scontrol", "scancel", "sinfo", "squeue")
# Some are where only root's PATH looks.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
# What a node may say of itself that it will not get over.
_BROKEN = ("inval", "down", "drain", "fail")
_COMMAND_SECONDS, _READY_SECONDS = 30, 60

CONFIGURATION = """\
ClusterName=loop
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/%n
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
ReturnToService=1
KillWait=5
MinJobAge=300
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[1]} CPUs=8
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8
PartitionName=p Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """The first program that is not installed; "" for none."""
    return next((name for name in NEEDED if shutil.which(name, path=PATH) is None), "")


class Slurm:
    """A running one. environment: what its commands, and those who call them, are given."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def __call__(self, *words: str, cwd: Path | None = None, stdin: str = "", check: bool = True) -> str:
        """What a command says, `slurm("squeue", "-h")`."""
        done = subprocess.run(
            words,
            input=stdin,
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            check=False,
            text=True,
            timeout=_COMMAND_SECONDS,
        )
        assert done.returncode == 0 or not check, (words, done.stdout, done.stderr)
        return done.stdout

    def submit(self, script: str, *options: str, cwd: Path) -> str:
        """Submit a batch script; the number of its job."""
        return self("sbatch", "--parsable", *options, stdin=script, cwd=cwd).strip()

    def states(self, job: str) -> dict[str, str]:
        """The state of each task of a job that the controller knows of."""
        told = self("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%K %T", check=False)
        return dict(line.split() for line in told.splitlines())

    def wait(self, job: str, *, seconds: float = 300) -> dict[str, str]:
        """Wait until no task of a job waits or runs; their last states."""
        going = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED"}
        return until(
            lambda: None if set((found := self.states(job)).values()) & going else found,
            seconds,
            lambda: self("squeue", "-r", "-t", "all", "-j", job, "-o", "%K %T %r %S %N", check=False) + self("sinfo"),
        )


def until(asked: Callable[[], _Answer | None], seconds: float, told: Callable[[], str] = str) -> _Answer:
    """The first answer that is not None, within so many seconds. told: what to say where there is none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = asked()
        if answer is not None:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {told()}")


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Slurm]:
    """A Slurm in a folder, from when both nodes are idle; gone when the block ends."""
    for name in ("state", "spool/n1", "spool/n2", "log"):
        (folder / name).mkdir(parents=True)
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, user=getpass.getuser(), ports=_free_ports(3)))
    environment = {"PATH": PATH, "SLURM_CONF": str(configuration), "HOME": str(Path.home()), "LANG": "C.UTF-8"}
    slurm = Slurm(folder, environment)
    with (folder / "log" / "stderr").open("wb") as stderr:
        how = {"env": environment, "stdin": subprocess.DEVNULL, "stdout": stderr, "stderr": stderr}
        commands = (("slurmctld", "-D", "-c"), ("slurmd", "-D", "-N", "n1"), ("slurmd", "-D", "-N", "n2"))
        daemons = [subprocess.Popen(words, start_new_session=True, **how) for words in commands]
    try:
        until(lambda: _are_idle(slurm, daemons), _READY_SECONDS)
        yield slurm
    finally:
        slurm("scancel", "-u", getpass.getuser(), check=False)
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()


def _are_idle(slurm: Slurm, daemons: list[subprocess.Popen[bytes]]) -> bool | None:
    """Whether both nodes are; None for not yet."""
    assert all(daemon.poll() is None for daemon in daemons), _logs(slurm.folder)
    states = [line.split()[1] for line in slurm("sinfo", "-h", "-N", "-o", "%N %T", check=False).splitlines()]
    assert not [state for state in states if state.startswith(_BROKEN)], (states, _logs(slurm.folder))
    return True if states == ["idle", "idle"] else None


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted((folder / "log").iterdir()))


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
