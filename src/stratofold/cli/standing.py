"""How a book stands, for people: what `status` prints and the live view draws of it.

What comes in: a desk.  What goes out: what is held with its gain, the orders that work, the day's gain, amounts as text.
"""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING, Any, NamedTuple

from stratofold.fold.lifecycle import STATE_NAMES
from stratofold.fold.order import SUBMIT
from stratofold.live.words import describe
from stratofold.wire import decimal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.live.desk import Desk


class Held(NamedTuple):
    """One symbol of a book: units, the average price of entry, the last price, the worth, and what is gained and not realised.

    Prices are NaN where there is none; worth and gain are in the instrument's currency, the gain 0 where nothing is held.
    """

    symbol: str
    quantity: float
    average: float
    price: float
    worth: float
    gain: float


def symbols_of(desk: Desk) -> list[Held]:
    """Every symbol: what is held first, the largest worth before others, then the rest as the book has them."""
    rows = [_held(desk, handle, name) for handle, name in enumerate(desk.fold.names)]
    return sorted(rows, key=lambda row: (row.quantity == 0.0, -abs(row.worth)))


def _held(desk: Desk, handle: int, name: str) -> Held:
    """One symbol."""
    book = desk.fold.engine.book
    holding = book.ledger.holdings[handle]
    gain = (holding.price - holding.average_price) * holding.quantity * holding.multiplier if holding.quantity else 0.0
    return Held(name, holding.quantity, holding.average_price, holding.price, book.value(handle), gain)


def today_of(desk: Desk) -> float:
    """What the session has gained so far, as the guard's daily stop counts it; NaN without a guard or before a price."""
    stops = getattr(desk.fold.guard, "equity_stops", None)
    return nan if stops is None else 0.0 - float(stops.loss)


def opened_gain(desk: Desk) -> str:
    """Gained since the book was opened, and in this session where that is known."""
    today = today_of(desk)
    since = f"{desk.fold.engine.book.equity - desk.manifest.capital:+,.2f}"
    return since if isnan(today) else f"{since}, today {today:+,.2f}"


def order_line(order: Any, names: tuple[str, ...]) -> str:
    """An order that works or waits, in a line; its number is what `why` asks for."""
    terms = (order.symbol, order.side, order.kind, order.tif, order.quantity, order.limit, order.stop)
    _, _, words = describe((SUBMIT, order.number, *terms, 0, 0), names).partition(" ")
    return f"{words}, {STATE_NAMES[order.state]}" + (f", {decimal(order.filled)} filled" if order.filled else "")


def held_line(row: Held) -> str:
    """A position in a line."""
    return f"{decimal(row.quantity)} {row.symbol} from {price_text(row.average)}, now {price_text(row.price)}: {row.gain:+,.2f}"


def price_text(price: float) -> str:
    """A price, to a hundredth at least and a hundred-millionth at most; a stroke for none."""
    if isnan(price):
        return "-"
    whole, _, part = decimal(round(price, 8 if abs(price) < 1.0 else 4)).partition(".")
    return f"{whole}.{part:0<2}"


def holding_text(positions: Iterable[tuple[str, float]]) -> str:
    """What is held, by name and units, to the last of them."""
    return ", ".join(f"{decimal(quantity)} {name}" for name, quantity in positions) or "nothing"
