"""How far the shares of a sweep are, what is missing, and which GPUs are off: `merge`'s page and its object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnninspect import __version__
from rnninspect.bench.controls import Control
from rnninspect.bench.folder import Survey
from rnninspect.bench.progress import ShareSeen, missing_points, progress_text, shares_seen
from rnninspect.errors import counted, listed, printable
from rnninspect.results.about import POINT, SUBJECT, cells, subject_text
from rnninspect.results.head import SCHEMA_VERSION, picked
from rnninspect.results.table import Answer, Block, Cell, Column, Kind, Table
from rnninspect.shares import percent

# More rows than this are too many to read.
_MOST_ROWS = 20
_MOST_NAMED = 3
_SHARES = (
    Column("share", "share"),
    Column("missing_list", "of list", for_scripts=True),
    Column("attempts", "attempts", Kind.COUNT),
    Column("hosts", "on"),
    Column("points", "points", Kind.COUNT),
    Column("measured", "measured", Kind.COUNT),
    Column("state", "state"),
)
_MISSING = (*(column for column in POINT if column.key != "file"), Column("reason", "why"))
_CONTROLS = (
    Column("host", "host"),
    Column("gpu_uuid", "GPU"),
    *(column for column in POINT if column.key != "file"),
    Column("variant", "variant"),
    SUBJECT,
    Column("phase", "phase"),
    Column("median_seconds", "median", Kind.SECONDS, same_unit=True),
    Column("off_percent", "off by, %", Kind.NUMBER),
    Column("verdict", "verdict", verdict=True),
)


def merge_blocks(found: Survey, controls: Sequence[Control]) -> list[Block]:
    """The page for people: the shares, what is missing, and which devices are off, as far as there are any."""
    tables = merge_tables(found, controls)
    off = [control for control in controls if control.is_off]
    shares = tables["shares"]
    # why perhaps none: what was merged has no shares, and of many that are whole none is shown.
    told = (shares.rows and shares.shown != ()) or shares.notes
    shown = [shares] * bool(told) + [tables["missing"]] * bool(found.missing)
    return [*shown, *[tables["controls"]] * bool(off)]


def merge_answer(found: Survey, command: str) -> Answer:
    """How many points there are of how many; command: what shares out anew what is missing, "" where nothing does."""
    text = progress_text(found)
    if not found.missing:
        return Answer(text, "ok")
    return Answer(text, "FAILED", remedy="share it out anew with:" if command else "", command=command)


def merge_tables(found: Survey, controls: Sequence[Control]) -> dict[str, Table]:
    """By name: a row for each share, for each point that is missing, and for each figure of each device's controls."""
    shares, missing = shares_seen(found), missing_points(found)
    open_ = tuple(k for k, share in enumerate(shares) if not share.is_whole)
    off = tuple(k for k, control in enumerate(controls) if control.is_off)
    return {
        "shares": Table(
            title="shares",
            subject=counted(len(found.points), "point"),
            columns=_SHARES,
            rows=tuple(_share(share) for share in shares),
            shown=open_[:_MOST_ROWS] if len(shares) > _MOST_ROWS else None,
            notes=(*_notes(found), *_control_notes(controls)),
        ),
        "missing": Table(
            title="missing",
            subject=counted(len(missing), "point"),
            columns=_MISSING,
            rows=tuple(cells(point, _MISSING) for point in missing),
            shown=tuple(range(_MOST_ROWS)) if len(missing) > _MOST_ROWS else None,
            notes=(f"{len(missing) - _MOST_ROWS} more: --table missing --format csv",) * (len(missing) > _MOST_ROWS),
        ),
        "controls": Table(
            title="controls",
            subject="all devices",
            columns=_CONTROLS,
            rows=tuple(_control(control) for control in controls),
            shown=off[:_MOST_ROWS] if len(controls) > _MOST_ROWS else None,
        ),
    }


def _share(share: ShareSeen) -> tuple[Cell, ...]:
    hosts = ", ".join(map(printable, share.hosts))
    points = share.points if share.attempts else None
    return (
        *(f"{share.number}/{share.of}", share.missing_list, share.attempts, hosts),
        *(points, None if points is None else share.measured, share.state),
    )


def _control(control: Control) -> tuple[Cell, ...]:
    about = (control.model, control.point, control.variant, subject_text(control.subject), control.phase)
    verdict = "off" if control.is_off else "ok"
    return (printable(control.host), control.gpu or None, *about, control.seconds, percent(control.off), verdict)


