"""From a run at its end to a `Result`: statistics, columns and what was assumed, in words."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from functools import lru_cache
from math import nan
from typing import TYPE_CHECKING, Any

from stratofold.events import Bar, Bars, Depth, Fill, Quote, Timer, Trade
from stratofold.fold.engine import HEARS_OBSERVATION
from stratofold.fold.grid import to_grid
from stratofold.fold.risk import REASON_NAMES
from stratofold.fold.tally import statistics
from stratofold.research.prepare import is_ticks
from stratofold.research.result import Result
from stratofold.research.seats import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.fold.engine import Engine
    from stratofold.fold.holding import Holding
    from stratofold.fold.ledger import Ledger
    from stratofold.fold.log import Log
    from stratofold.fold.order import Order
    from stratofold.market.data import MarketData
    from stratofold.research.execute import Executed
    from stratofold.research.prepare import Options, Run

Columns = dict[str, Any]
_ORDER_COLUMNS = (
    "number", "symbol", "strategy", "side", "kind", "tif", "quantity", "limit", "stop", "decided", "done", "state",
    "filled", "average_price", "parent",
)  # fmt: skip
_FILL_COLUMNS = ("time", "number", "symbol", "side", "quantity", "price", "fee", "maker", "position")
_TRADE_COLUMNS = (
    "symbol", "side", "opened", "closed", "quantity", "entry_price", "exit_price", "profit", "fees",
)  # fmt: skip
_REFUSAL_COLUMNS = ("time", "number", "symbol", "side", "quantity", "reason", "limit", "observed")
_POSITION_COLUMNS = ("symbol", "quantity", "average_price", "price", "value", "profit")
_EQUITY_COLUMNS = ("time", "equity", "cash", "exposure")
_IGNORES = (
    "the path of prices inside a bar, beyond the fill contract's rules",
    "queue position, and what our orders would do to later prices",
    "withholding tax, and the days between ex-date and payment of a dividend",
)


_EVENTS = (Bar, Bars, Quote, Trade, Depth, Timer, Fill)
_IGNORES_ON_TICKS = (
    "what our orders do to the market: nothing that they take is gone, and nobody reacts",
    "hidden and iceberg quantity, auctions, and the way of a tick from the venue to us",
)


def outcome(run: Run, data: MarketData, options: Options, executed: Executed) -> Result:
    """The result of a run that has heard its last event."""
    engine, strategy = run.engine, run.strategy
    parameters = {name: getattr(strategy, name) for name in strategy.parameters()}
    return Result(
        type(strategy).__name__,
        parameters,
        executed.execution,
        data.symbols,
        figures(engine, data, options),
        frames(run, data),
        bars=data,
        names={"reason": REASON_NAMES},
        assumed=assumed(options),
        ignores=ignored(data, options),
        notices=[*data.notes, *executed.notices],
        warnings=_warnings(run, data),
        hashes=hashes(run, data, parameters, executed),
        currency=options.base,
    )


def frames(run: Run, data: MarketData) -> dict[str, Callable[[], Columns]]:
    """What makes each frame when somebody looks."""
    engine = run.engine
    rows = run.rows = Rows(engine.logs)
    scale = engine.book.ledger.scale[0]
    working = [_row(order) for order in engine.book.orders]
    positions = _positions(engine.book.ledger)
    return {
        "trades": lambda: _trades(rows.logs.trades, data),
        "orders": lambda: _orders(rows.logs.orders, working),
        "fills": lambda: _log(rows.logs.fills, _FILL_COLUMNS),
        "refusals": lambda: _log(rows.logs.refusals, _REFUSAL_COLUMNS),
        "equity": lambda: _equity(rows.logs.equity, scale, rows.logs.curve, data),
        "positions": lambda: positions,
    }


def figures(engine: Engine, data: MarketData, options: Options) -> dict[str, Any]:
    """The statistics by name, with what they count from."""
    stats: dict[str, Any] = statistics(engine.tally, engine.book.ledger, data.calendar.sessions_per_year)
    scale = engine.book.ledger.scale[0]
    for name in ("gross_profit", "gross_loss"):
        stats[name] = to_grid(stats[name], scale)
    stats["initial_equity"] = options.cash
    stats["sessions_per_year"] = data.calendar.sessions_per_year
    if len(data.time):
        stats["start"] = _day(int(data.time[0]) - 1)
        stats["end"] = _day(int(data.time[-1]) - 1)
    return stats


@lru_cache(maxsize=256)
def _day(time: int) -> Any:
    """The UTC date of a time."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time // 1_000_000_000, UTC).date()


def ignored(data: MarketData, options: Options) -> tuple[str, ...]:
    """What the simulation leaves out; on ticks the queue model says what it does."""
    if not is_ticks(data):
        return _IGNORES
    from stratofold.fold.ticks.queue import ignores

    return (*_IGNORES_ON_TICKS, f"queue {options.queue!r}: {ignores(options.queue)}", *_IGNORES[2:])


def assumed(options: Options) -> tuple[str, ...]:
    """What the first line must say."""
    words = []
    if options.limits is None:
        words.append("unlimited")
    if options.fees is None and options.slippage is None:
        words.append("free of costs")
    if options.latency is None:
        words.append("no latency")
    return tuple(words)


def _warnings(run: Run, data: MarketData) -> list[str]:
    """What may be wrong with the run."""
    engine = run.engine
    warnings = _refused(engine) + _kept(run)
    if engine.book.ledger.equity_steps <= 0.0:
        warnings.append("the account lost everything; the figures after that mean nothing")
    sent = engine.logs.orders.count or engine.book.orders.count or engine.logs.refusals.count
    if not sent and len(data.time):
        warnings.append("the strategy sent no order" + _symbol_by_text(run, data))
    if engine.hears & HEARS_OBSERVATION and not data.series:
        warnings.append("the strategy hears observations, and these data have none: give them with observations=")
    return warnings


