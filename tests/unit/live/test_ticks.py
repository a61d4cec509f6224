"""Ticks in a live fold: what a strategy sees of the market is what a backtest of the same ticks shows it, to the last bit."""

from __future__ import annotations

from random import Random

import pytest

from stratofold import Strategy
from stratofold.events import GAP, Depth, Quote, Status, Trade
from stratofold.fold.engine import Feed
from stratofold.fold.state import save
from stratofold.fold.ticks.engine import DEPTH, LAST, QUOTE, SNAPSHOT
from stratofold.live import ticks as live_ticks
from stratofold.live.manifest import Manifest, build_fold, instrument_rows
from stratofold.live.steps import event_in, step_body
from stratofold.live.ticks import LiveLadder
from stratofold.research.execute import rest
from stratofold.research.prepare import Options, prepare
from stratofold.wire import pack
from tests.live_tools import UNLIMITED
from tests.tick_market import XYZ, made

KINDS = ("quotes", "trades", "depth")


class Sees(Strategy):
    """Adds up all that it is shown, so that nothing can be another and the sum be the same; orders nothing."""

    def setup(self) -> None:
        self.total = 0.0
        self.calls = 0

    def note(self, value: float) -> None:
        self.calls += 1
        if value == value:
            self.total = self.total * 0.9375 + value * self.calls % 1_000_003.0

    def look(self, symbol, book) -> None:
        self.note(book.bid(symbol))
        self.note(book.ask(symbol) - book.bid_size(symbol))
        self.note(book.mid(symbol) + book.ask_size(symbol))
        self.note(book.size_at(symbol, 1, 99.98) - book.size_at(symbol, -1, 100.03))
        self.note(book.price(symbol))
        self.note(book.equity)

    def on_quote(self, quote, book) -> None:
        self.note(quote.bid + quote.ask_size + quote.time % 1_000_000.0)
        self.look(quote.symbol, book)

    def on_trade(self, trade, book) -> None:
        self.note(trade.price * trade.size * trade.aggressor)
        self.look(trade.symbol, book)

    def on_depth(self, depth, book) -> None:
        self.note(
            depth.price * depth.side + depth.size + (1.0 if depth.last else 0.0) + (2.0 if depth.snapshot else 0.0)
        )
        self.look(depth.symbol, book)


def words(ticks):
    """The rows of tick data as words."""
    rows = zip(
        ticks.time, ticks.kind, ticks.side, ticks.flags, ticks.price, ticks.size, ticks.ask, ticks.ask_size, strict=True
    )
    for time, kind, side, flags, price, size, ask, ask_size in rows:
        word = Quote() if kind == QUOTE else Depth() if kind == DEPTH else Trade()
        word.time = word.known = int(time)
        if isinstance(word, Quote):
            word.bid, word.bid_size, word.ask, word.ask_size = float(price), float(size), float(ask), float(ask_size)
        else:
            word.price, word.size = float(price), float(size)
        if isinstance(word, Depth):
            word.side, word.last, word.snapshot = int(side), bool(flags & LAST), bool(flags & SNAPSHOT)
        elif isinstance(word, Trade):
            word.aggressor = int(side)
        yield word


def live(ticks, kinds):
    """A live fold in front of a market that was not heard yet."""
    manifest = Manifest(
        book="b", account="a", generation="g", strategy="Sees", parameters={}, instruments=instrument_rows([XYZ]),
        calendar="24/7", currency="USD", capital=100_000.0, limits=UNLIMITED, span_ns=0, opened=int(ticks.time[0]), code="",
        ticks=kinds,
    )  # fmt: skip
    return build_fold(manifest, Sees)


