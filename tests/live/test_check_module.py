"""`check_module`: a module held against a budget and a lock: what a reviewer reads, and how it is accepted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ended import Run
from torch import nn
from worlds import SMALL

import rnninspect


class Tagger(nn.Module):
    def __init__(self, hidden: int = 7, classes: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        self.encoder = nn.LSTM(5, hidden, num_layers=2, dropout=dropout)
        self.head = nn.Linear(hidden, classes)


# 28 * (5 + 7 + 2) + 28 * (7 + 7 + 2), and 7 * 3 + 3.
RECURRENT, OTHERS = 840, 24


def failure(module: nn.Module, **checks: object) -> list[str]:
    with pytest.raises(AssertionError) as raised:
        rnninspect.check_module(module, **checks)  # type: ignore[arg-type]
    return str(raised.value).splitlines()


def test_the_budget_is_of_all_parameters() -> None:
    assert rnninspect.check_module(Tagger(), max_params=RECURRENT + OTHERS).parameters == RECURRENT
    rnninspect.check_module(Tagger(), max_params="1k")
    assert failure(Tagger(), max_params=800) == [
        "Tagger is not what is accepted:",
        "  max_params: 864, over 800 by 64, 8 % (840 in recurrent layers, 24 in others); where that is meant, raise "
        "max_params in this test",
    ]


def test_an_amount_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"max_params: expected a number with one of k, M, G, T, .* got '20 apples'"):
        rnninspect.check_module(Tagger(), max_params="20 apples")


def test_pytest_shows_the_line_of_the_test_and_none_of_ours(tmp_path: Path) -> None:
    call = "rnninspect.check_module(nn.GRU(5, 7), max_params=9)"
    test = f"import rnninspect\nfrom torch import nn\ndef test():\n    {call}\n"
    (tmp_path / "test_of_a_user.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_of_a_user.py"]
    report = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert f">       {call}" in report
    assert "max_params: 294, over 9 by 285" in report
    assert "accepted.py" not in report
    assert "api.py" not in report


def test_a_lock_that_is_not_there_is_not_written_unasked(tmp_path: Path) -> None:
    lock = tmp_path / "rnninspect.lock"
    assert failure(Tagger(), lock=lock) == [
        "Tagger is not what is accepted:",
        f"  lock: expected an entry to hold it against, {lock} is not there",
        f"  accept with: RNNINSPECT_UPDATE=1 pytest ..., and commit {lock}",
    ]
    assert not lock.exists()
    rnninspect.check_module(Tagger(), lock=lock, update=True)
    assert failure(nn.GRU(5, 7), lock=lock)[1] == (
        f"  lock: expected an entry to hold it against, {lock} has no module:GRU"
    )


def test_what_a_reviewer_reads_of_a_change(tmp_path: Path) -> None:
    lock = tmp_path / "rnninspect.lock"
    rnninspect.check_module(Tagger(), lock=lock, update=True)
    rnninspect.check_module(Tagger(), lock=lock)
    assert failure(Tagger(hidden=8, dropout=0.5), lock=lock) == [
        "Tagger is not what is accepted:",
        "  encoder: hidden_size: expected 7, got 8",
        "  encoder: dropout: expected 0.0, got 0.5",
        "  encoder: parameters: expected 840, got 1,056",
        "  (other layers): parameters: expected 24, got 27",
        "  (other layers): head.weight: expected (3, 7), got (3, 8)",
        "  all of it: parameters: expected 864, got 1,083",
        f"  expected: as {lock} has it",
        f"  accept with: RNNINSPECT_UPDATE=1 pytest ..., and commit {lock}",
    ]
    assert failure(Tagger(classes=4), lock=lock)[1:4] == [
        "  (other layers): parameters: expected 24, got 32",
        "  (other layers): head.weight: expected (3, 7), got (4, 7)",
        "  (other layers): head.bias: expected (3,), got (4,)",
    ]


def test_an_update_is_accepted_by_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "rnninspect.lock"
    monkeypatch.setenv("RNNINSPECT_UPDATE", "1")
    rnninspect.check_module(Tagger(), lock=lock)
    monkeypatch.setenv("RNNINSPECT_UPDATE", "0")
    rnninspect.check_module(Tagger(), lock=str(lock))
    assert failure(Tagger(8), lock=lock)
    monkeypatch.setenv("RNNINSPECT_UPDATE", "1")
    assert failure(Tagger(8), lock=lock, update=False)
    rnninspect.check_module(Tagger(8), lock=lock, max_params="2k")


def test_wrappers_devices_and_modes_are_no_change(tmp_path: Path) -> None:
    lock = tmp_path / "rnninspect.lock"
    rnninspect.check_module(Tagger(), lock=lock, update=True)
    for module in (nn.DataParallel(Tagger()), Tagger().to("meta"), Tagger().eval(), Tagger().requires_grad_(False)):
        rnninspect.check_module(module, lock=lock)
    rnninspect.check_module(Tagger(8), lock=lock, name="large", update=True)
    rnninspect.check_module(Tagger(8), lock=lock, name="large")
    rnninspect.check_module(Tagger(), lock=lock)


def test_a_module_that_is_not_what_its_arguments_say_fails() -> None:
    module = Tagger()
    module.encoder.weight_hh_l0 = nn.Parameter(torch.zeros(28, 6))
    assert failure(module)[1] == (
        "  encoder: weights weight_hh_l0 shape: expected (28, 7) of a LSTM with these arguments, got (28, 6)"
    )


def test_documents_and_modules_share_a_lock(tmp_path: Path, here: Run) -> None:
    (tmp_path / "model.yaml").write_text(SMALL)
    lock = tmp_path / "rnninspect.lock"
    rnninspect.check_module(Tagger(), lock=lock, update=True)
    assert here("check", "model.yaml", "--update", cwd=tmp_path).returncode == 0
    assert here("check", "model.yaml", "--locked", cwd=tmp_path).returncode == 0
    rnninspect.check_module(Tagger(), lock=lock)
    rnninspect.check_module(Tagger(8), lock=lock, update=True)
    assert here("check", "model.yaml", "--locked", cwd=tmp_path).returncode == 0
    (tmp_path / "model.yaml").rename(tmp_path / "other.yaml")
    assert here("check", "other.yaml", "--update", cwd=tmp_path).returncode == 0
    text = lock.read_text()
    assert '"module:Tagger"' in text
    assert '"other.yaml"' in text
    assert '"model.yaml"' not in text
