"""Coinbase Advanced Trade: bars and trades.  Its public market data need no key.

Source: Coinbase Advanced Trade API (GET market/products/{id}/candles and /ticker).
Ignores: the side of a trade, because the reference does not say whose it is; books of the past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from stratofold.adapters.network.moments import nanoseconds_of
from stratofold.adapters.sources.question import DAY_NS, SECOND_NS, Page, Question, Request
from stratofold.market.catalogue.kinds import BARS, TRADES

if TYPE_CHECKING:
    from collections.abc import Mapping

BARS_A_PAGE = 300  # 350 at most
TRADES_A_PAGE = 1_000
_WINDOW_SECONDS_MAX = 3_600


class CoinbaseHistory:
    """See `question.Source`."""

    name = "coinbase"
    url = "https://api.coinbase.com"
    requests_per_minute = 500  # ten a second, and room for others behind the same address
    kinds: tuple[str, ...] = (BARS, TRADES)
    spans: Mapping[int, str] = {
        60 * SECOND_NS: "ONE_MINUTE", 300 * SECOND_NS: "FIVE_MINUTE", 900 * SECOND_NS: "FIFTEEN_MINUTE", 1800 * SECOND_NS: "THIRTY_MINUTE",
        3600 * SECOND_NS: "ONE_HOUR", DAY_NS: "ONE_DAY",
    }  # fmt: skip
    calendar = "24/7"
    day_is_session = False
    headers: Mapping[str, str] = {"Accept": "application/json", "cache-control": "no-cache"}

    def first(self, question: Question) -> Request:
        """See `question.Source`."""
        start = -(-question.start // SECOND_NS)
        if question.kind == BARS:
            return self._bars_from(question, start)
        return self._trades_from(question, question.start // SECOND_NS, _WINDOW_SECONDS_MAX)

    def read(self, question: Question, request: Request, body: bytes) -> Page:
        """See `question.Source`; answers come newest first."""
        page: dict[str, Any] = msgspec.json.decode(body)
        if question.kind == BARS:
            return self._bars(question, request, page["candles"] or [])
        return self._trades(question, request, page["trades"] or [])

    def _bars_from(self, question: Question, start: int) -> Request:
        """Bars of one window; both ends are included."""
        span = question.span_ns // SECOND_NS
        end = min(start + (BARS_A_PAGE - 1) * span, (question.end - 1) // SECOND_NS)
        path = f"/api/v3/brokerage/market/products/{quote(question.symbol)}/candles"
        return Request(
            path, {"start": start, "end": end, "granularity": self.spans[question.span_ns], "limit": BARS_A_PAGE}
        )

    def _bars(self, question: Question, request: Request, rows: list[dict[str, Any]]) -> Page:
        rows = sorted(rows, key=lambda row: int(row["start"]))
        columns: dict[str, list[Any]] = {
            name: [float(row[name]) for row in rows] for name in ("open", "high", "low", "close", "volume")
        }
        columns["time"] = [int(row["start"]) * SECOND_NS for row in rows]
        after = int(request.query["start"]) + BARS_A_PAGE * (question.span_ns // SECOND_NS)
        if after * SECOND_NS >= question.end:
            return Page(columns, None, question.end)
        return Page(columns, self._bars_from(question, after), after * SECOND_NS)

    def _trades_from(self, question: Question, start: int, seconds: int) -> Request:
        """Trades of one window of whole seconds."""
        end = min(start + seconds, -(-question.end // SECOND_NS))
        path = f"/api/v3/brokerage/market/products/{quote(question.symbol)}/ticker"
        return Request(path, {"limit": TRADES_A_PAGE, "start": start, "end": end})

    def _trades(self, question: Question, request: Request, rows: list[dict[str, Any]]) -> Page:
        """A window whose answer is full may lack some: it is asked for again in halves."""
        start, end = int(request.query["start"]), int(request.query["end"])
        if len(rows) >= TRADES_A_PAGE and end - start > 1:
            return Page(_trade_columns([]), self._trades_from(question, start, (end - start) // 2), start * SECOND_NS)
        timed = sorted((nanoseconds_of(row["time"]), int(row["trade_id"]), row) for row in rows)
        inside = max(question.start, start * SECOND_NS), min(question.end, end * SECOND_NS)
        columns = _trade_columns([one for one in timed if inside[0] <= one[0] < inside[1]])
        if end * SECOND_NS >= question.end:
            return Page(columns, None, question.end)
        wider = min(2 * (end - start), _WINDOW_SECONDS_MAX)
        return Page(columns, self._trades_from(question, end, wider), end * SECOND_NS)


def _trade_columns(timed: list[tuple[int, int, dict[str, Any]]]) -> dict[str, list[Any]]:
    return {
        "time": [time for time, _, _ in timed], "price": [float(row["price"]) for *_, row in timed],
        "size": [float(row["size"]) for *_, row in timed], "id": [number for _, number, _ in timed],
    }  # fmt: skip
