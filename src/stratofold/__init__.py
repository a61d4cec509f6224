"""Stratofold: a strategy is a fold; write it once, run it interpreted, compiled or frozen, to the same bit.

What comes in: nothing.
What goes out: every public name, each brought from its module when it is first asked for.
Why it is shaped so: `import stratofold` must take milliseconds, and a live function that folds one bar must not pay
for frames, compilers or reports.  The table below is the whole public surface.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stratofold.adapters.embedded.catalogue import catalogue
    from stratofold.errors import Bug, Error, Retry, Setup, Stop
    from stratofold.fold.costs import Fees, Latency, Slippage
    from stratofold.fold.order import AT_CLOSE, DAY, FOK, GTC, IOC, POST_ONLY
    from stratofold.fold.risk import Limits, Unlimited
    from stratofold.fold.strategy import (
        Strategy,
        at_close,
        at_open,
        every,
        month_end,
        month_start,
        param,
        week_start,
    )
    from stratofold.market.frames import read
    from stratofold.market.instruments import ETF, Crypto, Equity, Future, Instrument, Perpetual
    from stratofold.market.sample import sample
    from stratofold.market.tick_frames import read_ticks
    from stratofold.research.backtest import backtest
    from stratofold.research.check import check
    from stratofold.research.freezing import freeze
    from stratofold.research.result import Result
    from stratofold.research.sweep.forward import walk_forward
    from stratofold.research.sweep.study import Study
    from stratofold.research.sweep.sweep import sweep

__version__ = "0.1.0"

# Where each public name lives; tests/project holds it equal to the imports above.
_HOMES = {
    "stratofold.adapters.embedded.catalogue": ("catalogue",),
    "stratofold.errors": ("Bug", "Error", "Retry", "Setup", "Stop"),
    "stratofold.fold.costs": ("Fees", "Latency", "Slippage"),
    "stratofold.fold.order": ("AT_CLOSE", "DAY", "FOK", "GTC", "IOC", "POST_ONLY"),
    "stratofold.fold.risk": ("Limits", "Unlimited"),
    "stratofold.fold.strategy": (
        "Strategy", "at_close", "at_open", "every", "month_end", "month_start", "param", "week_start",
    ),
    "stratofold.market.frames": ("read",),
    "stratofold.market.instruments": ("Crypto", "ETF", "Equity", "Future", "Instrument", "Perpetual"),
    "stratofold.market.sample": ("sample",),
    "stratofold.market.tick_frames": ("read_ticks",),
    "stratofold.research.backtest": ("backtest",),
    "stratofold.research.check": ("check",),
    "stratofold.research.freezing": ("freeze",),
    "stratofold.research.result": ("Result",),
    "stratofold.research.sweep.forward": ("walk_forward",),
    "stratofold.research.sweep.study": ("Study",),
    "stratofold.research.sweep.sweep": ("sweep",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AT_CLOSE",
    "DAY",
    "ETF",
    "FOK",
    "GTC",
    "IOC",
    "POST_ONLY",
    "Bug",
    "Crypto",
    "Equity",
    "Error",
    "Fees",
    "Future",
    "Instrument",
    "Latency",
    "Limits",
    "Perpetual",
    "Result",
    "Retry",
    "Setup",
    "Slippage",
    "Stop",
    "Strategy",
    "Study",
    "Unlimited",
    "__version__",
    "at_close",
    "at_open",
    "backtest",
    "catalogue",
    "check",
    "every",
    "freeze",
    "month_end",
    "month_start",
    "param",
    "read",
    "read_ticks",
    "sample",
    "sweep",
    "walk_forward",
    "week_start",
]


def __getattr__(name: str) -> Any:
    """A public name, brought from its module at its first use; raises AttributeError for any other."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'stratofold' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__})
