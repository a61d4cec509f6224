"""Channel breakout: buy new highs, leave on new lows."""

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import ATR, Donchian


class DonchianBreakout(Strategy):
    """Buys when the close is above the highest high of the last `entry` bars, leaves below the lowest low of `leave`.

    Each entry risks the fraction `risk` of equity between the close and a stop `stop_ranges` average true ranges
    below, which is sent with it.  Source: the Turtle rules (Faith 2003, "The original Turtle trading rules"), long
    side only.
    Ignores: adding to winners, correlation between markets.
    """

    entry = param(55, low=5, high=250)
    leave = param(20, low=3, high=120)
    risk = param(0.01, low=0.0005, high=0.05)
    stop_ranges = param(2.0, low=0.5, high=10.0)

    def setup(self) -> None:
        """Two channels of the bars before this one, and the true range."""
        self.entry_channel = self.per_symbol(Donchian, self.entry)
        self.leave_channel = self.per_symbol(Donchian, self.leave)
        self.true_range = self.per_symbol(ATR, 20)

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Compare the close with the channels as they were before this bar."""
        symbol = bar.symbol
        highest = self.entry_channel[symbol].upper
        lowest = self.leave_channel[symbol].lower
        self.entry_channel[symbol].update(bar.high, bar.low)
        self.leave_channel[symbol].update(bar.high, bar.low)
        span = self.true_range[symbol].update(bar.high, bar.low, bar.close)
        held = book.position(symbol)
        if held == 0.0 and bar.close > highest and span > 0.0:
            self.enter(symbol, bar.close, bar.close - self.stop_ranges * span, book)
        elif held > 0.0 and bar.close < lowest:
            self.exit(symbol, book)

    def enter(self, symbol: int, price: float, stop: float, book: Book) -> None:
        """Buy what the risk allows, with its stop."""
        quantity = book.quantity_for_risk(symbol, self.risk, price, stop)
        if quantity > 0.0 and stop > 0.0 and not self.is_ordered(symbol, book):
            book.buy(symbol, quantity, stop_loss=stop)

    def exit(self, symbol: int, book: Book) -> None:
        """Leave at market, and take the protective stop back."""
        for order in book.orders:
            if order.symbol == symbol:
                book.cancel(order.number)
        book.close(symbol)

    def is_ordered(self, symbol: int, book: Book) -> bool:
        """Whether an order of the symbol works already."""
        for order in book.orders:
            if order.symbol == symbol:
                return True
        return False
