"""What a catalogue answers: bars for a backtest, rows for everything else, as of a day, and the hashes of what it read."""

import mmap
from datetime import date

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold.adapters import ports
from stratofold.errors import Setup, Stop
from stratofold.market.catalogue import sql
from stratofold.market.catalogue.intake import Stated
from stratofold.market.catalogue.names import LAST_DAY, Stretch, from_valid_through, history
from stratofold.market.catalogue.rows import nanoseconds
from stratofold.research.prepare import Options, prepare
from stratofold.strategies import Crossover
from tests.unit.catalogue.conftest import DAY, FIRST, bars, trades


@pytest.fixture
def sampled(catalogue):
    catalogue.add(stratofold.sample("AAPL", "IBM", start="2013-01-01", end="2015-12-31"), "sample")
    return catalogue


def test_it_fulfils_the_port(sampled):
    assert isinstance(sampled, ports.Catalogue)
    assert isinstance(sampled.shelf, ports.Shelf)


def test_a_backtest_from_the_catalogue_is_that_of_the_data(sampled):
    data = stratofold.sample("AAPL", "IBM", start="2013-01-01", end="2015-12-31")
    from_catalogue, direct = (stratofold.backtest(Crossover, one, symbols="AAPL") for one in (sampled, data))
    assert from_catalogue.stats["final_equity"] == direct.stats["final_equity"]
    assert from_catalogue.hashes["catalogue"] == sampled.hash
    assert len(from_catalogue.hashes["catalogue files"]) == 64
    assert "catalogue" not in direct.hashes


def test_columns_come_mapped_and_are_not_copied(sampled, folder):
    first, second = sampled.bars("AAPL"), sampled.bars("AAPL")
    for name in ("time", "open", "high", "low", "close", "volume"):
        column = getattr(second, name)
        assert isinstance(column.base.obj if isinstance(column.base, memoryview) else column.base, mmap.mmap)
        assert not column.flags.writeable
    for path in folder.glob("_cache/*/*/close.npy"):
        assert np.array_equal(np.load(path), second.close)  # a file that others read, too
    part = second.subset(None, "2014-01-01", "2014-12-31")
    assert np.shares_memory(part.close, second.close)
    assert first.content_hash == second.content_hash


def test_other_bytes_are_another_entry_of_the_cache(sampled, folder):
    before = sampled.bars("AAPL")
    sampled.append("bars", bars(1, FIRST + 400 * DAY), "sample", symbol="AAPL", span="1d", calendar="XNYS")
    after = sampled.bars("AAPL")
    assert len(after) == len(before) + 1
    assert before.close[0] == after.close[0]  # its pages are still there
    assert len([path for path in (folder / "_cache").glob("*/*") if path.is_dir()]) == 1


def test_a_cache_that_cannot_be_written_costs_only_time(sampled, monkeypatch):
    monkeypatch.setattr(type(sampled.shelf), "cache", lambda self: None)
    assert len(sampled.bars("AAPL")) == len(stratofold.sample("AAPL", start="2013-01-01", end="2015-12-31"))


def test_an_open_catalogue_stays_as_it_was(sampled, folder):
    other = stratofold.catalogue(folder)
    other.append("bars", bars(1, FIRST + 400 * DAY), "sample", symbol="AAPL", span="1d")
    assert sampled.bars("AAPL").time[-1] < FIRST
    assert stratofold.catalogue(folder).bars("AAPL").time[-1] > FIRST
    sampled.refresh()
    assert sampled.hash == other.hash


def test_an_earlier_state_is_read_by_its_hash(sampled, folder):
    states, lengths = [sampled.hash], [len(sampled.bars("AAPL"))]
    for day in (400, 401):
        sampled.append("bars", bars(1, FIRST + day * DAY), "sample", symbol="AAPL", span="1d")
        states.append(sampled.hash)
        lengths.append(len(sampled.bars("AAPL")))
    assert [len(stratofold.catalogue(folder, at=state[:12]).bars("AAPL")) for state in states] == lengths
    with pytest.raises(Setup, match="SFC13"):
        stratofold.catalogue(folder, at="beef")


