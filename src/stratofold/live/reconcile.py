"""`reconcile`: what the venue says is so, against what the book holds.

What comes in: a desk, a broker, the time.  What goes out: offers for the inbox (fills that no stream brought, ends of
orders, what became of the unknown), evidence records, and a list of breaks that offers do not explain.
Why it is shaped so: streams and webhooks are hints, polling from a high-water mark is the guarantee; it writes records and
offers and never an order, and "not found" is evidence only when the venue has had its time and two lists agree.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING

from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN, Offer, VenueReport
from stratofold.fold.lifecycle import WAITING
from stratofold.live.ahead import Ahead
from stratofold.live.deliver import venue_id_of
from stratofold.live.halt import CLEAN_RECONCILE, CLEAN_SEEN
from stratofold.live.hold import lift_when_clean
from stratofold.live.siblings import is_siblings, said_by_siblings, say_holdings
from stratofold.live.units import Units, fresh_since
from stratofold.live.words import FOREIGN, client_id, number_of, offer_of
from stratofold.wire import decimal

if TYPE_CHECKING:
    from collections.abc import Container

    from stratofold.adapters.ports import AccountState, Journal, Message, Tasks, VenueOrder
    from stratofold.fold.order import Order
    from stratofold.live.ahead import Questions
    from stratofold.live.desk import Desk
    from stratofold.live.look import Look
    from stratofold.live.siblings import Said

MARK = "executions"  # the high-water mark of fills, ns UTC
_OVERLAP_NS = 60_000_000_000  # asked again below the mark: a venue may list a fill late
_SECOND_NS = 1_000_000_000
_QUICK_LOOKUPS = 10
_DECIMALS = 9  # of a difference between quantities: venues count fractions of a share so
_ORDERS_A_PAGE = 500  # as brokers list them; it decides only which way is the shorter
_DONE = ("filled", "cancelled", "expired", "rejected")
_ENDS = {"cancelled": "cancelled", "expired": "expired", "rejected": "rejected"}


@dataclass
class Findings:
    """What one reconciliation found; `breaks` is empty when book and venue agree, or were not `compared` yet.

    `fractions` says what splits have left at the venue of lots that the books were paid for.
    """

    offered: int = 0
    compared: bool = False
    resolved: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    fractions: list[str] = field(default_factory=list)
    breaks: list[str] = field(default_factory=list)
    account: AccountState | None = None

    @property
    def clean(self) -> bool:
        """Whether book and venue were compared and agree, and nothing is unknown."""
        return self.compared and not (self.breaks or self.unknown or self.offered)


async def reconcile(desk: Desk, broker: Questions, now: int, *, tasks: Tasks | None = None) -> Findings:
    """Ask the venue for fills, orders and positions; raises NoAnswer, Retry or Stop when it cannot be asked.

    With `tasks` it is one that a start waits for, when nothing is folded meanwhile: what does not depend on another answer is
    asked side by side, and of the orders that seem never to have come only a few are asked for.
    """
    found = Findings()
    if tasks is not None:
        broker = Ahead(broker, tasks)
        await broker.ask_all(_from(desk))
    seen = max((control.sequence for control in desk.journal.controls(desk.manifest.account)), default=0)
    orders = await _orders(desk, broker)
    if isinstance(broker, Ahead):
        orders.lookups_left = _QUICK_LOOKUPS
        await broker.ask_orders(_by_name(desk, broker, orders, now))
    reports = await _fills(desk, broker, found, now)
    filled = {report.client_id for report in reports}
    await _unknown(desk, broker, orders, filled, found, now)
    await _ends(desk, broker, orders, found, now)
    found.foreign = [name for name in orders.open if _is_foreign(desk, name)]
    found.account = await broker.account()
    if not found.offered and not desk.journal.inbox(desk.manifest.book, 1):
        say_holdings(desk, now)
        _positions(desk, found, reports, now)
    _write(desk, found, now)
    if found.clean:
        desk.journal.mark(desk.manifest.book, CLEAN_RECONCILE, str(now))
        desk.journal.mark(desk.manifest.book, CLEAN_SEEN, str(seen))
        lift_when_clean(desk, now)
    return found


async def compare_only(look: Look, broker: Questions) -> Findings:
    """What the venue holds against what is written down, of a book that nobody may go on with: nothing is offered or written."""
    account = await broker.account()
    found, desk = Findings(compared=True, account=account), look.brought_up()
    if look.otherwise is not None:
        found.breaks.append(f"{look.otherwise.what}; {look.otherwise.fix}")
    beside = said_by_siblings(desk) or {}
    for handle, name in enumerate(desk.fold.names):
        one = _Holders(desk, handle, account.positions.get(name, (0.0, 0.0))[0], beside.get(name, []))
        if one.gap and one.is_fraction():
            found.fractions.append(one.fraction)
        elif one.gap:
            found.breaks.append(one.difference)
    return found


async def poll(desk: Desk, broker: Questions, now: int) -> int:
    """Only fills and ends of orders, as a stream would bring them; returns how many were new."""
    found = Findings()
    orders = await _orders(desk, broker)
    await _fills(desk, broker, found, now)
    await _ends(desk, broker, orders, found, now)
    return found.offered


@dataclass
class _Orders:
    """What the venue says of orders, by our ids: those that are open, those of a list, and any other when it is asked for.

    `listed` is None where no list was asked for; `absent` are orders that were sent and are not to be seen, each with whether
    that is certain, and so many (`lookups_left`) may still be asked for by name.
    """

    broker: Questions
    open: dict[str, VenueOrder]
    listed: dict[str, VenueOrder] | None = None
    absent: dict[str, bool] = field(default_factory=dict)
    lookups_left: float = inf

    def told(self, name: str) -> VenueOrder | None:
        """One order, if a list shows it."""
        return self.open.get(name) or (self.listed or {}).get(name)

    async def of(self, name: str, *, sent: bool) -> VenueOrder | None:
        """One order, which was `sent` by itself or is a leg; None when the venue does not know it (yet)."""
        return self.told(name) or await self.broker.order(name, sent=sent)

    async def sent(self, name: str, *, settled: bool) -> tuple[VenueOrder | None, bool]:
        """One order that was sent by itself, if it came to be there; and whether that it did not is certain.

        Where the list does not show it and it may still come, the next list is soon enough; and of many that never came a
        start asks for the oldest, and leaves the others for what comes after it: it does not wait for what is not there.
        """
        shown = self.told(name)
        if shown is None and (self.listed is None or settled) and self.lookups_left > 0:
            self.lookups_left -= 1
            shown = await self.broker.order(name, sent=True)
        else:
            settled = False
        if shown is None:
            self.absent[name] = settled
        return shown, settled


async def _orders(desk: Desk, broker: Questions) -> _Orders:
    """The open orders, and with one question those that are in doubt, where they are more than its answer has pages.

    What a list does not show is asked for by its name: lists may be late, and are no evidence that an order is not there.
    """
    orders = _Orders(broker, {order.client_id: order for order in await broker.orders(only_open=True)})
    doubtful = _doubtful(desk, orders.open)
    if doubtful:
        book = desk.fold.engine.book
        first = min(doubtful, key=attrgetter("number"))
        if (book.next_number - first.number) // _ORDERS_A_PAGE + 1 < len(doubtful):
            since = min(order.decided for order in doubtful)
            orders.listed = _as_they_stand(await broker.orders(since - _OVERLAP_NS, only_open=False))
    return orders


def _as_they_stand(listed: list[VenueOrder]) -> dict[str, VenueOrder]:
    """Of each order that is listed its last version, by our id; an order amid a replace has two, and is asked for by itself."""
    last = [order for order in listed if not order.replaced_by]
    versions = Counter(order.client_id for order in last)
    return {order.client_id: order for order in last if versions[order.client_id] == 1}


def _doubtful(desk: Desk, at_venue: Container[str]) -> list[Order]:
    """Orders of the book that are not open at the venue, though it has accepted them, or nobody knows whether it has."""
    manifest = desk.manifest
    unknown = {message.client_id for message in desk.journal.outbox(manifest.book, UNKNOWN)}
    doubtful = []
    for order in desk.fold.engine.book.orders:
        name = client_id(manifest.book, manifest.generation, order.number)
        if name not in at_venue and (name in unknown or _is_looked_for(desk, order, name)):
            doubtful.append(order)
    return doubtful


async def _fills(desk: Desk, broker: Questions, found: Findings, now: int) -> list[VenueReport]:
    """Every fill of the account from the high-water mark on, which is returned; the inbox takes each of ours once."""
    book = desk.manifest.book
    since = _since(desk)
    reports = await broker.executions(_from(desk))
    ours = [one for one in reports if one.time >= desk.manifest.opened and not is_siblings(desk, one.client_id)]
    found.offered += _offer(desk.journal, book, ours)
    latest = max([report.time for report in reports], default=since)
    if latest > since:
        desk.journal.mark(book, MARK, str(min(latest, now)))
    return reports


def _since(desk: Desk) -> int:
    """The high-water mark of fills."""
    return int(desk.journal.mark(desk.manifest.book, MARK) or desk.manifest.opened)


def _from(desk: Desk) -> int:
    """From where on fills are asked for: those since a split, too, that must still be looked at beside the venue."""
    return int(min(_since(desk) - _OVERLAP_NS, fresh_since(desk)))


def _by_name(desk: Desk, broker: Questions, orders: _Orders, now: int) -> list[tuple[str, bool]]:
    """The first of the orders that `_unknown` and `_ends` will ask for by name, each with whether it was sent by itself."""
    manifest, unknown = desk.manifest, desk.journal.outbox(desk.manifest.book, UNKNOWN)
    submits = [one for one in unknown if one.action == "submit"]
    names = {
        one.client_id: True for one in submits
        if orders.told(one.client_id) is None and (orders.listed is None or _is_settled(broker, one, now))
    }  # fmt: skip
    in_doubt = {one.client_id for one in submits}  # a cancel or a replace of these goes by what is found of them
    for one in unknown:
        if one.client_id not in in_doubt and orders.told(one.client_id) is None:
            names.setdefault(one.client_id, _was_sent(desk, one.client_id))
    for order in desk.fold.engine.book.orders:
        name = client_id(manifest.book, manifest.generation, order.number)
        if orders.told(name) is None and _is_looked_for(desk, order, name):
            names.setdefault(name, _was_sent(desk, name))
    return list(names.items())[:_QUICK_LOOKUPS]


def _was_sent(desk: Desk, name: str) -> bool:
    """Whether an order was sent by itself: else it is a leg, which the venue may know by another name."""
    return desk.journal.message(desk.manifest.book, name) is not None


def _is_settled(broker: Questions, message: Message, now: int) -> bool:
    """Whether a message that the venue does not show can not come any more."""
    return now - message.expires_at > int(broker.capabilities.lookup_settle_seconds * _SECOND_NS)


async def _unknown(desk: Desk, broker: Questions, orders: _Orders, filled: set[str], found: Findings, now: int) -> None:
    """What became of the messages whose answer nobody knows."""
    for message in desk.journal.outbox(desk.manifest.book, UNKNOWN):
        settled = _is_settled(broker, message, now)
        if message.action == "submit":
            order, settled = await orders.sent(message.client_id, settled=settled)
        elif message.client_id in orders.absent:
            order, settled = None, settled and orders.absent[message.client_id]
        else:
            order = await orders.of(message.client_id, sent=_was_sent(desk, message.client_id))
        if _took_effect(desk, message, order):
            _resolve(desk, message, ACCEPTED, order, found, now)
        elif message.action == "submit" and _was_filled(desk, message, filled):
            found.unknown.append(message.key)  # one list says that it arrived: "not found" is no evidence against that
        elif settled or (message.action != "submit" and order is not None and order.state in _DONE):
            _resolve(desk, message, REJECTED, order, found, now)
        else:
            found.unknown.append(message.key)


def _was_filled(desk: Desk, message: Message, filled: set[str]) -> bool:
    """Whether a fill of the order is known: from this poll, or from an earlier one that the book has heard."""
    if message.client_id in filled:
        return True
    orders = desk.fold.engine.book.orders
    place = orders.index(number_of(desk.manifest.book, desk.manifest.generation, message.client_id))
    return place >= 0 and orders[place].filled > 0.0


def _took_effect(desk: Desk, message: Message, order: VenueOrder | None) -> bool:
    """Whether what the venue shows can only be because the message arrived."""
    if order is None:
        return False
    if message.action == "submit":
        return True
    if message.action == "cancel":
        return order.state == "cancelled" and not order.replaced_by
    if order.made_by:
        return order.made_by == message.key  # of several whose answer nobody knows, the one that did it
    known = venue_id_of(desk.journal, desk.manifest.book, message.client_id)
    return order.venue_id != known and not order.replaced_by


def _resolve(desk: Desk, message: Message, state: str, order: VenueOrder | None, found: Findings, now: int) -> None:
    """Write down what the venue showed, and tell the book."""
    book = desk.manifest.book
    evidence = {"key": message.key, "state": state, "order": _shown(order), "asked": now}
    entry = desk.entry("evidence", evidence, "reconcile", now)
    fact = _outcome(message, state, order, now)
    renamed = message.action == "replace" and state == ACCEPTED and order is not None
    # In the same commit as the answer: the new name alone would later hide that the replace took effect.
    marks = {f"venue:{message.client_id}": order.venue_id} if renamed and order is not None else {}
    offers: list[Offer] = [] if fact is None else [offer_of(fact)]
    desk.journal.settle(book, message.key, state, order.venue_id if order else "never arrived", [entry], offers, marks)
    found.offered += len(offers)
    found.resolved.append(message.key)


def _outcome(message: Message, state: str, order: VenueOrder | None, now: int) -> VenueReport | None:
    """What the book must hear of a message that was in doubt; None where its order's own end will say it."""
    venue_id = order.venue_id if order is not None else ""
    names = (message.client_id, venue_id, message.symbol, message.side, now)
    if message.action == "submit":
        if order is not None:
            return VenueReport(f"resolved:{message.key}", "accepted", *names)
        return VenueReport(f"rejected:{message.client_id}", "rejected", *names, reason="the venue never had it")
    if state == REJECTED:
        reason = "it did not arrive in time"
        return VenueReport(f"cancel_rejected:{message.key}", "cancel_rejected", *names, reason=reason)
    if message.action == "replace" and order is not None:
        return VenueReport(
            f"replaced:{venue_id}", "replaced", *names, quantity=order.quantity, leaves=order.quantity - order.filled,
            limit=order.limit, stop=order.stop,
        )  # fmt: skip
    return None


