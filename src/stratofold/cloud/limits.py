"""The limits of an account that a stack's parameters state: a lid on what its books may state themselves.

What comes in: a stack's parameters.  What goes out: what the account may have at the venue, held in the journal's one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.nouns import AccountLimits
from stratofold.live.account_limits import cap_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratofold.adapters.ports import Journal

# What stands for no lid: above whatever a book can state.
_ANY_EXPOSURE, _ANY_COUNT = 1e15, 10**9


def limits_of(parameters: Mapping[str, str]) -> AccountLimits | None:
    """What a stack's parameters allow; 0 leaves it to the books, and None is that for all of them."""
    names = ("ExposureMax", "OrdersMax", "SymbolExposureMax", "OrdersPerSecondMax")
    exposure, orders, symbol_exposure, orders_per_second = (float(parameters.get(name) or 0) for name in names)
    if not any((exposure, orders, symbol_exposure, orders_per_second)):
        return None
    return AccountLimits(
        exposure or _ANY_EXPOSURE, int(orders) or _ANY_COUNT, symbol_exposure or _ANY_EXPOSURE,
        int(orders_per_second) or _ANY_COUNT, self_match=True,
    )  # fmt: skip


def hold_books(journal: Journal, holder: str, parameters: Mapping[str, str]) -> list[str]:
    """Hold the accounts of the books that `holder` has to a stack's parameters; returns the books."""
    held = [head for head in journal.books() if head.holder == holder]
    for head in held:
        cap_limits(journal, head.book, head.account, limits_of(parameters))
    return [head.book for head in held]
