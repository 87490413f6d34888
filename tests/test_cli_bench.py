"""`rnninspect bench` as whole processes: formats, the journal, faults, interrupts, and what was asked wrongly.

Most of them run it with the made-up figures of `bench/fake_work.py`, which need no torch; those that time are few.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest
from ended import Run, refused
from worlds import TIMED

from rnninspect.bench import schedule

Environment = Callable[..., dict[str, str]]

HERE = Path(__file__).parent
HANG = 120
# The command line with other work: what a spawned child imports is named, so that it finds it.
FAKED = (
    "import sys\n"
    "import fake_work\n"
    "from rnninspect.bench import entry\n"
    "from rnninspect.runtime import here\n"
    "entry.work = fake_work.work\n"
    "here.torch_is_installed = lambda: True\n"
    "from rnninspect.cli import main\n"
    "sys.argv[0] = 'rnninspect'\n"
    "main()\n"
)
PATHS = os.pathsep.join(map(str, (HERE.parent, HERE / "bench")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(TIMED)
    return tmp_path


@pytest.fixture
def faked(folder: Path, environment: Environment) -> Run:
    """`faked("--quick")`: bench of m.yaml in its folder, with figures that nobody measured."""

    def start(
        *options: str, env: Mapping[str, str] | None = None, source: str = FAKED, to: int | IO[str] = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", source, "bench", "m.yaml", *options],
            stdin=subprocess.DEVNULL,
            stdout=to,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=folder,
            env=environment({"PYTHONPATH": PATHS, **(env or {})}),
            timeout=HANG,
        )

    return start


@pytest.fixture
def untimed(here: Run, timing_nothing: None, folder: Path) -> Run:
    """`untimed("--quick")`: the same in this process, of what asks for no process of its own."""
    return lambda *options: here("bench", "m.yaml", *options, cwd=folder)


@contextlib.contextmanager
def started(
    folder: Path, env: Mapping[str, str], *options: str, by: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """The same, still running, as the leader of a group of processes, as a shell starts it."""
    process = subprocess.Popen(
        [*by, sys.executable, "-c", FAKED, "bench", "m.yaml", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**env, "PYTHONPATH": PATHS},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def group_is_gone(leader: int) -> bool:
    """Whether nothing of a process's group runs any more, within a minute; what nobody waited for does not run."""
    for _ in range(600):
        running = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
                running += [stat.parent.name] * (int(group) == leader and state not in "ZX")
        if not running:
            return True
        time.sleep(0.1)
    return False


def lines(journal: Path) -> list[dict[str, object]]:
    """Every line of a journal but its first; each is whole."""
    text = journal.read_text()
    assert text.endswith("\n")
    head, *rest = (json.loads(line) for line in text.splitlines())
    assert "schema_version" in head
    return rest


def sizes(journal: Path) -> list[int]:
    return [line["settings"]["encoder.hidden_size"] for line in lines(journal)]  # type: ignore[index]


def wait_for(journal: Path, count: int, process: subprocess.Popen[str]) -> None:
    """Until a journal has so many lines."""
    for _ in range(6000):
        if journal.exists() and journal.read_bytes().count(b"\n") >= count:
            return
        if process.poll() is not None:
            raise AssertionError(process.communicate())
        time.sleep(0.01)
    raise AssertionError(f"no {count} lines in {journal}")


