"""`check --update`: the lock brought up to date with models, and what has changed in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnninspect import disk
from rnninspect.commands.shared.messages import say
from rnninspect.errors import counted, printable
from rnninspect.guard.changes import COUNTS, Change, differences
from rnninspect.guard.likeness import layers_of
from rnninspect.guard.lock import update_lock
from rnninspect.guard.locked import Locked
from rnninspect.guard.whole import without_document
from rnninspect.shares import digits


def update(path: Path, now: Locked) -> None:
    """Write these models into the lock, drop those whose document is gone, and say what became of it."""
    if os.environ.get("CI"):
        say("warning: --update in CI accepts whatever the models have become; the check against the lock is lost")
    name = printable(str(path))
    notes: list[str] = []
    told: list[str] = []

    def change(before: Locked) -> Locked:
        # Models whose document is gone are dropped; those of other documents stay as they are.
        after = dict(before)
        gone = without_document(path, before.keys() - now.keys())
        new_names = renamed(before, now, [file for file, error in gone.items() if error is None])
        for file, error in gone.items():
            if error is None:
                del after[file]
                new = new_names.get(file)
                became = f"is gone, and dropped from {name}" if new is None else f"is {printable(new)} now"
                notes.append(f"note: {printable(file)} {became}")
            else:
                why = f"it cannot be looked for: {disk.reason(error)}"
                notes.append(f"warning: {printable(file)} stays in {name}, as {why}")
        after |= now
        told.append(what_changed(before, after))
        return after

    update_lock(path, change, now)
    for note in sorted(notes):
        say(note)
    say(f"note: {name}: {told[-1]}")


def what_changed(before: Locked, after: Locked) -> str:
    """`1 added, 1 changed: +266 % parameters, 1 dropped`, or that nothing has.

    before: a model that a merge conflict has torn is there without a layer.
    """
    dropped = before.keys() - after.keys()
    new_names = renamed(before, after, sorted(dropped))
    added, dropped = after.keys() - before.keys() - {*new_names.values()}, dropped - new_names.keys()
    kept = [(file, before[file], after[file]) for file in after.keys() & before.keys()]
    changed = [file for file, was, is_now in kept if was.layers and differences(was, is_now)]
    rebuilt = [file for file, was, _ in kept if not was.layers]
    described = [file for file, was, is_now in kept if was.layers and was.settings is None and is_now.settings]
    parts = [f"{len(added)} added"] if added else []
    if changed:
        parts.append(f"{len(changed)} changed{_growth(before, after, changed)}")
    if new_names:
        parts.append(f"{len(new_names)} renamed")
    if rebuilt:
        parts.append(f"{len(rebuilt)} rebuilt")
    if described:
        parts.append(f"{len(described)} with settings now")
    if dropped:
        parts.append(f"{len(dropped)} dropped")
    return ", ".join(parts) or f"nothing new, {counted(len(after), 'model')}"


def renamed(before: Locked, after: Locked, gone: Iterable[str]) -> dict[str, str]:
    """What those documents that are gone are called now, of the very same models."""
    new: dict[object, list[str]] = {}
    for file in after:
        if file not in before:
            new.setdefault(layers_of(after[file]), []).append(file)
    names: dict[str, str] = {}
    for file in gone:
        alike = new.get(layers_of(before[file]), [])
        name = next((name for name in alike if not differences(before[file], after[name])), None)
        if name is not None and before[file].layers:
            alike.remove(name)
            names[file] = name
    return names


def _growth(before: Locked, after: Locked, files: Sequence[str]) -> str:
    """`: +266 % parameters`, of all that have changed; MACs where only those have; "" where neither has."""
    for field, words in COUNTS.items():
        was, now = (
            sum(getattr(layer, field) for file in files for layer in side[file].layers.values())
            for side in (before, after)
        )
        share = Change(layer="", field=field, locked=was, now=now).percent
        if share is not None:
            return f": {digits(share, sign=True)} % {words}"
    return ""
