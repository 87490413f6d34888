"""Where the process begins: the console script, and `python -m rnninspect`."""

import os
import sys


def main() -> None:
    """The command line."""
    # why: to find plugins, pydantic reads what every installed distribution says of itself, a twelfth of the time that
    # a plan takes; and what a document means must not depend on what else is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        # why in here: before this no more is imported than Python itself has by now.
        from rnninspect.cli import main
    except KeyboardInterrupt:
        # why here too: Ctrl-C right after Enter comes before anything of ours can answer it.
        sys.exit(130)

    main()


if __name__ == "__main__":
    # why: -m looks for modules in the current folder first, and none but this package may come from there.
    if not sys.flags.safe_path and sys.path[0] != os.path.dirname(os.path.dirname(__file__)):  # noqa: PTH120
        del sys.path[0]
    main()
