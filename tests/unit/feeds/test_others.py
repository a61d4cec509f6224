"""Coinbase and Massive: their messages by table, and anything at all to words or a typed error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.adapters.feeds.coinbase import Coinbase
from stratofold.adapters.feeds.massive import Massive
from stratofold.errors import Retry, Stop
from stratofold.events import Bar, Depth, Event, Quote, Trade

if TYPE_CHECKING:
    from stratofold.adapters.feeds.session import Session

NOON = "2024-03-01T12:00:00.5Z"
NOON_NS = 1_709_294_400_500_000_000
NOON_MS = NOON_NS // 10**6
LATER = NOON_NS + 1


def coinbase() -> Session:
    return Coinbase().session(["BTC-USD"])


def massive() -> Session:
    return Massive("KEY").session(["SPY", "QQQ"])


def frame(channel: str, number: int, **event: Any) -> bytes:
    """A frame of Coinbase with one event."""
    return json.dumps({"channel": channel, "timestamp": NOON, "sequence_num": number, "events": [event]}).encode()


def trades(number: int, kind: str = "update") -> bytes:
    one = {"trade_id": "9", "product_id": "BTC-USD", "price": "2.5", "size": "3", "side": "SELL", "time": NOON}
    return frame("market_trades", number, type=kind, trades=[one])


TICKER = frame("ticker", 2, type="update", tickers=[
    {"product_id": "BTC-USD", "price": "2", "best_bid": "2", "best_bid_quantity": "1", "best_ask": "0", "best_ask_quantity": "0"}
])  # fmt: skip
LEVELS = frame("l2_data", 3, type="snapshot", product_id="BTC-USD", updates=[
    {"side": "bid", "event_time": NOON, "price_level": "2", "new_quantity": "1"},
    {"side": "offer", "event_time": NOON, "price_level": "3", "new_quantity": "4"},
])  # fmt: skip


def test_coinbase_says_trades_quotes_and_books() -> None:
    """In turn; what was traded before the subscription is no news."""
    session = coinbase()
    asked = [json.loads(text) for text in session.outgoing]
    assert [ask["channel"] for ask in asked] == ["market_trades", "ticker", "level2", "heartbeats"]
    assert session.hear(trades(0, "snapshot"), LATER) == []
    ((symbol, trade),) = session.hear(trades(1), LATER)
    assert isinstance(trade, Trade)
    assert (symbol, trade.time, trade.known) == ("BTC-USD", NOON_NS, LATER)
    assert (trade.price, trade.size, trade.aggressor, trade.source_sequence) == (2.5, 3.0, 0, 9)
    ((_, quote),) = session.hear(TICKER, LATER)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size) == (2.0, 1.0)
    assert quote.ask != quote.ask
    words = [word for _, word in session.hear(LEVELS, LATER) if isinstance(word, Depth)]
    assert [(word.side, word.price, word.size, word.snapshot, word.last) for word in words] == [
        (1, 2.0, 1.0, True, False), (-1, 3.0, 4.0, True, True),
    ]  # fmt: skip
    assert session.hear(b'{"channel":"heartbeats","sequence_num":4,"events":[{"heartbeat_counter":1}]}', LATER) == []


def test_a_frame_of_coinbase_that_is_missing_is_seen() -> None:
    """Whatever it said, the connection begins anew."""
    session = coinbase()
    session.hear(trades(0), LATER)
    with pytest.raises(Retry, match="SF980"):
        session.hear(trades(2), LATER)


def test_coinbase_refuses() -> None:
    """A product that it does not have."""
    with pytest.raises(Stop, match="SF982"):
        coinbase().hear(b'{"type":"error","message":"no such product"}', LATER)


def test_massive_hears_the_key_and_then_what_is_wanted() -> None:
    """Each after the venue has spoken; several messages come in one frame."""
    session = massive()
    assert session.outgoing == []
    session.hear(b'[{"ev":"status","status":"connected"}]', 1)
    session.hear(b'[{"ev":"status","status":"auth_success"}]', 1)
    assert [json.loads(text) for text in session.outgoing] == [
        {"action": "auth", "params": "KEY"}, {"action": "subscribe", "params": "T.SPY,Q.SPY,T.QQQ,Q.QQQ"},
    ]  # fmt: skip
    said = [
        {"ev": "T", "sym": "SPY", "p": 2.5, "s": 3, "t": NOON_MS, "q": 9, "x": 4, "c": [12]},
        {"ev": "Q", "sym": "SPY", "bp": 2, "bs": 1, "ap": 3, "as": 4, "t": NOON_MS, "q": 10},
        {"ev": "AM", "sym": "SPY", "o": 1, "h": 4, "l": 1, "c": 2, "v": 7, "s": NOON_MS - 60_000, "e": NOON_MS},
    ]
    trade, quote, bar = (word for _, word in session.hear(json.dumps(said).encode(), LATER))
    assert isinstance(trade, Trade)
    assert (trade.time, trade.known, trade.price, trade.size) == (NOON_NS, LATER, 2.5, 3.0)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (2.0, 1.0, 3.0, 4.0)
    assert isinstance(bar, Bar)
    assert (bar.time, bar.span, bar.high, bar.volume) == (NOON_NS, 60 * 10**9, 4.0, 7.0)


@pytest.mark.parametrize(
    ("status", "code"), [("auth_failed", "SF983"), ("max_connections", "SF983"), ("error", "SF982")]
)
def test_massive_refuses(status: str, code: str) -> None:
    """The key, or what is asked for; the key is in no text."""
    with pytest.raises(Stop, match=code) as refused:
        massive().hear(json.dumps([{"ev": "status", "status": status, "message": "no"}]).encode(), 1)
    assert "KEY" not in str(refused.value)
    assert "KEY" not in repr(Massive("KEY"))


REFUSED = (b"", b"[", b"[" * 100_000, b"{}", b"null", b'"x"', b'[{"ev":"Z"}]', b"\xff\xfe",
           b'[{"ev":"T","sym":"X","p":-1,"s":1,"t":1}]', b'[{"ev":"T","sym":"X","p":1,"s":1,"t":99999999999999999}]',
           b'{"channel":"ticker","timestamp":"9999-12-31T00:00:00Z","events":[{}]}',
           b'{"channel":"market_trades","events":[{"trades":[{"product_id":"X","price":"nan","size":"1","time":""}]}]}')  # fmt: skip


@pytest.mark.parametrize("data", REFUSED, ids=lambda data: repr(data[:24]))
def test_what_is_no_message_is_a_typed_error(data: bytes) -> None:
    """At either."""
    for session in (coinbase(), massive()):
        with pytest.raises(Retry, match="SF980"):
            session.hear(data, 1)


NAMES = [
    "channel",
    "timestamp",
    "sequence_num",
    "events",
    "trades",
    "updates",
    "tickers",
    "price",
    "ev",
    "sym",
    *"pstqbe",
]
ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.sampled_from(["T", "Q", "market_trades", "l2_data", NOON]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=10,
)
GOOD = [
    trades(0),
    TICKER.replace(b": 2,", b": 0,"),
    LEVELS.replace(b": 3,", b": 0,"),
    b'[{"ev":"T","sym":"X","p":1,"s":1,"t":1}]',
]


@settings(max_examples=60, deadline=None)
@given(st.one_of(
    st.binary(max_size=100),
    ANY.map(msgspec.json.encode),
    st.builds(
        lambda text, at, cut, middle: text[: at % len(text)] + middle + text[at % len(text) + cut :],
        st.sampled_from(GOOD), st.integers(0, 300), st.integers(0, 8), st.binary(max_size=6),
    ),
))  # fmt: skip
def test_bytes_in_words_or_a_typed_error_out(data: bytes) -> None:
    """Noise, good frames with holes and wrong parts, and any JSON in their names."""
    for session in (coinbase(), massive()):
        try:
            words = session.hear(data, 1)
        except (Retry, Stop) as error:
            assert error.code in {"SF980", "SF982", "SF983"}  # noqa: PT017 - either is right
            continue
        for symbol, word in words:
            assert isinstance(symbol, str)
            assert isinstance(word, Event)
            assert 0 <= word.time <= word.known < 2**63


def test_what_is_said_to_have_one_symbol_sent_anew() -> None:
    """All its channels, and no other symbol's."""
    said = [json.loads(text) for text in coinbase().again("BTC-USD")]
    assert [(one["type"], one["channel"], one["product_ids"]) for one in said[::3]] == [
        ("unsubscribe", "market_trades", ["BTC-USD"]), ("subscribe", "market_trades", ["BTC-USD"]),
    ]  # fmt: skip
    assert [json.loads(text) for text in massive().again("QQQ")] == [
        {"action": action, "params": "T.QQQ,Q.QQQ"} for action in ("unsubscribe", "subscribe")
    ]
