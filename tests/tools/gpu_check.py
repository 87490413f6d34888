"""What only a GPU can show, in one command that installs nothing: `python3 tests/tools/gpu_check.py FOLDER`.

It runs with the torch of the Python that runs it, and goes on past whatever fails. Every step has a limit, all of them
together eight minutes. FOLDER, which must be empty or not there, gets eight files at the most: what every step
printed, and the results of `bench`. A table at the end says how each step ended; the exit code is 0 where all of them
ended well, 1 where one did not, 2 for a folder or a wheel that cannot be used, 3 where there is no such device.

Packages that the Python lacks may lie as wheels in a folder of their own (--wheels). `--device cpu` tries all of it on
a machine without a GPU, on smaller layers.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
NO_DEVICE = 3
# Files that have tests for CUDA alone besides.
CUDA_TESTS = ("tests/bench/test_graphs.py",)
# How far ours may be from torch.utils.benchmark's. why none on a CPU: what else runs there moves both, and not alike.
MOST_OFF = {"cuda": 0.05}
ROUNDS = 7
# As DeepBench's training list has them: type, hidden size, batch, steps.
SHAPES = (("RNN", 1760, 16, 50), ("LSTM", 512, 16, 25), ("LSTM", 1536, 8, 50), ("GRU", 1536, 32, 375))
# Documents that take more than seconds, or have no model of their own to show.
LONG = ("8192", "zaremba", "language", "deepbench")
# The largest batch of a layer that fills a GPU soon. On a CPU, which is not to be filled, one try.
LARGEST = (
    *("bench", "configs/lstm.yaml", "--device", "cuda", "--fit-batch", "--set", "input.seq_len=200"),
    *("--set", "encoder.hidden_size=1024", "--set", "encoder.num_layers=4"),
)
A_TRY = ("tests/bench/test_largest.py", "-k", "a_try_is_refused")
# A step that is at its limit is interrupted, and has so many seconds to print what it has.
GRACE = 5.0
# Columns of a line that are shown while it runs; the file has all of them.
SHOWN = 230


class Step(NamedTuple):
    """One command. limit: seconds. shown: lines of the end of its output. variables: of its environment."""

    name: str
    command: tuple[str, ...]
    limit: float
    shown: int = 12
    variables: tuple[tuple[str, str], ...] = ()


class Ended(NamedTuple):
    """How a step ended. code: its exit code, None where it was ended at its limit."""

    name: str
    code: int | None
    seconds: float


def steps(folder: Path, device: str, budget: str, scratch: Path) -> list[Step]:
    """Every step in order; scratch: a folder for what is of use while they run alone."""
    tool = (sys.executable, "-m", "rnninspect")
    here = (sys.executable, str(Path(__file__).resolve()), "--device", device, "--here")
    bench = (*tool, "bench", "--device", device, "--budget", budget)
    names = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "configs").glob("*.yaml"))
    documents = [name for name in names if not any(word in name for word in LONG)]
    timed = documents if device != "cpu" else ["configs/gru.yaml", "configs/rnn.yaml"]
    verify = (*tool, "verify", *documents, "--device", device, "--format", "csv")
    pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    half = ",float16" * (device != "cpu")  # which oneDNN does not train in
    one = ("configs/lstm.yaml", "--set", f"encoder.hidden_size={512 if device != 'cpu' else 16}")

    def results(name: str) -> tuple[str, str]:
        return ("--output", str(folder / f"{name}.jsonl"))

    return [
        Step("versions", (*here, "versions"), 38, 30),
        Step("tests", (*pytest, "tests/test_verify.py", "tests/test_real.py", *CUDA_TESTS, "-k", "on_cuda"), 70),
        *(
            Step(f"verify-{dtype}", (*verify, "--dtype", dtype), 11, 2)
            for dtype in ("float32", "float16", "bfloat16", "float64")
        ),
        Step("verify-without-tf32", verify, 11, 2, variables=(("NVIDIA_TF32_OVERRIDE", "0"),)),
        Step("beside-torch", (*here, "beside"), 30),
        Step("bench", (*bench, *timed, *results("configs")), 46),
        *(
            Step(
                f"deepbench-{kind}",
                (*bench, _list(kind, device, scratch), "--phase", "forward", "--phase", "step", *results(kind)),
                28,
                30,
            )
            for kind in ("rnn", "lstm", "gru")
        ),
        Step("dtypes", (*bench, *one, "--vary", "dtype=float32,float16,bfloat16", *results("dtype")), 20, 40),
        *(Step(name, (*bench, *one, "--fp32-precision", name, *results(name)), 15, 20) for name in ("ieee", "tf32")),
        # A small model, which is launch-bound: host and device time, energy, share of the data sheet. The CPU refuses
        # graphs.
        Step("graphs", (*bench, "configs/lstm.yaml", *backends(device), "--all"), 18, 60),
        Step("autocast", (*bench, *one, "--vary", f"amp=none,bfloat16{half}", "--nvtx"), 15, 40),
        Step("fit-batch", (*tool, *LARGEST) if device != "cpu" else (*pytest, *A_TRY), 30, 20),
        Step("every-device", (*tool, *every_device(device, budget)), 34, 20),
        # why so much allowed: which of the two is faster is no fault of anybody's.
        Step("compare", (*tool, "compare", results("ieee")[1], results("tf32")[1], "--fail-above", "1000%"), 10, 20),
    ]


def backends(device: str) -> tuple[str, str]:
    """The backends that are held against each other."""
    return ("--vary", f"backend=eager{',graph' * (device != 'cpu')}")


def every_device(device: str, budget: str) -> tuple[str, ...]:
    """A sweep over all the GPUs there are, also where that is one; on the CPU two workers."""
    several = "cuda:all" if device != "cpu" else "cpu,cpu"
    sweep = ("--sweep", "encoder.hidden_size=64,128,192,256", "--phase", "step")
    return ("bench", "configs/lstm.yaml", "--device", several, "--budget", budget, *sweep, "--format", "csv")


def _list(kind: str, device: str, scratch: Path) -> str:
    """DeepBench's list of a kind; on the CPU its first two, and those much smaller."""
    name = f"configs/deepbench-{kind}.yaml"
    if device != "cpu":
        return name
    head, cases = (ROOT / name).read_text().split("cases:\n")
    few = "\n".join(cases.splitlines()[:2])
    few = re.sub(r"(hidden_size|input_size): (\d+)", lambda found: f"{found[1]}: {int(found[2]) // 32}", few)
    few = re.sub(r"(batch_size|seq_len): (\d+)", lambda found: f"{found[1]}: {int(found[2]) // 8}", few)
    (scratch / f"deepbench-{kind}.yaml").write_text(f"{head}cases:\n{few}\n")
    return str(scratch / f"deepbench-{kind}.yaml")


