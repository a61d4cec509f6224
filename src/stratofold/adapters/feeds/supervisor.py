"""One supervisor for every feed of ticks: connections opened, watched and opened again, and one stream of words out of them.

What comes in: a venue's conversation (`session.Venue`), symbols, and the network.
What goes out: words with their symbols; None when a connection was opened; Status GAP when words may be missing, MUTE when
a symbol has said nothing for long, RESTORED when it speaks again.
Why it is shaped so: what goes wrong with a socket is the same at every venue, so it is here once; a venue is only how one
talks to it.  That a socket is dead is seen by its pings, that a symbol is silent by its age.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from stratofold.adapters.feeds.pipe import CALM, Pipe
from stratofold.adapters.feeds.recording import opening
from stratofold.adapters.feeds.spoken import Named, gap_word, status_word
from stratofold.adapters.network.calls import Calls
from stratofold.adapters.network.moments import SECOND_NS
from stratofold.adapters.network.pace import Backoff
from stratofold.adapters.ports import NoAnswer
from stratofold.errors import Retry, Stop
from stratofold.events import MUTE, RESTORED, Status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
    from random import Random

    from stratofold.adapters.feeds.session import Question, Session, Venue
    from stratofold.adapters.ports import Clock, Http, Socket, Sockets, Tasks

MUTE_SECONDS = 30.0
WAITING_MAX = 100_000
BATCH_MAX = CALM  # words taken at once are not conflated any more
PAUSE_SECONDS = 0.5, 30.0  # before a connection is opened again: the least and the most
LOOK_SECONDS = 1.0  # how often ages are looked at
LOOK_NS = int(LOOK_SECONDS * SECOND_NS)


class Supervisor:
    """A venue's stream for any number of symbols; `tap(connection, received, frame)` sees each frame before it is read."""

    def __init__(
        self,
        venue: Venue,
        http: Http,
        sockets: Sockets,
        clock: Clock,
        tasks: Tasks,
        random: Random,
        *,
        mute_seconds: float = MUTE_SECONDS,
        waiting_max: int = WAITING_MAX,
        pauses: tuple[float, float] = PAUSE_SECONDS,
        tap: Callable[[int, int, bytes], None] | None = None,
    ) -> None:
        """Nothing is opened before `stream`."""
        self.venue = venue
        self.sockets = sockets
        self.clock = clock
        self.tasks = tasks
        self.random = random
        self.mute_ns = int(mute_seconds * SECOND_NS)
        self.tap = tap
        self.pauses = pauses
        self.pipe = Pipe(tasks, waiting_max)
        self.calls = Calls(http, clock, random, venue.rest_url, {}, requests_per_minute=venue.requests_per_minute)
        self._connections: list[_Connection] = []

    async def stream(self, symbols: Sequence[str]) -> AsyncIterator[Named | None]:
        """Words as they come, until the caller stops asking; raises Stop when a venue refuses what is asked for."""
        async with aclosing(self.batches(symbols)) as batches:
            async for cells in batches:
                for cell in cells:
                    yield cell

    async def batches(
        self, symbols: Sequence[str], idle_seconds: float | None = None
    ) -> AsyncGenerator[list[Named | None]]:
        """As `stream`, all that waits at once; an empty batch when nothing came for `idle_seconds`."""
        self._open(symbols)
        pipe = self.pipe
        try:
            while True:
                if cells := pipe.take(BATCH_MAX):
                    yield cells
                elif len(pipe):
                    continue  # what was passed over
                elif pipe.failure is not None:
                    raise pipe.failure
                elif not await pipe.wait(idle_seconds):
                    yield []
        finally:
            pipe.close()
            for connection in self._connections:
                await connection.close()

    def _open(self, symbols: Sequence[str]) -> None:
        """As many connections as the symbols want."""
        size = self.venue.symbols_max
        for first in range(0, len(symbols), size):
            connection = _Connection(self, len(self._connections), symbols[first : first + size])
            self._connections.append(connection)
            self.tasks.spawn(f"{self.venue.name} {first // size}", connection.attend())

    def ages(self) -> dict[str, float]:
        """Seconds since each symbol was heard, or since its connection was asked for."""
        now = self.clock.monotonic()
        return {
            symbol: (now - heard) / SECOND_NS
            for connection in self._connections
            for symbol, heard in connection.heard.items()
        }


