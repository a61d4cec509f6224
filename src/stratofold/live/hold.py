"""What a broken bound, or limits that changed, hold back outside the fold: a control, until it is released.

What comes in: the breaches of a step; the limits of this run and of the last.  What goes out: control rows, which every
claim checks, and their records.
Why it is shaped so: inside the fold a breach has acted in its own step; that a person must release it is the operator's
affair, so it becomes a control like any other: sticky, seen from every process, lifted in two steps.  Limits that changed
hold the book to reducing only until book and venue were found to agree once.  Neither ever loosens what holds already.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from stratofold.adapters.ports import ACTIVE, HALTED, REDUCING, Control
from stratofold.fold import account as state
from stratofold.live.account_limits import share_limits
from stratofold.live.halt import halt, note_controls
from stratofold.live.poison import told_spared
from stratofold.live.risk.verdict import HALT, NOTE, REDUCE, REDUCING_ONLY, Breach, reason_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.adapters.ports import Journal
    from stratofold.live.decide import Heard
    from stratofold.live.desk import Desk
    from stratofold.live.fold import Step
    from stratofold.live.risk.limits_config import Difference, Stated

GUARD, LIMITS, STREAM = "guard", "limits", "stream"
_PASSING = (LIMITS, STREAM)  # what a clean reconcile lifts; anything else waits for a person
LIMITS_MARK = "limits"
_SEVERITY = {ACTIVE: 0, REDUCING: 1, HALTED: 2}
STATE_NAMES = {state.ACTIVE: ACTIVE, state.REDUCING: REDUCING, state.HALTED: HALTED, state.WARMING: ACTIVE}


def hold_broken(desk: Desk, steps: Iterable[Step], now: int) -> list[Control]:
    """A control for each breach of these steps that only a person may release: of the book, or of one symbol."""
    breaches = [Breach(*row) for step in steps for row in step.breaches]
    return [control for breach in breaches for control in _held(desk, breach, now)]


def _held(desk: Desk, breach: Breach, now: int) -> list[Control]:
    """The control of one breach, unless something as strict holds already; a position that was closed holds nothing."""
    if breach.action == NOTE:
        return []
    if breach.symbol < 0 or breach.action == REDUCE:
        scope, name = "book", desk.manifest.book
    elif breach.action == REDUCING_ONLY:
        scope, name = "symbol", desk.fold.names[breach.symbol]
    else:
        return []
    wanted = HALTED if breach.action == HALT else REDUCING
    reason = f"{reason_name(breach.reason)}: limit {breach.limit:.10g}, observed {breach.observed:.10g}"
    return _hold(desk, scope, name, wanted, reason, GUARD, now)


def _hold(desk: Desk, scope: str, name: str, wanted: str, reason: str, by: str, now: int) -> list[Control]:
    """Write a control, unless the scope is held as strictly already, and not only until the next clean reconcile."""
    journal, account = desk.journal, desk.manifest.account
    standing = standing_of(journal, account, scope, name)
    if standing is not None:
        more = _SEVERITY[wanted] - _SEVERITY[standing.state]
        if more < 0 or (more == 0 and (by in _PASSING or standing.by not in _PASSING)):
            return []
    return [halt(journal, account, scope, name, reason, by, now, desk.envelope("decide", now), state=wanted)]


def standing_of(journal: Journal, account: str, scope: str, name: str) -> Control | None:
    """The last control of a scope and name, whatever it says."""
    for control in journal.controls(account):
        if (control.scope, control.name) == (scope, name):
            return control
    return None


def hold_again(desk: Desk, now: int) -> list[Control]:
    """At a start: a book or a symbol that a breach holds, and nobody has spoken of since, is held by a control.

    It closes the gap between the step that found the breach and the control that says so, should we have died there.
    """
    fold = desk.fold
    since = [("symbol", name, at, REDUCING) for name, at in zip(fold.names, fold.disabled, strict=True)]
    since.append(("book", desk.manifest.book, fold.held_at, STATE_NAMES[fold.engine.book.state]))
    held = []
    for scope, name, at, wanted in since:
        standing = standing_of(desk.journal, desk.manifest.account, scope, name)
        if at and wanted != ACTIVE and (standing is None or standing.time < at):
            held += _hold(desk, scope, name, wanted, "a bound was broken before the restart", GUARD, now)
    return held


def changed_limits(journal: Journal, book: str, stated: Stated, *, acknowledged: bool) -> list[Difference]:
    """What of a book's limits is not what it was at its last run; raises Setup SF894 when nobody acknowledged it."""
    from stratofold.live.risk.limits_config import require_acknowledged  # noqa: PLC0415  it reads files, and a function none

    known = journal.mark(book, LIMITS_MARK)
    return require_acknowledged(json.loads(known), stated.rows(), acknowledged=acknowledged) if known else []


