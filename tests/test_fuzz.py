"""Whatever a file holds, it ends as a model that can be planned or as one RnnInspectError: nothing else gets out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from worlds import DOCUMENTS, spec_of

from rnninspect.bench.compare import compare_runs
from rnninspect.bench.journal import head_of, read_journal
from rnninspect.bench.journal_writer import resume
from rnninspect.bench.option_values import parse_varies
from rnninspect.bench.plain import to_plain
from rnninspect.bench.points import load_points
from rnninspect.bench.records import Bound, Environment, Figure, Interval, Kernels, Outcome, Warned
from rnninspect.document.blocks import Document, Input
from rnninspect.document.load import load_spec
from rnninspect.errors import DocumentError, RnnInspectError
from rnninspect.facts.models import ModelFacts
from rnninspect.formats import json as json_format
from rnninspect.formats import terminal
from rnninspect.guard.against import Against
from rnninspect.guard.changes import changes
from rnninspect.guard.check import Check, Verdict, parse_growth
from rnninspect.guard.findings import findings
from rnninspect.guard.lock import read_lock, update_lock
from rnninspect.guard.lock_lines import render_lock
from rnninspect.guard.locked import locked_model
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.plan import plan
from rnninspect.results.bench import bench_blocks
from rnninspect.results.bench_json import bench_document
from rnninspect.results.check import check_document, check_tables
from rnninspect.results.compare import compare_blocks, compare_document
from rnninspect.study.input_expected import Expected
from rnninspect.study.input_file import read_values

# What is held against.
AGAINST = Against("rnninspect.lock")
# With cells under `cells:` and in a layer too, whatever `configs/` has.
CELLS = """\
cells:
  Mine:
    equations: |
      f = sigmoid(W_if @ x + W_hf @ h + b_f)
      for k in range(depth):
          h = f * h + dt * tanh(W_n[k] @ (f * h) + w_s * s)
      s = s + h
    output: h
    constants: {dt: 0.1, depth: 2}
    init: {W_hf: orthogonal, w_*: ones}
    initial: {s: 1.0}
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: a, type: Mine, input_size: 3, hidden_size: 4, dt: 0.5, num_layers: 2, bidirectional: true}
  - {name: b, type: Cell, hidden_size: 4, equations: "h = tanh(W_ih @ x + W_hh @ h)", fixed: [W_hh]}
  - {name: c, type: MGU, hidden_size: 4, bias: false}
"""
CONFIGS = [path.read_text() for path in DOCUMENTS] + [CELLS] * 5
KEYS = sorted({*Document.model_fields, *Input.model_fields, *(key for t in TYPES for key in kind_of(t).model_fields)})


def outcome(text: str, *settings: str) -> ModelFacts | RnnInspectError:
    """The planned model, or the complaint, which is one printable line."""
    try:
        facts = plan(spec_of(text, *settings))
    except RnnInspectError as error:
        complaint = error
    else:
        assert facts.parameters >= 0
        assert facts.forward.flops is not None
        return facts
    assert str(complaint).isprintable()
    assert complaint.exit_code == 2
    return complaint


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good document with a few pieces of it replaced, doubled, dropped or moved."""
    text = draw(st.sampled_from(CONFIGS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(len(text), start + 20)))
        piece = draw(
            st.sampled_from(
                ["", text[start:stop] * 2, "null", "-1", "0", "1e400", "[]", "{}", "yes", ": ", "- ", "\n", "\t", "'"]
            )
            | st.text(max_size=5)
            | st.sampled_from(KEYS)
            | st.integers().map(str)
        )
        text = text[:start] + piece + text[stop:]
    return text


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["LSTM", "Linear", "last"])
)
structures = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@st.composite
def shaped(draw: st.DrawFn) -> str:
    """A document of the right outline, its layers of real kinds, with values of any sort."""
    layers = [
        {"type": draw(st.sampled_from(TYPES)), **draw(st.dictionaries(st.sampled_from(KEYS), structures, max_size=4))}
        for _ in range(draw(st.integers(1, 3)))
    ]
    batch = {"batch_size": draw(st.none() | st.integers(1, 4)), "seq_len": draw(st.integers(1, 4))}
    document = {
        "input": batch,
        "layers": layers,
        **draw(st.dictionaries(st.sampled_from(KEYS), structures, max_size=1)),
    }
    return yaml.safe_dump(document, allow_unicode=True)


@examples(40)
@given(mutated())
def test_mutated_documents(text: str) -> None:
    outcome(text)


@examples(40)
@given(shaped())
def test_documents_of_any_values(text: str) -> None:
    outcome(text)


@examples(40)
@given(structures)
def test_any_structure(value: object) -> None:
    outcome(yaml.safe_dump(value, allow_unicode=True))