def run(step: Step, log: Path, environment: dict[str, str]) -> Ended:
    """Run one step to its end or its limit, and show the end of what it printed; the log has all of it."""
    title = f"## {time.strftime('%H:%M:%S')} {step.name}"
    variables = "".join(f"{name}={value} " for name, value in step.variables)
    print(title, flush=True)
    with log.open("ab") as file:
        file.write(f"{title}: {variables}{' '.join(step.command)}\n".encode())
        file.flush()
        begin = file.tell()
        start = time.monotonic()
        code = _wait(step, file.fileno(), environment | dict(step.variables))
        ended = Ended(step.name, code, time.monotonic() - start)
        file.flush()
    with log.open("rb") as file:
        file.seek(begin)
        printed = file.read().decode(errors="replace").splitlines()
    for line in printed[-step.shown :]:
        print(line[:SHOWN])
    said = f"## {step.name}: {_how(ended)}, {ended.seconds:.1f} s\n"
    print(said, flush=True)
    with log.open("a") as text:
        text.write(said)
    return ended


def _wait(step: Step, output: int, environment: dict[str, str]) -> int | None:
    """The exit code of a step; None where it had to be ended, it and whatever it started."""
    try:
        process = subprocess.Popen(
            step.command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        os.write(output, f"{error}\n".encode())
        return 127
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(step.limit)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        return None
    finally:
        # why the group: a step has children, and one that was interrupted may leave them.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _how(ended: Ended) -> str:
    return "ended at its limit" if ended.code is None else f"rc {ended.code}"


def table(found: Sequence[Ended], names: Sequence[str]) -> str:
    """How every step ended, and which were not run."""
    by_name = {ended.name: ended for ended in found}
    lines = [f"{'step':<20}  {'rc':>5}  {'seconds':>7}"]
    for name in names:
        ended = by_name.get(name)
        if ended is None:
            lines.append(f"{name:<20}  {'-':>5}  {'not run':>7}")
        else:
            lines.append(f"{name:<20}  {'limit' if ended.code is None else ended.code:>5}  {ended.seconds:>7.1f}")
    good = sum(ended.code == 0 for ended in found)
    lines.append(f"{good} of {len(names)} ended well, in {sum(ended.seconds for ended in found):.0f} s")
    return "\n".join(lines) + "\n"


def check(chosen: Sequence[Step], folder: Path, environment: dict[str, str]) -> int:
    """Run the steps one after the other, whatever becomes of each; the exit code of all."""
    log = folder / "log.txt"
    found: list[Ended] = []
    try:
        for step in chosen:
            found.append(run(step, log, environment))
            if step.name == "versions" and found[-1].code == NO_DEVICE:
                return NO_DEVICE
        return int(any(ended.code != 0 for ended in found))
    finally:
        told = table(found, [step.name for step in chosen])
        print(told, end="", flush=True)
        with log.open("a") as text:
            text.write(told)


def unpack(wheels: Path, site: Path) -> None:
    """Unpack the wheels that fit this Python; a wheel is an archive, so that nothing has to be installed."""
    ours = {
        "py3",
        f"py{sys.version_info.major}{sys.version_info.minor}",
        f"cp{sys.version_info.major}{sys.version_info.minor}",
    }
    found = sorted(wheels.glob("*.whl"))
    if not found:
        raise OSError(f"--wheels {wheels}: there is no wheel")
    for wheel in found:
        python, abi, _ = wheel.stem.split("-")[-3:]
        if ours & set(python.split(".")) or abi == "abi3":
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(site)
        else:
            print(f"note: {wheel.name} is for another Python, and was left out")


def environment_of(site: Path, scratch: Path) -> dict[str, str]:
    """What every step runs in: the wheels, then the project, then what the caller's own path names."""
    path = [str(site), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "XDG_CACHE_HOME": str(scratch / "cache"),
    }


# --- steps that are run from this file ------------------------------------------------------------------------


def versions(device: str) -> int:
    """What there is: the machine, its driver, torch and its libraries. NO_DEVICE where the device is not there."""
    import platform

    print(f"Python {platform.python_version()} · {platform.platform()} · {os.cpu_count()} CPUs", flush=True)
    if device == "cuda" and shutil.which("nvidia-smi"):
        subprocess.run(["nvidia-smi"], check=False)
    import torch

    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}, ROCm {torch.version.hip}")
    if device == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device here: nothing was checked (--device cpu tries the steps without one)")
        return NO_DEVICE
    print(f"cuDNN {torch.backends.cudnn.version()}")
    if device == "cuda":
        print(torch.cuda.get_device_properties(0))
    return 0