# --- for real ----------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.slow
def test_a_real_run_and_its_journal(run: Run, folder: Path) -> None:
    options = ("--sweep", "encoder.hidden_size=4,8", "--phase", "forward", "--phase", "step", "--budget", "50ms")
    done = run("bench", "m.yaml", *options, "--output", "r.jsonl", "--format", "json", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    found = document["processes"]
    assert [(r["settings"], r["phase"]) for r in found] == [
        ({"encoder.hidden_size": size}, phase) for size in (4, 8) for phase in ("forward", "step")
    ]
    assert document["not_measured"] == []
    assert sizes(folder / "r.jsonl") == [4, 8]
    assert all(r["bound_seconds"] > 0 and r["median_seconds"] >= r["best_seconds"] > 0 for r in found)
    again = run("compare", "r.jsonl", "r.jsonl", "--format", "json", cwd=folder)
    verdicts = {item["verdict"] for item in json.loads(again.stdout)["compared"]}
    assert again.returncode == int("SLOWER" in verdicts) == 0
    # Nothing is left to do, so torch is not even started.
    more = run("bench", "m.yaml", *options, "--output", "r.jsonl", "--resume", "--format", "json", cwd=folder)
    assert (more.returncode, json.loads(more.stdout)["processes"]) == (0, found)


# --- formats -----------------------------------------------------------------------------------------------


def test_the_details_say_what_is_timed_and_how_sure_it_is(untimed: Run) -> None:
    done = untimed("--all")
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "forward: eval mode and inference_mode",
        "backward: of a fresh graph",
        "the 95 % interval within this run",
        "drifting (second half 12 % slower)",
        "warning: made up; try: the real one",
        "bound: a model from peaks measured here",
        "a made-up CPU",
        "The loop's own share",
        "Where steady, the CPU ran at 96 % of its best speed",
        "Freed memory stays with the process",
    ):
        assert said in done.stdout
    assert done.stdout.count("made up; try") == 1


def test_only_the_phases_asked_for_are_explained(untimed: Run) -> None:
    done = untimed("--phase", "forward", "--all")
    assert "forward: eval mode" in done.stdout
    assert "fresh graph" not in done.stdout