def _symbol_by_text(run: Run, data: MarketData) -> str:
    """A hint where `on_bar` mentions a symbol by its text: `bar.symbol` is a number, and equal to no text."""
    code = getattr(type(run.strategy).on_bar, "__code__", None)
    named = [name for name in data.symbols if code is not None and name in code.co_consts]
    return f": bar.symbol is a number, compare it with self.symbol({named[0]!r})" if named else ""


def _refused(engine: Engine) -> list[str]:
    """How many orders risk turned down and why most of them: figures of a run that was held back are not its rule's."""
    refusals = engine.logs.refusals
    if not refusals.count:
        return []
    reason, _ = Counter(refusals.column("reason")).most_common(1)[0]
    mostly = REASON_NAMES[int(reason)]
    if not engine.logs.fills.count:
        return [f"every order was refused ({mostly}): look at result.refusals, and state the limits you mean"]
    return [f"{refusals.count:,} orders were refused, most for {mostly}: look at result.refusals"]


def _kept(run: Run) -> list[str]:
    """Attributes that keep an event: the engine writes the next one over it, so it never is the last one's."""
    kept = [name for name, value in vars(run.strategy).items() if isinstance(value, _EVENTS)]
    return [
        f"self.{name} keeps a {type(getattr(run.strategy, name)).__name__.lower()}, which the next one is written over: "
        f"keep its numbers (self.last_close = bar.close)"
        for name in kept
    ]


def _log(log: Log, names: tuple[str, ...]) -> Columns:
    """A log's columns, for the rows that were written; an interpreted run may have kept them in lists."""
    columns: Columns = {name: log.column(name) for name in names}
    return {
        name: array("q" if name in log.WHOLES else "d", column) if type(column) is list else column
        for name, column in columns.items()
    }


def _trades(log: Log, data: MarketData) -> Columns:
    """Round trips, with the number of the symbol's own bars from one end to the other."""
    columns = _log(log, _TRADE_COLUMNS)
    times = [data.of(symbol).time for symbol in data.symbols]
    ends = zip(columns["symbol"], columns["opened"], columns["closed"], strict=True)
    columns["bars"] = [
        int(times[s].searchsorted(closed)) - int(times[s].searchsorted(opened)) for s, opened, closed in ends
    ]
    return columns


def _orders(log: Log, working: list[tuple[Any, ...]]) -> Columns:
    """Orders that are done and those that still work, in order of number."""
    rows = [*zip(*_log(log, _ORDER_COLUMNS).values(), strict=True), *working]
    rows.sort(key=lambda row: row[0])
    return {name: [row[k] for row in rows] for k, name in enumerate(_ORDER_COLUMNS)}


def _row(order: Order) -> tuple[Any, ...]:
    """An order that still works, as a row."""
    return tuple(0 if name == "done" else getattr(order, name) for name in _ORDER_COLUMNS)


def _equity(log: Log, scale: float, curve: array[float], data: MarketData) -> Columns:
    """Equity at each session's close, or after every bar when the curve was asked for."""
    if len(curve) == 0:
        columns = _log(log, _EQUITY_COLUMNS)
        for name in log.REALS:
            columns[name] = array("d", [steps / scale for steps in columns[name]])
        return columns
    missing = [nan] * len(curve)
    return {"time": data.time, "equity": curve, "cash": missing, "exposure": missing}


def _positions(ledger: Ledger) -> Columns:
    """What is held at the end."""
    rows = [_position(symbol, each) for symbol, each in enumerate(ledger.holdings) if each.quantity != 0.0]
    columns = zip(*rows, strict=True) if rows else ([] for _ in _POSITION_COLUMNS)
    return {name: list(column) for name, column in zip(_POSITION_COLUMNS, columns, strict=True)}


def _position(symbol: int, holding: Holding) -> tuple[float, ...]:
    """What is held of one symbol, as a row."""
    value = (holding.worth_steps - holding.carried_steps) / holding.money_scale
    cost = holding.quantity * holding.average_price * holding.multiplier
    return symbol, holding.quantity, holding.average_price, holding.price, value, value - cost


def hashes(run: Run, data: MarketData, parameters: dict[str, Any], executed: Executed) -> dict[str, str]:
    """What pins the run: parameters, artefacts, kernel; the data's hash is worked out when it is asked for."""
    found = Hashes(data)
    found.update(data.provenance)
    found["parameters"] = parameters_hash(tuple(sorted(parameters.items())))
    if executed.kernel_hash:
        found["kernel"] = executed.kernel_hash
    for name in dict.fromkeys(run.strategy._edge_loaded):  # noqa: SLF001  the edge's own attribute
        from stratofold.models import content_hash

        found[f"artifact {name}"] = content_hash(run.strategy._edge_artifacts[name])  # noqa: SLF001  as above
    return found


@lru_cache(maxsize=1024)
def parameters_hash(parameters: tuple[tuple[str, Any], ...]) -> str:
    """SHA-256 over parameters by name."""
    return hashlib.sha256(json.dumps(dict(parameters), default=repr).encode()).hexdigest()


class Hashes(dict[str, str]):
    """Hashes by name; hashing a million bars takes longer than folding them, so it waits until somebody looks."""

    def __init__(self, data: MarketData) -> None:
        """Nothing hashed yet."""
        super().__init__()
        self._data = data
        self["data"] = ""

    def __getitem__(self, name: str) -> str:
        """The hash called `name`."""
        if name == "data" and not super().__getitem__(name):
            self[name] = self._data.content_hash
        return super().__getitem__(name)

    def items(self) -> Any:
        """All of them, worked out."""
        return [(name, self[name]) for name in self]
