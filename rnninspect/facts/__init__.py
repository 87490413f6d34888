"""The frozen records that both ledgers fill. The stations, in order:

amounts    what is added up: bytes of an element, operations, sums that nobody knows where a part is not known
tensors    what goes into a layer and comes out, and where it comes from
weights    its parameters: their gates, the laws of their first values, what those are, and counts of them
models     all of that of a layer, with what is its file's affair, and of a model

`plan` fills them by arithmetic, `real` from live modules and tensors; `agree` compares the two. A field that
one ledger cannot know is None there, never 0.

Facts are dataclasses, which compare by type and leave out what was only observed. Records that merely carry things
through the program are NamedTuples: a class is made in 0.1 ms instead of 0.6, at every start.
"""
