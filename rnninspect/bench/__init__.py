"""How long forward and backward take here, and whether that can be believed. The stations, in order:

option_values   what the texts of `--sweep`, `--vary`, `--budget` and `--precision` mean
points          a document's sweep and cases, and `--vary`: every model to be timed
jobs, schedule  in which order, in which process, what is left to do
seats           several devices: which, and what their workers have of the machine; side_by_side: what they do
dealing         which worker does which job, and which is given up
supervise       the process that does the work, and what is made of its end (starting: how it begins, entry: where)
largest, trial  the largest batch that fits: which are tried, and how one is
worker          in there: prepare (build, hold against the equations, calibrate), time, figure (what came of it,
                and what a call takes in energy)
phases, clock   forward, forward+grad, backward, step as something to be timed, on the clock of a device
graphs          a phase as a CUDA graph, recorded and replayed
sampling        when to run what, and when to stop
machine         what else it did meanwhile: witness (counters), a probe of its speed (history keeps the best), cpus,
                gpu; disturbances says whether a time can be believed, heap keeps freed memory from disturbing it
peaks, bound    what the device can do, and the least time that follows; data_sheets: what its maker promises
kernels         which operators ran, and why no faster ones
records         what was measured, frozen: it crosses the pipe back from the process
journal         one line an outcome, as soon as it is known (journal_writer, plain); what no measurement says is refused
sharding        which points are a task's of many, and which task of which job this is
share_heads     what a journal's head says of its share and of the whole; line_heads reads heads and lines by their ends
folder          all journals of one measurement, found by what is in them; progress: how far each share is
merging         one file of them, and the list of what is missing; controls: which GPUs are off
results         pooled over processes, ratios of variants, by the intervals of statistics; then
                `results/bench*.py`
compare         two journals: matching says what both have; slower, faster, the same
"""
