"""Handlers for what an account has and may know: money, positions, activities, assets, clock and calendar.

What comes in: a request that was let in.  What goes out: a status and what the JSON says; raises Refused.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stratofold.exchange.activities import PAGE_SIZE_MAX
from stratofold.exchange.dialect import Json, amount, malformed, not_found
from stratofold.exchange.limits import buying_power
from stratofold.exchange.moments import stamp
from stratofold.exchange.trading import handle_of
from stratofold.market.sessions import calendar as calendar_of
from stratofold.market.zones import NEW_YORK, SECOND_NS, wall_clock

if TYPE_CHECKING:
    from stratofold.exchange.api import Asked

_DAY_NS = 86_400 * SECOND_NS


def account(asked: Asked) -> tuple[int, Any]:
    """GET /v2/account."""
    one, book = asked.account, asked.account.book
    long, short = _market_values(asked)
    equity = amount(book.equity)
    power = amount(round(buying_power(asked.exchange, one), 2))
    margin = sum(book.ledger.margin_steps(handle) for handle in range(book.symbol_count)) / book.ledger.scale[0]
    last = one.desk.equity[-1][1] if one.desk.equity else one.terms.cash
    return 200, {
        "id": str(one.id), "account_number": "PA" + one.key_id[2:12], "status": "ACTIVE", "crypto_status": "ACTIVE",
        "currency": one.terms.base, "buying_power": power, "regt_buying_power": power,
        "non_marginable_buying_power": amount(max(book.buying_power, 0.0)), "cash": amount(book.cash),
        "accrued_fees": "0", "portfolio_value": equity, "trading_blocked": False, "transfers_blocked": False,
        "account_blocked": False, "created_at": stamp(one.created),
        "trade_suspended_by_user": bool(one.configuration["suspend_trade"]),
        "multiplier": amount(asked.exchange.rules.multiplier),
        "shorting_enabled": not one.configuration["no_shorting"], "equity": equity, "last_equity": amount(last),
        "long_market_value": amount(long), "short_market_value": amount(short), "initial_margin": amount(margin),
        "maintenance_margin": amount(margin), "last_maintenance_margin": amount(margin), "sma": "0",
    }  # fmt: skip


def _market_values(asked: Asked) -> tuple[float, float]:
    """What the long and the short positions are worth."""
    book = asked.account.book
    worth = [book.value(handle) for handle in range(book.symbol_count) if book.position(handle) != 0.0]
    return sum(value for value in worth if value > 0.0), sum(value for value in worth if value < 0.0)


def configurations(asked: Asked) -> tuple[int, Any]:
    """GET /v2/account/configurations."""
    return 200, asked.account.configuration


def configure(asked: Asked) -> tuple[int, Any]:
    """PATCH /v2/account/configurations."""
    configuration = asked.account.configuration
    for name, value in asked.body.items():
        if name in configuration and value is not None:
            if type(value) is not type(configuration[name]):
                raise malformed(f"invalid {name}")
            configuration[name] = value
    return 200, configuration


def positions(asked: Asked) -> tuple[int, Any]:
    """GET /v2/positions."""
    book = asked.account.book
    return 200, [_position(asked, handle) for handle in range(book.symbol_count) if book.position(handle) != 0.0]


def position(asked: Asked, name: str) -> tuple[int, Any]:
    """GET /v2/positions/{symbol or asset id}."""
    handle = handle_of(asked, name)
    if asked.account.book.position(handle) == 0.0:
        raise not_found("position does not exist")
    return 200, _position(asked, handle)


def _position(asked: Asked, handle: int) -> Json:
    """One position; `cost_basis` is what was paid for what is held."""
    book, asset = asked.account.book, asked.exchange.assets[handle]
    held, average, last = book.position(handle), book.average_price(handle), book.price(handle)
    before = _close_before(asked, handle)
    scale = book.ledger.contracts[handle].money_scale
    cost = round(held * average * scale) / scale
    value = book.value(handle)
    gain, today = value - cost, held * (last - before)
    return {
        "asset_id": asset["id"], "symbol": asset["symbol"], "exchange": asset["exchange"], "asset_class": asset["class"],
        "asset_marginable": asset["marginable"], "qty": amount(held), "qty_available": amount(_available(asked, handle)),
        "avg_entry_price": amount(average), "side": "long" if held > 0.0 else "short", "market_value": amount(value),
        "cost_basis": amount(cost), "unrealized_pl": amount(round(gain, 8)),
        "unrealized_plpc": amount(_fraction(gain, abs(cost))), "unrealized_intraday_pl": amount(round(today, 8)),
        "unrealized_intraday_plpc": amount(_fraction(today, abs(held * before))), "current_price": amount(last),
        "lastday_price": amount(before), "change_today": amount(_fraction(last - before, before)),
    }  # fmt: skip


def _available(asked: Asked, handle: int) -> float:
    """What is held and not offered by a working order."""
    book = asked.account.book
    held = book.position(handle)
    if held > 0.0:
        return max(held - book.working_sell[handle], 0.0)
    return min(held + book.working_buy[handle], 0.0)


def _fraction(part: float, whole: float) -> float:
    """A part of a whole, 0 of nothing."""
    return part / whole if whole else 0.0


def _close_before(asked: Asked, handle: int) -> float:
    """The last close of an earlier session than the last bar's; the last one where there is none."""
    market = asked.exchange.market
    count = market.visible(handle)
    rows, feed = market.rows[handle], market.feed
    session = market.sessions.session_of(feed.time[rows[count - 1]])
    opened = market.sessions.opens[session]
    earlier = bisect_right(rows, opened, 0, count, key=feed.time.__getitem__)
    return market.candle(rows[max(earlier - 1, 0)]).close


