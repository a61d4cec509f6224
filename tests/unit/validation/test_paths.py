"""Histories that might have been: what each model keeps of the real one, and markets made of them."""

from dataclasses import replace

import numpy as np
import pytest
from arch import arch_model
from scipy.ndimage import generic_filter

from stratofold import Fees, backtest, sample
from stratofold.errors import Setup
from stratofold.events import HALT
from stratofold.market.data import Statuses
from stratofold.research.validation import Blocks, Garch, Jumps, MonteCarlo, monte_carlo, stability
from stratofold.research.validation.bootstrap import generator
from stratofold.research.validation.paths import Drawn, model
from stratofold.research.validation.synthetic import markets, shapes
from stratofold.strategies.crossover import Crossover


def clustered(seed, count=2_000, alpha=0.1, beta=0.85):
    """Returns of a GARCH(1,1) with a yearly volatility of some 16 %."""
    shocks = np.random.default_rng(seed).standard_normal(count)
    returns, variance = np.empty(count), 1e-4
    for row, shock in enumerate(shocks):
        returns[row] = shock * variance**0.5
        variance = 1e-4 * (1.0 - alpha - beta) + alpha * returns[row] ** 2 + beta * variance
    return returns


@pytest.mark.parametrize("seed", [1, 2])
def test_a_garch_is_archs(seed):
    """arch estimates the constant of the variance too; we take the sample's variance: close, and as likely."""
    returns = clustered(seed)
    theirs = arch_model(returns * 100.0, mean="Constant").fit(disp="off").params
    ours = Garch(returns)
    assert ours.alpha[0] == pytest.approx(theirs["alpha[1]"], abs=0.03)
    assert ours.beta[0] == pytest.approx(theirs["beta[1]"], abs=0.05)


@pytest.mark.parametrize("name", ["blocks", "garch", "jumps"])
def test_what_a_model_keeps(name):
    """Mean, variance and what two symbols do together."""
    first = clustered(1)
    second = 0.7 * first + 0.5 * clustered(2)
    real = np.stack([first, second], axis=1)
    drawn = model(name, real).draw(generator(1), 40)
    assert drawn.returns.shape == (40, 2_000, 2)
    assert drawn.periods.shape == (40, 2_000)
    flat = drawn.returns.reshape(-1, 2)
    assert flat.mean(axis=0) == pytest.approx(real.mean(axis=0), abs=2e-4)
    assert flat.std(axis=0) == pytest.approx(real.std(axis=0), rel=0.08)
    assert np.corrcoef(flat.T)[0, 1] == pytest.approx(np.corrcoef(real.T)[0, 1], abs=0.05)


def memory(returns):
    """The autocorrelation of absolute returns, over the first five lags."""
    size = np.abs(returns) - np.abs(returns).mean()
    return np.mean([size[lag:] @ size[:-lag] / (size @ size) for lag in range(1, 6)])


def test_volatility_clusters_where_the_model_says_so():
    real = clustered(3, 4_000, 0.15, 0.8)
    kept = {
        name: memory(model(name, real).draw(generator(1), 1).returns[0, :, 0]) for name in ("garch", "blocks", "jumps")
    }
    assert memory(real) > 0.1
    assert kept["garch"] > 0.07
    assert kept["blocks"] > 0.07
    assert abs(kept["jumps"]) < 0.05


def test_jumps_come_as_often_and_as_large():
    real = np.random.default_rng(1).normal(0.0, 0.01, 2_000)
    real[::100] = -0.12
    fitted = Jumps(real)
    assert fitted.rate == pytest.approx(0.01, abs=0.001)
    drawn = fitted.draw(generator(2), 50).returns
    assert (drawn < -0.1).mean() == pytest.approx(0.01, abs=0.002)


def test_a_period_that_is_drawn_is_a_real_one():
    real = clustered(1, 200)
    drawn = Blocks(real, block=5.0).draw(generator(1), 3)
    assert (drawn.returns[:, :, 0] == real[drawn.periods]).all()


def test_what_never_moves_does_not_in_another_history():
    still = np.zeros((40, 2))
    for name in ("blocks", "garch", "jumps"):
        assert not model(name, still).draw(generator(1), 2).returns.any()


