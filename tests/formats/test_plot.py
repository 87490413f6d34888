from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ended import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from samples import examples

from rnninspect.errors import NotInstalled, OptionError, OutputFailed
from rnninspect.formats import looks
from rnninspect.formats import plot as module
from rnninspect.formats.plot import plot
from rnninspect.results.table import Chart, Series

Points = tuple[tuple[float, float | None], ...]

SIGNATURES = {".svg": b"<?xml ", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-"}

FADING: Points = tuple((k, 10 ** (-0.5 * k)) for k in range(13))


def chart(*series: Points, log: bool = True, name: str = "layer {}") -> Chart:
    named = tuple(Series(name.format(k), points) for k, points in enumerate(series))
    return Chart("gradients", "tagger", "steps back", "|dL/dh_t|", named, log)


@pytest.fixture
def readable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures in which texts are texts; otherwise they are outlines, which look the same everywhere."""
    monkeypatch.setitem(module._SETTINGS, "svg.fonttype", "none")


def texts(path: Path) -> list[str]:
    return ["".join(found.itertext()) for found in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def drawn(charts: list[Chart], folder: Path) -> list[str]:
    plot(charts, folder / "chart.svg")
    return texts(folder / "chart.svg")


# --- files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [*SIGNATURES, ".PNG", ".Svg"])
def test_the_end_of_the_name_says_what_it_is(suffix: str, tmp_path: Path) -> None:
    plot([], tmp_path / f"a.b{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"a.b{suffix}"]
    assert (tmp_path / f"a.b{suffix}").read_bytes().startswith(SIGNATURES[suffix.lower()])


@pytest.mark.parametrize(
    ("name", "got"),
    [("chart.jpg", "got .jpg"), ("chart", "got none"), (".svg", "got none"), ("a\x1b.b\n", r"got .b\n"), ("svg.", "")],
)
def test_any_other_end_is_refused(name: str, got: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        plot([chart(FADING)], tmp_path / name)
    said = str(caught.value)
    assert re.search(r"^--plot /.*: expected a name that ends in \.svg, \.png or \.pdf, got ", said)
    assert said.endswith(got)
    assert said.isprintable()
    assert list(tmp_path.iterdir()) == []


def test_the_same_charts_are_the_same_bytes(tmp_path: Path) -> None:
    """In another process, in another order of hashes, and with another matplotlibrc."""
    charts = [chart(FADING, FADING[:4]), chart(FADING, log=False)]
    for suffix in SIGNATURES:
        plot(charts, tmp_path / f"here{suffix}")
    (tmp_path / "matplotlibrc").write_text("font.size: 40\nsvg.fonttype: none\ntext.usetex: true\naxes.grid: true\n")
    source = f"[plot({charts!r}, Path('there' + suffix)) for suffix in {list(SIGNATURES)}]"
    source = f"from rnninspect.formats.plot import *; from rnninspect.results.table import *; {source}"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(module.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", source], cwd=tmp_path, env=environment, check=True, timeout=120)
    for suffix in SIGNATURES:
        here, there = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("here", "there"))
        assert here == there, suffix
        assert b"date" not in here.lower()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match=r"there is no folder .*nowhere$"):
        plot([chart(FADING)], tmp_path / "nowhere" / "chart.svg")


def test_a_picture_can_go_to_stdout(program: Run, tmp_path: Path) -> None:
    """As bytes, whatever the encoding of stdout."""
    (tmp_path / "out.png").symlink_to("/dev/stdout")
    source = (
        "import sys; from pathlib import Path; from rnninspect.output import write_bytes; "
        "write_bytes(bytes(range(128)) * 1000, Path(sys.argv[1]))"
    )
    done = program(source, args=(str(tmp_path / "out.png"),))
    assert (done.returncode, done.stderr, len(done.stdout.encode())) == (0, "", 128_000 - 0)


# --- without matplotlib, or with one that is broken ---------------------------------------------------------

WITHOUT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from rnninspect.errors import RnnInspectError
from rnninspect.formats.plot import plot
for name in sys.argv[2:]:
    try:
        plot((), Path(name))
    except RnnInspectError as error:
        print(error.exit_code, error)
"""
NEEDS = "3 --plot needs matplotlib: pip install 'rnninspect[plot]'"


@pytest.mark.parametrize(
    ("shadow", "said"),
    [
        ("raise ModuleNotFoundError(\"No module named 'matplotlib'\", name='matplotlib')", NEEDS),
        ("raise ImportError", NEEDS),
        (
            "raise ImportError('libz.so:\\x1b no\\nsuch file')",
            rf"{NEEDS} (the one here does not load: libz.so:\x1b no)",
        ),
    ],
)
def test_without_matplotlib(program: Run, tmp_path: Path, shadow: str, said: str) -> None:
    (tmp_path / "matplotlib.py").write_text(shadow)
    done = program(WITHOUT, args=(str(tmp_path), str(tmp_path / "x.svg"), "x.jpg"))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        said,
        "2 --plot x.jpg: expected a name that ends in .svg, .png or .pdf, got .jpg",
    ]
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py"] in ([], ["__pycache__"])


