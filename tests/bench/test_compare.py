"""Two benchmarks side by side: what is matched, the interval, the verdicts; and how often a verdict is wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import measured
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnninspect.bench.compare import LEAST_ROUNDS, Compared, Comparison, compare_runs, slower, undecided
from rnninspect.bench.matching import match
from rnninspect.bench.records import Figure, Outcome
from rnninspect.bench.statistics import ratio_interval
from rnninspect.errors import Place
from rnninspect.results.compare import compare_blocks, compare_document, compare_tables
from rnninspect.results.faster import faster
from rnninspect.results.table import Table
from rnninspect.shares import percent

ENVIRONMENT = measured.ENVIRONMENT._replace(keeps_freed=False)
Rounds = Sequence[Sequence[float]]


def figure(rounds: Rounds, subject: str | None = None, phase: str = "forward", **fields: Any) -> Figure:
    kept = fields.get("kept", range(len(rounds)))
    calls = [call for k in kept for call in rounds[k]]
    about = {"subject": subject, "phase": phase, "rounds": tuple(map(tuple, rounds)), "stopped": "budget"}
    return measured.FIGURE._replace(
        **{**about, "median": median(calls) if calls else 1.0, **fields, "kept": tuple(kept)}
    )


def outcome(*figures: Figure, **fields: Any) -> Outcome:
    return measured.OUTCOME._replace(**{"environment": ENVIRONMENT, "figures": figures, **fields})


def steady(level: float, rounds: int = 9, spread: float = 0.001) -> Rounds:
    """Rounds of three calls about `level`, evenly spread."""
    return [[level * (1 + spread * (k - rounds // 2))] * 3 for k in range(rounds)]


def one(old: Figure | Rounds, new: Figure | Rounds, threshold: float = 0.05) -> Compared:
    sides = [[outcome(side if isinstance(side, Figure) else figure(side))] for side in (old, new)]
    (item,) = compare_runs(sides[0], sides[1], threshold).compared
    return item


# --- what is matched -----------------------------------------------------------------------------------------


def test_matched_by_everything_that_tells_points_apart() -> None:
    figures = [figure(steady(1), subject, phase) for subject in (None, "a") for phase in ("forward", "step")]
    runs = [
        outcome(*figures, model=model, settings=sizes, variant=variant, process=process)
        for model in ("m", "n")
        for sizes in ({"x": 1, "y": 2}, {"x": 2, "y": 2})
        for variant in ({}, {"dtype": "float16"})
        for process in (0, 1)
    ]
    shuffled = [run._replace(settings=dict(reversed(run.settings.items()))) for run in reversed(runs)]
    pairs, unmatched = match(runs, shuffled)
    assert (len(pairs), unmatched) == (2 * 2 * 2 * 4, [])
    for pair in pairs:
        assert len(pair.old) == len(pair.new) == 2
        ours = {
            (run.model, str(sorted(run.settings.items())), str(run.variant), item.subject, item.phase)
            for run, item in (*pair.old, *pair.new)
        }
        assert len(ours) == 1


def test_a_layer_called_chain_is_not_the_whole_model() -> None:
    old = [outcome(figure(steady(1)), figure(steady(3), "chain"))]
    new = [outcome(figure(steady(2)), figure(steady(3), "chain"))]
    comparison = compare_runs(old, new)
    assert [(item.subject, item.ratio) for item in comparison.compared] == [(None, 2.0), ("chain", 1.0)]
    rows = compare_tables(comparison, "old -> new")["compared"].rows
    assert [row[4] for row in rows] == ["whole model", "chain"]
    document: Any = compare_document(comparison, old)
    assert [item["subject"] for item in document["compared"]] == [None, "chain"]


def test_1_and_true_are_two_settings() -> None:
    pairs, unmatched = match(
        [outcome(figure(steady(1)), settings={"a": 1})], [outcome(figure(steady(1)), settings={"a": True})]
    )
    assert (pairs, [item.reason for item in unmatched]) == ([], ["not in new", "not in old"])


def test_what_is_on_one_side_is_said() -> None:
    both = figure(steady(1))
    old = [
        outcome(both, figure(steady(1), phase="step")),
        outcome(both, model="gone"),
        outcome(model="broken", status="crashed", reason="killed by SIGSEGV"),
        outcome(both, model="was fine"),
        outcome(figure(steady(9)), model="twice", status="timeout"),
        outcome(both, model="twice"),
        outcome(model="never", status="timeout", reason="1 s"),
        outcome(model="never", status="crashed", reason="killed by SIGSEGV"),
    ]
    new = [
        outcome(both, figure(steady(1), "a")),
        outcome(both, model="broken"),
        outcome(model="was fine", status="memory", reason="8 GB"),
        outcome(both, model="twice"),
        outcome(both, model="added"),
        outcome(both, model="never"),
    ]
    pairs, unmatched = match(old, new)
    assert {len(side) for pair in pairs for side in (pair.old, pair.new)} == {1}
    assert [(pair.old[0][0].model, pair.subject, pair.phase) for pair in pairs] == [
        ("m", None, "forward"),
        ("twice", None, "forward"),  # tried again, and then it went well
    ]
    assert [(item.model, item.subject, item.phase, item.reason) for item in unmatched] == [
        ("m", None, "step", "not in new"),
        ("m", "a", "forward", "not in old"),
        ("gone", None, None, "not in new"),
        ("broken", None, None, "crashed in old: killed by SIGSEGV"),
        ("was fine", None, None, "memory in new: 8 GB"),
        ("never", None, None, "crashed in old: killed by SIGSEGV"),
        ("added", None, None, "not in old"),
    ]


def test_two_models_of_one_name_are_told_apart_by_file() -> None:
    old = [outcome(figure(steady(level)), file=file) for level, file in ((1, "a.yaml"), (2, "b.yaml"))]
    new = [outcome(figure(steady(level)), file=file) for level, file in ((2, "b.yaml"), (1, "a.yaml"))]
    assert [item.ratio for item in compare_runs(old, new).compared] == [1, 1]
    columns = compare_tables(compare_runs(old, new), "old -> new")["compared"].columns
    assert "file" in [column.key for column in columns if not column.for_scripts]
    moved = [outcome(figure(steady(1)), file="elsewhere.yaml")]
    assert [item.ratio for item in compare_runs(old[:1], moved).compared] == [1]


def test_what_differs_about_the_surroundings() -> None:
    other = ENVIRONMENT._replace(device_name="another CPU", torch="2.14.0", started="2027-01-01", load=9.0)
    two = (figure(steady(1)), figure(steady(1), phase="step"))
    comparison = compare_runs(
        [outcome(*two), outcome(*two, model="n")],
        [outcome(*two, environment=other), outcome(*two, model="n", dtype="float16", environment=other)],
    )
    assert [tuple(item) for item in comparison.differing] == [
        ("device_name", "a CPU", "another CPU", 4),
        ("torch", "2.13.0", "2.14.0", 4),
        ("dtype", "float32", "float16", 2),
    ]
    assert compare_runs([outcome(*two)], [outcome(*two)]).differing == ()


def test_of_a_gpu_everything_that_times_depend_on_is_named() -> None:
    changes = {
        "cuda": ("12.8", "13.0"),
        "cudnn": (90800, 91002),
        "driver": ("570.1", "580.1"),
        "float32_precision": ("ieee", "tf32"),
        "power_limit_watts": (500.0, 700.0),
        "warm_l2": (False, True),
        "input_grad": (False, True),
    }
    for what, (before, now) in changes.items():
        old, new = (
            outcome(figure(steady(1)), environment=ENVIRONMENT._replace(**{what: one})) for one in (before, now)
        )
        assert [tuple(item) for item in compare_runs([old], [new]).differing] == [(what, str(before), str(now), 1)]
        assert compare_runs([old], [old]).differing == compare_runs([old], [outcome(figure(steady(1)))]).differing == ()


def test_a_clock_that_wanders_is_the_same_and_one_that_is_locked_lower_is_not() -> None:
    one, near, far = (
        [
            outcome(figure(steady(1)), process=k, environment=ENVIRONMENT._replace(clock_mhz=mhz))
            for k, mhz in enumerate(clocks)
        ]
        for clocks in ((1980, 1965), (1935, 1920), (1500, 1500))
    )
    assert compare_runs(one, near).differing == compare_runs(near, one).differing == ()
    assert [tuple(item)[:3] for item in compare_runs(one, far).differing] == [("clock_mhz", "1965, 1980", "1500")]
    assert [tuple(item)[:3] for item in compare_runs(far, one).differing] == [("clock_mhz", "1500", "1965, 1980")]


def test_hosts_and_gpus_are_one_row_however_many_there_are() -> None:
    def measured(first: int) -> list[Outcome]:
        places = [ENVIRONMENT._replace(host=f"n{k}", gpu_uuid=f"GPU-{k}", task=str(k)) for k in range(first, first + 6)]
        return [
            outcome(figure(steady(1)), environment=place, settings={"input.batch_size": k + 1})
            for k, place in enumerate(places)
        ]

    rows = [tuple(item) for item in compare_runs(measured(1), measured(2)).differing]
    assert sorted(rows) == [
        ("gpu_uuid", "GPU-1, GPU-2, GPU-3, GPU-4 and 2 more", "GPU-2, GPU-3, GPU-4, GPU-5 and 2 more", 6),
        ("host", "n1, n2, n3, n4 and 2 more", "n2, n3, n4, n5 and 2 more", 6),
    ]
    assert compare_runs(measured(1), measured(1)).differing == ()


def test_what_one_side_does_not_say_is_no_difference() -> None:
    """Results of before something was recorded."""
    unknown = outcome(figure(steady(1)), environment=ENVIRONMENT._replace(keeps_freed=None))
    kept = outcome(figure(steady(1)), environment=ENVIRONMENT._replace(keeps_freed=True))
    given_back = outcome(figure(steady(1)), environment=ENVIRONMENT._replace(keeps_freed=False))
    assert compare_runs([unknown], [kept]).differing == ()
    assert compare_runs([kept], [unknown]).differing == ()
    assert [tuple(item) for item in compare_runs([kept], [given_back]).differing] == [
        ("keeps_freed", "True", "False", 1)
    ]


# --- the figure ----------------------------------------------------------------------------------------------


def test_the_median_of_the_processes_medians() -> None:
    old = [outcome(figure(steady(level)), process=k) for k, level in enumerate((1, 2, 9))]
    new = [outcome(figure(steady(level)), process=k) for k, level in enumerate((3, 4))]
    (item,) = compare_runs(old, new).compared
    assert (item.old.median, item.new.median, item.ratio) == (2, 3.5, 1.75)
    assert (item.old.processes, item.new.processes, item.old.rounds) == (3, 2, 9)


def test_disturbed_processes_are_set_aside_where_others_are_steady() -> None:
    old = [outcome(figure(steady(1)))]
    new = [
        outcome(figure(steady(3), verdict="disturbed (others used 49 % of the CPU)")),
        outcome(figure(steady(1)), process=1),
    ]
    (item,) = compare_runs(old, new).compared
    assert (item.verdict, item.ratio, item.new.processes, item.new.unsteady) == ("SAME", 1, 1, 1)
    (item,) = compare_runs(old, new[:1]).compared
    assert (item.verdict, item.ratio) == ("UNCLEAR", 3)
    assert item.reason == "new was disturbed (others used 49 % of the CPU): measure it again"


def test_only_kept_rounds_count() -> None:
    rounds = [*steady(1), [5.0] * 3, []]
    item = one(steady(1), figure(rounds, kept=range(9)))
    assert (item.ratio, item.new.rounds, item.verdict) == (1, 9, "SAME")
    assert one(steady(1), figure(rounds, kept=(*range(9), 10))).new.rounds == 9


def direct(old: list[float], new: list[float], repeats: int, seed: int) -> tuple[float, float]:
    """The same bootstrap, drawn round by round."""
    draw = random.Random(seed)
    ratios = sorted(
        median(draw.choices(new, k=len(new))) / median(draw.choices(old, k=len(old))) for _ in range(repeats)
    )
    return ratios[repeats // 40], ratios[-1 - repeats // 40]


@pytest.mark.parametrize("rounds", [7, 15, 41])
def test_the_interval_is_the_bootstraps_of_rounds(rounds: int) -> None:
    """Drawing the place of a median gives the interval that drawing its rounds does; exactly so for odd numbers."""
    draw = random.Random(rounds)
    sides = [[math.exp(draw.gauss(0, 0.1)) for _ in range(rounds)] for _ in "ab"]
    item = one([[value] for value in sides[0]], [[value] for value in sides[1]])
    low, high = direct(sides[0], sides[1], 4000, seed=1)
    width = math.log(high / low)
    assert abs(math.log(item.low / low)) < 0.15 * width
    assert abs(math.log(item.high / high)) < 0.15 * width


def test_the_interval_draws_rounds_and_not_calls() -> None:
    """A thousand calls that all repeat their round's value say no more than one."""
    draw = random.Random(5)
    sides = [[math.exp(draw.gauss(0, 0.1)) for _ in range(9)] for _ in "ab"]
    few, many = (one(*([[value] * calls for value in side] for side in sides)) for calls in (1, 1000))
    assert (few.low, few.high) == (many.low, many.high)


