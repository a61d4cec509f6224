"""An account for tests by hand figures: what is held, what works, and a review of what is asked next."""

from array import array
from math import nan

from stratofold.fold.book import Book
from stratofold.fold.ledger import Ledger
from stratofold.fold.log import RefusalLog
from stratofold.fold.order import Contract
from stratofold.fold.risk import REASON_NAMES, Limits, Risk, Unlimited, review

SECOND = 1_000_000_000


def contract(**changed):
    """A share in dollars, some numbers changed."""
    made = Contract()
    for name, value in changed.items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


class Account:
    """A book, its risk and its refusals; prices are the last ones."""

    def __init__(self, *prices, limits=None, contracts=None, cash=100_000.0, scales=(100.0,), rates=()):
        contracts = contracts or [contract() for _ in prices]
        self.book = Book(Ledger(contracts, array("d", scales), cash), 1)
        for currency, rate in enumerate(rates, 1):
            self.book.ledger.rate[currency] = rate
        self.risk = Risk(limits or Unlimited(), len(contracts))
        self.refusals = RefusalLog(1)
        for symbol, price in enumerate(prices):
            self.book.ledger.mark(symbol, price)

    def hold(self, symbol, quantity):
        """A position, bought or sold at the last price."""
        if quantity:
            price = self.book.ledger.holdings[symbol].price
            self.book.ledger.fill(symbol, 1 if quantity > 0 else -1, abs(quantity), price, 0.0)
        return self

    def work(self, symbol, quantity, limit=nan):
        """An order that works, approved by nobody's limits; returns its number."""
        if not quantity:
            return 0
        number = (self.book.buy if quantity > 0 else self.book.sell)(symbol, abs(quantity), limit)
        review(self.book, Risk(Unlimited(), self.book.symbol_count), RefusalLog(1))
        return number

    def ask(self, symbol, quantity, **more):
        """Ask for signed `quantity` and have it reviewed; returns (reason, limit, observed) or None."""
        (self.book.buy if quantity > 0 else self.book.sell)(symbol, abs(quantity), **more)
        return self.review()

    def review(self):
        """Review what was asked; returns the last new refusal, or None."""
        before = self.refusals.count
        review(self.book, self.risk, self.refusals)
        return self.refusal(self.refusals.count - 1) if self.refusals.count > before else None

    def messages(self, action):
        """What leaves for the venue of one kind."""
        return [message for message in self.book.outbox[: self.book.outbox_count] if message.action == action]

    def refusal(self, row):
        """(reason, limit, observed) of one refusal."""
        reason, limit, observed = (self.refusals.column(name)[row] for name in ("reason", "limit", "observed"))
        return REASON_NAMES[reason], limit, observed


def lifted(**stated):
    """No limit but those stated."""
    loose = Unlimited()
    return Limits(**{name: stated.get(name, getattr(loose, name)) for name in Limits.__slots__})
