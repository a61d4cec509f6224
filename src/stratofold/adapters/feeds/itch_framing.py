"""How NASDAQ delivers ITCH: MoldUDP64 in datagrams, SoupBinTCP in a stream, without any I/O.

What comes in: datagrams, or bytes of a connection in pieces of any size.
What goes out: messages in their order, each once, as `Itch.feed` takes them; what is to be sent; which are missing.
Why it is shaped so: a datagram may be lost, come twice or late, so messages have numbers and wait for those before them; a
stream loses nothing, but must be logged in to, kept alive, and can be taken up at a number after it broke.

Sources: "MoldUDP64 Protocol Specification" 1.00 and "SoupBinTCP" 3.00, NASDAQ.
Ignores: the re-request server's own address; unsequenced data.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812 - it is an exception
from typing import Final, NamedTuple

from stratofold.adapters.feeds.spoken import garbled
from stratofold.errors import Stop

_MOLD_HEAD: Final = Struct(">10sQH")
_ENDED: Final = 0xFFFF
WAITING_MAX = 100_000  # messages that wait for one before them
REQUEST_MAX = 10_000  # messages that a request may ask for


class Missing(NamedTuple):
    """Messages that were not heard: the first one's number, and how many."""

    first: int
    messages: int


class MoldUdp64:
    """One session's datagrams, of which any may be lost, doubled or late."""

    def __init__(self, session: bytes = b"", following: int = 1) -> None:
        """`session` is taken from the first datagram where it is not said; `following` is the number expected next."""
        self.session = session
        self.following = following
        self.ended = False
        self._told = following  # the number after the last that anybody has spoken of
        self._waiting: dict[int, bytes] = {}

    def take(self, datagram: bytes) -> bytes:
        """The messages that follow on what was had, each with its length before it; raises Retry SF980 for what is none."""
        try:
            session, first, count = _MOLD_HEAD.unpack_from(datagram)
        except StructError as error:
            raise garbled("MoldUDP64", error) from None
        self.session = self.session or session
        if session != self.session:
            raise garbled("MoldUDP64", f"session {session!r} in the place of {self.session!r}")
        if count == _ENDED:
            self.ended = True
            count = 0
        self._expect(first, count)
        at = _MOLD_HEAD.size
        for number in range(first, first + count):
            end = at + 2 + int.from_bytes(datagram[at : at + 2], "big")
            if end > len(datagram):
                raise garbled("MoldUDP64", f"a datagram of {len(datagram)} bytes breaks off in message {number}")
            if number >= self.following:
                self._waiting[number] = datagram[at:end]
            at = end
        if at != len(datagram):
            raise garbled("MoldUDP64", f"{len(datagram) - at} bytes after the last message")
        return self._ready()

    def _expect(self, first: int, count: int) -> None:
        """Note how far the venue is; raises Retry SF980 where so much is missing that nobody can wait for it."""
        if first + count - self.following > WAITING_MAX:
            raise garbled("MoldUDP64", f"message {first} where {self.following} was due: too much is missing")
        self._told = max(self._told, first + count)

    def _ready(self) -> bytes:
        """What has waited long enough."""
        out = []
        while (message := self._waiting.pop(self.following, None)) is not None:
            out.append(message)
            self.following += 1
        return b"".join(out)

    @property
    def missing(self) -> Missing | None:
        """The first stretch that is missing, if later messages, or a heartbeat, say that there is one."""
        if self.following >= self._told:
            return None
        until = min(self._waiting, default=self._told)
        return Missing(self.following, min(until - self.following, REQUEST_MAX))

    def request(self, missing: Missing) -> bytes:
        """What to send to the re-request server; its answer is one more datagram."""
        return _MOLD_HEAD.pack(self.session, missing.first, missing.messages)


class SoupBinTcp:
    """One connection, from its login on; `following` is the number of the next sequenced message."""

    def __init__(self, user: str, password: str, session: str = "", following: int = 1) -> None:
        """`outgoing` begins with the login; `session` is the current one where it is not said."""
        self.session = session
        self.following = following
        self.outgoing = [_packet(b"L", f"{user:<6.6}{password:<10.10}{session:>10.10}{following:>20}".encode())]
        self.ended = False
        self._rest = b""

    def __repr__(self) -> str:
        """Where it is; no password."""
        return f"SoupBinTcp({self.session!r}, {self.following})"

    def beat(self) -> None:
        """Say that we are there: at least once a second while nothing else is sent."""
        self.outgoing.append(_packet(b"R"))

    def feed(self, data: bytes) -> bytes:
        """The sequenced messages that are whole now, each with its length before it.

        Raises Stop SF983 when the login is refused, Retry SF980 for what is no packet.
        """
        data, begin = self._rest + data, 0
        out: list[bytes] = []
        while len(data) - begin >= 2:
            end = begin + 2 + int.from_bytes(data[begin : begin + 2], "big")
            if end == begin + 2:
                raise garbled("SoupBinTCP", "a packet without a type")
            if len(data) < end:
                break
            self._packet(data[begin + 2 : begin + 3], data[begin + 3 : end], out)
            begin = end
        self._rest = data[begin:]
        return b"".join(out)

    def _packet(self, kind: bytes, payload: bytes, out: list[bytes]) -> None:
        """One packet."""
        if kind == b"S":
            self.following += 1
            out.append(len(payload).to_bytes(2, "big") + payload)
        elif kind == b"A":
            self._accepted(payload)
        elif kind == b"J":
            why = "it is not authorised" if payload[:1] == b"A" else "there is no such session"
            raise Stop("SF983", "the login is refused", why=why, fix="check user, password and session")
        elif kind == b"Z":
            self.ended = True
        elif kind not in (b"H", b"+", b"U"):
            raise garbled("SoupBinTCP", f"a packet of type {kind!r}")

    def _accepted(self, payload: bytes) -> None:
        """The session, and which message comes next."""
        text = payload.decode("ascii", "replace")
        number = text[10:].strip(" ")  # of all that counts as blank, the specification pads with spaces
        if len(text) != 30 or not number.isdigit():
            raise garbled("SoupBinTCP", f"accepted with {text[:40]!r}")
        if self.following > 1 and int(number) != self.following:
            raise garbled("SoupBinTCP", f"message {number} comes next where {self.following} was asked for")
        self.session, self.following = text[:10].strip(), int(number)


def _packet(kind: bytes, payload: bytes = b"") -> bytes:
    """A packet: its length, its type, what it carries."""
    return (len(payload) + 1).to_bytes(2, "big") + kind + payload
