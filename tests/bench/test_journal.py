"""The journal: records to JSON and back, what a crash leaves of it, and what goes on with it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from enum import EnumType
from importlib import metadata
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from ended import Run
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import examples

from rnninspect.bench.compare import compare_runs
from rnninspect.bench.journal import KIND, SCHEMA_VERSION, Head, Read, done, head_of, key, key_of, read_journal
from rnninspect.bench.journal_writer import resume, start
from rnninspect.bench.plain import Unfit, from_plain, to_plain
from rnninspect.bench.records import Bound, Environment, Figure, Interval, Outcome, Peaks, TimingRequest, Warned
from rnninspect.errors import DocumentError, OptionError, OutputFailed, RnnInspectError

HEAD = head_of({"budget": 3.0, "sweep": ["encoder.hidden_size=1,2"]})
FIGURE = Figure(
    *(None, "forward", 1.5, 3, 2, ((0.5, 0.25), (0.125,)), (0, 1), 0.25, Interval(0.2, 0.3), 0.125, "budget"),
    *("steady", 0.001, None, None, 7, 8, 9, 10, 11, Bound(1.0, 1.0, 0.5, 0.25, "compute", True), None),
    (Warned("slow", "try less"),),
)
ENVIRONMENT = Environment("cpu", "a CPU", "2.13.0", "0.1", "3.11.1", 2, 2, "2026-01-01")


def outcome(number: int, status: str = "ok", **fields: Any) -> Outcome:
    plain = Outcome("m", "m.yaml", {"input.batch_size": number}, {}, 0, "float32", status, "", ENVIRONMENT, (FIGURE,))
    return plain._replace(**fields)


def written(path: Path, *outcomes: Outcome) -> bytes:
    with start(path, HEAD) as journal:
        for each in outcomes:
            journal.append(each)
        data = path.read_bytes()
    if not outcomes:  # what an earlier version may have left
        path.write_bytes(data)
    return data


def test_a_journal_that_was_begun_for_nothing_is_not_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    for begin in (lambda: start(path, HEAD), lambda: resume(path, HEAD)[0]):
        with begin():
            assert path.exists()
        assert not path.exists()
    kept = written(path)
    resume(path, HEAD)[0].close()
    assert path.read_bytes() == kept
    resume(path, HEAD)[0].append(outcome(1))
    assert path.read_bytes().startswith(kept)


def test_an_interrupt_right_after_an_outcome_is_written_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.jsonl"

    def interrupted(file: int) -> None:
        raise KeyboardInterrupt

    journal = start(path, HEAD)
    monkeypatch.setattr("rnninspect.bench.journal_writer._to_disk", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.append(outcome(1))
    journal.close()
    assert len(read_journal(path).outcomes) == 1


def refused(path: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_journal(path)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(str(path))


# --- records and plain values --------------------------------------------------------------------------------

TEXT = st.text(max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Whatever a field of the type `kind` may hold."""
    parts = get_args(kind)
    if kind is object:
        return PLAIN
    if kind in (str, int, float, bool):
        return {str: TEXT, int: st.integers(), float: NUMBERS, bool: st.booleans()}[kind]
    if isinstance(kind, EnumType):
        return st.sampled_from(kind)
    if get_origin(kind) is tuple:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if get_origin(kind) is Mapping:
        return st.dictionaries(TEXT, values(parts[1]), max_size=3)
    if type(None) in parts:
        return st.none() | values(next(part for part in parts if part is not type(None)))
    return st.builds(kind, **{name: values(hint) for name, hint in get_type_hints(kind).items()})


@pytest.mark.parametrize("kind", [Outcome, Head, TimingRequest, Peaks, Environment])
@examples(8)
@given(data=st.data())
def test_a_record_is_the_same_after_a_journey_through_json(kind: Any, data: st.DataObject) -> None:
    record = data.draw(values(kind))
    line = json.dumps(to_plain(record))
    assert "\n" not in line
    back = from_plain(kind, json.loads(line))
    assert back == record
    assert repr(back) == repr(record)  # 1 is no 1.0 and no True


