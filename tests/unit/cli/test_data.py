"""`stratofold data`: what a person types and reads."""

import json

import polars as pl
import pytest

import stratofold
from stratofold.cli.app import run
from stratofold.cli.data_show import sparkline
from stratofold.market.catalogue.rows import nanoseconds
from tests.unit.catalogue.conftest import bars, trades


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Commands run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STRATOFOLD_CATALOGUE", raising=False)
    return tmp_path


@pytest.fixture
def csv(here):
    frame = bars(40).with_columns(pl.from_epoch("time", "ns").dt.date())
    frame.write_csv(here / "SPY.csv")
    return "SPY.csv"


def said(capsys):
    return capsys.readouterr().out


def test_import_ls_show_backtest(csv, capsys, here):
    assert run(["data", "import", csv, "--source", "vendor"]) == 0
    assert "40 rows added to catalogue" in said(capsys)
    assert run(["data", "import", csv, "--source", "vendor"]) == 0
    assert "0 rows added to catalogue, 40 were there already" in said(capsys)
    assert run(["data", "ls", "--verify"]) == 0
    assert "vendor  1d    SPY       40  2020-01-03" in said(capsys)
    assert run(["data", "show", "SPY", "--html", "chart.html"]) == 0
    assert "▁" in said(capsys)
    page = (here / "chart.html").read_text()
    assert "SPY" in page
    assert "<title>bars in catalogue, state " in page
    assert "prices before a split are divided by it" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "").partition("<script")[0]
    (here / "s.py").write_text("from stratofold.strategies import Crossover\n")
    assert run(["backtest", "s.py", "--data", "catalogue", "--symbols", "SPY", "--json"]) == 0
    assert json.loads(said(capsys))["hashes"]["catalogue"] == stratofold.catalogue("catalogue").hash
    assert run(["backtest", "s.py", "--data", "catalogue#vendor/1d", "--symbols", "SPY", "--json"]) == 0


def test_sql_and_ddl(csv, capsys, here):
    run(["data", "import", csv])
    capsys.readouterr()
    assert run(["data", "sql", "select symbol, count(*) as n from bars group by 1"]) == 0
    assert said(capsys) == "symbol  n\nSPY     40\n"
    assert run(["data", "sql", "select * from bars", "--output", "o.csv"]) == 0
    assert len(pl.read_csv(here / "o.csv")) == 40
    capsys.readouterr()
    assert run(["data", "ddl", "athena", "--location", "s3://bucket/lake", "--json"]) == 0
    assert len(json.loads(said(capsys))["statements"]) == 2


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.arrow"])
def test_what_is_exported_is_imported_again(csv, here, name):
    run(["data", "import", csv, "--source", "vendor"])
    assert run(["data", "export", name]) == 0
    assert run(["data", "import", name, "--source", "again"]) == 0
    place = stratofold.catalogue("catalogue")
    one, other = (place.choose(source=source).frame("bars", "SPY") for source in ("vendor", "again"))
    assert one.equals(other)


def test_an_adjusted_export_has_the_split_in_its_prices(here):
    place = stratofold.catalogue("catalogue", make=True)
    place.add(stratofold.sample("AAPL", start="2014-06-02", end="2014-06-13"), "sample")
    assert run(["data", "export", "out.parquet", "--adjust", "splits"]) == 0
    assert pl.read_parquet(here / "out.parquet")["close"].max() < 100


def test_what_a_file_holds_is_seen_by_its_columns(here, capsys):
    trades([5, 6]).with_columns(side=pl.Series(["buy", "sell"])).write_parquet(here / "T.parquet")
    pl.DataFrame({"ts": [5_000_000_000], "symbol": ["Q"], "bid": [1.0], "ask": [2.0]}).write_parquet(here / "q.parquet")
    assert run(["data", "import", "T.parquet", "q.parquet"]) == 0
    place = stratofold.catalogue("catalogue")
    assert place.frame("trades", "T")["aggressor"].to_list() == [1, -1]
    assert place.frame("quotes", "Q")["ask"].to_list() == [2.0]


