"""The shipped sample as a catalogue, read only.

What comes in: symbols and a range.
What goes out: `MarketData` and `Actions`, as `ports.Catalogue` says.
Why it is shaped so: the first catalogue serves what every installation has, and proves the port by something real.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.market.sample import DAILY, SETS, sample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratofold.market.data import Actions, MarketData, Moment


class SampleCatalogue:
    """One set of the sample: "us14" (daily), "spy_minutes" or "btcusd_minutes"."""

    def __init__(self, name: str = "us14") -> None:
        """Open a set; raises Setup, with the nearest name, for one that is not shipped."""
        self.name = name
        self._all = sample(name) if name not in SETS or name != "us14" else None

    def symbols(self) -> tuple[str, ...]:
        """See `ports.Catalogue`."""
        return DAILY if self._all is None else self._all.symbols

    def bars(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> MarketData:
        """See `ports.Catalogue`."""
        if self._all is not None:
            return self._all.subset(symbols, start, end)
        wanted = (symbols,) if isinstance(symbols, str) else tuple(symbols or DAILY)
        return sample(*wanted, start=start, end=end)

    def observed(self, market: MarketData, *_: object) -> MarketData:
        """See `ports.Catalogue`: none is shipped."""
        return market

    def actions(self, symbols: Iterable[str] | str | None = None, start: Moment = None, end: Moment = None) -> Actions:
        """See `ports.Catalogue`."""
        return self.bars(symbols, start, end).actions