def test_a_result_of_before_a_gpu_was_described_is_read() -> None:
    plain = to_plain(ENVIRONMENT)
    later = ("cuda", "cudnn", "driver", "float32_precision", "clock_mhz", "power_limit_watts", "warm_l2", "input_grad")
    before = {name: value for name, value in plain.items() if name not in later}
    assert len(before) == len(plain) - len(later)
    assert from_plain(Environment, before) == ENVIRONMENT


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("model", 3, "model: expected a text, got 3"),
        ("process", 1.0, "process: expected an integer, got 1.0"),
        ("process", True, "process: expected an integer, got true"),
        ("status", "good", "status: expected ok, failed, crashed, timeout or memory, got 'good'"),
        ("status", 1, "status: expected ok, failed, crashed, timeout or memory, got 1"),
        ("status", "ok\ud800", "status: expected a text of whole characters, got 'ok\\ud800'"),
        ("process", "1", "process: expected an integer, got '1'"),
        ("figures", None, "figures: expected a list, got null"),
        ("figures", {}, "figures: expected a list, got a mapping"),
        ("figures.0", [], "figures[0]: expected an object, got an empty list"),
        ("figures.0.median", "x", "figures[0].median: expected a number, got 'x'"),
        ("figures.0.median", True, "figures[0].median: expected a number, got true"),
        ("figures.0.median", None, "figures[0].median: expected a number, got null"),
        ("figures.0.median", 10**400, "figures[0].median: expected a finite number, got 1000"),
        ("figures.0.rounds.1.0", "y", "figures[0].rounds[1][0]: expected a number, got 'y'"),
        ("figures.0.interval.low", [], "figures[0].interval.low: expected a number, got an empty list"),
        ("figures.0.bound.calibrated", 1, "figures[0].bound.calibrated: expected true or false, got 1"),
        ("figures.0.warnings.0", "w", "figures[0].warnings[0]: expected an object, got 'w'"),
        ("settings", [], "settings: expected an object, got an empty list"),
        ("environment", 3, "environment: expected an object, got 3"),
        ("environment.cpus", None, "environment.cpus: expected an integer, got null"),
    ],
)
def test_a_value_of_another_sort_is_refused(path: str, value: object, message: str) -> None:
    plain = to_plain(outcome(1))
    owner: Any = plain
    *parts, last = [int(part) if part.isdecimal() else part for part in path.split(".")]
    for part in parts:
        owner = owner[part]
    owner[last] = value
    with pytest.raises(Unfit) as caught:
        from_plain(Outcome, plain)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kept": (0, 2)}, "kept[1]: expected one of 2 rounds, counted from 0, got 2"),
        ({"kept": (-1,)}, "kept[0]: expected one of 2 rounds, counted from 0, got -1"),
        ({"kept": (0, 0)}, "kept: expected each number once"),
        ({"kept": ()}, "kept: expected one round or more, got none"),
        ({"rounds": (), "kept": ()}, "rounds: expected one round or more, got none"),
        ({"rounds": ((0.5,), ())}, "rounds[1]: expected one sample or more, got none"),
        ({"rounds": ((0.5,), (0.5, 0.0))}, "rounds[1][1]: expected 1e-12 to 1e+12 seconds, got 0"),
        ({"passes": (0,)}, "passes: expected one for each of 2 rounds, got 1"),
        ({"passes": (3, 3)}, "passes: expected each number once"),
        ({"probes": (0.1, None, 0.1)}, "probes: expected one for each of 2 rounds, got 3"),
        ({"probes": (None, 0.0)}, "probes[1]: expected 1e-12 to 1e+12 seconds, got 0"),
        ({"best_probe": -1.0}, "best_probe: expected 1e-12 to 1e+12 seconds, got -1"),
        ({"median": 0.0}, "median: expected 1e-12 to 1e+12 seconds, got 0"),
        ({"median": -0.25}, "median: expected 1e-12 to 1e+12 seconds, got -0.25"),
        ({"median": 1e300}, "median: expected 1e-12 to 1e+12 seconds, got 1e+300"),
        ({"best": 5e-324}, "best: expected 1e-12 to 1e+12 seconds, got 4.94066e-324"),
        ({"interval": Interval(0.3, 0.2)}, "interval: expected low to be no more than high"),
        ({"interval": Interval(0.0, 0.2)}, "interval.low: expected 1e-12 to 1e+12 seconds, got 0"),
        ({"bound": Bound(0.0, 1.0, 0.5, 0.25, "compute", True)}, "bound.seconds: expected 1e-12 to 1e+12 seconds"),
        ({"steps": 0}, "steps: expected 1 or more, got 0"),
        ({"tokens": -1}, "tokens: expected 0 or more, got -1"),
        ({"flops": 10**400}, "flops: expected 0 or more, got far too many"),
    ],
)
def test_a_figure_that_contradicts_itself_is_refused_with_its_place(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    path = tmp_path / "r.jsonl"
    with start(path, HEAD) as journal:
        journal.append(outcome(1))
        journal.append(outcome(2, figures=(FIGURE, FIGURE._replace(**changed))))
    assert refused(path).startswith(f":3: the results are broken: figures[1].{message}")
    assert refused(path).endswith("(restore the file, or delete this line; the others are whole)")


def test_keys_of_other_versions() -> None:
    plain = to_plain(FIGURE)
    assert from_plain(Figure, {**plain, "of tomorrow": 1}) == FIGURE
    del plain["warnings"]  # it has a default
    assert from_plain(Figure, plain) == FIGURE._replace(warnings=())
    del plain["median"]
    with pytest.raises(Unfit, match="the key median is missing"):
        from_plain(Figure, plain)


def test_an_integer_may_stand_for_a_float() -> None:
    assert repr(from_plain(Interval, {"low": 1, "high": 2})) == "Interval(low=1.0, high=2.0)"


def test_what_is_no_plain_value_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError):
        to_plain({"x": object()})