def test_a_backend_that_does_not_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = WITHOUT.replace("import sys\n", "import os, sys\nos.environ['MPLBACKEND'] = 'wat'\n", 1)
    done = subprocess.run(
        [sys.executable, "-c", source, str(tmp_path), "x.svg"], capture_output=True, text=True, check=True
    )
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)
    assert done.stdout.startswith(f"{NEEDS} (the one here does not load: ")


def test_nothing_else_is_loaded_before_it_is_needed(program: Run) -> None:
    source = "import sys, rnninspect.formats.plot; print({'matplotlib', 'numpy', 'torch'} & set(sys.modules))"
    assert program(source).stdout == "set()\n"


def test_matplotlib_says_nothing_and_leaves_no_setting(program: Run, tmp_path: Path) -> None:
    """Also where it has no place for its cache, about which it would complain."""
    (tmp_path / "home").touch()
    source = (
        "import os, sys; os.environ['HOME'] = sys.argv[1]; from pathlib import Path; "
        "from rnninspect.formats.plot import plot; plot((), Path(sys.argv[2])); "
        "import matplotlib, logging; print(matplotlib.rcParams['text.parse_math'], 'matplotlib.pyplot' in sys.modules)"
    )
    done = program(source, "-W", "error", args=(str(tmp_path / "home"), str(tmp_path / "x.svg")))
    assert (done.returncode, done.stdout, done.stderr) == (0, "True False\n", "")
    level = logging.getLogger("matplotlib").level
    plot([], tmp_path / "y.svg")
    assert logging.getLogger("matplotlib").level == level


def test_an_error_of_the_import_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NotInstalled) as caught:
        plot([], Path("x.svg"))
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


# --- what is in the picture ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("readable")
def test_titles_axes_and_names(tmp_path: Path) -> None:
    found = drawn(
        [chart(FADING, FADING[1:]), chart(((0, -1.0), (1, 1.0)), log=False)._replace(title="states")], tmp_path
    )
    assert {"tagger · gradients", "tagger · states", "steps back", "|dL/dh_t|", "layer 0", "layer 1"} <= set(found)
    assert {"1", "10⁻¹", "10⁻⁶", "−0.5"} <= set(found)
    assert found.count("layer 0") == 2


@pytest.mark.usefixtures("readable")
def test_a_dollar_sign_is_a_dollar_sign(tmp_path: Path) -> None:
    name = r"$\frac{1}{$ $x^2$ 50\$"
    found = drawn([Chart(name, name, name, name, (Series(name, FADING),), True)], tmp_path)
    assert found.count(name) == 3
    assert f"{name} · {name}" in found


@pytest.mark.usefixtures("readable")
def test_names_show_as_they_are(tmp_path: Path) -> None:
    names = ["_private", "", "\x1b[31m", "a\nb", "\u202eevil", "<b>&amp;", "\ud800", "名", "é β →"]
    shown = ["_private", r"\x1b[31m", r"a\nb", r"\u202eevil", "<b>&amp;", r"\ud800", r"\u540d", "é β →"]
    found = drawn([Chart("t", "m", "x", "y", tuple(Series(name, FADING) for name in names), True)], tmp_path)
    assert [text for text in found if text in shown] == shown


@pytest.mark.usefixtures("readable")
def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    points: Points = ((0, 1.0), (1, 0.0), (2, None), (3, float("nan")), (4, 0.1))
    found = drawn([chart(points, ((0, None),))], tmp_path)
    assert {"layer 0", "(2 of 4 values left out: not > 0)", "layer 1", "(no values)"} <= set(found)


SWEPT: Points = ((64, 1e-3), (128, 2e-3), (256, 5e-3), (512, 2e-2))