def test_the_interval_of_processes_holds_what_lies_between_them() -> None:
    def runs(*levels: float) -> list[Outcome]:
        return [outcome(figure(steady(level)), process=k) for k, level in enumerate(levels)]

    (item,) = compare_runs(runs(1, 1.2, 0.8), runs(1.2, 1, 0.8)).compared
    assert item.low < 0.7 < 1.4 < item.high
    (item,) = compare_runs(runs(1, 1, 1), runs(1, 1, 1)).compared
    assert 0.99 < item.low <= 1 <= item.high < 1.01


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=4), min_size=1, max_size=20),
    st.lists(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=4), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_whatever_was_measured(old: Rounds, new: Rounds, threshold: float) -> None:
    item = one(old, new, threshold)
    assert item.low <= item.ratio <= item.high
    assert item.ratio == pytest.approx(item.new.median / item.old.median)
    assert item == one(old, new, threshold)
    assert (item.verdict == "UNCLEAR") == bool(item.reason)
    if item.verdict == "SLOWER":
        assert item.low > 1 + threshold
    swapped = one(new, old, threshold)
    assert {item.verdict, swapped.verdict} != {"SLOWER"}
    scaled = one(
        [[8 * call for call in calls] for calls in old], [[8 * call for call in calls] for calls in new], threshold
    )
    assert scaled.verdict == item.verdict


