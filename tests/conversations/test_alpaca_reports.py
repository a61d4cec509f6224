"""What Alpaca says of orders, fills and the account, when asked and on its stream: one identity a fact."""

import json

import pytest

from stratofold.adapters.ports import NoAnswer, Response
from stratofold.errors import Retry, Stop
from tests.conversations.scripted import (
    NOON,
    SECOND,
    EndOfScript,
    ScriptedSocket,
    StoppedClock,
    broker,
    first,
    message,
    order,
    run,
    said,
)

ORDER_ID = "61e69015-8549-4bfd-b9c3-01e75843f47d"
BY_CLIENT_ID = "GET http://venue/v2/orders:by_client_order_id?client_order_id=momentum-1-a"
OPEN = "GET http://venue/v2/orders?status=open&limit=500&direction=asc&nested=false"
FILLS = "GET http://venue/v2/account/activities/FILL?direction=asc&page_size=100"


def fill(number, **changes):
    """A FILL activity, the `number`-th of 5 shares of an order of 15."""
    return {
        "activity_type": "FILL", "id": f"2024010217000000{number}::0001", "order_id": ORDER_ID, "symbol": "AAPL",
        "side": "buy", "type": "partial_fill", "qty": "5", "price": "107.25", "cum_qty": str(5 * number),
        "leaves_qty": str(15 - 5 * number), "transaction_time": f"2024-01-02T17:00:0{number}Z",
        "order_status": "partially_filled", **changes,
    }  # fmt: skip


# Orders.

STATES = [
    ({"status": "new"}, "working"),
    ({"status": "accepted"}, "working"),
    ({"status": "pending_new"}, "working"),
    ({"status": "partially_filled", "filled_qty": "5"}, "part_filled"),
    ({"status": "pending_cancel", "filled_qty": "5"}, "part_filled"),
    ({"status": "pending_replace"}, "working"),
    ({"status": "done_for_day"}, "working"),
    ({"status": "held"}, "waiting"),
    ({"status": "filled", "filled_qty": "15"}, "filled"),
    ({"status": "canceled"}, "cancelled"),
    ({"status": "expired"}, "expired"),
    ({"status": "rejected"}, "rejected"),
    ({"status": "a_word_of_next_year"}, "unknown"),
]


@pytest.mark.parametrize(("changes", "state"), STATES, ids=lambda value: str(value))
def test_an_order_found_by_our_id(changes, state):
    venue, _ = broker((BY_CLIENT_ID, said(order(**changes))))
    found = run(venue.order("momentum-1-a"))
    assert (found.state, found.client_id, found.venue_id) == (state, "momentum-1-a", ORDER_ID)
    assert (found.kind, found.tif, found.quantity, found.limit) == ("limit", "day", 15.0, 107.5)
    assert found.time == NOON + 1


def test_an_order_that_was_replaced_is_the_one_that_goes_on():
    by_id = "GET http://venue/v2/orders/"
    venue, _ = broker(
        (BY_CLIENT_ID, said(order(status="replaced", replaced_by="second"))),
        (
            f"{by_id}second",
            said(order(id="second", client_order_id="momentum-1-a-r1", status="replaced", replaced_by="third")),
        ),
        (f"{by_id}third", said(order(id="third", client_order_id="momentum-1-a-r2", status="new", replaces="second"))),
    )
    found = run(venue.order("momentum-1-a"))
    assert (found.venue_id, found.client_id, found.state) == ("third", "momentum-1-a", "working")


def test_a_replacement_that_is_not_listed_yet_leaves_what_is_known():
    missing = said({"code": 40410000, "message": "order not found"}, 404)
    venue, _ = broker(
        (BY_CLIENT_ID, said(order(status="replaced", replaced_by="second"))),
        ("GET http://venue/v2/orders/second", missing),
    )
    found = run(venue.order("momentum-1-a"))
    assert (found.venue_id, found.state, found.replaced_by) == (ORDER_ID, "cancelled", "second")


def test_an_order_that_is_not_known():
    """It might be a protective leg, which Alpaca knows by an id of its own: so its entry is looked for too."""
    missing = said({"code": 40410000, "message": "order not found"}, 404)
    venue, http = broker(*[(BY_CLIENT_ID[:-1] + digit, missing) for digit in "a98"])
    assert run(venue.order("momentum-1-a")) is None
    assert http.rows == []


def test_an_id_that_is_not_ours_is_looked_for_once():
    by_hand = BY_CLIENT_ID.replace("momentum-1-a", "by-hand")
    venue, _ = broker((by_hand, said({"code": 40410000, "message": "order not found"}, 404)))
    assert run(venue.order("by-hand")) is None


