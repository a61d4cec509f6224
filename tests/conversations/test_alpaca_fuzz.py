"""Whatever a server writes, the adapter gives a value or an error that says who must act, and never takes it for a yes."""

import copy
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN, NoAnswer, Response
from stratofold.errors import Retry, Stop
from tests.conversations.scripted import (
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
from tests.conversations.test_alpaca_feed import ALL_ACTIONS, CLOSE, MINUTE, at, bar, feed, handshake, row
from tests.conversations.test_alpaca_reports import HANDSHAKE, fill, update

JUNK = [None, "", "x", -1, 0, 1e308, True, [], {}, "NaN", "Infinity", "9" * 400, "1e999", "2024-99-99T00:00:00Z", "\ud800", [[]] * 3, {"a": {"a": {}}}]  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def spoilt(value, path, junk):
    """The value with something else in one place."""
    if not path:
        return junk
    changed = copy.deepcopy(value)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = junk
    return changed


BRACKET = order(order_class="bracket", legs=[order(id="leg", client_order_id="904837e3-3b76", order_class="bracket", type="limit")])  # fmt: skip
ACCOUNT = {"account_number": "PA1", "currency": "USD", "cash": "1", "equity": "2", "buying_power": "3", "status": "ACTIVE"}  # fmt: skip
QUESTIONS = [
    # what is answered, and the question
    (BRACKET, lambda venue: venue.order("momentum-1-a")),
    ([order(), BRACKET], lambda venue: venue.orders()),
    ([fill(1), fill(2)], lambda venue: venue.executions(0)),
    (ACCOUNT, lambda venue: venue.account()),
    ([{"symbol": "AAPL", "qty": "15", "avg_entry_price": "1", "side": "long"}], lambda venue: venue.account()),
    ({"timestamp": "2024-01-02T12:00:00Z"}, lambda venue: venue.clock()),
]


class Parrot:
    """A server that answers everything with the same bytes."""

    def __init__(self, body, status=200):
        self.answer = Response(status, {}, body)

    async def request(self, method, url, headers, body=b"", timeout_seconds=10.0):
        if url.endswith("/v2/account") and self.answer.body.startswith(b"["):
            return said(ACCOUNT)
        return self.answer


def asked(body, question):
    """What comes of a question; the errors that may come of it."""
    venue, _ = broker(requests_per_minute=0)
    venue._calls.http = Parrot(body)
    try:
        return run(question(venue))
    except (Retry, Stop, NoAnswer) as error:
        return error


@pytest.mark.parametrize(("answer", "question"), QUESTIONS, ids=range(len(QUESTIONS)))
def test_a_question_whose_answer_is_spoilt_anywhere(answer, question):
    for path in places(answer):
        for junk in JUNK:
            asked(json.dumps(spoilt(answer, path, junk)).encode(), question)


@given(st.data())
@settings(max_examples=300)
def test_a_question_whose_answer_is_noise(data):
    answer, question = data.draw(st.sampled_from(QUESTIONS))
    body = bytearray(json.dumps(answer).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    asked(bytes(body), question)


@pytest.mark.parametrize("figure", ["qty", "price", "cum_qty"])
@pytest.mark.parametrize("junk", [None, "NaN", "Infinity", "-5", "1e999", ""])
def test_a_fill_that_cannot_be_is_no_fill(figure, junk):
    answer = asked(json.dumps([fill(1), fill(2, **{figure: junk})]).encode(), lambda venue: venue.executions(0))
    assert isinstance(answer, Retry)
    shown = order(filled_qty=junk if figure == "cum_qty" else "5")
    fields = {"qty": "5", "price": "107.25", **({figure: junk} if figure != "cum_qty" else {})}
    opened_anew, accepted = reports_after(update("partial_fill", shown=shown, **fields))
    assert (opened_anew, accepted) == (None, None)


def test_depth_is_no_bomb():
    for body in (
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"id":"x","client_order_id":"y","symbol":"z","deep":' + b"[" * 100_000,
    ):
        for _, question in QUESTIONS:
            assert isinstance(asked(body, question), Retry)


def submitted(body, status):
    venue, _ = broker()
    venue._calls.http = Parrot(body, status)
    return run(venue.submit(message()))


@pytest.mark.parametrize("status", [200, 201, 400, 403, 422, 500])
def test_an_order_whose_answer_is_spoilt_anywhere_is_never_declined_by_a_yes_nor_taken_by_a_no(status):
    good = status < 300
    whole = order() if good else {"code": 40310000, "message": "insufficient buying power"}
    for path in places(whole):
        for junk in JUNK:
            answer = submitted(json.dumps(spoilt(whole, path, junk)).encode(), status)
            assert answer.state in ({ACCEPTED, UNKNOWN} if good else {REJECTED, UNKNOWN})
            if good and path in {("client_order_id",), ("id",)} and not isinstance(junk, str):
                assert answer.state == UNKNOWN


@given(st.binary(max_size=300), st.sampled_from([200, 403, 422, 503]))
def test_noise_is_unknown(noise, status):
    assert submitted(noise, status).state == UNKNOWN


def test_depth_in_an_answer_to_an_order_is_unknown():
    for status in (200, 422):
        assert submitted(b'{"message":' + b"[" * 100_000, status).state == UNKNOWN


# Streams: what cannot be read opens them anew, and nothing else comes of it.


def reports_after(line):
    venue, _ = broker(sockets=[ScriptedSocket(*HANDSHAKE, line), ScriptedSocket(*HANDSHAKE, update("new"))])
    venue._calls.http = Parrot(b"[]")
    try:
        return run(first(venue.reports(), 2))
    except (EndOfScript, Stop):
        return []


def test_a_trade_update_that_is_spoilt_anywhere():
    whole = json.loads(update("partial_fill", shown={**BRACKET, "filled_qty": "5"}, qty="5", price="107.25"))
    for path in places(whole):
        for junk in JUNK:
            reports_after(json.dumps(spoilt(whole, path, junk)))


def test_a_bar_that_is_spoilt_anywhere():
    for name in ("S", "o", "h", "l", "c", "v", "t", "T"):
        for junk in (*(one for one in JUNK if one != "\ud800"), msgspec.msgpack.Ext(-1, b"\xff" * 12), b"\xff"):
            frame = msgspec.msgpack.encode([{**bar(), name: junk}])
            sockets = [ScriptedSocket(*handshake("bars"), frame), ScriptedSocket(*handshake("bars"))]
            made, _ = feed(sockets=sockets, span_ns=MINUTE, clock=StoppedClock(CLOSE))
            assert run(first(made.stream(["AAPL", "SPY"]), 2))[0] is None


# History.


def history(body):
    made, _ = feed(requests_per_minute=0)
    made._calls.http = Parrot(body)
    try:
        return run(made.history(["AAPL", "SPY"], at("2024-01-02"), CLOSE))
    except (Retry, Stop, NoAnswer) as error:
        return error


def test_a_history_that_is_spoilt_anywhere():
    whole = {
        "bars": {"AAPL": [row("2024-01-02T05:00:00Z")]},
        "corporate_actions": dict(ALL_ACTIONS),
        "next_page_token": None,
    }
    for path in places(whole):
        if path != ("next_page_token",):
            for junk in JUNK:
                history(json.dumps(spoilt(whole, path, junk)).encode())
