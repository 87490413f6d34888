"""Which worker does which job, and which is given up; without any process."""

from __future__ import annotations

from rnninspect.bench.dealing import MOST_FAILED, Deal, Done


class Deals:
    """Jobs "a", "b", ... dealt out to workers; a result "bad" may be the worker's fault."""

    def __init__(self, jobs: str, workers: int) -> None:
        self.gone: list[tuple[int, object]] = []
        self.told: list[tuple[int, object]] = []
        self._deal = Deal(jobs, workers, lambda result: result == "bad", lambda *gone: self.gone.append(gone))

    def does(self, place: int, result: str) -> str | None:
        """The job that the worker does next, with this result; what is told then is in `told`."""
        taken = self._deal.take(place)
        if taken is None:
            return None
        number, job = taken
        self.told += [(done.number, done.result) for done in self._deal.put(place, job, Done(number, result, 1))]
        return str(job)

    def end(self) -> None:
        self.told += [(done.number, done.result) for done in self._deal.rest()]


def test_a_worker_that_fails_at_every_job_is_given_up_and_others_do_its_jobs() -> None:
    deals = Deals("abcde", 2)
    assert MOST_FAILED == 3
    assert [deals.does(1, "bad") for _ in range(4)] == ["a", "b", "c", None]
    assert (deals.gone, deals.told) == ([(1, "bad")], [])
    assert [deals.does(0, "good") for _ in range(6)] == ["a", "b", "c", "d", "e", None]
    deals.end()
    assert deals.told == [(number, "good") for number in range(5)]


def test_what_fails_between_what_goes_well_is_the_jobs_own_fault() -> None:
    deals = Deals("abcdefg", 2)
    for result in ("bad", "bad", "good", "bad", "bad", "good"):
        deals.does(1, result)
    assert deals.gone == []
    assert deals.told == list(enumerate(("bad", "bad", "good", "bad", "bad", "good")))


def test_what_nobody_was_given_up_for_is_told_at_the_end() -> None:
    deals = Deals("ab", 2)
    deals.does(0, "bad")
    deals.does(1, "bad")
    assert deals.told == []
    deals.end()
    assert deals.told == [(0, "bad"), (1, "bad")]


def test_the_last_worker_is_never_given_up() -> None:
    """Where all fail it may be the jobs, so that each is told with its reason."""
    deals = Deals("abcde", 2)
    deals.does(0, "bad")
    for _ in range(3):
        deals.does(1, "bad")
    assert deals.gone == [(1, "bad")]
    while deals.does(0, "bad"):
        pass
    deals.end()
    assert sorted(deals.told) == [(number, "bad") for number in range(5)]
    alone = Deals("ab", 1)
    alone.does(0, "bad")
    assert alone.told == [(0, "bad")]
