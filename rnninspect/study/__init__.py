"""What a person studies of a model. The stations, in order:

explain                            equations with their sizes, symbols, options: without torch
cell_facts, unrolled               what it says of a cell besides its equations, and what its picture shows
code, code_steps, code_cells       the document as Python, also without; code_lines breaks its lines
library                            published cells beside one another
input_file, input_csv, input_npy   what a model is fed with instead of random numbers; input_expected says what fits
reference, passes                  a layer's equations in float64 on the CPU, and one pass of any module by name
verify, rounding                   torch held against them, as near as rounding allows
two_ways, differences              a layer that torch lacks, run in two ways, and held against central differences
trace                              every gate and state at every step
recorded_run, gradflow, decay      where gradients go: states kept with their graph, gradients by lag, how they fade
"""