# --- what is written is read ---------------------------------------------------------------------------------


@pytest.mark.torch
def test_a_head_and_a_line_for_each_outcome(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    data = written(path, outcome(1), outcome(2, "crashed", reason="SIGSEGV\n\N{SNOWMAN}\udcff", figures=()))
    lines = [json.loads(line) for line in data.decode("ascii").splitlines()]
    assert (lines[0]["schema_version"], lines[0]["kind"]) == (SCHEMA_VERSION, KIND)
    assert lines[0]["asked"] == {"budget": 3.0, "sweep": ["encoder.hidden_size=1,2"]}
    assert lines[0]["torch"].startswith("2.")
    assert [line["settings"] for line in lines[1:]] == [{"input.batch_size": 1}, {"input.batch_size": 2}]
    read = read_journal(path)
    assert read == Read(
        HEAD, (outcome(1), outcome(2, "crashed", reason="SIGSEGV\n\N{SNOWMAN}\udcff", figures=())), None
    )


def test_what_went_well_is_done() -> None:
    again = outcome(1, variant={"dtype": "float16"}, process=2)
    assert done([outcome(1), outcome(2, "timeout"), again]) == {key_of(outcome(1)), key_of(again)}
    assert key_of(again) == key("m", "m.yaml", {"input.batch_size": 1}, {"dtype": "float16"}, 2)
    # the order of settings does not matter, and 1 is no True
    assert key("m", "f", {"a": 1, "b": 2}, {}, 0) == key("m", "f", {"b": 2, "a": 1}, {}, 0)
    assert key("m", "f", {"a": 1}, {}, 0) != key("m", "f", {"a": True}, {}, 0)


def test_each_line_is_on_the_disk_when_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.jsonl"
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    with start(path, HEAD) as journal:
        for number in range(3):
            assert len(read_journal(path).outcomes) == number
            assert synced[-1] == path.stat().st_size
            journal.append(outcome(number))
    assert len(synced) == 4


# --- journals of version 1 ------------------------------------------------------------------------------------

HEAD_1 = HEAD._replace(schema_version=1)


def of_version_1(path: Path, *subjects: str) -> bytes:
    """What version 1 wrote, which called the whole model "chain"."""
    figures = tuple(
        FIGURE._replace(subject=subject, phase=phase) for subject in subjects for phase in ("forward", "step")
    )
    data = [json.dumps(to_plain(record)).encode() + b"\n" for record in (HEAD_1, outcome(1, figures=figures))]
    path.write_bytes(b"".join(data))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        (("chain",), [None]),
        (("chain", "embed", "head"), [None, "embed", "head"]),
        (("chain", "embed", "chain"), [None, "embed", "chain"]),
    ],
)
def test_the_whole_model_was_called_chain_before(
    tmp_path: Path, subjects: tuple[str, ...], expected: list[str | None]
) -> None:
    of_version_1(tmp_path / "r.jsonl", *subjects)
    (read,) = read_journal(tmp_path / "r.jsonl").outcomes
    names = [(figure.subject, figure.phase) for figure in read.figures]
    assert names == [(subject, phase) for subject in expected for phase in ("forward", "step")]


