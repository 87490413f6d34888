"""Real processes in surroundings that are hostile or broken: what is run, what is said, and the exit code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from worlds import TIMED

Environment = Callable[..., dict[str, str]]

ROOT = Path(__file__).parent.parent
HANG = 120
# What the installed command is: a file in a folder of its own, which is first on the path.
SCRIPT = "from rnninspect.__main__ import main\n\nif __name__ == '__main__':\n    main()\n"
# With peaks that are given, none is measured.
BENCH = ("bench", "m.yaml", "--phase", "forward", "--budget", "50ms", "--peak-tflops", "1", "--bandwidth", "10")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder to stand in; beside it is the command."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "rnninspect").write_text(SCRIPT)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "m.yaml").write_text(TIMED)
    return folder


def ended(*command: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return ran(sys.executable, *command, cwd=cwd, env=env)


def ran(*command: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=env,
        timeout=HANG,
    )


def test_no_plugin_of_an_installed_library_is_run(folder: Path, environment: Environment, tmp_path: Path) -> None:
    about = tmp_path / "installed" / "plugin-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[pydantic]\nplugin = plugin:plugin\n")
    (about.parent / "plugin.py").write_text("import sys\n\nsys.exit('a plugin was run')\n")
    env = {**environment(), "PYTHONPATH": str(about.parent)}
    direct = ended("-c", "import pydantic; pydantic.create_model('M', a=(int, 1))", cwd=folder, env=env)
    assert direct.stderr == "a plugin was run\n"
    done = ended("../bin/rnninspect", "params", "m.yaml", "--plan", cwd=folder, env=env)
    assert (done.returncode, done.stderr) == (0, "")


# --- files of the current folder ---------------------------------------------------------------------------

OTHERS = {"torch", "numpy", "yaml", "pydantic", "typer", "rich", "matplotlib", "sympy", "typing_extensions"}
# What `python -m` itself looks for in the current folder, before any line of ours is run.
BY_PYTHON = "import runpy, sys; print(*sys.modules)"


def lay_traps(folder: Path, names: set[str]) -> None:
    for name in names:
        (folder / f"{name}.py").write_text("open(__name__ + '.was-run', 'w').close()\n")


def sprung(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.was-run"))


@pytest.mark.torch
@pytest.mark.slow
def test_no_file_of_the_current_folder_is_run(folder: Path, environment: Environment) -> None:
    lay_traps(folder, {*sys.stdlib_module_names, *OTHERS, "rnninspect", "sitecustomize", "usercustomize", "m"})
    done = ended("../bin/rnninspect", *BENCH, cwd=folder, env=environment())
    assert (done.returncode, sprung(folder)) == (0, []), done.stderr
    # One process for the others, begun as the command is: what one of them would run stays to be seen.
    (folder.parent / "bin" / "every.py").write_text(EVERY)
    done = ended("../bin/every.py", "shapes", "check", "explain", cwd=folder, env=environment())
    assert [line for line in done.stderr.splitlines() if not line.startswith("note: ")] == [
        *("shapes: 0", "check: 0", "explain: 0")
    ]
    assert sprung(folder) == []


@pytest.mark.more
def test_python_m_runs_none_but_what_python_itself_does(folder: Path, environment: Environment) -> None:
    by_python = ended("-c", BY_PYTHON, cwd=folder, env=environment()).stdout.split()
    lay_traps(folder, OTHERS | ({"random", "json", "socket", "selectors", "struct", "csv"} - set(by_python)))
    for command in (BENCH, ("check", "m.yaml")):
        done = ended("-m", "rnninspect", *command, cwd=folder, env=environment())
        assert (done.returncode, sprung(folder)) == (0, []), done.stderr


@pytest.mark.parametrize("options", [("-E",), ("-E", "-P"), ("-I",)])
def test_no_file_of_the_current_folder_is_run_where_the_environment_is_not_heard(
    folder: Path, environment: Environment, options: tuple[str, ...]
) -> None:
    source = (
        f"import sys\nsys.path[:0] = {[str(ROOT), str(ROOT / 'tests' / 'bench')]}\n"
        "from faults import misbehave\n"
        "from rnninspect.bench.supervise import run_jobs\n"
        "if __name__ == '__main__':\n"
        "    import os\n"
        "    jobs = run_jobs(misbehave, ['return', 'kill', 'cwd'], limit=lambda job: 60, progress=lambda *told: None)\n"
        "    print(*(str(result).split(' in ')[0] for result in jobs), os.getcwd(), sep='\\n')\n"
    )
    (folder.parent / "run.py").write_text(source)
    lay_traps(folder, {*sys.stdlib_module_names})
    done = ended(*options, "../run.py", cwd=folder, env=environment())
    assert (done.stderr, sprung(folder)) == ("", [])
    first, _, *where = done.stdout.splitlines()
    assert (first, where) == ("return", [str(folder)] * 2)


def test_a_trap_would_be_seen(folder: Path, environment: Environment) -> None:
    lay_traps(folder, {"signal"})
    ended("-c", "import signal", cwd=folder, env=environment())
    assert sprung(folder) == ["signal.was-run"]


@pytest.mark.torch
def test_python_m_in_a_checkout_finds_its_package_in_the_child_too(folder: Path, environment: Environment) -> None:
    shutil.copytree(ROOT / "rnninspect", folder / "rnninspect")
    where = "def work(job, progress):\n    raise RuntimeError(f'this is {__file__}')\n"
    (folder / "rnninspect" / "bench" / "entry.py").write_text(where)
    done = ended("-m", "rnninspect", *BENCH, cwd=folder, env=environment({"PYTHONPATH": ""}))
    assert done.returncode == 3
    assert f"this is {folder / 'rnninspect' / 'bench' / 'entry.py'}" in done.stderr


@pytest.mark.parametrize("given", ["", "1", None])
def test_what_the_user_set_is_left_as_it_was(given: str | None, environment: Environment, folder: Path) -> None:
    source = (
        "import os\n"
        "from faults import misbehave\n"
        "from rnninspect.bench.supervise import run_jobs\n"
        "if __name__ == '__main__':\n"
        "    list(run_jobs(misbehave, ['return'], limit=lambda job: 60, progress=lambda number, share: None))\n"
        "    print(repr(os.environ.get('PYTHONSAFEPATH')))\n"
    )
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "bench")))
    env = environment({"PYTHONPATH": paths, **({} if given is None else {"PYTHONSAFEPATH": given})})
    assert ended("-c", source, cwd=folder, env=env).stdout == f"{given!r}\n"


# --- torch that is not there, or broken --------------------------------------------------------------------

ALL = (
    "shapes",
    "weights",
    "params",
    "inspect",
    "verify",
    "trace",
    "gradflow",
    "check --build",
    "bench --output r.jsonl",
)
# Commands in one process, and how each ended.
EVERY = """
import sys
from rnninspect.cli import app
if __name__ == "__main__":
    for command in sys.argv[1:]:
        try:
            app([*command.split(), "m.yaml"])
        except SystemExit as ended:
            print(f"{command}: {ended.code}", file=sys.stderr, flush=True)
