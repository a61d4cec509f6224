"""The supervisor against a venue on loopback that breaks off, falls silent, says nonsense and says too much."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.feeds.binance import Binance
from stratofold.adapters.feeds.pipe import CALM, Pipe
from stratofold.errors import Setup, Stop
from stratofold.events import GAP, MUTE, RESTORED, Depth, Quote, Status, Trade
from tests.conversations.streams import ABORT, STAY, heard, streaming

if TYPE_CHECKING:
    from stratofold.adapters.feeds.spoken import Named

DONE = {"result": None, "id": 1}


def trade(number: int, symbol: str = "AUSDT") -> str:
    """A trade of Binance."""
    data = {"e": "trade", "E": 1, "s": symbol, "t": number, "p": "2.5", "q": "1", "T": 1_700_000_000_000, "m": False}
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": data})


def depth(first: int, last: int, size: str = "1") -> str:
    """A change of one bid."""
    data = {"e": "depthUpdate", "E": 1, "s": "AUSDT", "U": first, "u": last, "b": [["2", size]], "a": []}
    return json.dumps({"stream": "ausdt@depth@100ms", "data": data})


def snapshot(last: int) -> tuple[int, bytes]:
    """A book of two levels."""
    return 200, json.dumps({"lastUpdateId": last, "bids": [["2", "1"]], "asks": [["3", "1"]]}).encode()


def spot(stream: str, rest: str) -> Binance:
    return Binance("spot", stream_url=stream, rest_url=rest)


def only_trades(stream: str, rest: str) -> Binance:
    return Binance("spot", ("trade",), stream, rest)


def said(found: list[Named | None]) -> list[str]:
    """What was heard in short: trades by number, depth by its update, statuses by name."""
    names = {GAP: "gap", MUTE: "mute", RESTORED: "restored"}
    out = []
    for named in found:
        if named is None:
            out.append("open")
        elif isinstance(named[1], Status):
            out.append(names[named[1].kind])
        elif isinstance(named[1], Depth):
            out.append(f"{'whole ' if named[1].snapshot else ''}{named[1].source_sequence}")
        else:
            out.append(f"#{named[1].source_sequence}")
    return out


def ends(word: str) -> Any:
    return lambda found: said(found)[-1] == word


def test_a_connection_that_breaks_is_opened_again_and_says_what_may_be_missing() -> None:
    """Subscribed again as at first; the words after it are preceded by what became of the feed."""

    async def talk() -> None:
        async with streaming([DONE, trade(1), trade(2), ABORT], [DONE, trade(5), STAY]) as server:
            found, _ = await heard(only_trades, server, ["AUSDT"], ends("#5"))
            assert said(found) == ["open", "#1", "#2", "gap", "open", "restored", "#5"]
            assert server.told == [{"method": "SUBSCRIBE", "params": ["ausdt@trade"], "id": 1}] * 2

    asyncio.run(talk())


def test_a_book_begins_with_a_snapshot_and_again_after_a_hole() -> None:
    """What came before the snapshot waits; a lost change asks for another, and one that fails is asked again."""
    answers = [(500, b"sorry"), snapshot(3), snapshot(12)]

    async def talk() -> None:
        script = [DONE, depth(1, 2), depth(3, 5), 0.3, depth(6, 6), depth(9, 13), 0.3, depth(14, 14), STAY]
        async with streaming(script, answers=lambda _: answers.pop(0)) as server:
            found, _ = await heard(spot, server, ["AUSDT"], ends("14"))
            whole = ["whole 3", "whole 3", "5", "6", "gap", "restored", "whole 12", "whole 12", "13", "14"]
            assert said(found) == ["open", *whole]
            assert server.asked == ["/api/v3/depth?symbol=AUSDT&limit=1000"] * 3

    asyncio.run(talk())


def test_nonsense_opens_the_connection_anew_and_a_refusal_ends_the_stream() -> None:
    """What is none of a venue's messages may hide one; a symbol that is not there will not be there later."""

    async def talk() -> None:
        async with streaming([DONE, trade(1), "{nonsense", trade(2)], [DONE, trade(3), STAY]) as server:
            found, _ = await heard(only_trades, server, ["AUSDT"], ends("#3"))
            assert said(found) == ["open", "#1", "gap", "open", "restored", "#3"]
        async with streaming([{"id": 1, "error": {"code": -1121, "msg": "Invalid symbol."}}, STAY]) as server:
            with pytest.raises(Stop, match="SF982") as refused:
                await heard(only_trades, server, ["NONE"], lambda _: False)
            assert "Invalid symbol" in str(refused.value)

    asyncio.run(talk())


