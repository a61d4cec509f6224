"""Multi-asset momentum: hold the liquid names that trend, sized by their volatility, with stops."""

from array import array
from math import sqrt

from stratofold.events import Bar, Timer
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, month_start, param
from stratofold.indicators import SMA, STDDEV


class Momentum(Strategy):
    """At each month's start holds the liquid symbols whose 20-day average is above their 50-day average.

    The universe is the `top` names by median dollar volume over the last 60 sessions, as of that day.  Sizes are equal
    weights, or (with `by_volatility`) in inverse proportion to each name's volatility, `gross` of the equity in all.
    A position that has fallen `stop_loss` below its average price, or risen `take_profit` above it, is closed at the
    next open and stays closed until the next rebalancing; `daily` rebalances at every session instead.
    Source: Jegadeesh and Titman 1993; Moskowitz, Ooi and Pedersen 2012, "Time series momentum".
    Ignores: taxes, and the names that were listed but are not in the data.
    """

    schedule = (month_start(-1),)

    fast = param(20, low=5, high=120)
    slow = param(50, low=10, high=300)
    top = param(8, low=1, high=500)
    gross = param(0.95, low=0.1, high=2.0)
    stop_loss = param(0.15, low=0.01, high=1.0)
    take_profit = param(0.6, low=0.01, high=10.0)
    by_volatility = param(True)
    daily = param(False)

    def setup(self) -> None:
        """Averages, volatility and liquidity of each symbol."""
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)
        self.volatility = self.per_symbol(Volatility, 60)
        self.liquid = self.universe(top=self.top, by="median dollar volume", days=60)
        self.trending = array("q", [0]) * self.symbol_count
        self.weight = array("d", [0.0]) * self.symbol_count
        self.session = -1

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Follow each symbol, and leave positions that hit their stop or their target."""
        symbol = bar.symbol
        if self.daily and bar.session != self.session:
            self.session = bar.session
            self.rebalance(book)
        self.liquid.update(bar)
        fast = self.fast_average[symbol].update(bar.close)
        slow = self.slow_average[symbol].update(bar.close)
        self.trending[symbol] = 1 if fast > slow else 0
        self.volatility[symbol].update(bar.close)
        self.protect(symbol, bar.close, book)

    def on_timer(self, timer: Timer, book: Book) -> None:
        """A month begins: rebalance at its first open."""
        if not self.daily:
            self.rebalance(book)

    def protect(self, symbol: int, close: float, book: Book) -> None:
        """Stop loss and take profit on the close."""
        if book.position(symbol) <= 0.0:
            return
        change = close / book.average_price(symbol) - 1.0
        if change < 0.0 - self.stop_loss or change > self.take_profit:
            book.target_quantity(symbol, 0.0)

    def rebalance(self, book: Book) -> None:
        """Weights for what trends and is liquid, nothing for the rest."""
        total = 0.0
        for symbol in range(self.symbol_count):
            self.weight[symbol] = self.wish(symbol)
            total += self.weight[symbol]
        for symbol in range(self.symbol_count):
            if total > 0.0 and self.weight[symbol] > 0.0:
                share = min(self.weight[symbol] / total, 2.0 / self.top)
                book.target_weight(symbol, self.gross * share, drift=0.05)
            elif book.position(symbol) != 0.0:
                book.target_quantity(symbol, 0.0)

    def wish(self, symbol: int) -> float:
        """How much of a symbol is wished for, before scaling; 0 for what does not trend or is not liquid."""
        if self.trending[symbol] == 0 or not self.liquid.has(symbol):
            return 0.0
        if not self.by_volatility:
            return 1.0
        volatility = self.volatility[symbol].value
        return 1.0 / volatility if volatility > 0.0 else 0.0


class Volatility:
    """Standard deviation of the last `days` returns, a year of 252 sessions."""

    def __init__(self, days: int) -> None:
        """No return yet."""
        self.deviation = STDDEV(days)
        self.last = 0.0
        self.value = 0.0

    def update(self, close: float) -> float:
        """Take a close; returns the volatility, NaN until `days` returns have come."""
        if self.last > 0.0:
            self.value = self.deviation.update(close / self.last - 1.0) * sqrt(252.0)
        self.last = close
        return self.value
