"""`sweep`: a strategy, data and a space of parameters, to a `Study` of every cell.

What comes in: what `backtest` takes, with many values where it takes one.  What goes out: a study, in memory or in a
folder, in which finished cells are found again.
"""

from __future__ import annotations

import time
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from stratofold.errors import Setup
from stratofold.research.backtest import check_cash, check_strategy
from stratofold.research.prepare import Options
from stratofold.research.sweep.cells import Leg
from stratofold.research.sweep.executors import DIED, Work, call_ahead, executor_of
from stratofold.research.sweep.executors.money import dollars
from stratofold.research.sweep.objective import objectives_of
from stratofold.research.sweep.place import places_of
from stratofold.research.sweep.rows import Finished, frame_of
from stratofold.research.sweep.samplers import sampler_of
from stratofold.research.sweep.sets import sets_of
from stratofold.research.sweep.space import space_of
from stratofold.research.sweep.states import States
from stratofold.research.sweep.store import Store, place_of
from stratofold.research.sweep.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from stratofold.fold.costs import Fees, Latency, Slippage
    from stratofold.fold.risk import Limits
    from stratofold.fold.strategy import Strategy
    from stratofold.research.sweep.naming import Words
    from stratofold.research.sweep.samplers import Sampler
    from stratofold.research.sweep.sets import Sets
    from stratofold.research.sweep.space import Parameters, Space

_SAY_SECONDS = 1.0
_SHORT = 0.25  # seconds between two files of cells, at least
_WHOLE = 10.0  # cells a second, below which a tenth is said too


def sweep(
    strategy: type[Strategy] | Sequence[type[Strategy]],
    data: Any,
    *,
    objective: Any = "sharpe",
    sampler: str = "grid",
    trials: int | None = None,
    where: Any = (),
    seed: int = 0,
    executor: str = "inline",
    workers: int | None = None,
    budget: float | None = None,
    execution: str = "auto",
    study: str | Path | None = None,
    each_symbol: bool = False,
    windows: Any = None,
    costs: Mapping[str, Mapping[str, Any]] | None = None,
    symbols: Sequence[str] | str | None = None,
    start: Any = None,
    end: Any = None,
    cash: float = 100_000.0,
    fees: Fees | None = None,
    slippage: Slippage | None = None,
    limits: Limits | None = None,
    latency: Latency | None = None,
    volume_cap: float = inf,
    borrow_rate: float = 0.0,
    risk_free: Any = 0.0,
    grace_seconds: float = 0.0,
    base: str = "USD",
    queue: str = "back",
    artifacts: Mapping[str, object] | None = None,
    progress: Callable[[str], None] | None = None,
    **space: Any,
) -> Study:
    """Run every strategy with every set of parameters on every market, and return the study.

    A parameter's space is a list or a range of values, or a pair `(low, high)` of bounds, both included; a single value
    holds it there.  `where` is one condition or a list of them, as text ("fast < slow") or as functions of the
    parameters.  `sampler` is "grid", "random", "sobol", or Optuna's "tpe", "cmaes" or "nsga2"; all but the grid need
    `trials`.  `objective` is a statistic: the most of it is best ("sharpe"), of a drawdown, fees and the like the
    least ("max_drawdown"), as of any with "-" before it ("-turnover"); or a function of a cell's statistics, or a list,
    the first of which ranks.  `each_symbol` makes a cell of every symbol
    alone, `windows` of every pair of days, `costs` of every named set of assumptions.  `study` is a name (a folder
    under "studies") or a path: there finished cells are kept, and none is computed again.  `executor` is "inline",
    "processes", "lithops" or "stepfunctions"; where it has a price, no more than `budget` dollars are spent on a study.
    The rest is as in `backtest`.

    Every cell equals `backtest` with the same arguments to the bit.  Raises Setup for what the user can mend, Stop where
    the study cannot be written.
    """
    strategies = _strategies(strategy)
    objectives = objectives_of(objective)
    spaces = [space_of(each, _of(each, space, strategies), where) for each in strategies]
    _check_varied(spaces, each_symbol=each_symbol, windows=windows, costs=costs, many=len(strategies) > 1)
    samplers = [sampler_of(each, sampler, trials, seed, len(objectives)) for each in spaces]
    options = Options(
        cash=check_cash(cash, base), fees=fees, slippage=slippage, limits=limits, latency=latency, volume_cap=volume_cap,
        borrow_rate=borrow_rate, risk_free=risk_free, grace_seconds=grace_seconds, base=base, queue=queue, artifacts=artifacts or {},
    )  # fmt: skip
    from stratofold.market.frames import read

    if not _is_there(study):
        call_ahead(executor, workers)
    heard = dict.fromkeys(name for each in strategies for name in each.series)
    market = read(data, symbols=symbols, start=start, end=end, series=heard)
    places = places_of(strategies, market, options, each_symbol=each_symbol, windows=windows, costs=costs)
    store = Store(_folder(study), writes=True)
    try:
        found = Study(store, places, spaces, objectives, sampler)
        who = executor_of(executor, execution, workers, progress, budget, store.page.get("spent_usd", 0.0))
        drive = _Drive(found, who, progress)
        found.write_page()
        try:
            for each, asker in zip(spaces, samplers, strict=True):
                drive.space(each, asker)
        finally:
            drive.pay()
        drive.end()
    finally:
        store.unlock()
    return found


