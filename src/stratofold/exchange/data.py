"""Handlers for market data: bars with paging, what is latest, snapshots, corporate actions.

What comes in: a request that was let in.  What goes out: a status and what the JSON says; raises Refused.
Only what the replay has released is ever shown.  Source: Alpaca's Market Data API reference.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_left, bisect_right
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from stratofold.events import DIVIDEND, RENAME, SPLIT
from stratofold.exchange.candles import Frame, candles, read_frame
from stratofold.exchange.dialect import Json, Refused, malformed
from stratofold.exchange.moments import short_stamp, stamp
from stratofold.exchange.ticks import TickMarket
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratofold.exchange.api import Asked
    from stratofold.exchange.market import Candle, Deed, Level, Market, Tick

_LIMIT, _LIMIT_MAX = 1000, 10_000
_FOREVER = 9223372036854775807
_TAKER = {1: "B", -1: "S"}
_WEEKS_NS = 4 * 7 * 86_400_000_000_000


def candle_json(bar: Candle) -> Json:
    """A bar in the letters of the API; how many trades made it and their mean price are not known."""
    return {
        "t": short_stamp(bar.begin), "o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close, "v": bar.volume,
        "n": None, "vw": None,
    }  # fmt: skip


def bars(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/bars: by symbol, then by time; `start` and `end` are inclusive and name the bars' beginnings."""
    found, token = _page(asked, _symbols(asked))
    by_symbol: dict[str, list[Json]] = {}
    for bar in found:
        by_symbol.setdefault(bar.symbol, []).append(candle_json(bar))
    return 200, {"bars": by_symbol, "next_page_token": token}


def bars_of_one(asked: Asked, symbol: str) -> tuple[int, Any]:
    """GET /v2/stocks/{symbol}/bars."""
    found, token = _page(asked, [symbol])
    return 200, {"bars": [candle_json(bar) for bar in found], "symbol": symbol, "next_page_token": token}


def _page(asked: Asked, symbols: Sequence[str]) -> tuple[list[Candle], str | None]:
    """One page of bars, and the token of the next."""
    market, query = asked.exchange.market, asked.query
    limit = query.get("limit", str(_LIMIT))
    if not limit.isdigit() or not 0 < int(limit) <= _LIMIT_MAX:
        raise malformed(f"limit must be between 1 and {_LIMIT_MAX}")
    frame = read_frame(query.get("timeframe", ""), market)
    low, high = asked.moment("start", 0), asked.moment("end", _FOREVER)
    newest_first = query.get("sort", "asc") == "desc"
    from_symbol, from_time = _read_token(query.get("page_token", ""))
    found: list[Candle] = []
    for symbol in sorted(set(symbols)):
        if symbol < from_symbol or symbol not in market.handles:
            continue
        if symbol == from_symbol:
            bounds = (low, from_time - 1) if newest_first else (from_time + 1, high)
        else:
            bounds = (low, high)
        bars = candles(market, market.handles[symbol], frame, query.get("adjustment", "raw"), *bounds)
        found += reversed(bars) if newest_first else bars
        if len(found) > int(limit):
            return found[: int(limit)], _write_token(found[int(limit) - 1])
    return found, None


