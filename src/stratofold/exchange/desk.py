"""One account's engine: the fold of a simulation with nobody's strategy in it, and an ear for what happens.

What comes in: a market's feed, and words on the book.  What goes out: fills and ends of orders, in the order in which
they happened.
Why it is shaped so: `fold/run.py` drives it, the same that drives a backtest, so venue, ledgers, sessions, splits and
dividends cannot differ from one; what is heard is read off the hook and the logs that every run has.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from stratofold.events import HALT, RESUME, Fill
from stratofold.exchange.ticks import TickMarket
from stratofold.fold.book import Book
from stratofold.fold.costs import Fees, Latency, Slippage
from stratofold.fold.desk import Costs
from stratofold.fold.drive import driver_of
from stratofold.fold.engine import HEARS_FILL, Engine
from stratofold.fold.ledger import Ledger
from stratofold.fold.lifecycle import DONE_EXPIRED, DONE_FILLED
from stratofold.fold.log import Logs, OrderLog
from stratofold.fold.passing import arrive, deliver
from stratofold.fold.risk import Risk, Unlimited
from stratofold.fold.run import DONE
from stratofold.fold.sparse import hear_status
from stratofold.fold.step import decide
from stratofold.fold.strategy import Strategy
from stratofold.fold.tally import Tally
from stratofold.fold.ticks.book import TickBook
from stratofold.fold.ticks.engine import TickEngine
from stratofold.fold.ticks.queue import queue_of
from stratofold.fold.ticks.run import arrive_until
from stratofold.fold.ticks.venue import TickVenue
from stratofold.fold.venue import Venue
from stratofold.market.contracts import contracts_of, sessions_of
from stratofold.market.instruments import currency_decimals
from stratofold.owning import own_fees, own_slippage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stratofold.exchange.market import Market
    from stratofold.fold.order import Order

_ROWS = 64


@dataclass(frozen=True, slots=True)
class Terms:
    """What an account has and what trading costs it; money in the base currency."""

    cash: float = 100_000.0
    base: str = "USD"
    fees: Fees | None = None
    slippage: Slippage | None = None
    volume_cap: float = inf
    borrow_rate: float = 0.0


class Filled(NamedTuple):
    """A fill that was heard; number 0 is the broker's own doing (a margin call, a delisting)."""

    number: int
    symbol: int
    side: int
    quantity: float
    price: float
    fee: float
    position: float
    last: bool
    time: int


class Ended(NamedTuple):
    """An order that ended without being filled."""

    number: int
    expired: bool


Happening = Filled | Ended