@examples(40)
@given(
    st.sampled_from(CONFIGS),
    st.text(max_size=20)
    | st.builds("{}.{}={}".format, st.sampled_from(["encoder", "input", "budget"]), st.sampled_from(KEYS), scalars),
)
def test_any_setting(text: str, setting: str) -> None:
    outcome(text, setting)


@examples(40)
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "doc.yaml"
    path.write_bytes(data)
    with pytest.raises(DocumentError):
        load_spec(str(path))


def test_the_fuzz_reaches_both_ends() -> None:
    """Neither end is out of reach: good documents are planned, and a mutation is complained of."""
    assert all(isinstance(outcome(text), ModelFacts) for text in CONFIGS)
    assert isinstance(outcome(CONFIGS[0].replace("layers", "lairs")), RnnInspectError)


# --- what else is given: options of bench, journals, locks, arrays -----------------------------------------


def complained(of: Callable[[], object]) -> bool:
    """Whether there is a complaint, which is one printable line, and asked wrongly; nothing else may come out."""
    try:
        of()
    except RnnInspectError as error:
        complaint = error
    else:
        return False
    assert str(complaint).isprintable()
    assert complaint.exit_code == 2
    return True


_ENCODER = ["encoder.hidden_size", "encoder.init.weight_hh", "encoder.init", "encoder.x", "encoder", "nobody.bias"]
_OTHERS = ["input.batch_size", "input.lengths", "budget.max_macs", "dtype", "threads", "backend", "name", "device", "."]
_LISTED = ["1", "64", "range(1,9,2)", "range(9,1)", "range(1,4,0)", "range(x)", "null", "[2, 1]"]
_WORDS = ["eager", "float64", "xavier_uniform", "{law: constant, value: 1}", "!!int x", "1e400", "'", "]", "(", "&a"]
PATHS = st.sampled_from([*_ENCODER, *_OTHERS])
VALUES = st.sampled_from([*_LISTED, *_WORDS]) | st.builds(json.dumps, structures) | st.text(max_size=6)
OPTIONS = st.lists(
    st.builds(lambda path, values: f"{path}={','.join(values)}", PATHS, st.lists(VALUES, max_size=3)), max_size=2
)


