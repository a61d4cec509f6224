"""Instruments and calendars as the numbers that the fold needs.

What comes in: instruments, the currencies of an account with its base first, a calendar.  What goes out: contracts and
sessions, fresh ones each time, because a ledger and a walk through the sessions are state.
Why it is shaped so: a backtest, a live book and an exchange must read the same numbers off an instrument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.fold.order import Contract
from stratofold.fold.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.market.instruments import Instrument
    from stratofold.market.sessions import Calendar


def contracts_of(
    instruments: Sequence[Instrument], currencies: Sequence[str], borrow_rate: float = 0.0
) -> list[Contract]:
    """One contract an instrument, in order; `borrow_rate` is what a short of a paid instrument costs a year."""
    return [_contract(instrument, currencies, borrow_rate) for instrument in instruments]


def _contract(instrument: Instrument, currencies: Sequence[str], borrow_rate: float) -> Contract:
    """An instrument's numbers."""
    contract = Contract()
    contract.currency = currencies.index(instrument.currency)
    contract.margined = not instrument.paid
    contract.price_scale = instrument.price_scale
    contract.quantity_scale = instrument.quantity_scale
    contract.lot = float(instrument.lot or 1.0)
    contract.multiplier = float(instrument.multiplier)
    contract.margin = float(instrument.margin)
    contract.maintenance = float(instrument.maintenance)
    contract.borrow = borrow_rate if instrument.paid else 0.0
    contract.money_scale = instrument.money_scale
    return contract


def sessions_of(calendar: Calendar) -> Sessions:
    """The calendar's columns for the fold, before the first session."""
    return Sessions(calendar.opens, calendar.closes, calendar.days, calendar.weekday, calendar.month)
