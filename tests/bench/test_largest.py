"""The largest batch that fits: which are tried on a made-up device, what a batch of a document is, and one real try."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ended import Run, refused
from worlds import CONFIGS, TIMED, spec_of

from rnninspect.bench.jobs import VariantRun
from rnninspect.bench.largest import (
    FittedBatch,
    Found,
    Taken,
    Trial,
    Tried,
    check_grows,
    fit_batch,
    gap,
    largest,
    room_here,
    spec_on,
)
from rnninspect.bench.records import RunOptions, Status, TimingRequest
from rnninspect.bench.supervise import Ended, Last
from rnninspect.commands.shared import bench_fit
from rnninspect.errors import OptionError
from rnninspect.results.largest_batch import sentence
from rnninspect.runtime import memory

sys.path.insert(0, str(Path(__file__).parent))
from fake_work import EACH, FREE, trial


def found(
    most: int, by_plan: int, *, measured: float = 1, known: bool = True, stops: Status = Status.MEMORY, least: int = 1
) -> tuple[Found, list[int]]:
    """What is found on a device where `most` sequences fit, of 100 bytes each, and what was tried for it.

    by_plan: what the plan says that one takes. measured: the share of it that the device counts.
    """
    asked: list[int] = []

    def attempt(batch: int) -> Tried:
        asked.append(batch)
        if batch > most:
            return Tried(batch, by_plan * batch, None, status=stops, reason="full")
        peak, free = (int(100 * measured * batch), 100 * most) if known else (None, None)
        taken = Taken(peak_bytes=peak, free_bytes=free, device="cuda:0", device_name="a made-up GPU", torch="2.13.0")
        return Tried(batch, by_plan * batch, taken)

    return largest(attempt, least, by_plan), asked


@pytest.mark.parametrize("most", [1, 2, 3, 7, 63, 64, 65, 66, 1000, 123_457])
@pytest.mark.parametrize("by_plan", [1, 50, 90, 100, 110, 300])
@pytest.mark.parametrize(("measured", "known"), [(1, True), (0.95, True), (1.05, True), (1, False)])
def test_the_answer_was_tried_and_so_was_the_next(most: int, by_plan: int, measured: float, known: bool) -> None:
    (fits, stopped, tries), asked = found(most, by_plan, measured=measured, known=known)
    assert fits is not None
    assert stopped is not None
    assert {fits.batch, stopped.batch} <= set(asked)
    assert fits.batch <= most < stopped.batch <= fits.batch + gap(fits.batch)
    # Exactly up to 64, and no batch twice.
    assert fits.batch == most or most > 64
    assert len(asked) == len(set(asked)) == tries


def test_a_good_guess_takes_few_tries() -> None:
    assert found(10_000, 100)[1] == [1, 10_000, 10_312, 10_156]
    assert found(10_000, 50)[1] == [1, 19_999, 10_000, 10_156]
    assert len(found(10_000, 80, measured=0.98)[1]) <= 8
    assert len(found(20, 100)[1]) <= 4


def test_what_stops_it_need_not_be_memory() -> None:
    """A library's own limit, say: it is found, and told in the words of what refused."""
    (fits, stopped, _), asked = found(65_535, 1, known=False, stops=Status.FAILED)
    assert fits is not None
    assert stopped is not None
    assert fits.batch <= 65_535 < stopped.batch
    assert (stopped.status, stopped.reason) == ("failed", "full")
    assert len(asked) <= 30


def test_where_not_even_the_least_fits_nothing_else_is_tried() -> None:
    sentences = {Status.MEMORY: "not even batch 2 fits: full", Status.TIMEOUT: "batch 2 could not be tried: full"}
    run = VariantRun(spec=spec_of(TIMED), settings={}, variant={}, setting=RunOptions())
    for status, said in sentences.items():
        none = found(1, 100, least=2, stops=status)[0]
        assert (
            sentence(FittedBatch(*run.of_point, spec=run.spec, phase="step", adam_bytes=0, room=None, found=none))
            == said
        )
    assert found(1, 100, least=2)[0] == Found(None, Tried(2, 200, None, status=Status.MEMORY, reason="full"), 1)


