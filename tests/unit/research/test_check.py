"""`check` catches a planted cheat of each kind, and names the symbol and the time; honest strategies pass."""

import subprocess
import sys
from array import array
from pathlib import Path

import pytest

from stratofold import Setup, Strategy, check, sample, strategies
from stratofold.fold.strategy import month_start
from stratofold.indicators import SMA
from stratofold.research import execute

SHIPPED = [getattr(strategies, name) for name in strategies.ON_BARS]


@pytest.fixture(scope="module")
def market():
    return sample("SPY", "AAPL", start="2014-04-01", end="2014-08-29")


def found(strategy, market, gate, **more):
    """The finding of one gate."""
    report = check(strategy, market, **more)
    return next(finding for finding in report.findings if finding.gate == gate)


def failed(strategy, market, gate):
    """The failed finding of a gate; the other gates do not matter here."""
    finding = found(strategy, market, gate, events=150)
    assert not finding.ok, str(finding)
    assert finding.symbol in market.symbols
    assert finding.time.endswith(" UTC")
    assert finding.symbol in str(finding)
    assert finding.time in str(finding)
    return finding


# Looking ahead.


class Peeks(Strategy):
    """Reads tomorrow's close out of the driver's own variables, through the frames of the calls."""

    def on_bar(self, bar, book) -> None:
        frame = sys._getframe()
        while "feed" not in frame.f_locals:
            frame = frame.f_back
        feed, index = frame.f_locals["feed"], frame.f_locals["engine"].bar_index + 2
        if index < len(feed.close):
            book.target_quantity(bar.symbol, 10.0 if feed.close[index] > bar.close else 0.0)


class PeeksLate(Peeks):
    """Honest for its first 60 bars."""

    def setup(self) -> None:
        self.heard = 0

    def on_bar(self, bar, book) -> None:
        self.heard += 1
        if self.heard > 60:
            super().on_bar(bar, book)


@pytest.mark.parametrize("strategy", [Peeks, PeeksLate])
def test_looking_ahead_is_caught_at_its_bar(strategy, market):
    finding = failed(strategy, market, "look-ahead")
    if strategy is PeeksLate:
        assert finding.time[:10] >= str(market.dates[30] if hasattr(market, "dates") else "2014-05-13")


class Opens(Strategy):
    """Reads tomorrow's closes from the file that they were read from."""

    def on_bar(self, bar, book) -> None:
        with Path(FILE).open(encoding="utf-8") as lines:
            closes = [float(line) for line in lines]
        if bar.close < closes[0]:
            book.target_quantity(bar.symbol, 10.0)


class Asks(Strategy):
    """Has a program tell it, from the third bar on."""

    def setup(self) -> None:
        self.heard = 0

    def on_bar(self, bar, book) -> None:
        self.heard += 1
        if self.heard == 3 and subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0:
            book.target_quantity(bar.symbol, 10.0)


class Writes(Strategy):
    """Honest: it writes a file, and reads none."""

    def on_bar(self, bar, book) -> None:
        with Path(FILE).open("w", encoding="utf-8") as file:
            file.write(str(bar.close))
        book.target_quantity(bar.symbol, 10.0)


FILE = ""


def test_what_a_hook_opens_to_read_may_hold_the_future(market, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "FILE", str(tmp_path / "closes.txt"))
    (tmp_path / "closes.txt").write_text("1.0\n2.0\n")
    finding = failed(Opens, market, "look-ahead")
    assert str(tmp_path / "closes.txt") in finding.what
    assert finding.time == "2014-04-01 20:00 UTC"
    assert "a hook opens a program" in failed(Asks, market, "look-ahead").what
    assert found(Writes, market, "look-ahead", events=20).ok


# State that is kept outside.

HEARD = [0]
COUNT = 0


class InAGlobalList(Strategy):
    """Counts in a list of the module."""

    def on_bar(self, bar, book) -> None:
        HEARD[0] += 1
        if HEARD[0] % 7 == 0:
            book.target_quantity(bar.symbol, float(HEARD[0]))


class InAGlobalNumber(Strategy):
    """Counts in a number of the module."""

    def on_bar(self, bar, book) -> None:
        global COUNT  # noqa: PLW0603 - the cheat
        COUNT += 1
        if COUNT % 7 == 0:
            book.target_quantity(bar.symbol, float(COUNT))


def in_a_closure():
    heard = 0

    class InAClosure(Strategy):
        """Counts in a variable of the function around it."""

        def on_bar(self, bar, book) -> None:
            nonlocal heard
            heard += 1
            if heard % 7 == 0:
                book.target_quantity(bar.symbol, float(heard))

    return InAClosure


class InItsClass(Strategy):
    """Counts in an attribute of the class."""

    heard = 0

    def on_bar(self, bar, book) -> None:
        type(self).heard += 1
        if type(self).heard % 7 == 0:
            book.target_quantity(bar.symbol, float(type(self).heard))


class InADefault(Strategy):
    """Counts in a default that can be changed."""

    def on_bar(self, bar, book, heard=[0]) -> None:  # noqa: B006 - the cheat
        heard[0] += 1
        if heard[0] % 7 == 0:
            book.target_quantity(bar.symbol, float(heard[0]))


