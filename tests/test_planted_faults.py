"""The faults that `make mutate` plants fit the code as it is: a change of a line takes its fault along."""

from __future__ import annotations

from pathlib import Path

from tools import mutate

TESTS = Path(__file__).parent


def test_every_fault_has_its_one_place() -> None:
    faults = list(mutate.listed())
    texts = {fault.file: (TESTS.parent / "rnninspect" / fault.file).read_text() for fault in faults}
    assert [fault for fault in faults if texts[fault.file].count(fault.right) != 1] == []
    assert [fault.tests for fault in faults if not (TESTS / fault.tests).exists()] == []
