"""The page of `bench`: the answer first, on one screen, and what it says of variants and of what says nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from worlds import CONFIGS

from rnninspect.bench.option_values import parse_varies
from rnninspect.bench.points import load_points
from rnninspect.bench.records import BY_EQUATIONS, PHASES, Interval, Kernels, Outcome, TimingRequest
from rnninspect.bench.schedule import jobs_of
from rnninspect.commands.shared.bench_page import page_of
from rnninspect.results.bench import bench_blocks

sys.path.insert(0, str(Path(__file__).parent))
import fake_work

# A command and what the shell says next stand on the screen too.
SCREEN = 24 - 2
TAGGER = str(CONFIGS / "tagger.yaml")


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("rnninspect.commands.shared.rendering.terminal_width", lambda: 80)


def timed(path: str, *, sweeps: Sequence[str] = (), vary: Sequence[str] = (), **asked: object) -> list[Outcome]:
    """Outcomes with made-up figures of what a document asks for."""
    points = load_points(path, sweeps=sweeps, varies=parse_varies(vary)[0])
    request = TimingRequest()._replace(**asked)
    jobs = jobs_of(points, request, processes=1, interleave=False)
    return [outcome for job in jobs for outcome in fake_work.work(job, lambda share: None)]


def page(outcomes: Sequence[Outcome], *, whole: bool = False) -> list[str]:
    text = page_of(outcomes, format="table", seed=0, only=None, all_of_it=whole, partial=False)
    assert all(len(line) <= 80 for line in text.splitlines())
    return text.splitlines()


def with_figures(outcome: Outcome, **fields: object) -> Outcome:
    return outcome._replace(figures=tuple(figure._replace(**fields) for figure in outcome.figures))


@pytest.mark.parametrize("name", ["tagger", "lstm", "classifier", "options", "zaremba-large"])
def test_the_answer_has_a_line_for_each_phase_and_eight_more_at_the_most(name: str) -> None:
    outcomes = timed(str(CONFIGS / f"{name}.yaml"))
    reasons = ("the hypervisor took 12 % of the CPU", "1,234 involuntary context switches a second")
    disturbed = [with_figures(outcomes[0], verdict=f"disturbed ({reason})") for reason in reasons]
    for each in (outcomes, *([outcome] for outcome in disturbed)):
        assert len(page(each)) <= len(PHASES) + 8
        assert len(page(each)) <= SCREEN


def test_the_first_line_of_a_phase_is_its_time_how_sure_how_many_tokens_and_the_verdict() -> None:
    lines = page(timed(TAGGER, phases=("forward", "step")))
    assert lines[0] == "tagger · time"
    assert re.split("  +", lines[1]) == ["phase", "time, µs", "± %", "tokens/s", "verdict"]
    assert [line.split() for line in lines[3:5]] == [
        ["forward", "800.0", "1", "10,000", "steady"],
        ["step", "1,600", "1", "5,000", "steady"],
    ]
    assert lines[6] == "more with --all: 1 warning, bound, kernels, memory, machine, method"
    assert lines[-1] == "torch 2.13.0 · cpu (a made-up CPU) · 1 thread · float32 · seed 0"


def test_the_answer_says_whose_equations_were_run() -> None:
    """Of two layers that torch lacks each is named, once for all phases; settings that keep a kernel away are not."""
    reason = f"a: torch has no JordanRNN: {BY_EQUATIONS}; b: torch has no MGU: {BY_EQUATIONS}; c: in float64"
    outcomes = [with_figures(each, kernels=Kernels(("add",), False, reason)) for each in timed(TAGGER)]
    (answer,) = bench_blocks(outcomes)
    said = [note for note in answer.notes if "torch has no" in note or "float64" in note]
    assert said == [f"a: torch has no JordanRNN: {BY_EQUATIONS}", f"b: torch has no MGU: {BY_EQUATIONS}"]


def test_with_all_the_answer_stands_at_both_ends() -> None:
    lines = page(timed(TAGGER), whole=True)
    answer = lines[: next(k for k, line in enumerate(lines) if line.startswith("tagger · times")) - 1]
    assert answer[-1] == "not steady: second half 12 % slower"
    assert answer[3].startswith("forward ")
    end = len(lines) - lines[::-1].index("tagger · time") - 1
    assert lines[end : end + len(answer)] == answer
    assert not any("--all" in line for line in lines)
    assert lines[end + len(answer) + 1 :] == [
        "torch 2.13.0 · cpu (a made-up CPU) · 1 thread of 4 CPUs · float32 · seed 0"
    ]


@pytest.mark.parametrize("reach", [0.98, 1.02])
def test_a_figure_whose_interval_is_wider_than_itself_is_none(reach: float) -> None:
    (outcome,) = timed(TAGGER, phases=("step",))
    interval = Interval(1e-5, 8e-4 * (1 + reach))
    lines = page([with_figures(outcome, interval=interval, verdict="disturbed (others used 74 % of the CPU)")])
    row = next(line for line in lines if line.startswith("step")).split()
    assert row == (
        ["step", "800.0", "99", "10,000", "disturbed"] if reach < 1 else ["step", ">", "100", "no", "usable", "figure"]
    )
    assert "not steady: others used 74 % of the CPU" in lines


# --- variants and points -------------------------------------------------------------------------------------


def against(ratios: Sequence[float]) -> list[str]:
    """What is said of a second variant whose rounds took so many times those of the first."""
    first, second = timed(TAGGER, vary=("dtype=float32,bfloat16",), phases=("step",))
    rounds = first.figures[0].rounds
    slower = tuple((times[0] * ratio,) * 10 for times, ratio in zip(rounds, ratios, strict=False))
    passes = tuple(range(len(slower)))
    return page([first, with_figures(second, rounds=slower, passes=passes, kept=passes)])


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([0.55, 0.50, 0.55, 0.60, 0.55, 0.56, 0.54, 0.55, 0.55], "bfloat16 is 1.82 ± 0.03 times faster than float32"),
        ([0.555] * 9, "bfloat16 is 1.802 ± 0.001 times faster than float32"),
        ([1.85, 1.80, 1.90, 1.85, 1.85, 1.75, 1.95, 1.85, 1.85], "bfloat16 is 1.85 ± 0.05 times slower than float32"),
        ([0.99, 1.01, 1, 1, 0.98, 1.02, 1, 1, 1], "bfloat16 takes as long as float32, within 1 %"),
        ([0.7, 1.3, 1, 1, 0.7, 1.3, 1, 1, 1], "not sure: bfloat16 takes 0.7 to 1.3 times as long as float32"),
        ([0.5, 0.5, 0.5], "not sure after 3 rounds: bfloat16 took 0.5 times as long as float32"),
    ],
)
def test_a_variant_ends_in_a_sentence(ratios: Sequence[float], said: str) -> None:
    assert said in against(ratios)


def test_a_sentence_names_the_point_and_the_phase_where_there_are_several() -> None:
    lines = page(timed(TAGGER, vary=("threads=1,2",), phases=("forward", "step")))
    assert any(line.startswith("step: threads=2 takes as long as threads=1, within") for line in lines)
    sizes = ("encoder.hidden_size=4,8,16",)
    lines = page(timed(TAGGER, sweeps=sizes, vary=("dtype=float32,float64",), phases=("step",)))
    assert any(line.startswith("hidden_size=16: float64 takes") for line in lines)
    lines = page(timed(TAGGER, sweeps=sizes, vary=("dtype=float32,float64",)))
    assert "4 more are in --table ratios" in lines


def test_points_are_named_by_their_case_and_by_what_else_differs(tmp_path: Path) -> None:
    cases = "\ncases: [{name: tiny, encoder.hidden_size: 4}, {name: big, encoder.hidden_size: 64}]\n"
    (tmp_path / "m.yaml").write_text((CONFIGS / "lstm.yaml").read_text() + cases)

    def points(*sweeps: str) -> list[str]:
        lines = page(timed(str(tmp_path / "m.yaml"), sweeps=sweeps, phases=("step",)))
        return [re.split(r"  +", line)[0] for line in lines if "steady" in line]

    assert points() == ["tiny", "big"]
    assert points("input.batch_size=2") == ["tiny", "big"]
    assert points("input.batch_size=2,3") == [f"{n} batch_size={size}" for n in ("tiny", "big") for size in (2, 3)]
    (tmp_path / "m.yaml").write_text(
        (CONFIGS / "lstm.yaml").read_text()
        + """