TROUBLES = [
    (said({"message": "forbidden."}, 403), Stop, "SF870"),
    (said({"message": "unauthorized."}, 401), Stop, "SF870"),
    (said({"message": "slow"}, 429), Retry, "SF872"),
    (said(b"", 503), Retry, "SF871"),
    (said({"message": "timeout"}, 408), Retry, "SF871"),
    (said({"message": "bad"}, 422), Stop, "SF874"),
    (said(b"[", 200), Retry, "SF873"),
    (said(b"\xff\xfe", 200), Retry, "SF873"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), TROUBLES, ids=lambda value: str(value)[:20])
def test_a_question_without_an_answer_says_who_must_act(answer, kind, code):
    venue, http = broker(*[(OPEN, answer)] * 3)
    with pytest.raises(kind) as raised:
        run(venue.orders())
    assert raised.value.code == code
    assert len(http.asked) == (3 if answer.status == 503 else 1)
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("lost", [NoAnswer("reset"), said(b"", 502)], ids=["lost", "a gateway's"])
def test_a_question_whose_answer_is_lost_is_asked_again_and_not_what_was_asked_before_it(lost):
    venue, http = broker((OPEN, lost), (OPEN, lost), (OPEN, said([order()])))
    assert [one.client_id for one in run(venue.orders())] == ["momentum-1-a"]
    assert len(http.asked) == 3


def test_a_server_that_names_its_own_time_is_not_asked_before_it():
    venue, http = broker((OPEN, said(b"", 503, **{"retry-after": "5"})))
    with pytest.raises(Retry, match="SF871"):
        run(venue.orders())
    assert len(http.asked) == 1


def test_after_five_silences_nobody_is_asked_for_a_while():
    clock = StoppedClock()
    venue, http = broker(*[(OPEN, NoAnswer("timed out"))] * 5, clock=clock)

    async def talk():
        with pytest.raises(NoAnswer):
            await venue.orders()
        assert len(http.asked) == 3  # what is lost at once is asked for again, twice
        for _ in range(2):
            with pytest.raises(Retry, match="does not answer"):
                await venue.orders()
        clock.time += 30 * SECOND
        http.rows.append((OPEN, said([])))
        return await venue.orders()

    assert run(talk()) == []
    assert len(http.asked) == 6


def test_orders_are_asked_for_to_the_last_page_and_none_is_lost_at_an_edge():
    """The 500th and the 501st order were submitted in the same nanosecond."""
    stamps = [f"2024-01-02T17:00:00.{min(number, 499):09}Z" for number in range(520)]
    orders = [
        order(id=f"id-{number}", client_order_id=f"m-1-{number}", submitted_at=stamps[number]) for number in range(520)
    ]
    everything = OPEN.replace("open", "all").replace("nested=false", "nested=true")
    venue, _ = broker(
        (f"{everything}&after=2024-01-02T16%3A59%3A59.999999999Z", said(orders[:500])),
        (f"{everything}&after=2024-01-02T17%3A00%3A00.000000498Z", said(orders[499:])),
    )
    found = run(venue.orders(NOON, only_open=False))
    assert [one.venue_id for one in found] == [f"id-{number}" for number in range(520)]


def test_more_orders_of_one_moment_than_a_page_holds_is_no_silent_loss():
    page = [order(id=f"id-{number}") for number in range(500)]
    venue, _ = broker((OPEN, said(page)), (f"{OPEN}&after=2024-01-02T17%3A00%3A00.000000000Z", said(page)))
    with pytest.raises(Stop, match="SF875"):
        run(venue.orders())


# Fills.


def test_executions_are_asked_for_to_the_last_page_with_our_ids():
    page = [fill(1, id=f"{number}::a", cum_qty=str(number + 1)) for number in range(100)]
    since = "after=2024-01-02T16%3A59%3A59.999999999Z"
    venue, http = broker(
        (f"{FILLS}&{since}", said(page)),
        (f"{FILLS}&{since}&page_token=99%3A%3Aa", said([fill(3, type="fill")])),
        (f"GET http://venue/v2/orders/{ORDER_ID}", said(order())),
    )
    found = run(venue.executions(NOON))
    assert len(found) == 101
    assert len(http.asked) == 3  # the order's two ids are asked for once
    last = found[-1]
    assert (last.identity, last.kind, last.client_id) == (f"fill:{ORDER_ID}:15", "filled", "momentum-1-a")
    assert (last.quantity, last.price, last.cumulative, last.leaves) == (5.0, 107.25, 15.0, 0.0)
    assert (last.time, last.side, last.fee) == (NOON + 3 * SECOND, 1, 0.0)