def _strategies(strategy: Any) -> list[type[Strategy]]:
    """One strategy or several; raises Setup for what is none."""
    found = list(strategy) if isinstance(strategy, (list, tuple)) else [strategy]
    for each in found:
        check_strategy(each)
    if not found:
        raise Setup("SFS23", "there is no strategy to sweep", fix="sweep(Crossover, data, fast=[10, 20])")
    return found


def _of(strategy: type[Strategy], space: Mapping[str, Any], strategies: Sequence[type[Strategy]]) -> dict[str, Any]:
    """What of the space is the strategy's own: where there are several, a parameter may be of some of them only."""
    declared = strategy.parameters()
    known = {name for each in strategies for name in each.parameters()}
    return {name: values for name, values in space.items() if name in declared or name not in known}


def _check_varied(spaces: Sequence[Space], *, each_symbol: bool, windows: Any, costs: Any, many: bool) -> None:
    """Raise Setup SFS24 where there is one cell only."""
    if any(each.dimensions for each in spaces) or each_symbol or windows or costs or many:
        return
    names = ", ".join(spaces[0].strategy.parameters()) or "none"
    what = "nothing is swept: every parameter has one value"
    one = next(iter(spaces[0].strategy.parameters()), "fast")
    fix = f"{one}=[10, 20, 30]; in a terminal --{one} 10,20,30"
    raise Setup("SFS24", what, why=f"parameters of {spaces[0].strategy.__name__}: {names}", fix=fix)


def _is_there(study: str | Path | None) -> bool:
    """Whether a study may have all its cells already."""
    folder = _folder(study)
    return folder is not None and folder.exists()


def _folder(study: str | Path | None) -> Path | None:
    """Where a study is kept; None: in memory."""
    return None if study is None else place_of(study)


