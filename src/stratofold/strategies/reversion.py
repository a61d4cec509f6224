"""Mean reversion: buy weakness inside an upward trend, sell strength."""

from stratofold.events import Bar
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, param
from stratofold.indicators import RSI, SMA


class RsiMeanReversion(Strategy):
    """Buys when a short RSI is below `low` while the close is above its long average; sells when RSI is above `high`.

    Each symbol gets an equal weight of the equity.
    Needs: daily bars, and their splits.
    Source: Connors and Alvarez 2009, "Short term trading strategies that work" (the two-period RSI).
    Ignores: a stop loss, as its authors do, and that both thresholds were found on the very market they are shown on.
    """

    period = param(2, low=2, high=30, doc="bars of the RSI")
    low = param(10.0, low=1.0, high=49.0, doc="RSI below which weakness is bought")
    high = param(65.0, low=51.0, high=99.0, doc="RSI above which strength is sold")
    trend = param(200, low=5, high=400, doc="bars of the average that says which way the trend goes")

    def setup(self) -> None:
        """One RSI and one long average a symbol."""
        self.strength = self.per_symbol(RSI, self.period)
        self.average = self.per_symbol(SMA, self.trend)

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Enter on weakness, leave on strength; in between nothing changes."""
        close = bar.close * book.split_factor(bar.symbol)
        strength = self.strength[bar.symbol].update(close)
        average = self.average[bar.symbol].update(close)
        held = book.position(bar.symbol)
        if held == 0.0 and strength < self.low and close > average:
            book.target_weight(bar.symbol, 1.0 / self.symbol_count)
        elif held > 0.0 and strength > self.high:
            book.target_weight(bar.symbol, 0.0)
