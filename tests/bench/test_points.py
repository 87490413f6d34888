"""What a benchmark visits: the sweeps, cases and variants of a document, and everything they can be wrong in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from worlds import CONFIGS

from rnninspect.bench.bound import deepbench_flops
from rnninspect.bench.cpus import usable_cpus
from rnninspect.bench.option_values import MOST_POINTS, clamp_threads, parse_precision, parse_time, parse_varies
from rnninspect.bench.points import Point, beyond_cudnn, load_points
from rnninspect.bench.records import RunOptions, settings_text
from rnninspect.document.load import load_spec
from rnninspect.errors import DocumentError, OptionError, RnnInspectError
from rnninspect.plan import plan

TEXT = """\
name: small
input: {batch_size: 3, seq_len: 5}
layers:
  - {name: encoder, type: LSTM, input_size: 2, hidden_size: 4}
  - {name: head, type: Linear, out_features: 7}
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(more: str = "", text: str = TEXT) -> str:
        path = tmp_path / "doc.yaml"
        path.write_text(text + more, encoding="utf-8")
        return str(path)

    return written


def names(points: tuple[Point, ...]) -> list[str]:
    """What each is called: `wide: encoder.hidden_size=64`."""
    return [": ".join(filter(None, [point.case, settings_text(point.settings)])) for point in points]


def refused(path: str, *sweeps: str, **options: Any) -> str:
    """The one line of a refusal, without the document's path."""
    with pytest.raises(DocumentError) as caught:
        load_points(path, sweeps=sweeps, **options)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(f"{path}:")


# --- which points --------------------------------------------------------------------------------------------


def test_a_document_as_written_is_one_point(write: Write) -> None:
    path = write("")
    (point,) = load_points(path)
    assert (point.case, point.settings, point.spec) == ("", {}, load_spec(path))
    assert [(run.variant, run.setting) for run in point.variants] == [({}, RunOptions())]
    assert point.variants[0].spec == point.spec


def test_the_product_of_two_sweeps_the_last_fastest(write: Write) -> None:
    points = load_points(write(""), sweeps=["encoder.hidden_size=6,4", "input.batch_size=1,range(2,7,2)"])
    assert [tuple(point.settings.values()) for point in points] == list(product((6, 4), (1, 2, 4, 6)))


def test_every_point_is_the_document_with_its_settings(write: Write) -> None:
    path = write("sweep: {encoder.hidden_size: [3, 8], dtype: [float64, float32]}\ncases: [{head.bias: false}, {}]\n")
    points = load_points(path, ["head.out_features=9"], ["encoder.num_layers=1,2"])
    assert len(points) == 16
    for point in points:
        given = [f"{name}={json.dumps(value)}" for name, value in point.settings.items()]
        assert point.spec == load_spec(path, ["head.out_features=9", *given])


def test_swept_lengths_say_how_many_sequences_there_are(write: Write) -> None:
    path = write(
        "sweep: {input.lengths: [[3, 5], [2, 2, 4]]}\n", text=TEXT.replace("batch_size: 3, seq_len: 5", "lengths: [1]")
    )
    batches = [point.spec.batch for point in load_points(path)]
    assert [(batch.size, batch.seq_len) for batch in batches] == [(2, 5), (3, 4)]


def test_cases_come_with_every_combination_of_what_is_swept(write: Write) -> None:
    path = write(
        "sweep: {input.batch_size: [1, 2]}\n"
        "cases:\n  - {name: wide, encoder.hidden_size: 64}\n  - {encoder.hidden_size: 8, head.bias: false}\n  - {}\n"
    )
    assert names(load_points(path)) == [
        "wide: encoder.hidden_size=64 input.batch_size=1",
        "wide: encoder.hidden_size=64 input.batch_size=2",
        "encoder.hidden_size=8 head.bias=false input.batch_size=1",
        "encoder.hidden_size=8 head.bias=false input.batch_size=2",
        "input.batch_size=1",
        "input.batch_size=2",
    ]
    assert [len(point.settings) for point in load_points(path)] == [2, 2, 3, 3, 1, 1]


def test_a_sweep_of_the_command_line_takes_the_documents_place(write: Write) -> None:
    path = write("sweep: {encoder.hidden_size: 'range(3, 6)', input.batch_size: [1, 2]}\n")
    assert len(load_points(path)) == 6
    assert names(load_points(path, sweeps=["encoder.hidden_size=9"])) == [
        "input.batch_size=1 encoder.hidden_size=9",
        "input.batch_size=2 encoder.hidden_size=9",
    ]


