"""Where a run may be broken off and gone on with: how many events that is, and what of the data they have seen.

What comes in: a market and the feed of it.  What goes out: `Stage`s, each a number of events and a hash of all that a
fold can have learnt from the data by then.
Why so: a run looks one session ahead and no further (an order decided at a close lives until the next one), so what it
has come to while that session is known is the same however the market goes on.  Two markets with the same hash at a stage
bring any fold to the same state there, to the bit.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratofold.market.digests import digests_until
from stratofold.research.prepare import build_feed, is_ticks

if TYPE_CHECKING:
    from stratofold.fold.engine import Feed
    from stratofold.research.sweep.place import Place

_EVENTS = ("key", "time", "rank", "kind", "symbol", "currency", "value", "about")
_SESSION = ("opens", "closes", "days", "weekday", "month")


class Stage(NamedTuple):
    """So many bars, and so many events between them, have been heard; `sessions` are those known by then."""

    bars: int
    sparse: int
    sessions: int

    @property
    def events(self) -> int:
        """Where a run stops."""
        return self.bars + self.sparse


def last_stage(place: Place) -> Stage | None:
    """Before the last time of a place, or what is known of its sessions; None where there is no such moment."""
    if is_ticks(place.market):
        return None
    time, closes = _feed(place).time, place.market.calendar.closes
    known = np.searchsorted(time, closes[-2], "right") if len(closes) > 1 else 0
    return _stage(place, min(int(known), int(np.searchsorted(time, time[-1]))))


def stages_of(place: Place, count: int) -> list[Stage]:
    """Up to `count` - 1 stages, each after a session's close, that cut a place's bars into parts of about one length."""
    if is_ticks(place.market):
        return []
    time, closes = _feed(place).time, np.asarray(place.market.calendar.closes)
    wanted = [time[len(time) * part // count] for part in range(1, count)]
    ends = closes[np.maximum(np.searchsorted(closes, wanted) - 1, 0)]
    found = [_stage(place, int(np.searchsorted(time, end, "right"))) for end in ends]
    return list(dict.fromkeys(stage for stage in found if stage is not None))


def _stage(place: Place, bars: int) -> Stage | None:
    """After so many bars, where later ones follow and the session after theirs is known."""
    feed, closes = _feed(place), place.market.calendar.closes
    if not 0 < bars < len(feed.time) or feed.time[bars] == feed.time[bars - 1]:
        return None
    last = int(feed.time[bars - 1])
    sessions = bisect_left(closes, last) + 2
    return Stage(bars, bisect_left(feed.event_key, 2 * last + 1), sessions) if sessions <= len(closes) else None


def seen(place: Place, stage: Stage) -> str:
    """A hash of what a fold can know of the data at a stage; empty where the place has no such stage.

    It has another one where a bar, a dividend or anything else of before it became known later: what comes first is then
    the same, and is not all.
    """
    feed, market = _feed(place), place.market
    if _stage(place, stage.bars) != stage:
        return ""
    head = (market.symbols, market.instruments, market.span_ns, market.calendar.name, market.series)
    digest = hashlib.blake2b(repr(head).encode(), digest_size=32)
    for column in digests_until(market, stage.bars):
        digest.update(column.digest())
    for name in _EVENTS:
        digest.update(getattr(feed, f"event_{name}")[: stage.sparse])
    for name in _SESSION:
        digest.update(np.ascontiguousarray(getattr(market.calendar, name)[: stage.sessions]).data)
    return digest.hexdigest()


def _feed(place: Place) -> Feed:
    """What the place's runs hear."""
    return build_feed(place.market, place.strategy, place.options)
