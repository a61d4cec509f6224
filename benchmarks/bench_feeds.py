"""Feeds: Binance's captured depth frames beside msgspec alone on the same bytes, trades from a socket on loopback, ITCH."""

import asyncio
import gzip
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from struct import pack

import msgspec

from figures import Figure, cpu_seconds
from stratofold.adapters.clock import Clock
from stratofold.adapters.embedded.tasks import Tasks
from stratofold.adapters.feeds import binance_translate as binance
from stratofold.adapters.feeds.binance import Binance
from stratofold.adapters.feeds.itch import Itch
from stratofold.adapters.feeds.supervisor import Supervisor
from stratofold.adapters.network.client import Network
from stratofold.events import Trade
from stratofold.fold.risk import Limits, Unlimited
from stratofold.fold.strategy import Strategy
from stratofold.live.fold import Fold
from stratofold.live.manifest import Manifest, build_fold, instrument_rows
from stratofold.market.instruments import Crypto

ROOT = Path(__file__).resolve().parents[1]
CAPTURES = ROOT.parent / "shared" / "data" / "l2" / "raw"
TRADES = 200_000
MESSAGES = 200_000
MADE = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[%s],"a":[%s]}}'


class PlainDepth(msgspec.Struct):
    """What is in a frame of depth, and nothing checked."""

    E: int
    s: str
    U: int
    u: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]
    pu: int = 0


class PlainFrame(msgspec.Struct):
    """A combined frame."""

    stream: str
    data: PlainDepth


def frames(market: str) -> list[bytes]:
    """The depth frames of a capture, or some made up where there is none."""
    path = CAPTURES / f"binance_{market}_btcusdt_20240808.jsonl.gz"
    if not path.is_file():
        levels = b",".join(b'["617%02d.63000000","0.0%d000000"]' % (k, k) for k in range(10, 24))
        return [MADE % (levels, levels)] * 300
    with gzip.open(path) as lines:
        return [line.rstrip().partition(b" ")[2] for line in lines if b'"depthUpdate"' in line]


def each(work, data) -> None:
    """Call `work` with each frame."""
    for one in data:
        work(one)


def words(data: list[bytes]) -> int:
    """How many words the frames are."""
    return sum(len(binance.words_of(binance.parse(one), 1)) for one in data)


def compare(market: str) -> None:
    """The figures of one market."""
    alone = msgspec.json.Decoder(PlainFrame, strict=False).decode
    data = frames(market)
    ours_best = alone_best = 9e9
    for _ in range(40):  # in turns, because a shared machine slows both alike
        ours_best = min(ours_best, cpu_seconds(lambda: each(binance.parse, data), 1))
        alone_best = min(alone_best, cpu_seconds(lambda: each(alone, data), 1))
    name = f"Binance {market} depth"
    Figure(f"{name}: checked messages, of msgspec alone", alone_best / ours_best, "ratio", 0.8).say()
    Figure(f"{name}: frames", len(data) / ours_best, "frames/CPU-s").say()
    Figure(f"{name}: levels as words", words(data) / cpu_seconds(lambda: words(data), 20), "words/CPU-s").say()


class Sums(Strategy):
    """Hears every trade, and adds it up."""

    def setup(self) -> None:
        self.trades = 0
        self.value = 0.0

    def on_trade(self, trade, book) -> None:
        self.trades += 1
        self.value += trade.price * trade.size


def live_fold() -> Fold:
    """A live book on trades, as `stratofold run --feed` has it, before anything is written down."""
    limits = {name: getattr(Unlimited(), name) for name in Limits.__slots__}
    manifest = Manifest(
        book="b", account="a", generation="g", strategy="Sums", parameters={}, instruments=instrument_rows([Crypto("BTCUSDT")]),
        calendar="24/7", currency="USD", capital=100_000.0, limits=limits, span_ns=0, opened=1_723_161_000_000_000_000, code="",
        ticks=("trades",),
    )  # fmt: skip
    return build_fold(manifest, Sums)


async def hear_all(port: int, fold: Fold | None = None) -> tuple[float, float]:
    """Hear every trade as a word, and in a fold; trades a second by the wall and by the CPU of this process."""
    venue = Binance("spot", ("trade",), f"ws://127.0.0.1:{port}/stream", "http://127.0.0.1:1")
    async with Network() as network, Tasks() as tasks:
        stream = Supervisor(venue, network, network, Clock(), tasks, Random(1)).batches(["BTCUSDT"])
        await anext(stream)
        heard, wall, cpu = 0, time.perf_counter(), time.process_time()
        async for batch in stream:
            for _, word in batch:
                heard += isinstance(word, Trade)
                if fold is not None:
                    word.symbol = 0
                    fold.hear(word)
            if heard >= TRADES:
                break
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        await stream.aclose()
    assert fold is None or fold.strategy.trades == heard == TRADES
    return TRADES / wall, TRADES / cpu


def loopback() -> None:
    """The best of three connections to a server in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("feed_server.py")), str(TRADES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline())
        runs = [asyncio.run(hear_all(port)) for _ in range(3)]
        folded = [asyncio.run(hear_all(port, live_fold())) for _ in range(3)]
        server.kill()
    Figure(
        "WebSocket on loopback to words: trades, by the wall", max(run[0] for run in runs), "trades/s", 100_000
    ).say()
    Figure("  by this process's CPU", max(run[1] for run in runs), "trades/CPU-s", 100_000).say()
    name = "WebSocket on loopback to an event in the fold, interpreted on_trade: trades"
    Figure(f"{name}, by the wall", max(run[0] for run in folded), "trades/s", 100_000).say()
    Figure("  by this process's CPU", max(run[1] for run in folded), "trades/CPU-s", 100_000).say()


def itch() -> None:
    """A made session's messages to books and words."""
    draw, data = Random(5), bytearray(message("R", 1, b"SPY     " + bytes(20)))
    resting: list[tuple[int, int]] = []
    for number in range(1, MESSAGES + 1):
        if len(resting) > 2_000 and draw.random() < 0.6:
            gone, shares = resting.pop(draw.randrange(len(resting)))
            data += (
                message("E", 1, pack(">QIQ", gone, shares, number)) if number % 3 else message("D", 1, pack(">Q", gone))
            )
            continue
        shares = draw.randrange(1, 9) * 100
        resting.append((number, shares))
        price = 4_000_000 + draw.randrange(-300, 300) * 100
        data += message("A", 1, pack(">QcI8sI", number, draw.choice((b"B", b"S")), shares, b"SPY     ", price))
    whole = bytes(data)
    seconds = cpu_seconds(lambda: Itch(0).feed(whole), 3)
    Figure("ITCH 5.0: messages to words, every order kept", MESSAGES / seconds, "messages/CPU-s").say()


def message(kind: str, locate: int, rest: bytes) -> bytes:
    """A message with its length before it."""
    body = kind.encode() + pack(">HH", locate, 0) + bytes(6) + rest
    return len(body).to_bytes(2, "big") + body


for each_market in ("spot", "usdm"):
    compare(each_market)
itch()
loopback()
