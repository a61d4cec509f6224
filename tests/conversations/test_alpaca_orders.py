"""Orders to Alpaca and what its answers mean: said once, and only a plain word counts."""

from math import nan

import pytest

from stratofold.adapters.ports import ACCEPTED, REJECTED, UNKNOWN, NoAnswer, Response
from stratofold.wire import Terms
from tests.conversations.scripted import NOON, SECOND, StoppedClock, broker, message, order, run, said

ORDER_ID = "61e69015-8549-4bfd-b9c3-01e75843f47d"
POST = "POST http://venue/v2/orders"

SUBMISSIONS = [
    # terms, side, the body to the byte
    (Terms("market", "day", 3.0), 1, '"qty":"3","side":"buy","type":"market","time_in_force":"day"'),
    (Terms("market", "at_close", 3.0), -1, '"qty":"3","side":"sell","type":"market","time_in_force":"cls"'),
    (Terms("limit", "gtc", 0.5, limit=1e-05), 1, '"qty":"0.5","side":"buy","type":"limit","time_in_force":"gtc"|"limit_price":"0.00001"'),
    (Terms("limit", "ioc", 100.0, limit=101.37), 1, '"qty":"100","side":"buy","type":"limit","time_in_force":"ioc"|"limit_price":"101.37"'),
    (Terms("limit", "fok", 1.0, limit=7.0), 1, '"qty":"1","side":"buy","type":"limit","time_in_force":"fok"|"limit_price":"7"'),
    (Terms("stop", "gtc", 2.0, stop=99.5), -1, '"qty":"2","side":"sell","type":"stop","time_in_force":"gtc"|"stop_price":"99.5"'),
    (Terms("stop_limit", "gtc", 2.0, limit=99.0, stop=99.5), -1, '"qty":"2","side":"sell","type":"stop_limit","time_in_force":"gtc"|"limit_price":"99","stop_price":"99.5"'),
    (Terms("trailing_stop", "gtc", 2.0, trail=1.25), -1, '"qty":"2","side":"sell","type":"trailing_stop","time_in_force":"gtc"|"trail_price":"1.25"'),
    (Terms("trailing_stop", "gtc", 2.0, trail_fraction=0.07), -1, '"qty":"2","side":"sell","type":"trailing_stop","time_in_force":"gtc"|"trail_percent":"7"'),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "side", "body"), SUBMISSIONS, ids=lambda value: getattr(value, "kind", None))
def test_an_order_is_said_to_the_byte(terms, side, body):
    before, _, after = body.partition("|")
    expected = '{"symbol":"AAPL",' + before + ',"client_order_id":"momentum-1-a"' + (after and "," + after) + "}"
    venue, http = broker((POST, expected, said(order())))
    answer = run(venue.submit(message(terms=terms, side=side)))
    assert (answer.state, answer.venue_id) == (ACCEPTED, ORDER_ID)
    assert len(http.asked) == 1


def test_an_accepted_order_is_reported_with_its_terms():
    venue, _ = broker((POST, said(order(), **{"x-request-id": "r-1"})))
    answer = run(venue.submit(message()))
    (report,) = answer.reports
    assert answer.request_id == "r-1"
    assert (report.identity, report.kind, report.client_id) == ("accepted:momentum-1-a", "accepted", "momentum-1-a")
    assert (report.venue_id, report.symbol, report.side) == (ORDER_ID, "AAPL", 1)
    assert (report.time, report.quantity, report.leaves, report.limit) == (NOON + 1, 15.0, 15.0, 107.5)


