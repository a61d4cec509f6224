"""The webhook: a signed message from outside becomes something in a book's inbox, once; anything else changes nothing.

What comes in: the headers and the raw body of a request, the keys, the time.  What goes out: a `Verdict`, a status and
a word for the sender, and what was offered.
Why it is shaped so: it has no socket, so every forgery can be tried in a loop.  The signature is checked first, over the
bytes as they came, because whatever is parsed before that was chosen by a stranger; it covers the timestamp, so a message
cannot be sent again later; and what is done with a good one is to offer it to the inbox by its own identity, which is
what makes a duplicate nothing at all, for ever, and not only while a nonce is remembered.

    X-Stratofold-Timestamp: 1767225600
    X-Stratofold-Signature: v1=<hex of HMAC-SHA256(key, timestamp "." body)>[, v1=<the same with the other key>]

A body is JSON.  A fill: {"kind": "fill", "book", "client_id", "venue_id", "symbol", "side": "buy" | "sell", "quantity",
"price", "cumulative", "time"} with amounts as decimal text and the time in RFC 3339.  A signal: {"kind": "signal",
"book", "sender", "id", "series", "symbol" (optional), "value", "time"}.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import structs

from stratofold.adapters.ports import Offer, VenueReport
from stratofold.errors import Setup
from stratofold.live.words import offer_of
from stratofold.wire import decimal, pack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratofold.adapters.ports import Journal

WINDOW_NS = 300 * 1_000_000_000
BODY_BYTES_MAX = 256 * 1024
KEY_BYTES_MIN = 16
TIMESTAMP = "x-stratofold-timestamp"
SIGNATURE = "x-stratofold-signature"
_SIGNATURES_MAX = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:/-]+\Z")]
Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,9})?\Z")]
Time = Annotated[str, msgspec.Meta(max_length=40)]
Perhaps = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z0-9._:/-]*\Z")]


class FillBody(msgspec.Struct, frozen=True, tag_field="kind", tag="fill", forbid_unknown_fields=True):
    """What a venue, or somebody who hears it, says of one fill."""

    book: Name
    venue_id: Name
    symbol: Name
    side: str
    quantity: Amount
    price: Amount
    cumulative: Amount
    time: Time
    client_id: Perhaps = ""
    fee: Amount = "0"


class SignalBody(msgspec.Struct, frozen=True, tag_field="kind", tag="signal", forbid_unknown_fields=True):
    """A value from outside that is no price; `sender` and `id` make it once."""

    book: Name
    sender: Name
    id: Name
    series: Name
    value: Amount
    time: Time
    symbol: Perhaps = ""


Body = FillBody | SignalBody
_bodies: msgspec.json.Decoder[Body] = msgspec.json.Decoder(FillBody | SignalBody)


class Verdict(NamedTuple):
    """What came of a request: an HTTP status, a word for the sender, the book it was for, how many things were new."""

    status: int
    word: str
    book: str = ""
    fresh: int = 0


@dataclass(frozen=True, slots=True)
class Key:
    """A key and until when (ns UTC) it is good: two at once while one replaces the other; never shown."""

    secret: bytes
    until: int = 2**63 - 1

    def __post_init__(self) -> None:
        """Raise Setup SF920 for a key that could be guessed."""
        if len(self.secret) < KEY_BYTES_MIN:
            what = f"a webhook's key has {len(self.secret)} bytes"
            raise Setup("SF920", what, why="it could be guessed", fix=f"use at least {KEY_BYTES_MIN} random bytes")

    def __repr__(self) -> str:
        """A key in a log is no key."""
        return "Key(...)"


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """The value of the signature header for a body sent at `timestamp` (seconds since 1970 as text)."""
    return "v1=" + hmac.digest(secret, timestamp.encode() + b"." + body, sha256).hex()


def genuine(keys: Sequence[Key], headers: Mapping[str, str], body: bytes, now: int) -> str:
    """Why a request is not what a holder of a key sent within the window; empty when it is.

    Every key is tried on every signature in constant time, and the reason is for our own log, not for the sender.
    """
    stamped = headers.get(TIMESTAMP, "")
    given = [part.strip() for part in headers.get(SIGNATURE, "").split(",")]
    if not stamped.isascii() or not stamped.isdecimal() or not 9 <= len(stamped) <= 11:
        return "no timestamp"
    if not 1 <= len(given) <= _SIGNATURES_MAX:
        return "no signature"
    good = False
    for key in keys:
        wanted = sign(key.secret, stamped, body).encode()
        for one in given:
            good |= hmac.compare_digest(wanted, one.encode()) and now < key.until
    if not good:
        return "the signature is not of this body by a key in force"
    if abs(now - int(stamped) * 1_000_000_000) > WINDOW_NS:
        return "outside the window"
    return ""


def receive(
    journal: Journal,
    keys: Sequence[Key],
    headers: Mapping[str, str],
    body: bytes,
    now: int,
) -> Verdict:
    """Take one request: offer what it says to its book's inbox, or say why not; raises nothing for what a sender can do.

    `headers` have lower-case names.  The answer comes after the commit: a sender that hears nothing sends again, and that is a duplicate.
    """
    if len(body) > BODY_BYTES_MAX:
        return Verdict(413, "too large")
    if genuine(keys, headers, body, now):
        return Verdict(401, "not authentic")
    try:
        said = read(body)
        offers = offers_of(said, now)
        journal.head(said.book)
    except Setup as error:
        return Verdict(422, f"{error.what}: {error.why}" if error.why else error.what)  # it is signed: a partner asks
    fresh = journal.offer(said.book, offers)
    # The inbox forgets nothing, so the nonce can only agree; it is asked last, so that dying in between loses no offer.
    seen = sha256(headers[TIMESTAMP].encode() + b"." + body).hexdigest()
    first = journal.once(f"webhook:{seen}", now + 2 * WINDOW_NS, now)
    return Verdict(202 if fresh and first else 200, "taken" if fresh and first else "known", said.book, fresh)


def read(body: bytes) -> Body:
    """The body of a request; raises Setup SF921 for one that is none, or holds an amount or time that cannot be."""
    try:
        said = _bodies.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _senseless(str(error)) from error
    if isinstance(said, FillBody):
        if said.side not in {"buy", "sell"}:
            raise _senseless(f"a side is buy or sell, not {said.side[:20]!r}")
        if not all(amount(text) > 0 for text in (said.quantity, said.price, said.cumulative)):
            raise _senseless("a fill has a quantity, a price and a cumulative quantity above 0")
    nanoseconds(said.time)
    return said


def fill_report(said: FillBody) -> VenueReport:
    """The venue's fact in a fill; it has the identity that the stream and the polls give the same fill."""
    cumulative = float(amount(said.cumulative))
    return VenueReport(
        identity=f"fill:{said.venue_id}:{decimal(cumulative)}", kind="partial", client_id=said.client_id,
        venue_id=said.venue_id, symbol=said.symbol, side=1 if said.side == "buy" else -1, time=nanoseconds(said.time),
        quantity=float(amount(said.quantity)), price=float(amount(said.price)), fee=float(amount(said.fee)),
        cumulative=cumulative,
    )  # fmt: skip


