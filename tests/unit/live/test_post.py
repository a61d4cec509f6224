"""A webhook's fill moves the position while the strategy is stopped; a duplicate or a forged one does not."""

import asyncio
import json
import time
from http.client import HTTPConnection
from multiprocessing import get_context

import pytest

import stratofold
from stratofold.adapters.embedded.presence import Presence
from stratofold.adapters.network.webhook_server import BODY_BYTES_MAX, WebhookServer
from stratofold.errors import Setup
from stratofold.live.deliver import venue_id_of
from stratofold.live.desk import open_desk
from stratofold.live.post import post
from stratofold.live.webhook import SIGNATURE, TIMESTAMP, Key, receive, sign
from stratofold.live.words import offer_of
from tests.live_tools import paper
from tests.patience import PATIENCE_SECONDS
from tests.unit.live.test_why import LIMITS, Ladder

DAY_NS = 86_400_000_000_000
SECRET = b"a key of 32 random bytes, or so.."


@pytest.fixture
def stopped():
    """A book that holds 10 SPY and has an order for 5 more at the venue; nobody runs it."""
    data = stratofold.sample("us14").subset(["SPY"], start="2020-04-01", end="2020-04-30")
    run = paper(Ladder, data, DAY_NS, limits=LIMITS)
    run.run()
    return run


def body(run, **other):
    """A fill of the order that is left."""
    venue_id = venue_id_of(run.journal, "paper", "paper-g1-2")
    fill = {
        "kind": "fill", "book": "paper", "client_id": "paper-g1-2", "venue_id": venue_id, "symbol": "SPY",
        "side": "buy", "quantity": "2", "price": "220.5", "cumulative": "2", "time": "2020-05-01T14:00:00Z",
    }  # fmt: skip
    return json.dumps({**fill, **other}).encode()


def send(run, data, secret=SECRET):
    """What a receiver makes of a body that is sent now."""
    stamp = str(int(time.time()))
    headers = {TIMESTAMP: stamp, SIGNATURE: sign(secret, stamp, data)}
    return receive(run.journal, [Key(SECRET)], headers, data, time.time_ns())


def position(run):
    """What the book holds, folded from its records."""
    return open_desk(run.journal, "paper", Ladder, "test", 0).fold.engine.book.ledger.holdings[0].quantity


def test_a_fill_by_webhook_moves_the_position_with_the_strategy_stopped(stopped):
    assert position(stopped) == 10.0
    assert send(stopped, body(stopped)).word == "taken"
    assert post(stopped.journal, "paper", Ladder, "webhook", 0) == 1
    assert position(stopped) == 12.0
    assert send(stopped, body(stopped, quantity="3", cumulative="5")).word == "taken"
    assert post(stopped.journal, "paper", Ladder, "webhook", 0) == 1
    assert position(stopped) == 15.0


def test_a_duplicate_a_forged_and_a_senseless_one_move_nothing(stopped):
    send(stopped, body(stopped))
    post(stopped.journal, "paper", Ladder, "webhook", 0)
    before = stopped.journal.head("paper").sequence
    assert send(stopped, body(stopped)).word == "known"
    assert send(stopped, body(stopped, price="1"), secret=b"another key of 32 random bytes..").status == 401
    assert send(stopped, body(stopped, quantity="-1")).status == 422
    assert post(stopped.journal, "paper", Ladder, "webhook", 0) == 0
    assert position(stopped) == 12.0
    assert stopped.journal.head("paper").sequence == before


def test_a_fill_that_the_venue_reports_too_counts_once(stopped):
    send(stopped, body(stopped))
    venue_id = venue_id_of(stopped.journal, "paper", "paper-g1-2")
    assert [offer.identity for offer in stopped.journal.inbox("paper")] == [f"fill:{venue_id}:2"]
    again = offer_of(fill_report_of(venue_id))
    assert stopped.journal.offer("paper", [again]) == 0


def fill_report_of(venue_id):
    """The same fill, as a poll of the venue brings it."""
    from stratofold.adapters.ports import VenueReport

    return VenueReport(f"fill:{venue_id}:2", "partial", "paper-g1-2", venue_id, "SPY", 1, 0, 2.0, 220.5)


def test_what_is_not_the_venues_is_left_for_the_run(stopped):
    from stratofold.adapters.ports import Offer

    stopped.journal.offer("paper", [Offer(0, "operator", "flatten:1", b"flatten")])
    assert post(stopped.journal, "paper", Ladder, "webhook", 0) == 0
    assert [offer.source for offer in stopped.journal.inbox("paper")] == ["operator"]


def serve(handle, talk):
    """What `talk` gets from a server of `handle`."""

    async def work():
        server = WebhookServer(handle)
        await server.start()
        try:
            return await asyncio.to_thread(talk, server.port)
        finally:
            await server.stop()

    return asyncio.run(work())


async def echo(headers, data):
    return (202 if headers.get("x-one") == "1" else 401), f"{len(data)} bytes"


def ask(port, method="POST", path="/webhook", data=b"", headers=()):
    """Status and answer of one request; `headers` may come twice."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.putrequest(method, path)
    for name, value in [("Content-Length", str(len(data))), *headers]:
        connection.putheader(name, value)
    connection.endheaders(data)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"headers": [("X-One", "1")]}, 202),
        ({"headers": [("X-One", "1"), ("x-one", "1")]}, 401),  # a header that comes twice is none
        ({"data": b"x" * BODY_BYTES_MAX, "headers": [("X-One", "1")]}, 202),
        ({"data": b"x" * (BODY_BYTES_MAX + 1), "headers": [("X-One", "1")]}, 413),
        ({"method": "GET"}, 405),
        ({"path": "/other"}, 404),
        ({"method": "GET", "path": "/health"}, 200),
    ],
)
def test_the_door(asked, status):
    assert serve(echo, lambda port: ask(port, **asked))[0] == status


def test_a_port_that_is_taken_is_said():
    async def twice():
        first = WebhookServer(echo)
        await first.start()
        try:
            await WebhookServer(echo).start(port=first.port)
        finally:
            await first.stop()

    with pytest.raises(Setup) as caught:
        asyncio.run(twice())
    assert caught.value.code == "SF922"


def test_a_number_that_is_no_port_is_said():
    with pytest.raises(Setup) as caught:
        asyncio.run(WebhookServer(echo).start(port=70_000))
    assert caught.value.code == "SF922"


def held_elsewhere(folder, answer):
    answer.put(Presence(folder, "momo").hold())


def test_a_book_has_one_presence_at_a_time(tmp_path):
    one, other = Presence(tmp_path, "momo"), Presence(tmp_path, "momo")
    assert one.hold()
    assert one.hold()
    assert not other.hold()
    assert Presence(tmp_path, "pairs").hold()
    one.release()
    assert other.hold()


def test_a_presence_ends_with_its_process(tmp_path):
    context = get_context("fork")
    answer = context.Queue()
    process = context.Process(target=held_elsewhere, args=(tmp_path, answer))
    process.start()
    assert answer.get(timeout=PATIENCE_SECONDS)
    process.join(PATIENCE_SECONDS)
    assert Presence(tmp_path, "momo").hold()
