"""What a person studies of a model. The stations, in order:

explain, cell_facts, unrolled      equations with sizes, symbols, options; what they come to; a picture: without torch
code, code_steps, code_cells       the document as Python, also without; code_lines breaks its lines
code_feeding, code_windows         what a recurrent layer hands on, convolutions and pools as Python
code_chain                         the document in a line
library                            published cells beside one another
input_file, input_csv, input_npy   what a model is fed with instead of random numbers; input_expected says what fits
reference, passes                  a layer's equations in float64 on the CPU, and one pass of any module by name
verify, rounding                   torch held against them, as near as rounding allows
training_mode                      a BatchNorm1d in training mode, whose statistics are then the batch's
two_ways, differences              a layer that torch lacks, run in two ways, and held against central differences
name_map, theirs, against          a layer held against somebody's class: which parameter is which, their code run
trace, vectors                     every gate and state at every step; what is said of one
recorded_run, gradflow, decay      where gradients go: states kept with their graph, gradients by lag, how they fade
"""
