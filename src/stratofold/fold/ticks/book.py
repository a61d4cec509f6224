"""A book on quotes, trades and depth: the words of every book, and what the market shows.

What comes in: words from hooks.  What goes out: intents, and numbers of the market as of the event.
"""

from stratofold.fold.book import Book
from stratofold.fold.grid import to_grid
from stratofold.fold.ledger import Ledger
from stratofold.fold.order import AT_CLOSE, GTC, LIMIT, POST_ONLY
from stratofold.fold.ticks.ladder import Ladder


class TickBook(Book):
    """A book with a market: `ladders` by symbol handle."""

    __slots__ = ("ladders",)

    def __init__(self, ledger: Ledger, ladders: list[Ladder], capacity: int = 16) -> None:
        """An account with nothing working, in front of empty markets."""
        super().__init__(ledger, capacity)
        self.ladders: list[Ladder] = ladders

    # What the market shows.

    def bid(self, symbol: int) -> float:
        """The best bid, NaN where there is none."""
        return self.ladders[symbol].bid

    def ask(self, symbol: int) -> float:
        """The best offer, NaN where there is none."""
        return self.ladders[symbol].ask

    def bid_size(self, symbol: int) -> float:
        """What is shown at the best bid, NaN where the data do not say."""
        return self.ladders[symbol].bid_size

    def ask_size(self, symbol: int) -> float:
        """What is shown at the best offer, NaN where the data do not say."""
        return self.ladders[symbol].ask_size

    def mid(self, symbol: int) -> float:
        """Halfway between bid and offer; NaN where one is missing or they are crossed."""
        return self.ladders[symbol].mid

    def size_at(self, symbol: int, side: int, price: float) -> float:
        """What depth shows at `price` of a side (1 bids, -1 offers), 0 where it shows nothing."""
        ladder = self.ladders[symbol]
        return ladder.shown(side, ladder.level_of(to_grid(price, self.ledger.contracts[symbol].price_scale)))

    # How the words become intents.

    def _kind(self, symbol: int, limit: float, stop: float, trail: float, trail_fraction: float, tif: int) -> int:
        """As every book's; there is no close to aim at, and an order that only makes needs a limit."""
        if tif == AT_CLOSE:
            self._no_order(symbol)
        kind = super()._kind(symbol, limit, stop, trail, trail_fraction, GTC if tif == POST_ONLY else tif)
        if tif == POST_ONLY and kind != LIMIT:
            self._no_order(symbol)
        return kind
