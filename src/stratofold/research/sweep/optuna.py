"""Optuna as a sampler: asked for a round of trials, told how they did, asked again.

What comes in: a space and how many trials.  What goes out: sets of parameters; Optuna keeps nothing on disk, because the
study's own table does: it asks the same again from the same seed, and finished cells are told at once.
Why in rounds: a round is evaluated in one piece by machine code or by many workers.  A round is as long as what was heard
before it bears: short at first, since whoever has heard nothing guesses, and longer where many workers wait.  It does not
depend on how many trials there will be, so a longer sample begins with the shorter one.
"""

from __future__ import annotations

from importlib import import_module
from math import isfinite
from typing import TYPE_CHECKING, Any

from stratofold.errors import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.research.sweep.space import Dimension, Parameters, Space

_ALLOWED_TRIES = 100  # questions in a row that the conditions forbid
_ROUND_MIN, _ROUND_MAX, _ROUND_PART = 10, 100, 4  # trials; a part of what was asked for before
_POPULATION = 50  # of NSGA-II, as Optuna has it


class Asked:
    """Optuna's TPE, CMA-ES or NSGA-II over a space; `goals` is how many objectives there are, all the more the better."""

    is_adaptive = True

    def __init__(self, space: Space, name: str, trials: int, seed: int, goals: int) -> None:
        """A study in memory; raises Setup SFS09 without Optuna, SFS10 for objectives that the method cannot have."""
        try:
            import optuna

            if name == "cmaes":
                import_module("cmaes")  # Optuna asks for it only when it has heard something
        except ImportError as missing:
            fix = "pip install 'stratofold[optuna]', or sampler=\"sobol\""
            what = f"sampler={name!r} needs {missing.name}, which is not installed"
            raise Setup("SFS09", what, fix=fix) from None
        if goals > 1 and name == "cmaes":
            raise Setup("SFS10", "CMA-ES has one objective", fix='sampler="nsga2", or one objective')
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(directions=["maximize"] * goals, sampler=_method(optuna, name, seed))
        self._space, self._left, self._asked = space, trials, 0
        self._trials: list[Any] = []

    def ask(self) -> list[Parameters]:
        """The next round."""
        self._trials = []
        points: list[Parameters] = []
        misses = 0
        length = min(max(self._asked // _ROUND_PART, _ROUND_MIN), _ROUND_MAX, self._left)
        while len(points) < length and misses < _ALLOWED_TRIES:
            trial = self._study.ask()
            point = dict(self._space.fixed) | {each.name: _suggested(trial, each) for each in self._space.dimensions}
            if not self._space.allows(point):
                self._study.tell(trial, state=self._failed)
                misses += 1
                continue
            misses = 0
            self._trials.append(trial)
            points.append(point)
        self._left = self._left - len(points) if points else 0
        self._asked += len(points)
        return points

    def tell(self, values: Sequence[Sequence[float]]) -> None:
        """How the round did; a trial without a number has failed."""
        for trial, row in zip(self._trials, values, strict=True):
            if all(isfinite(value) for value in row):
                self._study.tell(trial, list(row))
            else:
                self._study.tell(trial, state=self._failed)


def _method(optuna: Any, name: str, seed: int) -> Any:
    """Optuna's sampler of that name."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is experimental
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        if name == "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed)
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=_POPULATION)


def _suggested(trial: Any, dimension: Dimension) -> Any:
    """A value of one dimension as Optuna would have it."""
    if dimension.values:
        number = trial.suggest_int(dimension.name, 0, len(dimension.values) - 1)
        return dimension.values[number]
    if dimension.kind is float:
        return trial.suggest_float(dimension.name, dimension.low, dimension.high)
    return trial.suggest_int(dimension.name, int(dimension.low), int(dimension.high))
