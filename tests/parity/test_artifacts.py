"""A model with a state: every execution, every further run and every cell of a sweep begins with an empty one."""

import pytest

import stratofold
from stratofold import Strategy, param
from stratofold.regimes import HiddenMarkov

DATA = stratofold.sample("SPY").subset(None, "2007-01-01", "2007-12-31")
STAYS = ([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], [0.004, 0.03])  # what it has heard once it never forgets


class Sticky(Strategy):
    """Holds less from the day on which the filter is convinced that the market is wild."""

    calm = param(10.0, low=1.0, high=100.0)

    def setup(self):
        """Two filters by one name are two."""
        self.filter = self.artifact("states")
        self.second = self.artifact("states")
        self.last = 0.0

    def on_bar(self, bar, book):
        """One hears every return, the other every second one."""
        if self.last > 0.0:
            wild = self.filter.update(bar.close / self.last - 1.0) == 1
            if bar.session % 2 == 0:
                wild = self.second.update(bar.close / self.last - 1.0) == 1 or wild
            book.target_quantity(bar.symbol, 5.0 if wild else self.calm)
        self.last = bar.close


@pytest.fixture(scope="module")
def plain():
    """The run that all others are held to."""
    return run("interpreted", HiddenMarkov(*STAYS))


def run(execution, model, **more):
    return stratofold.backtest(Sticky, DATA, execution=execution, artifacts={"states": model}, **more)


def test_no_run_hears_what_another_has_heard(plain):
    model = HiddenMarkov(*STAYS)
    for execution in ("interpreted", "compiled", "compiled", "interpreted"):
        assert run(execution, model).fingerprint == plain.fingerprint
    assert len(plain.fills) > 2
    assert (model.heard, list(model.probabilities)) == (0, [0.5, 0.5])


@pytest.mark.nightly
def test_nor_does_a_frozen_one(plain, tmp_path):
    model = HiddenMarkov(*STAYS)
    kernel = stratofold.freeze(Sticky, DATA, tmp_path / "sticky.kernel", artifacts={"states": model})
    for _ in range(2):
        assert run("frozen", model, kernel=kernel).fingerprint == plain.fingerprint


def test_nor_does_a_cell_of_a_sweep(plain):
    study = stratofold.sweep(Sticky, DATA, calm=[10.0, 20.0, 30.0], artifacts={"states": HiddenMarkov(*STAYS)})
    assert study.table["total_return"][0] == plain.stats["total_return"]
    for row in study.table.iter_rows(named=True):
        assert study.result(row).stats["total_return"] == row["total_return"]


def test_it_is_saved_and_restored_with_the_strategy():
    assert stratofold.check(Sticky, DATA, events=120, artifacts={"states": HiddenMarkov(*STAYS)}).ok
