"""Whether the engine of one market would be the engine of another, to the last number.

What comes in: two markets and the assumptions that both are heard with.  What goes out: yes, or no where it is not sure.
Why so: with a book for each symbol most symbols differ in their bars alone, and their cells run in one engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.fold.order import Contract
from stratofold.market.contracts import contracts_of
from stratofold.research.prepare import is_ticks

if TYPE_CHECKING:
    from stratofold.market.data import MarketData
    from stratofold.market.sessions import Calendar
    from stratofold.research.prepare import Options


def are_alike(one: MarketData, other: MarketData, options: Options) -> bool:
    """Whether `prepare.build_engine` makes the same of both: instruments of the same numbers, one calendar, one currency.

    Other currencies need rates, which each market has for itself; an equity curve is as long as its market.
    """
    if is_ticks(one) or is_ticks(other) or options.equity_curve or not _are_same(one.calendar, other.calendar):
        return False
    if {each.currency for each in (*one.instruments, *other.instruments)} != {options.base}:
        return False
    return _differ_in_name(one, other) or _numbers(one, options) == _numbers(other, options)


def _differ_in_name(one: MarketData, other: MarketData) -> bool:
    """Whether instruments differ in what they are called and in nothing else."""
    rest = [[vars(each) | {"symbol": ""} for each in market.instruments] for market in (one, other)]
    return rest[0] == rest[1]


def _are_same(one: Calendar, other: Calendar) -> bool:
    """Whether two calendars have the same sessions."""
    columns = ("sessions_per_year", "opens", "closes", "days")
    return one is other or all(getattr(one, name) == getattr(other, name) for name in columns)


def _numbers(market: MarketData, options: Options) -> list[list[float]]:
    """What the fold knows of a market's instruments."""
    contracts = contracts_of(market.instruments, [options.base])
    return [[getattr(each, name) for name in Contract.__slots__] for each in contracts]
