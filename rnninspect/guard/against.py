"""What models are held against besides their budgets, and how messages speak of it."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.errors import printable


class Against(NamedTuple):
    """A lock, or the base: the models' own documents at a revision.

    name: the lock's path, or what the revision was called by. commit: the revision's.
    """

    name: str
    commit: str | None = None

    @property
    def kind(self) -> str:
        """What it is, which is the rule that a model breaks."""
        return "lock" if self.commit is None else "base"

    @property
    def since(self) -> str:
        """Since when models have changed."""
        return "the lock" if self.commit is None else printable(self.name)

    def lacks(self, likeness: str, former: str = "", *, in_file: bool = True) -> str:
        """What is wrong with a model that is not there. likeness: what is there like it; former: itself, renamed.

        in_file: whether a file holds it, so that a lock could know it by that, or rename it.
        """
        if self.kind == "base":
            return f"the model is not at {printable(self.name)}, and --locked wants it there"
        if former and in_file:
            update = f"check --update renames it in {printable(self.name)}"
            return f"renamed from {printable(former)}, else unchanged ({update})"
        adds = "check --update adds it" if in_file else "write it to a file, and check --update adds it"
        other = f"; {likeness}" if likeness else ""
        return f"the model is not in {printable(self.name)} yet{other} ({adds})"
