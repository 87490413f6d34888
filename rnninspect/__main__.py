"""`python -m rnninspect`."""

from rnninspect.cli import main

if __name__ == "__main__":
    main()