def test_a_folder_may_hold_several_kinds(here):
    folder = here / "mixed"
    folder.mkdir()
    bars(5).with_columns(pl.from_epoch("time", "ns").dt.date()).write_csv(folder / "SPY.csv")
    trades([5, 6]).write_parquet(folder / "T.parquet")
    (folder / "actions.csv").write_text("symbol,date,kind,value\nSPY,2020-01-03,dividend,1.5\n")
    assert run(["data", "import", "mixed"]) == 0
    place = stratofold.catalogue("catalogue")
    assert [(one.series.kind, one.series.symbol, one.rows) for one in place.holdings()] == [
        ("actions", "SPY", 1), ("bars", "SPY", 5), ("trades", "T", 2),
    ]  # fmt: skip
    assert place.bars("SPY").actions.value.tolist() == [1.5]


@pytest.mark.parametrize(
    ("written", "options", "expected"),
    [
        ("2020-01-02T14:30:00.5Z", [], 500_000_000),
        ("2020-01-02T14:30:00Z", [], 0),
        ("2020-01-02 14:30:00.1234567891Z", [], 123_456_789),
        ("2020-01-02 14:30:00.000000007+00:00", [], 7),
        ("2020-01-02 09:30:00.25", ["--timezone", "America/New_York"], 250_000_000),
        ("1577975400", [], 0),
        ("1577975400123", [], 123_000_000),
        ("1577975400123456", [], 123_456_000),
        ("1577975400123456789", [], 123_456_789),
        ("1577975400.25", [], 250_000_000),
    ],
)
def test_times_of_ticks_are_read_as_they_are_written(here, written, options, expected):
    (here / "T.csv").write_text(f"time,price,size\n{written},1,2\n")
    assert run(["data", "import", "T.csv", *options]) == 0
    found = stratofold.catalogue("catalogue").frame("trades", "T")
    assert nanoseconds(found).to_list() == [1_577_975_400_000_000_000 + expected]


@pytest.mark.parametrize(
    "other",
    ["2020-01-02T14:30:00.5", "2020-01-02T14:30:00+05:00", "2020-01-02T14:30:xxZ", "x", "", "2020-01-02T14:30:00.x5Z"],
)
def test_a_time_unlike_the_others_is_not_guessed_at(here, other):
    rows = "2020-01-02T14:30:00Z,1,2\n" * 100
    (here / "T.csv").write_text(f"time,price,size\n{rows}{other},1,2\n")
    assert run(["data", "import", "T.csv"]) == 2
    assert not (here / "catalogue").exists()


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["data", "ls"], "SFC10"),
        (["data", "import", "absent.csv"], "SF223"),
        (["data", "import", "odd.csv"], "SFC14"),
        (["data", "import", "naive.csv"], "SF211"),
        (["data", "import", "naive.csv", "--timezone", "America/NewYork"], "SF214"),
        (["data", "import", "twice.csv", "--timezone", "America/New_York"], "SF217"),
        (["data", "import", "empty.csv", "--kind", "trades"], "SFC15"),
        (["data", "import", "cut.parquet"], "SF221"),
        (["data", "import", "naive.csv", "--kind", "ticks"], "SFC00"),
        (["data", "show", "NOPE", "--catalogue", "full"], "SF209"),
        (["data", "show", "SPY", "--start", "1990-01-01", "--end", "1990-02-01", "--catalogue", "full"], "SF210"),
        (["data", "export", "x.xlsx", "--catalogue", "full"], "SFC19"),
        (["backtest", "s.py", "--data", "full#nobody"], "SFC11"),
    ],
)
def test_what_is_wrong_is_said_with_its_code(csv, command, code, capsys, here):
    (here / "odd.csv").write_text("a,b\n1,2\n")
    (here / "naive.csv").write_text("time,price,size\n2020-01-02 10:00:00,1,2\n")
    (here / "twice.csv").write_text("time,price,size\n2023-11-05 01:30:00,1,2\n")
    (here / "empty.csv").write_text("time,price,size\n")
    (here / "cut.parquet").write_bytes(b"PAR1xxxx")
    (here / "s.py").write_text("from stratofold.strategies import Crossover\n")
    run(["data", "import", csv, "--catalogue", "full"])
    capsys.readouterr()
    assert run([*command, "--json"]) == 2
    errors = json.loads(said(capsys))["errors"]
    assert errors[0]["code"].startswith(code)
    assert errors[0]["fix"]
    assert not (here / "catalogue").exists()


