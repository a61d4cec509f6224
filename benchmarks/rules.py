"""The strategies that benchmarks run beside the shipped ones, and hand-written loops of the same rules."""

from stratofold import Strategy, param
from stratofold.indicators import SMA


class Quoter(Strategy):
    """Rests a limit order under the market in every symbol, moves it each bar, and sells what it bought at market."""

    window = param(20, low=2, high=500)
    depth = param(0.0005, low=0.0, high=0.1)

    def setup(self):
        """One average and one resting order a symbol."""
        self.average = self.per_symbol(SMA, self.window)
        self.resting = self.per_symbol(Number)

    def on_bar(self, bar, book):
        """Quote under the average; let go above it."""
        middle = self.average[bar.symbol].update(bar.close)
        resting = self.resting[bar.symbol]
        if book.position(bar.symbol) > 0.0 and bar.close > middle:
            book.close(bar.symbol)
        elif book.position(bar.symbol) == 0.0 and middle == middle:
            book.cancel(resting.value)
            resting.value = book.buy(bar.symbol, 10.0, limit=middle * (1.0 - self.depth))


class LimitTrend(Strategy):
    """Two averages a symbol; enters by a limit order a little above the market, leaves at market."""

    fast = param(20, low=2, high=500)
    slow = param(50, low=3, high=1000)

    def setup(self):
        """Two averages a symbol."""
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)
        self.share = 0.9 / self.symbol_count

    def on_bar(self, bar, book):
        """Buy when the fast average is above and nothing is held or asked for; sell when it is below."""
        fast = self.fast_average[bar.symbol].update(bar.close)
        slow = self.slow_average[bar.symbol].update(bar.close)
        held = book.position(bar.symbol)
        if fast > slow and held == 0.0:
            quantity = book.quantity_for_weight(bar.symbol, self.share)
            if quantity > 0.0:
                book.buy(bar.symbol, quantity, limit=bar.close * 1.01)
        elif fast < slow and held > 0.0:
            book.close(bar.symbol)


class Number:
    """A number that can be remembered, one a symbol."""

    def __init__(self):
        """Nothing yet."""
        self.value: int = 0


def hand_written(fast: int, slow: int, quantity: float):
    """SMA crossover as a Numba loop with nothing around it: the ceiling of what a strategy of this rule can reach."""
    from numba import njit

    @njit(cache=False)
    def loop(opened, close, cash):
        fast_sum = slow_sum = position = 0.0
        wanted = 0.0
        for k in range(len(close)):
            if wanted != position:
                cash -= (wanted - position) * opened[k]
                position = wanted
            fast_sum += close[k]
            slow_sum += close[k]
            if k >= fast:
                fast_sum -= close[k - fast]
            if k >= slow:
                slow_sum -= close[k - slow]
            if k >= slow - 1:
                difference = fast_sum / fast - slow_sum / slow
                if difference > 0.0:
                    wanted = quantity
                elif difference < 0.0:
                    wanted = 0.0
        return cash + position * close[-1]

    return loop
