"""Minute bars: trade the break of the first half hour with a bracket, and hold nothing overnight."""

from array import array

import stratofold
from stratofold import Strategy, at_close, param


class OpeningRange(Strategy):
    """Buys the first close above the high of the session's first minutes, with a stop at their low.

    The take-profit is `reward` times as far above the entry as the stop is below.
    Ignores: what trades outside the session's hours; and a week of one symbol is far too little to judge it by.
    """

    schedule = (at_close(-5),)

    minutes = param(30, low=5, high=120)
    reward = param(2.0, low=0.5, high=10.0)
    risk = param(0.005, low=0.001, high=0.05)

    def setup(self):
        """The range of the session so far, and whether its trade was made."""
        self.session = array("q", [-1]) * self.symbol_count
        self.high = array("d", [0.0]) * self.symbol_count
        self.low = array("d", [0.0]) * self.symbol_count
        self.traded = array("q", [0]) * self.symbol_count

    def on_bar(self, bar, book):
        """The first minutes make the range; the first close above it buys."""
        symbol = bar.symbol
        if bar.time <= bar.session_open:
            return
        if bar.session != self.session[symbol]:
            self.session[symbol] = bar.session
            self.high[symbol] = bar.high
            self.low[symbol] = bar.low
            self.traded[symbol] = 0
        age = (bar.time - bar.session_open) // 60_000_000_000
        if age <= self.minutes:
            self.high[symbol] = max(self.high[symbol], bar.high)
            self.low[symbol] = min(self.low[symbol], bar.low)
        elif bar.close > self.high[symbol] and self.traded[symbol] == 0 and age < 330:
            self.traded[symbol] = 1
            self.enter(symbol, bar.close, self.low[symbol], book)

    def enter(self, symbol, price, stop, book):
        """Buy what the risk allows, as a bracket."""
        quantity = book.quantity_for_risk(symbol, self.risk, price, stop)
        if quantity > 0.0:
            book.buy(symbol, quantity, stop_loss=stop, take_profit=price + self.reward * (price - stop))

    def on_timer(self, timer, book):
        """Five minutes before the close everything is cancelled and sold."""
        for order in book.orders:
            book.cancel(order.number)
        for symbol in range(self.symbol_count):
            book.close(symbol)


result = stratofold.backtest(
    OpeningRange,
    stratofold.sample("spy_minutes"),
    fees=stratofold.Fees(per_share=0.005, minimum=1.0),
    slippage=stratofold.Slippage(fixed=0.01),
)
print(result)
print(result.orders.to_polars().select("number", "side", "kind", "quantity", "limit", "stop", "state"))
