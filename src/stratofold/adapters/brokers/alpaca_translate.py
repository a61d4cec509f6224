"""Alpaca's words and ours, both ways, without any I/O.

What comes in: messages of the fold; orders, activities and trade updates as Alpaca writes them.
What goes out: request bodies; `VenueOrder`, `VenueReport`, `AccountState` and `Answer`.
Why it is shaped so: what an answer *means* decides whether an order is sent twice or forgotten, so it is pure and can be
tested to the byte.  Every fact has one identity, whatever channel it came by.  Money crosses as decimal text; a missing
figure is NaN.

Sources: Alpaca's Trading API reference (orders, account activities, trade updates).
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import inf, isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from stratofold.adapters.brokers.alpaca_wire import (
    StreamMessage,
    WireAccount,
    WireFill,
    WireOrder,
    WirePosition,
    WireUpdate,
    amount,
    anything,
    one_order,
    one_stream_message,
    one_trouble,
    one_update,
)
from stratofold.adapters.network.calls import UNREADABLE
from stratofold.adapters.network.moments import nanoseconds_of
from stratofold.adapters.ports import (
    ACCEPTED,
    REJECTED,
    UNKNOWN,
    AccountState,
    Answer,
    Message,
    Response,
    VenueOrder,
    VenueReport,
)
from stratofold.wire import decimal, terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES_IN_FORCE = {"gtc": "gtc", "day": "day", "ioc": "ioc", "fok": "fok", "at_close": "cls"}
_OUR_TIMES_IN_FORCE = {"cls": "at_close"}

# Which state of ours an order of theirs is in; what is open may be partly filled besides.
STATES = {
    "new": "working", "accepted": "working", "pending_new": "working", "accepted_for_bidding": "working",
    "pending_review": "working", "pending_cancel": "working", "pending_replace": "working", "stopped": "working",
    "suspended": "working", "calculated": "working", "done_for_day": "working", "partially_filled": "working",
    "held": "waiting", "filled": "filled", "canceled": "cancelled", "replaced": "cancelled", "expired": "expired",
    "rejected": "rejected",
}  # fmt: skip

# A 4xx that says the order was not taken.  408 and 409 do not say so; 429 is told apart.
NOT_ACCEPTED = (400, 401, 403, 404, 405, 410, 413, 415, 422)

# Order classes in which an entry has legs; how Alpaca names them is its own.
PROTECTED = ("bracket", "oto")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MESSAGE_KEY = re.compile(r"([A-Za-z0-9]{1,12}-[A-Za-z0-9]{1,8}-[0-9a-z]+)(?:-[cr]\d+)?")

_encode = msgspec.json.Encoder().encode


def name_of(client_id: str) -> str:
    """The order that a client id on the wire names: without the part of a message; "" for one that is not ours."""
    match = _MESSAGE_KEY.fullmatch(client_id)
    return match[1] if match else ""


def made_by(client_id: str) -> str:
    """The message of ours that made an order; "" for one that is not ours."""
    return client_id if name_of(client_id) else ""


def is_nameless(order: WireOrder) -> bool:
    """Whether it may be a protective leg of ours under an id that Alpaca chose."""
    return order.order_class in PROTECTED and not name_of(order.client_order_id)


def name_legs(entry: WireOrder) -> None:
    """Give the legs of an entry of ours our ids: the numbers after the entry's, the take-profit's first (contract 6)."""
    name = name_of(entry.client_order_id)
    legs = entry.legs or []
    if not name or entry.order_class not in PROTECTED:
        return
    both = any(leg.type == "limit" for leg in legs)
    for leg in filter(is_nameless, legs):
        leg.client_order_id = later_name(name, 1 if leg.type == "limit" else 1 + both)


def later_name(name: str, places: int) -> str:
    """The name of the order whose number is `places` further on; "" where there is none."""
    book, generation, number = name.split("-")
    value = int(number, 36) + places
    digits = ""
    while value > 0:
        value, digit = divmod(value, 36)
        digits = _DIGITS[digit] + digits
    return f"{book}-{generation}-{digits}" if digits else ""


@lru_cache(maxsize=1_024)
def order_path(venue_id: str) -> str:
    """Where one order is."""
    plain = venue_id.isascii() and venue_id.replace("-", "").isalnum()
    return f"/v2/orders/{venue_id if plain else quote(venue_id, safe='')}"


# What we say.


def submission(message: Message) -> bytes:
    """The body of a new order; with a take-profit or stop-loss in its terms, one that Alpaca protects by itself."""
    terms = terms_of(message.body)
    body: dict[str, Any] = {
        "symbol": message.symbol,
        "qty": decimal(terms.quantity),
        "side": "buy" if message.side > 0 else "sell",
        "type": terms.kind,
        "time_in_force": TIMES_IN_FORCE[terms.tif],
        "client_order_id": message.client_id,
    }
    _add_figures(body, (("limit_price", terms.limit), ("stop_price", terms.stop), ("trail_price", terms.trail)))
    if isfinite(terms.trail_fraction):
        body["trail_percent"] = decimal(round(terms.trail_fraction * 100.0, 8))
    protection = {
        name: {price: decimal(figure)}
        for name, price, figure in (
            ("take_profit", "limit_price", terms.take_profit),
            ("stop_loss", "stop_price", terms.stop_loss),
        )
        if isfinite(figure)
    }
    if protection:
        body |= {"order_class": "bracket" if len(protection) == 2 else "oto", **protection}
    return _encode(body)


def replacement(message: Message) -> bytes:
    """The body of a replace; the order that it makes carries the message's key.

    Alpaca gives the new order the quantity as stated and counts its fills from 0 (alpacahq/Alpaca-API issue 165), so the
    terms hold what is still wanted, not the total with what was filled.
    """
    terms = terms_of(message.body)
    body: dict[str, Any] = {"client_order_id": message.key}
    figures = (
        ("qty", terms.quantity),
        ("limit_price", terms.limit),
        ("stop_price", terms.stop),
        ("trail", terms.trail),
    )
    _add_figures(body, figures)
    return _encode(body)


def _add_figures(body: dict[str, Any], figures: Sequence[tuple[str, float]]) -> None:
    """The figures that are stated."""
    for name, figure in figures:
        if isfinite(figure):
            body[name] = decimal(figure)


# What an answer means.


def submitted(message: Message, answer: Response, now: int) -> Answer:
    """What came of a new order: its terms on the wire and nothing else count as accepted, and doubt is unknown."""
    if not 200 <= answer.status < 300:
        return _not_taken(message, answer, now)
    try:
        order = one_order.decode(answer.body)
        report = acceptance(order)
    except UNREADABLE as error:
        return _unsure(answer, f"HTTP {answer.status} that cannot be read: {error}")
    if order.client_order_id != message.client_id:
        return _unsure(answer, f"HTTP {answer.status} about another order, {order.client_order_id!r}")
    if order.status == "rejected":
        return _declined(message, answer, "the venue took the order and rejected it", now, order.id)
    return Answer(ACCEPTED, order.id, "", request_id(answer), (report,))


def replaced(message: Message, answer: Response, now: int) -> Answer:
    """What came of a replace: accepted with the new order's id."""
    if not 200 <= answer.status < 300:
        return _not_taken(message, answer, now)
    try:
        order = one_order.decode(answer.body)
        report = acceptance(order)
    except UNREADABLE as error:
        return _unsure(answer, f"HTTP {answer.status} that cannot be read: {error}")
    return Answer(ACCEPTED, order.id, "", request_id(answer), (report,))