class TestMarkets:
    """Bars along drawn histories."""

    def test_the_real_history_gives_the_real_bars(self):
        data = sample("SPY", "QQQ").subset(None, "2014-01-01", "2015-12-31")
        real = shapes(data)
        again = next(markets(data, Drawn(real.returns[None], np.arange(len(real.returns))[None]), real))
        tail = slice(2, None)
        for name in ("time", "symbol", "open", "high", "low", "close", "volume"):
            assert getattr(again, name) == pytest.approx(getattr(data, name)[tail], abs=0.0100001), name

    def test_bars_are_possible_and_the_same_for_the_same_seed(self):
        data = sample("SPY", "QQQ").subset(None, "2014-01-01", "2015-12-31")
        real = shapes(data)
        one, other = (next(markets(data, Garch(real.returns).draw(generator(4, 1), 2), real)) for _ in range(2))
        assert one.content_hash == other.content_hash
        assert (one.high >= np.maximum(one.open, one.close)).all()
        assert (one.low <= np.minimum(one.open, one.close)).all()
        assert (one.low > 0.0).all()
        assert "Ignores" in one.notes[0]

    def test_splits_are_no_returns(self):
        data = sample("AAPL").subset(None, "2014-01-01", "2014-12-31")
        assert np.abs(shapes(data).returns).max() < 0.15
        assert len(data.actions.time)

    def test_chunks_resume(self, tmp_path):
        data = sample("SPY").subset(None, "2014-01-01", "2014-12-31")
        whole = monte_carlo(Crossover, data, histories=5, chunk=2, seed=1, execution="interpreted", fast=5, slow=20)
        part = monte_carlo(
            Crossover, data, histories=3, chunk=2, seed=1, folder=tmp_path, execution="interpreted", fast=5, slow=20
        )
        kept = sorted(file.name for file in tmp_path.iterdir())
        longer = monte_carlo(
            Crossover, data, histories=5, chunk=2, seed=1, folder=tmp_path, execution="interpreted", fast=5, slow=20
        )
        assert [name.rsplit("-")[-1] for name in kept] == ["000000.json", "000001.json"]
        for name, values in whole.drawn.items():
            assert longer.drawn[name].tolist() == values.tolist()
            assert part.drawn[name].tolist() == values[:3].tolist()
        assert 0.0 <= whole.better("total_return") <= 1.0
        assert whole.quantile("max_drawdown", 0.0) <= whole.quantile("max_drawdown", 1.0)
        other = monte_carlo(
            Crossover, data, histories=1, chunk=2, seed=1, folder=tmp_path, execution="interpreted", fast=6, slow=20
        )
        assert len(list(tmp_path.iterdir())) == 4
        assert other.real != whole.real

    def test_what_was_found_prints_itself(self):
        """A figure that no history has is a dash; of some, less is better."""
        depths = np.array([0.1, 0.2, 0.3, 0.4])
        drawn = {"max_drawdown": depths, "sharpe": np.full(4, np.nan)}
        found = MonteCarlo({"max_drawdown": 0.2, "sharpe": np.nan}, drawn)
        assert str(found) == repr(found)
        assert str(found).splitlines() == [
            "4 histories that might have been",
            "                  as it was  5% below  50% below  95% below",
            "Deepest drawdown    20.00 %   11.50 %    25.00 %    38.50 %",
            "    Sharpe ratio          —         —          —          —",
        ]
        assert (found.better("max_drawdown"), found.better("-max_drawdown")) == (0.5, 0.5)
        more = MonteCarlo({"trades": 0.2}, {"trades": depths})
        assert (more.better("trades"), more.better("-trades")) == (0.75, 0.5)

    def test_what_changes_a_chunk_changes_its_name(self, tmp_path):
        """Fees, the model of paths, the seed and the size of a chunk; how it is executed does not."""
        data = sample("SPY").subset(None, "2014-01-01", "2014-06-30")
        more = {"histories": 1, "folder": tmp_path, "execution": "interpreted", "fast": 5, "slow": 20}
        cases = [{}, {"fees": Fees(per_share=0.01)}, {"paths": "garch"}, {"seed": 1}, {"chunk": 5}, {"cash": 5_000.0}]
        cases.append({"paths": Blocks(shapes(data).returns, block=3.0)})
        for number, case in enumerate(cases, 1):
            monte_carlo(Crossover, data, **{**more, **case})
            assert len(list(tmp_path.iterdir())) == number, case
        for case in ({}, {"execution": "auto"}, {"paths": Blocks(shapes(data).returns, block=3.0)}):
            monte_carlo(Crossover, data, **{**more, **case})
        assert len(list(tmp_path.iterdir())) == len(cases)


