"""One file for each command: its options, a record that is its command line, and `run(options)`; and what they share.

why most imports are in functions: the help and the completion of a command need its options alone.
"""
