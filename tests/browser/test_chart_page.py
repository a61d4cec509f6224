"""The chart of `data show` in a browser: it draws, says what it shows, changes symbols, and asks nobody for anything."""

import tempfile

import pytest

import stratofold
from stratofold.research.chart import write
from tests.browser.chromium import Browser, find

pytestmark = pytest.mark.browser


def test_the_chart_draws_and_asks_nobody(tmp_path):
    binary = find()
    if binary is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    path = write(stratofold.sample("AAPL", "SPY"), tmp_path / "chart.html", "</script><script>alert(1)</script>")
    with tempfile.TemporaryDirectory(prefix="stratofold-chromium-", ignore_cleanup_errors=True) as profile:
        browser = Browser(binary, profile)
        try:
            browser.open(path)
            browser.wait("document.querySelector('#chart canvas') !== null")
            assert "divided" in browser.run("document.getElementById('said').textContent")
            assert browser.run("document.getElementById('symbol').options.length") == 2
            browser.run(
                "const p = document.getElementById('symbol'); p.value = 1; p.dispatchEvent(new Event('change')); 0"
            )
            assert "as they are" in browser.run("document.getElementById('said').textContent")
            assert browser.complaints == []
            assert [one for one in browser.requests if not one.startswith("file:")] == []
            (tmp_path / "seen.png").write_bytes(browser.picture())
        finally:
            browser.close()
