"""Binance: bars and aggregate trades of spot, USD-M and COIN-M.  Nothing is signed, because market data are public.

Source: Binance Spot API documentation (GET /api/v3/klines, /api/v3/aggTrades); USD-M and COIN-M Futures, "Market Data".
Ignores: books of the past, which Binance does not serve; the single trades inside an aggregate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from stratofold.adapters.sources.question import DAY_NS, MILLISECOND_NS, SECOND_NS, Page, Question, Request
from stratofold.market.catalogue.kinds import BARS, TRADES

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS_A_PAGE = 1_000
# Market to its address and where its paths begin.
MARKETS = {
    "spot": ("https://api.binance.com", "/api/v3"), "usdm": ("https://fapi.binance.com", "/fapi/v1"),
    "coinm": ("https://dapi.binance.com", "/dapi/v1"),
}  # fmt: skip


class BinanceHistory:
    """See `question.Source`."""

    name: str
    requests_per_minute = 1_200  # bars weigh 2 and aggregate trades 4 of 6,000 a minute
    kinds: tuple[str, ...] = (BARS, TRADES)
    spans: Mapping[int, str] = {
        SECOND_NS: "1s", 60 * SECOND_NS: "1m", 300 * SECOND_NS: "5m", 900 * SECOND_NS: "15m", 1800 * SECOND_NS: "30m",
        3600 * SECOND_NS: "1h", 14_400 * SECOND_NS: "4h", DAY_NS: "1d",
    }  # fmt: skip
    calendar = "24/7"
    day_is_session = False
    headers: Mapping[str, str] = {"Accept": "application/json"}

    def __init__(self, market: str = "spot") -> None:
        """`market` is spot, usdm or coinm."""
        self.url, self._root = MARKETS[market]
        self.name = "binance" if market == "spot" else f"binance-{market}"

    def first(self, question: Question) -> Request:
        """See `question.Source`."""
        bounds = {"startTime": -(-question.start // MILLISECOND_NS), "endTime": (question.end - 1) // MILLISECOND_NS}
        if question.kind == BARS:
            return Request(
                f"{self._root}/klines",
                {"symbol": question.symbol, "interval": self.spans[question.span_ns], **bounds, "limit": ROWS_A_PAGE},
            )
        # A range of time may be an hour at most where both ends are said; after the first page ids lead on.
        return Request(
            f"{self._root}/aggTrades",
            {"symbol": question.symbol, "startTime": bounds["startTime"], "limit": ROWS_A_PAGE},
        )

    def read(self, question: Question, request: Request, body: bytes) -> Page:
        """See `question.Source`."""
        rows: list[Any] = msgspec.json.decode(body, type=list)
        return _bars(question, request, rows) if question.kind == BARS else _trades(question, request, rows)


def _bars(question: Question, request: Request, rows: list[list[Any]]) -> Page:
    names = ("open", "high", "low", "close", "volume")
    columns: dict[str, list[Any]] = {name: [float(row[1 + k]) for row in rows] for k, name in enumerate(names)}
    columns["time"] = [int(row[0]) * MILLISECOND_NS for row in rows]
    if len(rows) < ROWS_A_PAGE:
        return Page(columns, None, question.end)
    following = columns["time"][-1] + question.span_ns
    return Page(columns, Request(request.path, {**request.query, "startTime": following // MILLISECOND_NS}), following)


def _trades(question: Question, request: Request, rows: list[dict[str, Any]]) -> Page:
    full = len(rows) >= ROWS_A_PAGE
    mine = [row for row in rows if int(row["T"]) * MILLISECOND_NS < question.end]
    columns: dict[str, list[Any]] = {
        "time": [int(row["T"]) * MILLISECOND_NS for row in mine], "price": [float(row["p"]) for row in mine],
        "size": [float(row["q"]) for row in mine], "id": [int(row["a"]) for row in mine],
        "aggressor": [-1 if row["m"] else 1 for row in mine],
    }  # fmt: skip
    if not full or len(mine) < len(rows):
        return Page(columns, None, question.end)
    after: dict[str, str | int] = {"symbol": question.symbol, "fromId": int(rows[-1]["a"]) + 1, "limit": ROWS_A_PAGE}
    return Page(columns, Request(request.path, after), columns["time"][-1])
