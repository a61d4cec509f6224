"""The market of one symbol as it stands: the touch, the last trade, and every level where there is depth.

What comes in: quotes, trades, changes of levels.  What goes out: the best bid and offer, what is shown at a price.
Why it is shaped so: a level is a place in arrays that hold every price the data ever name, in order.  A change is one
store, and the next best level is found by walking past empty places, which near the touch are few.
Both the strategy and the venue read it, because it is neither's: it is what the market says.
"""

from array import array
from math import nan

from stratofold.events import Quote
from stratofold.fold.ledger import integers, zeros
from stratofold.fold.marks import often


class Ladder:
    """Bids and offers of one symbol.

    `prices` ascend; `bids` and `asks` are what is shown at each, 0 for nothing.  `bid_level` and `ask_level` are the
    places of the best ones, -1 and `len(prices)` where there is none.  `is_quoted` says that the data have a touch
    (quotes or depth), `is_deep` that they have levels: then quotes are heard and change nothing.
    `marked` is not 0 where an order of ours has taken its place, until somebody has looked and it is gone.
    """

    __slots__ = (
        "ask", "ask_level", "ask_size", "asks", "bid", "bid_level", "bid_size", "bids", "is_deep", "is_quoted", "marked",
        "prices", "trade_price", "trade_size",
    )  # fmt: skip

    def __init__(self, prices: "array[float] | list[float] | tuple[()]" = (), *, is_quoted: bool = True) -> None:
        """An empty market; with `prices` one that has depth."""
        self.prices = array("d", prices)
        self.bids = zeros(len(self.prices))
        self.asks = zeros(len(self.prices))
        self.marked = integers(len(self.prices))
        self.is_deep: bool = len(self.prices) > 0
        self.is_quoted: bool = is_quoted or self.is_deep
        self.bid: float = nan
        self.bid_size: float = nan
        self.ask: float = nan
        self.ask_size: float = nan
        self.bid_level: int = -1
        self.ask_level: int = len(self.prices)
        self.trade_price: float = nan
        self.trade_size: float = nan

    # What the market says.

    @often
    def quote(self, quote: Quote) -> None:
        """The touch is as quoted."""
        self.bid = quote.bid
        self.bid_size = quote.bid_size
        self.ask = quote.ask
        self.ask_size = quote.ask_size

    @often
    def change(self, side: int, level: int, size: float) -> None:
        """`size` is shown at `level` of a side (1 bids, -1 offers) from now on."""
        if side > 0:
            self.bids[level] = size
            if level >= self.bid_level:
                self._new_bid(level, size)
        else:
            self.asks[level] = size
            if level <= self.ask_level:
                self._new_ask(level, size)

    @often
    def _new_bid(self, level: int, size: float) -> None:
        """The best bid has changed: `level` is better or the same, with another size."""
        bids = self.bids
        while size == 0.0 and level > 0:
            level -= 1
            size = bids[level]
        if size > 0.0:
            self.bid_level = level
            self.bid = self.prices[level]
            self.bid_size = size
        else:
            self.bid_level = -1
            self.bid = nan
            self.bid_size = nan

    @often
    def _new_ask(self, level: int, size: float) -> None:
        """The best offer has changed: `level` is better or the same, with another size."""
        asks = self.asks
        last = len(asks) - 1
        while size == 0.0 and level < last:
            level += 1
            size = asks[level]
        if size > 0.0:
            self.ask_level = level
            self.ask = self.prices[level]
            self.ask_size = size
        else:
            self.ask_level = last + 1
            self.ask = nan
            self.ask_size = nan

    def clear(self) -> None:
        """A snapshot begins: nothing is shown any more."""
        for level in range(len(self.prices)):
            self.bids[level] = 0.0
            self.asks[level] = 0.0
        self.bid_level = -1
        self.ask_level = len(self.prices)
        self.bid = nan
        self.bid_size = nan
        self.ask = nan
        self.ask_size = nan

    # What can be read.

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is above the best offer: a market that cannot be, at which nothing is done."""
        return self.bid > self.ask

    @property
    def mid(self) -> float:
        """Halfway between bid and offer; NaN where one is missing or they are crossed."""
        return (self.bid + self.ask) / 2 if self.bid <= self.ask else nan

    def facing(self, side: int) -> float:
        """The price that an order of `side` meets first: the offer for a buyer, the bid for a seller."""
        return self.ask if side > 0 else self.bid

    def facing_size(self, side: int) -> float:
        """What is shown there; NaN where the data do not say."""
        return self.ask_size if side > 0 else self.bid_size

    def level_of(self, price: float) -> int:
        """The place of `price` among the levels, -1 if it is none."""
        low = 0
        high = len(self.prices)
        while low < high:
            middle = (low + high) // 2
            if self.prices[middle] < price:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self.prices) and self.prices[low] == price else -1

    def shown(self, side: int, level: int) -> float:
        """What is shown at a level of a side (1 bids, -1 offers); nothing at a level that is none."""
        if level < 0:
            return 0.0
        return self.bids[level] if side > 0 else self.asks[level]