def test_values_are_those_of_set(write: Write) -> None:
    path = write("")
    points = load_points(path, sweeps=["input.lengths=[5, 4, 2],[1,1,1],null"])
    assert [point.settings["input.lengths"] for point in points] == [[5, 4, 2], [1, 1, 1], None]
    assert [point.spec.dtype for point in load_points(path, sweeps=["dtype=float16, 'float64'"])] == [
        "float16",
        "float64",
    ]
    types = load_points(path, sweeps=["encoder.type=LSTM,GRU,RNN"])
    assert [point.spec.links[0].layer.type for point in types] == ["LSTM", "GRU", "RNN"]
    laws = load_points(path, sweeps=["encoder.init.weight_hh=orthogonal,xavier_uniform"])
    assert [point.spec.links[0].layer.init["weight_hh"] for point in laws] == ["orthogonal", "xavier_uniform"]  # type: ignore[attr-defined]


CELL = """\
input: {batch_size: 3, seq_len: 5}
layers:
  - name: rnn
    type: Cell
    input_size: 2
    hidden_size: 4
    constants: {dt: 0.1}
    sizes: {order: 3}
    widths: {m: order}
    equations: |
      m = m + dt * tanh(W_mx @ x)
      h = tanh(W_hm @ m)
"""


def test_a_cells_own_numbers_are_swept_and_set_by_cases(write: Write) -> None:
    path = write("cases: [{name: small, rnn.order: 2}, {rnn.order: 7}]\nsweep: {rnn.dt: [0.05, 1]}\n", text=CELL)
    points = load_points(path)
    assert names(points) == [
        "small: rnn.order=2 rnn.dt=0.05",
        "small: rnn.order=2 rnn.dt=1",
        "rnn.order=7 rnn.dt=0.05",
        "rnn.order=7 rnn.dt=1",
    ]
    numbers = [point.spec.links[0].layer.numbers for point in points]  # type: ignore[attr-defined]
    assert numbers == [{"dt": dt, "order": order} for order in (2, 7) for dt in (0.05, 1)]
    # W_mx, order by 2, and W_hm, 4 by order.
    assert [plan(point.spec).counts.parameters for point in points] == [12, 12, 42, 42]
    assert refused(write("", text=CELL), "rnn.order=2,2.5").startswith("--sweep rnn.order=2,2.5: ")


def test_a_case_may_set_a_whole_block(write: Write) -> None:
    (point,) = load_points(write("cases: [{encoder.init: {weight_hh: orthogonal}}]"))
    assert point.spec.links[0].layer.init == {"weight_hh": "orthogonal"}  # type: ignore[attr-defined]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-10, 30), min_size=1, max_size=3))
def test_a_range_is_pythons(write: Write, numbers: list[int]) -> None:
    assume(len(numbers) < 3 or numbers[2] != 0)
    expected = list(range(*numbers))
    text = f"range({', '.join(map(str, numbers))})"
    for path, sweeps in ((write(""), [f"input.seq_len={text}"]), (write(f"sweep: {{input.seq_len: '{text}'}}\n"), [])):
        if not expected:
            assert f"input.seq_len: {text} is empty" in refused(path, *sweeps)
        elif min(expected) < 1:
            assert "input.seq_len: expected an integer >= 1" in refused(path, *sweeps)
        else:
            points = load_points(path, sweeps=sweeps)
            assert [point.settings["input.seq_len"] for point in points] == expected


