"""A news feed asked again and again: RSS, Atom or a JSON feed at an address, politely.

What comes in: an address; what is known already.
What goes out: its new items as observations, known when they came here; or how long to wait.
Why it is shaped so: a feed is a list that is shown anew each time, so it is asked with what it said last (`ETag`,
`Last-Modified`) and answers mostly with nothing; what it says of when an item was published is taken for what the item is
about, because nobody here knew it before it came.

Sources: RFC 9110, sections 10.2.3 (Retry-After), 13.1 (If-None-Match, If-Modified-Since), 15.4.5 (304).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from stratofold.adapters.network.calls import THROTTLED, pause_seconds
from stratofold.adapters.network.pace import Backoff
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Setup, Stop
from stratofold.market.alternative import SCHEMA, posts, rss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from random import Random

    from stratofold.adapters.ports import Clock, Http, Response

Key = tuple[int, str]  # when it was published, us UTC, and its text
PAUSE_SECONDS_MAX = 3_600.0
UNDATED = -1  # of an item that says it was published later than now
AGENT = "stratofold (news poller)"


class Polled(NamedTuple):
    """What came of one request: new items, when to ask again, and what went wrong, if anything."""

    items: pl.DataFrame
    wait_seconds: float
    trouble: str = ""


class Poller:
    """One feed; `seen` are the items that are known already."""

    def __init__(
        self,
        url: str,
        http: Http,
        clock: Clock,
        random: Random,
        series: str,
        symbol: str = "",
        *,
        every_seconds: float = 60.0,
        scorer: Callable[[str], float] | None = None,
        seen: Iterable[Key] = (),
    ) -> None:
        """Nothing is asked yet."""
        self.url = url
        self.series = series
        self.symbol = symbol
        self.every_seconds = every_seconds
        self.seen = set(seen)
        self._http, self._clock = http, clock
        self._backoff = Backoff(random, every_seconds, max(every_seconds, PAUSE_SECONDS_MAX))
        self._scoring = {} if scorer is None else {"scorer": scorer}
        self._validators: dict[str, str] = {}

    async def poll(self) -> Polled:
        """Ask once; raises Stop SF976 for an address that will not answer otherwise tomorrow."""
        headers = {
            "Accept": "application/rss+xml, application/atom+xml, application/feed+json, */*;q=0.5",
            "User-Agent": AGENT,
        }
        try:
            answer = await self._http.request("GET", self.url, {**headers, **self._validators}, b"", 30.0)
        except NoAnswer as error:
            return self._later(str(error))
        if answer.status == 304:
            return self._again(_none())
        if answer.status != 200:
            return self._refused(answer)
        try:
            items = self._fresh(answer)
        except Setup as error:
            return self._later(f"{error.what}: {error.why}")
        given = {"If-None-Match": answer.headers.get("etag"), "If-Modified-Since": answer.headers.get("last-modified")}
        self._validators = {name: value for name, value in given.items() if value}
        return self._again(items)

    def _fresh(self, answer: Response) -> pl.DataFrame:
        """The items that were not seen, known now; raises Setup SF656 for what is no feed."""
        now = self._clock.now()
        read = posts if answer.body.lstrip()[:1] == b"{" else rss
        items = read(answer.body, self.series, self.symbol, **self._scoring)
        keys = [(at if at * 1_000 <= now else UNDATED, text) for at, text in keys_of(items)]
        fresh = items.filter(pl.Series([key not in self.seen for key in keys], dtype=pl.Boolean))
        self.seen.update(keys)
        known = pl.lit(now // 1_000).cast(pl.Datetime("us", "UTC"))
        return fresh.with_columns(about=pl.min_horizontal(pl.col("about"), known), known=known)

    def _again(self, items: pl.DataFrame) -> Polled:
        """It answered."""
        self._backoff.reset()
        return Polled(items, self.every_seconds)

    def _later(self, why: str, seconds: float = 0.0) -> Polled:
        """It did not, and may the next time."""
        return Polled(_none(), max(self._backoff.next_seconds(), seconds), why)

    def _refused(self, answer: Response) -> Polled:
        """Who must act on another answer: nobody, or whoever gave the address."""
        if answer.status in THROTTLED or answer.status >= 500 or answer.status == 408:
            asked = pause_seconds(answer.headers.get("retry-after", ""), self._clock.now())
            return self._later(f"HTTP {answer.status}", min(asked, 24 * PAUSE_SECONDS_MAX))
        moved = answer.headers.get("location", "")
        raise Stop(
            "SF976", f"there is no feed at this address: HTTP {answer.status}", place=self.url,
            fix=f"it says it is at {moved}: give that address" if moved else "give the address of an RSS, Atom or JSON feed",
        )  # fmt: skip


def keys_of(items: pl.DataFrame) -> Iterator[Key]:
    """What each item is known again by."""
    return zip(items["about"].dt.epoch("us").to_list(), items["text"].to_list(), strict=True)


def keys_kept(items: pl.DataFrame) -> Iterator[Key]:
    """The keys of items that were kept: one that said it was of a later time is kept as of when it came."""
    yield from keys_of(items)
    yield from ((UNDATED, text) for text in items.filter(pl.col("about") >= pl.col("time"))["text"].to_list())


def _none() -> pl.DataFrame:
    """No items."""
    return pl.DataFrame(schema=SCHEMA)
