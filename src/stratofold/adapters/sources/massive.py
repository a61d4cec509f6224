"""Massive (formerly Polygon): bars, trades and quotes of US stocks, splits and dividends.

Source: Massive's REST reference (v2/aggs, v3/trades, v3/quotes, v3/reference/splits and /dividends).
Ignores: adjusted prices, other asset classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec

from stratofold.adapters.network.moments import day_of, nanoseconds_of
from stratofold.adapters.sources.question import DAY_NS, MILLISECOND_NS, SECOND_NS, Page, Question, Request
from stratofold.market.catalogue.kinds import ACTIONS, BARS, QUOTES, TRADES

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS_A_PAGE = 50_000
_ACTIONS_A_PAGE = 1_000
_SPLITS, _DIVIDENDS = "/v3/reference/splits", "/v3/reference/dividends"


class MassiveHistory:
    """See `question.Source`."""

    name = "massive"
    url = "https://api.massive.com"
    requests_per_minute = 5  # of the free plan; a plan that is paid for has none
    kinds: tuple[str, ...] = (BARS, TRADES, QUOTES, ACTIONS)
    spans: Mapping[int, str] = {
        SECOND_NS: "1/second", 60 * SECOND_NS: "1/minute", 300 * SECOND_NS: "5/minute", 900 * SECOND_NS: "15/minute",
        3600 * SECOND_NS: "1/hour", DAY_NS: "1/day",
    }  # fmt: skip
    calendar = "XNYS"
    day_is_session = True

    def __init__(self, key: str) -> None:
        """With a key."""
        self._key = key

    def __repr__(self) -> str:
        """No key."""
        return "MassiveHistory()"

    @property
    def headers(self) -> dict[str, str]:
        """See `question.Source`."""
        return {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}

    def first(self, question: Question) -> Request:
        """See `question.Source`."""
        ticker = quote(question.symbol, safe=".")
        if question.kind == BARS:
            first, last = question.start // MILLISECOND_NS, (question.end - 1) // MILLISECOND_NS
            path = f"/v2/aggs/ticker/{ticker}/range/{self.spans[question.span_ns]}/{first}/{last}"
            return Request(path, {"adjusted": "false", "sort": "asc", "limit": ROWS_A_PAGE})
        if question.kind == ACTIONS:
            return _reference(_SPLITS, "execution_date", question)
        query: dict[str, str | int] = {
            "timestamp.gte": question.start,
            "timestamp.lt": question.end,
            "order": "asc",
            "sort": "timestamp",
            "limit": ROWS_A_PAGE,
        }
        return Request(f"/v3/{question.kind}/{ticker}", query)

    def read(self, question: Question, request: Request, body: bytes) -> Page:
        """See `question.Source`; `next_url` is followed at the address in use, so the key is shown to nobody else."""
        page: dict[str, Any] = msgspec.json.decode(body)
        rows: list[dict[str, Any]] = page.get("results") or []
        columns = _columns(question, request, rows)
        following = _next(page.get("next_url"))
        if following is None and request.path == _SPLITS:
            following = _reference(_DIVIDENDS, "ex_dividend_date", question)
        reached = question.end if following is None else max(columns["time"], default=question.start)
        return Page(columns, following, question.start if question.kind == ACTIONS and following else reached)


def _reference(path: str, day: str, question: Question) -> Request:
    first, last = day_of(question.start), day_of(question.end - 1)
    return Request(
        path,
        {
            "ticker": question.symbol,
            f"{day}.gte": first,
            f"{day}.lte": last,
            "order": "asc",
            "sort": day,
            "limit": _ACTIONS_A_PAGE,
        },
    )


def _next(url: str | None) -> Request | None:
    if not url:
        return None
    parts = urlsplit(url)
    return Request(parts.path, {name: value for name, value in parse_qsl(parts.query) if name != "apiKey"})


def _columns(question: Question, request: Request, rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    if question.kind == BARS:
        names = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
        found = {ours: [float(row[theirs]) for row in rows] for ours, theirs in names.items()}
        found["volume"] = [_with_fractions(row, "dv", "v") for row in rows]
        return {"time": [row["t"] * MILLISECOND_NS for row in rows], **found}
    if question.kind == TRADES:
        return {
            "time": [row["sip_timestamp"] for row in rows], "price": [float(row["price"]) for row in rows],
            "size": [_with_fractions(row, "decimal_size", "size") for row in rows], "id": [_whole(row.get("id")) for row in rows],
            "exchange": [str(row.get("exchange", "")) for row in rows],
            "condition": [",".join(str(one) for one in row.get("conditions") or []) for row in rows],
        }  # fmt: skip
    if question.kind == QUOTES:
        names = {"bid": "bid_price", "bid_size": "bid_size", "ask": "ask_price", "ask_size": "ask_size"}
        found = {ours: [float(row.get(theirs, 0.0)) for row in rows] for ours, theirs in names.items()}
        venues = [f"{row.get('bid_exchange', '')}/{row.get('ask_exchange', '')}" for row in rows]
        return {"time": [row["sip_timestamp"] for row in rows], **found, "exchange": venues}
    if request.path == _SPLITS:
        ratios = [float(row["split_to"]) / float(row["split_from"]) for row in rows]
        return {
            "time": [_midnight(row["execution_date"]) for row in rows],
            "action": ["split"] * len(rows),
            "value": ratios,
        }
    cash = [float(row["cash_amount"]) for row in rows]
    return {
        "time": [_midnight(row["ex_dividend_date"]) for row in rows],
        "action": ["dividend"] * len(rows),
        "value": cash,
    }


def _with_fractions(row: dict[str, Any], name: str, whole: str) -> float:
    """A size with fractions of shares, where it is said; the whole shares otherwise."""
    return float(row.get(name) or row[whole])


def _whole(text: object) -> int | None:
    """A trade's id where it is a number."""
    return int(text) if isinstance(text, str) and text.isdigit() and len(text) < 19 else None


def _midnight(day: str) -> int:
    return nanoseconds_of(f"{day}T00:00:00Z")