async def _ends(desk: Desk, broker: Questions, orders: _Orders, found: Findings, now: int) -> None:
    """Orders that the book thinks are at the venue, and the venue does not list as open."""
    manifest = desk.manifest
    for order in desk.fold.engine.book.orders:
        name = client_id(manifest.book, manifest.generation, order.number)
        if name in orders.open or not _is_looked_for(desk, order, name):
            continue
        shown = await orders.of(name, sent=_was_sent(desk, name))
        if shown is None:
            if now - order.decided > int(broker.capabilities.lookup_settle_seconds * _SECOND_NS):
                found.breaks.append(f"{name} works in the book, and the venue does not know it")
            continue
        kind = _ENDS.get(shown.state)
        if kind is not None and not shown.replaced_by:  # what goes on under another id has not ended
            identity = f"{kind}:{name if kind == 'rejected' else shown.venue_id}"
            names = (name, shown.venue_id, shown.symbol, shown.side, now)
            end = VenueReport(identity, kind, *names, cumulative=shown.filled)
            found.offered += _offer(desk.journal, manifest.book, [end])


def _is_looked_for(desk: Desk, order: Order, name: str) -> bool:
    """Whether the venue has said that it has an order, by itself or with the entry that it protects."""
    if order.state == WAITING:
        return False
    manifest = desk.manifest
    message = desk.journal.message(manifest.book, name)
    if message is None and order.parent:
        message = desk.journal.message(manifest.book, client_id(manifest.book, manifest.generation, order.parent))
    return message is not None and message.state == ACCEPTED


