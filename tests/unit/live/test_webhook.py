"""A webhook's message is taken once, from a holder of a key, within its window; every other one changes nothing."""

import hmac
import json
import random
from hashlib import sha256

import pytest

from stratofold.errors import Setup
from stratofold.live.webhook import (
    BODY_BYTES_MAX,
    SIGNATURE,
    TIMESTAMP,
    WINDOW_NS,
    Key,
    fill_report,
    genuine,
    nanoseconds,
    offers_of,
    read,
    receive,
    sign,
)
from stratofold.wire import pack
from tests.unit.live.conftest import entries

SECOND = 1_000_000_000
SENT = 1_767_225_600
NOW = SENT * SECOND
SECRET = b"a key of 32 random bytes, or so.."
KEYS = [Key(SECRET)]
FILL = {
    "kind": "fill", "book": "momo", "client_id": "momo-g1-2", "venue_id": "v-17", "symbol": "SPY", "side": "buy",
    "quantity": "10", "price": "412.35", "cumulative": "10", "time": "2026-01-01T00:00:00.123456789Z",
}  # fmt: skip
SIGNAL = {
    "kind": "signal", "book": "momo", "sender": "desk", "id": "42", "series": "sentiment", "symbol": "SPY",
    "value": "-0.25", "time": "2026-01-01T01:00:00+01:00",
}  # fmt: skip
BODY = json.dumps(FILL).encode()


@pytest.fixture
def journal_of_momo(journal):
    journal.create("momo", "paper", "g1", entries(1))
    return journal


def headers(body=BODY, secret=SECRET, sent=SENT):
    return {TIMESTAMP: str(sent), SIGNATURE: sign(secret, str(sent), body)}


def send(journal, body=BODY, sent=None, now=NOW, keys=KEYS):
    return receive(journal, keys, headers(body) if sent is None else sent, body, now)


def inbox(journal):
    return [(offer.source, offer.identity, offer.body) for offer in journal.inbox("momo")]


def test_the_signature_is_the_hmac_of_timestamp_dot_body():
    assert sign(SECRET, "17", b"{}") == "v1=" + hmac.new(SECRET, b"17.{}", sha256).hexdigest()


def test_a_fill_is_in_the_inbox_by_the_identity_that_the_venue_gives_it(journal_of_momo):
    verdict = send(journal_of_momo)
    assert (verdict.status, verdict.word, verdict.book, verdict.fresh) == (202, "taken", "momo", 1)
    assert inbox(journal_of_momo) == [("venue", "fill:v-17:10", offers_of(read(BODY), NOW)[0].body)]


def test_a_signal_is_in_the_inbox_by_its_sender_and_id(journal_of_momo):
    assert send(journal_of_momo, json.dumps(SIGNAL).encode()).status == 202
    assert inbox(journal_of_momo) == [("signal", "desk:42", pack(["sentiment", "SPY", -0.25, NOW, NOW]))]


def test_the_same_message_again_changes_nothing(journal_of_momo):
    before = [send(journal_of_momo), inbox(journal_of_momo)]
    for later in (0, 1, 299, 300):
        again = send(journal_of_momo, now=NOW + later * SECOND)
        assert (again.status, again.word, again.fresh) == (200, "known", 0)
    assert [before[0], inbox(journal_of_momo)] == before


def test_the_same_fill_in_other_words_changes_nothing(journal_of_momo):
    send(journal_of_momo)
    later = SENT + 100
    body = json.dumps({**FILL, "quantity": "10.0", "cumulative": "10.00"}, indent=2).encode()
    again = send(journal_of_momo, body, headers(body, sent=later), later * SECOND)
    assert (again.status, again.word) == (200, "known")
    assert len(inbox(journal_of_momo)) == 1


