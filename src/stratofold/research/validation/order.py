"""The luck of the order: the same trades in another order, or drawn anew, and how deep they would have fallen.

What comes in: the profit of each trade, in money, and the money it began with.
What goes out: the drawdowns and ends of many orders.
Why it is shaped so: a trade's size is taken as it was, in money, so that an order changes the way and not the end;
drawing with replacement changes both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stratofold.errors import Setup
from stratofold.research.validation.bootstrap import drawdowns, generator

Doubles = NDArray[np.float64]


class Orders(NamedTuple):
    """What happened, and what many other orders would have brought: deepest fall (a share of the high) and final equity."""

    max_drawdown: float
    max_drawdowns: Doubles
    finals: Doubles
    ruined: float

    def quantile(self, share: float) -> float:
        """The drawdown that `share` of the orders stay within."""
        return float(np.quantile(self.max_drawdowns, share))


def trade_order(
    profits: ArrayLike, initial_equity: float, *, resamples: int = 1_000, replace: bool = False, seed: int = 0
) -> Orders:
    """`resamples` orders of the trades' `profits`, each begun with `initial_equity`.

    `replace` draws trades with replacement (a bootstrap of trades, Efron 1979) instead of shuffling them.  `ruined` is
    the share of orders whose equity was at or below 0 at some time.  Open loss within a trade is not seen.
    Checked against skfolio's drawdowns of every order, and against `scipy.stats.bootstrap`.
    Raises Setup SFS48 for no trades, profits that are not numbers, or no money.
    """
    made = np.asarray(profits, dtype=np.float64)
    if made.ndim != 1 or not len(made) or not np.isfinite(made).all():
        raise Setup(
            "SFS48", f"profits of shape {made.shape} have no order", fix="give the profit of each trade, one or more"
        )
    if not 0.0 < initial_equity < float("inf") or resamples < 1:
        raise Setup(
            "SFS48", "an order of trades begins with money", fix="give initial_equity above 0 and 1 resample or more"
        )
    chance = generator(seed)
    shuffled = (
        made[chance.integers(0, len(made), (resamples, len(made)))]
        if replace
        else chance.permuted(np.broadcast_to(made, (resamples, len(made))), axis=1)
    )
    equity = initial_equity + np.cumsum(shuffled, axis=1)
    own = drawdowns(initial_equity + np.cumsum(made)[None, :], initial_equity)
    return Orders(
        float(own[0]), drawdowns(equity, initial_equity), equity[:, -1], float(np.mean((equity <= 0.0).any(axis=1)))
    )
