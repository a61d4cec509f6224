"""What a breach does, on a real book whose venue answers when the test says so."""

from types import SimpleNamespace

import pytest

from stratofold.events import CANCELLED, COMMAND_FLATTEN, COMMAND_RESUME, FILLED, REJECTED, Bar, Command, Report
from stratofold.fold.account import ACTIVE, HALTED, REDUCING, WARMING
from stratofold.fold.log import Logs
from stratofold.fold.order import CANCEL, SUBMIT
from stratofold.fold.state import restore, save
from stratofold.fold.step import hear_report
from stratofold.fold.tally import Tally
from stratofold.live.risk.act import after
from stratofold.live.risk.verdict import CANCEL_WORKING, FLATTEN, HALT, NOTE, REDUCE, REDUCING_ONLY
from tests.unit.live.risk.scene import Scene, lifted


class Floor(Scene):
    """A scene with an engine around the book; the venue is the test."""

    def __init__(self, bounds, **more):
        super().__init__(bounds, **more)
        book = self.book
        self.engine = SimpleNamespace(
            book=book, risk=self.account.risk, logs=Logs(64, 64), hears=0,
            tally=Tally(book.symbol_count, book.ledger.equity_steps, [0.0]),
        )  # fmt: skip

    def step(self, event, **fields):
        """One event: heard by the guard, acted on; returns what leaves as (action, symbol, side, quantity)."""
        event.time = event.known = self.book.time = self.guard.now
        for name, value in fields.items():
            setattr(event, name, value)
        if isinstance(event, Bar):
            self.book.ledger.mark(event.symbol, event.close)
        after(self.guard, self.engine, event)
        return self.left()

    def left(self):
        """What leaves the book now."""
        book = self.book
        out = [(m.action, m.symbol, m.side, m.quantity) for m in book.outbox[: book.outbox_count]]
        self.numbers = [m.number for m in book.outbox[: book.outbox_count]]
        book.outbox_count = 0
        return out

    def price(self, close, symbol=0):
        return self.step(Bar(), symbol=symbol, close=close)

    def report(self, kind, number, **fields):
        """The venue speaks; the fold hears it, then the guard."""
        event = Report()
        order = self.book.orders[self.book.orders.index(number)]
        event.kind, event.number, event.symbol, event.side = kind, number, order.symbol, order.side
        event.quantity = order.remaining if kind == FILLED else 0.0
        event.price = self.book.price(order.symbol)
        for name, value in fields.items():
            setattr(event, name, value)
        event.time = event.known = self.guard.now
        hear_report(self.engine, None, event)
        after(self.guard, self.engine, event)
        return self.left()


def falling(action, **more):
    """100 of S0 held, a buy of 5 and a sell of 7 working; at 10 the drawdown is far over its bound."""
    floor = Floor(lifted(stops={"drawdown_max": 0.10, "action": action}), cash=20_000.0, **more)
    floor.hold(0, +100)
    floor.buy = floor.work(0, +5, 90.0)
    floor.sell = floor.work(0, -7, 120.0)
    floor.other = floor.work(1, +3, 40.0)
    floor.left()
    assert floor.price(100.0) == []
    return floor


CANCELS = [(CANCEL, 0, +1, 5.0), (CANCEL, 0, -1, 7.0), (CANCEL, 1, +1, 3.0)]

# action || messages at once, state of the book
ACTIONS = (
    (NOTE, [], ACTIVE),
    (CANCEL_WORKING, CANCELS, REDUCING),
    (REDUCING_ONLY, [], REDUCING),
    (FLATTEN, CANCELS, REDUCING),
    (HALT, CANCELS, HALTED),
)


@pytest.mark.parametrize(("action", "messages", "state"), ACTIONS)
def test_what_leaves_at_once(action, messages, state):
    floor = falling(action)
    assert sorted(floor.price(10.0)) == sorted(messages)
    assert floor.book.state == state
    assert floor.price(9.0) == []


def test_closing_waits_for_the_cancels_and_then_closes_all_of_it_once():
    floor = falling(FLATTEN)
    floor.price(10.0)
    assert floor.report(CANCELLED, floor.buy) == []
    assert floor.report(CANCELLED, floor.sell) == [(SUBMIT, 0, -1, 100.0)]
    closing = floor.numbers[0]
    assert floor.price(10.0) == []
    assert floor.report(FILLED, closing) == []
    assert floor.report(CANCELLED, floor.other) == []
    assert not floor.guard.closing.busy
    assert floor.book.position(0) == 0.0


def test_a_fill_that_crosses_the_cancel_is_closed_with_the_rest():
    floor = falling(FLATTEN)
    floor.price(10.0)
    floor.report(FILLED, floor.buy)
    assert floor.report(CANCELLED, floor.sell) == [(SUBMIT, 0, -1, 105.0)]


def test_closing_is_tried_again_when_the_venue_rejects_it():
    floor = falling(FLATTEN)
    floor.price(10.0)
    floor.report(CANCELLED, floor.buy)
    floor.report(CANCELLED, floor.sell)
    closing = floor.numbers[0]
    assert floor.report(REJECTED, closing) == [(SUBMIT, 0, -1, 100.0)]