@pytest.mark.parametrize("kinds", [("trades",), ("quotes",), ("quotes", "trades"), KINDS], ids="+".join)
def test_the_market_looks_as_in_a_backtest(kinds):
    ticks = made(5, kinds=kinds)
    run = prepare(Sees, ticks, Options(), {})
    rest(run.engine, run.strategy, run.feed, run.events)
    fold = live(ticks, kinds)
    for word in words(ticks):
        fold.hear(word)
    assert fold.strategy.calls == run.strategy.calls > 500
    assert save(fold.strategy) == save(run.strategy)
    assert fold.engine.book.time == run.engine.book.time
    assert isinstance(run.feed, Feed)


def test_a_restart_at_any_tick_is_nothing_and_records_fold_to_the_same_bytes():
    ticks = made(6, 25)
    whole, broken, again = live(ticks, KINDS), live(ticks, KINDS), live(ticks, KINDS)
    bodies = []
    for word in words(ticks):
        bodies.append(pack(step_body(word, whole.hear(word))))
        broken.hear(word)
        state = broken.save()
        assert state == whole.save()
        broken = live(ticks, KINDS)
        broken.restore(state, whole.steps)
    for body in bodies:
        event = event_in(body)
        assert pack(step_body(event, again.hear(event))) == body
    assert again.save() == whole.save()


def test_what_showed_before_a_gap_is_not_known_after_it():
    """Until a snapshot, or a quote, says what there is."""
    ticks = made(7, 30)
    fold, status = live(ticks, KINDS), Status()
    rows = list(words(ticks))
    for word in rows:
        fold.hear(word)
    assert fold.engine.book.bid(0) > 0.0
    status.kind, status.time, status.symbol = GAP, int(ticks.time[-1]), 0
    fold.hear(status)
    assert not fold.engine.book.bid(0) > 0.0
    assert fold.engine.book.size_at(0, 1, 99.0) == 0.0
    for word in rows:
        word.time = word.known = word.time + 10**12
        fold.hear(word)
    fresh = live(ticks, KINDS)
    for word in rows:
        fresh.hear(word)
    assert save(fold.engine.book.ladders[0]) == save(fresh.engine.book.ladders[0])


def test_a_tick_that_comes_late_is_heard_now():
    """Times of two symbols, or of a venue and a feed, cross each other; the book's own never goes back."""
    ticks = made(8, 20, kinds=("quotes",))
    fold = live(ticks, ("quotes",))
    first, *rest_of = words(ticks)
    fold.hear(rest_of[-1])
    until = fold.engine.book.time
    fold.hear(first)
    assert fold.engine.book.time == until
    assert fold.engine.book.bid(0) == first.bid


def test_levels_are_named_as_they_come_and_forgotten_when_nothing_is_shown_there(monkeypatch):
    """Against a dictionary, through more prices than are kept."""
    monkeypatch.setattr(live_ticks, "LEVELS_MAX", 300)
    draw, ladder, shown = Random(3), LiveLadder(is_deep=True), {1: {}, -1: {}}
    for step in range(2_000):
        middle = 20_000 + step // 2
        side = draw.choice((1, -1))
        price = (middle - side * draw.randrange(1, 60)) / 100
        if draw.random() < 0.3 and shown[side]:
            price = draw.choice([min(shown[side]), max(shown[side])])
        size = 0.0 if draw.random() < 0.5 else float(draw.randrange(1, 9))
        for other in [one for one in shown[-side] if side * (price - one) >= 0]:  # nothing is crossed
            ladder.change(-side, ladder.place(other), 0.0)
            del shown[-side][other]
        ladder.change(side, ladder.place(price), size)
        shown[side][price] = size
        if not size:
            del shown[side][price]
        if step % 97 == 0:
            bid, ask = max(shown[1], default=None), min(shown[-1], default=None)
            assert (ladder.bid if ladder.bid == ladder.bid else None) == bid
            assert (ladder.ask if ladder.ask == ladder.ask else None) == ask
            assert list(ladder.prices) == sorted(set(ladder.prices))
            assert len(ladder.prices) <= 300
            for each in (1, -1):
                level = draw.choice(list(shown[each])) if shown[each] else 1.0
                assert ladder.shown(each, ladder.level_of(level)) == shown[each].get(level, 0.0)
