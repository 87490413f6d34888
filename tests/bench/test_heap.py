"""What becomes of freed memory, counted in page faults by processes of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from rnninspect.bench import heap, witness

# Ten blocks of 40 MB, one after the other, which malloc would not keep; what is printed are pages of 4 KiB or more.
PROGRAM = """
from rnninspect.bench import heap, witness
kept = heap.keep_freed()
def faults():
    before = witness.page_faults()
    for _ in range(10):
        bytearray(40_000_000)
    return witness.page_faults() - before
faults()
again = faults()
heap.give_back()
print(kept, again, faults())
"""
glibc = pytest.mark.skipif(
    sys.platform != "linux" or heap._glibc("malloc_trim") is None, reason="only glibc's malloc can be told"
)


@pytest.fixture
def counted(program: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., tuple[bool, int, int]]:
    def count(env: dict[str, str] | None = None) -> tuple[bool, int, int]:
        kept, again, given_back = program(PROGRAM, env=env).stdout.split()
        return kept == "True", int(again), int(given_back)

    return count


@glibc
def test_what_is_freed_is_kept_until_it_is_given_back(counted: Callable[..., tuple[bool, int, int]]) -> None:
    kept, again, given_back = counted()
    assert kept
    assert again < 100
    # The first of the ten finds nothing left: 40 MB in pages, the other nine have them.
    assert 40_000_000 // 65_536 <= given_back <= 40_000_000 // 4_096 + 100


@glibc
@pytest.mark.parametrize(
    "env", [{"MALLOC_MMAP_THRESHOLD_": "1000000"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"}]
)
def test_what_the_environment_asks_of_malloc_stays(
    counted: Callable[..., tuple[bool, int, int]], env: dict[str, str]
) -> None:
    kept, again, _ = counted(env)
    assert not kept
    assert again >= 10 * 40_000_000 // 65_536


def test_another_malloc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda name: object())
    assert not heap.keep_freed()
    heap.give_back()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count them so")
def test_page_faults_only_grow() -> None:
    before = witness.page_faults()
    assert before is not None
    bytearray(50_000_000)
    after = witness.page_faults()
    assert after is not None
    assert after > before