# --- verdicts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "threshold", "verdict"),
    [
        (1.00, 0.05, "SAME"),
        (1.03, 0.05, "SAME"),
        (1.05, 0.05, "UNCLEAR"),
        (1.08, 0.05, "SLOWER"),
        (3.00, 0.05, "SLOWER"),
        (0.97, 0.05, "SAME"),
        (1 / 1.05, 0.05, "UNCLEAR"),
        (0.92, 0.05, "FASTER"),
        (1.08, 0.10, "SLOWER"),
        (1.08, 4.00, "SLOWER"),
        (1.03, 4.00, "SAME"),
        (1.20, 0.10, "SLOWER"),
        (1.04, 0.00, "SLOWER"),
        (1.00, 0.00, "UNCLEAR"),
    ],
)
def test_the_threshold(level: float, threshold: float, verdict: str) -> None:
    assert one(steady(1), steady(level), threshold).verdict == verdict


def test_the_reason_says_what_to_try() -> None:
    assert one(steady(1), steady(1.05)).reason == (
        "it may be more than 5 %, and it may be less: a longer --budget, or more --processes"
    )
    assert one(steady(1), steady(1.08)).reason == ""
    assert one(steady(1), steady(1.08), 0.10).reason == "10 % are allowed"
    wide = one(steady(1, spread=0.02), steady(1.2, spread=0.02))
    assert wide.low > 1.05
    assert wide.reason == f"within the noise, {100 * wide.noise:.3g} %: --processes 3 or more for both"
    # Beyond 100 % the figure means nothing; JSON has it raw.
    wider = one(steady(1, spread=0.1), steady(2, spread=0.1))
    assert wider.noise > 3
    assert wider.reason == "within the noise, > 100 %: --processes 3 or more for both"
    for side in ("old", "new"):
        few = [steady(1, LEAST_ROUNDS - 1), steady(3)][:: 1 if side == "old" else -1]
        item = one(*few)
        assert (item.verdict, item.reason) == ("UNCLEAR", f"6 rounds in {side}, 7 are needed: a longer --budget")
        for verdict in ("drifting", "disturbed (load 3)"):
            bad = [figure(steady(1), verdict=verdict), figure(steady(3))][:: 1 if side == "old" else -1]
            assert one(*bad).reason == f"{side} was {verdict}: measure it again"
    assert one(steady(1, LEAST_ROUNDS), steady(3, LEAST_ROUNDS)).verdict == "SLOWER"
    assert one(figure([], median=1.0), steady(3)).reason.startswith("0 rounds in old")