def test_a_fill_of_an_order_that_is_not_ours_has_no_client_id():
    foreign = order(client_order_id="904837e3-3b76-47ec-b432-046db621571b")
    venue, _ = broker(
        (FILLS, said([fill(1, side="sell_short")])), (f"GET http://venue/v2/orders/{ORDER_ID}", said(foreign))
    )
    (found,) = run(venue.executions(0))
    assert (found.client_id, found.side) == ("", -1)


def test_a_fill_of_a_replacement_names_the_order():
    replacement = order(client_order_id="momentum-1-a-r2", replaces="x")
    venue, _ = broker((FILLS, said([fill(1)])), (f"GET http://venue/v2/orders/{ORDER_ID}", said(replacement)))
    (found,) = run(venue.executions(0))
    assert found.client_id == "momentum-1-a"


def test_the_account():
    account = {"account_number": "PA1", "currency": "USD", "cash": "1000.25", "equity": "2000.5", "buying_power": "4001", "status": "ACTIVE", "trading_blocked": True, "account_blocked": False}  # fmt: skip
    positions = [
        {"symbol": "AAPL", "qty": "15", "avg_entry_price": "107.25", "side": "long"},
        {"symbol": "SPY", "qty": "-3", "avg_entry_price": "400", "side": "short"},
        {"symbol": "IBM", "qty": "4", "avg_entry_price": "130", "side": "short"},
    ]
    venue, _ = broker(
        ("GET http://venue/v2/account", said(account)), ("GET http://venue/v2/positions", said(positions))
    )
    state = run(venue.account())
    assert (state.account, state.currency, state.cash, state.equity) == ("PA1", "USD", 1000.25, 2000.5)
    assert (state.buying_power, state.blocked) == (4001.0, "trading_blocked")
    assert state.positions == {"AAPL": (15.0, 107.25), "SPY": (-3.0, 400.0), "IBM": (-4.0, 130.0)}


def test_the_clock_to_the_nanosecond():
    timestamp = "2024-01-02T12:00:00.123456789-05:00"
    venue, _ = broker(("GET http://venue/v2/clock", said({"timestamp": timestamp, "is_open": True})))
    assert run(venue.clock()) == NOON + 123_456_789


# The stream.

KEYS = '{"action":"authenticate","data":{"key_id":"KEY","secret_key":"SECRET"}}'
LISTEN = '{"action":"listen","data":{"streams":["trade_updates"]}}'
AUTHORISED = '{"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}'
LISTENING = '{"stream":"listening","data":{"streams":["trade_updates"]}}'
HANDSHAKE = ((KEYS,), AUTHORISED, (LISTEN,), LISTENING)
STAMP = "2024-01-02T17:00:02.5Z"


def update(event, binary=False, *, shown=None, **fields):
    data = {"event": event, "execution_id": "e-1", "timestamp": STAMP, "order": shown or order(), **fields}
    text = json.dumps({"stream": "trade_updates", "data": data})
    return text.encode() if binary else text


REPLACEMENT = order(id="new-id", client_order_id="momentum-1-a-r1", replaces=ORDER_ID)
UPDATES = [
    (update("new"), ("accepted:momentum-1-a", "accepted", "momentum-1-a")),
    (update("accepted", binary=True), ("accepted:momentum-1-a", "accepted", "momentum-1-a")),
    (update("new", shown=REPLACEMENT), ("replaced:new-id", "replaced", "momentum-1-a")),
    (update("replaced", shown=REPLACEMENT), ("replaced:new-id", "replaced", "momentum-1-a")),
    (update("partial_fill", shown=order(filled_qty="5"), qty="5", price="107.25"), (f"fill:{ORDER_ID}:5", "partial", "momentum-1-a")),
    (update("fill", shown=order(filled_qty="15"), qty="10", price="107.5"), (f"fill:{ORDER_ID}:15", "filled", "momentum-1-a")),
    (update("fill", shown=order(filled_qty="0.5", qty="0.5"), qty="0.5", price="1"), (f"fill:{ORDER_ID}:0.5", "filled", "momentum-1-a")),
    (update("canceled"), (f"cancelled:{ORDER_ID}", "cancelled", "momentum-1-a")),
    (update("expired"), (f"expired:{ORDER_ID}", "expired", "momentum-1-a")),
    (update("rejected"), ("rejected:momentum-1-a", "rejected", "momentum-1-a")),
    (update("rejected", shown=REPLACEMENT), ("cancel_rejected:momentum-1-a-r1", "cancel_rejected", "momentum-1-a")),
    (update("order_cancel_rejected"), (f"cancel_rejected:{ORDER_ID}:{STAMP}", "cancel_rejected", "momentum-1-a")),
    (update("trade_bust", qty="5", price="107.25"), ("busted:e-1", "busted", "momentum-1-a")),
    (update("trade_correct", qty="5", price="107"), ("corrected:e-1", "corrected", "momentum-1-a")),
    (update("new", shown=order(client_order_id="by-hand")), ("accepted:by-hand", "accepted", "")),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), UPDATES, ids=lambda value: value[0] if isinstance(value, tuple) else "")
