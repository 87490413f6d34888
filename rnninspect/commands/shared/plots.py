"""`--plot FILE`: charts as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rnninspect import disk
from rnninspect.commands.shared.files import same_file
from rnninspect.errors import OptionError, OutputFailed, printable
from rnninspect.formats import plot
from rnninspect.results.table import Chart
from rnninspect.runtime.here import need_folder


class Reading(Protocol):
    """The options of a command that reads files, and may write one."""

    @property
    def files(self) -> list[str]:
        """What is read."""

    @property
    def output(self) -> Path | None:
        """What is written."""


def check_plot(path: Path | None, options: Reading) -> None:
    """Raise OptionError, NotInstalled or OutputFailed for a picture that could not be made, before work is lost."""
    if path is None:
        return
    plot.check(path)
    need_folder()
    try:
        folder, here = path.absolute().parent.is_dir(), path.is_dir()
        as_output = options.output is not None and path.absolute() == options.output.absolute()
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(path))}: {disk.reason(error)}") from error
    if here or not folder:
        why = "this is a folder" if here else "there is no such folder"
        raise OutputFailed(f"cannot write {printable(str(path))}: {why}")
    taken = [file for file in options.files if same_file(file, path)]
    if taken or as_output:
        what = "one of the files to read" if taken else "--output's file"
        raise OptionError(f"--plot {printable(str(path))}: this is {what} (name another file)")


def save_plot(charts: Sequence[Chart], path: Path | None, about: str = "") -> None:
    """Save the charts where a picture was asked for. about: where the values are from, of charts that do not say it."""
    if path is not None:
        plot.plot([chart._replace(about=" · ".join(filter(None, (about, chart.about)))) for chart in charts], path)