def test_the_noise_is_by_hand() -> None:
    """Of nine rounds, s apart, the middle 68 % span 2 x 2.73 s; processes are taken to differ twice as much."""
    spread = 0.001
    item = one(steady(1, spread=spread), steady(1, spread=spread))
    sigma = (0.8413 * 8 - 4) * spread
    assert item.old.spread == pytest.approx(sigma, rel=0.01)
    assert item.noise == pytest.approx(2 * math.sqrt(2) * 2 * sigma, rel=0.02)
    three = [outcome(figure(steady(1, spread=spread)), process=k) for k in range(3)]
    (item,) = compare_runs(three, three).compared
    # of the 27 rounds of three such processes it spans 2 x 3 s
    assert item.noise == pytest.approx(2 * math.sqrt(2) * 3 * spread / math.sqrt(3), rel=0.02)


def test_rounds_of_two_sorts_are_noise() -> None:
    """A machine that is three times slower now and then: a median of one sort against one of the other is no news."""
    sides = [[[3.0 if k % 9 in slow else 1.0 + k / 1000] * 3 for k in range(9)] for slow in ((0, 2, 4, 6, 8), (1, 3))]
    for old, new in (sides, reversed(sides)):
        item = one(old, new)
        assert item.verdict == "UNCLEAR"
        assert item.noise > 2
    # one stray round is not that
    stray = [[3.0] * 3, *steady(1, 8)]
    assert one(stray, steady(1.5)).verdict == "SLOWER"


