"""A model against its budget and its lock, in pure functions: limits, drift, findings and their tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import spec_of

from rnninspect.document.blocks import Budget
from rnninspect.errors import DocumentError, OptionError, Place
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.against import Against
from rnninspect.guard.changes import Change, changes, differences
from rnninspect.guard.check import LIMITS, Check, Growth, Limit, Verdict, Word, limits, parse_growth
from rnninspect.guard.findings import Finding, findings, of_error
from rnninspect.guard.locked import LockedLayer, LockedModel, locked_model
from rnninspect.plan import plan
from rnninspect.results.check import check_document, check_tables
from rnninspect.results.diff import diff_tables
from rnninspect.results.table import Cell, Kind, Table
from rnninspect.shares import percent

# 4 * 5 * (4 + 5 + 2) = 220 parameters and 3 * 5 + 3 = 18; 6 tokens, 6 * 180 and 6 * 15 MACs.
TEXT = """\
name: small
input: {batch_size: 2, seq_len: 3}
budget:
  max_params: 238
  max_param_bytes: 952 B
  max_macs: 1170
  max_output_bytes: 1 kB
  max_training_bytes: 7 kB
layers:
  - name: encoder
    type: LSTM
    input_size: 4
    hidden_size: 5
  - {name: head, type: Linear, out_features: 3}
