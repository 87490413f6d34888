"""Charts as a picture for a paper or a pull request, drawn by matplotlib where it is installed.

It draws on the same axes as `chart` does, so that both show the same and no number is too small or too large for it.
"""

from __future__ import annotations

import io
import logging
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnninspect.errors import NotInstalled, OptionError, printable
from rnninspect.formats.axis import Axis, Tick, has_place, left_out, nothing, x_axis, y_axis
from rnninspect.output import write_bytes
from rnninspect.results.table import Chart, Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Shown = Callable[[str], str]

SUFFIXES = (".svg", ".png", ".pdf")

# Wong's colours, which colour-blind people can tell apart (Nature Methods 8, 441), without the yellow, which white
# paper swallows. The counts have no common factor, so that two series share at most one of the three for long.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
_STYLES: tuple[object, ...] = ("-", "--", "-.", ":")
_BOUND = "bound of "  # how the name of a limit begins; the name of what it limits follows
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

_WIDTH, _HEIGHT, _EMPTY_HEIGHT = 8.0, 3.2, 0.8  # of one chart, in inches
_DPI = 150
_MOST_PIXELS = 30_000  # of the height; matplotlib's own limit is 65,535
_MARKS = 16  # on a line, so that a long one is still a line
_LINE = 0.17  # of text, in inches
_ENTRIES = 30  # of a legend in one column
_COLUMNS = 71  # labels of x are chosen as for so many characters

_POWER = re.compile(r"(.*)e(−?\d+)")
_RAISED = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

