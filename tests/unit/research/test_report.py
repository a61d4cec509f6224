"""The report as a file: what is in it, what is not, how large it may be, and the series behind its charts."""

import base64
import hashlib
import json
import re
import zlib
from array import array
from datetime import date
from html.parser import HTMLParser
from itertools import accumulate

import numpy as np
import pytest

from stratofold.errors import Setup
from stratofold.research import report, report_series, report_tables
from stratofold.research.result import Result
from tests.browser.made_run import DAY, made_bars, made_run, with_split

NASTY = '</script><script>alert(1)</script>"><img src=x onerror=alert(2)>'


def data_of(html):
    packed = re.search(r'<script type="text/plain" id="data">([A-Za-z0-9+/=]+)</script>', html)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


class Seen(HTMLParser):
    """Tags with their attributes, and whether every one that opens also closes."""

    VOID = frozenset({"meta", "input", "br", "img", "link"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def run():
    return made_run(made_bars(("SPY", "QQQ"), 1_000))


@pytest.fixture(scope="module")
def html(run):
    return report.page(run)


def test_the_page_is_well_formed_and_has_each_part(html):
    seen = Seen(html)
    assert seen.open == []
    ids = {attributes.get("id") for _, attributes in seen.tags}
    assert {"equity", "prices", "months", "statistics", "trades", "orders", "assumptions"} <= ids
    text = " ".join(seen.text)
    for words in (
        "Crossover",
        "Ignores",
        "queue position",
        "free of costs",
        "Close was read as close",
        "5f5f5f",
        "All year",
    ):
        assert words in text


def test_nothing_is_fetched_from_anywhere(html):
    seen = Seen(html)
    assert [
        tag for tag, attributes in seen.tags if tag in {"link", "img", "iframe", "object"} or "src" in attributes
    ] == []
    addresses = {attributes["href"] for tag, attributes in seen.tags if tag == "a" and "href" in attributes}
    assert {address for address in addresses if not address.startswith("#")} == {"https://www.tradingview.com/"}
    assert "@import" not in html
    assert "url(" not in "".join(report.asset(name) for name in report.STYLES)


def test_the_policy_names_each_script_by_its_hash(html):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)[1]
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 3
    assert policy.startswith("default-src 'none'")
    for script in scripts:
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


def test_vendored_files_are_the_ones_recorded():
    record = report.asset("VENDORED.md")
    for name in ("lightweight-charts.js", "uplot.js", "uplot.css"):
        assert hashlib.sha256(report.asset(name).encode()).hexdigest() in record
    assert "Apache License" in report.asset("lightweight-charts.LICENSE")
    assert "MIT" in report.asset("uplot.LICENSE")


def test_what_users_name_is_never_markup():
    nasty = made_run(
        made_bars((NASTY,), 200), strategy=NASTY, notices=(NASTY,), warnings=(NASTY,), hashes={NASTY: NASTY}
    )
    nasty.parameters[NASTY] = NASTY
    html = report.page(nasty)
    assert "alert(1)" in html
    assert "<script>alert" not in html
    assert "<img" not in html
    assert len(re.findall("<script", html)) == 4
    assert Seen(html).open == []
    assert data_of(html)["symbols"][0]["name"] == NASTY


@pytest.mark.parametrize(
    ("symbols", "count", "minutes"),
    [
        (tuple("ABCDEFGHIJKLMN"), 5_800, False),
        (("BTCUSD",), 1_000_000, True),
        (tuple(f"S{i}" for i in range(300)), 250, False),
    ],
    ids=["14 symbols, 5,800 days", "a million minutes", "300 symbols"],
)
def test_a_large_run_still_fits_one_megabyte(symbols, count, minutes):
    html = report.page(made_run(made_bars(symbols, count, minutes=minutes)))
    assert len(html.encode()) <= 1_000_000
    assert len(data_of(html)["symbols"]) == len(symbols)


def test_thinning_goes_on_until_it_fits(run):
    usual = len(report.page(run).encode())
    assert len(report.page(run, size_max=usual - 15_000).encode()) <= usual - 15_000


def test_candles_survive_packing(run):
    shown = report_series.candles(run.bars, 1, 6_000)
    packed = report_series.packed_candles(shown, 2)
    close = 0
    for row, (o, c, h, low) in enumerate(zip(packed["o"], packed["c"], packed["h"], packed["l"], strict=True)):
        opened = close + o
        close = opened + c
        figures = [opened, max(opened, close) + h, min(opened, close) - low, close]
        wanted = [column[row] for column in (shown.open, shown.high, shown.low, shown.close)]
        assert [figure / 100.0 for figure in figures] == pytest.approx(wanted, abs=1e-9)
    assert list(accumulate(packed["t"])) == shown.seconds.tolist()


def test_a_candle_of_many_bars_keeps_their_extremes():
    bars = made_bars(("SPY",), 1_000)
    shown = report_series.candles(bars, 0, 100)
    assert len(shown.ends) == 100
    assert shown.every == 10
    assert shown.open[3] == bars.open[30]
    assert shown.close[3] == bars.close[39]
    assert shown.high[3] == bars.high[30:40].max()
    assert shown.low[3] == bars.low[30:40].min()


def test_daily_candles_stand_on_their_session_date():
    shown = report_series.candles(made_bars(("SPY",), 5), 0, 100)
    assert [date.fromordinal(719_163 + second // 86_400).isoformat() for second in shown.seconds][:2] == [
        "1998-01-02",
        "1998-01-05",
    ]
    assert shown.daily


def test_prices_before_a_split_are_divided_by_its_ratio():
    plain = made_bars(("SPY", "QQQ"), 100)
    split = with_split(made_bars(("SPY", "QQQ"), 100), symbol=1, row=101, ratio=4.0)
    assert report_series.candles(split, 1, 500).close == pytest.approx(report_series.candles(plain, 1, 500).close)
    assert report_series.candles(split, 1, 500).adjusted
    assert not report_series.candles(split, 0, 500).adjusted


def test_markers_gather_fills_by_candle_and_side():
    bars = made_bars(("SPY",), 100)
    fills = {
        "time": bars.time[[10, 10, 10, 55]], "symbol": np.zeros(4, np.int64), "side": np.array([1, 1, -1, -1]),
        "quantity": np.array([1.0, 3.0, 2.0, 2.0]), "price": np.array([10.0, 20.0, 30.0, 40.0]),
    }  # fmt: skip
    assert report_series.markers(fills, 0, report_series.candles(bars, 0, 10)) == [
        [1, 1, 2, 4.0, 17.5], [1, -1, 1, 2.0, 30.0], [5, -1, 1, 2.0, 40.0],
    ]  # fmt: skip
    assert report_series.markers(fills, 1, report_series.candles(bars, 0, 10)) == []


def test_buy_and_hold_by_hand():
    bars = made_bars(("SPY", "QQQ"), 50)
    run = made_run(bars)
    spy, qqq = bars.close[0::2], bars.close[1::2]
    held = report_series.benchmark(run, bars.time[0::2], 1_000.0)
    assert held == pytest.approx(500.0 * spy / spy[0] + 500.0 * qqq / qqq[0])


def test_buy_and_hold_is_not_moved_by_a_split():
    plain, split = made_bars(("SPY", "QQQ"), 50), with_split(made_bars(("SPY", "QQQ"), 50), symbol=1, row=41, ratio=4.0)
    held = report_series.benchmark(made_run(split), split.time[0::2], 1_000.0)
    assert held == pytest.approx(report_series.benchmark(made_run(plain), plain.time[0::2], 1_000.0))


def test_a_dividend_is_kept_as_cash():
    bars = made_bars(("SPY",), 50)
    actions = (np.array([bars.time[20] - 1]), np.array([1]), np.array([0]), np.array([0]), np.array([2.5]))
    object.__setattr__(bars, "actions", type(bars.actions)(*actions))
    held = report_series.benchmark(made_run(bars), bars.time, 1_000.0)
    units = 1_000.0 / bars.close[0]
    assert held == pytest.approx(units * bars.close + np.where(np.arange(50) >= 20, 2.5 * units, 0.0))


def test_a_benchmark_handed_in_is_used_as_it_is():
    bars = made_bars(("SPY",), 50)
    run = made_run(bars, benchmark={"time": array("q", [0, int(bars.time[10])]), "equity": array("d", [5.0, 6.0])})
    assert report_series.benchmark(run, bars.time[[9, 10, 11]], 1.0).tolist() == [5.0, 6.0, 6.0]


def test_a_thinned_drawdown_keeps_its_depth():
    columns = {
        "equity": {
            "time": array("q", range(DAY, 1_001 * DAY, DAY)),
            "equity": array("d", [100.0] * 500 + [40.0] + [99.0] * 499),
        }
    }
    shown = report_series.curve(Result("S", {}, "compiled", ("SPY",), {"initial_equity": 100.0}, columns), 50)
    assert len(shown.seconds) == 50
    assert shown.drawdown.min() == pytest.approx(-0.6)
    assert len(shown.benchmark) == 0


def test_monthly_returns_by_hand():
    days = [
        date(2020, 1, 15).toordinal(),
        date(2020, 1, 31).toordinal(),
        date(2020, 3, 2).toordinal(),
        date(2021, 1, 4).toordinal(),
    ]
    years = report_tables.monthly_returns(days, [105.0, 110.0, 99.0, 198.0], 100.0)
    assert years[2020][0] == pytest.approx({1: 0.10, 3: -0.10})
    assert years[2020][1] == pytest.approx(-0.01)
    assert years[2021] == (pytest.approx({1: 1.0}), pytest.approx(1.0))


def test_an_empty_run_says_why():
    html = report.page(Result("Nothing", {}, "interpreted", ("SPY",), {}, {}))
    assert Seen(html).open == []
    for words in ("No months to show", "No statistics", "No orders", "No refusals", "No parameters"):
        assert words in html
    assert data_of(html)["trades"] == {"count": 0}


def test_only_the_latest_rows_are_on_the_page(run):
    told = report.payload(run, room=0.002)
    assert told["trades"]["count"] == len(run.trades)
    assert len(told["trades"]["profit"]) == 10
    assert told["trades"]["closed"][-1] == run.trades.raw["closed"][-1] // 1_000_000_000


def test_writing_returns_the_path(tmp_path, run, monkeypatch):
    assert run.report(tmp_path / "mine.html") == tmp_path / "mine.html"
    assert (tmp_path / "mine.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    monkeypatch.chdir(tmp_path)
    assert run.report() == tmp_path / "Crossover-report.html"


def test_a_name_of_signs_alone_still_makes_a_file():
    assert report.default_path("../..").name == "strategy-report.html"
    assert report.default_path("a/b c").name == "a-b-c-report.html"


def test_open_shows_it_in_the_browser(tmp_path, run, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    path = run.report(tmp_path / "mine.html", open=True)
    assert shown == [path.as_uri()]


def test_a_folder_that_is_not_there_is_a_kind_error(tmp_path, run):
    with pytest.raises(Setup, match="can not be written") as caught:
        run.report(tmp_path / "nowhere" / "mine.html")
    assert caught.value.code == "SF502"
    assert "nowhere" in caught.value.place
    assert caught.value.fix


def test_the_same_run_gives_the_same_bytes(run, html):
    assert report.page(run) == html