class TestStability:
    """A hill or a needle."""

    GRID = tuple((float(fast), float(slow)) for fast in range(1, 6) for slow in range(10, 60, 10))

    def of(self, height):
        """The map of a function of both parameters."""
        columns = {"fast": [fast for fast, _ in self.GRID], "slow": [slow for _, slow in self.GRID]}
        return stability(columns, [height(fast, slow) for fast, slow in self.GRID])

    def test_a_hill_keeps_most(self):
        found = self.of(lambda fast, slow: 3.0 - abs(fast - 3.0) / 10.0 - abs(slow - 30.0) / 100.0)
        assert found.best == found.robust == {"fast": 3.0, "slow": 30.0}
        assert found.kept > 0.9
        assert found.values.shape == (5, 5)

    def test_a_needle_keeps_little(self):
        found = self.of(lambda fast, slow: 9.0 if (fast, slow) == (1.0, 10.0) else fast / 5.0)
        assert found.best == {"fast": 1.0, "slow": 10.0}
        assert found.around[0, 0] == pytest.approx((9.0 + 0.2 + 0.4 + 0.4) / 4.0)
        assert found.kept < 0.3

    def test_neighbourhoods_are_scipys(self):
        """Three parameters, an eighth of the cells not tried, in no order."""
        chance = np.random.default_rng(4)
        values = np.where(chance.random((5, 7, 4)) < 0.125, np.nan, chance.normal(size=(5, 7, 4)))
        places = chance.permutation(np.argwhere(np.isfinite(values)))
        columns = {name: (10.0 * places[:, k]).tolist() for k, name in enumerate("abc")}
        found = stability(columns, values[tuple(places.T)])
        around = generic_filter(values, np.nanmean, size=3, mode="constant", cval=np.nan)
        assert np.array_equal(found.values, values, equal_nan=True)
        assert found.around == pytest.approx(np.where(np.isfinite(values), around, np.nan), nan_ok=True)
        robust = np.unravel_index(np.nanargmax(found.around), values.shape)
        assert list(found.robust.values()) == [10.0 * k for k in robust]

    def test_a_hole_is_left_out(self):
        found = stability({"a": [1.0, 2.0, 1.0], "b": [1.0, 1.0, 2.0]}, [1.0, 3.0, 5.0])
        assert np.isnan(found.values[1, 1])
        assert np.isnan(found.around[1, 1])
        assert found.around[0, 0] == 3.0
        assert found.robust == {"a": 1.0, "b": 1.0}


@pytest.mark.parametrize(
    ("work", "code"),
    [
        (lambda: Blocks([0.1] * 10), "SFS49"),
        (lambda: model("bridge", [0.1] * 50), "SFS49"),
        (lambda: Jumps(np.random.default_rng(1).normal(size=50), threshold=0.01), "SFS49"),
        (lambda: shapes(sample("SPY").subset(None, "2014-01-01", "2014-01-10")), "SFS50"),
        (lambda: monte_carlo(Crossover, sample("SPY"), histories=0), "SFS50"),
        (
            lambda: monte_carlo(Crossover, sample("SPY"), histories=1, statistics=["luck"], execution="interpreted"),
            "SFS50",
        ),
        (lambda: stability({"a": [1.0]}, [1.0, 2.0]), "SFS51"),
        (lambda: stability({}, []), "SFS51"),
        (lambda: stability({"a": [1.0]}, [np.nan]), "SFS51"),
        (lambda: stability({"a": [1.0, 1.0]}, [1.0, 2.0]), "SFS51"),
    ],
)
def test_nonsense_is_refused(work, code):
    with pytest.raises(Setup) as told:
        work()
    assert told.value.code == code


class Signalled(Crossover):
    """Hears something that is no price."""

    series = ("score",)


def test_the_real_history_is_run_as_the_drawn_ones_are():
    """Dividends and halts are in neither: a path that repeats the real bars is no worse than they are."""
    data = sample("SPY").subset(None, "2014-01-01", "2014-12-31")
    real = shapes(data)
    halted = replace(data, statuses=Statuses(data.time[:1], np.array([HALT]), np.array([0])))
    assert len(data.actions.time)
    (same,) = markets(halted, Drawn(real.returns[None], np.arange(len(real.returns))[None]), real)
    assert len(same.statuses.time) == len(same.actions.time) == 0
    assert np.allclose(same.close, data.close[1:], atol=0.0051)
    found = monte_carlo(Crossover, data, histories=1, execution="interpreted", fast=5, slow=20)
    assert found.real["total_return"] == backtest(Crossover, same, fast=5, slow=20).stats["total_return"]
    with pytest.raises(Setup) as told:
        monte_carlo(Signalled, data, histories=1)
    assert told.value.code == "SFS54"
