"""Objects with a state that outlive a run are copied into it: no run hears what another has heard."""

from array import array
from typing import ClassVar

import pytest

from stratofold import Strategy, backtest, sample
from stratofold.indicators import SMA
from stratofold.instance import build_strategy
from stratofold.models import Linear
from stratofold.regimes import HiddenMarkov

FILTER = HiddenMarkov([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], [0.004, 0.03])  # what it has heard once it never forgets
NAMED = {"averages": [SMA(3), SMA(4)]}
COEFFICIENTS = Linear([0.5], 0.0)


class Counter:
    """A user's own model, without a `fresh`."""

    def __init__(self):
        self.heard = 0
        self.seen = array("d", [0.0])

    def update(self, value):
        self.heard += 1
        self.seen[0] += value
        return self.heard


class Holder:
    """Something of the run's own that holds something that is not."""

    def __init__(self, inner):
        self.inner = inner


def made(where):
    """A strategy that keeps a counter which outlives its runs."""
    counter = Counter()

    class Around(Strategy):
        def setup(self):
            self.counter = counter

    class OnClass(Strategy):
        counter = Counter()

    class Within(Strategy):
        def setup(self):
            self.holder = Holder(counter)
            self.counter = self.holder.inner

    class ByDefault(OnClass):
        listed: ClassVar = [Counter()]

        def setup(self):
            self.more = [NAMED["averages"][0], FILTER]
            self.all = NAMED["averages"]

    kind = {"around": Around, "on the class": OnClass, "within": Within, "of a base": ByDefault}[where]

    def on_bar(self, bar, book):
        if self.counter.update(bar.close) == 3:
            book.buy(bar.symbol, 5.0)

    kind.on_bar = on_bar
    return kind


@pytest.mark.parametrize("where", ["around", "on the class", "within", "of a base"])
def test_every_run_begins_with_its_own(where):
    """Interpreted twice: the second would never come to the third bar again."""
    strategy = made(where)
    data = sample("SPY").subset(None, "2014-01-01", "2014-01-31")
    assert [len(backtest(strategy, data, execution="interpreted").fills) for _ in range(3)] == [1, 1, 1]
    one, other = (build_strategy(strategy, ("SPY",), {}, {}) for _ in range(2))
    assert one.counter is not other.counter
    assert one.counter.heard == 0
    if where == "within":
        assert one.holder.inner is one.counter
    if where == "of a base":
        assert one.more[0] is not other.more[0] is not NAMED["averages"][0]
        assert one.more[1] is not FILTER
        assert one.listed[0] is not other.listed[0] is not strategy.listed[0]
        assert one.all[0] is one.more[0]
        assert one.all is not NAMED["averages"]
        assert one.all[1] is not other.all[1] is not NAMED["averages"][1]


def test_what_has_no_state_is_shared():
    """A model whose numbers nobody changes is not copied for every run, nor are classes, functions and numbers."""

    class Fixed(Strategy):
        kind = SMA

        def setup(self):
            self.model = COEFFICIENTS
            self.average = self.kind(5)

    one, other = (build_strategy(Fixed, ("SPY",), {}, {}) for _ in range(2))
    assert one.model is other.model is COEFFICIENTS
    assert one.average is not other.average
