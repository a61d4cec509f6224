"""The halt: a row that every claim checks, written by anybody who can write, lifted only after looking.

What comes in: a journal, an account, a scope (account, book, strategy or symbol), and who says so and why.
What goes out: a control that holds for every process at its next claim, and a `control` record in every book it stops.
Why it is shaped so: stopping must need nothing but the store (no strategy, no broker, no running process), so it is one
row; it forbids sending and nothing else: cancels, reports and reconciliation go on.  It is sticky: a restart, a quiet
hour or a cleared alarm does not lift it.  Lifting takes two steps, because whoever lifts it must have seen that book and
venue agree: first a request, then, after a clean reconcile newer than the request, its confirmation.

A request is a control of the scope `release`; it forbids nothing, and a halt that is newer makes it void.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from stratofold.adapters.ports import (
    ACCEPTED,
    ACTIVE,
    CLAIMED,
    CLOSING,
    HALTED,
    READY,
    REDUCING,
    REJECTED,
    UNKNOWN,
    Control,
    Entry,
    Message,
    Offer,
)  # fmt: skip
from stratofold.errors import Setup, Stop
from stratofold.live.away import is_away
from stratofold.wire import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stratofold.adapters.ports import Broker, Head, Journal

SCOPES = ("account", "book", "strategy", "symbol")
EVERYTHING = "*"
RELEASE = "release"

# What `reconcile` marks a book with when it and the venue agree: the time, ns UTC, as text.
CLEAN_RECONCILE = "clean_reconcile"
CLEAN_SEEN = "clean_seen"  # the last control that was there when the last clean reconcile began
_NOTED = "controls_noted"
_SEVERITY = {ACTIVE: 0, REDUCING: 1, HALTED: 2}


class Release(NamedTuple):
    """A request to lift a halt: `code` is what the confirmation must repeat, `waits_for` what it still needs of which book."""

    scope: str
    name: str
    code: str
    time: int
    waits_for: dict[str, str]


def halt(
    journal: Journal,
    account: str,
    scope: str,
    name: str,
    reason: str,
    by: str,
    now: int,
    envelope: bytes = b"",
    *,
    state: str = HALTED,
) -> Control:
    """Forbid sending in a scope from now on (`state` reducing: all but what reduces); sticky.

    Raises Setup SF914 for a scope that is none.  Halting what is halted already writes the newer reason.
    """
    _refuse_scope(scope, name)
    note_controls(journal, account, envelope)
    control = journal.control(account, Control(scope, name, state, reason, by, now))
    note_controls(journal, account, envelope)
    return control


def close_out(journal: Journal, book: str, by: str, now: int, envelope: bytes = b"") -> int:
    """Have a book cancel what works and close what it holds, halted or not; how many words of it were new.

    Of the book only what reduces passes the halts that stand now, and of every other book nothing; a newer halt stops it.
    """
    account = journal.head(book).account
    note_controls(journal, account, envelope)
    journal.control(account, Control(CLOSING, book, ACTIVE, "close what it holds", by, now))
    note_controls(journal, account, envelope)
    return journal.offer(book, [Offer(0, "operator", f"flatten:{now}", b"flatten")])


def request_release(
    journal: Journal, account: str, scope: str, name: str, reason: str, by: str, now: int, envelope: bytes = b""
) -> Release:
    """The first step of lifting: nothing is lifted yet.  Raises Setup SF915 where nothing is halted."""
    _refuse_scope(scope, name)
    _holding(journal, account, scope, name)
    request = Control(RELEASE, f"{scope}:{name}", ACTIVE, reason, by, now)
    note_controls(journal, account, envelope)
    request = journal.control(account, request)
    note_controls(journal, account, envelope)
    return Release(scope, name, _code(request), request.time, waiting(journal, account, scope, name, request))


def confirm_release(
    journal: Journal, account: str, scope: str, name: str, code: str, by: str, now: int, envelope: bytes = b""
) -> Control:
    """The second step: lift it, if every book it stops was reconciled clean after the request.

    Raises Setup SF915 where nothing is halted, SF916 without a request of this code (or with a halt newer than it),
    Stop SF917 while a book is not clean.
    """
    _refuse_scope(scope, name)
    held = _holding(journal, account, scope, name)
    request = _request(journal, account, scope, name)
    if request is None or request.sequence < held.sequence or code != _code(request):
        what = f"there is no such request to release {scope} {name}"
        why = "it was never made, another was made since, or it was halted again"
        raise Setup(
            "SF916", what, why=why, fix=f"ask anew: stratofold resume {name!r} --scope {scope} (a stack's: --cloud)"
        )
    missing = waiting(journal, account, scope, name, request)
    if missing:
        fix = "stratofold reconcile BOOK with its --exchange or --keys (a stack's: stratofold cloud invoke reconcile); mend what it finds, then confirm again"
        raise Stop("SF917", f"{scope} {name} stays halted", why="; ".join(missing.values()), fix=fix)
    lifted = Control(scope, name, ACTIVE, request.reason, by, now)
    control = journal.control(account, lifted)
    note_controls(journal, account, envelope)
    return control


def waiting(journal: Journal, account: str, scope: str, name: str, request: Control) -> dict[str, str]:
    """What keeps a scope from being released: a sentence for each book, by its name, that was not reconciled clean after the request.

    After is by the time, or by having seen the request: a replay's venue lives in a time of its own.
    """
    sentences = {}
    for head in stopped_books(journal, account, scope, name):
        if not journal.outbox(head.book, CLAIMED, ACCEPTED, REJECTED, UNKNOWN):
            continue  # it has never sent anything, so there is nothing to agree about
        clean = int(journal.mark(head.book, CLEAN_RECONCILE) or 0)
        seen = int(journal.mark(head.book, CLEAN_SEEN) or 0)
        unsure = len(journal.outbox(head.book, CLAIMED, UNKNOWN))
        if unsure:
            sentences[head.book] = f"{head.book} has {unsure} message(s) without an answer"
        elif clean <= request.time and seen < request.sequence:
            sentences[head.book] = f"{head.book} was not reconciled clean since the request"
    return sentences


def stopped_books(journal: Journal, account: str, scope: str, name: str) -> list[Head]:
    """The books that a scope may stop: the named one, or all of the account; of what was moved away there is a copy alone."""
    heads = [head for head in journal.books() if head.account == account and not is_away(journal, head)]
    if scope == "book" and name != EVERYTHING:
        return [head for head in heads if head.book == name]
    return heads


def strictest(controls: Iterable[Control], account: str, book: str, strategy: str, symbol: str = "") -> Control | None:
    """The control that counts for a book (and one symbol, if given); None where nothing is held back."""
    names = {"account": account, "book": book, "strategy": strategy, "symbol": symbol}
    worst = None
    for control in controls:
        if control.scope not in names or control.name not in (names[control.scope], EVERYTHING):
            continue
        if control.scope == "symbol" and not symbol:
            continue
        if _SEVERITY[control.state] > (_SEVERITY[worst.state] if worst is not None else 0):
            worst = control
    return worst


def note_controls(journal: Journal, account: str, envelope: bytes = b"") -> None:
    """Write every control that is not yet in a book's records there: what holds is evidence too.

    The control is written first, because it must hold even if we die here; whoever comes next notes it.  A book that was
    moved away is passed over, until it is back.
    """
    controls = sorted(journal.controls(account), key=lambda control: control.sequence)
    if not controls:
        return
    for head in (one for one in journal.books() if one.account == account and not is_away(journal, one)):
        noted = int(journal.mark(head.book, _NOTED) or 0)
        fresh = [one for one in controls if one.sequence > noted and _concerns(one, head.book)]
        if fresh:
            journal.note(head.book, [Entry("control", control_body(one), envelope) for one in fresh])
            journal.mark(head.book, _NOTED, str(fresh[-1].sequence))


def control_body(control: Control) -> bytes:
    """The body of a `control` record: scope, name, state, reason, by, time."""
    return pack([control.scope, control.name, control.state, control.reason, control.by, control.time])


async def cancel_everything(broker: Broker, account: str) -> tuple[list[str], list[str]]:
    """Break the glass: ask the venue to cancel every open order, with nothing but the broker's keys.

    It needs no store and no strategy, and can place no order.  Returns the venue ids it asked for and those that are open
    still when the venue is asked again; the second list is the truth, and empty only when the venue says so.
    """
    asked = []
    for order in await broker.orders():
        message = Message(
            f"glass-{order.venue_id}", "cancel", order.client_id, order.symbol, order.side, 0.0, float("nan"), 0.0,
            reduces=True, expires_at=0, body=b"", state=READY, answer=account,
        )  # fmt: skip
        await broker.cancel(message, order.venue_id)
        asked.append(order.venue_id)
    return asked, [order.venue_id for order in await broker.orders()]


def note_cancel(
    journal: Journal, account: str, asked: Sequence[str], left: Sequence[str], by: str, now: int, envelope: bytes
) -> None:
    """Write down in every book of an account that everything was to be cancelled: what was asked, and what is open still."""
    reason = f"asked to cancel {len(asked)}: {' '.join(asked)}; open still {len(left)}: {' '.join(left)}"
    said = Control("account", account, "cancel", reason, by, now)
    for head in journal.books():
        if head.account == account and not is_away(journal, head):
            journal.note(head.book, [Entry("control", control_body(said), envelope)])


def _concerns(control: Control, book: str) -> bool:
    """Whether a control is about a book: only one of the scope `book` may be about another."""
    scope, name = control.scope, control.name
    if scope == RELEASE:
        scope, _, name = name.partition(":")
    return scope not in ("book", CLOSING) or name in (book, EVERYTHING)


def _holding(journal: Journal, account: str, scope: str, name: str) -> Control:
    """The control that holds a scope back; raises Setup SF915 where none does."""
    found = _find(journal.controls(account), scope, name)
    if found is None or found.state == ACTIVE:
        held = [f"{one.scope} {one.name}" for one in journal.controls(account) if one.state != ACTIVE]
        raise Setup(
            "SF915",
            f"{scope} {name} is not halted",
            why=f"halted on {account}: {', '.join(held) or 'nothing'}",
            fix="stratofold status",
        )
    return found


def _request(journal: Journal, account: str, scope: str, name: str) -> Control | None:
    """The last request to release a scope."""
    return _find(journal.controls(account), RELEASE, f"{scope}:{name}")


def _find(controls: Sequence[Control], scope: str, name: str) -> Control | None:
    """The control of exactly this scope and name."""
    return next((one for one in controls if (one.scope, one.name) == (scope, name)), None)


def _code(request: Control) -> str:
    """What a confirmation repeats: it belongs to this request and to no other."""
    text = f"{request.name}|{request.time}|{request.by}|{request.reason}"
    return sha256(text.encode()).hexdigest()[:8]


def _refuse_scope(scope: str, name: str) -> None:
    """Raise Setup SF914 for a scope or a name that would stop nothing."""
    if scope not in SCOPES or not name:
        what = f"{scope} {name!r} is nothing that can be halted"
        raise Setup(
            "SF914", what, why="a halt of nothing would look like one", fix=f"use {', '.join(SCOPES)} and a name"
        )
