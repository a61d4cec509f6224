"""What is different about a run on ticks: its book, its venue, its columns, and the hooks that mean something.

What comes in: `TickData` and choices.  What goes out: the parts of an engine, and a feed.
Why apart: whoever runs on bars imports none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.fold.engine import HEARS_BAR, HEARS_BARS, HEARS_DEPTH, HEARS_QUOTE, HEARS_TRADE
from stratofold.fold.ticks.book import TickBook
from stratofold.fold.ticks.engine import DEPTH, QUOTE, TRADE, TickFeed
from stratofold.fold.ticks.ladder import Ladder
from stratofold.fold.ticks.queue import queue_of
from stratofold.fold.ticks.venue import TickVenue
from stratofold.market.tick_data import ROWS

if TYPE_CHECKING:
    from stratofold.fold.desk import Costs
    from stratofold.fold.ledger import Ledger
    from stratofold.market.tick_data import TickData

_HOOK_OF = {QUOTE: ("on_quote", HEARS_QUOTE), TRADE: ("on_trade", HEARS_TRADE), DEPTH: ("on_depth", HEARS_DEPTH)}


def tick_book(ledger: Ledger, data: TickData, capacity: int) -> TickBook:
    """A book in front of empty markets."""
    quoted = data.is_quoted
    ladders = [Ladder(prices.tolist(), is_quoted=quoted[k]) for k, prices in enumerate(data.levels)]
    return TickBook(ledger, ladders, capacity)


def tick_venue(ledger: Ledger, costs: Costs, queue: str, capacity: int) -> TickVenue:
    """A venue whose orders queue by the model called `queue`; raises Setup SF969 for a name that is none."""
    return TickVenue(ledger, costs, queue_of(queue), capacity)


def fill_rows(feed: TickFeed, data: TickData) -> None:
    """The columns of the ticks as they are."""
    for name in ROWS:
        setattr(feed, name, getattr(data, name))


def check_hooks(name: str, hears: int, data: TickData) -> None:
    """Raise Setup SF968 for a strategy that waits for what ticks never bring: bars, or a kind of tick that is not here."""
    here = [hook for kind, (hook, _) in _HOOK_OF.items() if kind in data.kinds]
    wanted = [hook for hook, flag in _HOOK_OF.values() if hears & flag]
    wanted += [hook for hook, flag in (("on_bar", HEARS_BAR), ("on_bars", HEARS_BARS)) if hears & flag]
    if wanted and not set(wanted) & set(here):
        raise Setup(
            "SF968",
            f"{name} has {' and '.join(wanted)}, and these data bring {' and '.join(here)}",
            why="no hook of it would ever be called",
            fix=f"write {here[0]}, or read other data",
        )
