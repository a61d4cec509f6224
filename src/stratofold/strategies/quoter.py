"""A two-sided quoter: bids and offers at the touch, and leans on what it holds."""

from array import array

from stratofold.events import Depth, Fill, Quote
from stratofold.fold.book import Book
from stratofold.fold.order import POST_ONLY
from stratofold.fold.strategy import Strategy, param
from stratofold.fold.ticks.book import TickBook


class TwoSidedQuoter(Strategy):
    """Rests a bid at the best bid and an offer at the best offer of each symbol, follows them, and earns the spread.

    Each quote is for `size` units and never takes.  With more than `most` quotes' worth held it stops adding to it and
    quotes only the side that reduces.  It looks at the market at most every `pause` seconds, and moves what is no
    longer at the touch.
    Needs: quotes or depth.
    Source: Stoll 1978, "The supply of dealer services in securities markets" (the spread pays for the inventory);
    Avellaneda and Stoikov 2008, "High-frequency trading in a limit order book" (quote less of what is held already).
    Ignores: where the price goes next: those who trade with a quote often know more than it does.
    """

    size = param(1.0, low=1e-8, high=1e9, doc="units a quote")
    most = param(5, low=1, high=1000, doc="quotes' worth held at most, long or short")
    pause = param(0.0, low=0.0, high=3600.0, doc="seconds between two looks at the market")

    def setup(self) -> None:
        """No quotes yet: the number and the price of each side, by symbol."""
        self.bid = array("q", [0]) * self.symbol_count
        self.ask = array("q", [0]) * self.symbol_count
        self.bid_price = array("d", [0.0]) * self.symbol_count
        self.ask_price = array("d", [0.0]) * self.symbol_count
        self.next_look = array("q", [0]) * self.symbol_count
        self.pause_ns = int(self.pause * 1e9)

    def on_quote(self, quote: Quote, book: TickBook) -> None:
        """The touch may have moved."""
        self.look(quote.symbol, quote.time, book)

    def on_depth(self, depth: Depth, book: TickBook) -> None:
        """With the last change of a message the touch may have moved."""
        if depth.last:
            self.look(depth.symbol, depth.time, book)

    def on_fill(self, fill: Fill, book: Book) -> None:  # noqa: ARG002  the next look is enough
        """What is held has changed, so both quotes are looked at again, with the next tick."""
        self.bid_price[fill.symbol] = 0.0
        self.ask_price[fill.symbol] = 0.0
        self.next_look[fill.symbol] = 0

    def look(self, symbol: int, time: int, book: TickBook) -> None:
        """Bring both quotes to the touch."""
        bid = book.bid(symbol)
        ask = book.ask(symbol)
        if time < self.next_look[symbol] or not bid < ask:
            return
        if bid == self.bid_price[symbol] and ask == self.ask_price[symbol]:
            return
        self.next_look[symbol] = time + self.pause_ns
        held = book.position(symbol)
        room = self.most * self.size
        if bid != self.bid_price[symbol]:
            self.bid_price[symbol] = bid
            self.bid[symbol] = self.moved(self.bid[symbol], symbol, 1, bid, held < room, book)
        if ask != self.ask_price[symbol]:
            self.ask_price[symbol] = ask
            self.ask[symbol] = self.moved(self.ask[symbol], symbol, -1, ask, held > 0.0 - room, book)

    def moved(self, number: int, symbol: int, side: int, price: float, wanted: bool, book: TickBook) -> int:
        """The number of the quote that rests at `price` from now on, 0 where none is wanted."""
        if book.is_working(number):
            if wanted:
                book.replace(number, limit=price)
                return number
            book.cancel(number)
        elif wanted and side > 0:
            return book.buy(symbol, self.size, limit=price, tif=POST_ONLY)
        elif wanted:
            return book.sell(symbol, self.size, limit=price, tif=POST_ONLY)
        return 0
