"""The report in a real browser: phone and desktop, light and dark, mouse and keyboard."""

import tempfile

import pytest

from stratofold import Strategy, backtest, sample
from stratofold.indicators import SMA
from tests.browser.chromium import Browser, find
from tests.browser.made_run import made_bars, made_run

pytestmark = pytest.mark.browser

PHONE, DESKTOP = 390, 1280
NASTY = '"><img src=x onerror=document.title="caught"></script><script>document.title="caught"</script>'


@pytest.fixture(scope="module")
def browser():
    binary = find()
    if binary is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="stratofold-chromium-", ignore_cleanup_errors=True) as profile:
        opened = Browser(binary, profile)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    run = made_run(made_bars(("SPY", "QQQ"), 1_500))
    return run.report(tmp_path_factory.mktemp("report") / "two.html")


class Turns(Strategy):
    """In above the 50-day average, out below it."""

    def setup(self):
        self.average = self.per_symbol(SMA, 50)
        self.held = 0

    def on_bar(self, bar, book):
        average = self.average[bar.symbol].update(bar.close)
        if bar.close > average and self.held == 0:
            book.buy(bar.symbol, 100.0)
            self.held = 1
        elif bar.close < average and self.held == 1:
            book.close(bar.symbol)
            self.held = 0


def real_run():
    return backtest(Turns, sample("SPY"), execution="interpreted")


def drawn(browser, holder):
    """How many pixels of the canvases in `holder` are not empty."""
    return browser.run(f"""
      [...document.querySelectorAll('#{holder} canvas')].reduce((sum, canvas) => {{
        if (!canvas.width || !canvas.height) return sum;
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;
        for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
        return sum + count;
      }}, 0)""")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_charts_are_drawn_and_nothing_complains(browser, report, width, dark):
    browser.open(report, width=width, dark=dark)
    browser.wait("document.querySelectorAll('#candles canvas').length >= 2")
    browser.run("new Promise((done) => setTimeout(done, 300))")
    for holder in ("equity-chart", "drawdown-chart", "candles"):
        assert drawn(browser, holder) > 500, holder
    assert browser.complaints == []
    assert browser.requests == [report.as_uri()]
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.picture().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [320, PHONE, 768])
def test_nothing_makes_the_page_scroll_sideways(browser, tmp_path, width):
    long = made_run(made_bars(("A" * 60, "B"), 300), strategy="W" * 90, notices=("x" * 200,), hashes={"code": "f" * 64})
    browser.open(long.report(tmp_path / "long.html"), width=width)
    browser.run("document.querySelectorAll('details').forEach((part) => part.open = true)")
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_each_symbol_shows_its_own_candles_and_markers(browser, report):
    browser.open(report)
    shown = []
    for place in (0, 1):
        browser.run(
            f"{{ const s = document.getElementById('symbol'); s.value = {place}; s.dispatchEvent(new Event('change')); }}"
        )
        shown.append(browser.run("({...document.getElementById('candles').dataset})"))
    assert [one["symbol"] for one in shown] == ["SPY", "QQQ"]
    assert [one["candles"] for one in shown] == ["1500", "1500"]
    fills = made_run(made_bars(("SPY", "QQQ"), 1_500)).fills["symbol"]
    assert [int(one["markers"]) for one in shown] == [fills.count("SPY"), fills.count("QQQ")]
    assert browser.complaints == []


def test_the_theme_goes_round_and_is_remembered(browser, report):
    browser.open(report, dark=False)
    background = "getComputedStyle(document.body).backgroundColor"
    light = browser.run(background)
    themes = []
    for _ in range(3):
        browser.run("document.getElementById('theme').click()")
        themes.append((browser.run("document.getElementById('theme').textContent"), browser.run(background) == light))
    assert themes == [("Theme: light", True), ("Theme: dark", False), ("Theme: system", True)]
    browser.run("document.getElementById('theme').click(); document.getElementById('theme').click()")
    browser.open(report, dark=False)
    assert browser.run("document.getElementById('theme').textContent") == "Theme: dark"
    assert browser.run(background) != light
    browser.run("document.getElementById('theme').click()")
    assert browser.complaints == []


def test_the_charts_take_the_colours_of_the_theme(browser, report):
    browser.open(report, dark=False)
    stroke = "document.querySelector('#equity-chart .u-series:nth-child(2) .u-marker').style.border"
    light = browser.run(stroke)
    browser.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.wait(f"{stroke} !== {light!r}")


def test_the_charts_follow_the_width_of_the_window(browser, report):
    browser.open(report, width=DESKTOP)
    browser.ask("Emulation.setDeviceMetricsOverride", width=600, height=900, deviceScaleFactor=1, mobile=False)
    browser.wait("document.querySelector('#equity-chart canvas').getBoundingClientRect().width < 600")
    assert browser.run("document.documentElement.scrollWidth") <= 600


def test_every_chart_has_a_table_as_its_twin(browser, report):
    browser.open(report)
    browser.run("document.querySelectorAll('details').forEach((part) => part.open = true)")
    browser.wait("document.querySelectorAll('#candles-table tbody tr').length > 0")
    assert browser.run("document.querySelectorAll('#candles-table tbody tr').length") == 25
    assert browser.run("document.querySelector('#equity-table caption').textContent").startswith("Equity by month")
    labels = browser.run("[...document.querySelectorAll('[role=img]')].map((chart) => chart.ariaLabel)")
    assert "A table by month follows" in labels[0]
    assert "SPY" in labels[2]
    unnamed = "[...document.querySelectorAll('button, select, input, .scroll')].filter((part) => !(part.textContent.trim() || part.labels?.length || part.ariaLabel))"
    assert browser.run(f"{unnamed}.length") == 0