def cancel_asked(message: Message, answer: Response, venue_id: str, now: int) -> Answer:
    """What came of asking for a cancel: accepted means asked for."""
    if 200 <= answer.status < 300:
        return Answer(ACCEPTED, venue_id, "", request_id(answer))
    return _not_taken(message, answer, now)


def not_sent(message: Message, why: str, now: int) -> Answer:
    """No byte left: declined for certain."""
    return Answer(REJECTED, "", f"not sent: {why}", "", (_refusal(message, f"not sent: {why}", now),))


def _not_taken(message: Message, answer: Response, now: int) -> Answer:
    """An answer that is no 2xx: declined where it says so for certain, unknown otherwise."""
    if answer.status == 429:
        return _declined(message, answer, "throttled", now)
    try:
        trouble = one_trouble.decode(answer.body)
    except UNREADABLE:
        return _unsure(answer, f"HTTP {answer.status}")
    said = f"{trouble.code}: {trouble.message}" if trouble.code is not None else trouble.message
    if answer.status not in NOT_ACCEPTED or _is_known_id(trouble.message):
        return _unsure(answer, f"HTTP {answer.status}, {said}")
    return _declined(message, answer, said, now)


def _is_known_id(said: str) -> bool:
    """Whether it is about the client id: after a single attempt of ours that means the order is there."""
    return "client_order_id" in said.lower().replace(" ", "_")


