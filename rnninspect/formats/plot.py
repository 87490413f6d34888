"""Charts as a picture for a paper or a pull request, drawn by matplotlib where it is installed.

The axes are matplotlib's; numbers that its floats cannot hold are scaled, and the label of their axis says so.
"""

from __future__ import annotations

import io
import logging
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnninspect.errors import NotInstalled, OptionError, printable
from rnninspect.formats.axis import left_out, nothing, number, picture_x_axis, placed, raised
from rnninspect.formats.described import described
from rnninspect.formats.looks import COLOURS, looks
from rnninspect.output import write_bytes
from rnninspect.results.table import SEVERAL, Chart

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Shown = Callable[[str], str]
    Place = Callable[[float], float]

SUFFIXES = (".svg", ".png", ".pdf")

# In matplotlib's words.
_STYLES: Mapping[str, str] = {"solid": "-", "dashed": "--", "dashdot": "-.", "dotted": ":"}
_SIGNS: Mapping[str, str] = {
    "circle": "o",
    "square": "s",
    "up": "^",
    "diamond": "D",
    "down": "v",
    "plus": "P",
    "cross": "X",
    "left": "<",
    "right": ">",
    "tick": "_",
    "": "",
}

_WIDTH, _HEIGHT, _EMPTY_HEIGHT = 8.0, 3.2, 0.8  # of one chart, in inches
_DPI = 150
_MOST_PIXELS = 30_000  # of the height; matplotlib's own limit is 65,535
_LINE = 0.17  # of text, in inches
_ENTRIES = 30  # of a legend in one column
_GREY = "#555555"
_GAP = math.nan, math.nan
_SAFE = 1e-200, 1e200  # matplotlib's margins and ticks overflow not far beyond

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
        figure.savefig(data, format=kind[1:], dpi=dpi, metadata=_METADATA[kind] | _told(charts, kind))
    return data.getvalue()


def _told(charts: Sequence[Chart], kind: str) -> dict[str, str]:
    """The charts in words, for who does not see them: what a reader of the file's description is given."""
    title = "; ".join(map(_title, charts))
    words = " ".join(described(chart) for chart in charts)
    return {"Title": printable(title), "Subject" if kind == ".pdf" else "Description": printable(words)}


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
    """A chart with its texts in lines, its points, the names of the legend, and the inches it takes."""

    chart: Chart
    points: list[tuple[float, float]]
    names: list[str]
    columns: int
    width: float
    height: float


