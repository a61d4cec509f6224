"""On ticks: protective legs, trailing stops, money, timers and actions, as a desk would tell them."""

from array import array

import polars as pl
import pytest

from stratofold import (
    AT_CLOSE,
    POST_ONLY,
    Equity,
    Fees,
    Latency,
    Perpetual,
    Setup,
    Slippage,
    Strategy,
    backtest,
    freeze,
    read_ticks,
    sample,
)
from stratofold.strategies import TwoSidedQuoter
from tests.tick_market import made

T = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def ticks(*touches, instrument=None, actions=None, size=100.0):
    """Quotes a second apart."""
    rows = [
        {"time": T + k * SECOND, "bid": bid, "bid_size": size, "ask": ask, "ask_size": size}
        for k, (bid, ask) in enumerate(touches)
    ]
    instrument = instrument or Equity("X", calendar="24/7")
    return read_ticks(quotes=pl.DataFrame(rows), symbols="X", instruments=instrument, actions=actions)


def play(script, data, **more):
    """The result of `script(self, book, k)` said at the k-th quote."""

    class Says(Strategy):
        def setup(self):
            self.k = -1
            self.first = 0

        def on_quote(self, quote, book):
            self.k += 1
            script(self, book, self.k)

    return backtest(Says, data, execution="interpreted", **more)


def fills(result):
    """(second, signed quantity, price, maker)."""
    raw = result.fills.raw
    rows = zip(raw["time"], raw["side"], raw["quantity"], raw["price"], raw["maker"], strict=True)
    return [((time - T) / SECOND, side * quantity, price, bool(maker)) for time, side, quantity, price, maker in rows]


def states(result):
    return list(result.orders["state"])


def bracket(self, book, k):
    if k == 0:
        book.buy(0, 10.0, take_profit=103.0, stop_loss=98.0)


def test_a_take_profit_is_made_when_the_bid_comes_to_it_and_its_stop_goes():
    result = play(bracket, ticks((100, 101), (101, 102), (103, 104), (90, 91), (90, 91)))
    assert fills(result) == [(0, 10.0, 101.0, False), (2, -10.0, 103.0, True)]
    assert states(result) == ["filled", "filled", "cancelled"]


def test_a_stop_loss_takes_at_the_bid_that_reaches_it():
    result = play(bracket, ticks((100, 101), (99, 100), (97, 98), (103, 104), (103, 104)))
    assert fills(result) == [(0, 10.0, 101.0, False), (2, -10.0, 97.0, False)]
    assert states(result) == ["filled", "cancelled", "filled"]


def test_legs_of_an_entry_that_fills_in_parts_work_for_what_was_filled():
    result = play(
        lambda self, book, k: book.buy(0, 150.0, take_profit=103.0) if k == 0 else None,
        ticks((100, 101), (103, 104), (103, 104), (103, 104)),
    )
    assert fills(result)[:2] == [(0, 100.0, 101.0, False), (1, 50.0, 104.0, False)]
    assert sum(quantity for _, quantity, _, _ in fills(result)) == 0.0


def test_a_trailing_stop_follows_the_middle_and_never_goes_back():
    def trails(self, book, k):
        if k == 0:
            book.buy(0, 10.0)
        elif k == 1:
            book.sell(0, 10.0, trail=2.0)

    result = play(trails, ticks((99, 101), (99, 101), (103, 105), (101, 103), (100, 104), (90, 92)))
    # The middle was 104 at best: the stop is at 102, and the bid of 101 reaches it.
    assert fills(result) == [(0, 10.0, 101.0, False), (3, -10.0, 101.0, False)]


def test_of_two_linked_orders_one_fill_takes_the_other_off():
    def links(self, book, k):
        if k == 0:
            book.one_cancels_other(book.buy(0, 10.0, limit=99.0), book.sell(0, 10.0, limit=105.0))

    result = play(links, ticks((100, 101), (98, 99), (106, 107), (106, 107)))
    assert fills(result) == [(1, 10.0, 99.0, True)]
    assert states(result) == ["filled", "cancelled"]


