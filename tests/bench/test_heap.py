"""What becomes of freed memory, counted in page faults by processes of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from ended import Run

from rnninspect.bench import heap, witness

# Ten blocks of 40 MB, one after the other, which malloc would not keep; what is printed are pages.
PROGRAM = """
from rnninspect.bench import heap, witness
heap.keep_freed()
def faults():
    before = witness.page_faults()
    for _ in range(10):
        bytearray(40_000_000)
    return witness.page_faults() - before
faults()
again = faults()
heap.give_back()
given_back = faults()
print(heap.keeps_freed(), again, given_back)
"""
# Pages may be as large as this, and as small as 4 KiB.
LARGE = 2**21
glibc = pytest.mark.skipif(
    sys.platform != "linux" or heap._glibc("malloc_trim") is None, reason="only glibc's malloc can be told"
)
Count = Callable[..., tuple[bool, int, int]]


@pytest.fixture
def counted(program: Run) -> Count:
    def count(env: dict[str, str] | None = None) -> tuple[bool, int, int]:
        kept, again, given_back = program(PROGRAM, env=env).stdout.split()
        return {"True": True, "False": False}[kept], int(again), int(given_back)

    return count


@glibc
def test_what_is_freed_is_kept_until_it_is_given_back(counted: Count) -> None:
    kept, again, given_back = counted()
    assert kept
    assert again < 10
    # The first of the ten finds nothing left, the other nine what it left.
    assert 40_000_000 // LARGE <= given_back <= 2 * 40_000_000 // 4096


@glibc
@pytest.mark.parametrize(
    "env", [{"MALLOC_MMAP_THRESHOLD_": "1000000"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1000000"}]
)
def test_what_the_environment_asks_of_malloc_stays(counted: Count, env: dict[str, str]) -> None:
    kept, again, _ = counted(env)
    assert not kept
    assert again >= 10 * 40_000_000 // LARGE


@glibc
def test_what_the_environment_keeps_is_seen_to_be_kept(counted: Count) -> None:
    kept, again, _ = counted({"MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_MMAP_MAX_": "0"})
    assert (kept, again < 10) == (True, True)


def test_the_remedy_is_one_that_would_change_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_glibc", lambda name: print)
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert heap.remedy(kept=False) == "leave malloc's settings out of the environment"
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_")
    assert heap.remedy(kept=False) == "MALLOC_TRIM_THRESHOLD_=-1 MALLOC_MMAP_MAX_=0 in the environment"
    assert heap.remedy(kept=True) == "another malloc, jemalloc for one"
    monkeypatch.setattr(heap, "_glibc", lambda name: None)
    assert heap.remedy(kept=False) == "another malloc, jemalloc for one"


def test_nobody_knows_what_is_kept_where_pages_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "page_faults", lambda: None)
    assert heap.keeps_freed() is None


def test_another_malloc_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    class Other:
        def __getattr__(self, name: str) -> object:
            names.append(name)
            raise AttributeError(name)

    monkeypatch.setattr(heap.ctypes, "CDLL", lambda name: Other())
    heap.keep_freed()
    heap.give_back()
    assert names == ["mallopt", "malloc_trim"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count them so")
def test_page_faults_only_grow() -> None:
    before = witness.page_faults()
    assert before is not None
    bytearray(50_000_000)
    after = witness.page_faults()
    assert after is not None
    assert after > before
