"""The faults that `make mutate` plants fit the code as it is: a change of a line takes its fault along."""

from __future__ import annotations

import importlib.util
from pathlib import Path

TESTS = Path(__file__).parent


def test_every_fault_has_its_one_place() -> None:
    found = importlib.util.spec_from_file_location("mutate", TESTS / "tools" / "mutate.py")
    assert found is not None
    assert found.loader is not None
    mutate = importlib.util.module_from_spec(found)
    found.loader.exec_module(mutate)
    texts = {file: (TESTS.parent / "rnninspect" / file).read_text() for file, *_ in mutate.FAULTS}
    assert [fault for fault in mutate.FAULTS if texts[fault[0]].count(fault[1]) != 1] == []
    assert [tests for *_, tests in mutate.FAULTS if not (TESTS / tests).exists()] == []
