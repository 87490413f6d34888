"""The equation language: a recurrent cell as text, and all that follows from it. The stations, in order:

limits                   what a text may be, before anything parses it
papers                   what papers write otherwise, and what to write in its place
language, expressions    the text parsed, line by line and name by name, and without biases
tree                     what it is parsed into: a `Cell`, a small tree of frozen records
functions                the functions of the language: what one costs, how it is written, its derivative
widths                   the width of every vector, the rows and columns of every matrix, in letters
reach                    what a change of some vectors or weights reaches within a step
packs                    how weights are packed into parameter tensors
ops, backward            what a step costs forward and backward, and what is kept between the two
carry, scan              read off the equations: the gate that carries a state over, what must be run step by step
evaluate                 the equations run, on floats or tensors
notation, write, mathml  the equations as people write them, in text, LaTeX and MathML
library/                 published cells, a file each
"""
