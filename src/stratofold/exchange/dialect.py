"""The API's words: how orders, fills, positions and accounts look as JSON, and what its errors say.

What comes in: tickets and numbers.  What goes out: dictionaries of JSON types, every amount a decimal text.
Source: Alpaca's Trading API reference (docs.alpaca.markets, v2) and the models of alpaca-py 0.44, which parse all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from stratofold.exchange.moments import stamp
from stratofold.wire import decimal

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

# Status words of an order; the sets say which of them are the end.
NEW, ACCEPTED, HELD, PARTIALLY_FILLED, FILLED = "new", "accepted", "held", "partially_filled", "filled"
CANCELLED, EXPIRED, REPLACED, REJECTED = "canceled", "expired", "replaced", "rejected"
OPEN_STATUSES = frozenset({NEW, ACCEPTED, HELD, PARTIALLY_FILLED})

# Order classes.
SIMPLE, BRACKET, OCO, OTO = "simple", "bracket", "oco", "oto"


class Refused(Exception):
    """A request that is answered with an error: HTTP status, the API's code and text, and what else its body says."""

    def __init__(self, status: int, code: int, message: str, **more: object) -> None:
        """Keep the parts."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.body: Json = {"code": code, "message": message, **more}


def malformed(message: str) -> Refused:
    """A request that is wrong in itself."""
    return Refused(422, 40010001, message)


def unprocessable(message: str) -> Refused:
    """A request that cannot be done to what it names."""
    return Refused(422, 42210000, message)


def not_found(message: str) -> Refused:
    """What is asked for does not exist."""
    return Refused(404, 40410000, message)


def forbidden(message: str, **more: object) -> Refused:
    """A request that the account may not make."""
    return Refused(403, 40310000, message, **more)


def amount(value: float) -> str:
    """A number as decimal text; no sign on zero."""
    return decimal(value + 0.0) if value != 0.0 else "0"


def amount_or_none(value: float) -> str | None:
    """A number as decimal text, None for NaN."""
    return amount(value) if isfinite(value) else None


@dataclass(slots=True)
class Ticket:
    """One order as the venue knows it by `id`: what was asked for, and what became of it.

    `number` is the order's number in the account's engine; a replacement has a ticket of its own and the same number,
    and `carried` is what the tickets before it filled.  `wall` is the wall clock (ns) at which it came.  `quantity` and `filled` are this ticket's.  NaN is not stated;
    times are ns UTC, 0 for never.
    """

    id: str
    client_id: str
    number: int
    handle: int
    symbol: str
    side: int
    kind: str
    tif: str
    order_class: str
    quantity: float
    created: int
    limit: float = float("nan")
    stop: float = float("nan")
    trail_price: float = float("nan")
    trail_percent: float = float("nan")
    notional: float = float("nan")
    status: str = ACCEPTED
    filled: float = 0.0
    filled_value: float = 0.0
    commission: float = 0.0
    carried: float = 0.0
    extended: bool = False
    intent: str | None = None
    updated: int = 0
    filled_at: int = 0
    cancelled_at: int = 0
    expired_at: int = 0
    replaced_at: int = 0
    replaced_by: str | None = None
    replaces: str | None = None
    parent: str | None = None
    wall: int = 0
    legs: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it can still change."""
        return self.status in OPEN_STATUSES

    @property
    def average_price(self) -> float:
        """The mean price of what was filled, NaN before."""
        return self.filled_value / self.filled if self.filled > 0.0 else float("nan")


def order_json(ticket: Ticket, asset: Mapping[str, Any], legs: list[Json] | None = None) -> Json:
    """An order as the API shows it; `legs` where it was asked for nested."""
    return {
        "id": ticket.id,
        "client_order_id": ticket.client_id,
        "created_at": stamp(ticket.created),
        "updated_at": stamp(ticket.updated or ticket.created),
        "submitted_at": stamp(ticket.created),
        "filled_at": _when(ticket.filled_at),
        "expired_at": _when(ticket.expired_at),
        "canceled_at": _when(ticket.cancelled_at),
        "failed_at": None,
        "replaced_at": _when(ticket.replaced_at),
        "replaced_by": ticket.replaced_by,
        "replaces": ticket.replaces,
        "asset_id": asset["id"],
        "symbol": ticket.symbol,
        "asset_class": asset["class"],
        "notional": amount_or_none(ticket.notional),
        "qty": amount(ticket.quantity),
        "filled_qty": amount(ticket.filled),
        "filled_avg_price": amount_or_none(ticket.average_price),
        "order_class": ticket.order_class,
        "order_type": ticket.kind,
        "type": ticket.kind,
        "side": side_word(ticket.side),
        "position_intent": ticket.intent,
        "time_in_force": ticket.tif,
        "limit_price": amount_or_none(ticket.limit),
        "stop_price": amount_or_none(ticket.stop),
        "status": ticket.status,
        "extended_hours": ticket.extended,
        "legs": legs,
        "trail_percent": amount_or_none(ticket.trail_percent),
        "trail_price": amount_or_none(ticket.trail_price),
        "hwm": amount_or_none(_high_water(ticket)),
        "commission": amount(ticket.commission),
        "subtag": None,
        "source": None,
    }


def _high_water(ticket: Ticket) -> float:
    """The best price a trailing stop has seen: its stop and the distance back."""
    if isfinite(ticket.trail_price):
        return ticket.stop - ticket.side * ticket.trail_price
    return ticket.stop / (1.0 + ticket.side * ticket.trail_percent / 100.0)


def _when(time: int) -> str | None:
    """A time, None for never."""
    return stamp(time) if time else None


def side_word(side: int) -> str:
    """`buy` or `sell`."""
    return "buy" if side > 0 else "sell"
