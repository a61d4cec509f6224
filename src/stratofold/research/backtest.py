"""`backtest`: a strategy, data, and what was assumed, to a `Result`.

The same fold runs interpreted, compiled or frozen; `execution="auto"` takes the quickest that is at hand and says so.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Literal

from stratofold.errors import Setup
from stratofold.fold.grid import STEPS_MAX
from stratofold.market.instruments import currency_decimals
from stratofold.research import seats
from stratofold.research.execute import execute, seats_wanted
from stratofold.research.outcome import outcome
from stratofold.research.prepare import Options, prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.fold.costs import Fees, Latency, Slippage
    from stratofold.fold.risk import Limits
    from stratofold.fold.strategy import Strategy
    from stratofold.research.result import Result

Execution = Literal["auto", "interpreted", "compiled", "frozen"]


def backtest(
    strategy: type[Strategy],
    data: Any,
    *,
    symbols: Sequence[str] | str | None = None,
    start: Any = None,
    end: Any = None,
    cash: float = 100_000.0,
    fees: Fees | None = None,
    slippage: Slippage | None = None,
    limits: Limits | None = None,
    execution: Execution = "auto",
    kernel: Any = None,
    latency: Latency | None = None,
    volume_cap: float = inf,
    borrow_rate: float = 0.0,
    risk_free: Any = 0.0,
    equity_curve: bool = False,
    grace_seconds: float = 0.0,
    base: str = "USD",
    queue: str = "back",
    artifacts: Mapping[str, object] | None = None,
    progress: Any = None,
    **parameters: Any,
) -> Result:
    """Run `strategy` over `data` and return what happened.

    `data` is a pandas, polars or Arrow frame (long, or one symbol), a dict of frames, a CSV or Parquet path, or
    `MarketData`.  `symbols`, `start`, `end` (dates, both included) choose of it.  `cash` is in the currency `base`.
    Without `limits` the run is unlimited, without `fees` and `slippage` free of costs, and the result says so first.
    `volume_cap` is the fraction of a bar's volume that fills may take; `borrow_rate` a year on shorts; `risk_free` a
    yearly rate, or yearly rates by date; `latency` from decision to venue; `equity_curve` keeps the equity of every
    bar; `kernel` is the path of a frozen kernel for `execution="frozen"`; `artifacts` are models by name; `queue`
    is the queue model of depth ("through", "back", "proportional", "squared" or "front").
    Everything else is a parameter of the strategy.

    Raises Setup for what the user can mend, and the strategy's own exception, with its place, symbol and time.
    """
    check_strategy(strategy)
    options = Options(
        cash=check_cash(cash, base),
        fees=fees,
        slippage=slippage,
        limits=limits,
        latency=latency,
        volume_cap=volume_cap,
        borrow_rate=borrow_rate,
        risk_free=risk_free,
        equity_curve=equity_curve,
        grace_seconds=grace_seconds,
        base=base,
        queue=queue,
        artifacts=artifacts or {},
    )
    from stratofold.market.frames import read

    market = read(data, symbols=symbols, start=start, end=end, series=strategy.series)
    wanted = seats_wanted(execution, strategy, kernel)
    run = prepare(strategy, market, options, parameters, wanted)
    executed = execute(run, market, execution, kernel, progress)
    result = outcome(run, market, options, executed)
    seats.leave(run, market, options, wanted)
    return result


def check_strategy(strategy: object) -> None:
    """Raise Setup unless `strategy` is a class of strategies."""
    from stratofold.fold.strategy import Strategy

    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        named = f"an instance of {type(strategy).__name__}" if isinstance(strategy, Strategy) else repr(strategy)
        what = f"{named} is not a strategy class"
        raise Setup("SF107", what, fix="pass the class itself: backtest(Crossover, data), not an instance")


def check_cash(cash: Any, base: str) -> float:
    """Raise Setup unless `cash` is a positive amount of `base` that money's decimal grid can hold."""
    is_amount = isinstance(cash, (int, float)) and 0 < cash < inf
    if not is_amount or cash > (most := STEPS_MAX / 10.0 ** currency_decimals(base)):
        why = f"money is exact to its last decimal, up to {most:,.0f} {base}" if is_amount else ""
        raise Setup("SF108", f"cash is {cash!r}", why=why, fix="start with a positive amount, such as cash=100_000")
    return float(cash)
