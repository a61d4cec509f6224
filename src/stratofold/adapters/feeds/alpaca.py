"""Alpaca as a feed: a history that closes gaps, and a stream.  The port `Feed` over `Http`, `Sockets` and `Clock`.

What comes in: symbols and a range of time.
What goes out: complete bars, corporate actions as events of the day on which they took effect, quotes and trades if asked.
Why it is shaped so: the stream is quick and may lose something, the history is complete and may be late; whoever folds
hears `None` when the stream was opened and asks the history for what lies between.  A day's bar comes from the history after
the session's close: on the stream it is unfinished until then, and it lacks the closing auction.

Ignores: adjusted prices (raw prices trade), extended hours, bars of other sources than `source`.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, TypeVar

from stratofold.adapters.feeds import alpaca_translate as translate
from stratofold.adapters.feeds.alpaca_translate import DAY_NS, TIMEFRAMES, Complete
from stratofold.adapters.feeds.spoken import Torn
from stratofold.adapters.network.calls import UNREADABLE, Calls, readable
from stratofold.adapters.network.moments import SECOND_NS, day_of, text_of
from stratofold.adapters.network.pace import Backoff
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Retry, Setup, Stop
from stratofold.market.sessions import calendar as calendar_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from random import Random

    import msgspec

    from stratofold.adapters.brokers.alpaca_access import Access
    from stratofold.adapters.ports import Clock, Http, Socket, Sockets

BARS_A_PAGE = 10_000
ACTIONS_A_PAGE = 1_000
PAID_WITHIN_DAYS = 120  # after the ex-date
HANDSHAKE_SECONDS = 10.0
LATE_SECONDS = (0, 30, 120)  # after a bar is due: a vendor may need a while
HALF_DAY_NS = DAY_NS // 2  # midnight in New York is at most so long before the open
AUTH_FAILED, SYMBOL_LIMIT, INSUFFICIENT = 402, 405, 409

Wire = TypeVar("Wire")
Named = translate.Named
_TICK_CHANNELS = {"quotes": "quotes", "trades": "trades", "depth": "orderbooks"}  # books are those of coins


class AlpacaFeed:
    """Bars of one span for some symbols.

    `span_ns` is a minute, 5 or 15 minutes, an hour or a day; only minutes are streamed as bars by Alpaca, other spans come
    from the history when they are complete.  `settle_seconds` is how long after its close a bar is taken for final.
    `days_from_stream` takes a daily bar from the stream for complete, which is true of the paper exchange only.
    `speed` is how much quicker than ours the time of `clock` goes, where it is a replay's.  `channels` beside bars: "statuses", "updatedBars".  With `ticks` ("quotes", "trades") there are no bars: what was not heard of
    ticks is told as a gap, because nobody asks for it again; but an exchange that waits has numbered them (`ticks_from_history`).
    """

    def __init__(
        self,
        access: Access,
        http: Http,
        sockets: Sockets,
        clock: Clock,
        random: Random,
        *,
        span_ns: int,
        calendar: str = "XNYS",
        source: str = "iex",
        settle_seconds: float = 0.0,
        days_from_stream: bool = False,
        channels: Sequence[str] = (),
        ticks: Sequence[str] = (),
        ticks_from_history: bool = False,
        speed: float = 1.0,
        requests_per_minute: int = 200,
        timeout_seconds: float = 30.0,
    ) -> None:
        """Nothing is asked before the first call; raises Setup SF876 for a span that Alpaca does not have."""
        if span_ns not in TIMEFRAMES:
            raise Setup(
                "SF876",
                f"Alpaca has no bars of {span_ns / (60 * SECOND_NS):g} minutes",
                fix=f"trade bars of {', '.join(TIMEFRAMES.values())}",
            )
        self._access = access
        self._sockets = sockets
        self._clock = clock
        self._random = random
        self._complete = Complete(span_ns, calendar_of(calendar))
        self._source = source
        self._settle_ns = int(settle_seconds * SECOND_NS)
        self._streams_days = days_from_stream
        self._ticks = tuple(_TICK_CHANNELS[kind] for kind in ticks)
        self._channels = (*channels, *self._ticks)
        self._asks_ticks = ticks_from_history
        self._speed = speed
        self._calls = Calls(
            http,
            clock,
            random,
            access.data_url,
            access.headers,
            requests_per_minute=requests_per_minute,
            timeout_seconds=timeout_seconds,
        )

    def __repr__(self) -> str:
        """Addresses and span; keys are shown nowhere."""
        return f"AlpacaFeed({self._access.data_url}, {TIMEFRAMES[self._complete.span_ns]})"

    # History.

    @readable
    async def history(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """Complete bars and actions in (after, until], ns UTC, in order.  Raises NoAnswer, Retry, Stop."""
        if self._ticks:
            found = await self._told(symbols, after, until) if self._asks_ticks else []
        else:
            found = await self._bars(symbols, after, until - self._settle_ns)
        found.extend(await self._actions(symbols, after, until))
        return translate.in_order(found, symbols)

    @readable
    async def actions(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """Only the corporate actions in (after, until], for the opens of sessions.  Raises NoAnswer, Retry, Stop."""
        return translate.in_order(await self._actions(symbols, after, until), symbols)

    async def _bars(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """Bars whose close lies in (after, until], page by page."""
        first, last = self._starts(after, until)
        if not symbols or first > last:
            return []
        query: dict[str, str | int] = {
            "symbols": ",".join(symbols),
            "timeframe": TIMEFRAMES[self._complete.span_ns],
            "start": text_of(first),
            "end": text_of(last),
            "adjustment": "raw",
            "feed": self._source,
            "sort": "asc",
            "limit": BARS_A_PAGE,
        }
        found: list[Named] = []
        while True:
            page = _decoded(translate.bar_page, await self._calls.read("/v2/stocks/bars", query))
            found.extend(named for named in translate.bars_of(page, self._complete) if after < named[1].time <= until)
            if not page.next_page_token:
                return found
            query["page_token"] = page.next_page_token

    async def _told(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """Ticks in (after, until], of an exchange that numbers them all."""
        found: list[Named] = []
        query: dict[str, str | int] = {"symbols": ",".join(symbols), "start": text_of(after + 1), "end": text_of(until)}
        for kind in self._ticks:
            page = _decoded(translate.tick_page, await self._calls.read(f"/v2/stocks/{kind}", query))
            found += translate.ticks_of(page)
        return sorted(found, key=lambda named: named[1].source_sequence)

    def _starts(self, after: int, until: int) -> tuple[int, int]:
        """The first and last start that a bar with its close in (after, until] can have."""
        span = self._complete.span_ns
        if span < DAY_NS:
            return after - span + 1, until - span
        opens, closes = self._complete.sessions.opens, self._complete.sessions.closes
        first, last = bisect_right(closes, after), bisect_right(closes, until) - 1
        return (opens[first] - HALF_DAY_NS, opens[last]) if first <= last else (1, 0)

    async def _actions(self, symbols: Sequence[str], after: int, until: int) -> list[Named]:
        """Actions whose day's open lies in (after, until], page by page."""
        if not symbols or not self._has_open(after, until):
            return []
        query: dict[str, str | int] = {
            "symbols": ",".join(symbols),
            # Alpaca selects by the day on which it processes: for dividends that is when they are paid.
            "start": day_of(after - 7 * DAY_NS),
            "end": day_of(until + PAID_WITHIN_DAYS * DAY_NS),
            "sort": "asc",
            "limit": ACTIONS_A_PAGE,
        }
        found: list[Named] = []
        while True:
            page = _decoded(translate.action_page, await self._calls.read("/v1/corporate-actions", query))
            actions = translate.actions_of(page, self._complete.sessions)
            found.extend(named for named in actions if after < named[1].time <= until)
            if not page.next_page_token:
                return found
            query["page_token"] = page.next_page_token

    def _has_open(self, after: int, until: int) -> bool:
        """Whether a session opens in (after, until]; without one there is no action to ask for."""
        opens = self._complete.sessions.opens
        return bisect_right(opens, after) < bisect_right(opens, until)

    # The stream.

    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[Named | None]:
        """Events as they come; None whenever the stream was opened (anew).

        A stream that breaks is opened again, after a while that doubles, until the caller stops asking.
        Raises Stop SF870 when the keys are refused, SF877 when the subscription is.
        """
        backoff = Backoff(self._random)
        while True:
            socket: Socket | None = None
            try:
                socket = await self._sockets.connect(
                    self._access.data_stream_url, {"Content-Type": "application/msgpack"}
                )
                await self._subscribe(socket, symbols)
                backoff.reset()
                yield None
                torn = Torn(symbols)
                for named in torn.tear(self._clock.now()) if self._ticks else ():
                    yield named
                async for named in self._heard(socket, symbols):
                    for before in torn.mended(named):
                        yield before
                    yield named
            except (NoAnswer, *UNREADABLE):
                await self._clock.sleep(backoff.next_seconds())
            finally:
                if socket is not None:
                    await socket.close()

    async def _subscribe(self, socket: Socket, symbols: Sequence[str]) -> None:
        """Show the keys and say what is wanted; the stream is open when it says so."""
        await self._until(socket, translate.Success)
        await socket.send(translate.authenticate(self._access.key_id, self._access.secret_key))
        await self._until(socket, translate.Success)
        await socket.send(translate.subscribe(symbols, self._wanted()))
        await self._until(socket, translate.Subscription)

    def _wanted(self) -> list[str]:
        """Bars, unless their span is not streamed; and what was asked for beside them."""
        return [*self._wanted_bars(), *self._channels]

    def _wanted_bars(self) -> list[str]:
        """The channel of our span, if it is streamed."""
        span = self._complete.span_ns
        if self._ticks:
            return []
        if span == DAY_NS and self._streams_days:
            return ["dailyBars"]
        return ["bars"] if span == 60 * SECOND_NS else []

    async def _until(self, socket: Socket, kind: type) -> None:
        """Read on until a message of a kind; raises Stop for an error that will not go away, NoAnswer for another."""
        while True:
            data = await socket.receive(HANDSHAKE_SECONDS)
            if data is None:
                raise NoAnswer(f"the data stream said nothing for {HANDSHAKE_SECONDS:g} s")
            for message in translate.messages_of(data):
                if isinstance(message, translate.Trouble):
                    raise self._refused(message)
                if isinstance(message, kind):
                    return

    def _refused(self, trouble: translate.Trouble) -> Stop | NoAnswer:
        """Who must act on an error of the data stream."""
        place = self._access.data_stream_url
        said = f"{trouble.code}: {trouble.msg}"
        if trouble.code == AUTH_FAILED:
            return Stop(
                "SF870",
                "the keys were refused",
                place=place,
                why=said,
                fix="store the key id and secret that belong to this address",
            )
        if trouble.code in {SYMBOL_LIMIT, INSUFFICIENT}:
            return Stop(
                "SF877",
                "the data stream refuses the subscription",
                place=place,
                why=said,
                fix="ask for fewer symbols, or for a feed that your plan includes",
            )
        return NoAnswer(said)

    async def _heard(self, socket: Socket, symbols: Sequence[str]) -> AsyncIterator[Named]:
        """What the socket says, and between it what only the history has, when the clock says it is due."""
        polls = Polls(
            self._complete, self._settle_ns, self._clock.now(), bars=not self._wanted_bars() and not self._ticks
        )
        backoff = Backoff(self._random)
        while True:
            data = await socket.receive(max(0, polls.due() - self._clock.now()) / (SECOND_NS * self._speed))
            # What was due before a bar comes before it: a split belongs in front of the first bar at the new price.
            while (now := self._clock.now()) >= polls.due():
                try:
                    found = await self._polled(symbols, polls.after(now), now)
                except (Retry, NoAnswer):
                    await self._clock.sleep(backoff.next_seconds())
                    if not self._has_open(polls.polled, now):
                        break  # a bar of the history may come later; nothing of a session comes before its splits
                else:
                    backoff.reset()
                    for named in polls.fresh(found, now):
                        yield named
            if data is not None:
                for named in self._said(data):
                    yield named

    def _said(self, data: str | bytes) -> list[Named]:
        """The events in one frame; raises Stop or NoAnswer for an error in it."""
        now = self._clock.now()
        found: list[Named] = []
        for message in translate.messages_of(data):
            if isinstance(message, translate.Trouble):
                raise self._refused(message)
            found += translate.events_of(message, self._complete, now)
        return found

    async def _polled(self, symbols: Sequence[str], after: int, now: int) -> list[Named]:
        """What the stream does not say: actions always, bars where their span is not streamed."""
        if self._wanted_bars() or self._ticks:
            return await self.actions(symbols, after, now)
        return await self.history(symbols, after, now)


