"""How much a run could have lost: tails of its returns, shocks like those of history, gaps through stops.

What comes in: the result of a backtest, or what a book holds now.
What goes out: `Stress`: tables of losses as shares of equity, which prints itself and writes a page.
Why it is shaped so: a shock hits what is held when it comes, so each is applied to the book of every session's close, and
the worst, the middle and the last are told; nothing is sold on the way, because in a crash it could not be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stratofold.errors import Setup
from stratofold.research import tails
from stratofold.research.holdings import Holdings, holdings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratofold.research.result import Result
    from stratofold.research.tails import Breaches, Tail

    Doubles = NDArray[np.float64]

EQUITIES, BONDS, COMMODITIES, CRYPTO = CLASSES = ("equity", "bond", "commodity", "crypto")
LEVELS = (0.95, 0.99)
GAPS = (0.05, 0.10, 0.20)
_WORST = 10
# Funds that are no shares of companies; whatever else is listed counts as equity unless it is said otherwise.
_FUNDS = {
    **dict.fromkeys(("AGG", "BND", "HYG", "IEF", "LQD", "SHY", "TIP", "TLT"), BONDS),
    **dict.fromkeys(("BNO", "DBC", "GLD", "SLV", "UNG", "USO"), COMMODITIES),
}
_KINDS = {"crypto": CRYPTO, "perpetual": CRYPTO, "future": COMMODITIES}


class Scenario(NamedTuple):
    """What a day or some weeks did to each class of assets; `span` are days whose own prices go before, where there are any."""

    name: str
    moves: Mapping[str, float]
    source: str
    span: tuple[date, date] | None = None


SCENARIOS = (
    Scenario(
        "1987: one day", {EQUITIES: -0.2047, BONDS: 0.0, COMMODITIES: 0.0, CRYPTO: -0.395},
        "S&P 500 on 19 October 1987 (Brady report, 1988); bonds rose, which is not counted; Bitcoin, which there was not, "
        "as on 12 March 2020 (Binance)",
    ),
    Scenario(
        "2008: ten weeks", {EQUITIES: -0.396, BONDS: -0.102, COMMODITIES: -0.513, CRYPTO: -0.513},
        "SPY, LQD and USO from 12 September to 20 November 2008; Bitcoin, which there was not, as oil",
        (date(2008, 9, 12), date(2008, 11, 20)),
    ),
    Scenario(
        "2020: five weeks", {EQUITIES: -0.341, BONDS: -0.102, COMMODITIES: -0.564, CRYPTO: -0.326},
        "SPY, USO and Bitcoin (Binance) from 19 February to 23 March 2020; bonds of companies as in 2008",
        (date(2020, 2, 19), date(2020, 3, 23)),
    ),
    Scenario(
        "2022: bonds fall with shares", {EQUITIES: -0.194, BONDS: -0.130, COMMODITIES: 0.0, CRYPTO: -0.643},
        "the year 2022 of the S&P 500, the Bloomberg US Aggregate and Bitcoin; commodities rose, which is not counted",
    ),
    Scenario(
        "a squeeze: all up by a fifth", dict.fromkeys(CLASSES, 0.2),
        "no day of history: what short positions fear",
    ),
)  # fmt: skip


class Shock(NamedTuple):
    """What a scenario would have done to the book: shares of equity, negative where it loses; `own` names symbols whose own prices told."""

    scenario: Scenario
    worst: float
    worst_day: date | None
    middle: float
    last: float
    own: tuple[str, ...]


class Gap(NamedTuple):
    """A symbol at its largest (a signed share of equity), its worst gap against that position from close to open, and the cost."""

    symbol: str
    weight: float
    day: date | None
    gap: float
    cost: float


class Stops(NamedTuple):
    """Stop orders that were filled, and how far beyond their price on the average and at worst (shares of the price)."""

    filled: int
    mean: float
    worst: float


@dataclass(frozen=True)
class Stress:
    """What a run could have lost; every figure is a share of equity.

    `tails` by model and level, `tails_held` the same of the largest book ever held; `overnight` is the share of all
    losses that came between a close and the next open, `overnight_worst` the same of the ten worst sessions.
    """

    name: str
    classes: Mapping[str, str]
    sessions: int
    gross: float
    shocks: tuple[Shock, ...]
    gaps: tuple[Gap, ...]
    tails: Mapping[str, tuple[Tail, ...]] = field(default_factory=dict)
    tails_held: Mapping[str, tuple[Tail, ...]] = field(default_factory=dict)
    breaches: Breaches | None = None
    stops: Stops | None = None
    overnight: float = 0.0
    overnight_worst: float = 0.0
    returns: Doubles = field(default_factory=lambda: np.empty(0))

    def __str__(self) -> str:
        """Tables for the terminal."""
        from stratofold.research.stress_page import text

        return text(self)

    def __repr__(self) -> str:
        """The same: a notebook shows it."""
        return str(self)

    def report(self, path: str | Path) -> Path:
        """Write it as one offline HTML page; returns its path.  Raises Setup SF502."""
        from stratofold.research.report import save
        from stratofold.research.stress_page import page

        return save(page(self), Path(path))

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name, "sessions": self.sessions, "gross": self.gross, "classes": dict(self.classes),
            "tails": {name: [each._asdict() for each in row] for name, row in self.tails.items()},
            "tails_held": {name: [each._asdict() for each in row] for name, row in self.tails_held.items()},
            "breaches": self.breaches._asdict() if self.breaches is not None else None,
            "shocks": [{**each._asdict(), "scenario": each.scenario.name} for each in self.shocks],
            "gaps": [each._asdict() for each in self.gaps],
            "stops": self.stops._asdict() if self.stops is not None else None,
            "overnight": self.overnight, "overnight_worst": self.overnight_worst,
        }  # fmt: skip


def stress(
    result: Result, *, classes: Mapping[str, str] | None = None, scenarios: Sequence[Scenario] = SCENARIOS
) -> Stress:
    """What the run of `result` could have lost.

    `classes` says what a symbol is ("equity", "bond", "commodity", "crypto") where its kind and name do not; a
    scenario's own days are replayed with a symbol's own prices where the data have them, else its class's move is taken.
    Raises Setup SFS91 for a result that cannot be tested and SFS92 for a class or symbol that is not known.
    """
    held = holdings(result)
    named = classes_of(held.symbols, {each.symbol: each.kind for each in result.bars.instruments}, classes or {})
    enough = len(held.days) >= tails.FEWEST and bool(np.isfinite(held.own).all())
    largest = int(held.gross.argmax())
    replayed = held.returns @ held.weights[largest]
    return Stress(
        result.strategy, named, len(held.days), float(held.gross[largest]),
        tuple(_shock(each, held, named) for each in _apt(scenarios, held.weights)),
        _gaps(held), _tails(held.own) if enough else {}, _tails(replayed) if enough else {},
        tails.breaches(held.own) if enough else None, _stops(result), *_overnight(held), held.own,
    )  # fmt: skip


def stress_now(
    name: str, weights: Mapping[str, float], kinds: Mapping[str, str], classes: Mapping[str, str] | None = None,
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> Stress:  # fmt: skip
    """What a book that holds `weights` (signed shares of equity) now could lose: shocks by class, and gaps.  Raises Setup SFS92."""
    symbols, row = tuple(weights), np.array([list(weights.values())], np.float64)
    named = classes_of(symbols, kinds, classes or {})
    shocks = [_by_class(each, symbols, row, named) for each in _apt(scenarios, row)]
    gaps = [Gap(symbol, weight, None, 0.0, 0.0) for symbol, weight in weights.items() if weight]
    ordered = sorted(gaps, key=lambda each: -abs(each.weight))[:_WORST]
    return Stress(name, named, 0, float(np.abs(row).sum()), tuple(shocks), tuple(ordered))


def classes_of(symbols: Sequence[str], kinds: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """The class of each symbol: what is said, else by the names of funds, else by its kind.  Raises Setup SFS92."""
    for symbol, kind in said.items():
        if kind not in CLASSES or symbol not in symbols:
            what = f"{symbol!r} as {kind!r} is not understood"
            fix = f"classes are {', '.join(CLASSES)}; symbols {', '.join(symbols[:8])}"
            raise Setup("SFS92", what, place="classes", fix=fix)
    return {each: said.get(each) or _FUNDS.get(each) or _KINDS.get(kinds.get(each, ""), EQUITIES) for each in symbols}


def _apt(scenarios: Sequence[Scenario], weights: Doubles) -> list[Scenario]:
    """Those that can hurt: a rise of everything is left out where nothing was ever short."""
    short = bool((weights < 0.0).any())
    return [each for each in scenarios if short or min(each.moves.values()) <= 0.0]


def _tails(returns: Doubles) -> dict[str, tuple[Tail, ...]]:
    """Every model at every level."""
    return {name: tuple(model(returns, level) for level in LEVELS) for name, model in tails.MODELS.items()}


def _shock(scenario: Scenario, held: Holdings, classes: Mapping[str, str]) -> Shock:
    """One scenario on the book of every close."""
    own = _own_moves(scenario, held)
    moves = np.array([own.get(symbol, scenario.moves[classes[symbol]]) for symbol in held.symbols])
    hurt = held.weights @ moves
    worst, busy = int(hurt.argmin()), hurt[held.gross > 0.0]
    middle = float(np.median(busy)) if len(busy) else 0.0
    return Shock(
        scenario, float(hurt[worst]), date.fromordinal(int(held.days[worst])), middle, float(hurt[-1]), tuple(own)
    )


def _by_class(scenario: Scenario, symbols: Sequence[str], row: Doubles, classes: Mapping[str, str]) -> Shock:
    """One scenario on one book, by classes alone."""
    hurt = float(row[0] @ np.array([scenario.moves[classes[symbol]] for symbol in symbols])) if symbols else 0.0
    return Shock(scenario, hurt, None, hurt, hurt, ())


def _own_moves(scenario: Scenario, held: Holdings) -> dict[str, float]:
    """How symbols moved in the scenario's days, of those that have a price on both ends."""
    if scenario.span is None:
        return {}
    first, last = (int(np.searchsorted(held.days, day.toordinal(), side="right")) - 1 for day in scenario.span)
    if first < 0 or held.days[-1] < scenario.span[1].toordinal():
        return {}
    moves = held.closes[last] / held.closes[first] - 1.0
    return {symbol: float(move) for symbol, move in zip(held.symbols, moves, strict=True) if np.isfinite(move)}