class _Connection:
    """One socket after another for some of the symbols."""

    def __init__(self, owner: Supervisor, number: int, symbols: Sequence[str]) -> None:
        self.owner = owner
        self.number = number
        self.symbols = symbols
        self.heard = dict.fromkeys(symbols, owner.clock.monotonic())
        self._silent: set[str] = set()  # a GAP or MUTE was said, and nothing since
        self._asked_again: dict[str, int] = {}  # when a mute symbol was last asked for anew
        self._socket: Socket | None = None
        self._session: Session | None = None
        self._looked = owner.clock.monotonic()

    async def close(self) -> None:
        """No more of it."""
        if self._socket is not None:
            await self._socket.close()

    async def attend(self) -> None:
        """Open, hear, and open again after a while that doubles, until nobody hears any more."""
        owner = self.owner
        backoff = Backoff(owner.random, *owner.pauses)
        while not owner.pipe.closed:
            try:
                await self._hear_out(backoff)
            except (NoAnswer, Retry):
                self._lose()
            except Stop as error:
                owner.pipe.fail(error)
                return
            finally:
                self._session = None
                await self.close()
            if not owner.pipe.closed:
                await owner.clock.sleep(backoff.next_seconds())

    async def _hear_out(self, backoff: Backoff) -> None:
        """One socket, to its end."""
        owner, clock, pipe = self.owner, self.owner.clock, self.owner.pipe
        socket = self._socket = await owner.sockets.connect(owner.venue.stream_url, decodes=False)
        session = self._session = owner.venue.session(self.symbols)
        if owner.tap is not None:
            owner.tap(self.number, clock.now(), opening(owner.venue.name, self.symbols))
        await self._send(session, socket)
        pipe.put(None)
        while not pipe.closed:
            frames = await socket.receive_all(LOOK_SECONDS)
            now = clock.monotonic()
            if frames:
                self._take(session, frames, now)
                backoff.reset()
                if session.outgoing or session.questions:
                    await self._send(session, socket)
                if pipe.lasting >= pipe.waiting_max:
                    await pipe.room()
            if not 0 <= now - self._looked < LOOK_NS:
                self._look(now, session)
                await self._send(session, socket)

    async def _send(self, session: Session, socket: Socket) -> None:
        """What the conversation wants said and asked."""
        while session.outgoing:
            await socket.send(session.outgoing.pop(0))
        while session.questions:
            question = session.questions.pop(0)
            self.owner.tasks.spawn(f"snapshot of {question.symbol}", self._ask(session, socket, question))

    def _take(self, session: Session, frames: Sequence[str | bytes], now: int) -> None:
        """Frames that came together: seen by the tap, and their words passed on, those before one that is none too."""
        owner, words = self.owner, list[Named]()
        received = owner.clock.now()
        try:
            for frame in frames:
                data = frame if isinstance(frame, bytes) else frame.encode()
                if owner.tap is not None:
                    owner.tap(self.number, received, data)
                words += session.hear(data, received)
        finally:
            self._pass_on(words, received, now)

    def _pass_on(self, words: list[Named], received: int, now: int) -> None:
        """Words, each after what is to be said of its symbol."""
        put, heard, silent = self.owner.pipe.put, self.heard, self._silent
        for named in words:
            symbol = named[0]
            if symbol in silent and not isinstance(named[1], Status):
                silent.discard(symbol)
                put((symbol, status_word(RESTORED, received)))
            heard[symbol] = now
            put(named)

    async def _ask(self, session: Session, socket: Socket, question: Question) -> None:
        """An answer over HTTP as one more frame; asked again until it comes or the connection is another."""
        backoff = Backoff(self.owner.random, *self.owner.pauses)
        while session is self._session and not self.owner.pipe.closed:
            try:
                body = await self.owner.calls.read(question.path, question.query)
                if body is not None and session is self._session:
                    self._take(session, [session.frame_of(question, body)], self.owner.clock.monotonic())
                    await self._send(session, socket)
                    return
            except (NoAnswer, Retry):
                pass  # as if nothing had come
            except Stop as error:
                self.owner.pipe.fail(error)
                return
            await self.owner.clock.sleep(backoff.next_seconds())

    def _lose(self) -> None:
        """The socket is gone: of every symbol words may be missing from now on."""
        if self.owner.pipe.closed:
            return
        now = self.owner.clock.now()
        for symbol in self.symbols:
            if symbol not in self._silent:
                self._silent.add(symbol)
                self.owner.pipe.put((symbol, gap_word(now)))

    def _look(self, now: int, session: Session) -> None:
        """Say which symbols have been silent for long, each once, and ask for each anew, for as long as it is silent."""
        self._looked = now
        mute_ns = self.owner.mute_ns
        for symbol, heard in self.heard.items():
            if now - max(heard, self._asked_again.get(symbol, heard)) < mute_ns:
                continue
            self._asked_again[symbol] = now
            session.outgoing += session.again(symbol)
            if symbol not in self._silent:
                self._silent.add(symbol)
                self.owner.pipe.put((symbol, status_word(MUTE, self.owner.clock.now())))
