"""Strategies on ticks in a file of their own, so that a package for functions holds nothing else."""

from stratofold import Strategy


class Follows(Strategy):
    """Buys at the market, rests a sale above, gives up after a while: takes, makes and cancels."""

    def setup(self) -> None:
        self.ticks = 0
        self.pressure = 0

    def on_trade(self, trade, book) -> None:
        self.pressure += trade.aggressor

    def on_quote(self, quote, book) -> None:
        self.ticks += 1
        held = book.position(quote.symbol)
        if self.ticks % 12 == 1 and held == 0.0 and len(book.orders) == 0:
            book.buy(quote.symbol, 100.0)
        elif self.ticks % 12 == 4 and held > 0.0 and len(book.orders) == 0:
            book.sell(quote.symbol, held, limit=quote.ask + 0.01)
        elif self.ticks % 12 == 10:
            for order in book.orders:
                book.cancel(order.number)
        elif self.ticks % 12 == 11 and held > 0.0 and self.pressure % 2 == 0:
            book.close(quote.symbol)
