"""One indicator fed by several symbols is an error; a guarded or per-symbol one is not."""

import pytest

from stratofold import Setup, Strategy, backtest, sample
from stratofold.indicators import SMA


class Mixed(Strategy):
    """Feeds one average with every symbol."""

    def setup(self):
        self.average = SMA(5)

    def on_bar(self, bar, book):
        self.average.update(bar.close)


class Guarded(Strategy):
    """Feeds one average with one symbol."""

    def setup(self):
        self.average = SMA(5)
        self.first = 0

    def on_bar(self, bar, book):
        if bar.symbol == self.first:
            self.average.update(bar.close)


class Apart(Strategy):
    """One average a symbol."""

    def setup(self):
        self.average = self.per_symbol(SMA, 5)

    def on_bar(self, bar, book):
        self.average[bar.symbol].update(bar.close)


def test_one_indicator_for_two_symbols_is_refused_with_the_line_and_the_remedy():
    with pytest.raises(Setup) as refused:
        backtest(Mixed, sample("SPY", "IWM"), end="2003-01-01")
    assert refused.value.code == "SF123"
    assert "test_sharing.py:" in refused.value.place
    assert "self.per_symbol(SMA" in refused.value.fix


@pytest.mark.parametrize("strategy", [Guarded, Apart])
def test_a_guard_or_one_a_symbol_is_fine(strategy):
    assert backtest(strategy, sample("SPY", "IWM"), end="2003-01-01").stats["bars"] > 0


def test_one_symbol_cannot_be_mixed():
    assert backtest(Mixed, sample("SPY"), end="2000-01-01").stats["bars"] > 0


class ByText(Strategy):
    """Orders a symbol by its name."""

    def on_bar(self, bar, book):
        book.buy("SPY", 1.0)


def test_a_symbol_by_text_is_answered_with_the_word_for_it():
    with pytest.raises(Setup) as refused:
        backtest(ByText, sample("SPY"), end="1998-02-01")
    assert refused.value.code == "SF130"
    assert 'self.symbol("SPY")' in refused.value.fix