def swept(*names: str, points: Points = SWEPT) -> Chart:
    limits = {name: name.removeprefix("bound of ") for name in names if name.startswith("bound of ")}
    series = tuple(Series(name, points, limits=limits.get(name)) for name in names)
    return Chart("time", "m", "hidden_size", "seconds", series, True, log_x=True)


@pytest.mark.usefixtures("readable")
def test_a_logarithmic_axis_of_x_is_labelled_with_the_swept_values(tmp_path: Path) -> None:
    assert {"64", "128", "256", "512"} <= set(drawn([swept("forward")], tmp_path))
    many = tuple((float(2**k), 1.0 + k) for k in range(21))
    assert {"1", "10", "1000", "100000", "10⁶"} <= set(drawn([swept("forward", points=many)], tmp_path))
    found = drawn([swept("forward", points=((0, 1.0), *SWEPT)), swept("x", points=((-1, 1.0),))], tmp_path)
    assert {"(1 of 5 values left out: x not > 0)", "nothing to draw: no value > 0 at x > 0"} <= set(found)


@pytest.mark.usefixtures("readable")
def test_labels_of_a_logarithmic_x_do_not_touch(tmp_path: Path) -> None:
    """Between 1 and 12 they come nearer and nearer."""
    found = drawn([swept("forward", points=tuple((k, 1e-3) for k in range(1, 13)))], tmp_path)
    assert [text for text in found if text.isdecimal()] == ["1", "3", "5", "7", "9", "11"]


def test_a_bound_is_dashed_without_markers_in_the_colour_of_what_it_bounds() -> None:
    names = ("bound of step", "forward", "bound of forward", "backward", "step", "bound of nothing")
    step, forward, of_forward, backward, its_step, of_nothing = looks.looks(swept(*names))
    measured = (forward, backward, its_step)
    assert {look.dash for look in measured} == {"solid"}
    assert len({look.colour for look in measured} | {of_nothing.colour}) == 4
    assert len({look.marker for look in measured}) == 3
    assert (of_forward.colour, step.colour) == (forward.colour, its_step.colour)
    for bound in (step, of_forward, of_nothing):
        assert (bound.dash, bound.marker, bound.marked) == ("dashed", "", [])


def test_a_bound_of_one_point_is_seen() -> None:
    (look,) = looks.looks(swept("bound of forward", points=((0, 1.0), (64, 1e-3), (128, None))))
    assert (look.dash, look.marker, look.marked) == ("dashed", "tick", [1])


def test_without_bounds_series_look_as_they_always_did() -> None:
    found = list(looks.looks(swept("a", "b", "bounded", "bound")))
    assert found == [looks._look(k, SWEPT) for k in range(4)]
    assert len({look.dash for look in found}) == 4


@pytest.mark.usefixtures("readable")
def test_error_bars_and_points_to_doubt(tmp_path: Path) -> None:
    plain = swept("forward", "bound of forward")
    measured = plain.series[0]._replace(halves=(1e-4, None, 1e-3, 0.1), unsure=(1, 3))
    doubtful = plain._replace(
        series=(measured, plain.series[1]), about="a GPU · torch 2", doubt="drifting or disturbed"
    )
    found = drawn([doubtful], tmp_path)
    assert {"a GPU · torch 2", "forward", "bound of forward", "drifting or disturbed"} <= set(found)
    assert "drifting or disturbed" not in drawn([plain], tmp_path)
    (axes,) = axes_of(doubtful)
    (bars,) = (one for one in axes.containers if one.has_yerr)
    assert [len(bar) for bar in bars.lines[2][0].get_segments()] == [2, 0, 2, 2]  # none where no interval is known
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert [(list(line.get_xdata()), list(line.get_ydata())) for line in hollow] == [([128, 512], [2e-3, 2e-2])]


def axes_of(chart: Chart) -> list[Any]:
    figure = Figure()
    module._draw([module._page(chart, str)], figure)
    return figure.axes


def test_every_name_of_the_legend_is_beside_its_line() -> None:
    """Where some have error bars and some do not."""
    plain = swept("bound of forward", "forward", "step", "bound of step")
    some = plain._replace(series=tuple(one._replace(halves=(1e-4,) * 4) for one in plain.series[1:3]))
    for drawn_chart in (plain, some._replace(series=(plain.series[0], *some.series, plain.series[3]))):
        (axes,) = axes_of(drawn_chart)
        legend = axes.get_legend()
        assert [text.get_text() for text in legend.get_texts()] == [series.name for series in plain.series]
        colours = [
            to_hex(line.get_color() if isinstance(line, Line2D) else line.get_color()[0])
            for line in legend.legend_handles
        ]
        assert colours == [looks.COLOURS[look.colour].lower() for look in looks.looks(plain)]


