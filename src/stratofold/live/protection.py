"""Protective legs that the venue holds itself: they go out with their entry, and work while no process of ours does.

What comes in: messages of a step, reports of a venue.  What goes out: the prices that go with an entry, which messages the
venue needs nobody to send, which reports must wait.
Why it is shaped so: the book runs brackets by one rule in all modes (`fold/emulated.py`); where the venue runs them by the
same rule, what the book would send of it is left out, and what the venue reports is heard as always.  Whether it does is
written in the entry's own message, so that a restart knows.
"""

from __future__ import annotations

from math import isnan, nan
from typing import TYPE_CHECKING

from stratofold.events import FILLED, PARTIAL
from stratofold.fold.lifecycle import WAITING
from stratofold.fold.order import GTC, TRAILING
from stratofold.wire import terms_of

if TYPE_CHECKING:
    from stratofold.adapters.ports import Message
    from stratofold.events import Report
    from stratofold.live.fold import Fold


def prices_with(fold: Fold, number: int) -> tuple[float, float]:
    """The take-profit and stop-loss that can go out with entry `number`; NaN for what cannot or is not there.

    A venue's legs live as long as their entry may, and have the numbers that follow it; others are run by the book.
    """
    orders = fold.engine.book.orders
    place = orders.index(number)
    if place < 0:
        return nan, nan
    entry = orders[place]
    profit, loss = entry.take_profit_number, entry.stop_loss_number
    if not profit and not loss:
        return nan, nan
    if entry.tif != GTC or entry.kind == TRAILING or profit not in (0, number + 1):
        return nan, nan
    if loss not in (0, number + 1 + (profit != 0)):
        return nan, nan
    limit = orders[orders.index(profit)].limit if profit != 0 else nan
    stop = orders[orders.index(loss)].stop if loss != 0 else nan
    return limit, stop


def is_protected(message: Message | None) -> bool:
    """Whether an entry went out with its protection."""
    if message is None or message.action != "submit":
        return False
    terms = terms_of(message.body)
    return not (isnan(terms.take_profit) and isnan(terms.stop_loss))


def entry_of(fold: Fold, number: int) -> int:
    """The entry that order `number` protects, or itself; 0 when the book has it no more."""
    orders = fold.engine.book.orders
    place = orders.index(number)
    return 0 if place < 0 else orders[place].parent or number


def is_early(fold: Fold, report: Report) -> bool:
    """Whether a leg's fill has come before its entry's, which must be on its way: it is heard after that."""
    orders = fold.engine.book.orders
    place = orders.index(report.number)
    return place >= 0 and orders[place].state == WAITING and report.kind in (PARTIAL, FILLED)
