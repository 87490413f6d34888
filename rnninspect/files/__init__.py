"""Checkpoints: the recurrent layers of a file, without what wrote it. The stations, in order:

source      any part of a file's bytes, and never more than is asked for
held        what a file holds: the records that every reader fills
sniff       what a file is, by its first and last bytes, and which are refused; `protobuf_kind` says it of some
read        from a path to what is held, by one of the `readers`, which have a file for each format; `pickles` makes
            inert records of what others would run
found       a recurrent layer as it was found: what it is, its tensors, how that is known
identify    which layers a file holds, by the `rules`, which have a file for each family of frameworks
variants    from a layer that was found to one of ours, with its equations
agreement   its plan, packed as the convention says, against the file's own tensors
look        from a path to its layers, each held against its plan
models      each layer as a model of its own, for what takes a plan alone
written     a layer as a document that rebuilds it
fits        a checkpoint's tensors beside those of a document's model; `misfits` says why they do not fit
"""