def test_a_venue_that_goes_on_refusing_is_asked_three_times_and_again_when_something_happens():
    floor = falling(FLATTEN)
    floor.price(10.0)
    floor.report(CANCELLED, floor.buy)
    asked = floor.report(CANCELLED, floor.sell)
    for close in (9.0, 8.0, 7.0):
        tries = 0
        while asked:
            assert asked == [(SUBMIT, 0, -1, 100.0)]
            tries += 1
            assert tries < 9
            asked = floor.report(REJECTED, floor.numbers[0])
        assert tries == 3
        assert floor.guard.closing.given_up(floor.book) == [0]
        asked = floor.price(close)
        assert floor.guard.closing.given_up(floor.book) == []


def test_what_closes_is_not_cancelled_by_the_next_price_or_the_next_word():
    floor = Floor(lifted(stops={"stop_loss": 0.20}))
    floor.hold(0, +10)
    floor.price(100.0)
    assert floor.price(80.0) == [(SUBMIT, 0, -1, 10.0)]
    assert floor.price(79.0) == floor.step(Command(), kind=COMMAND_FLATTEN, symbol=0) == []
    floor.at(1440 + 600)
    assert floor.price(70.0) == []
    assert floor.guard.closing.busy


def test_closing_goes_on_after_a_restart():
    floor = falling(FLATTEN)
    floor.price(10.0)
    again = falling(FLATTEN)
    restore(again.guard, save(floor.guard))
    restore(again.book, save(floor.book))
    again.report(CANCELLED, floor.buy)
    assert again.report(CANCELLED, floor.sell) == [(SUBMIT, 0, -1, 100.0)]


def test_a_position_is_cut_once_its_orders_are_gone():
    floor = Floor(lifted(exposure={"concentration_max": 0.25, "action": REDUCE}), cash=20_000.0)
    floor.hold(0, +50)
    working = floor.work(0, +5, 90.0)
    floor.left()
    assert floor.price(100.0) == []
    assert floor.price(120.0) == [(CANCEL, 0, +1, 5.0)]
    assert floor.report(CANCELLED, working) == [(SUBMIT, 0, -1, 7.0)]  # 6,000 of 21,000: 6.25 too many
    assert floor.report(FILLED, floor.numbers[0]) == []
    assert not floor.guard.closing.busy
    assert floor.book.state == REDUCING


def test_a_price_level_closes_its_instrument_and_leaves_the_others_alone():
    floor = Floor(lifted(stops={"stop_loss": 0.20}))
    floor.hold(0, +10).hold(1, -10)
    floor.work(1, -3, 60.0)
    floor.left()
    floor.price(100.0)
    assert floor.price(80.0) == [(SUBMIT, 0, -1, 10.0)]
    assert floor.book.state == ACTIVE
    assert floor.report(FILLED, floor.numbers[0]) == []
    assert not floor.guard.closing.busy


@pytest.mark.parametrize("state", [ACTIVE, REDUCING, HALTED])
def test_the_operator_closes_one_instrument_whatever_the_state(state):
    floor = Floor(lifted())
    floor.hold(0, -10).hold(1, +10)
    working = floor.work(0, +4, 90.0)
    floor.left()
    floor.book.state = state
    assert floor.step(Command(), kind=COMMAND_FLATTEN, symbol=0) == [(CANCEL, 0, +1, 4.0)]
    assert floor.report(CANCELLED, working) == [(SUBMIT, 0, +1, 10.0)]
    assert floor.book.state == state


@pytest.mark.parametrize("held", [+1, -1])
def test_the_last_unit_is_closed_after_the_last_unit_that_works(held):
    floor = Floor(lifted())
    floor.hold(0, held)
    working = floor.work(0, held, 90.0 if held > 0 else 110.0)
    floor.left()
    assert floor.step(Command(), kind=COMMAND_FLATTEN) == [(CANCEL, 0, held, 1.0)]
    assert floor.price(100.0) == []
    assert floor.report(CANCELLED, working) == [(SUBMIT, 0, -held, 1.0)]


@pytest.mark.parametrize("held", [+1, -1])
def test_the_last_unit_is_cut(held):
    floor = Floor(lifted(exposure={"gross_exposure_max": 99.0, "action": REDUCE}))
    floor.hold(0, held)
    assert floor.price(100.0) == [(SUBMIT, 0, -held, 1.0)]


def test_a_resume_ends_what_is_still_to_be_closed():
    floor = falling(FLATTEN)
    floor.price(10.0)
    floor.step(Command(), kind=COMMAND_RESUME)
    floor.report(CANCELLED, floor.buy)
    assert floor.report(CANCELLED, floor.sell) == []


def test_a_leg_that_waits_is_gone_at_once_and_its_entry_is_cancelled():
    floor = Floor(lifted())
    floor.hold(0, +10)
    entry = floor.book.buy(0, 5, limit=90.0, take_profit=110.0, stop_loss=80.0)
    floor.account.review()
    floor.left()
    assert floor.step(Command(), kind=COMMAND_FLATTEN) == [(CANCEL, 0, +1, 5.0)]
    assert [order.number for order in floor.book.orders] == [entry]
    assert floor.report(CANCELLED, entry) == [(SUBMIT, 0, -1, 10.0)]


def test_a_book_that_is_warming_up_sends_nothing_whatever_breaks():
    floor = falling(FLATTEN)
    floor.book.state = WARMING
    assert floor.price(10.0) == floor.step(Command(), kind=COMMAND_FLATTEN) == []
    assert floor.account.ask(0, +1) == ("warming_up", 0.0, 1.0)
    assert floor.book.state == WARMING
