"""Bars as candles on one page that needs nothing but a browser.

What comes in: `MarketData` and a line that says what it is.
What goes out: an HTML file, as the report is made: scripts and data in the file, nothing asked of any network.
"""

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratofold.research import report_series as series
from stratofold.research.report import asset, policy, save

if TYPE_CHECKING:
    from stratofold.market.data import MarketData

CANDLES_MAX = 20_000  # of all symbols together

_SCRIPT = """
const all = JSON.parse(document.getElementById("data").textContent);
const picker = document.getElementById("symbol");
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const ink = dark ? "#d8dee6" : "#24303c", line = dark ? "#2c3642" : "#e3e7ec";
const chart = LightweightCharts.createChart(document.getElementById("chart"), {
  autoSize: true, layout: { attributionLogo: false, background: { color: "transparent" }, textColor: ink },
  grid: { vertLines: { color: line }, horzLines: { color: line } }, localization: { locale: "en-GB", dateFormat: "yyyy-MM-dd" },
  timeScale: { minBarSpacing: 0.05, borderVisible: false }, rightPriceScale: { borderVisible: false },
});
const candles = chart.addSeries(LightweightCharts.CandlestickSeries, { priceLineVisible: false });
function show() {
  const one = all[picker.value];
  candles.setData(one.rows.map(([time, open, high, low, close]) => ({ time, open, high, low, close })));
  chart.applyOptions({ timeScale: { timeVisible: !one.daily } });
  chart.timeScale().fitContent();
  document.getElementById("said").textContent = one.said;
}
all.forEach((one, k) => picker.append(new Option(one.name, k)));
picker.addEventListener("change", show);
show();
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 1.5rem auto; max-width: 72rem; padding: 0 1rem; }}
#chart {{ height: 32rem; }}
p {{ opacity: 0.75; }}
</style>
</head>
<body>
<h1>{title}</h1>
<label>Symbol <select id="symbol"></select></label>
<noscript><p>The chart needs scripts.</p></noscript>
<div id="chart" role="img" aria-label="Candles"></div>
<p id="said" role="status"></p>
<script type="application/json" id="data">{data}</script>
{scripts}
</body>
</html>
"""


def write(bars: "MarketData", path: Path, title: str) -> Path:
    """Write the page; returns the full path. Raises Setup SF502 if it can not be written."""
    return save(page(bars, title), path)


def page(bars: "MarketData", title: str) -> str:
    """The page's text; no name in it can become a script."""
    each = max(CANDLES_MAX // len(bars.symbols), 50)
    data = json.dumps([_candles(bars, handle, each) for handle in range(len(bars.symbols))], allow_nan=False)
    scripts = [asset("lightweight-charts.js"), _SCRIPT]
    return _PAGE.format(
        policy=policy(scripts),
        title=escape(title),
        data=data.replace("<", "\\u003c"),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _candles(bars: "MarketData", handle: int, room: int) -> dict[str, Any]:
    """One symbol's candles, and a line about them."""
    shown = series.candles(bars, handle, room)
    columns = (shown.seconds, shown.open, shown.high, shown.low, shown.close)
    rows = [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    many = f"{shown.every} bars a candle; " if shown.every > 1 else ""
    splits = "prices before a split are divided by it" if shown.adjusted else "prices as they are in the data"
    return {"name": bars.symbols[handle], "rows": rows, "daily": shown.daily, "said": many + splits}
