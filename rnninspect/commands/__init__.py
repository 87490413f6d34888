"""One file for each command: its options, a record that is its command line, and `run(options)`; and what they share.

why most imports are in functions: the help and the completion of a command need its options alone.
"""

from contextvars import ContextVar

# The command line that is being run: the command, which may have been left out, and the words behind it.
TYPED: ContextVar[tuple[str, ...]] = ContextVar("typed", default=())