def test_csv_is_one_table_and_names_the_others(
    untimed: Run, here: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = "layers: [{type: Linear, name: chain, in_features: 3, out_features: 3},"
    (folder / "m.yaml").write_text(TIMED.replace("layers: [", layers))
    asked = ("--sweep", "encoder.hidden_size=4,5", "--vary", "dtype=float32,float64", "--layers", "--phase", "forward")
    done = untimed(*asked, "--output", "r.jsonl", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert len(rows) == 2 * 2 * 3
    assert {len(row) for row in rows} == {len(header)}
    told = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["subject"] for row in told[:3]] == ["whole model", "chain", "encoder"]
    assert [(row["encoder.hidden_size"], row["dtype"]) for row in told[::3]] == [
        (size, dtype) for size in "45" for dtype in ("float32", "float64")
    ]
    # From here on nothing is timed any more, so that this process can do it.
    monkeypatch.chdir(folder)
    again = ("bench", "m.yaml", *asked, "--output", "r.jsonl", "--resume")
    document = json.loads(here(*again, "--format", "json").stdout)
    assert [row["subject"] for row in document["results"][:3]] == [None, "chain", "encoder"]
    assert [float(row["over_bound"]) for row in told] == [row["over_bound"] for row in document["results"]]
    pairs = list(csv.DictReader(io.StringIO(here(*again, "--format", "csv", "--table", "ratios").stdout)))
    assert [float(row["ratio"]) for row in pairs] == [pair["ratio"] for pair in document["ratios"]] == [1.0] * 6
    shown = here(*again, "--table", "ratios")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("small · ratios\n")
    assert shown.stdout.count(" · ") == 5  # the title, and the caption
    nothing = here(*again, "--table", "not-measured", "--format", "csv")
    assert nothing.stdout == "model,file,point,variant,process,status,reason\n"
    assert nothing.stderr.startswith("note: the table not-measured is empty")
    unknown = here(*again, "--table", "variants")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    for name in ("variants", "results", "times", "meaning", "kernels", "ratios", "not-measured"):
        assert name in unknown.stderr


def test_a_picture_of_a_sweep(untimed: Run, folder: Path) -> None:
    pytest.importorskip("matplotlib")
    done = untimed("--sweep", "encoder.hidden_size=8,16,32", "--phase", "step", "--plot", "p.svg")
    assert (done.returncode, done.stderr) == (0, "note: wrote p.svg\n")
    drawn = (folder / "p.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "stroke-dasharray" in drawn


def test_documents_of_one_name_are_told_apart_by_their_files(untimed: Run, folder: Path) -> None:
    (folder / "other.yaml").write_text(TIMED)
    alone = untimed("--phase", "forward").stdout
    assert "m.yaml" not in alone
    both = untimed("other.yaml", "--phase", "forward").stdout
    assert re.search(r"^model +file +time", both, re.MULTILINE)
    assert re.search(r"^small +m\.yaml +800.0 ", both, re.MULTILINE)
    assert re.search(r"other\.yaml +800.0 ", both)


def test_a_warning_names_the_document_it_is_about(faked: Run, untimed: Run, folder: Path) -> None:
    (folder / "other.yaml").write_text(TIMED.replace("name: small", "name: other"))
    shown = faked(
        *("other.yaml", "--phase", "forward", "--sweep", "encoder.hidden_size=4,901", "--time-limit", "9"), "--all"
    ).stdout
    assert "warning: made up; try" in shown  # of all that was measured
    (folder / "other.yaml").write_text(TIMED.replace("name: small", "name: other\ncases: [{encoder.hidden_size: 777}]"))
    shown = untimed("other.yaml", "--phase", "forward", "--all").stdout
    assert "warning: slow (other encoder.hidden_size=777); try: less" in shown


def test_a_case_is_called_by_its_name(faked: Run, untimed: Run, folder: Path) -> None:
    sound = "{name: tiny, encoder.hidden_size: 4}, {encoder.hidden_size: 6}"
    (folder / "m.yaml").write_text(f"{TIMED}cases: [{sound}, {{name: bad, encoder.hidden_size: 902}}]")
    done = faked("--phase", "forward")
    assert done.returncode == 3
    assert re.search(r"^tiny +400.0 ", done.stdout, re.MULTILINE)
    assert re.search(r"^encoder.hidden_size=6 +600.0 ", done.stdout, re.MULTILINE)
    assert re.search(r"encoder.hidden_size=902 +crashed +killed by SIGKILL", done.stdout)
    assert "error: small bad: encoder.hidden_size=902: crashed" in done.stderr
    (folder / "m.yaml").write_text(f"{TIMED}cases: [{sound}]")
    assert "tiny: encoder.hidden_size=4 " in untimed("--phase", "forward", "--table", "times").stdout
    told = json.loads(untimed("--phase", "forward", "--format", "json").stdout)
    assert [result["case"] for result in told["processes"]] == ["tiny", ""]


def test_cases_that_differ_in_several_settings_make_no_picture(untimed: Run, folder: Path) -> None:
    cases = (
        "cases: [{encoder.hidden_size: 8}, {encoder.hidden_size: 16}, {encoder.hidden_size: 16, input.batch_size: 4}]"
    )
    (folder / "m.yaml").write_text(TIMED + cases)
    assert "one number that is swept" in refused(untimed("--plot", "p.svg"))
    assert "time of the whole model" not in untimed("--phase", "forward").stdout


@pytest.mark.parametrize(("path", "why"), [("nowhere/p.svg", "there is no such folder"), ("d.svg", "this is a folder")])
def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_timed(
    untimed: Run, folder: Path, path: str, why: str
) -> None:
    pytest.importorskip("matplotlib")
    (folder / "d.svg").mkdir()
    line = refused(untimed("--sweep", "encoder.hidden_size=8,16", "--plot", path), 3)
    assert line == f"cannot write {path}: {why}"


def test_the_peaks_are_shown(untimed: Run) -> None:
    done = untimed("--phase", "forward", "--table", "meaning")
    assert "peaks of float32 on 1 thread: 150 GFLOP/s, 20 GB/s, 0.9 µs a step of LSTM forward." in done.stdout
    (result,) = json.loads(untimed("--phase", "forward", "--format", "json").stdout)["processes"]
    assert (result["passes"], result["probe_seconds"], result["best_probe_seconds"]) == ([*range(9)], [0.5] * 9, 0.48)
    assert result["peaks"] == {
        "flops_per_second": 1.5e11,
        "bytes_per_second": 2e10,
        "step_seconds": {"LSTM forward": 9e-7},
        "calibrated": True,
        "chip_bytes_per_second": None,
        "disturbed": "",
    }


def test_more_processes_can_be_asked_for_later(untimed: Run, folder: Path) -> None:
    options = ("--phase", "forward", "--output", "r.jsonl")
    assert untimed(*options).returncode == 0
    done = untimed(*options, "--resume", "--processes", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line["process"] for line in lines(folder / "r.jsonl")] == [0, 1, 2]


def test_a_journal_is_of_what_the_document_says_and_not_of_how_it_is_written(untimed: Run, folder: Path) -> None:
    options = ("--phase", "forward", "--output", "r.jsonl")
    assert untimed(*options).returncode == 0
    (folder / "m.yaml").write_text(f"# smaller than before\n\n{TIMED}budget: {{max_params: 1M}}\n")
    done = untimed(*options, "--resume")
    assert (done.returncode, done.stderr, len(lines(folder / "r.jsonl"))) == (0, "", 1)
    # Pinned: it may depend on no record, for a journal must outlive a field that one gains.
    head = json.loads((folder / "r.jsonl").read_text().partition("\n")[0])
    assert head["asked"]["documents and points"] == "42ce1bb6a21fa015"
    (folder / "m.yaml").write_text(TIMED.replace("hidden_size: 8", "hidden_size: 9"))
    done = untimed(*options, "--resume")
    assert "r.jsonl was begun otherwise: documents and points " in refused(done)


def test_one_table_after_an_interrupt_says_that_it_is_partial(
    untimed: Run, here: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--phase", "forward", "--output", "r.jsonl")
    assert untimed(*options).returncode == 0

    def run_jobs(*jobs: object, **how: object) -> Iterator[object]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(schedule, "run_jobs", run_jobs)
    monkeypatch.chdir(folder)
    for table in ("times", "meaning"):
        done = here("bench", "m.yaml", *options, "--resume", "--processes", "2", "--table", table)
        assert done.returncode == 130
        assert "partial: interrupted before everything was measured." in done.stdout
        assert done.stderr.endswith("interrupted: 1 of 2 were measured, and are printed; --resume goes on\n")
    done = here("bench", "m.yaml", *options, "--resume", "--processes", "2", "--format", "json")
    assert json.loads(done.stdout)["partial"] is True


# --- faults ------------------------------------------------------------------------------------------------


def test_points_that_are_timed_in_turns_do_not_fall_together(faked: Run, folder: Path) -> None:
    options = ("--sweep", "encoder.hidden_size=4,902,5", "--interleave", "--phase", "forward", "--output", "r.jsonl")
    done = faked(*options, "--format", "json")
    assert done.returncode == 3
    assert [result["settings"]["encoder.hidden_size"] for result in json.loads(done.stdout)["processes"]] == [4, 5]
    assert sizes(folder / "r.jsonl") == [4, 902, 5]
    assert done.stderr.splitlines() == [
        "note: interleaved: crashed: killed by SIGKILL; each of the 3 points is timed by itself now",
        "error: small encoder.hidden_size=902: crashed: killed by SIGKILL",
        "error: 1 of 3 could not be measured",
    ]


def test_a_fault_costs_its_point_alone(faked: Run, folder: Path) -> None:
    swept = "encoder.hidden_size=4,901,902,5,903,904,905,6"
    options = ("--sweep", swept, "--phase", "forward", "--output", "r.jsonl")
    done = faked(*options, "--time-limit", "1", "--format", "json")
    assert done.returncode == 3
    document = json.loads(done.stdout)
    assert [result["settings"]["encoder.hidden_size"] for result in document["processes"]] == [4, 5, 6]
    assert [(lost["status"], lost["reason"]) for lost in document["not_measured"]] == [
        ("failed", "RuntimeError: this went wrong"),
        ("crashed", "killed by SIGKILL"),
        ("crashed", "killed by SIGSEGV"),
        ("crashed", "ended with exit code 3"),
        ("timeout", "no end after 1 s"),
    ]
    assert sizes(folder / "r.jsonl") == [4, 901, 902, 5, 903, 904, 905, 6]
    *each, last = done.stderr.splitlines()
    assert last == "error: 5 of 8 could not be measured"
    assert len(each) == 5
    assert each[0] == "error: small encoder.hidden_size=901: failed: RuntimeError: this went wrong"
    # What failed is tried again, and what is done is not.
    again = faked(*options, "--resume", "--time-limit", "1", "--format", "json")
    assert again.returncode == 3
    assert sizes(folder / "r.jsonl")[:8] == [4, 901, 902, 5, 903, 904, 905, 6]


def test_strict_does_not_take_an_unsteady_figure(untimed: Run) -> None:
    assert untimed("--phase", "forward", "--strict").returncode == 0
    done = untimed("--phase", "backward", "--strict")
    said = "figures were not steady, or no surer than ± 5 %"
    assert (done.returncode, done.stderr) == (3, f"error: --strict: 1 of 1 {said}\n")
    assert "drifting" in done.stdout
    # The made-up intervals reach 1 % from the median.
    done = untimed("--phase", "forward", "--phase", "step", "--strict", "--precision", "0.5%")
    assert (done.returncode, done.stderr.strip()) == (3, f"error: --strict: 2 of 2 {said.replace('5', '0.5')}")


# --- interrupts ---------------------------------------------------------------------------------------------


# The exit code of each, and what it is called.
SIGNALS = {
    signal.SIGINT: (130, "interrupted"),
    signal.SIGTERM: (143, "ended by SIGTERM"),
    signal.SIGHUP: (129, "ended by SIGHUP"),
}


@pytest.mark.parametrize(
    ("number", "seed"),
    [
        *((signal.SIGINT, seed) for seed in range(2)),
        *(pytest.param(signal.SIGINT, seed, marks=pytest.mark.more) for seed in range(2, 6)),
        (signal.SIGTERM, 6),
        (signal.SIGHUP, 7),
    ],
)
def test_an_interrupt_at_any_moment_keeps_what_is_done(
    folder: Path, environment: Environment, number: signal.Signals, seed: int
) -> None:
    code, said = SIGNALS[number]
    journal = folder / "r.jsonl"
    options = ("--sweep", "encoder.hidden_size=range(1,500)", "--phase", "forward", "--output", "r.jsonl")
    with started(folder, environment({"FAKE_SECONDS": "0.02"}), *options) as process:
        wait_for(journal, 1, process)
        time.sleep(random.Random(seed).uniform(0, 0.8))
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=HANG)
        assert process.returncode == code, err
        assert "Traceback" not in err
        assert err.splitlines()[-1].startswith(said)
        assert "crashed" not in err
        # Without an outcome it does not stay.
        done = sizes(journal) if journal.exists() else []
        assert done == list(range(1, len(done) + 1))
        assert ("partial: interrupted before everything was measured" in out) == bool(done)
        assert group_is_gone(process.pid)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_is_answered_while_a_point_hangs(
    folder: Path, environment: Environment, number: signal.Signals
) -> None:
    code, said = SIGNALS[number]
    options = ("--sweep", "encoder.hidden_size=4,905", "--phase", "forward", "--output", "r.jsonl")
    with started(folder, environment(), *options) as process:
        wait_for(folder / "r.jsonl", 2, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=HANG)
        assert (process.returncode, err) == (code, f"{said}: 1 of 2 were measured, and are printed; --resume goes on\n")
        assert "encoder.hidden_size=4" in out
        assert group_is_gone(process.pid)


def test_a_signal_while_the_page_is_made_costs_nothing_that_is_done(faked: Run) -> None:
    signalled = FAKED.replace(
        "entry.work",
        "import os, signal\n"
        "from rnninspect.commands.shared import bench_page\n"
        "blocks = bench_page.bench_blocks\n"
        "bench_page.bench_blocks = lambda *a, **k: (os.kill(os.getpid(), signal.SIGTERM), blocks(*a, **k))[1]\n"
        "entry.work",
        1,
    )
    done = faked("--phase", "forward", source=signalled)
    assert (done.returncode, done.stderr) == (143, "ended by SIGTERM: 1 of 1 were measured, and are printed\n")
    assert "forward" in done.stdout
    assert "partial" not in done.stdout


def test_a_signal_that_comes_twice_costs_nothing_that_is_done(folder: Path, environment: Environment) -> None:
    options = ("--sweep", "encoder.hidden_size=4,905", "--phase", "forward", "--output", "r.jsonl")
    with started(folder, environment(), *options) as process:
        wait_for(folder / "r.jsonl", 2, process)
        process.send_signal(signal.SIGTERM)
        while process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            time.sleep(0.02)
        out, err = process.communicate(timeout=HANG)
        # In the very last moment, when all is printed, the second one ends it as it ends any process.
        assert process.returncode in (143, -signal.SIGTERM)
        assert err == "ended by SIGTERM: 1 of 2 were measured, and are printed; --resume goes on\n"
        assert "encoder.hidden_size=4" in out


def test_a_closed_terminal_ends_it_with_129_though_nothing_can_be_printed(
    folder: Path, environment: Environment
) -> None:
    options = ("--sweep", "encoder.hidden_size=4,905", "--phase", "forward", "--output", "r.jsonl")
    with started(folder, environment(), *options, by=("sh", "-c", 'exec "$@" >/dev/full', "sh")) as process:
        wait_for(folder / "r.jsonl", 2, process)
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=HANG)
        assert process.returncode == 129
        assert err.splitlines() == [
            "error: cannot write stdout: No space left on device",
            "ended by SIGHUP: 1 of 2 were measured; --resume goes on",
        ]
        assert sizes(folder / "r.jsonl") == [4]


def test_what_nohup_has_ignored_stays_ignored(folder: Path, environment: Environment) -> None:
    options = ("--sweep", "encoder.hidden_size=range(1,12)", "--phase", "forward", "--output", "r.jsonl")
    with started(folder, environment({"FAKE_SECONDS": "0.05"}), *options, by=("nohup",)) as process:
        wait_for(folder / "r.jsonl", 2, process)
        os.killpg(process.pid, signal.SIGHUP)
        out, _ = process.communicate(timeout=HANG)
        assert process.returncode == 0
        assert "\nhidden_size=11 " in out
        assert sizes(folder / "r.jsonl") == list(range(1, 12))


def test_figures_that_came_about_in_another_way_are_not_gone_on_with(untimed: Run, folder: Path) -> None:
    options = ("--phase", "forward", "--output", "r.jsonl")
    assert untimed(*options).returncode == 0
    journal = (folder / "r.jsonl").read_text()
    assert '"method": 2' in journal
    (folder / "r.jsonl").write_text(journal.replace('"method": 2', '"method": 1'))
    assert "method 1, now 2" in refused(untimed(*options, "--resume"))
    assert untimed(*options, "--resume", "--output", "r2.jsonl").returncode == 0


@pytest.mark.torch
def test_what_was_killed_goes_on_where_it_was(faked: Run, folder: Path, environment: Environment) -> None:
    journal = folder / "r.jsonl"
    options = ("--sweep", "encoder.hidden_size=range(1,41)", "--phase", "forward", "--output", "r.jsonl")
    # why so slow: the rest would take seconds, so that a busy machine, too, ends it in the middle.
    with started(folder, environment({"FAKE_SECONDS": "0.2"}), *options) as process:
        wait_for(journal, 4, process)
        process.kill()
        process.wait()
        assert group_is_gone(process.pid)
    before = journal.read_bytes()
    assert 3 <= len(sizes(journal)) < 40
    with journal.open("ab") as file:
        file.write(b'{"model": "small", "fil')
    done = faked(*options, "--resume")
    assert done.returncode == 0
    assert re.fullmatch(r"note: r.jsonl: line \d+ is only half there, and was left out\n", done.stderr)
    assert journal.read_bytes().startswith(before)
    assert sizes(journal) == list(range(1, 41))
    assert "\nhidden_size=40 " in done.stdout
    refused(faked("--sweep", "encoder.hidden_size=1,2", "--phase", "step", "--output", "r.jsonl", "--resume"))


# --- asked wrongly, and what cannot be done here -----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sweep", "encoder.hiden_size=1,2"), "hidden_size"),
        (("--budget", "soon"), "expected a time"),
        (("--precision", "0%"), "more than 0%"),
        (("--phase", "sideways"), "forward, forward+grad, backward or step"),
        (("--vary", "colour=red"), "colour"),
        (("--quick", "--budget", "2s"), "leave one"),
        (("--resume",), "--output"),
        (("--output", "there"), "--resume goes on with it"),
        (("--output", "m.yaml"), "one of the files to read"),
        (("--output", "other", "--resume"), "other"),
        (("--output", "m.yaml", "--resume"), "one of the files to read"),
        (("--peak-tflops", "0"), "expected a number > 0"),
        (("--bandwidth", "nan"), "expected a number > 0"),
        (("--plot", "p.gif"), "p.gif"),
        (("--plot", "p.svg"), "--plot p.svg: "),
        (("--table", "times", "--format", "json"), "--table times: --format json has all of them"),
        (("--plot", "m.yaml"), "m.yaml"),
    ],
)
def test_what_is_asked_wrongly_is_one_line(untimed: Run, folder: Path, options: tuple[str, ...], said: str) -> None:
    (folder / "there").write_text("")
    (folder / "other").write_text('{"schema": "of another tool", "schema_version": 99}\n')
    done = untimed(*options)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert re.fullmatch(r"(error: )?[^\n]+\n", done.stderr), done.stderr
    assert said in done.stderr
    assert (folder / "other").read_text() == '{"schema": "of another tool", "schema_version": 99}\n'
    assert (folder / "m.yaml").read_text() == TIMED
    assert not (folder / "p.svg").exists()


