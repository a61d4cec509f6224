"""The foreman: gives pieces of work to a crew until every cell is back, whoever dies meanwhile.

What comes in: a crew (processes here, functions in a cloud, or simulated ones) and work.  What goes out: pieces with their
cells, each once, in any order.
Why so: no engine for functions sends copies of what is late or finds the one cell that kills its worker, so it is done
here, for all of them alike.  A piece that is lost is sent again; one that is lost again is cut in halves until the cell
that does it is alone, and that one has failed.  When nothing has come for twice as long as a piece takes, what is missing
is sent a second time, and the first answer counts; when nothing comes of that either, it is lost.
What is sent again is paid again, so it is asked for each time whether there is money for it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from math import nan
from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stratofold.errors import Stop
from stratofold.research.sweep.cells import Cells
from stratofold.research.sweep.columns import STATISTICS
from stratofold.research.sweep.executors.windows import chains_of
from stratofold.research.sweep.executors.work import DIED, Kind, by_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratofold.research.sweep.executors.windows import Chain
    from stratofold.research.sweep.executors.work import Plan, Work
    from stratofold.research.sweep.place import Place

TRIES = 2  # of a piece, before it is cut
PILOT = 5  # cells of each strategy: they say how long a bar takes
_LATE_TIMES = 2.0  # a piece's usual seconds since the last answer: what is missing is late
_FEW = 0.05  # of the pieces: so few are late soon, more only when an engine may be supposed to be up
_LATE_SECONDS_MIN, _LATE_SECONDS_MIN_OF_MANY = 2.0, 15.0
_WAIT_SECONDS = 1.0


class Heard(NamedTuple):
    """What came of a piece, by its number: its cells and how long they took, or None where its worker died."""

    number: int
    cells: Cells | None
    seconds: float = 0.0


class Crew(Protocol):
    """Workers somewhere; `plan` is how work is cut for them.

    `shares_fate` where the death of one takes along what the others were at: then what was lost twice is tried alone.
    """

    plan: Plan
    shares_fate: bool

    def begin(self, places: Sequence[Place], work: Sequence[Work]) -> None:
        """Bring what the work needs to where the workers are."""

    def found(self, work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """What is finished already, by whoever worked at it before."""

    def under_way(self, work: Sequence[Work]) -> list[Work]:
        """What somebody may be at who was asked by a driver that was killed."""

    def await_(self, pieces: Mapping[int, Work]) -> None:
        """These are under way already, and are to be heard of."""

    def afford(self, pieces: int, seconds: float) -> None:
        """Raise Stop where so many pieces, of so many seconds together, would cost more than they may.

        They are all that nothing was heard of yet, and what is to be sent.
        """

    def send(self, pieces: Mapping[int, Work]) -> None:
        """Have pieces done, by their numbers; a number that was sent already is to be done once more."""

    def heard(self, seconds: float) -> Iterator[Heard]:
        """What came back since the last call, waiting so long for the first."""

    def end(self) -> None:
        """Nothing more is wanted."""


class Foreman:
    """Drives one crew through one list of work."""

    def __init__(self, crew: Crew, places: Sequence[Place], now: Callable[[], float] = time.monotonic) -> None:
        """`now` is what time it is, in seconds."""
        self._crew = crew
        self._places = places
        self._now = now
        self._count = 0  # numbers given
        self._waiting: dict[int, Work] = {}
        self._alone: dict[int, Work] = {}  # to be tried when nobody else is at anything
        self._tries: dict[int, int] = {}
        self._again: list[int] = []  # to be sent once more, all of them together
        self._copied: set[int] = set()
        self._chains: dict[int, Chain] = {}  # by the identity of the window that is waited for
        self._sent: dict[int, int] = {}  # how often each was sent since something was heard of it
        self._taken: list[float] = []
        self._rates: dict[Kind, float] = {}  # seconds a bar
        self._last = 0.0  # when something came or was sent

    def run(self, work: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """Everything, in pieces: what is there or under way already, a few cells of each kind, the rest.

        Raises Setup SFS60 where a cell would take longer than a worker has, and what the crew raises.
        """
        self._crew.begin(self._places, work)
        try:
            done: dict[int, set[str]] = {}
            for piece, cells in self._crew.found(work):
                self._strike(done, piece)
                yield piece, cells
            self._inherit(self._without(work, done), done)
            groups = by_kind(self._places, self._without(work, done))
            yield from self._all([group[0].part(0, PILOT) for group in groups.values()])
            pieces = [piece for kind, group in groups.items() for piece in self._cut(kind, group)]
            yield from self._all(pieces)
        finally:
            self._crew.end()

    def _strike(self, done: dict[int, set[str]], piece: Work) -> None:
        """This piece is no longer to be asked for."""
        done.setdefault(piece.place, set()).update(self._places[piece.place].keys(piece.sets))

    def _inherit(self, work: Sequence[Work], done: dict[int, set[str]]) -> None:
        """Wait, beside the first cells, for what a killed driver has sent."""
        pieces = self._crew.under_way(work)
        self._crew.await_({self._numbered(piece): piece for piece in pieces})
        for piece in pieces:
            self._strike(done, piece)
        self._last = self._now()

    def _without(self, work: Sequence[Work], done: Mapping[int, set[str]]) -> list[Work]:
        """The work without what is done of it."""
        return [rest for whole in work if (rest := self._rest(whole, done)).sets]

    def _rest(self, whole: Work, done: Mapping[int, set[str]]) -> Work:
        """Some work without what is done of it."""
        known = done.get(whole.place)
        if not known:
            return whole
        names = self._places[whole.place].keys(whole.sets)
        return whole.some([row for row, name in enumerate(names) if name not in known])

    def _cut(self, kind: Kind, group: Sequence[Work]) -> list[Work]:
        """The pieces of one kind of work behind its first; raises what `Plan.cut` raises."""
        rest = [group[0].part(PILOT, len(group[0].sets)), *group[1:]]
        rest = [whole for whole in rest if whole.sets]
        plan = self._crew.plan
        bars = sum(map(self._bars, rest))
        rate = self._rates.setdefault(kind, plan.seconds_max / max(bars, 1))
        chains = self._chained(rest, rate)
        whole_cells = [whole for whole in rest if not any(chain.whole.place == whole.place for chain in chains)]
        pieces = plan.cut(self._places, whole_cells, rate)
        firsts = [chain.first for chain in chains]
        self._chains |= {id(first): chain for first, chain in zip(firsts, chains, strict=True)}
        return [*pieces, *firsts]

    def _bars(self, piece: Work) -> int:
        """How many bars all cells of a piece have together."""
        return len(piece.sets) * len(self._places[piece.place].market)

    def _kind(self, piece: Work) -> Kind:
        """Which cells take as long a bar; the windows of a chain are of the kind of its whole."""
        chain = self._chains.get(id(piece))
        return Kind.of(self._places, piece if chain is None else chain.whole)

    def _afford(self, numbers: Sequence[int]) -> None:
        """Raise Stop where what is under way and these together would cost more than they may."""
        counts = {number: count for number, count in self._sent.items() if number in self._waiting}
        for number in numbers:
            counts[number] = counts.get(number, 0) + 1
        pieces, seconds = 0, 0.0
        for number, count in counts.items():
            piece = self._waiting[number]
            chain = self._chains.get(id(piece))
            part, windows = (1.0, 1.0) if chain is None else (chain.left, chain.left * len(chain))
            pieces += count * round(windows)
            seconds += count * part * self._rates.get(self._kind(piece), 0.0) * self._bars(piece)
        self._crew.afford(pieces, seconds)

    def _chained(self, rest: Sequence[Work], rate: float) -> list[Chain]:
        """What takes longer than a piece may, cell by cell in windows."""
        plan, found = self._crew.plan, []
        for whole in rest:
            place = self._places[whole.place]
            seconds = rate * len(place.market)
            if seconds > plan.limit:
                found += chains_of(place, whole, seconds, min(plan.seconds_max, plan.limit))
        return found

    def _all(self, pieces: Sequence[Work]) -> Iterator[tuple[Work, Cells]]:
        """These pieces, until each is back or its worst cell is found."""
        numbers = [self._numbered(piece) for piece in pieces]
        self._give(numbers)
        while self._waiting or self._alone:
            if not self._waiting:
                number = next(iter(self._alone))
                self._waiting[number] = self._alone.pop(number)
                self._give([number])
            for number, cells, seconds in self._crew.heard(_WAIT_SECONDS):
                if number not in self._waiting:
                    continue  # its copy was sooner
                self._last = self._now()
                self._sent.pop(number, None)
                if cells is None:
                    yield from self._lost(number)
                else:
                    yield from self._back(number, cells, seconds)
            yield from self._heed_silence(len(pieces))
            again, self._again = self._again, []
            self._give(again)

    def _numbered(self, piece: Work, tries: int = 0) -> int:
        """A number for a piece, which waits from now on."""
        number, self._count = self._count, self._count + 1
        self._waiting[number], self._tries[number] = piece, tries
        return number

    def _give(self, numbers: Sequence[int]) -> None:
        """Have the crew do what waits under these numbers."""
        if numbers:
            self._afford(numbers)
            self._last = self._now()
            for number in numbers:
                self._sent[number] = self._sent.get(number, 0) + 1
            self._crew.send({number: self._waiting[number] for number in numbers})

    def _back(self, number: int, cells: Cells, seconds: float) -> Iterator[tuple[Work, Cells]]:
        """A piece that is done, and what it says of how long a bar takes; or a window of one, and the next is asked for."""
        piece = self._waiting.pop(number)
        self._taken.append(seconds)
        chain = self._chains.pop(id(piece), None)
        if chain is None:
            self._rates[self._kind(piece)] = seconds / max(self._bars(piece), 1)
            yield piece, cells
            return
        further = chain.after(cells)
        if further is None:
            yield chain.whole, cells
            return
        self._chains[id(further)] = chain
        self._again.append(self._numbered(further))

    def _lost(self, number: int) -> Iterator[tuple[Work, Cells]]:
        """Send it again, try it alone, cut it in halves, or say that its one cell has failed."""
        self._tries[number] += 1
        if self._tries[number] < TRIES:
            self._again.append(number)
            return
        piece = self._waiting.pop(number)
        if self._crew.shares_fate and self._tries[number] == TRIES:
            self._alone[number] = piece
        elif len(piece.sets) > 1:
            self._halve(piece)
        else:
            chain = self._chains.pop(id(piece), None)
            yield piece if chain is None else chain.whole, failed(DIED)

    def _halve(self, piece: Work) -> None:
        """Each half gets one more try; alone where that is the only way to tell who did it."""
        numbers = [self._numbered(half, TRIES - 1) for half in piece.halves()]
        if self._crew.shares_fate:
            for number in numbers:
                self._tries[number] = TRIES
                self._alone[number] = self._waiting.pop(number)
        else:
            self._again += numbers

    def _heed_silence(self, total: int) -> Iterator[tuple[Work, Cells]]:
        """Send copies of what is late, where there is money, and then give it up.

        Processes of one machine say themselves that they died.
        """
        if self._crew.shares_fate or not self._waiting or self._now() - self._last < self._patience(total):
            return
        late = [number for number in self._waiting if number not in self._copied]
        for number in set(self._waiting) - set(late):
            yield from self._lost(number)
        self._copied.update(late)
        with suppress(Stop):
            self._afford([*self._again, *late])
            self._again += late
            return
        self._last = self._now()  # no copies then: they have as long again

    def _patience(self, total: int) -> float:
        """How many seconds may pass without an answer; before the first, as many as a worker has, or a piece that others sent."""
        plan = self._crew.plan
        if not self._taken:
            return plan.limit_seconds if self._sent else min(_LATE_TIMES * plan.seconds_max, plan.limit_seconds)
        least = _LATE_SECONDS_MIN if len(self._waiting) <= max(_FEW * total, 1.0) else _LATE_SECONDS_MIN_OF_MANY
        return max(_LATE_TIMES * median(self._taken), least)


def failed(why: str) -> Cells:
    """One cell that has failed."""
    return Cells({name: [nan] for name in STATISTICS}, [why], states=[b""])
