"""Fetching: what a book has not heard of the market yet, by REST, and what time it is.

What comes in: a place, a book, the time for which a schedule woke us.  What goes out: lines of the market.
Why it is shaped so: the time is the schedule's and not ours, so a schedule that fires twice asks the same and sends the
same; where the last one came to is written down, so that one that was missed leaves no gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.network.moments import SECOND_NS, nanoseconds_of
from stratofold.cloud.market import line_of, tick_of
from stratofold.fold.strategy import every
from stratofold.live.desk import manifest_of
from stratofold.market.sessions import MINUTE_NS, calendar, expand

if TYPE_CHECKING:
    from stratofold.cloud.place import Place

FETCHED = "fetched"  # the mark of how far the market was asked, ns UTC
OVERLAP_NS = 600 * SECOND_NS  # asked again: a history may have a bar late
FIVE_MINUTES = every(minutes=5)
GRACE_SECONDS = 2.0  # what a bar may take to be in the history once it is complete


ALL = "*"  # whatever a book trades


async def fetch(place: Place, book: str, at: str = "", symbols: str = ALL) -> int:
    """Send a book what the market did until `at` (RFC 3339; now), and that it is that time; returns how many lines.

    Of some `symbols` (with commas) only, the others come by another way; who asks by hand for some leaves no mark, since the
    next one asks for all.

    Raises NoAnswer, Retry or Stop where the venue cannot be asked: the schedule tries again, and the next one asks for all.
    """
    journal, venue = place.journal, place.venue
    manifest = manifest_of(journal, book)
    now = await venue.now()
    until = min(nanoseconds_of(at), now) if at and not place.replays else now
    if not place.replays:
        await venue.clock.sleep(GRACE_SECONDS - (now - until) / SECOND_NS)
    last = int(journal.mark(book, FETCHED) or 0)
    if last and not place.replays:
        place.metrics.add("schedule_missed", missed(manifest.calendar, last, until))
    after = max(last - OVERLAP_NS, manifest.opened)
    names = manifest.symbols if symbols == ALL else tuple(one for one in manifest.symbols if one in symbols.split(","))
    found = await venue.feed(manifest.span_ns, manifest.ticks).history(names, after, until) if names else []
    lines = [line_of(book, symbol, event) for symbol, event in found]
    place.market.put(book, [*lines, tick_of(book, until)])
    if at or names == manifest.symbols:
        journal.mark(book, FETCHED, str(until))
    return len(lines)


def missed(name: str, last: int, until: int) -> int:
    """How many of a calendar's five minutes lie between two fetches; a minute's delay of either is none."""
    near = calendar(name).slice(last, until)
    return len(expand(FIVE_MINUTES, near, last + MINUTE_NS, until - MINUTE_NS))