def test_a_split_is_taken_out_and_a_dividend_as_of_a_day(catalogue):
    catalogue.append("bars", bars(10), "s", symbol="A", span="1d", calendar="24/7")
    actions = pl.DataFrame(
        {"time": [FIRST + 4 * DAY, FIRST + 7 * DAY], "action": ["split", "dividend"], "value": [2.0, 1.05]}
    )
    catalogue.append("actions", actions, "s", symbol="A")
    raw = catalogue.bars("A")
    assert raw.actions.value.tolist() == [2.0, 1.05]
    splits, all_of_them = (catalogue.choose(adjust=mode).bars("A") for mode in ("splits", "all"))
    # The split opens on the fifth day: bars that close until then are in old shares.
    assert splits.close.tolist() == [50.0, 50.5, 51.0, 51.5, *range(104, 110)]
    assert splits.volume.tolist() == [20.0] * 4 + [10.0] * 6
    factor = 1.0 - 1.05 / 106.0
    assert np.allclose(all_of_them.close[:7], splits.close[:7] * factor, rtol=1e-15)
    assert all_of_them.close[7:].tolist() == [107.0, 108.0, 109.0]
    assert len(splits.actions.time) == 0
    early = catalogue.choose(adjust="all", as_of=date(2020, 1, 6)).bars("A")
    assert early.close.tolist() == splits.close.tolist()


def test_a_real_split_leaves_no_jump(sampled):
    whole = sampled.choose(adjust="splits").bars("AAPL").subset(None, "2014-06-02", "2014-06-13")
    assert np.abs(np.diff(np.log(whole.close))).max() < 0.03
    raw = sampled.bars("AAPL").subset(None, "2014-06-02", "2014-06-13")
    assert np.abs(np.diff(np.log(raw.close))).max() > 1.9


NAMES = {
    "MetaCo": [Stretch("FB", 100, 199), Stretch("META", 200, LAST_DAY)],
    "OldMeta": [Stretch("META", 1, 99)],
}


@pytest.mark.parametrize(
    ("ticker", "day", "there", "expected"),
    [
        ("META", None, {"FB", "META"}, [("FB", 100, 199), ("META", 200, LAST_DAY)]),
        ("META", 50, {"FB", "META"}, [("META", 1, 99)]),
        ("META", None, {"META"}, [("META", 100, 199), ("META", 200, LAST_DAY)]),
        ("FB", None, {"FB", "META"}, [("FB", 100, 199), ("META", 200, LAST_DAY)]),
        ("X", None, {"X"}, [("X", 1, LAST_DAY)]),
    ],
)
def test_a_ticker_means_the_asset_that_carries_it(ticker, day, there, expected):
    assert [tuple(one) for one in history(NAMES, ticker, day, there.__contains__)] == expected


def test_map_files_say_until_when_a_ticker_held():
    found = from_valid_through([("meta", 100, "FB"), ("meta", 199, "FB"), ("meta", LAST_DAY, "META")])
    assert found == {"meta": [Stretch("FB", 100, 199), Stretch("META", 200, LAST_DAY)]}


def test_a_history_follows_its_company_and_leaves_out_the_earlier_one(catalogue):
    catalogue.append("bars", bars(20, price=10.0), "s", symbol="META", span="1d", calendar="24/7")
    catalogue.append("bars", bars(20, price=500.0), "s", symbol="FB", span="1d", calendar="24/7")
    rows = {
        "old": ([FIRST], ["META"], [date(2020, 1, 5)]),
        "meta": ([FIRST, FIRST + 9 * DAY], ["FB", "META"], [date(2020, 1, 9), None]),
    }
    for asset, (time, ticker, last) in rows.items():
        frame = pl.DataFrame(
            {"time": time, "ticker": ticker, "last_day": last},
            schema={"time": pl.Int64, "ticker": pl.String, "last_day": pl.Date},
        )
        catalogue.append("names", frame, "s", symbol=asset)
    assert catalogue.bars("META").close.tolist() == [500.0 + k for k in range(9)] + [10.0 + k for k in range(9, 20)]
    assert catalogue.choose(as_of=date(2020, 1, 4)).bars("META").close.tolist() == [10.0, 11.0, 12.0, 13.0, 14.0]


