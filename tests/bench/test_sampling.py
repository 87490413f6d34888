"""The timer's logic on a fake clock: nothing here sleeps, and every count and median is exact."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from random import Random

import pytest

from rnninspect.bench.disturbances import Disturbance, Kind
from rnninspect.bench.sampling import LEAST_ROUNDS, Meanwhile, Progress, Timed, Timing, measure


class Time:
    """A clock that only its tasks move."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now


class Fake:
    """A task whose n-th call takes `seconds(n)`; `log` has the number of calls of each sample.

    meanwhile: of each round in turn what the machine did, the last one for all that follow.
    """

    def __init__(
        self,
        time: Time,
        seconds: Callable[[int], float],
        *,
        least: float = 1e-3,
        host: float | None = None,
        meanwhile: Sequence[Meanwhile] = (Meanwhile(),),
        probes: list[float] | None = None,
    ) -> None:
        self.time, self.seconds, self.least_sample, self.host = time, seconds, least, host
        self.meanwhile = list(meanwhile)
        self.probes: list[float] = [] if probes is None else probes
        self.calls = 0
        self.log: list[int] = []
        self.order: list[Fake] = []

    @property
    def best_probe(self) -> float | None:
        return min(self.probes, default=None)

    def watch(self) -> Callable[[], Meanwhile]:
        def finish() -> Meanwhile:
            meanwhile = self.meanwhile.pop(0) if len(self.meanwhile) > 1 else self.meanwhile[0]
            self.probes += [] if meanwhile.probe is None else [meanwhile.probe]
            return meanwhile

        return finish

    def sample(self, calls: int) -> Timing:
        self.log.append(calls)
        self.order.append(self)
        spent = 0.0
        for _ in range(calls):
            spent += self.seconds(self.calls)
            self.calls += 1
        self.time.now += spent
        return Timing(spent, None if self.host is None else self.host * calls)


def run(
    tasks: Sequence[Fake],
    *,
    budget: float = 3.0,
    precision: float = 0.05,
    seed: int = 0,
    progress: Progress = lambda share, task, seconds: None,
    together: Sequence[object] = (),
) -> list[Timed]:
    return measure(
        tasks,
        budget=budget,
        precision=precision,
        now=tasks[0].time.read,
        random=Random(seed),
        progress=progress,
        together=together,
    )


def test_a_steady_task_stops_at_its_precision_after_seven_rounds() -> None:
    (timed,) = run([Fake(Time(), lambda n: 0.010)])
    assert timed.stopped == "precision"
    assert len(timed.rounds) == LEAST_ROUNDS == 7
    # A visit is a twentieth of 3 s, 0.15 s: fifteen calls of 10 ms.
    assert {len(samples) for samples in timed.rounds} == {15}
    assert timed.block == 1
    assert statistics.median(timed.seconds) == pytest.approx(0.010)
    assert timed.verdict == "steady"


def test_short_calls_are_timed_in_blocks_well_above_the_clock() -> None:
    task = Fake(Time(), lambda n: 1e-5)
    (timed,) = run([task], budget=0.2)
    assert timed.block == 100
    assert set(task.log[timed.warmup_calls :]) == {100}
    assert timed.seconds == pytest.approx([1e-5] * len(timed.seconds))


def test_the_warm_up_is_in_no_figure() -> None:
    slow = {0: 0.5, 1: 0.4, 2: 0.3}
    task = Fake(Time(), lambda n: slow.get(n, 0.010))
    (timed,) = run([task])
    # 0.5, 0.4 and 0.3 s are not yet steady; the next three calls are.
    assert timed.warmup_calls == 6
    assert max(timed.seconds) == pytest.approx(0.010)
    assert task.calls == 6 + len(timed.seconds)


def test_a_warm_up_that_never_settles_ends() -> None:
    task = Fake(Time(), lambda n: 0.1 * (1 + n % 2))
    (timed,) = run([task], budget=3.0)
    assert 2.0 <= sum(0.1 * (1 + n % 2) for n in range(timed.warmup_calls)) <= 2.3


def test_an_unsteady_task_stops_when_its_budget_is_spent() -> None:
    random = Random(1)
    (timed,) = run([Fake(Time(), lambda n: 0.010 * random.choice([1, 2, 4]) ** 2)], budget=1.0, precision=1e-4)
    assert timed.stopped == "budget"
    assert 1.0 <= sum(map(sum, timed.rounds)) <= 1.3


def test_a_slow_task_gets_its_seven_rounds_but_no_more_than_three_budgets() -> None:
    (timed,) = run([Fake(Time(), lambda n: 0.3)], budget=1.0, precision=1e-9)
    assert (len(timed.rounds), timed.stopped) == (7, "precision")
    (timed,) = run([Fake(Time(), lambda n: 2.0 + n % 3)], budget=1.0)
    assert timed.stopped == "budget"
    assert sum(map(sum, timed.rounds)) < 3.0 + 4.0


def test_tasks_are_visited_in_random_order_and_none_is_left_behind() -> None:
    time, order = Time(), []
    tasks = [Fake(time, lambda n: 0.010) for _ in range(4)]
    for task in tasks:
        task.order = order
    results = run(tasks)
    assert [len(timed.rounds) for timed in results] == [7] * 4
    visits = [task for k, task in enumerate(order) if k == 0 or order[k - 1] is not task]
    assert [visits[k : k + 4] for k in range(4, 32, 4)] != [tasks] * 7
    assert run([Fake(Time(), lambda n: 0.01)], seed=1) == run([Fake(Time(), lambda n: 0.01)], seed=2)


