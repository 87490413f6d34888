"""`make mutate`: one-line faults planted in a copy of the package, each of which must break a test.

A fault that no test sees is printed and the exit code is 1. `python tests/tools/mutate.py bench/` plants those of
some files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

# file, what stands there, the fault, and the tests that should see it
FAULTS = [
    ("layers/lstm.py", "c = f * c + i * g", "c = i * c + f * g", "test_reference.py"),
    ("layers/lstm.py", "o = sigmoid(", "o = tanh(", "test_reference.py"),
    ("layers/lstm.py", "b_io + W_ho @ h + b_ho", "b_io + W_ho @ h - b_ho", "test_reference.py"),
    ("layers/gru.py", "(1 - z) * n + z * h", "z * n + (1 - z) * h", "test_reference.py"),
    ("layers/gru.py", "r * (W_hn @ h + b_hn)", "r * (W_hn @ h) + b_hn", "test_reference.py"),
    ("layers/jordan.py", "W_yh @ y + b_yh", "W_yh @ y", "test_reference.py"),
    (
        "layers/recurrent.py",
        '"H_in" if layer == 0 else "D*H_out"',
        '"H_in" if layer == 0 else "H_out"',
        "test_agreement.py",
    ),
    (
        "layers/recurrent.py",
        "of_layer(1, direction).times(self.depth - 1)",
        "of_layer(1, direction).times(self.depth)",
        "test_agreement.py",
    ),
    ("layers/weights.py", "1 / math.sqrt(fan)", "2 / math.sqrt(fan)", "test_agreement.py"),
    ("layers/weights.py", "1 / math.sqrt(fan)", "0.9 / math.sqrt(fan)", "test_agreement.py"),
    ("layers/signal.py", "sum(self.lengths) if self.lengths", "max(self.lengths) if self.lengths", "test_agreement.py"),
    ("results/model.py", '"stacked_layer": weight.layer', '"layer": weight.layer', "test_vocabulary.py"),
    ("facts.py", "2 * self.macs + self.elementwise", "self.macs + self.elementwise", "."),
    (
        "letters.py",
        "{k // directions} {DIRECTIONS[k % directions]}",
        "{k % (size // directions)} {DIRECTIONS[k // (size // directions)]}",
        "test_order.py",
    ),
    ("letters.py", "zip(spans, DIRECTIONS, strict=True)", "zip(spans, DIRECTIONS[::-1], strict=True)", "test_order.py"),
    ("facts.py", "if weight.second_bias", "if len(weight.shape) == 1", "test_published.py"),
    ("cells/backward.py", '{"sigmoid": 3, "tanh": 3, "relu": 1}', '{"sigmoid": 3, "tanh": 2, "relu": 1}', "cells"),
    ("cells/backward.py", "sources.matrices + (operand in vectors)", "sources.matrices + 1", "test_training.py"),
    ("cells/backward.py", "if cell.last(name) in vectors", "", "test_training.py"),
    ("cells/packs.py", "operand in reached(cell, states)", "operand in states.vectors", "test_training.py"),
    ("plan.py", "before and link.signal.width is not None", "before", "test_training.py"),
    ("plan.py", "if kept.input and not below.output", "if kept.input", "test_training.py"),
    ("runtime/workspace.py", "6 * states + _row(hidden)", "_row(hidden)", "test_training.py"),
    ("guard/check.py", "self.new or bool", "self.changes[0].locked is None or bool", "test_check.py"),
    ("guard/lock.py", 'if "rnninspect_lock" in header', "if True", "test_lock.py"),
    ("guard/findings.py", "seen[known] += 1", "seen[known] += 0", "formats/test_reports.py"),
    ("guard/findings.py", "finding.model, finding.subject)", "finding.model)", "formats/test_reports.py"),
    ("guard/findings.py", "*findings[: most - 1], left", "*findings[:most], left", "formats/test_reports.py"),
    ("formats/sarif.py", "quote(printable(place.source))", "printable(place.source)", "formats/test_reports.py"),
    ("formats/gitlab.py", "finding.place.line or 1", "finding.place.line", "formats/test_reports.py"),
    ("commands/shared/reports.py", "in REPORTS and output is not None", "in REPORTS", "test_cli_reports.py"),
    ("commands/shared/reports.py", "here / source, root", "here / source, here", "test_cli_reports.py"),
    ("guard/fit.py", "else size < start", "else size > start", "test_fit.py"),
    ("guard/fit.py", "low and accepts(low)", "low", "test_fit.py"),
    ("guard/fit.py", "return over < under", "return over <= under", "test_fit.py"),
    ("guard/fit.py", "if counted[after][name] < count:", "if False:", "test_fit.py"),
    ("guard/fit.py", "if len(models.looked_at()) == 1:", "if False:", "test_fit.py"),
    ("guard/fit.py", "return [data, data // 2]", "return [data]", "test_fit.py"),
    ("guard/fit.py", "if own and refused[1:]:", "if False:", "test_fit.py"),
    ("layers/fields.py", "get_origin(annotation) is not list and", "", "test_fit.py"),
    ("document/rewrite.py", "if after.data != wanted.data or after.faults:", "if False:", "document/test_rewrite.py"),
    ("document/rewrite.py", "if at == place and other not in paths", "if False", "document/test_rewrite.py"),
    ("commands/fit.py", "if _bytes(text.file) != text.before:", "if False:", "test_cli_fit.py"),
    ("commands/fit.py", "written = options.write and not code", "written = options.write", "test_cli_fit.py"),
    ("commands/fit.py", "if now.startswith(codecs.BOM_UTF8)", "if False", "test_cli_fit.py"),
    ("shares.py", 'float(f"{100 * share:.15g}")', "100 * share", "test_check.py"),
    ("disk.py", "    except ABSENT:", "    except OSError:", "test_disk.py"),
    ("disk.py", "chunks, left = [], most + 1", "chunks, left = [], 2**40", "test_disk.py"),
    ("disk.py", "if error.errno not in _NO_LOCKS:", "if False:", "test_disk.py"),
    ("errors.py", r'return escaped.replace("##[", r"#\x23[")', "return escaped", "test_check_hostile.py"),
    ("formats/json.py", r'.replace("##[", r"#\u0023[")', "", "test_check_hostile.py"),
    ("guard/lock.py", "if isinstance(error.__cause__, disk.ABSENT):", "if True:", "test_check_hostile.py"),
    ("guard/whole.py", "if disk.status(lock.parent / file) is None:", "if False:", "test_check_hostile.py"),
    (
        "commands/shared/files.py",
        "raise DocumentError(Place(str(file)), disk.reason(error).lower()) from error",
        "return False",
        "test_check_hostile.py",
    ),
    ("output.py", "& 0o777)", ")", "test_output.py"),
    ("output.py", "> _DAY:", "> 0:", "test_output.py"),
    ("output.py", "_keep_owner_and_mode(file, before)", "pass", "test_output.py"),
    ("bench/history.py", "if status is None or not disk.kind(status):", "if True:", "bench/test_history.py"),
    ("agree.py", "if plan == real:", "if True:", "test_agreement.py"),
    ("agree.py", "differing += _against_laws(layer.name, weight)", "pass", "test_agreement.py"),
    ("agree.py", "if not least <= observed.peak_ratio <= most:", "if observed.peak_ratio > most:", "test_agreement.py"),
    ("agree.py", "if observed.deviation is None or not observed.deviation <= most:", "if False:", "test_agreement.py"),
    ("agree.py", "if weight.laws_differ:", "if False:", "test_agreement.py"),
    ("agree.py", "rel_tol=0.51 * grain", "rel_tol=2 * grain", "test_agreement.py"),
    (
        "cells/carry.py",
        "version=version) if version > 0:\n            return Carrier(gate)",
        "version=version):\n            return Carrier(gate)",
        "cells/test_carry.py",
    ),
    ("layers/laws.py", "math.sqrt(6 / (rows + columns))", "math.sqrt(6 / (4 * rows + columns))", "test_agreement.py"),
    ("layers/laws.py", "math.sqrt(6 / columns)", "math.sqrt(3 / columns)", "test_agreement.py"),
    (
        "layers/laws.py",
        'dict.fromkeys(biases[1:], Init("zeros"))',
        'dict.fromkeys(biases[1:], Init("constant", value=float(value)))',
        "layers/test_laws.py",
    ),
    ("layers/recurrent.py", "fitted.weights_below(2,", "fitted.weights_below(1,", "layers/test_laws.py"),
    ("runtime/initial.py", "yield gate.init or weight.init, values", "yield weight.init, values", "test_agreement.py"),
    ("runtime/initial.py", "if exact is not values:", "if False:", "test_agreement.py"),
    ("runtime/initial.py", "exact.shape[0] <= exact.shape[1] else exact.T", "True else exact", "test_agreement.py"),
    ("runtime/modules.py", "initial.draw(module, link.layer.weights(spec.dtype))", "pass", "test_agreement.py"),
    ("document/overrides.py", '_MADE = ("budget", "init")', '_MADE = ("budget",)', "document/test_overrides.py"),
    ("runtime/device.py", "if free is not None and needed > free:", "if False:", "."),
    ("plan.py", "if work > weights:", "if False:", "test_real.py"),
    ("document/chain.py", "if place.source != self.source:", "if False:", "test_real.py"),
    ("runtime/recurrence.py", "reverse=level.direction == 1", "reverse=False", "test_reference.py"),
    (
        "runtime/recurrence.py",
        "torch.cat([new, old[rows[t] :]])",
        "torch.cat([new, new[rows[t] :]])",
        "test_reference.py",
    ),
    ("runtime/ahead.py", "a.parameter is b.parameter and ", "", "test_ahead.py"),
    ("runtime/ahead.py", "(a.start + a.rows, a.rows)", "(b.start, a.rows)", "test_ahead.py"),
    ("runtime/ahead.py", "parameter.narrow(0, blocks[0].start, rows)", "parameter.narrow(0, 0, rows)", "test_ahead.py"),
    ("runtime/ahead.py", 'sign if op == "+" else', "sign if True else", "test_ahead.py"),
    ("runtime/ahead.py", ".expand(len(values[0]), -1)", "", "test_ahead.py"),
    ("layers/rnn.py", "b_ih + W_hh @ h", "b_ih - W_hh @ h", "test_verify.py"),
    ("layers/lstm.py", " + b_hf)", ")", "test_verify.py"),
    ("layers/lstm.py", "h = W_hr @ h\\n", "h = 0 - W_hr @ h\\n", "test_verify.py"),
    ("layers/gru.py", "r = sigmoid(", "r = tanh(", "test_verify.py"),
    ("layers/linear.py", "y = W @ x + b", "y = W @ x - b", "test_verify.py"),
    ("study/rounding.py", "return self.relative <= self.allowed", "return True", "test_verify.py"),
    ("study/rounding.py", "_SLACK = 4.0", "_SLACK = 4e6", "test_verify.py"),
    (
        "study/rounding.py",
        "if math.isfinite(error) else math.inf",
        "if math.isfinite(error) else 0.0",
        "test_verify.py",
    ),
    (
        "study/rounding.py",
        "max(largest * unit.epsilon, unit.smallest)",
        "largest * unit.epsilon or 1.0",
        "test_verify.py",
    ),
    (
        "study/rounding.py",
        "if all(tensor.ok or not math.isfinite(tensor.error)",
        "if True or all(tensor.ok",
        "test_verify.py",
    ),
    ("study/verify.py", "_Passes(put_out | of,", "_Passes(put_out,", "test_verify.py"),
    ("study/verify.py", "model + largest", "model", "test_verify.py"),
    ("study/verify.py", "module.dropout = dropout", "pass", "test_verify.py"),
    ("runtime/precision.py", 'os.environ.get("NVIDIA_TF32_OVERRIDE") != "0"', "True", "test_device.py"),
    ("runtime/precision.py", 'getattr(part, "fp32_precision", None) is not None', "part is not None", "test_device.py"),
    ("runtime/precision.py", "torch.version.hip or", "", "test_device.py"),
    ("study/rounding.py", "1 - result * result", "1 - result", "test_verify.py"),
    (
        "study/rounding.py",
        '"relu": lambda result: (result > 0)',
        '"relu": lambda result: (result >= 0)',
        "test_verify.py",
    ),
    (
        "commands/verify.py",
        "code = max(code, complain(_failure(result)))",
        "complain(_failure(result))",
        "test_cli_verify.py",
    ),
    ("study/gradflow.py", "v / v.norm(dim=0) * read", "v * read", "test_gradflow.py"),
    ("study/decay.py", "curve < HORIZON * curve[0]", "curve <= HORIZON * curve[0]", "test_gradflow.py"),
    ("study/decay.py", "horizon + first", "horizon", "test_gradflow.py"),
    ("study/decay.py", "means.log() / 2", "means.log()", "test_gradflow.py"),
    ("study/decay.py", "math.sqrt(sequences - 1) * spread", "spread", "test_gradflow.py"),
    ("study/decay.py", "count - present", "count", "test_gradflow.py"),
    (
        "study/gradflow.py",
        "(gradient / scale).norm(dim=dim) * scale.squeeze(dim)",
        "gradient.norm(dim=dim)",
        "test_gradflow.py",
    ),
    ("study/gradflow.py", "nan=math.inf, posinf=math.inf", "nan=0.0, posinf=math.inf", "test_gradflow.py"),
    ("study/gradflow.py", "norms.T if run.axes", "norms.reshape(steps, sequences) if run.axes", "test_gradflow.py"),
    ("study/gradflow.py", "check_finite(runs, spec.source)", "pass", "test_gradflow.py"),
    ("study/decay.py", "common & (curve > _TINY)", "(curve > _TINY)", "test_gradflow.py"),
    ("study/gradflow.py", "int(reverse and aim.ahead)", "0", "test_gradflow.py"),
    ("study/recorded_run.py", "state.register_hook(Tensor.contiguous)", "pass", "test_gradflow.py"),
    ("study/gradflow.py", "min(spec.batch.lengths or", "max(spec.batch.lengths or", "test_gradflow.py"),
    ("study/gradflow.py", "(batch.size or 1), reverse=True)", "(batch.size or 1))", "test_gradflow.py"),
    ("study/decay.py", "slope > half and slope", "slope", "test_gradflow.py"),
    ("study/recorded_run.py", "requires_grad_(layer.trainable)", "requires_grad_()", "test_gradflow.py"),
    (
        "study/recorded_run.py",
        'twins[layer.tied_to].get_parameter("weight")',
        'nn.Parameter(twin.get_parameter("weight").detach())',
        "test_gradflow.py",
    ),
    ("results/gradflow.py", "curve.first + k, norm", "k, norm", "test_cli_gradflow.py"),
    ("results/gradflow.py", '(1 if curve.side == "past" else -1)', "1", "test_cli_gradflow.py"),
    ("study/trace.py", '"sigmoid": (0.1, 0.9)', '"sigmoid": (0.1, 0.95)', "test_trace.py"),
    ("study/trace.py", "(values < low)", "(values <= low)", "test_trace.py"),
    ("study/trace.py", "if mean_log < 0 else math.inf", "if mean_log < 0 else 0.0", "test_trace.py"),
    ("study/trace.py", "int(flow.unsorted_indices[sequence])", "sequence", "test_trace.py"),
    ("study/trace.py", "mean_logs.argmax()", "mean_logs.argmin()", "test_trace.py"),
    ("study/trace.py", "share(values).log().mean()", "share(values).mean().log()", "test_trace.py"),
    ("study/trace.py", "values.norm(dim=0).mean()", "values.norm()", "test_trace.py"),
    ("study/trace.py", "sorted(self._steps.get(level, ()))", "self._steps.get(level, ())", "test_trace.py"),
    ("study/trace.py", "if not deviation.ok:", "if False:", "test_trace.py"),
    ("study/trace.py", "return reconsidered", "return deviation", "test_trace.py"),
    ("study/trace.py", "if not bool(output.isfinite().all()):", "if False:", "test_trace.py"),
    ("results/trace.py", "percent(value) if stat", "value if stat", "test_cli_trace.py"),
    ("commands/trace.py", "if options.sequence and not options.picks:", "if False:", "test_cli_trace.py"),
    ("commands/trace.py", '{"input.lengths": "null"} | {', "{} | {", "test_cli_trace.py"),
    ("commands/shared/plots.py", "plot.check(path)", "pass", "test_cli_trace.py"),
    ("commands/shared/built_models.py", 'if device.type == "meta":', "if False:", "test_cli_trace.py"),
    ("commands/shared/built_models.py", 'spec.source if len(specs) > 1 else ""', '""', "test_cli_gradflow.py"),
    ("bench/disturbances.py", "best / probe >= SLOW_CPU", "best / probe >= 0", "bench/test_sampling.py"),
    ("bench/sampling.py", "one.disturbance or slow_cpu(one.probe, best)", "one.disturbance", "bench/test_sampling.py"),
    (
        "bench/sampling.py",
        "self._passes.append(number)",
        "self._passes.append(len(self._passes))",
        "bench/test_sampling.py",
    ),
    ("bench/sampling.py", "if key in going", "if not case.timed.stopped", "bench/test_sampling.py"),
    ("bench/sampling.py", "faults / calls for", "faults for", "bench/test_sampling.py"),
    ("bench/speed.py", "len(self._readings) // _SHARE", "0", "bench/test_speed.py"),
    ("bench/history.py", "[-_RUNS:]", "", "bench/test_speed.py"),
    ("bench/speed.py", "*settings)", ")", "bench/test_speed.py"),
    ("bench/history.py", 'if stored["boot"] == boot else ()', "", "bench/test_speed.py"),
    ("bench/heap.py", "        set_(_TRIM_THRESHOLD, _NO_LIMIT)", "        pass", "bench/test_heap.py"),
    ("bench/heap.py", "        trim(0)", "        pass", "bench/test_heap.py"),
    ("bench/heap.py", "not _set_by_the_environment()", "True", "bench/test_heap.py"),
    ("bench/entry.py", "    heap.give_back()", "    pass", "bench/test_job.py"),
    ("bench/entry.py", "    heap.keep_freed()", "    pass", "bench/test_job.py"),
    ("bench/machine.py", "speed.remember()", "pass", "bench/test_job.py"),
    ("bench/machine.py", "speed.beside(earlier_probe, speed.read())", "1.0", "bench/test_job.py"),
    ("bench/machine.py", "heap.keeps_freed() if self._on_cpu else None", "None", "bench/test_job.py"),
    (
        "bench/prepare.py",
        "            torch.set_num_threads(self._machine.threads)",
        "            pass",
        "bench/test_job.py",
    ),
    ("bench/worker.py", "or ran_out(error)", "", "bench/test_job.py"),
    ("bench/prepare.py", "planned.counts.gradient_bytes + kept", "planned.counts.gradient_bytes", "bench/test_job.py"),
    ("runtime/workspace.py", "if kept.input and below.output and copied:", "if False:", "test_training.py"),
    ("bench/figure.py", "faults * _FAULT_SECONDS > _MOST_FAULTS * median", "False", "bench/test_job.py"),
    ("bench/prepare.py", "if idle and", "if False and", "bench/test_job.py"),
    ("bench/supervise.py", "Status.MEMORY if ran_out(error) else", "", "bench/test_supervise.py"),
    ("bench/results.py", "figure.passes[k] if figure.passes else k", "k", "bench/test_results.py"),
    ("bench/results.py", "verdict != STEADY)", "verdict == STEADY)", "bench/test_results.py"),
    ("bench/results.py", "half <= 100 * precision", "half <= 200 * precision", "bench/test_results.py"),
    (
        "bench/journal.py",
        "if first and figure.subject == _CHAIN",
        "if figure.subject == _CHAIN",
        "bench/test_journal.py",
    ),
    (
        "bench/journal.py",
        'written if written.phase == "forward" else written._replace(planned_bytes=None)',
        "written",
        "bench/test_journal.py",
    ),
    ("cells/ops.py", "node.operand in states)", "node.operand.version == 0)", "bench/test_points.py"),
    (
        "commands/shared/rendering.py",
        'return first if table is None and format == "csv" else table',
        "return table",
        "test_cli_compare.py",
    ),
    ("commands/bench.py", '"method": _METHOD', '"method": 1', "test_cli_bench.py"),
    ("bench/phases.py", 'training = self.name != "forward"', "training = True", "bench/test_phases.py"),
    ("bench/phases.py", "torch.inference_mode()", "torch.no_grad()", "bench/test_phases.py"),
    ("bench/phases.py", "parameter.grad = None", "pass", "bench/test_phases.py"),
    ("bench/phases.py", "leaf.grad = None", "pass", "bench/test_phases.py"),
    (
        "bench/phases.py",
        "autograd.backward(output, upstream)",
        "autograd.backward(output, upstream, True)",
        "bench/test_phases.py",
    ),
    ("bench/clock.py", "left < max(_MOST_LEFT, _MOST_LEFT_SHARE * seconds)", "left <= 0", "bench/test_phases.py"),
    (
        "bench/peaks.py",
        "taken, spent = min(times), spent + sum(times)",
        "taken, spent = min(times), time.perf_counter()",
        "bench/test_peaks.py",
    ),
    ("bench/machine.py", "max(reading.clock, _FASTEST", "max(0, _FASTEST", "bench/test_machine.py"),
    ("bench/gpu.py", "if reason not in _LASTING", "", "bench/test_gpu.py"),
    ("bench/disturbances.py", "if kind is Kind.SLOW_CPU:", "if False:", "bench/test_disturbances.py"),
    ("bench/compare.py", 'if what != "clock_mhz":', "if True:", "bench/test_compare.py"),
    ("bench/machine.py", "str(torch.__version__)", "torch.__version__", "bench/test_job.py"),
    ("bench/worker.py", "if broke_cuda(error):", "if False:", "bench/test_job.py"),
    ("bench/prepare.py", "small.batch, small.links)", "small.batch)", "bench/test_job.py"),
    ("bench/prepare.py", "if not verdict.ok:", "if False:", "bench/test_job.py"),
    ("bench/prepare.py", "if not self.phases:", "if False:", "bench/test_job.py"),
    ("bench/supervise.py", "os._exit(1)", "pass", "bench/test_supervise.py"),
    (
        "bench/supervise.py",
        "with _elsewhere() as folder, _without_interrupts():",
        "with _elsewhere() as folder:",
        "bench/test_supervise.py",
    ),
    (
        "bench/supervise.py",
        'os.environ["PYTHONSAFEPATH"] = "1"',
        'os.environ["PYTHONSAFEPATH"] = ""',
        "test_surroundings.py",
    ),
    ("bench/supervise.py", "signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)", "pass", "bench/test_supervise.py"),
    ("bench/supervise.py", "os._exit, [128 + number]", "print, [number]", "bench/test_supervise.py"),
    ("stop.py", "is signal.SIG_DFL]", "is not None]", "test_cli_bench.py"),
    ("stop.py", "signal.signal(each, signal.SIG_IGN)", "pass", "test_cli_bench.py"),
    (
        "commands/shared/typer_output.py",
        "ending.code = ending.code or complain(error)",
        "complain(error)",
        "test_cli.py",
    ),
    ("runtime/here.py", "    need_folder()\n    room", "    room", "test_surroundings.py"),
    ("bench/contradictions.py", "if not 0 <= number < rounds:", "if number > rounds:", "bench/test_journal.py"),
    ("bench/sampling.py", "if len(quiet) >= LEAST_ROUNDS else", "if True else", "bench/test_sampling.py"),
    (
        "bench/schedule.py",
        "run in job.runs if key_of_run(job, run) not in finished",
        "run in job.runs",
        "bench/test_schedule.py",
    ),
    ("bench/schedule.py", "elif len(job.points) > 1:", "elif False:", "bench/test_schedule.py"),
    ("bench/schedule.py", "before += len(group)", "before = 0", "bench/test_schedule.py"),
    ("results/verify.py", '"steps": layer.steps,', '"steps": layer.steps, "new": 1,', "test_result_schemas.py"),
    ("results/schema_guard.py", "over=some(", "above=some(", "test_result_schemas.py"),
    ("commands/shared/help.py", "panels.append(panels[-1])", "panels.append(None)", "test_help.py"),
    ("commands/bench.py", "_check_axis(options.plot, jobs)", "pass", "test_cli_bench.py"),
    ("commands/bench.py", "if options.strict and doubtful:", "if False:", "test_cli_bench.py"),
    ("document/git.py", '    "GIT_ALLOW_PROTOCOL": "",\n', "", "document/test_revision.py"),
    ("document/git.py", '"--batch-check", "--follow-symlinks"', '"--batch-check"', "document/test_revision.py"),
    ("document/git.py", "if not _ENDS_LINE.search(name)", "", "document/test_revision.py"),
    ("document/revision.py", '(root / inner / ".git").exists()', "False", "document/test_revision.py"),
    ("document/revision.py", "or os.path.lexists(path)", "", "document/test_revision.py"),
    ("document/validate.py", "longest = max((length", "longest = min((length", "document"),
    ("document/complaints.py", "| (missing & meant)", "| meant", "test_faults.py"),
    ("document/complaints.py", "len(found) < hints", "True", "document/test_document.py"),
    (
        "document/faults.py",
        "once.setdefault((fault.place, fault.message), fault)",
        "once[(fault,)] = fault",
        "test_faults.py",
    ),
    ("document/chain.py", 'misfit.field in ("type", "proj_size")', "False", "test_faults.py"),
    ("commands/shared/files.py", "say_count(errors)", "pass", "test_faults.py"),
    ("disk.py", "if entry.name.endswith(DOCUMENTS)", "", "test_hints.py"),
    ("document/syntax.py", "|'[^']*'?|", "|", "document/test_json.py"),
    ("cli.py", ' and asked.name == "DEFAULT"', "", "test_options.py"),
    ("commands/shared/values.py", ' or not given.startswith("--")', "", "test_hints.py"),
    ("document/complaints.py", 'if f"{kind}Cell" == owner.__name__', "if False", "test_hints.py"),
    (
        "layers/signal.py",
        'return ("N", "L") if self.batch_first',
        'return ("L", "N") if self.batch_first',
        "test_order.py",
    ),
    ("runtime/real.py", '"L": len(flow.batch_sizes)', '"L": len(flow.data)', "test_order.py"),
    ("document/chain.py", "if length > given.seq_len:", "if False:", "document"),
    (
        "commands/shared/model_page.py",
        "            outcome.errors.append(disagreement(spec, proof.differences))\n",
        "",
        "test_cli_inspect.py",
    ),
    (
        "commands/shared/model_page.py",
        "elif any(model.layers != shown[model.source]",
        "elif any(model.layers == ()",
        "test_cli_inspect.py",
    ),
    ("commands/shared/pending.py", 'and not os.environ.get("CI")', "", "test_cli_inspect.py"),
    ("commands/shared/pending.py", "line.fail(_words(reason))", "pass", "test_cli_inspect.py"),
    ("formats/texts.py", '"< 0.1" if 0 < number < 0.05 else', "", "formats/test_terminal.py"),
    (
        "formats/terminal.py",
        "if cell_len(plain) >= width",
        "if cell_len(plain) > 2 * width",
        "formats/test_terminal.py",
    ),
    ("results/summary.py", "sum(model.macs for model in models)", "models[0].macs", "test_cli_inspect.py"),
]


def survives(file: str, right: str, wrong: str, tests: str) -> bool:
    """Whether the tests pass with the fault in place."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("rnninspect", "tests", "configs"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md"):
            shutil.copy(ROOT / name, copy / name)
        target = copy / "rnninspect" / file
        text = target.read_text()
        target.write_text(text.replace(right, wrong))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/{tests}"]
        ran = subprocess.run(
            command, cwd=copy, env=os.environ | {"PYTHONPATH": folder}, capture_output=True, text=True, check=False
        )
        if ran.returncode not in (0, 1):
            raise SystemExit(f"pytest ended with {ran.returncode} for {file}: {ran.stdout}{ran.stderr}")
        return ran.returncode == 0


def main(part: str = "") -> int:
    """Plant in turn every fault in files whose path holds `part`."""
    planted = [fault for fault in FAULTS if part in fault[0]]
    if not planted:
        raise SystemExit(f"no fault is planted in a file with {part!r} in its path")
    survivors = 0
    for file, right, wrong, tests in planted:
        alive = survives(file, right, wrong, tests)
        survivors += alive
        print(f"{'NOT SEEN' if alive else 'seen    '}  {file}: {right!r} -> {wrong!r}", flush=True)
    print(f"{len(planted) - survivors} of {len(planted)} faults seen")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