def offers_of(said: Body, now: int) -> list[Offer]:
    """What a body offers to its book's inbox: a venue's fact, or a signal; neither happened later than it came."""
    if isinstance(said, FillBody):
        report = fill_report(said)
        return [offer_of(structs.replace(report, time=min(report.time, now)))]
    value, time = float(amount(said.value)), nanoseconds(said.time)
    return [Offer(0, "signal", f"{said.sender}:{said.id}", pack([said.series, said.symbol, value, time, now]))]


def amount(text: str) -> Decimal:
    """Decimal text as a number; raises Setup SF921 for any other."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise _senseless(f"{text[:40]!r} is no amount") from error


def nanoseconds(text: str) -> int:
    """RFC 3339 text as ns UTC, all nine digits kept; raises Setup SF921 for any other, or without an offset."""
    parts = _MOMENT.fullmatch(text)
    try:
        whole = datetime.fromisoformat(parts[1] + parts[3]) if parts is not None else None
    except ValueError:
        whole = None
    if parts is None or whole is None:
        raise _senseless(f"{text[:40]!r} is no time with an offset")
    since = whole - _EPOCH
    time = (since.days * 86_400 + since.seconds) * 1_000_000_000 + int((parts[2] or "").ljust(9, "0"))
    if not 0 <= time < 1 << 63:
        raise _senseless(f"{text[:40]!r} is no time from 1970 on that 64 bits hold")
    return time


def _senseless(why: str) -> Setup:
    """The error for a body that makes no sense."""
    return Setup("SF921", "the body is not understood", why=why, fix="see the page on webhooks for what a body may be")