def beside(device: str) -> int:
    """Our times of a forward pass beside torch.utils.benchmark's, in turns in one process; L2 warm, as in its loop."""
    import torch

    off = 0
    print(f"{'layer':<22}  {'ours, ms':>9}  {'torch, ms':>9}  {'ratio':>6}")
    for kind, hidden, batch, length in SHAPES:
        sizes = (hidden, batch, length) if device != "cpu" else (hidden // 16, 2, 5)
        ours, theirs = _in_turns(torch.device(device), kind, *sizes)
        wrong = abs(ours / theirs - 1) > MOST_OFF.get(device, float("inf"))
        off += wrong
        name = f"{kind} {sizes[0]}, N {sizes[1]}, L {sizes[2]}"
        print(f"{name:<22}  {1e3 * ours:9.4f}  {1e3 * theirs:9.4f}  {ours / theirs:6.3f}{'  OFF' * wrong}", flush=True)
    return int(off > 0)


def _in_turns(device, kind: str, hidden: int, batch: int, length: int) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """The median seconds of a call by `bench`'s own phase and clock, and by torch's timer."""
    import math

    import torch
    from torch import nn
    from torch.utils.benchmark import Timer

    from rnninspect.bench.clock import clock_for
    from rnninspect.bench.phases import Phase, subjects
    from rnninspect.document.load import load_spec
    from rnninspect.plan import plan
    from rnninspect.runtime.modules import ready

    sizes = (f"encoder.input_size={hidden}", f"encoder.hidden_size={hidden}")
    shape = (f"input.batch_size={batch}", f"input.seq_len={length}")
    spec = load_spec(str(ROOT / "configs" / f"deepbench-{kind.lower()}.yaml"), [*sizes, *shape])
    with ready(spec, plan(spec), device, 0) as model:
        (subject,) = subjects(spec, model, device, each_layer=False, input_grad=False)
        phase = Phase(subject, "forward", clock_for(device, warm_l2=True))
        more = {"nonlinearity": "relu"} if kind == "RNN" else {}
        module = getattr(nn, kind)(hidden, hidden, device=device, **more).eval()
        x, h = torch.randn(length, batch, hidden, device=device), torch.zeros(1, batch, hidden, device=device)
        given = (h, torch.zeros_like(h)) if kind == "LSTM" else h

        def call() -> None:
            with torch.inference_mode():
                module(x, given)

        timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
        timer.timeit(3)
        calls = math.ceil(phase.least_sample / min(phase.sample(1).seconds for _ in range(3)))
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(phase.sample(calls).seconds / calls)
            theirs.append(timer.timeit(calls).median)
    return statistics.median(ours), statistics.median(theirs)


# --- the command ------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; see the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where everything is written; empty, or not there")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--budget", default="400ms", help="of each case of bench (default: 400ms)")
    parser.add_argument("--wheels", type=Path, help="a folder with the packages that this Python lacks")
    parser.add_argument("--only", action="append", default=[], metavar="STEP", help="this step alone; again for more")
    parser.add_argument("--patience", type=float, default=1.0, help="how many times its limit each step may take")
    parser.add_argument("--here", choices=("versions", "beside"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.here:
        return {"versions": versions, "beside": beside}[asked.here](asked.device)
    if asked.folder is None:
        parser.error("a folder for the results is needed")
    # why: schedulers send it, and the table is to be printed then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with _scratch() as scratch:
        site = scratch / "site"
        site.mkdir()
        try:
            asked.folder.mkdir(parents=True, exist_ok=True)
            if any(asked.folder.iterdir()):
                raise OSError(f"{asked.folder}: it is not empty (name another folder)")
            if asked.wheels is not None:
                unpack(asked.wheels, site)
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            parser.error(str(error))
        every = steps(asked.folder.resolve(), asked.device, asked.budget, scratch)
        unknown = sorted(set(asked.only) - {step.name for step in every})
        if unknown:
            parser.error(f"--only {unknown[0]}: expected one of {', '.join(step.name for step in every)}")
        chosen = [
            step._replace(limit=step.limit * asked.patience)
            for step in every
            if not asked.only or step.name in asked.only
        ]
        try:
            return check(chosen, asked.folder, environment_of(site, scratch))
        except KeyboardInterrupt:
            return 128 + signal.SIGINT


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
