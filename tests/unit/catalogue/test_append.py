"""What a catalogue takes, once: rows that are new, and nothing of what is wrong."""

import threading

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stratofold
from stratofold.errors import Setup
from stratofold.market.catalogue import append as appending
from stratofold.market.catalogue.rows import nanoseconds
from tests.unit.catalogue.conftest import DAY, FIRST, bars, trades


def rows_of(catalogue, kind="bars"):
    return catalogue.frame(kind, "A")


def test_what_is_put_in_comes_out(catalogue):
    given_rows = bars(800)  # three years
    receipt = catalogue.append("bars", given_rows, "s", symbol="A", span="1d", calendar="24/7")
    found = rows_of(catalogue)
    assert receipt.added == 800
    assert receipt.files == 3
    assert nanoseconds(found).to_list() == given_rows["time"].to_list()
    assert found["close"].to_list() == given_rows["close"].to_list()


def test_the_same_again_changes_nothing(catalogue, folder):
    catalogue.append("bars", bars(), "s", symbol="A", span="1d")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    receipt = catalogue.append("bars", bars(), "s", symbol="A", span="1d")
    assert (receipt.added, receipt.known) == (0, 10)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_two_equal_trades_are_two_and_come_once(catalogue):
    both = trades([FIRST, FIRST, FIRST + 5])
    catalogue.append("trades", both, "s", symbol="A")
    again = catalogue.append("trades", pl.concat([both, trades([FIRST + 5, FIRST + 6])]), "s", symbol="A")
    assert (again.added, again.known) == (2, 3)
    assert nanoseconds(rows_of(catalogue, "trades")).to_list() == [FIRST, FIRST, FIRST + 5, FIRST + 5, FIRST + 6]


def test_nanoseconds_survive(catalogue):
    catalogue.append("trades", trades([FIRST + 123_456_789, FIRST + 123_456_788]), "s", symbol="A")
    assert nanoseconds(rows_of(catalogue, "trades")).to_list() == [FIRST + 123_456_788, FIRST + 123_456_789]


def test_a_contradiction_is_refused_and_replaced_on_request(catalogue):
    catalogue.append("bars", bars(), "s", symbol="A", span="1d")
    other = bars().with_columns(close=pl.col("close") + 0.5)
    with pytest.raises(Setup, match="SFC07: 10 rows are in the catalogue with other values"):
        catalogue.append("bars", other, "s", symbol="A", span="1d")
    assert rows_of(catalogue)["close"][0] == 100.0
    assert catalogue.append("bars", other, "s", symbol="A", span="1d", replace=True).replaced == 10
    assert rows_of(catalogue)["close"][0] == 100.5


def test_one_time_twice_with_other_values_is_refused(catalogue):
    twice = pl.concat([bars(3), bars(1, price=5.0)])
    with pytest.raises(Setup, match="come twice with different values"):
        catalogue.append("bars", twice, "s", symbol="A", span="1d")
    assert catalogue.holdings() == []


def test_a_daily_append_leaves_one_file_a_year(catalogue):
    for day in range(5):
        catalogue.append("bars", bars(1, FIRST + (day + 1) * DAY), "s", symbol="A", span="1d")
    assert len(catalogue.manifest.files) == 1
    assert len(rows_of(catalogue)) == 5


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=6))
def test_whatever_the_order_of_pieces_the_whole_is_the_same(tmp_path_factory, pieces):
    catalogue = stratofold.catalogue(tmp_path_factory.mktemp("c"), make=True)
    whole = bars(60)
    wanted = sorted({k for first, count in pieces for k in range(first, first + count)})
    for first, count in pieces:
        catalogue.append("bars", whole[first : first + count], "s", symbol="A", span="1d")
    found = catalogue.frame("bars", "A")
    assert nanoseconds(found).to_list() == whole[wanted]["time"].to_list()
    times = [(file.first, file.last) for file in catalogue.manifest.files.values()]
    assert all(one[1] < other[0] for one, other in zip(sorted(times), sorted(times)[1:], strict=False))


def test_large_neighbours_are_left_alone(catalogue, monkeypatch):
    monkeypatch.setattr(appending, "SMALL_BYTES", 0)
    for first in (20, 0, 10):
        catalogue.append("bars", bars(60)[first : first + 5], "s", symbol="A", span="1d")
    assert len(catalogue.manifest.files) == 3
    assert (
        rows_of(catalogue)["close"].to_list()
        == bars(60)["close"][[*range(5), *range(10, 15), *range(20, 25)]].to_list()
    )


def test_writers_at_once_lose_nothing(folder):
    def write(number):
        own = stratofold.catalogue(folder, make=True)
        for day in range(6):
            own.append("bars", bars(1, FIRST + (1 + 6 * number + day) * DAY), "s", symbol="A", span="1d")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert nanoseconds(stratofold.catalogue(folder).frame("bars", "A")).to_list() == bars(24)["time"].to_list()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (bars().drop("close"), "there is no column close"),
        (bars().with_columns(time=pl.lit("x")), "the times are String"),
        (bars().with_columns(close=pl.lit("x")), "the column close holds String"),
        (bars().with_columns(time=pl.col("time").cast(pl.Datetime("ns"))), "the times have no zone"),
        (bars().with_columns(time=pl.lit(None, pl.Int64)), "a time is missing"),
    ],
)
def test_what_does_not_fit_is_refused(catalogue, frame, said):
    with pytest.raises(Setup, match=f"SFC08: {said}"):
        catalogue.append("bars", frame, "s", symbol="A", span="1d")


@pytest.mark.parametrize(
    ("kind", "symbol", "span", "code"),
    [
        ("bar", "A", "1d", "SFC00"),
        ("bars", "", "1d", "SFC01"),
        ("bars", "A\n", "1d", "SFC01"),
        ("bars", "A", "", "SFC02"),
        ("trades", "A", "1d", "SFC02"),
    ],
)
def test_a_series_that_cannot_be(catalogue, kind, symbol, span, code):
    with pytest.raises(Setup, match=code):
        catalogue.append(kind, bars(), "s", symbol=symbol, span=span)


@pytest.mark.parametrize("symbol", ["BTC/USD", "..", ".", "BRK.B", "A B", "100%", "ä=ü", "a'b"])
def test_any_symbol_stays_in_the_catalogue(catalogue, folder, symbol):
    catalogue.append("bars", bars(), "s", symbol=symbol, span="1d")
    assert catalogue.symbols() == (symbol,)
    assert all(folder in path.resolve().parents for path in folder.rglob("*.parquet"))
    assert len(catalogue.bars(symbol)) == 10
