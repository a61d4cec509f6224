"""A paper exchange of ticks: what its stream says is what was released, and what a live feed says is traded at once."""

from math import isnan

import polars as pl
import pytest

from stratofold import sample
from stratofold.adapters.embedded.catalogue import catalogue
from stratofold.adapters.feeds import alpaca_translate as translate
from stratofold.adapters.feeds.rows import Rows
from stratofold.cli.exchange import _kinds, _market
from stratofold.cli.feeds import FeedPlace
from stratofold.cli.run import SHARES, told_kinds
from stratofold.errors import Setup
from stratofold.events import Depth, Quote, Trade
from stratofold.exchange.api import Api, Request
from stratofold.exchange.core import Exchange, Rules
from stratofold.exchange.market import Level
from stratofold.exchange.stream import DataSession
from stratofold.exchange.ticks import TickMarket
from stratofold.market.sessions import calendar
from tests.tick_market import START, made

SECOND_NS = 1_000_000_000
ORDER = b'{"symbol": "XYZ", "qty": "100", "side": "buy", "type": "market", "time_in_force": "gtc"}'


def exchange(kinds=("quotes", "trades"), **options):
    return Exchange(made(2, 60, kinds=kinds), rules=Rules(requests_per_minute=0), **options)


def asked(one, method, path, body=b"", **query):
    account = next(iter(one.accounts.values()))
    keys = {"apca-api-key-id": account.key_id, "apca-api-secret-key": account.secret_key}
    reply = Api(one).handle(Request(method, path, query, body, keys), 0)
    assert reply.status == 200, reply.body
    import msgspec

    return msgspec.json.decode(reply.body)


def test_what_the_stream_says_is_heard_as_what_was_released():
    one, complete = exchange(), translate.Complete(60 * SECOND_NS, calendar("24/7"))
    session = DataSession(one, packed=True)
    session.channels["quotes"] = session.channels["trades"] = ["XYZ"]
    released = []
    while not one.market.done:
        what = one.step().what
        released.append(what)
        assert session.wants_tick(what)
        (message,) = translate.messages_of(session.tick_frame(what))
        symbol, event = translate.event_of(message, complete, 0)
        assert (symbol, event.time) == ("XYZ", what.time)
        if isinstance(event, Quote):
            assert (event.bid, event.bid_size, event.ask, event.ask_size) == (
                what.bid,
                what.bid_size,
                what.ask,
                what.ask_size,
            )
        else:
            assert (event.price, event.size, event.aggressor) == (what.bid, what.bid_size, what.aggressor)
            assert event.source_sequence == what.number
    assert one.taken().ticks == released
    assert {tick.is_quote for tick in released} == {True, False}
    session.channels["quotes"] = []
    assert [session.wants_tick(tick) for tick in released] == [not tick.is_quote for tick in released]


def test_an_absent_side_is_absent_on_the_wire_too():
    message = translate.messages_of(
        translate.pack(
            [{"T": "q", "S": "XYZ", "bp": 0, "bs": 0, "ap": 10.5, "as": 3, "t": translate.Ext(-1, b"\0\0\0\1")}]
        )
    )
    event = translate.event_of(message[0], translate.Complete(60 * SECOND_NS, calendar("24/7")), 0)[1]
    assert isnan(event.bid)
    assert isnan(event.bid_size)
    assert (event.ask, event.ask_size) == (10.5, 3.0)


def test_what_a_live_feed_says_is_traded_at_and_an_order_takes_the_touch_at_once():
    """Late ticks are of now; an order does not wait for another tick, as it waits for a bar."""
    one = exchange(follows=True)
    market, eve = one.market, one.market.now
    quote, late = Quote(), Trade()
    quote.time, quote.bid, quote.bid_size, quote.ask, quote.ask_size = eve + 5, 99.0, 500.0, 99.5, 500.0
    late.time, late.price, late.size, late.aggressor = eve - 10**9, 99.5, 10.0, 1
    assert market.append("XYZ", quote)
    one.step()
    one.wait(eve + 50)
    asked(one, "POST", "/v2/orders", ORDER)
    one.wait(eve + 60)
    (position,) = asked(one, "GET", "/v2/positions")
    assert (position["qty"], position["avg_entry_price"]) == ("100", "99.5")
    assert market.append("XYZ", late)
    assert one.step().time == eve + 60
    assert not market.append("ABC", quote)
    assert asked(one, "GET", "/v2/stocks/quotes", symbols="XYZ")["quotes"]["XYZ"][-1]["ap"] == 99.5
    assert asked(one, "GET", "/v2/stocks/trades", symbols="XYZ")["trades"]["XYZ"][-1]["tks"] == "B"
    assert asked(one, "GET", "/v2/stocks/bars/latest", symbols="XYZ")["bars"]["XYZ"]["c"] == 99.5


