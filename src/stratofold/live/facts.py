"""What an instrument is, said otherwise of a book that runs: its lot, its grids, its multiplier, its margin.

What comes in: how a book's instruments were stated and how they are now; a book.  What goes out: a ledger that counts by
what is stated now, or an error that says what hangs on what was.
Why it is shaped so: a ledger has its instruments' numbers in its state, so who only restored it went on with the old ones
while the record said the new (a wrong lot is silent and costs money).  What is held was bought by a multiplier, and an
order that works is on a grid: of a symbol with either, only what cannot misread them may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.errors import Setup
from stratofold.fold.grid import on_lot
from stratofold.fold.order import Contract
from stratofold.market.instruments import Instrument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from stratofold.fold.book import Book
    from stratofold.fold.ledger import Ledger
    from stratofold.live.manifest import Manifest

_WHENEVER = ("margin", "maintenance", "expiry", "calendar")  # nothing that is held or works is counted by them
_FINER = ("price_decimals", "quantity_decimals", "lot")


def refuse_unsafe(book: Book, old: Manifest, new: Manifest) -> None:
    """Raise Setup SF856 for a fact that cannot change while the book holds the symbol or has orders of it.

    Grids and lots may become finer at any time: every price and quantity that was on them still is.
    """
    for handle, (was, now) in enumerate(zip(old.instruments, new.instruments, strict=True)):
        unsafe = [name for name in _other(was, now) if name not in _WHENEVER and not _is_finer(name, was, now)]
        used = in_use(book, handle) if unsafe else ""
        if used:
            name = unsafe[0]
            raise Setup(
                "SF856", f"the {name} of {was['symbol']} cannot change now: {was[name]} -> {now[name]}",
                why=f"book {old.book} has {used}, counted by what it was",
                fix=f"run it as it was until the symbol is flat (stratofold flatten --book {old.book}), then change it; "
                "or open another book for it: --book NAME",
            )  # fmt: skip


def _other(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The facts that are not what they were."""
    return [name for name in was if was[name] != now[name]]


def _is_finer(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether all that was on a grid, or a lot, is on the one stated now too."""
    if name not in _FINER:
        return False
    before, after = Instrument(**was), Instrument(**now)
    if name == "lot":
        return on_lot(before.lot or 1.0, after.lot or 1.0)
    if name == "price_decimals":
        return after.price_scale >= before.price_scale
    return after.quantity_scale >= before.quantity_scale


def in_use(book: Book, symbol: int) -> str:
    """What a book has of a symbol, in words: a position, orders that are not done (a leg that waits is one); or nothing."""
    held = book.position(symbol)
    orders = sum(order.symbol == symbol for order in book.orders)
    said = [f"{held:.10g} of it"] if held else []
    if orders:
        said.append(f"{orders} order{'s' if orders > 1 else ''} of it that {'are' if orders > 1 else 'is'} not done")
    return " and ".join(said)


def copied(contracts: Sequence[Contract]) -> list[Contract]:
    """The same facts, which nothing that is read into the others changes."""
    return [_copied(contract) for contract in contracts]


def _copied(contract: Contract) -> Contract:
    """One of them."""
    same = Contract()
    for name in Contract.__slots__:
        setattr(same, name, getattr(contract, name))
    return same


def keep_facts(ledger: Ledger, contracts: list[Contract]) -> None:
    """The facts stated now hold over those of a state, and what the ledger has worked out of them."""
    # A ledger of these says of itself what follows from them: it is asked, not told again here.
    fresh = type(ledger)(contracts, ledger.scale, 0.0)
    for name in ("contracts", "is_plain", "lends", "takes_whole"):
        setattr(ledger, name, getattr(fresh, name))
    for holding, of_now in zip(ledger.holdings, fresh.holdings, strict=True):
        for name in ("currency", "money_scale", "multiplier"):
            setattr(holding, name, getattr(of_now, name))
