"""The gates: what must hold of the world, not of the book, before a message leaves.

What comes in: events, through `hear`, and wishes.  What goes out: verdicts.
Why it is shaped so: time comes from events and never from a clock, so a gate says the same when a run is replayed; its
state is numbers (`fold/state.py` saves it) and its bounds are not state.  A bound that is not stated allows nothing.
The guard asks some of everything but cancels, others only of what opens (`Guard.verdict`).

Sources: SEC Rule 15c3-5(c)(1)(ii); Delegated Regulation (EU) 2017/589 (RTS 6), articles 15 and 17; 17 CFR 38.251.
"""

from __future__ import annotations

from array import array
from math import inf
from typing import TYPE_CHECKING

from stratofold.events import (
    COMMAND_RESUME,
    FILLED,
    GAP,
    HALT,
    MUTE,
    PARTIAL,
    RESTORED,
    RESUME,
    Bar,
    Command,
    Depth,
    Event,
    Quote,
    Report,
    Status,
    Trade,
)
from stratofold.fold.ledger import integers
from stratofold.fold.order import AT_CLOSE, FOREVER
from stratofold.live.risk.verdict import (
    ALLOWED,
    CLOSE_CUTOFF,
    FEED_GAP,
    INSTRUMENT_HALTED,
    MESSAGE_RATE,
    OUT_OF_SESSION,
    REDUCING_ONLY,
    REPEATED_EXECUTION,
    STALE_DATA,
    Breach,
    Verdict,
    Wish,
    refused,
)
from stratofold.live.risk.window import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.live.risk.hours import Hours

NANOSECONDS = 1_000_000_000
NEVER = -1
LONGEST = FOREVER // 4


def span_ns(seconds: float) -> int:
    """Seconds as nanoseconds; infinite ones are a century and more."""
    return LONGEST if seconds * NANOSECONDS >= LONGEST else round(seconds * NANOSECONDS)


class StaleData:
    """Nothing opens on old data: the newest market event of an instrument is at most so much open time old.

    `age_max_ns` is by symbol handle; age is counted in open time of the instrument's own calendar, so a closed market
    is never stale.  A feed that is mute or has a gap blocks its instruments until they are heard, or restored, again.
    """

    CONTENT = ("age_max_ns", "hours")
    __slots__ = ("age_max_ns", "gap", "heard_at", "hours", "mute")

    def __init__(self, age_max_ns: Sequence[int], hours: Sequence[Hours]) -> None:
        """Nothing heard of any instrument: all are stale."""
        self.age_max_ns = age_max_ns
        self.hours = hours
        self.heard_at = array("q", [NEVER]) * len(age_max_ns)
        self.mute = integers(len(age_max_ns))
        self.gap = integers(len(age_max_ns))

    def hear(self, event: Event) -> None:
        """Market events are news of their instrument; the feed's status is believed."""
        if isinstance(event, (Bar, Quote, Trade, Depth)):
            symbol = event.symbol
            self.mute[symbol] = 0
            self.heard_at[symbol] = max(self.heard_at[symbol], event.time)
        elif isinstance(event, Status) and event.kind in (MUTE, GAP, RESTORED):
            for symbol in named(event.symbol, len(self.gap)):
                self.mute[symbol] = int(event.kind == MUTE)
                self.gap[symbol] = int(event.kind == GAP or (event.kind == MUTE and self.gap[symbol]))

    def verdict(self, now: int, wish: Wish) -> Verdict:
        """Refuses what opens while the instrument's data is older than allowed at `now`, mute or incomplete."""
        symbol = wish.symbol
        bound = self.age_max_ns[symbol]
        if self.gap[symbol] or self.mute[symbol]:
            return refused(FEED_GAP, 0.0, 1.0)
        if now - self.heard_at[symbol] <= bound and self.heard_at[symbol] != NEVER:
            return ALLOWED  # no more of it was open time
        age = self.age_ns(symbol, now)
        return (
            ALLOWED if age <= bound or bound == LONGEST else refused(STALE_DATA, bound / NANOSECONDS, age / NANOSECONDS)
        )

    def age_ns(self, symbol: int, now: int) -> float:
        """Open time since the instrument was last heard; infinite before the first."""
        heard = self.heard_at[symbol]
        return inf if heard == NEVER else self.hours[symbol].open_between(heard, now)

    def fresh_until(self, symbol: int, until: int) -> int:
        """Until when (ns UTC), and not later than `until`, what is known of the instrument now may be acted on."""
        heard = self.heard_at[symbol]
        bound = self.age_max_ns[symbol]
        if bound == LONGEST or (heard != NEVER and heard + bound >= until):
            return until  # open time is never longer than time
        return heard if heard == NEVER else min(until, self.hours[symbol].after_open(heard, bound))


