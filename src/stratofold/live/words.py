"""Between the fold's numbers and the venue's names: order numbers ⇄ client ids, handles ⇄ symbols.

What comes in: messages of a step; facts that a venue states.  What goes out: messages for the outbox; reports for the fold.
Pure, and one way each, so that both can be read against contract 6.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from stratofold.adapters.ports import Entry, Message, Offer, VenueReport
from stratofold.events import (
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    PARTIAL,
    REJECTED,
    REPLACE_REJECTED,
    REPLACED,
    Observation,
    Report,
)
from stratofold.fold.grid import to_grid
from stratofold.fold.lifecycle import REPORT_NAMES, WAITING
from stratofold.fold.order import CANCEL, KIND_NAMES, REPLACE, SUBMIT, TIF_NAMES
from stratofold.live.excess import is_forerunners
from stratofold.live.manifest import base36
from stratofold.live.protection import prices_with
from stratofold.wire import Terms, decimal, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.live.fold import Fold
    from stratofold.live.outside import Sent

ACTION_NAMES = {SUBMIT: "submit", CANCEL: "cancel", REPLACE: "replace"}
_KINDS = {name: number for number, name in enumerate(REPORT_NAMES)}
FOREIGN = 0
_KEY_PARTS = 4  # of a cancel's or replace's key: book, generation, number, and which message it is


@lru_cache(maxsize=4_096)
def client_id(book: str, generation: str, number: int) -> str:
    """The name an order has at the venue (contract 6): at most 36 of `[A-Za-z0-9-]`."""
    return f"{book}-{generation}-{base36(number)}"


def number_of(book: str, generation: str, identity: str) -> int:
    """The order number in a client id or a message key of this book; `FOREIGN` for any other."""
    parts = identity.split("-")
    if len(parts) < 3 or parts[0] != book or parts[1] != generation:
        return FOREIGN
    try:
        return int(parts[2], 36)
    except ValueError:
        return FOREIGN


def outgoing(
    fold: Fold, book: str, generation: str, sent: Sent, ordinal: int, expires_at: int, *, protects: bool = False,
    strategy: str = "",
) -> Message:  # fmt: skip
    """A message for the outbox; `ordinal` tells the messages of one order apart and is never used again for it.

    `strategy` is the name that a control of that scope must have to hold it.

    `protects`: the venue holds brackets itself, so an entry takes its take-profit and stop-loss with it.

    A replace asks for what shall still work: a venue that makes a new order of it counts that order's fills from 0.
    """
    action, number, symbol, side, kind, tif, quantity, limit, stop, decided, _ = sent
    if action == REPLACE:
        quantity = _still_wanted(fold, number, quantity)
        action = CANCEL if quantity <= 0.0 else REPLACE
    name = client_id(book, generation, number)
    key = name if action == SUBMIT else f"{name}-{'c' if action == CANCEL else 'r'}{ordinal}"
    price = limit if limit == limit else stop  # noqa: PLR0124  NaN is not stated
    reduces = action == CANCEL or _reduces(fold, symbol, side)
    profit, loss = prices_with(fold, number) if protects and action == SUBMIT else (nan, nan)
    terms = Terms(
        KIND_NAMES[kind], TIF_NAMES[tif], quantity, limit, stop, take_profit=profit, stop_loss=loss, decided=decided
    )
    return Message(
        key=key, action=ACTION_NAMES[action], client_id=name, symbol=fold.names[symbol], side=side, quantity=quantity,
        price=price, exposure=0.0 if action == CANCEL else _exposure(fold, symbol, quantity, price), reduces=reduces,
        expires_at=expires_at, body=pack(terms), strategy=strategy,
    )  # fmt: skip


def _still_wanted(fold: Fold, number: int, quantity: float) -> float:
    """What shall work of order `number` from now on: the total that is wanted (NaN: as it is), less what is filled."""
    book = fold.engine.book
    place = book.orders.index(number)
    if place < 0:
        return quantity
    order = book.orders[place]
    for total in (quantity, order.sought, order.quantity):
        if total == total:  # noqa: PLR0124  NaN is not stated
            return to_grid(total - order.filled, book.ledger.contracts[order.symbol].quantity_scale)
    return nan


def request_entry(messages: Sequence[Message], envelope: bytes) -> Entry:
    """The record of messages that are claimed together: what is asked for, written before the first byte leaves."""
    return Entry("request", request_body(messages), envelope)


def request_body(messages: Sequence[Message]) -> bytes:
    """The decision part of that record."""
    bodies = [
        {
            "key": message.key, "action": message.action, "client_id": message.client_id, "symbol": message.symbol,
            "side": message.side, "quantity": message.quantity, "price": message.price, "terms": message.body,
        }
        for message in messages
    ]  # fmt: skip
    return pack(bodies if len(bodies) > 1 else bodies[0])


def requests_in(body: bytes) -> list[dict[str, Any]]:
    """What a `request` record asks for, a map each message; one that is alone stands without a list around it."""
    found = unpack(body)
    return found if isinstance(found, list) else [found]


def _reduces(fold: Fold, symbol: int, side: int) -> bool:
    """Whether everything that works on this side, filled, would not take the position through zero."""
    book = fold.engine.book
    held = book.ledger.holdings[symbol].quantity
    return held + book.working_buy[symbol] <= 0.0 if side > 0 else held - book.working_sell[symbol] >= 0.0


def _exposure(fold: Fold, symbol: int, quantity: float, price: float) -> float:
    """What an order may come to in money, at its price or the last one."""
    holding = fold.engine.book.ledger.holdings[symbol]
    at = price if price == price else holding.price  # noqa: PLR0124  NaN is not stated
    amount = quantity * at * holding.multiplier
    return to_grid(amount, holding.money_scale) if amount == amount else 0.0  # noqa: PLR0124


def offer_of(report: VenueReport) -> Offer:
    """A venue's fact as something for the inbox: its identity makes it once."""
    return Offer(0, "venue", report.identity, pack(astuple(report)))


