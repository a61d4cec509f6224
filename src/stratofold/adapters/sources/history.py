"""History of a vendor into a catalogue: page by page, repeated where it fails, resumed where it was broken off.

What comes in: a source, a question, a way to ask.
What goes out: rows in a catalogue, and how far it has come.
Why it is shaped so: every batch of pages is one change of the catalogue, and the mark of how far it has come is written
after it; a run that dies asks again for what follows the mark, and what it has had already adds nothing.  A refusal ends
it at once; what may pass by itself is asked again, later each time, and not before the server's `Retry-After`.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from stratofold.adapters.network.calls import UNREADABLE, Calls
from stratofold.adapters.network.pace import Backoff
from stratofold.adapters.ports import NoAnswer
from stratofold.adapters.sources.question import DAY_NS, Page, Question, Request, Source, closes_of
from stratofold.errors import Retry, Setup, Stop
from stratofold.market.catalogue.kinds import BARS, polars_schema
from stratofold.market.catalogue.layout import span_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from random import Random

    from stratofold.adapters.ports import Clock, Http
    from stratofold.market.catalogue.append import Receipt
    from stratofold.market.catalogue.catalogue import Catalogue

TRIES = 8  # of one request, over some two minutes
ROWS_A_CHANGE = 200_000
HOLD_SECONDS_MAX = 3_600.0  # nobody waits for history as for an order: the server decides how long
_UNSETTLED_NS = 2 * DAY_NS  # a bar of these is not complete yet, or a vendor may still put it right
_NO_SYMBOL = ("symbol", "product_id", "productid", "ticker", "not found")


class Progress(NamedTuple):
    """How far a question has come: the share of its time, its rows, the time reached (ns UTC)."""

    share: float
    rows: int
    reached: int


class History:
    """One vendor, asked politely."""

    def __init__(
        self,
        source: Source,
        http: Http,
        clock: Clock,
        random: Random,
        *,
        url: str | None = None,
        requests_per_minute: int | None = None,
        wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Ask `source` at its own address, or at another that speaks the same; `wait` is told why it asks again."""
        self.source = source
        self._wait = wait
        self._clock = clock
        self._random = random
        pace = source.requests_per_minute if requests_per_minute is None else requests_per_minute
        self._calls = Calls(
            http, clock, random, url or source.url, source.headers, requests_per_minute=pace, timeout_seconds=30.0
        )
        self._calls.budget.kept = 0  # nothing here must make room for orders
        self._calls.budget.hold_seconds_max = HOLD_SECONDS_MAX

    async def into(
        self, catalogue: Catalogue, question: Question, tell: Callable[[Progress], None], *, replace: bool = False
    ) -> tuple[Receipt | None, int]:
        """Put everything that answers a question into a catalogue; the last receipt, and how many rows were new.

        Raises Setup SFC21 (no such symbol), SFC22 (no rows), SFC23 (not served), Stop SF870 (keys refused), SF874 (refused), Retry
        SFC24 when the vendor does not answer after many tries; what was had until then is kept, and the next run goes on.
        """
        self._check(question)
        # Without its end: a range that ends now ends later each time it is asked for.
        mark = _Mark(catalogue.shelf.cache(), f"{self.source.name} {question._replace(end=0)}")
        rest = question._replace(start=min(max(question.start, mark.read()), question.end - 1))
        receipt, added, rows = None, 0, 0
        async for frame, reached in self._batches(rest):
            if len(frame):
                receipt = catalogue.append(
                    question.kind, frame, self.source.name, symbol=question.symbol,
                    span=span_text(question.span_ns) if question.kind == BARS else "",
                    calendar=question.calendar if question.kind == BARS else "", replace=replace,
                )  # fmt: skip
                added += receipt.added
            rows += len(frame)
            mark.write(min(reached, self._clock.now() - _UNSETTLED_NS))
            tell(Progress((reached - question.start) / max(question.end - question.start, 1), rows, reached))
        if not rows and rest.start == question.start:
            raise Setup(
                "SFC22", f"{self.source.name} has no {question.kind} of {question.symbol} in that range", place=self._calls.url,
                why="the answer was empty; the catalogue is as it was", fix="check the symbol's spelling at the vendor, and the range",
            )  # fmt: skip
        mark.done()
        return receipt, added

    def _check(self, question: Question) -> None:
        """Raise Setup SFC23 for what the vendor does not serve."""
        source = self.source
        if question.kind not in source.kinds:
            raise Setup("SFC23", f"{source.name} has no {question.kind} here", fix=f"ask for {', '.join(source.kinds)}")
        if question.kind == BARS and question.span_ns not in source.spans:
            spans = ", ".join(span_text(one) for one in source.spans)
            raise Setup("SFC23", f"{source.name} has no bars of that span", fix=f"ask for {spans}")
        if question.start >= question.end:
            raise Setup("SFC23", "the range is empty", fix="let it end after it starts")

    async def _batches(self, question: Question) -> AsyncIterator[tuple[pl.DataFrame, int]]:
        """Rows of some pages at a time, each with the time up to which nothing is missing."""
        parts: list[pl.DataFrame] = []
        reached = question.start
        async for page in self._pages(question):
            parts.append(self._rows(question, page))
            reached = page.reached
            if sum(len(part) for part in parts) >= ROWS_A_CHANGE:
                yield pl.concat(parts), reached
                parts = []
        yield (pl.concat(parts) if parts else pl.DataFrame()), reached

    async def _pages(self, question: Question) -> AsyncIterator[Page]:
        request: Request | None = self.source.first(question)
        while request is not None:
            page = await self._page(question, request)
            yield page
            if page.next == request:
                raise Stop(
                    "SF874",
                    f"{self.source.name} answers with the same page again",
                    place=self._calls.url,
                    fix="ask again later",
                )
            request = page.next

    async def _page(self, question: Question, request: Request) -> Page:
        """One page, asked for until it comes."""
        backoff = Backoff(self._random, least=1.0)
        why: Exception | None = None
        for left in reversed(range(TRIES)):
            try:
                body = await self._calls.read(request.path, request.query)
                if body is None:
                    raise self._unknown(question, "HTTP 404")
                return self.source.read(question, request, body)
            except Stop as error:
                raise self._unknown(question, error.why) if _names_symbol(error) else error from None
            except (Retry, NoAnswer) as error:
                why = error
            except (*UNREADABLE, AttributeError) as error:  # an answer of another shape
                if isinstance(error, Setup):
                    raise
                why = error
            if not left:
                break
            seconds = max(backoff.next_seconds(), self._calls.held_seconds())  # sooner it would not be sent
            self._wait(f"asked again in {seconds:.0f} s: {_said(why)}")
            await self._clock.sleep(seconds)
        raise Retry(
            "SFC24", f"{self.source.name} did not answer {TRIES} times", place=self._calls.url, why=_said(why),
            fix="run the same command again: it goes on where it stopped",
        )  # fmt: skip

    def _unknown(self, question: Question, said: str) -> Setup:
        return Setup(
            "SFC21", f"{self.source.name} does not know {question.symbol}", place=self._calls.url, why=said,
            fix="write the symbol as the vendor does: SPY, BTCUSDT (Binance), BTC-USD (Coinbase)",
        )  # fmt: skip

    def _rows(self, question: Question, page: Page) -> pl.DataFrame:
        """A page as rows; bars at their closes, and only those that are complete."""
        schema = {
            name: kind for name, kind in polars_schema(question.kind).items() if name in page.columns and name != "time"
        }
        frame = pl.DataFrame(page.columns, schema={"time": pl.Int64, **schema}, strict=False)
        if question.kind != BARS:
            return frame.filter(pl.col("time") >= question.start // DAY_NS * DAY_NS, pl.col("time") < question.end)
        closes = closes_of(frame["time"].to_list(), question, day_is_session=self.source.day_is_session)
        now = self._clock.now()
        return frame.with_columns(time=pl.Series(closes, dtype=pl.Int64)).filter(pl.col("time").is_between(1, now))


def _said(error: Exception | None) -> str:
    """An error in a line: ours by what it says (when to try again is said by whoever does), another's by its kind too."""
    text = error.what.partition("; next try in ")[0] if isinstance(error, Retry) else str(error)
    if not isinstance(error, (Retry, NoAnswer)):
        text = f"{type(error).__name__}: {text}"
    return " ".join(text.split())[:300]


def _names_symbol(error: Stop) -> bool:
    return error.code == "SF874" and any(word in error.why.lower() for word in _NO_SYMBOL)


class _Mark:
    """How far a question has come, beside what can be made again: losing it costs a second asking and nothing else."""

    def __init__(self, folder: Path | None, question: str) -> None:
        """The mark of a question."""
        name = hashlib.sha256(question.encode()).hexdigest()[:24]
        self._path = None if folder is None else folder / f"get-{name}.json"

    def read(self) -> int:
        """The time up to which everything is there, ns UTC; 0 without a mark."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            if self._path is not None:
                return int(json.loads(self._path.read_bytes())["reached"])
        return 0

    def write(self, reached: int) -> None:
        """Everything before `reached` is there."""
        with suppress(OSError):
            if self._path is not None:
                new = self._path.with_suffix(".new")
                new.write_text(json.dumps({"reached": reached}), encoding="utf-8")
                new.rename(self._path)

    def done(self) -> None:
        """Nothing is left to do."""
        with suppress(OSError):
            if self._path is not None:
                self._path.unlink(missing_ok=True)