# --- how often it is wrong -----------------------------------------------------------------------------------


def simulated(draw: random.Random, level: float, *, processes: int, between: float, within: float) -> list[Outcome]:
    """Runs as they are on a real machine: processes differ, rounds are correlated and drift, calls scatter."""
    runs = []
    for process in range(processes):
        base = level * math.exp(draw.gauss(0, between))
        stray, drift, rounds = draw.gauss(0, within), draw.uniform(-0.03, 0.03), draw.randrange(7, 13)
        measured = []
        for k in range(rounds):
            stray = 0.6 * stray + 0.8 * draw.gauss(0, within)
            middle = base * math.exp(stray + drift * (k / (rounds - 1) - 0.5))
            measured.append([middle * math.exp(draw.gauss(0, within / 2)) for _ in range(5)])
        runs.append(outcome(figure(measured), process=process))
    return runs


def rates(factor: float, trials: int = 200, **how: Any) -> Callable[[str], float]:
    """The share of each verdict over many comparisons with a real change by `factor`."""
    draw = random.Random(11)
    old: list[Outcome] = []
    new: list[Outcome] = []
    for k in range(trials):
        old += [run._replace(model=f"m{k}") for run in simulated(draw, 1.0, **how)]
        new += [run._replace(model=f"m{k}") for run in simulated(draw, factor, **how)]
    comparison = compare_runs(old, new)
    assert len(comparison.compared) == trials
    return lambda verdict: comparison.count(verdict) / trials


