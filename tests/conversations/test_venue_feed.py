"""A venue as the feed of a book: bars made of its trades, whole or out of the history, and never wrong."""

from __future__ import annotations

import asyncio
import json
import time
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.feeds.bar_history import BarHistory
from stratofold.adapters.feeds.binance import Binance
from stratofold.adapters.feeds.venue_feed import Ends, VenueFeed
from stratofold.adapters.network.client import Network
from stratofold.adapters.sources.binance import BinanceHistory
from stratofold.adapters.sources.massive import MassiveHistory
from stratofold.errors import Setup
from stratofold.events import GAP, RESTORED, Bar, Quote, Status, Trade
from stratofold.market.sessions import calendar
from stratofold.market.tick_bars import time_bars
from tests.conversations.streams import ABORT, STAY, streaming
from tests.patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from stratofold.adapters.feeds.spoken import Named
    from tests.conversations.streams import Server

SECOND_NS = 1_000_000_000
TURN_SECONDS = 0.002
DONE = {"result": None, "id": 1}
NAMES = ("time", "open", "high", "low", "close", "volume")


class Hand(Clock):
    """A clock that goes on when the loop does: ten times as fast as the wall's, and on a busy machine as slowly as the rest."""

    def __init__(self) -> None:
        """It is now."""
        self.at = time.time_ns()

    def now(self) -> int:
        return self.at

    def monotonic(self) -> int:
        return self.at

    async def sleep(self, seconds: float) -> None:
        until = self.at + int(seconds * SECOND_NS)
        while self.at < until:  # noqa: ASYNC110  time goes on turn by turn
            await asyncio.sleep(TURN_SECONDS)

    async def go(self) -> None:
        """Go on."""
        while True:
            await asyncio.sleep(TURN_SECONDS)
            self.at += int(10 * TURN_SECONDS * SECOND_NS)