def _unsure(answer: Response, why: str) -> Answer:
    return Answer(UNKNOWN, "", why, request_id(answer))


def _declined(message: Message, answer: Response, why: str, now: int, venue_id: str = "") -> Answer:
    return Answer(REJECTED, venue_id, why, request_id(answer), (_refusal(message, why, now, venue_id),))


def _refusal(message: Message, why: str, now: int, venue_id: str = "") -> VenueReport:
    """The report of a message that was declined: a rejected order, or a cancel or replace that will not be."""
    submit = message.action == "submit"
    return VenueReport(
        f"rejected:{message.client_id}" if submit else f"cancel_rejected:{message.key}",
        "rejected" if submit else "cancel_rejected",
        message.client_id,
        venue_id,
        message.symbol,
        message.side,
        now,
        quantity=message.quantity,
        reason=why,
    )


def request_id(answer: Response) -> str:
    """Alpaca's name for a request, which its support asks for."""
    return answer.headers.get("x-request-id", "")


# What they say of orders.


def acceptance(order: WireOrder) -> VenueReport:
    """That an order is at the venue: accepted, or (if it took another's place) replaced."""
    if order.replaces:
        return _of_order(order, f"replaced:{order.id}", "replaced", order.submitted_at or order.created_at)
    return _of_order(order, f"accepted:{order.client_order_id}", "accepted", order.submitted_at or order.created_at)


def _of_order(order: WireOrder, identity: str, kind: str, time: str | None, reason: str = "") -> VenueReport:
    """A fact about an order that is not a fill."""
    quantity, filled = amount(order.qty), amount(order.filled_qty, 0.0)
    return VenueReport(
        identity,
        kind,
        name_of(order.client_order_id),
        order.id,
        order.symbol,
        side_of(order.side),
        nanoseconds_of(time or order.updated_at or order.created_at or ""),
        quantity=quantity,
        cumulative=filled,
        leaves=0.0 if kind in {"cancelled", "expired", "rejected"} else quantity - filled,
        limit=amount(order.limit_price),
        stop=amount(order.stop_price),
        reason=reason,
    )


def _end(order: WireOrder, kind: str, time: str | None) -> VenueReport:
    """How an order ended without being filled; a replacement that was rejected is a replace that will not be."""
    if kind != "rejected":
        return _of_order(order, f"{kind}:{order.id}", kind, time)
    if order.replaces:
        return _of_order(order, f"cancel_rejected:{order.client_order_id}", "cancel_rejected", time)
    return _of_order(order, f"rejected:{order.client_order_id}", kind, time)


def shown(order: WireOrder) -> VenueOrder:
    """An order as the port has it, under the name of the order that a replacement goes on with.

    A status that is not known is `unknown`.
    """
    filled = amount(order.filled_qty, 0.0)
    state = STATES.get(order.status, "unknown")
    time = order.submitted_at or order.created_at
    return VenueOrder(
        name_of(order.client_order_id) or order.client_order_id,
        order.id,
        order.symbol,
        side_of(order.side),
        order.type,
        _OUR_TIMES_IN_FORCE.get(order.time_in_force, order.time_in_force),
        "part_filled" if state == "working" and filled > 0.0 else state,
        amount(order.qty),
        filled,
        amount(order.filled_avg_price),
        amount(order.limit_price),
        amount(order.stop_price),
        nanoseconds_of(time) if time else 0,
        order.replaced_by or "",
        made_by(order.client_order_id),
    )


def side_of(word: str) -> int:
    """1 for a buy, -1 for a sale, short or not."""
    return 1 if word == "buy" else -1


# Fills.


def fill_identity(venue_id: str, cumulative: float) -> str:
    """One fill, on whatever channel it comes."""
    return f"fill:{venue_id}:{decimal(cumulative)}"


@lru_cache(maxsize=1_024)
def execution(fill: WireFill, client_id: str) -> VenueReport:
    """A fill as the account's activities have it; they do not hold the client id, so that is given.

    Remembered, because every poll is told the fills of the last minutes again.
    """
    return _fill(
        (fill.order_id, client_id, fill.symbol, fill.side, fill.transaction_time),
        (amount(fill.qty), amount(fill.price), amount(fill.commission, 0.0)),
        amount(fill.cum_qty),
        amount(fill.leaves_qty),
    )