def test_the_keyboard_moves_the_cursor_and_the_candles(browser, report):
    browser.open(report)
    browser.run("document.getElementById('equity-chart').focus()")
    before = browser.run("document.querySelector('#equity-chart .u-legend').textContent")
    for _ in range(30):
        browser.press("ArrowLeft")
    browser.wait(f"document.querySelector('#equity-chart .u-legend').textContent !== {before!r}")
    assert browser.run("document.activeElement.id") == "equity-chart"
    browser.run("document.getElementById('candles').focus()")
    for key in ("+", "ArrowLeft", "-", "ArrowRight"):
        browser.press(key)
    assert browser.complaints == []


def test_trades_sort_filter_and_lead_to_the_chart(browser, report):
    browser.open(report)
    profits = "[...document.querySelectorAll('#trades-table tbody td:nth-child(9)')].map((cell) => parseFloat(cell.textContent.replace('\\u2212', '-').replace(/[,+]/g, '')))"
    browser.run("document.querySelectorAll('#trades-table thead button')[8].click()")
    downward = browser.run(profits)
    assert downward == sorted(downward, reverse=True)
    assert (
        browser.run("document.querySelectorAll('#trades-table thead th')[8].getAttribute('aria-sort')") == "descending"
    )
    browser.run(
        "{ const f = document.getElementById('trades-filter'); f.value = 2; f.dispatchEvent(new Event('change')); }"
    )
    assert max(browser.run(profits)) <= 0.0
    name = browser.run("document.querySelector('#trades-table button.link').textContent")
    browser.run("document.querySelector('#trades-table button.link').click()")
    assert browser.run("document.getElementById('candles').dataset.symbol") == name
    assert browser.run("document.activeElement.id") == "candles"
    assert browser.complaints == []


def test_names_never_become_markup(browser, tmp_path):
    nasty = made_run(
        made_bars((NASTY, "B"), 300), strategy=NASTY, notices=(NASTY,), warnings=(NASTY,), hashes={NASTY: NASTY}
    )
    path = nasty.report(tmp_path / "nasty.html")
    browser.open(path)
    browser.run("document.querySelectorAll('details').forEach((part) => part.open = true)")
    assert browser.run("document.title") != "caught"
    assert browser.run("document.images.length") == 0
    assert NASTY in browser.run("document.querySelector('h1').textContent")
    assert NASTY in browser.run("document.getElementById('symbol').textContent")
    assert browser.complaints == []


def test_an_empty_run_explains_itself(browser, tmp_path):
    quiet = made_run(made_bars(("SPY",), 30), refusals=0)
    browser.open(quiet.report(tmp_path / "quiet.html"), width=PHONE)
    assert "warm-up longer than the data" in browser.run("document.getElementById('trades-table').textContent")
    assert browser.run("document.getElementById('candles').dataset.markers") == "0"
    assert browser.complaints == []


def test_a_run_of_one_session_has_no_curve_and_says_so(browser, tmp_path):
    run = made_run(made_bars(("BTCUSD",), 600, minutes=True))
    browser.open(run.report(tmp_path / "short.html"), width=PHONE)
    assert "fewer than two session closes" in browser.run("document.getElementById('equity-chart').textContent")
    assert not browser.run("document.getElementById('drawdown-chart').checkVisibility()")
    assert drawn(browser, "candles") > 500
    assert browser.complaints == []


def test_without_bars_there_are_no_candles_and_it_says_so(browser, tmp_path):
    run = made_run(made_bars(("SPY",), 300), bars=None)
    browser.open(run.report(tmp_path / "bare.html"))
    assert "kept without the bars" in browser.run("document.getElementById('candles').textContent")
    assert browser.run("document.querySelectorAll('#equity-chart canvas').length") == 1
    assert browser.complaints == []


def test_many_minutes_open_and_ask_to_zoom_in(browser, tmp_path):
    run = made_run(made_bars(("BTCUSD",), 300_000, minutes=True))
    browser.open(run.report(tmp_path / "minutes.html"), width=DESKTOP)
    browser.wait("document.querySelector('#candles .over').hidden")  # the first sight shows the latest markers
    browser.run("document.querySelector('#ranges button').click()")
    browser.wait("!document.querySelector('#candles .over').hidden")
    browser.run("document.querySelector('#ranges button:last-child').click()")
    browser.wait("document.querySelector('#candles .over').hidden")
    assert browser.complaints == []


def test_a_real_backtest_of_real_prices(browser, tmp_path):
    run = real_run()
    browser.open(run.report(tmp_path / "real.html"), width=PHONE, dark=True)
    assert browser.run("document.getElementById('candles').dataset.symbol") == "SPY"
    assert int(browser.run("document.getElementById('candles').dataset.markers")) == len(run.fills)
    assert f"{len(run.trades)} trades" in browser.run("document.querySelector('#trades-table caption').textContent")
    assert run.stats.text("final_equity") in browser.run("document.querySelector('.headlines').textContent")
    assert browser.run("document.documentElement.scrollWidth") <= PHONE
    assert browser.complaints == []
