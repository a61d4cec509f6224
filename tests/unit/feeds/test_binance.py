"""Binance's messages: the captures to the last level, and anything at all to a word or a typed error."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.adapters.feeds import binance_translate as binance
from stratofold.adapters.feeds.binance import Binance
from stratofold.adapters.feeds.binance_depth import DepthJoin
from stratofold.adapters.feeds.binance_translate import BookTicker, DepthSnapshot, DepthUpdate, Traded
from stratofold.errors import Retry
from stratofold.events import GAP, RESTORED, Depth, Event, Quote, Status, Trade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKETS = ("spot", "usdm")
COLUMNS = {
    market: f"binance_{market}_{symbol}_20240808"
    for market, symbol in (("spot", "btcusdt"), ("usdm", "btcusdt"), ("cm", "btcusd_perp"))
}


def frames(shared_data: Path, market: str) -> Iterator[tuple[int, bytes]]:
    """The captured frames, each with the time at which it came."""
    with gzip.open(shared_data / "l2" / "raw" / f"binance_{market}_btcusdt_20240808.jsonl.gz") as lines:
        for line in lines:
            received, _, data = line.rstrip(b"\n").partition(b" ")
            yield int(received), data


class PlainBook:
    """Both sides as dictionaries: the naive book."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[float, float]] = {1: {}, -1: {}}

    def take(self, side: int, price: float, size: float) -> None:
        if size:
            self.sides[side][price] = size
        else:
            self.sides[side].pop(price, None)

    def best(self) -> tuple[float, float, float, float]:
        bid, ask = max(self.sides[1]), min(self.sides[-1])
        return bid, self.sides[1][bid], ask, self.sides[-1][ask]