class Ear(Strategy):
    """The strategy of an account here: it wants nothing and hears every fill."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        super().__init__()
        self._edge_listener: Callable[[Fill, Book], None] | None = None

    def on_fill(self, fill: Fill, book: Book) -> None:
        """Pass it on."""
        if self._edge_listener is not None:
            self._edge_listener(fill, book)


class Desk:
    """An engine over a market, from the market's first moment on."""

    def __init__(self, market: Market, terms: Terms) -> None:
        """Nothing held, nothing working; last prices are those of the history."""
        self.market = market
        self.happened: list[Happening] = []
        self.equity: list[tuple[int, float]] = []
        self.ear = Ear()
        self.ear._edge_listener = self._hear_fill  # noqa: SLF001  the edge's own attribute
        self.engine = _engine(market, terms)
        self._hear = driver_of(market.feed)
        self._lead_in()

    @property
    def book(self) -> Book:
        """The account's book: cash, positions, what works."""
        return self.engine.book

    def _lead_in(self) -> None:
        """Begin where the replay begins: last prices, last bars and the session as the history leaves them."""
        engine, market = self.engine, self.market
        engine.bar_index, engine.event_index = market.first
        engine.tally.bar_count = engine.bar_index
        for handle, place in enumerate(engine.venue.places):
            row = _last_before(market, handle, engine.bar_index)
            if row >= 0 and not isinstance(market, TickMarket):
                place.last_time = market.feed.time[row]
                place.price = market.feed.close[row]
                engine.book.ledger.mark(handle, place.price)
        if engine.bar_index > 0:
            engine.book.time = market.feed.time[engine.bar_index - 1]
            engine.sessions.advance(engine.book.time)
            engine.tally.begin(engine.book.time)

    # Time.

    def catch_up(self) -> list[Happening]:
        """Hear everything that the market has released; returns what happened."""
        engine = self.engine
        target = self.market.bar_index + self.market.event_index
        while engine.done < target:
            if self._hear(engine, self.ear, self.market.feed, engine.done + 1) != DONE:
                for log in (engine.logs.fills, engine.logs.orders, engine.logs.trades, engine.logs.equity):
                    log.make_room()
            self._read_ends()
        return self._taken()

    @contextmanager
    def filling_at_most(self, share: float) -> Iterator[None]:
        """For the bars inside, no more than `share` of what works of the last released symbol, and at least a lot."""
        costs, cap = self.engine.venue.costs, self.engine.venue.costs.volume_cap
        if share < inf:
            row = self.market.bar_index - 1
            handle, volume = self.market.symbol_of[row], self.market.feed.volume[row]
            works = sum(order.remaining for order in self.engine.venue.orders if order.symbol == handle)
            lot = self.book.ledger.contracts[handle].lot
            costs.volume_cap = min(cap, max(works * share, lot) / volume) if volume > 0.0 else cap
        try:
            yield
        finally:
            costs.volume_cap = cap

    def arrive(self, time: int) -> list[Happening]:
        """Time has come to `time` without a bar: a day order may be over."""
        if time > self.book.time:
            if isinstance(self.engine, TickEngine):
                arrive_until(self.engine, self.ear, time)
            arrive(self.engine, self.ear, time)
            self.book.time = time
            self.engine.venue.time = time
        return self._settle()

    def halt(self, handle: int, halted: bool) -> None:
        """A symbol stops or resumes trading."""
        hear_status(self.engine, HALT if halted else RESUME, handle)

    # Words.

    def send(self) -> list[Happening]:
        """Hand what was said on the book to the venue, as of the book's time; returns what happened at once."""
        decide(self.engine)
        deliver(self.engine, self.ear)
        return self._settle()

    def order(self, number: int) -> Order | None:
        """The working order of a number."""
        place = self.book.orders.index(number)
        return self.book.orders[place] if place >= 0 else None

    # What is heard.

    def _hear_fill(self, fill: Fill, book: Book) -> None:
        """A fill; what ended before it is noted first."""
        self._read_ends()
        last = book.orders.index(fill.number) < 0
        self.happened.append(
            Filled(
                fill.number,
                fill.symbol,
                fill.side,
                fill.quantity,
                fill.price,
                fill.fee,
                book.position(fill.symbol),
                last,
                fill.time,
            )
        )

    def _read_ends(self) -> None:
        """Take the rows of finished orders off the log; a filled one was heard as a fill."""
        log = self.engine.logs.orders
        width = len(OrderLog.WHOLES)
        for row in range(log.count):
            number, state = log.wholes[row * width], log.wholes[row * width + OrderLog.WHOLES.index("state")]
            if state != DONE_FILLED:
                self.happened.append(Ended(number, expired=state == DONE_EXPIRED))
        log.count = 0

    def _settle(self) -> list[Happening]:
        """Read the logs after something was done outside the driver."""
        self._read_ends()
        return self._taken()

    def _taken(self) -> list[Happening]:
        """What happened since last asked; the other logs are emptied, the equity of each session kept."""
        logs = self.engine.logs
        if logs.equity.count:
            self.equity += zip(logs.equity.column("time"), logs.equity.column("equity"), strict=True)  # type: ignore[arg-type]
        for log in (logs.fills, logs.trades, logs.refusals, logs.equity):
            log.count = 0
        happened, self.happened = self.happened, []
        return happened


def _last_before(market: Market, handle: int, row: int) -> int:
    """The last row of a symbol before `row`, -1 for none."""
    count = bisect_left(market.rows[handle], row)
    return market.rows[handle][count - 1] if count else -1


def _engine(market: Market, terms: Terms) -> Engine:
    """Book, venue and ledgers of an account; its review lets everything pass, because the API has spoken before."""
    currencies = [terms.base, *(name for name in market.currencies if name != terms.base)]
    scales = array("d", [10.0 ** currency_decimals(name) for name in currencies])

    def ledger() -> Ledger:
        return Ledger(contracts_of(market.instruments, currencies, terms.borrow_rate), scales, terms.cash)

    costs = Costs(own_fees(terms.fees), own_slippage(terms.slippage), Latency(), terms.volume_cap)
    book = Book(ledger())
    tally = Tally(len(market.symbols), book.ledger.equity_steps, array("d", [0.0]))
    risk, sessions, logs = Risk(Unlimited(), len(market.symbols)), sessions_of(market.sessions), Logs(_ROWS, _ROWS)
    if isinstance(market, TickMarket):
        on_ticks, venue = TickBook(ledger(), market.ladders()), TickVenue(ledger(), costs, queue_of("back"), _ROWS)
        return TickEngine(on_ticks, risk, venue, tally, sessions, logs, HEARS_FILL)
    return Engine(book, risk, Venue(ledger(), costs), tally, sessions, logs, HEARS_FILL)
