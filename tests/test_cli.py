"""The command line as a whole: what goes to which stream, exit codes, formats, terminals, interrupts."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from ended import Run, fine, refused
from rich.cells import cell_len
from terminals import ESCAPE, terminal
from test_errors import in_process
from worlds import CONFIGS, SMALL

from rnninspect import __main__, __version__
from rnninspect.commands.shared.typer_output import captured

COMMANDS = ("shapes", "weights", "params", "inspect")
FORMATS = ("table", "json", "csv", "markdown")

# 4 * 5 * (4 + 5 + 2) = 220 parameters, of which 4 * 5 are the second bias.
# 4 * 10**7 * (10**7 + 4 + 2) float32 parameters are 1.6 petabytes.
ABSURD = SMALL.replace("hidden_size: 5", "hidden_size: 10000000")

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("doc") / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def absurd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("doc") / "absurd.yaml"
    path.write_text(ABSURD)
    return path


# --- help, version, entry points ---------------------------------------------------------------------------


def test_version(run: Run) -> None:
    assert fine(run("--version")) == f"rnninspect {__version__}\n"


def test_help_names_every_command_and_exit_code(run: Run) -> None:
    shown = fine(run("--help"))
    assert [command for command in COMMANDS if not re.search(rf"^  {command} ", shown, re.MULTILINE)] == []
    assert "Exit codes: 0 fine, 1" in shown


def test_the_console_script_is_what_python_m_runs() -> None:
    (script,) = metadata.entry_points(group="console_scripts", name="rnninspect")
    assert script.load() is __main__.main


def test_ctrl_c_while_the_command_line_is_still_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __getattr__(self, name: str) -> object:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "rnninspect.cli", Interrupted())  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 130


def test_a_command_after_its_document_is_told_apart_from_a_file(here: Run, small: Path) -> None:
    line = refused(here(small, "params"))
    assert line == "params: no such file (a command comes first: rnninspect params CONFIG...)"


# --- several files, stdin, overrides -----------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_several_files_are_several_models_in_their_order(here: Run, command: str) -> None:
    shown = fine(here(command, "--plan", *(CONFIGS / f"{name}.yaml" for name in ("gru", "lstm", "rnn"))))
    first_words = [line.split()[0] for line in shown.splitlines() if line]
    assert [name for name in dict.fromkeys(first_words) if name in ("gru", "lstm", "rnn")] == ["gru", "lstm", "rnn"]
    assert "torch was not asked" in shown.splitlines()[-1]


@pytest.mark.parametrize(("command", "format"), list(zip(COMMANDS, FORMATS, strict=True)))
def test_a_bad_file_among_good_ones_leaves_no_result(
    here: Run, tmp_path: Path, small: Path, command: str, format: str
) -> None:
    (tmp_path / "bad.yaml").write_text(SMALL.replace("5", "five"))
    done = here(command, small, tmp_path / "bad.yaml", small, "--format", format)
    assert "'five'" in refused(done)


@pytest.mark.parametrize("format", ["table", "json"])
def test_a_dash_reads_stdin(run: Run, here: Run, tmp_path: Path, format: str) -> None:
    (tmp_path / "stdin.yaml").write_text(SMALL)
    from_file = fine(here("inspect", "--plan", "stdin.yaml", "--format", format, cwd=tmp_path))
    from_stdin = fine(run("inspect", "--plan", "-", "--format", format, stdin=SMALL))
    assert from_stdin == from_file.replace('"file": "stdin.yaml"', '"file": "<stdin>"')


def model(shown: str) -> dict[str, object]:
    """The one model of a JSON document."""
    (only,) = json.loads(shown)["models"]
    return only


def test_set_replaces_values_and_the_last_one_wins(here: Run, small: Path) -> None:
    settings = ("encoder.hidden_size=9", "input.batch_size=7", "encoder.hidden_size=6", "dtype=float64", "name=other")
    options = [part for setting in settings for part in ("--set", setting)]
    data = model(fine(here("params", "--plan", small, *options, "--format", "json")))
    assert data["parameters"] == 4 * 6 * (4 + 6 + 2)
    assert data["parameter_bytes"] == 8 * data["parameters"]
    assert data["macs"] == 3 * 7 * 4 * 6 * (4 + 6)
    assert data["name"] == "other"


def test_dtype_wins_over_the_document(here: Run) -> None:
    data = model(fine(here("params", "--plan", CONFIGS / "options.yaml", "--dtype", "bfloat16", "--format", "json")))
    assert data["dtype"] == "bfloat16"
    assert data["parameter_bytes"] == 2 * data["parameters"]


# --- formats -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_json_of_the_plan_has_the_keys_of_the_contract(here: Run, command: str) -> None:
    data = json.loads(fine(here(command, "--plan", CONFIGS / "lstm.yaml", CONFIGS / "tagger.yaml", "--format", "json")))
    assert (data["schema_version"], data["rnninspect"]) == (2, __version__)
    assert (data["torch"], data["device"], data["ledger"]) == (None, None, "plan")
    assert (data["dtype"], data["seed"]) == ("float32", 0)
    lstm, tagger = data["models"]
    assert (lstm["name"], lstm["file"]) == ("lstm", str(CONFIGS / "lstm.yaml"))
    counts = {"parameters", "parameters_one_bias", "parameter_bytes", "macs", "elementwise_ops", "flops"}
    assert counts <= lstm.keys()
    assert (lstm["parameters"], lstm["parameters_one_bias"], lstm["parameter_bytes"]) == (90_800, 90_400, 363_200)
    assert lstm["flops"] == 2 * lstm["macs"] + lstm["elementwise_ops"]
    assert [layer["name"] for layer in tagger["layers"]] == ["embed", "encoder", "head"]
    assert sum(layer["parameters"] for layer in tagger["layers"]) == tagger["parameters"] == 502_610

    (encoder,) = lstm["layers"]
    assert counts | {"name", "type", "inputs", "outputs", "weights"} <= encoder.keys()
    tensors = {tensor["name"]: tensor for tensor in encoder["inputs"] + encoder["outputs"]}
    assert list(tensors) == ["input", "h_0", "c_0", "output", "h_n", "c_n"]
    assert (tensors["input"]["axes"], tensors["input"]["shape"]) == (["L", "N", "H_in"], [20, 32, 300])
    assert (tensors["c_n"]["axes"][-1], tensors["c_n"]["shape"]) == ("H_cell", [2, 32, 50])

    weight = encoder["weights"][0]
    assert weight.keys() >= {"name", "symbol", "stacked_layer", "direction", "shape", "count", "init", "gates"}
    assert (weight["name"], weight["symbol"], weight["stacked_layer"]) == ("weight_ih_l0", "W_ih", 0)
    assert (weight["direction"], weight["shape"], weight["count"]) == ("forward", [200, 300], 60_000)
    assert weight["init"] == {"law": "uniform", "bound": pytest.approx(50**-0.5)}
    assert [(gate["name"], gate["rows"]) for gate in weight["gates"]] == [
        ("W_ii", [0, 50]),
        ("W_if", [50, 100]),
        ("W_ig", [100, 150]),
        ("W_io", [150, 200]),
    ]


def test_csv_holds_raw_numbers_under_one_header(here: Run) -> None:
    shown = fine(here("params", "--plan", CONFIGS / "lstm.yaml", CONFIGS / "tagger.yaml", "--format", "csv"))
    by_layer, *_ = shown.split("\n\n")
    rows = list(csv.DictReader(io.StringIO(by_layer)))
    assert [(row["model"], row["layer"], row["parameters"]) for row in rows] == [
        ("lstm", "encoder", "90800"),
        ("tagger", "embed", "300000"),
        ("tagger", "encoder", "201600"),
        ("tagger", "head", "1010"),
    ]


def test_markdown_is_a_table(here: Run, small: Path) -> None:
    lines = fine(here("params", "--plan", small, "--format", "markdown")).splitlines()
    table = [line for line in lines if line.startswith("|")]
    head, rule, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    assert head[:3] == ["layer", "type", "parameters"]
    assert set("".join(rule)) == {"-", ":"}
    assert rows[0][:3] == ["encoder", "LSTM", "220"]
    assert {len(row) for row in (rule, *rows)} == {len(head)}


# --- laws of the document ----------------------------------------------------------------------------------

INIT = CONFIGS / "init.yaml"


def test_laws_stand_in_the_table(here: Run) -> None:
    shown = fine(here("weights", "--plan", INIT, "--gates"))
    for row in (
        r"weight_hh_l0 .* orthogonal, each gate",
        r"bias_ih_l0 .* uniform, b_if constant 1 +0\.1414",
        r"\[50:100\] +b_if .* constant 1",
        r"\[0:50\] +b_ii .* uniform +0\.1414",
        r"\[50:100\] +b_hf .* zeros",
        r"\[50:100\] +W_hf +\(H_cell, H_out\) +\(50, 50\) +2,500",
        r"each gate: .*",
    ):
        assert re.search(rf"^ *{row}$", shown, re.MULTILINE), row
    assert "each gate" not in fine(here("weights", "--plan", INIT, "--gates", "--set", "encoder.init=null"))


def test_laws_stand_in_json_at_every_gate(here: Run) -> None:
    settings = ("--set", "encoder.init.weight_ih=xavier_uniform", "--set", "encoder.init.forget_bias=2")
    data = model(fine(here("weights", "--plan", INIT, *settings, "--format", "json")))
    uniform, bound = {"law": "uniform", "bound": pytest.approx(50**-0.5)}, pytest.approx((6 / 80) ** 0.5)
    orthogonal = {"law": "orthogonal", "std": pytest.approx(50**-0.5)}
    laws = {
        weight["name"]: (weight["init"], [gate["init"] for gate in weight["gates"]])
        for weight in data["layers"][0]["weights"]
    }
    assert laws == {
        "weight_ih_l0": ({"law": "xavier_uniform", "bound": bound}, [{"law": "xavier_uniform", "bound": bound}] * 4),
        "weight_hh_l0": (orthogonal, [orthogonal] * 4),
        "bias_ih_l0": (uniform, [uniform, {"law": "constant", "value": 2.0}, uniform, uniform]),
        "bias_hh_l0": (uniform, [uniform, {"law": "zeros"}, uniform, uniform]),
    }


@pytest.mark.torch
def test_what_values_are_by_the_laws_of_the_document(here: Run) -> None:
    printed = fine(
        here("weights", INIT, CONFIGS / "gru.yaml", "--gates", "--stats", "--device", "cpu", "--format", "csv")
    )
    rows = {
        (row["model"], row["symbol"]): row
        for row in csv.DictReader(io.StringIO(printed))
        if row["stacked_layer"] == "0"
    }
    forget = rows["init", "b_if"]
    assert (forget["init"], forget["bound"], forget["minimum"], forget["std"]) == ("constant 1", "", "1.0", "0.0")
    assert 0 < float(rows["init", "W_hh"]["deviation"]) < 1e-5
    assert 0.5 < float(rows["init", "b_ig"]["peak_ratio"]) <= 1
    assert (rows["init", "W_hf"]["init"], rows["init", "b_ih"]["peak_ratio"]) == ("", "")
    # one header for both, though the other model has no such law
    assert rows["gru", "W_hh"]["deviation"] == ""
    assert "\n\n" not in printed


# --- proven on torch ---------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.parametrize("command", COMMANDS)
def test_without_plan_every_number_is_torchs_too(here: Run, small: Path, command: str) -> None:
    options = {"weights": ("--stats", "--gates"), "inspect": ("--all",)}.get(command, ())
    shown = fine(here(command, small, CONFIGS / "lstm.yaml", "--device", "cpu", *options))
    assert re.match(r"plan and torch \S+ agree · cpu · float32 · seed 0$", shown.splitlines()[-1])
    planned = fine(
        here(command, "--plan", small, CONFIGS / "lstm.yaml", *(option for option in options if option != "--stats"))
    )
    # What is kept for the backward pass is more on a CPU than the equations need.
    first, *others = planned.split("· memory\n")
    assert broken_numbers(first, shown) == set()
    assert len(others) == (2 if command == "inspect" else 0)


@pytest.mark.torch
@pytest.mark.slow
def test_json_is_the_same_twice_but_for_the_memory_and_other_with_another_seed(
    run: Run, here: Run, small: Path
) -> None:
    first, again, other = (
        fine(way("inspect", small, CONFIGS / "classifier.yaml", "--device", "cpu", "--format", "json", "--seed", seed))
        for way, seed in ((run, "7"), (here, "7"), (here, "8"))
    )
    blind = re.compile(r'"peak_bytes": (null|\d+)')
    assert len(blind.findall(first)) == 2
    assert blind.sub("", first) == blind.sub("", again)

    data = json.loads(first)
    assert (data["ledger"], data["device"], data["seed"]) == ("agreed", "cpu", 7)
    assert re.match(r"\d+\.\d+", data["torch"])
    assert data["differences"] == []
    assert [model["measured"]["finite"] for model in data["models"]] == [True, True]

    for model, elsewhere in zip(data["models"], json.loads(other)["models"], strict=True):
        assert model["parameters"] == elsewhere["parameters"]
        drawn = [
            (weight["observed"], unlike["observed"])
            for layer, same in zip(model["layers"], elsewhere["layers"], strict=True)
            for weight, unlike in zip(layer["weights"], same["weights"], strict=True)
            if weight["init"]["law"] in ("uniform", "normal")
        ]
        assert drawn
        assert [values for values, unlike in drawn if values == unlike] == []


@pytest.mark.more
@pytest.mark.torch
def test_a_device_that_is_not_here_is_one_line_of_all_points_of_bench(here: Run, small: Path) -> None:
    done = here("bench", small, "--device", "cuda:99", "--sweep", "encoder.hidden_size=4,5")
    line = refused(done, 3)
    assert done.stdout == ""
    assert line.endswith(" (use --device cpu): 0 of 2 were measured")


@pytest.mark.torch
def test_too_large_for_memory_is_said_before_any_is_taken_and_the_others_are_shown(
    here: Run, small: Path, absurd: Path
) -> None:
    done = here("params", absurd, small, "--device", "cpu", "--format", "json")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    # The bytes of the parameters alone; what is free is this machine's.
    needed, free = (int(figure.replace(",", "")) for figure in re.findall(r"(\d[\d,]*) (?:bytes|free)", line))
    assert needed >= 4 * 4 * 10**7 * (10**7 + 4 + 2) > free > 0
    assert "--device meta" in line
    assert "--plan" in line
    assert model(done.stdout)["parameters"] == 220


@pytest.mark.torch
@pytest.mark.slow
def test_the_same_document_on_meta(here: Run, absurd: Path) -> None:
    done = here("params", absurd, "--device", "meta", "--format", "json")
    assert done.returncode == 0
    assert re.fullmatch(r"note: \S+absurd.yaml: on meta 2 of 3 time steps were run;[^\n]+\n", done.stderr)
    assert model(done.stdout)["parameters"] == 4 * 10**7 * (10**7 + 4 + 2)
    assert model(done.stdout)["measured"]["device"] == "meta"


# --- output ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["table", "json"])
def test_output_holds_what_stdout_would(here: Run, tmp_path: Path, small: Path, format: str) -> None:
    expected = fine(here("inspect", "--plan", small, "--format", format))
    target = tmp_path / "out"
    target.write_text("a longer text than the result" * 1000)
    assert fine(here("inspect", "--plan", small, "--format", format, "--output", target)) == ""
    assert target.read_text(encoding="utf-8") == expected
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_may_only_be_written_can_be_replaced(
    here: Run, tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # why a stand-in: root may read everything, and tests may run as root.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.R_OK)
    target = tmp_path / "out"
    target.write_text("old")
    done = here("params", "--plan", small, "--format", "csv", "--output", target)
    assert (done.returncode, done.stderr, target.read_text()[:5]) == (0, "", "model")


def test_a_refused_document_leaves_the_output_file_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("earlier")
    refused(run("params", "--plan", "-", "--output", tmp_path / "out", stdin="[]"))
    assert (tmp_path / "out").read_text() == "earlier"


@needs_dev_full
@pytest.mark.parametrize(
    ("redirected", "code", "shown", "stderr"),
    [
        ("| head -1", 0, "small\n", ""),
        ("| true", 0, "", ""),
        (">/dev/full", 3, "", "error: cannot write stdout: No space left on device\n"),
        (">&-", 3, "", "error: cannot write stdout: it is closed\n"),
    ],
)
def test_where_stdout_goes(shell: Run, small: Path, redirected: str, code: int, shown: str, stderr: str) -> None:
    done = shell(f'rnninspect inspect --plan "$1" {redirected}', small)
    assert (done.returncode, done.stdout, done.stderr) == (code, shown, stderr)


def test_without_stderr_the_exit_code_is_left(shell: Run, small: Path) -> None:
    for closed in ("2>&-", "2>/dev/full"):
        done = shell(f'rnninspect params --plan "$1" - {closed}', small)
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


# What Typer prints by itself.
BY_TYPER = ("--help", "params --help", "--show-completion bash", "")


@pytest.mark.parametrize(
    ("redirected", "code", "stderr", "printed"),
    [
        # Each sort of text goes the same way out: it is tried once where nothing can be written.
        ("| true", 0, "", BY_TYPER[:1]),
        (">&-", 3, "error: cannot write stdout: it is closed\n", BY_TYPER[1:3]),
        (">/dev/full", 3, "error: cannot write stdout: No space left on device\n", (BY_TYPER[0], BY_TYPER[3])),
    ],
)
def test_what_typer_prints_goes_the_way_of_results(
    shell: Run, redirected: str, code: int, stderr: str, printed: tuple[str, ...]
) -> None:
    done = shell("; ".join(f"rnninspect {args} {redirected}; echo $?" for args in printed))
    assert (done.stdout.split(), done.stderr) == ([str(code)] * len(printed), stderr * len(printed))


def test_wrong_usage_is_2_wherever_it_is_said(shell: Run) -> None:
    streams = ("2>/dev/full", "2>&-", ">&- 2>/dev/null", "2>&1 | true")
    done = shell("; ".join(f"rnninspect params --wat {redirected}; echo $?" for redirected in streams))
    assert (done.stdout.split(), done.stderr) == (["2"] * len(streams), "")


@pytest.mark.parametrize(
    ("code", "ended", "stderr"),
    [(None, 0, ""), (0, 0, ""), (2, 2, ""), ("why\nnot", 1, "why\nnot\n"), ([3], 1, "[3]\n")],
)
def test_what_ends_typer_ends_us_as_python_would(
    capsys: pytest.CaptureFixture[str], code: object, ended: int, stderr: str
) -> None:
    with captured() as ending:
        print("shown")
        raise SystemExit(code)
    assert ending.code == ended
    assert capsys.readouterr() == ("shown\n", stderr)


def test_help_is_drawn_for_the_stream_it_goes_to(run: Run) -> None:
    plain = fine(run("params", "--help", env={"PYTHONIOENCODING": "ascii"}))
    assert "Replace a value of the document" in plain
    assert plain.isascii()
    assert "\x1b[" not in plain
    assert "\x1b[" in fine(run("params", "--help", env={"FORCE_COLOR": "1"}))


@pytest.mark.parametrize(
    ("number", "code", "expected"),
    [(signal.SIGINT, 130, b"interrupted\n"), (signal.SIGTERM, 143, b""), (signal.SIGHUP, 129, b"")],
)
def test_an_interrupt_while_reading(
    environment: Callable[..., dict[str, str]], tmp_path: Path, number: signal.Signals, code: int, expected: bytes
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # why both ways: opened for writing alone it would wait for a reader.
    with fifo.open("r+b", buffering=0) as writer:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        command = [sys.executable, "-m", "rnninspect", "params", "--plan", "-"]
        with (
            fifo.open("rb", buffering=0) as reader,
            subprocess.Popen(
                command, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
            ) as process,
        ):
            # The pipe holds less than half of this, so once it is written the process is reading.
            comment = b"# " + b"x" * 10_000 + b"\n"
            while comment:
                comment = comment[writer.write(comment) :]
            process.send_signal(number)
            shown, stderr = process.communicate(timeout=60)
    assert (process.returncode, shown, stderr) == (code, b"", expected)


# The command line in forks of one process, each ended at another moment: when Python tells of its k-th event, an import
# or a file that is opened; and, for k = 0, where Python drops what is raised, in a callback of its imports.
ENDED_EARLY = """
import os, signal, sys
from rnninspect.cli import main

