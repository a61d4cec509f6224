"""Short words for tests by hand figures: day bars, a scenario around them, and what to look at afterwards.

A day is 1000 long: its session opens at 300 and closes at 900, and a daily bar is complete at 900.  Words are said
after bar 0 (day 0, close 100) unless a test says otherwise.
"""

import pytest

from tests.harness import run_scenario

from .scenario import Bar, Costs, Happening, Instrument, Scenario, Script, Session, Word
from .simulator import simulate

RUNNERS = {"reference": simulate, "fold": run_scenario}
both = pytest.mark.parametrize("run", RUNNERS.values(), ids=RUNNERS)

FIRST = (100.0, 100.0, 100.0, 100.0)
SESSIONS = tuple(Session(1000 * day + 300, 1000 * day + 900, 730_000 + day, day % 7) for day in range(12))


def daily(*rows, symbol=0, volume=1000.0):
    return [Bar(1000 * day + 900, symbol, *row, volume=volume, span=600) for day, row in enumerate(rows)]


def hundreds(*rows, symbol=0, first=0, volume=1000.0):
    """Bars of a sixth of a session, from number `first` of day 0 on, six a day."""
    places = [divmod(first + i, 6) for i in range(len(rows))]
    times = [1000 * day + 400 + 100 * part for day, part in places]
    return [Bar(time, symbol, *row, volume=volume, span=100) for time, row in zip(times, rows, strict=True)]


def play(run, rows, *words, on_bar=None, on_fill=None, bars=None, **more):
    """The outcome of `words` after bar 0 of day bars FIRST and `rows`."""
    market = {name: more.pop(name) for name in ("cash", "happenings", "currencies", "instruments") if name in more}
    bars = daily(FIRST, *rows) if bars is None else bars
    bars = sorted(bars, key=lambda bar: (bar.time, bar.symbol))
    market.setdefault("instruments", (Instrument(),))
    scenario = Scenario(bars=bars, sessions=SESSIONS, costs=Costs(**more), **market)
    return run(scenario, Script({0: words} if on_bar is None else on_bar, on_fill or {}))


def fills(outcome):
    """(day, number, signed quantity, price) of each fill."""
    return [(time // 1000, number, side * size, price) for time, number, _, side, size, price, _, _ in outcome.fills]


def states(outcome):
    return [state for _, state, _ in outcome.orders]


def buy(quantity, **more):
    return Word("buy", quantity=float(quantity), **more)


def sell(quantity, **more):
    return Word("sell", quantity=float(quantity), **more)


def cancel(number):
    return Word("cancel", number=number)


def target(name, value, symbol=0):
    return Word("target_" + name, symbol, value=float(value))


FLAT = (100.0, 101.0, 99.0, 100.0)
HELD = {0: [buy(10)]}
BRACKET = {"take_profit": 102.0, "stop_loss": 98.0}


def at(kind, value=float("nan"), day=2, **more):
    return Happening(1000 * day + 300, kind, value=value, **{"symbol": 0} | more)
