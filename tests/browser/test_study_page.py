"""Pages without scripts in a browser: a study's, a walk's and a stress test's fit wide and narrow windows, and ask nobody for anything."""

import tempfile

import pytest

import stratofold
from stratofold.strategies import Crossover
from tests.browser.chromium import Browser, find

pytestmark = pytest.mark.browser
OPTIONS = {"fast": [5, 8, 10], "slow": [20, 30, 40], "execution": "interpreted"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    data = stratofold.sample("SPY", start="2014-01-01", end="2014-12-31")
    walk = stratofold.walk_forward(Crossover, data, train=80, test=40, **OPTIONS)
    test = stratofold.backtest(Crossover, data, execution="interpreted").stress()
    return [page.report(folder / f"{k}.html") for k, page in enumerate((walk, walk.study, test))]


def test_pages_fit_their_window_and_ask_nobody(pages):
    binary = find()
    if binary is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="stratofold-chromium-", ignore_cleanup_errors=True) as profile:
        browser = Browser(binary, profile)
        try:
            for page in pages:
                for width, dark in ((1280, False), (380, True)):
                    browser.show(page, width=width, dark=dark)
                    assert browser.run("document.documentElement.scrollWidth") <= width
                    assert browser.run("[...document.querySelectorAll('svg')].every(each => each.clientHeight > 30)")
                    ground = browser.run("getComputedStyle(document.body).backgroundColor")
                    assert ("20, 23, 26" in ground) == dark
                    assert browser.complaints == []
                    assert [one for one in browser.requests if not one.startswith("file:")] == []
        finally:
            browser.close()