DUPLICATE = {"code": 40010001, "message": "client_order_id must be unique"}
ANSWERS = [
    # what comes back                                                            || state   | reason begins with
    (said({"code": 40310000, "message": "insufficient buying power"}, 403), REJECTED, "40310000: insufficient buying power"),
    (said({"code": 42210000, "message": "invalid limit price"}, 422), REJECTED, "42210000: invalid limit price"),
    (said({"code": 40010001, "message": "qty must be > 0"}, 422), REJECTED, "40010001: qty must be > 0"),
    (said({"message": "forbidden."}, 403), REJECTED, "forbidden."),
    (said({"code": 40110000, "message": "request is not authorized"}, 401), REJECTED, "40110000"),
    (said({"code": 40410000, "message": "asset not found"}, 404), REJECTED, "40410000"),
    (said({"message": "too many requests."}, 429), REJECTED, "throttled"),
    (said(b"<html>slow down</html>", 429), REJECTED, "throttled"),
    (said(DUPLICATE, 422), UNKNOWN, "HTTP 422, 40010001: client_order_id must be unique"),
    (said({"code": 40010001, "message": "Client Order ID already exists"}, 422), UNKNOWN, "HTTP 422"),
    (said(b"<html>forbidden</html>", 403), UNKNOWN, "HTTP 403"),
    (said(b"", 422), UNKNOWN, "HTTP 422"),
    (said({"message": "timeout"}, 408), UNKNOWN, "HTTP 408"),
    (said({"message": "conflict"}, 409), UNKNOWN, "HTTP 409"),
    (said({"message": "internal"}, 500), UNKNOWN, "HTTP 500"),
    (said(b"", 502), UNKNOWN, "HTTP 502"),
    (said(b"upstream", 504), UNKNOWN, "HTTP 504"),
    (said(b"", 302, location="http://elsewhere"), UNKNOWN, "HTTP 302"),
    (said(b'{"id":"61e69015-85', 200), UNKNOWN, "HTTP 200 that cannot be read"),
    (said(b"", 200), UNKNOWN, "HTTP 200 that cannot be read"),
    (said({"id": "x"}, 200), UNKNOWN, "HTTP 200 that cannot be read"),
    (said(order(client_order_id="other-1-a"), 200), UNKNOWN, "HTTP 200 about another order"),
    (said(order(submitted_at="yesterday"), 200), UNKNOWN, "HTTP 200 that cannot be read"),
    (said(order(status="rejected"), 200), REJECTED, "the venue took the order and rejected it"),
    (NoAnswer("reset by peer"), UNKNOWN, "no answer: reset by peer"),
    (NoAnswer("connection refused", sent=False), REJECTED, "not sent: connection refused"),
]  # fmt: skip


@pytest.mark.parametrize(("came_back", "state", "reason"), ANSWERS, ids=lambda value: None)
def test_only_a_plain_word_is_an_answer(came_back, state, reason):
    venue, http = broker((POST, came_back))
    answer = run(venue.submit(message()))
    assert answer.state == state
    assert answer.reason.startswith(reason)
    assert len(http.asked) == 1  # whatever came back, it is not said again
    identities = [report.identity for report in answer.reports]
    assert identities == (["rejected:momentum-1-a"] if state == REJECTED else [])


@pytest.mark.parametrize("cut", [1, 20, 200, 400])
def test_an_answer_cut_anywhere_is_unknown(cut):
    whole = said(order()).body
    venue, _ = broker((POST, Response(200, {}, whole[:cut])))
    assert run(venue.submit(message())).state == UNKNOWN


CANCELS = [
    (Response(204, {}, b""), ACCEPTED, ""),
    (Response(200, {}, b"anything"), ACCEPTED, ""),
    (said({"code": 42210000, "message": "order is not cancelable"}, 422), REJECTED, "42210000: order is not cancelable"),
    (said({"code": 40410000, "message": "order not found"}, 404), REJECTED, "40410000: order not found"),
    (said({"message": "internal"}, 500), UNKNOWN, "HTTP 500, internal"),
    (NoAnswer("timed out"), UNKNOWN, "no answer: timed out"),
    (NoAnswer("refused", sent=False), REJECTED, "not sent: refused"),
]  # fmt: skip


@pytest.mark.parametrize(("came_back", "state", "reason"), CANCELS, ids=lambda value: None)
def test_a_cancel_is_asked_for(came_back, state, reason):
    venue, _ = broker((f"DELETE http://venue/v2/orders/{ORDER_ID}", came_back))
    answer = run(venue.cancel(message("cancel", "momentum-1-a-c1"), ORDER_ID))
    assert (answer.state, answer.reason) == (state, reason)
    identities = [report.identity for report in answer.reports]
    assert identities == (["cancel_rejected:momentum-1-a-c1"] if state == REJECTED else [])


def test_a_replace_makes_an_order_that_carries_the_messages_key():
    new = order(id="new-id", client_order_id="momentum-1-a-r1", replaces=ORDER_ID, qty="20", limit_price="108")
    body = '{"client_order_id":"momentum-1-a-r1","qty":"20","limit_price":"108"}'
    venue, _ = broker((f"PATCH http://venue/v2/orders/{ORDER_ID}", body, said(new)))
    asked = message("replace", "momentum-1-a-r1", terms=Terms("limit", "day", 20.0, limit=108.0))
    answer = run(venue.replace(asked, ORDER_ID))
    (report,) = answer.reports
    assert (answer.state, answer.venue_id) == (ACCEPTED, "new-id")
    assert (report.identity, report.kind, report.client_id) == ("replaced:new-id", "replaced", "momentum-1-a")
    assert (report.quantity, report.leaves, report.limit, report.stop != report.stop) == (20.0, 20.0, 108.0, True)


