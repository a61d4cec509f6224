"""Every kind of word on the book, through the real order path in lock-step, is what the backtest makes of it."""

import pytest

import stratofold
from stratofold import Strategy
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.desk import Terms
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class Changing(Strategy):
    """Works one limit order at a time and changes its mind about it, filled in part or not."""

    def setup(self):
        self.order = 0
        self.age = 0

    def on_bar(self, bar, book):
        if bar.symbol != 0:
            return
        self.age += 1
        phase = self.age % 8
        if phase == 1:
            self.order = book.buy(0, 4000.0, limit=bar.close * 0.995)
        elif phase == 2:
            book.replace(self.order, 5000.0, bar.close * 0.999)
        elif phase == 3:
            book.replace(self.order, limit=bar.close * 1.02)
        elif phase == 4:
            book.replace(self.order, 3000.0)
        elif phase == 6:
            book.cancel(self.order)
        elif phase == 7:
            book.close(0)


class Protected(Strategy):
    """Brackets, stops and limits, on two symbols; a leg that the entry's own bar reaches is the native bracket's story."""

    def setup(self):
        self.age = 0

    def on_bar(self, bar, book):
        self.age += 1
        if self.age % 9 < 2 and book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, 40.0, take_profit=bar.close * 1.015, stop_loss=bar.close * 0.93)
        elif self.age % 7 == 6 and len(book.orders) == 0:
            book.close(bar.symbol)
        elif self.age % 5 == 3:
            book.sell(bar.symbol, 10.0, stop=bar.close * 0.995)


@pytest.mark.parametrize(("strategy", "volume_cap"), [(Changing, 0.0001), (Changing, 1.0), (Protected, 1.0), (Protected, 0.00002)])  # fmt: skip
def test_the_same_fills_as_the_backtest(strategy, volume_cap):
    data = stratofold.sample("us14").subset(["AAPL", "BAC"], start="2014-03-01", end="2014-08-31")  # a split, dividends
    costs = {"slippage": stratofold.Slippage(proportional=0.0001), "fees": stratofold.Fees(per_share=0.005)}
    run = paper(strategy, data, DAY_NS)
    run.exchange = Exchange(data, None, Terms(100_000.0, volume_cap=volume_cap, **costs), Rules(requests_per_minute=0, multiplier=100.0), 1, 1)  # fmt: skip
    run.__post_init__()
    desk = run.run()
    desk.fold.finish()
    result = stratofold.backtest(strategy, data, execution="interpreted", volume_cap=volume_cap, cash=100_000, **costs)
    found = [(row[1], row[3], row[5], row[6], row[0]) for row in run.witness.fills]
    frame = result.fills.to_polars()
    side = frame["side"].replace_strict({"buy": 1, "sell": -1}, return_dtype=int)
    rows = frame.with_columns(side, frame["time"].dt.epoch("ns")).select("number", "side", "quantity", "price", "time").rows()  # fmt: skip
    assert run.witness.failures == []
    assert {answer.state for _, answer in run.witness.answers} <= {"accepted", "rejected"}
    assert len(rows) > 20
    assert found == rows