def test_what_training_was_planned_to_take_is_not_known_of_before(tmp_path: Path) -> None:
    phases = ("forward", "forward+grad", "backward", "step")
    figures = tuple(FIGURE._replace(phase=phase, planned_bytes=218_560) for phase in phases)
    data = [json.dumps(to_plain(record)).encode() + b"\n" for record in (HEAD_1, outcome(1, figures=figures))]
    (tmp_path / "r.jsonl").write_bytes(b"".join(data))
    (read,) = read_journal(tmp_path / "r.jsonl").outcomes
    assert [figure.planned_bytes for figure in read.figures] == [218_560, None, None, None]
    now = outcome(1, figures=tuple(figure._replace(planned_bytes=218_560 + k) for k, figure in enumerate(figures)))
    assert compare_runs([read], [now]).differing == ()


def test_a_journal_of_version_1_is_read_and_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    before = of_version_1(path, "chain")
    message = r"r\.jsonl was begun by an older rnninspect \(begin a new one: name another file with --output\)"
    with pytest.raises(OptionError, match=message):
        resume(path, HEAD)
    assert path.read_bytes() == before
    assert len(read_journal(path).outcomes) == 1


def test_a_new_journal_has_no_name_for_the_whole_model(tmp_path: Path) -> None:
    both = outcome(1, figures=(FIGURE, FIGURE._replace(subject="chain")))
    head, line = (json.loads(text) for text in written(tmp_path / "r.jsonl", both).splitlines())
    assert (head["schema_version"], [figure["subject"] for figure in line["figures"]]) == (2, [None, "chain"])
    assert read_journal(tmp_path / "r.jsonl").outcomes == (both,)


# --- half lines ----------------------------------------------------------------------------------------------


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that write hundreds of files: nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


@pytest.mark.usefixtures("no_disk")
def test_half_a_line_at_every_byte(tmp_path: Path) -> None:
    """Cut anywhere within the last line: the others are read, and what is appended next stands by itself."""
    path = tmp_path / "r.jsonl"
    short = outcome(2, reason="\N{SNOWMAN}", figures=())
    data = written(path, outcome(1), short)
    begin = data.rindex(b"\n", 0, -1) + 1
    for end in range(begin, len(data) + 1):
        path.write_bytes(data[:end])
        whole = end >= len(data) - 1
        expected = (outcome(1), short) if whole else (outcome(1),)
        assert read_journal(path) == Read(HEAD, expected, None if whole or end == begin else 3)
        journal, read = resume(path, HEAD)
        with journal:
            assert read.outcomes == expected
            journal.append(outcome(3))
        assert read_journal(path) == Read(HEAD, (*expected, outcome(3)), None)


@pytest.mark.usefixtures("no_disk")
def test_half_a_head_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    data = written(path)
    for end in range(len(data)):
        path.write_bytes(data[:end])
        if end < len(data) - 1:
            assert "these are no results of rnninspect bench" in refused(path)
        journal, read = resume(path, HEAD)
        with journal:
            assert read == Read(HEAD, (), None)
            journal.append(outcome(1))
        assert read_journal(path) == Read(HEAD, (outcome(1),), None)


def test_what_a_crash_of_the_machine_leaves(tmp_path: Path) -> None:
    """A file system may have made a file longer, and not have come to filling it."""
    path = tmp_path / "r.jsonl"
    data = written(path, outcome(1))
    path.write_bytes(data + b"\0" * 5000)
    assert read_journal(path) == Read(HEAD, (outcome(1),), 3)
    resume(path, HEAD)[0].close()
    assert path.read_bytes() == data


