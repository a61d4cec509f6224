"""One account: its tickets, and what the venue says of them.

What comes in: checked requests, and what its engine heard.  What goes out: tickets, updates for the stream, activities.
Why it is shaped so: the engine knows numbers and the API knows ids; this is the one place where both are known.
"""

from __future__ import annotations

from hashlib import sha1
from math import isfinite, nan
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

from stratofold.events import SPLIT
from stratofold.exchange import dialect
from stratofold.exchange.activities import Activities
from stratofold.exchange.desk import Desk, Filled
from stratofold.exchange.dialect import ACCEPTED, HELD, NEW, OCO, SIMPLE, Json, Ticket, amount, unprocessable
from stratofold.exchange.intake import TIFS
from stratofold.exchange.moments import stamp
from stratofold.exchange.ticks import TickMarket
from stratofold.fold.grid import to_grid, to_lot
from stratofold.fold.lifecycle import WAITING
from stratofold.fold.order import DAY, FOREVER, GTC, STOP_LIMIT, OrderError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.exchange.desk import Ended, Happening, Terms
    from stratofold.exchange.intake import Changed, Wanted
    from stratofold.exchange.market import Deed, Market
    from stratofold.fold.book import Book
    from stratofold.fold.order import Order


class Account:
    """Orders, positions and money behind one pair of keys; `updates` waits to be sent to its streams."""

    def __init__(self, market: Market, terms: Terms, key_id: str, secret_key: str, assets: list[Json]) -> None:
        """An account with nothing but its cash; ids follow from the key alone."""
        self.market = market
        self.terms = terms
        self.key_id = key_id
        self.secret_key = secret_key
        self.assets = assets
        self.id = uuid5(NAMESPACE_URL, f"stratofold exchange account {key_id}")
        self.created = market.now
        self._space = self.id.bytes
        self.desk = Desk(market, terms)
        self.tickets: dict[str, Ticket] = {}
        self.by_client: dict[str, Ticket] = {}
        self.by_number: dict[int, Ticket] = {}
        self.working: dict[str, Ticket] = {}
        self._unannounced: dict[str, Ticket] = {}  # taken, or held: not told to be at work yet
        self._drifting: dict[str, Ticket] = {}  # their terms move by themselves: trailing stops, groups
        self.updates: list[Json] = []
        self.activities = Activities(self.id)
        self.configuration: Json = {
            "dtbp_check": "both", "fractional_trading": True, "max_margin_multiplier": "4", "no_shorting": False,
            "pdt_check": "entry", "suspend_trade": False, "trade_confirm_email": "none", "ptp_no_exception_entry": False,
        }  # fmt: skip
        self._minted = 0

    @property
    def book(self) -> Book:
        """Cash, positions, what works."""
        return self.desk.book

    # What the market does to it.

    def catch_up(self, deed: Deed | None, share: float) -> None:
        """Hear what the market has released; `deed` is what it was, if it was an action.

        `share` of what works can fill in this bar, at least a lot (infinite: whatever the terms allow).
        """
        before = self.activities.before(self.book) if deed is not None else None
        with self.desk.filling_at_most(share):
            happened = self.desk.catch_up()
        if deed is None or before is None:
            self._take(happened)
            return
        if deed.kind == SPLIT:
            self._split(deed)
        self._take(happened, restated=deed.kind == SPLIT)
        self.activities.note(deed, before, self.book, self.market)

    def _split(self, deed: Deed) -> None:
        """What working orders have filled is counted in the new units too."""
        contract = self.book.ledger.contracts[deed.symbol]
        for ticket in self.working.values():
            if ticket.handle == deed.symbol:
                ticket.filled = to_lot(ticket.filled * deed.value, contract.lot, contract.quantity_scale)
                ticket.carried = to_lot(ticket.carried * deed.value, contract.lot, contract.quantity_scale)

    def arrive(self) -> None:
        """Come to the market's time: day orders may be over."""
        self._take(self.desk.arrive(self.market.now))

    # What it is asked.

    def submit(self, wanted: Wanted) -> Ticket:
        """Take a checked order; raises Refused where the engine knows no such order."""
        self.arrive()
        book = self.book
        quantity = self._quantity(wanted)
        try:
            numbers = self._say(wanted, quantity)
        except OrderError as error:
            book.intent_count = 0
            raise unprocessable(error.what) from error
        ticket = self._issue(wanted, numbers, quantity)
        happened = self.desk.send()
        self._dress_stop_limit(wanted, numbers)
        self._take(happened)
        return ticket

    def _quantity(self, wanted: Wanted) -> float:
        """What is asked for in units: a notional at the last price, rounded down to the lot."""
        if isfinite(wanted.quantity):
            return wanted.quantity
        contract = self.book.ledger.contracts[wanted.handle]
        price = self.market.last_price(wanted.handle)
        quantity = to_lot(wanted.notional / price, contract.lot, contract.quantity_scale) if isfinite(price) else 0.0
        if quantity <= 0.0:
            raise unprocessable("notional is too small, or the asset has no price yet")
        return quantity

    def _say(self, wanted: Wanted, quantity: float) -> tuple[int, ...]:
        """Put the order into words on the book; the numbers of it and of its legs."""
        book = self.book
        speak = book.buy if wanted.side > 0 else book.sell
        tif = TIFS[wanted.tif]
        if wanted.order_class == OCO:
            first = speak(wanted.handle, quantity, limit=wanted.take_profit, tif=tif)
            second = speak(wanted.handle, quantity, limit=wanted.stop_loss_limit, stop=wanted.stop_loss, tif=tif)
            book.one_cancels_other(first, second)
            return first, second
        number = speak(
            wanted.handle, quantity, limit=wanted.limit, stop=wanted.stop, trail=wanted.trail_price,
            trail_fraction=wanted.trail_percent / 100.0, take_profit=wanted.take_profit, stop_loss=wanted.stop_loss,
            tif=tif,
        )  # fmt: skip
        return tuple(range(number, book.next_number))

    def _dress_stop_limit(self, wanted: Wanted, numbers: tuple[int, ...]) -> None:
        """A stop leg with a limit becomes one while it waits; the fold's own legs have none."""
        if wanted.order_class in {SIMPLE, OCO} or not isfinite(wanted.stop_loss_limit):
            return
        leg = self.desk.order(numbers[-1])
        if leg is not None:
            leg.kind = STOP_LIMIT
            leg.limit = wanted.stop_loss_limit

    def reject(self, ticket: Ticket) -> None:
        """The venue changes its mind about an order that it took."""
        self.arrive()
        for one in self.group(ticket):
            self.book.cancel(one.number)
            one.status, one.updated = dialect.REJECTED, self.market.now
            self._forget(one)
            self._say_update("rejected", one)
        self._take(self.desk.send())

    def cancel(self, ticket: Ticket) -> None:
        """Cancel an order, and with it what else is open of its group; raises Refused when it is done."""
        self.arrive()
        self._must_be_open(ticket)
        for one in self.group(ticket):
            if one.is_open:
                self.book.cancel(one.number)
        self._take(self.desk.send())

    def replace(self, ticket: Ticket, changed: Changed) -> Ticket:
        """Other terms: the order goes on under a new id; raises Refused when it is done or cannot have them."""
        self.arrive()
        self._must_be_open(ticket)
        book, order = self.book, self.desk.order(ticket.number)
        if order is None or ticket.status == HELD:
            raise unprocessable("order is not replaceable: it is held")
        if changed.client_id and changed.client_id in self.by_client:
            raise dialect.malformed("client_order_id must be unique")
        scale = book.ledger.contracts[ticket.handle].quantity_scale
        total = to_grid(order.filled + changed.quantity, scale) if isfinite(changed.quantity) else nan
        try:
            book.replace(ticket.number, total, changed.limit, changed.stop)
        except OrderError as error:
            raise unprocessable(error.what) from error
        happened = self.desk.send()
        following = self._succeed(ticket, changed)
        self._change_terms(order, following, changed)
        self._take(happened)
        return following

    def _succeed(self, ticket: Ticket, changed: Changed) -> Ticket:
        """The ticket that replaces another; it counts its own fills from here."""
        now = self.market.now
        following = Ticket(
            self._mint("order"), "", ticket.number, ticket.handle, ticket.symbol, ticket.side, ticket.kind,
            changed.tif or ticket.tif, ticket.order_class, ticket.quantity, now, trail_price=ticket.trail_price,
            trail_percent=ticket.trail_percent, extended=ticket.extended, intent=ticket.intent, replaces=ticket.id,
            carried=ticket.carried + ticket.filled, parent=ticket.parent, legs=ticket.legs,
        )  # fmt: skip
        following.client_id = changed.client_id or self._mint("client order")
        ticket.status, ticket.replaced_at, ticket.updated, ticket.replaced_by = dialect.REPLACED, now, now, following.id
        self._forget(ticket)
        self._keep(following)
        self._adopt(ticket, following)
        self._sync_one(following)
        self._say_update("replaced", ticket)
        self._announce(following)
        return following

    def _adopt(self, ticket: Ticket, following: Ticket) -> None:
        """The group knows the new id."""
        for leg in ticket.legs:
            self.tickets[leg].parent = following.id
        if ticket.parent is not None:
            legs = self.tickets[ticket.parent].legs
            legs[legs.index(ticket.id)] = following.id

    def _change_terms(self, order: Order, ticket: Ticket, changed: Changed) -> None:
        """What the fold's replace does not know: the distance of a trailing stop, and the time in force."""
        if isfinite(changed.trail) and ticket.kind == "trailing_stop":
            by_price = isfinite(ticket.trail_price)
            ticket.trail_price, ticket.trail_percent = (changed.trail, nan) if by_price else (nan, changed.trail)
            order.trail, order.trail_fraction = (changed.trail, nan) if by_price else (nan, changed.trail / 100.0)
        if changed.tif:
            engine = self.desk.engine
            resting = engine.venue.orders[engine.venue.orders.index(order.number)]
            order.tif = resting.tif = DAY if changed.tif == "day" else GTC
            resting.expires = engine.sessions.close_after(self.book.time) if changed.tif == "day" else FOREVER
            engine.venue.expiry = min(engine.venue.expiry, resting.expires)

    def group(self, ticket: Ticket) -> list[Ticket]:
        """An order and what hangs together with it: an entry and its legs, or a pair."""
        head = self.tickets[ticket.parent] if ticket.parent is not None else ticket
        return [head, *(self.tickets[leg] for leg in head.legs)]

    def _must_be_open(self, ticket: Ticket) -> None:
        """Raise Refused for an order that is done."""
        if not ticket.is_open:
            raise unprocessable(f'order is already in "{ticket.status}" state')

    # Tickets.

    def _issue(self, wanted: Wanted, numbers: tuple[int, ...], quantity: float) -> Ticket:
        """Tickets for an order and its legs."""
        head = Ticket(
            self._mint("order"), wanted.client_id, numbers[0], wanted.handle, wanted.symbol, wanted.side, wanted.kind,
            wanted.tif, wanted.order_class, quantity, self.market.now, limit=wanted.limit, stop=wanted.stop,
            trail_price=wanted.trail_price, trail_percent=wanted.trail_percent, notional=wanted.notional,
            extended=wanted.extended, intent=wanted.intent,
        )  # fmt: skip
        head.client_id = wanted.client_id or self._mint("client order")
        if wanted.order_class == OCO:
            head.limit = wanted.take_profit
        self._keep(head)
        for number in numbers[1:]:
            leg = self._leg(wanted, number, quantity, is_stop=self._is_stop(wanted, number, numbers))
            leg.parent = head.id
            head.legs.append(leg.id)
            self._keep(leg)
        return head

    def _is_stop(self, wanted: Wanted, number: int, numbers: tuple[int, ...]) -> bool:
        """Whether a leg is the stop: the last one, where there is a stop at all."""
        return isfinite(wanted.stop_loss) and number == numbers[-1]

    def _leg(self, wanted: Wanted, number: int, quantity: float, *, is_stop: bool) -> Ticket:
        """The ticket of a protective leg, or of the other of a pair."""
        kind = "limit"
        if is_stop:
            kind = "stop_limit" if isfinite(wanted.stop_loss_limit) else "stop"
        return Ticket(
            self._mint("order"), self._mint("client order"), number, wanted.handle, wanted.symbol,
            wanted.side if wanted.order_class == OCO else -wanted.side, kind, wanted.tif, wanted.order_class, quantity,
            self.market.now, limit=wanted.stop_loss_limit if is_stop else wanted.take_profit,
            stop=wanted.stop_loss if is_stop else nan, status=ACCEPTED if wanted.order_class == OCO else HELD,
        )  # fmt: skip

    def _keep(self, ticket: Ticket) -> None:
        """Know the ticket by all its names."""
        self.tickets[ticket.id] = ticket
        self.by_client[ticket.client_id] = ticket
        self.by_number[ticket.number] = ticket
        self.working[ticket.id] = self._unannounced[ticket.id] = ticket
        if ticket.order_class != SIMPLE or ticket.kind == "trailing_stop":
            self._drifting[ticket.id] = ticket

    def _forget(self, ticket: Ticket) -> None:
        """The ticket is done: nothing about it will change."""
        for table in (self.working, self._unannounced, self._drifting):
            table.pop(ticket.id, None)

    def _mint(self, what: str) -> str:
        """The next id, the same in every run that is asked the same: a UUID of version 5 (RFC 9562)."""
        self._minted += 1
        digest = sha1(self._space + f"{what} {self._minted}".encode(), usedforsecurity=False).hexdigest()
        variant = "89ab"[int(digest[16], 16) & 3]
        return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"

    # What happened.

    def _take(self, happened: Iterable[Happening], *, restated: bool = False) -> None:
        """Write what the engine heard onto the tickets, in order, and tell the streams."""
        for ticket in list(self._unannounced.values()):
            if ticket.status == ACCEPTED:  # a held leg comes to work by a fill, and is told after it
                self._announce(ticket)
        for one in happened:
            if isinstance(one, Filled):
                self._filled(self.by_number.get(one.number) or self._brokers_own(one), one)
            else:
                self._ended(one)
        self._announce_all()
        self._sync(restated=restated)

    def _filled(self, ticket: Ticket, fill: Filled) -> None:
        """A fill."""
        self._announce(ticket)
        # An order meets the market of ticks when it arrives, which is before the tick that was released.
        now = fill.time if isinstance(self.market, TickMarket) else self.market.now
        contract = self.book.ledger.contracts[ticket.handle]
        ticket.filled = to_grid(ticket.filled + fill.quantity, contract.quantity_scale)
        ticket.filled_value += fill.quantity * fill.price
        ticket.commission = to_grid(ticket.commission + fill.fee, contract.money_scale)
        ticket.updated = ticket.filled_at = now
        ticket.status = dialect.FILLED if fill.last else dialect.PARTIALLY_FILLED
        if fill.last:
            ticket.quantity = ticket.filled
            self._forget(ticket)
        else:
            self._sync_one(ticket)
        execution = self._mint("execution")
        more: Json = {"price": amount(fill.price), "qty": amount(fill.quantity), "position_qty": amount(fill.position)}
        if fill.fee:
            more["commission"] = amount(fill.fee)
        self._say_update("fill" if fill.last else "partial_fill", ticket, now, execution_id=execution, **more)
        self.activities.fill(ticket, fill, execution, now)

    def _ended(self, end: Ended) -> None:
        """A cancel or an expiry."""
        ticket = self.by_number.get(end.number)
        if ticket is None or not ticket.is_open:
            return
        self._announce(ticket)
        now = self.market.now
        ticket.updated = now
        if end.expired:
            ticket.status, ticket.expired_at = dialect.EXPIRED, now
        else:
            ticket.status, ticket.cancelled_at = dialect.CANCELLED, now
        self._forget(ticket)
        self._say_update(ticket.status, ticket)

    def _brokers_own(self, fill: Filled) -> Ticket:
        """A ticket for what the broker did by itself: a margin call, a delisting."""
        ticket = Ticket(
            self._mint("order"), self._mint("client order"), 0, fill.symbol, self.market.symbols[fill.symbol], fill.side,
            "market", "day", SIMPLE, fill.quantity, self.market.now,
        )  # fmt: skip
        self.tickets[ticket.id] = self.by_client[ticket.client_id] = ticket
        return ticket

    def _announce(self, ticket: Ticket) -> None:
        """An order that has come to work is `new`."""
        if ticket.status == ACCEPTED or (ticket.status == HELD and self._works(ticket)):
            ticket.status = NEW
            self._unannounced.pop(ticket.id, None)
            ticket.updated = self.market.now
            self._say_update("new", ticket)

    def _works(self, ticket: Ticket) -> bool:
        """Whether a leg has left its waiting: it is at the venue, or done already."""
        order = self.desk.order(ticket.number)
        return order is None or order.state != WAITING

    def _announce_all(self) -> None:
        """Every order that has come to work; a leg that never did is not among them."""
        for ticket in list(self._unannounced.values()):
            if self.desk.order(ticket.number) is not None:
                self._announce(ticket)

    def _sync(self, *, restated: bool) -> None:
        """Bring the terms of working tickets up to what the engine has: trailing stops, pairs, splits."""
        for ticket in list((self.working if restated else self._drifting).values()):
            if self._sync_one(ticket) and restated:
                ticket.updated = self.market.now
                self._say_update("restated", ticket)

    def _sync_one(self, ticket: Ticket) -> bool:
        """One ticket; returns whether something was different."""
        order = self.desk.order(ticket.number)
        if order is None or order.state == WAITING:
            return False
        scale = self.book.ledger.contracts[ticket.handle].quantity_scale
        before = (ticket.quantity, ticket.limit, ticket.stop)
        ticket.quantity = to_grid(order.quantity - ticket.carried, scale)
        ticket.limit, ticket.stop = order.limit, order.stop
        return repr(before) != repr((ticket.quantity, ticket.limit, ticket.stop))

    def _say_update(self, event: str, ticket: Ticket, time: int = 0, **more: object) -> None:
        """Leave an update for the streams, of now unless another `time` is said."""
        self.updates.append({
            "event": event, "timestamp": stamp(time or self.market.now), "order": self.order_json(ticket),
            "execution_id": more.pop("execution_id", None) or self._mint("execution"), **more,
        })  # fmt: skip

    def order_json(self, ticket: Ticket, *, nested: bool = False) -> Json:
        """An order as the API shows it."""
        legs = [self.order_json(self.tickets[leg]) for leg in ticket.legs] if nested and ticket.legs else None
        return dialect.order_json(ticket, self.assets[ticket.handle], legs)

    def taken_updates(self) -> list[Json]:
        """What the streams have not been told yet."""
        updates, self.updates = self.updates, []
        return updates