def activities(asked: Asked, kind: str = "") -> tuple[int, Any]:
    """GET /v2/account/activities and /{type}: newest first unless asked otherwise, paged by `page_token`."""
    query = asked.query
    types = [kind] if kind else [name for name in query.get("activity_types", "").split(",") if name]
    after, until = asked.moment("after", None), asked.moment("until", None)
    if query.get("date"):
        after = asked.moment("date", 0) - 1
        until = after + 1 + _DAY_NS
    size = query.get("page_size", str(PAGE_SIZE_MAX))
    if not size.isdigit() or not 0 < int(size) <= PAGE_SIZE_MAX:
        raise malformed(f"page_size must be between 1 and {PAGE_SIZE_MAX}")
    oldest_first = query.get("direction", "desc") == "asc"
    rows = asked.account.activities.page(
        types, after, until, query.get("page_token", ""), int(size), oldest_first=oldest_first
    )
    return 200, rows


def history(asked: Asked) -> tuple[int, Any]:
    """GET /v2/account/portfolio/history: the equity of each session that is over."""
    one = asked.account
    base = one.terms.cash
    rows = one.desk.equity
    return 200, {
        "timestamp": [time // SECOND_NS for time, _ in rows],
        "equity": [equity for _, equity in rows],
        "profit_loss": [round(equity - base, 8) for _, equity in rows],
        "profit_loss_pct": [_fraction(equity - base, base) for _, equity in rows],
        "base_value": base,
        "timeframe": "1D",
        "cashflow": {},
    }


def assets(asked: Asked) -> tuple[int, Any]:
    """GET /v2/assets."""
    wanted = {"status": asked.query.get("status"), "class": asked.query.get("asset_class")}
    return 200, [
        asset
        for asset in asked.exchange.assets
        if all(value is None or asset[name] == value for name, value in wanted.items())
    ]


def asset(asked: Asked, name: str) -> tuple[int, Any]:
    """GET /v2/assets/{symbol or id}."""
    return 200, asked.exchange.assets[handle_of(asked, name)]


def clock(asked: Asked) -> tuple[int, Any]:
    """GET /v2/clock, in the exchange's own time."""
    market = asked.exchange.market
    sessions, now = market.sessions, market.now
    k = sessions.session_of(now + 1)
    upcoming = k if sessions.opens[k] > now else k + 1
    return 200, {
        "timestamp": stamp(now + int(asked.exchange.faults.switches.clock_skew_ms * 1e6)),
        "is_open": market.is_open(),
        "next_open": stamp(sessions.opens[upcoming]),
        "next_close": stamp(sessions.closes[k]),
    }


def calendar(asked: Asked) -> tuple[int, Any]:
    """GET /v2/calendar: sessions by date, open and close in New York's time."""
    first, last = asked.query.get("start", "1990-01-01")[:10], asked.query.get("end", "2035-12-31")[:10]
    try:
        low, high = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
    except ValueError:
        raise malformed("invalid start or end") from None
    days, name = asked.exchange.market.sessions.days, asked.exchange.market.calendar_name
    return 200, [_session(name, k) for k in range(bisect_left(days, low), bisect_right(days, high))]


@lru_cache(maxsize=16_384)
def _session(name: str, k: int) -> Json:
    """Session `k` of a calendar."""
    sessions = calendar_of(name)
    opens, closes = wall_clock(sessions.opens[k], NEW_YORK), wall_clock(sessions.closes[k], NEW_YORK)
    day = date.fromordinal(sessions.days[k]).isoformat()
    return {
        "date": day, "open": opens, "close": closes, "session_open": "0400", "session_close": "2000",
        "settlement_date": day,
    }  # fmt: skip