def test_a_model_that_takes_no_room_has_an_end() -> None:
    (fits, stopped, _), _ = found(2**30, 1)
    assert (fits and fits.batch, stopped) == (2**24, None)


# --- a document on another batch ------------------------------------------------------------------------------


def test_all_inputs_have_the_batch_and_a_packed_one_its_lengths_again() -> None:
    packed = spec_of("input: {lengths: [6, 4, 5]}\nlayers: [{type: GRU, input_size: 2, hidden_size: 3}]")
    assert spec_on(packed, 5).batch.lengths == (6, 4, 5, 6, 4)
    assert spec_on(packed, 2).links[0].signal.batch.letters == {"L": 6, "N": 2, "T": 10}
    two = spec_of(
        "input: {batch_size: 2}\ninputs: {a: {seq_len: 3, input_size: 2}, b: {seq_len: null, input_size: 1}}\n"
        "layers: [{name: one, type: GRU, from: [a, b], hidden_size: 3}]"
    )
    assert [each.signal.batch.size for each in spec_on(two, 7).inputs] == [7, 7]
    assert spec_on(two, 7).links[0].signal.batch.letters["N"] == 7


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("input: {batch_size: null, seq_len: 3}\nlayers: [{type: GRU, input_size: 2, hidden_size: 3}]", "has no batch"),
        (
            "input: {batch_size: 2, seq_len: 3}\nlayers: [{name: norm, type: LayerNorm, normalized_shape: [2, 4]}]\n",
            "layer 'norm' of .* is built for its batch",
        ),
    ],
)
def test_a_batch_that_cannot_be_another_is_refused(document: str, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        check_grows(spec_of(document))


def test_the_host_keeps_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    for free, room in ((16 * 2**30, 14 * 2**30), (4 * 2**30, 3 * 2**30), (2**30, 2**29), (None, None)):
        monkeypatch.setattr("rnninspect.bench.largest.available_bytes", lambda free=free: free)
        assert room_here() == room


# --- the command, on a made-up device --------------------------------------------------------------------------


@pytest.fixture
def bench(here: Run, timing_nothing: None, tmp_path: Path) -> Run:
    (tmp_path / "m.yaml").write_text(TIMED)
    return lambda *options: here("bench", "m.yaml", *options, cwd=tmp_path)


def test_the_page_has_the_answer(bench: Run) -> None:
    done = bench("--fit-batch", "--sweep", "encoder.hidden_size=8,500")
    assert (done.returncode, done.stderr) == (0, "")
    most = FREE // EACH // 8
    assert f"encoder.hidden_size=8: {most:,} is the largest batch that fits, the document has 2; " in done.stdout
    assert (
        "encoder.hidden_size=500: 2 is the largest batch that fits, the document has 2; 3 does not fit: asked for"
        in (done.stdout)
    )
    assert "one call of step, forward and backward; no optimiser is in it: Adam keeps up to 8.08 MB besides" in (
        done.stdout
    )


def test_what_was_found_before_an_interrupt_is_printed(bench: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(batch: int) -> None:
        raise KeyboardInterrupt

    telling = bench_fit._telling
    second = {"encoder.hidden_size": 500}
    monkeypatch.setattr(bench_fit, "_telling", lambda run: interrupted if run.settings == second else telling(run))
    done = bench("--fit-batch", "--sweep", "encoder.hidden_size=8,500", "--format", "csv")
    assert (done.returncode, done.stderr) == (130, "interrupted: 1 of 2 were found, and are printed\n")
    assert done.stdout.count("\n") == 2
    done = bench("--fit-batch", "--sweep", "encoder.hidden_size=500")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted: 0 of 1 were found\n")


def test_nothing_fits(bench: Run) -> None:
    done = bench("--fit-batch", "--sweep", "encoder.hidden_size=2000", "--phase", "forward", "--format", "csv")
    assert done.returncode == 3
    assert done.stderr == "error: small encoder.hidden_size=2000: not even batch 1 fits: asked for 200,000 bytes\n"
    head, row = done.stdout.splitlines()
    cells = dict(zip(head.split(","), row.split(","), strict=False))
    assert (cells["batch_size"], cells["next_batch_size"], cells["phase"]) == ("", "1", "forward")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--quick",), "--quick: --fit-batch times nothing"),
        (("--output", "r.jsonl"), "--output: --fit-batch times nothing"),
        (("--shard", "1/2", "--output", "r"), "--shard: --fit-batch times nothing"),
        (("--processes", "2"), "--processes: --fit-batch times nothing"),
        (("--phase", "step", "--phase", "forward"), "--fit-batch: a batch is tried with one phase"),
        (("--device", "cpu,cpu"), "--device cpu,cpu: --fit-batch is for one device"),
        (("--sweep", "input.batch_size=1,2"), "--fit-batch: input.batch_size is what it finds"),
        (("--vary", "backend=eager,compile"), "--fit-batch with backend=compile"),
    ],
)
def test_what_does_not_go_with_it_is_refused_in_one_line(bench: Run, options: tuple[str, ...], said: str) -> None:
    assert refused(bench("--fit-batch", *options)).startswith(said)