class Halts:
    """Nothing leaves for an instrument that is halted, but cancels."""

    __slots__ = ("halted",)

    def __init__(self, symbol_count: int) -> None:
        """Nothing is halted."""
        self.halted = integers(symbol_count)

    def hear(self, event: Event) -> None:
        """A halt holds until it is lifted."""
        if isinstance(event, Status) and event.kind in (HALT, RESUME):
            for symbol in named(event.symbol, len(self.halted)):
                self.halted[symbol] = int(event.kind == HALT)

    def verdict(self, now: int, wish: Wish) -> Verdict:  # noqa: ARG002  gates have one signature
        """Refuses everything of a halted instrument."""
        return refused(INSTRUMENT_HALTED, 0.0, 1.0) if self.halted[wish.symbol] else ALLOWED


class InSession:
    """Messages leave in session hours: from so long before the open to so long after the close, early closes included.

    An order for the close must be in `cutoff_ns` before it (exchanges stop taking them some minutes ahead).
    """

    CONTENT = ("after_close_ns", "before_open_ns", "cutoff_ns", "hours", "seen", "seen_at", "seen_until")
    __slots__ = ("after_close_ns", "before_open_ns", "cutoff_ns", "hours", "seen", "seen_at", "seen_until")

    def __init__(self, hours: Sequence[Hours], before_open_ns: int, after_close_ns: int, cutoff_ns: int) -> None:
        """`hours` by symbol handle; what was `seen` open last is remembered, since a step's messages ask for the same."""
        self.hours = hours
        self.before_open_ns = before_open_ns
        self.after_close_ns = after_close_ns
        self.cutoff_ns = cutoff_ns
        self.seen: Hours | None = None
        self.seen_at = self.seen_until = 0

    def verdict(self, now: int, wish: Wish) -> Verdict:
        """Refuses what would leave outside the hours, and an order for the close that comes too late for it."""
        hours = self.hours[wish.symbol]
        if hours is not self.seen or now != self.seen_at:
            k = hours.session(now - self.after_close_ns)
            if k >= len(hours.opens) or hours.opens[k] - self.before_open_ns > now:
                early = hours.opens[k] - now if k < len(hours.opens) else LONGEST
                return refused(OUT_OF_SESSION, self.before_open_ns / NANOSECONDS, early / NANOSECONDS)
            self.seen, self.seen_at, self.seen_until = hours, now, hours.closes[k] + self.after_close_ns
        return self._in_time(now, hours) if wish.tif == AT_CLOSE else ALLOWED

    def _in_time(self, now: int, hours: Hours) -> Verdict:
        """An order for the close: is it in before the cutoff?  After the close it is for the next one."""
        left = hours.coming_close(now) - now
        return (
            ALLOWED
            if left >= self.cutoff_ns
            else refused(CLOSE_CUTOFF, self.cutoff_ns / NANOSECONDS, left / NANOSECONDS)
        )

    def open_until(self, symbol: int, now: int) -> int:
        """Until when (ns UTC) messages may leave that may leave at `now`."""
        hours = self.hours[symbol]
        if hours is self.seen and now == self.seen_at:
            return self.seen_until
        k = hours.session(now - self.after_close_ns)
        return hours.closes[k] + self.after_close_ns if k < len(hours.closes) else FOREVER - 1


