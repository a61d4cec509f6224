"""Who was called what, and when: tickers change hands, and histories change tickers.

What comes in: the rows of kind `names`, one for each ticker of an asset: from which day, until which day.
What goes out: the stretches of time, each with the ticker under which its data lie, that make up one asset's history.
Why it is shaped so: META's history until June 2022 lies under FB, and what lies under a ticker before it was an asset's own
is another company's.  A ticker means the asset that carries it on a day (by default the last), and its history is that asset's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

LAST_DAY = 3_652_059  # 9999-12-31


class Stretch(NamedTuple):
    """Days, as proleptic ordinals and both included, for which an asset's data lie under a ticker."""

    ticker: str
    first_day: int
    last_day: int

    @property
    def bounds_ns(self) -> tuple[int | None, int | None]:
        """The times in nanoseconds UTC, half open; a bar that completes at a midnight is of the day that ends there."""
        low = (self.first_day - EPOCH_ORDINAL) * DAY_NS + 1 if self.first_day > 1 else None
        return low, None if self.last_day == LAST_DAY else (self.last_day + 1 - EPOCH_ORDINAL) * DAY_NS + 1


Names = dict[str, list[Stretch]]  # the stretches of each asset, in order


def names_of(rows: Mapping[str, pl.DataFrame]) -> Names:
    """The stretches of each asset from its rows."""
    found: Names = {}
    for asset, frame in rows.items():
        found[asset] = [
            Stretch(ticker, time.toordinal(), LAST_DAY if last is None else last.toordinal())
            for time, ticker, last in frame.select("time", "ticker", "last_day").iter_rows()
        ]
    return found


def history(names: Names, ticker: str, day: int | None, has: Callable[[str], bool]) -> list[Stretch]:
    """The stretches of the asset that `ticker` means on a day; where a stretch's own ticker has no data, it lies under `ticker`.

    Without a row for the ticker its data are taken whole, as those of one asset.
    """
    asset = _meant(names, ticker, LAST_DAY if day is None else day)
    if asset is None:
        return [Stretch(ticker, 1, LAST_DAY)]
    return [one if has(one.ticker) else one._replace(ticker=ticker) for one in names[asset]]


def _meant(names: Names, ticker: str, day: int) -> str | None:
    """The asset that carries a ticker on a day, or carried it last before."""
    began = [
        (one.first_day, asset)
        for asset, stretches in names.items()
        for one in stretches
        if one.ticker == ticker and one.first_day <= day
    ]
    return max(began)[1] if began else None


def from_valid_through(rows: Sequence[tuple[str, int, str]]) -> dict[str, list[Stretch]]:
    """Stretches by asset from rows of (asset, last day, ticker) as QuantConnect Lean's map files have them.

    The first row of an asset says the day on which it began; each other one the last day of its ticker.
    """
    by_asset: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for asset, day, ticker in rows:
        by_asset[asset].append((day, ticker))
    found = {}
    for asset, days in by_asset.items():
        days.sort()
        begin, stretches = days[0][0], list[Stretch]()
        for day, ticker in days[1:]:
            if stretches and stretches[-1].ticker == ticker:
                stretches[-1] = stretches[-1]._replace(last_day=day)
            else:
                stretches.append(Stretch(ticker, begin, day))
            begin = day + 1
        found[asset] = stretches or [Stretch(days[0][1], days[0][0], LAST_DAY)]
    return found
