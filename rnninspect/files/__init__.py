"""Checkpoints: the recurrent layers of a file, without what wrote it. The stations, in order:

source      any part of a file's bytes, and never more than is asked for
held        what a file holds: the records that every reader fills
found       a recurrent layer as it was found: what it is, its tensors, how that is known
"""