def quotes(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/quotes: those released, by symbol; `i` is the place of each among all ticks, which the broker has not."""
    return _ticks(asked, "quotes", is_quote=True)


def trades(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/trades."""
    return _ticks(asked, "trades", is_quote=False)


def orderbooks(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/orderbooks: released changes of levels, one a row, of whole messages; the broker has no such history."""
    market, found = asked.exchange.market, dict[str, list[Json]]()
    if isinstance(market, TickMarket):
        wanted, message = set(_symbols(asked)), dict[str, list[Json]]()
        for row in _rows_asked(asked, market):
            level = market.level(row)
            if level is None or level.symbol not in wanted:
                continue
            message.setdefault(level.symbol, []).append(_level_json(level))
            if level.last:
                found.setdefault(level.symbol, []).extend(message.pop(level.symbol))
    return 200, {"orderbooks": found, "next_page_token": None}


def _level_json(level: Level) -> Json:
    """A row of that history: `e` says that it ends its message."""
    return {
        "t": stamp(level.time), "i": level.number, "tks": _TAKER[level.side], "p": level.price, "s": level.size,
        "r": level.snapshot, "e": level.last,
    }  # fmt: skip


def message_json(levels: Sequence[Level]) -> Json:
    """A message of depth in the letters of the API, without its time: `r` says that it is the whole book."""
    sides = {
        name: [{"p": level.price, "s": level.size} for level in levels if level.side == side]
        for name, side in (("b", 1), ("a", -1))
    }
    return {**sides, "r": levels[0].snapshot, "i": levels[-1].number}


def _rows_asked(asked: Asked, market: TickMarket) -> range:
    """The released rows between `start` and `end`, inclusive."""
    times, until = market.feed.time, market.bar_index
    first = bisect_left(times, asked.moment("start", 0), 0, until)
    return range(first, bisect_right(times, asked.moment("end", _FOREVER), first, until))


def _ticks(asked: Asked, name: str, *, is_quote: bool) -> tuple[int, Any]:
    """A range of time of one kind, `start` and `end` inclusive, in one page."""
    market, found = asked.exchange.market, dict[str, list[Json]]()
    if not isinstance(market, TickMarket):
        return 200, {name: found, "next_page_token": None}
    wanted = set(_symbols(asked))
    for row in _rows_asked(asked, market):
        tick = market.tick(row)
        if tick is not None and tick.is_quote == is_quote and tick.symbol in wanted:
            found.setdefault(tick.symbol, []).append({**tick_json(tick), "t": stamp(tick.time), "i": tick.number})
    return 200, {name: found, "next_page_token": None}


def tick_json(tick: Tick) -> Json:
    """A tick in the letters of the API, without its time; an absent side is 0."""
    if not tick.is_quote:
        side = _TAKER.get(tick.aggressor, "")
        return {
            "p": tick.bid,
            "s": _shown(tick.bid_size),
            "i": tick.number,
            "tks": side,
            "x": "V",
            "c": ["@"],
            "z": "B",
        }
    sides = {"bp": tick.bid, "bs": tick.bid_size, "ap": tick.ask, "as": tick.ask_size}
    return {**{name: _shown(value) for name, value in sides.items()}, "bx": "V", "ax": "V", "c": ["R"], "z": "B"}


def _shown(value: float) -> float:
    """A number of a touch as JSON has it."""
    return value if isfinite(value) else 0.0


def _symbols(asked: Asked) -> list[str]:
    """The symbols of the query; raises Refused where there are none."""
    symbols = [name for name in asked.query.get("symbols", "").split(",") if name]
    if not symbols:
        raise Refused(400, 40010000, "symbols is required")
    return symbols


def _write_token(bar: Candle) -> str:
    """Where a page ended."""
    return base64.urlsafe_b64encode(f"{bar.symbol}|{bar.begin}".encode()).decode()


def _read_token(token: str) -> tuple[str, int]:
    """Where the page before ended; raises Refused for a token that is none."""
    if not token:
        return "", 0
    try:
        symbol, _, begin = base64.urlsafe_b64decode(token).decode().partition("|")
        return symbol, int(begin)
    except (binascii.Error, ValueError):
        raise malformed("invalid page_token") from None


def _last(market: Market, symbol: str) -> Candle | None:
    """The last released bar of a symbol."""
    row = market.last_row(market.handles[symbol]) if symbol in market.handles else -1
    return market.candle(row) if row >= 0 else None


def latest_bars(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/bars/latest."""
    found = {symbol: _last(asked.exchange.market, symbol) for symbol in _symbols(asked)}
    return 200, {"bars": {symbol: candle_json(bar) for symbol, bar in found.items() if bar}}


def latest_trades(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/trades/latest: of ticks the last trade, of bars the last close, as a trade of no stated size."""
    return 200, {"trades": _latest(asked, _trade, is_quote=False)}


def latest_quotes(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/quotes/latest: of ticks the last quote; the last close on both sides of bars, which have no quotes."""
    return 200, {"quotes": _latest(asked, _quote, is_quote=True)}


def _latest(asked: Asked, of_bar: Callable[[Candle], Json], *, is_quote: bool) -> Json:
    """What was last by symbol: a tick where there is one, else what a bar is made into."""
    market, found = asked.exchange.market, dict[str, Any]()
    for symbol in _symbols(asked):
        handle = market.handles.get(symbol, -1)
        tick = market.latest(handle, is_quote=is_quote) if isinstance(market, TickMarket) and handle >= 0 else None
        bar = None if tick is not None else _last(market, symbol)
        if tick is not None:
            found[symbol] = {**tick_json(tick), "t": stamp(tick.time)}
        elif bar is not None:
            found[symbol] = of_bar(bar)
    return found


def _trade(bar: Candle) -> Json:
    """A bar's close as a trade."""
    return {"t": stamp(bar.time), "x": "V", "p": bar.close, "s": 0, "c": ["@"], "i": 0, "z": "B"}


def _quote(bar: Candle) -> Json:
    """A bar's close as a quote."""
    return {
        "t": stamp(bar.time), "ax": "V", "ap": bar.close, "as": 0, "bx": "V", "bp": bar.close, "bs": 0, "c": ["R"],
        "z": "B",
    }  # fmt: skip


def snapshots(asked: Asked) -> tuple[int, Any]:
    """GET /v2/stocks/snapshots."""
    market = asked.exchange.market
    return 200, {symbol: _snapshot(market, symbol) for symbol in _symbols(asked) if _last(market, symbol)}


def _snapshot(market: Market, symbol: str) -> Json:
    """What is known of a symbol now; there is no minute bar where the data are daily."""
    handle = market.handles[symbol]
    last = market.candle(market.last_row(handle))
    days = candles(market, handle, Frame(1, "day"), "raw", last.begin - _WEEKS_NS, _FOREVER)
    return {
        "latestTrade": _trade(last),
        "latestQuote": _quote(last),
        "minuteBar": None if market.daily else candle_json(last),
        "dailyBar": candle_json(days[-1]) if days else None,
        "prevDailyBar": candle_json(days[-2]) if len(days) > 1 else None,
    }


def corporate_actions(asked: Asked) -> tuple[int, Any]:
    """GET /v1/corporate-actions: splits, dividends and renames by ex-date, released ones only, in one page."""
    market = asked.exchange.market
    symbols = [name for name in asked.query.get("symbols", "").split(",") if name]
    types = [name for name in asked.query.get("types", "").split(",") if name]
    low, high = asked.query.get("start", "0000-00-00")[:10], asked.query.get("end", "9999-99-99")[:10]
    found: dict[str, list[Json]] = {}
    wanted = {market.handles.get(name, -1) for name in symbols} or set(market.handles.values())
    earliest = _eve_of(low)
    for place, deed in enumerate(market.deeds()):
        if deed.time < earliest or deed.symbol not in wanted or deed.symbol < 0:
            continue
        kind, row = _corporate_action(market, deed, place)
        if row is not None and low <= row["process_date"] <= high and (not types or kind.removesuffix("s") in types):
            found.setdefault(kind, []).append(row)
    return 200, {"corporate_actions": found, "next_page_token": None}


def _eve_of(day: str) -> int:
    """A moment (ns UTC) before every session of a day and of those that follow; the beginning of time for no date."""
    try:
        return (date.fromisoformat(day).toordinal() - EPOCH_ORDINAL - 1) * DAY_NS
    except ValueError:
        return -(2**63)


def _corporate_action(market: Market, deed: Deed, place: int) -> tuple[str, Json | None]:
    """One action under the API's name for it; None for what the API has no name for."""
    symbol = market.symbols[deed.symbol]
    day = _date_of(market, deed.time)
    row: Json = {
        "id": str(uuid5(NAMESPACE_URL, f"stratofold exchange corporate action {symbol} {place}")), "symbol": symbol,
        "process_date": day, "ex_date": day, "record_date": day, "payable_date": day,
    }  # fmt: skip
    if deed.kind == DIVIDEND:
        return "cash_dividends", {**row, "cusip": "", "rate": deed.value, "special": False, "foreign": False}
    if deed.kind == SPLIT and deed.value >= 1.0:
        return "forward_splits", {**row, "cusip": "", **_ratio(deed.value)}
    if deed.kind == SPLIT:
        return "reverse_splits", {**row, "old_cusip": "", "new_cusip": "", **_ratio(deed.value)}
    if deed.kind == RENAME:
        return "name_changes", {**row, "old_symbol": symbol, "new_symbol": symbol, "old_cusip": "", "new_cusip": ""}
    return "", None


def _ratio(value: float) -> Json:
    """A ratio as new units for old ones: the smallest whole numbers that give this very double, where there are any."""
    for old in range(1, 1001):
        new = round(value * old)
        if new and new / old == value:
            return {"new_rate": new, "old_rate": old}
    return {"new_rate": value, "old_rate": 1}


def _date_of(market: Market, time: int) -> str:
    """The date of the session that a time belongs to."""
    k = market.sessions.session_of(time)
    return date.fromordinal(market.sessions.days[k]).isoformat()
