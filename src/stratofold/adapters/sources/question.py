"""What is asked of a vendor, and what comes back: the words that all sources share.

What comes in: kind, symbol, span and a range of time.
What goes out: a `Request` to send next, a `Page` of rows out of an answer.
Why it is shaped so: a source is two pure functions, the next request and the rows of an answer, so that all of them are
paged, paced, repeated and resumed by one piece of code, and each is tested by what it says and hears.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from stratofold.market.sessions import calendar as calendar_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLISECOND_NS = 1_000_000
SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS


class Question(NamedTuple):
    """Rows of a kind of one symbol with `start` <= time < `end`, ns UTC; bars have a span and a calendar."""

    kind: str
    symbol: str
    start: int
    end: int
    span_ns: int = 0
    calendar: str = ""


class Request(NamedTuple):
    """One request: a path below the base address, and its query."""

    path: str
    query: Mapping[str, str | int]


class Page(NamedTuple):
    """Columns by our names, `time` in ns UTC; for bars it is the *start*.  `next` asks for the next page, None ends.

    `reached` is the time (ns UTC) up to which everything has been had.
    """

    columns: dict[str, list[Any]]
    next: Request | None
    reached: int


class Source(Protocol):
    """A vendor."""

    name: str
    url: str  # the vendor's own base address; a setting may say another
    requests_per_minute: int
    kinds: tuple[str, ...]
    spans: Mapping[int, str]  # ns to the vendor's word
    calendar: str  # of its instruments
    day_is_session: bool  # whether a day's bar is of a session, not of 24 hours

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request carries."""

    def first(self, question: Question) -> Request:
        """The first request."""

    def read(self, question: Question, request: Request, body: bytes) -> Page:
        """The rows of an answer; raises what `calls.UNREADABLE` lists for one that cannot be."""


def closes_of(starts: list[int], question: Question, *, day_is_session: bool) -> list[int]:
    """When bars that start then are complete; 0 for a day on which there is no session."""
    if question.span_ns < DAY_NS or not day_is_session:
        return [start + question.span_ns for start in starts]
    sessions = calendar_of(question.calendar)
    places = [bisect_left(sessions.opens, start) for start in starts]
    return [
        sessions.closes[place] if place < len(sessions) and sessions.opens[place] - start < DAY_NS else 0
        for place, start in zip(places, starts, strict=True)
    ]