def test_a_range_touches_only_the_files_that_can_hold_it(catalogue):
    catalogue.append("bars", bars(1500), "s", symbol="A", span="1d")
    assert len(catalogue.files("bars", "A")) == 5
    assert len(catalogue.files("bars", "A", "2021-03-01", "2021-04-01")) == 1
    found = catalogue.frame("bars", "A", "2021-12-30", "2022-01-02")
    assert len(found) == 4


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (lambda c: c.bars("AAPX"), "did you mean 'AAPL'"),
        (lambda c: c.choose(source="other").bars("AAPL"), "SFC11: no bars of other"),
        (lambda c: c.choose(span="1min").bars("AAPL"), "there are sample/1d"),
        (lambda c: c.bars("AAPL", "1990-01-01", "1990-02-01"), "SF210"),
        (lambda c: c.choose(adjust="both"), "SFC12"),
        (lambda c: c.frame("trades"), "no trades"),
    ],
)
def test_what_is_not_there_is_an_error_that_helps(sampled, question, said):
    with pytest.raises(Setup, match=said):
        question(sampled)


def test_two_sources_must_be_told_apart(sampled):
    sampled.append("bars", bars(), "other", symbol="AAPL", span="1d")
    with pytest.raises(Setup, match="SFC11: more than one source has bars"):
        sampled.bars("AAPL")
    assert len(sampled.choose(source="other").bars("AAPL")) == 10


def test_dirty_bars_are_kept_and_refused_when_they_are_to_be_traded(catalogue):
    dirty = bars().with_columns(high=pl.lit(1.0))
    catalogue.append("bars", dirty, "s", symbol="A", span="1d")
    assert catalogue.frame("bars", "A")["high"].to_list() == [1.0] * 10
    with pytest.raises(Setup, match="the high is below the low"):
        catalogue.bars("A")


def test_a_file_whose_bytes_changed_is_found(sampled, folder):
    assert sampled.damaged() == []
    file = next(path for path in folder.glob("kind=bars/**/*.parquet"))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert sampled.damaged() == [str(file.relative_to(folder))]


def test_the_kernel_reads_the_mapped_columns_themselves(sampled):
    market = sampled.bars("AAPL")
    run = prepare(Crossover, market, Options(), {})
    assert all(
        getattr(run.feed, name) is getattr(market, name) for name in ("time", "open", "high", "low", "close", "volume")
    )


def test_ticks_are_those_of_the_files(catalogue, shared_data):
    place = shared_data / "l2"
    names = {kind: place / f"binance_spot_btcusdt_20240808_{word}.parquet" for kind, word in
             (("quotes", "bbo"), ("trades", "trades"), ("depth", "depth"), ("snapshot", "snapshot"))}  # fmt: skip
    for path in names.values():
        catalogue.take(path, Stated("binance"))
    assert catalogue.frame("depth")["snapshot"].sum() == 2000
    direct = stratofold.read_ticks(**names)
    found = catalogue.ticks("BTCUSDT")
    assert found.content_hash == direct.content_hash
    assert dict(found.provenance)["catalogue"] == catalogue.hash
    part = catalogue.ticks("BTCUSDT", kinds=["trades"])
    assert len(part) == 9757
    with pytest.raises(Setup, match="SF209"):
        catalogue.ticks("ETHUSDT")


def test_names_are_read_from_one_file_once_they_were_read(catalogue, folder, monkeypatch):
    catalogue.append("bars", bars(20), "s", symbol="META", span="1d", calendar="24/7")
    schema = {"time": pl.Int64, "ticker": pl.String, "last_day": pl.Date}
    rows = pl.DataFrame({"time": [FIRST], "ticker": ["META"], "last_day": [date(2020, 1, 5)]}, schema=schema)
    catalogue.append("names", rows, "s", symbol="old")
    assert len(catalogue.bars("META")) == 5
    monkeypatch.setattr("stratofold.market.catalogue.catalogue.names_of", lambda rows: pytest.fail("read again"))
    assert len(stratofold.catalogue(folder).bars("META")) == 5
    monkeypatch.undo()
    later = rows.with_columns(time=pl.lit(FIRST + 400 * DAY), ticker=pl.lit("OTHER"))
    catalogue.append("names", later, "s", symbol="new")
    assert len(stratofold.catalogue(folder).bars("META")) == 5
    assert len(list((folder / "_cache").glob("names-*"))) == 1


def test_actions_of_others_are_not_among_the_files_of_a_run(catalogue):
    for symbol in ("A", "B"):
        catalogue.append("bars", bars(5), "s", symbol=symbol, span="1d", calendar="24/7")
    before = dict(catalogue.bars("A").provenance)["catalogue files"]
    action = pl.DataFrame({"time": [FIRST + 2 * DAY], "action": ["dividend"], "value": [1.0]})
    catalogue.append("actions", action, "s", symbol="B")
    assert dict(catalogue.bars("A").provenance)["catalogue files"] == before
    catalogue.append("actions", action, "s", symbol="A")
    assert dict(catalogue.bars("A").provenance)["catalogue files"] != before


