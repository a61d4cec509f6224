"""Requests to one server: paced, broken off while it is down, sent once.

What comes in: method, path and body; for orders a deadline.
What goes out: the `Response` as it is for what is sent, its body for what is read; errors say who must act.
Why it is shaped so: what an answer to an order means is the broker's to say, so `send` judges nothing; a question may be
asked again by whoever needs it, so `read` turns whatever went wrong into `Retry`, `Stop` or `NoAnswer`.
"""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from stratofold.adapters.network.pace import SECOND_NS, Breaker, Budget
from stratofold.adapters.ports import NoAnswer, Response
from stratofold.errors import Retry, Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from random import Random

    from stratofold.adapters.ports import Clock, Http

# What a body that is not what it should be does to its reader: it may lack, nest, overflow or be no text at all.
UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)

# A question whose answer is lost, or a gateway's, is asked again: most lose one and not the next, and whoever asks many in a
# row would have to begin with the first.
TRIES = 3
_AT_ONCE_NS = 1_000_000_000
_UNWELL = (500, 502, 503, 504)

THROTTLED = (418, 429)  # Binance says 418 to who did not listen to 429

Asked = ParamSpec("Asked")
Told = TypeVar("Told")


def readable(question: Callable[Asked, Awaitable[Told]]) -> Callable[Asked, Coroutine[object, object, Told]]:
    """A question whose answer may be anything: what cannot be read is Retry SF873."""

    @wraps(question)
    async def asks(*args: Asked.args, **named: Asked.kwargs) -> Told:
        try:
            return await question(*args, **named)
        except UNREADABLE as error:
            why = f"{type(error).__name__}: {error}"[:300]
            raise Retry("SF873", "an answer of the server cannot be read", why=why) from error

    return asks


class Calls:
    """One server, one budget, one breaker."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        random: Random,
        url: str,
        headers: Mapping[str, str],
        *,
        requests_per_minute: int,
        timeout_seconds: float = 10.0,
    ) -> None:
        """`url` has no slash at its end; `headers` go with every request."""
        self.http = http
        self.url = url.rstrip("/")
        self.headers = headers
        self.budget = Budget(clock, requests_per_minute)
        self.breaker = Breaker(clock, random)
        self.timeout_seconds = timeout_seconds

    def __repr__(self) -> str:
        """The server; the headers may hold keys."""
        return f"Calls({self.url})"

    def held_seconds(self) -> float:
        """How long nothing is sent, because the server has asked for that or seems down."""
        now = self.budget.clock.monotonic()
        return max(0, self.budget.held_until - now, self.breaker.held_until() - now) / SECOND_NS

    async def send(
        self, method: str, path: str, body: bytes = b"", *, deadline: int | None = None, insist: bool = False
    ) -> Response:
        """One request ahead of every poll, once; `insist` sends although the server seems down.

        Raises NoAnswer, with `sent` False where the breaker is open or the budget has no place before the deadline.
        """
        if not insist and (wait := self.breaker.wait_seconds()):
            raise NoAnswer(f"{self.server} does not answer; next try in {wait:.1f} s", sent=False)
        if self.budget.wait_ns(order=True) and not await self.budget.take(order=True, deadline=deadline):
            raise NoAnswer("no place in the budget of requests before it expires", sent=False)
        return await self._once(method, path, body)

    async def read(self, path: str, query: Mapping[str, str | int] | None = None) -> bytes | None:
        """The body of a 200 answer to GET, None for a 404; what fails at once is asked again, twice at most.

        Raises NoAnswer, Retry SF871 (the server is not well or not asked for now), SF872 (throttled) or
        Stop SF870 (keys refused), SF874 (the request refused).
        """
        asked = f"{path}?{_asking(tuple(query.items()))}" if query else path
        tries, until = TRIES, self.budget.clock.monotonic() + _AT_ONCE_NS
        while True:
            if wait := self.breaker.wait_seconds():
                raise Retry("SF871", f"{self.server} does not answer; next try in {wait:.1f} s")
            await self.budget.take()
            tries -= 1
            last = tries == 0
            try:
                answer = await self._once("GET", asked, b"")
            except NoAnswer:
                if last or self.budget.clock.monotonic() > until:
                    raise
                continue
            if answer.status == 200:
                return answer.body
            if answer.status == 404:
                return None
            if last or answer.status not in _UNWELL or "retry-after" in answer.headers:
                raise self._refused(answer, path)

    async def _once(self, method: str, path: str, body: bytes) -> Response:
        """Send, and tell the breaker and the budget what came of it."""
        try:
            answer = await self.http.request(method, self.url + path, self.headers, body, self.timeout_seconds)
        except NoAnswer:
            self.breaker.failed()
            raise
        if answer.status >= 500:
            self.breaker.failed()
        else:
            self.breaker.worked()
        if answer.status in THROTTLED or (answer.status == 503 and "retry-after" in answer.headers):
            self.budget.hold(pause_seconds(answer.headers.get("retry-after", ""), self.budget.clock.now()))
        return answer

    def _refused(self, answer: Response, path: str) -> Retry | Stop:
        """Who must act on an answer that is not 200."""
        place = f"{self.server}{path}: HTTP {answer.status}"
        said = " ".join(answer.body[:200].decode("utf-8", "replace").split())
        if answer.status in THROTTLED:
            return Retry("SF872", "the server asks for fewer requests", place=place, why=said)
        if answer.status >= 500 or answer.status == 408:
            return Retry("SF871", "the server is not well", place=place, why=said)
        if answer.status in {401, 403}:
            return Stop(
                "SF870",
                "the keys were refused",
                place=place,
                why=f"{said or 'no reason given'}; paper keys open paper addresses only, live keys live ones",
                fix="store the key id and secret that belong to this address",
            )
        return Stop("SF874", "the server refused a request", place=place, why=said, fix="check the addresses in use")

    @property
    def server(self) -> str:
        """Host and port."""
        return urlsplit(self.url).netloc


@lru_cache(maxsize=64)
def _asking(query: tuple[tuple[str, str | int], ...]) -> str:
    """A query as an address has it; who polls asks the same again and again."""
    return urlencode(query)


def pause_seconds(text: str, now: int) -> float:
    """The Retry-After header (RFC 9110, 10.2.3: seconds, or a date) in seconds from `now`; one second where it says neither."""
    if text.isascii() and text.isdigit():
        return float(text)
    if not text:
        return 1.0
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now / 1e9)
    except ValueError:
        return 1.0
