"""Everything the product needs from outside, on one page, in the shape of our need.

What comes in: nothing; these are shapes.
What goes out: protocols that every adapter of a port fulfils, each with one contract test for all of them.
Why it is shaped so: a port is written when something is built behind it, and it is not the shape of anybody's SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.market.data import Actions, MarketData, Moment


@runtime_checkable
class Catalogue(Protocol):
    """Market data by name, read only.

    A catalogue answers with the same bars for the same question for ever; what it does not have is an error that names the
    nearest thing it has, never an empty answer.
    """

    def symbols(self) -> tuple[str, ...]:
        """Every symbol there is, in a fixed order."""

    def bars(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> MarketData:
        """Bars of some symbols (all if None) over a range, their actions with them; bounds as in `MarketData.subset`."""

    def actions(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> Actions:
        """Only the actions; `symbol` numbers the symbols asked for, in their order."""