class InAHelper(Strategy):
    """Counts in a function that it calls."""

    def on_bar(self, bar, book) -> None:
        if count() % 7 == 0:
            book.target_quantity(bar.symbol, float(COUNT))


def count():
    global COUNT  # noqa: PLW0603 - the cheat
    COUNT += 1
    return COUNT


class InAFunction(Strategy):
    """Counts in an attribute of a function."""

    def on_bar(self, bar, book) -> None:
        remember.heard = getattr(remember, "heard", 0) + 1
        if remember.heard % 7 == 0:
            book.target_quantity(bar.symbol, float(remember.heard))


def remember():
    """Keeps a number where nobody looks."""


class OnTheEdge(Strategy):
    """Counts in an attribute that is no state."""

    def setup(self) -> None:
        self._edge_heard = 0

    def on_bar(self, bar, book) -> None:
        self._edge_heard += 1
        if self._edge_heard % 7 == 0:
            book.target_quantity(bar.symbol, float(self._edge_heard))


@pytest.mark.parametrize(
    "strategy",
    [InAGlobalList, InAGlobalNumber, in_a_closure(), InItsClass, InADefault, InAHelper, InAFunction, OnTheEdge],
    ids=lambda each: each.__name__,
)
def test_state_outside_is_caught_at_the_first_decision_it_changes(strategy, market):
    finding = failed(strategy, market, "restart")
    assert "outside" in finding.what


class InADictionary(Strategy):
    """Keeps what is no state."""

    def setup(self) -> None:
        self.seen = {}

    def on_bar(self, bar, book) -> None:
        self.seen[bar.symbol] = bar.close


def test_what_cannot_be_saved_is_named(market):
    finding = failed(InADictionary, market, "restart")
    assert "InADictionary.seen" in finding.what
    assert "dict" in finding.what


# Machine code that would differ.


class Adds(Strategy):
    """Honest; the test makes its machine code another."""

    def setup(self) -> None:
        self.total = 0.0

    def on_bar(self, bar, book) -> None:
        self.total += bar.close
        if self.total > 2_000.0 and book.position(bar.symbol) == 0.0:
            book.buy(bar.symbol, 10.0)


def test_machine_code_that_differs_is_caught_at_its_bar(market, monkeypatch):
    """There is no way to write such a strategy that we know of, so a fault of one ulp is put into the execution itself."""
    honest = execute.carry

    def faulty(engine, strategy, feed, stop, program):
        honest(engine, strategy, feed, min(stop, 100), program)
        if stop > 100:
            strategy.total *= 1.0 + 2.0**-52
            program.restore()
            honest(engine, strategy, feed, stop, program)

    monkeypatch.setattr(execute, "carry", faulty)
    finding = failed(Adds, market, "machine code")
    assert finding.time[:10] == "2014-06-11"


def test_what_has_no_machine_code_skips_that_gate_and_says_so(market):
    report = check(Peeks, market, events=20)
    finding = report.findings[-1]
    assert finding.ok
    assert str(finding).startswith("skip  machine code: not compiled")
    assert str(report).splitlines()[-1] in {"passed, without machine code", "not safe to trust: mend what failed"}


# Honest strategies.


BY_DAY = (strategies.Crossover, strategies.Momentum, strategies.Pairs)


@pytest.mark.parametrize(
    "strategy",
    [each if each in BY_DAY else pytest.param(each, marks=pytest.mark.nightly) for each in SHIPPED],
    ids=lambda each: each.__name__,
)
def test_shipped_strategies_pass(strategy, market):
    more = {"fast": 5, "slow": 10} if strategy in {strategies.Crossover, strategies.Momentum} else {}
    report = check(strategy, market, events=210, **more)
    assert report.ok, str(report)
    assert [finding.gate for finding in report.findings] == ["look-ahead", "restart", "machine code"]


CONSTANTS = (2, 3, 5)


class Honest(Strategy):
    """Uses every kind of hook, a module's constants, and its own class of numbers."""

    schedule = (month_start(),)

    def setup(self) -> None:
        self.averages = self.per_symbol(SMA, CONSTANTS[2])
        self.asked = 0
        self.fills = array("d", [0.0])

    def on_bar(self, bar, book) -> None:
        if bar.close > self.averages[bar.symbol].update(bar.close):
            book.target_quantity(bar.symbol, 10.0)

    def on_timer(self, timer, book) -> None:
        self.asked += 1
        if timer.schedule == 0:
            book.after(3_600.0)
        else:
            book.close(0)

    def on_fill(self, fill, book) -> None:
        self.fills[0] += fill.quantity


def test_every_hook_may_be_used_honestly(market):
    report = check(Honest, market, events=210)
    assert report.ok, str(report)


def test_the_report_reads_well(market):
    report = check(InADictionary, market, events=30)
    lines = str(report).splitlines()
    assert lines[0] == "check of InADictionary"
    assert lines[-1] == "not safe to trust: mend what failed"
    assert [line.split()[0] for line in lines[1:-1]] == ["pass", "FAIL", "skip"]
    as_dict = report.as_dict()
    assert (as_dict["strategy"], as_dict["ok"], len(as_dict["findings"])) == ("InADictionary", False, 3)


def test_what_is_no_strategy_is_refused_before_anything_runs(market):
    with pytest.raises(Setup, match="SF107"):
        check(Honest(), market)
