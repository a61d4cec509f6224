"""A news feed that is asked again and again, against a server that says what servers say."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratofold import Strategy
from stratofold.adapters.ports import Entry, NoAnswer, Response
from stratofold.adapters.sources.poller import Polled, Poller
from stratofold.cli.app import run
from stratofold.cli.data_poll import offers
from stratofold.cli.home import Home
from stratofold.errors import Stop
from stratofold.live.manifest import Manifest, build_fold, instrument_rows
from stratofold.live.words import observation_of
from stratofold.wire import unpack
from tests.conversations.scripted import StoppedClock
from tests.live_tools import UNLIMITED
from tests.tick_market import XYZ

ITEM = "<item><title>{}</title><pubDate>{}</pubDate><guid>{}</guid></item>"
FIRST = ITEM.format("Profits surge at XYZ", "Mon, 01 Jan 2024 10:00:00 GMT", 1)
SECOND = ITEM.format("Terrible losses, XYZ falls", "Tue, 02 Jan 2024 11:30:00 GMT", 2)
FUTURE = ITEM.format("From tomorrow", "Fri, 02 Jan 2099 11:30:00 GMT", 3)


def feed(*items: str) -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{"".join(items)}</channel></rss>'.encode()


class Told:
    """An `Http` that answers from a script, and keeps what it was asked with."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.headers: list[dict[str, str]] = []

    async def request(
        self, method: str, url: str, headers: dict[str, str], body: bytes = b"", timeout_seconds: float = 1.0
    ) -> Any:
        assert (method, body) == ("GET", b"")
        self.headers.append(headers)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Response(*answer)


def polled(*answers: Any, clock: Any = None, **options: Any) -> tuple[list[Polled], Told, Poller]:
    """What came of each answer, one request after another, ten seconds apart."""
    http, clock = Told(*answers), clock or StoppedClock()
    poller = Poller("http://news/rss", http, clock, Random(1), "headlines", **options)

    async def talk() -> list[Polled]:
        found = []
        for _ in answers:
            found.append(await poller.poll())
            await clock.sleep(10.0)
        return found

    return asyncio.run(talk()), http, poller


def texts(one: Polled) -> list[str]:
    return one.items["text"].to_list()


def test_only_what_is_new_is_said_and_it_is_known_when_it_came() -> None:
    """The server is asked with what it said last; what it says of publication is what the item is about."""
    tags = {"etag": '"a"', "last-modified": "Mon, 01 Jan 2024 10:00:01 GMT"}
    found, http, _ = polled(
        (200, tags, feed(FIRST)), (304, {}, b""), (200, {}, feed(SECOND, FIRST)), (200, {}, feed(SECOND))
    )
    assert [texts(one) for one in found] == [["Profits surge at XYZ"], [], ["Terrible losses, XYZ falls"], []]
    assert "If-None-Match" not in http.headers[0]
    for asked in http.headers[1:3]:
        assert (asked["If-None-Match"], asked["If-Modified-Since"]) == ('"a"', "Mon, 01 Jan 2024 10:00:01 GMT")
    assert "If-None-Match" not in http.headers[3]
    row = found[2].items.row(0, named=True)
    assert row["about"] == datetime(2024, 1, 2, 11, 30, tzinfo=UTC)
    assert row["known"] == datetime(2024, 1, 2, 17, 0, 20, tzinfo=UTC)  # the scripted clock's noon and two waits
    assert (found[0].items["value"][0] > 0.0, found[2].items["value"][0] < 0.0) == (True, True)
    assert [one.wait_seconds for one in found] == [60.0] * 4


def test_a_json_feed_is_one_too_and_another_model_may_score_it() -> None:
    """By what the body begins with, because servers call both anything."""
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [
        {"id": "1", "title": "Up", "date_published": "2024-01-02T12:00:00Z"}, {"id": "2", "title": "no date"},
    ]}).encode()  # fmt: skip
    found, _, _ = polled((200, {}, b"\n " + body), scorer=lambda text: float(len(text)), symbol="XYZ")
    assert found[0].items.select("series", "symbol", "value", "text").rows() == [("headlines", "XYZ", 2.0, "Up")]


def test_an_item_that_says_it_is_of_tomorrow_is_known_now_and_said_once() -> None:
    found, _, poller = polled(*[(200, {}, feed(FUTURE))] * 2)
    assert [len(one.items) for one in found] == [1, 0]
    row = found[0].items.row(0, named=True)
    assert row["about"] == row["known"] == datetime(2024, 1, 2, 17, 0, tzinfo=UTC)
    assert len(poller.seen) == 1