def _notes(found: Survey) -> Iterator[str]:
    """What a reader must know of what is merged, and of what is not."""
    if found.again:
        yield f"{found.again} more were measured again: what went well counts, and of that what began last"
    hosts: dict[str, int] = {}
    for line in found.other_device:
        hosts[line.host] = hosts.get(line.host, 0) + 1
    for host, number in hosts.items():
        kinds = sorted({line.device.partition(":")[0] for line in found.best.values() if line.device})
        yield (
            f"{printable(host) or 'a host'} measured {number} on the CPU, where the others had {listed(kinds)}: "
            "they are left out (look at that host's driver)"
        )
    for journal in found.journals:
        if journal.head is None:
            yield f"{printable(journal.path.name)} has no whole head: it is being begun, or was cut off"
        elif journal.half is not None:
            yield (
                f"{printable(journal.path.name)}: line {journal.half} is only half there: "
                "it is being written, or was cut off"
            )
    yield from _several(found)


def _several(found: Survey) -> Iterator[str]:
    """What is not the same about where it was measured."""
    lines = [*found.best.values()]
    heads = [journal.head for journal in found.journals if journal.head is not None]
    for what, values in (
        ("hosts", [line.host for line in lines]),
        ("devices", [line.device_name for line in lines]),
        ("drivers", [line.driver for line in lines]),
        ("versions of torch", [head.torch for head in heads]),
        ("versions of rnninspect", [head.rnninspect for head in heads]),
        ("versions of Python", [head.python for head in heads]),
    ):
        known = [printable(value) for value in dict.fromkeys(values) if value]
        if len(known) > 1:
            yield f"{len(known)} {what}: {listed(sorted(known), _MOST_NAMED)}"


def _control_notes(controls: Sequence[Control]) -> Iterator[str]:
    """Which devices are off, by their worst, or that none is."""
    devices = {(control.host, control.gpu) for control in controls}
    off: dict[tuple[str, str], Control] = {}
    for control in controls:
        if control.is_off:
            off.setdefault((control.host, control.gpu), control)
    for control in off.values():
        name = " ".join(filter(None, [printable(control.host), printable(control.gpu)]))
        how = "slower" if control.off > 0 else "faster"
        where = " ".join(filter(None, [control.model, control.point, control.phase]))
        yield f"{name} is {abs(percent(control.off)):.2g} % {how} than the median of {len(devices)} devices, at {where}"
    if devices and not off:
        few = "" if len(devices) > 2 else "; of fewer than three nobody can say which"
        yield f"controls: {counted(len(devices), 'device')}, none is off by more than 5 %{few}"


def merge_document(found: Survey, controls: Iterable[Control], command: str) -> dict[str, object]:
    """What `merge` found, as one object. command: what shares out anew what is missing, "" where nothing does."""
    missing = missing_points(found)
    return {
        "schema_version": SCHEMA_VERSION,
        "rnninspect": __version__,
        "torch": found.head.torch,
        "ledger": "bench",
        "ok": not missing,
        "digest": found.digest,
        "journals": len(found.journals),
        "points": len(found.points),
        "measured": len(found.points) - len(missing),
        "measured_again": found.again,
        "shares": [_share_object(share) for share in shares_seen(found)],
        "missing": [point._asdict() for point in missing],
        "other_device": [{"host": line.host or None, "file": line.path.name} for line in found.other_device],
        "incomplete": [
            {"file": journal.path.name, "line": journal.half or 1}
            for journal in found.journals
            if journal.head is None or journal.half is not None
        ],
        "controls": [_control_object(control) for control in controls],
        "command": command or None,
    }


def _share_object(share: ShareSeen) -> dict[str, object]:
    return {
        **share._asdict(),
        "missing_list": share.missing_list or None,
        "points": share.points if share.attempts else None,
        "half": share.half or None,
        "state": share.state,
    }


def _control_object(control: Control) -> dict[str, object]:
    return {
        "host": control.host or None,
        "gpu_uuid": control.gpu or None,
        **picked(control, "model", "point", "variant", "subject", "phase"),
        "median_seconds": control.seconds,
        "off_percent": percent(control.off),
        "half_width_percent": None if control.half is None else percent(control.half),
        **picked(control, "devices", "is_off"),
    }