"""
LOADER = "libcudart.so.12: cannot open shared object file: No such file or directory"
AGAIN = "(install it again; --plan, explain, diff and check need none)"
MORE = AGAIN.replace("install it again", "raise ulimit -v, or end other programs")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (f"ImportError({LOADER!r})", f"cannot be loaded here: ImportError: {LOADER} {AGAIN}"),
        ("ImportError('x.so: undefined symbol: y\\nsecond line')", "ImportError: x.so: undefined symbol: y (install"),
        (f"OSError({LOADER!r})", f"cannot be loaded here: OSError: {LOADER} {AGAIN}"),
        ("SystemError('error return without exception set')", "here: SystemError: error return without exception set"),
        ("MemoryError()", f"cannot be loaded here: MemoryError {MORE}"),
        ("RuntimeError('\\x1b[31m')", r"here: RuntimeError: \x1b[31m (install it again"),
        ("ModuleNotFoundError('No module named sympy', name='sympy')", "ModuleNotFoundError: No module named sympy ("),
        ("ModuleNotFoundError(name='torch')", "is not installed here (pip install 'rnninspect[torch]';"),
        (None, "cannot be loaded here: ModuleNotFoundError: No module named 'torch.nn'"),
    ],
    ids=lambda value: value and value.split("(")[0],
)
def test_without_a_torch_that_loads_every_command_says_so_in_one_line_and_ends_with_3(
    folder: Path, environment: Environment, raised: str | None, said: str
) -> None:
    # All of them once; what a child process says of it where it has a line of its own, or what no terminal should get.
    commands = ("shapes", ALL[-1])
    if said.startswith("cannot be loaded here: ImportError"):
        commands = ALL
    elif not (raised or "").startswith("RuntimeError"):
        commands = ("shapes",)
    (folder / "torch").mkdir()
    (folder / "torch" / "__init__.py").write_text(f"raise {raised}\n" if raised else "")
    (folder.parent / "every.py").write_text(EVERY)
    env = environment({"PYTHONPATH": os.pathsep.join(map(str, (folder, ROOT)))})
    done = ended("../every.py", *commands, cwd=folder, env=env)
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert lines[1::2] == [f"{command}: 3" for command in commands], done.stderr
    assert [line for line in lines[::2] if not line.startswith("error: torch ") or said not in line] == []
    assert lines[-2].endswith(": 0 of 1 were measured") == (commands[-1] == ALL[-1])
    # Nothing is left in the way of a run once torch is there.
    assert not (folder / "r.jsonl").exists()


def test_what_is_done_is_printed_when_torch_is_lost_midway(folder: Path, environment: Environment) -> None:
    work = (
        "import fake_work\n"
        "from rnninspect.errors import NoTorch\n"
        "def work(job, progress):\n"
        "    if job.runs[0].settings['encoder.hidden_size'] == 5:\n"
        "        raise NoTorch('torch cannot be loaded here: made up')\n"
        "    return fake_work.work(job, progress)\n"
    )
    (folder / "losing.py").write_text(work)
    source = (
        "import losing, sys\n"
        "from rnninspect.bench import entry\n"
        "from rnninspect.runtime import here\n"
        "entry.work = losing.work\n"
        "here.torch_is_installed = lambda: True\n"
        "from rnninspect.cli import main\n"
        "main()\n"
    )
    paths = os.pathsep.join(map(str, (folder, ROOT, ROOT / "tests" / "bench")))
    swept = ("--sweep", "encoder.hidden_size=4,5,6", "--output", "r.jsonl")
    done = ended("-c", source, *BENCH, *swept, cwd=folder, env=environment({"PYTHONPATH": paths}))
    said = "error: torch cannot be loaded here: made up: 1 of 3 were measured, and are printed; --resume goes on\n"
    assert (done.returncode, done.stderr) == (3, said)
    assert "encoder.hidden_size=4" in done.stdout
    assert (folder / "r.jsonl").read_text().count("\n") == 2


def test_an_import_of_our_own_that_fails_is_a_fault_of_ours(folder: Path, environment: Environment) -> None:
    source = EVERY.replace("import sys\n", "import sys\nsys.modules['rnninspect.plan'] = None\n", 1)
    (folder.parent / "every.py").write_text(source)
    done = ended("../every.py", "shapes", "check --build", cwd=folder, env=environment())
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert [line.split()[-1] for line in lines[1::2]] == ["70", "70"]


@pytest.mark.torch
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process takes other amounts of addresses")
# why so much, or so little: torch's libraries are refused between these, or end the process.
@pytest.mark.parametrize(
    ("kilobytes", "said"),
    [
        *((amount, "memory ran out") for amount in (26_000, 38_000)),
        *((amount, "torch cannot be loaded here: it takes more than 754,974,720") for amount in (300_000, 650_000)),
    ],
)
@pytest.mark.parametrize("command", [("shapes", "m.yaml"), BENCH])
def test_too_little_address_space(
    folder: Path, environment: Environment, kilobytes: int, said: str, command: tuple[str, ...]
) -> None:
    script = f'ulimit -v {kilobytes} && exec "$@"'
    done = ran(
        "bash", "-c", script, "bash", sys.executable, "-m", "rnninspect", *command, cwd=folder, env=environment()
    )
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert re.fullmatch(rf"error: {said}[^\n]*ulimit -v[^\n]*\n", done.stderr)


# --- a current folder that is gone -------------------------------------------------------------------------


@pytest.mark.torch
def test_in_a_folder_that_is_gone(tmp_path: Path, environment: Environment) -> None:
    (tmp_path / "m.yaml").write_text(TIMED)
    (tmp_path / "every.py").write_text(EVERY.replace('"m.yaml"', "sys.argv[0].replace('every.py', 'm.yaml')"))
    commands = ("shapes", "verify", "trace --plot p.svg", "bench", "check", "check --lock /l --update")
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    words = (sys.executable, tmp_path / "every.py", *commands, "params --plan")
    done = ran("bash", "-c", script, "bash", *words, cwd=tmp_path, env=environment())
    said = "error: the current folder is gone (cd to one that is there)"
    expected = [line for command in commands for line in (said, f"{command}: 3")]
    assert done.stderr.splitlines() == [*expected, "params --plan: 0"]
    assert "416" in done.stdout