@pytest.mark.usefixtures("readable")
def test_nothing_to_draw(tmp_path: Path) -> None:
    for log, said in ((True, "nothing to draw: no value > 0"), (False, "nothing to draw: no number")):
        found = drawn([chart(((0, None),), log=log), chart(log=log)], tmp_path)
        assert sorted(found) == [said] * 2 + ["tagger · gradients"] * 2


def test_a_point_between_gaps_is_seen(tmp_path: Path) -> None:
    """It is on no line, so it needs a marker, however long the series is."""
    points: Points = tuple((k, None if k % 2 else 1.0 + k) for k in range(400))
    plot([chart(points)], tmp_path / "chart.svg")
    uses = (tmp_path / "chart.svg").read_text().count("<use ")
    plot([chart(tuple((k, 1.0 + k) for k in range(400)))], tmp_path / "chart.svg")
    assert uses - (tmp_path / "chart.svg").read_text().count("<use ") > 150


def test_no_two_of_many_series_look_alike() -> None:
    found = [looks._look(k, FADING)[:3] for k in range(60)]
    assert len(set(found)) == 60
    first = [look[:2] for look in found[:8]]
    assert len(set(first)) == 8
    assert len({marker for _, _, marker in found[:9]}) == 9


@pytest.mark.usefixtures("readable")
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [(1e-300,), (5e-324, 1.7e308), (1e-280, 1.0), (1.0, 1.0000000000000002), (3.0, 3.0)])
def test_any_range_can_be_drawn(values: tuple[float, ...], log: bool, tmp_path: Path) -> None:
    """Warnings are errors here, those of overflow too."""
    found = drawn([chart(tuple(enumerate(values)), log=log)], tmp_path)
    if max(values) > 1e200 or min(values) < 1e-200:
        assert not log or "log10 of |dL/dh_t|" in found


@pytest.mark.usefixtures("readable")
def test_the_widest_range_can_be_drawn(tmp_path: Path) -> None:
    found = drawn([chart(((0, -1.7e308), (1, 1.7e308)), log=False)], tmp_path)
    assert {"|dL/dh_t|, in 10³⁰⁸", "−1.5", "1.5"} <= set(found)


def test_long_and_many(tmp_path: Path) -> None:
    long: Points = tuple((k, 10.0 ** (-0.28 * k)) for k in range(1000))
    plot([chart(*([long] * 8)), chart(FADING)], tmp_path / "chart.png")
    assert size_of(tmp_path / "chart.png") == (1200, 960)
    plot([chart(*([FADING] * 70), name="a name of many words that takes two lines {}")], tmp_path / "chart.png")
    width, height = size_of(tmp_path / "chart.png")
    assert width > 1800
    assert height > 1600


def size_of(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[16:24]
    return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")


def test_a_picture_of_many_charts_is_no_larger_than_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_MOST_PIXELS", 640)
    plot([chart(FADING)] * 4, tmp_path / "chart.png")
    assert size_of(tmp_path / "chart.png") == (400, 640)


@pytest.mark.usefixtures("readable")
def test_a_text_that_never_ends_does(tmp_path: Path) -> None:
    text = "word " * 5000
    plot([Chart(text, text, text, text, (Series(text, FADING), Series("h" * 5000, FADING)))], tmp_path / "chart.svg")
    found = texts(tmp_path / "chart.svg")
    assert sum(line.endswith("word …") for line in found) == 4
    assert max(map(len, found)) <= 100
    assert len(found) < 40


anything = st.text() | st.sampled_from(
    ["bound of x", "x", "$", "$$", "\\", "{}", "%", "_", "\x00", "\ud800", "h" * 300, "👩‍💻"]
)
numbers = st.none() | st.floats() | st.integers(-5, 5).map(float)


@settings(examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    anything,
    anything,
    anything,
    st.lists(st.tuples(anything, st.lists(st.tuples(st.floats(), numbers), max_size=4).map(tuple)), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_any_chart_is_a_picture(
    tmp_path: Path, title: str, x: str, y: str, series: list[tuple[str, Points]], log: bool, log_x: bool
) -> None:
    named = tuple(Series(*item) for item in series)
    plot([Chart(title, title, x, y, named, log, log_x=log_x)], tmp_path / "chart.svg")
    assert ElementTree.parse(tmp_path / "chart.svg").getroot().tag.endswith("svg")