# --- what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("encoder.hidden_size", "expected PATH=VALUE,VALUE"),
        ("=3", "expected PATH=VALUE,VALUE"),
        ("encoder.hidden_size=", "encoder.hidden_size: there is no value to visit"),
        ("encoder.hidden_size=3,,4", "the value is empty"),
        ("encoder.hidden_size=3,4,", "the value is empty"),
        ("encoder.hidden_size=3,4,3", "encoder.hidden_size: 3 stands twice"),
        ("encoder.hidden_size=3,range(1,9)", "encoder.hidden_size: 3 stands twice"),
        ("encoder.hidden_size=range(5,5)", "encoder.hidden_size: range(5,5) is empty (STOP itself is left out"),
        ("encoder.hidden_size=range(1,5,0)", "encoder.hidden_size: the step of range(1,5,0) is 0"),
        ("encoder.hidden_size=range(1,x)", "encoder.hidden_size: not a range: 'range(1,x)'"),
        ("encoder.hidden_size=range(1,2", "encoder.hidden_size: not a range: 'range(1,2'"),
        ("encoder.hidden_size=range(0,10**9)", "encoder.hidden_size: not a range"),
        ("encoder.hidden_size=range(1,999999999999999999)", "999,999,999,999,999,998 points are too many"),
        ("encoder.hidden_size=range(-999999999999999999,999999999999999999)", "points are too many"),
        ("encodr.hidden_size=3,4", "no layer is called 'encodr', at encodr.hidden_size=3 (did you mean 'encoder'?)"),
        ("encoder.hiden_size=3", "layers[0].hiden_size: unknown key 'hiden_size', at encoder.hiden_size=3 (did you"),
        ("wat=3", "no top-level key 'wat' can be set"),
        ("sweep=3", "no top-level key 'sweep' can be set"),
        ("cases=3", "no top-level key 'cases' can be set"),
        ("name=a,b", "name cannot be swept"),
        ("encoder.hidden_size=3,0", "layers[0].hidden_size: expected an integer >= 1, got 0, at encoder.hidden_size=0"),
        ("encoder.hidden_size=3,4.0", "expected an integer >= 1, got 4.0, at encoder.hidden_size=4.0 (write 4)"),
        ("encoder.hidden_size=3,{a: 1}", "expected one value or a list"),
        ("encoder.hidden_size=3,[1", "not valid YAML"),
        ("head.in_features=4,5", "expected 4, the width that layer 'encoder' puts out, got 5, at head.in_features=5"),
        ("dtype=float32,float8", "expected float32, float64, float16 or bfloat16, got 'float8', at dtype=float8"),
    ],
)
def test_a_wrong_sweep_names_the_option(write: Write, sweep: str, message: str) -> None:
    text = refused(write(""), sweep)
    assert text.startswith(f"--sweep {sweep[:80]}")
    assert message in text


@pytest.mark.parametrize(
    ("more", "place", "message"),
    [
        (
            "sweep: {encoder.hidden_size: 64}",
            "6:30",
            "sweep.'encoder.hidden_size': expected a list of values, or range(",
        ),
        ("sweep: {dtype: 64}", "6:16", "sweep.dtype: expected a list of values, or range("),
        ("sweep: {encoder.hidden_size: []}", "6:30", "expected a list of values, or range(START, STOP, STEP), got an"),
        ("sweep: {encoder.hidden_size: 'range(1)0'}", "6:30", "expected a list of values, or range("),
        ("sweep: [encoder.hidden_size]", "6:8", "sweep: expected a mapping of paths to values, such as"),
        ("cases: []", "6:8", "cases: expected a list of at least one mapping of paths to values, got an empty list"),
        ("cases: {encoder.hidden_size: 3}", "6:8", "cases: expected a list of at least one mapping"),
        ("cases: [{}, encoder]", "6:13", "cases[1]: expected a mapping of paths to values, such as"),
        ("cases: [{name: 3}]", "6:16", "cases[0].name: expected 1 to 100 printable characters, got 3"),
        ("cases: [{name: ''}]", "6:16", "cases[0].name: expected 1 to 100 printable characters, got ''"),
        ('cases: [{name: "\\e[0m"}]', "6:16", "cases[0].name: expected 1 to 100 printable characters"),
    ],
)
def test_malformed_blocks_are_refused_by_every_command(write: Write, more: str, place: str, message: str) -> None:
    path = write(more)
    for load in (load_spec, load_points):
        with pytest.raises(DocumentError) as caught:
            load(path)
        assert str(caught.value).startswith(f"{path}:{place}: ")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("more", "place", "message"),
    [
        ("sweep: {encodr.hidden_size: [3, 4]}", "6:30", "no layer is called 'encodr', at encodr.hidden_size=3"),
        ("sweep: {encoder.hidden_size: [3, 4, 3]}", "6:37", "encoder.hidden_size: 3 stands twice"),
        ("sweep: {encoder.hidden_size: [3, x]}", "6:34", "layers[0].hidden_size: expected an integer >= 1, got 'x'"),
        ("sweep: {encoder.hidden_size: 'range(3, 3)'}", "6:30", "encoder.hidden_size: range(3, 3) is empty"),
        ("sweep: {encoder.hidden_size: 'range(3, 9, 0)'}", "6:30", "the step of range(3, 9, 0) is 0"),
        ("cases: [{encoder.hidden_size: 3}, {encoder.wat: 3}]", "6:49", "unknown key 'wat', at encoder.wat=3"),
        ("cases: [{head.bias: 1}]", "6:21", "layers[1].bias: expected true or false, got 1, at head.bias=1"),
        ("cases: [{head.bias: true}, {head.bias: true}]", "6:28", "cases[1]: sets the same as cases[0]"),
        ("cases: [{name: a}, {name: a, head.bias: true}]", "6:20", "cases[1].name: the name 'a' is taken by cases[0]"),
        (
            "cases: [{head.bias: true}]\nsweep: {head.bias: [true, false]}",
            "7:21",
            "head.bias: a case sets 'head.bias' already (set it in one place)",
        ),
        (
            "cases: [{encoder.init: null}]\nsweep: {encoder.init.bias: [zeros]}",
            "7:29",
            "encoder.init.bias: a case sets 'encoder.init' already",
        ),
    ],
)
def test_values_that_only_a_benchmark_reads_are_refused_by_it_alone(
    write: Write, more: str, place: str, message: str
) -> None:
    path = write(more)
    assert load_spec(path) == load_spec(write(""))
    text = refused(write(more))
    assert text.startswith(f"{place}: ")
    assert message in text