def _page(chart: Chart, shown: Shown) -> _Page:
    names = []
    for series in chart.series:
        remark = left_out(chart, series)
        names.append(_lines(shown(series.name), 32) + (f"\n({remark})" if remark else ""))
    if any(series.unsure for series in chart.series):
        names.append(_lines(shown(chart.doubt), 32))
    columns = -(-len(names) // _ENTRIES)
    # why: a layout that has no room left for the axes is none.
    legend = max((_tall(names[k : k + _ENTRIES]) for k in range(0, len(names), _ENTRIES)), default=0)
    longest = max((len(line) for name in names for line in name.split("\n")), default=0)
    chart = chart._replace(
        title=_lines(shown(_title(chart)), 78),
        about=_lines(shown(chart.about), 100),
        x=_lines(shown(chart.x), 56),
        y=_lines(shown(chart.y), 36),
    )
    points = [point for series in chart.series for point in placed(chart, series) if point]
    height = max(_HEIGHT, 0.8 + legend) if points else _EMPTY_HEIGHT
    return _Page(
        chart=chart,
        points=points,
        names=names,
        columns=columns,
        width=_WIDTH + max(0, columns - 1) * (0.8 + 0.08 * longest),
        height=height + _tall([chart.title, chart.about, chart.x]) - 2 * _LINE,
    )


def _title(chart: Chart) -> str:
    subject = "" if chart.subject == SEVERAL else chart.subject
    return " · ".join(filter(None, (subject, chart.title)))


def _lines(text: str, width: int, most: int = 3) -> str:
    """`text` in at most so many lines; its end is left out where that is not enough."""
    return "\n".join(textwrap.wrap(text, width, max_lines=most, placeholder=" …"))


def _tall(texts: Sequence[str]) -> float:
    return sum(_LINE * (1 + text.count("\n")) for text in texts if text)


def _draw(pages: Sequence[_Page], figure: Figure) -> None:
    if not pages:
        return
    ratios = [page.height for page in pages]
    rows = figure.subplots(len(pages), 1, squeeze=False, gridspec_kw={"height_ratios": ratios})
    for page, (axes,) in zip(pages, rows, strict=True):
        about = page.chart.about
        axes.set_title(page.chart.title, loc="left", pad=6 + 72 * _tall([about]))
        axes.text(0, 1.02, about, transform=axes.transAxes, color=_GREY, fontsize=8)
        if page.points:
            _draw_one(page, axes)
        else:
            axes.set_axis_off()
            axes.text(0, 0.5, nothing(page.chart), transform=axes.transAxes)


def _draw_one(page: _Page, axes: Axes) -> None:
    xs, ys = _apart(page.points)
    to_x = _set_x(axes, page.chart, xs)
    to_y = _set_y(axes, page.chart, ys)
    handles: list[Any] = []
    for series, look in zip(page.chart.series, looks(page.chart), strict=True):
        colour, marker = COLOURS[look.colour], _SIGNS[look.marker]
        # why: at a gap the line is broken.
        at = [(to_x(point[0]), to_y(point[1])) if point else _GAP for point in placed(page.chart, series)]
        # why at markers alone: bars on every point of a long line would be a band.
        halves = [
            math.nan if half is None or k not in look.marked else to_y(half) for k, half in enumerate(series.halves)
        ]
        line: dict[str, Any] = {
            "color": colour,
            "linestyle": _STYLES[look.dash],
            "marker": marker,
            "markevery": look.marked,
        }
        handles.append(axes.errorbar(*_apart(at), halves or None, elinewidth=1, capsize=2.5, **line))
        doubted = [at[k] for k in series.unsure]
        axes.plot(*_apart(doubted), marker, color=colour, markerfacecolor="white", zorder=3)
    if len(page.names) > len(page.chart.series):
        handles += axes.plot([], [], "o", color=_GREY, markerfacecolor="white")
    axes.grid(color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    legend = axes.legend(
        handles,
        [""] * len(handles),
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
        handlelength=3.2,  # or a dash-dotted line shows no dot
        ncols=page.columns,
    )
    # why afterwards: a name that begins with `_` would have no place in the legend.
    for text, name in zip(legend.get_texts(), page.names, strict=True):
        text.set_text(name)


def _apart(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _scale(label: str, values: Sequence[float], log: bool) -> tuple[str, Place, bool]:
    """What an axis says, how values are given to matplotlib, and whether on its logarithmic axis.

    Numbers that it cannot hold are divided by a power of ten, or their logarithms are drawn.
    """
    sizes = [abs(value) for value in values if value] or [1.0]
    if _SAFE[0] <= (min(sizes) if log else max(sizes)) and max(sizes) <= _SAFE[1]:
        return label, float, log
    if log:
        return f"log10 of {label}", math.log10, False
    power = math.floor(math.log10(max(sizes)))
    return f"{label}, in {raised(f'1e{power}')}", lambda value: float(Decimal(value).scaleb(-power)), False


def _set_x(axes: Axes, chart: Chart, values: Sequence[float]) -> Place:
    from matplotlib.ticker import NullLocator

    label, place, log = _scale(chart.x, values, chart.log_x)
    axes.set_xlabel(label)
    if log:
        axes.set_xscale("log")
        ticks = picture_x_axis(values, log=True).ticks
        axes.set_xticks([float(tick.label) for tick in ticks], [raised(tick.label) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        whole = all(place(value).is_integer() for value in values)
        axes.locator_params(axis="x", integer=whole, steps=[1, 2, 5, 10])
    return place


def _set_y(axes: Axes, chart: Chart, values: Sequence[float]) -> Place:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    label, place, log = _scale(chart.y, values, chart.log)
    axes.set_ylabel(label)
    if log:
        low, high = min(values), max(values)
        plain = low >= 1e-3 and high <= 1e4
        axes.set_yscale("log")
        # why: within one or two decades their ends alone would say little.
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / 100 < low else (1,)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: raised(number(float(f"{value:.9g}"), plain))))
        axes.yaxis.set_minor_formatter(NullFormatter())
        if high / low < 1.01:
            axes.set_ylim(low / 3, high * 3)
    else:
        axes.locator_params(axis="y", nbins=8, steps=[1, 2, 5, 10])
        if not any(values):
            axes.set_ylim(0, 1)  # what is 0 everywhere is a share or a norm, which is never less
    return place
