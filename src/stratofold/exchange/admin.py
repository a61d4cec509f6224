"""The exchange's own doors beside the broker's: the replay's clock, one step of it, halts.

What comes in: requests with the same keys as any other.  What goes out: what happened, in counts that a client can wait
for.  None of it exists at the real broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stratofold.events import SPLIT
from stratofold.exchange.dialect import malformed
from stratofold.exchange.market import Candle, Deed, Level, Tick
from stratofold.exchange.moments import stamp
from stratofold.exchange.trading import handle_of

if TYPE_CHECKING:
    from stratofold.exchange.api import Asked


def clock(asked: Asked) -> tuple[int, Any]:
    """GET /admin/clock: the exchange's time, when the next thing happens, whether nothing is left."""
    market = asked.exchange.market
    following = market.next_time
    return 200, {
        "time": stamp(market.now),
        "next": stamp(following) if following is not None else None,
        "done": market.done,
        "released": market.bar_index + market.event_index,
    }


def step(asked: Asked) -> tuple[int, Any]:
    """POST /admin/step {until?: ns}: release one thing, or let time come to `until` if nothing happens before."""
    until = asked.body.get("until")
    if until is not None and (not isinstance(until, int) or isinstance(until, bool)):
        raise malformed("until must be a whole number of nanoseconds")
    released = asked.exchange.step(until)
    _, answer = clock(asked)
    answer.update(updates=released.updates, bars=released.bars, released_now=None)
    if isinstance(released.what, Candle):
        answer["released_now"] = {"kind": "bar", "symbol": released.what.symbol}
    elif isinstance(released.what, Tick):
        answer["released_now"] = {
            "kind": "quote" if released.what.is_quote else "trade",
            "symbol": released.what.symbol,
        }
    elif isinstance(released.what, Level):
        answer["released_now"] = {"kind": "level", "symbol": released.what.symbol}
    elif isinstance(released.what, Deed):
        symbols = asked.exchange.market.symbols
        symbol = symbols[released.what.symbol] if released.what.symbol >= 0 else None
        kind = "split" if released.what.kind == SPLIT else "action"
        answer["released_now"] = {"kind": kind, "symbol": symbol}
    return 200, answer


def halt(asked: Asked) -> tuple[int, Any]:
    """POST /admin/halt {symbol, halted}."""
    symbol, halted = asked.body.get("symbol"), asked.body.get("halted")
    if not isinstance(symbol, str) or not isinstance(halted, bool):
        raise malformed("symbol and halted (true or false) are required")
    asked.exchange.halt(handle_of(asked, symbol), halted=halted)
    return 200, {"symbol": symbol, "halted": halted}


def faults(asked: Asked) -> tuple[int, Any]:
    """GET /admin/faults: every switch."""
    return 200, asked.exchange.faults.shown()


def switch_faults(asked: Asked) -> tuple[int, Any]:
    """POST /admin/faults {switch: value, ...}: what is not named stays as it is."""
    return 200, asked.exchange.faults.switch(asked.body)