def test_trouble_waits_longer_each_time_and_as_long_as_the_server_says() -> None:
    """A page of an error is no feed; what may pass is asked again, what will not ends with an error that says what to do."""
    trouble = [
        (503, {"retry-after": "900"}, b""),
        NoAnswer("reset"),
        (200, {}, b"<html>sorry"),
        (429, {}, b""),
        (500, {}, b""),
    ]
    found, http, poller = polled(*trouble, (200, {}, feed(FIRST)))
    assert found[0].wait_seconds == 900.0
    waits = [one.wait_seconds for one in found[1:5]]
    assert all(60.0 * 2**k <= wait <= 120.0 * 2**k for k, wait in enumerate(waits))
    assert all(one.trouble for one in found[:5])
    assert (texts(found[5]), found[5].wait_seconds, found[5].trouble) == (["Profits surge at XYZ"], 60.0, "")
    at = "Tue, 02 Jan 2024 18:00:00 GMT"
    assert polled((503, {"retry-after": at}, b""))[0][0].wait_seconds == 3_600.0
    for status, headers, said in ((404, {}, "RSS, Atom or JSON"), (301, {"location": "http://new/"}, "http://new/")):
        with pytest.raises(Stop, match="SF976") as ended:
            polled((status, headers, b""))
        assert said in str(ended.value)
    assert len(http.headers) == 6
    assert len(poller.seen) == 1


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_items_or_trouble(noise: bytes) -> None:
    found, _, _ = polled((200, {}, noise))
    assert found[0].trouble or len(found[0].items) >= 0


class Hears(Strategy):
    """Knows one series."""

    series = ("headlines",)

    def on_observation(self, observation, book) -> None:
        self.last = observation.value

    def setup(self) -> None:
        self.last = 0.0


def test_a_book_hears_an_item_once_with_the_time_at_which_it_came() -> None:
    found, _, _ = polled((200, {}, feed(FIRST)), symbol="XYZ")
    (offer,) = offers(found[0].items)
    (same,) = offers(found[0].items)
    assert offer.identity == same.identity
    manifest = Manifest(
        book="b", account="a", generation="g", strategy="Hears", parameters={}, instruments=instrument_rows([XYZ]),
        calendar="24/7", currency="USD", capital=1e5, limits=UNLIMITED, span_ns=0, opened=1_704_000_000 * 10**9, code="",
    )  # fmt: skip
    fold = build_fold(manifest, Hears)
    event = observation_of(fold, offer.body)
    assert event is not None
    assert (event.symbol, event.known) == (0, 1_704_214_800 * 10**9)
    assert event.time == 1_704_103_200 * 10**9
    fold.hear(event)
    assert fold.strategy.last == found[0].items["value"][0] > 0.0


@pytest.fixture
def served():
    """A server on loopback whose feed is what `said` holds."""
    said = [feed(FIRST)]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(said[0])))
            self.end_headers()
            self.wfile.write(said[0])

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/rss", said
    server.shutdown()
    server.server_close()


def test_the_command_keeps_what_is_new_and_knows_it_at_the_next_start(served, tmp_path, capsys) -> None:
    """Twice the same, then one more, which a book hears and the first did not; the catalogue has each once."""
    url, said = served
    home, place = tmp_path / "home", str(tmp_path / "c")
    journal = Home(home).journal(make=True)
    journal.create("main", "paper", "g", [Entry("opened", b"", b"")])
    words = ["data", "poll", url, "headlines", "--symbol", "XYZ", "--minutes", "0", "--catalogue", place, "--json"]
    words += ["--book", "main", "--home", str(home)]
    new = []
    for body in (feed(FIRST), feed(FIRST), feed(SECOND, FIRST)):
        said[0] = body
        assert run(words) == 0
        new.append(json.loads(capsys.readouterr().out)["items"])
    assert new == [1, 0, 1]
    assert [unpack(offer.body)[:2] for offer in journal.inbox("main")] == [["headlines", "XYZ"]]
    journal.close()
    assert run(["data", "ls", "--catalogue", place, "--json"]) == 0
    (holding,) = json.loads(capsys.readouterr().out)["holdings"]
    assert (holding["kind"], holding["symbol"], holding["rows"]) == ("observations", "XYZ", 2)


def test_what_cannot_be_polled_is_told(served, tmp_path, capsys) -> None:
    """A series without a name, a server that is not there, a symbol for nobody."""
    url, _ = served
    where = ["--minutes", "0", "--catalogue", str(tmp_path / "c"), "--json"]
    assert run(["data", "poll", url, " ", *where]) == 2
    assert json.loads(capsys.readouterr().out)["errors"][0]["code"] == "SF977"
    assert run(["data", "poll", "http://127.0.0.1:9/rss", "headlines", *where]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"requests": 1, "items": 0, "state": ""}
    assert "asked again in" in said.err
    assert run(["data", "poll", url, "headlines", *where]) == 0
    assert json.loads(capsys.readouterr().out)["items"] == 1