def _fill(
    names: tuple[str, str, str, str, str], done: tuple[float, float, float], cumulative: float, leaves: float
) -> VenueReport:
    """A fill, of an order (venue id, client id, symbol, side, time) by so much (quantity, price, fee).

    Raises ValueError for one that cannot be: it would spoil the ledger for good.
    """
    venue_id, client_id, symbol, side, time = names
    quantity, price, fee = done
    if not (0.0 < quantity < inf and 0.0 <= price < inf and isfinite(fee) and 0.0 < cumulative < inf):
        raise ValueError(f"a fill of {quantity} at {price}, fee {fee}, {cumulative} in all")
    return VenueReport(
        fill_identity(venue_id, cumulative),
        "partial" if leaves > 0.0 else "filled",
        name_of(client_id),
        venue_id,
        symbol,
        side_of(side),
        nanoseconds_of(time),
        quantity=quantity,
        price=price,
        fee=fee,
        cumulative=cumulative,
        leaves=leaves,
        made_by=made_by(client_id),
    )


def update_report(update: WireUpdate, cancel_key: str = "") -> VenueReport | None:
    """The fact that a trade update states; None where it states none (what is pending, or said by another).

    `cancel_key` is the key of our last cancel or replace of this order, which the update does not hold.
    A `replaced` update shows the order that went; the one that came says so itself.
    """
    order, event = update.order, update.event
    if event in {"fill", "partial_fill"}:
        return _streamed_fill(update)
    if event in {"new", "accepted"}:
        return acceptance(order)
    if event == "replaced":
        return acceptance(order) if order.replaces and not order.replaced_by else None
    if event in {"canceled", "expired", "rejected"}:
        return _end(order, "cancelled" if event == "canceled" else event, update.timestamp)
    if event in {"order_cancel_rejected", "order_replace_rejected"}:
        key = cancel_key or f"{order.id}:{update.timestamp or update.execution_id}"
        return _of_order(order, f"cancel_rejected:{key}", "cancel_rejected", update.timestamp)
    if event in {"trade_bust", "trade_correct"}:
        return _streamed_correction(update)
    return None


def _streamed_fill(update: WireUpdate) -> VenueReport:
    """A fill as the trade stream has it."""
    order = update.order
    cumulative = amount(order.filled_qty)
    return _fill(
        (order.id, order.client_order_id, order.symbol, order.side, update.timestamp or order.filled_at or ""),
        (amount(update.qty), amount(update.price), amount(update.commission, 0.0)),
        cumulative,
        amount(order.qty) - cumulative,
    )


def _streamed_correction(update: WireUpdate) -> VenueReport:
    """A fill that is taken back or put right."""
    kind = "busted" if update.event == "trade_bust" else "corrected"
    order = update.order
    return VenueReport(
        f"{kind}:{update.execution_id}",
        kind,
        name_of(order.client_order_id),
        order.id,
        order.symbol,
        side_of(order.side),
        nanoseconds_of(update.timestamp or order.updated_at or ""),
        quantity=amount(update.qty, 0.0),
        price=amount(update.price),
        cumulative=amount(order.filled_qty),
    )


# The account, and the trade stream.


def account_state(account: WireAccount, positions: Sequence[WirePosition]) -> AccountState:
    """Money and signed positions; `blocked` says what of the account is."""
    flags = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
    blocked = [flag for flag in flags if getattr(account, flag)]
    if account.status.upper() != "ACTIVE":
        blocked.append(f"status {account.status}")
    return AccountState(
        account.account_number or account.id,
        account.currency,
        amount(account.cash),
        amount(account.equity),
        amount(account.buying_power),
        {position.symbol: (_signed(position), amount(position.avg_entry_price)) for position in positions},
        ", ".join(blocked),
    )


def _signed(position: WirePosition) -> float:
    quantity = amount(position.qty, 0.0)
    return -abs(quantity) if position.side == "short" else quantity


def authenticate(key_id: str, secret_key: str) -> str:
    """The first message to the trade stream."""
    return _encode({"action": "authenticate", "data": {"key_id": key_id, "secret_key": secret_key}}).decode()


LISTEN = '{"action":"listen","data":{"streams":["trade_updates"]}}'


def stream_message(data: str | bytes) -> StreamMessage:
    """One message of the trade stream; raises msgspec.MsgspecError for what is none."""
    return one_stream_message.decode(data)


def is_authorised(message: StreamMessage) -> bool:
    """Whether the keys were taken."""
    return message.stream == "authorization" and anything.decode(message.data).get("status") == "authorized"


def trade_update(message: StreamMessage) -> WireUpdate:
    """The update in a message of `trade_updates`; raises msgspec.MsgspecError for what is none."""
    return one_update.decode(message.data)
