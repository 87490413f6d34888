"""What the commands that time models, or hold times against one another, print with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import (
    HEAD,
    Schema,
    by_name,
    many,
    number,
    of_any,
    record,
    result,
    some,
    text,
    whole,
    without,
    yes,
)

POINT = {
    "model": text("The model's name."),
    "file": text("Its document."),
    "case": text("What the document calls the point; empty where it gives it no name."),
    "point": text("What is swept, as text; empty where nothing is."),
    "settings": by_name("What is swept, by path.", of_any("Its value here.")),
    "variant": by_name("What is varied, by name; empty where nothing is.", of_any("Its value here.")),
}
SUBJECT = some(text("A layer's name; null for the whole model."))
PHASE = text("What was timed.", "forward", "forward+grad", "backward", "step")
_VERDICT = text("steady, or what speaks against the figure: `drifting (...)`, `disturbed (...)`.")
_REGIME = some(text("What the bound is made by; null where there is none.", "compute", "bandwidth", "latency"))
_CALIBRATED = yes("What the device can do was measured here, so that the bound is a model good to about 15 %.")
_PROCESS = whole("Which of --processes, from 0.")
_WARNINGS = many(
    "What a reader must know.",
    record("A warning.", **{"what": text("What is the matter, in a sentence."), "try": text("What to do about it.")}),
)

# A figure, of one process and of all of them.
_FIGURE = {
    "dtype": text("The dtype of the model."),
    "threads": some(whole("How many threads torch had; null where nobody recorded it.")),
    "device_name": some(text("What its maker calls the device; null where nobody recorded it.")),
    "devices": some(text("The device, as torch calls it; of several processes all of them.")),
    "beside": some(whole("Of several devices at once, how many others were at work meanwhile, at the most.")),
    "subject": SUBJECT,
    "phase": PHASE,
    "median_seconds": number("The figure: seconds for a call, the median; of several processes that of their medians."),
    "best_seconds": number("The fastest sample."),
    "p90_seconds": some(number("90 % of the samples took no longer; null for too few.")),
    "p99_seconds": some(number("99 % of the samples took no longer; null for too few.")),
    "first_call_seconds": number("The first call, which is no part of the figure."),
    "samples": whole("How many samples the figure comes from."),
    "overhead_percent": number("How much of a sample is the measuring loop itself."),
    "cpu_speed_percent": some(number("The CPU's speed while it was measured, in % of its best; null on a GPU.")),
    "page_faults": some(number("New pages of memory for a call; null where nothing can say.")),
    "host_seconds": some(number("On a GPU the host's part of a call; null elsewhere.")),
    "launch_bound": some(yes("On a GPU: it waited for the host, so that the host's part decides.")),
    "stopped": text("Why measuring ended: precision was reached, or the budget was used up."),
    "verdict": _VERDICT,
    "tokens_per_second": number("Time steps of all sequences, of all inputs together, over the median."),
    "sequences_per_second": number("Sequences over the median."),
    "matmul_flops": some(whole("Operations of the matrix products, two for a multiply-accumulate.")),
    "matmul_flops_per_second": some(number("Those over the median.")),
    "bound_seconds": some(number("What it takes at the least on this device; null where nobody knows.")),
    "regime": _REGIME,
    "sheet_percent": some(number("matmul_flops_per_second, in % of what the GPU's data sheet promises.")),
    "joules": some(number("What the GPU took for a call; null where its driver does not count.")),
    "tokens_per_joule": some(number("Time steps of all sequences over that.")),
    "peak_bytes": some(whole("On a GPU the most memory that a call took; null elsewhere.")),
    "planned_bytes": some(whole("What the plan says that it needs.")),
}
_SPEEDS = {
    "flops_per_second": number("The most that the device computes."),
    "bytes_per_second": number("The most that its memory delivers."),
    "chip_bytes_per_second": some(number("The most that its own caches deliver; null where unknown.")),
    "step_seconds": by_name(
        "The least time of a time step, by cell and pass: `LSTM backward`, `Cell rnn backward`.", number("Seconds.")
    ),
    "calibrated": _CALIBRATED,
    "disturbed": text("What made all of these too low; empty where they are not."),
}
_ENVIRONMENT = {
    "device": text("The device, as torch calls it."),
    "device_name": text("What its maker calls it."),
    "torch": text("torch's version."),
    "rnninspect": text("rnninspect's version."),
    "python": text("Python's version."),
    "threads": whole("How many threads torch had."),
    "cpus": whole("How many CPUs the process might use."),
    "started": text("When it was measured."),
    "load": some(number("How many processes wanted a CPU in the minute before the end.")),
    "keeps_freed": some(yes("Freed memory stayed with the process; null on a GPU.")),
    "cuda": some(text("CUDA's version, or ROCm's.")),
    "cudnn": some(whole("cuDNN's version.")),
    "driver": some(text("The driver's version.")),
    "float32_precision": some(text("How a GPU's recurrent layers multiplied float32.", "tf32", "ieee")),
    "clock_mhz": some(whole("The GPU's clock under load, the median.")),
    "power_limit_watts": some(number("What the GPU may take.")),
    "warm_l2": some(yes("The GPU's L2 cache was not emptied between samples.")),
    "input_grad": some(yes("The input required grad too.")),
    "gpu_uuid": some(text("Which GPU it was.")),
    "gpu_bus": some(text("Where that is on the PCI bus.")),
    "host": some(text("The machine; of a share what its scheduler calls it.")),
    "job": some(text("Of a share, its scheduler's job.")),
    "task": some(text("Of a share, its scheduler's task.")),
    "attempt": some(whole("Of a share, how many journals were begun before.")),
    "beside": some(whole("Of several devices at once, how many others were at work meanwhile, at the most.")),
}


def _pooled() -> Schema:
    return record(
        "A phase of a subject in a variant of a point, from all its processes.",
        **POINT,
        **_FIGURE,
        half_width_percent=some(number("The ± of the median in %; null for too few rounds.")),
        rounds=whole("How many rounds the figure comes from."),
        processes=whole("How many processes."),
        step_seconds=some(number("The median over the time steps; null where nothing goes step by step.")),
        recurrent_flops_per_second=some(number("Of the recurrent matrices alone, as DeepBench counts.")),
        over_bound=some(number("The median over the bound.")),
        warnings=_WARNINGS,
    )


def _process() -> Schema:
    bound = record(
        "What it takes at the least.",
        seconds=number("All of it."),
        compute_seconds=number("By the operations."),
        traffic_seconds=number("By the bytes that are moved."),
        latency_seconds=number("By the steps that wait for one another."),
        regime=_REGIME,
        calibrated=_CALIBRATED,
    )
    kernels = record(
        "What served the phase.",
        operators=many("torch's operators.", text("A name.")),
        fast=some(yes("They are the fused ones; null where there is no such thing.")),
        reason=text("Why not; empty where there is nothing to say."),
        remedy=text("What would change that."),
    )
    return record(
        "A phase as one process measured it.",
        **POINT,
        **_FIGURE,
        process=_PROCESS,
        environment=some(record("Where it was measured.", **_ENVIRONMENT)),
        status=text("Always ok: others have no figures.", "ok"),
        ci95_seconds=some(many("The 95 % interval of the median within this process.", number("An end."))),
        rounds_seconds=many(
            "By round the samples, those of disturbed rounds too.", many("A round.", number("Seconds for a call."))
        ),
        rounds_kept=many("The rounds that the figure comes from.", whole("A round, from 0.")),
        passes=many("By round, in which turn over all that was timed.", whole("A turn, from 0.")),
        calls_per_sample=whole("How many calls make a sample."),
        probe_seconds=many(
            "By round what a probe of the CPU's speed took.", some(number("Seconds; null where it was not run."))
        ),
        best_probe_seconds=some(number("What it takes at the CPU's best.")),
        drift_percent=some(number("By how much later rounds are slower.")),
        recurrent_flops=some(whole("Operations of the recurrent matrices alone.")),
        bound=some(bound),
        peaks=some(record("What the bound was made from.", **_SPEEDS)),
        kernels=some(kernels),
        warnings=_WARNINGS,
    )


_RATIO = record(
    "The time of a variant over that of the first of its point, timed in turns with it.",
    **POINT,
    subject=SUBJECT,
    phase=PHASE,
    device_name=some(text("What its maker calls the device.")),
    against=by_name("The first variant.", of_any("Its value there.")),
    ratio=number("Below 1 the variant is faster."),
    low=some(number("The lower end of its 95 % interval; null for fewer than six rounds.")),
    high=some(number("The upper end.")),
    rounds=whole("How many rounds it comes from."),
)


_LARGEST = record(
    "The largest batch of a variant of a point.",
    **POINT,
    phase=PHASE,
    dtype=text("The dtype of the model."),
    device=some(text("The device, as torch calls it; null where no batch fits.")),
    device_name=some(text("What its maker calls it.")),
    batch_size=some(whole("The largest batch that fits; null where none does.")),
    peak_bytes=some(whole("What one call with it took at the most; null where the device does not say.")),
    planned_bytes=some(whole("What it takes by the plan.")),
    free_bytes=some(
        whole("What might be taken: of a GPU what was free, of the host that less what is left to others.")
    ),
    next_batch_size=some(whole("The least batch that was tried and did not fit; null where nothing stopped it.")),
    next_planned_bytes=some(whole("What that takes by the plan.")),
    status=some(text("How that ended.", "failed", "crashed", "timeout", "memory")),
    reason=text("Why it does not fit, in the words of what refused it; empty where nothing stopped it."),
    tries=whole("How many batches were tried."),
    adam_bytes=whole("Bytes of the two moments that Adam would keep besides."),
)


def benched() -> Schema:
    """What `bench` prints."""
    missing = record(
        "What has no figures.",
        **POINT,
        process=_PROCESS,
        status=text("How it ended.", "failed", "crashed", "timeout", "memory"),
        reason=text("Why."),
    )
    peaks = record(
        "What the device can do in a dtype.",
        dtype=text("The dtype."),
        threads=some(whole("Of a CPU with so many threads; null elsewhere.")),
        **_SPEEDS,
    )
    speed = record(
        "The CPU's speed where figures are steady, in % of its best; null where nobody knows.",
        low=number("The least."),
        high=number("The most."),
    )
    head = {key: HEAD[key] for key in ("schema_version", "rnninspect", "torch", "device")}
    said = result(
        "bench",
        "What was timed: flat objects, a row for each.",
        **head,
        device_name=some(text("What its maker calls the device; null where there are several.")),
        dtype=HEAD["dtype"],
        ledger=text("Where the numbers are from.", "bench"),
        partial=yes("The run was interrupted, so that there would be more."),
        results=many("The figures, pooled over processes.", _pooled()),
        processes=many("Each process's by itself.", _process()),
        peaks=many("The best of what was calibrated, for each dtype and number of threads.", peaks),
        steady_cpu_speed_percent=some(speed),
        ratios=many("Variants against the first of their point.", _RATIO),
        not_measured=many("What could not be measured.", missing),
        largest_batches=many(
            "Of --fit-batch alone, for which nothing is timed: the largest batches that fit.", _LARGEST
        ),
    )
    return without(said, "largest_batches")


_SIDE = record(
    "One side.",
    median_seconds=number("The median of its processes' medians."),
    processes=whole("How many that comes from."),
    processes_set_aside=whole("How many were not steady, and were left out."),
    rounds=whole("The fewest rounds of a process."),
    spread_percent=number("How far its rounds are spread."),
    verdict=_VERDICT,
)


def compared() -> Schema:
    """What `compare` prints."""
    item = record(
        "A phase of a subject in a variant of a point, in both.",
        **POINT,
        subject=SUBJECT,
        phase=PHASE,
        old=_SIDE,
        new=_SIDE,
        ratio=number("new / old."),
        low=number("The lower end of its 95 % interval."),
        high=number("The upper end."),
        noise_percent=number("How far ratios stray for no reason."),
        verdict=text("What it comes to.", "SLOWER", "FASTER", "SAME", "UNCLEAR"),
        reason=text("Why it is UNCLEAR, and what to try; why SLOWER is no failure; else empty."),
    )
    unmatched = record(
        "What only one side has.",
        **POINT,
        subject=SUBJECT,
        phase=some(PHASE),
        reason=text("The side that lacks it, and why."),
    )
    other = record(
        "Something about the surroundings that is not the same.",
        what=text("What it is."),
        old=text("What it was."),
        new=text("What it is now."),
        comparisons=whole("Of how many comparisons."),
    )
    return result(
        "compare",
        "Two benchmarks side by side.",
        **HEAD,
        ledger=text("Where the numbers are from.", "measured"),
        ok=yes("Nothing became slower."),
        threshold_percent=number("How much slower is still fine."),
        compared=many("What both have.", item),
        not_compared=many("What could not be compared.", unmatched),
        differing=many("What differs about the surroundings.", other),
    )
