"""Multi-asset momentum: hold the liquid names that trend, sized by their volatility, with stops."""

from array import array
from math import sqrt

from stratofold.events import Bar, Timer
from stratofold.fold.book import Book
from stratofold.fold.strategy import Strategy, at_close, month_end, param
from stratofold.indicators import SMA, STDDEV

MONTH, DAY = range(2)  # the entries of the schedule
RESTING, TRENDING, BARRED = range(3)  # what a symbol does; one that was stopped out is barred until its trend ends


class Momentum(Strategy):
    """Holds, from one month's end to the next, the liquid symbols whose fast average is above their slow one.

    The universe is the `top` names by median dollar volume of the last 60 sessions, as of that day.  Sizes are equal
    weights, or (with `by_volatility`) in inverse proportion to each name's volatility, `gross` of the equity in all
    and to no name more than twice its equal share; differences under 5 % of a target are not traded.
    A position that closes `stop_loss` below its average price, or `take_profit` above it, is left at the next open,
    and its name is barred until its trend has ended.  With `daily` every session's close rebalances.
    Needs: daily or minute bars of several symbols, and their splits, which averages then do not take for crashes.
    Source: Jegadeesh and Titman 1993, "Returns to buying winners and selling losers"; Moskowitz, Ooi and Pedersen
    2012, "Time series momentum".
    Ignores: taxes, short sides, and the names that were listed but are not in the data.  A purchase whose cash is to
    come from a sale later in the same open is cut to the cash there is, and mended at the next rebalancing.
    """

    schedule = (month_end(), at_close())

    fast = param(20, low=2, high=120, doc="bars of the fast average")
    slow = param(50, low=3, high=300, doc="bars of the slow average")
    top = param(8, low=1, high=500, doc="names in the universe")
    gross = param(0.95, low=0.1, high=2.0, doc="fraction of equity invested when anything trends")
    stop_loss = param(0.15, low=0.01, high=1.0, doc="loss on the average price that closes a position")
    take_profit = param(0.6, low=0.01, high=10.0, doc="gain on the average price that closes a position")
    by_volatility = param(True, doc="size by inverse volatility; else by equal weight")
    daily = param(False, doc="rebalance at every session's close; else at each month's last")

    def setup(self) -> None:
        """Averages, volatility and liquidity of each symbol."""
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)
        self.volatility = self.per_symbol(Volatility, 60)
        self.liquid = self.universe(top=self.top, by="median dollar volume", days=60)
        self.mood = array("q", [RESTING]) * self.symbol_count
        self.heard = array("q", [-1]) * self.symbol_count
        self.weight = array("d", [0.0]) * self.symbol_count
        self.session = -1

    def on_bar(self, bar: Bar, book: Book) -> None:
        """Follow each symbol, and leave positions that hit their stop or their target."""
        symbol = bar.symbol
        self.session = bar.session
        self.heard[symbol] = bar.session
        self.liquid.update(bar)
        price = bar.close * book.split_factor(symbol)
        self.volatility[symbol].update(price)
        fast = self.fast_average[symbol].update(price)
        slow = self.slow_average[symbol].update(price)
        if not fast > slow:
            self.mood[symbol] = RESTING
        elif self.mood[symbol] == RESTING:
            self.mood[symbol] = TRENDING
        self.protect(symbol, bar.close, book)

    def on_timer(self, timer: Timer, book: Book) -> None:
        """The last close of a month, or of a day, rebalances."""
        if timer.schedule == (DAY if self.daily else MONTH):
            self.rebalance(book)

    def protect(self, symbol: int, close: float, book: Book) -> None:
        """Stop loss and take profit on the close."""
        if book.position(symbol) <= 0.0:
            return
        change = close / book.average_price(symbol) - 1.0
        if change < 0.0 - self.stop_loss or change > self.take_profit:
            self.mood[symbol] = BARRED
            book.target_quantity(symbol, 0.0)

    def rebalance(self, book: Book) -> None:
        """Wishes scaled to `gross`, none above twice an equal share; nothing for the rest."""
        total = 0.0
        for symbol in range(self.symbol_count):
            self.weight[symbol] = self.wish(symbol)
            total += self.weight[symbol]
        for symbol in range(self.symbol_count):
            if self.weight[symbol] > 0.0:
                self.weight[symbol] = self.gross * min(self.weight[symbol] / total, 2.0 / self.top)
            if self.weight[symbol] > 0.0 or book.position(symbol) != 0.0:
                book.target_weight(symbol, self.weight[symbol], drift=0.05)

    def wish(self, symbol: int) -> float:
        """How much of a symbol is wished for, before scaling; 0 for what rests, is not liquid or did not trade today."""
        if self.mood[symbol] != TRENDING or self.heard[symbol] != self.session or not self.liquid.has(symbol):
            return 0.0
        if not self.by_volatility:
            return 1.0
        volatility = self.volatility[symbol].value
        return 1.0 / volatility if volatility > 0.0 else 0.0


class Volatility:
    """Standard deviation of the last `bars` returns, a year of 252 bars."""

    def __init__(self, bars: int) -> None:
        """No return yet."""
        self.deviation = STDDEV(bars)
        self.last = 0.0
        self.value = 0.0

    def update(self, close: float) -> float:
        """Take a close; returns the volatility, 0 before the second close and NaN until `bars` returns have come."""
        if self.last > 0.0:
            self.value = self.deviation.update(close / self.last - 1.0) * sqrt(252.0)
        self.last = close
        return self.value