sys.argv[1:] = ["shapes", "--plan", *sys.argv[1:]]
number = signal.SIGTERM
events, at = 0, None

def count(event, args):
    global events
    events += 1
    if events == at:
        os.kill(os.getpid(), number)

def in_callback(frame, event, arg):
    if frame.f_code.co_name == "cb" and "importlib" in frame.f_code.co_filename:
        sys.setprofile(None)
        os.kill(os.getpid(), number)

def forked(moment):
    global events, at
    kept, counted = os.memfd_create("kept"), os.memfd_create("counted")
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code, os.pread(kept, 10**6, 0), os.pread(counted, 9, 0)
    os.dup2(kept, 1)
    os.dup2(kept, 2)
    events, at = 0, moment
    sys.setprofile(None if moment else in_callback)
    code = 99
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    os.write(counted, b"%d" % events)
    os._exit(code)

sys.addaudithook(count)
code, shown, total = forked(-1)
print(code, total.decode())
for moment in (0, *(int(total) * k // 16 for k in range(1, 16))):
    print(moment, *forked(moment)[:2])
"""


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="keeps what forks print in memory")
def test_a_signal_at_any_moment_ends_with_its_number(program: Run, small: Path) -> None:
    done = program(ENDED_EARLY, args=(str(small),))
    whole, *ended = done.stdout.splitlines()
    code, total = map(int, whole.split())
    assert (code, done.stderr) == (0, "")
    assert total > 100
    assert [line.partition(" ")[2] for line in ended] == ["143 b''"] * 16


# The command line, ended while a file that it writes is not yet in its place.
ENDED_WHILE_WRITING = (
    "import os, signal\n"
    "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGTERM)\n"
    "from rnninspect.cli import main\n"
    "main()\n"
)


@pytest.mark.parametrize(
    "args", [("params", "--plan", "m.yaml", "--output", "kept"), ("check", "--update", "--lock", "kept", "m.yaml")]
)
def test_what_ends_while_it_writes_leaves_the_file_as_it_was(
    environment: Callable[..., dict[str, str]], tmp_path: Path, small: Path, args: tuple[str, ...]
) -> None:
    (tmp_path / "m.yaml").write_bytes(small.read_bytes())
    kept = '{"rnninspect_lock": 1}\n'
    (tmp_path / "kept").write_text(kept)
    before = sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-c", ENDED_WHILE_WRITING, *args]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, b"", b"")
    assert (tmp_path / "kept").read_text() == kept
    assert sorted(path.name for path in tmp_path.iterdir()) == before


# --- terminals ---------------------------------------------------------------------------------------------

# Cells: a count, a number with a point, a shape. Digits within names are no numbers.
NUMBER = re.compile(r"(?<!\S)(?:\d[\d,]*(?:\.\d+)?|\(\d+,(?: \d+(?:, \d+)*)?\))(?!\S)")


def broken_numbers(whole: str, shown: str) -> set[str]:
    """The numbers and shapes of `whole` that `shown` does not have in one piece."""
    return set(NUMBER.findall(whole)) - set(NUMBER.findall(shown))


def test_a_broken_number_is_found() -> None:
    whole = "weight_ih_l0[0:50]  (200, 300)  60,000  240,000  0.1414\nbias  (200,)  200"
    assert broken_numbers(whole, whole.replace("  ", "\n")) == set()
    assert broken_numbers(whole, "(200, 300) 60,0 00 240,0… 0.14 (200,) 200") == {"60,000", "240,000", "0.1414"}
    assert broken_numbers(whole, "(200,\n300) 60,000 240,000 0.1414 (200,) 200") == {"(200, 300)"}


PAGE = ("inspect", "--all", "--plan", *(CONFIGS / f"{name}.yaml" for name in ("options", "language-model", "tagger")))


@pytest.fixture(scope="module")
def piped(run: Run) -> str:
    return fine(run(*PAGE))


@pytest.mark.parametrize(
    "columns", [40, 80, *(pytest.param(columns, marks=pytest.mark.more) for columns in (60, 120, 200))]
)
def test_a_terminal_is_never_too_narrow(piped: str, environment: Callable[..., dict[str, str]], columns: int) -> None:
    shown = terminal(columns, environment(), *PAGE)
    assert ESCAPE.search(shown)
    plain = ESCAPE.sub("", shown)
    assert "\x1b" not in plain
    assert [line for line in plain.splitlines() if cell_len(line) > columns] == []
    assert len(NUMBER.findall(piped)) > 200
    assert broken_numbers(piped, plain) == set()


def test_a_terminal_without_colour(environment: Callable[..., dict[str, str]], small: Path) -> None:
    shown = terminal(80, environment({"NO_COLOR": "1"}), "params", "--plan", small)
    assert "encoder" in shown
    assert "\x1b" not in shown


@pytest.fixture(scope="module")
def plain(run: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A document, and its page where nothing in the environment says anything of pages."""
    path = tmp_path_factory.mktemp("plain") / "small.yaml"
    path.write_text(SMALL)
    return path, fine(run("params", "--plan", path))


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"COLUMNS": "40", "GITHUB_ACTIONS": "true", "CLICOLOR_FORCE": "1"}, False),
    ],
)
def test_colours_and_widths_in_a_pipe(run: Run, plain: tuple[Path, str], env: dict[str, str], coloured: bool) -> None:
    path, expected = plain
    assert "\x1b" not in expected
    shown = fine(run("params", "--plan", path, env=env))
    assert ("\x1b" in shown) is coloured
    assert ESCAPE.sub("", shown) == expected


