"""Rules that compare a row with those before and after it, within one company's history of sound rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from stratofold.market.cleaning.found import found, nothing
from stratofold.market.cleaning.subject import BARS, QUOTES
from stratofold.market.sessions import DAY_NS

if TYPE_CHECKING:
    from stratofold.market.cleaning.subject import Subject

_OF = ("symbol", "part")
_NORMAL = 1.4826  # a normal distribution's standard deviation over its median absolute deviation
_STEPS_AROUND = 41  # rows in the median of steps
_AROUND = 21  # rows in the median around a row
_WITHOUT_VOLUME = 3  # so many times the rows, where only closes say that nothing moved
_BEYOND_MOST = 3.0  # a print after hours is large beside its neighbours and not beside the day
_AGREE = 0.5  # neighbours agree where they differ by less than this part of the step between them
_WHOLE = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0, 1.5)
_JUMP_LEAST = 0.3  # as a logarithm: less than any ratio here
_CLOSE_ERROR = 4  # a day's close may be further from the whole ratio than its open by so much
_OVERNIGHT_DAYS_MAX = 10  # a long weekend, or a week of holidays
_SPLIT_PRICE_LEAST = 1.0  # below a dollar, a tick or two looks like a whole ratio


def spikes(subject: Subject) -> pl.DataFrame:
    """A price that leaves and comes back at once: both steps large and opposite, and the neighbours agree.

    What is large is a multiple of the median absolute step around it, which a spike does not move and a crisis does, and at
    least `Tolerance.spike_least`, or `spike_least_daily`.
    """
    name = "close" if subject.kind == BARS else "price"
    price = pl.col(name).log()
    steps = subject.sound.with_columns(into=price.diff().over(*_OF), out=price.diff().shift(-1).over(*_OF))
    around = pl.col("into").abs().rolling_median(_STEPS_AROUND, min_samples=5, center=True).over(*_OF)
    sigma = _NORMAL * around
    floor = subject.tolerance.spike_least_daily if subject.is_daily else subject.tolerance.spike_least
    bound = pl.max_horizontal(sigma * subject.tolerance.spike_sigmas, floor)
    least = pl.min_horizontal(pl.col("into").abs(), pl.col("out").abs())
    back = (pl.col("into") + pl.col("out")).abs() < _AGREE * least
    before = pl.col(name).shift(1).over(*_OF)
    marked = steps.with_columns(bound=bound, least=least, back=back, before=before)
    return found(marked.filter(pl.col("back") & (pl.col("least") > pl.col("bound"))), name, expected=pl.col("before"))


def wild_ranges(subject: Subject) -> pl.DataFrame:
    """High or low far beyond both open and close; it may be a crash that was over by the close, so it is left."""
    high_of = pl.max_horizontal("open", "close")
    low_of = pl.min_horizontal("open", "close")
    bound = subject.tolerance.range_least
    high = subject.sound.filter((pl.col("high") / high_of).log() > bound)
    low = subject.sound.filter((low_of / pl.col("low")).log() > bound)
    parts = [found(high, "high", expected=high_of), found(low, "low", expected=low_of)]
    return pl.concat(parts).unique("row", keep="first", maintain_order=True)


def stale(subject: Subject) -> pl.DataFrame:
    """So many rows with the same values that a feed must have hung; one finding for each stretch.

    Bars must agree in all prices and have moved nothing, or in all prices and a volume that is not zero; the same quote may
    stand for long, so quotes and trades are not asked unless their times are equal steps apart.
    """
    if subject.kind != BARS:
        return nothing()
    same = [pl.col(name) == pl.col(name).shift(1).over(*_OF) for name in (*subject.prices, *subject.sizes)]
    changed = ~pl.all_horizontal(same).fill_null(value=False)
    runs = subject.sound.with_columns(run=changed.cast(pl.Int64).cum_sum())
    summed = runs.group_by("run", maintain_order=True).agg(
        pl.col("row", *subject.prices).first(), until=pl.col("time").last(), rows=pl.len()
    )
    least = subject.tolerance.stale_rows * (1 if subject.sizes else _WITHOUT_VOLUME)
    long = summed.filter(pl.col("rows") >= least)
    return found(long, "close", until=pl.col("until"), count=pl.col("rows"))


def zero_volume(subject: Subject) -> pl.DataFrame:
    """Bars without volume, where volume is known at all."""
    if "volume" not in subject.sizes:
        return nothing()
    traded = (pl.col("volume") > 0.0).any().over("symbol")
    return found(subject.sound.filter(traded & (pl.col("volume") == 0.0)), "volume")


def volume_glitches(subject: Subject) -> pl.DataFrame:
    """Volume out of proportion to the median of the rows around it."""
    if "volume" not in subject.sizes:
        return nothing()
    typical = pl.col("volume").rolling_median(_AROUND, min_samples=5, center=True).over(*_OF)
    usual_most = pl.col("volume").quantile(0.99, "lower").over(*_OF)
    marked = subject.sound.with_columns(typical=typical, usual_most=usual_most)
    ratio = subject.tolerance.volume_ratio
    wild = (pl.col("typical") > 0.0) & (pl.col("volume") > ratio * pl.col("typical"))
    wild &= pl.col("volume") > _BEYOND_MOST * pl.col("usual_most")
    return found(marked.filter(wild), "volume", expected=pl.col("typical"))


def splits(subject: Subject) -> pl.DataFrame:
    """Jumps from one day to the next by a ratio that splits have, and prices that stay there.

    `value` is the ratio seen, new shares for old, and `expected` the whole one.  A day's first bar tells it by its open; a
    bar within the day also by its close, because the first print may still be of the old price.  A split that is stated
    for that day is no finding; closes alone do not show one, and after a gap of many days a price may be anywhere.
    """
    if "open" not in subject.columns:
        return nothing()
    before = pl.col("close").shift(1).over(*_OF)
    day = pl.col("time") // DAY_NS
    smooth = subject.sound.join(spikes(subject), "row", "anti", maintain_order="left")
    days = smooth.with_columns(
        by_open=before / pl.col("open"),
        by_close=before / pl.col("close"),
        cheapest=pl.min_horizontal(before, pl.col("open"), pl.col("close")),
        begins=(day - day.shift(1).over(*_OF)).is_between(1, _OVERNIGHT_DAYS_MAX),
        day=day,
    ).filter("begins", pl.col("cheapest") >= _SPLIT_PRICE_LEAST, pl.col("by_close").log().abs() > _JUMP_LEAST)
    marked = days.with_columns(_nearest_whole(days["by_close"]))
    error = (
        subject.tolerance.split_error * pl.col("whole").log(2.0).abs()
    )  # the larger a jump, the less it is by chance
    opens_there = (pl.col("by_open") / pl.col("whole")).log().abs() < error
    error_of_close = (pl.col("by_close") / pl.col("whole")).log().abs()
    stays = error_of_close < (_CLOSE_ERROR * error if subject.is_daily else error)
    split = marked.filter(stays & opens_there if subject.is_daily else stays)
    if subject.splits is not None:
        split = split.join(subject.splits, ["symbol", "day"], "anti", maintain_order="left")
    ratio = pl.when(opens_there).then("by_open").otherwise("by_close")
    return found(split, "open", value=ratio, expected=pl.col("whole"))


def _nearest_whole(ratios: pl.Series) -> pl.Series:
    """Of the ratios that splits have, and one over each, the nearest to each ratio."""
    known = np.array([1.0, *_WHOLE, *(1.0 / whole for whole in _WHOLE)])
    nearest = np.abs(np.log(ratios.to_numpy())[:, None] - np.log(known)).argmin(axis=1)
    return pl.Series("whole", known[nearest])


def ticker_reuse(subject: Subject) -> pl.DataFrame:
    """The first row of each company but the first under one ticker; `value` is the days since the row before it."""
    source = subject.sound if subject.kind != QUOTES else subject.ordered
    if subject.companies is None and not (subject.kind == BARS and subject.is_daily):
        return nothing()
    if "part" not in source.columns:
        return nothing()
    time = pl.col("time")
    begun = source.with_columns(
        new=pl.col("part") != pl.col("part").shift(1).over("symbol"),
        days=(time - time.shift(1).over("symbol")) // DAY_NS,
        count=pl.len().over("symbol", "part"),
    ).filter(pl.col("new"))
    return found(begun, "days since the row before", value=pl.col("days"), count=pl.col("count"))
