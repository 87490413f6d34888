"""`--plot FILE`: charts as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnninspect.commands.shared.files import need_place
from rnninspect.commands.shared.messages import say_wrote
from rnninspect.formats import plot
from rnninspect.results.table import Chart


def check_plot(path: Path | None, files: Sequence[str], output: Path | None) -> None:
    """Raise OptionError, NotInstalled or OutputFailed for a picture that could not be made, before work is lost."""
    if path is None:
        return
    plot.check(path)
    need_place("--plot", path, files, output)


def save_plot(charts: Sequence[Chart], path: Path | None, about: str = "") -> None:
    """Save the charts where a picture was asked for. about: where the values are from, of charts that do not say it."""
    if path is not None:
        plot.plot([chart._replace(about=" · ".join(filter(None, (about, chart.about)))) for chart in charts], path)
        say_wrote(path)
