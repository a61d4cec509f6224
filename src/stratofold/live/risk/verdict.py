"""The nouns of the risk around the fold: what is asked, what is said, and what a broken bound leads to.

What comes in: messages that the fold has approved.  What goes out: a `Verdict` for each, and `Breach`es.
Why it is shaped so: a "no" is a value with the limit and what was observed; text is made at the edge.  Reasons are
numbered on from 100, so that a record tells them from the fold's own (`fold.risk.REASON_NAMES`), which come first.
"""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from stratofold.fold.order import CANCEL, SUBMIT
from stratofold.fold.risk import REASON_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.fold.book import Book

# Why not, in order of precedence: the first that applies is named.  The last six are only of breaches.
FIRST_REASON = 100
(
    INSTRUMENT_HALTED,
    OUT_OF_SESSION,
    CLOSE_CUTOFF,
    MESSAGE_RATE,
    REPEATED_EXECUTION,
    FEED_GAP,
    STALE_DATA,
    RESTRICTED,
    SYMBOL_QUANTITY,
    SYMBOL_NOTIONAL,
    SYMBOL_POSITION,
    POSITION_LIMIT,
    DRAWDOWN,
    DAILY_LOSS,
    STOP_LOSS,
    CASH_ACCOUNT,
    MINIMUM_EQUITY,
    INITIAL_MARGIN,
    INTRADAY_MARGIN,
    DAY_TRADES,
    LOCATE,
    SHORT_SALE_RESTRICTION,
    TAKE_PROFIT,
    GROSS_EXPOSURE,
    NET_EXPOSURE,
    LEVERAGE,
    CONCENTRATION,
    MAINTENANCE_MARGIN,
) = range(FIRST_REASON, FIRST_REASON + 28)

NAMES = (
    "instrument_halted", "out_of_session", "close_cutoff", "message_rate", "repeated_execution", "feed_gap",
    "stale_data", "restricted", "symbol_quantity", "symbol_notional", "symbol_position", "position_limit",
    "drawdown", "daily_loss", "stop_loss", "cash_account", "minimum_equity", "initial_margin",
    "intraday_margin", "day_trades", "locate", "short_sale_restriction", "take_profit", "gross_exposure_after",
    "net_exposure_after", "leverage_after", "concentration", "maintenance_margin",
)  # fmt: skip

# What is done about a breach, the mildest first: nothing but saying so; cancel what works and may open; let only what
# reduces pass; cut the position to its bound; close everything (of a symbol, or all); close the door.
NOTE, CANCEL_WORKING, REDUCING_ONLY, REDUCE, FLATTEN, HALT = range(6)
ACTION_NAMES = ("note", "cancel", "reducing_only", "reduce", "flatten", "halt")


class Verdict(NamedTuple):
    """Whether a message may leave; `limit` is the bound and `observed` what would break it, in the bound's unit."""

    allowed: bool
    reason: int
    limit: float
    observed: float


ALLOWED = Verdict(True, -1, nan, nan)


class Wish(Struct, frozen=True, gc=False):
    """A message before it leaves: its numbers as the fold has them; `reduces` as contract 6 says."""

    action: int
    number: int
    symbol: int
    side: int
    kind: int
    tif: int
    quantity: float
    limit: float
    stop: float
    reduces: bool


class Breach(NamedTuple):
    """A bound that is broken: `symbol` -1 is the whole book; `quantity` is how much of it `REDUCE` takes off."""

    reason: int
    symbol: int
    action: int
    limit: float
    observed: float
    time: int
    quantity: float = 0.0


def refused(reason: int, limit: float, observed: float) -> Verdict:
    """A "no" with its numbers."""
    return Verdict(False, reason, limit, observed)


def reason_name(reason: int) -> str:
    """The name of a reason, the fold's or ours; empty for none."""
    if reason >= FIRST_REASON:
        return NAMES[reason - FIRST_REASON]
    return REASON_NAMES[reason] if reason >= 0 else ""


def wishes(
    messages: Sequence[tuple[int, int, int, int, int, int, float, float, float, int, int]], book: Book
) -> list[Wish]:
    """The messages of one step, in order, as wishes: action, number, symbol, side, kind, tif, quantity, limit, stop first.

    The book counts all of them as working already, so what the later ones ask for is taken off again: a message reduces
    when the position, what works on its side, the earlier ones and this never cross zero.
    """
    later: dict[int, float] = {}  # by symbol, of those that sell by its complement
    out = []
    for message in reversed(messages):
        action, symbol, side = message[0], message[2], message[3]
        place = symbol if side > 0 else ~symbol
        reach = later.get(place, 0.0)
        out.append(Wish(*message[:9], reduces(action, symbol, side, reach, book)))
        if action == SUBMIT:
            later[place] = reach + message[6]
    out.reverse()
    return out


def reduces(action: int, symbol: int, side: int, later: float, book: Book) -> bool:
    """Whether position and everything on this side up to this message never cross zero."""
    if action == CANCEL:
        return True
    held = book.ledger.holdings[symbol].quantity
    if side > 0:
        return held + book.working_buy[symbol] - later <= 0.0
    return held - book.working_sell[symbol] + later >= 0.0


def weighed_at(wish: Wish, book: Book) -> float:
    """The price a wish is weighed at: its limit, its stop, else the last price; infinite when nothing is known."""
    if wish.limit == wish.limit:
        return wish.limit
    if wish.stop == wish.stop:
        return wish.stop
    price = book.ledger.holdings[wish.symbol].price
    return price if price == price else inf  # noqa: PLR0124