def test_what_the_account_cannot_afford_is_cut_and_the_rest_cancelled():
    result = play(
        lambda self, book, k: book.buy(0, 50.0) if k == 0 else None, ticks((99, 101), (99, 101)), cash=1_000.0
    )
    assert fills(result) == [(0, 9.0, 101.0, False)]
    assert states(result) == ["cancelled"]


def test_fill_or_kill_is_for_all_of_it_or_nothing():
    def asks(self, book, k):
        if k == 0:
            book.buy(0, 50.0, tif=3)

    result = play(asks, ticks((99, 101), (99, 101)), cash=1_000.0)
    assert fills(result) == []
    assert states(result) == ["cancelled"]


def test_a_margin_call_closes_at_the_first_later_touch():
    perpetual = Perpetual("X", margin=0.1, maintenance=0.1, quantity_decimals=0)
    result = play(
        lambda self, book, k: book.buy(0, 90.0) if k == 0 else None,
        ticks((99, 101), (95, 97), (91, 93), (80, 82), (80, 82), instrument=perpetual), cash=1_000.0,
    )  # fmt: skip
    # At a middle of 96 the account has 550 and would need 864.
    assert [row[:3] for row in fills(result)] == [(0, 90.0, 101.0), (2, -90.0, 91.0)]


def test_costs_are_paid_by_makers_and_takers_as_stated():
    def both(self, book, k):
        if k == 0:
            book.buy(0, 10.0)
            book.sell(0, 10.0, limit=103.0)

    result = play(
        both,
        ticks((99, 101), (103, 104), (103, 104)),
        fees=Fees(maker=0.001, taker=0.002),
        slippage=Slippage(fixed=0.5),
    )
    assert fills(result) == [(0, 10.0, 101.5, False), (1, -10.0, 103.0, True)]
    assert list(result.fills["fee"]) == [2.03, 1.03]


def test_a_split_changes_positions_and_orders():
    def buys(self, book, k):
        if k == 0:
            book.buy(0, 10.0)
            book.buy(0, 10.0, limit=90.0)

    actions = pl.DataFrame(
        {"symbol": ["X"], "time": ["2023-11-14T22:13:21.500+00:00"], "kind": ["split"], "value": [2.0]}
    )
    result = play(buys, ticks((99, 101), (99, 101), (44, 45), (44, 45), actions=actions))
    assert fills(result) == [(0, 10.0, 101.0, False), (2, 20.0, 45.0, True)]
    assert result.positions.raw["quantity"] == [40.0]


def test_after_a_split_an_order_in_a_queue_comes_to_the_market_anew():
    class Rests(Strategy):
        def on_depth(self, depth, book):
            if depth.time == T and depth.last:
                book.buy(0, 10.0, limit=90.0)

    rows = [(0, "bid", 90.0, 50), (0, "ask", 91.0, 50), (2, "bid", 90.0, 0), (2, "ask", 91.0, 0)]
    rows += [(2, "bid", 45.0, 30), (2, "ask", 45.5, 30), (4, "bid", 45.0, 30)]
    depth = [{"time": T + k * SECOND, "side": side, "price": price, "size": size} for k, side, price, size in rows]
    traded = [{"time": T + 5 * SECOND, "price": 45.0, "size": 45, "side": "sell"}]
    actions = pl.DataFrame({"symbol": ["X"], "time": ["2023-11-14T22:13:21+00:00"], "kind": ["split"], "value": [2.0]})
    data = read_ticks(
        depth=pl.DataFrame(depth), trades=pl.DataFrame(traded), symbols="X", actions=actions,
        instruments=Equity("X", calendar="24/7"),
    )  # fmt: skip
    # Thirty stand before it in the new units, and fifteen are left of the trade.
    assert fills(backtest(Rests, data, execution="interpreted")) == [(5, 15.0, 45.0, True)]