def observation_of(fold: Fold, body: bytes) -> Observation | None:
    """The observation in a signal's body; None when its series or its symbol is none that the strategy hears."""
    series, symbol, value, time, known = unpack(body)
    known_series = list(fold.strategy.series)
    if series not in known_series or (symbol and symbol not in fold.handles):
        return None
    observation = Observation()
    observation.series = known_series.index(series)
    observation.symbol = fold.handles[symbol] if symbol else -1
    observation.value = value
    observation.time = min(time, known)
    observation.known = known
    return observation


_REPORT_FIELDS = VenueReport.__struct_fields__  # their order is that of an offer's body


def cumulative_of(body: bytes) -> float:
    """How much of its order a fact counts as filled; 0 where it does not say."""
    return _or(fact_of(body)["cumulative"], 0.0)


def fact_of(body: bytes) -> dict[str, Any]:
    """The fields of a `VenueReport` in an offer's body; those that an older release did not write are not there."""
    return dict(zip(_REPORT_FIELDS, unpack(body), strict=False))


def report_of(fold: Fold, book: str, generation: str, body: bytes) -> Report | None:
    """The report in an offer's body, None when its symbol is not one of the book's."""
    fact = fact_of(body)
    symbol = fold.handles.get(fact["symbol"], -1)
    number = number_of(book, generation, fact["client_id"])
    place = fold.engine.book.orders.index(number) if number != FOREIGN else -1
    if symbol < 0 and place >= 0:
        symbol = fold.engine.book.orders[place].symbol
    if symbol < 0:
        return None
    report = Report()
    report.kind = _kind_of(fact["kind"], fact["identity"])
    report.source_sequence = _venue_number(fact["venue_id"])
    report.time = fact["time"]
    report.known = fact["time"]
    report.number = number
    report.symbol = symbol
    report.side = fact["side"]
    report.quantity = fact["quantity"]
    report.price = fact["price"]
    report.fee = fact["fee"]
    report.limit = fact["limit"]
    report.stop = fact["stop"]
    report.leaves = _or(fact["leaves"], 0.0)
    if place >= 0:
        _complete(fold, place, report)
    return report


def _kind_of(kind: str, identity: str) -> int:
    """The kind of report; which message was refused, a cancel or a replace, is in the key that the identity ends with."""
    parts = identity.split("-")
    if kind == "cancel_rejected" and len(parts) == _KEY_PARTS and parts[-1].startswith("r"):
        return REPLACE_REJECTED
    return _KINDS[kind]


def _venue_number(venue_id: str) -> int:
    """A number for an order's name at the venue, the same wherever it is made; 0 for none."""
    return int.from_bytes(sha256(venue_id.encode()).digest()[:6], "big") if venue_id else 0


def _complete(fold: Fold, place: int, report: Report) -> None:
    """What the venue left open, from the order as the book knows it: the fills of a set say when they are all."""
    order = fold.engine.book.orders[place]
    if report.kind in (PARTIAL, FILLED):
        scale = fold.engine.book.ledger.contracts[order.symbol].quantity_scale
        left = to_grid(
            order.quantity - order.filled - (0.0 if is_forerunners(order, report) else report.quantity), scale
        )
        report.kind = FILLED if left <= 0.0 else PARTIAL
        report.leaves = max(left, 0.0)
    elif report.kind == REPLACED:
        # The venue counts the new order alone; the book's order is its total, with what its forerunners have filled.
        scale = fold.engine.book.ledger.contracts[order.symbol].quantity_scale
        report.quantity = to_grid(_or(report.quantity + order.filled, _or(order.sought, order.quantity)), scale)
        report.limit = _or(report.limit, order.limit)
        report.stop = _or(report.stop, order.stop)
    elif report.kind in (EXPIRED, REJECTED) and order.state == WAITING:
        report.kind = CANCELLED  # a leg that ends before it came to work is simply not there
    elif report.kind in (CANCELLED, EXPIRED, CANCEL_REJECTED, REPLACE_REJECTED) and report.side == 0:
        report.side = order.side


def _or(value: float, other: float) -> float:
    """`value`, or `other` where it is not stated."""
    return value if not isnan(value) else other


def describe(sent: Sent, names: tuple[str, ...]) -> str:
    """A message in a line, for people."""
    action, number, symbol, side, kind, tif, quantity, limit, stop, _, _ = sent
    words = [ACTION_NAMES[action], f"#{number}", "buy" if side > 0 else "sell"]
    if not isnan(quantity):
        words.append(decimal(quantity))
    words += [names[symbol], KIND_NAMES[kind], TIF_NAMES[tif]]
    words += [f"{label} {decimal(value)}" for label, value in (("limit", limit), ("stop", stop)) if not isnan(value)]
    return " ".join(words)