KILLED = """
import json, os, random, signal, sys, time
from pathlib import Path
from rnninspect.bench.journal import head_of
from rnninspect.bench.journal_writer import start
from rnninspect.bench.plain import to_plain
from rnninspect.bench.records import Figure, Outcome

def line(number, samples):
    figure = Figure(None, "forward", 1.0, 3, 1, ((0.123456789,) * samples,), (0,), 1.0, None, 1.0, "budget",
        "steady", 0.0, None, None, None, None, 1, 1, 1, None, None)
    outcome = Outcome("m", "f", {}, {}, number, "float32", "ok", "", None, (figure,))
    return json.dumps(to_plain(outcome)).encode() + b"\\n"

lines = [line(number, (10, 10_000)[number % 2]) for number in range(20)]
waits = random.Random(int(sys.argv[2]))
for trial in range(int(sys.argv[3])):
    path = Path(sys.argv[1], f"{trial}.jsonl")
    child = os.fork()
    if not child:
        journal = start(path, head_of({}))
        for data in lines:
            journal.write(data)
        time.sleep(60)
    while not path.exists():
        time.sleep(0.001)
    time.sleep(waits.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def test_a_writer_that_is_killed_leaves_whole_lines(program: Run, tmp_path: Path) -> None:
    """Lines of up to 130 kB: all but perhaps the last are whole, and none is missing or there twice."""
    trials = 12
    ended = program(KILLED, args=(str(tmp_path), "1", str(trials)))
    assert (ended.returncode, ended.stderr) == (0, "")
    counts = []
    for trial in range(trials):
        path = tmp_path / f"{trial}.jsonl"
        journal, read = resume(path, head_of({}))  # the killed process holds it no longer
        with journal:
            journal.append(outcome(99))
        assert [each.process for each in read.outcomes] == list(range(len(read.outcomes)))
        assert read_journal(path).outcomes == (*read.outcomes, outcome(99))
        counts.append(len(read.outcomes))
    assert max(counts) > 1


# --- what is no journal --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (b"", ":1: these are no results of rnninspect bench: it is empty (name a file that"),
        (b"\n", ":1: these are no results of rnninspect bench: expected one JSON object a line"),
        (b"model: 3", ":1: these are no results of rnninspect bench: expected one JSON object a line"),
        (b"model: 3\n", ":1: these are no results of rnninspect bench: expected one JSON object a line"),
        (b"[]\n", ":1: these are no results of rnninspect bench: expected one JSON object a line, got an empty list"),
        (b"{}\n", ":1: these are no results of rnninspect bench: its first line has no kind 'rnninspect bench'"),
        (b'{"kind": "rnninspect bench"}\n', "expected schema_version 1 to 2, got null"),
        (b'{"kind": "rnninspect bench", "schema_version": true}\n', "expected schema_version 1 to 2, got true"),
        (b'{"kind": "rnninspect bench", "schema_version": 0}\n', "expected schema_version 1 to 2, got 0"),
        (b'{"kind": "rnninspect bench", "schema_version": 3}\n', ":1: these results are of version 3, and this"),
        (
            b'{"kind": "rnninspect bench", "schema_version": 1}\n',
            ":1: these are no results of rnninspect bench: the key",
        ),
        (b'{"schema_version": 1, "rnninspect": "0.1", "models": []}\n', "has no kind"),
        (b"\xff\xfe\n", "expected one JSON object a line"),
        (b"[" * 100_000 + b"\n", "expected one JSON object a line"),
        (b"9" * 10_000 + b"\n", "expected one JSON object a line"),
        (b'{"kind": NaN}\n', "expected one JSON object a line"),
    ],
)
def test_another_sort_of_file(tmp_path: Path, first: bytes, message: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(first)
    assert message in refused(path)
    if first:
        with pytest.raises(DocumentError):
            resume(path, HEAD)
        assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "expected one JSON object a line"),
        (b'{"model": "m"', "expected one JSON object a line"),
        (b"3", "expected one JSON object a line, got 3"),
        (b"{}", "the key model is missing"),
        (b"\xff", "expected one JSON object a line"),
        (json.dumps(to_plain(HEAD)).encode(), "the key model is missing"),
    ],
)
def test_a_broken_line_inside_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "r.jsonl"
    data = written(path, outcome(1), outcome(2))
    broken = data.splitlines(keepends=True)
    broken.insert(2, line + b"\n")
    path.write_bytes(b"".join(broken))
    assert refused(path).startswith(f":3: the results are broken: {message}")
    with pytest.raises(DocumentError):
        resume(path, HEAD)
    assert path.read_bytes() == b"".join(broken)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2500), st.integers(0, 40))
def test_whatever_is_damaged_it_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int, gone: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.jsonl"
    data = b"".join(json.dumps(to_plain(record)).encode() + b"\n" for record in (HEAD, outcome(1), outcome(2)))
    path.write_bytes(data[:at] + noise + data[at + gone :])
    try:
        read_journal(path)
    except DocumentError:
        refused(path)


@pytest.mark.parametrize("name", ["missing.jsonl", "", "x" * 5000, "a\0b"])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    assert "(rnninspect bench --output FILE writes one)" in refused(tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "is a named pipe"), (Path("/dev/zero"), "is a device")):
        assert f"it {kind}" in refused(path)
        with pytest.raises(OptionError, match=f"--resume: {path} {kind}, so"):
            resume(path, HEAD)


@pytest.mark.parametrize("failure", [metadata.PackageNotFoundError("torch"), OSError(5, "Input/output error"), None])
def test_a_version_of_torch_that_cannot_be_read_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    def version(name: str) -> None:
        if failure is not None:
            raise failure

    monkeypatch.setattr(metadata, "version", version)
    head = head_of({})
    assert head.torch == "unknown"
    with start(tmp_path / "r.jsonl", head) as journal:
        journal.append(outcome(1))
    assert read_journal(tmp_path / "r.jsonl").head == head


# --- beginning and going on ----------------------------------------------------------------------------------


def test_nothing_that_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    data = written(path, outcome(1))
    with pytest.raises(OptionError, match=r"it is there already \(--resume goes on with it, or name another file\)"):
        start(path, HEAD)
    assert path.read_bytes() == data


def test_resume_where_there_is_nothing_begins(tmp_path: Path) -> None:
    journal, read = resume(tmp_path / "r.jsonl", HEAD)
    with journal:
        journal.append(outcome(1))
    assert read == Read(HEAD, (), None)
    assert read_journal(tmp_path / "r.jsonl") == Read(HEAD, (outcome(1),), None)


def test_resume_under_other_settings_says_which(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    data = written(path, outcome(1))
    other = HEAD._replace(torch="9.9", asked={"budget": 1.0, "files": ["a"], "sweep": HEAD.asked["sweep"]})
    with pytest.raises(OptionError) as caught:
        resume(path, other)
    text = str(caught.value)
    differing = f"torch {HEAD.torch!r}, now '9.9'; budget 3.0, now 1.0; files null, now [\"a\"] ("
    assert f"was begun otherwise: {differing}" in text
    assert path.read_bytes() == data
    many = HEAD._replace(asked={f"k{n}": n for n in range(9)})
    with pytest.raises(OptionError, match="; and 7 more "):
        resume(path, many)


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with start(path, HEAD) as journal:
        with pytest.raises(OptionError, match="another process is writing it"):
            resume(path, HEAD)
        journal.append(outcome(1))
    assert read_journal(path).outcomes == (outcome(1),)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in ("missing/r.jsonl", "file/r.jsonl", "folder", "x" * 300):
        with pytest.raises(OutputFailed, match=r"^cannot write ") as caught:
            start(tmp_path / path, HEAD)
        assert caught.value.exit_code == 3
        assert str(caught.value).isprintable()


def test_a_full_disk_from_the_start(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="cannot write /dev/full: No space left on device"):
        start(Path("/dev/full"), HEAD)
    (tmp_path / "link").symlink_to("/dev/full")
    with pytest.raises(OutputFailed, match="No space left on device"):
        start(tmp_path / "link", HEAD)


FULL = """
import resource, sys
from pathlib import Path
from rnninspect.bench.journal import head_of, read_journal
from rnninspect.bench.journal_writer import start
from rnninspect.bench.records import Outcome
from rnninspect.errors import OutputFailed

