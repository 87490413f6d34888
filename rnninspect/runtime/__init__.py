"""Where torch is: modules built on a device, and the facts read back from what was run. The stations, in order:

here                    what must be here before anything begins: a current folder, and torch
device, precision       the devices, and how they are set up; torch_errors says what torch refuses
memory, control_groups  how much memory is free, without torch
initial                 first values, by the laws of an `init` block
recurrence              what a layer of equations has of torch.nn.RNN, and torch's cells looped over the steps
ahead, plain            its steps, fast enough to train with, and as they are written; functions has torch's values
feeding                 what a recurrent layer hands on, merged and pooled
windows                 convolutions and pools over the steps, by torch; by their equations `plain` has them
wiring                  what every layer is fed with, and what it hands on: read, joined, added, handed over
modules                 a document's modules, built, and run on a batch
real                    the real ledger: what was built, and what it put out
workspace               what torch's kernels keep beyond what the equations need
"""
