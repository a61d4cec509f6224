"""Market data: instruments, sessions, corporate actions, and the door by which bars come in.

What comes in: files and frames of bars, and a few facts about what they are bars of.
What goes out: `MarketData`, columns that the kernel reads in place.
Why it is shaped so: names are resolved on first use, because the live path imports instruments and sessions and must
never wait for NumPy.  The sample is `market.sample.sample`; a module and a function of one name cannot both be here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratofold.market.data import Actions, MarketData, Rates, Statuses
    from stratofold.market.frames import read
    from stratofold.market.instruments import ETF, Crypto, Equity, Future, Instrument, Perpetual
    from stratofold.market.sessions import Calendar, calendar, expand
    from stratofold.market.tick_data import TickData
    from stratofold.market.tick_frames import read_ticks

__all__ = [
    "ETF", "Actions", "Calendar", "Crypto", "Equity", "Future", "Instrument", "MarketData", "Perpetual", "Rates",
    "Statuses", "TickData", "calendar", "expand", "read", "read_ticks",
]  # fmt: skip

_HOMES = {
    "data": ("Actions", "MarketData", "Rates", "Statuses"),
    "frames": ("read",),
    "instruments": ("ETF", "Crypto", "Equity", "Future", "Instrument", "Perpetual"),
    "sessions": ("Calendar", "calendar", "expand"),
    "tick_data": ("TickData",),
    "tick_frames": ("read_ticks",),
}


def __getattr__(name: str) -> object:
    """Import a public name's module when it is first asked for."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