def test_each_frame_of_the_captures_is_the_row_that_others_made_of_it(shared_data: Path) -> None:
    """Trades, quotes and depth equal the Parquet files, which were decoded by other code."""
    for market in MARKETS:
        trades, quotes, depth = [], [], []
        for received, data in frames(shared_data, market):
            for symbol, word in binance.words_of(binance.parse(data), received):
                assert symbol == "BTCUSDT"
                if isinstance(word, Trade):
                    trades.append(
                        (word.source_sequence, word.time // 1_000_000, word.price, word.size, word.aggressor < 0)
                    )
                elif isinstance(word, Quote):
                    quotes.append((word.source_sequence, word.bid, word.bid_size, word.ask, word.ask_size))
                elif isinstance(word, Depth):
                    depth.append((word.source_sequence, "bid" if word.side > 0 else "ask", word.price, word.size))
        folder = shared_data / "l2"
        told = pl.read_parquet(folder / f"{COLUMNS[market]}_trades.parquet").head(len(trades))
        assert trades == told.select("trade_id", "trade_ms", "price", "size", "buyer_is_maker").rows()
        told = pl.read_parquet(folder / f"{COLUMNS[market]}_bbo.parquet").head(len(quotes))
        assert quotes == told.select("update_id", "bid", "bid_size", "ask", "ask_size").rows()
        told = pl.read_parquet(folder / f"{COLUMNS[market]}_depth.parquet").head(len(depth))
        assert depth == told.select("final_id", "side", "price", "size").rows()
        assert min(map(len, (trades, quotes, depth))) > 500


def test_a_clock_that_is_behind_the_venues_makes_nothing_known_before_it_was(shared_data: Path) -> None:
    """The capture host was 1.27 s behind: every frame came "before" it was sent."""
    behind = 0
    for market in MARKETS:
        for received, data in frames(shared_data, market):
            for _, word in binance.words_of(binance.parse(data), received):
                assert word.known >= word.time
                behind += word.time > received
    assert behind > 1_000


def test_the_book_of_the_raw_frames_has_no_gap_and_is_never_crossed(shared_data: Path) -> None:
    """Joined to the snapshot that stands among the frames, and its touch equals bookTicker at equal update ids."""
    for market in MARKETS:
        messages = [binance.parse(data) for _, data in frames(shared_data, market)]
        compared = _compared(messages, futures=market != "spot")
        assert compared > 20, market


def _compared(messages: list[binance.Message], *, futures: bool) -> int:
    join, book = DepthJoin(futures=futures), PlainBook()
    quotes = {message.u: message for message in messages if isinstance(message, BookTicker)}
    compared = 0
    for message in messages:
        ready: list[DepthUpdate] = []
        if isinstance(message, DepthSnapshot):
            ready = join.join(message) or []
            _take(book, message.bids, message.asks)
        elif isinstance(message, DepthUpdate):
            ready = join.hear(message)
        for update in ready:
            _take(book, update.b, update.a)
            bid, bid_size, ask, ask_size = book.best()
            assert bid < ask
            if update.u in quotes:
                quote = quotes[update.u]
                assert (bid, bid_size, ask, ask_size) == (quote.b, quote.B, quote.a, quote.A)
                compared += 1
    assert join.gaps == 0
    assert not join.wants_snapshot
    return compared


def _take(book: PlainBook, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
    for side, levels in ((1, bids), (-1, asks)):
        for price, size in levels:
            book.take(side, price, size)


@pytest.mark.nightly
@pytest.mark.parametrize("market", COLUMNS)
def test_the_whole_capture_of_each_market_joins_without_a_gap(shared_data: Path, market: str) -> None:
    """All changes of all three markets, put back into messages."""
    folder = shared_data / "l2"
    rows = pl.read_parquet(folder / f"{COLUMNS[market]}_depth.parquet")
    snapshot = pl.read_parquet(folder / f"{COLUMNS[market]}_snapshot.parquet")
    quotes = pl.read_parquet(folder / f"{COLUMNS[market]}_bbo.parquet")
    first = DepthSnapshot(snapshot["last_update_id"][0], *_sides(snapshot))
    messages: list[binance.Message] = [
        DepthUpdate(0, "", part["first_id"][0], part["final_id"][0], *_sides(part), part["prev_final_id"][0] or 0)
        for part in rows.partition_by("recv_ns", "final_id", maintain_order=True)
    ]
    place = next(
        k for k, message in enumerate(messages) if isinstance(message, DepthUpdate) and message.u >= first.lastUpdateId
    )
    messages.insert(place, first)
    rows_of_quotes = quotes.select("update_id", "bid", "bid_size", "ask", "ask_size").rows()
    messages += [BookTicker(row[0], "", *row[1:]) for row in rows_of_quotes]
    assert _compared(messages, futures=market != "spot") > 100


def _sides(rows: pl.DataFrame) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    bids, asks = (rows.filter(pl.col("side") == side).select("price", "size").rows() for side in ("bid", "ask"))
    return bids, asks


# Messages by table.

TABLE = {
    '{"e":"trade","E":5,"s":"X","t":7,"p":"2","q":"3","T":4,"m":true}': Traded("X", 4, 2.0, 3.0, True, 7),
    '{"data":{"e":"aggTrade","s":"X","a":7,"p":"2","q":"3","T":4,"m":false},"stream":"x@aggTrade"}':
        Traded("X", 4, 2.0, 3.0, False, 0, 7),
    '{"u":1,"s":"X","b":"2","B":"3","a":"0","A":"0"}': BookTicker(1, "X", 2.0, 3.0, 0.0, 0.0),
    '{"stream":"x@depth@500ms","data":{"e":"depthUpdate","E":5,"s":"X","U":1,"u":2,"b":[["1","0"]],"a":[]}}':
        DepthUpdate(5, "X", 1, 2, [(1.0, 0.0)], []),
    '{"result":null,"id":3}': binance.Answer(3),
    '{"code":2,"msg":"Invalid request"}': binance.Answer(None, binance.Reason(2, "Invalid request")),
    '{"id":1,"error":{"code":-1121,"msg":"Invalid symbol."}}': binance.Answer(1, binance.Reason(-1121, "Invalid symbol.")),
}  # fmt: skip


@pytest.mark.parametrize("text", TABLE)
def test_a_message_is_read(text: str) -> None:
    """Combined or bare, with or without its kind."""
    assert binance.parse(text.encode()) == TABLE[text]


REFUSED = (
    "", "{", "[]", "null", "{}", '{"stream":"x@trade"}', '{"stream":"x@depth","data":{}}', "[" * 100_000,
    '{"stream":' * 5_000,
    '{"e":"trade","E":5,"s":"X","t":7,"p":"nan","q":"3","T":4,"m":true}',
    '{"e":"trade","E":5,"s":"X","t":7,"p":"-2","q":"3","T":4,"m":true}',
    '{"e":"trade","E":5,"s":"X","t":7,"p":"1e400","q":"3","T":4,"m":true}',
    '{"e":"trade","E":5,"s":"X","t":7,"p":"1","q":"3","T":9223372036854775807,"m":true}',
    '{"e":"kline","E":5,"s":"X"}',
    '{"e":"depthUpdate","E":5,"s":"X","U":1,"u":2,"b":[["0","1"]],"a":[]}',
)  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_what_is_no_message_is_a_typed_error(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(Retry, match="SF980"):
        binance.parse(text.encode())


def test_what_is_no_trade_is_no_word() -> None:
    """Futures tell of their insurance fund in trades at price 0; a side of 0 is one that is not there."""
    assert binance.words_of(Traded("X", 4, 0.0, 3.0, True), 5) == []
    ((_, quote),) = binance.words_of(BookTicker(1, "X", 2.0, 3.0, 0.0, 0.0), 5)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.time) == (2.0, 5)
    assert quote.ask != quote.ask
    assert binance.words_of(binance.Answer(1), 5) == []


def _heard(data: bytes) -> None:
    try:
        message = binance.parse(data)
    except Retry as error:
        assert error.code == "SF980"  # noqa: PT017 - either is right
        return
    for symbol, word in binance.words_of(message, 1):
        assert isinstance(symbol, str)
        assert isinstance(word, Event)
        assert 0 <= word.time <= word.known < 2**63


GOOD = [text.encode() for text in TABLE]


@settings(max_examples=60, deadline=None)
@given(st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda text, at, cut, middle: text[: at % len(text)] + middle + text[(at % len(text)) + cut :],
        st.sampled_from(GOOD), st.integers(0, 200), st.integers(0, 8), st.binary(max_size=6),
    ),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from([*"esUubBaAETptqm", "pu", "stream", "data", "id", "lastUpdateId", "bids"]), inner),
        ),
        max_leaves=12,
    ).map(msgspec.json.encode),
))  # fmt: skip
def test_bytes_in_words_or_a_typed_error_out(data: bytes) -> None:
    """Noise, good messages with holes and wrong parts, and any JSON in our names."""
    _heard(data)