def test_a_sender_that_heard_nothing_sends_again_and_is_taken(journal_of_momo, monkeypatch):
    # The process dies between the offer and the nonce: the message is in the inbox, and sent again it is known.
    monkeypatch.setattr(type(journal_of_momo), "once", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        send(journal_of_momo)
    monkeypatch.undo()
    assert send(journal_of_momo).status == 200
    assert len(inbox(journal_of_momo)) == 1


@pytest.mark.parametrize(
    ("seconds", "status"), [(-301, 401), (-300, 202), (-1, 202), (0, 202), (300, 202), (301, 401), (31_536_000, 401)]
)
def test_the_window(journal_of_momo, seconds, status):
    assert send(journal_of_momo, now=NOW + seconds * SECOND).status == status


def test_the_window_ends_at_the_nanosecond():
    assert genuine(KEYS, headers(), BODY, NOW + WINDOW_NS) == ""
    assert genuine(KEYS, headers(), BODY, NOW + WINDOW_NS + 1) == "outside the window"


def forgeries():
    """Headers and bodies that nobody with a key has sent together."""
    good = headers()
    stamp, signed = good[TIMESTAMP], good[SIGNATURE]
    yield "no headers", {}, BODY
    yield "no signature", {TIMESTAMP: stamp}, BODY
    yield "no timestamp", {SIGNATURE: signed}, BODY
    yield "empty signature", {TIMESTAMP: stamp, SIGNATURE: ""}, BODY
    yield "another body", good, BODY.replace(b"10", b"99")
    yield "a longer body", good, BODY + b" "
    yield "a shorter body", good, BODY[:-1]
    yield "no body", good, b""
    yield "re-encoded", good, json.dumps(json.loads(BODY), indent=1).encode()
    yield "another timestamp", {**good, TIMESTAMP: str(SENT + 1)}, BODY
    yield "a timestamp with zeros", {**good, TIMESTAMP: f"0{SENT}"}, BODY
    yield "a timestamp with a sign", {**good, TIMESTAMP: f"+{SENT}"}, BODY
    yield "a fraction of a timestamp", {**good, TIMESTAMP: f"{SENT}.0"}, BODY
    yield "digits of another alphabet", {**good, TIMESTAMP: "١٧٦٧٢٢٥٦٠٠"}, BODY
    yield "a timestamp of a thousand digits", {**good, TIMESTAMP: "1" * 1000}, BODY
    yield "another key", headers(secret=b"another key of 32 random bytes.."), BODY
    yield "another version", {**good, SIGNATURE: signed.replace("v1=", "v0=")}, BODY
    yield "upper case", {**good, SIGNATURE: signed.upper()}, BODY
    yield "cut short", {**good, SIGNATURE: signed[:-1]}, BODY
    yield "no hexadecimal", {**good, SIGNATURE: "v1=" + "z" * 64}, BODY
    yield "no ASCII", {**good, SIGNATURE: "v1=é" + signed}, BODY
    yield "too many signatures", {**good, SIGNATURE: ",".join(["v1=00"] * 4 + [signed])}, BODY
    yield "the dot moved", {TIMESTAMP: stamp[:-1], SIGNATURE: signed}, stamp[-1:].encode() + b"." + BODY


@pytest.mark.parametrize(("sent", "body"), [row[1:] for row in forgeries()], ids=[row[0] for row in forgeries()])
def test_a_forged_message_changes_nothing(journal_of_momo, sent, body):
    verdict = send(journal_of_momo, body, sent)
    assert (verdict.status, verdict.word) == (401, "not authentic")  # the sender is not told what was wrong
    assert inbox(journal_of_momo) == []


def mutated(chance):
    """Genuine headers and body with something about them changed."""
    body = bytearray(BODY)
    sent = headers()
    what = chance.randrange(4)
    if what == 0:
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    elif what == 1:
        name = chance.choice([TIMESTAMP, SIGNATURE])
        text = bytearray(sent[name].encode())
        text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)
        sent[name] = text.decode("latin-1")
    elif what == 2:
        del body[chance.randrange(len(body)) :]
    else:
        body[chance.randrange(len(body)) : 0] = chance.randbytes(chance.randrange(1, 9))
    return sent, bytes(body)


def test_ten_thousand_mutations_are_refused():
    chance = random.Random(1)
    accepted = [case for case in (mutated(chance) for _ in range(10_000)) if not genuine(KEYS, *case, NOW)]
    assert accepted == []
    assert genuine(KEYS, headers(), BODY, NOW) == ""


@pytest.mark.nightly
def test_a_million_mutations_are_refused():
    chance = random.Random(2)
    assert not any(not genuine(KEYS, *mutated(chance), NOW) for _ in range(1_000_000))


def test_two_keys_are_good_while_one_replaces_the_other():
    new = b"the new key, which is good as well"
    keys = [Key(SECRET, until=NOW + 60 * SECOND), Key(new)]
    assert genuine(keys, headers(), BODY, NOW) == ""
    assert genuine(keys, headers(secret=new), BODY, NOW) == ""
    assert genuine(keys, headers(), BODY, NOW + 60 * SECOND) != ""
    assert genuine(keys, headers(secret=new), BODY, NOW + 60 * SECOND) == ""
    both = {TIMESTAMP: str(SENT), SIGNATURE: f"{sign(new, str(SENT), BODY)}, {sign(SECRET, str(SENT), BODY)}"}
    assert genuine(KEYS, both, BODY, NOW) == ""  # a sender that signs with both reaches a receiver that has one


def test_without_keys_nothing_is_genuine():
    assert genuine([], headers(), BODY, NOW) != ""