def take_up_limits(
    desk: Desk, stated: Stated, now: int, *, acknowledged: bool, alone: bool = False
) -> list[Difference]:
    """This run's limits instead of the last one's: shown, acknowledged, and reducing only until the first clean reconcile.

    Of the account the strictest holds that any of its books states, or (`alone`) what this one does.  Raises Setup SF894 with every difference when there are some that nobody acknowledged.
    """
    journal, manifest = desk.journal, desk.manifest
    after = stated.rows()
    changed = changed_limits(journal, manifest.book, stated, acknowledged=acknowledged)
    if changed:
        from stratofold.live.risk.limits_config import digest  # noqa: PLC0415  as above

        reason = f"limits {digest(after)}: " + "; ".join(map(str, changed))
        _hold(desk, "book", manifest.book, REDUCING, reason, LIMITS, now)
    share_limits(journal, manifest.book, manifest.account, stated.account, alone=alone)
    said = json.dumps(after)
    if journal.mark(manifest.book, LIMITS_MARK) != said:
        journal.mark(manifest.book, LIMITS_MARK, said)
    return changed


def hold_spared(desk: Desk, heard: Sequence[Heard], now: int) -> list[Control]:
    """An event that the strategy was spared: reducing only until a person releases the book, who is told."""
    said = told_spared(desk, heard)
    desk.dead += said
    return [one for reason in said for one in _hold(desk, "book", desk.manifest.book, REDUCING, reason, GUARD, now)]


def hold_changed(desk: Desk, what: Iterable[str], now: int) -> list[Control]:
    """The book is about to go on otherwise: reducing only until book and venue were found to agree."""
    reason = f"changed: {'; '.join(what)}"
    return _hold(desk, "book", desk.manifest.book, REDUCING, reason, LIMITS, now)


def hold_deaf(desk: Desk, now: int) -> list[Control]:
    """The venue's reports do not come: reducing only, because what an order has led to may not be known in time."""
    return _hold(desk, "book", desk.manifest.book, REDUCING, "the venue's stream of reports is down", STREAM, now)


def hold_poisoned(desk: Desk, what: str, now: int) -> list[Control]:
    """The strategy could not hear something and the book goes on without it: reducing only, until a person has looked."""
    return _hold(desk, "book", desk.manifest.book, REDUCING, f"an event was set aside: {what}", GUARD, now)


def lift_when_clean(desk: Desk, now: int) -> Control | None:
    """After a clean reconcile: what only a change, or a stream that was down, held is free; what others hold stays."""
    journal, manifest = desk.journal, desk.manifest
    standing = standing_of(journal, manifest.account, "book", manifest.book)
    if standing is None or standing.by not in _PASSING or standing.state != REDUCING or standing.time >= now:
        return None
    if desk.deaf:
        return None
    lifted = journal.control(
        manifest.account, Control("book", manifest.book, ACTIVE, "the first clean reconcile", standing.by, now)
    )
    note_controls(journal, manifest.account, desk.envelope("reconcile", now))
    return lifted