def test_what_is_set_twice_is_not_lost_silently(write: Write) -> None:
    path = write("sweep: {encoder.hidden_size: [3, 4]}")
    assert "encoder.hidden_size: --set sets 'encoder.hidden_size' already" in refused(
        path, settings=["encoder.hidden_size=5"]
    )
    assert "dtype: --set sets 'dtype' already" in refused(path, "dtype=float32,float64", dtype="float16")
    assert "a sweep sets 'input.seq_len' already" in refused(path, "input.seq_len=3", "input.seq_len=4")
    varies, _ = parse_varies(["dtype=float32,float64"])
    assert "a sweep sets 'dtype' already" in refused(path, "dtype=float32,float64", varies=varies)
    assert "--set sets 'dtype' already" in refused(path, dtype="float16", varies=varies)


def test_the_document_itself_must_be_sound(write: Write) -> None:
    path = write("", TEXT.replace("hidden_size: 4", "hidden_size: 0"))
    assert refused(path, "encoder.hidden_size=3").startswith("4:61: layers[0].hidden_size: expected an integer >= 1")


def test_too_many_points_are_refused_before_any_is_made(write: Write) -> None:
    path = write("")
    text = refused(path, "input.seq_len=1,2", "encoder.hidden_size=range(1,5002)")
    assert text.startswith("--sweep encoder.hidden_size=range(1,5002): encoder.hidden_size: 10,002 points are too many")
    assert f"the most is {MOST_POINTS:,}" in text
    assert "more than 50 paths are swept" in refused(path, *(f"encoder.k{axis}=1" for axis in range(60)))
    # 3,000 sweeps of 9,999 values each, in a document
    bomb = "".join(f"  head.k{axis}: range(1, 10000)\n" for axis in range(3_000))
    assert "99,980,001 points are too many" in refused(write(f"sweep:\n{bomb}"))
    varies, _ = parse_varies(["head.bias=true,false"])
    assert "10,002 points" in refused(write(), "encoder.hidden_size=range(1,5002)", varies=varies)


def test_a_large_document_may_have_fewer_points(write: Write) -> None:
    layers = "".join(f"  - {{type: Dropout, p: 0.{k}}}\n" for k in range(1, 400))
    text = refused(write(layers), "input.seq_len=range(1,2001)")
    assert re.search(r"2,000 points are too many for a document of 1,\d{3} keys and values \(the most is \d{3}\)", text)


def test_a_case_of_any_size_is_named_on_one_line(write: Write) -> None:
    path = write('cases: [{head.name: "\\e[0m\\n", encoder.hidden_size: 3}]')
    assert "at head.name=\\x1b[0m\\n encoder.hidden_size=3" in refused(path)
    assert settings_text({"a": "\x1b", "b": [1, None], "c": True}) == "a=\\x1b b=[1, null] c=true"