def _positions(desk: Desk, found: Findings, reports: list[VenueReport], now: int) -> None:
    """Positions to the last unit: what the venue holds, and what the book holds of the symbols that are its own."""
    assert found.account is not None  # noqa: S101  set by the only caller
    siblings = said_by_siblings(desk, reports)
    if siblings is None:
        return
    found.compared = True
    for handle, name in enumerate(desk.fold.names):
        theirs = found.account.positions.get(name, (0.0, 0.0))[0]
        _position(desk, found, handle, theirs, siblings.get(name, []), reports, now)


class _Holders:
    """Who holds a symbol: the book, the others of its account, nobody, and so the venue; `gap` is what is left of that."""

    def __init__(self, desk: Desk, handle: int, theirs: float, siblings: list[Said]) -> None:
        """In units of now; `theirs` is what the venue shows, `siblings` what the others said."""
        self.name, self.units, self.theirs = desk.fold.names[handle], Units(desk, handle), theirs
        self.held = desk.fold.engine.book.ledger.holdings[handle].quantity
        self.held_beside = [self.units.said(one.quantity, one.at) for one in siblings]
        self.others = self.units.elsewhere + sum(self.held_beside)
        self.gap = round(theirs - self.held - self.others, _DECIMALS)

    def is_fraction(self, traded: float = 0.0) -> bool:
        """Whether the gap can be what a split has left of lots; the book has `traded` so much since."""
        return self.units.is_fraction(self.gap, [self.held - traded, *self.held_beside])

    @property
    def fraction(self) -> str:
        """What is said of such a gap."""
        return f"{self.name}: {decimal(self.gap)} at the venue is no book's since its split"

    @property
    def difference(self) -> str:
        """What is said of any other."""
        beside = f", others of its account {decimal(self.others)}" if self.others else ""
        return f"{self.name}: the book holds {decimal(self.held)}{beside}, the venue {decimal(self.theirs)}"


