"""Checkpoints: the recurrent layers of a file, without what wrote it. The stations, in order:

source      any part of a file's bytes, and never more than is asked for
held        what a file holds: the records that every reader fills
sniff       what a file is, by its first and last bytes; `refused` and `protobuf_kind` say it of some, `zips` opens zip
read        from a path to what is held, by one of the readers
safetensors, shards: the readers of safetensors, and of a checkpoint in several files
fits        a checkpoint's tensors beside those of a document's model; `misfits` says why they do not fit
found       a recurrent layer as it was found: what it is, its tensors, how that is known
"""
