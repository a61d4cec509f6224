"""Rules of time: sessions and bars that are missing, days without a session, half days and clocks of another zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from stratofold.market.cleaning.found import found, nothing
from stratofold.market.sessions import DAY_NS, EPOCH_ORDINAL

if TYPE_CHECKING:
    from stratofold.market.cleaning.subject import Subject

_HOUR_NS = 3_600_000_000_000
_ZONE_SAMPLE = 200_000
_ZONE_LENGTH_LEAST = DAY_NS // 2  # less than half a day does not show when a market is open
_OF = ("symbol", "part")


def _sessions(subject: Subject) -> pl.DataFrame:
    """The calendar as a frame: `session`, `day` (days since 1970), `opens`, `closes`, `early`."""
    known = subject.calendar
    return pl.DataFrame(
        {
            "session": np.arange(len(known)),
            "day": np.frombuffer(known.days, np.int64) - EPOCH_ORDINAL,
            "opens": np.frombuffer(known.opens, np.int64),
            "closes": np.frombuffer(known.closes, np.int64),
        }
    ).with_columns(early=pl.col("session").is_in(list(known.early)))


def gaps(subject: Subject) -> pl.DataFrame:
    """Sessions without a bar between two that have one; within sessions, bars missing between two, a session at a time.

    The finding stands at the row before the gap; `until` is the row after it, `count` how many are missing.
    """
    if subject.is_daily:
        return _missing_sessions(subject)
    if len(wrong_zone(subject)):
        return nothing()  # by a wrong clock, everything is missing somewhere
    return pl.concat([_missing_days(subject), _missing_bars(subject)])


def _missing_sessions(subject: Subject) -> pl.DataFrame:
    """Daily bars: the calendar's sessions between one bar and the next."""
    sessions = _sessions(subject).select("session", "day")
    placed = subject.present.with_columns(day=pl.col("time") // DAY_NS).join(sessions, "day", maintain_order="left")
    return _skipped(placed, pl.col("session"))


def _skipped(placed: pl.DataFrame, number: pl.Expr) -> pl.DataFrame:
    """Rows after which the next one's number is not the next number."""
    after = placed.with_columns(
        skipped=number.shift(-1).over(*_OF) - number - 1, until=pl.col("time").shift(-1).over(*_OF)
    )
    return found(
        after.filter(pl.col("skipped") > 0), "time", value=pl.lit(None), until=pl.col("until"), count=pl.col("skipped")
    )


def _inside(subject: Subject) -> pl.DataFrame:
    """Intraday bars inside sessions, by their start, with their session; a lunch break is outside."""
    sessions = _sessions(subject).sort("opens")
    placed = subject.present.sort("time").join_asof(sessions, left_on="time", right_on="opens", strategy="backward")
    inside = placed.filter(pl.col("time") < pl.col("closes")).sort("symbol", "time")
    pause_from, pause_to = subject.calendar.pause
    after = pl.col("time") - pl.col("opens")
    return inside.filter(~after.is_between(pause_from, pause_to, closed="left")) if pause_to else inside


def _missing_days(subject: Subject) -> pl.DataFrame:
    """Whole sessions without a bar."""
    last = _inside(subject).unique(["symbol", "part", "session"], keep="last", maintain_order=True)
    return _skipped(last, pl.col("session"))


def _missing_bars(subject: Subject) -> pl.DataFrame:
    """Bars missing inside a session, the sum a session; it stands at the bar before the first gap."""
    span = subject.span
    if span <= 0 or span >= DAY_NS:
        return nothing()
    within = (*_OF, "session")
    pause_from, pause_to = subject.calendar.pause
    place = (pl.col("time") - pl.col("opens")) // span
    if pause_to:
        after = pl.col("time") - pl.col("opens") >= pause_to
        place = place - pl.when(after).then((pause_to - pause_from) // span).otherwise(0)
    placed = _inside(subject).with_columns(place=place)
    stepped = placed.with_columns(
        skipped=pl.col("place").shift(-1).over(*within) - pl.col("place") - 1,
        next=pl.col("time").shift(-1).over(*within),
    ).filter(pl.col("skipped") > 0)
    summed = stepped.group_by(*within, maintain_order=True).agg(
        pl.col("row", "time").first(), until=pl.col("next").last(), skipped=pl.col("skipped").sum()
    )
    return found(summed, "time", value=pl.lit(None), until=pl.col("until"), count=pl.col("skipped"))


def closed_days(subject: Subject) -> pl.DataFrame:
    """Daily bars on a day without a session."""
    if not subject.is_daily:
        return nothing()
    days = _sessions(subject)["day"]
    day = pl.col("time") // DAY_NS
    known = day.is_between(int(days[0]), int(days[-1]))
    return found(subject.frame.filter(known & ~day.is_in(days.implode())), "time", value=pl.lit(None))


def after_early_close(subject: Subject) -> pl.DataFrame:
    """Bars after the close of a half day, where all other sessions keep to regular hours."""
    if subject.is_daily or not subject.calendar.early:
        return nothing()
    sessions = _sessions(subject).sort("opens")
    placed = subject.sound.sort("time").join_asof(sessions, left_on="time", right_on="opens", strategy="backward")
    late = pl.col("time") >= pl.col("closes")
    regular, shortened = placed.filter(~pl.col("early")), placed.filter(pl.col("early"))
    if len(shortened) == 0 or (len(regular) and regular.select(late.mean()).item() > 0.01):
        return nothing()
    same_day = pl.col("time") < pl.col("opens") + 12 * _HOUR_NS
    return found(shortened.filter(late & same_day), "time", value=pl.lit(None), expected=pl.col("closes"))


def wrong_zone(subject: Subject) -> pl.DataFrame:
    """One finding where a shift by whole hours brings many more rows into sessions; `value` is the shift in hours."""
    if subject.is_daily or subject.calendar.name in ("24/7", "24/5"):
        return nothing()
    rows = subject.ordered
    times = rows["time"].gather_every(max(1, len(rows) // _ZONE_SAMPLE)).to_numpy()
    if times.max() - times.min() < _ZONE_LENGTH_LEAST:
        return nothing()
    opens = np.frombuffer(subject.calendar.opens, np.int64)
    closes = np.frombuffer(subject.calendar.closes, np.int64)

    def share(hours: int) -> float:
        moved = times + hours * _HOUR_NS
        place = np.maximum(opens.searchsorted(moved, side="right") - 1, 0)
        return float(((moved >= opens[place]) & (moved < closes[place])).mean())

    shares = {hours: share(hours) for hours in range(-14, 15)}
    best = max(shares, key=lambda hours: (shares[hours], -abs(hours)))
    if shares[best] - shares[0] < subject.tolerance.zone_gain:
        return nothing()
    count = len(rows)
    return found(rows.head(1), "hours", value=pl.lit(float(best)), expected=pl.lit(0.0), count=pl.lit(count))
