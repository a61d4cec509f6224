"""Feeds: Binance's captured depth frames to checked messages and to words, beside msgspec alone on the same bytes."""

import gzip
from pathlib import Path

import msgspec

from figures import Figure, cpu_seconds
from stratofold.adapters.feeds import binance_translate as binance

ROOT = Path(__file__).resolve().parents[1]
CAPTURES = ROOT.parent / "shared" / "data" / "l2" / "raw"
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


for each_market in ("spot", "usdm"):
    compare(each_market)