# The join by table.


def _update(first: int, last: int, before: int = 0) -> DepthUpdate:
    return DepthUpdate(0, "X", first, last, [(1.0, 1.0)], [], before)


JOINS = {
    "spot: old left out, overlap kept": (False, [_update(1, 5), _update(6, 10), 7, _update(11, 12)], [10, 12], 0),
    "spot: snapshot before any change": (False, [7, _update(5, 7), _update(8, 9)], [9], 0),
    "spot: a hole": (False, [7, _update(8, 9), _update(11, 12)], [9], 1),
    "spot: a hole mended": (False, [7, _update(8, 9), _update(11, 12), 11, _update(13, 14)], [9, 12, 14], 1),
    "spot: a snapshot too old": (False, [_update(20, 25), 7, 22, _update(26, 27)], [25, 27], 0),
    "spot: said twice": (False, [7, _update(8, 9), _update(8, 9), _update(10, 11)], [9, 11], 0),
    "futures: numbers with holes follow on pu": (True, [7, _update(6, 9, 5), _update(15, 18, 9)], [9, 18], 0),
    "futures: ends at the snapshot": (True, [_update(3, 7, 2), 7, _update(9, 12, 7)], [7, 12], 0),
    "futures: a hole": (True, [7, _update(6, 9, 5), _update(15, 18, 14)], [9], 1),
    "futures: first after the snapshot": (True, [7, _update(9, 12, 8)], [], 1),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINS)
def test_changes_join_a_snapshot(name: str) -> None:
    """A number is a snapshot up to that update."""
    futures, said, passed, gaps = JOINS[name]
    join = DepthJoin(futures=futures)
    out = []
    for each in said:
        ready = join.hear(each) if isinstance(each, DepthUpdate) else join.join(DepthSnapshot(each, [], []))
        out += [update.u for update in ready or []]
    assert (out, join.gaps) == (passed, gaps)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=40), st.sets(st.integers(0, 39), max_size=4), st.data())
def test_what_is_passed_on_never_leaves_anything_out(steps: list[int], lost: set[int], data: st.DataObject) -> None:
    """With changes lost anywhere and snapshots at any time, what is passed on after a snapshot follows on it."""
    futures = data.draw(st.booleans())
    join, last, shown = DepthJoin(futures=futures), 0, 0
    for number, step in enumerate(steps):
        update, last = _update(last + 1, last + step, last), last + step
        if number in lost:
            continue
        for ready in join.hear(update):
            assert ready.U <= shown + 1 <= ready.u + 1
            shown = ready.u
        if join.wants_snapshot and data.draw(st.booleans()):
            held = max(0, last - data.draw(st.integers(0, 6)))
            ready_now = join.join(DepthSnapshot(held, [], []))
            if ready_now is not None:
                shown = held
                for ready in ready_now:
                    assert shown + 1 >= ready.U
                    shown = max(shown, ready.u)


def test_a_hole_among_the_changes_that_wait_is_told_and_asked_about() -> None:
    """The snapshot holds until the hole; what comes after it waits for another."""
    session = Binance().session(["X"])
    said = [
        b'{"e":"depthUpdate","E":1,"s":"X","U":%d,"u":%d,"b":[["1","1"]],"a":[]}' % ends for ends in ((1, 5), (9, 12))
    ]
    assert [session.hear(frame, 1) for frame in said] == [[], []]
    question = session.questions.pop()
    shown = session.hear(session.frame_of(question, b'{"lastUpdateId":3,"bids":[["1","1"]],"asks":[]}'), 2)
    assert [word.source_sequence for _, word in shown[:-1]] == [3, 5]
    assert isinstance(shown[-1][1], Status)
    assert shown[-1][1].kind == GAP
    assert [each.symbol for each in session.questions] == ["X"]
    again = session.hear(session.frame_of(question, b'{"lastUpdateId":10,"bids":[["1","1"]],"asks":[]}'), 3)
    assert isinstance(again[0][1], Status)
    assert again[0][1].kind == RESTORED
    assert [word.source_sequence for _, word in again[1:]] == [10, 12]