def test_a_replace_says_only_what_changes():
    new = order(id="new-id", client_order_id="momentum-1-a-r1", replaces=ORDER_ID)
    body = '{"client_order_id":"momentum-1-a-r1","stop_price":"99"}'
    venue, _ = broker((f"PATCH http://venue/v2/orders/{ORDER_ID}", body, said(new)))
    asked = message("replace", "momentum-1-a-r1", terms=Terms("stop", "gtc", nan, stop=99.0))
    assert run(venue.replace(asked, ORDER_ID)).state == ACCEPTED


def test_a_declined_replace_leaves_the_order_as_it_was():
    declined = said({"code": 42210000, "message": "order parameters are not changed"}, 422)
    venue, _ = broker((f"PATCH http://venue/v2/orders/{ORDER_ID}", declined))
    answer = run(venue.replace(message("replace", "momentum-1-a-r1"), ORDER_ID))
    assert answer.state == REJECTED
    assert [report.identity for report in answer.reports] == ["cancel_rejected:momentum-1-a-r1"]


def test_an_id_from_outside_cannot_leave_its_place_in_the_address():
    venue, _ = broker(("DELETE http://venue/v2/orders/..%2F..%2Fv2%2Forders%3Fx", Response(204, {}, b"")))
    assert run(venue.cancel(message("cancel", "momentum-1-a-c1"), "../../v2/orders?x")).state == ACCEPTED


def test_a_venue_that_is_down_is_not_asked_but_for_cancels():
    clock = StoppedClock()
    venue, http = broker(*[(POST, NoAnswer("refused", sent=False))] * 5, clock=clock)

    async def talk():
        for _ in range(5):
            await venue.submit(message())
        kept = await venue.submit(message())
        http.rows.append((f"DELETE http://venue/v2/orders/{ORDER_ID}", Response(204, {}, b"")))
        return kept, await venue.cancel(message("cancel", "momentum-1-a-c1"), ORDER_ID)

    kept, cancel = run(talk())
    assert kept.state == REJECTED
    assert kept.reason.startswith("not sent: venue does not answer; next try in ")
    assert cancel.state == ACCEPTED


def test_orders_go_ahead_of_polls_and_never_over_the_limit():
    clock = StoppedClock()
    polls = [("GET http://venue/v2/clock", said({"timestamp": "2024-01-02T17:00:00Z"}))] * 8
    venue, http = broker(*polls, clock=clock, requests_per_minute=10)

    async def talk():
        for _ in range(8):
            await venue.clock()
        http.rows.extend([(POST, said(order()))] * 2)
        for _ in range(2):
            assert (await venue.submit(message())).state == ACCEPTED
        assert clock.slept == []
        # The minute is used up: an order that would expire meanwhile is not sent, another one waits.
        late = await venue.submit(message(expires_at=clock.now() + 30 * SECOND))
        http.rows.append((POST, said(order())))
        return late, await venue.submit(message())

    late, patient = run(talk())
    assert (late.state, patient.state) == (REJECTED, ACCEPTED)
    assert late.reason == "not sent: no place in the budget of requests before it expires"
    assert clock.slept == [60.0]


def test_silence_is_kept_for_as_long_as_the_venue_asks():
    clock = StoppedClock()
    throttled = said({"message": "too many requests."}, 429, **{"retry-after": "3"})
    venue, _ = broker((POST, throttled), (POST, said(order())), clock=clock)

    async def talk():
        return [(await venue.submit(message())).state for _ in range(2)]

    assert run(talk()) == [REJECTED, ACCEPTED]
    assert clock.slept == [3.0]


def test_no_key_shows():
    venue, _ = broker()
    shown = f"{venue!r} {venue.__dict__!r} {venue._access!r} {venue._calls!r}"
    assert "SECRET" not in shown
    assert "KEY" not in shown


PROTECTED = [
    (Terms("market", "gtc", 5.0, take_profit=120.0, stop_loss=99.5), '"order_class":"bracket","take_profit":{"limit_price":"120"},"stop_loss":{"stop_price":"99.5"}'),
    (Terms("market", "gtc", 5.0, take_profit=120.0), '"order_class":"oto","take_profit":{"limit_price":"120"}'),
    (Terms("market", "gtc", 5.0, stop_loss=99.5), '"order_class":"oto","stop_loss":{"stop_price":"99.5"}'),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "protection"), PROTECTED)
def test_an_entry_with_its_protection_is_one_order(terms, protection):
    body = '{"symbol":"AAPL","qty":"5","side":"buy","type":"market","time_in_force":"gtc","client_order_id":"momentum-1-a",'
    venue, _ = broker((POST, body + protection + "}", said(order())))
    assert run(venue.submit(message(terms=terms))).state == ACCEPTED