def test_other_formats_have_no_colours(here: Run, monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = {format: "\x1b" in fine(here("params", "--plan", small, "--format", format)) for format in FORMATS}
    assert coloured == {"table": True, "json": False, "csv": False, "markdown": False}


def test_a_stream_without_the_characters_gets_ascii(run: Run, small: Path) -> None:
    shown = fine(run("inspect", "--plan", small, env={"PYTHONIOENCODING": "ascii"}))
    assert shown.isascii()
    assert "\\" not in shown


# --- what a document or a path could smuggle in ------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_control_characters_of_a_file_name_are_escaped(here: Run, tmp_path: Path, format: str) -> None:
    name = "a\x1b[31m\r\b\x07\x9b\u202e\nb[bold].yaml"
    # dropout with one layer does nothing, which is noted on stderr.
    (tmp_path / name).write_text(SMALL.replace("5}", "5, dropout: 0.5}"))
    done = here("inspect", "--plan", name, "--format", format, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("note: a\\x1b[31m\\r\\x08\\x07\\x9b\\u202e\\nb[bold].yaml:3:")
    for stream in (done.stdout, done.stderr):
        assert [line for line in stream.split("\n") if not line.isprintable()] == []
    if format == "json":
        assert model(done.stdout)["file"] == name
    else:
        assert "\\x1b" in done.stdout


def test_markup_in_a_name_is_text(run: Run) -> None:
    shown = fine(run("params", "--plan", "-", stdin='name: "[bold]x[/] [proj_size, hidden_size]"\n' + SMALL))
    assert shown.startswith("[bold]x[/] [proj_size, hidden_size] · params\n")


# --- a fault of ours, and a disagreement -------------------------------------------------------------------


@pytest.mark.parametrize("traced", [False, True])
def test_a_fault_of_ours_is_one_line_and_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small: Path, traced: bool
) -> None:
    def fail(*given: object, **named: object) -> int:
        raise KeyError("first line\nsecond line")

    monkeypatch.setattr("rnninspect.commands.shared.model_page.print_models", fail)
    monkeypatch.setenv("RNNINSPECT_TRACEBACK", "1" if traced else "")
    assert in_process(monkeypatch, "params", "--plan", str(small)) == 70
    shown, stderr = capsys.readouterr()
    assert shown == ""
    *trace, line = stderr.splitlines()
    assert re.match(rf"rnninspect {__version__} has a fault: KeyError: .*RNNINSPECT_TRACEBACK=1", line)
    assert (trace[:1], "in fail" in stderr) == (
        (["Traceback (most recent call last):"], True) if traced else ([], False)
    )


def test_a_fault_outside_of_a_command_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small: Path
) -> None:
    def fail() -> None:
        raise SystemError("returned NULL")

    monkeypatch.setattr("rnninspect.cli.app", fail)
    assert in_process(monkeypatch, "params", "--plan", str(small)) == 70
    assert re.fullmatch(rf"rnninspect {__version__} has a fault: SystemError: .*\n", capsys.readouterr().err)