PATHS = st.sampled_from(
    ["encoder.hidden_size", "input.seq_len", "dtype", "name", "head", "x.y", "", "encoder.init.bias"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("range(1, 3)"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PATHS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, VALUES, st.lists(st.tuples(PATHS, st.text(max_size=12)), max_size=2))
def test_whatever_stands_there_it_is_points_or_one_line(
    write: Write, sweep: object, cases: object, sweeps: list[tuple[str, str]]
) -> None:
    path = write(f"sweep: {json.dumps(sweep)}\ncases: {json.dumps(cases)}\n")
    try:
        points = load_points(path, sweeps=[f"{name}={values}" for name, values in sweeps])
    except RnnInspectError as error:
        complaint = error
    else:
        assert all(name.isprintable() for name in names(points))
        return
    assert (complaint.exit_code, str(complaint).isprintable()) == (2, True)


# --- variants ------------------------------------------------------------------------------------------------


def test_variants_are_the_product_of_what_is_varied(write: Write) -> None:
    varies, notes = parse_varies(["backend=eager,compile", "threads=1", "dtype=float32,float64"])
    assert notes == ()
    first, second = load_points(write(""), sweeps=["input.batch_size=1,2"], varies=varies)
    assert [run.variant for run in first.variants] == [
        {"backend": backend, "threads": 1, "dtype": dtype}
        for backend in ("eager", "compile")
        for dtype in ("float32", "float64")
    ]
    assert [variant.setting for variant in first.variants] == [RunOptions(1, "eager")] * 2 + [
        RunOptions(1, "compile")
    ] * 2
    assert [variant.spec.dtype for variant in second.variants] == ["float32", "float64"] * 2
    assert {variant.spec.batch.size for variant in second.variants} == {2}


def test_the_same_value_twice_is_an_a_a_comparison(write: Write) -> None:
    varies, _ = parse_varies(["head.bias=true,true,false,true"])
    (point,) = load_points(write(""), varies=varies)
    assert [run.variant for run in point.variants] == [
        {"head.bias": True},
        {"head.bias": True, "again": 2},
        {"head.bias": False},
        {"head.bias": True, "again": 3},
    ]
    first, again = point.variants[:2]
    assert first._replace(variant=again.variant) == again


def test_more_threads_than_cpus_are_clamped_and_it_is_said() -> None:
    cpus = len(os.sched_getaffinity(0))
    assert usable_cpus().allowed == cpus
    assert clamp_threads(cpus) == (cpus, "")
    varies, notes = parse_varies([f"threads=1,{cpus + 1},100000"])
    assert varies[0].values == (1, cpus, cpus)
    for note, number in zip(notes, (cpus + 1, 100_000), strict=True):
        assert note.startswith(f"--vary threads=1,{cpus + 1},100000: {number} threads: this process may use {cpus} CPU")


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("threads=0", "threads: expected an integer >= 1, got 0"),
        ("threads=true", "threads: expected an integer >= 1, got true"),
        ("threads=2.0", "threads: expected an integer >= 1, got 2.0"),
        ("threads=", "threads: there is no value to visit"),
        (
            "backend=eager,compiled",
            "backend: expected eager, graph or compile, got 'compiled' (did you mean 'compile'?)",
        ),
        ("backend", "expected PATH=VALUE,VALUE (for example --vary backend=eager,compile)"),
        ("device=cpu,cuda", "device cannot be varied (bench each device by itself"),
        ("name=a", "name cannot be varied"),
    ],
)
def test_a_wrong_variation(vary: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_varies([vary])
    assert str(caught.value).startswith(f"--vary {vary}: {message}")


def test_a_wrong_variation_of_the_document(write: Write) -> None:
    with pytest.raises(DocumentError, match="'backend' is varied twice"):
        parse_varies(["backend=eager", "backend=compile"])
    varies, _ = parse_varies(["encoder.hidden_size=3,x"])
    text = refused(write(""), "input.batch_size=2", varies=varies)
    assert text.startswith("--vary encoder.hidden_size=3,x: layers[0].hidden_size: expected an integer >= 1, got 'x'")
    assert text.endswith("at input.batch_size=2 encoder.hidden_size=x")


# --- time and precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"), [("3s", 3.0), ("500ms", 0.5), ("2", 2.0), (" 1.5 s ", 1.5), ("2min", 120.0), ("0.001", 0.001)]
)
def test_a_time(text: str, seconds: float) -> None:
    assert parse_time(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["0", "0s", "0.0ms", "-1", "-1s", "", "s", "3 h", "1e3", "nan", "inf", "3S", "1,5s"])
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_time(text)


def test_a_precision() -> None:
    assert [parse_precision(text) for text in ("5%", "0.5 %", " 99% ")] == [0.05, 0.005, 0.99]
    for text in ("5", "0%", "100%", "-1%", "x%", ""):
        with pytest.raises(OptionError, match="--precision"):
            parse_precision(text)


