"""Alpaca's history of US stocks: bars, trades, quotes, corporate actions.

Source: Alpaca's Market Data API reference (stocks/bars, /trades, /quotes; corporate-actions).
Ignores: crypto and options, adjusted prices, rows of other feeds than the one asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.adapters.feeds.alpaca_translate import TIMEFRAMES, action_page, actions_of
from stratofold.adapters.network.moments import day_of, nanoseconds_of, text_of
from stratofold.adapters.sources.question import DAY_NS, Page, Question, Request
from stratofold.events import Action
from stratofold.market.actions import KINDS
from stratofold.market.catalogue.kinds import ACTIONS, BARS, QUOTES, TRADES
from stratofold.market.sessions import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS_A_PAGE = 10_000
_PAID_WITHIN_DAYS = 120  # Alpaca selects actions by the day on which it processes them
_WORDS = {number: word for word, number in KINDS.items()}


class AlpacaHistory:
    """See `question.Source`."""

    name = "alpaca"
    url = "https://data.alpaca.markets"
    requests_per_minute = 200
    kinds: tuple[str, ...] = (BARS, TRADES, QUOTES, ACTIONS)
    spans: Mapping[int, str] = TIMEFRAMES
    calendar = "XNYS"
    day_is_session = True

    def __init__(self, key_id: str, secret_key: str, *, feed: str = "iex") -> None:
        """`feed` is "iex" (free), "sip" or "otc"."""
        self._keys = (key_id, secret_key)
        self._feed = feed

    def __repr__(self) -> str:
        """No keys."""
        return f"AlpacaHistory({self._feed})"

    @property
    def headers(self) -> dict[str, str]:
        """See `question.Source`."""
        return {"APCA-API-KEY-ID": self._keys[0], "APCA-API-SECRET-KEY": self._keys[1], "Accept": "application/json"}

    def first(self, question: Question) -> Request:
        """See `question.Source`."""
        if question.kind == ACTIONS:
            query: dict[str, str | int] = {
                "symbols": question.symbol, "start": day_of(question.start - 7 * DAY_NS),
                "end": day_of(question.end + _PAID_WITHIN_DAYS * DAY_NS), "sort": "asc", "limit": 1000,
            }  # fmt: skip
            return Request("/v1/corporate-actions", query)
        query = {
            "symbols": question.symbol, "start": text_of(question.start), "end": text_of(question.end - 1), "feed": self._feed,
            "sort": "asc", "limit": ROWS_A_PAGE,
        }  # fmt: skip
        if question.kind == BARS:
            query |= {"timeframe": self.spans[question.span_ns], "adjustment": "raw"}
        return Request(f"/v2/stocks/{question.kind}", query)

    def read(self, question: Question, request: Request, body: bytes) -> Page:
        """See `question.Source`."""
        token: str | None
        if question.kind == ACTIONS:
            found = action_page.decode(body)
            columns, token = _actions(question, found), found.next_page_token
        else:
            page: dict[str, Any] = msgspec.json.decode(body)
            rows = (page[question.kind] or {}).get(question.symbol, [])
            columns, token = _COLUMNS[question.kind](rows), page.get("next_page_token")
        following = Request(request.path, {**request.query, "page_token": token}) if token else None
        reached = question.end if following is None else max(columns["time"], default=question.start)
        return Page(columns, following, reached)


def _bars(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    return {"time": _times(rows), **{ours: [float(row[theirs]) for row in rows] for ours, theirs in names.items()}}


def _trades(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {
        "time": _times(rows), "price": [float(row["p"]) for row in rows], "size": [float(row["s"]) for row in rows],
        "id": [row.get("i") for row in rows], "exchange": [row.get("x") for row in rows],
        "condition": [",".join(row.get("c") or []) for row in rows],
    }  # fmt: skip


def _quotes(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = {"bid": "bp", "bid_size": "bs", "ask": "ap", "ask_size": "as"}
    found = {ours: [float(row[theirs]) for row in rows] for ours, theirs in names.items()}
    return {"time": _times(rows), **found, "exchange": [f"{row.get('bx', '')}/{row.get('ax', '')}" for row in rows]}


def _times(rows: list[dict[str, Any]]) -> list[int]:
    return [nanoseconds_of(row["t"]) for row in rows]


def _actions(question: Question, page: Any) -> dict[str, list[Any]]:
    """Actions at the midnight of their ex-date."""
    named = [event for symbol, event in actions_of(page, calendar("XNYS")) if symbol == question.symbol]
    mine = [event for event in named if isinstance(event, Action) and question.start <= event.time < question.end]
    return {
        "time": [event.time // DAY_NS * DAY_NS for event in mine],
        "action": [_WORDS[event.kind] for event in mine],
        "value": [event.value for event in mine],
    }


_COLUMNS = {BARS: _bars, TRADES: _trades, QUOTES: _quotes}
