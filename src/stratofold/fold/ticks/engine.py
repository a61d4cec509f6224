"""What one run on quotes, trades and depth holds beside the strategy, and the columns it hears."""

from array import array

from stratofold.events import Depth, Quote, Trade
from stratofold.fold.engine import Engine, Feed
from stratofold.fold.log import Logs
from stratofold.fold.risk import Risk
from stratofold.fold.sessions import Sessions
from stratofold.fold.tally import Tally
from stratofold.fold.ticks.book import TickBook
from stratofold.fold.ticks.venue import TickVenue

# What a row of a feed is.
QUOTE, TRADE, DEPTH = range(3)
# What a change of a level says beside its numbers, as a sum: its message is complete with it; it is of a snapshot; it
# is the first of one.
LAST, SNAPSHOT, FIRST = 1, 2, 4


class TickFeed(Feed):
    """The columns of a run on ticks: rows in order of time; `kind` says what a row is.

    quote: `price` and `size` are the bid's, `ask` and `ask_size` the offer's; trade: `side` is the aggressor; depth:
    `level` is the place of `price` in its ladder and `flags` a sum of `LAST`, `SNAPSHOT`, `FIRST`.
    `symbol` has one element when there is one symbol.
    """

    __slots__ = ("ask", "ask_size", "flags", "kind", "level", "price", "side", "size")

    def __init__(self) -> None:
        """No rows and no events."""
        super().__init__()
        self.kind = array("q")
        self.side = array("q")
        self.level = array("q")
        self.flags = array("q")
        self.price = array("d")
        self.size = array("d")
        self.ask = array("d")
        self.ask_size = array("d")


class TickEngine(Engine):
    """One run's state on ticks; `bar_index` counts the rows that were heard."""

    __slots__ = ("depth", "quote", "trade")

    book: TickBook
    venue: TickVenue

    def __init__(
        self, book: TickBook, risk: Risk, venue: TickVenue, tally: Tally, sessions: Sessions, logs: Logs, hears: int
    ) -> None:
        """A run before its first event; `hears` says which hooks the strategy has."""
        super().__init__(book, risk, venue, tally, sessions, logs, hears)
        self.quote = Quote()
        self.trade = Trade()
        self.depth = Depth()
