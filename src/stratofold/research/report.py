"""The report: one HTML file that needs nothing but a browser.

What comes in: a `Result`.
What goes out: a page of at most 1 MB with charts, tables and assumptions, which asks nothing of any network.
Why it is shaped so: a report is mailed, archived and opened years later, so scripts, styles and data lie in the file
itself; the data are packed (zlib, base64) and thinned until they fit.  A content security policy names the hash of each
script, so neither a strategy's name nor a symbol can become one.
"""

import base64
import hashlib
import json
import re
import zlib
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.research import report_series as series
from stratofold.research import report_tables as tables
from stratofold.research.stats import money_decimals

if TYPE_CHECKING:
    from stratofold.research.frames_out import Frame
    from stratofold.research.result import Result

SIZE_MAX = 1_000_000
CANDLES_MAX = 42_000  # of all symbols together; a symbol alone may have CANDLES_OF_ONE_MAX
CANDLES_OF_ONE_MAX = 6_000
ROWS_MAX = 5_000
SCRIPTS = ("lightweight-charts.js", "uplot.js", "report.js")
STYLES = ("uplot.css", "report.css")
TRADE_COLUMNS = ("opened", "closed", "bars", "quantity", "entry_price", "exit_price", "profit", "fees")
REFUSAL_COLUMNS = ("time", "quantity", "limit", "observed")


def default_path(strategy: str) -> Path:
    """A file of the strategy's name in the working folder."""
    return Path((re.sub(r"[^A-Za-z0-9]+", "-", strategy).strip("-") or "strategy") + "-report.html")


def write(result: "Result", path: Path) -> Path:
    """Write the page to `path`; returns the full path. Raises Setup SF502 if it can not be written."""
    return save(page(result), path)


def save(html: str, path: Path) -> Path:
    """Write a page to `path`; returns the full path. Raises Setup SF502 if it can not be written."""
    try:
        path.write_text(html, encoding="utf-8", newline="\n")
    except OSError as error:
        raise Setup(
            "SF502",
            "the report can not be written",
            place=str(path),
            why=error.strerror or str(error),
            fix="give report() a path in a folder that exists and that you may write to",
        ) from error
    return path.resolve()


def page(result: "Result", size_max: int = SIZE_MAX) -> str:
    """The page, thinned by halves until it is at most `size_max` bytes."""
    room = 1.0
    while True:
        html = _assemble(result, payload(result, room))
        if len(html.encode()) <= size_max or room < 0.01:
            return html
        room /= 2.0


def payload(result: "Result", room: float = 1.0) -> dict[str, Any]:
    """What the charts and the long tables show; `room` is the part of the usual number of points and rows."""
    rows = max(int(ROWS_MAX * room), 1)
    return {
        "currency": result.currency,
        "decimals": money_decimals(result.currency),
        "symbols": _symbols(result, room),
        "names": list(result.symbols),
        "curve": series.packed_curve(
            series.curve(result, int(series.POINTS_MAX * max(room, 0.1))), money_decimals(result.currency)
        ),
        "trades": _latest(result, result.trades, TRADE_COLUMNS, rows),
        "refusals": _latest(result, result.refusals, REFUSAL_COLUMNS, rows // 5 + 1),
    }


def _symbols(result: "Result", room: float) -> list[dict[str, Any]]:
    """Candles and trade markers of every symbol."""
    bars = result.bars
    if bars is None:
        return []
    each = max(int(min(CANDLES_OF_ONE_MAX, CANDLES_MAX / len(bars.symbols)) * room), 10)
    fills = {name: np.asarray(column) for name, column in result.fills.raw.items()} if len(result.fills) else None
    packed = []
    for handle, name in enumerate(bars.symbols):
        shown = series.candles(bars, handle, each)
        marks = series.markers(fills, handle, shown) if fills else []
        decimals = bars.instruments[handle].price_decimals
        packed.append({"name": name, **series.packed_candles(shown, decimals), "marks": marks})
    return packed


def _latest(result: "Result", frame: "Frame", columns: tuple[str, ...], rows: int) -> dict[str, Any]:
    """The latest rows of a frame for a table on the page: times in seconds, names as text."""
    count = len(frame)
    first = max(count - rows, 0)
    shown: dict[str, Any] = {"count": count}
    for column in ("symbol", "side", "reason"):
        if column in frame.columns:
            shown[column] = frame[column][first:]
    for column in columns:
        if column in frame.columns:
            shown[column] = [_number(column, value) for value in np.asarray(frame.raw[column])[first:count].tolist()]
    if "symbol" in shown:
        place = {name: number for number, name in enumerate(result.symbols)}
        shown["symbol"] = [place.get(name, -1) for name in shown["symbol"]]
    return shown


def _number(column: str, value: float) -> float | int | None:
    """A number of a table: a time in seconds, anything else with at most eight digits; null for NaN."""
    if column in {"opened", "closed", "time"}:
        return int(value) // series.SECOND
    return None if value != value else series.short(value)  # noqa: PLR0124 - NaN alone differs from itself


def _assemble(result: "Result", data: dict[str, Any]) -> str:
    """The template with its parts put in."""
    scripts = [asset(name) for name in SCRIPTS]
    days, equity = result.session_equity()
    parts = {
        "policy": policy(scripts),
        "title": escape(f"{result.strategy}: backtest report"),
        "styles": "\n".join(f"<style>{asset(name)}</style>" for name in STYLES),
        "strategy": escape(result.strategy),
        "scope": escape(_scope(result)),
        "assumed": tables.assumed(result),
        "headlines": tables.headlines(result),
        "monthly": tables.monthly(
            days, equity, float(result.stats.get("initial_equity", equity[0] if equity else 0.0))
        ),
        "statistics": tables.statistics(result),
        "orders": tables.orders(result),
        "refusals": tables.refusals(result),
        "assumptions": tables.assumptions(result),
        "provenance": tables.provenance(result),
        "data": _packed(data),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    return filled(asset("report.html"), parts)


def filled(template: str, parts: dict[str, str]) -> str:
    """A template with its parts put in, once: what a part says in braces stays as it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)


def _scope(result: "Result") -> str:
    """Symbols, period and size, for the line under the name."""
    many = len(result.symbols) > 6
    symbols = ", ".join(result.symbols[:6]) + (f" and {len(result.symbols) - 6} more" if many else "")
    stats = result.stats
    period = [f"{stats.text('start')} to {stats.text('end')}"] if stats.get("start") and stats.get("end") else []
    sessions = [f"{stats.text('sessions')} session{'s' * (stats['sessions'] != 1)}"] if "sessions" in stats else []
    return " · ".join([symbols, *period, *sessions])


def asset(name: str) -> str:
    """The text of one file beside this module."""
    return (files("stratofold.research") / "assets" / name).read_text(encoding="utf-8")


def policy(scripts: list[str]) -> str:
    """The content security policy: only these scripts run, and nothing is fetched from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def _packed(data: dict[str, Any]) -> str:
    """Data as base64 of zlib of JSON: letters, digits, plus, slash and equals only."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()