def test_a_symbol_that_falls_silent_is_told_once_and_so_is_its_return() -> None:
    """Its age counts from its last word, whatever others of its connection say."""

    async def talk() -> None:
        others = [line for k in range(30) for line in (trade(k, "BUSDT"), 0.1)]
        async with streaming([DONE, trade(1), *others, trade(99), STAY]) as server:
            found, supervisor = await heard(only_trades, server, ["AUSDT", "BUSDT"], ends("#99"), mute_seconds=1.0)
            of_a = [named for named in found if named is not None and named[0] == "AUSDT"]
            assert said(of_a) == ["#1", "mute", "restored", "#99"]
            assert supervisor.ages()["AUSDT"] < 2.0

    asyncio.run(talk())


def test_a_symbol_that_is_mute_is_asked_for_anew_and_nobody_else() -> None:
    """On the same connection, again and again, until it speaks; the other symbol's words go on meanwhile."""
    again = [{"method": how, "params": ["ausdt@trade"], "id": k} for k, how in ((2, "UNSUBSCRIBE"), (3, "SUBSCRIBE"))]

    async def talk() -> None:
        others = [line for k in range(12) for line in (trade(k, "BUSDT"), 0.1)]
        script = [DONE, trade(1), *others, *((each,) for each in again), trade(99, "AUSDT"), STAY]
        async with streaming(script) as server:
            found, _ = await heard(only_trades, server, ["AUSDT", "BUSDT"], ends("#99"), mute_seconds=1.0)
            of_a = [named for named in found if named is not None and named[0] == "AUSDT"]
            assert said(of_a) == ["#1", "mute", "restored", "#99"]
            assert len(server.told) == 1

    asyncio.run(talk())


def test_two_hundred_symbols_at_once() -> None:
    """Over as many connections as the venue's limit of streams wants; each says its own."""
    symbols = [f"S{k:03}USDT" for k in range(200)]

    def speak(told: dict[str, Any]) -> list[Any]:
        names = sorted({name.split("@")[0].upper() for name in told["params"]})
        return [DONE, *(trade(1, name) for name in names), STAY]

    async def talk() -> None:
        async with streaming(*[speak] * 4) as server:
            found, _ = await heard(spot, server, symbols, lambda found: len(found) == 204)
            assert sorted(named[0] for named in found if named is not None) == symbols
            assert sorted(len(told["params"]) for told in server.told) == [6, 198, 198, 198]

    asyncio.run(talk())


def test_who_hears_slowly_loses_no_trade() -> None:
    """The pipe fills, the socket waits, and every trade comes in its order."""
    count = 3_000

    async def talk() -> None:
        async with streaming([DONE, *map(trade, range(1, count + 1)), STAY]) as server:
            found, supervisor = await heard(
                only_trades, server, ["AUSDT"], lambda found: len(found) > count, waiting_max=64, pause_seconds=0.0001
            )
            assert said(found) == ["open", *(f"#{k}" for k in range(1, count + 1))]
            assert supervisor.pipe.conflated == 0

    asyncio.run(talk())


def test_a_market_that_is_not_there_is_refused() -> None:
    """With those that are."""
    with pytest.raises(Setup, match="spot, usdm, coinm"):
        Binance("margin")


# The pipe by property.


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 200)), max_size=30))
def test_only_quotes_are_passed_over_and_never_the_last_of_a_symbol(steps: list[tuple[int, int]]) -> None:
    """Bursts of quotes and trades of two symbols, taken in bursts: what comes out is in order, and only old quotes miss."""
    pipe, number = Pipe(Tasks(), 10**6), 0
    put: list[tuple[str, Quote | Trade]] = []
    out: list[Any] = []
    for kind, count in steps:
        for _ in range(count):
            if kind == 3:
                out += pipe.take(count)
                continue
            word = Trade() if kind == 2 else Quote()
            number += 1
            word.source_sequence = number
            put.append(("AB"[kind % 2], word))
            pipe.put(put[-1])
    while len(pipe):
        out += pipe.take(7)
    numbers = [named[1].source_sequence for named in out]
    assert numbers == sorted(numbers)
    assert [named for named in out if isinstance(named[1], Trade)] == [
        named for named in put if isinstance(named[1], Trade)
    ]
    for symbol in "AB":
        quotes = [named for named in put if named[0] == symbol and isinstance(named[1], Quote)]
        assert quotes[-1:] == [named for named in out if named[0] == symbol and isinstance(named[1], Quote)][-1:]
    assert len(put) - len(out) == pipe.conflated
    if len(put) <= CALM:
        assert pipe.conflated == 0


def test_a_pipe_that_nobody_empties_stays_small_under_quotes() -> None:
    """One quote a symbol is all that waits beside what is not yet forgotten."""
    pipe = Pipe(Tasks(), 10**6)
    for _ in range(50_000):
        pipe.put(("A", Quote()))
    assert len(pipe) < 5_000
