"""Other histories that might have been: returns drawn from a model of the real ones.

What comes in: logarithmic returns, a row a period and a column a symbol.
What goes out: as many new histories as asked for, and for each period the real one it was made from.
Why it is shaped so: all symbols are drawn together, so what hangs together stays together; a chunk of histories depends
on the seed and its number alone, so that chunks are drawn on any machine, in any order, and again after a crash.
"""

from math import ceil
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.research.validation.bootstrap import block_length, draw
from stratofold.research.validation.sharpe import trials_of

Doubles = NDArray[np.float64]
Indices = NDArray[np.int64]
_FEWEST = 30  # periods that a model can be fitted to


class Drawn(NamedTuple):
    """`returns` of shape (histories, periods, symbols), and the real period (histories, periods) whose shape each takes."""

    returns: Doubles
    periods: Indices


class Model(Protocol):
    """A way to draw histories as long as the real one."""

    def draw(self, chance: np.random.Generator, histories: int) -> Drawn:
        """`histories` new ones."""


class Blocks:
    """Real periods in blocks of random length: the stationary bootstrap of Politis and Romano (1994).

    What is kept: the distribution, what symbols do together, and memory as far as a block goes.
    Ignores: trends and regimes longer than a block.
    """

    def __init__(self, returns: ArrayLike, block: float | None = None) -> None:
        """`block` is the mean length in periods; what the absolute returns ask for, unless said: volatility is what clusters."""
        self.returns = _history(returns)
        self.block = block_length(np.abs(self.returns).mean(axis=1)) if block is None else block

    def draw(self, chance: np.random.Generator, histories: int) -> Drawn:
        """`histories` new ones."""
        periods = draw(chance, histories, len(self.returns), self.block)
        return Drawn(self.returns[periods], periods)


class Garch:
    """Volatility that clusters: filtered historical simulation over a GARCH(1,1) of each symbol.

    Bollerslev, Journal of Econometrics 31(3), 1986; Barone-Adesi, Giannopoulos and Vosper, Journal of Futures Markets
    19(5), 1999.  The unconditional variance is the sample's (variance targeting: Engle and Mezrich, Risk 9(8), 1996);
    `alpha` and `beta` have the highest Gaussian quasi-likelihood of a grid that is refined three times.
    Ignores: volatility that answers a fall more than a rise, and correlation that changes.
    """

    def __init__(self, returns: ArrayLike) -> None:
        """Fit each column."""
        history = _history(returns)
        self.mean = history.mean(axis=0)
        apart = history - self.mean
        self.variance = apart.var(axis=0)
        fitted = [_fit_garch(apart[:, column]) for column in range(apart.shape[1])]
        self.alpha = np.array([alpha for alpha, _ in fitted])
        self.beta = np.array([beta for _, beta in fitted])
        deviations = np.stack([
            np.sqrt(_garch_variances(apart[:, k], np.array([alpha]), np.array([beta]))[:, 0])
            for k, (alpha, beta) in enumerate(fitted)
        ], axis=1)  # fmt: skip
        shocks = apart / np.where(deviations > 0.0, deviations, 1.0)
        # Shocks of mean 0 and variance 1, or the drawn histories would drift away from the real variance.
        spread = shocks.std(axis=0)
        self.shocks = (shocks - shocks.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)

    def draw(self, chance: np.random.Generator, histories: int) -> Drawn:
        """`histories` new ones; each begins at the unconditional variance."""
        count = len(self.shocks)
        periods = chance.integers(0, count, (histories, count))
        returns = np.empty((histories, count, len(self.mean)))
        variance = np.broadcast_to(self.variance, (histories, len(self.mean)))
        rest = self.variance * (1.0 - self.alpha - self.beta)
        for period in range(count):
            apart = np.sqrt(variance) * self.shocks[periods[:, period]]
            returns[:, period] = self.mean + apart
            variance = rest + self.alpha * apart * apart + self.beta * variance
        return Drawn(returns, periods)


def _garch_variances(apart: Doubles, alpha: Doubles, beta: Doubles) -> Doubles:
    """The variance before each period, for each pair of `alpha` and `beta`: shape (periods, pairs)."""
    target = float(apart.var())
    variances = np.empty((len(apart), len(alpha)))
    variance = np.full(len(alpha), target)
    rest = target * (1.0 - alpha - beta)
    for period, square in enumerate((apart * apart).tolist()):
        variances[period] = variance
        variance = rest + alpha * square + beta * variance
    return variances