def _gaps(held: Holdings) -> tuple[Gap, ...]:
    """The worst gap of each symbol against its largest position, the dearest first."""
    found = []
    for k, symbol in enumerate(held.symbols):
        at = int(np.abs(held.weights[:, k]).argmax())
        weight = float(held.weights[at, k])
        if weight:
            row = int((held.gaps[:, k] * np.sign(weight)).argmin())
            gap = float(held.gaps[row, k])
            found.append(Gap(symbol, weight, date.fromordinal(int(held.days[row])), gap, min(weight * gap, 0.0)))
    return tuple(sorted(found, key=lambda each: each.cost)[:_WORST])


def _stops(result: Result) -> Stops | None:
    """How far beyond their price stop orders were filled; None where there were none."""
    orders = result.orders
    if not len(orders):
        return None
    columns = (orders["kind"], orders["side"], orders["stop"], orders["average_price"], orders["filled"])
    beyond = [
        (stop - price if side == "sell" else price - stop) / stop
        for kind, side, stop, price, filled in zip(*columns, strict=True)
        if kind in {"stop", "trailing_stop"} and filled and stop is not None and stop > 0.0
    ]
    return Stops(len(beyond), float(np.mean(beyond)), float(np.max(beyond))) if beyond else None


def _overnight(held: Holdings) -> tuple[float, float]:
    """The share of losses that came overnight: of all, and of the ten worst sessions."""
    own, night = held.own, np.minimum(held.overnight, 0.0)
    lost = own < 0.0
    if not lost.any():
        return 0.0, 0.0
    worst = np.argsort(own)[: min(_WORST, int(lost.sum()))]
    return _part(night[lost], own[lost]), _part(night[worst], own[worst])


def _part(night: Doubles, own: Doubles) -> float:
    """How much of these losses came overnight, no more than all of each."""
    return float(np.maximum(night, own).sum() / own.sum())
