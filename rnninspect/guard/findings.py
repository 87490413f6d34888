"""What a check complains of, each with its place in the document: for a reader of a log, an annotation, a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from rnninspect.document.chain import Spec
from rnninspect.document.load import has_file
from rnninspect.errors import DocumentError, Place, RnnInspectError
from rnninspect.guard.against import Against
from rnninspect.guard.causes import causes, counts_moved, grown_by
from rnninspect.guard.changes import Change
from rnninspect.guard.check import Growth, Limit, Verdict
from rnninspect.shares import digits, percent

# So many characters of a line in a pipe are enough for what is on it.
_LONGEST_LINE = 240


class Finding(NamedTuple):
    """One complaint.

    rule: what was broken ("max_params", "lock", "document"). what: the whole sentence. subject: what of the model it is
    about, where that is less than all of it: a layer's name, a count, a key of the document.
    """

    place: Place
    model: str
    rule: str
    what: str
    subject: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong, and with which model."""
        return f"{self.model}: {self.what}" if self.model else self.what

    @property
    def in_file(self) -> Finding:
        """The same where a file can be shown, with the option that it is about in its sentence."""
        at = self.place.in_file
        return self if at == self.place else self._replace(place=at, what=f"{self.place}: {self.what}")


def findings(spec: Spec, verdict: Verdict, against: Against) -> Iterator[Finding]:
    """Every broken limit, each count that outgrew what is allowed, or else why it is not as it was.

    against: the lock, or the base. A lock that is missing is a finding about the lock itself.
    """
    name = verdict.model.name
    for limit in verdict.limits:
        if not limit.ok:
            path = ("budget", limit.name)
            yield Finding(place=spec.tree.place(path), model=name, rule=limit.name, what=over_limit(limit))
    if verdict.demanded and verdict.empty_budget:
        what = "the budget is empty, and --locked wants a limit in it (such as max_params: 20M, or remove it)"
        yield Finding(place=spec.tree.place(("budget",)), model=name, rule="budget", what=what)
    if verdict.weights is not None:
        for layer, what in verdict.weights.sentences() if not verdict.weights.ok else ():
            place = spec.tree.place(spec.path_of(layer) if layer else ())
            yield Finding(place=place, model=name, rule="weights", what=what, subject=layer)
    for change, growth in verdict.outgrown:
        yield _outgrown(spec, verdict, change, growth, against)
    if verdict.drifted and verdict.new:
        place = spec.tree.place(())
        in_file = has_file(place.source)
        what = against.lacks(verdict.likeness, verdict.former, in_file=in_file)
        if len(what) > _room(place):
            what = against.lacks("", in_file=in_file)
        yield Finding(place=place, model=name, rule=against.kind, what=what)
    elif verdict.drifted and not verdict.outgrown:
        for cause in causes(spec, verdict.changes or ()):
            place = spec.tree.place(cause.path)
            what = cause.sentence(_room(place))
            yield Finding(place=place, model=name, rule=against.kind, what=what, subject=cause.layer)


def _room(place: Place) -> int:
    """How long a sentence may be that stands behind its place."""
    return _LONGEST_LINE - len(f"error: {place}: ")


def over_limit(limit: Limit, of: str = "") -> str:
    """`max_params: 309, over 300 by 9, 3 %`; of: whose that is."""
    over = limit.actual - limit.allowed
    share = f", {digits(percent(over / limit.allowed))} %" if limit.allowed else ""
    return f"{limit.name}: {limit.actual:,}{of}, over {limit.allowed:,} by {over:,}{share}"


def of_error(error: RnnInspectError, source: str) -> Iterator[Finding]:
    """A document that could not be checked at all: each of its faults."""
    for fault in error.faults:
        place = fault.place or Place(source)
        if place.source.startswith("--") and place.replaces is None:
            place = replace(place, replaces=Place(source))  # why: the option was not understood, and put nothing in
        key = fault.path if isinstance(fault, DocumentError) else ""
        what = str(fault).removeprefix(f"{place}: ")
        yield Finding(place=place, model="", rule="document", what=what, subject=key)


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """A name for each by which it is known again when its line has moved or its numbers have changed; no two alike."""
    from hashlib import sha256  # why here: it loads OpenSSL, and only reports need it

    seen: Counter[str] = Counter()
    names = []
    for finding in findings:
        # why ASCII: a file's name may hold what no encoding takes.
        known = ascii((finding.place.source, finding.rule, finding.model, finding.subject))
        names.append(sha256(f"{known} {seen[known]}".encode()).hexdigest())
        seen[known] += 1
    return names


def first_of(findings: Sequence[Finding], most: int, where: str = "this step's log") -> list[Finding]:
    """The findings, or where they are more than `most` so many that the last can say how many more, and where.

    where: what has each of them.
    """
    if len(findings) <= most:
        return list(findings)
    left = findings[most - 1]
    more = f"{len(findings) - most + 1:,} more: {where} has each of them"
    return [*findings[: most - 1], left._replace(model="", what=more, subject="more")]


def _outgrown(spec: Spec, verdict: Verdict, change: Change, growth: Growth, against: Against) -> Finding:
    """`MACs 1,170 → 1,641, +40.3 % since main, over the allowed 25 %: encoder: hidden_size 5 → 7`, at that line."""
    grown, allowed = f"{change.difference:+,}", f"{growth.amount or 0:,}"
    if growth.share is not None:
        most = percent(growth.share)
        allowed = f"{most:.15g} %"
        # from nothing there is no percentage
        grown = grown if change.percent is None else f"{digits(change.percent, sign=True, above=most)} %"
    why = grown_by(spec, verdict.changes or (), change.field)
    place = spec.tree.place(why[0].path if why else ())
    what = f"{counts_moved(change)}, {grown} since {against.since}, over the allowed {allowed}"
    reasons = _as_many([cause.alone for cause in why], _room(place) - len(what) - len(": "))
    what = f"{what}: {reasons}" if reasons else what
    return Finding(place=place, model=verdict.model.name, rule=against.kind, what=what, subject=change.field)


def _as_many(texts: Sequence[str], room: int) -> str:
    """The texts, or so many of the first as there is room for, one at least, and how many more."""
    for told in range(len(texts), 0, -1):
        more = len(texts) - told
        text = ", ".join(texts[:told]) + (f" and {more} more" if more else "")
        if len(text) <= room or told == 1:
            return text
    return ""
