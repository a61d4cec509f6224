"""Observations in a catalogue: out of files of any form, and into the ears of a strategy when they were known."""

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import stratofold
from stratofold import Setup, Strategy, backtest, check, param, read
from stratofold.cli.app import run
from stratofold.market.catalogue.intake import Stated
from tests.fuzz.parsers import EDGAR, FRED, POSTS, RSS
from tests.unit.catalogue.conftest import bars

DAY_NS = 86_400_000_000_000
PRICES = bars(60)


@pytest.fixture
def lake(tmp_path):
    """A catalogue with the bars of two symbols."""
    place = stratofold.catalogue(tmp_path / "lake", make=True)
    for symbol in ("A", "B"):
        place.append("bars", PRICES, "vendor", symbol=symbol, span="1d", calendar="24/7")
    return place


def table(names=("pmi", "cpi"), count=20):
    """Figures of no symbol and scores of one, known amid the bars."""
    chance = np.random.default_rng(2)
    known = np.sort(chance.integers(int(PRICES["time"][3]), int(PRICES["time"][-5]), count))
    return pl.DataFrame({
        "series": [names[k % 2] for k in range(count)], "known": pl.Series(known).cast(pl.Datetime("ns", "UTC")),
        "period": pl.Series(known // 1000 * 1000 - 30 * DAY_NS).cast(pl.Datetime("ns", "UTC")),
        "value": np.round(chance.normal(0.0, 1.0, count), 3), "symbol": ["" if k % 2 else "B" for k in range(count)],
    })  # fmt: skip


class Listens(Strategy):
    """Buys what is spoken well of."""

    series = ("cpi", "pmi")
    size = param(10.0, low=1.0, high=100.0)

    def setup(self):
        self.sum = 0.0
        self.lag = 0

    def on_observation(self, observation, book):
        self.sum += observation.value * (observation.series + 1)
        self.lag += observation.known - observation.time
        book.target_quantity(max(observation.symbol, 0), self.size if self.sum > 0.0 else 0.0)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_a_catalogue_holds_is_heard_as_what_is_given(lake, tmp_path, ending):
    path = tmp_path / f"said.{ending}"
    getattr(table(), f"write_{ending}")(path)
    assert lake.take(path, Stated("wire")).added == 20
    assert lake.take(path, Stated("wire")).known == 20
    found = backtest(Listens, lake, execution="interpreted")
    given = lake.bars()
    one = read_with(given, table())
    expected = backtest(Listens, one, execution="interpreted")
    assert len(found.fills) > 3
    assert found.fills.to_polars().equals(expected.fills.to_polars())
    assert (found.hashes["data"], "catalogue observations" in found.hashes) == (expected.hashes["data"], True)
    assert check(Listens, lake, events=40).ok
    half = backtest(Listens, lake, end="2020-01-31", symbols="B", execution="interpreted")
    assert 0 < len(half.fills) < len(found.fills)


def test_sweeps_and_walks_hear_them_too(lake, tmp_path):
    path = tmp_path / "said.csv"
    table().write_csv(path)
    lake.take(path, Stated("wire"))
    expected = backtest(Listens, lake, size=20.0, execution="interpreted")
    study = stratofold.sweep(Listens, lake, size=[10.0, 20.0], execution="interpreted")
    assert study.table["total_return"].to_list()[1] == expected.stats["total_return"] != 0.0
    more = {"size": [10.0, 20.0], "execution": "interpreted", "objective": "total_return"}
    walk = stratofold.walk_forward(Listens, lake, train=20, test=10, **more)
    assert np.abs(walk.returns).max() > 0.0


def read_with(market, rows):
    from stratofold.market.observations import read_observations

    return read_observations(market, rows)


def test_who_hears_nothing_gets_the_same_data(lake):
    lake.append("observations", pl.DataFrame({"time": [1], "series": ["cpi"], "value": [1.0]}), "wire", symbol="cpi")
    assert read(lake).series == ()
    assert read(lake).content_hash == read(lake, series=["none"]).content_hash
    assert read(lake, series=["cpi"]).series == ("cpi",)


def test_two_sources_of_one_series_are_an_error(lake):
    for source in ("one", "two"):
        lake.append(
            "observations", pl.DataFrame({"time": [1], "series": ["cpi"], "value": [1.0]}), source, symbol="cpi"
        )
    with pytest.raises(Setup, match="SFC26") as caught:
        backtest(Listens, lake)
    assert "one, two" in caught.value.why


LIST = [{"known": "2020-02-01T12:00:00Z", "value": "1.5", "series": "cpi"}, {"known": "2020-02-02T12:00:00+01:00", "title": "Shares surge", "symbol": "A"}]  # fmt: skip
FILES = {
    "list.json": (json.dumps(LIST).encode(), "list", [("A", "list"), ("cpi", "cpi")]),
    "fred.json": (json.dumps(FRED).encode(), "CPI", [("CPI", "CPI")]),
    "edgar.json": (json.dumps(EDGAR).encode(), "Revenues", [("Revenues USD", "Revenues USD")]),
    "posts.json": (json.dumps(POSTS).encode(), "mood", [("mood", "mood")]),
    "wire.xml": (RSS[0], "news", [("news", "news")]),
    "wire.atom": (RSS[1], "news", [("news", "news")]),
    "titles.csv": (b"published,headline\n2020-02-01T12:00:00Z,Shares surge\n", "mood", [("mood", "mood")]),
}


@pytest.mark.parametrize("name", FILES)
def test_observations_come_in_many_forms(lake, tmp_path, name):
    body, series, expected = FILES[name]
    (tmp_path / name).write_bytes(body)
    where = ["--source", "s", "--series", series, "--catalogue", str(tmp_path / "lake")]
    assert run(["data", "import", str(tmp_path / name), *where]) == 0
    lake.refresh()
    rows = lake.frame("observations")
    assert rows.select("symbol", "series").sort("symbol").rows() == expected
    assert (rows["time"] > datetime(2018, 1, 1, tzinfo=UTC)).all()
    if name in ("titles.csv", "wire.xml", "list.json"):
        assert rows["value"].max() > 0.0


@pytest.mark.parametrize(("name", "body", "code"), [
    ("cpi.csv", b"series,date,value\ncpi,2020-01-01,1.5\n", "SF653"),
    ("cpi.csv", b"series,time,value\ncpi,2020-01-01T00:00:00Z,1.5\n", "SF653"),
    ("cpi.csv", b"series,known,size\ncpi,2020-01-01T00:00:00Z,1.5\n", "SFC"),
    ("x.json", b"[1]", "SF656"),
    ("x.json", b'[{"known": "2020-01-01", "value": 1}]', "SF656"),
    ("x.json", b'[{"known": "2020-01-01T00:00:00Z"}]', "SF656"),
    ("x.json", b"[" * 100_000, "SF656"),
    ("x.xml", b"<html>", "SF656"),
    ("none.json", None, "SF223"),
])  # fmt: skip
def test_what_does_not_say_when_it_was_known_is_refused(lake, tmp_path, name, body, code):
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(Setup, match=code):
        lake.take(tmp_path / name, Stated("s"))
    assert lake.holdings("observations") == []


@pytest.mark.parametrize("known", ["2020-02-03", "2020-02-03T00:00:00Z"])
def test_a_date_of_knowing_is_its_evening(lake, tmp_path, known):
    (tmp_path / "x.csv").write_text(f"series,published,value\ncpi,{known},1.5\n")
    receipt = lake.take(tmp_path / "x.csv", Stated("s"))
    assert lake.frame("observations")["time"].to_list() == [datetime(2020, 2, 3, 22, tzinfo=UTC)]
    assert any("22:00 UTC" in note for note in receipt.notes)


def test_what_is_exported_comes_in_again(lake, tmp_path):
    table().write_csv(tmp_path / "said.csv")
    lake.take(tmp_path / "said.csv", Stated("wire"))
    where = ["--catalogue", str(tmp_path / "lake")]
    assert run(["data", "export", str(tmp_path / "again.csv"), "--kind", "observations", *where]) == 0
    other = stratofold.catalogue(tmp_path / "other", make=True)
    assert other.take(tmp_path / "again.csv", Stated("wire")).added == 20
    assert other.frame("observations").equals(lake.frame("observations"))
