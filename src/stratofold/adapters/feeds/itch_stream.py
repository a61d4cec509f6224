"""NASDAQ's ITCH as it comes: SoupBinTCP over a connection, MoldUDP64 out of datagrams, to the end of the session.

What comes in: an open way to bytes (`ports.Socket`), a login, a clock.
What goes out: the session's messages, each once and in order, as `Itch.feed` takes them and as a file of ITCH holds them.
Why it is shaped so: a book made of orders is wrong for ever after one message that is missing, so nothing is passed over: a
connection that breaks is taken up at its number, a datagram that is lost is asked for until it comes, and where it cannot
come any more this ends instead of going on.

Sources: as `itch_framing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stratofold.adapters.feeds.itch_framing import MoldUdp64, SoupBinTcp
from stratofold.adapters.feeds.spoken import garbled
from stratofold.adapters.network.moments import SECOND_NS
from stratofold.adapters.network.pace import Backoff
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from random import Random

    from stratofold.adapters.ports import Clock, Socket

BEAT_SECONDS = 1.0  # the protocol's: both ends say something each second
SILENT_SECONDS = 15.0  # the protocol's: then the other end is gone
ASK_SECONDS = 0.05  # before what is missing is asked for again
LOST_SECONDS = 30.0  # what has not come by then does not come


class Login(NamedTuple):
    """Who logs in; `session` is the current one where it is empty, and `following` the first message that is wanted."""

    user: str
    password: str
    session: str = ""
    following: int = 1

    def __repr__(self) -> str:
        """No password."""
        return f"Login({self.user!r}, {self.session!r}, {self.following})"


async def soup_messages(
    connect: Callable[[], Awaitable[Socket]], login: Login, clock: Clock, random: Random
) -> AsyncIterator[bytes]:
    """Messages until the session ends; a connection that breaks is opened again and taken up where it broke.

    Raises Stop SF983 when the login is refused.
    """
    backoff = Backoff(random)
    while True:
        socket: Socket | None = None
        framing = SoupBinTcp(*login)
        try:
            socket = await connect()
            async for messages in _heard(socket, framing, clock):
                backoff.reset()
                yield messages
        except (NoAnswer, Retry):
            login = login._replace(session=framing.session, following=framing.following)
        else:
            return
        finally:
            if socket is not None:
                await socket.close()
        await clock.sleep(backoff.next_seconds())


async def _heard(socket: Socket, framing: SoupBinTcp, clock: Clock) -> AsyncIterator[bytes]:
    """One connection's messages, to the end of the session; raises NoAnswer where nothing comes for long."""
    heard = said = clock.monotonic()
    while not framing.ended:
        if clock.monotonic() - said >= BEAT_SECONDS * SECOND_NS:
            framing.beat()
        while framing.outgoing:
            await socket.send(framing.outgoing.pop(0))
            said = clock.monotonic()
        pieces = await socket.receive_all(BEAT_SECONDS)
        if pieces:
            heard = clock.monotonic()
        elif clock.monotonic() - heard >= SILENT_SECONDS * SECOND_NS:
            raise NoAnswer(f"nothing was said for {SILENT_SECONDS:g} s")
        for piece in pieces:
            if messages := framing.feed(piece if isinstance(piece, bytes) else piece.encode()):
                yield messages


async def mold_messages(socket: Socket, clock: Clock, framing: MoldUdp64 | None = None) -> AsyncIterator[bytes]:
    """Messages until the session ends; what is missing is asked for on the same socket.

    A datagram that is none is not minded, because anybody may send one.  Raises Retry SF980 where what is missing does not
    come, or only others' datagrams do.
    """
    framing = framing or MoldUdp64()
    asked, whole = -LOST_SECONDS * SECOND_NS, clock.monotonic()
    while not framing.ended or framing.missing is not None:
        before, trouble = framing.following, None
        for datagram in await socket.receive_all(ASK_SECONDS):
            try:
                messages = framing.take(datagram if isinstance(datagram, bytes) else datagram.encode())
            except Retry as error:
                trouble = error
                continue
            if messages:
                yield messages
        now, missing = clock.monotonic(), framing.missing
        if framing.following > before or (missing is None and trouble is None):
            whole = now
        elif now - whole >= LOST_SECONDS * SECOND_NS:
            raise trouble or garbled("MoldUDP64", f"message {framing.following} did not come again")
        if missing is not None and now - asked >= ASK_SECONDS * SECOND_NS:
            asked = now
            await socket.send(framing.request(missing))