def test_disturbed_rounds_are_set_aside_while_the_budget_lasts() -> None:
    task = Fake(
        Time(),
        lambda n: 0.010,
        meanwhile=[Meanwhile(Disturbance(Kind.OTHERS, "others used 60 % of the CPU"))] * 5 + [Meanwhile()],
    )
    (timed,) = run([task])
    assert timed.stopped == "precision"
    assert timed.kept == tuple(range(5, 12))
    assert timed.verdict == "steady"


def test_where_no_round_is_quiet_the_verdict_says_so() -> None:
    task = Fake(Time(), lambda n: 0.010, meanwhile=[Meanwhile(Disturbance(Kind.OTHERS, "others used 49 % of the CPU"))])
    (timed,) = run([task], budget=1.0)
    assert timed.stopped == "budget"
    assert timed.verdict == "disturbed (others used 49 % of the CPU)"
    assert timed.kept == tuple(range(len(timed.rounds)))


def test_a_drift_is_named() -> None:
    time = Time()
    (timed,) = run([Fake(time, lambda n: 0.010 if time.now < 1.5 else 0.013)], precision=-1.0, budget=3.0)
    assert timed.verdict == "drifting (second half 30 % slower)"


def test_the_host_has_a_clock_of_its_own() -> None:
    (timed,) = run([Fake(Time(), lambda n: 0.010, host=0.002)])
    assert timed.host == pytest.approx(0.002)


def test_progress_only_grows_and_names_the_task_and_its_median_so_far() -> None:
    told: list[tuple[float, int | None, float | None]] = []
    time = Time()
    run([Fake(time, lambda n: 0.01), Fake(time, lambda n: 0.02)], progress=lambda *said: told.append(said))
    shares = [share for share, _, _ in told]
    assert shares == sorted(shares)
    assert {said[1:] for said in told[:2]} == {(0, None), (1, None)}  # both warm up
    assert {(task, round(seconds or 0, 6)) for _, task, seconds in told[2:-1]} == {(0, 0.01), (1, 0.02)}
    assert told[-1] == (1.0, None, None)


def test_rounds_while_the_machine_was_slow_are_set_aside() -> None:
    # 1 / 1.2 is 83 % of the best speed, 1 / 1.1 is 91 %.
    task = Fake(
        Time(), lambda n: 0.010, meanwhile=[Meanwhile(probe=1.2)] * 3 + [Meanwhile(probe=1.0), Meanwhile(probe=1.1)]
    )
    (timed,) = run([task])
    assert timed.kept == tuple(range(3, 10))
    assert timed.disturbances[:4] == (Disturbance(Kind.SLOW_CPU, "the CPU ran at 83 % of its best speed"),) * 3 + (
        None,
    )
    assert (timed.probes, timed.best_probe) == ((1.2,) * 3 + (1.0,) + (1.1,) * 6, 1.0)
    assert (timed.stopped, timed.verdict) == ("precision", "steady")


def test_a_machine_that_was_slow_all_along_is_known_from_before() -> None:
    (timed,) = run([Fake(Time(), lambda n: 0.010, meanwhile=[Meanwhile(probe=2.0)], probes=[1.0])], budget=1.0)
    assert (timed.stopped, timed.verdict) == ("budget", "disturbed (the CPU ran at 50 % of its best speed)")
    (timed,) = run([Fake(Time(), lambda n: 0.010, meanwhile=[Meanwhile(probe=2.0)])], budget=1.0)
    assert (timed.stopped, timed.verdict) == ("precision", "steady")


def test_a_task_that_had_stopped_goes_on_when_its_rounds_turn_out_slow() -> None:
    time = Time()
    shared: list[float] = []
    # The first would stop after seven rounds; the second, which goes on, shows in its tenth how fast the machine is.
    settled = Fake(time, lambda n: 0.010, meanwhile=[Meanwhile(probe=2.0)] * 7 + [Meanwhile(probe=1.0)], probes=shared)
    random = Random(3)
    other = Fake(
        time,
        lambda n: 0.010 * random.choice([1, 3]),
        meanwhile=[Meanwhile(probe=2.0)] * 9 + [Meanwhile(probe=1.0)],
        probes=shared,
    )
    first, second = run([settled, other], precision=1e-3)
    assert len(first.rounds) == 14
    assert first.kept == tuple(range(7, 14))
    assert first.verdict == "steady"
    # It missed three passes, and is not taken for having been there.
    assert first.passes == (*range(7), *range(10, 17))
    assert second.passes == tuple(range(len(second.rounds)))


def test_what_will_be_compared_goes_on_together() -> None:
    time = Time()
    random = Random(3)
    tasks = [
        Fake(time, lambda n: 0.010),
        Fake(time, lambda n: 0.010 * random.choice([1, 3])),
        Fake(time, lambda n: 0.010),
    ]
    steady, wild, alone = run(tasks, budget=1.0, precision=1e-3, together=["a", "a", "b"])
    assert steady.passes == wild.passes
    assert len(wild.passes) > len(alone.passes) == LEAST_ROUNDS
    assert (steady.stopped, wild.stopped, alone.stopped) == ("precision", "budget", "precision")


def test_new_pages_are_counted_by_the_call() -> None:
    # 15 samples a round, of one call; the median of 2, 4 and 4.
    meanwhile = [Meanwhile(faults=30), Meanwhile(faults=60)]
    assert run([Fake(Time(), lambda n: 0.010, meanwhile=meanwhile)])[0].faults == 4
    # 10 samples of 100 calls.
    short = Fake(Time(), lambda n: 1e-5, meanwhile=[Meanwhile(faults=2_000)])
    assert run([short], budget=0.2)[0].faults == pytest.approx(2, rel=0.1)
    assert run([Fake(Time(), lambda n: 0.010)])[0].faults is None
