"""Between what feeds say and who hears it: words that wait, of which only quotes may be passed over.

What comes in: words, as fast as venues send them.
What goes out: the same in their order; a quote that waits while a newer one of its symbol comes is left out.
Why it is shaped so: an old quote is worth nothing beside a new one, but a trade or a change of a book that is lost is lost;
so those fill a pipe until its connections are made to wait, which makes the venue's socket wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratofold.events import Quote

if TYPE_CHECKING:
    from stratofold.adapters.feeds.spoken import Named
    from stratofold.adapters.ports import Tasks

CALM = 256  # so many may wait before a quote is passed over
DONE_MAX = 4_096


class Nothing:
    """No word: taken already, passed over, or none there."""


NOTHING: Final = Nothing()


class Pipe:
    """Words that wait; None among them says that a connection was opened."""

    def __init__(self, tasks: Tasks, waiting_max: int) -> None:
        """At most about `waiting_max` trades and changes wait before `full` says so."""
        self.closed = False
        self.failure: Exception | None = None
        self.conflated = 0
        self.waiting_max = waiting_max
        self._something, self._room = tasks.signal(), tasks.signal()
        self._is_waited_for = False
        self._cells: list[Named | Nothing | None] = []
        self._next = 0
        self._taken = 0  # cells that are gone from the front of the list
        self._quotes: dict[str, int] = {}
        self.lasting = 0

    def __len__(self) -> int:
        """How many wait, those passed over too."""
        return len(self._cells) - self._next

    @property
    def full(self) -> bool:
        """Whether who puts something in should wait for `room`."""
        return self.lasting >= self.waiting_max and not self.closed

    def put(self, named: Named | None) -> None:
        """One more word."""
        if named is not None and type(named[1]) is Quote:
            self._conflate(named[0])
        else:
            self.lasting += 1
        self._cells.append(named)
        if self._is_waited_for:
            self._is_waited_for = False
            self._something.set()

    def _conflate(self, symbol: str) -> None:
        """A quote comes: the one of its symbol that waits is passed over, if many wait."""
        cells, place = self._cells, self._quotes.get(symbol, -1) - self._taken
        if place >= self._next and len(cells) - self._next > CALM:
            cells[place] = NOTHING
            self.conflated += 1
            if self.conflated % DONE_MAX == 0:
                self._compact()
        self._quotes[symbol] = len(self._cells) + self._taken

    def take(self, most: int) -> list[Named | None]:
        """The next words, at most so many, None for a connection that was opened; who hears thousands a second asks once."""
        cells = self._cells[self._next : self._next + most]
        self._next += len(cells)
        taken = [cell for cell in cells if not isinstance(cell, Nothing)]
        before = self.lasting
        self.lasting -= sum(cell is None or type(cell[1]) is not Quote for cell in taken)
        if before > self.waiting_max // 2 >= self.lasting:
            self._room.set()
        if self._next > DONE_MAX or self._next == len(self._cells):
            self._compact()
        return taken

    def _compact(self) -> None:
        """Forget what was taken and passed over."""
        if self._next == len(self._cells):
            self._taken += self._next
            self._cells.clear()
        else:
            self._cells = [cell for cell in self._cells[self._next :] if cell is not NOTHING]
            self._taken = 0
            pairs = enumerate(self._cells)
            self._quotes = {cell[0]: k for k, cell in pairs if isinstance(cell, tuple) and type(cell[1]) is Quote}
        self._next = 0

    async def wait(self, timeout_seconds: float | None = None) -> bool:
        """Until something comes; False when the time is over."""
        self._is_waited_for = True
        return await self._something.wait(timeout_seconds)

    async def room(self) -> None:
        """Until half of what waited was taken."""
        while self.full:
            await self._room.wait(1.0)

    def fail(self, error: Exception) -> None:
        """Who hears is told this, after what waits."""
        self.failure = self.failure or error
        self._something.set()

    def close(self) -> None:
        """Nobody hears any more."""
        self.closed = True
        self._room.set()