def test_too_many_threads_are_clamped_and_it_says_so(untimed: Run) -> None:
    done = untimed("--vary", "threads=100000", "--phase", "forward", "--format", "json")
    assert done.returncode == 0
    assert re.fullmatch(
        r"note: --vary threads=100000: 100000 threads: this process may use \d+ CPUs?, so \d+ will be used\n",
        done.stderr,
    )
    (result,) = json.loads(done.stdout)["processes"]
    assert result["variant"]["threads"] <= (os.cpu_count() or 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_cache_that_cannot_be_read_is_told_of_once(faked: Run, folder: Path) -> None:
    cache = folder / "cache" / "rnninspect" / "speed.json"
    cache.parent.mkdir(parents=True)
    os.mkfifo(cache)
    done = faked("--quick", "--sweep", "encoder.hidden_size=4,8", env={"XDG_CACHE_HOME": str(folder / "cache")})
    said = f"note: {cache} is a named pipe, so earlier runs say nothing of how fast this CPU is"
    assert (done.returncode, done.stderr) == (0, f"{said} (delete it)\n")


def test_a_full_disk(faked: Run, folder: Path) -> None:
    refused(faked("--output", "/dev/full", "--phase", "forward"), 3)
    with Path("/dev/full").open("w") as full:
        done = faked("--phase", "forward", "--output", "r.jsonl", to=full)
    assert done.returncode == 3
    assert re.fullmatch(r"error: [^\n]+\n", done.stderr)
    # What was measured is not lost with the table.
    assert len(lines(folder / "r.jsonl")) == 1
