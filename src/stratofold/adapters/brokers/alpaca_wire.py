"""What Alpaca writes, as far as we read it: orders, fills, trade updates, the account.

What comes in: JSON.
What goes out: records whose fields are what Alpaca's reference says they are; a message that does not fit is an error.
Why it is shaped so: figures come as text, as numbers or as null by the whim of the endpoint, so a `Figure` may be any of
them and `amount` reads it; whatever we do not read may change without harm.

Sources: Alpaca's Trading API reference (orders, account activities, account, positions, clock, trade updates).
"""

from __future__ import annotations

from math import nan
from typing import Any

import msgspec

Figure = str | float | None


class WireOrder(msgspec.Struct):
    """An order as Alpaca shows it, as far as we read it."""

    id: str
    client_order_id: str
    symbol: str
    side: str = "buy"
    type: str = ""
    time_in_force: str = ""
    status: str = ""
    qty: Figure = None
    filled_qty: Figure = None
    filled_avg_price: Figure = None
    limit_price: Figure = None
    stop_price: Figure = None
    submitted_at: str | None = None
    created_at: str | None = None
    updated_at: str | None = None
    filled_at: str | None = None
    canceled_at: str | None = None
    expired_at: str | None = None
    failed_at: str | None = None
    replaced_by: str | None = None
    replaces: str | None = None
    order_class: str | None = None
    legs: list[WireOrder] | None = None


class WireFill(msgspec.Struct, frozen=True):
    """An account activity of type FILL."""

    id: str
    order_id: str
    symbol: str
    side: str
    qty: Figure
    price: Figure
    cum_qty: Figure
    leaves_qty: Figure
    transaction_time: str
    commission: Figure = None


class WireUpdate(msgspec.Struct):
    """A trade update."""

    event: str
    order: WireOrder
    timestamp: str | None = None
    price: Figure = None
    qty: Figure = None
    execution_id: str | None = None
    commission: Figure = None


class WireAccount(msgspec.Struct):
    """The account."""

    account_number: str = ""
    id: str = ""
    currency: str = "USD"
    cash: Figure = None
    equity: Figure = None
    buying_power: Figure = None
    status: str = "ACTIVE"
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False


class WirePosition(msgspec.Struct):
    """A position."""

    symbol: str
    qty: Figure
    avg_entry_price: Figure
    side: str = "long"


class WireClock(msgspec.Struct):
    """The venue's clock."""

    timestamp: str


class Trouble(msgspec.Struct):
    """Why a request was refused."""

    message: str
    code: int | str | None = None


class StreamMessage(msgspec.Struct):
    """What the trade stream sends: which stream, and what."""

    stream: str
    data: msgspec.Raw


one_order = msgspec.json.Decoder(WireOrder)
many_orders = msgspec.json.Decoder(list[WireOrder])
many_fills = msgspec.json.Decoder(list[WireFill])
many_positions = msgspec.json.Decoder(list[WirePosition])
one_account = msgspec.json.Decoder(WireAccount)
one_clock = msgspec.json.Decoder(WireClock)
one_trouble = msgspec.json.Decoder(Trouble)
one_stream_message = msgspec.json.Decoder(StreamMessage)
one_update = msgspec.json.Decoder(WireUpdate)
anything = msgspec.json.Decoder(dict[str, Any])


def amount(figure: Figure, otherwise: float = nan) -> float:
    """A figure as a float; `otherwise` where there is none."""
    return otherwise if figure is None or figure == "" else float(figure)
