"""The door for ticks: what it takes, what it makes of it, and what it refuses."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

import stratofold
from stratofold import Crypto, Equity, Setup, Strategy, backtest, read_ticks
from stratofold.fold.ticks.engine import DEPTH, FIRST, LAST, QUOTE, SNAPSHOT, TRADE
from stratofold.strategies import Crossover, TwoSidedQuoter
from tests.tick_market import XYZ, made

T = 1_700_000_000_000_000_000


def frame(**columns):
    return pl.DataFrame(columns)


def trades(**more):
    return frame(**{"time": [T, T + 5], "price": [10.0, 10.01], "size": [1.0, 2.0], **more})


def rows(ticks, *names):
    return list(zip(*(getattr(ticks, name).tolist() for name in names), strict=True))


def test_kinds_of_one_time_come_in_their_order_and_a_message_ends_with_its_last_change():
    ticks = read_ticks(
        quotes=frame(time=[T], bid=[10.0], ask=[10.02]),
        trades=frame(time=[T], price=[10.02], size=[3.0], side=["buy"]),
        depth=frame(time=[T, T, T + 1], side=["bid", "ask", "bid"], price=[10.0, 10.02, 9.99], size=[5.0, 0.0, 2.0]),
        instruments=XYZ, symbols="XYZ",
    )  # fmt: skip
    assert rows(ticks, "kind", "side", "flags", "price") == [
        (TRADE, 1, 0, 10.02), (DEPTH, 1, 0, 10.0), (DEPTH, -1, LAST, 10.02), (QUOTE, 0, 0, 10.0), (DEPTH, 1, LAST, 9.99),
    ]  # fmt: skip
    assert ticks.levels[0].tolist() == [9.99, 10.0, 10.02]
    assert ticks.level.tolist() == [-1, 1, 2, -1, 0]
    assert ticks.is_quoted == (True,)
    assert repr(ticks) == (
        "TickData(XYZ: 1 quotes, 1 trades, 3 changes of depth, 2023-11-14 22:13:20 UTC to 2023-11-14 22:13:20 UTC, 24/7)"
    )


def test_a_snapshot_takes_the_place_of_what_it_holds_and_later_changes_wait_for_it():
    changes = frame(
        recv_ns=[T, T + 1, T + 9],
        final_id=[5, 8, 9],
        side=["bid", "bid", "ask"],
        price=[1.0, 2.0, 3.0],
        size=[1.0, 1.0, 1.0],
    )
    snapshot = frame(
        recv_ns=[T + 5] * 2, last_update_id=[7] * 2, side=["bid", "ask"], price=[1.5, 2.5], size=[4.0, 4.0]
    )
    ticks = read_ticks(depth=changes, snapshot=snapshot)
    assert rows(ticks, "time", "price", "flags") == [
        (T + 5, 1.5, FIRST + SNAPSHOT), (T + 5, 2.5, SNAPSHOT), (T + 5, 2.0, LAST), (T + 9, 3.0, LAST),
    ]  # fmt: skip


def test_without_ids_changes_up_to_the_snapshot_are_left_out():
    changes = frame(time=[T, T + 5, T + 9], side=["bid"] * 3, price=[1.0, 2.0, 3.0], size=[1.0] * 3)
    snapshot = frame(time=[T + 5], side=["bid"], price=[1.5], size=[4.0])
    assert rows(read_ticks(depth=changes, snapshot=snapshot), "time", "price") == [(T + 5, 1.5), (T + 9, 3.0)]


def test_absent_sides_and_sizes_are_not_numbers():
    ticks = read_ticks(quotes=frame(time=[T, T + 1], bid=[0.0, 10.0], ask=[10.02, 0.0]))
    assert np.isnan(ticks.price).tolist() == [True, False]
    assert np.isnan(ticks.ask).tolist() == [False, True]
    assert np.isnan(ticks.size).all()


def test_pandas_mappings_and_files_are_read_alike(tmp_path):
    polars = trades(symbol=["A", "B"])
    polars.write_parquet(tmp_path / "ticks.parquet")
    by_symbol = {"A": trades()[:1], "B": trades()[1:]}
    hashes = {
        read_ticks(trades=given, instruments=[Equity("A"), Equity("B")], symbols=("A", "B")).content_hash
        for given in (polars, pd.DataFrame(polars.to_dict(as_series=False)), by_symbol, str(tmp_path / "ticks.parquet"))
    }
    assert len(hashes) == 1


def test_fewer_symbols_may_be_read():
    ticks = read_ticks(trades=trades(symbol=["A", "B"]), symbols="B")
    assert ticks.symbols == ("B",)
    assert ticks.price.tolist() == [10.01]


def two_books(seed):
    """Depth of two symbols with snapshots minutes apart, and trades of both; a message may change several levels."""
    chance = np.random.default_rng(seed)
    shown = {"A": 0, "B": 40}
    snapshot = [
        {"time": T + begin, "symbol": name, "side": side, "price": price, "size": 5.0}
        for name, begin in shown.items() for side, price in (("bid", 9.0), ("ask", 11.0), ("bid", 8.0))
    ]  # fmt: skip
    moments = np.sort(chance.integers(1, 120, 90)).tolist()
    changes = [
        {
            "time": T + moment, "symbol": name, "side": side, "price": 10.0 + (1 if side == "ask" else -1) * int(chance.integers(1, 4)),
            "size": float(chance.integers(0, 4)),
        }
        for moment in moments for name in chance.permutation(["A", "B"])[: chance.integers(0, 3)]
        for side in ("bid", "ask") if moment > shown[name]
    ]  # fmt: skip
    tape = [{"time": T + m, "symbol": str(chance.choice(["A", "B"])), "price": 10.0, "size": 1.0} for m in moments[::9]]
    return {name: pl.DataFrame(rows) for name, rows in (("depth", changes), ("snapshot", snapshot), ("trades", tape))}


def test_ticks_may_be_cut_to_fewer_symbols_before_or_after_time():
    for seed in range(5):
        frames = two_books(seed)
        both = read_ticks(**frames)
        for name in ("A", "B"):
            alone = read_ticks(**frames, symbols=name)
            assert both.subset(name).content_hash == alone.content_hash
            assert len(both.subset(name)) < len(both)
            late = T + 70
            ours, theirs = both.subset(None, late).subset(name), alone.subset(None, late)
            columns = ("kind", "side", "level", "flags", "price", "size")
            assert rows(ours, *columns) == rows(theirs, *columns)
            news = ours.flags & SNAPSHOT == 0  # what was shown by then is said with the first tick of all symbols
            assert ours.time[news].tolist() == theirs.time[news].tolist()
            assert both.subset(name, late).content_hash == alone.subset(None, late).content_hash
        assert both.subset(["A", "B"], T + 70).flags[0] & SNAPSHOT


@pytest.mark.parametrize("column", ["buyer_is_maker", "side"])
def test_the_aggressor_is_the_taker(column):
    values = {"buyer_is_maker": [True, False], "side": ["sell", "BUY"]}[column]
    assert read_ticks(trades=trades(**{column: values})).side.tolist() == [-1, 1]


def test_instruments_calendar_and_grid_follow_what_is_known():
    taken = read_ticks(trades=trades())
    assert (taken.instruments[0].kind, taken.calendar.name, taken.instruments[0].price_decimals) == (
        "crypto",
        "24/7",
        2,
    )
    assert any("taken as crypto" in note for note in taken.notes)
    known = read_ticks(trades=trades(), symbols="X", instruments=Equity("X", price_decimals=4))
    assert (known.instruments[0].price_decimals, known.calendar.name) == (4, "XNYS")


def test_the_command_line_reads_a_folder_of_files_named_after_their_kinds(tmp_path):
    from stratofold.cli.job import market

    trades().write_csv(tmp_path / "trades.csv")
    frame(time=[T], bid=[10.0], ask=[10.02]).write_parquet(tmp_path / "quotes.parquet")
    assert "1 quotes, 2 trades, 0 changes" in repr(market(str(tmp_path), None))
    assert market(str(tmp_path), ["X"]).symbols == ("X",)


REFUSED = {
    "SF963": lambda: read_ticks(),
    "SF964": lambda: read_ticks(trades=frame(time=["2024-01-02", "2024-01-03"], price=[1.0, 1.0], size=[1.0, 1.0])),
    "SF965": lambda: read_ticks(depth=frame(time=[T], side=["up"], price=[1.0], size=[1.0])),
    "SF966": lambda: read_ticks(trades=trades(time=[T + 5, T])),
    "SF967": lambda: read_ticks(trades=trades(price=[10.0, -1.0])),
    "SF969": lambda: backtest(TwoSidedQuoter, made(1, 5), queue="middle"),
    "SF209": lambda: made(1, 5).subset("SPY"),
    "SF970": lambda: read_ticks(trades=trades(symbol=["A", "A"]), symbols=["A", "B"]).subset("B"),
    "SF973": lambda: made(1, 5).subset(start="2025-01-01"),
    "SF968": lambda: backtest(Crossover, made(1, 5)),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_is_refused_with_the_fix(code):
    with pytest.raises(Setup) as raised:
        REFUSED[code]()
    assert raised.value.code == code
    assert raised.value.fix


def test_a_strategy_on_ticks_is_refused_bars():
    with pytest.raises(Setup) as raised:
        backtest(TwoSidedQuoter, stratofold.sample("SPY", start="2014-01-02", end="2014-02-01"))
    assert raised.value.code == "SF968"
    assert "read_ticks" in raised.value.fix


def test_a_missing_column_is_named():
    with pytest.raises(Setup, match="ask"):
        read_ticks(quotes=frame(time=[T], bid=[1.0]))


@pytest.mark.parametrize("price", [0.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(Setup, match="cannot be"):
        read_ticks(trades=trades(price=[10.0, price]))


def test_the_report_shows_trades_as_candles(tmp_path):
    result = backtest(TwoSidedQuoter, made(2, 80), size=100.0, execution="interpreted", queue="front")
    assert result.report(tmp_path / "report.html").stat().st_size > 10_000
    assert "nobody reacts" in result.ignores[0]
    assert "front" in " ".join(result.ignores)


class Uncrossed(Strategy):
    """Counts messages after which the book is crossed or has lost a side, and those after which it is whole."""

    def setup(self):
        self.wrong = 0
        self.whole = 0

    def on_depth(self, depth, book):
        if depth.last and not depth.snapshot:
            if book.bid(0) < book.ask(0):
                self.whole += 1
            else:
                self.wrong += 1


def test_a_captured_book_is_never_crossed(shared_data):
    from stratofold.research.execute import interpret
    from stratofold.research.prepare import Options, prepare

    files = {
        kind: str(shared_data / f"l2/binance_spot_btcusdt_20240808_{kind}.parquet") for kind in ("depth", "snapshot")
    }
    ticks = read_ticks(**files, instruments=Crypto("BTCUSDT", quantity_decimals=5))
    run = prepare(Uncrossed, ticks, Options(), {})
    interpret(run, ticks, 60_000)
    assert run.strategy.wrong == 0
    assert run.strategy.whole > 1_000
