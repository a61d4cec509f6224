"""The stops: what may be lost of the peak, of a day and of an entry, before nothing more is opened.

What comes in: equity when a moment is complete, money that is paid in or out, prices.  What goes out: breaches, and
verdicts until the stop is lifted.
Why it is shaped so: a stop that forgets on a restart is none, so all of it is numbers in the book's state, and the
price levels follow the position's average price, which the ledger keeps over splits.

Sources: SEC Rule 15c3-5(c)(1)(i), pre-set credit and capital thresholds in the aggregate; FINRA Regulatory Notice 15-09.
"""

from __future__ import annotations

from array import array
from math import isnan, nan
from typing import TYPE_CHECKING

from stratofold.events import COMMAND_RESUME, Bar, Command, Event, Quote, Trade
from stratofold.live.risk.gates import named
from stratofold.live.risk.verdict import (
    ALLOWED,
    DAILY_LOSS,
    DRAWDOWN,
    FLATTEN,
    NOTE,
    STOP_LOSS,
    TAKE_PROFIT,
    Breach,
    Verdict,
    Wish,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratofold.fold.book import Book
    from stratofold.live.risk.bounds import StopBounds
    from stratofold.live.risk.hours import Hours


class EquityStops:
    """Drawdown from the highest equity, and loss since the session began; money paid in or out is neither.

    The drawdown stop holds until a person resumes, who accepts the equity of that moment as the new peak; the daily
    one until the next session, or likewise.
    """

    CONTENT = ("bounds",)
    __slots__ = ("bounds", "daily_tripped", "drawdown_tripped", "equity", "peak", "session", "start")

    def __init__(self, bounds: StopBounds) -> None:
        """No equity is known."""
        self.bounds = bounds
        self.equity: float = nan
        self.peak: float = nan
        self.start: float = nan
        self.session: int = -1
        self.drawdown_tripped: bool = False
        self.daily_tripped: bool = False

    def turn(self, session: int) -> None:
        """Another session has begun: its losses count from the last equity known."""
        if session > self.session:
            self.session = session
            self.start = self.equity
            self.daily_tripped = False

    def paid(self, amount: float) -> None:
        """Money of the base currency came in (negative: went out)."""
        self.equity += amount
        self.peak += amount
        self.start += amount

    def resume(self) -> None:
        """A person accepts what was lost, by the stops that have tripped; the others remember."""
        self.peak = self.equity if self.drawdown_tripped else self.peak
        self.start = self.equity if self.daily_tripped else self.start
        self.drawdown_tripped = self.daily_tripped = False

    def judge(self, equity: float, time: int) -> list[Breach]:
        """Equity at a complete moment; returns the stops that it trips."""
        self.equity = equity
        self.peak = equity if isnan(self.peak) else max(self.peak, equity)
        self.start = equity if isnan(self.start) else self.start
        breaches = []
        if not self.drawdown_tripped and self.drawdown > self.bounds.drawdown_max:
            self.drawdown_tripped = True
            breaches.append(Breach(DRAWDOWN, -1, self.bounds.action, self.bounds.drawdown_max, self.drawdown, time))
        if not self.daily_tripped and self.loss > self.loss_max:
            self.daily_tripped = True
            breaches.append(Breach(DAILY_LOSS, -1, self.bounds.action, self.loss_max, self.loss, time))
        return breaches

    @property
    def drawdown(self) -> float:
        """The fraction of the peak that is lost; 0 before the first equity."""
        return 0.0 if isnan(self.peak) or self.peak <= 0.0 else 1.0 - self.equity / self.peak

    @property
    def loss(self) -> float:
        """What the session has lost so far, in money."""
        return self.start - self.equity

    @property
    def loss_max(self) -> float:
        """What the session may lose: the smaller of the amount and the fraction of its start."""
        return min(self.bounds.daily_loss_max, self.bounds.daily_loss_fraction_max * max(self.start, 0.0))

    def verdict(self) -> Verdict:
        """Refuses what opens while a stop holds, unless it is only to be noted."""
        if self.bounds.action == NOTE:
            return ALLOWED
        if self.drawdown_tripped:
            return refused(DRAWDOWN, self.bounds.drawdown_max, self.drawdown)
        return refused(DAILY_LOSS, self.loss_max, self.loss) if self.daily_tripped else ALLOWED


class PriceStops:
    """A position whose price has gone so far from its average price is closed.

    A long is judged by the bid and a short by the offer where there are quotes, else by the trade or the close.  What
    was closed so is not opened again in the same session.
    """

    CONTENT = ("hours", "stop_loss", "take_profit")
    __slots__ = ("closed_in", "hours", "stop_loss", "take_profit")

    def __init__(self, stop_loss: Sequence[float], take_profit: Sequence[float], hours: Sequence[Hours]) -> None:
        """Fractions of the average price, infinite for none; all are by symbol handle."""
        self.stop_loss = stop_loss
        self.take_profit = take_profit
        self.hours = hours
        self.closed_in = array("q", [-1]) * len(hours)

    def hear(self, event: Event, book: Book) -> list[Breach]:
        """A price may break a level; a resume lets the instrument be opened again."""
        if isinstance(event, (Bar, Quote, Trade)):
            return self._judge(event, book)
        if isinstance(event, Command) and event.kind == COMMAND_RESUME:
            for symbol in named(event.symbol, len(self.closed_in)):
                self.closed_in[symbol] = -1
        return []

    def _judge(self, event: Bar | Quote | Trade, book: Book) -> list[Breach]:
        """One price against the levels of its position, unless it is being closed in this session already."""
        symbol = event.symbol
        held = book.ledger.holdings[symbol].quantity
        if held == 0.0 or self.closed_in[symbol] == self.hours[symbol].session(event.time):
            return []
        side = 1.0 if held > 0.0 else -1.0
        price = _exit_price(event, side)
        stop, profit = self.levels(symbol, book)
        if side * (price - stop) <= 0.0:
            return [self._broken(STOP_LOSS, symbol, stop, price, event.time)]
        if side * (price - profit) >= 0.0:
            return [self._broken(TAKE_PROFIT, symbol, profit, price, event.time)]
        return []

    def _broken(self, reason: int, symbol: int, level: float, price: float, time: int) -> Breach:
        """A level is reached: the position goes, for this session."""
        self.closed_in[symbol] = self.hours[symbol].session(time)
        return Breach(reason, symbol, FLATTEN, level, price, time)

    def levels(self, symbol: int, book: Book) -> tuple[float, float]:
        """The prices at which the position is closed, in loss and in profit; infinitely far where there is none."""
        holding = book.ledger.holdings[symbol]
        side = 1.0 if holding.quantity > 0.0 else -1.0
        price = holding.average_price
        return price * (1.0 - side * self.stop_loss[symbol]), price * (1.0 + side * self.take_profit[symbol])

    def verdict(self, now: int, wish: Wish) -> Verdict:
        """Refuses to open again, in the same session, what a level has closed."""
        symbol = wish.symbol
        closed_in = self.closed_in[symbol]
        if closed_in < 0 or closed_in != self.hours[symbol].session(now):
            return ALLOWED
        return refused(STOP_LOSS, 0.0, 1.0)


def _exit_price(event: Bar | Quote | Trade, side: float) -> float:
    """What a position on `side` would be closed at."""
    if isinstance(event, Quote):
        return event.bid if side > 0.0 else event.ask
    return event.price if isinstance(event, Trade) else event.close