"""


def model_of(text: str = TEXT, *settings: str) -> ModelFacts:
    return plan(spec_of(text, *settings))


def locked_of(text: str = TEXT, *settings: str) -> LockedModel:
    """What the lock keeps of a model."""
    spec = spec_of(text, *settings)
    return locked_model(spec, plan(spec))


def both(share: float | None) -> tuple[Growth, ...] | None:
    """Parameters and MACs, each allowed to grow by a share."""
    return None if share is None else (Growth("parameters", share, None), Growth("macs", share, None))


def verdict_of(*settings: str, text: str = TEXT, growth: float | None = None, accepted: bool = False) -> Verdict:
    """The verdict on the model with `settings`, where the lock holds it without them."""
    spec = spec_of(text, *settings)
    model = plan(spec)
    changed = changes(locked_model(spec, model), locked_of())
    return Verdict(model, limits(model, spec.budget), changed, both(growth), accepted)


# --- limits ------------------------------------------------------------------------------------------------


def test_every_limit_of_a_budget_is_held_against_a_fact() -> None:
    assert list(LIMITS) == list(Budget.model_fields)


def test_limits() -> None:
    spec = spec_of(TEXT)
    model = plan(spec)
    outputs = 4 * (2 * 3 * 5 + 2 * 2 * 5 + 2 * 3 * 3)
    assert limits(model, spec.budget) == (
        Limit("max_params", 238, 238),
        Limit("max_param_bytes", 952, 952),
        Limit("max_macs", 1170, 1170),
        Limit("max_output_bytes", 1000, outputs),
        # Parameters, gradients and two moments; of 6 tokens x, and i, f, g, o, c, tanh(c) and h of the LSTM.
        Limit("max_training_bytes", 7000, 4 * 952 + 4 * 6 * (4 + 7 * 5)),
    )
    assert Verdict(model, limits(model, spec.budget), None).word is Word.OK


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_may_be_reached_and_not_passed(name: str) -> None:
    model = model_of()
    actual = LIMITS[name](model)
    sound = [limits(model, {name: allowed})[0].ok for allowed in (actual + 1, actual, actual - 1, 0)]
    assert sound == [True, True, False, False]


def test_no_budget_and_no_limit() -> None:
    assert limits(model_of(), {}) == ()
    assert limits(model_of(), dict.fromkeys(LIMITS)) == ()
    assert [limit.name for limit in limits(model_of(), {"max_macs": 7, "max_params": None})] == ["max_macs"]


# --- drift -------------------------------------------------------------------------------------------------


def test_a_share_is_told_as_it_was_written() -> None:
    for written in ("7%", "14%", "28%", "0.07%", "5.1%", "29.83%", "1000%"):
        assert f"{percent(parse_growth(written)[0].share or 0):g}%" == written
        assert repr(percent(parse_growth(written)[0].share or 0)).removesuffix(".0") == written[:-1]
    growth = both(0.07)
    (parameters, _) = check_document(Check((verdict_of(growth=0.07),), LOCK))["models"][0]["allowed_growth"]  # type: ignore[index]
    assert (growth is not None, parameters["allowed_percent"]) == (True, 7.0)


def totals(locked: int, now: int) -> tuple[Change, ...]:
    return (Change("", "parameters", locked, now), Change("encoder", "parameters", locked, now))


@pytest.mark.parametrize(
    ("changed", "growth", "drifted"),
    [
        (None, None, False),
        (None, 0.05, False),
        ((), None, False),
        ((), 0.05, False),
        (totals(100, 101), None, True),
        (totals(100, 99), None, True),
        (totals(100, 101), 0.0, True),
        (totals(100, 99), 0.0, False),
        (totals(100, 105), 0.05, False),
        (totals(100, 106), 0.05, True),
        (totals(1000, 1007), 0.007, False),
        (totals(1000, 1008), 0.007, True),
        (totals(10**30, 105 * 10**28), 0.05, False),
        (totals(100, 1), 0.05, False),
        (totals(0, 1), 1e9, True),
        ((Change("", "model", None, "new"),), None, True),
        ((Change("", "model", None, "new"),), 1e9, True),
        ((Change("", "parameters", 100, 90), Change("", "macs", 100, 110)), 0.05, True),
        # With growth allowed only the model's own counts matter: what its layers do is its own affair.
        ((Change("encoder", "parameters", 1, 1000), Change("head", "parameters", 1000, 1)), 0.0, False),
        ((Change("encoder", "type", "LSTM", "GRU"),), 0.0, False),
        ((Change("encoder", "type", "LSTM", "GRU"),), None, True),
    ],
)
def test_drift(changed: tuple[Change, ...] | None, growth: float | None, drifted: bool) -> None:
    verdict = Verdict(model_of(), (), changed, both(growth))
    unchecked = Word.NOT_CHECKED if changed is None else Word.OK
    assert (verdict.drifted, verdict.word) == (drifted, Word.FAILED if drifted else unchecked)
    accepted = verdict._replace(accepted=True)
    assert (accepted.drifted, accepted.word) == (False, Word.OK)


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(0, 1000))
def test_growth_is_compared_as_written(locked: int, more: int, tenths: int) -> None:
    """--max-growth X% with one decimal allows exactly the counts that arithmetic with integers does."""
    allowed = parse_growth(f"{tenths // 10}.{tenths % 10}%")
    verdict = Verdict(model_of(), (), totals(locked, locked + more) if more else (), allowed)
    assert verdict.drifted is (more * 1000 > tenths * locked)


@pytest.mark.parametrize(
    ("written", "outgrown"),
    [
        ("5%", ["parameters", "macs"]),
        ("30%", ["macs"]),
        ("29.8%", ["parameters", "macs"]),
        ("29.9%", ["macs"]),
        ("params=5%", ["parameters"]),
        ("macs=5%", ["macs"]),
        ("params=71,macs=378", []),
        ("params=70, macs=377", ["parameters", "macs"]),
        ("macs=32.4%,params=70", ["parameters"]),
        ("params=0.1k,macs=0", ["macs"]),
    ],
)
def test_what_outgrows_which_limit(written: str, outgrown: list[str]) -> None:
    """Of parameters 238 -> 309, 71 more, and MACs 1,170 -> 1,548, 378 more; what is not named is not limited."""
    verdict = verdict_of("encoder.hidden_size=6")._replace(limits=(), allowed_growth=parse_growth(written))
    assert sorted(change.field for change, _ in verdict.outgrown) == sorted(outgrown)
    assert verdict.drifted is bool(outgrown)
    assert verdict._replace(accepted=True).outgrown == ()


@pytest.mark.parametrize(
    "added", ["  - {name: drop, type: Dropout}\n", "  - {name: norm, type: LayerNorm, elementwise_affine: false}\n"]
)
def test_a_layer_that_costs_nothing_is_no_growth_and_no_new_model(added: str) -> None:
    verdict = verdict_of(text=TEXT + added, growth=0.0)
    assert [change[:2] for change in verdict.changes or ()] == [(added.split()[2][:-1], "layer")]
    assert (verdict.new, verdict.drifted, verdict.word) == (False, False, Word.OK)
    assert found_in(verdict, TEXT + added) == []
    assert summary(verdict) == [("within", "changed, allowed", "ok")]
    assert verdict_of(text=TEXT + added).drifted


def test_a_limit_on_one_count_lets_no_new_model_in() -> None:
    verdict = Verdict(model_of(), (), changes(locked_of(), None), parse_growth("macs=1G"))
    assert (verdict.drifted, verdict.outgrown) == (True, ())


# --- findings ----------------------------------------------------------------------------------------------


def found_in(verdict: Verdict, text: str = TEXT, *settings: str) -> list[Finding]:
    return list(findings(spec_of(text, *settings), verdict, LOCK))


def test_nothing_is_found_in_a_sound_model() -> None:
    assert found_in(verdict_of()) == []
    assert found_in(Verdict(model_of(), (), None)) == []


def test_a_broken_limit_is_placed_at_its_line_of_the_budget() -> None:
    text = TEXT.replace("max_macs: 1170", "max_macs:   1000").replace("max_params: 238", "max_params: 0")
    spec = spec_of(text)
    verdict = Verdict(plan(spec), limits(plan(spec), spec.budget), None)
    assert list(findings(spec, verdict, LOCK)) == [
        Finding(Place("doc.yaml", 4, 15), "small", "max_params", "max_params: 238, over 0 by 238"),
        Finding(Place("doc.yaml", 6, 15), "small", "max_macs", "max_macs: 1,170, over 1,000 by 170, 17 %"),
    ]


def test_a_limit_that_an_option_sets_is_placed_there_or_at_the_budget() -> None:
    spec = spec_of(TEXT, "budget.max_params=3")
    verdict = Verdict(plan(spec), limits(plan(spec), {"max_params": 3}), None)
    (finding,) = findings(spec, verdict, LOCK)
    assert str(finding.place) == "--set budget.max_params=3"
    (finding,) = findings(spec_of(TEXT), verdict, LOCK)
    assert (finding.place.line, finding.place.column) == (4, 15)
    without = spec_of(TEXT.replace(TEXT[TEXT.index("budget") : TEXT.index("layers")], ""))
    (finding,) = findings(without, verdict, LOCK)
    assert finding.place == Place("doc.yaml", 1, 1)


def test_drift_is_told_by_its_cause_and_by_what_it_comes_to() -> None:
    listed = found_in(verdict_of("encoder.hidden_size=6")._replace(limits=()))
    assert [(finding.place, finding.model, finding.rule, finding.subject) for finding in listed] == [
        (Place("doc.yaml", 13, 18), "small", "lock", "encoder"),
        (Place("doc.yaml", 1, 1), "small", "lock", ""),
    ]
    assert [finding.what for finding in listed] == [
        "encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)",
        "the model: parameters 238 → 309 (+29.8 %), MACs 1,170 → 1,548 (+32.3 %)",
    ]
    finding = found_in(verdict_of("encoder.hidden_size=6"), TEXT, "encoder.hidden_size=6")[-2]
    assert str(finding.place) == "--set encoder.hidden_size=6"


def test_a_layer_that_is_gone_is_placed_at_the_document() -> None:
    short = TEXT[: TEXT.index("  - {name: head")]
    *_, finding = found_in(verdict_of(text=short), short)
    assert finding.place == Place("doc.yaml", 1, 1)
    assert finding.what == "layer 'head' (Linear, 18 parameters) is gone"


@pytest.mark.parametrize(
    ("growth", "accepted", "rules"), [(None, False, {"lock"}), (0.3, False, {"lock"}), (0.4, False, set())]
)
def test_drift_that_is_allowed_or_accepted_is_no_finding(growth: float, accepted: bool, rules: set[str]) -> None:
    verdict = verdict_of("encoder.hidden_size=6", growth=growth)._replace(limits=())
    assert {finding.rule for finding in found_in(verdict)} == rules
    assert found_in(verdict._replace(accepted=True)) == []


def test_what_outgrows_a_limit_is_told_with_it_and_what_does_not_is_no_finding() -> None:
    def complaints(written: str, *settings: str) -> list[str]:
        verdict = verdict_of(*settings)._replace(limits=(), allowed_growth=parse_growth(written))
        return [finding.what for finding in found_in(verdict, TEXT, *settings)]

    grown = "encoder.hidden_size=6"
    parameters, macs, why = "parameters 238 → 309", "MACs 1,170 → 1,548", "encoder: hidden_size 5 → 6"
    assert complaints("30%", grown) == [f"{macs}, +32.3 % since the lock, over the allowed 30 %: {why}"]
    assert complaints("params=70,macs=32.4%", grown) == [
        f"{parameters}, +71 since the lock, over the allowed 70: {why}"
    ]
    # 71 / 238 is 29.832 %: so many digits that it reads as what it is, more
    over = "+29.832 % since the lock, over the allowed 29.83 %"
    assert complaints("params=29.83%", grown) == [f"{parameters}, {over}: {why}"]
    why = "encoder: hidden_size 5 → 60, head: out_features 3 → 1"  # which reads so many features that it has grown
    assert complaints("macs=7%,params=1000%", "encoder.hidden_size=60", "head.out_features=1") == [
        "MACs 1,170 → 92,520, +7,808 % since the lock, over the allowed 7 %: " + why,
        "parameters 238 → 15,901, +6,581 % since the lock, over the allowed 1000 %: " + why,
    ]
    nothing = Verdict(model_of(), (), totals(0, 1), parse_growth("5%"))
    assert found_in(nothing)[0].what == "parameters 0 → 1, +1 since the lock, over the allowed 5 %: encoder"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("5", "expected a percentage such as 5%, got '5' (write 5% for both, or params=5%,macs=100k)"),
        ("", "expected a percentage such as 5%, got '' ("),
        ("-5%", "expected a percentage such as 5%, got '-5%' ("),
        ("5%,macs=20%", "expected NAME=LIMIT between commas, got '5%' (write "),
        ("params=5%,", "expected NAME=LIMIT between commas, got '' (write "),
        ("parameters=5%", "expected params or macs before =, got 'parameters' (did you mean 'params'?; write "),
        ("=5%", "expected params or macs before =, got '' (known: params, macs; write "),
        ("macs=1%,macs=2%", "expected macs once, got it twice (write "),
        ("macs=5m", "expected a percentage such as 5% or a count such as 100k for macs, got '5m' (write "),
        ("macs=", "expected a percentage such as 5% or a count such as 100k for macs, got '' (write "),
        ("params=-1", "expected a percentage such as 5% or a count such as 100k for params, got '-1' (write "),
        ("params=1.5", "expected a percentage such as 5% or a count such as 100k for params, got '1.5' (write "),
        ("params==5%", "expected a percentage such as 5% or a count such as 100k for params, got '=5%' (write "),
    ],
)
def test_growth_that_cannot_be_read(written: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        parse_growth(written)


def test_what_a_lock_holds_is_shown_on_one_line_without_control_characters() -> None:
    locked = locked_of()
    sign = "w\r\n::error::x\u2028"
    hostile = locked.layers["head"]._replace(type="a\x1b[31m\nb", weights={sign: (3,)}, settings={sign: sign})
    for layers in ({**locked.layers, "head": hostile}, {**locked.layers, "a\x1b\n": hostile}):
        model = LockedModel({sign: sign}, layers)
        verdict = Verdict(model_of(), (), changes(locked_of(), model))
        for finding in found_in(verdict):
            assert finding.what.isprintable()


def test_an_error_as_a_finding() -> None:
    place = Place("a.yaml", 3, 5)
    error = DocumentError(place, "wrong", path="layers[0]", hint="mend it")
    wrong = Finding(place, "", "document", "layers[0]: wrong (mend it)", "layers[0]")
    assert list(of_error(error, "other.yaml")) == [wrong]
    assert list(of_error(OptionError("no"), "b.yaml")) == [Finding(Place("b.yaml"), "", "document", "no")]
    error.also = (DocumentError(Place("a.yaml", 9), "no", path="input"),)
    assert [(each.place.line, each.subject) for each in of_error(error, "")] == [
        (place.line, "layers[0]"),
        (9, "input"),
    ]


# --- tables ------------------------------------------------------------------------------------------------


def rows(tables: Sequence[Table], title: str, subject: str) -> tuple[tuple[Cell, ...], ...]:
    (table,) = (table for table in tables if (table.title, table.subject) == (title, subject))
    assert {len(row) for row in table.rows} <= {len(table.columns)}
    return table.rows


def summary(*verdicts: Verdict) -> list[tuple[Cell, ...]]:
    """Budget, lock and verdict of each; without a base nothing is said of it."""
    return [(*row[-4:-2], row[-1]) for row in rows(check_tables(Check(verdicts, LOCK), folded=False), "check", "all")]


def test_the_tables_of_a_check() -> None:
    tables = check_tables(Check((verdict_of("encoder.hidden_size=6"),), LOCK), folded=True)
    assert [table.title for table in tables] == ["check", "budget", "changes since the lock"]
    assert rows(tables, "budget", "small")[:2] == (
        ("doc.yaml", "max_params", 238, 309, 71, pytest.approx(30900 / 238), "OVER"),
        ("doc.yaml", "max_param_bytes", 952, 1236, 284, pytest.approx(123600 / 952), "OVER"),
    )
    assert rows(tables, "budget", "small")[3][4:] == (None, pytest.approx(31.2), "ok")
    changed = rows(tables, "changes since the lock", "small")
    assert changed[0] == ("doc.yaml", None, "parameters", 238, 309, 71, pytest.approx(7100 / 238))
    assert changed[2] == ("doc.yaml", "encoder", "encoder.hidden_size", 5, 6, 1, pytest.approx(20))
    assert changed[5] == ("doc.yaml", "encoder", "weight_ih_l0", (20, 4), (24, 4), None, None)
    assert rows(tables, "check", "small") == (
        ("small", "doc.yaml", 309, 1236, 1548, "over", "changed", "none", "FAILED"),
    )


def test_a_sound_model_without_a_budget_has_one_row() -> None:
    (only,) = check_tables(Check((Verdict(model_of(), (), None),), LOCK), folded=True)
    assert only.rows == (("small", "doc.yaml", 238, 952, 1170, "none", "none", "none", "not checked"),)
    assert (only.total, only.foot) == (None, "")


def test_the_words_of_a_verdict() -> None:
    within, over = (Limit("max_params", 300, 238),), (Limit("max_params", 200, 238),)
    model, drift = model_of(), totals(200, 238)
    told = [
        (Verdict(model, within, ()), ("within", "same", "ok")),
        (Verdict(model, within, drift), ("within", "changed", "FAILED")),
        (Verdict(model, over, ()), ("over", "same", "FAILED")),
        (Verdict(model, over, None), ("over", "none", "FAILED")),
        (Verdict(model, (), drift), ("none", "changed", "FAILED")),
        (Verdict(model, (), drift, both(0.2)), ("none", "changed, allowed", "ok")),
        (Verdict(model, (), drift, None, True), ("none", "updated", "ok")),
        (Verdict(model, (), (Change("", "model", None, "new"),), both(9.0)), ("none", "missing", "FAILED")),
        (Verdict(model, over, drift, None, True), ("over", "updated", "FAILED")),
        (Verdict(model, (), None, None, True), ("none", "written", "ok")),
        (Verdict(model, (), changes(locked_of(), None), None, True), ("none", "written", "ok")),
        (Verdict(model, (), (), None, True), ("none", "same", "ok")),
        (Verdict(model, (), None), ("none", "none", "not checked")),
        (Verdict(model, (), None, built=True), ("none", "none", "ok")),
        (Verdict(model, (), None, empty_budget=True), ("empty", "none", "not checked")),
        (Verdict(model, (), (), empty_budget=True), ("empty", "same", "ok")),
        (Verdict(model, (), (), empty_budget=True, demanded=True), ("empty", "same", "FAILED")),
        (Verdict(model, within, None, demanded=True), ("within", "none", "FAILED")),
        (Verdict(model, (), (), demanded=True), ("none", "same", "ok")),
    ]
    assert summary(*(verdict for verdict, _ in told)) == [words for _, words in told]


def test_a_limit_of_nothing_has_no_per_cent() -> None:
    model = model_of()
    tables = check_tables(Check((Verdict(model, limits(model, {"max_params": 0}), None),), LOCK), folded=True)
    assert rows(tables, "budget", "small") == (("doc.yaml", "max_params", 0, 238, 238, None, "OVER"),)


def test_the_tables_of_a_diff() -> None:
    old, new = model_of(), replace(model_of(TEXT, "encoder.hidden_size=6"), name="grown")
    tables = diff_tables(old, new, differences(locked_of(), locked_of(TEXT, "encoder.hidden_size=6")))
    assert [(table.title, table.subject) for table in tables] == [
        ("totals", "small -> grown"),
        ("layers that differ", "small -> grown"),
    ]
    assert rows(tables, "totals", "small -> grown") == (
        ("parameters", 238, 309, 71, pytest.approx(7100 / 238)),
        ("parameter_bytes", 952, 1236, 284, pytest.approx(28400 / 952)),
        ("macs", 1170, 1548, 378, pytest.approx(37800 / 1170)),
        ("backward_macs", 1660, 2232, 572, pytest.approx(57200 / 1660)),
        ("output_bytes", 272, 312, 40, pytest.approx(4000 / 272)),
        ("kept_for_backward_bytes", 936, 1104, 168, pytest.approx(16800 / 936)),
        ("gradient_bytes", 952, 1236, 284, pytest.approx(28400 / 952)),
        ("adam_bytes", 1904, 2472, 568, pytest.approx(28400 / 952)),
        ("training_bytes", 4744, 6048, 1304, pytest.approx(130400 / 4744)),
    )
    differing = rows(tables, "layers that differ", "small -> grown")
    assert differing[:2] == (
        ("encoder", "encoder.hidden_size", 5, 6, 1, pytest.approx(20)),
        ("encoder", "parameters", 220, 288, 68, pytest.approx(6800 / 220)),
    )
    assert [column.key for column in tables[1].columns] == ["layer", "field", "old", "new", "change", "percent"]


def test_what_is_no_layers_is_not_called_a_layers() -> None:
    wider = "input.batch_size=3", "encoder.hidden_size=6"
    tables = diff_tables(model_of(), model_of(TEXT, *wider), differences(locked_of(), locked_of(TEXT, *wider)))
    assert {row[0] for row in tables[1].rows} >= {None, "encoder"}
    assert tables[1].title == "what differs"


def test_the_tables_of_a_diff_of_a_model_with_itself() -> None:
    model = model_of()
    (same,) = diff_tables(model, model, ())
    assert {row[3:] for row in same.rows} == {(0, 0.0)}
    assert same.notes == ("no layer differs",)


def test_counts_from_nothing_have_no_per_cent() -> None:
    table = "layers: [{name: encoder, type: Embedding, num_embeddings: 7, embedding_dim: 5}]\n"
    text = f"input: {{batch_size: 2, seq_len: 3}}\n{table}"
    tables = diff_tables(model_of(text), model_of(), differences(locked_of(text), locked_of()))
    assert rows(tables, "totals", "doc -> small")[2] == ("macs", 0, 1170, 1170, None)


def test_every_cell_suits_its_column() -> None:
    verdicts = (verdict_of("encoder.hidden_size=6"), Verdict(model_of(), (), changes(locked_of(), None)))
    for table in [
        *check_tables(Check(verdicts, LOCK), folded=True),
        *diff_tables(model_of(), verdicts[0].model, verdicts[0].changes or ()),
    ]:
        for row in table.rows:
            for column, cell in zip(table.columns, row, strict=True):
                if column.kind is Kind.TEXT:
                    assert isinstance(cell, str) or (column.key == "layer" and cell is None)
                if column.key in ("allowed", "actual", "parameters", "macs"):
                    assert type(cell) is int


SINGLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=60)
SETTINGS = st.dictionaries(
    st.sampled_from(["hidden_size", "in_features", "bias", "x", "input.seq_len", "dtype", "encoder.bias"]),
    SINGLE | st.lists(st.integers(), max_size=60).map(tuple),
    max_size=3,
)
# What is held against.
LOCK = Against("rnninspect.lock")
LAYER = st.builds(
    LockedLayer,
    st.sampled_from(["LSTM", "GRU"]),
    st.integers(0, 10**20),
    st.integers(0, 10**20),
    st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 9)), max_size=2),
    st.none() | SETTINGS,
)


@given(
    st.builds(LockedModel, st.none() | SETTINGS, st.dictionaries(st.sampled_from(["encoder", "head", "tail"]), LAYER))
)
def test_whatever_is_locked_the_tables_and_findings_can_be_made(locked: LockedModel) -> None:
    spec = spec_of(TEXT)
    model = plan(spec)
    verdict = Verdict(model, limits(model, spec.budget), changes(locked_model(spec, model), locked))
    assert bool(list(findings(spec, verdict, LOCK))) is verdict.drifted
    assert len(check_tables(Check((verdict,), LOCK), folded=True)) == 2 + verdict.drifted
    assert all(finding.what.isprintable() and len(finding.what) <= 240 for finding in findings(spec, verdict, LOCK))
