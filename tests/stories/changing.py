"""A book that is changed three times, written by whatever release is on the path.

`books/8b00ea2.db.gz` was written with the source of commit 8b00ea2, whose `Tally` kept other sums:

    PYTHONPATH=THAT/src:. python -m tests.stories.changing tests/stories/books/8b00ea2.db.gz
"""

import gzip
import sys
import tempfile
from math import cos, isnan, sin
from pathlib import Path
from types import ModuleType

from msgspec import structs

from stratofold.adapters.embedded.journal import Journal
from stratofold.adapters.ports import AccountLimits
from stratofold.events import ACCEPTED, COMMAND_REDUCE, COMMAND_RESUME, FILLED, Bar, Command, Report
from stratofold.fold.risk import Limits, Unlimited
from stratofold.live.decide import Heard, decide
from stratofold.live.desk import open_desk
from stratofold.live.manifest import AS_IT_WAS, Manifest, code_hash, instrument_rows, source_of
from stratofold.live.open import change, open_book, warm_up
from stratofold.market.instruments import Instrument

DAY_NS = 86_400_000_000_000
OPENED = 16_071 * DAY_NS  # 2014-01-01
SYMBOLS = ("AAPL", "MSFT")
SPEC = "an_idea.py:Idea"

FIRST = '''
from stratofold import Strategy, param
from stratofold.indicators import SMA

class Idea(Strategy):
    """In for a few bars and out again; below the average with a limit that waits."""

    size = param(10.0, low=1.0, high=100.0)

    def setup(self):
        self.age = 0
        self.averages = self.per_symbol(SMA, 5)

    def on_bar(self, bar, book):
        self.age += 1
        average = self.averages[bar.symbol].update(bar.close)
        if self.age % 10 < 2:
            book.buy(bar.symbol, self.size)
        elif self.age % 10 == 5:
            book.buy(bar.symbol, 1.0, limit=bar.close - 20.0)
        elif self.age % 10 > 7 and bar.close > average:
            book.close(bar.symbol)
'''
SECOND = FIRST.replace("% 10 > 7", "% 10 > 6")
THIRD = SECOND.replace("self.age = 0", "self.age = 0\n        self.sum = 0.0").replace(
    "self.age += 1", "self.age += 1\n        self.sum += bar.close"
)
FOURTH = THIRD.replace("SMA, 5", "SMA, 8")
BARS = 30  # before each change
CHANGES = [(SECOND, {"size": 20.0}, "keep"), (THIRD, {"size": 20.0}, "migrate"), (FOURTH, {"size": 7.0}, "rebuild")]


def strategy(source):
    """The class of a source, in a module of its own."""
    module = ModuleType(f"idea_{abs(hash(source))}")
    setattr(module, AS_IT_WAS, source)
    sys.modules[module.__name__] = module
    exec(source, vars(module))  # noqa: S102  the code above
    return module.Idea


def bar(number):
    """The bars of a day, one symbol after the other."""
    made = Bar()
    made.time = made.known = OPENED + (number // 2 + 1) * DAY_NS
    made.symbol, made.span, made.volume = number % 2, DAY_NS, 1e6
    made.open = made.high = made.low = made.close = round(100.0 + 9.0 * sin(number) + 5.0 * cos(number / 7.0), 2)
    return made


def answers(time, messages, price):
    """The venue takes every order, and fills those without a limit."""
    for _, number, symbol, side, _, _, quantity, limit, *_ in messages:
        for kind in (ACCEPTED, FILLED) if isnan(limit) else (ACCEPTED,):
            made = Report()
            made.kind, made.time, made.known = kind, time + kind + 1, time + kind + 1
            made.number, made.symbol, made.side = number, symbol, side
            if kind == FILLED:
                made.quantity, made.price, made.fee = quantity, price, 0.35
            yield made


def said(kind, time):
    """The operator's word."""
    made = Command()
    made.kind, made.time, made.known = kind, time, time
    return made


def hear(desk, numbers):
    """Bars, each with what the venue says to what it led to, and the operator's word amid them."""
    for number in numbers:
        heard = bar(number)
        steps = decide(desk, [Heard(heard)], heard.time, claim=False).steps
        for report in [one for step in steps for one in answers(heard.time, step.messages, heard.close)]:
            decide(desk, [Heard(report)], report.time, claim=False)
        if number % 16 == 9:
            for kind in (COMMAND_REDUCE, COMMAND_RESUME):
                decide(desk, [Heard(said(kind, heard.time + 9))], heard.time, claim=False)


def manifest(code):
    """How it is opened."""
    limits = {name: getattr(Unlimited(), name) for name in Limits.__slots__}
    return Manifest(
        book="idea", account="account", generation="g1", strategy=SPEC, parameters={}, calendar="24/7", currency="USD",
        instruments=instrument_rows([Instrument(name, price_decimals=2, quantity_decimals=0) for name in SYMBOLS]),
        capital=100_000.0, limits=limits, span_ns=DAY_NS, opened=OPENED, code=code, risk_free=0.02,
    )  # fmt: skip


def write(path, changes=CHANGES, left=7):
    """The book in a journal at `path`: warmed, some bars before each change, `left` after the last, a snapshot amid them."""
    journal = Journal(path)
    journal.limit("account", AccountLimits(1e12, 10_000, 1e12, 100_000, self_match=True))
    first = strategy(FIRST)
    open_book(journal, manifest(code_hash(first)), OPENED, source_of(first))
    desk = open_desk(journal, "idea", first, "test", OPENED)
    warm_up(desk, map(bar, range(12)), OPENED)
    at = 12
    for source, parameters, chosen in changes:
        hear(desk, range(at, at + BARS))
        at += BARS
        instead = strategy(source)
        new = structs.replace(desk.manifest, code=code_hash(instead), parameters=parameters)
        desk = change(desk, new, instead, chosen, bar(at).time)
    if left:
        hear(desk, range(at, at + left))
        decide(desk, [Heard(bar(at + left))], bar(at + left).time, claim=False, at_rest=True)
        hear(desk, range(at + left + 1, at + 2 * left))
    return journal, desk


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "journal.db")[0].close()
        Path(sys.argv[1]).write_bytes(gzip.compress((Path(folder) / "journal.db").read_bytes(), mtime=0))
