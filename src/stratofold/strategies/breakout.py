"""Channel breakout: buy new highs, leave on new lows."""

from array import array

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import ATR, Donchian


class DonchianBreakout(Strategy):
    """Buys when the close is above the highest high of the last `entry` bars, leaves below the lowest low of `leave`.

    Each entry risks the fraction `risk` of equity between the close and a stop `stop_ranges` average true ranges
    (20 bars) below, which is sent with it and stays where it is.
    Needs: bars with highs and lows, and their splits, which channels then do not take for breakouts.
    Source: the Turtle rules (Faith 2003, "The original Turtle trading rules"), the second system, long side only.
    Ignores: adding to winners, limits on correlated markets, and the entry inside the day that the Turtles made.
    """

    entry = param(55, low=2, high=250, doc="bars of the channel whose upper edge is bought")
    leave = param(20, low=2, high=120, doc="bars of the channel whose lower edge is sold")
    risk = param(0.01, low=0.0005, high=0.05, doc="fraction of equity lost from the close to the stop")
    stop_ranges = param(2.0, low=0.5, high=10.0, doc="average true ranges from the close to the stop")

    def setup(self) -> None:
        """Two channels of the bars before this one, and the true range."""
        self.entry_channel = self.per_symbol(Donchian, self.entry)
        self.leave_channel = self.per_symbol(Donchian, self.leave)
        self.true_range = self.per_symbol(ATR, 20)
        self.entered = array("q", [0]) * self.symbol_count

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Compare the close with the channels as they were before this bar."""
        symbol = bar.symbol
        highest = self.entry_channel[symbol].upper
        lowest = self.leave_channel[symbol].lower
        factor = book.split_factor(symbol)
        close = bar.close * factor
        self.entry_channel[symbol].update(bar.high * factor, bar.low * factor)
        self.leave_channel[symbol].update(bar.high * factor, bar.low * factor)
        span = self.true_range[symbol].update(bar.high * factor, bar.low * factor, close) / factor
        held = book.position(symbol)
        if held == 0.0 and close > highest and span > 0.0:
            self.enter(symbol, bar.close, bar.close - self.stop_ranges * span, book)
        elif held > 0.0 and close < lowest:
            self.exit(symbol, book)

    def enter(self, symbol: int, price: float, stop: float, book: Book) -> None:
        """Buy what the risk allows, with its stop; not while an earlier entry works."""
        if not stop > 0.0 or book.is_working(self.entered[symbol]):
            return
        quantity = book.quantity_for_risk(symbol, self.risk, price, stop)
        if quantity > 0.0:
            self.entered[symbol] = book.buy(symbol, quantity, stop_loss=stop)

    def exit(self, symbol: int, book: Book) -> None:
        """Leave at market; what is left of the entry goes, and the protective stop, whose number follows the entry's."""
        book.cancel(self.entered[symbol])
        book.cancel(self.entered[symbol] + 1)
        book.target_quantity(symbol, 0.0)
