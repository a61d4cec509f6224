"""What a strategy decides between two bars is sent then, in lock-step as in a backtest."""

import stratofold
from stratofold import Strategy, at_close, at_open
from stratofold.exchange.core import Rules
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000
NOON = at_open(minutes=150)


class BetweenBars(Strategy):
    """Orders at noon, while the day's bar is under way: they fill at the next day's open, never at this one's."""

    schedule = (NOON, at_close(minutes=-5))

    def setup(self):
        self.count = 0

    def on_timer(self, timer, book):
        self.count += 1
        if self.count % 6 == 1:
            book.target_quantity(0, float(10 * (1 + self.count % 4)))
        elif self.count % 6 == 4:
            book.buy(0, 5.0, limit=1000.0)
        elif self.count % 6 == 5:
            book.buy(0, 7.0, tif=stratofold.DAY)  # over before a bar begins


def test_orders_between_two_bars_wait_for_the_next():
    data = stratofold.sample("us14").subset(["SPY"], start="2020-05-04", end="2020-06-30")
    run = paper(BetweenBars, data, DAY_NS)
    run.exchange.rules = Rules(requests_per_minute=0, wash_trades=True)  # a backtest lets opposite orders wait together
    run.run()
    result = stratofold.backtest(BetweenBars, data, execution="interpreted").fills.to_polars()
    expected = [tuple(row) for row in result.select("number", "quantity", "price").rows()]
    assert [(row[1], row[5], row[6]) for row in run.witness.fills] == expected
    assert len(expected) > 20
    assert run.witness.failures == []
