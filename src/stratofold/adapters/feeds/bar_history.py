"""A vendor's bars for a book that runs: what a stream has missed, asked for over REST.

What comes in: a vendor as `sources` knows it, symbols, a range of time.
What goes out: complete bars, in order.
Why it is shaped so: the paging is the vendor's own (`sources.question`), without the catalogue and the frames that a large
import wants; one try a request, because whoever trades asks again anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratofold.adapters.network.calls import Calls, readable
from stratofold.adapters.sources.question import DAY_NS, Question, closes_of
from stratofold.errors import Setup
from stratofold.events import Bar
from stratofold.market.catalogue.kinds import BARS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from stratofold.adapters.feeds.spoken import Named
    from stratofold.adapters.ports import Clock, Http
    from stratofold.adapters.sources.question import Page, Request, Source

NAMES = ("open", "high", "low", "close", "volume")


class BarHistory:
    """Bars of one span of one vendor."""

    def __init__(
        self, source: Source, http: Http, clock: Clock, random: Random, span_ns: int, url: str | None = None
    ) -> None:
        """`url` asks another address than the vendor's; raises Setup SF990 for a span that the vendor does not have."""
        if span_ns not in source.spans:
            spans = ", ".join(source.spans.values())
            raise Setup("SF990", f"{source.name} has no bars of {span_ns // 10**9:,} s", fix=f"trade bars of {spans}")
        self.source = source
        self.span_ns = span_ns
        self._calls = Calls(
            http, clock, random, url or source.url, source.headers, requests_per_minute=source.requests_per_minute,
            timeout_seconds=30.0,
        )  # fmt: skip

    @readable
    async def bars(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """Bars that are complete in (after, until], ns UTC, by time and then as the symbols are given.

        Raises NoAnswer, Retry, Stop; Setup SF991 for a symbol that the vendor does not know.
        """
        found = [named for symbol in symbols for named in await self._bars_of(symbol, after, until)]
        return sorted(found, key=lambda named: named[1].time)

    async def _bars_of(self, symbol: str, after: int, until: int) -> list[Named]:
        """One symbol's, page by page."""
        found: list[Named] = []
        # A day's bar begins at its midnight, which is up to a day and a half before its session's close.
        early = 2 * DAY_NS if self.source.day_is_session and self.span_ns >= DAY_NS else self.span_ns
        question = Question(
            BARS, symbol, max(after - early + 1, 1), until - self.span_ns + 1, self.span_ns, self.source.calendar
        )
        request = self.source.first(question) if question.start < question.end else None
        while request is not None:
            page = await self._page(question, request)
            found += [(symbol, bar) for bar in self._complete(question, page) if after < bar.time <= until]
            request = page.next if page.next != request else None
        return found

    async def _page(self, question: Question, request: Request) -> Page:
        """One page."""
        body = await self._calls.read(request.path, request.query)
        if body is None:
            what = f"{self.source.name} does not know {question.symbol}"
            raise Setup("SF991", what, place=self._calls.url, fix="write the symbol as the vendor does")
        return self.source.read(question, request, body)

    def _complete(self, question: Question, page: Page) -> Iterator[Bar]:
        """The bars of a page, at their closes; not those of days without a session."""
        closes = closes_of(page.columns["time"], question, day_is_session=self.source.day_is_session)
        for close, *prices in zip(closes, *(page.columns[name] for name in NAMES), strict=True):
            if close:
                bar = Bar()
                bar.time = bar.known = close
                bar.span = self.span_ns
                bar.open, bar.high, bar.low, bar.close, bar.volume = prices
                yield bar