class _Drive:
    """Asks samplers, has cells computed, stores them, tells samplers, and says how far it is."""

    def __init__(self, study: Study, executor: Any, progress: Callable[[str], None] | None) -> None:
        """What is stored already is known."""
        self.study = study
        self.executor = executor
        self.done = self.asked = self.reused = 0
        self._say = progress
        self._begun = self._said = time.perf_counter()
        self._first: tuple[float, int] | None = None  # when the first cells were there, and how many
        self._best = -inf
        self._best_text = ""
        self._known = study.known()  # when it began
        self._states = States(study.store)
        self._states.begin(study.places)
        self._finished: list[Finished] = []  # and not stored yet
        self._kept = self._begun  # when something was stored
        self._wanted: set[str] = (
            set()
        )  # the names of all cells that were asked for, where some are known or may come twice

    def space(self, space: Space, sampler: Sampler) -> None:
        """Everything that a sampler asks for."""
        numbers = [k for k, place in enumerate(self.study.places) if place.strategy is space.strategy]
        asked = 0
        while points := sampler.ask():
            asked += len(points)
            self._compute(numbers, points, is_adaptive=sampler.is_adaptive)
            if sampler.is_adaptive:
                sampler.tell(self._told(numbers, points))
        if not asked:
            what = f"no set of parameters of {space.strategy.__name__} meets every condition"
            sizes = ", ".join(f"{each.name} {each.text}" for each in space.dimensions)
            said = " and ".join(getattr(one, "__name__", "what a function says") for one in space.where)
            why = f"the space is {sizes}" + (f", and it must be that {said}" if said else "")
            raise Setup("SFS05", what, why=why, fix="loosen where=, or widen the space")

    def _compute(self, numbers: Sequence[int], points: Sequence[Parameters], *, is_adaptive: bool) -> None:
        """Every point in every place, but for what is known."""
        if not numbers:
            return
        sets = sets_of(points)
        words = self.study.places[numbers[0]].words(sets)
        work = [self._work(number, sets, words, is_adaptive=is_adaptive) for number in numbers]
        try:
            for piece, cells in self.executor.run(self.study.places, [each for each in work if each.sets]):
                self._take(Finished(self.study.places[piece.place], piece, cells))
        finally:
            self._keep()

    def _work(self, number: int, sets: Sets, words: Words, *, is_adaptive: bool) -> Work:
        """What is new of some cells of a place, from where an earlier market left them; `words` are their parameters'."""
        place = self.study.places[number]  # the places have one strategy
        if is_adaptive or self._known:
            rows = self._new(number, place.named(words))
            if len(rows) < len(sets):
                sets, words = sets.some(rows), words[rows]
        self.asked += len(sets)
        course = self._states.course(place)
        begun = course.begun(words)
        self.study.continued += sum(map(bool, begun))
        return Work(number, sets, Leg(begun, course.keep), words)

    def _new(self, number: int, names: Sequence[str]) -> list[int]:
        """The rows of these names that nobody has asked for yet: an adaptive sampler may ask for one twice."""
        wanted = {name: row for row, name in enumerate(names)}
        new = {name: row for name, row in wanted.items() if name not in self._known and name not in self._wanted}
        self._note_known(number, wanted.keys() - new.keys())
        self._wanted.update(wanted)
        self.asked += len(wanted) - len(new)
        self.reused += len(wanted) - len(new)
        return list(new.values())

    def _take(self, part: Finished) -> None:
        """A piece that is finished: short ones wait for others, because each time is a frame and a file."""
        self._finished.append(part)
        if part.cells.notice and part.cells.notice not in self.study.notices:
            self.study.notices.append(part.cells.notice)
        if time.perf_counter() - self._kept > _SHORT:
            self._keep()

    def _keep(self) -> None:
        """Store what is finished, and say how far it is."""
        found, self._finished = self._finished, []
        self._kept = time.perf_counter()
        if not found:
            return
        frame = frame_of(found)
        for part in found:
            if part.cells.states:
                self._states.add(part.place, part.names, part.cells.states)
        self.study.store.add(frame, passing=DIED)
        self.done += len(frame)
        if self._say is not None:
            self._note_best(frame)
        self._progress()

    def _note_known(self, number: int, names: set[str]) -> None:
        """What was computed before counts among the best so far, where somebody listens."""
        if names and self._say is not None:
            frame = self.study.store.frame([self.study.places[number].hash])
            self._note_best(frame.filter(frame["cell"].is_in(list(names))))

    def _note_best(self, frame: pl.DataFrame) -> None:
        """The best so far."""
        values = self.study.objectives[0].values(frame)
        if not np.isfinite(values).any():
            return
        row = int(np.nanargmax(np.where(np.isfinite(values), values, nan)))
        if values[row] > self._best:
            self._best = float(values[row])
            shown = self.study.varied_of(frame.row(row, named=True))
            words = " ".join(f"{name} {value:g}" for name, value in shown.items())
            self._best_text = (
                f"best {self.study.objectives[0].text} {self.study.objectives[0].sign * self._best:.3f} ({words})"
            )

    def _progress(self) -> None:
        """One line, at most once a second, where somebody listens; what was spent is kept in any case."""
        now = time.perf_counter()
        left = self.asked - self.reused - self.done
        first, self._first = self._first, self._first or (now, self.done)  # they may have waited for a compiler
        if now - self._said < _SAY_SECONDS and left:
            return
        self._said = now
        spent = self.pay()
        if self._say is None:
            return
        rate = self.done / max(now - self._begun, 1e-9)
        words = [
            f"{self.done + self.reused:,} of {self.asked:,} cells",
            f"{rate:,.0f} a second" if rate >= _WHOLE else f"{rate:.1f} a second",
            self._best_text,
            spent,
        ]
        if left and first is not None:
            since, before = first
            words.append(f"{left * (now - since) / max(self.done - before, 1):,.0f} s left")
        self._say(", ".join(filter(None, words)))

    def pay(self) -> str:
        """Keep on the page what the study has cost so far, where that has a price; the same in words."""
        spent: float | None = getattr(self.executor, "spent_usd", None)
        if spent is None:
            return ""
        self.study.store.page["spent_usd"] = spent
        self.study.write_page()
        return f"{dollars(spent)} spent"

    def _told(self, numbers: Sequence[int], points: Sequence[Parameters]) -> list[list[float]]:
        """How good every point was, over its places on the average."""
        places = [self.study.places[number] for number in numbers]
        frame = self.study.store.frame([place.hash for place in places])
        columns = [objective.values(frame) for objective in self.study.objectives]
        row_of = {key: row for row, key in enumerate(frame["cell"].to_list())}
        answers = []
        for names in zip(*(place.keys(points) for place in places), strict=True):
            rows = [row_of[name] for name in names]
            means = [float(np.mean(column[rows])) for column in columns]
            answers.append([mean if isfinite(mean) else nan for mean in means])
        return answers

    def end(self) -> None:
        """The study is done: crumbs are joined, and what says nothing is said so."""
        self.study.computed, self.study.reused = self.done, self.reused
        if self._known:
            self.study.narrow(self._wanted)
        self._states.tidy()
        self.study.store.tidy()
        self.study.write_page()
        self.study.check()
