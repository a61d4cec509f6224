"""Models that a run is given are its own: what one run has told them no other hears, whatever class they are of."""

from array import array
from threading import Lock

import pytest

from stratofold import Fees, Latency, Setup, Slippage, Strategy, backtest, param, sample, sweep, walk_forward
from stratofold.exchange.desk import Terms, _engine
from stratofold.exchange.market import Market
from stratofold.instance import build_strategy
from stratofold.models import Linear
from tests.unit.sweep.test_sweep import assert_equal_to_backtests


class Wearing(Slippage):
    """Each fill is dearer than the one before, by a power that compilers and interpreters have their own of."""

    def __init__(self):
        super().__init__()
        self.heard = 0.0

    def price(self, side, price, quantity, volume, scale):
        self.heard += 1.0
        return Slippage.price(self, side, price * (1.0 + side * 0.001 * self.heard**1.5), quantity, volume, scale)


class Rising(Fees):
    """A dollar for the first fill, two for the second."""

    def __init__(self):
        super().__init__()
        self.heard = 0.0

    def steps(self, quantity, value, maker, scale):
        self.heard += 1.0
        return self.heard * scale


class Tiring(Latency):
    """A day for the first message, two for the second."""

    def __init__(self):
        super().__init__()
        self.heard = 0

    def draw(self):
        self.heard += 1
        return self.heard * 86_400_000_000_000


class Beside(Strategy):
    """In and out every few days."""

    days = param(3)

    def setup(self):
        self.count = 0

    def on_bar(self, bar, book):
        self.count += 1
        if self.count % self.days == 0:
            book.target_quantity(bar.symbol, 10.0 * (self.count // self.days % 2))


class Counting:
    """A model that hears, without a `fresh`."""

    def __init__(self):
        self.heard = array("d", [0.0])

    def update(self):
        self.heard[0] += 1.0
        return self.heard[0]


class Thrice(Strategy):
    """Buys when its model has heard three bars: once."""

    size = param(1.0)

    def setup(self):
        self.model = self.artifact("counting")

    def on_bar(self, bar, book):
        if self.model.update() == 3.0:
            book.buy(bar.symbol, self.size)


MODELS = {"slippage": Wearing, "fees": Rising, "latency": Tiring}


@pytest.fixture(scope="module")
def data():
    return sample("SPY", start="2014-01-02", end="2014-03-31")


@pytest.mark.parametrize("word", MODELS)
def test_every_backtest_begins_with_what_it_was_given(data, word):
    model = MODELS[word]()
    plain, *runs = (
        backtest(Beside, data, execution="interpreted", **more).stats for more in ({}, {word: model}, {word: model})
    )
    assert model.heard == 0
    assert runs[0] == runs[1] != plain


@pytest.mark.nightly
@pytest.mark.parametrize("word", MODELS)
def test_machine_code_agrees(data, word):
    runs = [backtest(Beside, data, execution=each, **{word: MODELS[word]()}) for each in ("interpreted", "compiled")]
    assert runs[1].execution == "compiled"
    assert runs[0].fingerprint == runs[1].fingerprint


@pytest.mark.parametrize("execution", ["interpreted", pytest.param("compiled", marks=pytest.mark.nightly)])
def test_every_cell_does(data, execution):
    """A cell would begin where the one before has ended, and have another name the next day."""
    costs = {"mine": {word: made() for word, made in MODELS.items()}, "free": {}}
    study = sweep(Beside, data, days=[2, 3, 4], costs=costs, execution=execution)
    assert_equal_to_backtests(study)
    assert study.table["total_return"].n_unique() == 6


@pytest.mark.nightly
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_every_trial_does(data, sampler):
    study = sweep(Beside, data, days=(2, 9), sampler=sampler, trials=12, execution="interpreted", slippage=Wearing())
    assert_equal_to_backtests(study)


def test_every_stretch_of_a_walk_does(data):
    model = Wearing()
    walks = [
        walk_forward(Beside, data, train=20, test=20, days=[2, 3], execution="interpreted", slippage=model)
        for _ in range(2)
    ]
    assert walks[0].stats == walks[1].stats
    assert model.heard == 0.0


def test_so_does_an_artifact_without_a_fresh(data):
    model = Counting()
    results = [
        backtest(Thrice, data, execution="interpreted", artifacts={"counting": model}, size=size) for size in (1.0, 2.0)
    ]
    assert [len(each.fills) for each in results] == [1, 1]
    study = sweep(Thrice, data, size=[1.0, 2.0], artifacts={"counting": model}, execution="interpreted")
    assert_equal_to_backtests(study)
    assert model.heard[0] == 0.0


def test_an_artifact_is_copied_wherever_it_lies():
    class Shelf(Strategy):
        def setup(self):
            self.found = self.artifact("found")

    held, weights, known = Counting(), array("d", [1.0]), Linear([0.5], 0.0)
    for inner in ([held], {"a": held}, (held, [held])):
        found = build_strategy(Shelf, ("SPY",), {}, {"found": inner}).found
        assert type(found) is type(inner)
        first = next(iter(found.values())) if isinstance(found, dict) else found[0]
        assert first is not held
    assert build_strategy(Shelf, ("SPY",), {}, {"found": weights}).found is not weights
    assert build_strategy(Shelf, ("SPY",), {}, {"found": known}).found is known  # ours keep nothing, or have a `fresh`


def test_what_cannot_be_copied_is_refused_in_words(data):
    class Locked(Slippage):
        def __init__(self):
            super().__init__()
            self.lock = Lock()

    class Open(Locked):
        def fresh(self):
            return self

    with pytest.raises(Setup, match="a Locked cannot be copied") as raised:
        backtest(Beside, data, slippage=Locked(), execution="interpreted")
    assert raised.value.code == "SF117"
    assert len(backtest(Beside, data, slippage=Open(), execution="interpreted").fills)


@pytest.mark.parametrize("word", MODELS)
def test_what_is_no_model_is_refused_in_words(data, word):
    with pytest.raises(Setup, match=f"{word}=0.001 is no model of {word}") as raised:
        backtest(Beside, data, execution="interpreted", **{word: 0.001})
    assert raised.value.code == "SF118"


def test_accounts_of_the_exchange_have_their_own_too(data):
    slippage, fees = Wearing(), Rising()
    market = Market(data)
    one, other = (_engine(market, Terms(slippage=slippage, fees=fees)).venue.costs for _ in range(2))
    assert type(one.slippage) is Wearing
    assert type(one.fees) is Rising
    assert len({id(each) for each in (one.slippage, other.slippage, slippage)}) == 3