@pytest.mark.torch
@pytest.mark.parametrize("format", ["table", "json"])
def test_where_torch_disagrees_the_differences_are_shown_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small: Path, format: str
) -> None:
    from rnninspect.runtime import real

    measure = real.measure

    def mismeasure(*args: object) -> object:
        facts = measure(*args)
        layer = facts.layers[0]
        weights = (replace(layer.weights[0], shape=(21, 4)), *layer.weights[1:])
        return replace(facts, layers=(replace(layer, weights=weights),))

    monkeypatch.setattr(real, "measure", mismeasure)
    assert in_process(monkeypatch, "params", str(small), "--device", "cpu", "--format", format) == 1
    shown, stderr = capsys.readouterr()
    assert re.fullmatch(r"error: \S+small.yaml: plan and torch differ in 1 facts\n", stderr)
    if format == "json":
        data = json.loads(shown)
        assert data["models"] == []
        (difference,) = data["differences"]
        assert difference == {
            "model": "small",
            "layer": "encoder",
            "fact": "weights weight_ih_l0 shape",
            "plan": "(20, 4)",
            "real": "(21, 4)",
        }
    else:
        assert re.search(r"encoder +weights weight_ih_l0 shape +\(20, 4\) +\(21, 4\)", shown)
        assert "220" not in shown


def test_an_output_that_is_a_document_is_refused(here: Run, tmp_path: Path) -> None:
    document = tmp_path / "model.yaml"
    document.write_text((CONFIGS / "lstm.yaml").read_text())
    before = document.read_text()
    line = refused(here("params", "--plan", str(document), "--output", str(document)))
    assert line == f"--output {document}: this is one of the files to read (name another file)"
    assert document.read_text() == before


def test_stdin_can_be_named_once(here: Run) -> None:
    assert "only once" in refused(here("params", "--plan", "-", "-"))


def test_an_option_that_fits_one_document_says_which_it_does_not_fit(here: Run) -> None:
    first, second = str(CONFIGS / "rnn.yaml"), str(CONFIGS / "tagger.yaml")
    line = refused(here("params", "--plan", first, second, "--set", "head.out_features=3"))
    assert line.startswith(f"{first}: --set head.out_features=3: no layer is called 'head'")