def _fit_garch(apart: Doubles) -> tuple[float, float]:
    """`alpha` and `beta` of one column; 0 and 0 where it never changes."""
    if not np.ptp(apart):
        return 0.0, 0.0
    centre, width = (0.25, 0.5), (0.25, 0.499)
    for _ in range(4):
        alpha, beta = (side.ravel() for side in np.meshgrid(*(
            np.linspace(max(middle - half, 0.0), min(middle + half, 0.999), 13)
            for middle, half in zip(centre, width, strict=True)
        )))  # fmt: skip
        inside = alpha + beta < 0.9995
        alpha, beta = alpha[inside], beta[inside]
        variances = _garch_variances(apart, alpha, beta)
        likelihood = -(np.log(variances) + (apart * apart)[:, None] / variances).sum(axis=0)
        best = int(likelihood.argmax())
        centre, width = (float(alpha[best]), float(beta[best])), (width[0] / 5.0, width[1] / 5.0)
    return centre


class Jumps:
    """Calm days and jumps: Merton, Journal of Financial Economics 3(1-2), 1976, with jumps that symbols share.

    A period is a jump where some symbol moves more than `threshold` robust deviations (1.4826 x the median absolute
    one) from its median.  Calm periods are normal with their covariance; at the observed rate a real jump, of all symbols
    together, stands in a period's place.
    Ignores: volatility that clusters, and jumps that follow one another.
    """

    def __init__(self, returns: ArrayLike, threshold: float = 4.0) -> None:
        """Tell calm periods from jumps."""
        history = _history(returns)
        median = np.median(history, axis=0)
        robust = 1.4826 * np.median(np.abs(history - median), axis=0)
        jumped = (np.abs(history - median) > threshold * robust).any(axis=1)
        calm = history[~jumped]
        if len(calm) < _FEWEST // 2:
            raise Setup("SFS49", f"only {len(calm)} calm periods are left", fix="raise threshold, or use Blocks")
        self.mean = calm.mean(axis=0)
        self.root = _root(np.atleast_2d(np.cov(calm, rowvar=False)))
        self.rate = float(jumped.mean())
        self.jumps = np.flatnonzero(jumped)
        self.history = history

    def draw(self, chance: np.random.Generator, histories: int) -> Drawn:
        """`histories` new ones; a calm period takes the shape of a real one at random."""
        count, symbols = self.history.shape
        returns = self.mean + chance.standard_normal((histories, count, symbols)) @ self.root.T
        periods = chance.integers(0, count, (histories, count))
        comes = chance.random((histories, count)) < self.rate
        if len(self.jumps):
            chosen = self.jumps[chance.integers(0, len(self.jumps), int(comes.sum()))]
            returns[comes] = self.history[chosen]
            periods[comes] = chosen
        return Drawn(returns, periods)


def _root(covariance: Doubles) -> Doubles:
    """A matrix whose square it is; a covariance without full rank has one too, unlike a Cholesky factor."""
    values, vectors = np.linalg.eigh(covariance)
    root: Doubles = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _history(returns: ArrayLike) -> Doubles:
    """One row of returns is one symbol; raises Setup SFS40 and SFS49."""
    table = np.asarray(returns, dtype=np.float64)
    history = trials_of(table[:, None] if table.ndim == 1 else table)
    if len(history) < _FEWEST:
        raise Setup("SFS49", f"{len(history)} periods are too few for a model", fix=f"give at least {_FEWEST}")
    return history


MODELS = {"blocks": Blocks, "garch": Garch, "jumps": Jumps}


def model(name: str, returns: ArrayLike) -> Model:
    """The model of that name, fitted to `returns`.  Raises Setup SFS49 for another name."""
    if name not in MODELS:
        raise Setup("SFS49", f"there is no model {name!r} of paths", fix=f"use one of {', '.join(MODELS)}")
    fitted: Model = MODELS[name](returns)
    return fitted


def chunk_sizes(count: int, size: int) -> list[int]:
    """`count` histories in chunks of at most `size`."""
    return [min(size, count - size * number) for number in range(ceil(count / size))]
