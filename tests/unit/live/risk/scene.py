"""A guard on a book for tests: everything is lifted but what a test states; times are minutes of two short days."""

from array import array
from math import inf, nan

from msgspec.structs import replace

from stratofold.events import Action, Bar, Command, Report, Status
from stratofold.fold.order import CANCEL, GTC, MARKET, REPLACE, SUBMIT
from stratofold.live.risk.bounds import Bounds, DataBounds, ExposureBounds, RateBounds, SessionBounds, StopBounds
from stratofold.live.risk.guard import Guard
from stratofold.live.risk.hours import Hours
from stratofold.live.risk.verdict import Wish, reason_name
from tests.unit.fold.account import Account

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
DAY = 1440 * MINUTE

# Three sessions from minute 570 to 960; the second closes early, at 780.
OPENS = array("q", [570 * MINUTE, DAY + 570 * MINUTE, 2 * DAY + 570 * MINUTE])
CLOSES = array("q", [960 * MINUTE, DAY + 780 * MINUTE, 2 * DAY + 960 * MINUTE])
HOURS = Hours(OPENS, CLOSES)

LIFTED = Bounds(
    DataBounds(inf),
    SessionBounds(inf, inf, 0.0),
    RateBounds(inf, inf, inf),
    StopBounds(inf, inf, inf),
    ExposureBounds(inf, inf, inf, inf),
)


def lifted(**sections):
    """No bound but those stated: `lifted(data={"age_seconds_max": 60.0})`."""
    changed = {
        name: replace(getattr(LIFTED, name), **stated) if isinstance(stated, dict) and name != "symbols" else stated
        for name, stated in sections.items()
    }
    return replace(LIFTED, **changed)


def every_day_from(base, count=130):
    """A session from minute 570 to 960 on each of `count` days."""
    opens, closes = (array("q", [base + k * DAY + minute * MINUTE for k in range(count)]) for minute in (570, 960))
    return Hours(opens, closes)


class Scene:
    """A guard, a book and the last prices; `at` is a minute since the start."""

    def __init__(self, bounds=LIFTED, prices=(100.0, 50.0), cash=100_000.0, at=600, equities=None, start=None, **more):
        self.base = 0 if start is None else (start.toordinal() - 719_163) * DAY
        hours = HOURS if start is None else every_day_from(self.base)
        self.account = Account(*prices, cash=cash, **more)
        self.book = self.account.book
        self.names = [f"S{symbol}" for symbol in range(len(prices))]
        self.guard = Guard(bounds, [hours] * len(prices), self.names, equities or [False] * len(prices))
        self.at(at)

    def at(self, minute):
        """Time passes."""
        self.guard.now = self.book.time = self.base + round(minute * MINUTE)
        return self

    def hold(self, symbol, quantity):
        """A position, bought or sold at the last price, that the guard knows of."""
        self.account.hold(symbol, quantity)
        self.guard.exposure.values.update(symbol, self.book)
        self.guard.regulation.margin.update(symbol, self.book)
        return self

    def work(self, symbol, quantity, limit=nan):
        """An order that works; returns its number."""
        return self.account.work(symbol, quantity, limit)

    def hear(self, event_kind, minute=None, /, **fields):
        """One event, heard by the guard as after the fold; returns what broke."""
        event = event_kind()
        event.time = event.known = self.guard.now if minute is None else self.base + round(minute * MINUTE)
        for name, value in fields.items():
            setattr(event, name, value)
        self.book.time = max(self.book.time, event.time)
        return self.guard.hear(event, self.book)

    def bar(self, symbol, close, minute=None):
        """A bar: the book is marked, then the guard hears."""
        self.book.ledger.mark(symbol, close)
        return self.hear(Bar, minute, symbol=symbol, open=close, high=close, low=close, close=close, volume=1e6)

    def status(self, kind, symbol=-1, minute=None):
        return self.hear(Status, minute, kind=kind, symbol=symbol)

    def command(self, kind, symbol=-1, minute=None):
        return self.hear(Command, minute, kind=kind, symbol=symbol)

    def action(self, kind, value, symbol=-1, minute=None):
        return self.hear(Action, minute, kind=kind, value=value, symbol=symbol)

    def fill(self, symbol, quantity, price=None, minute=None, number=1, kind=3):
        """A fill of signed quantity: the ledger has it, then the guard hears the report (3 is filled, 2 in part)."""
        price = self.book.price(symbol) if price is None else price
        side = 1 if quantity > 0 else -1
        self.book.ledger.fill(symbol, side, abs(quantity), price, 0.0)
        return self.hear(
            Report, minute, kind=kind, number=number, symbol=symbol, side=side, quantity=abs(quantity), price=price
        )

    def ask(self, symbol, quantity, limit=nan, stop=nan, kind=MARKET, tif=GTC, reduces=False, action=SUBMIT):
        """The verdict on a message: None, or (name, limit, observed)."""
        side = 1 if quantity > 0 else -1
        verdict = self.guard.verdict(
            Wish(action, 1, symbol, side, kind, tif, abs(quantity), limit, stop, reduces), self.book
        )
        return None if verdict.allowed else (reason_name(verdict.reason), verdict.limit, verdict.observed)

    def cancel(self, symbol):
        return self.ask(symbol, 1, action=CANCEL)

    def replace(self, symbol, quantity, **more):
        return self.ask(symbol, quantity, action=REPLACE, **more)


def said(breaches):
    """Breaches as (name, symbol, action, limit, observed)."""
    return [(reason_name(b.reason), b.symbol, b.action, b.limit, b.observed) for b in breaches]