# --- DeepBench -----------------------------------------------------------------------------------------------

# Hidden size, batch, time steps, as published in code/kernels/rnn_problems.h.
VANILLA = [(h, n, 50) for h in (1760, 2048, 2560) for n in (16, 32, 64, 128)]
LSTM = [(h, n, 25) for h in (512, 1024, 2048, 4096) for n in (16, 32, 64, 128)]
LSTM += [(1536, n, 50) for n in (8, 16, 32)] + [(256, n, 150) for n in (16, 32, 64)]
GRU = [(h, 32, t) for h in (2816, 2048, 1536, 2560) for t in (1500, 750, 375, 187)]
GRU += [(512, 32, 1), (1024, 32, 1500), (1024, 64, 1500)]


@pytest.mark.parametrize(("kind", "gates", "shapes"), [("rnn", 1, VANILLA), ("lstm", 4, LSTM), ("gru", 3, GRU)])
def test_deepbenchs_shapes_and_operations(kind: str, gates: int, shapes: list[tuple[int, int, int]]) -> None:
    points = load_points(str(CONFIGS / f"deepbench-{kind}.yaml"))
    visited = []
    for point in points:
        (link,) = point.spec.links
        facts = plan(point.spec).layers[0]
        hidden = facts.weights[1].shape[1]
        batch = point.spec.batch
        visited.append((hidden, batch.size, batch.seq_len))
        flops = deepbench_flops(link.layer, link.signal.tokens)
        assert flops == 2 * gates * batch.seq_len * (batch.size or 0) * hidden**2
        assert 2 * facts.forward.macs == 2 * flops  # the input's matrix is as large
    assert visited == shapes


def test_deepbench_has_53_shapes() -> None:
    assert len(VANILLA) + len(LSTM) + len(GRU) == 53


def test_what_is_not_recurrent_has_no_such_count() -> None:
    layers = [link.layer for link in load_spec(str(CONFIGS / "tagger.yaml")).links]
    assert [deepbench_flops(layer, 10) is None for layer in layers] == [True, False, True]
    # both directions and both layers, 4 gates of 50 x 50
    assert deepbench_flops(layers[1], 10) == 2 * 10 * 4 * 4 * 50**2


@pytest.mark.parametrize(
    ("layer", "elements"),
    [
        # W_hh alone, and not the W_hr that projects
        ("type: LSTM, proj_size: 4", 4 * 16 * 4),
        # W_yh alone, and not the W_hy that makes y of this step's h
        ("type: JordanRNN, output_size: 5", 16 * 5),
        # what a reset gate multiplies afterwards is a product with the state all the same
        ("type: GRUCell", 3 * 16 * 16),
    ],
)
def test_only_what_multiplies_a_state_itself_counts(tmp_path: Path, layer: str, elements: int) -> None:
    document = f"input: {{batch_size: 2, seq_len: 4}}\nlayers: [{{name: a, input_size: 8, hidden_size: 16, {layer}}}]\n"
    (tmp_path / "m.yaml").write_text(document)
    (link,) = load_spec(str(tmp_path / "m.yaml")).links
    assert deepbench_flops(link.layer, link.signal.tokens) == 2 * elements * 8


@pytest.mark.parametrize(
    ("steps", "device", "layer", "said"),
    [
        (65_536, None, "LSTM", ["m: layer 'encoder' has 65,536 steps, and cuDNN takes no more than 65,535"]),
        (65_536, "cuda", "GRU", ["m: layer 'encoder' has 65,536 steps, and cuDNN takes no more than 65,535"]),
        (65_536, "cpu", "LSTM", []),
        (65_535, "cuda", "LSTM", []),
        (65_536, "cuda", "MGU", []),
    ],
)
def test_more_steps_than_cudnn_takes_are_noted(
    tmp_path: Path, steps: int, device: str | None, layer: str, said: list[str]
) -> None:
    text = f"input: {{batch_size: 1, seq_len: {steps}}}\nlayers:\n  - {{name: encoder, type: {layer}, "
    (tmp_path / "m.yaml").write_text(f"name: m\n{text}input_size: 2, hidden_size: 2}}\n")
    points = load_points(str(tmp_path / "m.yaml"), sweeps=["encoder.hidden_size=2,3"], device=device)
    assert [note.partition(":")[0] + ":" + note.split(":")[1] for note in beyond_cudnn(points)] == said
