"""The rules: one table that says what can be wrong with market data, how bad it is and what cleaning does about it.

What comes in: a `Subject`.  What goes out: for each rule the rows it finds, with what was seen and what was expected.
Why it is shaped so: a reader should see on one page what is looked for; how each thing is found is in `values`, `neighbours`
and `clock`, in expressions over columns, so that a million rows take a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from stratofold.market.cleaning import clock, neighbours, values
from stratofold.market.cleaning.subject import BARS, QUOTES, TRADES

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from stratofold.market.cleaning.subject import Subject

ERROR, WARNING, NOTE = "error", "warning", "note"
DROP, MOVE, SEPARATE, KEEP = "drop", "move", "separate", "keep"


@dataclass(frozen=True)
class Tolerance:
    """The bounds of the rules.

    `spike_sigmas`, and `spike_least` or, of daily bars, `spike_least_daily`: how far a price must stand off both neighbours, in robust standard deviations of the
    steps around it and as a logarithm of price; `range_least`: how far a high or low may reach beyond open and close, as a
    logarithm; `stale_rows`: so many equal rows in a row are a feed that hangs; `volume_ratio`: volume beyond so many times
    the median around it; `split_error`: how near to a whole ratio a jump must open; `reuse_days`, and with a jump of
    `reuse_jump` (a logarithm) `reuse_days_with_jump`: a gap after which a ticker is another company's; `zone_gain`: the share
    of rows that another time zone must bring into the sessions.
    """

    spike_sigmas: float = 5.0
    spike_least: float = 0.05
    spike_least_daily: float = 0.15
    range_least: float = 0.4
    stale_rows: int = 5
    volume_ratio: float = 1_000.0
    split_error: float = 0.03
    reuse_days: int = 365
    reuse_days_with_jump: int = 60
    reuse_jump: float = 0.5
    zone_gain: float = 0.25


class Rule(NamedTuple):
    """What is looked for.

    `find` gives a frame with `row` and, where they say something, `until` (ns UTC), `count`, `column`, `value` and
    `expected`.  `action` is what cleaning does with the row.
    """

    name: str
    kinds: tuple[str, ...]
    level: str
    action: str
    says: str
    find: Callable[[Subject], pl.DataFrame]


_ALL = (BARS, TRADES, QUOTES)
_DEALT = (BARS, TRADES)

RULES = (
    Rule("out of order", _ALL, ERROR, MOVE, "the time is before that of the row above", values.out_of_order),
    Rule("repeated row", _DEALT, ERROR, DROP, "the whole row was there before", values.repeated),
    Rule("two bars of one time", (BARS,), ERROR, DROP, "another bar has this time and other prices", values.contradicting),
    Rule("not a number", _ALL, ERROR, DROP, "a price or size is missing or infinite", values.not_a_number),
    Rule("zero price", _DEALT, ERROR, DROP, "nothing is sold for nothing", values.zero_price),
    Rule("negative price", _ALL, ERROR, DROP, "the price is below zero", values.negative_price),
    Rule("negative size", _ALL, ERROR, DROP, "a size or volume is below zero", values.negative_size),
    Rule("high below low", (BARS,), ERROR, DROP, "the high is below the low", values.high_below_low),
    Rule("outside its range", (BARS,), ERROR, DROP, "open or close is outside low and high", values.outside_range),
    Rule("crossed quote", (QUOTES,), ERROR, DROP, "the ask is below the bid", values.crossed),
    Rule("one side only", (QUOTES,), NOTE, KEEP, "the record has no bid or no ask; it is not the market's best", values.one_sided),
    Rule("flagged by the venue", (TRADES, QUOTES), ERROR, DROP, "the vendor marks the record as suspicious", values.flagged),
    Rule("spike", _DEALT, ERROR, DROP, "the price stands off both its neighbours, which agree", neighbours.spikes),
    Rule("spike of a range", (BARS,), WARNING, KEEP, "high or low is far beyond open and close", neighbours.wild_ranges),
    Rule("stale", _ALL, WARNING, KEEP, "the same values again and again, as of a feed that hangs", neighbours.stale),
    Rule("zero volume", (BARS,), WARNING, KEEP, "a bar without volume: nobody traded at its prices", neighbours.zero_volume),
    Rule("volume glitch", (BARS,), WARNING, KEEP, "volume is out of all proportion to the bars around it", neighbours.volume_glitches),
    Rule("unadjusted split", (BARS,), WARNING, KEEP, "the price jumps by a whole ratio overnight and no split is stated", neighbours.splits),
    Rule("ticker reuse", _ALL, ERROR, SEPARATE, "the ticker was another company's before", neighbours.ticker_reuse),
    Rule("gap", (BARS,), WARNING, KEEP, "sessions or bars are missing", clock.gaps),
    Rule("closed that day", (BARS,), ERROR, DROP, "the market had no session on this day", clock.closed_days),
    Rule("after an early close", (BARS,), WARNING, KEEP, "a bar after the close of a half day, in data of regular hours", clock.after_early_close),
    Rule("wrong time zone", _ALL, ERROR, KEEP, "more rows would be in sessions if the clock were another zone's", clock.wrong_zone),
)  # fmt: skip
BY_NAME = {rule.name: rule for rule in RULES}