@pytest.mark.parametrize(
    ("processes", "between", "within"), [(1, 0, 0.02), (1, 0, 0.05), (1, 0.02, 0.02), (3, 0.04, 0.02), (3, 0.1, 0.06)]
)
def test_false_alarms_are_rare(processes: int, between: float, within: float) -> None:
    share = rates(1.0, processes=processes, between=between, within=within)
    assert share("SLOWER") <= 0.02
    assert share("FASTER") <= 0.02


@pytest.mark.parametrize(("processes", "between", "within"), [(1, 0, 0.01), (1, 0.01, 0.02), (3, 0.04, 0.02)])
def test_a_slowdown_by_a_fifth_is_seen(processes: int, between: float, within: float) -> None:
    share = rates(1.2, processes=processes, between=between, within=within)
    assert share("SLOWER") >= 0.9
    assert share("FASTER") == share("SAME") == 0


def test_on_a_quiet_machine_the_same_is_called_the_same() -> None:
    assert rates(1.0, processes=1, between=0, within=0.01)("SAME") >= 0.98


# --- tables, findings, JSON ----------------------------------------------------------------------------------


def some() -> Comparison:
    old = [outcome(figure(steady(0.002)), model=name, settings={"input.batch_size": 1}) for name in "ab"]
    new = [outcome(figure(steady(level)), model=name, settings={"input.batch_size": 1}, file="dir/m.yaml")
           for level, name in ((0.003, "a"), (0.002, "b"), (0.002, "c"))]  # fmt: skip
    return compare_runs(old, new)


def test_a_slowdown_is_a_finding_about_its_document() -> None:
    (finding,) = slower(some())
    assert (finding.place, finding.model, finding.rule) == (Place("dir/m.yaml"), "a", "slower")
    assert finding.what.startswith(
        "forward of the whole model (input.batch_size=1) takes 1.5 x the time: 0.003 s, before 0.002 s (95 %: 1.49 to"
    )


def test_tables_have_a_row_for_each() -> None:
    tables = compare_tables(some(), "old -> new")
    compared, lacking = tables["compared"], tables["not-compared"]
    assert [row[0] for row in compared.rows] == ["a", "b"]
    assert compared.rows[0][2:9] == (
        "input.batch_size=1",
        "",
        "whole model",
        "forward",
        0.002,
        0.003,
        pytest.approx(1.5),
    )
    assert [row[-2] for row in compared.rows] == ["SLOWER", "SAME"]
    assert [column.key for column in compared.columns if column.for_scripts][:2] == ["file", "variant"]
    assert compared.notes[0] == "1 SLOWER, 1 SAME; threshold 5 %."
    assert lacking.rows == (("c", "dir/m.yaml", "input.batch_size=1", "", None, None, "not in old"),)
    assert {len(row) for row in compared.rows} == {len(compared.columns)}


def test_of_many_rows_people_are_shown_those_that_changed() -> None:
    names = [f"m{k}" for k in range(100)]
    old = [outcome(figure(steady(1)), model=name) for name in names]
    new = [outcome(figure(steady(1.5 if name == "m7" else 1)), model=name) for name in names]
    table = compare_tables(compare_runs(old, new), "old -> new")["compared"]
    assert (len(table.rows), table.shown) == (100, (7,))
    assert "(99 that are the SAME are not shown)" in table.notes[0]


def test_the_json_object_has_everything_raw() -> None:
    document = compare_document(some(), [outcome()])
    head = [document[name] for name in ("schema_version", "torch", "dtype", "ok")]
    assert head == [2, "2.13.0", "float32", False]
    first: Any = document["compared"][0]  # type: ignore[index]
    assert (first["old"]["median_seconds"], first["new"]["median_seconds"]) == (0.002, 0.003)
    assert (first["verdict"], first["settings"]) == ("SLOWER", {"input.batch_size": 1})
    assert (first["point"], document["threshold_percent"]) == ("input.batch_size=1", 5)
    assert first["old"]["spread_percent"] == percent(some().compared[0].old.spread)
    assert first["noise_percent"] == percent(some().compared[0].noise)
    assert document["not_compared"][0]["reason"] == "not in old"  # type: ignore[index]


