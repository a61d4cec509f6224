"""Released bars in other shapes: longer ones, and ones adjusted for splits and dividends.

What comes in: a market and what was asked for.  What goes out: candles in order of time.
Why it is shaped so: the replay has one span and raw prices, as they trade; what the API offers beside is worked out of
what has been released by now, so an adjustment never knows of a split to come.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from stratofold.events import DIVIDEND, SPLIT
from stratofold.exchange.dialect import malformed
from stratofold.market.zones import NEW_YORK, midnight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.exchange.market import Candle, Market

_MINUTE_NS = 60_000_000_000
_WRITTEN = re.compile(r"(\d+)(Min|T|Hour|H|Day|D|Week|W|Month|M)")
_MONTHS = (1, 2, 3, 4, 6, 12)
ADJUSTMENTS = {"raw": (), "split": (SPLIT,), "dividend": (DIVIDEND,), "all": (SPLIT, DIVIDEND)}
_DECIMALS = 4


class Frame(NamedTuple):
    """How long a bar is asked to be: `size` minutes, days, weeks or months."""

    size: int
    unit: str


def read_frame(text: str, market: Market) -> Frame:
    """A timeframe of the API; raises Refused for one that is none or shorter than the data's."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise malformed(f"invalid timeframe: {text}")
    count, unit = int(found[1]), found[2]
    if unit in {"Min", "T"}:
        frame, legal = Frame(count, "minute"), 1 <= count <= 59
    elif unit in {"Hour", "H"}:
        frame, legal = Frame(60 * count, "minute"), 1 <= count <= 23
    elif unit in {"Month", "M"}:
        frame, legal = Frame(count, "month"), count in _MONTHS
    else:
        frame, legal = Frame(1, "day" if unit in {"Day", "D"} else "week"), count == 1
    if not legal:
        raise malformed(f"invalid timeframe: {text}")
    if frame.unit == "minute" and frame.size * _MINUTE_NS < market.span_ns:
        raise malformed(f"{text} is shorter than the bars of this exchange, {market.span_ns // _MINUTE_NS} minutes")
    return frame


def candles(market: Market, handle: int, frame: Frame, adjustment: str, low: int, high: int) -> list[Candle]:
    """Released bars of a symbol that begin from `low` to `high` (ns UTC); raises Refused for an unknown adjustment."""
    if adjustment not in ADJUSTMENTS:
        raise malformed(f"invalid adjustment: {adjustment}")
    rows, begins, count = market.rows[handle], market.begins(handle), market.visible(handle)
    if _is_native(market, frame):
        first, last = bisect_left(begins, low, 0, count), bisect_right(begins, high, 0, count)
        return _adjusted(market, handle, [market.candle(rows[k]) for k in range(first, last)], ADJUSTMENTS[adjustment])
    everything = [market.candle(rows[k]) for k in range(count)]
    grouped = _grouped(market, _adjusted(market, handle, everything, ADJUSTMENTS[adjustment]), frame)
    return [bar for bar in grouped if low <= bar.begin <= high]


def _is_native(market: Market, frame: Frame) -> bool:
    """Whether the data have bars of this length."""
    if frame.unit == "day":
        return market.daily
    return frame.unit == "minute" and frame.size * _MINUTE_NS == market.span_ns


def _grouped(market: Market, bars: Sequence[Candle], frame: Frame) -> list[Candle]:
    """Longer bars; the last one may still grow."""
    grouped: list[Candle] = []
    for bar in bars:
        begin = _bucket(market, bar, frame)
        if grouped and grouped[-1].begin == begin:
            before = grouped[-1]
            grouped[-1] = before._replace(
                time=bar.time, high=max(before.high, bar.high), low=min(before.low, bar.low), close=bar.close,
                volume=before.volume + bar.volume,
            )  # fmt: skip
        else:
            grouped.append(bar._replace(begin=begin))
    return grouped


def _bucket(market: Market, bar: Candle, frame: Frame) -> int:
    """When the longer bar begins that this one belongs to."""
    if frame.unit == "minute":
        return bar.begin - bar.begin % (frame.size * _MINUTE_NS)
    day = market.sessions.days[market.sessions.session_of(bar.time)]
    if frame.unit == "week":
        day -= (day - 1) % 7
    first = date.fromordinal(day)
    if frame.unit == "month":
        first = first.replace(day=1, month=first.month - (first.month - 1) % frame.size)
    return midnight(first, NEW_YORK if market.calendar_name == "XNYS" else "UTC")


def _adjusted(market: Market, handle: int, bars: list[Candle], kinds: Sequence[int]) -> list[Candle]:
    """Bars in the units and prices of today: each is divided by the splits, and shrunk by the dividends, that followed.

    A dividend `d` on a last close `c` multiplies what was before by `1 - d / c`.
    """
    deeds = [deed for deed in market.deeds() if deed.symbol == handle and deed.kind in kinds] if kinds else []
    if not deeds:
        return bars
    times = [deed.time for deed in deeds]
    prices, units = [1.0] * (len(deeds) + 1), [1.0] * (len(deeds) + 1)
    for k in range(len(deeds) - 1, -1, -1):
        split = deeds[k].value if deeds[k].kind == SPLIT else 1.0
        paid = 1.0 - deeds[k].value / _close_before(market, handle, deeds[k].time) if deeds[k].kind == DIVIDEND else 1.0
        prices[k], units[k] = prices[k + 1] * paid / split, units[k + 1] * split
    found = []
    for bar in bars:
        k = bisect_right(times, bar.time)
        open_, high, low, close = (round(value * prices[k], _DECIMALS) for value in bar[3:7])
        found.append(bar._replace(open=open_, high=high, low=low, close=close, volume=round(bar.volume * units[k])))
    return found


def _close_before(market: Market, handle: int, time: int) -> float:
    """The last close before a time; infinite before the first, so that nothing is adjusted."""
    rows = market.rows[handle]
    k = bisect_left(rows, bisect_left(market.feed.time, time))
    return market.feed.close[rows[k - 1]] if k else float("inf")
