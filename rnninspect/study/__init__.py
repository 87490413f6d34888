"""What a person studies of a model. The stations, in order:

explain, cell_facts, unrolled      equations with sizes, symbols, options; what they come to; a picture: without torch
code, code_names                   the document as Python, also without: what makes the layers; what is called how
code_forward, code_steps           what runs and connects them, and the loop over a cell; code_lines breaks lines
code_cells                         classes of cells as Python
library                            published cells beside one another
input_file, input_npy              what a model is fed with instead of random numbers; input_expected says what fits
reference, passes                  a layer's equations in float64 on the CPU, and one pass of any module by name
verify, rounding                   torch held against them, as near as rounding allows
held_wires, plain_wires            what layers read, hand on and hand over, against the same step by step
two_ways, differences              a layer that torch lacks, run in two ways, and held against central differences
name_map, theirs, against          a layer held against somebody's class: which parameter is which, their code run
trace, vectors                     every gate and state at every step; what is said of one
reached, half_open                  which layers one depends on, and whose steps its lags are: without torch
recorded_run, gradflow, decay      where gradients go: states kept with their graph, gradients by lag, how they fade
"""