# why all of this: the same charts give the same bytes, whoever's matplotlibrc is about; and texts come from
# documents, where `$` is a dollar sign.
_SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "svg.hashsalt": "rnninspect",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
}
# The date, and what of matplotlib a picture need not say.
_METADATA: dict[str, dict[str, None]] = {
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def check(path: Path) -> None:
    """Raise OptionError for a file name that says of no kind of picture, NotInstalled without matplotlib."""
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        expected = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        got = f"got {printable(kind)}" if kind else "got none"
        raise OptionError(f"--plot {printable(str(path))}: expected a name that ends in {expected}, {got}")
    try:
        with _quiet():
            import matplotlib.figure
            import matplotlib.font_manager  # noqa: F401
    except (ImportError, OSError, ValueError) as error:
        # why the last two: no place for its cache, or an MPLBACKEND or a matplotlibrc that it cannot read.
        raise NotInstalled("--plot", "matplotlib", "plot", error) from error


def plot(charts: Sequence[Chart], path: Path) -> None:
    """Save `charts` one under the other as a picture; the end of the file's name says of which kind.

    Raises what `check` raises, and OutputFailed.
    """
    check(path)
    write_bytes(_drawn(charts, path.suffix.lower()), path)


def _drawn(charts: Sequence[Chart], kind: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.font_manager import findfont, get_font

    with _quiet(), matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        font = get_font(findfont("DejaVu Sans"))

        def shown(text: str) -> str:
            """`text` in characters that the font has."""
            return "".join(
                char if font.get_char_index(ord(char)) else char.encode("unicode_escape").decode("ascii")
                for char in printable(text)
            )

        pages = [_page(chart, shown) for chart in charts]
        size = max((page.width for page in pages), default=_WIDTH), sum(page.height for page in pages) or 1
        figure = Figure(figsize=size, layout="constrained")
        _draw(pages, figure)
        data = io.BytesIO()
        dpi = min(_DPI, _MOST_PIXELS / figure.get_figheight())
        figure.savefig(data, format=kind[1:], dpi=dpi, metadata=_METADATA[kind])
    return data.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what matplotlib logs (that it builds a cache, or where) off stderr, which is for our own lines."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Page(NamedTuple):
    """A chart, its texts in lines, and the inches it takes."""

    chart: Chart
    points: list[tuple[float, float]]
    title: str
    x: str
    y: str
    names: list[str]
    columns: int
    width: float
    height: float


def _page(chart: Chart, shown: Shown) -> _Page:
    every = (point for series in chart.series for point in series.points)
    points = [(x, y) for x, y in every if y is not None and has_place(x, y, chart.log, chart.log_x)]
    title = _lines(" · ".join(shown(text) for text in (chart.subject, chart.title) if text), 78)
    x, y = _lines(shown(chart.x), 56), _lines(shown(chart.y), 36)
    names = []
    for series in chart.series:
        remark = left_out(series, chart.log, chart.log_x)
        names.append(_lines(shown(series.name), 32) + (f"\n({remark})" if remark else ""))
    columns = -(-len(names) // _ENTRIES)
    # why: a layout that has no room left for the axes is none.
    legend = max((_tall(names[k : k + _ENTRIES]) for k in range(0, len(names), _ENTRIES)), default=0)
    longest = max((len(line) for name in names for line in name.split("\n")), default=0)
    width = _WIDTH + max(0, columns - 1) * (0.8 + 0.08 * longest)
    height = max(_HEIGHT, 0.8 + legend) if points else _EMPTY_HEIGHT
    return _Page(
        chart=chart,
        points=points,
        title=title,
        x=x,
        y=y,
        names=names,
        columns=columns,
        width=width,
        height=height + _tall([title, x]) - 2 * _LINE,
    )


def _lines(text: str, width: int, most: int = 3) -> str:
    """`text` in at most so many lines; its end is left out where that is not enough."""
    return "\n".join(textwrap.wrap(text, width, max_lines=most, placeholder=" …"))


def _tall(texts: Sequence[str]) -> float:
    return sum(_LINE * (1 + text.count("\n")) for text in texts)


def _draw(pages: Sequence[_Page], figure: Figure) -> None:
    if not pages:
        return
    ratios = [page.height for page in pages]
    rows = figure.subplots(len(pages), 1, squeeze=False, gridspec_kw={"height_ratios": ratios})
    for page, (axes,) in zip(pages, rows, strict=True):
        axes.set_title(page.title, loc="left")
        if page.points:
            _draw_one(page, axes)
        else:
            axes.set_axis_off()
            axes.text(0, 0.5, nothing(page.chart.log, page.chart.log_x), transform=axes.transAxes)


def _draw_one(page: _Page, axes: Axes) -> None:
    y = y_axis([y for _, y in page.points], page.chart.log)
    fits = _stand_apart if page.chart.log_x else _have_room
    x = x_axis([x for x, _ in page.points], _COLUMNS, fits, page.chart.log_x)
    for number, (series, look) in enumerate(zip(page.chart.series, _looks(page.chart), strict=True)):
        axes.plot(*_line(series, x, y), label=str(number), **look._asdict())
    for axis, known, room in ((axes.xaxis, x, 0.02), (axes.yaxis, y, 0.03)):
        axis.set_ticks([tick.at for tick in known.ticks], [_raised(tick.label) for tick in known.ticks])
        axis.set_view_interval(-room * (known.size - 1), (1 + room) * (known.size - 1), ignore=True)
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(page.x)
    axes.set_ylabel(page.y)
    legend = axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        handlelength=3.2,  # or a dash-dotted line shows no dot
        ncols=page.columns,
    )
    # why afterwards: a name that begins with `_` would have no place in the legend.
    for text, name in zip(legend.get_texts(), page.names, strict=True):
        text.set_text(name)


def _have_room(ticks: Sequence[Tick]) -> bool:
    return len(ticks) <= _COLUMNS // (3 + max(len(tick.label) for tick in ticks))


def _stand_apart(ticks: Sequence[Tick]) -> bool:
    """The same for ticks that are not equally far apart."""
    return all(left.at + (len(left.label) + len(right.label)) / 2 + 2 <= right.at for left, right in pairwise(ticks))


def _line(series: Series, x: Axis, y: Axis) -> tuple[list[float], list[float]]:
    """Where the points of a series stand; what has no place is a gap."""
    placed = [has_place(*point, y.log, x.log) for point in series.points]
    xs = iter(x.positions([a for (a, _), here in zip(series.points, placed, strict=True) if here]))
    ys = iter(y.positions([b for (_, b), here in zip(series.points, placed, strict=True) if here and b is not None]))
    gap = float("nan")
    return [next(xs) if here else gap for here in placed], [next(ys) if here else gap for here in placed]


class _Look(NamedTuple):
    """How a series is drawn, in matplotlib's words. markevery: the points with a marker."""

    color: str
    linestyle: object
    marker: str
    markevery: list[int]


def _looks(chart: Chart) -> Iterator[_Look]:
    """How each series is drawn: a bound like what it bounds, but dashed and without markers."""
    measured = [series.name for series in chart.series if not series.name.startswith(_BOUND)]
    numbers, others = count(), count(len(measured))
    for series in chart.series:
        if series.name.startswith(_BOUND):
            bounded = series.name.removeprefix(_BOUND)
            number = measured.index(bounded) if bounded in measured else next(others)
            alone = _alone(series, chart.log, chart.log_x)
            yield _Look(
                color=_COLOURS[number % len(_COLOURS)], linestyle="--", marker="_" if alone else "", markevery=alone
            )
        else:
            look = _look(next(numbers), series, chart.log, chart.log_x)
            # why: where there are bounds, what is dashed is one.
            yield look if len(measured) == len(chart.series) else look._replace(linestyle="-")


def _look(number: int, series: Series, log: bool, log_x: bool = False) -> _Look:
    every = max(1, round(len(series.points) / _MARKS))
    # why the shift: where lines run together, the markers of one would hide those of the other.
    regular = range(number * every // 4 % every, len(series.points), every)
    return _Look(
        color=_COLOURS[number % len(_COLOURS)],
        linestyle=_STYLES[number % len(_STYLES)],
        marker=_MARKERS[number % len(_MARKERS)],
        markevery=sorted({*regular, *_alone(series, log, log_x)}),
    )


def _alone(series: Series, log: bool, log_x: bool) -> list[int]:
    """The points between two gaps: they are on no line, so that without a marker they would not be seen."""
    placed = [False, *(has_place(*point, log, log_x) for point in series.points), False]
    return [k - 1 for k in range(1, len(placed) - 1) if placed[k] and not placed[k - 1] and not placed[k + 1]]


def _raised(label: str) -> str:
    """A label as print has it: 10⁻³ for 1e-3."""
    label = label.replace("-", "−")
    found = _POWER.fullmatch(label)
    if not found:
        return label
    factor, power = found[1], f"10{found[2].translate(_RAISED)}"
    return {"1": power, "−1": f"−{power}"}.get(factor, f"{factor}·{power}")