# Decoded answers, and when to ask.


class Polls:
    """When the history is asked while a stream runs: at each open for actions, and after each bar's end for the bar.

    A bar may be late at the vendor, so it is asked for again a little later, and again; what was heard is not said twice.
    """

    def __init__(self, complete: Complete, settle_ns: int, opened: int, *, bars: bool) -> None:
        """From `opened` (ns UTC) on; the caller has had everything before from the history."""
        self._complete = complete
        self._settle_ns = settle_ns
        self._opened = opened
        self.polled = opened
        self._bars = bars
        self._heard: set[tuple[str, int, int]] = set()

    def due(self) -> int:
        """When to ask next, ns UTC."""
        opens = self._complete.sessions.opens
        times = [opens[min(bisect_right(opens, self.polled), len(opens) - 1)]]
        if self._bars:
            late = [self._settle_ns + delay * SECOND_NS for delay in LATE_SECONDS]
            times.extend(self._complete.next_end(self.polled - delay) + delay for delay in late)
        return min(times)

    def after(self, now: int) -> int:
        """From where on to ask: what is late may still come."""
        late = self._settle_ns + LATE_SECONDS[-1] * SECOND_NS
        return max(self._opened, min(self.polled, now - late))

    def fresh(self, found: list[Named], now: int) -> list[Named]:
        """What was not heard before; all until `now` has been asked for."""
        self.polled = now
        floor = self.after(now)
        self._heard = {key for key in self._heard if key[1] > floor}
        new = [named for named in found if _key(named) not in self._heard]
        self._heard.update(_key(named) for named in new)
        return new


def _key(named: Named) -> tuple[str, int, int]:
    """A bar by its symbol and time, an action by its kind too."""
    return named[0], named[1].time, getattr(named[1], "kind", -1)


def _decoded(decoder: msgspec.json.Decoder[Wire], body: bytes | None) -> Wire:
    """What a body holds; raises a msgspec error for what is none."""
    return decoder.decode(b"" if body is None else body)
