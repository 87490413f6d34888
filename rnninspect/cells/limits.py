"""What the text of a cell is held to before it is parsed, so that no text, however hostile, costs more than a moment.

Python's own parser runs out of memory or stack on a few thousand brackets or signs: length, brackets and words are
counted first.
"""

from __future__ import annotations

import ast
import re

from rnninspect.cells.papers import sign_hint
from rnninspect.cells.tree import CellError

MOST_CHARACTERS = 10_000
MOST_BRACKETS = 50
MOST_WORDS = 1_000
MOST_DEPTH = 100
MOST_ROUNDS = 1_000
MOST_EQUATIONS = 1_000
# Of all expressions, loops unrolled. why: what is worked out of a cell takes some 40 microseconds for each.
MOST_PARTS = 10_000
# The largest whole number up to which float64 has them all.
MOST_NUMBER = 2**53

_LONGEST_QUOTE = 60

_COMMENT = re.compile(r"#[^\n]*")
_WORD = re.compile(r"[A-Za-z0-9_.]+|[^\sA-Za-z0-9_.]")


def checked(text: str) -> str:
    """The text without its comments, every line and column where it was. Raises CellError where it is beyond a limit.

    why ASCII: Python reads some letters as others, so that two names may look different and be the same.
    """
    if len(text) > MOST_CHARACTERS:
        raise CellError(f"the text of a cell has at most {MOST_CHARACTERS:,} characters, this one {len(text):,}")
    bare = _COMMENT.sub("", text)
    line, start, depth, words = 1, 0, 0, 0
    for word in re.finditer(r"\n|[^\n\S]+|" + _WORD.pattern, bare):
        sign, column = word[0], word.start() - start + 1
        if sign == "\n":
            line, start = line + 1, word.end()
        elif sign == "\\" or not all(
            letter.isascii() and (letter.isprintable() or letter in "\t\r") for letter in sign
        ):
            raise CellError(
                f"a character that the language does not have: {sign[0]!a}",
                line=line,
                column=column,
                hint=sign_hint(sign[0]),
            )
        elif sign.isspace():
            continue
        depth += (sign in "([{") - (sign in ")]}") if len(sign) == 1 and sign != "\n" else 0
        # why depth: a line that ends in an open bracket goes on.
        words = 0 if depth <= 0 and sign in "\n;" else words + 1
        if depth > MOST_BRACKETS or words > MOST_WORDS:
            raise CellError(
                "an expression this long, or this deep in brackets, is refused",
                line=line,
                column=column,
                hint="give parts of it a name, in equations of their own",
            )
    return bare


def quote(text: str) -> str:
    """What stands in a text as a message has it: in one line, and not all of it."""
    line = " ".join(text.split())
    return repr(line if len(line) <= _LONGEST_QUOTE else line[:_LONGEST_QUOTE] + "...")


def check_depth(statement: ast.stmt) -> None:
    """Raise CellError for an expression with too many operations inside one another."""
    level: list[ast.AST] = [statement]
    for _ in range(MOST_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
        if not level:
            return
    raise CellError(
        f"more than {MOST_DEPTH} operations inside one another",
        line=statement.lineno,
        column=statement.col_offset + 1,
        hint="give parts of it a name, in equations of their own",
    )
