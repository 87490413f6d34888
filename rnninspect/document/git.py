"""What git has by a name, asked of git itself.

Nothing of a repository's is run, no hook, filter or pager, and nothing is fetched. Names are fed to git as lines of
text and never as arguments, so that none is taken for an option.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnninspect import disk
from rnninspect.errors import CannotHere, NoGit, Place, printable

if TYPE_CHECKING:
    from subprocess import CompletedProcess

# What every git here is told: to take no lock, to ask nobody, to fetch nothing, and to speak English.
_QUIET = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    # why so: a partial clone would fetch what it lacks, and GIT_NO_LAZY_FETCH is not known to git before 2.44.
    "GIT_ALLOW_PROTOCOL": "",
    "LC_ALL": "C",
}
# How git answers that something is there, and that a symbolic link leads to nothing that it has.
_THERE = re.compile(rb"([0-9a-f]{40,64}) (\w+) (\d+)")
_LINK = re.compile(rb"(symlink|dangling|loop|notdir) (\d+)")
_NOWHERE = {
    b"symlink": "a symbolic link that leads out of the repository",
    b"dangling": "a symbolic link to what is not there",
    b"loop": "a symbolic link that leads back to itself",
}
# What ends a line that git reads.
_ENDS_LINE = re.compile(r"[\n\r\0]")
# So many branches are looked through for a name that is near.
_MOST_BRANCHES = 1_000


class Object(NamedTuple):
    """What git has by a name: the name of its content, whether that is a blob, a tree or a commit, and its bytes.

    kind: of a symbolic link that leads nowhere, what it is, in words.
    """

    name: str
    kind: str
    nbytes: int


class Folder(NamedTuple):
    """Where the current folder is in a repository.

    up: the way to the top, None where the repository has no work tree. prefix: the way back, "" or with a slash at its
    end. shallow: whether this is a clone without the older commits.
    """

    up: str | None
    prefix: str
    shallow: bool


def current_folder(asked: Place) -> Folder | None:
    """Where the current folder is; None outside of a repository.

    asked: what needs git, here and below. Raises NoGit, and CannotHere where git fails.
    """
    options = ("--is-shallow-repository", "--is-inside-work-tree", "--show-cdup", "--show-prefix")
    done = _git(asked, "rev-parse", *options)
    if done.returncode:
        if b"not a git repository" in done.stderr:
            return None
        raise _failed(done, asked)
    shallow, inside, up, prefix = os.fsdecode(done.stdout).split("\n", 3)
    return Folder(up if inside == "true" else None, prefix.removesuffix("\n"), shallow == "true")


def objects(names: Sequence[str], asked: Place) -> list[Object | None]:
    """What git has by each name, through symbolic links; None of nothing. Raises NoGit, CannotHere."""
    lines = [name for name in names if not _ENDS_LINE.search(name)]
    done = _git(asked, "cat-file", "--batch-check", "--follow-symlinks", lines=lines)
    rest, there = done.stdout, dict[str, Object]()
    for name in lines:
        line, _, rest = rest.partition(b"\n")
        if not line:
            raise _failed(done, asked)
        if match := _THERE.fullmatch(line):
            there[name] = Object(match[1].decode(), match[2].decode(), int(match[3]))
        elif match := _LINK.fullmatch(line):
            rest = rest[int(match[2]) + 1 :]  # the path that it leads to, or its own
            if match[1] in _NOWHERE:
                there[name] = Object("", _NOWHERE[match[1]], 0)
    return [there.get(name) for name in names]


def contents(names: Sequence[str], asked: Place) -> dict[str, bytes]:
    """The bytes of each blob, by the name of its content. Raises NoGit, CannotHere."""
    if not names:
        return {}
    done = _git(asked, "cat-file", "--batch", lines=names)
    rest, read = done.stdout, dict[str, bytes]()
    for name in names:
        line, _, rest = rest.partition(b"\n")
        match = _THERE.fullmatch(line)
        if match is None:
            raise _failed(done, asked)
        nbytes = int(match[3])
        read[name], rest = rest[:nbytes], rest[nbytes + 1 :]
    return read


def branches(asked: Place) -> list[str]:
    """The names of branches, here and of other repositories."""
    options = (f"--count={_MOST_BRANCHES}", "--format=%(refname:short)", "refs/heads", "refs/remotes")
    return os.fsdecode(_git(asked, "for-each-ref", *options).stdout).split()


def _git(asked: Place, *args: str, lines: Sequence[str] = ()) -> CompletedProcess[bytes]:
    """git run to its end, fed with these lines."""
    import subprocess  # why here: few command lines ask git

    given, environment = b"".join(os.fsencode(line) + b"\n" for line in lines), {**os.environ, **_QUIET}
    try:
        return subprocess.run(["git", *args], input=given, capture_output=True, check=False, env=environment)
    except FileNotFoundError as error:
        raise NoGit("git is not installed here, and revisions are read by it", asked) from error
    except OSError as error:
        raise NoGit(f"git cannot be run here: {disk.reason(error)}", asked) from error


def _failed(done: CompletedProcess[bytes], asked: Place) -> CannotHere:
    """What to raise where git itself failed."""
    said = os.fsdecode(done.stderr).strip()
    *_, last = [line for line in said.split("\n") if line.startswith("fatal: ")] or [said.split("\n")[-1]]
    hint = ""
    if trust := re.search(r"git config --global --add safe\.directory .*", said):
        hint = f" ({trust[0]})"
    elif "promisor" in last:
        hint = " (this clone is a partial one: git show fetches what it lacks)"
    what = last.removeprefix("fatal: ") or f"exit code {done.returncode}"
    return CannotHere(f"git failed: {printable(what + hint)}", asked)