def _position(
    desk: Desk, found: Findings, handle: int, theirs: float, siblings: list[Said], reports: list[VenueReport], now: int
) -> None:
    """One symbol: what the books hold, and what is no book's, is what the venue holds, but for what a split left of lots."""
    one = _Holders(desk, handle, theirs, siblings)
    gap = one.gap
    if gap == 0.0 or (one.is_fraction(one.units.traded(reports)) and _stays(desk, handle, gap, now)):
        if gap:
            found.fractions.append(one.fraction)
        one.units.agree(gap)
        return
    found.breaks.append(one.difference)


def _stays(desk: Desk, handle: int, gap: float, now: int) -> bool:
    """Whether a difference is no fill that the venue has not listed yet: nothing works, or it is the same for a while.

    What is taken for a fraction is nobody's for good, so it must not be what an order has just filled.
    """
    book, name = desk.fold.engine.book, desk.fold.names[handle]
    seen, since = desk.gaps.get(name, (0.0, now))
    desk.gaps[name] = gap, since if seen == gap else now
    works = book.working_buy[handle] != 0.0 or book.working_sell[handle] != 0.0
    return not works or (seen == gap and now - since >= _OVERLAP_NS)


def _is_foreign(desk: Desk, name: str) -> bool:
    """Whether an open order at the venue is none of this book's, or has a name that the book never gave."""
    number = number_of(desk.manifest.book, desk.manifest.generation, name)
    return number == FOREIGN or number >= desk.fold.engine.book.next_number


def _offer(journal: Journal, book: str, reports: list[VenueReport]) -> int:
    """Put facts into the inbox; how many were new."""
    return journal.offer(book, [offer_of(report) for report in reports]) if reports else 0


def _shown(order: VenueOrder | None) -> dict[str, str] | None:
    """An order as evidence."""
    if order is None:
        return None
    return {
        "venue_id": order.venue_id,
        "state": order.state,
        "filled": decimal(order.filled),
        "quantity": decimal(order.quantity),
    }


def _write(desk: Desk, found: Findings, now: int) -> None:
    """A record of what was found, when there is something to say."""
    if found.breaks or found.fractions or found.offered or found.resolved:
        body = {
            "offered": found.offered, "resolved": found.resolved, "unknown": found.unknown, "breaks": found.breaks,
            "foreign": found.foreign, "fractions": found.fractions,
        }  # fmt: skip
        desk.journal.note(desk.manifest.book, [desk.entry("evidence", body, "reconcile", now)])
