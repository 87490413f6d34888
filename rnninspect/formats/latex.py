r"""LaTeX for papers and lecture notes: a fragment to \input, which needs amsmath.

Equations stand twice: bare, to be copied, and with the shape under every name. Pictures and code are verbatim and in
ASCII, which every engine and font has; other characters, as a model's name may hold, are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from rnninspect.errors import printable
from rnninspect.formats.drawn import in_ascii
from rnninspect.letters import tuple_text
from rnninspect.results.table import RIGHT_ALIGNED, Block, Cell, Chart, Code, Drawing, Formulas, Kind, Table

_HEAD = r"""% From rnninspect, to be \input; the preamble needs \usepackage{amsmath}.
% For letters outside ASCII in names: pdfLaTeX with the right fonts, or XeLaTeX or LuaLaTeX."""
_PROSE = 24  # a text wider than this is prose, which wraps
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    # why: after the \\ that ends a row, [ and * would be read as its arguments.
    **{sign: f"{{{sign}}}" for sign in "[]*"},
    "-": "{-}",  # two of them would be a dash
    "→": r"$\rightarrow$",
    "·": r"\textperiodcentered{}",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "⊙": r"$\odot$",
    "σ": r"$\sigma$",
    "√": r"$\surd$",
    "Σ": r"$\Sigma$",
    "–": "{--}",
    "—": "{---}",
}
_ESCAPED = re.compile("|".join(map(re.escape, _SPECIAL)))
# In prose: x_t, h_{t-1}, h'_t, W_ii, b_ho. A name of torch's, such as h_n or weight_ih_l0, is none of these.
_NAMED = re.compile(r"(?<![\w.])(?:[A-Za-z]'*_(?:\{t[-+]1\}|t(?!\w))|[Wb]_[A-Za-z]{2}(?!\w))")
_INDEX = re.compile(r"_(\w{2,})$")


def render(blocks: Sequence[Block], caption: str) -> str:
    """`blocks` one under the other, and the caption in italics."""
    paragraphs = [_HEAD, *(paragraph for block in blocks for paragraph in _paragraphs(block))]
    if caption:
        paragraphs.append(rf"\noindent\textit{{{_prose(caption)}}}")
    return "\n\n".join(paragraphs) + "\n"


def symbol(text: str) -> str:
    """A symbol in LaTeX, without dollar signs: `W_ii` is `W_{ii}`; text that is none stands as text."""
    if re.fullmatch(r"[A-Za-z]'*(_(\w+|\{t[-+]1\}))?", text, re.ASCII):
        return _INDEX.sub(lambda match: f"_{{{match[1]}}}".replace("_", r"\_").replace(r"\_", "_", 1), text)
    return rf"\text{{{_escaped(text)}}}"


def _paragraphs(block: Block) -> Iterator[str]:
    yield rf"\subsection*{{{': '.join(_prose(part) for part in (block.subject, block.title) if part)}}}"
    notes = block.notes
    match block:
        case Table():
            table = block.on_paper()
            notes = table.notes
            if table.columns:
                yield _tabular(table)
        case Formulas():
            for lines in ([item.latex for item in block.items], [item.latex_sizes for item in block.items]):
                if any(lines):
                    yield align(filter(None, lines))
        case Drawing() | Code():
            yield _verbatim(block.lines)
        case Chart():
            from rnninspect.formats.chart import draw

            yield _verbatim(draw(block, 80, ascii=True))
    yield from (rf"\noindent {_prose(note)}" for note in notes)


def align(lines: Iterable[str]) -> str:
    """Equations under each other, their equals signs too."""
    rows = " \\\\\n".join(printable(line).replace(" = ", " &= ", 1) for line in lines)
    return f"\\begin{{align*}}\n{rows}\n\\end{{align*}}"


def _verbatim(lines: Sequence[str]) -> str:
    # why: the environment ends where these letters stand, wherever that is.
    kept = [line.replace(r"\end{verbatim}", r"\end {verbatim}") for line in in_ascii(lines)]
    # why small: 80 characters are as wide as a line of text.
    return "\n".join([r"{\footnotesize", r"\begin{verbatim}", *kept, r"\end{verbatim}", "}"])


def _tabular(table: Table) -> str:
    prose = [_is_prose(table, place) for place in range(len(table.columns))]
    wide = rf"p{{{0.4 if sum(prose) < 2 else 0.5 / sum(prose):.2f}\linewidth}}"
    kinds = [column.kind for column in table.columns]
    sides = ("r" if kind in RIGHT_ALIGNED else "l" for kind in kinds)
    columns = "".join(wide if long else side for long, side in zip(prose, sides, strict=True))
    lines = [
        r"{\small",
        rf"\noindent\begin{{tabular}}{{{columns}}}",
        r"\hline",
        _row(_prose(column.heading) for column in table.columns),
        r"\hline",
        *(_row(map(_text, kinds, row)) for row in table.rows),
        r"\hline",
    ]
    if table.total is not None:
        lines += [_row(map(_text, kinds, table.total)), r"\hline"]
    return "\n".join([*lines, r"\end{tabular}", r"\par}"])


def _is_prose(table: Table, place: int) -> bool:
    cells = (row[place] for row in table.rows)
    return table.columns[place].kind is Kind.TEXT and any(len(str(cell)) > _PROSE for cell in cells)


def _row(cells: Iterable[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _text(kind: Kind, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case str() if kind is Kind.SYMBOL:
            return f"${symbol(cell)}$"
        case str():
            return _prose(cell)
        case bool():
            return str(cell).lower()
        case tuple():
            return _escaped(tuple_text(cell))
        case int() | float():
            return f"{cell:,}" if kind in (Kind.COUNT, Kind.BYTES) else _escaped(repr(cell))


def _prose(text: str) -> str:
    """`text` so that LaTeX shows it as it is, the equations' symbols in it typeset."""
    text = printable(text).strip()
    pieces, end = [], 0
    for match in _NAMED.finditer(text):
        pieces += [_escaped(text[end : match.start()]), f"${symbol(match[0])}$"]
        end = match.end()
    return "".join([*pieces, _escaped(text[end:])])


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: _SPECIAL[match[0]], printable(text))