def test_timers_and_the_curve_are_as_on_bars():
    heard = []

    class Waits(Strategy):
        def setup(self):
            self._edge_heard = heard
            self.asked = False

        def on_quote(self, quote, book):
            if not self.asked:
                self.asked = True
                book.after(1.5)

        def on_timer(self, timer, book):
            heard.append((timer.time - T) / SECOND)
            book.buy(0, 1.0)

    result = backtest(
        Waits, ticks((99, 101), (98, 100), (97, 99), (97, 99)), equity_curve=True, execution="interpreted"
    )
    assert heard == [1.5]
    assert fills(result) == [(1.5, 1.0, 100.0, False)]
    assert list(result.equity.raw["equity"]) == [100_000.0, 100_000.0, 99_998.0, 99_998.0]


def test_what_is_held_is_worth_its_middle():
    result = play(lambda self, book, k: book.buy(0, 10.0) if k == 0 else None, ticks((99, 101), (104, 106)))
    assert result.stats["final_equity"] == 100_000.0 - 10 * 101.0 + 10 * 105.0


def test_an_earlier_message_is_not_overtaken():
    """The second order draws the shorter way, and still arrives after the first."""

    def asks(self, book, k):
        if k == 0:
            book.buy(0, 1.0)
            book.buy(0, 2.0)

    ways = {}
    for seed in range(1, 30):
        found = fills(
            play(
                asks,
                ticks((99, 101), (99, 102), (99, 103), (99, 104)),
                latency=Latency(samples=array("q", [0, 2 * SECOND]), seed=seed),
            )
        )
        assert [quantity for _, quantity, _, _ in found] == [1.0, 2.0]
        assert found[0][0] <= found[1][0]
        ways[found[0][0], found[1][0]] = True
    assert set(ways) == {(0.0, 0.0), (0.0, 2.0), (2.0, 2.0)}


@pytest.mark.parametrize(
    ("said", "data"),
    [
        ({"tif": AT_CLOSE}, "ticks"),
        ({"tif": POST_ONLY}, "ticks"),
        ({"limit": 99.0, "stop": 98.0, "tif": POST_ONLY}, "ticks"),
    ],
    ids=["at close", "post-only market", "post-only stop"],
)
def test_an_order_that_the_venue_does_not_know_is_refused(said, data):
    with pytest.raises(Setup) as raised:
        play(lambda self, book, k: book.buy(0, 1.0, **said), ticks((99, 101), (99, 101)))
    assert raised.value.code == "SF130"


def test_bars_do_not_know_post_only():
    class Makes(Strategy):
        def on_bar(self, bar, book):
            book.buy(bar.symbol, 1.0, limit=bar.close, tif=POST_ONLY)

    with pytest.raises(Setup) as raised:
        backtest(Makes, sample("SPY", start="2014-01-02", end="2014-02-01"), execution="interpreted")
    assert raised.value.code == "SF130"


def test_a_kernel_frozen_on_one_day_of_ticks_runs_on_another(tmp_path):
    path = freeze(TwoSidedQuoter, made(1, 20), tmp_path / "quoter.kernel", target="native")
    keywords = {"size": 100.0, "latency": Latency(20_000_000), "queue": "front"}
    frozen = backtest(TwoSidedQuoter, made(9, 200), execution="frozen", kernel=path, **keywords)
    assert frozen.execution == "frozen"
    assert frozen.fingerprint == backtest(TwoSidedQuoter, made(9, 200), execution="interpreted", **keywords).fingerprint


def test_the_more_stand_before_us_the_less_we_fill():
    counts = {
        queue: len(backtest(TwoSidedQuoter, made(4, 600), size=100.0, queue=queue, execution="interpreted").fills)
        for queue in ("through", "back", "proportional", "front")
    }
    assert counts["through"] <= counts["back"] <= counts["proportional"] <= counts["front"]
    assert counts["through"] < counts["front"]