cases:
  - {encoder.hidden_size: 5}
  - {encoder.hidden_size: 5, input.batch_size: 2}
  - {encoder.hidden_size: 4, input.seq_len: 3}
"""
    )
    assert points() == ["hidden_size=5", "hidden_size=5 batch_size=2", "hidden_size=4 seq_len=3"]
    lines = page(timed(TAGGER, sweeps=("encoder.hidden_size=4,8", "head.out_features=3,5"), phases=("step",)))
    assert lines[3].startswith("hidden_size=4 out_features=3  ")
    two = ("encoder.trainable=true,false", "head.trainable=true,false")
    assert page(timed(TAGGER, sweeps=two, phases=("forward",)))[3].startswith(
        "encoder.trainable=true head.trainable=true"
    )


def test_a_gpu_that_waits_for_the_host_is_said_with_both_times() -> None:
    outcomes = timed(str(CONFIGS / "lstm.yaml"), vary=["backend=eager,graph"], phases=("forward", "step"))
    eager, graph = outcomes
    eager = with_figures(eager, host=8e-4, launch_bound=True)
    graph = with_figures(graph, host=9e-6, launch_bound=False)
    (said,) = [k for k, line in enumerate(page([eager, graph])) if line.startswith("launch-bound")]
    text = " ".join(" ".join(page([eager, graph])[said : said + 2]).split())
    assert "launch-bound: eager forward takes 800 µs of the host, 800 µs on the GPU (and 1 more)" in text
    assert "--vary backend=eager,graph" in text
    assert not any("launch-bound" in line for line in page([graph]))
    times = page([eager, graph], whole=True)
    assert any(" host" in line for line in times)
    assert not any(" host" in line for line in page(outcomes, whole=True))
