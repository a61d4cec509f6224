"""`why`: one order's story, from the records alone."""

import json
from math import isnan, nan

import pytest

import stratofold
from stratofold.errors import Setup
from stratofold.events import Bar
from stratofold.fold.order import AT_CLOSE, DAY, GTC, LIMIT, MARKET, STOP, STOP_LIMIT
from stratofold.live import why as whys
from stratofold.live.why import lines, why
from tests.live_tools import paper

DAY_NS = 86_400_000_000_000


class Ladder(stratofold.Strategy):
    """Buys on its third bar at the market, on its fifth far below the market, and on its seventh too much."""

    def setup(self):
        self.bars = 0
        self.last = 0.0

    def on_bar(self, bar, book):
        self.bars += 1
        self.last = bar.close
        if self.bars == 3:
            book.buy(bar.symbol, 10.0)
        elif self.bars == 5:
            book.buy(bar.symbol, 5.0, limit=round(bar.close * 0.9, 2))
        elif self.bars == 7:
            book.buy(bar.symbol, 1_000.0)


class Otherwise(Ladder):
    """As the other, but one more: the code of today."""

    def on_bar(self, bar, book):
        super().on_bar(bar, book)
        if self.bars == 3:
            book.buy(bar.symbol, 1.0)


LIMITS = {
    "position_max": 500.0, "order_quantity_max": 600.0, "order_notional_max": 1e6, "price_collar": 0.2,
    "gross_exposure_max": 1e6, "net_exposure_max": 1e6, "leverage_max": 3.0, "orders_per_minute_max": 10.0,
    "duplicate_seconds": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def run():
    data = stratofold.sample("us14").subset(["SPY"], start="2020-04-01", end="2020-04-30")
    made = paper(Ladder, data, DAY_NS, slippage=stratofold.Slippage(proportional=0.0001), limits=LIMITS)
    made.run()
    return made


def test_a_market_order_from_what_it_saw_to_its_fill(run):
    found = why(run.journal, "paper", "1", Ladder)
    bars = run.data
    assert (found.client_id, found.asked, found.outcome) == ("paper-g1-1", "submit #1 buy 10 SPY market gtc", "filled")
    assert found.refolded
    assert not found.note
    assert found.time == int(bars.time[2])
    assert [entry.time for entry in found.saw] == [int(time) for time in bars.time[:3]]
    assert found.saw[-1].what.startswith("bar SPY ")
    assert {(one.name, one.before, one.after) for one in found.changes} >= {
        ("strategy.bars", 2, 3),
        ("strategy.last", float(bars.close[1]), float(bars.close[2])),
        ("book.working_buy[0]", 0.0, 10.0),
        ("book.next_number", 1, 2),
    }
    assert found.execution.expected == float(bars.open[3])
    assert found.execution.average == round(float(bars.open[3]) * 1.0001, 4)
    assert found.execution.slippage == pytest.approx(10.0 * (found.execution.average - found.execution.expected))
    assert found.execution.slippage_bps == pytest.approx(1.0, rel=0.05)


def test_the_checks_are_those_of_the_risk_with_their_numbers(run):
    found = why(run.journal, "paper", "#1", Ladder)
    checks = {check.name: (check.limit, check.observed, check.holds) for check in found.checks}
    price = float(run.data.close[2])
    assert checks["position_max"] == (500.0, 10.0, True)
    assert checks["order_quantity_max"] == (600.0, 10.0, True)
    assert checks["order_notional_max"] == (1e6, round(10 * price, 2), True)
    assert checks["gross_exposure_max"] == (1e6, round(10 * price, 2), True)
    assert checks["leverage_max"][1] == pytest.approx(10 * price / 100_000.0)
    assert checks["orders_per_minute_max"] == (10.0, 1.0, True)
    assert checks["price_collar"][0] == 0.2
    assert isnan(checks["price_collar"][1])


def test_a_limit_order_says_how_far_it_is_from_the_market(run):
    found = why(run.journal, "paper", "paper-g1-2", Ladder)
    checks = {check.name: check for check in found.checks}
    assert checks["price_collar"].observed == pytest.approx(0.1, abs=1e-4)
    assert found.outcome == "working"
    assert found.execution is None


def test_a_refused_order_names_the_limit_that_broke(run):
    found = why(run.journal, "paper", "3", Ladder)
    assert found.outcome == "refused"
    assert found.refusal == "refused: order_quantity, limit 600, observed 1000"
    assert [check.name for check in found.checks if not check.holds] == ["order_quantity_max", "position_max"]


def test_the_story_has_the_answer_of_the_venue(run):
    story = [entry.what for entry in why(run.journal, "paper", "1", Ladder).story]
    assert story[0] == "submit #1 buy 10 SPY market gtc"
    assert any(what.startswith("answer of paper-g1-1: state accepted, venue_id ") for what in story)
    assert story[-1] == "done: filled, filled 10"


def test_another_code_is_told_before_anything_else(run):
    found = why(run.journal, "paper", "1", Otherwise)
    assert not found.refolded
    assert "another decision" in found.note
    assert next(line for line in lines(found) if line.startswith("note")) == f"note: {found.note}"


@pytest.mark.parametrize("order", ["4", "99", "0", "-1", "", "x", "#", "other-g1-1", "paper-g2-1", "²"])
def test_an_order_that_never_was(run, order):
    with pytest.raises(Setup) as caught:
        why(run.journal, "paper", order, Ladder)
    assert caught.value.code == "SF918"


def test_a_book_that_is_not_there(run):
    with pytest.raises(Setup) as caught:
        why(run.journal, "nobody", "1", Ladder)
    assert caught.value.code == "SF805"


def test_the_story_reads_as_text_and_as_json(run):
    for order in ("1", "2", "3"):
        found = why(run.journal, "paper", order, Ladder)
        text = "\n".join(lines(found))
        assert f"#{order}" in text.split("\n")[0]
        assert "what it saw" in text
        assert "what was checked" in text
        assert json.dumps(found.as_dict())


def test_a_time_of_the_state_is_shown_as_one(run):
    found = why(run.journal, "paper", "1", Ladder)
    assert "  book.time: 2020-04-02 20:00:00.000000 → 2020-04-03 20:00:00.000000" in list(lines(found))


def bar(opening, close):
    made = Bar()
    made.open, made.close = opening, close
    return made


@pytest.mark.parametrize(
    ("kind", "tif", "side", "limit", "stop", "after", "expected"),
    [
        (MARKET, GTC, 1, nan, nan, bar(101.0, 103.0), 101.0),
        (MARKET, DAY, -1, nan, nan, bar(101.0, 103.0), 101.0),
        (MARKET, AT_CLOSE, 1, nan, nan, bar(101.0, 103.0), 103.0),
        (MARKET, GTC, 1, nan, nan, None, nan),
        (LIMIT, GTC, 1, 100.0, nan, bar(101.0, 103.0), 100.0),
        (LIMIT, GTC, 1, 100.0, nan, bar(99.0, 103.0), 99.0),
        (LIMIT, GTC, -1, 100.0, nan, bar(99.0, 103.0), 100.0),
        (LIMIT, GTC, -1, 100.0, nan, bar(101.0, 103.0), 101.0),
        (LIMIT, GTC, 1, 100.0, nan, None, 100.0),
        (STOP, GTC, 1, nan, 100.0, bar(99.0, 103.0), 100.0),
        (STOP, GTC, 1, nan, 100.0, bar(101.0, 103.0), 101.0),
        (STOP, GTC, -1, nan, 100.0, bar(101.0, 103.0), 100.0),
        (STOP, GTC, -1, nan, 100.0, bar(99.0, 103.0), 99.0),
        (STOP_LIMIT, GTC, 1, 101.0, 100.0, bar(99.0, 103.0), nan),
    ],
)
def test_what_a_backtest_would_fill_it_at(kind, tif, side, limit, stop, after, expected):
    trail = whys._Trail(whys.Why("paper", 1, "paper-g1-1"), after=after)
    trail.sent = (0, 1, 0, side, kind, tif, 1.0, limit, stop, 0, 0)
    assert whys._expected(trail)[1] == pytest.approx(expected, nan_ok=True)