class MessageRate:
    """At most so many messages a second and a minute, cancels counted but never refused."""

    __slots__ = ("minute", "second")

    def __init__(self, per_second_max: float, per_minute_max: float) -> None:
        """Nothing sent yet."""
        self.second = Window(per_second_max, NANOSECONDS)
        self.minute = Window(per_minute_max, 60 * NANOSECONDS)

    def verdict(self, now: int, wish: Wish) -> Verdict:  # noqa: ARG002  gates have one signature
        """Refuses the message that is one too many for any stretch of a second or a minute."""
        full = self.second if self.second.full(now) else self.minute if self.minute.full(now) else None
        return ALLOWED if full is None else refused(MESSAGE_RATE, full.most, full.most + 1.0)

    def has_room(self, now: int, count: int) -> bool:
        """Whether so many messages may leave together."""
        return self.second.has_room(now, count) and self.minute.has_room(now, count)

    def sent(self, now: int, count: int = 1) -> None:
        """So many messages leave."""
        self.second.add(now, count)
        self.minute.add(now, count)


class RepeatedExecution:
    """So many executed orders of one instrument and side in a stretch, and it is disabled until a person resumes it.

    RTS 6 article 15(3).  Stretches follow one another (`span_ns` each, from the first execution in it); the parts in
    which one order fills are one execution.
    """

    CONTENT = ("most", "span_ns")
    __slots__ = ("begun", "count", "disabled", "last_number", "most", "span_ns")

    def __init__(self, symbol_count: int, most: float, span_ns: int) -> None:
        """Nothing executed yet; places are by symbol, buys then sells; `disabled` is since when (0: it is not)."""
        self.most = most
        self.span_ns = span_ns
        self.begun = array("q", [-LONGEST]) * (2 * symbol_count)
        self.count = integers(2 * symbol_count)
        self.last_number = integers(2 * symbol_count)
        self.disabled = integers(symbol_count)

    def hear(self, event: Event) -> list[Breach]:
        """Fills count, and the last one breaks; the operator's resume enables again and counts from nothing."""
        if isinstance(event, Report) and event.kind in (PARTIAL, FILLED):
            return self._executed(event)
        if isinstance(event, Command) and event.kind == COMMAND_RESUME:
            for symbol in named(event.symbol, len(self.disabled)):
                self.disabled[symbol] = 0
                self.count[2 * symbol] = self.count[2 * symbol + 1] = 0
        return []

    def _executed(self, fill: Report) -> list[Breach]:
        """One fill: the first of its order counts; returns the breach when it is the last that is allowed."""
        place = 2 * fill.symbol + (fill.side < 0)
        if fill.number == self.last_number[place] and fill.number != 0:
            return []
        self.last_number[place] = fill.number
        if fill.time - self.begun[place] >= self.span_ns:
            self.begun[place] = fill.time
            self.count[place] = 0
        self.count[place] += 1
        if self.count[place] < self.most or self.disabled[fill.symbol]:
            return []
        self.disabled[fill.symbol] = max(fill.time, 1)
        return [Breach(REPEATED_EXECUTION, fill.symbol, REDUCING_ONLY, self.most, float(self.count[place]), fill.time)]

    def verdict(self, now: int, wish: Wish) -> Verdict:  # noqa: ARG002  gates have one signature
        """Refuses what opens in an instrument that is disabled; with `most` 0 nothing was ever enabled."""
        if self.most > 0 and not self.disabled[wish.symbol]:
            return ALLOWED
        place = 2 * wish.symbol + (wish.side < 0)
        return refused(REPEATED_EXECUTION, self.most, float(self.count[place]))


def named(symbol: int, symbol_count: int) -> range:
    """The symbols that a status or a command speaks of: -1 is all of them."""
    return range(symbol_count) if symbol < 0 else range(symbol, symbol + 1)