def test_an_update_is_a_fact_with_one_identity(line, expected):
    venue, _ = broker(sockets=[ScriptedSocket(*HANDSHAKE, line)])
    opened, report = run(first(venue.reports(), 2))
    assert opened is None
    assert (report.identity, report.kind, report.client_id) == expected


def test_a_fill_has_the_same_identity_on_the_stream_and_when_asked_for():
    streamed = update("partial_fill", shown=order(filled_qty="5"), qty="5", price="107.25")
    venue, _ = broker((FILLS, said([fill(1)])), sockets=[ScriptedSocket(*HANDSHAKE, streamed)])

    async def talk():
        _, hint = await first(venue.reports(), 2)
        return hint, *await venue.executions(0)  # the stream has shown both ids, so the order is not asked for

    hint, polled = run(talk())
    assert hint.identity == polled.identity
    assert (hint.quantity, hint.price, hint.cumulative, hint.leaves) == (5.0, 107.25, 5.0, 10.0)
    assert (polled.quantity, polled.price, polled.cumulative, polled.leaves) == (5.0, 107.25, 5.0, 10.0)


@pytest.mark.parametrize(
    "event", ["pending_new", "pending_cancel", "pending_replace", "done_for_day", "held", "restated"]
)
def test_what_states_nothing_is_passed_over(event):
    venue, _ = broker(sockets=[ScriptedSocket(*HANDSHAKE, update(event), update("new"))])
    _, report = run(first(venue.reports(), 2))
    assert report.kind == "accepted"


def test_the_order_that_a_replacement_displaced_says_nothing_of_it():
    displaced = update("replaced", shown=order(status="replaced", replaced_by="new-id"))
    venue, _ = broker(sockets=[ScriptedSocket(*HANDSHAKE, displaced, update("new", shown=REPLACEMENT))])
    _, report = run(first(venue.reports(), 2))
    assert report.identity == "replaced:new-id"


def test_a_cancel_that_is_declined_later_is_the_cancel_we_asked_for():
    asked = (f"DELETE http://venue/v2/orders/{ORDER_ID}", Response(204, {}, b""))
    venue, _ = broker(asked, sockets=[ScriptedSocket(*HANDSHAKE, update("order_cancel_rejected"))])

    async def talk():
        await venue.cancel(message("cancel", "momentum-1-a-c2"), ORDER_ID)
        return await first(venue.reports(), 2)

    _, report = run(talk())
    assert report.identity == "cancel_rejected:momentum-1-a-c2"


def test_a_stream_that_breaks_is_opened_again_after_a_while_that_doubles():
    clock = StoppedClock()
    sockets = [
        ScriptedSocket(*HANDSHAKE, update("new")),
        NoAnswer("refused", sent=False),
        NoAnswer("refused", sent=False),
        ScriptedSocket(*HANDSHAKE, update("canceled")),
    ]
    venue, _ = broker(sockets=sockets, clock=clock)
    opened, new, again, cancelled = run(first(venue.reports(), 4))
    assert (opened, again) == (None, None)
    assert (new.kind, cancelled.kind) == ("accepted", "cancelled")
    assert [0.25 * 2**n <= seconds <= 0.5 * 2**n for n, seconds in enumerate(clock.slept)] == [True] * 3
    assert sockets[0].closed
    assert sockets[3].closed  # by the caller's leaving


@pytest.mark.parametrize("line", ["{", "[]", '{"stream":"trade_updates","data":{"event":"fill"}}', b"\x93\x00"])
def test_what_cannot_be_read_opens_the_stream_anew(line):
    sockets = [ScriptedSocket(*HANDSHAKE, line), ScriptedSocket(*HANDSHAKE)]
    venue, _ = broker(sockets=sockets)
    assert run(first(venue.reports(), 2)) == [None, None]


def test_keys_that_the_stream_does_not_take_stop():
    refused = '{"stream":"authorization","data":{"status":"unauthorized","action":"authenticate"}}'
    venue, _ = broker(sockets=[ScriptedSocket((KEYS,), refused)])
    with pytest.raises(Stop, match="SF870") as raised:
        run(first(venue.reports(), 1))
    assert "SECRET" not in str(raised.value)


def test_a_fault_of_ours_is_not_taken_for_the_venues():
    venue, _ = broker()
    with pytest.raises(EndOfScript):
        run(first(venue.reports(), 1))