def test_damage_has_an_exit_code(csv, here, capsys):
    run(["data", "import", csv])
    file = next(here.glob("catalogue/kind=bars/**/*.parquet"))
    file.write_bytes(file.read_bytes() + b"?")
    assert run(["data", "ls", "--verify"]) == 3
    assert "damaged: kind=bars" in said(capsys)


def test_a_line_of_sparks():
    assert sparkline([1.0, 2.0, 3.0, 8.0]) == "▁▂▃█"
    assert sparkline([5.0]) == "▁"
    assert len(sparkline([float(k) for k in range(1000)])) == 64


T = 1_709_294_400_000_000_000
BOOK = pl.DataFrame({
    "time": [T, T, T, T, T + 10**9, T + 2 * 10**9, T + 3 * 10**9],
    "side": [1, 1, -1, -1, 1, -1, 1],
    "price": [99.0, 98.0, 101.0, 102.0, 100.0, 101.0, 98.0],
    "size": [5.0, 6.0, 7.0, 8.0, 3.0, 0.0, 0.0],
    "snapshot": [True] * 4 + [False] * 3,
})  # fmt: skip
SAID = pl.DataFrame(
    {"time": [T, T + 1, T + 2], "series": ["cpi", "cpi", "pmi"], "value": [1.0, 3.0, None], "text": None}
)


def test_what_is_no_bar_is_shown_too(here, capsys):
    catalogue = stratofold.catalogue("catalogue", make=True)
    catalogue.append("depth", BOOK, "venue", symbol="X")
    catalogue.append("trades", trades(range(T, T + 50)), "venue", symbol="X")
    catalogue.append("observations", SAID, "venue", symbol="X")
    assert run(["data", "show", "X", "--kind", "depth"]) == 0
    assert said(capsys).splitlines() == [
        "X          ▄▁ █  3 levels at the end",
        "           7 changes, 2024-03-01 12:00:00 to 2024-03-01 12:00:03",
        f"{'':<10} {'3 @ 100':>26} | 102 @ 8",
        f"{'':<10} {'5 @ 99':>26} |",
    ]
    assert run(["data", "show", "X", "--kind", "depth", "--end", "2024-03-01T12:00:01+00:00", "--json"]) == 0
    (row,) = json.loads(said(capsys))["depth"]
    assert (row["bids"], row["asks"]) == ([[100.0, 3.0], [99.0, 5.0], [98.0, 6.0]], [[101.0, 7.0], [102.0, 8.0]])
    assert run(["data", "show", "--kind", "trades", "--html", "t.html"]) == 0
    assert "50 trades" in said(capsys)
    assert "lightweight" in (here / "t.html").read_text()
    assert run(["data", "show", "--kind", "observations"]) == 0
    shown = said(capsys)
    assert "X          cpi: ▁█  last 3" in shown
    assert "pmi:   no number" in shown


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("arguments", "code"), [
    (["--kind", "depth", "--html", "x.html"], "SF661"), (["--kind", "quotes"], "SF662"), (["--kind", "candles"], "SFC00"),
    (["--kind", "trades"], "SFC11"), (["Y", "--kind", "depth"], "SF209"),
])  # fmt: skip
def test_nonsense_is_not_shown(arguments, code, here, capsys):
    catalogue = stratofold.catalogue("catalogue", make=True)
    catalogue.append("depth", BOOK, "venue", symbol="X")
    crossed = pl.DataFrame({"time": [T], "bid": [2.0], "bid_size": [1.0], "ask": [1.0], "ask_size": [1.0]})
    catalogue.append("quotes", crossed, "venue", symbol="X")
    assert run(["data", "show", *arguments]) == 2
    assert code in capsys.readouterr().err