class Tape:
    """Trades of twenty a second, made when they are said; some of them nobody hears, and the history has them all."""

    def __init__(self) -> None:
        """Nothing was traded."""
        self.clock = Hand()
        self.draw = Random(7)
        self.rows: list[tuple[int, float, float]] = []

    def trade(self) -> str:
        """A trade of now, as the stream says it."""
        at, price, size = (
            self.clock.now() // 1_000_000,
            100 + self.draw.randrange(200) / 100,
            self.draw.randrange(1, 50) / 10,
        )
        self.rows.append((at, price, size))
        data = {
            "e": "trade",
            "E": at,
            "s": "AUSDT",
            "t": len(self.rows),
            "p": str(price),
            "q": str(size),
            "T": at,
            "m": False,
        }
        return json.dumps({"stream": "ausdt@trade", "data": data})

    def unheard(self) -> None:
        """Trades of now, of which the stream says nothing: of one moment, for nobody may settle a bar without them."""
        for _ in range(14):
            self.trade()

    def lines(self, seconds: float, say: Callable[[], str | None]) -> list[Any]:
        """Some seconds of trades."""
        return [line for _ in range(int(seconds * 20)) for line in (0.005, say)]

    def bars(self) -> dict[int, tuple[float, ...]]:
        """Every bar of a second, by the time at which it is complete: made in a batch."""
        frame = pl.DataFrame(
            [(at * 1_000_000, price, size) for at, price, size in self.rows],
            schema=["time", "price", "size"],
            orient="row",
        )
        made = time_bars(frame, SECOND_NS).select(pl.col("time").dt.epoch("ns"), *NAMES[1:])
        return {row[0]: row[1:] for row in made.iter_rows()}

    def klines(self, asked: str) -> tuple[int, bytes]:
        """The vendor's history."""
        query = parse_qs(urlsplit(asked).query)
        low, high = int(query["startTime"][0]), int(query["endTime"][0])
        begins = {end // 1_000_000 - 1000: row for end, row in self.bars().items()}
        return 200, json.dumps([[at, *map(str, row)] for at, row in begins.items() if low <= at <= high]).encode()


async def heard(
    server: Server, clock: Hand, until: Callable[[list[Named | None]], bool], **options: Any
) -> list[Named | None]:
    """What the feed says until it is enough; where a connection opens its history is asked as a book does."""
    found: list[Named | None] = []
    rest = f"http://127.0.0.1:{server.port}"
    channels = ("trade", "bookTicker") if options else ("trade",)
    venue = Binance("spot", channels, f"ws://127.0.0.1:{server.port}/stream", rest)
    async with asyncio.timeout(PATIENCE_SECONDS), Network() as network, Tasks() as tasks:
        going = asyncio.create_task(clock.go())
        history = BarHistory(BinanceHistory(), network, clock, Random(1), SECOND_NS, rest)
        feed = VenueFeed(venue, history, network, network, clock, tasks, Random(1), calendar("24/7"), **options)
        stream = feed.stream(["AUSDT"])
        async for named in stream:
            found.append(named)
            if until(found):
                break
        await stream.aclose()  # type: ignore[attr-defined]
        going.cancel()
    return found


def bars_in(found: list[Named | None]) -> dict[int, tuple[float, ...]]:
    bars = [named[1] for named in found if named is not None and isinstance(named[1], Bar)]
    assert all(bar.known >= bar.time for bar in bars)
    return {bar.time: (bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars}


def gaps_in(found: list[Named | None]) -> list[int]:
    """Where among what was said the gaps are; a machine that is busy trades slowly, so no number of bars says it."""
    return [
        k
        for k, named in enumerate(found)
        if named is not None and isinstance(named[1], Status) and named[1].kind == GAP
    ]


def whole_again(found: list[Named | None]) -> bool:
    """The connection has broken, and four bars have come since: the break's own and some heard whole."""
    gaps = gaps_in(found)
    return bool(gaps) and len(bars_in(found[gaps[0] :])) >= 4 and len(bars_in(found)) >= 7


def test_bars_are_whole_although_the_connection_breaks() -> None:
    """What was heard whole is made of trades, the seconds around the break come from the history; all are the true ones."""

    async def talk() -> None:
        tape = Tape()
        first = [DONE, *tape.lines(3.3, tape.trade), tape.unheard, ABORT]
        async with streaming(first, [DONE, *tape.lines(5.0, tape.trade), STAY]) as server:
            server.answers = lambda _: tape.klines(server.asked[-1])
            found = await heard(server, tape.clock, whole_again)
        made, true = bars_in(found), tape.bars()
        assert sorted(made) == sorted(true)[: len(made)]
        assert all(true[end] == row for end, row in made.items())
        assert len(gaps_in(found)) == 1
        asked_of = [int(parse_qs(urlsplit(asked).query)["startTime"][0]) for asked in server.asked]
        assert 2 <= len(set(asked_of)) < len(made)  # the first second, those of the break, and no others
        assert not any(named is not None and isinstance(named[1], Trade) for named in found)

    asyncio.run(talk())


def test_ticks_pass_where_they_are_wanted() -> None:
    """In the place of bars, after what was missed until then."""
    quote = {"u": 1, "s": "AUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}

    async def talk() -> None:
        tape = Tape()
        script = [DONE, *tape.lines(0.5, tape.trade), json.dumps({"stream": "ausdt@bookTicker", "data": quote}), STAY]
        async with streaming(script) as server:
            found = await heard(
                server,
                tape.clock,
                lambda found: found[-1] is not None and isinstance(found[-1][1], Quote),
                words=(Quote, Trade),
            )
        assert [type(named[1]) if named is not None else None for named in found] == [
            Status, None, Status, *[Trade] * 10, Quote,
        ]  # fmt: skip
        assert [found[at][1].kind for at in (0, 2)] == [GAP, RESTORED]  # type: ignore[index, union-attr]

    asyncio.run(talk())


def test_the_ends_of_sessions_are_ends_of_bars() -> None:
    """Hours of New York are counted from the open, and the last of a half day ends with it."""
    sessions = calendar("XNYS")
    half = next(k for k in range(8_000, len(sessions)) if sessions.is_early(k))
    opened, closed = sessions.opens[half], sessions.closes[half]
    hour, ends = 3_600 * SECOND_NS, Ends(sessions, 3_600 * SECOND_NS, sessions.opens[half] - 1)
    assert ends.passed(opened + hour - 1) in (0, opened)
    assert [ends.passed(at) for at in (opened + hour, opened + hour + 1, closed - 1, closed, closed + hour)] == [
        opened + hour, 0, opened + 3 * hour, closed, 0,
    ]  # fmt: skip


def test_a_days_bar_of_a_vendor_ends_with_its_session() -> None:
    """It begins at New York's midnight, and a day without a session has none."""
    days = [
        {"o": 1, "h": 2, "l": 1, "c": 2, "v": 5, "t": at} for at in (1_704_171_600_000, 1_704_258_000_000)
    ]  # 2, 3 January

    class Vendor:
        async def request(self, *_: Any) -> Any:
            from stratofold.adapters.ports import Response

            return Response(200, {}, json.dumps({"results": days}).encode())

    close = 1_704_229_200 * SECOND_NS  # 2 January 2024, 16:00 in New York
    history = BarHistory(MassiveHistory("KEY"), Vendor(), Clock(), Random(1), 86_400 * SECOND_NS)
    ((symbol, bar),) = asyncio.run(history.bars(["SPY"], close - 1, close))
    assert (symbol, bar.time, bar.close) == ("SPY", close, 2.0)
    with pytest.raises(Setup, match="SF990"):
        BarHistory(MassiveHistory("KEY"), Vendor(), Clock(), Random(1), 7 * SECOND_NS)
