"""Amounts with units: what each means, exactly, and what is refused, by itself, in a document and on `--set`."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnninspect.document.blocks import Budget
from rnninspect.document.overrides import override
from rnninspect.document.quantity import parse_bytes, parse_count, parse_percent
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.errors import DocumentError

COUNT_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BYTE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
COUNT_WORDS = "a count such as 20M, 1.5k or 20000000 (units k, M, G, T)"
BYTE_WORDS = "an amount such as 80 MB, 80 MiB or 80000000 (units B, kB, MB, GB, TB, KiB, MiB, GiB, TiB)"
WORDS = {
    "max_params": COUNT_WORDS,
    "max_macs": COUNT_WORDS,
    "max_param_bytes": BYTE_WORDS,
    "max_output_bytes": BYTE_WORDS,
    "max_training_bytes": BYTE_WORDS,
    "max_activation_bytes": BYTE_WORDS,
}

HEAD = "input: {batch_size: 3, seq_len: 5}\nlayers: [{type: LSTM, input_size: 2, hidden_size: 4}]\n"


def budget(text: str, *settings: str) -> Budget | None:
    """The budget of a document that ends with `text`."""
    return validate(override(read_tree(HEAD + text, "doc.yaml"), settings)).document.budget


def refused(text: str, *settings: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        budget(text, *settings)
    return caught.value


# --- what an amount means ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parse", "given", "amount"),
    [
        (parse_count, "0", 0),
        (parse_count, "20000000", 20_000_000),
        (parse_count, "1.5k", 1_500),
        (parse_count, "20M", 20_000_000),
        (parse_count, "20 M", 20_000_000),
        (parse_count, " 20M ", 20_000_000),
        (parse_count, "0.001k", 1),
        (parse_count, "2.0", 2),
        (parse_count, "007k", 7_000),
        (parse_count, 7, 7),
        (parse_count, 1e6, 1_000_000),
        (parse_count, 10**400, 10**400),
        (parse_count, 2.0**80, 2**80),
        (parse_bytes, "80", 80),
        (parse_bytes, "80 B", 80),
        (parse_bytes, "80 MB", 80_000_000),
        (parse_bytes, "80 MiB", 83_886_080),
        (parse_bytes, "80MiB", 83_886_080),
        (parse_bytes, "0.5 KiB", 512),
        (parse_bytes, 80e6, 80_000_000),
    ],
)
def test_an_amount(parse: Callable[[int | float | str], int], given: int | float | str, amount: int) -> None:
    parsed = parse(given)
    assert (parsed, type(parsed)) == (amount, int)


@pytest.mark.parametrize(("parse", "units"), [(parse_count, COUNT_UNITS), (parse_bytes, BYTE_UNITS)])
def test_every_unit(parse: Callable[[str], int], units: dict[str, int]) -> None:
    for unit, size in units.items():
        assert (parse(f"3{unit}"), parse(f"3 {unit}")) == (3 * size, 3 * size)


digits = st.text("0123456789", min_size=1, max_size=30)


@given(whole=digits, unit=st.sampled_from(["", *BYTE_UNITS]))
def test_no_digit_of_a_whole_amount_is_rounded(whole: str, unit: str) -> None:
    assert parse_bytes(f"{whole} {unit}" if unit else whole) == int(whole) * BYTE_UNITS.get(unit, 1)


@given(whole=digits, part=digits, unit=st.sampled_from(["", *BYTE_UNITS]))
def test_a_fraction_is_exact_or_refused(whole: str, part: str, unit: str) -> None:
    exact = Fraction(f"{whole}.{part}") * BYTE_UNITS.get(unit, 1)
    if exact.denominator == 1:
        assert parse_bytes(f"{whole}.{part}{unit}") == exact
    else:
        with pytest.raises(ValueError, match=r"^expected a whole amount >= 0, got "):
            parse_bytes(f"{whole}.{part}{unit}")


@given(st.integers(0, 10**18), st.sampled_from(list(COUNT_UNITS)))
def test_a_count_reads_back(number: int, unit: str) -> None:
    assert parse_count(f"{number}{unit}") == number * COUNT_UNITS[unit]
    assert parse_count(number) == parse_count(str(number)) == number


# --- what is refused ---------------------------------------------------------------------------------------

WRONG_FORMS = [
    *("", " ", "M", "twenty", "1e6", "-5", "+5", "5%", "20 000", "20,000", "20_000", "1.", ".5", "1.5.2", "0x10"),
    *("5  k", "k5", "5kk", "5\u00a0k", "\u0665", "²", "inf", "nan", "5 M\x00", "1" * 31),
]


@pytest.mark.parametrize("given", [*WRONG_FORMS, "20m", "20K", "20g", "20t", "20B", "80MB", "80MiB", "3P"])
def test_what_is_no_count(given: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_count(given)
    assert str(caught.value) == f"expected a number with one of k, M, G, T, or without, got {given!r}"


@pytest.mark.parametrize(
    "given", [*WRONG_FORMS, "20k", "20M", "20m", "80Mb", "80mb", "80KB", "80kiB", "80mib", "80 Mib", "3b", "3PB"]
)
def test_what_is_no_amount_of_bytes(given: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_bytes(given)
    units = "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"
    assert str(caught.value) == f"expected a number with one of {units}, or without, got {given!r}"


@pytest.mark.parametrize("given", [-1, -0.5, 0.5, 1e-9, "0.5", "1.0005k", "0.0000001M"])
def test_what_is_not_whole_or_negative(given: int | float | str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_count(given)
    assert str(caught.value) == f"expected a whole amount >= 0, got {given!r}"


@pytest.mark.parametrize(
    ("given", "share"),
    [("5%", 0.05), ("5 %", 0.05), ("0%", 0.0), ("0.5%", 0.005), ("100%", 1.0), ("250%", 2.5), ("12.50%", 0.125)],
)
def test_a_percentage(given: str, share: float) -> None:
    assert parse_percent(given) == share


@given(st.integers(0, 10**9 - 1), st.integers(0, 9))
def test_a_percentage_is_the_nearest_number_to_what_is_written(whole: int, tenth: int) -> None:
    # why: growth of exactly 0.7 % is 7 / 1000 and must not be over --max-growth 0.7%.
    assert parse_percent(f"{whole}.{tenth}%") == (10 * whole + tenth) / 1000


@pytest.mark.parametrize(
    "given",
    [
        *("5", "", "%", "-5%", "+5%", "5 percent", "5%%", "5  %", " 5%", "5% ", "5%\n", "1e1%", "0,5%", ".5%", "5.%"),
        *("nan%", "inf%", "1234567890%", "\u0665%"),
    ],
)
def test_what_is_no_percentage(given: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_percent(given)
    assert str(caught.value) == f"expected a percentage such as 5%, got {given!r}"


# --- in a document -----------------------------------------------------------------------------------------


def test_a_budget() -> None:
    written = "budget: {max_params: 20M, max_param_bytes: 80 MiB, max_macs: 1.5k, max_training_bytes: 2 GB"
    written += ", max_activation_bytes: 4096}\n"
    limits = budget(written)
    assert limits is not None
    assert limits.model_dump() == {
        "max_params": 20_000_000,
        "max_param_bytes": 83_886_080,
        "max_macs": 1_500,
        "max_output_bytes": None,
        "max_training_bytes": 2_000_000_000,
        "max_activation_bytes": 4_096,
    }


@pytest.mark.parametrize("written", ["", "budget: null\n", "budget: {}\n", "budget: {max_params: null}\n"])
def test_no_limit(written: str) -> None:
    limits = budget(written)
    assert limits is None or set(limits.model_dump().values()) == {None}


@pytest.mark.parametrize("key", WORDS)
@pytest.mark.parametrize(
    ("written", "amount"), [("0", 0), ("20", 20), ("1e6", 10**6), ("2.0", 2), ("'20'", 20), (f"1{'0' * 30}", 10**30)]
)
def test_plain_numbers(key: str, written: str, amount: int) -> None:
    limits = budget(f"budget: {{{key}: {written}}}\n")
    assert limits is not None
    value = getattr(limits, key)
    assert (value, type(value)) == (amount, int)


@pytest.mark.parametrize("key", WORDS)
@pytest.mark.parametrize(
    ("written", "got"),
    [
        ("true", "true"),
        ("-5", "-5"),
        ("-0.5", "-0.5"),
        ("1.5", "1.5"),
        ("20m", "'20m'"),
        ("20 mb", "'20 mb'"),
        ("''", "''"),
        ("'1e6'", "'1e6'"),
        ("1_000", "'1_000'"),
        ("many", "'many'"),
        (".nan", "nan"),
        (".inf", "inf"),
        ("[20]", "a list"),
        ("{k: 20}", "a mapping"),
        (r'"20M\e[31m"', r"'20M\x1b[31m'"),
    ],
)
def test_a_wrong_limit_is_named_with_its_place(key: str, written: str, got: str) -> None:
    error = refused(f"budget:\n  {key}: {written}\n")
    assert str(error).startswith(f"doc.yaml:4:{len(key) + 5}: budget.{key}: expected {WORDS[key]}, got {got}")
    assert str(error).isprintable()


@pytest.mark.parametrize(("key", "unit"), [("max_params", "MB"), ("max_macs", "MiB"), ("max_param_bytes", "M")])
def test_units_of_the_other_kind_are_refused(key: str, unit: str) -> None:
    assert refused(f"budget: {{{key}: 5 {unit}}}\n").message == f"expected {WORDS[key]}, got '5 {unit}'"


@pytest.mark.parametrize("written", ["20M", "[]", "true"])
def test_a_budget_that_is_no_mapping(written: str) -> None:
    error = refused(f"budget: {written}\n")
    assert (error.place.line, error.place.column, error.path) == (3, 9, "budget")
    assert error.message.startswith("expected a mapping of limits such as max_params: 20M, got ")


def test_an_unknown_limit() -> None:
    error = refused("budget:\n  max_parms: 5\n")
    assert str(error) == "doc.yaml:4:3: budget.max_parms: unknown key 'max_parms' (did you mean 'max_params'?)"


# --- on the command line -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "amount"), [("20M", 20_000_000), ("1e6", 10**6), ("7", 7), ("1.5 k", 1_500), ("null", None)]
)
def test_set(setting: str, amount: int | None) -> None:
    limits = budget("budget: {max_params: 3}\n", f"budget.max_params={setting}")
    assert limits is not None
    assert limits.max_params == amount


def test_set_adds_a_limit_to_the_others() -> None:
    limits = budget("budget: {max_params: 3}\n", "budget.max_macs=2k", "budget.max_macs=4k")
    assert limits is not None
    assert limits.model_dump(exclude_none=True) == {"max_params": 3, "max_macs": 4_000}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("max_params=20m", f"max_params: expected {COUNT_WORDS}, got '20m'"),
        ("max_param=3", "max_param: unknown key 'max_param' (did you mean 'max_params'?)"),
    ],
)
def test_set_to_what_is_none(setting: str, message: str) -> None:
    error = refused("budget: {max_params: 3}\n", f"budget.{setting}")
    assert str(error) == f"--set budget.{setting}: budget.{message}"