def outcome(reason):
    return Outcome("m", "f", {}, {}, 0, "float32", "ok", reason, None, ())

path = Path(sys.argv[1])
with start(path, head_of({})) as journal:
    journal.append(outcome("first"))
    before = path.read_bytes()
    for room in (0, 1, 100):
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, -1))
        try:
            journal.append(outcome("x" * 1000))
        except OutputFailed as error:
            assert str(error) == f"cannot write {path}: File too large", error
        else:
            raise AssertionError(room)
        assert path.read_bytes() == before
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    journal.append(outcome("last"))
assert [each.reason for each in read_journal(path).outcomes] == ["first", "last"]

other = path.with_name("other.jsonl")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, -1))
try:
    start(other, head_of({}))
except OutputFailed:
    assert not other.exists()
else:
    raise AssertionError("begun")
"""


def test_a_disk_that_fills_up_loses_nothing(program: Run, tmp_path: Path) -> None:
    """A limit on the file's size takes a part of a line, as a full disk does."""
    ended = program(FULL, args=(str(tmp_path / "r.jsonl"),))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_pipe_takes_a_journal(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with start(Path(f"/dev/fd/{writer}"), HEAD) as journal:
        journal.append(outcome(1))
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        lines = stream.read().splitlines()
    assert [json.loads(line) for line in lines] == [to_plain(HEAD), to_plain(outcome(1))]


def test_every_error_is_one_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written(path)
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("root writes everything")
    with pytest.raises(RnnInspectError, match="cannot write"):
        resume(path, HEAD)