def test_every_try_is_a_job_of_one_process_until_one_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the supervisor itself: the next batch is chosen when the last is known, and what ends a process costs one."""
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[2]}")
    spec = spec_of(TIMED, "encoder.hidden_size=500")
    run = VariantRun(spec=spec, settings={}, variant={}, setting=RunOptions())
    told: list[int] = []
    fitted = fit_batch(trial, run, TimingRequest(phases=("step",), time_limit=60), progress=told.append)
    fits, stopped, tries = fitted.found
    assert (fits and fits.batch, stopped and stopped.batch) == (2, 3)
    assert len(told) == tries


# --- one real try ---------------------------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.skipif(memory._status("VmData") is None, reason="this system does not say how much a process has taken")
@pytest.mark.parametrize("phase", ["step", "forward"])
def test_a_try_is_refused_what_it_may_not_take(phase: str) -> None:
    from rnninspect.bench.trial import try_batch
    from rnninspect.document.load import load_spec

    spec = load_spec(str(CONFIGS / "lstm.yaml"), ["device=cpu"])

    def tried(batch: int) -> Taken | Last | Ended:
        run = VariantRun(spec=spec_on(spec, batch), settings={}, variant={}, setting=RunOptions())
        return try_batch(Trial(run, phase, TimingRequest(phases=(phase,)), room=40_000_000))

    small, large, none = tried(8), tried(4000), tried(10**12)
    assert isinstance(small, Last)
    assert small.result.device == "cpu"
    assert 0 <= small.result.peak_bytes <= small.result.free_bytes == 40_000_000
    assert large == Ended(Status.MEMORY, "it asks for more than 40,000,000 bytes")
    assert isinstance(none, Ended)
    assert none.status == Status.MEMORY
    assert "the model needs at least" in none.reason


@pytest.mark.torch
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("device=cuda:99", "device cuda:99 was asked for"),
        ("encoder.trainable=false", "nothing is trained, so there is no backward pass"),
    ],
)
def test_what_cannot_be_tried_at_all_has_its_reason(setting: str, said: str) -> None:
    from rnninspect.bench.trial import try_batch

    run = VariantRun(spec=spec_of(TIMED, setting), settings={}, variant={}, setting=RunOptions())
    ended = try_batch(Trial(run, "step", TimingRequest(phases=("step",)), room=40_000_000))
    assert isinstance(ended, Ended)
    assert ended.status == Status.FAILED
    assert said in ended.reason