@pytest.mark.parametrize("what", ["cut", "gone", "nonsense"])
def test_a_damaged_cache_is_made_again(sampled, folder, what):
    whole = sampled.bars("AAPL")
    entry = next(folder.glob("_cache/*/*/close.npy"))
    if what == "cut":
        entry.write_bytes(entry.read_bytes()[:1000])
    elif what == "gone":
        entry.unlink()
    else:
        (entry.parent / "head.json").write_text("{}")
    again = sampled.bars("AAPL")
    assert again.content_hash == stratofold.catalogue(folder).bars("AAPL").content_hash
    assert len(again) == len(whole)


@pytest.mark.parametrize("zone", ["Z", "+00:00", "+0000", "-05:00", "-0500"])
@pytest.mark.parametrize("time", ["2024-03-01T12:00:00.123456789", "2024-03-01 12:00:00"])
def test_a_zone_may_be_written_with_and_without_a_colon(tmp_path, time, zone):
    (tmp_path / "X.csv").write_text(f"time,price,size\n{time}{zone},1.0,2.0\n")
    place = stratofold.catalogue(tmp_path / "lake", make=True)
    place.take(tmp_path / "X.csv", Stated("s"))
    hours = 5 if zone.startswith("-") else 0
    nanos = 123_456_789 if "." in time else 0
    assert nanoseconds(place.frame("trades")).to_list() == [1_709_294_400_000_000_000 + hours * 3_600 * 10**9 + nanos]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_bars_of_quotes_are_their_last_quotes_at_their_closes(tmp_path, ending):
    starts = pl.datetime_range(
        pl.datetime(2024, 3, 1, 15), pl.datetime(2024, 3, 1, 15, 9), "1m", time_zone="UTC", eager=True
    )
    frame = pl.DataFrame({"symbol": ["A", "B"] * 10, "ts": [start for start in starts for _ in range(2)]}).with_columns(
        *(pl.int_range(20).cast(pl.Float64).add(k).alias(name) for k, name in enumerate(("bid_open", "bid_high", "bid_low", "bid_close"))),
        *(pl.int_range(20).cast(pl.Float64).add(50 + k).alias(name) for k, name in enumerate(("ask_open", "ask_high", "ask_low", "ask_close"))),
        bid_size=pl.lit(7.0), ask_size=pl.lit(8.0),
    )  # fmt: skip
    getattr(frame, f"write_{ending}")(tmp_path / f"q.{ending}")
    place = stratofold.catalogue(tmp_path / "lake", make=True)
    receipt = place.take(tmp_path / f"q.{ending}", Stated("s"))
    assert (receipt.added, any("last quote of each" in note for note in receipt.notes)) == (20, True)
    rows = place.frame("quotes", "B")
    assert nanoseconds(rows).to_list() == [int(start.timestamp() * 10**9) + 60 * 10**9 for start in starts]
    assert rows["bid"].to_list() == [3.0 + k for k in range(1, 20, 2)]
    assert rows["ask"].to_list() == [53.0 + k for k in range(1, 20, 2)]
    assert rows.select("bid_size", "ask_size").unique().rows() == [(7.0, 8.0)]


def test_closes_alone_are_no_bars_and_the_fix_is_said(tmp_path):
    (tmp_path / "X.csv").write_text("symbol,date,close\nX,2024-01-02,1.0\n")
    with pytest.raises(Setup, match="SF201: no column for open, high, low") as caught:
        stratofold.catalogue(tmp_path / "lake", make=True).take(tmp_path / "X.csv", Stated("s"))
    assert "copies of close" in caught.value.fix


def test_a_damaged_file_is_named_as_the_catalogues(catalogue, folder):
    catalogue.append("trades", trades([FIRST]), "s", symbol="A")
    (file,) = folder.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(Stop, match="SFC27: a file of the catalogue is damaged"):
        catalogue.frame("trades", "A")
    with pytest.raises(Stop, match="SFC27"):
        sql.query(catalogue, "SELECT * FROM trades")


def test_a_file_is_no_catalogue(folder):
    folder.write_text("rows")
    with pytest.raises(Setup, match=r"SFC10: .* is no folder"):
        stratofold.catalogue(folder, make=True)
