"""How much of the best result is luck, in numbers and in words.

What comes in: the chosen trial's returns, all trials' Sharpe ratios, and their returns where they were kept.
What goes out: `Luck`: the deflated Sharpe ratio, the probability of overfitting, and one sentence for people.
Why it is shaped so: a number alone is misread; the sentence says what it means for this strategy and what would help.
"""

from math import isfinite
from typing import NamedTuple

from numpy.typing import ArrayLike

from stratofold.errors import Setup
from stratofold.research.validation.overfitting import overfitting_probability
from stratofold.research.validation.sharpe import (
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    minimum_track_record,
    sharpe_ratios,
    track,
    trials_of,
)

_SURE = 0.95
_COIN = 0.5


class Luck(NamedTuple):
    """What is left of the best of `trials` after luck is taken off.

    `sharpe` and `lucky_sharpe` (what the best of as many unskilled ones reaches) are per period; `deflated` is the
    probability that the true ratio is above `lucky_sharpe`; `overfitting` that the winner of one half of time is below
    the middle in the other; `needed_periods` how long a track must be to beat `lucky_sharpe` with 95 %.
    """

    trials: int
    effective: float
    periods: int
    sharpe: float
    lucky_sharpe: float
    deflated: float
    overfitting: float
    needed_periods: float

    def __str__(self) -> str:
        """One sentence on luck, and one on what to do."""
        return f"{self._verdict()}  {self._advice()}"

    def _verdict(self) -> str:
        """What the figures say."""
        tried = f"the best of {self.trials:,} trials ({self.effective:,.0f} independent)"
        overfit = f", and the winner of one half of history falls below the middle in the other {_percent(self.overfitting)} of the time"
        return (
            f"Deflated Sharpe {self.deflated:.2f}, overfitting {self.overfitting:.2f}: {tried} beats what luck alone "
            f"would have reached with a probability of {_percent(self.deflated)}{overfit}."
        )

    def _advice(self) -> str:
        """What to think of it."""
        if self.deflated >= _SURE and self.overfitting < _COIN / 2:
            return "That is more than luck explains; it is still the past, and nothing promises profit."
        if self.deflated >= _SURE and self.overfitting >= _COIN:
            return "The trials may well be good, but which of them is best was luck: the winner is worth no more than the others."
        if self.deflated < _COIN or self.overfitting >= _COIN:
            return "Take it for luck: choose it for no reason that you did not have before the sweep."
        if isfinite(self.needed_periods) and self.needed_periods > self.periods:
            return f"Too early to tell: at this rate it takes {self.needed_periods:,.0f} periods, and there are {self.periods:,}."
        return "It may be skill and it may be luck: test it on data that no trial has seen."


def _percent(share: float) -> str:
    """A share in words that promise no certainty."""
    return "more than 99%" if share > 0.99 else "less than 1%" if share < 0.01 else f"{share:.0%}"


def luck(trials: ArrayLike, *, best: int | None = None, splits: int = 16) -> Luck:
    """How much of the best column of `trials` (a row a period, a column a trial) is luck.

    `best` is the chosen column, that of the highest Sharpe ratio unless said.  Raises Setup SFS40, SFS45 and SFS52.
    """
    returns = trials_of(trials)
    ratios = sharpe_ratios(returns)
    chosen = int(ratios.argmax()) if best is None else best
    if not 0 <= chosen < len(ratios):
        raise Setup("SFS52", f"there is no trial {chosen} among {len(ratios)}", fix="give the number of a column")
    one = track(returns[:, chosen])
    effective = effective_trials(returns)
    lucky = expected_maximum_sharpe(effective, float(ratios.var(ddof=1)) if len(ratios) > 1 else 0.0)
    return Luck(
        len(ratios), effective, one.periods, one.sharpe, lucky, deflated_sharpe(one, ratios, effective),
        overfitting_probability(returns, splits).probability, minimum_track_record(one, lucky),
    )  # fmt: skip