def test_a_key_is_long_and_never_shown():
    with pytest.raises(Setup) as caught:
        Key(b"short")
    assert caught.value.code == "SF920"
    assert "a key" not in repr(KEYS)


SENSELESS = [
    b"", b"{", b"[]", b"null", b"1", b'"fill"', b"\xff\xfe", b"[" * 100_000, b'{"kind": "order"}',
    json.dumps({**FILL, "kind": "trade"}).encode(),
    json.dumps({**FILL, "extra": 1}).encode(),
    json.dumps({name: value for name, value in FILL.items() if name != "cumulative"}).encode(),
    *[json.dumps({**FILL, name: value}).encode() for name, value in [
        ("quantity", 10), ("quantity", "0"), ("quantity", "-1"), ("quantity", "1e9"), ("quantity", "NaN"),
        ("quantity", "Infinity"), ("quantity", "1" * 13), ("quantity", "1." + "0" * 10), ("quantity", "10\n"),
        ("quantity", "\u0661"), ("quantity", None), ("price", "0"), ("price", "0x10"), ("price", "1_000"), ("price", " 1"),
        ("side", "short"), ("side", ""), ("symbol", ""), ("symbol", "S PY"), ("symbol", "x" * 65), ("venue_id", "a\n"),
        ("book", "mo mo"), ("time", "2026-01-01"), ("time", "2026-01-01T00:00:00"),
        ("time", "2026-13-01T00:00:00Z"), ("time", "2026-01-01T24:00:01Z"), ("time", "2026-01-01T00:00:00.1234567890Z"),
        ("time", 17), ("time", "x" * 41), ("client_id", "a b"),
    ]],
]  # fmt: skip


@pytest.mark.parametrize("body", SENSELESS, ids=range(len(SENSELESS)))
def test_a_signed_body_that_makes_no_sense_changes_nothing(journal_of_momo, body):
    assert send(journal_of_momo, body).status == 422
    assert inbox(journal_of_momo) == []


def test_a_book_that_is_not_there_is_said_to_the_holder_of_a_key(journal_of_momo):
    assert send(journal_of_momo, json.dumps({**FILL, "book": "nobody"}).encode()).status == 422


def test_a_body_too_large_is_not_even_hashed(journal_of_momo):
    body = b" " * BODY_BYTES_MAX + BODY
    assert send(journal_of_momo, body).status == 413


def test_a_fill_is_the_venues_fact():
    report = fill_report(read(BODY))
    assert (report.kind, report.side, report.quantity, report.price, report.cumulative) == (
        "partial",
        1,
        10.0,
        412.35,
        10.0,
    )
    assert report.time == NOW + 123_456_789
    assert fill_report(read(json.dumps({**FILL, "side": "sell", "cumulative": "0.00001"}).encode())).side == -1


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01T01:00:00+01:00", 0),
        ("2025-12-31T19:00:00-05:00", 0),
        ("2026-01-01T00:00:00.5Z", SECOND // 2),
        ("2026-01-01T00:00:00.000000001Z", 1),
    ],
)
def test_times_keep_their_nanoseconds(text, after):
    assert nanoseconds(text) == NOW + after


def nonsense(chance):
    """A signed body with something about it changed: bytes, a field's value, or the whole of it."""
    what = chance.randrange(3)
    if what == 0:
        body = bytearray(BODY)
        for _ in range(chance.randrange(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        return bytes(body)
    said = dict(chance.choice([FILL, SIGNAL]))
    value = chance.choice(ODD)
    said[chance.choice([*said, "other"])] = value
    return json.dumps(said).encode() if what == 1 else json.dumps(value).encode()


ODD = [
    None, True, 0, -1, 10**400, 1e308, float("inf"), float("nan"), "", " ", "\x00", "\ud800", "1e999999999", "9" * 400, "-0",
    "0.000000001", "999999999999.999999999", [], {}, [[[[]]]], {"a": {"b": {}}}, "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00+23:59", "é" * 100,
]  # fmt: skip


def test_whatever_a_signed_body_holds_it_is_taken_or_refused_and_quickly():
    chance = random.Random(4)
    counts = {"taken": 0, "refused": 0}
    for _ in range(20_000):
        try:
            offers = offers_of(read(nonsense(chance)), NOW)
        except Setup as error:
            counts["refused"] += error.code == "SF921"
        else:
            assert len(offers) == 1
            counts["taken"] += 1
    assert sum(counts.values()) == 20_000
    assert min(counts.values()) > 100


def test_a_fill_from_the_future_happened_when_it_came():
    said = read(json.dumps({**FILL, "time": "2099-01-01T00:00:00Z"}).encode())
    assert offers_of(said, NOW) == offers_of(read(json.dumps({**FILL, "time": "2026-01-01T00:00:00Z"}).encode()), NOW)
