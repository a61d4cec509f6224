"""Currency rates and halts: what is neither a price nor an action, and yet decides what equity is and what can fill.

What comes in: a mapping from currency to a number or a table, and a table of halts and resumptions.
What goes out: the same `MarketData` with `Rates` and `Statuses`.
Why it is shaped so: a rate of a date is known when that day's session closes and no earlier; a halt of a date holds from its
open.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold import events
from stratofold.errors import Setup
from stratofold.market import spelling
from stratofold.market.data import Rates, Statuses
from stratofold.market.sessions import calendar
from stratofold.market.tables import recognised
from stratofold.market.times import read_times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.market.data import Floats, Ints, MarketData

_RATE_NAMES = ("rate", "value", "close", "price", "mid", "fx")
_STATUS_KINDS = {"halt": events.HALT, "resume": events.RESUME}


def read_rates(market: MarketData, given: Mapping[str, Any], zone: str | None = None) -> MarketData:
    """`market` with rates into the base currency, by currency: a number for all time, or a table of time and rate.

    Raises Setup for a currency of no instrument here, and for rates that are not above 0.
    """
    time, number, value = [], [], []
    for currency, rates in given.items():
        if currency not in market.currencies:
            raise _no_such_currency(currency, market.currencies)
        own_time, own_value = _rates_of(market, currency, rates, zone)
        wrong = np.flatnonzero(~((own_value > 0.0) & (own_value < np.inf)))
        if len(wrong):
            raise Setup(
                "SF264",
                f"the rate {float(own_value[wrong[0]])!r} of {currency} cannot be",
                place=f"rates, {currency}, row {int(wrong[0])}",
                fix="give the price of one unit in the base currency, a number above 0",
            )
        time.append(own_time)
        value.append(own_value)
        number.append(np.full(len(own_time), market.currencies.index(currency), np.int64))
    times, numbers = np.concatenate(time), np.concatenate(number)
    order = np.lexsort((numbers, times))
    return replace(market, rates=Rates(times[order], numbers[order], np.concatenate(value)[order]))


def _rates_of(market: MarketData, currency: str, rates: Any, zone: str | None) -> tuple[Ints, Floats]:
    """Times and rates of one currency; a number holds from before the first bar."""
    from stratofold.market.frames import tables

    if isinstance(rates, int | float):
        return np.array([int(market.time[0]) - market.span_ns], np.int64), np.array([float(rates)])
    table = next(iter(tables(rates)))
    source = f"rates, {currency}"
    found = dict(recognised(table.names))
    for position, name in enumerate(table.names):
        if spelling.plain(name) in _RATE_NAMES:
            found["rate"] = position
    missing = [word for word in ("time", "rate") if word not in found]
    if missing:
        raise spelling.missing_column(source, table.names, missing)
    times = read_times(table.times(found["time"]), source, zone, [])
    return _at_sessions(market, times.values, "closes") if times.days else times.values, table.floats(found["rate"])


def read_statuses(market: MarketData, given: Any, zone: str | None = None) -> MarketData:
    """`market` with halts and resumptions from a table of symbol, time or date, and kind ("halt", "resume").

    Raises Setup for a symbol or a kind that is not known.
    """
    from stratofold.market.frames import tables

    table = next(iter(tables(given)))
    found = dict(recognised(table.names))
    for position, name in enumerate(table.names):
        if spelling.plain(name) in ("kind", "status", "type", "action"):
            found["kind"] = position
    missing = [word for word in ("time", "symbol", "kind") if word not in found]
    if missing:
        raise spelling.missing_column("statuses", table.names, missing)
    times = read_times(table.times(found["time"]), "statuses", zone, [])
    time = _at_sessions(market, times.values, "opens") if times.days else times.values
    codes, names = table.symbols(found["symbol"])
    handles = np.array([market.handle(name) for name in names], np.int64)[codes]
    words, kinds = table.symbols(found["kind"])
    kind = np.array([_status_kind(word) for word in kinds], np.int64)[words]
    order = np.lexsort((handles, time))
    return replace(market, statuses=Statuses(time[order], kind[order], handles[order]))


def _at_sessions(market: MarketData, days: Ints, column: str) -> Ints:
    """The open or close of each date's session, or of the next one."""
    whole = calendar(market.calendar.name)
    places = np.minimum(np.frombuffer(whole.days, np.int64).searchsorted(days), len(whole) - 1)
    return np.frombuffer(getattr(whole, column), np.int64)[places]


def _status_kind(word: str) -> int:
    """The number of a kind by its name."""
    kind = _STATUS_KINDS.get(word.strip().lower())
    if kind is None:
        raise Setup("SF265", f"the status {word!r} is not known", place="statuses", fix='use "halt" or "resume"')
    return kind


def _no_such_currency(currency: str, currencies: tuple[str, ...]) -> Setup:
    near = get_close_matches(currency.upper(), currencies, n=1)
    return Setup(
        "SF263",
        f"no instrument trades in {currency}",
        place="rates",
        why=f"the currencies are {', '.join(currencies)}",
        fix=f"did you mean {near[0]!r}?" if near else "leave its rates out, or say the currency of the instruments",
    )