def test_depth_fills_orders_and_is_told_message_by_message():
    one, complete = exchange(("quotes", "trades", "depth")), translate.Complete(60 * SECOND_NS, calendar("24/7"))
    assert one.market.told == ("quotes", "trades", "depth")
    session = DataSession(one, packed=True)
    session.channels["orderbooks"] = ["XYZ"]
    asked(one, "POST", "/v2/orders", ORDER)
    levels = []
    while not one.market.done:
        what = one.step().what
        levels += [what] if isinstance(what, Level) else []
    assert asked(one, "GET", "/v2/positions")[0]["qty"] == "100"
    heard = [
        event
        for tick in one.taken().ticks
        if session.wants_tick(tick)
        for message in translate.messages_of(session.tick_frame(tick))
        for _, event in translate.events_of(message, complete, 0)
    ]
    told = sorted(heard, key=lambda word: (word.source_sequence, word.side != 1))
    assert {type(word) for word in heard} == {Depth}
    assert sorted((w.time, w.side, w.price, w.size, w.snapshot) for w in told) == sorted(
        (level.time, level.side, level.price, level.size, level.snapshot) for level in levels
    )
    assert sum(word.last for word in heard) == sum(level.last for level in levels)
    asked_for = asked(one, "GET", "/v2/stocks/orderbooks", symbols="XYZ")["orderbooks"]["XYZ"]
    assert [(row["i"], row["p"], row["s"], row["r"], row["e"]) for row in asked_for] == [
        (level.number, level.price, level.size, level.snapshot, level.last) for level in levels
    ]


def test_a_message_is_history_when_it_is_whole():
    one = exchange(("depth",))
    rows = 0
    while rows == 0:
        what = one.step().what
        told = asked(one, "GET", "/v2/stocks/orderbooks", symbols="XYZ")["orderbooks"]
        rows = len(told.get("XYZ", ()))
        assert (rows > 0) == what.last
    assert rows == what.number == 16  # the snapshot


def test_what_is_latest_of_ticks_is_a_tick():
    one = exchange()
    while not one.market.done:
        one.step()
    quote = asked(one, "GET", "/v2/stocks/quotes/latest", symbols="XYZ,ABC")["quotes"]
    trade = asked(one, "GET", "/v2/stocks/trades/latest", symbols="XYZ")["trades"]["XYZ"]
    last = {kind: one.market.latest(0, is_quote=kind == "quote") for kind in ("quote", "trade")}
    assert list(quote) == ["XYZ"]
    assert (quote["XYZ"]["bp"], quote["XYZ"]["ap"]) == (last["quote"].bid, last["quote"].ask)
    assert quote["XYZ"]["bp"] < quote["XYZ"]["ap"]
    assert (trade["p"], trade["s"], trade["i"]) == (last["trade"].bid, last["trade"].bid_size, last["trade"].number)


TICKS, BARS = {"ticks": ["quotes", "trades"]}, {"bars": "1min"}


@pytest.mark.parametrize(
    ("kinds", "ready", "stated", "told"),
    [
        (("quotes", "depth"), TICKS, False, ("quotes",)),
        ((), BARS, False, ()),
        (("quotes",), BARS, False, None),
        ((), TICKS, False, None),
        (("depth",), TICKS, False, None),
        (("trades", "depth"), SHARES, False, ("trades",)),
        (("depth",), SHARES, False, None),
        (("quotes", "depth"), TICKS, True, None),
    ],
)
def test_a_strategy_and_an_exchange_must_speak_of_the_same(kinds, ready, stated, told):
    if told is not None:
        assert told_kinds(kinds, ready, stated=stated) == told
        return
    with pytest.raises(Setup, match="SF978"):
        told_kinds(kinds, ready, stated=stated)


def test_a_folder_of_ticks_is_replayed_whole_without_naming_symbols(tmp_path):
    rows = {"time": [START, START + SECOND_NS], "price": [10.0, 10.5], "size": [1.0, 1.0]}
    pl.DataFrame({"symbol": ["XYZ", "ABC"], **rows}).write_parquet(tmp_path / "trades.parquet")
    assert set(_market(str(tmp_path), None, None).symbols) == {"XYZ", "ABC"}
    assert _market(str(tmp_path), "XYZ", None).symbols == ("XYZ",)


def test_ticks_are_followed_of_a_venue_only():
    assert _kinds(None, None) == ()
    assert _kinds("quotes", FeedPlace("binance-spot")) == ("quotes",)
    for ticks, place in (("quotes", None), ("depth", FeedPlace("binance-spot"))):
        with pytest.raises(Setup, match="SF999"):
            _kinds(ticks, place)


def test_what_a_recorder_kept_is_replayed_by_an_exchange(tmp_path):
    """Rows in a catalogue, as `data record` leaves them, are ticks of an exchange and of a backtest; its bars are bars."""
    place = catalogue(tmp_path / "c", make=True)
    rows = Rows(place, "binance-spot")
    for number in range(1, 6):
        quote, trade = Quote(), Trade()
        for word in (quote, trade):
            word.time = word.known = START + number * SECOND_NS
            word.source_sequence = number
        quote.bid, quote.bid_size, quote.ask, quote.ask_size = 10.0, 5.0, 10.1, 6.0
        trade.price, trade.size, trade.aggressor = 10.1, 1.0, 1
        rows.take(START + number * SECOND_NS, [("XYZ", quote), ("XYZ", trade)])
    assert rows.close() == {"trades": 5, "quotes": 5}
    place.add(sample("SPY", start="2020-01-02", end="2020-02-03"), "made")
    ticks = _market(f"{tmp_path / 'c'}#binance-spot/ticks", "XYZ", None)
    one = Exchange(ticks, rules=Rules(requests_per_minute=0))
    assert isinstance(one.market, TickMarket)
    assert [one.step().what.is_quote for _ in range(4)] == [False, True, False, True]
    bars = _market(f"{tmp_path / 'c'}#made", "SPY", "2020-01-15")
    assert not isinstance(Exchange(bars, rules=Rules(requests_per_minute=0)).market, TickMarket)
