"""Bars as candles on one page that needs nothing but a browser.

What comes in: `MarketData` and a line that says what it is.
What goes out: an HTML file, as the report is made: scripts and data in the file, nothing asked of any network.
"""

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.research import report_series as series
from stratofold.research.report import asset, filled, policy, save

if TYPE_CHECKING:
    from stratofold.market.data import MarketData

CANDLES_MAX = 20_000  # of all symbols together


AS_GIVEN = "prices as they are in the data"


def write(bars: "MarketData", path: Path, title: str, prices: str = AS_GIVEN) -> Path:
    """Write the page; `prices` says what was done to them. Returns the full path. Raises Setup SF502 if it can not be written."""
    return save(page(bars, title, prices), path)


def page(bars: "MarketData", title: str, prices: str = AS_GIVEN) -> str:
    """The page's text; no name in it can become a script."""
    each = max(CANDLES_MAX // len(bars.symbols), 50)
    data = json.dumps([_candles(bars, handle, each, prices) for handle in range(len(bars.symbols))], allow_nan=False)
    scripts = [asset("lightweight-charts.js"), asset("chart.js")]
    parts = {
        "policy": policy(scripts),
        "title": escape(title),
        "data": data.replace("<", "\\u003c"),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return filled(asset("chart.html"), parts)


def _candles(bars: "MarketData", handle: int, room: int, prices: str) -> dict[str, Any]:
    """One symbol's candles, and a line about them."""
    shown = series.candles(bars, handle, room)
    columns = (shown.seconds, shown.open, shown.high, shown.low, shown.close)
    rows = [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    many = f"{shown.every} bars a candle; " if shown.every > 1 else ""
    splits = "prices before a split are divided by it" if shown.adjusted else prices
    return {"name": bars.symbols[handle], "rows": rows, "daily": shown.daily, "said": many + splits}