@examples(20)
@given(st.sampled_from(CONFIGS), OPTIONS, OPTIONS, OPTIONS)
def test_any_points_of_a_benchmark(
    tmp_path_factory: pytest.TempPathFactory, text: str, sets: list[str], sweeps: list[str], varies: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "points.yaml"
    path.write_text(text)

    def visit() -> None:
        varied, notes = parse_varies(varies)
        assert all(note.isprintable() for note in notes)
        points = load_points(str(path), sets, sweeps, varied)
        assert all(point.case.isprintable() for point in points)
        for point in points[:3]:
            plan(point.variants[-1].spec)

    complained(visit)


@st.composite
def damaged(draw: st.DrawFn, lines: list[Any]) -> bytes:
    """JSON, an object a line, of which a few values are others, gone, or there twice; or bytes that are none."""
    lines = json.loads(json.dumps(lines))
    for _ in range(draw(st.integers(1, 3))):
        at: Any = lines
        while True:
            keys = list(at) if isinstance(at, dict) else range(len(at))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and draw(st.integers(0, 4)):
                at = at[key]
                continue
            new = draw(structures | st.sampled_from([0, -1, 1e-320, 1e308, 10**400, [], {}, "", "\u202e", True]))
            match draw(st.sampled_from(["other", "near", "gone", "twice"])):
                case "near" if type(at[key]) in (int, float):
                    # why no 1e9: a float cannot hold every integer that stands here
                    at[key] = at[key] * draw(st.sampled_from([-1, 0, 1, 2, 10**9]))
                case "gone":
                    del at[key]
                case "twice" if isinstance(at, list):
                    at.insert(0, at[key])
                case _:
                    at[key] = new
            break
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    cut = draw(st.just(0) | st.integers(0, 30))
    return data[: len(data) - cut] + draw(st.just(b"") | st.binary(max_size=4))


HEAD = head_of({"budget": 1.0})
ROUNDS = tuple((1e-4 * (9 + k % 3),) * 4 for k in range(9))
FIGURE = Figure(
    *("chain", "forward", 0.01, 3, 1, ROUNDS, tuple(range(9)), 1e-3, Interval(9.5e-4, 1.05e-3), 9e-4, "precision"),
    *("steady", 0.001, None, 1.0, None, 1000, 8, 2, 4, Bound(5e-4, 5e-4, 1e-4, 2e-4, "compute", True)),
    Kernels(("mkldnn_rnn_layer",), True),
    (Warned("slow", "try less"),),
    passes=tuple(range(9)),
    probes=(0.5,) * 9,
    best_probe=0.4,
    page_faults=7.0,
)
ENVIRONMENT = Environment("cpu", "a CPU", "2.13.0", "0.1.0", "3.11.2", 1, 4, "2026-01-01T00:00:00+00:00", 0.5, True)
OUTCOMES = tuple(
    Outcome("m", "m.yaml", {"encoder.hidden_size": size}, variant, 0, "float32", "ok", "", ENVIRONMENT, (FIGURE,))
    for size in (8, 16)
    for variant in ({"threads": 1}, {"threads": 2})
)


@examples(12)
@given(damaged([to_plain(record) for record in (HEAD, *OUTCOMES)]))
def test_any_journal(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """What is read is shown, held against another, and gone on with; or it is complained of."""
    path = tmp_path_factory.getbasetemp() / "r.jsonl"
    path.write_bytes(data)

    def show() -> None:
        outcomes = read_journal(path).outcomes
        terminal.render(bench_blocks(outcomes, all_of_it=True), "", width=80, colour=False)
        json_format.render(bench_document(outcomes))
        for old, new in ((OUTCOMES, outcomes), (outcomes, OUTCOMES)):
            found = compare_runs(old, new, 0.05)
            terminal.render(compare_blocks(found, "a", all_of_it=True), "", width=80, colour=False)
            json_format.render(compare_document(found, [*old, *new]))

    complained(show)

    def go_on() -> None:
        resume(path, HEAD)[0].close()
        read_journal(path)

    complained(go_on)


SPEC = spec_of(CONFIGS[0], name="a")
SMALL = plan(SPEC)
LOCKED = locked_model(SPEC, SMALL)
LOCK = [json.loads(line) for line in render_lock({"a.yaml": LOCKED}).splitlines() if line]


@examples(20)
@given(damaged(LOCK))
def test_any_lock(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """What is read is held against a model and shown, and is read again once it is written; or it is complained of."""
    path = tmp_path_factory.getbasetemp() / "rnninspect.lock"
    path.write_bytes(data)

    def hold() -> None:
        locked = read_lock(path)
        for growth in (None, parse_growth("5%"), parse_growth("params=1k,macs=0.1%")):
            verdict = Verdict(SMALL, (), changes(LOCKED, locked.get("a.yaml")), growth)
            assert all(finding.what.isprintable() for finding in findings(SPEC, verdict, AGAINST))
            terminal.render(check_tables(Check((verdict,), AGAINST), folded=True), "", width=80, colour=False)
            json_format.render(check_document(Check((verdict,), AGAINST)))
        update_lock(path, lambda before: before)
        assert read_lock(path) == locked

    complained(hold)


_DTYPES = ["<f4", ">f8", "<i8", "|u1", "<f2", "|b1", "<c8", "<U3", "<M8[D]", "|V4", "|O", "<f0"]


@examples(20)
@given(
    st.sampled_from([b"\x93NUMPY" + bytes([version, 0]) for version in (1, 2, 3, 4)]),
    st.fixed_dictionaries(
        {
            "descr": structures | st.sampled_from(_DTYPES),
            "fortran_order": st.booleans() | scalars,
            "shape": structures
            | st.sampled_from([(2, 3), (3, 2), (6,), (), (2, 3, 1), (0, 3), (-2, -3), (2**62, 3), [2, 3], (2.0, 3)]),
        },
        optional={"more": scalars},
    ),
    st.binary(max_size=8) | st.sampled_from([4, 8, 24, 48, 60]).map(bytes) | st.binary(min_size=48, max_size=48),
    st.integers(-3, 3),
    st.sampled_from([None, 5]),
)
def test_any_array(
    tmp_path_factory: pytest.TempPathFactory, magic: bytes, header: object, values: bytes, off: int, below: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "x.npy"
    text = repr(header).encode("utf-8", "backslashreplace") + b"\n"
    size = max(0, len(text) + off * (off % 2))
    path.write_bytes(magic + size.to_bytes(2 if magic[6] == 1 else 4, "little") + text + values)
    complained(lambda: read_values(Expected(path, (2, 3), ("L", "N" if below else "H_in"), below)))


def test_this_fuzz_reaches_both_ends_too(tmp_path: Path) -> None:
    """What the damage starts from is sound, and is complained of once it is damaged."""
    path = tmp_path / "file"
    for lines, read in (([to_plain(record) for record in (HEAD, *OUTCOMES)], read_journal), (LOCK, read_lock)):
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert not complained(lambda read=read: read(path))
        path.write_text(path.read_text()[1:])
        assert complained(lambda read=read: read(path))
    (tmp_path / "m.yaml").write_text(CONFIGS[0])
    assert not complained(lambda: load_points(str(tmp_path / "m.yaml"), sweeps=["input.batch_size=1,2"]))
    path = tmp_path / "x.npy"
    header = repr({"descr": "<f8", "fortran_order": False, "shape": (2, 3)}).encode() + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(48))
    assert not complained(lambda: read_values(Expected(path, (2, 3), ("L", "H_in"))))