def test_what_is_allowed_is_slower_all_the_same_and_fails_nothing() -> None:
    for threshold, fails in ((0.05, 1), (0.10, 0), (4.0, 0)):
        comparison = compare_runs([outcome(figure(steady(1)))], [outcome(figure(steady(1.08)))], threshold)
        assert [item.verdict for item in comparison.compared] == ["SLOWER"]
        assert len(list(slower(comparison))) == fails


def test_a_model_that_is_another_under_the_same_name_is_named() -> None:
    before, now = (figure(steady(1), flops=10 * k, planned_bytes=k) for k in (5, 7))
    comparison = compare_runs([outcome(before)], [outcome(now)])
    assert [(item.what, item.new) for item in comparison.differing] == [("matmul_flops", "70"), ("planned_bytes", "7")]


def test_what_came_to_no_verdict_is_remarked() -> None:
    old = [outcome(figure(steady(1)), figure(steady(1), phase="step"), settings={"a.b": 1})]
    new = [outcome(figure(steady(1.05)), settings={"a.b": 1})]
    remarks = list(undecided(compare_runs(old, new)))
    assert [(finding.rule, finding.what.partition(": ")[0]) for finding in remarks] == [
        ("unclear", "forward of the whole model a.b=1"),
        ("not compared", "step of the whole model a.b=1"),
    ]
    assert remarks[1].what.endswith("not compared: not in new")
    assert list(undecided(compare_runs(old, old))) == []


def test_of_what_is_unclear_the_sentence_says_what_to_try_and_of_what_is_allowed_that_it_is() -> None:
    def sentences(level: float, threshold: float = 0.05, **changed: Any) -> tuple[str, ...]:
        now = figure(steady(level))._replace(**changed)
        comparison = compare_runs([outcome(figure(steady(1)))], [outcome(now)], threshold)
        (table,) = (block for block in compare_blocks(comparison, "old -> new") if isinstance(block, Table))
        return table.notes[2:]

    assert sentences(1.2, 0.5) == ("new is 1.20 ± 0.02 times slower (50 % are allowed)",)
    assert sentences(1.2, verdict="drifting (a lot)") == ("not sure: new was drifting (a lot): measure it again",)


def test_more_sentences_than_people_read_are_left_to_the_table() -> None:
    names = [f"m{k}" for k in range(12)]
    sides = ([outcome(figure(steady(level)), model=name, case="tiny") for name in names] for level in (1, 2))
    (table,) = (block for block in compare_blocks(compare_runs(*sides), "old -> new") if isinstance(block, Table))
    assert table.notes[2:4] == ("m0: new is 2.00 ± 0.03 times slower", "m1: new is 2.00 ± 0.03 times slower")
    assert table.notes[-1] == "4 more are in the table"
    assert {row[2] for row in table.rows} == {"tiny"}


def test_of_an_even_number_of_processes_the_median_is_between_two() -> None:
    # Of the numbers from 1 to 6 the medians of draws lie about 3.5, and so do the ends of their interval.
    low, high = ratio_interval([[float(number)] for number in range(1, 7)], [[1.0]], 1 / 3.5)
    assert 1 / low + 1 / high == pytest.approx(7, abs=0.5)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "words"),
    [
        (0.5, 0.4, 0.5, "2.0 ± 0.5 times faster"),
        (0.5, 0.5, 0.625, "2.0 ± 0.4 times faster"),
        (2.0, 1.5, 2.1, "2.0 ± 0.5 times slower"),
        (2.0, 2.0, 2.0, "2.000 ± 0.001 times slower"),
        (1.5, 0.0, math.inf, "1.5 times slower"),
    ],
)
def test_how_much_faster_is_said_with_the_wider_half_of_the_interval(
    ratio: float, low: float, high: float, words: str
) -> None:
    assert faster(ratio, low, high) == words


def test_the_ratio_is_within_its_interval() -> None:
    assert ratio_interval([[1.0] * 7], [[1.0] * 7], 1.2) == (1.0, 1.2)
    assert ratio_interval([[1.0] * 7], [[1.0] * 7], 0.9) == (0.9, 1.0)
