"""From YAML text to a sound document: every value has its place, its type and its range. The stations, in order:

load                        from a path and overrides to a `Spec`: all that follows
source, git, revision       to text: of a file, of standard input, or as it is at a revision of git
syntax, nodes               to values: PyYAML's events, composed into nodes, each read as what it says
tree, paths                 to plain data with a place for every value, and how a value is named
pasted                      the modules in a text as people paste it: a log, a page of a manual, a class body
beginning                   what tells a document from a printed module before either is parsed
printed, from_printed       a printed module or a constructor call as text, and the layers that it comes to
printed_models              those layers as models, whose batch nobody says
calls                       `LSTM(300, 50)` in place of a layer's keys
overrides                   `--set` and what else of the command line replaces values; quantity reads `20M` and `5%`
blocks, keys                what a document and each of its layers may hold
library, defined, inside    types of layers that are published cells, or a document's own; places in their text
validate, complaints        the data held against all that; what is wrong, in a document's words; synonyms of its keys
faults                      all faults of one document gathered, in its order
chain, connect              the model, a `Spec`; its layers fitted to one another
wires, wiring               several inputs, and which layer reads what; the layers fitted to what they name
repeats                     a block of layers that stands there several times
schema                      the same as JSON Schema, for editors
sizes, rewrite              the keys that are sizes, and a number put into the text in place of another
"""
