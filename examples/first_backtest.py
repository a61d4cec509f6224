"""A first backtest: a rule, what trading costs, what is allowed, and one offline page to look at."""

import stratofold
from stratofold import Strategy, param
from stratofold.indicators import SMA


class Crossover(Strategy):
    """Long while the fast average is above the slow one, flat otherwise."""

    fast = param(20, low=5, high=60)
    slow = param(50, low=20, high=250)

    def setup(self):
        """One pair of averages a symbol."""
        self.fast_average = self.per_symbol(SMA, self.fast)
        self.slow_average = self.per_symbol(SMA, self.slow)

    def on_bar(self, bar, book):
        """Averages see prices in the units of the first day, so that a split is no crash."""
        close = bar.close * book.split_factor(bar.symbol)
        fast = self.fast_average[bar.symbol].update(close)
        slow = self.slow_average[bar.symbol].update(close)
        if fast > slow:
            book.target_weight(bar.symbol, 1.0 / self.symbol_count)
        elif fast < slow:
            book.target_weight(bar.symbol, 0.0)


result = stratofold.backtest(
    Crossover,
    stratofold.sample("SPY", "AAPL", "IBM"),
    start="2005-01-01",
    fees=stratofold.Fees(per_share=0.005, minimum=1.0),
    slippage=stratofold.Slippage(proportional=0.0002),
    limits=stratofold.Limits(
        position_max=100_000,
        order_quantity_max=100_000,
        order_notional_max=1_000_000,
        gross_exposure_max=2_000_000,
        net_exposure_max=2_000_000,
        leverage_max=1.05,
        price_collar=0.2,
        orders_per_minute_max=60,
    ),
)
print(result)
print("\nthe last trades")
print(result.trades.to_polars().tail(5).select("symbol", "opened", "closed", "quantity", "profit"))
print("\nthe report:", result.report("first_backtest.html"))
