"""Rules that look at one row, or at its like: order, repetition, numbers that cannot be, and records marked as bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from stratofold.market.cleaning.found import found, nothing
from stratofold.market.cleaning.subject import BARS

if TYPE_CHECKING:
    from stratofold.market.cleaning.subject import Subject

_DUST = 1e-9  # relative: what adjusting prices by a factor leaves between a high and the close that made it


def out_of_order(subject: Subject) -> pl.DataFrame:
    """Rows whose time is before the latest that their symbol had above them."""
    latest = pl.col("time").cum_max().shift(1).over("symbol", *subject.venue)
    return found(subject.frame.filter(pl.col("time") < latest))


def repeated(subject: Subject) -> pl.DataFrame:
    """Bars that repeat a bar, and trades that repeat a trade's number; without a number, trades may be alike."""
    if subject.kind == BARS:
        keys = ["symbol", "time", *subject.prices, *subject.sizes]
    elif "id" in subject.frame.columns:
        keys = ["symbol", *subject.venue, "id"]
    else:
        return nothing()
    return found(subject.frame.filter(~pl.struct(keys).is_first_distinct()))


def contradicting(subject: Subject) -> pl.DataFrame:
    """Bars of one symbol and time that are not the same: all but the first."""
    keys = ["symbol", "time", *subject.prices, *subject.sizes]
    distinct = subject.frame.unique(keys, keep="first", maintain_order=True)
    return found(distinct.filter(~pl.struct("symbol", "time").is_first_distinct()), "close")


def not_a_number(subject: Subject) -> pl.DataFrame:
    """Prices and sizes that are missing, not finite, or were no number at all."""
    return _each(subject, (*subject.prices, *subject.sizes), lambda column: ~column.is_finite().fill_null(value=False))


def zero_price(subject: Subject) -> pl.DataFrame:
    """A price of nothing; a quote of zero is a side that is absent, and has its own rule."""
    return _each(subject, subject.prices, lambda column: column == 0.0)


def negative_price(subject: Subject) -> pl.DataFrame:
    """Prices below zero."""
    return _each(subject, subject.prices, lambda column: column < 0.0)


def negative_size(subject: Subject) -> pl.DataFrame:
    """Sizes and volumes below zero."""
    return _each(subject, subject.sizes, lambda column: column < 0.0)


def high_below_low(subject: Subject) -> pl.DataFrame:
    """The high is below the low by more than rounding leaves."""
    wrong = pl.col("high") < pl.col("low") * (1.0 - _DUST)
    return found(subject.frame.filter(wrong), "high", expected=pl.col("low"))


def outside_range(subject: Subject) -> pl.DataFrame:
    """Open or close beyond high or low, where high and low themselves are in order."""
    low, high = pl.col("low") * (1.0 - _DUST), pl.col("high") * (1.0 + _DUST)
    sane = subject.frame.filter(low <= high, pl.all_horizontal(pl.col(*subject.prices).is_finite()))
    parts = [found(sane.filter((pl.col(name) < low) | (pl.col(name) > high)), name) for name in ("open", "close")]
    return pl.concat(parts).unique("row", keep="first", maintain_order=True)


def crossed(subject: Subject) -> pl.DataFrame:
    """Both sides are there and the ask is below the bid."""
    both = (pl.col("bid") > 0.0) & (pl.col("ask") > 0.0)
    return found(subject.frame.filter(both & (pl.col("ask") < pl.col("bid"))), "ask", expected=pl.col("bid"))


def one_sided(subject: Subject) -> pl.DataFrame:
    """Quotes with one side at zero: the record of one exchange, and no best bid and offer."""
    return _each(subject, subject.prices, lambda column: column == 0.0)


def flagged(subject: Subject) -> pl.DataFrame:
    """Records that their vendor marks."""
    if "flag" not in subject.frame.columns:
        return nothing()
    return found(subject.frame.filter(pl.col("flag").cast(pl.Int64, strict=False) != 0))


def _each(subject: Subject, names: tuple[str, ...], wrong: object) -> pl.DataFrame:
    """Rows of which any of the columns is wrong, with the first such column."""
    parts = [found(subject.frame.filter(wrong(pl.col(name))), name) for name in names]  # type: ignore[operator]
    return pl.concat(parts).unique("row", keep="first", maintain_order=True) if parts else nothing()
