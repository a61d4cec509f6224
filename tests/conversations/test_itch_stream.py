"""ITCH off the wire: a server that breaks off, datagrams that are lost, and a login that is refused."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from queue import Queue
from random import Random
from struct import pack, unpack
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from stratofold.adapters.clock import Clock
from stratofold.adapters.feeds.itch import Itch
from stratofold.adapters.feeds.itch_framing import MoldUdp64
from stratofold.adapters.feeds.itch_stream import LOST_SECONDS, Login, mold_messages, soup_messages
from stratofold.adapters.network.wires import Datagrams, connect, listen
from stratofold.adapters.ports import NoAnswer
from stratofold.cli.app import app
from stratofold.cli.data_itch import Wire, wire_of
from stratofold.errors import Retry, Setup, Stop
from stratofold.events import Depth, Trade
from tests.conversations.scripted import StoppedClock
from tests.patience import PATIENCE_SECONDS
from tests.unit.feeds.test_itch_framing import NAME, datagram, packet, session_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MESSAGES = session_messages(3, 120)
WHOLE = b"".join(MESSAGES)


class Impatient(Clock):
    """Waits a hundredth of what it should."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


async def gathered(messages: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in messages])


@asynccontextmanager
async def soup(*, breaks_at: tuple[int, ...] = (), refuses: bool = False) -> AsyncIterator[tuple[int, list[int]]]:
    """A server of the session; a connection ends amid a packet after each number in `breaks_at`.  Its port, and who asked for what."""
    left, asked = list(breaks_at), list[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = unpack(">H", await reader.readexactly(2))
        login = await reader.readexactly(size)
        asked.append(int(login[-20:]))
        if refuses:
            writer.write(packet(b"J", b"A"))
        else:
            writer.write(packet(b"A", NAME + str(asked[-1]).rjust(20).encode()) + packet(b"H"))
            until = left.pop(0) if left else len(MESSAGES)
            writer.write(b"".join(packet(b"S", one[2:]) for one in MESSAGES[asked[-1] - 1 : until]))
            writer.write(packet(b"S", MESSAGES[0][2:])[:7] if until < len(MESSAGES) else packet(b"Z"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], asked


def test_a_connection_that_breaks_is_taken_up_where_it_broke() -> None:
    async def play() -> tuple[bytes, list[int]]:
        async with soup(breaks_at=(50, 50, 90)) as (port, asked):
            login = Login("USER", "PASSWORD")
            return await gathered(
                soup_messages(lambda: connect(("127.0.0.1", port)), login, Impatient(), Random(1))
            ), asked

    heard, asked = asyncio.run(play())
    assert heard == WHOLE
    assert asked == [1, 51, 51, 91]
    Itch(0).feed(heard)


def test_a_login_that_is_refused_ends_it() -> None:
    async def play() -> None:
        async with soup(refuses=True) as (port, _):
            login = Login("USER", "WRONG")
            assert "WRONG" not in repr(login)
            await gathered(soup_messages(lambda: connect(("127.0.0.1", port)), login, Impatient(), Random(1)))

    with pytest.raises(Stop, match="SF983"):
        asyncio.run(play())


class Beats:
    """A server that says nothing but that it is there, four times; then nothing."""

    def __init__(self, clock: StoppedClock) -> None:
        self.clock, self.sent, self.turns = clock, list[bytes](), 0

    async def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def receive_all(self, timeout_seconds: float) -> list[bytes]:
        self.turns += 1
        self.clock.time += int(timeout_seconds * 1e9)
        return [packet(b"H")] if self.turns <= 4 else []

    async def close(self) -> None:
        raise Stop("SF983", "closed")  # ends the test: after the silence it would be opened again


def test_each_second_says_that_we_are_there_and_long_silence_ends_a_connection() -> None:
    clock = StoppedClock(0)
    beats = Beats(clock)

    async def connected() -> Beats:
        return beats

    with pytest.raises(Stop, match="closed"):
        asyncio.run(gathered(soup_messages(connected, Login("U", "P"), clock, Random(1))))
    assert set(beats.sent[1:]) == {packet(b"R")}
    assert len(beats.sent) - 1 == 18  # a second each, until nothing was heard for fifteen
    assert beats.turns == 4 + 15


async def sent(heard: Datagrams, lose: Random, *, answers: bool) -> None:
    """The session in datagrams, a third of them lost; what is asked for again comes again, unless it is lost too."""
    loop, here = asyncio.get_running_loop(), heard.where
    asked: asyncio.Queue[bytes] = asyncio.Queue()

    class Answers(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            asked.put_nowait(data)

    out, _ = await loop.create_datagram_endpoint(Answers, local_addr=("127.0.0.1", 0))
    heard._answers = out.get_extra_info("sockname")
    out.sendto(b"noise", here)
    for first in range(1, len(MESSAGES) + 1, 5):
        if lose.random() > 0.3:
            out.sendto(datagram(first, MESSAGES[first - 1 : first + 4]), here)
    try:
        while answers:
            out.sendto(pack(">10sQH", NAME, len(MESSAGES) + 1, 0xFFFF), here)
            _, first, count = unpack(">10sQH", await asked.get())
            if lose.random() > 0.3:
                out.sendto(datagram(first, MESSAGES[first - 1 : first - 1 + min(count, 7)]), here)
    finally:
        out.close()


def test_datagrams_that_are_lost_are_asked_for_until_they_come() -> None:
    async def play() -> bytes:
        heard = await listen(("127.0.0.1", 0))
        sender = asyncio.create_task(sent(heard, Random(4), answers=True))
        try:
            return await gathered(mold_messages(heard, Clock()))
        finally:
            sender.cancel()
            await heard.close()

    assert asyncio.run(play()) == WHOLE


class Lossy:
    """Datagrams from a list, and time that passes while nothing comes; nobody answers."""

    def __init__(self, clock: StoppedClock, *datagrams: bytes) -> None:
        self.clock, self.left, self.sent = clock, list(datagrams), list[bytes]()

    async def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def receive_all(self, timeout_seconds: float) -> list[bytes]:
        self.clock.time += int(timeout_seconds * 1e9)
        return [self.left.pop(0)] if self.left else []


def test_what_does_not_come_again_ends_it_and_nothing_is_passed_over() -> None:
    clock = StoppedClock(0)
    lossy = Lossy(clock, datagram(1, MESSAGES[:2]), datagram(9, MESSAGES[8:9]))
    heard: list[bytes] = []

    async def hear() -> None:
        stream = mold_messages(lossy, clock)
        heard.append(await anext(stream))
        await gathered(stream)

    with pytest.raises(Retry, match="message 3 did not come again"):
        asyncio.run(hear())
    assert heard == [b"".join(MESSAGES[:2])]
    assert set(lossy.sent) == {pack(">10sQH", NAME, 3, 6)}
    assert LOST_SECONDS * 1e9 <= clock.time < (LOST_SECONDS + 1) * 1e9


def test_others_datagrams_alone_are_no_session() -> None:
    clock = StoppedClock(0)
    with pytest.raises(Retry, match="MoldUDP64"):
        asyncio.run(gathered(mold_messages(Lossy(clock, *[b"noise"] * 700), clock, MoldUdp64(NAME))))


def test_a_group_is_joined_and_heard() -> None:
    group = "239.255.7.9"

    async def play() -> bytes:
        heard = await listen((group, 0), interface="127.0.0.1")
        import socket

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            for first in range(1, len(MESSAGES) + 1, 40):
                out.sendto(datagram(first, MESSAGES[first - 1 : first + 39]), heard.where)
            out.sendto(pack(">10sQH", NAME, len(MESSAGES) + 1, 0xFFFF), heard.where)
        try:
            return await gathered(mold_messages(heard, Clock()))
        finally:
            await heard.close()

    assert asyncio.run(play()) == WHOLE


def test_an_address_that_is_none_is_no_answer() -> None:
    for where in (("203.0.113.7", 9), ("nobody.invalid", 9)):
        with pytest.raises(NoAnswer):
            asyncio.run(listen(where))
    with pytest.raises(NoAnswer):
        asyncio.run(connect(("127.0.0.1", 1)))


@contextmanager
def beside() -> Iterator[int]:
    """The server on a thread of its own, because a command has the loop of this one."""
    found, over = Queue[int](), threading.Event()

    async def serve() -> None:
        async with soup(breaks_at=(70,)) as (port, _):
            found.put(port)
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield found.get(timeout=PATIENCE_SECONDS)
    finally:
        over.set()
        thread.join()


def test_the_command_records_a_session_as_nasdaq_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stratofold.adapters.embedded.secrets.Secrets.get", lambda *_: "PASSWORD")
    with beside() as port:
        words = ["data", "record", "itch", "SPY", "--url", f"soup://USER@127.0.0.1:{port}", "--folder", tmp_path / "r"]
        done = CliRunner().invoke(app, [*map(str, words), "--catalogue", str(tmp_path / "c"), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert gzip.decompress(Path(said["files"][0]).read_bytes()) == WHOLE
    words = [word for name, word in Itch(0, ["SPY"]).feed(WHOLE)]
    assert said["added"] == {kind: count for kind, count in _counted(words).items() if count}


def _counted(words: list[object]) -> dict[str, int]:
    return {
        kind.__name__.lower() + "s" * (kind is Trade): sum(type(word) is kind for word in words)
        for kind in (Trade, Depth)
    }


@pytest.mark.parametrize(
    "url", ["", "ws://a:1", "soup://a:1", "soup://u@a", "mold://a:99999", "mold://a:1?answer=b:2", "mold://a:1?answers=b", "soup://u@:7"],
)  # fmt: skip
def test_an_address_of_no_session_is_refused(url: str) -> None:
    with pytest.raises(Setup, match="SF984"):
        wire_of(url)


def test_an_address_says_what_a_wire_needs() -> None:
    assert wire_of("soup://ME01@10.0.0.1:15000") == Wire("soup", ("10.0.0.1", 15_000), "ME01")
    group = wire_of("mold://233.54.12.111:26477?answers=10.0.0.2:18000&interface=10.0.0.9")
    assert group == Wire("mold", ("233.54.12.111", 26_477), "", ("10.0.0.2", 18_000), "10.0.0.9")
