"""Which points are a task's, and which task this is: no folder, no torch, no scheduler."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.bench.controls import chosen
from rnninspect.bench.sharding import Share, Task, cpus_given, dealt, parse_share, parse_shares, slurm_share, task_of
from rnninspect.errors import OptionError

COSTS = st.lists(st.integers(0, 50) | st.integers(0, 10**12), min_size=1, max_size=60)


# --- shares ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", range(1, 51))
@examples(5)
@given(costs=COSTS)
def test_shares_are_a_partition_of_about_as_much(of: int, costs: list[int]) -> None:
    shares = dealt(costs, of)
    assert len(shares) == of
    assert sorted(number for share in shares for number in share) == list(range(len(costs)))
    counts = [len(share) for share in shares]
    assert max(counts) - min(counts) <= 1
    loads = [sum(costs[k] for k in share) for share in shares]
    assert max(loads) - min(loads) <= max(costs)
    for share in shares:
        assert [costs[k] for k in share] == sorted(costs[k] for k in share)


def test_snake_order_by_hand() -> None:
    costs = [1, 2, 3, 4, 5, 6, 7]  # dealt out: 7 6 5, then 2 back: 4 3 2, then 1
    assert dealt(costs, 3) == [[0, 1, 6], [2, 5], [3, 4]]
    assert dealt([5, 5, 5], 2) == [[0], [2, 1]]  # of those that cost the same the first is dealt first
    assert dealt([1], 2) == [[0], []]


@pytest.mark.parametrize(("given_", "share"), [("3/8", Share(3, 8)), ("1/1", Share(1, 1)), (" 2/2 ", Share(2, 2))])
def test_a_share_is_i_of_n(given_: str, share: Share) -> None:
    assert parse_share(given_) == share
    assert str(share) == given_.strip()


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ("0/8", "shares are counted from 1 (where a scheduler counts from 0, write $((INDEX + 1)))"),
        ("9/8", "expected a share from 1 to 8, got 9"),
        ("1/0", "expected 1 to 10,000 shares"),
        ("1/10001", "expected 1 to 10,000 shares"),
        ("8", "expected I/N such as 3/8"),
        ("a/b", "expected I/N"),
        ("-1/8", "expected I/N"),
        ("1/8/2", "expected I/N"),
        ("", "expected I/N"),
    ],
)
def test_no_other_share(given_: str, said: str) -> None:
    with pytest.raises(OptionError, match=re.escape(said)):
        parse_share(given_)


@pytest.mark.parametrize("given_", ["0", "x", "10001", "-1", "1e3", "99999999999999999999"])
def test_no_other_number_of_shares(given_: str) -> None:
    with pytest.raises(OptionError, match="expected 1 to 10,000 shares"):
        parse_shares(given_, given_)


# --- Slurm -----------------------------------------------------------------------------------------------------


def array(index: int, first: int, last: int, step: int, count: int) -> dict[str, str]:
    values = {"ID": index, "MIN": first, "MAX": last, "STEP": step, "COUNT": count}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


@pytest.mark.parametrize(
    ("environ", "begun", "share"),
    [
        (array(3, 1, 8, 1, 8), (), Share(3, 8)),
        (array(3, 1, 8, 1, 8), (8,), Share(3, 8)),
        (array(0, 0, 7, 1, 8), (), Share(1, 8)),
        (array(9, 1, 9, 4, 3), (), Share(3, 3)),  # --array=1-9:4
        (array(1, 1, 1, 1, 1), (), Share(1, 1)),
    ],
)
def test_slurm_says_what_a_whole_array_is(environ: dict[str, str], begun: tuple[int, ...], share: Share) -> None:
    assert slurm_share(environ, begun, "results") == share


@pytest.mark.parametrize(
    ("environ", "begun", "said"),
    [
        ({}, (), "SLURM_ARRAY_TASK_ID is not set (write --shard I/N)"),
        ({"SLURM_JOB_ID": "7"}, (), "this is no task of a Slurm array"),
        (array(3, 3, 7, 1, 2), (), "of this array 2 tasks from 3 to 7 were submitted"),  # --array=3,7
        (array(7, 3, 7, 1, 2), (), "which does not say what N is"),
        (array(5, 5, 5, 1, 1), (), "of this array 1 task from 5 to 5 were submitted"),  # --array=5
        (array(4, 3, 4, 1, 2), (8,), "this array has 2 tasks, and results was begun with 8 shares"),  # --array=3,4
        (array(1, 1, 8, 1, 8), (4, 8, 16), "was begun with 4 and 16 shares"),
        (array(4, 1, 9, 4, 3), (), "which does not say"),  # not one of its own tasks
        (array(3, 1, 8, 0, 8), (), "which does not say"),
    ],
)
def test_where_n_would_be_a_guess_it_is_asked_for(environ: dict[str, str], begun: tuple[int, ...], said: str) -> None:
    with pytest.raises(OptionError, match=re.escape(said)) as caught:
        slurm_share(environ, begun, "results")
    assert "write --shard" in str(caught.value)


# --- which task this is ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "task"),
    [
        ({}, Task("box")),
        (
            {"SLURMD_NODENAME": "n1", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_JOB_ID": "9"},
            Task("n1", "7", "3"),
        ),
        ({"SLURMD_NODENAME": "n1", "SLURM_JOB_ID": "9"}, Task("n1", "9")),
        ({"LSB_JOBID": "5", "LSB_JOBINDEX": "2"}, Task("box", "5", "2")),
        ({"JOB_ID": "5", "SGE_TASK_ID": "2"}, Task("box", "5", "2")),
        ({"PBS_JOBID": "5[2].pbs", "PBS_ARRAY_INDEX": "2"}, Task("box", "5[2].pbs", "2")),
        ({"JOB_COMPLETION_INDEX": "0", "HOSTNAME": "sweep-0"}, Task("box", "sweep-0", "0")),
        ({"GITHUB_RUN_ID": "5"}, Task("box", "5")),
        ({"CI_PIPELINE_ID": "5", "CI_NODE_INDEX": "2"}, Task("box", "5", "2")),
    ],
)
def test_a_scheduler_says_which_task_it_is(environ: dict[str, str], task: Task) -> None:
    assert task_of(environ, "box") == task


@pytest.mark.parametrize(
    ("environ", "cpus"),
    [
        ({}, None),
        ({"SLURM_CPUS_ON_NODE": "8"}, 8),
        ({"SLURM_CPUS_ON_NODE": "8", "SLURM_CPUS_PER_TASK": "2"}, 2),
        ({"SLURM_CPUS_PER_TASK": "0"}, None),
        ({"SLURM_CPUS_PER_TASK": "many"}, None),
    ],
)
def test_how_many_cpus_a_task_has(environ: dict[str, str], cpus: int | None) -> None:
    assert cpus_given(environ) == cpus


# --- controls --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "numbers"), [(1, [2]), (2, [3, 1]), (5, [4, 3, 2, 1, 0]), (9, [4, 3, 2, 1, 0])])
def test_controls_are_spread_from_small_to_large(count: int, numbers: list[int]) -> None:
    assert chosen([50, 40, 30, 20, 10], count) == numbers


def test_no_control_where_none_is_asked_for() -> None:
    assert chosen([1, 2], 0) == []
